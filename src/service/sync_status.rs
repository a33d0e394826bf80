//! The connection to the backend as people see it: what was pulled when, what waits, what went wrong.

use super::transact::transact;
use super::{Ctx, Result};
use crate::authz::{ConsentsRead, Grant, SyncWrite};
use crate::domain::TenantId;
use crate::store::{WorkKind, WorkRow};

/// Rows shown of each kind.
const SHOWN: i64 = 200;

/// How the work of one kind stands.
#[derive(Clone, Debug)]
pub struct KindStatus {
    /// The kind.
    pub kind: WorkKind,
    /// Its pieces, what failed first.
    pub rows: Vec<WorkRow>,
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
        kinds.push(KindStatus { kind, rows: tx.work_rows(kind, now, SHOWN).await? });
    }
    Ok(SyncStatus { kinds, open_pushes: tx.open_pushes().await? })
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
    transact!(ctx, tx => tx.want_work(kind, key, now).await?)?;
    ctx.wake_sync().await;
    Ok(())
}
