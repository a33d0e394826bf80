//! The numbers in quarantine: how long they stay, which there are, and which have been there long enough.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::filter::start_ranges;
use crate::domain::e164::Ending;
use crate::domain::{E164, Quarantine, TenantId};
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Error, Page, Result, Tx, at, micros};

pub use self::ranges::QuarantineRange;

statements! {
    PERIODS = "SELECT country, period FROM quarantine_periods ORDER BY country";
    FORGET_PERIODS = "DELETE FROM quarantine_periods";
    INSERT_PERIOD = "INSERT INTO quarantine_periods (country, period) VALUES ($1, $2)";
    FOLLOW_PERIODS = "
        UPDATE quarantine
        SET free_at = released_at + COALESCE(
            (SELECT p.period FROM quarantine_periods p WHERE p.country = quarantine.country),
            (SELECT p.period FROM quarantine_periods p WHERE p.country = '')
        )";
    // Who went first comes first: few are looked at that have to stay.
    SWEEP = "
        DELETE FROM quarantine
        WHERE telephone_number IN (
            SELECT q.telephone_number
            FROM quarantine q
            WHERE q.free_at <= $1
            ORDER BY q.released_at
            LIMIT $2
        )";
    FREE_AT = "SELECT free_at FROM quarantine WHERE telephone_number = $1 AND free_at > $2";
}

/// Numbers in quarantine with who had them, which nobody has; conditions follow.
const FROM: &str = "
    FROM quarantine q
    WHERE NOT EXISTS (SELECT 1 FROM numbers n WHERE n.telephone_number = q.telephone_number)
      AND q.free_at > ?";

/// What is told of a holder `h`, and where it stands.
macro_rules! holder {
    () => {
        "h.name AS account, CASE WHEN a.id IS NULL THEN FALSE ELSE TRUE END AS is_there, h.tenant_id, c.company"
    };
}

macro_rules! holder_joins {
    ($of:literal) => {
        concat!(
            "
            LEFT JOIN holders h ON h.id = ",
            $of,
            ".holder_id
            LEFT JOIN accounts a ON a.id = h.account_id
            LEFT JOIN consents c ON c.tenant_id = h.tenant_id"
        )
    };
}

mod ranges;

/// Which numbers in quarantine to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuarantineFilter {
    /// Only numbers that start with these digits, country code first.
    pub starts: Option<i64>,
    /// Only numbers that end with these digits.
    pub ends: Option<String>,
    /// Only numbers that an account of this name had.
    pub account: Option<String>,
    /// Only numbers that this tenant had.
    pub tenant_id: Option<TenantId>,
    /// Only numbers of this country.
    pub country: Option<String>,
}

impl QuarantineFilter {
    fn add_to(&self, conditions: &mut Conditions) {
        if let Some(prefix) = self.starts {
            conditions.and_any("q.telephone_number BETWEEN ? AND ?", start_ranges(prefix));
        }
        if let Some(digits) = &self.ends {
            match Ending::of(digits) {
                Some(Ending { scale, remainder, smallest, .. }) => conditions.and(
                    "q.telephone_number % ? = ? AND q.telephone_number >= ?",
                    [Bind::Int(scale), Bind::Int(remainder), Bind::Int(smallest)],
                ),
                None => conditions.and("FALSE", []),
            };
        }
        if let Some(account) = &self.account {
            conditions.and("q.holder_id IN (SELECT id FROM holders WHERE name = ?)", [account.as_str().into()]);
        }
        if let Some(tenant) = &self.tenant_id {
            conditions.and("q.holder_id IN (SELECT id FROM holders WHERE tenant_id = ?)", [tenant.as_str().into()]);
        }
        if let Some(country) = &self.country {
            conditions.and("q.country = ?", [country.as_str().into()]);
        }
    }
}

/// A number in quarantine.
#[derive(Clone, Debug, FromRow)]
pub struct QuarantineRow {
    #[sqlx(try_from = "i64")]
    telephone_number: NumberColumn,
    /// What is told of it.
    #[sqlx(flatten)]
    pub told: QuarantineTold,
}

impl QuarantineRow {
    /// The number.
    pub const fn number(&self) -> E164 {
        self.telephone_number.0
    }
}

