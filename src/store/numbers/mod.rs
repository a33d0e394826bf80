//! Numbers as rows: pages, ranges, counts.

pub(super) mod again;
pub(super) mod as_sent;
pub(super) mod call_path;
pub(super) mod filter;
pub(super) mod fold;
pub(super) mod groups;
pub(super) mod held;
pub(super) mod holdings;
pub(super) mod lines;
pub(super) mod quarantine;
pub(super) mod ranges;
pub(super) mod rows;
pub(super) mod settings;
pub(super) mod stride;

use crate::domain::{E164, Number, ServiceSet, SyncState};
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Page, Result, Tx};
use filter::{NumberFilter, start_ranges};
use rows::select_numbers;

statements! {
    COUNT_BY_STATE = "
        SELECT state, CAST(COUNT(*) AS BIGINT)
        FROM numbers
        WHERE state <> 'synced'
        GROUP BY state";
    COUNT_ALL = "SELECT CAST(COALESCE(SUM(number_count), 0) AS BIGINT) FROM accounts";
}

const MARK_ASSIGNED: &str = "
    UPDATE numbers
    SET assigned = TRUE
    WHERE NOT assigned
      AND account_id IN (SELECT id FROM accounts WHERE tenant_id = ?)";
const MARK_FREE: &str = "
    UPDATE numbers
    SET assigned = FALSE
    WHERE assigned
      AND account_id IN (SELECT id FROM accounts WHERE tenant_id = ?)
      AND NOT EXISTS (
          SELECT 1
          FROM observed o
          JOIN observed_lists l ON l.id = o.list_id
          WHERE o.telephone_number = numbers.telephone_number
            AND o.assigned
            AND l.tenant_id = ?
            AND l.backend <> ?
      )";

/// One page of numbers, ascending.
#[derive(Clone, Debug)]
pub struct NumberPage {
    /// The numbers.
    pub numbers: Vec<Number>,
    /// True when more follow behind the last.
    pub more_after: bool,
    /// True when some stand before the first.
    pub more_before: bool,
}

fn page_condition(conditions: &mut Conditions, page: Page<E164>) -> &mut Conditions {
    match page {
        Page::First => conditions.push(" ORDER BY n.telephone_number", []),
        Page::After(key) => {
            conditions.and("n.telephone_number > ? ORDER BY n.telephone_number", [Bind::Int(key.as_i64())])
        }
        Page::Before(key) => {
            conditions.and("n.telephone_number < ? ORDER BY n.telephone_number DESC", [Bind::Int(key.as_i64())])
        }
    }
}

