//! What the call path asks: one number, all of them, and which of them changed since somebody last asked.
//!
//! Nothing is written down for that when an order is submitted. Its row in the audit tells that its numbers changed, and
//! places in the audit are taken one after the other, each only once the transaction before has ended: whoever has read
//! up to a row has missed none. What backends answer is no accepted change and has a table of its own, kept the same way.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::in_list;
use crate::domain::call_path::{RoutedNumber, Subdomain, read_ranges, write_ranges};
use crate::domain::{E164, Service, ServiceSet, SyncState};
use crate::store::sql::{Conditions, bind_all, on, statements};
use crate::store::sqlite::gathered::Reply;
use crate::store::{Db, Error, Result, Tx};

macro_rules! routed {
    () => {
        "
        SELECT
            n.telephone_number, a.name AS account, a.tenant_id, n.settings_id,
            s.services, s.body, n.state, d.label, d.call_screening
        FROM numbers n
        JOIN accounts a ON a.id = n.account_id
        JOIN settings s ON s.id = n.settings_id
        LEFT JOIN subdomains d ON d.account_id = n.account_id
        WHERE n.state <> 'releasing'
          AND "
    };
}

/// The rows of the audit that tell of changed numbers, and the numbers they tell of: those of the order, or of the account.
macro_rules! of_order {
    ($what:literal, $where:literal) => {
        concat!(
            "
            SELECT ",
            $what,
            "i.telephone_number
            FROM audit c
            JOIN order_items i ON i.order_id = c.order_id
            WHERE ",
            $where,
            "
              AND i.verdict IN ('new', 'changed', 'release')
            ORDER BY "
        )
    };
}
macro_rules! of_account {
    ($what:literal, $where:literal) => {
        // COALESCE: the rows are found by their place in the audit, not by what was done.
        concat!(
            "
            SELECT ",
            $what,
            "n.telephone_number
            FROM audit c
            JOIN accounts a ON a.name = c.subject
            JOIN numbers n ON n.account_id = a.id
            WHERE ",
            $where,
            "
              AND COALESCE(c.action, '') = 'account.update'
            ORDER BY "
        )
    };
}

statements! {
    ONE = concat!(routed!(), "n.telephone_number = $1");
    BEHIND = concat!(routed!(), "n.telephone_number > $1 ORDER BY n.telephone_number LIMIT $2");
    ENDS = "
        SELECT
            CAST(COALESCE((SELECT MAX(seq) FROM audit), 0) AS BIGINT),
            CAST(COALESCE((SELECT MAX(seq) FROM answers), 0) AS BIGINT),
            (SELECT hash FROM audit WHERE seq = $1)";
    HASH = "SELECT hash FROM audit WHERE seq = $1";
    REST_OF_ORDER = concat!(of_order!("c.seq, ", "c.seq = $1 AND i.telephone_number > $2"), "i.telephone_number LIMIT $3");
    REST_OF_ACCOUNT = concat!(of_account!("c.seq, ", "c.seq = $1 AND n.telephone_number > $2"), "n.telephone_number LIMIT $3");
    NEXT_OF_ORDERS = concat!(of_order!("c.seq, ", "c.seq > $1 AND c.seq <= $2"), "c.seq, i.telephone_number LIMIT $3");
    NEXT_OF_ACCOUNTS = concat!(of_account!("c.seq, ", "c.seq > $1 AND c.seq <= $2"), "c.seq, n.telephone_number LIMIT $3");
    ANSWERS = "
        SELECT seq, numbers
        FROM answers
        WHERE seq > $1
        ORDER BY seq
        LIMIT $2";
    ANSWER = "INSERT INTO answers (seq, numbers) VALUES ($1, $2)";
    RUNS = "
        SELECT MIN(w.number), CAST(COUNT(*) AS BIGINT), w.label
        FROM (
            SELECT
                k.number, k.label,
                k.number - ROW_NUMBER() OVER (PARTITION BY k.label ORDER BY k.number) AS island
            FROM (
                SELECT n.telephone_number AS number, d.label
                FROM numbers n
                JOIN settings s ON s.id = n.settings_id
                LEFT JOIN subdomains d ON d.account_id = n.account_id AND (s.services & $3) <> 0
                WHERE n.telephone_number > $1
                  AND n.state <> 'releasing'
                ORDER BY n.telephone_number
                LIMIT $2
            ) AS k
        ) AS w
        GROUP BY w.label, w.island
        ORDER BY 1";
}

