//! Numbers that are pushed again because a service of their account is synced from now on.

use time::OffsetDateTime;

use crate::domain::{Backends, Part, ServiceSet};
use crate::store::sql::{dialect, on, statements};
use crate::store::{Result, Tx, micros};

statements! {
    AGAIN = "
        UPDATE numbers
        SET state = 'pending', rev = rev + 1, error_id = NULL, changed_at = $1
        WHERE account_id = $2
          AND state IN ('synced', 'failed')
          AND settings_id IN (SELECT id FROM settings WHERE (services & $3) <> 0)";
    SETS = "
        SELECT
            services,
            CAST(CASE
                WHEN EXISTS (SELECT 1 FROM number_parts p WHERE p.account_id = $1) THEN 1
                ELSE 0
            END AS BIGINT)
        FROM account_services
        WHERE account_id = $1
          AND numbers > 0";
    LOCK_ACCOUNT_SQLITE = "SELECT CAST($1 AS BIGINT)";
    LOCK_ACCOUNT_POSTGRES = "
        SELECT telephone_number FROM numbers WHERE account_id = $1 ORDER BY telephone_number FOR UPDATE";
    ADD_PART = "
        INSERT INTO number_parts
            (telephone_number, backend, account_id, service, task, state, push_id, pushed_rev)
        SELECT n.telephone_number, CAST($3 AS TEXT), n.account_id, CAST($4 AS BIGINT), 'upload',
            CASE WHEN n.state = 'synced' AND (CAST($4 AS BIGINT) & $5) = 0 THEN 'synced' ELSE 'pending' END,
            q.id, CASE WHEN q.id IS NULL THEN NULL ELSE n.pushed_rev END
        FROM numbers n
        JOIN settings s ON s.id = n.settings_id
        LEFT JOIN pushes q ON q.id = n.push_id AND q.backend = CAST($3 AS TEXT)
        WHERE n.account_id = $1
          AND s.services = $2
          AND n.state <> 'releasing'
          AND (CAST($6 AS BIGINT) = 1 OR n.push_id = 0)
        ON CONFLICT (telephone_number, backend)
        DO UPDATE SET
            service = excluded.service,
            task = 'upload',
            state = CASE
                WHEN number_parts.task = 'upload' AND number_parts.service = excluded.service THEN number_parts.state
                ELSE 'pending'
            END,
            pushed_rev = CASE
                WHEN number_parts.task = 'upload' AND number_parts.service = excluded.service
                THEN number_parts.pushed_rev
            END";
    MARK = "
        UPDATE numbers
        SET push_id = 0, pushed_rev = NULL
        WHERE account_id = $1
          AND (push_id IS NULL OR push_id <> 0)
          AND EXISTS (SELECT 1 FROM number_parts p WHERE p.telephone_number = numbers.telephone_number)";
    // COALESCE: the numbers are looked up by their keys.
    RENEW = "
        UPDATE number_parts
        SET state = 'pending', error_id = NULL
        WHERE account_id = $1
          AND (state = 'failed' OR (state = 'synced' AND (service & $2) <> 0))
          AND EXISTS (
              SELECT 1
              FROM numbers n
              WHERE n.telephone_number = number_parts.telephone_number AND COALESCE(n.state, '') = 'pending'
          )";
}

/// The services of an account that are pushed to a backend from now on.
#[derive(Clone, Copy, Debug)]
pub struct NewlyPushed<'a> {
    /// The account.
    pub account_id: i64,
    /// Those that were not pushed before.
    pub services: ServiceSet,
    /// All that are pushed now.
    pub pushed: ServiceSet,
    /// Which backend has to know of which services.
    pub backends: &'a Backends,
}

impl Tx {
    /// Lets every number of the account with one of these services wait for the backends; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn push_again(&mut self, newly: NewlyPushed<'_>, now: OffsetDateTime) -> Result<u64> {
        let is_divided = self.divide_account(newly).await?;
        let again = on!(self, |c| sqlx::query(AGAIN)
            .bind(micros(now))
            .bind(newly.account_id)
            .bind(newly.services.bits())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if is_divided {
            on!(self, |c| sqlx::query(MARK).bind(newly.account_id).execute(c).await.map(drop))?;
            on!(self, |c| sqlx::query(RENEW)
                .bind(newly.account_id)
                .bind(newly.services.bits())
                .execute(c)
                .await
                .map(drop))?;
        }
        Ok(again)
    }

    /// Divides the numbers of the account that several backends have to know now; tells whether there may be such.
    async fn divide_account(&mut self, newly: NewlyPushed<'_>) -> Result<bool> {
        let NewlyPushed { account_id, backends, .. } = newly;
        let sets: Vec<(i64, i64)> = on!(self, |c| sqlx::query_as(SETS).bind(account_id).fetch_all(c).await)?;
        let are_parts = sets.iter().any(|(_, are_parts)| *are_parts == 1);
        let pushed = |services| ServiceSet::from_bits(services).and(newly.pushed);
        let is_new = |services| !ServiceSet::from_bits(services).and(newly.services).is_empty();
        let divides = |services| backends.divide(ServiceSet::default(), Some(pushed(services)));
        // A number that is in parts already gets the new one too, whether or not its services alone would divide it.
        let sets: Vec<(i64, bool)> = sets
            .into_iter()
            .filter(|(services, _)| is_new(*services))
            .map(|(services, _)| (services, divides(services)))
            .filter(|(_, divides)| *divides || are_parts)
            .collect();
        if sets.is_empty() {
            return Ok(are_parts);
        }
        let lock = dialect!(self, sqlite: LOCK_ACCOUNT_SQLITE, postgres: LOCK_ACCOUNT_POSTGRES);
        on!(self, |c| sqlx::query(lock).bind(account_id).execute(c).await.map(drop))?;
        for (services, divides) in sets {
            for part in backends.parts(ServiceSet::default(), Some(pushed(services))) {
                self.add_account_part(newly, (services, divides), part).await?;
            }
        }
        Ok(true)
    }

    /// Adds a part to every number with these services, or to those that are in parts already.
    async fn add_account_part(
        &mut self,
        newly: NewlyPushed<'_>,
        (services, all): (i64, bool),
        part: Part<'_>,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(ADD_PART)
            .bind(newly.account_id)
            .bind(services)
            .bind(part.backend)
            .bind(ServiceSet::from(part.service).bits())
            .bind(newly.services.bits())
            .bind(i64::from(all))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }
}
