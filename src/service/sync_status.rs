//! The connections to the backends as people see them: what was pulled when, what waits, what went wrong.

use time::OffsetDateTime;

use super::transact::transact;
use super::{Ctx, Error, Result};
use crate::authz::{ConsentsRead, Grant, SyncWrite};
use crate::domain::{BackendInfo, TenantId};

use crate::store::Tx;

pub use crate::store::{UnreadList, WorkKind, WorkRow};

/// Pieces shown of each kind.
pub const SHOWN: i64 = 50;
/// Pieces are counted up to here.
pub const COUNTED: i64 = 1_000;

/// What a piece of work is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Everything there is of its kind.
    Everything,
    /// The account of this name.
    Account(String),
    /// A tenant, and the enterprise's name where a consent tells it.
    Tenant(TenantId, Option<String>),
    /// Something that is gone.
    Gone,
}

/// A piece of work and what it is about.
#[derive(Clone, Debug)]
pub struct Piece {
    /// How it stands.
    pub row: WorkRow,
    /// What it is about.
    pub subject: Subject,
}

/// How the work of one kind stands.
#[derive(Clone, Debug)]
pub struct KindStatus {
    /// The kind.
    pub kind: WorkKind,
    /// Its pieces, what failed first; [`SHOWN`] at most.
    pub pieces: Vec<Piece>,
    /// How many there are, up to [`COUNTED`] and one.
    pub all: i64,
    /// How many do not go through, up to [`COUNTED`] and one.
    pub failing: i64,
}

/// How the work with one backend stands.
#[derive(Clone, Debug)]
pub struct BackendStatus {
    /// The backend.
    pub info: BackendInfo,
    /// Its work by kind; what it does not offer is left out.
    pub kinds: Vec<KindStatus>,
    /// Requests to it that are under way.
    pub open_pushes: i64,
    /// What could not be read of its lists; [`SHOWN`] at most.
    pub unread: Vec<UnreadList>,
}

impl BackendStatus {
    fn rows(&self) -> impl Iterator<Item = &WorkRow> {
        self.kinds.iter().flat_map(|kind| &kind.pieces).map(|piece| &piece.row)
    }

    /// Pieces that do not go through.
    #[must_use]
    pub fn failing(&self) -> i64 {
        self.kinds.iter().map(|kind| kind.failing).sum()
    }

    /// When something last went through.
    #[must_use]
    pub fn last_ok_at(&self) -> Option<OffsetDateTime> {
        self.rows().filter_map(|row| row.last_ok_at).max()
    }

    /// Whether something went wrong and nothing has gone through since.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let failures = self.rows().filter(|row| row.last_error.is_some() && row.attempt > 0);
        failures.filter_map(|row| row.last_error_at).max() > self.last_ok_at() && self.failing() > 0
    }
}

/// Work for a backend that the configuration does not name any more.
#[derive(Clone, Debug)]
pub struct LeftBehind {
    /// The backend's name.
    pub name: String,
    /// Accounts and relationships that wait for it.
    pub waiting: i64,
    /// Numbers that wait for it beside another backend, or that it refused.
    pub numbers: i64,
}

/// How all of the sync engines' work stands.
#[derive(Clone, Debug)]
pub struct SyncStatus {
    /// Backend by backend; there may be none.
    pub backends: Vec<BackendStatus>,
    /// What waits for backends that there are no more.
    pub left_behind: Vec<LeftBehind>,
}

/// How all of the sync engines' work stands.
///
/// # Errors
/// When the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<ConsentsRead>) -> Result<SyncStatus> {
    let mut tx = ctx.db.read().await?;
    let now = ctx.clock.now();
    let mut backends = Vec::new();
    for info in ctx.policy.backends.iter() {
        let mut kinds = Vec::new();
        for kind in WorkKind::ALL.into_iter().filter(|kind| has_work(info, *kind)) {
            let mut pieces = Vec::new();
            for row in tx.work_rows(&info.name, kind, now, SHOWN).await? {
                pieces.push(Piece { subject: subject(&mut tx, &row).await?, row });
            }
            let failing = pieces.iter().filter(|piece| piece.row.last_error.is_some() && piece.row.attempt > 0).count();
            let shown = (pieces.len() as i64, failing as i64);
            let (all, failing) =
                if shown.0 < SHOWN { shown } else { tx.work_counts(&info.name, kind, COUNTED + 1).await? };
            kinds.push(KindStatus { kind, pieces, all, failing });
        }
        let open_pushes = tx.open_pushes(&info.name).await?;
        let unread = tx.unread(&info.name, SHOWN).await?;
        backends.push(BackendStatus { info: info.clone(), kinds, open_pushes, unread });
    }
    let mut left_behind = Vec::new();
    for name in tx.backends_with_work().await? {
        if backends.iter().any(|backend| backend.info.name == name) {
            continue;
        }
        let waiting = tx.waiting_pushes(&name).await?;
        let numbers = tx.parts_of(&name).await?;
        if waiting > 0 || numbers > 0 {
            left_behind.push(LeftBehind { name, waiting, numbers });
        }
    }
    Ok(SyncStatus { backends, left_behind })
}

