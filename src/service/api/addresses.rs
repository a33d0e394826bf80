//! The emergency addresses that a program gives to numbers: those of the account's tenant, as far as they are known.

use std::collections::{BTreeSet, HashMap};

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::authz::{Grant, NumbersWrite};
use crate::domain::{CivicAddress, NumberSettings, SentNumber, ServiceSet, TenantId, number};
use crate::service::civic_addresses::with_places;
use crate::service::transact::transact;
use crate::service::{Ctx, ItemProblem, Result};
use crate::store::{Tx, WorkKind};

/// The addresses are asked for again no sooner than this after they were read.
const PAUSE: Duration = Duration::minutes(1);

/// What is known of the emergency addresses of a request.
#[derive(Clone, Debug, Default)]
pub struct CheckedAddresses {
    /// Those that are none of the tenant's.
    pub problems: Vec<ItemProblem>,
    /// Whether there are some that could not be checked, because the tenant's addresses are not known.
    pub are_unchecked: bool,
    /// What is taken and yet looks like a mistake, in words.
    pub doubts: BTreeSet<String>,
}

/// The addresses of a tenant as far as a request asks for them.
struct Known {
    addresses: HashMap<String, CivicAddress>,
    /// The address of each location that the request names without it.
    locations: HashMap<String, CivicAddress>,
    as_of: OffsetDateTime,
}

/// Checks the emergency addresses of a request against those of the account's tenant. Where one is not known, the tenant's
/// addresses are asked for again.
///
/// # Errors
/// When the database fails.
pub async fn check(ctx: &Ctx, _: &Grant<NumbersWrite>, account: &str, sent: &[SentNumber]) -> Result<CheckedAddresses> {
    if !sent.iter().any(|sent| sent.settings.teams.has_emergency_address()) {
        return Ok(CheckedAddresses::default());
    }
    let unchecked = CheckedAddresses { are_unchecked: true, ..CheckedAddresses::default() };
    let Some(backend) = ctx.policy.backends.iter().find(|backend| backend.offers.civic_addresses) else {
        return Ok(unchecked);
    };
    let (tenant, known) = {
        let mut tx = ctx.db.read().await?;
        let Some(account) = tx.account(account).await? else { return Ok(CheckedAddresses::default()) };
        let Some(tenant) = account.tenant_id else { return Ok(unchecked) };
        let work = WorkKind::CivicAddresses.at(&backend.name, tenant.as_str());
        let Some(as_of) = tx.work_row(work, ctx.clock.now()).await?.and_then(|work| work.last_ok_at) else {
            return Ok(unchecked);
        };
        let known = known(&mut tx, &tenant, sent, as_of).await?;
        (tenant, known)
    };
    let checked = known.check(sent);
    let now = ctx.clock.now();
    if !checked.problems.is_empty() {
        let soonest = now.max(known.as_of + PAUSE);
        transact!(ctx, |tx| {
            tx.want_work(WorkKind::CivicAddresses.at(&backend.name, tenant.as_str()), soonest).await?;
        })?;
        ctx.wake_sync().await;
    }
    Ok(checked)
}

async fn known(tx: &mut Tx, tenant: &TenantId, sent: &[SentNumber], as_of: OffsetDateTime) -> Result<Known> {
    let teams = || sent.iter().map(|sent| &sent.settings.teams);
    let ids: BTreeSet<&str> = teams().filter_map(|teams| teams.civic_address_id.as_deref()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let addresses = tx.civic_addresses_among(tenant, &ids).await?;
    let alone = teams().filter(|teams| teams.civic_address_id.is_none());
    let alone: BTreeSet<&str> = alone.filter_map(|teams| teams.location_id.as_deref()).collect();
    let mut locations = HashMap::new();
    if !alone.is_empty() {
        for address in with_places(tx, tenant, &alone).await? {
            for place in address.locations.iter().filter(|place| alone.contains(place.id.as_str())) {
                locations.insert(place.id.clone(), address.clone());
            }
        }
    }
    let addresses = addresses.into_iter().map(|address| (address.id.clone(), address)).collect();
    Ok(Known { addresses, locations, as_of })
}

impl Known {
    fn check(&self, sent: &[SentNumber]) -> CheckedAddresses {
        let mut checked = CheckedAddresses::default();
        for sent in sent {
            match self.flaw(&sent.settings) {
                Flaw::None => checked.doubts.extend(self.doubts(sent)),
                Flaw::Of(name, id) => checked.problems.push(self.problem(sent.index, &sent.settings, name, &id)),
            }
        }
        checked
    }

    /// What looks like a mistake of an address that is the tenant's.
    fn doubts(&self, sent: &SentNumber) -> Vec<String> {
        let teams = &sent.settings.teams;
        let found = match (&teams.civic_address_id, &teams.location_id) {
            (Some(id), _) => self.addresses.get(id).map(|address| (format!("civicAddressId {}", ascii(id)), address)),
            (None, Some(place)) => self
                .locations
                .get(place)
                .map(|address| (format!("The address of locationId {}", ascii(place)), address)),
            (None, None) => None,
        };
        let Some((what, address)) = found else { return Vec::new() };
        let mut doubts = Vec::new();
        if !address.is_validated() {
            doubts.push(format!("{what} is not validated"));
        }
        let country = sent.number.and_then(|number| Some((number, number::country(number)?)));
        if let (Some((number, country)), Some(there)) = (country, address.iso_country())
            && !there.eq_ignore_ascii_case(&country)
        {
            doubts.push(format!("{what} is in {}, and {number} is a number of {country}", ascii(there)));
        }
        doubts
    }

    fn flaw(&self, settings: &NumberSettings) -> Flaw {
        match (&settings.teams.civic_address_id, &settings.teams.location_id) {
            (None, None) => Flaw::None,
            (Some(id), location) => match (self.addresses.get(id), location) {
                (None, _) => Flaw::Of("civicAddressId", id.clone()),
                (Some(address), Some(location)) if !address.locations.iter().any(|place| place.id == *location) => {
                    Flaw::Of("locationId", location.clone())
                }
                _ => Flaw::None,
            },
            (None, Some(location)) if self.locations.contains_key(location) => Flaw::None,
            (None, Some(location)) => Flaw::Of("locationId", location.clone()),
        }
    }

    fn problem(&self, index: usize, settings: &NumberSettings, name: &str, id: &str) -> ItemProblem {
        let service = settings.services.and(ServiceSet::WITH_TEAMS_SETTINGS).iter().next();
        let service = service.map_or("", |service| service.contract_name());
        let what = match (name, &settings.teams.civic_address_id) {
            ("locationId", Some(address)) => format!("The civic address {address} has no location {id}"),
            ("locationId", None) => format!("The account's tenant has no location {id}"),
            _ => format!("The account's tenant has no civic address {id}"),
        };
        let as_of = self.as_of.truncate_to_second().format(&Rfc3339).unwrap_or_default();
        ItemProblem {
            index,
            property: format!("serviceDetails.{service}.configuration.{name}"),
            code: "address_not_of_tenant",
            message: format!(
                "{what}, as of {as_of}. List the account's teamsCivicAddresses for those it has. Where it was added since, \
                 send the request again in a minute."
            ),
            conflict: false,
        }
    }
}

/// A text for a header, which holds visible ASCII alone.
fn ascii(text: &str) -> String {
    text.chars().flat_map(char::escape_default).collect()
}

/// What is wrong with the address of a number.
enum Flaw {
    None,
    /// The property of this name and value.
    Of(&'static str, String),
}
