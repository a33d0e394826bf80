//! Settling drift: by an order, or by ignoring it.

use time::OffsetDateTime;

use super::filter::DriftFilter;
use super::list::Ignoring;
use crate::domain::{DriftWay, E164, NumberSettings};
use crate::store::numbers::settings;
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Error, Result, SettingsChange, Tx, micros};

/// Whether drift is as it was when the order `$1` was made: what is adopted is what the backend said then.
macro_rules! as_staged {
    () => {
        "COALESCE(d.seen_at, 0) <= COALESCE((
                    SELECT CASE o.drift_way WHEN 'adopt' THEN o.created_at END
                    FROM orders o
                    WHERE o.id = $1
                ), 9223372036854775807)"
    };
}

statements! {
    SET_WAY = "UPDATE orders SET drift_way = $2 WHERE id = $1";
    WAY = "SELECT drift_way FROM orders WHERE id = $1";
    // The review shows what changes here, not there.
    CHANGED_HERE = "
        UPDATE order_items
        SET outside = NULL
        WHERE order_id = $1
          AND verdict = 'changed'";
    // What only the backend has is released there, though nobody has it here, as long as the account is its tenant's.
    RELEASED_THERE = "
        UPDATE order_items
        SET verdict = 'release', base_rev = 0
        WHERE order_id = $1
          AND verdict = 'gone'
          AND (
              SELECT CAST(COUNT(*) AS BIGINT)
              FROM drift d
              LEFT JOIN accounts a ON a.id = order_items.account_id
              WHERE d.telephone_number = order_items.telephone_number
                AND d.held_by = a.tenant_id
          ) > 0
          AND (
              SELECT CAST(COUNT(*) AS BIGINT)
              FROM numbers n
              WHERE n.telephone_number = order_items.telephone_number
          ) = 0";
    // What was released by another account lately stays where it is.
    IN_QUARANTINE = "
        UPDATE order_items
        SET verdict = 'quarantine'
        WHERE order_id = $1
          AND verdict = 'gone'
          AND COALESCE((
              SELECT CASE
                  WHEN q.holder_id = a.holder_id THEN 0
                  WHEN h.name = a.name AND h.tenant_id = a.tenant_id THEN 0
                  ELSE 1
              END
              FROM quarantine q
              LEFT JOIN holders h ON h.id = q.holder_id
              LEFT JOIN accounts a ON a.id = order_items.account_id
              WHERE q.telephone_number = order_items.telephone_number AND q.free_at > $2
          ), 0) = 1";
    // COALESCE and COUNT: the drift is looked up for each number by its key.
    NO_MORE = concat!(
        "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        WHERE i.order_id = $1
          AND (
              SELECT CAST(COUNT(*) AS BIGINT)
              FROM drift d
              WHERE d.telephone_number = i.telephone_number
                AND ",
        as_staged!(),
        "
          ) = 0"
    );
    LEAVE_OUT = concat!(
        "
        DELETE FROM order_items
        WHERE order_id = $1
          AND (
              SELECT CAST(COUNT(*) AS BIGINT)
              FROM drift d
              WHERE d.telephone_number = order_items.telephone_number
                AND ",
        as_staged!(),
        "
          ) = 0"
    );
    // Taken over for the moment in which they are released.
    TAKE_OVER = "
        INSERT INTO numbers (
            telephone_number, account_id, settings_id, country, state, assigned, rev, order_id, changed_at
        )
        SELECT i.telephone_number, i.account_id, i.settings_id, i.country, 'synced',
            COALESCE((
                SELECT MAX(CASE WHEN d.assigned THEN 1 ELSE 0 END)
                FROM drift d
                WHERE d.telephone_number = i.telephone_number
            ), 0) = 1,
            0, i.order_id, $2
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict = 'release'
          AND i.base_rev = 0
        ON CONFLICT (telephone_number) DO NOTHING";
    COUNT_SERVICES = "
        INSERT INTO account_services (account_id, services, numbers)
        SELECT c.account_id, s.services, CAST(SUM(c.count) AS BIGINT)
        FROM (
            SELECT account_id, settings_id, CAST(COUNT(*) AS BIGINT) AS count
            FROM order_items
            WHERE order_id = $1
              AND verdict = 'release'
              AND base_rev = 0
            GROUP BY account_id, settings_id
        ) AS c
        JOIN settings s ON s.id = c.settings_id
        GROUP BY c.account_id, s.services
        ON CONFLICT (account_id, services)
        DO UPDATE SET numbers = account_services.numbers + excluded.numbers";
    COUNT_TOTALS = "
        UPDATE accounts
        SET number_count = number_count + c.count
        FROM (
            SELECT account_id, CAST(COUNT(*) AS BIGINT) AS count
            FROM order_items
            WHERE order_id = $1
              AND verdict = 'release'
              AND base_rev = 0
            GROUP BY account_id
        ) AS c
        WHERE accounts.id = c.account_id";
    CHANGES = "
        SELECT c.ours_id, s.body, c.theirs_id, t.body, c.count, c.example
        FROM (
            SELECT
                i.settings_id AS ours_id,
                (
                    SELECT MIN(d.theirs_id)
                    FROM drift d
                    WHERE d.telephone_number = i.telephone_number
                ) AS theirs_id,
                CAST(COUNT(*) AS BIGINT) AS count,
                MIN(i.telephone_number) AS example
            FROM order_items i
            WHERE i.order_id = $1
              AND i.verdict = 'changed'
            GROUP BY 1, 2
            ORDER BY 3 DESC, 4
            LIMIT 50
        ) AS c
        LEFT JOIN settings s ON s.id = c.ours_id
        LEFT JOIN observed_settings t ON t.id = c.theirs_id
        ORDER BY c.count DESC, c.example";
    COUNT_USED = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict IN ('new', 'changed', 'release')
          AND (
              SELECT CAST(COUNT(*) AS BIGINT)
              FROM drift d
              WHERE d.telephone_number = i.telephone_number AND d.assigned
          ) > 0";
    USED = "
        SELECT i.telephone_number
        FROM order_items i
        WHERE i.order_id = $1
          AND i.verdict IN ('new', 'changed', 'release')
          AND (
              SELECT CAST(COUNT(*) AS BIGINT)
              FROM drift d
              WHERE d.telephone_number = i.telephone_number AND d.assigned
          ) > 0
        ORDER BY i.telephone_number
        LIMIT $2";
}