/// How far somebody has read what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The last row of the audit that was looked at.
    #[serde(rename = "a")]
    audit: i64,
    /// The last of that row's numbers; the largest integer when all were.
    #[serde(rename = "w")]
    within: i64,
    /// The first characters of that row's hash, by which a database that took another course is recognised.
    #[serde(rename = "h")]
    hash: String,
    /// The last answer of a backend.
    #[serde(rename = "o")]
    answer: i64,
}

impl Position {
    /// Grows with every change, on every process the same.
    #[must_use]
    pub fn serial(&self) -> i64 {
        self.audit + self.answer
    }
}

/// Numbers that changed, or may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The numbers, ascending.
    pub numbers: Vec<E164>,
    /// Where to go on.
    pub next: Position,
    /// True when more is known to follow.
    pub more: bool,
}

/// Numbers in a row that calls find in the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: i64,
    /// How many.
    pub count: i64,
    /// The label of Direct Routing, for numbers that have the service.
    pub label: Option<String>,
}

/// Everything of a row of the audit was looked at.
const WHOLE: i64 = i64::MAX;
/// Characters of a hash that a position keeps.
const HASH_KEPT: usize = 12;
/// Answers of backends looked at in one go, each of up to [`ANSWER_MOST`] numbers.
const ANSWERS_MOST: i64 = 64;
const ANSWER_MOST: usize = 1_000;

#[derive(FromRow)]
struct Row {
    telephone_number: i64,
    account: String,
    tenant_id: Option<String>,
    settings_id: i64,
    services: i64,
    body: String,
    state: String,
    label: Option<String>,
    call_screening: Option<bool>,
}

/// What is of interest here of a number's settings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    custom_sip_header: Option<String>,
}

fn routed(row: Row) -> Result<RoutedNumber> {
    let unreadable = |column| Error::unreadable("numbers", column, row.telephone_number);
    let header: Header =
        serde_json::from_str(&row.body).map_err(|_| Error::unreadable("settings", "body", row.settings_id))?;
    let call_screening = row.call_screening.unwrap_or(true);
    Ok(RoutedNumber {
        telephone_number: E164::from_i64(row.telephone_number).ok_or_else(|| unreadable("telephone_number"))?,
        state: SyncState::from_key(&row.state).ok_or_else(|| unreadable("state"))?,
        account: row.account,
        tenant_id: row.tenant_id,
        services: ServiceSet::from_bits(row.services),
        subdomain: row.label.map(|label| Subdomain { label, call_screening }),
        sip_header: header.custom_sip_header,
    })
}

fn kept(hash: Option<&str>) -> String {
    hash.unwrap_or_default().chars().take(HASH_KEPT).collect()
}

impl Db {
    /// A number as calls find it; none where nobody has it, or it is being released. Asked for together with those that
    /// others ask for at the same moment.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn routed_number(&self, number: E164) -> Result<Option<RoutedNumber>> {
        let Self::Sqlite(file) = self else {
            let mut tx = self.read().await?;
            let row: Option<Row> = on!(tx, |c| sqlx::query_as(ONE).bind(number.as_i64()).fetch_optional(c).await)?;
            return row.map(routed).transpose();
        };
        match file.routed.ask(number).await {
            Reply::Answer(found) => Ok(found),
            Reply::Turn(turn) => {
                let found = self.read().await?.routed_among(&turn.numbers()).await?;
                Ok(turn.answer(&found, |number| number.telephone_number))
            }
        }
    }
}

