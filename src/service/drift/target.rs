//! What becomes of one number that drifts: the account and settings that an order gives it, or why it is left out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::drift::adopted;
use crate::domain::{Account, Backends, DriftKind, DriftWay, E164, NumberSettings, OrderKind, ServiceSet, TenantId};
use crate::service::Result;
use crate::store::{DriftRow, Tx};

/// Why a number is not part of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeftOut {
    /// It is to be taken away here, which is an order of its own.
    RemovedHere,
    /// Nobody has it here, so there is nothing to push.
    NotHere,
    /// The backend has it for another tenant.
    HeldElsewhere,
    /// The enterprise's consent does not stand.
    Withdrawn,
    /// The backend does not have it for its tenant, so there is nothing to release.
    NotThere,
    /// The tenant has no account that takes the service.
    NoAccount,
    /// The tenant has several accounts that take it.
    SeveralAccounts,
    /// The chosen account is another tenant's.
    OtherTenantsAccount,
    /// The chosen account does not sync the service.
    NotSynced,
    /// It is on an account of another tenant here.
    OtherTenantHere,
    /// It is on an account here, for another service.
    HereForOther,
    /// The backend names a service that we do not know.
    UnknownService,
    /// The backend is removing it.
    Leaving,
    /// Another backend has it for another tenant, which the order settles.
    OtherTenantToo,
}

impl LeftOut {
    /// Why, and what to do about it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::RemovedHere => {
                "the backend does not have them for their tenant. Adopting that removes them here, which is an order of \
                 its own: filter by Only here or Held by another tenant"
            }
            Self::NotHere => "only the backend has them. Adopt or release them",
            Self::HeldElsewhere => {
                "the backend has them for another tenant and would refuse them. Adopt that, or move them"
            }
            Self::Withdrawn => {
                "the enterprise withdrew its consent, so the backend takes nothing. Release them, or wait"
            }
            Self::NotThere => "the backend does not have them for their tenant. Adopt that, which removes them here",
            Self::NoAccount => "their tenant has no account that takes the service. Create one first",
            Self::SeveralAccounts => "their tenant has several accounts. Say which gets them",
            Self::OtherTenantsAccount => "the chosen account belongs to another tenant",
            Self::NotSynced => {
                "the account does not sync the service with the backend, so the backend cannot be asked to release them"
            }
            Self::OtherTenantHere => "an account of another tenant has them here. Release them there first",
            Self::HereForOther => {
                "they are on an account here for another service. Adopt them first, then release them"
            }
            Self::Leaving => "the backend is removing them. Wait until they are gone there, or release them",
            Self::OtherTenantToo => {
                "another backend has them for another tenant, which this order settles. Settle the rest with the next one"
            }
            Self::UnknownService => "the backend has them for a service that this portal does not know",
        }
    }
}

/// What an order gives a number.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) number: E164,
    pub(super) account_id: i64,
    pub(super) settings: Arc<NumberSettings>,
    pub(super) country: Option<String>,
}

/// Finds the target of each number.
pub(super) struct Targets<'a> {
    pub(super) way: DriftWay,
    pub(super) kind: OrderKind,
    pub(super) backends: &'a Backends,
    /// The account that somebody chose for what only the backend has.
    pub(super) chosen: Option<Account>,
    /// The accounts of the tenants that came by.
    pub(super) accounts: HashMap<String, Vec<Account>>,
    pub(super) left_out: BTreeMap<LeftOut, i64>,
}

