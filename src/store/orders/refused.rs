//! The numbers of a draft that are refused, those in a row on one line.

use super::items::{number, refusal};
use crate::domain::{E164, Verdict};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx};

statements! {
    REFUSED = "
        SELECT
            g.first, g.last, g.count, g.line, a.name AS account, g.verdict, b.name AS owner, g.holder, c.company
        FROM (
            SELECT
                MIN(w.telephone_number) AS first, MAX(w.telephone_number) AS last,
                CAST(COUNT(*) AS BIGINT) AS count, MIN(w.line) AS line,
                w.account_id, w.verdict, w.owner_id, w.holder
            FROM (
                SELECT
                    k.*,
                    k.telephone_number - ROW_NUMBER() OVER (
                        PARTITION BY k.account_id, k.verdict, k.owner_id, k.holder
                        ORDER BY k.telephone_number
                    ) AS island
                FROM (
                    SELECT
                        i.telephone_number, i.line, i.account_id, i.verdict,
                        CASE WHEN i.verdict = 'other-account' THEN (
                            SELECT n.account_id
                            FROM numbers n
                            WHERE n.telephone_number = i.telephone_number
                        ) END AS owner_id,
                        CASE WHEN i.verdict = 'other-tenant' THEN (
                            SELECT MIN(l.tenant_id)
                            FROM observed o
                            JOIN observed_lists l ON l.id = o.list_id
                            WHERE o.telephone_number = i.telephone_number
                              AND l.tenant_id <> COALESCE(t.tenant_id, '')
                        ) END AS holder
                    FROM order_items i
                    LEFT JOIN accounts t ON t.id = i.account_id
                    WHERE i.order_id = $1
                      AND i.verdict NOT IN ('new', 'changed', 'unchanged', 'release', 'quarantine')
                ) AS k
            ) AS w
            GROUP BY w.account_id, w.verdict, w.owner_id, w.holder, w.island
        ) AS g
        LEFT JOIN accounts a ON a.id = g.account_id
        LEFT JOIN accounts b ON b.id = g.owner_id
        LEFT JOIN consents c ON c.tenant_id = g.holder
        ORDER BY g.first
        LIMIT $2";
}

/// Numbers of a draft in a row that are refused for the same reason, other than quarantine.
#[derive(Clone, Debug)]
pub struct RefusedRange {
    /// The first.
    pub first: E164,
    /// The last.
    pub last: E164,
    /// How many.
    pub count: i64,
    /// Line of the first; 0 where it came from no text.
    pub line: i64,
    /// The account they are for.
    pub account: Option<String>,
    /// Why they are refused, as a sentence.
    pub reason: String,
}

#[derive(sqlx::FromRow)]
struct RefusedColumns {
    first: i64,
    last: i64,
    count: i64,
    line: i64,
    account: Option<String>,
    verdict: String,
    owner: Option<String>,
    holder: Option<String>,
    company: Option<String>,
}

impl Tx {
    /// Refused numbers of a draft, folded into ranges; those in quarantine are left out.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn refused_ranges(&mut self, order_id: i64, limit: i64) -> Result<Vec<RefusedRange>> {
        let rows: Vec<RefusedColumns> =
            on!(self, |c| sqlx::query_as(REFUSED).bind(order_id).bind(limit).fetch_all(c).await)?;
        let deed = self.deed_of(order_id).await?;
        rows.into_iter()
            .map(|row| {
                let verdict = Verdict::from_key(&row.verdict)
                    .ok_or_else(|| Error::unreadable("order_items", "verdict", row.first))?;
                let company = row.company.filter(|name| !name.is_empty());
                let holder = row.holder.map(|tenant| (tenant, company));
                Ok(RefusedRange {
                    first: number(row.first)?,
                    last: number(row.last)?,
                    count: row.count,
                    line: row.line,
                    account: row.account,
                    reason: refusal(verdict, deed, row.owner.as_deref(), holder.as_ref()).unwrap_or_default(),
                })
            })
            .collect()
    }
}
