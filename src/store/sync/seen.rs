//! What happened to numbers at a backend without our having asked for it: one row for all numbers of a page to which the
//! same has happened, and what follows for ours.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::observed::json;
use crate::domain::call_path::{read_ranges, write_ranges};
use crate::domain::number::content_id;
use crate::domain::seen::{MemberChange, SeenKind};
use crate::domain::{E164, Leaving, NumberSettings, ProvisioningError, Service, ServiceSet};
use crate::store::numbers::settings;
use crate::store::sql::{dialect, on, statements};
use crate::store::{Error, Result, Tx, at, micros};

/// Numbers that one row tells of.
const FOLDED: usize = 1_000;
/// Rows that are looked through at once for one number, and how many times.
const ROWS: i64 = 200;
const LOOKED_THROUGH: usize = 50;
/// Different sets of changes that a page tells with their values; beyond it only what has changed is told.
const DETAILED: usize = 20;

/// Those of some numbers that are on their way to or from a backend: what happens to them is our doing.
macro_rules! under_way {
    ($numbers:literal) => {
        concat!(
            "
        SELECT n.telephone_number
        FROM numbers n
        WHERE n.push_id IS NOT NULL
          AND n.telephone_number ",
            $numbers
        )
    };
}
/// Numbers that were synced are so no more, for the backend does not have them.
macro_rules! absent {
    ($numbers:literal) => {
        concat!(
            "
        UPDATE numbers
        SET state = 'failed', error_id = $2
        WHERE state = 'synced'
          AND settings_id IN (SELECT s.id FROM settings s WHERE (s.services & $3) <> 0)
          AND account_id IN (
              SELECT a.id
              FROM accounts a
              JOIN observed_lists l ON l.tenant_id = a.tenant_id
              WHERE l.id = $4 AND (a.services & a.synced & $3) <> 0
          )
          AND telephone_number ",
            $numbers,
            "
        RETURNING telephone_number"
        )
    };
}
/// And are again, for the backend has them again.
macro_rules! back {
    ($numbers:literal) => {
        concat!(
            "
        UPDATE numbers
        SET state = 'synced', error_id = NULL
        WHERE state = 'failed'
          AND error_id = $2
          AND account_id IN (
              SELECT a.id
              FROM accounts a
              JOIN observed_lists l ON l.tenant_id = a.tenant_id
              WHERE l.id = $3
          )
          AND telephone_number ",
            $numbers,
            "
        RETURNING telephone_number"
        )
    };
}

statements! {
    UNDER_WAY_SQLITE = under_way!("IN (SELECT value FROM json_each($1))");
    UNDER_WAY_POSTGRES = under_way!("= ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))");
    ABSENT_SQLITE = absent!("IN (SELECT value FROM json_each($1))");
    ABSENT_POSTGRES = absent!("= ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))");
    BACK_SQLITE = back!("IN (SELECT value FROM json_each($1))");
    BACK_POSTGRES = back!("= ANY (CAST(translate($1, '[]', '{}') AS BIGINT[]))");
    INSERT = "
        INSERT INTO seen (list_id, seen_at, what, first_number, last_number, numbers, detail, total)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (list_id, seen_at, what, first_number) DO NOTHING";
    SINCE = "
        SELECT what, CAST(SUM(total) AS BIGINT)
        FROM seen
        WHERE list_id = $1
          AND seen_at >= $2
          AND what <> 'overwritten'
        GROUP BY what
        ORDER BY what";
    NEVER_SEEN = "
        SELECT n.telephone_number
        FROM observed_lists l
        JOIN accounts a ON a.tenant_id = l.tenant_id
        JOIN numbers n ON n.account_id = a.id
        JOIN settings s ON s.id = n.settings_id
        WHERE l.id = $1
          AND (a.services & a.synced & s.services & $2) <> 0
          AND n.state = 'synced'
          AND n.telephone_number > $3
          AND NOT EXISTS (
              SELECT 1
              FROM observed o
              WHERE o.list_id = $1 AND o.telephone_number = n.telephone_number
          )
        ORDER BY n.telephone_number
        LIMIT $4";
    // The rows are found by the number: the sign keeps planners from going through all times.
    OF_NUMBER = "
        SELECT l.backend, l.tenant_id, x.list_id, x.seen_at, x.what, x.first_number, x.numbers, x.detail
        FROM seen x
        JOIN observed_lists l ON l.id = x.list_id
        WHERE x.last_number >= $1
          AND x.first_number <= $1
          AND (+x.seen_at, x.list_id, x.what, x.first_number) < ($3, $4, $5, $6)
        ORDER BY +x.seen_at DESC, x.list_id DESC, x.what DESC, x.first_number DESC
        LIMIT $2";
    DESCRIPTION = "SELECT body, leaving FROM observed_settings WHERE id = $1";
    SWEEP = "
        DELETE FROM seen
        WHERE seen_at <= (
            SELECT MAX(o.seen_at)
            FROM (SELECT seen_at FROM seen WHERE seen_at < $1 ORDER BY seen_at LIMIT $2) AS o
        )";
}

