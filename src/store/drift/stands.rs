//! Numbers that are called synced although a backend is known to have them otherwise: what a program puts as it stands here
//! is sent again.

use std::collections::BTreeSet;

use crate::domain::{Backends, DriftKind, E164};
use crate::store::sql::{dialect, on, statements};
use crate::store::sync::observed::json;
use crate::store::{Result, Tx, VerdictCount};

/// Lets an order send numbers that are here as it wants them.
macro_rules! send_again {
    ($numbers:literal) => {
        concat!(
            "
        UPDATE order_items
        SET verdict = 'changed'
        WHERE order_id = $1
          AND verdict = 'unchanged'
          AND telephone_number ",
            $numbers
        )
    };
}

statements! {
    SEND_AGAIN_SQLITE = send_again!("IN (SELECT value FROM json_each($2))");
    SEND_AGAIN_POSTGRES = send_again!("= ANY (CAST(translate($2, '[]', '{}') AS BIGINT[]))");
}

impl Tx {
    /// Those of these numbers that a backend is known to have otherwise than they are here, by what it said last.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn otherwise_there(&mut self, backends: &Backends, numbers: &[E164]) -> Result<BTreeSet<E164>> {
        let numbers: Vec<i64> = numbers.iter().map(|number| number.as_i64()).collect();
        let sendable = [DriftKind::Different, DriftKind::OnlyHere, DriftKind::OtherTenant].map(DriftKind::key);
        let mut found = BTreeSet::new();
        for backend in backends.iter() {
            let drifted = self.drifted(backend, &numbers).await?;
            let drifted = drifted.into_iter().filter(|one| sendable.contains(&one.kind.as_str()));
            found.extend(drifted.filter_map(|one| E164::from_i64(one.telephone_number)));
        }
        Ok(found)
    }

    /// Lets an order that is staged send these of its numbers though they are here as it wants them; tells how many of its
    /// numbers have each verdict then.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn send_again(&mut self, order_id: i64, numbers: &BTreeSet<E164>) -> Result<Vec<VerdictCount>> {
        let statement = dialect!(self, sqlite: SEND_AGAIN_SQLITE, postgres: SEND_AGAIN_POSTGRES);
        let numbers: Vec<i64> = numbers.iter().map(|number| number.as_i64()).collect();
        on!(self, |c| sqlx::query(statement).bind(order_id).bind(json(&numbers)).execute(c).await.map(drop))?;
        self.verdict_counts(order_id).await
    }
}
