//! How numbers are read: a whole page as one row of JSON values.
//!
//! SQLite's rows travel one at a time between two threads, which takes longer than finding them; and what many numbers
//! have in common (account, settings, error) travels once.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::settings::{read, read_error};
use super::sql::{Bind, Conditions, bind_all, dialect, on, statements};
use super::{Error, Result, Tx, at};
use crate::domain::{E164, Number, SyncState};

/// The columns of a number; the statement that [`Tx::read_numbers`] completes selects just these from `numbers n`.
macro_rules! select_numbers {
    () => {
        "SELECT n.telephone_number, n.account_id, n.settings_id, n.country, n.state, n.assigned, n.error_id, n.rev, n.order_id, n.changed_at FROM numbers n WHERE "
    };
}

pub(super) use select_numbers;

/// Everything found: what numbers have in common, and in the same order the numbers that have it in common.
macro_rules! found {
    ($array:literal, $all:literal) => {
        concat!(
            "), alike AS (SELECT account_id, settings_id, error_id, CAST(", $all, "(", $array, "(telephone_number, country, state, CASE WHEN assigned THEN 1 ELSE 0 END, rev, order_id, changed_at)) AS TEXT) AS numbers FROM found GROUP BY account_id, settings_id, error_id) ",
            "SELECT CAST(", $all, "(", $array, "(a.name, a.tenant_id, a.number_count, k.settings_id, s.body, k.error_id, e.body)) AS TEXT), '[' || string_agg(k.numbers, ',') || ']'"
        )
    };
}

/// The first names of accounts, and the usages that some number has or had.
macro_rules! choices {
    ($all:literal, $most:literal) => {
        concat!(
            "(SELECT CAST(", $all, "(name) AS TEXT) FROM (SELECT name FROM accounts ORDER BY name LIMIT ", $most, ") AS names), ",
            "(SELECT CAST(", $all, "(usage) AS TEXT) FROM (SELECT DISTINCT usage FROM settings WHERE usage <> '' ORDER BY usage LIMIT 50) AS usages)"
        )
    };
}

const OF: &str = " FROM alike k LEFT JOIN accounts a ON a.id = k.account_id LEFT JOIN settings s ON s.id = k.settings_id LEFT JOIN errors e ON e.id = k.error_id";

statements! {
    ONE = "SELECT a.name, a.tenant_id, n.settings_id, s.body, n.country, n.state, CAST(CASE WHEN n.assigned THEN 1 ELSE 0 END AS BIGINT), n.error_id, e.body, n.rev, n.order_id, n.changed_at FROM numbers n JOIN accounts a ON a.id = n.account_id JOIN settings s ON s.id = n.settings_id LEFT JOIN errors e ON e.id = n.error_id WHERE n.telephone_number = $1";
    CHOICES_SQLITE = concat!("SELECT ", choices!("json_group_array", "$1"));
    CHOICES_POSTGRES = concat!("SELECT ", choices!("json_agg", "$1"));
}

/// What the filters of a list offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterChoices {
    /// Names of accounts, in their order.
    pub accounts: Vec<String>,
    /// The usages that some number has or had, in their order.
    pub usages: Vec<String>,
}

/// What a statement found.
pub(super) struct Found {
    pub(super) numbers: Vec<Number>,
    /// How many numbers their accounts have in all.
    pub(super) of_accounts: i64,
    /// What the filters offer, where it was asked for.
    pub(super) choices: FilterChoices,
}