impl Tx {
    /// Says of a draft how it settles drift.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_drift_way(&mut self, order_id: i64, way: DriftWay) -> Result<()> {
        on!(self, |c| sqlx::query(SET_WAY).bind(order_id).bind(way.key()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// How an order settles drift; most do not.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drift_way(&mut self, order_id: i64) -> Result<Option<DriftWay>> {
        let way: Option<Option<String>> =
            on!(self, |c| sqlx::query_scalar(WAY).bind(order_id).fetch_optional(c).await)?;
        way.flatten()
            .map(|key| DriftWay::from_key(&key).ok_or_else(|| Error::unreadable("orders", "drift_way", order_id)))
            .transpose()
    }

    /// Corrects the verdicts of a draft that settles drift, once it was compared with what exists.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn correct_drift_verdicts(&mut self, order_id: i64, way: DriftWay, now: OffsetDateTime) -> Result<()> {
        if way == DriftWay::Release {
            on!(self, |c| sqlx::query(IN_QUARANTINE).bind(order_id).bind(micros(now)).execute(c).await.map(drop))?;
        }
        let statement = match way {
            DriftWay::Adopt => CHANGED_HERE,
            // What is as it was here and not there is sent again, as by any upload.
            DriftWay::Push => return Ok(()),
            DriftWay::Release => RELEASED_THERE,
        };
        on!(self, |c| sqlx::query(statement).bind(order_id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// How many numbers of a draft do not drift any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drifted_no_more(&mut self, order_id: i64) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(NO_MORE).bind(order_id).fetch_one(c).await)?)
    }

    /// Leaves those out.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn leave_out_settled(&mut self, order_id: i64) -> Result<()> {
        on!(self, |c| sqlx::query(LEAVE_OUT).bind(order_id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Puts the numbers of a release that only the backend has on their account, so that they can be released.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn take_over_drifted(&mut self, order_id: i64, now: OffsetDateTime) -> Result<()> {
        let taken = on!(self, |c| sqlx::query(TAKE_OVER)
            .bind(order_id)
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if taken > 0 {
            for statement in [COUNT_SERVICES, COUNT_TOTALS] {
                on!(self, |c| sqlx::query(statement).bind(order_id).execute(c).await.map(drop))?;
            }
        }
        Ok(())
    }

    /// What a draft that pushes changes at the backend, the most frequent first, 50 at most: theirs before, ours after.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drift_changes(&mut self, order_id: i64) -> Result<Vec<SettingsChange>> {
        type Row = (i64, Option<String>, Option<i64>, Option<String>, i64, i64);
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(CHANGES).bind(order_id).fetch_all(c).await)?;
        let read = |id: Option<i64>, body: Option<String>| match id.zip(body) {
            Some((id, body)) => settings::read(id, &body),
            None => Ok(NumberSettings::default()),
        };
        rows.into_iter()
            .map(|(ours_id, ours, theirs_id, theirs, count, example)| {
                let (before, after) = (read(theirs_id, theirs)?, read(Some(ours_id), ours)?);
                Ok(SettingsChange { before, after, count, example: super::compare::number(example)?, moved: None })
            })
            .collect()
    }

    /// How many numbers that a draft writes are in use at their backend, and the first `most` of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drifted_in_use(&mut self, order_id: i64, most: i64) -> Result<(i64, Vec<E164>)> {
        let count = on!(self, |c| sqlx::query_scalar(COUNT_USED).bind(order_id).fetch_one(c).await)?;
        let rows: Vec<i64> = on!(self, |c| sqlx::query_scalar(USED).bind(order_id).bind(most).fetch_all(c).await)?;
        Ok((count, rows.into_iter().map(super::compare::number).collect::<Result<_>>()?))
    }

    /// Ignores the drift that matches, or does so no more; tells how many rows it was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn ignore_drift(
        &mut self,
        filter: &DriftFilter,
        ignoring: Option<&Ignoring>,
        now: OffsetDateTime,
    ) -> Result<u64> {
        let mut write = Conditions::default();
        let (because, by) = (ignoring.map(|one| one.because.as_str()), ignoring.map(|one| one.by.as_str()));
        write.push(
            "UPDATE drift AS d SET ignored_until = ?, ignored_because = ?, ignored_by = ? WHERE TRUE",
            [Bind::Int(ignoring.map_or(0, |one| micros(one.until))), because.into(), by.into()],
        );
        filter.add_to(&mut write, now);
        Ok(on!(self, |c| bind_all!(sqlx::query(write.sql()), write).execute(c).await.map(|done| done.rows_affected()))?)
    }
}
