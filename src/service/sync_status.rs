//! The connection to the backend as people see it: what was pulled when, what waits, what went wrong.

use super::transact::transact;
use super::{Ctx, Result};
use crate::authz::{ConsentsRead, Grant, SyncWrite};
use crate::domain::TenantId;

use crate::store::Tx;

pub use crate::store::{WorkKind, WorkRow};

/// Pieces shown of each kind.
pub const SHOWN: i64 = 50;

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
}

/// How all of the sync engine's work stands.
#[derive(Clone, Debug)]
pub struct SyncStatus {
    /// By kind.
    pub kinds: Vec<KindStatus>,
    /// Requests to the backend that are under way.
    pub open_pushes: i64,
}

/// How all of the sync engine's work stands.
///
/// # Errors
/// When the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<ConsentsRead>) -> Result<SyncStatus> {
    let mut tx = ctx.db.read().await?;
    let now = ctx.clock.now();
    let mut kinds = Vec::new();
    for kind in WorkKind::ALL {
        let mut pieces = Vec::new();
        for row in tx.work_rows(kind, now, SHOWN).await? {
            pieces.push(Piece { subject: subject(&mut tx, &row).await?, row });
        }
        kinds.push(KindStatus { kind, pieces });
    }
    Ok(SyncStatus { kinds, open_pushes: tx.open_pushes().await? })
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
    Ok(ctx.db.read().await?.work_row(WorkKind::Consents, "", ctx.clock.now()).await?)
}

/// How the pull of a tenant's addresses and plans stands.
///
/// # Errors
/// When the database fails.
pub async fn civic_addresses(ctx: &Ctx, _: &Grant<ConsentsRead>, tenant: &TenantId) -> Result<Option<WorkRow>> {
    Ok(ctx.db.read().await?.work_row(WorkKind::CivicAddresses, tenant.as_str(), ctx.clock.now()).await?)
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

/// Asks for a pull now; the sync engine does it.
///
/// # Errors
/// When the database fails.
pub async fn pull_now(ctx: &Ctx, _: &Grant<SyncWrite>, pull: Pull<'_>) -> Result<()> {
    let (kind, key) = match pull {
        Pull::Consents => (WorkKind::Consents, ""),
        Pull::CivicAddresses(tenant) => (WorkKind::CivicAddresses, tenant.as_str()),
        Pull::Numbers(tenant) => (WorkKind::Numbers, tenant.as_str()),
    };
    let now = ctx.clock.now();
    transact!(ctx, |tx| tx.want_work(kind, key, now).await?)?;
    ctx.wake_sync().await;
    Ok(())
}
