//! The names of Direct Routing accounts: whether they are answered as they should be, and who is asked for them.

use std::time::Duration;

use time::OffsetDateTime;

use super::transact::transact;
use super::{Ctx, Result};
use crate::authz::{AccountsRead, Grant};
use crate::domain::Account;
use crate::domain::direct_routing::{Delegation, Served, SubdomainStatus};
use crate::store::{DelegationRow, NamesRow};

/// How long a check that was asked for is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// What is known of an account's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubdomainState {
    /// All in all.
    pub status: SubdomainStatus,
    /// Region by region.
    pub regions: Vec<RegionState>,
    /// When a name server was last asked, if it was since the last change.
    pub checked_at: Option<OffsetDateTime>,
    /// Whether the public asks our name servers.
    pub delegation: Delegation,
    /// When that was found.
    pub delegation_checked_at: Option<OffsetDateTime>,
}

/// What is known of an account's name in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionState {
    /// The region's label.
    pub region: String,
    /// The full name.
    pub name: String,
    /// The token that it should be answered with.
    pub token: String,
    /// What was answered, if a name server was asked since the last change.
    pub served: Option<Served>,
    /// What is wrong with that, as a sentence.
    pub difference: Option<&'static str>,
}

/// Reads what is known of the account's names, where it has some and the deployment has a base domain for them.
///
/// # Errors
/// When the database fails.
pub async fn state(ctx: &Ctx, _: &Grant<AccountsRead>, account: &Account) -> Result<Option<SubdomainState>> {
    let mut tx = ctx.db.read().await?;
    let Some(names) = tx.names_of(account.id).await? else { return Ok(None) };
    let delegation = tx.delegation().await?;
    Ok(described(ctx, &names, delegation))
}

fn described(ctx: &Ctx, names: &NamesRow, delegation: DelegationRow) -> Option<SubdomainState> {
    let zones = ctx.policy.zones.as_ref()?;
    let full = zones.names(&names.label);
    let regions =
        zones.regions.iter().zip(full).zip(&names.tokens).enumerate().map(|(index, ((region, name), token))| {
            let served = names.served.get(index).copied();
            RegionState {
                region: region.clone(),
                name,
                token: token.clone(),
                served,
                difference: served.and_then(Served::difference),
            }
        });
    Some(SubdomainState {
        status: names.status,
        regions: regions.collect(),
        checked_at: names.checked_at,
        delegation: delegation.found,
        delegation_checked_at: delegation.checked_at,
    })
}

/// Has the name servers asked for the account's names now, and waits a moment for what is found; then the state as it is
/// known, which is the old one where no name server runs.
///
/// # Errors
/// When the database fails.
pub async fn check_now(ctx: &Ctx, grant: &Grant<AccountsRead>, account: &Account) -> Result<Option<SubdomainState>> {
    let asked_at = ctx.clock.now();
    transact!(ctx, |tx| tx.want_check(account.id, asked_at).await?)?;
    ctx.db.tell_name_server();
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let state = state(ctx, grant, account).await?;
        let is_new = |at: Option<OffsetDateTime>| at.is_some_and(|at| at >= asked_at);
        let done = state.as_ref().is_none_or(|state| is_new(state.checked_at) && is_new(state.delegation_checked_at));
        if done || tokio::time::Instant::now() >= end {
            return Ok(state);
        }
        tokio::time::sleep(LOOK).await;
    }
}
