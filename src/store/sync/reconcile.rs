//! Looking before pushing: how well a backend's list of a tenant's numbers is known, and what a push of an account's numbers
//! would change there.

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::{BackendInfo, ReconcileState, ReconcileWhy, SyncState, TenantId};
use crate::store::orders::theirs::names_address;
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx, at, micros};

/// Numbers of an account that are compared in one statement.
const STRETCH: i64 = 50_000;

/// Begins a comparison, whatever became of one before.
macro_rules! begin {
    ($rows:literal) => {
        concat!(
            "
        INSERT INTO reconciles (account_id, backend, why, state, asked_at)",
            $rows,
            "
        ON CONFLICT (account_id, backend)
        DO UPDATE SET
            why = excluded.why,
            state = excluded.state,
            asked_at = excluded.asked_at,
            looked_at = NULL,
            confirmed_by = NULL,
            confirmed_at = NULL"
        )
    };
}

/// Comparisons with the columns that people see.
macro_rules! shown {
    ($condition:literal) => {
        concat!(
            "
        SELECT
            backend, why, state, asked_at, looked_at, total, alike, fresh, different, in_use, address_lost, elsewhere,
            released, confirmed_by, confirmed_at
        FROM reconciles
        WHERE ",
            $condition
        )
    };
}

statements! {
    STANDING = "
        SELECT
            (SELECT l.id FROM observed_lists l WHERE l.backend = $1 AND l.tenant_id = $2),
            (SELECT l.looked_at FROM observed_lists l WHERE l.backend = $1 AND l.tenant_id = $2),
            (SELECT l.looked_until FROM observed_lists l WHERE l.backend = $1 AND l.tenant_id = $2),
            (
                SELECT CAST(COUNT(*) AS BIGINT)
                FROM work w
                WHERE w.backend = $1
                  AND w.kind = 'numbers'
                  AND w.key = $2
                  AND w.last_error IS NOT NULL
                  AND w.last_error_at > COALESCE(w.last_ok_at, 0)
            ),
            (SELECT r.state FROM reconciles r WHERE r.account_id = $3 AND r.backend = $1),
            (SELECT r.asked_at FROM reconciles r WHERE r.account_id = $3 AND r.backend = $1)";
    BEGIN = begin!(
        "
        VALUES ($1, $2, $3, 'comparing', $4)"
    );
    BEGIN_ALL = begin!(
        "
        SELECT a.id, CAST($1 AS TEXT), CAST($2 AS TEXT), 'comparing', CAST($3 AS BIGINT)
        FROM accounts a
        WHERE (a.services & a.synced & $4) <> 0
          AND a.tenant_id IS NOT NULL"
    );
    STRETCH_END = "
        SELECT MAX(k.telephone_number)
        FROM (
            SELECT n.telephone_number
            FROM numbers n
            WHERE n.state <> 'synced'
              AND n.state = $1
              AND n.account_id = $2
              AND n.telephone_number > $3
            ORDER BY n.telephone_number
            LIMIT $4
        ) AS k";
    // Numbers of several backends wait for one of them only as long as their part for it does, also where another has
    // refused them.
    COMPARE = concat!(
        "
        SELECT
            w.kind,
            CAST(COUNT(*) AS BIGINT),
            CAST(COALESCE(SUM(w.in_use), 0) AS BIGINT),
            CAST(COALESCE(SUM(w.address_lost), 0) AS BIGINT)
        FROM (
            SELECT
                CASE
                    WHEN (n.state = 'releasing' OR COALESCE(p.task, 'upload') <> 'upload')
                        THEN CASE WHEN o.telephone_number IS NULL THEN 'alike' ELSE 'released' END
                    WHEN o.telephone_number IS NULL AND EXISTS (
                        SELECT 1
                        FROM observed x
                        JOIN observed_lists y ON y.id = x.list_id
                        WHERE x.telephone_number = n.telephone_number AND x.missing IS NULL AND y.backend = $1
                    ) THEN 'elsewhere'
                    WHEN o.telephone_number IS NULL THEN 'fresh'
                    WHEN COALESCE(k.push_key, s.push_key) IN (t.id, t.bare_id) THEN 'alike'
                    ELSE 'different'
                END AS kind,
                CASE WHEN o.assigned THEN 1 ELSE 0 END AS in_use,
                CASE
                    WHEN s.civic_address_id IS NULL
                        AND s.location_id IS NULL
                        AND ",
        names_address!("t"),
        "
                        THEN 1
                    ELSE 0
                END AS address_lost
            FROM numbers n
            JOIN settings s ON s.id = n.settings_id
            LEFT JOIN settings_services k ON k.settings_id = n.settings_id AND k.service = (s.services & $3)
            LEFT JOIN number_parts p ON p.telephone_number = n.telephone_number AND p.backend = $1
            LEFT JOIN observed o
                ON o.list_id = $4
                AND o.telephone_number = n.telephone_number
                AND o.missing IS NULL
            LEFT JOIN observed_settings t ON t.id = o.settings_id
            WHERE n.state <> 'synced'
              AND n.state = $5
              AND n.account_id = $2
              AND n.telephone_number BETWEEN $6 AND $7
              AND (
                  p.state = 'pending'
                  OR (
                      p.state IS NULL
                      AND n.state <> 'failed'
                      AND COALESCE(n.push_id, -1) <> 0
                      AND (s.services & $3) <> 0
                  )
              )
        ) AS w
        GROUP BY w.kind"
    );
    TOTAL = "
        SELECT CAST(COALESCE(SUM(numbers), 0) AS BIGINT)
        FROM account_services
        WHERE account_id = $1
          AND (services & $2) <> 0";
    DECIDE = "
        UPDATE reconciles
        SET state = $3,
            looked_at = $4,
            total = $5,
            alike = $6,
            fresh = $7,
            different = $8,
            in_use = $9,
            address_lost = $10,
            elsewhere = $11,
            released = $12
        WHERE account_id = $1
          AND backend = $2
          AND state IN ('comparing', 'held')
          AND (state = 'held' OR asked_at IS NULL OR asked_at <= $4)";
    CONFIRM = "
        UPDATE reconciles
        SET state = 'going', confirmed_by = $3, confirmed_at = $4
        WHERE account_id = $1
          AND backend = $2
          AND state = 'held'";
    OF_ACCOUNT = shown!("account_id = $1 ORDER BY backend");
    FORGET = "DELETE FROM reconciles WHERE account_id = $1";
    END = "DELETE FROM reconciles WHERE account_id = $1 AND backend = $2";
    LOOKED = "
        UPDATE observed_lists
        SET looked_at = $3, looked_until = $4
        WHERE backend = $1
          AND tenant_id = $2";
    LAST_WORK = "
        SELECT MAX(w.last_ok_at)
        FROM work w
        WHERE w.backend = $1";
}

