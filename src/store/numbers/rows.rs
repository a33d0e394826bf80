//! How numbers are read: a whole page as one row of JSON values.
//!
//! SQLite's rows travel one at a time between two threads, which takes longer than finding them; and what many numbers
//! have in common (account, settings, error) travels once.

use std::sync::Arc;

use serde::Deserialize;
use sqlx::FromRow;

use super::as_sent::read as read_as_sent;
use super::in_list;
use super::settings::{read, read_error};
use crate::domain::number::Notice;
use crate::domain::{E164, Number, SyncState};
use crate::store::sql::{Conditions, Dialect, bind_all, json_rows, on};
use crate::store::sqlite::gathered::Reply;
use crate::store::{Db, Error, Result, Tx, at};

/// The columns of a number; the statement that [`Tx::read_numbers`] completes selects just these from `numbers n`.
macro_rules! select_numbers {
    () => {
        "
        SELECT
            n.telephone_number, n.account_id, n.settings_id, n.country,
            n.state, n.assigned, n.error_id, n.rev, n.order_id, n.changed_at, n.as_sent_id
        FROM numbers n
        WHERE "
    };
}

pub(in crate::store) use select_numbers;

/// Everything found: what numbers have in common, and in the same order the numbers that have it in common.
macro_rules! found {
    ($array:literal, $all:literal) => {
        concat!(
            "
            ),
            alike AS (
                SELECT
                    account_id, settings_id, error_id, as_sent_id,
                    ",
            json_rows!(
                $array,
                $all,
                "
                        telephone_number, country, state,
                        CASE WHEN assigned THEN 1 ELSE 0 END,
                        rev, order_id, changed_at"
            ),
            " AS numbers
                FROM found
                GROUP BY account_id, settings_id, error_id, as_sent_id
            )
            SELECT '[' || ",
            json_rows!($array, $all, "a.name, a.tenant_id, k.settings_id, s.body, k.error_id, e.body, f.body"),
            " || ',[' || string_agg(k.numbers, ',') || ']]'
            FROM alike k
            LEFT JOIN accounts a ON a.id = k.account_id
            LEFT JOIN settings s ON s.id = k.settings_id
            LEFT JOIN errors e ON e.id = k.error_id
            LEFT JOIN as_sent f ON f.id = k.as_sent_id"
        )
    };
}

/// Numbers as rows of their own: a few that need not have anything in common.
const EACH: &str = "
    SELECT
        n.telephone_number, a.name AS account, a.tenant_id, n.settings_id, s.body AS settings,
        n.country, n.state, CAST(CASE WHEN n.assigned THEN 1 ELSE 0 END AS BIGINT) AS assigned,
        n.error_id, e.body AS error, n.rev, n.order_id, n.changed_at, f.body AS as_sent,
        CASE n.state
            WHEN 'synced' THEN (
                SELECT MIN(d.kind)
                FROM drift d
                WHERE d.telephone_number = n.telephone_number
            )
            WHEN 'pending' THEN (
                SELECT MIN(r.state)
                FROM reconciles r
                WHERE r.account_id = n.account_id AND r.state = 'held'
            )
        END AS notice
    FROM numbers n
    JOIN accounts a ON a.id = n.account_id
    JOIN settings s ON s.id = n.settings_id
    LEFT JOIN errors e ON e.id = n.error_id
    LEFT JOIN as_sent f ON f.id = n.as_sent_id
    WHERE n.telephone_number IN (";

/// What numbers have in common.
#[derive(Deserialize, FromRow)]
struct Alike {
    account: String,
    tenant_id: Option<String>,
    settings_id: i64,
    settings: String,
    error_id: Option<i64>,
    error: Option<String>,
    as_sent: Option<String>,
}

#[derive(Deserialize)]
struct Row<'a>(i64, #[serde(borrow)] Option<&'a str>, &'a str, i64, i64, i64, i64);

impl Alike {
    fn numbers(self, rows: Vec<Row<'_>>, numbers: &mut Vec<Number>) -> Result<()> {
        let account: Arc<str> = self.account.into();
        let tenant_id: Option<Arc<str>> = self.tenant_id.map(Arc::from);
        let settings = Arc::new(read(self.settings_id, &self.settings)?);
        let error = self.error_id.map(|id| read_error(id, self.error.as_deref().unwrap_or_default())).transpose()?;
        let as_sent = self.as_sent.map(|body| read_as_sent(self.settings_id, &body)).transpose()?.map(Arc::new);
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
                as_sent: as_sent.clone(),
                rev,
                order_id,
                changed_at: at(changed_at),
                notice: None,
            });
        }
        Ok(())
    }
}

