//! The record of each import: begun, looked through, listed, and the files that wait for it.

use time::Duration;

use super::{Mover, Report, Source};
use crate::authz::{Grant, MovingIn};
use crate::domain::moving::{Counts, MovingProblem};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Result, audit_entry, identity};
use crate::store::{ImportKind, ImportRow, ImportStatus, NewImport, Reached};

/// Imports that are listed.
const LATEST: i64 = 20;
/// Behind every id.
const NEWEST: &str = "z";

/// Begins an import, or goes on with the last one from there that did not come to its end; gives its id, where it stopped, and
/// its counts.
pub(super) async fn begin(ctx: &Ctx, mover: &Mover, source: &Source) -> Result<(String, Option<String>, Counts)> {
    let new = Ctx::new_id();
    let begun = transact!(ctx, |tx| {
        let now = ctx.clock.now();
        let person = mover.moving.principal();
        if let Some(before) = tx.unfinished_import(source.kind, &source.name).await? {
            tx.claim_import(&before.id, now, now + SILENT).await?;
            if source.kind == ImportKind::Api {
                (before.id, before.place, before.counts)
            } else {
                // Only a service is read on: what stands in files may have been corrected since.
                tx.forget_import_problems(&before.id).await?;
                (before.id, None, Counts::default())
            }
        } else {
            let import = NewImport {
                id: &new,
                kind: source.kind,
                source: &source.name,
                status: ImportStatus::Running,
                author: &person.name,
                author_id: identity(person),
            };
            tx.insert_import(&import, now).await?;
            (new.clone(), None, Counts::default())
        }
    })?;
    Ok(begun)
}

/// Whoever makes an import says how far it is; one that was silent for longer has ended.
const SILENT: Duration = Duration::MINUTE;

/// Marks a dry run as being taken over.
pub(super) async fn claim(ctx: &Ctx, id: &str) -> Result<Source> {
    let claimed = transact!(ctx, |tx| {
        let (row, now) = (tx.import(id).await?.ok_or(Error::NotFound("import"))?, ctx.clock.now());
        if !tx.claim_import(id, now, now - SILENT).await? {
            return Err(Error::Conflict(if row.status == ImportStatus::Complete {
                "The import was made already. Nothing is left to take over.".into()
            } else {
                "The import is being made. Its page says how far it is.".to_owned()
            }));
        }
        tx.forget_import_problems(id).await?;
        row
    })?;
    Ok(Source { kind: claimed.kind, name: claimed.source })
}

/// A dry run to keep until it is taken over.
#[derive(Debug)]
pub struct DryRun<'a> {
    /// Where it is from.
    pub source: &'a Source,
    /// The files, each with its name and its text.
    pub files: &'a [(String, String)],
    /// What was found.
    pub report: &'a Report,
}

/// Keeps what a dry run found, and its files, until it is taken over; gives its id.
///
/// # Errors
/// When the database fails.
pub async fn keep_dry_run(ctx: &Ctx, mover: &Mover, dry_run: &DryRun<'_>) -> Result<String> {
    let DryRun { source, files, report } = dry_run;
    let id = Ctx::new_id();
    transact!(ctx, |tx| {
        let now = ctx.clock.now();
        let person = mover.moving.principal();
        let import = NewImport {
            id: &id,
            kind: source.kind,
            source: &source.name,
            status: ImportStatus::Draft,
            author: &person.name,
            author_id: identity(person),
        };
        tx.insert_import(&import, now).await?;
        for (seq, (name, body)) in (1..).zip(*files) {
            tx.add_import_file(&id, seq, name, body).await?;
        }
        tx.add_import_problems(&id, &report.problems).await?;
        let reached = Reached { status: ImportStatus::Draft, place: None, counts: &report.counts, reason: None };
        tx.set_import(&id, reached, now).await?;
    })?;
    Ok(id)
}

/// Forgets a dry run with its files.
///
/// # Errors
/// When there is none that was not taken over, or the database fails.
pub async fn forget(ctx: &Ctx, mover: &Mover, id: &str) -> Result<()> {
    transact!(ctx, |tx| {
        if !tx.forget_draft_import(id).await? {
            return Err(Error::NotFound("import"));
        }
        let mut entry = audit_entry(&mover.moving, &mover.origin, "import.forget");
        entry.subject_kind = "import";
        entry.subject = id.to_owned();
        tx.append_audit(entry, ctx.clock.now()).await?;
    })
}

/// One import.
///
/// # Errors
/// When there is none with this id, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<MovingIn>, id: &str) -> Result<ImportRow> {
    ctx.db.read().await?.import(id).await?.ok_or(Error::NotFound("import"))
}

/// The latest imports, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn latest(ctx: &Ctx, _: &Grant<MovingIn>) -> Result<Vec<ImportRow>> {
    Ok(ctx.db.read().await?.latest_imports(NEWEST, LATEST).await?)
}

/// Problems of an import behind the first so many.
///
/// # Errors
/// When the database fails.
pub async fn problems(ctx: &Ctx, _: &Grant<MovingIn>, id: &str, behind: i64, most: i64) -> Result<Vec<MovingProblem>> {
    Ok(ctx.db.read().await?.import_problems(id, behind, most).await?)
}

/// The next file of an import behind this place: its place, its name, and what is in it.
///
/// # Errors
/// When the database fails.
pub async fn next_file(ctx: &Ctx, _: &Grant<MovingIn>, id: &str, behind: i64) -> Result<Option<(i64, String, String)>> {
    Ok(ctx.db.read().await?.import_file(id, behind).await?)
}
