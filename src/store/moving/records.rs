//! The record of each import: how far it has come, what could not be taken, and the files that wait for it.

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::moving::{Counts, MovingProblem};
use crate::store::sql::{Bind, Conditions, on, statements};
use crate::store::sqlite::script::Script;
use crate::store::{Error, Result, Tx, at, micros};

macro_rules! imports {
    ($condition:literal) => {
        concat!(
            "
        SELECT id, kind, source, status, author, place, counts, reason, created_at, updated_at
        FROM imports
        WHERE ",
            $condition
        )
    };
}

statements! {
    INSERT = "
        INSERT INTO imports (
            id, kind, source, status, author, author_id, counts, created_at, updated_at
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    BY_ID = imports!("id = $1");
    LATEST = imports!("id < $1 ORDER BY id DESC LIMIT $2");
    UNFINISHED = imports!("kind = $1 AND source = $2 AND status IN ('running', 'stopped') ORDER BY id DESC LIMIT 1");
    REACHED = "
        UPDATE imports
        SET status = $2, place = COALESCE($3, place), counts = $4, reason = $5, updated_at = $6
        WHERE id = $1";
    CLAIM = "
        UPDATE imports
        SET status = 'running', reason = NULL, updated_at = $2
        WHERE id = $1
          AND status <> 'complete'
          AND (status <> 'running' OR updated_at < $3)";
    PROBLEMS = "
        SELECT place, line, field, value, reason
        FROM import_problems
        WHERE import_id = $1
          AND seq > $2
        ORDER BY seq
        LIMIT $3";
    LAST_PROBLEM = "
        SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT)
        FROM import_problems
        WHERE import_id = $1";
    FORGET_PROBLEMS = "DELETE FROM import_problems WHERE import_id = $1";
    ADD_FILE = "INSERT INTO import_files (import_id, seq, name, body) VALUES ($1, $2, $3, $4)";
    FILE = "
        SELECT seq, name, body
        FROM import_files
        WHERE import_id = $1
          AND seq > $2
        ORDER BY seq
        LIMIT 1";
    FORGET_FILES = "DELETE FROM import_files WHERE import_id = $1";
    OLD_DRAFT = "
        SELECT id
        FROM imports
        WHERE status = 'draft'
          AND created_at < $1
        ORDER BY id
        LIMIT 1";
    FORGET = "DELETE FROM imports WHERE id = $1 AND status = 'draft'";
}

/// Where an import is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// From a service of the same contract.
    Api,
    /// From files: saved pages, CSV.
    Files,
    /// From what the backend has.
    Backend,
}

impl ImportKind {
    /// The name in storage.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Files => "files",
            Self::Backend => "backend",
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        [Self::Api, Self::Files, Self::Backend].into_iter().find(|kind| kind.key() == key)
    }
}

/// How far an import has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStatus {
    /// It was looked through. Nothing is taken yet.
    Draft,
    /// It is being taken over, or was cut.
    Running,
    /// It stopped before its end.
    Stopped,
    /// It went to its end.
    Complete,
}

impl ImportStatus {
    const ALL: [Self; 4] = [Self::Draft, Self::Running, Self::Stopped, Self::Complete];

    /// The name in storage.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Complete => "complete",
        }
    }
}

/// An import as it is listed.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// Its id, which grows with time.
    pub id: String,
    /// Where it is from.
    pub kind: ImportKind,
    /// The address, the folder, or the names of files.
    pub source: String,
    /// How far it has come.
    pub status: ImportStatus,
    /// Who made it.
    pub author: String,
    /// Where to go on.
    pub place: Option<String>,
    /// What was read, and what became of it.
    pub counts: Counts,
    /// Why it stopped.
    pub reason: Option<String>,
    /// When it was begun.
    pub created_at: OffsetDateTime,
    /// When it came so far.
    pub updated_at: OffsetDateTime,
}

#[derive(FromRow)]
struct Row {
    id: String,
    kind: String,
    source: String,
    status: String,
    author: String,
    place: Option<String>,
    counts: String,
    reason: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for ImportRow {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let unreadable = |column| Error::unreadable("imports", column, &row.id);
        let status = ImportStatus::ALL.into_iter().find(|status| status.key() == row.status);
        Ok(Self {
            kind: ImportKind::from_key(&row.kind).ok_or_else(|| unreadable("kind"))?,
            status: status.ok_or_else(|| unreadable("status"))?,
            counts: serde_json::from_str(&row.counts).map_err(|_| unreadable("counts"))?,
            source: row.source,
            author: row.author,
            place: row.place,
            reason: row.reason,
            created_at: at(row.created_at),
            updated_at: at(row.updated_at),
            id: row.id,
        })
    }
}

/// An import to write down.
#[derive(Clone, Debug)]
pub struct NewImport<'a> {
    /// Its id.
    pub id: &'a str,
    /// Where it is from.
    pub kind: ImportKind,
    /// The address, the folder, or the names of files.
    pub source: &'a str,
    /// How it begins.
    pub status: ImportStatus,
    /// Name of the author.
    pub author: &'a str,
    /// The author's stable identity.
    pub author_id: String,
}

/// How far an import has come.
#[derive(Clone, Copy, Debug)]
pub struct Reached<'a> {
    /// How it stands.
    pub status: ImportStatus,
    /// Where to go on, where that has moved.
    pub place: Option<&'a str>,
    /// What was read, and what became of it.
    pub counts: &'a Counts,
    /// Why it stopped.
    pub reason: Option<&'a str>,
}