/// What is known of a tenant's numbers at a backend, and whether an account of it is being compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// The list, where there is one.
    pub list_id: Option<i64>,
    /// When the last pull of the list began that has ended, and when it ended; nothing where one has failed since.
    pub looked: Option<(OffsetDateTime, OffsetDateTime)>,
    /// How far the comparison of the account is.
    pub state: Option<ReconcileState>,
    /// Since when it is asked for.
    pub asked_at: Option<OffsetDateTime>,
}

/// What a push of all that waits would do at a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushPlan {
    /// Numbers of the account that the backend has to know.
    pub total: i64,
    /// They are there as they should be, or gone as they should be: nothing is sent.
    pub alike: i64,
    /// The backend does not have them.
    pub fresh: i64,
    /// The tenant has them with other settings.
    pub different: i64,
    /// Of those: somebody uses them.
    pub in_use: i64,
    /// Of those: they would lose their emergency address.
    pub address_lost: i64,
    /// Another tenant has them.
    pub elsewhere: i64,
    /// They would be taken back.
    pub released: i64,
}

impl PushPlan {
    /// How many numbers would be changed at the backend.
    #[must_use]
    pub const fn changes(&self) -> i64 {
        self.fresh + self.different + self.released
    }

    fn add(&mut self, kind: &str, count: i64, (in_use, address_lost): (i64, i64)) {
        match kind {
            "alike" => self.alike += count,
            "fresh" => self.fresh += count,
            "elsewhere" => self.elsewhere += count,
            "released" => self.released += count,
            _ => {
                self.different += count;
                self.in_use += in_use;
                self.address_lost += address_lost;
            }
        }
    }
}