/// Makes of a statement with `select_numbers!` the question for all that it finds, answered with one JSON value.
pub(in crate::store) fn gather(found: &mut Conditions, dialect: Dialect) {
    found.before("WITH found AS (");
    let all = match dialect {
        Dialect::Sqlite => found!("json_array", "json_group_array"),
        Dialect::Postgres => found!("json_build_array", "json_agg"),
    };
    found.push(all, []);
}

/// The numbers of that answer, ascending; there is none when nothing was found.
pub(in crate::store) fn gathered(json: Option<&str>) -> Result<Vec<Number>> {
    let mut numbers = Vec::new();
    let Some(json) = json else { return Ok(numbers) };
    let (alike, rows): (Vec<Alike>, Vec<Vec<Row<'_>>>) =
        serde_json::from_str(json).map_err(|_| Error::unreadable("numbers", "page", 0))?;
    for (alike, rows) in alike.into_iter().zip(rows) {
        alike.numbers(rows, &mut numbers)?;
    }
    numbers.sort_unstable_by_key(|number| number.telephone_number);
    Ok(numbers)
}

/// A number as a row of its own.
#[derive(FromRow)]
struct Each {
    telephone_number: i64,
    #[sqlx(flatten)]
    alike: Alike,
    country: Option<String>,
    state: String,
    assigned: i64,
    rev: i64,
    order_id: i64,
    changed_at: i64,
    notice: Option<String>,
}

impl Each {
    fn number(self, numbers: &mut Vec<Number>) -> Result<()> {
        let Self { telephone_number, alike, country, state, assigned, rev, order_id, changed_at, notice } = self;
        let row = Row(telephone_number, country.as_deref(), &state, assigned, rev, order_id, changed_at);
        alike.numbers(vec![row], numbers)?;
        if let Some(number) = numbers.last_mut() {
            number.notice = notice.as_deref().and_then(Notice::from_key);
        }
        Ok(())
    }
}

impl Db {
    /// One number, asked for together with those that others ask for at the same moment.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number(&self, number: E164) -> Result<Option<Number>> {
        let Self::Sqlite(file) = self else {
            return Ok(self.read().await?.read_each(&[number]).await?.pop());
        };
        match file.gathered.ask(number).await {
            Reply::Answer(found) => Ok(found),
            Reply::Turn(turn) => {
                let found = self.read().await?.read_each(&turn.numbers()).await?;
                Ok(turn.answer(&found, |number| number.telephone_number))
            }
        }
    }
}

impl Tx {
    /// Those of a few numbers that exist, in no order: what need not be gathered is found sooner as rows.
    pub(in crate::store) async fn read_each(&mut self, numbers: &[E164]) -> Result<Vec<Number>> {
        let mut question = Conditions::default();
        in_list(&mut question, EACH, numbers);
        let rows: Vec<Each> = on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            row.number(&mut found)?;
        }
        Ok(found)
    }

    /// Reads the numbers that a statement made with `select_numbers!` finds, ascending.
    pub(in crate::store) async fn read_numbers(&mut self, mut found: Conditions) -> Result<Vec<Number>> {
        gather(&mut found, self.dialect());
        let json: Option<String> = on!(self, |c| bind_all!(sqlx::query_scalar(found.sql()), found).fetch_one(c).await)?;
        gathered(json.as_deref())
    }
}
