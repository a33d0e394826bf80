//! Pushes: what is being sent to the backend. Written before the backend is called, gone once every number has its answer.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::overwritten::Replaced;
use crate::domain::{E164, OrderKind, Progress, ProvisioningError, Service, ServiceSet, SyncState, TenantId};
use crate::store::numbers::in_list;
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Conn, Error, Result, Tx, at, micros};

statements! {
    INSERT = "
        INSERT INTO pushes
            (id, request_id, account_id, tenant_id, kind, settings_id, poll_at, created_at, backend, service)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)";
    WAITING = "
        SELECT telephone_number
        FROM numbers
        WHERE state <> 'synced'
          AND state IN ('pending', 'releasing')
          AND account_id = $1
        LIMIT 1";
    OF_ACCOUNT = "
        SELECT
            id, request_id, account_id, tenant_id, kind, settings_id, backend, service, sent, job_id, job_since, poll_at
        FROM pushes
        WHERE account_id = $1
          AND backend = $2
        ORDER BY id";
    NUMBERS = "
        SELECT telephone_number FROM numbers WHERE push_id = $1
        UNION ALL
        SELECT telephone_number FROM number_parts WHERE push_id = $1
        ORDER BY telephone_number";
    // Nothing goes out while the account is compared with the backend.
    SENT = "
        UPDATE pushes
        SET sent = TRUE
        WHERE id = $1
          AND NOT EXISTS (
              SELECT 1
              FROM reconciles r
              WHERE r.account_id = pushes.account_id
                AND r.backend = pushes.backend
                AND r.state IN ('comparing', 'held')
          )";
    FREE_NUMBERS = "UPDATE numbers SET push_id = NULL, pushed_rev = NULL WHERE push_id = $1";
    FREE_PARTS = "UPDATE number_parts SET push_id = NULL, pushed_rev = NULL WHERE push_id = $1";
    SET_JOB = "
        UPDATE pushes
        SET sent = TRUE,
            job_id = $2,
            poll_at = $3,
            job_since = COALESCE(job_since, $4)
        WHERE id = $1";
    FORGET_JOB = "UPDATE pushes SET sent = FALSE, job_id = NULL WHERE id = $1";
    LEFT = "
        SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM numbers WHERE push_id = $1)
            + (SELECT CAST(COUNT(*) AS BIGINT) FROM number_parts WHERE push_id = $1)";
    DELETE = "DELETE FROM pushes WHERE id = $1";
    MOVE_HALF = "UPDATE numbers SET push_id = $2 WHERE push_id = $1 AND telephone_number > $3";
    MOVE_HALF_OF_PARTS = "
        UPDATE number_parts SET push_id = $2 WHERE push_id = $1 AND telephone_number > $3";
    RENEW = "
        UPDATE pushes
        SET request_id = $2,
            sent = FALSE,
            job_id = NULL,
            job_since = NULL
        WHERE id = $1";
    COUNT_OPEN = "SELECT CAST(COUNT(*) AS BIGINT) FROM pushes WHERE backend = $1";
}

/// One request to the backend, under way or about to be.
#[derive(Clone, Debug)]
pub struct Push {
    /// Its number.
    pub id: i64,
    /// Sent with the request, so that the backend recognises a repeat.
    pub request_id: String,
    /// Account of its numbers.
    pub account_id: i64,
    /// The enterprise.
    pub tenant_id: TenantId,
    /// Upload or release.
    pub kind: OrderKind,
    /// Settings of an upload.
    pub settings_id: i64,
    /// The backend it goes to; none where no backend has to know of its numbers.
    pub backend: Option<String>,
    /// The service that the backend has the numbers for.
    pub service: Option<Service>,
    /// True once the request may have reached the backend.
    pub sent: bool,
    /// The backend's job, once it is known.
    pub job_id: Option<String>,
    /// Since when it is known.
    pub job_since: Option<OffsetDateTime>,
    /// When the job is asked about next.
    pub poll_at: OffsetDateTime,
}

impl Push {
    /// An error of one of its numbers: it is about the service, where it does not say what it is about.
    #[must_use]
    pub fn blamed(&self, error: ProvisioningError) -> ProvisioningError {
        match self.service {
            Some(service) => error.of(service),
            None => error,
        }
    }
}

/// What became of some numbers of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The backend did it.
    Done,
    /// The backend refused; the id of what it said.
    Refused(i64),
}

