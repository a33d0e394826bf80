//! What stands against the emergency addresses that a draft gives to numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::find::find;
use crate::authz::{Grant, OrdersRead};
use crate::domain::field::{counted, thousands};
use crate::domain::{CivicAddress, TenantId};
use crate::service::civic_addresses::with_places;
use crate::service::{Ctx, Result};
use crate::store::{AddressPlace, AddressUse, Tx};

/// Addresses looked at, at once.
const CHUNK: i64 = 10_000;
/// Addresses of a kind of doubt that a review tells one by one.
const TOLD: usize = 20;
/// Addresses of a kind of doubt that are told apart, to find those with the most numbers.
const APART: usize = 10_000;

/// An emergency address that a draft gives to numbers of a country, and that looks like a mistake.
#[derive(Clone, Debug)]
pub struct DoubtfulAddress {
    /// What the draft gives to how many numbers.
    pub of: AddressUse,
    /// The address.
    pub address: CivicAddress,
    /// Its country, where that is not the numbers'.
    pub elsewhere: Option<String>,
}

/// What stands against the addresses of a draft, in words.
#[derive(Clone, Debug, Default)]
pub(super) struct Warnings {
    pub(super) said: Vec<String>,
    /// How many addresses are told one by one, and of how many; nothing where that is all.
    pub(super) shown: Option<(i64, i64)>,
}

/// Those that look like a mistake of the next addresses of a draft behind a place, and the place to go on behind.
async fn doubtful(
    tx: &mut Tx,
    order_id: i64,
    after: &AddressPlace,
) -> Result<(Vec<DoubtfulAddress>, Option<AddressPlace>)> {
    let uses = tx.addresses_of_draft(order_id, after, CHUNK).await?;
    let next = uses.last().filter(|_| uses.len() as i64 >= CHUNK).map(|last| last.place.clone());
    let known = Known::of(tx, &uses).await?;
    let judged = |of: AddressUse| {
        let address = known.address(&of)?;
        let country = of.country.as_deref();
        let elsewhere =
            address.iso_country().filter(|other| country.is_some_and(|here| !other.eq_ignore_ascii_case(here)));
        let elsewhere = elsewhere.map(str::to_owned);
        let is_doubtful = elsewhere.is_some() || !address.is_validated();
        is_doubtful.then(|| DoubtfulAddress { address: address.clone(), elsewhere, of })
    };
    Ok((uses.into_iter().filter_map(judged).collect(), next))
}

/// The addresses that some numbers get, as far as they are known.
struct Known {
    addresses: HashMap<(TenantId, String), CivicAddress>,
    /// Which address a place is in that is named without it.
    of_places: HashMap<(TenantId, String), String>,
}

impl Known {
    async fn of(tx: &mut Tx, uses: &[AddressUse]) -> Result<Self> {
        let (mut named, mut places) = (BTreeSet::new(), BTreeMap::<TenantId, BTreeSet<&str>>::new());
        for one in uses {
            match (&one.tenant, &one.civic_address_id, &one.location_id) {
                (Some(tenant), Some(id), _) => {
                    named.insert((tenant.clone(), id.clone()));
                }
                (Some(tenant), None, Some(place)) => {
                    places.entry(tenant.clone()).or_default().insert(place);
                }
                _ => {}
            }
        }
        let mut known = Self { addresses: HashMap::new(), of_places: HashMap::new() };
        let named: Vec<(TenantId, String)> = named.into_iter().collect();
        for (tenant, address) in tx.civic_addresses_by_tenant(&named).await? {
            known.addresses.insert((tenant, address.id.clone()), address);
        }
        for (tenant, wanted) in &places {
            known.find_places(tx, tenant, wanted).await?;
        }
        Ok(known)
    }

    /// Finds the addresses of a tenant in which these places are.
    async fn find_places(&mut self, tx: &mut Tx, tenant: &TenantId, wanted: &BTreeSet<&str>) -> Result<()> {
        for address in with_places(tx, tenant, wanted).await? {
            for place in address.locations.iter().filter(|place| wanted.contains(place.id.as_str())) {
                self.of_places.insert((tenant.clone(), place.id.clone()), address.id.clone());
            }
            self.addresses.insert((tenant.clone(), address.id.clone()), address);
        }
        Ok(())
    }

