//! Civic addresses: owned by the enterprise, read here.

use std::collections::BTreeSet;

use super::{Ctx, Error, Result};
use crate::authz::{CivicAddressesRead, Grant};
use crate::domain::{CapabilityPlan, CivicAddress, NumberSettings, Places, TenantId};
use crate::store::{AddressPage, Page, Tx};

/// Addresses on one page.
pub const PAGE_SIZE: usize = 50;

/// Reads one page of a tenant's addresses. `text` is searched in every part.
///
/// # Errors
/// When the database fails.
pub async fn list(
    ctx: &Ctx,
    _: &Grant<CivicAddressesRead>,
    tenant: &TenantId,
    text: Option<&str>,
    page: &Page<String>,
) -> Result<AddressPage> {
    let mut tx = ctx.db.read_or_search(text.is_some()).await?;
    Ok(tx.civic_addresses_page(tenant, text, page, PAGE_SIZE).await?)
}

/// Places without their address that are looked for at once.
const PLACES_AT_ONCE: usize = 100;
/// More places than this of one tenant are found by reading all of its addresses.
const FEW_PLACES: usize = 5;

/// The addresses of a tenant in which these places are, however many addresses it has.
pub(in crate::service) async fn with_places(
    tx: &mut Tx,
    tenant: &TenantId,
    wanted: &BTreeSet<&str>,
) -> Result<Vec<CivicAddress>> {
    let has = |address: &CivicAddress| address.locations.iter().any(|place| wanted.contains(place.id.as_str()));
    if wanted.len() <= FEW_PLACES {
        let wanted: Vec<_> = wanted.iter().map(|place| (tenant.clone(), (*place).to_owned())).collect();
        let found = tx.civic_addresses_of_places(&wanted).await?;
        return Ok(found.into_iter().filter(has).collect());
    }
    let mut all = Vec::new();
    each_page(tx, tenant, |addresses| all.extend(addresses.into_iter().filter(has))).await?;
    Ok(all)
}

/// Goes through all addresses of a tenant, however many there are.
pub(in crate::service) async fn each_page(
    tx: &mut Tx,
    tenant: &TenantId,
    mut take: impl FnMut(Vec<CivicAddress>),
) -> Result<()> {
    let mut page = Page::First;
    loop {
        let found = tx.civic_addresses_page(tenant, None, &page, EXPORT_CHUNK).await?;
        let last = found.addresses.last().map(|address| address.id.clone()).filter(|_| found.more_after);
        take(found.addresses);
        match last {
            Some(last) => page = Page::After(last),
            None => return Ok(()),
        }
    }
}

/// The addresses that the settings of numbers of some tenants name, in words, also where they name only the place within one.
pub(in crate::service) async fn places_of<'a>(
    tx: &mut Tx,
    named: impl IntoIterator<Item = (&'a str, &'a NumberSettings)>,
) -> Result<Places> {
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for (tenant, settings) in named {
        let Ok(tenant) = TenantId::parse(tenant) else { continue };
        match (&settings.teams.civic_address_id, &settings.teams.location_id) {
            (Some(id), _) => ids.insert((tenant, id.clone())),
            (None, Some(place)) => places.insert((tenant, place.clone())),
            (None, None) => false,
        };
    }
    let (ids, places): (Vec<_>, Vec<_>) = (ids.into_iter().collect(), places.into_iter().collect());
    let mut addresses = tx.civic_addresses_of_tenants(&ids).await?;
    for chunk in places.chunks(PLACES_AT_ONCE) {
        addresses.extend(tx.civic_addresses_of_places(chunk).await?);
    }
    Ok(Places::of(&addresses))
}

/// Rows of an export fetched at a time.
const EXPORT_CHUNK: usize = 1_000;

/// Reads the next addresses of an export behind the id `after`, and gives the id to go on behind.
///
/// # Errors
/// When the database fails.
pub async fn export(
    ctx: &Ctx,
    _: &Grant<CivicAddressesRead>,
    tenant: &TenantId,
    text: Option<&str>,
    after: Option<String>,
) -> Result<(Vec<CivicAddress>, Option<String>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.read_or_search(text.is_some()).await?;
    let page = tx.civic_addresses_page(tenant, text, &page, EXPORT_CHUNK).await?;
    let next = page.addresses.last().map(|address| address.id.clone()).filter(|_| page.more_after);
    Ok((page.addresses, next))
}

/// Addresses that a form offers at most. Any other can be given by its id, in a file.
pub const OFFERED: usize = 5_000;

/// The addresses of a tenant for a choice in a form, [`OFFERED`] at most.
///
/// # Errors
/// When the database fails.
pub async fn choices(ctx: &Ctx, _: &Grant<CivicAddressesRead>, tenant: &TenantId) -> Result<Vec<CivicAddress>> {
    Ok(ctx.db.read().await?.civic_addresses(tenant).await?)
}

/// Reads the tenant's capability plans. There are none while the backend was never asked.
///
/// # Errors
/// When the database fails.
pub async fn plans(ctx: &Ctx, _: &Grant<CivicAddressesRead>, tenant: &TenantId) -> Result<Option<Vec<CapabilityPlan>>> {
    Ok(ctx.db.read().await?.capability_plans(tenant).await?)
}

/// One address and how many numbers use it.
#[derive(Clone, Debug)]
pub struct AddressDetail {
    /// The address.
    pub address: CivicAddress,
    /// Numbers by location id, which is absent where only the address is set.
    pub uses: Vec<(Option<String>, i64)>,
}

impl AddressDetail {
    /// How many numbers use the address at all.
    pub fn total(&self) -> i64 {
        self.uses.iter().map(|(_, count)| count).sum()
    }

    /// How many numbers use this location of it.
    pub fn at_location(&self, id: &str) -> i64 {
        self.uses.iter().filter(|(location, _)| location.as_deref() == Some(id)).map(|(_, count)| count).sum()
    }
}

/// One address.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<CivicAddressesRead>, tenant: &TenantId, id: &str) -> Result<AddressDetail> {
    let mut tx = ctx.db.read().await?;
    let address = tx.civic_address(tenant, id).await?.ok_or(Error::NotFound("civic address"))?;
    let uses = tx.civic_address_uses(tenant, id).await?;
    Ok(AddressDetail { address, uses })
}
