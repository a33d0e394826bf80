//! What stands against the emergency addresses that a draft gives to numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::field::counted;
use crate::domain::{CivicAddress, TenantId};
use crate::service::Result;
use crate::store::Tx;

/// The addresses of the tenants of a draft's accounts, as they were asked for.
#[derive(Default)]
struct Known {
    tenants: HashMap<i64, Option<TenantId>>,
    addresses: HashMap<TenantId, Vec<CivicAddress>>,
}

impl Known {
    async fn of(&mut self, tx: &mut Tx, account_id: i64) -> Result<&[CivicAddress]> {
        let tenant = if let Some(known) = self.tenants.get(&account_id) {
            known.clone()
        } else {
            let tenant = tx.account_by_id(account_id).await?.and_then(|account| account.tenant_id);
            self.tenants.insert(account_id, tenant.clone());
            tenant
        };
        let Some(tenant) = tenant else { return Ok(&[]) };
        if !self.addresses.contains_key(&tenant) {
            let addresses = tx.civic_addresses(&tenant).await?;
            self.addresses.insert(tenant.clone(), addresses);
        }
        Ok(self.addresses.get(&tenant).map_or(&[], Vec::as_slice))
    }
}

/// Tells which numbers get an address in another country than theirs, or one that is not validated.
pub(super) async fn warnings(tx: &mut Tx, order_id: i64) -> Result<Vec<String>> {
    let mut known = Known::default();
    let mut elsewhere: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    let mut not_validated: BTreeMap<String, i64> = BTreeMap::new();
    for found in tx.addresses_of_draft(order_id).await? {
        let addresses = known.of(tx, found.account_id).await?;
        let address = addresses.iter().find(|address| match (&found.civic_address_id, &found.location_id) {
            (Some(id), _) => address.id == *id,
            (None, location) => address.locations.iter().any(|place| Some(&place.id) == location.as_ref()),
        });
        let Some(address) = address else { continue };
        let line = address.line();
        if let Some(country) = found.country.as_deref()
            && let Some(other) = address.iso_country().filter(|other| !other.eq_ignore_ascii_case(country))
        {
            *elsewhere.entry((country.to_owned(), other.to_owned(), line.clone())).or_default() += found.count;
        }
        if !address.is_validated() {
            *not_validated.entry(line).or_default() += found.count;
        }
    }
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
    let warnings: BTreeSet<String> = elsewhere.chain(not_validated).collect();
    Ok(warnings.into_iter().collect())
}
