//! The audit table: append-only and chained.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::page::trim;
use super::sql::{Bind, Conditions, bind_all, dialect, on, statements};
use super::{Page, Result, Tx, at, micros};
use crate::domain::audit::{ChainLink, GENESIS};

statements! {
    INSERT = "
        INSERT INTO audit (
            seq, at, actor, actor_id, origin, action, subject_kind, subject,
            before, after, ticket, order_id, request_id, previous_hash, hash
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    // On PostgreSQL the row before may be of a transaction that was waited for, which one statement would not see.
    PLACE_SQLITE = "
        UPDATE sequences
        SET next = next + 1
        WHERE name = 'audit'
        RETURNING CAST(next - 1 AS BIGINT), (SELECT hash FROM audit WHERE seq = sequences.next - 2)";
    PLACE_POSTGRES = "
        UPDATE sequences
        SET next = next + 1
        WHERE name = 'audit'
        RETURNING CAST(next - 1 AS BIGINT), CAST(NULL AS TEXT)";
    // SQLite has one writer, so that nobody takes the place before this transaction does.
    FREE = "
        SELECT CAST(next AS BIGINT), (SELECT hash FROM audit WHERE seq = sequences.next - 1)
        FROM sequences
        WHERE name = 'audit'";
    TAKE = "UPDATE sequences SET next = next + 1 WHERE name = 'audit'";
    HASH_AT = "SELECT hash FROM audit WHERE seq = $1";
    CHAIN = "
        SELECT
            seq, at, actor, actor_id, origin, action, subject_kind, subject,
            before, after, ticket, order_id, request_id, previous_hash, hash
        FROM audit
        WHERE seq > $1
        ORDER BY seq
        LIMIT $2";
    EXPECTED_LAST = "SELECT CAST(next - 1 AS BIGINT) FROM sequences WHERE name = 'audit'";
    // From each action to the next by the index, however many rows have it.
    ACTIONS = "
        WITH RECURSIVE found (action) AS (
            SELECT MIN(action)
            FROM audit
            UNION ALL
            SELECT (SELECT MIN(a.action) FROM audit a WHERE a.action > found.action)
            FROM found
            WHERE found.action IS NOT NULL
        )
        SELECT action
        FROM found
        WHERE action IS NOT NULL";
}

const COLUMNS: &str = "
    SELECT
        seq, at, actor, actor_id, origin, action, subject_kind, subject,
        before, after, ticket, order_id, request_id, previous_hash, hash
    FROM audit
    WHERE TRUE";

/// One accepted change, before it has its place in the chain.
#[derive(Clone, Debug, Default)]
pub struct AuditEntry {
    /// Name of the person.
    pub actor: String,
    /// The person's stable identity (issuer and subject).
    pub actor_id: String,
    /// Where the request came from, such as `portal 192.0.2.7`.
    pub origin: String,
    /// What was done, such as `account.create`.
    pub action: &'static str,
    /// What kind of thing it was done to, such as `account`.
    pub subject_kind: &'static str,
    /// Which one.
    pub subject: String,
    /// The state before, as JSON.
    pub before: Option<String>,
    /// The state after, as JSON.
    pub after: Option<String>,
    /// Ticket of the change.
    pub ticket: Option<String>,
    /// The order, where there is one.
    pub order_id: Option<i64>,
    /// Id of the request.
    pub request_id: Option<String>,
}

/// One row of the chain.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "the fields are those of AuditEntry, with their place in the chain")]
pub struct AuditRow {
    pub seq: i64,
    at: i64,
    pub actor: String,
    pub actor_id: String,
    pub origin: String,
    pub action: String,
    pub subject_kind: String,
    pub subject: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub ticket: Option<String>,
    pub order_id: Option<i64>,
    pub request_id: Option<String>,
    pub previous_hash: String,
    pub hash: String,
}

impl AuditRow {
    /// When it happened.
    pub fn at(&self) -> OffsetDateTime {
        at(self.at)
    }

    /// The hash this row should have behind `previous_hash`.
    pub fn expected_hash(&self, previous_hash: &str) -> String {
        let order = self.order_id.map(|id| id.to_string());
        let columns = [
            Some(self.actor.as_str()),
            Some(&self.actor_id),
            Some(&self.origin),
            Some(&self.action),
            Some(&self.subject_kind),
            Some(&self.subject),
            self.before.as_deref(),
            self.after.as_deref(),
            self.ticket.as_deref(),
            order.as_deref(),
            self.request_id.as_deref(),
        ];
        ChainLink { seq: self.seq, at: self.at, columns: &columns, previous_hash }.hash()
    }
}

/// Which rows to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only rows of this person, by name.
    pub actor: Option<String>,
    /// Only rows of this action.
    pub action: Option<String>,
    /// Only rows about this thing.
    pub subject: Option<String>,
    /// Only rows with this ticket.
    pub ticket: Option<String>,
}

/// A free place at the end of the chain.
#[derive(Clone, Debug)]
pub struct Place {
    seq: i64,
    previous_hash: String,
}