/// Writes `SELECT <columns> FROM numbers n <joins> WHERE .. ORDER BY .. LIMIT ..`; with `starts`, one such select for
/// each range of digits, so that each is answered by a seek and none by a scan.
pub(super) fn keyed(
    conditions: &mut Conditions,
    select: &'static str,
    filter: &NumberFilter,
    page: Page<E164>,
    limit: i64,
) {
    let ranges =
        filter.starts.map_or_else(|| vec![None], |prefix| start_ranges(prefix).into_iter().map(Some).collect());
    let many = ranges.len() > 1;
    for (index, range) in ranges.into_iter().enumerate() {
        if many {
            conditions.push(if index == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" }, []);
        }
        conditions.push(select, []);
        if let Some(range) = range {
            conditions.and("n.telephone_number BETWEEN ? AND ?", range);
        }
        filter.add_without_starts(conditions);
        page_condition(conditions, page).push(" LIMIT ?", [Bind::Int(limit)]);
        if many {
            conditions.push(") AS part", []);
        }
    }
    if many {
        let order = if matches!(page, Page::Before(_)) {
            " ORDER BY telephone_number DESC LIMIT ?"
        } else {
            " ORDER BY telephone_number LIMIT ?"
        };
        conditions.push(order, [Bind::Int(limit)]);
    }
}

impl Tx {
    /// Those of these numbers that exist, in order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn numbers_among(&mut self, numbers: &[E164]) -> Result<Vec<Number>> {
        let mut conditions = Conditions::default();
        conditions.push(select_numbers!(), []);
        in_list(&mut conditions, "n.telephone_number IN (", numbers);
        self.read_numbers(conditions).await
    }

    /// One page of the numbers that match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn numbers_page(&mut self, filter: &NumberFilter, page: Page<E164>, size: usize) -> Result<NumberPage> {
        let mut conditions = Conditions::default();
        keyed(&mut conditions, concat!(select_numbers!(), "TRUE"), filter, page, size as i64 + 1);
        let mut numbers = self.read_numbers(conditions).await?;
        if matches!(page, Page::Before(_)) {
            numbers.reverse();
        }
        let (more_before, more_after) = trim(&mut numbers, &page, size);
        Ok(NumberPage { numbers, more_after, more_before })
    }

    /// How many numbers match, counted no further than `most`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_numbers(&mut self, filter: &NumberFilter, most: i64) -> Result<i64> {
        let mut conditions = Conditions::default();
        conditions.push("SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM numbers n WHERE TRUE", []);
        filter.add_to(&mut conditions);
        conditions.push(" LIMIT ?) AS counted", [Bind::Int(most)]);
        Ok(on!(self, |c| bind_all!(sqlx::query_scalar(conditions.sql()), conditions).fetch_one(c).await)?)
    }

    /// How many numbers there are in all, and how many in each state other than synced.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number_counts(&mut self) -> Result<(i64, Vec<(SyncState, i64)>)> {
        let all: i64 = on!(self, |c| sqlx::query_scalar(COUNT_ALL).fetch_one(c).await)?;
        let rows: Vec<(String, i64)> = on!(self, |c| sqlx::query_as(COUNT_BY_STATE).fetch_all(c).await)?;
        Ok((all, rows.into_iter().filter_map(|(state, count)| Some((SyncState::from_key(&state)?, count))).collect()))
    }

    /// Records that these numbers of a tenant are in use; what is unchanged is not written.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn mark_assigned(&mut self, tenant: &str, numbers: &[E164]) -> Result<u64> {
        self.mark(MARK_ASSIGNED, [tenant], numbers).await
    }

    /// Records that a backend knows of no use of these numbers of a tenant. Those that another backend has seen in use stay
    /// marked; what is unchanged is not written.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn mark_free(&mut self, tenant: &str, backend: &str, numbers: &[E164]) -> Result<u64> {
        self.mark(MARK_FREE, [tenant, tenant, backend], numbers).await
    }

    async fn mark<const N: usize>(&mut self, update: &'static str, binds: [&str; N], numbers: &[E164]) -> Result<u64> {
        let mut changed = 0;
        for chunk in numbers.chunks(1_000) {
            let mut conditions = Conditions::default();
            conditions.push(update, binds.map(Bind::from));
            in_list(&mut conditions, " AND telephone_number IN (", chunk);
            changed += on!(self, |c| bind_all!(sqlx::query(conditions.sql()), conditions)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
        }
        Ok(changed)
    }

    /// Numbers of a tenant with one of these services that are marked as in use, ascending behind `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn assigned_numbers(
        &mut self,
        tenant: &str,
        services: ServiceSet,
        after: i64,
        limit: i64,
    ) -> Result<Vec<E164>> {
        let mut conditions = Conditions::default();
        conditions.push(
            "
            SELECT n.telephone_number
            FROM numbers n
            WHERE n.assigned
              AND n.account_id IN (SELECT id FROM accounts WHERE tenant_id = ?)",
            [tenant.into()],
        );
        conditions
            .and(
                "EXISTS (SELECT 1 FROM settings s WHERE s.id = n.settings_id AND (s.services & ?) <> 0)",
                [Bind::Int(services.bits())],
            )
            .and("n.telephone_number > ? ORDER BY n.telephone_number LIMIT ?", [Bind::Int(after), Bind::Int(limit)]);
        let rows: Vec<i64> =
            on!(self, |c| bind_all!(sqlx::query_scalar(conditions.sql()), conditions).fetch_all(c).await)?;
        Ok(rows.into_iter().filter_map(E164::from_i64).collect())
    }
}

/// Adds `text` and then the numbers between commas and a closing bracket.
pub(super) fn in_list(conditions: &mut Conditions, text: &'static str, numbers: &[E164]) {
    conditions.push(text, []);
    for (index, number) in numbers.iter().enumerate() {
        conditions.push(if index == 0 { "?" } else { ", ?" }, [Bind::Int(number.as_i64())]);
    }
    conditions.push(if numbers.is_empty() { "NULL)" } else { ")" }, []);
}