    fn address(&self, of: &AddressUse) -> Option<&CivicAddress> {
        let tenant = of.tenant.clone()?;
        let id = match (&of.civic_address_id, &of.location_id) {
            (Some(id), _) => id.clone(),
            (None, place) => self.of_places.get(&(tenant.clone(), place.clone()?))?.clone(),
        };
        self.addresses.get(&(tenant, id))
    }
}

/// The doubtful addresses of a draft behind a place, for an export, and the place to go on behind.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn doubtful_addresses(
    ctx: &Ctx,
    _: &Grant<OrdersRead>,
    id: i64,
    after: &AddressPlace,
) -> Result<(Vec<DoubtfulAddress>, Option<AddressPlace>)> {
    let mut tx = ctx.db.read().await?;
    find(&mut tx, id).await?;
    doubtful(&mut tx, id, after).await
}

/// How many numbers get each of some addresses. Beyond very many it only counts.
#[derive(Default)]
struct Tally<K> {
    apart: BTreeMap<K, i64>,
    further: (i64, i64),
}

impl<K: Ord + Clone> Tally<K> {
    fn add(&mut self, key: K, count: i64) {
        if self.apart.len() < APART || self.apart.contains_key(&key) {
            *self.apart.entry(key).or_default() += count;
        } else {
            self.further.0 += 1;
            self.further.1 += count;
        }
    }

    /// Those with the most numbers, and how many other addresses and numbers there are.
    fn most(self) -> (Vec<(K, i64)>, (i64, i64)) {
        let mut all: Vec<(K, i64)> = self.apart.into_iter().collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let (mut addresses, mut numbers) = self.further;
        for (_, count) in all.drain(TOLD.min(all.len())..) {
            addresses += 1;
            numbers += count;
        }
        (all, (addresses, numbers))
    }
}

/// Says how many further addresses there are.
fn further((addresses, count): (i64, i64), what: &str) -> Option<String> {
    let many = if addresses == 1 { "address" } else { "addresses" };
    let numbers = if count == 1 { "number" } else { "numbers" };
    let (told, count) = (thousands(addresses), thousands(count));
    (addresses > 0).then(|| format!("{count} more {numbers} would get one of {told} further {many} {what}."))
}

/// Tells which numbers get an address in another country than theirs, or one that is not validated: all of them are looked at,
/// and those with the most numbers are named.
pub(super) async fn warnings(tx: &mut Tx, order_id: i64) -> Result<Warnings> {
    let mut elsewhere = Tally::<(String, String, String)>::default();
    let mut not_validated = Tally::<String>::default();
    let mut after = Some(AddressPlace::default());
    while let Some(place) = after {
        tx.take_time().await?;
        let (found, next) = doubtful(tx, order_id, &place).await?;
        for DoubtfulAddress { of, address, elsewhere: other } in found {
            let line = address.line();
            if !address.is_validated() {
                not_validated.add(line.clone(), of.count);
            }
            if let (Some(country), Some(other)) = (of.country, other) {
                elsewhere.add((country, other, line), of.count);
            }
        }
        after = next;
    }
    let ((elsewhere, more_elsewhere), (not_validated, more_not_validated)) = (elsewhere.most(), not_validated.most());
    let told = (elsewhere.len() + not_validated.len()) as i64;
    let left = more_elsewhere.0 + more_not_validated.0;
    let elsewhere = elsewhere.into_iter().map(|((country, other, line), count)| {
        format!(
            "{} in {country} would get an emergency address in {other}: {line}. An emergency call would be taken for one \
             from there. Choose an address in {country}.",
            counted(count, "number", "numbers")
        )
    });
    let not_validated = not_validated.into_iter().map(|(line, count)| {
        format!(
            "{} would get an emergency address that is not validated: {line}. The backend may refuse it, and emergency \
             services may not find it. The enterprise validates its addresses in its Teams admin centre.",
            counted(count, "number", "numbers")
        )
    });
    let mut said: Vec<String> = elsewhere.collect();
    said.extend(further(more_elsewhere, "in another country than theirs"));
    said.extend(not_validated);
    said.extend(further(more_not_validated, "that are not validated"));
    Ok(Warnings { said, shown: (left > 0).then_some((told, told + left)) })
}