/// A comparison of an account with a backend.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// The backend.
    pub backend: String,
    /// Why it was asked for.
    pub why: ReconcileWhy,
    /// How far it is.
    pub state: ReconcileState,
    /// Since when it is asked for.
    pub asked_at: OffsetDateTime,
    /// As of when the counts are; nothing while there are none.
    pub looked_at: Option<OffsetDateTime>,
    /// What a push would do.
    pub plan: PushPlan,
    /// Who confirmed it, and when.
    pub confirmed: Option<(String, OffsetDateTime)>,
}

#[derive(FromRow)]
struct Row {
    backend: String,
    why: String,
    state: String,
    asked_at: i64,
    looked_at: Option<i64>,
    total: i64,
    alike: i64,
    fresh: i64,
    different: i64,
    in_use: i64,
    address_lost: i64,
    elsewhere: i64,
    released: i64,
    confirmed_by: Option<String>,
    confirmed_at: Option<i64>,
}

impl TryFrom<Row> for Reconcile {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let unreadable = |column| Error::unreadable("reconciles", column, &row.backend);
        Ok(Self {
            why: ReconcileWhy::from_key(&row.why).ok_or_else(|| unreadable("why"))?,
            state: ReconcileState::from_key(&row.state).ok_or_else(|| unreadable("state"))?,
            backend: row.backend,
            asked_at: at(row.asked_at),
            looked_at: row.looked_at.map(at),
            plan: PushPlan {
                total: row.total,
                alike: row.alike,
                fresh: row.fresh,
                different: row.different,
                in_use: row.in_use,
                address_lost: row.address_lost,
                elsewhere: row.elsewhere,
                released: row.released,
            },
            confirmed: row.confirmed_by.zip(row.confirmed_at.map(at)),
        })
    }
}

