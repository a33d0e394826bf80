//! Civic addresses and capability plans as they were pulled, per tenant.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::domain::{CapabilityPlan, CivicAddress, TenantId};
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, contains, on, statements};
use crate::store::{Error, Page, Result, Tx, micros};

statements! {
    REMOVE_OLDER = "DELETE FROM civic_addresses WHERE tenant_id = $1 AND pulled_at < $2";
    BY_ID = "SELECT body FROM civic_addresses WHERE tenant_id = $1 AND id = $2";
    OF_TENANT = "
        SELECT body
        FROM civic_addresses
        WHERE tenant_id = $1
        ORDER BY id
        LIMIT 5000";
    UPSERT_PLANS = "
        INSERT INTO capability_plans (tenant_id, body, pulled_at)
        VALUES ($1, $2, $3)
        ON CONFLICT (tenant_id)
        DO UPDATE SET body = excluded.body, pulled_at = excluded.pulled_at";
    PLANS = "SELECT body FROM capability_plans WHERE tenant_id = $1";
    COUNT_USES = "
        SELECT s.location_id, CAST(COUNT(*) AS BIGINT)
        FROM numbers n
        JOIN settings s ON s.id = n.settings_id
        WHERE s.civic_address_id = $2
          AND n.account_id IN (SELECT id FROM accounts WHERE tenant_id = $1)
        GROUP BY s.location_id";
}

/// One page of a tenant's addresses by id.
#[derive(Clone, Debug)]
pub struct AddressPage {
    /// The addresses, in order of their ids.
    pub addresses: Vec<CivicAddress>,
    /// True when more follow behind the last.
    pub more_after: bool,
    /// True when some stand before the first.
    pub more_before: bool,
}

fn read(tenant: &str, body: &str) -> Result<CivicAddress> {
    serde_json::from_str(body).map_err(|_| Error::unreadable("civic_addresses", "body", tenant))
}

fn search_text(address: &CivicAddress) -> String {
    let mut text = address.line();
    for part in [&address.description, &address.company_name, &address.city_or_town_alias].into_iter().flatten() {
        text.push('\n');
        text.push_str(part);
    }
    for location in &address.locations {
        for part in [&location.description, &location.additional_info, &location.elin].into_iter().flatten() {
            text.push('\n');
            text.push_str(part);
        }
    }
    text.to_lowercase()
}

/// The addresses of rows of tenants and ids.
const NAMED: &str = " AS j JOIN civic_addresses c ON c.tenant_id = j.column1 AND c.id = j.column2";

/// A pattern that finds the addresses in which a place is.
fn with_place(id: &str) -> String {
    contains(&format!("\"id\":{}", serde_json::to_string(id).unwrap_or_default()))
}

