//! Keeping drift: what is written of it, and what is forgotten once it is settled.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::compare::{DRIFTED_POSTGRES, DRIFTED_SQLITE, Drifted, consented};
use crate::domain::{BackendInfo, E164, number};
use crate::store::sql::{Bind, Conditions, bind_all, dialect, on, statements};
use crate::store::sync::observed::json;
use crate::store::{Result, Tx, micros};

/// Forgets numbers of a backend.
macro_rules! forget {
    ($numbers:literal) => {
        concat!(
            "
        DELETE FROM drift
        WHERE backend = $1
          AND telephone_number ",
            $numbers
        )
    };
}

/// Forgets what an order writes: that is under way, and no drift until the backend has answered. Mostly nothing has drifted
/// anywhere near.
macro_rules! written {
    ($open:literal, $close:literal) => {
        concat!(
            "
        DELETE FROM drift
        WHERE telephone_number ",
            $open,
            "
              SELECT i.telephone_number
              FROM order_items i
              WHERE i.order_id = $1
                AND EXISTS (
                    SELECT 1
                    FROM drift d
                    WHERE d.telephone_number BETWEEN (
                            SELECT MIN(f.telephone_number)
                            FROM order_items f
                            WHERE f.order_id = $1
                        ) AND (
                            SELECT MAX(l.telephone_number)
                            FROM order_items l
                            WHERE l.order_id = $1
                        )
                )
                AND i.verdict IN ('new', 'changed', 'release')
          ",
            $close
        )
    };
}

statements! {
    FORGET_SQLITE = forget!("IN (SELECT value FROM json_each($2))");
    FORGET_POSTGRES = forget!("= ANY (CAST(translate($2, '[]', '{}') AS BIGINT[]))");
    WRITTEN_SQLITE = written!("IN (", ")");
    // As one value: the drift is looked up by its key, whatever is believed of the order.
    WRITTEN_POSTGRES = written!("= ANY (ARRAY(", "))");
}

/// What is ignored stays so as long as both sides say what they said.
const KEEP: &str = "
    ON CONFLICT (telephone_number, backend) DO UPDATE
    SET kind = excluded.kind,
        account_id = excluded.account_id,
        tenant_id = excluded.tenant_id,
        held_by = excluded.held_by,
        ours_id = excluded.ours_id,
        theirs_id = excluded.theirs_id,
        assigned = excluded.assigned,
        country = excluded.country,
        seen_at = excluded.seen_at,
        found_at = CASE WHEN drift.kind = excluded.kind THEN drift.found_at ELSE excluded.found_at END,
        ignored_until = CASE
            WHEN drift.kind = excluded.kind
              AND COALESCE(drift.ours_id, 0) = COALESCE(excluded.ours_id, 0)
              AND COALESCE(drift.theirs_id, 0) = COALESCE(excluded.theirs_id, 0)
              AND COALESCE(drift.held_by, '') = COALESCE(excluded.held_by, '')
              THEN drift.ignored_until
            ELSE 0
        END";

/// So many numbers are written by one statement: twelve binds each, under SQLite's limit of 32,766. Whoever has more does
/// well to give them to several transactions.
pub const SETTLED_AT_ONCE: usize = 2_000;

impl Tx {
    /// Compares these numbers and keeps how they differ now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settle_drift(&mut self, backend: &BackendInfo, numbers: &[E164], now: OffsetDateTime) -> Result<()> {
        for chunk in numbers.chunks(SETTLED_AT_ONCE) {
            let all: Vec<i64> = chunk.iter().map(|number| number.as_i64()).collect();
            let found = self.drifted(backend, &all).await?;
            let drifted: BTreeSet<i64> = found.iter().map(|one| one.telephone_number).collect();
            let settled: Vec<i64> = all.into_iter().filter(|number| !drifted.contains(number)).collect();
            self.forget_drift(backend, &settled).await?;
            if !found.is_empty() {
                let insert = insert(backend, found, now);
                on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert).execute(c).await.map(drop))?;
            }
        }
        Ok(())
    }

    pub(super) async fn drifted(&mut self, backend: &BackendInfo, numbers: &[i64]) -> Result<Vec<Drifted>> {
        let statement = dialect!(self, sqlite: DRIFTED_SQLITE, postgres: DRIFTED_POSTGRES);
        Ok(on!(self, |c| sqlx::query_as(statement)
            .bind(backend.name.as_str())
            .bind(backend.services.bits())
            .bind(consented(backend))
            .bind(json(numbers))
            .fetch_all(c)
            .await)?)
    }

    async fn forget_drift(&mut self, backend: &BackendInfo, numbers: &[i64]) -> Result<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        let statement = dialect!(self, sqlite: FORGET_SQLITE, postgres: FORGET_POSTGRES);
        on!(self, |c| sqlx::query(statement)
            .bind(backend.name.as_str())
            .bind(json(numbers))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }
}

fn insert(backend: &BackendInfo, found: Vec<Drifted>, now: OffsetDateTime) -> Conditions {
    let mut insert = Conditions::default();
    insert.push(
        "
        INSERT INTO drift (
            telephone_number, backend, kind, account_id, tenant_id, held_by,
            ours_id, theirs_id, assigned, country, seen_at, found_at
        )
        VALUES ",
        [],
    );
    let mut countries = number::Countries::default();
    for (index, one) in found.into_iter().enumerate() {
        let country = one.country.or_else(|| E164::from_i64(one.telephone_number).and_then(|n| countries.of(n)));
        insert.push(
            if index == 0 {
                "(?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS BIGINT) <> 0, ?, ?, ?)"
            } else {
                ", (?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS BIGINT) <> 0, ?, ?, ?)"
            },
            [
                Bind::Int(one.telephone_number),
                backend.name.as_str().into(),
                one.kind.into(),
                one.account_id.into(),
                one.tenant_id.into(),
                one.held_by.into(),
                one.ours_id.into(),
                one.theirs_id.into(),
                Bind::Int(one.assigned),
                country.into(),
                one.seen_at.into(),
                Bind::Int(micros(now)),
            ],
        );
    }
    insert.push(KEEP, []);
    insert
}
