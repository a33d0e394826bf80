//! The settings that a draft gives to numbers, so that they can be held against what their accounts allow by now.

use super::theirs::OutsideCount;
use crate::domain::number::content_id;
use crate::domain::{Outside, Verdict};
use crate::store::sql::{dialect, on, statements};
use crate::store::{Error, Result, Tx};

/// What numbers that get some of these settings on an account have there; `$2` names account and settings. CASE: this list is
/// looked into number by number, and joined to nothing.
macro_rules! given_over {
    ($these:literal) => {
        concat!(
            "
        SELECT k.account_id, k.settings_id, k.base_id, k.verdict, CAST(COUNT(*) AS BIGINT)
        FROM (
            SELECT
                i.account_id, i.settings_id, i.verdict,
                CASE WHEN n.account_id = i.account_id THEN n.settings_id ELSE 0 END AS base_id
            FROM order_items i
            LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            WHERE i.order_id = $1
              AND i.verdict IN ('new', 'changed', 'no-address', 'not-offered')
              AND CASE
                  WHEN (i.account_id, i.settings_id) IN (
                      SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT)
                      FROM ",
            $these,
            "
                  ) THEN 1
                  ELSE 0
              END = 1
        ) AS k
        GROUP BY k.account_id, k.settings_id, k.base_id, k.verdict
        ORDER BY k.account_id, k.settings_id, k.base_id, k.verdict"
        )
    };
}

statements! {
    GIVEN = "
        SELECT verdict, outside, account_id, settings_id, CAST(COUNT(*) AS BIGINT)
        FROM order_items
        WHERE order_id = $1
        GROUP BY verdict, outside, account_id, settings_id";
    PARTIES = "
        SELECT
            r.account_id, r.account_rev,
            CAST(CASE WHEN c.status IN ('suspended', 'removed') THEN 1 ELSE 0 END AS BIGINT)
        FROM order_accounts r
        LEFT JOIN accounts a ON a.id = r.account_id
        LEFT JOIN consents c ON c.tenant_id = a.tenant_id
        WHERE r.order_id = $1
        ORDER BY r.account_id";
    GIVEN_OVER_SQLITE = given_over!("json_each($2)");
    GIVEN_OVER_POSTGRES = given_over!("json_array_elements(CAST($2 AS JSON))");
}

/// Numbers of a draft with the same verdict that get the same settings on the same account.
#[derive(Clone, Copy, Debug)]
pub struct GivenSettings {
    /// What the review says of them.
    pub verdict: Verdict,
    /// What the backends hold of them.
    pub outside: Option<Outside>,
    /// The account.
    pub account_id: i64,
    /// The settings.
    pub settings_id: i64,
    /// How many.
    pub count: i64,
}

impl GivenSettings {
    /// How many numbers have each verdict and what the backends hold.
    pub fn counts(given: &[Self]) -> Vec<OutsideCount> {
        let mut counts: Vec<OutsideCount> = Vec::new();
        for of in given {
            match counts.iter_mut().find(|(verdict, outside, _)| (*verdict, *outside) == (of.verdict, of.outside)) {
                Some((.., count)) => *count += of.count,
                None => counts.push((of.verdict, of.outside, of.count)),
            }
        }
        counts
    }
}

/// Numbers of a draft that get the same settings over the same ones that they have.
#[derive(Clone, Copy, Debug)]
pub struct GivenOver {
    /// The account.
    pub account_id: i64,
    /// The settings.
    pub settings_id: i64,
    /// Those that they have on that account; 0 where they are new there.
    pub base_id: i64,
    /// What the review says of them.
    pub verdict: Verdict,
    /// How many.
    pub count: i64,
}

/// Settings that numbers of an account may not get any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlawedSettings {
    /// The account.
    pub account_id: i64,
    /// The settings.
    pub settings_id: i64,
    /// Those that the numbers have on that account; 0 where they are new there.
    pub base_id: i64,
    /// Whether it is for their emergency address.
    pub of_address: bool,
}

impl FlawedSettings {
    pub(super) fn bound(&self) -> [i64; 4] {
        [self.account_id, self.settings_id, self.base_id, i64::from(self.of_address)]
    }
}

fn verdict(key: &str, order_id: i64) -> Result<Verdict> {
    Verdict::from_key(key).ok_or_else(|| Error::unreadable("order_items", "verdict", order_id))
}

impl Tx {
    /// The settings that the numbers of a draft get, with how many have each verdict.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn given_settings(&mut self, order_id: i64) -> Result<Vec<GivenSettings>> {
        let rows: Vec<(String, Option<String>, i64, i64, i64)> =
            on!(self, |c| sqlx::query_as(GIVEN).bind(order_id).fetch_all(c).await)?;
        let outside = |key: Option<String>| {
            key.map(|key| Outside::from_key(&key).ok_or_else(|| Error::unreadable("order_items", "outside", order_id)))
                .transpose()
        };
        rows.into_iter()
            .map(|(key, held, account_id, settings_id, count)| {
                let verdict = verdict(&key, order_id)?;
                Ok(GivenSettings { verdict, outside: outside(held)?, account_id, settings_id, count })
            })
            .collect()
    }

    /// One value that is another when an account of a draft was changed, or its enterprise's consent was withdrawn or stands
    /// again; 0 where it has no account.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn parties(&mut self, order_id: i64) -> Result<i64> {
        let rows: Vec<(i64, i64, i64)> = on!(self, |c| sqlx::query_as(PARTIES).bind(order_id).fetch_all(c).await)?;
        Ok(if rows.is_empty() { 0 } else { content_id(&rows) })
    }

    /// What the numbers have that get some of these settings on their accounts, as far as they would be written.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn given_over(&mut self, order_id: i64, these: &[(i64, i64)]) -> Result<Vec<GivenOver>> {
        let these = serde_json::to_string(these).unwrap_or_default();
        let statement = dialect!(self, sqlite: GIVEN_OVER_SQLITE, postgres: GIVEN_OVER_POSTGRES);
        let rows: Vec<(i64, i64, i64, String, i64)> =
            on!(self, |c| sqlx::query_as(statement).bind(order_id).bind(these.as_str()).fetch_all(c).await)?;
        rows.into_iter()
            .map(|(account_id, settings_id, base_id, key, count)| {
                let verdict = verdict(&key, order_id)?;
                Ok(GivenOver { account_id, settings_id, base_id, verdict, count })
            })
            .collect()
    }
}
