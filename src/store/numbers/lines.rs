//! The list of numbers: a page of it, as one row of JSON values.
//!
//! SQLite's rows travel one at a time between two threads, which takes longer than finding them; and what many numbers
//! of a page have in common travels once, with all of them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::filter::NumberFilter;
use super::{keyed, settings};
use crate::domain::{E164, NumberSettings, SyncState};
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, dialect, json_rows, on, statements};
use crate::store::{Error, Page, Result, Tx};

const COLUMNS: &str = "
    SELECT n.telephone_number, n.account_id, n.settings_id, n.country, n.state, n.assigned, n.order_id
    FROM numbers n
    WHERE TRUE";

/// Everything found: what numbers have in common, and those that have it in common.
macro_rules! found {
    ($array:literal, $all:literal) => {
        concat!(
            "
            ),
            alike AS (
                SELECT
                    account_id, settings_id, country, state, assigned, order_id,
                    string_agg(CAST(telephone_number AS TEXT), ' ') AS numbers
                FROM found
                GROUP BY account_id, settings_id, country, state, assigned, order_id
            )
            SELECT ",
            json_rows!(
                $array,
                $all,
                "
                    a.name, a.number_count, k.settings_id, s.body, k.country, k.state,
                    CASE WHEN k.assigned THEN 1 ELSE 0 END,
                    k.order_id, k.numbers"
            )
        )
    };
}

/// The first names of accounts, and the usages that some number has or had.
macro_rules! choices {
    ($all:literal, $most:literal) => {
        concat!(
            "
            (
                SELECT CAST(",
            $all,
            "(name) AS TEXT)
                FROM (
                    SELECT name
                    FROM accounts
                    ORDER BY name
                    LIMIT ",
            $most,
            "
                ) AS names
            ),
            (
                SELECT CAST(",
            $all,
            "(usage) AS TEXT)
                FROM (
                    SELECT DISTINCT usage
                    FROM settings
                    WHERE usage <> ''
                    ORDER BY usage
                    LIMIT 50
                ) AS usages
            )"
        )
    };
}

const OF: &str = "
    FROM alike k
    LEFT JOIN accounts a ON a.id = k.account_id
    LEFT JOIN settings s ON s.id = k.settings_id";

statements! {
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

/// What numbers of a page have in common.
#[derive(Clone, Debug)]
pub struct Alike {
    /// Name of the account.
    pub account: String,
    /// Settings.
    pub settings: NumberSettings,
    /// Country, two letters.
    pub country: Option<String>,
    /// Whether the backend has it so.
    pub state: SyncState,
    /// Whether the backend says that somebody uses it.
    pub assigned: bool,
    /// The order that changed it last.
    pub order_id: i64,
}

/// A number as the list shows it.
#[derive(Clone, Debug)]
pub struct NumberLine {
    /// The number.
    pub telephone_number: E164,
    /// Everything else. Numbers that share the value differ in nothing.
    pub alike: Arc<Alike>,
}

/// One page of the list of numbers, ascending.
#[derive(Clone, Debug)]
pub struct NumberLines {
    /// The numbers.
    pub lines: Vec<NumberLine>,
    /// True when more follow behind the last.
    pub more_after: bool,
    /// True when some stand before the first.
    pub more_before: bool,
    /// How many numbers the accounts of these numbers have, whatever else the filter says.
    pub of_accounts: i64,
    /// What the filters of the list offer, where it was asked for.
    pub choices: FilterChoices,
}

#[derive(Deserialize)]
struct Row<'a>(String, i64, i64, String, #[serde(borrow)] Option<&'a str>, &'a str, i64, i64, &'a str);

impl Row<'_> {
    fn add_to(self, lines: &mut Vec<NumberLine>) -> Result<()> {
        let Row(account, _, settings_id, body, country, state, assigned, order_id, numbers) = self;
        let unreadable = |column| Error::unreadable("numbers", column, order_id);
        let alike = Arc::new(Alike {
            account,
            settings: settings::read(settings_id, &body)?,
            country: country.map(str::to_owned),
            state: SyncState::from_key(state).ok_or_else(|| unreadable("state"))?,
            assigned: assigned != 0,
            order_id,
        });
        for number in numbers.split(' ') {
            let number = number.parse().ok().and_then(E164::from_i64).ok_or_else(|| unreadable("telephone_number"))?;
            lines.push(NumberLine { telephone_number: number, alike: Arc::clone(&alike) });
        }
        Ok(())
    }
}

/// The values of a JSON array; there is none when nothing was found.
fn values<'a, T: Deserialize<'a>>(json: Option<&'a str>) -> Result<Vec<T>> {
    json.map_or(Ok(Vec::new()), |json| serde_json::from_str(json).map_err(|_| Error::unreadable("numbers", "page", 0)))
}

type ChoiceColumns = (Option<String>, Option<String>);
/// The numbers, and the choices. Each is a JSON array, or nothing.
type PageColumns = (Option<String>, Option<String>, Option<String>);

fn choices((accounts, usages): ChoiceColumns) -> Result<FilterChoices> {
    let mut choices = FilterChoices { accounts: values(accounts.as_deref())?, usages: values(usages.as_deref())? };
    choices.accounts.sort_unstable();
    choices.usages.sort_unstable();
    Ok(choices)
}

impl Tx {
    /// One page of the list: the numbers that match. With `names` also what the filters offer, up to so many names of
    /// accounts, all in one question.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number_lines(
        &mut self,
        filter: &NumberFilter,
        page: Page<E164>,
        size: usize,
        names: Option<i64>,
    ) -> Result<NumberLines> {
        let mut question = Conditions::default();
        question.push("WITH found AS (", []);
        keyed(&mut question, COLUMNS, filter, page, size as i64 + 1);
        question.push(
            dialect!(
                self,
                sqlite: found!("json_array", "json_group_array"),
                postgres: found!("json_build_array", "json_agg")
            ),
            [],
        );
        match names {
            Some(most) => question.push(
                dialect!(
                    self,
                    sqlite: concat!(", ", choices!("json_group_array", "?")),
                    postgres: concat!(", ", choices!("json_agg", "?"))
                ),
                [Bind::Int(most)],
            ),
            None => question.push(", CAST(NULL AS TEXT), CAST(NULL AS TEXT)", []),
        };
        question.push(OF, []);
        let (rows, accounts, usages): PageColumns =
            on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_one(c).await)?;
        let rows: Vec<Row<'_>> = values(rows.as_deref())?;
        let of_accounts: HashMap<&str, i64> = rows.iter().map(|row| (row.0.as_str(), row.1)).collect();
        let of_accounts = of_accounts.values().sum();
        let mut lines = Vec::with_capacity(size + 1);
        for row in rows {
            row.add_to(&mut lines)?;
        }
        lines.sort_unstable_by_key(|line| line.telephone_number);
        if matches!(page, Page::Before(_)) {
            lines.reverse();
        }
        let (more_before, more_after) = trim(&mut lines, &page, size);
        Ok(NumberLines { lines, more_after, more_before, of_accounts, choices: choices((accounts, usages))? })
    }

    /// What the filters of the list offer, up to so many names of accounts.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn filter_choices(&mut self, names: i64) -> Result<FilterChoices> {
        let statement = dialect!(self, sqlite: CHOICES_SQLITE, postgres: CHOICES_POSTGRES);
        choices(on!(self, |c| sqlx::query_as(statement).bind(names).fetch_one(c).await)?)
    }
}
