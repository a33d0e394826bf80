//! The list of drift: a page of it, folded into ranges, and its counts by kind.

use std::sync::Arc;

use sqlx::FromRow;
use time::OffsetDateTime;

use super::compare::number;
use super::filter::DriftFilter;
use crate::domain::{DriftKind, E164, Leaving, NumberSettings};
use crate::store::numbers::settings;
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, on};
use crate::store::{Error, Page, Result, Tx, at, micros};

/// The place of a row in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftKey {
    /// The number.
    pub number: E164,
    /// The backend's name.
    pub backend: String,
}

/// Why and until when drift is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignoring {
    /// Until when.
    pub until: OffsetDateTime,
    /// The reason that was given.
    pub because: String,
    /// Who gave it.
    pub by: String,
}

/// A number of which a backend says something else than we do.
#[derive(Clone, Debug)]
pub struct DriftRow {
    /// The number.
    pub number: E164,
    /// Name of the backend.
    pub backend: String,
    /// How the two differ.
    pub kind: DriftKind,
    /// The account that has the number here.
    pub account: Option<String>,
    /// The account's key.
    pub account_id: Option<i64>,
    /// The tenant that it concerns.
    pub tenant: String,
    /// What the enterprise is called, where its consent is known.
    pub company: Option<String>,
    /// The tenant that the backend has the number for.
    pub held_by: Option<String>,
    /// What we say.
    pub ours: Option<Arc<NumberSettings>>,
    /// What the backend says.
    pub theirs: Option<Arc<NumberSettings>>,
    /// Whether somebody uses the number, as the backend says.
    pub assigned: bool,
    /// Two-letter country.
    pub country: Option<String>,
    /// Since when the backend says so.
    pub seen_at: Option<OffsetDateTime>,
    /// When the tenant's list was last read whole.
    pub listed_at: Option<OffsetDateTime>,
    /// Whether the backend is removing it, and how far it is.
    pub leaving: Option<Leaving>,
    /// Whether it is ignored.
    pub ignoring: Option<Ignoring>,
}

impl DriftRow {
    /// Its place in the list.
    #[must_use]
    pub fn key(&self) -> DriftKey {
        DriftKey { number: self.number, backend: self.backend.clone() }
    }
}

/// One page of drift, by number.
#[derive(Clone, Debug)]
pub struct DriftPage {
    /// The rows.
    pub rows: Vec<DriftRow>,
    /// True when more follow.
    pub more_after: bool,
    /// True when some stand before.
    pub more_before: bool,
}

/// Numbers in a row that differ in the same way.
#[derive(Clone, Debug)]
pub struct DriftRange {
    /// The last of them.
    pub last: E164,
    /// How many.
    pub count: i64,
    /// The first of them, with what is said of all.
    pub first: DriftRow,
}

/// How many numbers of a kind drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriftCount {
    /// The kind.
    pub kind: DriftKind,
    /// How many, counted up to [`DRIFT_COUNTED`].
    pub count: i64,
}

/// Each kind is counted up to here; beyond it the count says so by being one more.
pub const DRIFT_COUNTED: i64 = 10_000;

