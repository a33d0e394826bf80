//! The numbers of orders as they were reviewed, followed to their results.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::changes::Between;
use crate::domain::order::{held_by, other_account};
use crate::domain::quarantine::instant;
use crate::domain::{Deed, E164, ItemState, NumberSettings, Outside, ProvisioningError, Refusal, ServiceSet, Verdict};
use crate::store::numbers::settings;
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Error, Page, Result, Tx, at};

statements! {
    VERDICTS = "
        SELECT verdict, CAST(COUNT(*) AS BIGINT)
        FROM order_items
        WHERE order_id = $1
        GROUP BY verdict";
    ASSIGNED = "
        SELECT i.telephone_number
        FROM order_items i
        JOIN numbers n ON n.telephone_number = i.telephone_number
        WHERE i.order_id = $1
          AND i.verdict = 'release'
          AND n.assigned
        ORDER BY i.telephone_number
        LIMIT $2";
    COUNT_ASSIGNED = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_items i
        JOIN numbers n ON n.telephone_number = i.telephone_number
        WHERE i.order_id = $1
          AND i.verdict = 'release'
          AND n.assigned";
    COUNTRIES = "
        SELECT g.account_id, g.country, CAST(SUM(g.count) AS BIGINT)
        FROM (
            SELECT i.account_id, i.country, i.settings_id, CAST(COUNT(*) AS BIGINT) AS count
            FROM order_items i
            WHERE i.order_id = $1
              AND i.verdict IN ('new', 'changed')
            GROUP BY i.account_id, i.country, i.settings_id
        ) AS g
        JOIN settings s ON s.id = g.settings_id
        WHERE s.services = 0 OR (s.services & $2) <> 0
        GROUP BY g.account_id, g.country
        ORDER BY g.account_id, g.country";
    CAUSES = "
        SELECT c.error_id, e.body, c.count, c.example, c.retryable
        FROM (
            SELECT
                i.error_id, CAST(COUNT(*) AS BIGINT) AS count, MIN(i.telephone_number) AS example,
                CAST(SUM(
                    CASE WHEN n.order_id = i.order_id AND n.state = 'failed' THEN 1 ELSE 0 END
                ) AS BIGINT) AS retryable
            FROM order_items i
            LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            WHERE i.order_id = $1
              AND i.state = 'failed'
              AND i.error_id IS NOT NULL
            GROUP BY i.error_id
            ORDER BY 2 DESC, 3
            LIMIT 50
        ) AS c
        LEFT JOIN errors e ON e.id = c.error_id
        ORDER BY c.count DESC, c.example";
}

/// How many numbers of a draft share a verdict.
pub type VerdictCount = (Verdict, i64);

/// One number of an order.
#[derive(Clone, Debug)]
pub struct ItemRow {
    /// The number.
    pub number: E164,
    /// Line of the upload; 0 where it came from no text.
    pub line: i64,
    /// Account, where it still exists.
    pub account: Option<String>,
    /// The account that had it when it was staged, where that was noted.
    pub from: Option<String>,
    /// Settings of the order.
    pub settings: NumberSettings,
    /// What the review said.
    pub verdict: Verdict,
    /// How it stands.
    pub state: ItemState,
    /// What the backend said, when it refused.
    pub error: Option<ProvisioningError>,
    /// The account that has the number, where it is refused because another has it.
    pub owner: Option<String>,
    /// What the backends hold of it, as the review found.
    pub outside: Option<Outside>,
    /// The tenant that a backend has the number for, where it is refused because that is another, and its name where known.
    pub holder: Option<(String, Option<String>)>,
    /// Until when the number is in quarantine and who had it, where it is refused for that.
    pub quarantine: Option<QuarantinedItem>,
    /// What the order does.
    pub deed: Deed,
}

/// Why a number is refused that is in quarantine.
#[derive(Clone, Debug)]
pub struct QuarantinedItem {
    /// Until when.
    pub until: OffsetDateTime,
    /// The account that had it, by the name that it had.
    pub account: Option<String>,
    /// Whether the account has it still and it is to move.
    pub leaves: bool,
}

impl ItemRow {
    /// Why the number is refused; nothing where it is not.
    pub fn refusal(&self) -> Option<String> {
        if let Some(item) = self.quarantine.as_ref().filter(|item| item.leaves) {
            return Some(format!(
                "Would leave {} for another enterprise, which gets no number before its quarantine has ended, on {} at the \
                 earliest, unless somebody with the role AdminUser overrides it in the review.",
                item.account.as_deref().map_or_else(|| "its account".to_owned(), |name| format!("account {name}")),
                instant(item.until),
            ));
        }
        if let Some(item) = &self.quarantine {
            return Some(format!(
                "Is in quarantine until {}: {} had it. Until then no other account gets it, unless somebody with the role \
                 AdminUser overrides the quarantine in the review.",
                instant(item.until),
                item.account.as_deref().map_or_else(|| "another account".to_owned(), |name| format!("account {name}")),
            ));
        }
        refusal(self.verdict, self.deed, self.owner.as_deref(), self.holder.as_ref())
    }
}

