//! What numbers that are named again have now: account and settings, for many at once.

use std::collections::HashMap;

use time::OffsetDateTime;

use crate::domain::{E164, NumberSettings};
use crate::store::sql::{dialect, on, statements};
use crate::store::{Error, Result, Tx, at};

use super::settings;

/// When the last order was submitted that took a number which nobody had.
macro_rules! since {
    ($numbers:literal) => {
        concat!(
            "
        SELECT i.telephone_number, MAX(COALESCE(o.submitted_at, o.created_at))
        FROM order_items i
        JOIN orders o ON o.id = i.order_id
        WHERE i.telephone_number ",
            $numbers,
            "
          AND i.verdict = 'new'
          AND i.state <> 'idle'
          AND o.status NOT IN ('draft', 'discarded')
        GROUP BY i.telephone_number"
        )
    };
}

statements! {
    HELD_SQLITE = "
        SELECT n.telephone_number, n.account_id, n.settings_id
        FROM numbers n
        WHERE n.telephone_number IN (SELECT value FROM json_each($1))";
    HELD_POSTGRES = "
        SELECT n.telephone_number, n.account_id, n.settings_id
        FROM numbers n
        WHERE n.telephone_number = ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))";
    BODIES_SQLITE = "
        SELECT id, body
        FROM settings
        WHERE id IN (SELECT value FROM json_each($1))";
    BODIES_POSTGRES = "
        SELECT id, body
        FROM settings
        WHERE id = ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))";
    SINCE_SQLITE = since!("IN (SELECT value FROM json_each($1))");
    SINCE_POSTGRES = since!("= ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))");
}

/// What a number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldNumber {
    /// Its account.
    pub account_id: i64,
    /// Its settings.
    pub settings_id: i64,
}

fn json(values: &[i64]) -> String {
    serde_json::to_string(values).unwrap_or_default()
}

impl Tx {
    /// What those of these numbers have that are here.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn held_numbers(&mut self, numbers: &[E164]) -> Result<HashMap<E164, HeldNumber>> {
        let numbers: Vec<i64> = numbers.iter().map(|number| number.as_i64()).collect();
        let statement = dialect!(self, sqlite: HELD_SQLITE, postgres: HELD_POSTGRES);
        let rows: Vec<(i64, i64, i64)> =
            on!(self, |c| sqlx::query_as(statement).bind(json(&numbers)).fetch_all(c).await)?;
        let held = |(number, account_id, settings_id)| {
            let found =
                E164::from_i64(number).ok_or_else(|| Error::unreadable("numbers", "telephone_number", number))?;
            Ok((found, HeldNumber { account_id, settings_id }))
        };
        rows.into_iter().map(held).collect()
    }

    /// Since when these numbers are held, as far as the orders tell.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn held_since(&mut self, numbers: &[E164]) -> Result<HashMap<E164, OffsetDateTime>> {
        let numbers: Vec<i64> = numbers.iter().map(|number| number.as_i64()).collect();
        let statement = dialect!(self, sqlite: SINCE_SQLITE, postgres: SINCE_POSTGRES);
        let rows: Vec<(i64, i64)> = on!(self, |c| sqlx::query_as(statement).bind(json(&numbers)).fetch_all(c).await)?;
        Ok(rows.into_iter().filter_map(|(number, since)| Some((E164::from_i64(number)?, at(since)))).collect())
    }

    /// The settings with these ids.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn all_settings(&mut self, ids: &[i64]) -> Result<HashMap<i64, NumberSettings>> {
        let statement = dialect!(self, sqlite: BODIES_SQLITE, postgres: BODIES_POSTGRES);
        let rows: Vec<(i64, String)> = on!(self, |c| sqlx::query_as(statement).bind(json(ids)).fetch_all(c).await)?;
        rows.into_iter().map(|(id, body)| Ok((id, settings::read(id, &body)?))).collect()
    }
}
