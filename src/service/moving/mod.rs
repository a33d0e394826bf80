//! Moving in: accounts and numbers of another system are taken over as they are. Nothing is pushed to a backend.
//!
//! Whoever reads a source hands its accounts and then its numbers to an [`Import`], page by page. A dry run compares them
//! with what exists and keeps nothing; a run writes them in batches, each in a transaction of its own with how far the source
//! was read, so that a run that is cut goes on there. What is here already stays as it is, so a second run changes nothing.

mod accounts;
mod backend;
mod findings;
mod numbers;
mod records;
mod standing;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use self::findings::Findings;
use self::numbers::Waiting;
use self::standing::Standings;
use super::transact::transact;
use super::{Ctx, Origin, Result, audit_entry};
use crate::authz::{AccountsWrite, Grant, Missing, MovingIn};
use crate::domain::AccountDraft;
use crate::domain::moving::{Counts, MovingProblem};
use crate::domain::number::Countries;
use crate::store::{Reached, Tx};

pub use self::backend::from_backend;
pub use self::findings::{PROBLEMS_KEPT, Report};
pub use self::records::{DryRun, forget, get, keep_dry_run, latest, next_file, problems};
pub use crate::store::{ImportKind, ImportRow, ImportStatus};

/// Who takes over, and from where that was asked for.
#[derive(Clone, Debug)]
pub struct Mover {
    moving: Grant<MovingIn>,
    accounts: Grant<AccountsWrite>,
    origin: Origin,
}

impl Mover {
    /// Somebody who may take over what another system has.
    ///
    /// # Errors
    /// Names the roles that are missing.
    pub fn new(grant: &Grant<MovingIn>, origin: Origin) -> std::result::Result<Self, Missing> {
        Ok(Self { moving: grant.clone(), accounts: grant.principal().grant()?, origin })
    }
}

/// Where an import is from.
#[derive(Clone, Debug)]
pub struct Source {
    /// What kind of source it is.
    pub kind: ImportKind,
    /// The address, the folder, or the names of files.
    pub name: String,
}

/// Tells how far an import has come.
pub type Progress = Arc<dyn Fn(&Counts) + Send + Sync>;

/// An import under way: a dry run, or a run with a record of its own.
pub struct Import {
    ctx: Ctx,
    mover: Mover,
    source: Source,
    /// Id of the record; a dry run has none.
    record: Option<String>,
    /// Where to go on, in the source's own terms, once what was handed over is written.
    place: Option<String>,
    standings: Standings,
    /// The accounts of the source, and which of them has which label.
    drafts: HashMap<Arc<str>, AccountDraft>,
    labels: HashMap<String, Arc<str>>,
    /// Which account each number of the source is on.
    seen: HashMap<i64, u32>,
    waiting: Vec<Waiting>,
    /// Settings and errors that are known to be stored.
    interned: HashSet<i64>,
    countries: Countries,
    findings: Findings,
    progress: Option<Progress>,
}

impl Import {
    fn new(ctx: &Ctx, mover: Mover, source: Source) -> Self {
        Self {
            ctx: ctx.clone(),
            mover,
            source,
            record: None,
            place: None,
            standings: Standings::default(),
            drafts: HashMap::new(),
            labels: HashMap::new(),
            seen: HashMap::new(),
            waiting: Vec::new(),
            interned: HashSet::new(),
            countries: Countries::default(),
            findings: Findings::default(),
            progress: None,
        }
    }

    /// Looks a source through and changes nothing.
    #[must_use]
    pub fn dry_run(ctx: &Ctx, mover: Mover, source: Source) -> Self {
        Self::new(ctx, mover, source)
    }

    /// Takes a source over. Gives besides where the last run from there stopped, where it did not come to its end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run(ctx: &Ctx, mover: Mover, source: Source) -> Result<(Self, Option<String>)> {
        let (id, place, counts) = records::begin(ctx, &mover, &source).await?;
        let mut import = Self::new(ctx, mover, source);
        import.record = Some(id);
        import.findings.counts = counts;
        Ok((import, place))
    }

    /// Takes over what a dry run looked through.
    ///
    /// # Errors
    /// When there is none, it was taken over already, or the database fails.
    pub async fn of_dry_run(ctx: &Ctx, mover: Mover, id: &str) -> Result<Self> {
        let source = records::claim(ctx, id).await?;
        let mut import = Self::new(ctx, mover, source);
        import.record = Some(id.to_owned());
        Ok(import)
    }

    /// Tells how far it has come after each batch.
    #[must_use]
    pub fn telling(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Whether nothing is changed.
    #[must_use]
    pub const fn is_dry_run(&self) -> bool {
        self.record.is_none()
    }

    /// What was read until now, and what became of it.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.findings.counts
    }

    /// Notes something that is wrong with the source.
    pub fn problem(&mut self, problem: MovingProblem) {
        self.findings.add(problem);
    }

    /// Says where the source is read on, once everything before it was handed over.
    pub fn reached(&mut self, place: String) {
        self.place = Some(place);
    }

    /// Ends an import that read its source to the end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish(self) -> Result<Report> {
        self.end(ImportStatus::Complete, None).await
    }

    /// Ends an import that cannot go on. What went through is kept, and the next run goes on there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stop(self, reason: &str) -> Result<Report> {
        self.end(ImportStatus::Stopped, Some(reason)).await
    }

    async fn end(mut self, status: ImportStatus, reason: Option<&str>) -> Result<Report> {
        self.write().await?;
        self.standings.left_out(&mut self.findings);
        if let Some(id) = &self.record {
            let ctx = &self.ctx;
            transact!(ctx, |tx| {
                let now = ctx.clock.now();
                self.record_in(&mut tx, id, (status, reason), &self.findings.counts, &[]).await?;
                let mut entry = audit_entry(&self.mover.moving, &self.mover.origin, action(status));
                entry.subject_kind = "import";
                entry.subject.clone_from(id);
                entry.after = Some(self.told(reason));
                tx.append_audit(entry, now).await?;
                if status == ImportStatus::Complete {
                    tx.forget_import_files(id).await?;
                }
            })?;
            self.ctx.wake_followers_of_accounts().await;
        }
        self.tell();
        Ok(self.findings.into_report())
    }

    /// Records how far the import has come, and what was told and is not kept yet.
    async fn record_in(
        &self,
        tx: &mut Tx,
        id: &str,
        (status, reason): (ImportStatus, Option<&str>),
        counts: &Counts,
        further: &[MovingProblem],
    ) -> Result<()> {
        let reached = Reached { status, place: self.place.as_deref(), counts, reason };
        tx.set_import(id, reached, self.ctx.clock.now()).await?;
        tx.add_import_problems(id, self.findings.unsaved()).await?;
        tx.add_import_problems(id, further).await?;
        Ok(())
    }

    fn tell(&self) {
        if let Some(progress) = &self.progress {
            progress(&self.findings.counts);
        }
    }

    /// What the audit says of it.
    fn told(&self, reason: Option<&str>) -> String {
        let Counts { accounts, numbers, problems } = self.findings.counts;
        serde_json::json!({
            "kind": self.source.kind.key(),
            "source": self.source.name,
            "accounts": accounts,
            "numbers": numbers,
            "problems": problems,
            "stopped": reason,
        })
        .to_string()
    }
}

const fn action(status: ImportStatus) -> &'static str {
    match status {
        ImportStatus::Complete => "import.complete",
        _ => "import.stop",
    }
}