impl Tx {
    /// Stores addresses as the backend has them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn upsert_civic_addresses(
        &mut self,
        tenant: &TenantId,
        addresses: &[CivicAddress],
        now: OffsetDateTime,
    ) -> Result<()> {
        // PostgreSQL writes a row once in a statement. Of an address that comes twice, what comes last counts.
        let last: BTreeMap<&str, &CivicAddress> =
            addresses.iter().map(|address| (address.id.as_str(), address)).collect();
        let addresses: Vec<&CivicAddress> = last.into_values().collect();
        for chunk in addresses.chunks(1_000) {
            let mut upsert = Conditions::default();
            upsert.push(
                "
                INSERT INTO civic_addresses (tenant_id, id, body, search, pulled_at)
                VALUES ",
                [],
            );
            for (index, address) in chunk.iter().enumerate() {
                upsert.push(
                    if index == 0 { "(?, ?, ?, ?, ?)" } else { ", (?, ?, ?, ?, ?)" },
                    [
                        tenant.as_str().into(),
                        address.id.as_str().into(),
                        serde_json::to_string(*address).unwrap_or_default().into(),
                        search_text(address).into(),
                        Bind::Int(micros(now)),
                    ],
                );
            }
            upsert.push(
                "
                ON CONFLICT (tenant_id, id)
                DO UPDATE SET body = excluded.body, search = excluded.search, pulled_at = excluded.pulled_at",
                [],
            );
            on!(self, |c| bind_all!(sqlx::query(upsert.sql()), upsert).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Removes the addresses of a tenant that the pull begun at `began` did not bring.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn remove_older_civic_addresses(&mut self, tenant: &TenantId, began: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(REMOVE_OLDER).bind(tenant.as_str()).bind(micros(began)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// One address.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_address(&mut self, tenant: &TenantId, id: &str) -> Result<Option<CivicAddress>> {
        let body: Option<String> =
            on!(self, |c| sqlx::query_scalar(BY_ID).bind(tenant.as_str()).bind(id).fetch_optional(c).await)?;
        body.map(|body| read(tenant.as_str(), &body)).transpose()
    }

    /// Those of the addresses that a tenant has.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses_among(&mut self, tenant: &TenantId, ids: &[&str]) -> Result<Vec<CivicAddress>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = Conditions::default();
        conditions.push("SELECT body FROM civic_addresses WHERE tenant_id = ?", [tenant.as_str().into()]);
        conditions.and_in("id", ids.iter().map(|id| (*id).into()));
        self.fetch_civic_addresses(tenant, &conditions).await
    }

    /// Those of the addresses that the tenants of an order have.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses_of_order(&mut self, order_id: i64, ids: &[&str]) -> Result<Vec<CivicAddress>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = Conditions::default();
        conditions.push(
            "
            SELECT c.body
            FROM civic_addresses c
            WHERE c.tenant_id IN (
                SELECT a.tenant_id
                FROM accounts a
                WHERE a.id IN (SELECT r.account_id FROM order_accounts r WHERE r.order_id = ?)
            )",
            [Bind::Int(order_id)],
        );
        conditions.and_in("c.id", ids.iter().map(|id| (*id).into()));
        let rows: Vec<String> =
            on!(self, |c| bind_all!(sqlx::query_scalar(conditions.sql()), conditions).fetch_all(c).await)?;
        rows.iter().map(|body| read("of an order", body)).collect()
    }

    /// The addresses of the tenants of an order in which these places are. Looks through all of them for each.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses_of_places_of_order(
        &mut self,
        order_id: i64,
        places: &[&str],
    ) -> Result<Vec<CivicAddress>> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = Conditions::default();
        conditions.push("SELECT c.body FROM ", []);
        conditions.values(places.iter().map(|place| [with_place(place).into()]));
        conditions.push(
            " AS j
            JOIN civic_addresses c ON c.body LIKE j.column1 ESCAPE '\\'
            WHERE c.tenant_id IN (
                SELECT a.tenant_id
                FROM accounts a
                WHERE a.id IN (SELECT r.account_id FROM order_accounts r WHERE r.order_id = ?)
            )",
            [Bind::Int(order_id)],
        );
        let rows: Vec<String> =
            on!(self, |c| bind_all!(sqlx::query_scalar(conditions.sql()), conditions).fetch_all(c).await)?;
        rows.iter().map(|body| read("of an order", body)).collect()
    }

    /// Those of these addresses that are known.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses_of_tenants(&mut self, ids: &[(TenantId, String)]) -> Result<Vec<CivicAddress>> {
        Ok(self.civic_addresses_by_tenant(ids).await?.into_iter().map(|(_, address)| address).collect())
    }

    /// The addresses in which these places are, each of them of a tenant. Looks through the tenant's addresses for each.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses_of_places(&mut self, places: &[(TenantId, String)]) -> Result<Vec<CivicAddress>> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = Conditions::default();
        conditions.push("SELECT c.body FROM ", []);
        conditions.values(places.iter().map(|(tenant, place)| [tenant.as_str().into(), with_place(place).into()]));
        conditions.push(
            " AS j
            JOIN civic_addresses c ON c.tenant_id = j.column1
            WHERE c.body LIKE j.column2 ESCAPE '\\'",
            [],
        );
        let rows: Vec<String> =
            on!(self, |c| bind_all!(sqlx::query_scalar(conditions.sql()), conditions).fetch_all(c).await)?;
        rows.iter().map(|body| read("of places", body)).collect()
    }

    /// Those of these addresses that are known, each with its tenant.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses_by_tenant(
        &mut self,
        ids: &[(TenantId, String)],
    ) -> Result<Vec<(TenantId, CivicAddress)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = Conditions::default();
        conditions.push("SELECT c.tenant_id, c.body FROM ", []);
        conditions.values(ids.iter().map(|(tenant, id)| [tenant.as_str().into(), id.as_str().into()]));
        conditions.push(NAMED, []);
        let rows: Vec<(String, String)> =
            on!(self, |c| bind_all!(sqlx::query_as(conditions.sql()), conditions).fetch_all(c).await)?;
        let tenant =
            |text: &str| TenantId::parse(text).map_err(|_| Error::unreadable("civic_addresses", "tenant_id", text));
        rows.iter().map(|(of, body)| Ok((tenant(of)?, read(of, body)?))).collect()
    }

    /// The addresses of a tenant, 5,000 at most: for choices in a form and for the rules of a number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses(&mut self, tenant: &TenantId) -> Result<Vec<CivicAddress>> {
        let rows: Vec<String> = on!(self, |c| sqlx::query_scalar(OF_TENANT).bind(tenant.as_str()).fetch_all(c).await)?;
        rows.iter().map(|body| read(tenant.as_str(), body)).collect()
    }

    /// One page of a tenant's addresses; `text` is searched in every part.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses_page(
        &mut self,
        tenant: &TenantId,
        text: Option<&str>,
        page: &Page<String>,
        size: usize,
    ) -> Result<AddressPage> {
        let mut conditions = Conditions::default();
        conditions.push("SELECT body FROM civic_addresses WHERE tenant_id = ?", [tenant.as_str().into()]);
        if let Some(text) = text {
            conditions.and("search LIKE ? ESCAPE '\\'", [contains(&text.to_lowercase()).into()]);
        }
        match page {
            Page::First => conditions.push(" ORDER BY id", []),
            Page::After(id) => conditions.and("id > ? ORDER BY id", [id.as_str().into()]),
            Page::Before(id) => conditions.and("id < ? ORDER BY id DESC", [id.as_str().into()]),
        };
        conditions.push(" LIMIT ?", [Bind::Int(size as i64 + 1)]);
        let mut addresses = self.fetch_civic_addresses(tenant, &conditions).await?;
        let (more_before, more_after) = trim(&mut addresses, page, size);
        Ok(AddressPage { addresses, more_after, more_before })
    }

    pub(in crate::store) async fn fetch_civic_addresses(
        &mut self,
        tenant: &TenantId,
        conditions: &Conditions,
    ) -> Result<Vec<CivicAddress>> {
        let rows: Vec<String> =
            on!(self, |c| bind_all!(sqlx::query_scalar(conditions.sql()), conditions).fetch_all(c).await)?;
        rows.iter().map(|body| read(tenant.as_str(), body)).collect()
    }

    /// How many numbers of the tenant use an address, by location (`None`: the address alone).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_address_uses(&mut self, tenant: &TenantId, id: &str) -> Result<Vec<(Option<String>, i64)>> {
        Ok(on!(self, |c| sqlx::query_as(COUNT_USES).bind(tenant.as_str()).bind(id).fetch_all(c).await)?)
    }

    /// Stores a tenant's capability plans.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_capability_plans(
        &mut self,
        tenant: &TenantId,
        plans: &[CapabilityPlan],
        now: OffsetDateTime,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(UPSERT_PLANS)
            .bind(tenant.as_str())
            .bind(serde_json::to_string(plans).unwrap_or_default())
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// A tenant's capability plans; `None` when they were never pulled.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn capability_plans(&mut self, tenant: &TenantId) -> Result<Option<Vec<CapabilityPlan>>> {
        let body: Option<String> =
            on!(self, |c| sqlx::query_scalar(PLANS).bind(tenant.as_str()).fetch_optional(c).await)?;
        body.map(|body| serde_json::from_str(&body).map_err(|_| Error::unreadable("capability_plans", "body", tenant)))
            .transpose()
    }
}