impl Targets<'_> {
    /// What becomes of a number; nothing where it is left out, which is counted.
    pub(super) async fn of(&mut self, tx: &mut Tx, row: &DriftRow) -> Result<Option<Target>> {
        match self.find(tx, row).await? {
            Ok(target) => Ok(Some(target)),
            Err(reason) => {
                self.leave_out(reason);
                Ok(None)
            }
        }
    }

    /// Counts a number that is left out.
    pub(super) fn leave_out(&mut self, reason: LeftOut) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    async fn find(&mut self, tx: &mut Tx, row: &DriftRow) -> Result<std::result::Result<Target, LeftOut>> {
        use DriftKind::{ConsentWithdrawn, OnlyHere, OnlyThere, OtherTenant};
        let removes = matches!(row.kind, OnlyHere | OtherTenant);
        match self.way {
            DriftWay::Push => Ok(match row.kind {
                _ if row.leaving.is_some() => Err(LeftOut::Leaving),
                OnlyThere => Err(LeftOut::NotHere),
                OtherTenant => Err(LeftOut::HeldElsewhere),
                ConsentWithdrawn => Err(LeftOut::Withdrawn),
                _ => as_it_is(row),
            }),
            DriftWay::Adopt if self.kind == OrderKind::Release => {
                Ok(if removes { as_it_is(row) } else { Err(LeftOut::RemovedHere) })
            }
            DriftWay::Adopt if removes => Ok(Err(LeftOut::RemovedHere)),
            DriftWay::Adopt if row.leaving.is_some() => Ok(Err(LeftOut::Leaving)),
            DriftWay::Release if removes => Ok(Err(LeftOut::NotThere)),
            DriftWay::Adopt | DriftWay::Release => self.with_theirs(tx, row).await,
        }
    }

    /// The target of a number that the backend has.
    async fn with_theirs(&mut self, tx: &mut Tx, row: &DriftRow) -> Result<std::result::Result<Target, LeftOut>> {
        let Some(theirs) = row.theirs.as_ref().filter(|theirs| !theirs.services.is_empty()) else {
            return Ok(Err(LeftOut::UnknownService));
        };
        let releases = self.way == DriftWay::Release;
        let account_id = match (row.account_id, &row.ours) {
            (Some(_), Some(ours)) if releases => {
                let is_for_it = !ours.services.and(theirs.services.or(self.services_of(&row.backend))).is_empty();
                return Ok(if is_for_it { as_it_is(row) } else { Err(LeftOut::HereForOther) });
            }
            (Some(id), _) => {
                if !self.accounts_of(tx, &row.tenant).await?.iter().any(|account| account.id == id) {
                    return Ok(Err(LeftOut::OtherTenantHere));
                }
                id
            }
            (None, _) => match self.account_for(tx, &row.tenant, theirs.services).await? {
                Ok(id) => id,
                Err(reason) => return Ok(Err(reason)),
            },
        };
        let settings = if releases {
            Arc::clone(theirs)
        } else {
            Arc::new(adopted(row.ours.as_deref(), theirs, self.services_of(&row.backend)))
        };
        Ok(Ok(Target { number: row.number, account_id, settings, country: row.country.clone() }))
    }

    fn services_of(&self, backend: &str) -> ServiceSet {
        self.backends.iter().find(|info| info.name == backend).map_or_else(ServiceSet::default, |info| info.services)
    }

    async fn accounts_of(&mut self, tx: &mut Tx, tenant: &str) -> Result<&[Account]> {
        if !self.accounts.contains_key(tenant) {
            let found = match TenantId::parse(tenant) {
                Ok(tenant) => tx.accounts_of_tenant(&tenant).await?,
                Err(_) => Vec::new(),
            };
            self.accounts.insert(tenant.to_owned(), found);
        }
        Ok(self.accounts.get(tenant).map_or(&[], Vec::as_slice))
    }

    /// The account that gets what only the backend has: the chosen one, or the only one that takes it.
    async fn account_for(
        &mut self,
        tx: &mut Tx,
        tenant: &str,
        services: ServiceSet,
    ) -> Result<std::result::Result<i64, LeftOut>> {
        let must_sync = self.way == DriftWay::Release;
        let syncs = |account: &Account| !account.pushed(services).is_empty();
        if let Some(chosen) = &self.chosen {
            let is_tenants = chosen.tenant_id.as_ref().is_some_and(|id| id.as_str() == tenant);
            return Ok(match (is_tenants, must_sync && !syncs(chosen)) {
                (false, _) => Err(LeftOut::OtherTenantsAccount),
                (true, true) => Err(LeftOut::NotSynced),
                (true, false) => Ok(chosen.id),
            });
        }
        let takes = |account: &&Account| !account.deleting && !account.services.and(services).is_empty();
        let mut candidates = self.accounts_of(tx, tenant).await?.iter().filter(takes);
        Ok(match (candidates.next(), candidates.next()) {
            (None, _) => Err(LeftOut::NoAccount),
            (Some(_), Some(_)) => Err(LeftOut::SeveralAccounts),
            (Some(only), None) if must_sync && !syncs(only) => Err(LeftOut::NotSynced),
            (Some(only), None) => Ok(only.id),
        })
    }
}

/// A number as it is here.
fn as_it_is(row: &DriftRow) -> std::result::Result<Target, LeftOut> {
    let (Some(account_id), Some(ours)) = (row.account_id, &row.ours) else { return Err(LeftOut::NotHere) };
    Ok(Target { number: row.number, account_id, settings: Arc::clone(ours), country: row.country.clone() })
}
