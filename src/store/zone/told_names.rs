//! What the operator's own primary was told of the names, and what it is still to be told.

use sqlx::FromRow;

use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    TO_PUT = "
        SELECT s.label, s.region1_token, s.region2_token
        FROM subdomains s
        LEFT JOIN told_names t
          ON t.label = s.label
          AND t.region1_token = s.region1_token
          AND t.region2_token = s.region2_token
          AND t.layout = $1
        WHERE t.label IS NULL
          AND s.label > $2
        ORDER BY s.label
        LIMIT $3";
    TO_REMOVE = "
        SELECT t.label, t.region1_token, t.region2_token
        FROM told_names t
        LEFT JOIN subdomains s ON s.label = t.label
        WHERE s.label IS NULL
        ORDER BY t.label
        LIMIT $1";
    TOLD = "
        INSERT INTO told_names (label, region1_token, region2_token, layout)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (label)
        DO UPDATE SET
            region1_token = excluded.region1_token,
            region2_token = excluded.region2_token,
            layout = excluded.layout";
    FORGET = "DELETE FROM told_names WHERE label = $1";
}

/// A label with its tokens.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct LabelRow {
    /// The label.
    pub label: String,
    /// The token of the first region.
    pub region1_token: String,
    /// The token of the second region.
    pub region2_token: String,
}

impl Tx {
    /// The next labels behind this one that the primary does not have as they are, or not with what the configuration adds.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn names_to_put(&mut self, layout: &str, behind: &str, most: i64) -> Result<Vec<LabelRow>> {
        Ok(on!(self, |c| sqlx::query_as(TO_PUT).bind(layout).bind(behind).bind(most).fetch_all(c).await)?)
    }

    /// Labels that the primary has and nobody any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn names_to_remove(&mut self, most: i64) -> Result<Vec<LabelRow>> {
        Ok(on!(self, |c| sqlx::query_as(TO_REMOVE).bind(most).fetch_all(c).await)?)
    }

    /// The primary has taken these and let go of those.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn names_told(&mut self, put: &[LabelRow], removed: &[LabelRow], layout: &str) -> Result<()> {
        for row in put {
            on!(self, |c| sqlx::query(TOLD)
                .bind(row.label.as_str())
                .bind(row.region1_token.as_str())
                .bind(row.region2_token.as_str())
                .bind(layout)
                .execute(c)
                .await
                .map(drop))?;
        }
        for row in removed {
            on!(self, |c| sqlx::query(FORGET).bind(row.label.as_str()).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}
