//! Civic addresses: owned by the enterprise, read here.

use super::{Ctx, Error, Result};
use crate::authz::{CivicAddressesRead, Grant};
use crate::domain::{CapabilityPlan, CivicAddress, TenantId};
use crate::store::{AddressPage, Page};

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

/// Every address of a tenant (5,000 at most), for a choice in a form.
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