impl Tx {
    /// How well a tenant's numbers at a backend are known, and whether this account is being compared with them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn standing(&mut self, backend: &str, tenant: &TenantId, account_id: i64) -> Result<Standing> {
        type Row = (Option<i64>, Option<i64>, Option<i64>, i64, Option<String>, Option<i64>);
        let (list_id, looked_at, looked_until, failed, state, asked_at): Row = on!(self, |c| sqlx::query_as(STANDING)
            .bind(backend)
            .bind(tenant.as_str())
            .bind(account_id)
            .fetch_one(c)
            .await)?;
        let state = match state {
            None => None,
            Some(state) => Some(
                ReconcileState::from_key(&state).ok_or_else(|| Error::unreadable("reconciles", "state", account_id))?,
            ),
        };
        // Who could not be asked just now may have changed everything.
        let looked = looked_at.zip(looked_until).filter(|_| failed == 0);
        let looked = looked.map(|(from, until)| (at(from), at(until)));
        Ok(Standing { list_id, looked, state, asked_at: asked_at.map(at) })
    }

    /// Lets nothing of an account be pushed to a backend before both were compared.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn begin_reconcile(
        &mut self,
        account_id: i64,
        backend: &str,
        why: ReconcileWhy,
        now: OffsetDateTime,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(BEGIN)
            .bind(account_id)
            .bind(backend)
            .bind(why.key())
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The same for every account that is pushed to the backend; tells how many there are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn begin_all_reconciles(
        &mut self,
        backend: &BackendInfo,
        why: ReconcileWhy,
        now: OffsetDateTime,
    ) -> Result<u64> {
        Ok(on!(self, |c| sqlx::query(BEGIN_ALL)
            .bind(backend.name.as_str())
            .bind(why.key())
            .bind(micros(now))
            .bind(backend.services.bits())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }

    /// When anything last went through with a backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn last_work_at(&mut self, backend: &str) -> Result<Option<OffsetDateTime>> {
        let last: Option<i64> = on!(self, |c| sqlx::query_scalar(LAST_WORK).bind(backend).fetch_one(c).await)?;
        Ok(last.map(at))
    }

    /// What a push of all that waits of an account would do at a backend, by the list that is known of it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn push_plan(&mut self, account_id: i64, backend: &BackendInfo, list_id: i64) -> Result<PushPlan> {
        let services = backend.services.bits();
        let mut plan = PushPlan {
            total: on!(self, |c| sqlx::query_scalar(TOTAL).bind(account_id).bind(services).fetch_one(c).await)?,
            ..PushPlan::default()
        };
        for state in [SyncState::Pending, SyncState::Releasing, SyncState::Failed].map(SyncState::key) {
            let mut after = 0;
            while let Some(end) = self.stretch_end(account_id, state, after).await? {
                self.take_time().await?;
                let rows: Vec<(String, i64, i64, i64)> = on!(self, |c| sqlx::query_as(COMPARE)
                    .bind(backend.name.as_str())
                    .bind(account_id)
                    .bind(services)
                    .bind(list_id)
                    .bind(state)
                    .bind(after + 1)
                    .bind(end)
                    .fetch_all(c)
                    .await)?;
                for (kind, count, in_use, address_lost) in rows {
                    plan.add(&kind, count, (in_use, address_lost));
                }
                after = end;
            }
        }
        Ok(plan)
    }

    async fn stretch_end(&mut self, account_id: i64, state: &'static str, after: i64) -> Result<Option<i64>> {
        Ok(on!(self, |c| sqlx::query_scalar(STRETCH_END)
            .bind(state)
            .bind(account_id)
            .bind(after)
            .bind(STRETCH)
            .fetch_one(c)
            .await)?)
    }

    /// Records how a comparison ended, as of when the backend's list is.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn decide_reconcile(
        &mut self,
        account_id: i64,
        backend: &str,
        state: ReconcileState,
        (plan, looked_at): (&PushPlan, OffsetDateTime),
    ) -> Result<()> {
        on!(self, |c| sqlx::query(DECIDE)
            .bind(account_id)
            .bind(backend)
            .bind(state.key())
            .bind(micros(looked_at))
            .bind(plan.total)
            .bind(plan.alike)
            .bind(plan.fresh)
            .bind(plan.different)
            .bind(plan.in_use)
            .bind(plan.address_lost)
            .bind(plan.elsewhere)
            .bind(plan.released)
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Lets go what was held for a person to confirm; tells whether it was held.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn confirm_reconcile(
        &mut self,
        account_id: i64,
        backend: &str,
        who: &str,
        now: OffsetDateTime,
    ) -> Result<bool> {
        Ok(on!(self, |c| sqlx::query(CONFIRM)
            .bind(account_id)
            .bind(backend)
            .bind(who)
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?
            > 0)
    }

    /// The comparisons of an account, by backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reconciles(&mut self, account_id: i64) -> Result<Vec<Reconcile>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(OF_ACCOUNT).bind(account_id).fetch_all(c).await)?;
        rows.into_iter().map(Reconcile::try_from).collect()
    }

    /// Forgets the comparison of an account with a backend that it is not pushed to any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_reconcile(&mut self, account_id: i64, backend: &str) -> Result<()> {
        on!(self, |c| sqlx::query(END).bind(account_id).bind(backend).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Forgets the comparisons of an account that goes.
    pub(in crate::store) async fn forget_reconciles(&mut self, account_id: i64) -> Result<()> {
        on!(self, |c| sqlx::query(FORGET).bind(account_id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Records that a pull of a tenant's numbers that began then has ended, whole or not.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn looked_at(
        &mut self,
        backend: &str,
        tenant: &TenantId,
        looked: Option<(OffsetDateTime, OffsetDateTime)>,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(LOOKED)
            .bind(backend)
            .bind(tenant.as_str())
            .bind(looked.map(|(from, _)| micros(from)))
            .bind(looked.map(|(_, until)| micros(until)))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }
}