/// The code of a number that was synced and that its backend does not have any more.
pub const NOT_AT_BACKEND: &str = "NotAtBackend";

/// What happened to one number at a backend.
#[derive(Clone, Debug)]
pub struct SeenStep {
    /// The backend.
    pub backend: String,
    /// The tenant whose list told it.
    pub tenant: String,
    /// When it was seen.
    pub at: OffsetDateTime,
    /// What it was.
    pub kind: SeenKind,
    /// What has changed, where something has.
    pub changes: Vec<MemberChange>,
}

#[derive(FromRow)]
struct SeenRow {
    backend: String,
    tenant_id: String,
    list_id: i64,
    seen_at: i64,
    what: String,
    first_number: i64,
    numbers: String,
    detail: String,
}

impl SeenRow {
    fn key(&self) -> (i64, i64, String, i64) {
        (self.seen_at, self.list_id, self.what.clone(), self.first_number)
    }
}

/// What has happened to numbers of one list, as it is found.
#[derive(Debug, Default)]
pub(super) struct Found {
    alike: BTreeMap<(SeenKind, Vec<MemberChange>), BTreeSet<E164>>,
}

/// What has changed of the numbers of one row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Detail {
    /// The same of each.
    Alike(Vec<MemberChange>),
    /// Something else of each part of them.
    Parts(Vec<Part>),
}

/// Numbers of which the same has changed.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    /// As ranges.
    numbers: String,
    changes: Vec<MemberChange>,
}

/// A row to be written.
struct NewRow {
    kind: SeenKind,
    numbers: Vec<E164>,
    detail: String,
}

impl NewRow {
    fn new(kind: SeenKind, numbers: &[E164], detail: &Detail) -> Self {
        let is_empty = matches!(detail, Detail::Alike(changes) if changes.is_empty());
        let detail = if is_empty { String::new() } else { serde_json::to_string(detail).unwrap_or_default() };
        Self { kind, numbers: numbers.to_vec(), detail }
    }
}

impl Found {
    pub(super) fn add(&mut self, kind: SeenKind, changes: Vec<MemberChange>, number: E164) {
        self.alike.entry((kind, changes)).or_default().insert(number);
    }

    /// The numbers that something has happened to.
    fn numbers(&self) -> Vec<i64> {
        let all: BTreeSet<E164> = self.alike.values().flatten().copied().collect();
        all.into_iter().map(E164::as_i64).collect()
    }

    fn without(mut self, numbers: &BTreeSet<i64>) -> Self {
        for found in self.alike.values_mut() {
            found.retain(|number| !numbers.contains(&number.as_i64()));
        }
        self.alike.retain(|_, found| !found.is_empty());
        self
    }

    /// The rows that tell of it. What a push of ours has replaced is nowhere else any more, so it keeps its values however many
    /// different ones there are; of what others did they are left out where there are too many.
    fn rows(self) -> Vec<NewRow> {
        let is_many = self.alike.len() > DETAILED;
        let mut rows = Vec::new();
        let mut each = BTreeMap::<E164, Vec<MemberChange>>::new();
        let mut folded = Self::default();
        for ((kind, changes), numbers) in self.alike {
            if is_many && kind == SeenKind::Overwritten {
                each.extend(numbers.into_iter().map(|number| (number, changes.clone())));
            } else {
                let changes =
                    if is_many { changes.into_iter().map(MemberChange::name_only).collect() } else { changes };
                folded.alike.entry((kind, changes)).or_default().extend(numbers);
            }
        }
        for ((kind, changes), numbers) in folded.alike {
            let (numbers, detail) = (numbers.into_iter().collect::<Vec<_>>(), Detail::Alike(changes));
            rows.extend(numbers.chunks(FOLDED).map(|chunk| NewRow::new(kind, chunk, &detail)));
        }
        let each: Vec<(E164, Vec<MemberChange>)> = each.into_iter().collect();
        rows.extend(each.chunks(FOLDED).map(parted));
        rows
    }
}