/// Problems in one insert.
const ROWS: usize = 1_000;

fn counts(counts: &Counts) -> String {
    serde_json::to_string(counts).unwrap_or_default()
}

impl Tx {
    /// Writes an import down.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert_import(&mut self, new: &NewImport<'_>, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(INSERT)
            .bind(new.id)
            .bind(new.kind.key())
            .bind(new.source)
            .bind(new.status.key())
            .bind(new.author)
            .bind(new.author_id.as_str())
            .bind(counts(&Counts::default()))
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The import with this id.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn import(&mut self, id: &str) -> Result<Option<ImportRow>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await)?;
        row.map(ImportRow::try_from).transpose()
    }

    /// The latest imports before this one, the newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn latest_imports(&mut self, before: &str, limit: i64) -> Result<Vec<ImportRow>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(LATEST).bind(before).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(ImportRow::try_from).collect()
    }

    /// The last import from this source that did not come to its end.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unfinished_import(&mut self, kind: ImportKind, source: &str) -> Result<Option<ImportRow>> {
        let row: Option<Row> =
            on!(self, |c| sqlx::query_as(UNFINISHED).bind(kind.key()).bind(source).fetch_optional(c).await)?;
        row.map(ImportRow::try_from).transpose()
    }

    /// Marks an import as being taken over; tells whether there is something to take, and nobody is at it, who would have said
    /// so since `silent`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn claim_import(&mut self, id: &str, now: OffsetDateTime, silent: OffsetDateTime) -> Result<bool> {
        let claimed = on!(self, |c| sqlx::query(CLAIM)
            .bind(id)
            .bind(micros(now))
            .bind(micros(silent))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(claimed == 1)
    }

    /// Forgets what was told of an import, before it is looked through anew.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_import_problems(&mut self, id: &str) -> Result<()> {
        on!(self, |c| sqlx::query(FORGET_PROBLEMS).bind(id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Records how far an import has come.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_import(&mut self, id: &str, reached: Reached<'_>, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(REACHED)
            .bind(id)
            .bind(reached.status.key())
            .bind(reached.place)
            .bind(counts(reached.counts))
            .bind(reached.reason)
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Adds problems behind those that are kept of an import.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_import_problems(&mut self, id: &str, problems: &[MovingProblem]) -> Result<()> {
        if problems.is_empty() {
            return Ok(());
        }
        let mut seq: i64 = on!(self, |c| sqlx::query_scalar(LAST_PROBLEM).bind(id).fetch_one(c).await)?;
        for chunk in problems.chunks(ROWS) {
            let mut insert = Conditions::default();
            insert.push(
                "
                INSERT INTO import_problems (import_id, seq, place, line, field, value, reason)
                VALUES ",
                [],
            );
            for (index, problem) in chunk.iter().enumerate() {
                seq += 1;
                insert.push(
                    if index == 0 { "(?, ?, ?, ?, ?, ?, ?)" } else { ", (?, ?, ?, ?, ?, ?, ?)" },
                    [
                        id.into(),
                        Bind::Int(seq),
                        problem.place.as_str().into(),
                        Bind::Int(i64::from(problem.line)),
                        problem.field.as_str().into(),
                        problem.value.as_str().into(),
                        problem.reason.as_str().into(),
                    ],
                );
            }
            let mut script = Script::default();
            script.built(insert.bulk());
            self.run(script).await?;
        }
        Ok(())
    }

    /// The first problems of an import behind so many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn import_problems(&mut self, id: &str, behind: i64, limit: i64) -> Result<Vec<MovingProblem>> {
        let rows: Vec<(String, i64, String, String, String)> =
            on!(self, |c| sqlx::query_as(PROBLEMS).bind(id).bind(behind).bind(limit).fetch_all(c).await)?;
        let problem = |(place, line, field, value, reason): (String, i64, String, String, String)| MovingProblem {
            place,
            line: u32::try_from(line).unwrap_or_default(),
            field,
            value,
            reason,
        };
        Ok(rows.into_iter().map(problem).collect())
    }

    /// Keeps a file until its import is taken over.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_import_file(&mut self, id: &str, seq: i64, name: &str, body: &str) -> Result<()> {
        on!(self, |c| sqlx::query(ADD_FILE).bind(id).bind(seq).bind(name).bind(body).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The first file of an import behind this place: its place, its name, and what is in it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn import_file(&mut self, id: &str, behind: i64) -> Result<Option<(i64, String, String)>> {
        Ok(on!(self, |c| sqlx::query_as(FILE).bind(id).bind(behind).fetch_optional(c).await)?)
    }

    /// Forgets the files of an import.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_import_files(&mut self, id: &str) -> Result<()> {
        on!(self, |c| sqlx::query(FORGET_FILES).bind(id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// An import from before `until` that nobody took over.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn old_draft_import(&mut self, until: OffsetDateTime) -> Result<Option<String>> {
        Ok(on!(self, |c| sqlx::query_scalar(OLD_DRAFT).bind(micros(until)).fetch_optional(c).await)?)
    }

    /// Removes an import that nobody took over, with all that is kept of it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_draft_import(&mut self, id: &str) -> Result<bool> {
        let gone = on!(self, |c| sqlx::query(FORGET).bind(id).execute(c).await.map(|done| done.rows_affected()))?;
        if gone == 0 {
            return Ok(false);
        }
        for statement in [FORGET_FILES, FORGET_PROBLEMS] {
            on!(self, |c| sqlx::query(statement).bind(id).execute(c).await.map(drop))?;
        }
        Ok(true)
    }
}