/// What came of recording what became of numbers.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The accounts that got numbers of another tenant by it.
    pub receivers: Vec<i64>,
    /// What the backend had before and has no more.
    pub replaced: Vec<Replaced>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    request_id: String,
    account_id: i64,
    tenant_id: String,
    kind: String,
    settings_id: i64,
    backend: String,
    service: i64,
    sent: bool,
    job_id: Option<String>,
    job_since: Option<i64>,
    poll_at: i64,
}

impl TryFrom<Row> for Push {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            tenant_id: TenantId::parse(&row.tenant_id).map_err(|_| Error::unreadable("pushes", "tenant_id", row.id))?,
            kind: OrderKind::from_key(&row.kind).ok_or_else(|| Error::unreadable("pushes", "kind", row.id))?,
            id: row.id,
            request_id: row.request_id,
            account_id: row.account_id,
            settings_id: row.settings_id,
            backend: Some(row.backend).filter(|backend| !backend.is_empty()),
            service: ServiceSet::from_bits(row.service).iter().next(),
            sent: row.sent,
            job_id: row.job_id,
            job_since: row.job_since.map(at),
            poll_at: at(row.poll_at),
        })
    }
}

impl Tx {
    /// Writes a push down.
    pub(super) async fn insert_push(&mut self, push: &Push, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(INSERT)
            .bind(push.id)
            .bind(push.request_id.as_str())
            .bind(push.account_id)
            .bind(push.tenant_id.as_str())
            .bind(push.kind.key())
            .bind(push.settings_id)
            .bind(micros(now))
            .bind(push.backend.as_deref().unwrap_or_default())
            .bind(push.service.map_or(0, |service| ServiceSet::from(service).bits()))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Whether a number of the account waits for a backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn has_waiting_numbers(&mut self, account_id: i64) -> Result<bool> {
        let found: Option<i64> = on!(self, |c| sqlx::query_scalar(WAITING).bind(account_id).fetch_optional(c).await)?;
        Ok(found.is_some())
    }

    /// The pushes of an account to a backend, the oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn pushes(&mut self, account_id: i64, backend: &str) -> Result<Vec<Push>> {
        let rows: Vec<Row> =
            on!(self, |c| sqlx::query_as(OF_ACCOUNT).bind(account_id).bind(backend).fetch_all(c).await)?;
        rows.into_iter().map(Push::try_from).collect()
    }