/// One row of numbers of which not the same was replaced.
fn parted(chunk: &[(E164, Vec<MemberChange>)]) -> NewRow {
    let mut alike = BTreeMap::<&[MemberChange], Vec<E164>>::new();
    for (number, changes) in chunk {
        alike.entry(changes).or_default().push(*number);
    }
    let part = |(changes, numbers): (&[MemberChange], Vec<E164>)| Part {
        numbers: write_ranges(&numbers),
        changes: changes.to_vec(),
    };
    let numbers: Vec<E164> = chunk.iter().map(|(number, _)| *number).collect();
    NewRow::new(SeenKind::Overwritten, &numbers, &Detail::Parts(alike.into_iter().map(part).collect()))
}

/// What a row says of one of its numbers; nothing where it cannot be read.
fn of_one(detail: &str, number: E164) -> Option<Vec<MemberChange>> {
    if detail.is_empty() {
        return Some(Vec::new());
    }
    match serde_json::from_str(detail).ok()? {
        Detail::Alike(changes) => Some(changes),
        Detail::Parts(parts) => {
            let has = |part: &Part| read_ranges(&part.numbers).is_some_and(|numbers| numbers.contains(&number));
            parts.into_iter().find(has).map(|part| part.changes)
        }
    }
}

/// The error of a number that its backend does not have any more.
#[must_use]
pub fn not_at_backend(service: Service) -> ProvisioningError {
    let message = "The backend does not have this number for the tenant any more. Nobody here has released it.";
    ProvisioningError::new(NOT_AT_BACKEND, message, None).of(service)
}

/// Descriptions of numbers by their ids, each read once.
#[derive(Debug, Default)]
pub(super) struct Descriptions(HashMap<i64, Meant>);

/// What a description says.
#[derive(Clone, Debug, Default)]
pub(super) struct Meant {
    pub(super) settings: NumberSettings,
    pub(super) leaving: Option<Leaving>,
}

impl Tx {
    /// What a backend meant by a description.
    pub(super) async fn description(&mut self, known: &mut Descriptions, id: i64) -> Result<Meant> {
        if let Some(meant) = known.0.get(&id) {
            return Ok(meant.clone());
        }
        let row: Option<(String, Option<String>)> =
            on!(self, |c| sqlx::query_as(DESCRIPTION).bind(id).fetch_optional(c).await)?;
        let meant = match row {
            Some((body, leaving)) => {
                Meant { settings: settings::read(id, &body)?, leaving: leaving.as_deref().and_then(Leaving::from_key) }
            }
            None => Meant::default(),
        };
        known.0.insert(id, meant.clone());
        Ok(meant)
    }

    /// Writes down what has happened to numbers of a list, but for those that are on their way by our own doing.
    pub(super) async fn note_seen(&mut self, list_id: i64, found: Found, now: OffsetDateTime) -> Result<()> {
        if found.alike.is_empty() {
            return Ok(());
        }
        let statement = dialect!(self, sqlite: UNDER_WAY_SQLITE, postgres: UNDER_WAY_POSTGRES);
        let numbers = json(&found.numbers());
        let ours: Vec<i64> = on!(self, |c| sqlx::query_scalar(statement).bind(numbers).fetch_all(c).await)?;
        self.write_seen(list_id, found.without(&ours.into_iter().collect()), now).await
    }

    /// The same for numbers whatever is on its way.
    pub(super) async fn write_seen(&mut self, list_id: i64, found: Found, now: OffsetDateTime) -> Result<()> {
        for row in found.rows() {
            let (Some(first), Some(last)) = (row.numbers.first(), row.numbers.last()) else { continue };
            on!(self, |c| sqlx::query(INSERT)
                .bind(list_id)
                .bind(micros(now))
                .bind(row.kind.key())
                .bind(first.as_i64())
                .bind(last.as_i64())
                .bind(write_ranges(&row.numbers))
                .bind(row.detail)
                .bind(i64::try_from(row.numbers.len()).unwrap_or_default())
                .execute(c)
                .await
                .map(drop))?;
        }
        Ok(())
    }