/// Why a number with this verdict is refused, other than for quarantine; nothing where it is not.
pub(super) fn refusal(
    verdict: Verdict,
    deed: Deed,
    owner: Option<&str>,
    holder: Option<&(String, Option<String>)>,
) -> Option<String> {
    match (verdict, owner) {
        (Verdict::Refused(Refusal::OtherAccount), Some(owner)) => {
            Some(other_account(&format!("account {owner}"), deed))
        }
        (Verdict::Refused(Refusal::OtherTenant), _) => Some(match holder {
            Some((tenant, Some(company))) => held_by(&format!("{company} (tenant {tenant})"), deed),
            Some((tenant, None)) => held_by(&format!("tenant {tenant}"), deed),
            None => Refusal::OtherTenant.reason(deed),
        }),
        (Verdict::Refused(refusal), _) => Some(refusal.reason(deed)),
        _ => None,
    }
}

/// The tenant and the company's name, where it is known, of a text that has both.
fn holder(text: String) -> (String, Option<String>) {
    match text.split_once(' ') {
        Some((tenant, company)) => (tenant.to_owned(), Some(company.to_owned()).filter(|name| !name.is_empty())),
        None => (text, None),
    }
}

/// Numbers of an order that failed for the same reason.
#[derive(Clone, Debug)]
pub struct Cause {
    /// What the backend said.
    pub error: ProvisioningError,
    /// How many numbers.
    pub count: i64,
    /// The first of them.
    pub example: E164,
    /// How many of them still stand as this order left them, so that it can try again.
    pub retryable: i64,
}

/// Numbers of a draft whose settings change in the same way.
#[derive(Clone, Debug)]
pub struct SettingsChange {
    /// Settings now.
    pub before: NumberSettings,
    /// Settings after.
    pub after: NumberSettings,
    /// How many numbers.
    pub count: i64,
    /// The first of them.
    pub example: E164,
    /// The accounts between which they move, if they do.
    pub moved: Option<Between>,
}

pub(super) fn number(value: i64) -> Result<E164> {
    E164::from_i64(value).ok_or_else(|| Error::unreadable("order_items", "telephone_number", value))
}

/// Adds where a page of items begins, and its order.
pub(super) fn add_page(question: &mut Conditions, page: Page<E164>) {
    match page {
        Page::First => question.push(" ORDER BY i.telephone_number", []),
        Page::After(key) => {
            question.and("i.telephone_number > ? ORDER BY i.telephone_number", [Bind::Int(key.as_i64())])
        }
        Page::Before(key) => {
            question.and("i.telephone_number < ? ORDER BY i.telephone_number DESC", [Bind::Int(key.as_i64())])
        }
    };
}

/// What the backend said of a number, where it said something.
pub(super) fn error(number: E164, id: Option<i64>, body: Option<&str>) -> Result<Option<ProvisioningError>> {
    id.zip(body).map(|(id, body)| Ok(settings::read_error(id, body)?.about(number))).transpose()
}

/// One number of an order as a row.
#[derive(FromRow)]
struct Row {
    telephone_number: i64,
    line: i64,
    account: Option<String>,
    from_account: Option<String>,
    settings_id: i64,
    settings: String,
    verdict: String,
    state: String,
    error_id: Option<i64>,
    error: Option<String>,
    owner: Option<String>,
    outside: Option<String>,
    /// The tenant and, behind a blank, the company's name.
    holder: Option<String>,
    free_at: Option<i64>,
    had_it: Option<String>,
    /// Nobody has released it yet.
    leaves: bool,
}

fn item(row: Row, deed: Deed) -> Result<ItemRow> {
    let unreadable = |column| Error::unreadable("order_items", column, row.telephone_number);
    let number = number(row.telephone_number)?;
    Ok(ItemRow {
        number,
        line: row.line,
        settings: settings::read(row.settings_id, &row.settings)?,
        verdict: Verdict::from_key(&row.verdict).ok_or_else(|| unreadable("verdict"))?,
        state: ItemState::from_key(&row.state).ok_or_else(|| unreadable("state"))?,
        error: error(number, row.error_id, row.error.as_deref())?,
        account: row.account,
        from: row.from_account,
        owner: row.owner,
        outside: row.outside.map(|key| Outside::from_key(&key).ok_or_else(|| unreadable("outside"))).transpose()?,
        holder: row.holder.map(holder),
        quarantine: row.free_at.map(|until| QuarantinedItem {
            until: at(until),
            account: row.had_it,
            leaves: row.leaves,
        }),
        deed,
    })
}