const COLUMNS: &str = "
    SELECT
        d.telephone_number, d.backend, d.kind, d.account_id, a.name AS account, d.tenant_id, c.company, d.held_by,
        d.ours_id, s.body AS ours, d.theirs_id, t.body AS theirs, t.leaving, d.assigned, d.country, d.seen_at, l.listed_at,
        d.ignored_until, d.ignored_because, d.ignored_by
    FROM (SELECT d.* FROM drift d WHERE TRUE";
/// What is said of the rows of a page, once they are found.
const OF: &str = ") AS d
    LEFT JOIN accounts a ON a.id = d.account_id
    LEFT JOIN settings s ON s.id = d.ours_id
    LEFT JOIN observed_settings t ON t.id = d.theirs_id
    LEFT JOIN observed_lists l ON l.backend = d.backend AND l.tenant_id = COALESCE(d.held_by, d.tenant_id)
    LEFT JOIN consents c ON c.tenant_id = d.tenant_id";
const ASCENDING: &str = " ORDER BY d.telephone_number, d.backend";
const DESCENDING: &str = " ORDER BY d.telephone_number DESC, d.backend DESC";

#[derive(FromRow)]
struct Columns {
    telephone_number: i64,
    backend: String,
    kind: String,
    account_id: Option<i64>,
    account: Option<String>,
    tenant_id: String,
    company: Option<String>,
    held_by: Option<String>,
    ours_id: Option<i64>,
    ours: Option<String>,
    theirs_id: Option<i64>,
    theirs: Option<String>,
    leaving: Option<String>,
    assigned: bool,
    country: Option<String>,
    seen_at: Option<i64>,
    listed_at: Option<i64>,
    ignored_until: i64,
    ignored_because: Option<String>,
    ignored_by: Option<String>,
}

/// Settings that were read last: neighbours mostly share them.
#[derive(Default)]
struct Read(Option<(i64, Arc<NumberSettings>)>);

impl Read {
    fn of(&mut self, id: Option<i64>, body: Option<&str>) -> Result<Option<Arc<NumberSettings>>> {
        let (Some(id), Some(body)) = (id, body) else { return Ok(None) };
        if let Some((known, settings)) = &self.0
            && *known == id
        {
            return Ok(Some(Arc::clone(settings)));
        }
        let settings = Arc::new(settings::read(id, body)?);
        self.0 = Some((id, Arc::clone(&settings)));
        Ok(Some(settings))
    }
}

fn rows(columns: Vec<Columns>, now: OffsetDateTime) -> Result<Vec<DriftRow>> {
    let (mut ours, mut theirs) = (Read::default(), Read::default());
    columns
        .into_iter()
        .map(|row| {
            let ignoring = (row.ignored_until > micros(now)).then(|| Ignoring {
                until: at(row.ignored_until),
                because: row.ignored_because.unwrap_or_default(),
                by: row.ignored_by.unwrap_or_default(),
            });
            Ok(DriftRow {
                number: number(row.telephone_number)?,
                kind: DriftKind::from_key(&row.kind)
                    .ok_or_else(|| Error::unreadable("drift", "kind", row.telephone_number))?,
                backend: row.backend,
                account: row.account,
                account_id: row.account_id,
                tenant: row.tenant_id,
                company: row.company,
                held_by: row.held_by,
                ours: ours.of(row.ours_id, row.ours.as_deref())?,
                theirs: theirs.of(row.theirs_id, row.theirs.as_deref())?,
                assigned: row.assigned,
                leaving: row.leaving.as_deref().and_then(Leaving::from_key),
                country: row.country,
                seen_at: row.seen_at.map(at),
                listed_at: row.listed_at.map(at),
                ignoring,
            })
        })
        .collect()
}

impl Tx {
    /// One page of the drift that matches.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drift_page(
        &mut self,
        filter: &DriftFilter,
        page: &Page<DriftKey>,
        size: usize,
        now: OffsetDateTime,
    ) -> Result<DriftPage> {
        let mut question = Conditions::default();
        question.push(COLUMNS, []);
        filter.add_to(&mut question, now);
        let of = |key: &DriftKey| [Bind::Int(key.number.as_i64()), key.backend.as_str().into()];
        let order = match page {
            Page::First | Page::After(_) => ASCENDING,
            Page::Before(_) => DESCENDING,
        };
        match page {
            Page::First => &mut question,
            Page::After(key) => question.and("(d.telephone_number, d.backend) > (?, ?)", of(key)),
            Page::Before(key) => question.and("(d.telephone_number, d.backend) < (?, ?)", of(key)),
        };
        question.push(order, []).push(" LIMIT ?", [Bind::Int(size as i64 + 1)]).push(OF, []).push(order, []);
        let found: Vec<Columns> =
            on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        let mut rows = rows(found, now)?;
        let (more_before, more_after) = trim(&mut rows, page, size);
        Ok(DriftPage { rows, more_after, more_before })
    }

    /// The next drift that matches, folded into ranges, and the key behind which the next page starts.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drift_ranges(
        &mut self,
        filter: &DriftFilter,
        after: Option<E164>,
        size: usize,
        now: OffsetDateTime,
    ) -> Result<(Vec<DriftRange>, Option<E164>)> {
        let mut question = Conditions::default();
        question.push(
            "
            SELECT g.first, g.last, g.count, g.backend
            FROM (
                SELECT
                    MIN(w.telephone_number) AS first, MAX(w.telephone_number) AS last,
                    CAST(COUNT(*) AS BIGINT) AS count, w.backend
                FROM (
                    SELECT
                        k.*,
                        k.telephone_number - ROW_NUMBER() OVER (
                            PARTITION BY
                                k.backend, k.kind, k.account_id, k.tenant_id, k.held_by, k.ours_id, k.theirs_id,
                                k.assigned, k.ignored_until
                            ORDER BY k.telephone_number
                        ) AS island
                    FROM (
                        SELECT
                            d.telephone_number, d.backend, d.kind, d.account_id, d.tenant_id, d.held_by, d.ours_id,
                            d.theirs_id, d.assigned, d.ignored_until
                        FROM drift d
                        WHERE TRUE",
            [],
        );
        filter.add_to(&mut question, now);
        if let Some(after) = after {
            question.and("d.telephone_number > ?", [Bind::Int(after.as_i64())]);
        }
        question.push(
            "
                    ) AS k
                ) AS w
                GROUP BY
                    w.backend, w.kind, w.account_id, w.tenant_id, w.held_by, w.ours_id, w.theirs_id,
                    w.assigned, w.ignored_until, w.island
            ) AS g
            ORDER BY g.first, g.backend
            LIMIT ?",
            [Bind::Int(size as i64 + 1)],
        );
        let mut found: Vec<(i64, i64, i64, String)> =
            on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        let beyond = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| beyond).map(|row| number(row.1)).transpose()?;
        Ok((self.first_of(found, now).await?, next))
    }

    /// Reads what is said of the first number of each range.
    async fn first_of(&mut self, ranges: Vec<(i64, i64, i64, String)>, now: OffsetDateTime) -> Result<Vec<DriftRange>> {
        let firsts = ranges.iter().map(|(first, ..)| number(*first)).collect::<Result<Vec<_>>>()?;
        let filter = DriftFilter { numbers: Some(firsts), ignored: super::Ignored::Too, ..DriftFilter::default() };
        // A number may drift at several backends.
        let rows = self.drift_page(&filter, &Page::First, ranges.len() * 8, now).await?.rows;
        let mut folded = Vec::with_capacity(ranges.len());
        for (first, last, count, backend) in ranges {
            let of = |row: &&DriftRow| row.number.as_i64() == first && row.backend == backend;
            if let Some(first) = rows.iter().find(of) {
                folded.push(DriftRange { last: number(last)?, count, first: first.clone() });
            }
        }
        Ok(folded)
    }

    /// How many numbers drift in each kind, each counted up to one more than [`DRIFT_COUNTED`]; kinds without any are left
    /// out.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drift_counts(&mut self, filter: &DriftFilter, now: OffsetDateTime) -> Result<Vec<DriftCount>> {
        let mut question = Conditions::default();
        let kinds = DriftKind::ALL.into_iter().filter(|kind| filter.kind.is_none_or(|only| only == *kind));
        for (index, kind) in kinds.enumerate() {
            let of_kind = DriftFilter { kind: Some(kind), ..filter.clone() };
            question.push(
                if index == 0 {
                    "SELECT CAST(? AS TEXT), CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM drift d WHERE TRUE"
                } else {
                    " UNION ALL SELECT CAST(? AS TEXT), CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM drift d WHERE TRUE"
                },
                [kind.key().into()],
            );
            of_kind.add_to(&mut question, now);
            question.push(" LIMIT ?) AS counted", [Bind::Int(DRIFT_COUNTED + 1)]);
        }
        let rows: Vec<(String, i64)> =
            on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        let counted = rows.into_iter().filter(|(_, count)| *count > 0);
        Ok(counted.filter_map(|(kind, count)| Some(DriftCount { kind: DriftKind::from_key(&kind)?, count })).collect())
    }
}