impl Place {
    /// What [`FREE`] found.
    pub(super) fn found(row: [Bind; 2]) -> Option<Self> {
        let [seq, hash] = row;
        Some(Self { seq: seq.int()?, previous_hash: hash.text().unwrap_or_else(|| GENESIS.to_owned()) })
    }

    /// The statement that puts a row there.
    pub(super) fn filled(self, entry: AuditEntry, now: OffsetDateTime) -> Conditions {
        let mut row = AuditRow {
            seq: self.seq,
            at: micros(now),
            actor: entry.actor,
            actor_id: entry.actor_id,
            origin: entry.origin,
            action: entry.action.to_owned(),
            subject_kind: entry.subject_kind.to_owned(),
            subject: entry.subject,
            before: entry.before,
            after: entry.after,
            ticket: entry.ticket,
            order_id: entry.order_id,
            request_id: entry.request_id,
            previous_hash: self.previous_hash,
            hash: String::new(),
        };
        row.hash = row.expected_hash(&row.previous_hash);
        Conditions::whole(
            INSERT,
            [
                Bind::Int(row.seq),
                Bind::Int(row.at),
                row.actor.into(),
                row.actor_id.into(),
                row.origin.into(),
                row.action.into(),
                row.subject_kind.into(),
                row.subject.into(),
                row.before.into(),
                row.after.into(),
                row.ticket.into(),
                row.order_id.into(),
                row.request_id.into(),
                row.previous_hash.into(),
                row.hash.into(),
            ],
        )
    }
}

impl Tx {
    /// Appends a row to the chain. On PostgreSQL, where others who append wait for the end of the chain, it is done right
    /// before the commit, whenever it was asked for.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn append_audit(&mut self, entry: AuditEntry, now: OffsetDateTime) -> Result<()> {
        if let Self::Postgres(lent) = self {
            lent.audit.push((entry, now));
            return Ok(());
        }
        self.append(entry, now).await
    }

    /// Appends what was put off until the commit.
    pub(super) async fn append_put_off(&mut self) -> Result<()> {
        let Self::Postgres(lent) = self else { return Ok(()) };
        for (entry, now) in std::mem::take(&mut lent.audit) {
            self.append(entry, now).await?;
        }
        Ok(())
    }

    async fn append(&mut self, entry: AuditEntry, now: OffsetDateTime) -> Result<()> {
        let insert = self.next_audit(entry, now).await?;
        on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Takes the next place in the chain; the statement that fills it.
    pub(super) async fn next_audit(&mut self, entry: AuditEntry, now: OffsetDateTime) -> Result<Conditions> {
        let place = dialect!(self, sqlite: PLACE_SQLITE, postgres: PLACE_POSTGRES);
        let (seq, mut previous): (i64, Option<String>) = on!(self, |c| sqlx::query_as(place).fetch_one(c).await)?;
        if previous.is_none() {
            previous = on!(self, |c| sqlx::query_scalar(HASH_AT).bind(seq - 1).fetch_optional(c).await)?;
        }
        Ok(Place { seq, previous_hash: previous.unwrap_or_else(|| GENESIS.to_owned()) }.filled(entry, now))
    }

    /// The next rows of the chain behind `seq`, in order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn audit_chain(&mut self, behind: i64, limit: i64) -> Result<Vec<AuditRow>> {
        Ok(on!(self, |c| sqlx::query_as(CHAIN).bind(behind).bind(limit).fetch_all(c).await)?)
    }

    /// The seq of the last row that was ever written.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn last_audit_seq(&mut self) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(EXPECTED_LAST).fetch_one(c).await)?)
    }

    /// Every action that was ever recorded.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn audit_actions(&mut self) -> Result<Vec<String>> {
        Ok(on!(self, |c| sqlx::query_scalar(ACTIONS).fetch_all(c).await)?)
    }

    /// One page of rows, the newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn audit_page(
        &mut self,
        filter: &AuditFilter,
        page: &Page<i64>,
        size: usize,
    ) -> Result<(Vec<AuditRow>, bool, bool)> {
        let mut conditions = Conditions::default();
        conditions.push(COLUMNS, []);
        for (column, value) in [
            ("actor = ?", &filter.actor),
            ("action = ?", &filter.action),
            ("subject = ?", &filter.subject),
            ("ticket = ?", &filter.ticket),
        ] {
            if let Some(value) = value {
                conditions.and(column, [value.as_str().into()]);
            }
        }
        match page {
            Page::First => conditions.push(" ORDER BY seq DESC", []),
            Page::After(seq) => conditions.and("seq < ? ORDER BY seq DESC", [Bind::Int(*seq)]),
            Page::Before(seq) => conditions.and("seq > ? ORDER BY seq", [Bind::Int(*seq)]),
        };
        conditions.push(" LIMIT ?", [Bind::Int(size as i64 + 1)]);
        let mut rows: Vec<AuditRow> =
            on!(self, |c| bind_all!(sqlx::query_as(conditions.sql()), conditions).fetch_all(c).await)?;
        let (more_before, more_after) = trim(&mut rows, page, size);
        Ok((rows, more_before, more_after))
    }
}