/// What numbers have in common.
#[derive(Deserialize)]
struct Alike {
    account: String,
    tenant_id: Option<String>,
    number_count: i64,
    settings_id: i64,
    settings: String,
    error_id: Option<i64>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Row<'a>(i64, #[serde(borrow)] Option<&'a str>, &'a str, i64, i64, i64, i64);

impl Alike {
    fn numbers(self, rows: Vec<Row<'_>>, numbers: &mut Vec<Number>) -> Result<()> {
        let account: Arc<str> = self.account.into();
        let tenant_id: Option<Arc<str>> = self.tenant_id.map(Arc::from);
        let settings = Arc::new(read(self.settings_id, &self.settings)?);
        let error = self.error_id.map(|id| read_error(id, self.error.as_deref().unwrap_or_default())).transpose()?;
        numbers.reserve(rows.len());
        for Row(number, country, state, assigned, rev, order_id, changed_at) in rows {
            let unreadable = |column| Error::unreadable("numbers", column, number);
            let telephone_number = E164::from_i64(number).ok_or_else(|| unreadable("telephone_number"))?;
            numbers.push(Number {
                telephone_number,
                account: Arc::clone(&account),
                tenant_id: tenant_id.clone(),
                settings: Arc::clone(&settings),
                country: country.map(str::to_owned),
                state: SyncState::from_key(state).ok_or_else(|| unreadable("state"))?,
                assigned: assigned != 0,
                error: error.as_ref().map(|error| Arc::new(error.about(telephone_number))),
                rev,
                order_id,
                changed_at: at(changed_at),
            });
        }
        Ok(())
    }
}

/// The values of a JSON array; there is none when nothing was found.
fn values<'a, T: Deserialize<'a>>(json: Option<&'a str>) -> Result<Vec<T>> {
    json.map_or(Ok(Vec::new()), |json| serde_json::from_str(json).map_err(|_| Error::unreadable("numbers", "page", 0)))
}

type OneColumns =
    (String, Option<String>, i64, String, Option<String>, String, i64, Option<i64>, Option<String>, i64, i64, i64);

type ChoiceColumns = (Option<String>, Option<String>);
/// What numbers have in common, the numbers, and the choices. Each is a JSON array, or nothing.
type PageColumns = (Option<String>, Option<String>, Option<String>, Option<String>);

fn choices((accounts, usages): ChoiceColumns) -> Result<FilterChoices> {
    let mut choices = FilterChoices { accounts: values(accounts.as_deref())?, usages: values(usages.as_deref())? };
    choices.accounts.sort_unstable();
    choices.usages.sort_unstable();
    Ok(choices)
}

impl Tx {
    /// Reads one number: a statement that need not gather what many have in common.
    pub(super) async fn read_number(&mut self, number: E164) -> Result<Option<Number>> {
        let row: Option<OneColumns> =
            on!(self, c => sqlx::query_as(ONE).bind(number.as_i64()).fetch_optional(c).await)?;
        let Some((
            account,
            tenant_id,
            settings_id,
            settings,
            country,
            state,
            assigned,
            error_id,
            error,
            rev,
            order,
            at,
        )) = row
        else {
            return Ok(None);
        };
        let alike = Alike { account, tenant_id, number_count: 0, settings_id, settings, error_id, error };
        let mut numbers = Vec::new();
        let row = Row(number.as_i64(), country.as_deref(), &state, assigned, rev, order, at);
        alike.numbers(vec![row], &mut numbers)?;
        Ok(numbers.pop())
    }

    /// Reads the numbers that a statement made with `select_numbers!` finds, in no order. With `names`, also what filters
    /// offer, up to so many names of accounts.
    pub(super) async fn read_numbers(&mut self, mut found: Conditions, names: Option<i64>) -> Result<Found> {
        found.before("WITH found AS (");
        found.push(
            dialect!(self, sqlite: found!("json_array", "json_group_array"), postgres: found!("json_build_array", "json_agg")),
            [],
        );
        match names {
            Some(most) => found.push(
                dialect!(self, sqlite: concat!(", ", choices!("json_group_array", "?")), postgres: concat!(", ", choices!("json_agg", "?"))),
                [Bind::Int(most)],
            ),
            None => found.push(", CAST(NULL AS TEXT), CAST(NULL AS TEXT)", []),
        };
        found.push(OF, []);
        let (alike, rows, accounts, usages): PageColumns =
            on!(self, c => bind_all!(sqlx::query_as(found.sql()), found).fetch_one(c).await)?;
        let alike: Vec<Alike> = values(alike.as_deref())?;
        let accounts_found: HashMap<&str, i64> =
            alike.iter().map(|alike| (alike.account.as_str(), alike.number_count)).collect();
        let of_accounts = accounts_found.values().sum();
        let mut numbers = Vec::new();
        for (alike, rows) in alike.into_iter().zip(values(rows.as_deref())?) {
            alike.numbers(rows, &mut numbers)?;
        }
        Ok(Found { numbers, of_accounts, choices: choices((accounts, usages))? })
    }

    /// What the filters of the list offer, up to so many names of accounts.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn filter_choices(&mut self, names: i64) -> Result<FilterChoices> {
        let statement = dialect!(self, sqlite: CHOICES_SQLITE, postgres: CHOICES_POSTGRES);
        choices(on!(self, c => sqlx::query_as(statement).bind(names).fetch_one(c).await)?)
    }
}