/// What is told of numbers in quarantine.
#[derive(Clone, Debug, FromRow)]
pub struct QuarantineTold {
    /// The account that had them, by the name that it had.
    pub account: Option<String>,
    /// Whether that account still exists.
    pub is_there: bool,
    /// Its tenant.
    pub tenant_id: Option<String>,
    /// The tenant's company, where there is a consent.
    pub company: Option<String>,
    /// Country, two letters; empty where it is not known.
    pub country: String,
    /// The order that released them.
    pub order_id: i64,
    released_at: i64,
    free_at: i64,
}

impl QuarantineTold {
    /// When they were released.
    pub fn released_at(&self) -> OffsetDateTime {
        at(self.released_at)
    }

    /// When others may have them.
    pub fn free_at(&self) -> OffsetDateTime {
        at(self.free_at)
    }
}

/// A number in a column.
#[derive(Clone, Copy, Debug)]
struct NumberColumn(E164);

impl TryFrom<i64> for NumberColumn {
    type Error = Error;
    fn try_from(value: i64) -> Result<Self> {
        E164::from_i64(value).map(Self).ok_or_else(|| Error::unreadable("quarantine", "telephone_number", value))
    }
}

/// Adds what of the list is looked at: up to so many numbers behind the page's key.
fn behind(question: &mut Conditions, filter: &QuarantineFilter, page: Page<E164>, now: OffsetDateTime, most: i64) {
    question.push(FROM, [Bind::Int(micros(now))]);
    filter.add_to(question);
    if let Page::After(key) = page {
        question.and("q.telephone_number > ?", [Bind::Int(key.as_i64())]);
    }
    question.push(" ORDER BY q.telephone_number LIMIT ?", [Bind::Int(most)]);
}

impl Tx {
    /// Lets numbers stay in quarantine for so long, those too that are in it; tells whether anything changed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_quarantine_periods(&mut self, rules: &Quarantine) -> Result<bool> {
        let mut wanted: Vec<(String, i64)> = rules
            .periods()
            .map(|(country, period)| (country.to_owned(), i64::try_from(period.whole_microseconds()).unwrap_or(0)))
            .collect();
        wanted.sort_unstable();
        let before: Vec<(String, i64)> = on!(self, |c| sqlx::query_as(PERIODS).fetch_all(c).await)?;
        if before == wanted {
            return Ok(false);
        }
        on!(self, |c| sqlx::query(FORGET_PERIODS).execute(c).await.map(drop))?;
        for (country, period) in wanted {
            on!(self, |c| sqlx::query(INSERT_PERIOD).bind(country.as_str()).bind(period).execute(c).await.map(drop))?;
        }
        on!(self, |c| sqlx::query(FOLLOW_PERIODS).execute(c).await.map(drop))?;
        Ok(true)
    }

    /// The next numbers in quarantine behind `page`, one by one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn quarantine_rows(
        &mut self,
        filter: &QuarantineFilter,
        page: Page<E164>,
        size: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<QuarantineRow>> {
        let mut question = Conditions::default();
        question.push(
            concat!(
                "SELECT k.telephone_number, k.country, k.order_id, k.released_at, k.free_at, ",
                holder!(),
                " FROM (SELECT q.*"
            ),
            [],
        );
        behind(&mut question, filter, page, now, size as i64);
        question.push(concat!(") AS k", holder_joins!("k"), " ORDER BY k.telephone_number"), []);
        Ok(on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?)
    }

    /// How many numbers in quarantine match, counted no further than `most`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_quarantine(&mut self, filter: &QuarantineFilter, most: i64, now: OffsetDateTime) -> Result<i64> {
        let mut question = Conditions::default();
        question.push("SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1", []);
        behind(&mut question, filter, Page::First, now, most);
        question.push(") AS counted", []);
        Ok(on!(self, |c| bind_all!(sqlx::query_scalar(question.sql()), question).fetch_one(c).await)?)
    }

    /// Until when a number is in quarantine, if it is.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn quarantined_until(&mut self, number: E164, now: OffsetDateTime) -> Result<Option<OffsetDateTime>> {
        let until: Option<i64> =
            on!(self, |c| sqlx::query_scalar(FREE_AT).bind(number.as_i64()).bind(micros(now)).fetch_optional(c).await)?;
        Ok(until.map(at))
    }

    /// Forgets up to so many numbers that have been in quarantine long enough; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sweep_quarantine(&mut self, now: OffsetDateTime, most: i64) -> Result<u64> {
        Ok(on!(self, |c| sqlx::query(SWEEP)
            .bind(micros(now))
            .bind(most)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }
}