impl Tx {
    /// How many numbers of a draft have each verdict.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn verdict_counts(&mut self, order_id: i64) -> Result<Vec<VerdictCount>> {
        let rows: Vec<(String, i64)> = on!(self, |c| sqlx::query_as(VERDICTS).bind(order_id).fetch_all(c).await)?;
        rows.into_iter()
            .map(|(verdict, count)| {
                Ok((
                    Verdict::from_key(&verdict).ok_or_else(|| Error::unreadable("order_items", "verdict", order_id))?,
                    count,
                ))
            })
            .collect()
    }

    /// How many numbers of a release are in use, and the first `most` of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn assigned_items(&mut self, order_id: i64, most: i64) -> Result<(i64, Vec<E164>)> {
        let count = on!(self, |c| sqlx::query_scalar(COUNT_ASSIGNED).bind(order_id).fetch_one(c).await)?;
        if count == 0 || most == 0 {
            return Ok((count, Vec::new()));
        }
        let rows: Vec<i64> = on!(self, |c| sqlx::query_scalar(ASSIGNED).bind(order_id).bind(most).fetch_all(c).await)?;
        Ok((count, rows.into_iter().map(number).collect::<Result<_>>()?))
    }

    /// How many numbers of a draft that a backend has to know go to each account in each country.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn item_countries(
        &mut self,
        order_id: i64,
        consented: ServiceSet,
    ) -> Result<Vec<(i64, Option<String>, i64)>> {
        Ok(on!(self, |c| sqlx::query_as(COUNTRIES).bind(order_id).bind(consented.bits()).fetch_all(c).await)?)
    }

    /// One page of an order's numbers, ascending, with this verdict and state.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn items_page(
        &mut self,
        order_id: i64,
        only: (Option<Verdict>, Option<ItemState>),
        page: Page<E164>,
        size: usize,
    ) -> Result<(Vec<ItemRow>, bool, bool)> {
        let mut conditions = Conditions::default();
        conditions.push(
            "
            SELECT
                i.telephone_number, i.line, COALESCE(a.name, g.name) AS account, f.name AS from_account,
                i.settings_id, s.body AS settings,
                i.verdict, i.state, i.error_id, e.body AS error, b.name AS owner, i.outside,
                CASE WHEN i.verdict = 'other-tenant' THEN (
                    SELECT MIN(l.tenant_id || ' ' || COALESCE(c.company, ''))
                    FROM observed o
                    JOIN observed_lists l ON l.id = o.list_id
                    LEFT JOIN consents c ON c.tenant_id = l.tenant_id
                    WHERE o.telephone_number = i.telephone_number
                      AND l.tenant_id <> COALESCE(a.tenant_id, '')
                ) END AS holder,
                CASE WHEN i.verdict = 'quarantine' THEN COALESCE(q.free_at, (
                    SELECT o.created_at + COALESCE(
                        (SELECT p.period FROM quarantine_periods p WHERE p.country = i.country),
                        (SELECT d.period FROM quarantine_periods d WHERE d.country = ''),
                        0
                    )
                    FROM orders o
                    WHERE o.id = i.order_id
                )) END AS free_at,
                COALESCE(h.name, CASE WHEN i.verdict = 'quarantine' THEN f.name END) AS had_it,
                CASE WHEN q.telephone_number IS NULL THEN TRUE ELSE FALSE END AS leaves
            FROM order_items i
            JOIN settings s ON s.id = i.settings_id
            LEFT JOIN accounts a ON a.id = i.account_id
            LEFT JOIN accounts f ON f.id = i.from_account_id
            LEFT JOIN holders g ON g.id = i.account_id
            LEFT JOIN errors e ON e.id = i.error_id
            LEFT JOIN quarantine q
              ON i.verdict = 'quarantine'
              AND q.telephone_number = i.telephone_number
            LEFT JOIN holders h ON h.id = q.holder_id
            LEFT JOIN numbers n
              ON i.verdict = 'other-account'
              AND n.telephone_number = i.telephone_number
            LEFT JOIN accounts b ON b.id = n.account_id
            WHERE i.order_id = ?",
            [Bind::Int(order_id)],
        );
        if let Some(verdict) = only.0 {
            conditions.and("i.verdict = ?", [verdict.key().into()]);
        }
        if let Some(state) = only.1 {
            conditions.and("i.state = ?", [state.key().into()]);
        }
        add_page(&mut conditions, page);
        conditions.push(" LIMIT ?", [Bind::Int(size as i64 + 1)]);
        let rows: Vec<Row> = on!(self, |c| bind_all!(sqlx::query_as(conditions.sql()), conditions).fetch_all(c).await)?;
        let deed = self.deed_of(order_id).await?;
        let mut items = rows.into_iter().map(|row| item(row, deed)).collect::<Result<Vec<_>>>()?;
        let (before, after) = trim(&mut items, &page, size);
        Ok((items, before, after))
    }

    /// Why numbers of an order failed, the most frequent reason first, 50 at most.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn failure_causes(&mut self, order_id: i64) -> Result<Vec<Cause>> {
        let rows: Vec<(i64, String, i64, i64, i64)> =
            on!(self, |c| sqlx::query_as(CAUSES).bind(order_id).fetch_all(c).await)?;
        rows.into_iter()
            .map(|(id, body, count, example, retryable)| {
                let example = number(example)?;
                Ok(Cause { error: settings::read_error(id, &body)?.about(example), count, example, retryable })
            })
            .collect()
    }
}