/// Whether there is work of this kind with a backend.
const fn has_work(info: &BackendInfo, kind: WorkKind) -> bool {
    match kind {
        WorkKind::Account | WorkKind::Numbers => true,
        WorkKind::Relationship => info.offers.relationships,
        WorkKind::Consents => info.offers.consents,
        WorkKind::CivicAddresses => info.offers.facts_of_tenants(),
    }
}

async fn subject(tx: &mut Tx, row: &WorkRow) -> Result<Subject> {
    Ok(match row.kind {
        WorkKind::Consents => Subject::Everything,
        WorkKind::Account => match row.key.parse() {
            Ok(id) => tx.account_by_id(id).await?.map_or(Subject::Gone, |account| Subject::Account(account.name)),
            Err(_) => Subject::Gone,
        },
        WorkKind::Relationship | WorkKind::CivicAddresses | WorkKind::Numbers => match TenantId::parse(&row.key) {
            Ok(tenant) => {
                let company = tx.consent(&tenant).await?.map(|consent| consent.company);
                Subject::Tenant(tenant, company)
            }
            Err(_) => Subject::Gone,
        },
    })
}

/// How the pull of the consents stands.
///
/// # Errors
/// When the database fails.
pub async fn consents(ctx: &Ctx, _: &Grant<ConsentsRead>) -> Result<Option<WorkRow>> {
    let Some(backend) = ctx.policy.backends.of_consents() else { return Ok(None) };
    Ok(ctx.db.read().await?.work_row(WorkKind::Consents.at(&backend.name, ""), ctx.clock.now()).await?)
}

/// How the pull of a tenant's addresses and plans stands.
///
/// # Errors
/// When the database fails.
pub async fn civic_addresses(ctx: &Ctx, _: &Grant<ConsentsRead>, tenant: &TenantId) -> Result<Option<WorkRow>> {
    let Some(backend) = ctx.policy.backends.iter().find(|backend| backend.offers.facts_of_tenants()) else {
        return Ok(None);
    };
    let work = WorkKind::CivicAddresses.at(&backend.name, tenant.as_str());
    Ok(ctx.db.read().await?.work_row(work, ctx.clock.now()).await?)
}

/// What a person may ask to be pulled now.
#[derive(Clone, Copy, Debug)]
pub enum Pull<'a> {
    /// Every consent.
    Consents,
    /// A tenant's addresses and capability plans.
    CivicAddresses(&'a TenantId),
    /// The state of a tenant's numbers.
    Numbers(&'a TenantId),
}

/// Asks for a pull now, from the named backend or else from every one that has such a thing; the sync engine does it.
///
/// # Errors
/// When there is no such backend, or the database fails.
pub async fn pull_now(ctx: &Ctx, _: &Grant<SyncWrite>, backend: Option<&str>, pull: Pull<'_>) -> Result<()> {
    let (kind, key) = match pull {
        Pull::Consents => (WorkKind::Consents, ""),
        Pull::CivicAddresses(tenant) => (WorkKind::CivicAddresses, tenant.as_str()),
        Pull::Numbers(tenant) => (WorkKind::Numbers, tenant.as_str()),
    };
    let is_meant = |info: &BackendInfo| has_work(info, kind) && backend.is_none_or(|name| name == info.name);
    let now = ctx.clock.now();
    transact!(ctx, |tx| {
        let mut asked = false;
        for info in ctx.policy.backends.iter().filter(|info| is_meant(info)) {
            tx.want_work(kind.at(&info.name, key), now).await?;
            asked = true;
        }
        if !asked {
            return Err(Error::Conflict("There is no backend to pull this from.".into()));
        }
    })?;
    ctx.wake_sync().await;
    Ok(())
}