    /// The numbers a push still carries, ascending.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn push_numbers(&mut self, push_id: i64) -> Result<Vec<E164>> {
        let rows: Vec<i64> = on!(self, |c| sqlx::query_scalar(NUMBERS).bind(push_id).fetch_all(c).await)?;
        rows.into_iter()
            .map(|n| E164::from_i64(n).ok_or_else(|| Error::unreadable("numbers", "telephone_number", n)))
            .collect()
    }

    /// Records that a push may have reached the backend from now on; tells whether it may be sent. It may not while its
    /// account is compared with the backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn push_sent(&mut self, push_id: i64) -> Result<bool> {
        let marked = on!(self, |c| sqlx::query(SENT).bind(push_id).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(marked > 0)
    }

    /// Takes a push back that is not to be sent: its numbers wait again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn take_push_back(&mut self, push_id: i64) -> Result<()> {
        for statement in [FREE_NUMBERS, FREE_PARTS, DELETE] {
            on!(self, |c| sqlx::query(statement).bind(push_id).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Records the backend's job of a push and when to ask about it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn push_has_job(
        &mut self,
        push_id: i64,
        job_id: &str,
        now: OffsetDateTime,
        poll_at: OffsetDateTime,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(SET_JOB)
            .bind(push_id)
            .bind(job_id)
            .bind(micros(poll_at))
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Records that the backend knows nothing of a push, so that it is sent anew.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn push_is_unknown(&mut self, push_id: i64) -> Result<()> {
        on!(self, |c| sqlx::query(FORGET_JOB).bind(push_id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Splits a push that was refused as a whole: the numbers behind `middle` go into a push of their own, and both
    /// halves are new requests.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn split_push(
        &mut self,
        push: &Push,
        middle: E164,
        requests: [String; 2],
        now: OffsetDateTime,
    ) -> Result<()> {
        let [first, second] = requests;
        let half = Push { id: self.next_number("pushes").await?, request_id: second, ..push.clone() };
        self.insert_push(&half, now).await?;
        for statement in [MOVE_HALF, MOVE_HALF_OF_PARTS] {
            on!(self, |c| sqlx::query(statement)
                .bind(push.id)
                .bind(half.id)
                .bind(middle.as_i64())
                .execute(c)
                .await
                .map(drop))?;
        }
        on!(self, |c| sqlx::query(RENEW).bind(push.id).bind(first).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Records what became of these numbers of a push, for those that have not been changed since it was sent. The
    /// others are set free and stay as they are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn record_outcome(
        &mut self,
        push: &Push,
        numbers: &[E164],
        outcome: PushOutcome,
        now: OffsetDateTime,
    ) -> Result<Recorded> {
        self.record_outcomes(push, &[(outcome, numbers)], now).await
    }

    /// The same for several outcomes. Call it late in a transaction: from here on others who record an outcome wait.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn record_outcomes(
        &mut self,
        push: &Push,
        outcomes: &[(PushOutcome, &[E164])],
        now: OffsetDateTime,
    ) -> Result<Recorded> {
        let (mut receivers, mut replaced) = (Vec::new(), Vec::new());
        let parts = self.push_parts(push.id).await?;
        for (outcome, numbers) in outcomes {
            if *outcome == PushOutcome::Done {
                replaced.extend(self.note_replaced(push, numbers, now).await?);
            }
            let (divided, whole): (Vec<E164>, Vec<E164>) = numbers.iter().partition(|number| parts.contains(number));
            for chunk in whole.chunks(1_000) {
                receivers.extend(self.record_chunk(push, chunk, *outcome, now).await?);
            }
            for chunk in divided.chunks(1_000) {
                self.settle_parts(push, chunk, *outcome, now).await?;
            }
            self.observe_outcome(push, *outcome, numbers, now).await?;
        }
        let answered = outcomes.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
        self.note_answers(answered).await?;
        receivers.sort_unstable();
        receivers.dedup();
        Ok(Recorded { receivers, replaced })
    }

    async fn record_chunk(
        &mut self,
        push: &Push,
        numbers: &[E164],
        outcome: PushOutcome,
        now: OffsetDateTime,
    ) -> Result<Vec<i64>> {
        let (item_state, error) = match outcome {
            PushOutcome::Done => ("done", None),
            PushOutcome::Refused(error) => ("failed", Some(error)),
        };
        let mut items = Conditions::default();
        items.push("UPDATE order_items SET state = ?, error_id = ", [item_state.into()]);
        match error {
            Some(id) => items.push("?", [Bind::Int(id)]),
            None => items.push("NULL", []),
        };
        items.push(
            "
            FROM numbers n
            WHERE order_items.order_id = n.order_id
              AND order_items.telephone_number = n.telephone_number
              AND order_items.state = 'pending'
              AND n.rev = n.pushed_rev
              AND n.push_id = ?",
            [Bind::Int(push.id)],
        );
        // What goes over to another tenant once it is released is not done by that.
        let ends = if outcome == PushOutcome::Done { " AND i.account_id = n.account_id" } else { "" };
        items.push(if ends.is_empty() { "" } else { " AND order_items.account_id = n.account_id" }, []);
        in_list(&mut items, " AND n.telephone_number IN (", numbers);
        let orders = self.count_and_set(push, numbers, (items, ends)).await?;

        let receivers = self.settle_numbers(push, numbers, outcome, now).await?;

        for (order, count) in orders {
            let added = match outcome {
                PushOutcome::Done => Progress { done: count, ..Progress::default() },
                PushOutcome::Refused(_) => Progress { failed: count, ..Progress::default() },
            };
            self.add_progress(order, added, now).await?;
        }
        Ok(receivers)
    }

    /// Runs the statement that sets items of this push, and tells how many it set of each order. What is counted is what
    /// was written: on PostgreSQL a later order may take numbers over at the same moment.
    async fn count_and_set(
        &mut self,
        push: &Push,
        numbers: &[E164],
        (mut items, ends): (Conditions, &'static str),
    ) -> Result<Vec<(i64, i64)>> {
        if let Conn::Postgres(..) = self.conn() {
            items.before("WITH written AS (");
            items.push(
                "
                    RETURNING order_items.order_id
                )
                SELECT order_id, CAST(COUNT(*) AS BIGINT)
                FROM written
                GROUP BY order_id
                ORDER BY order_id",
                [],
            );
            return Ok(on!(self, |c| bind_all!(sqlx::query_as(items.sql()), items).fetch_all(c).await)?);
        }
        let mut counts = Conditions::default();
        counts.push(
            "
            SELECT n.order_id, CAST(COUNT(*) AS BIGINT)
            FROM numbers n
            JOIN order_items i ON i.order_id = n.order_id AND i.telephone_number = n.telephone_number
            WHERE i.state = 'pending'
              AND n.rev = n.pushed_rev
              AND n.push_id = ?",
            [Bind::Int(push.id)],
        );
        counts.push(ends, []);
        in_list(&mut counts, " AND n.telephone_number IN (", numbers);
        counts.push(" GROUP BY n.order_id ORDER BY n.order_id", []);
        let orders = on!(self, |c| bind_all!(sqlx::query_as(counts.sql()), counts).fetch_all(c).await)?;
        on!(self, |c| bind_all!(sqlx::query(items.sql()), items).execute(c).await.map(drop))?;
        Ok(orders)
    }

    /// The numbers themselves: as they should be, gone, or failed; what was changed meanwhile is set free.
    async fn settle_numbers(
        &mut self,
        push: &Push,
        numbers: &[E164],
        outcome: PushOutcome,
        now: OffsetDateTime,
    ) -> Result<Vec<i64>> {
        let (mut settle, mut receivers) = (Conditions::default(), Vec::new());
        let gone = push.kind == OrderKind::Release && outcome == PushOutcome::Done;
        if gone {
            let of_push = |going: &mut Conditions| {
                going.push("n.rev = n.pushed_rev AND n.push_id = ?", [Bind::Int(push.id)]);
                in_list(going, " AND n.telephone_number IN (", numbers);
            };
            let mut going = Conditions::default();
            of_push(&mut going);
            let fewer = self.fewer(going).await?;
            self.end_holdings(now, of_push).await?;
            self.add_to_number_counts(push.account_id, &fewer).await?;
            receivers = self.hand_on(push, numbers, now).await?;
        }
        match outcome {
            PushOutcome::Done if gone => settle.push(
                "
                DELETE FROM numbers
                WHERE rev = pushed_rev
                  AND push_id = ?",
                [Bind::Int(push.id)],
            ),
            PushOutcome::Done => settle.push(
                "
                UPDATE numbers
                SET state = 'synced',
                    error_id = NULL,
                    push_id = NULL,
                    pushed_rev = NULL
                WHERE rev = pushed_rev
                  AND push_id = ?",
                [Bind::Int(push.id)],
            ),
            PushOutcome::Refused(error) => settle.push(
                "
                UPDATE numbers
                SET state = ?,
                    error_id = ?,
                    push_id = NULL,
                    pushed_rev = NULL
                WHERE rev = pushed_rev
                  AND push_id = ?",
                [SyncState::Failed.key().into(), Bind::Int(error), Bind::Int(push.id)],
            ),
        };
        in_list(&mut settle, " AND telephone_number IN (", numbers);
        on!(self, |c| bind_all!(sqlx::query(settle.sql()), settle).execute(c).await.map(drop))?;
        let mut free = Conditions::default();
        free.push("UPDATE numbers SET push_id = NULL, pushed_rev = NULL WHERE push_id = ?", [Bind::Int(push.id)]);
        in_list(&mut free, " AND telephone_number IN (", numbers);
        on!(self, |c| bind_all!(sqlx::query(free.sql()), free).execute(c).await.map(drop))?;
        Ok(receivers)
    }

    /// How many numbers go now, by their services and below zero: those that meet the condition.
    pub(super) async fn fewer(&mut self, mut going: Conditions) -> Result<Vec<(ServiceSet, i64)>> {
        going.before(
            "
            SELECT s.services, -CAST(COUNT(*) AS BIGINT)
            FROM numbers n
            JOIN settings s ON s.id = n.settings_id
            WHERE ",
        );
        going.push(" GROUP BY s.services", []);
        let rows: Vec<(i64, i64)> = on!(self, |c| bind_all!(sqlx::query_as(going.sql()), going).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(services, count)| (ServiceSet::from_bits(services), count)).collect())
    }

    /// Ends a push that carries no number any more; tells whether it ended.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_push_if_empty(&mut self, push_id: i64) -> Result<bool> {
        let left: i64 = on!(self, |c| sqlx::query_scalar(LEFT).bind(push_id).fetch_one(c).await)?;
        if left == 0 {
            on!(self, |c| sqlx::query(DELETE).bind(push_id).execute(c).await.map(drop))?;
        }
        Ok(left == 0)
    }

    /// How many pushes to a backend are under way.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open_pushes(&mut self, backend: &str) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(COUNT_OPEN).bind(backend).fetch_one(c).await)?)
    }
}