impl Tx {
    /// The first numbers behind this one, ascending.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn routed_behind(&mut self, number: i64, limit: i64) -> Result<Vec<RoutedNumber>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(BEHIND).bind(number).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(routed).collect()
    }

    /// Those of these numbers that calls find, ascending.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn routed_among(&mut self, numbers: &[E164]) -> Result<Vec<RoutedNumber>> {
        let mut found = Vec::with_capacity(numbers.len());
        for chunk in numbers.chunks(1_000) {
            let mut conditions = Conditions::default();
            conditions.push(routed!(), []);
            in_list(&mut conditions, "n.telephone_number IN (", chunk);
            let rows: Vec<Row> =
                on!(self, |c| bind_all!(sqlx::query_as(conditions.sql()), conditions).fetch_all(c).await)?;
            found.extend(rows.into_iter().map(routed).collect::<Result<Vec<_>>>()?);
        }
        found.sort_unstable_by_key(|number| number.telephone_number);
        Ok(found)
    }

    /// The first `limit` numbers behind this one, folded into runs, ascending.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn routed_runs(&mut self, number: i64, limit: i64) -> Result<Vec<Run>> {
        let direct = ServiceSet::from(Service::DirectRouting).bits();
        let rows: Vec<(i64, i64, Option<String>)> =
            on!(self, |c| sqlx::query_as(RUNS).bind(number).bind(limit).bind(direct).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(first, count, label)| Run { first, count, label }).collect())
    }

    /// The position of whoever has read everything that was committed until now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn changes_end(&mut self) -> Result<Position> {
        let (audit, answer, _) = self.ends(0).await?;
        self.position(audit, WHOLE, answer).await
    }

    /// The numbers that changed behind a position: at least one change more, where there is one, and not many more than
    /// `limit` numbers. `None` when the position is none of this database: it was brought back from a backup, or is another.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn touched_since(&mut self, since: &Position, limit: usize) -> Result<Option<Touched>> {
        // First of all, so that everything up to here is seen by the statements that follow.
        let (audit_end, answer_end, hash) = self.ends(since.audit).await?;
        let foreign = since.audit > audit_end || since.answer > answer_end;
        if foreign || kept(hash.as_deref()) != since.hash {
            return Ok(None);
        }
        let mut touched: Vec<(i64, i64)> = Vec::new();
        let room = |touched: &[(i64, i64)]| limit.saturating_sub(touched.len());
        if since.within < WHOLE {
            for statement in [REST_OF_ORDER, REST_OF_ACCOUNT] {
                touched.extend(self.places(statement, (since.audit, since.within), room(&touched)).await?);
            }
        }
        if since.audit < audit_end && room(&touched) > 0 {
            let mut next = Vec::new();
            for statement in [NEXT_OF_ORDERS, NEXT_OF_ACCOUNTS] {
                next.extend(self.places(statement, (since.audit, audit_end), room(&touched)).await?);
            }
            next.sort_unstable();
            next.truncate(room(&touched));
            touched.extend(next);
        }
        let full = room(&touched) == 0;
        let (audit, within) = touched.last().copied().filter(|_| full).unwrap_or((audit_end, WHOLE));
        let mut numbers: Vec<E164> = touched.into_iter().filter_map(|(_, number)| E164::from_i64(number)).collect();
        let answer = if since.answer < answer_end {
            self.answers_behind(since.answer, limit, &mut numbers).await?
        } else {
            since.answer
        };
        numbers.sort_unstable();
        numbers.dedup();
        let next = if (audit, within, answer) == (since.audit, since.within, since.answer) {
            since.clone()
        } else {
            self.position(audit, within, answer).await?
        };
        Ok(Some(Touched { numbers, next, more: full || answer < answer_end }))
    }

    /// Writes down that these numbers got an answer of a backend. Call it late in a transaction: from here on others who
    /// have one to write down wait for its end, which keeps the answers in the order of commits.
    pub(in crate::store) async fn note_answers(&mut self, mut numbers: Vec<E164>) -> Result<()> {
        numbers.sort_unstable();
        for chunk in numbers.chunks(ANSWER_MOST) {
            let seq = self.next_place("answers").await?;
            on!(self, |c| sqlx::query(ANSWER).bind(seq).bind(write_ranges(chunk)).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// The ends of the audit and of the answers, and the hash of a row of the audit.
    async fn ends(&mut self, audit: i64) -> Result<(i64, i64, Option<String>)> {
        Ok(on!(self, |c| sqlx::query_as(ENDS).bind(audit).fetch_one(c).await)?)
    }

    async fn position(&mut self, audit: i64, within: i64, answer: i64) -> Result<Position> {
        let hash: Option<String> = on!(self, |c| sqlx::query_scalar(HASH).bind(audit).fetch_optional(c).await)?;
        Ok(Position { audit, within, hash: kept(hash.as_deref()), answer })
    }

    /// Places in the audit, each with one number that changed there, in order.
    async fn places(&mut self, statement: &'static str, between: (i64, i64), limit: usize) -> Result<Vec<(i64, i64)>> {
        Ok(on!(self, |c| sqlx::query_as(statement)
            .bind(between.0)
            .bind(between.1)
            .bind(limit as i64)
            .fetch_all(c)
            .await)?)
    }

    /// Adds the numbers of the answers behind this one until there are `limit`; gives the last that was looked at.
    async fn answers_behind(&mut self, answer: i64, limit: usize, numbers: &mut Vec<E164>) -> Result<i64> {
        let rows: Vec<(i64, String)> =
            on!(self, |c| sqlx::query_as(ANSWERS).bind(answer).bind(ANSWERS_MOST).fetch_all(c).await)?;
        let (mut last, before) = (answer, numbers.len());
        for (seq, text) in rows {
            if numbers.len() - before >= limit {
                break;
            }
            numbers.extend(read_ranges(&text).ok_or_else(|| Error::unreadable("answers", "numbers", seq))?);
            last = seq;
        }
        Ok(last)
    }
}