    /// To how many numbers of a list something has happened since then without our doing, by what it was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seen_since(&mut self, list_id: i64, since: OffsetDateTime) -> Result<Vec<(SeenKind, i64)>> {
        let rows: Vec<(String, i64)> =
            on!(self, |c| sqlx::query_as(SINCE).bind(list_id).bind(micros(since)).fetch_all(c).await)?;
        let kind = |(what, count): (String, i64)| {
            let kind = SeenKind::from_key(&what).ok_or_else(|| Error::unreadable("seen", "what", list_id))?;
            Ok((kind, count))
        };
        rows.into_iter().map(kind).collect()
    }

    /// Says of those of our numbers that were synced with a list that the backend does not have them any more; gives them
    /// back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn are_absent(&mut self, (list_id, services): (i64, ServiceSet), numbers: &[i64]) -> Result<Vec<E164>> {
        let statement = dialect!(self, sqlite: ABSENT_SQLITE, postgres: ABSENT_POSTGRES);
        let mut absent = Vec::new();
        for service in services.iter() {
            let error = self.intern_error(&not_at_backend(service)).await?;
            let rows: Vec<i64> = on!(self, |c| sqlx::query_scalar(statement)
                .bind(json(numbers))
                .bind(error)
                .bind(ServiceSet::from(service).bits())
                .bind(list_id)
                .fetch_all(c)
                .await)?;
            absent.extend(rows.into_iter().filter_map(E164::from_i64));
        }
        self.note_answers(absent.clone()).await?;
        Ok(absent)
    }

    /// The reverse: a list has them again.
    pub(super) async fn are_back(
        &mut self,
        (list_id, services): (i64, ServiceSet),
        numbers: &[i64],
    ) -> Result<Vec<E164>> {
        let statement = dialect!(self, sqlite: BACK_SQLITE, postgres: BACK_POSTGRES);
        let mut back = Vec::new();
        for service in services.iter() {
            let rows: Vec<i64> = on!(self, |c| sqlx::query_scalar(statement)
                .bind(json(numbers))
                .bind(content_id(&not_at_backend(service)))
                .bind(list_id)
                .fetch_all(c)
                .await)?;
            back.extend(rows.into_iter().filter_map(E164::from_i64));
        }
        self.note_answers(back.clone()).await?;
        Ok(back)
    }

    /// Numbers of ours behind `after` that are called synced with a list and that it does not have.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn never_seen(&mut self, list_id: i64, services: ServiceSet, after: i64, limit: i64) -> Result<Vec<i64>> {
        Ok(on!(self, |c| sqlx::query_scalar(NEVER_SEEN)
            .bind(list_id)
            .bind(services.bits())
            .bind(after)
            .bind(limit)
            .fetch_all(c)
            .await)?)
    }

    /// What happened to a number at backends, the newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seen_of_number(&mut self, number: E164, limit: usize) -> Result<Vec<SeenStep>> {
        let unreadable = |column| Error::unreadable("seen", column, number);
        let mut steps = Vec::new();
        let mut before = (i64::MAX, 0, String::new(), 0);
        for _ in 0..LOOKED_THROUGH {
            let (seen_at, list, what, first) = before;
            let rows: Vec<SeenRow> = on!(self, |c| sqlx::query_as(OF_NUMBER)
                .bind(number.as_i64())
                .bind(ROWS)
                .bind(seen_at)
                .bind(list)
                .bind(what)
                .bind(first)
                .fetch_all(c)
                .await)?;
            let is_last = (rows.len() as i64) < ROWS;
            before = rows.last().map_or_else(Default::default, SeenRow::key);
            for row in rows {
                // The row tells of a stretch; the number may not be among those that it names.
                if !read_ranges(&row.numbers).ok_or_else(|| unreadable("numbers"))?.contains(&number) {
                    continue;
                }
                steps.push(SeenStep {
                    kind: SeenKind::from_key(&row.what).ok_or_else(|| unreadable("what"))?,
                    changes: of_one(&row.detail, number).ok_or_else(|| unreadable("detail"))?,
                    backend: row.backend,
                    tenant: row.tenant_id,
                    at: at(row.seen_at),
                });
                if steps.len() == limit {
                    return Ok(steps);
                }
            }
            if is_last {
                break;
            }
        }
        Ok(steps)
    }

    /// Removes what was seen before this time, about so many rows; tells how many there were.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sweep_seen(&mut self, before: OffsetDateTime, limit: i64) -> Result<u64> {
        Ok(on!(self, |c| sqlx::query(SWEEP)
            .bind(micros(before))
            .bind(limit)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }
}
