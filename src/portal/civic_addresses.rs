//! Civic addresses: the enterprises own them, here they are read.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::csv;
use super::form::{Filters, Pager, Pill, page_of, query_value, segment};
use super::pull::PullState;
use super::show::{Chip, count, counted};
use crate::authz::{AccountsRead, CivicAddressesRead, ConsentsRead, Grant, SyncWrite};
use crate::domain::field::filled;
use crate::domain::{CivicAddress, TenantId};
use crate::http::{
    Granted, Partial, PathPart, PortalState, Problem, QueryString, Routes, Shell, fragment, needs, page, see_other,
};
use crate::service::consents::ConsentFilter;
use crate::service::{Ctx, Error, Page, accounts, civic_addresses, consents, sync_status};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/civic-addresses", needs::<CivicAddressesRead>(), list)
        .get("/civic-addresses.csv", needs::<CivicAddressesRead>(), export)
        .get("/civic-addresses/{tenant}/{id}", needs::<CivicAddressesRead>(), get)
}

/// Whether an address was validated, as a picture and a word.
fn validation(address: &CivicAddress) -> Chip {
    match address.validation_status.as_deref() {
        Some("validated") => Chip::new("ok", "Validated"),
        None | Some("" | "notValidated") => Chip::new("off", "Not validated"),
        Some(other) => Chip::new("info", other.to_owned()),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AddressQuery {
    tenant: String,
    q: String,
    page: String,
}

struct Enterprise {
    tenant: String,
    company: String,
}

/// Asks for a tenant first.
#[derive(Template)]
#[template(path = "civic_addresses_choose.html")]
struct ChoosePage {
    shell: Shell,
    tenant: String,
    tenant_error: &'static str,
    q: String,
    enterprises: Vec<Enterprise>,
    more: bool,
}

struct AddressTableRow {
    href: String,
    line: String,
    company: String,
    description: String,
    validation: Chip,
    locations: usize,
}

impl AddressTableRow {
    fn new(tenant: &TenantId, address: CivicAddress) -> Self {
        let line = address.line();
        Self {
            href: format!("/civic-addresses/{tenant}/{}", segment(&address.id)),
            validation: validation(&address),
            locations: address.locations.len(),
            line: if line.is_empty() { address.id } else { line },
            company: address.company_name.unwrap_or_default(),
            description: address.description.unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "civic_addresses.html", blocks = ["found"])]
struct AddressesPage {
    shell: Shell,
    tenant: String,
    company: String,
    account: String,
    q: String,
    pills: Vec<Pill>,
    clear: String,
    csv: String,
    rows: Vec<AddressTableRow>,
    pager: Pager,
    pull: PullState,
    may_pull: bool,
}

/// The enterprise's name where a consent tells it, else the tenant.
async fn company_of(ctx: &Ctx, grant: &Grant<CivicAddressesRead>, tenant: &TenantId) -> Result<String, Problem> {
    match consents::get(ctx, &grant.principal().grant::<ConsentsRead>()?, tenant).await {
        Ok(row) => Ok(row.company),
        Err(Error::NotFound(_)) => Ok(tenant.to_string()),
        Err(error) => Err(error.into()),
    }
}

/// `GET /civic-addresses`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<CivicAddressesRead>,
    QueryString(query): QueryString<AddressQuery>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let shell = shell.at("civic-addresses");
    let Ok(tenant) = TenantId::parse(&query.tenant) else {
        return choose(ctx, &grant, shell, query).await;
    };
    let filters = Filters::new("/civic-addresses").kept("tenant", tenant.as_str()).with("q", "Text", &query.q);
    let page_key: Page<String> = page_of(&query.page, |id| Some(id.to_owned()));
    let found = civic_addresses::list(ctx, &grant, &tenant, filled(&query.q), &page_key).await?;
    if found.addresses.is_empty() && page_key != Page::First {
        return Ok(see_other(&filters.href()));
    }
    let person = grant.principal();
    let pull = sync_status::civic_addresses(ctx, &person.grant::<ConsentsRead>()?, &tenant).await?;
    let account = accounts::of_tenant(ctx, &person.grant::<AccountsRead>()?, &tenant).await?.into_iter().next();
    let edge = |address: Option<&CivicAddress>, more: bool| address.filter(|_| more).map(|address| address.id.clone());
    let shown = counted(found.addresses.len() as i64, "address", "addresses");
    let shown = if found.more_before || found.more_after { format!("{shown} on this page") } else { shown };
    let pager = filters.pager(
        shown,
        edge(found.addresses.first(), found.more_before),
        edge(found.addresses.last(), found.more_after),
    );
    let template = AddressesPage {
        shell,
        company: company_of(ctx, &grant, &tenant).await?,
        account: account.map(|account| account.name).unwrap_or_default(),
        q: query.q.trim().to_owned(),
        pills: filters.pills(),
        clear: filters.clear(),
        csv: filters.csv(),
        rows: found.addresses.into_iter().map(|address| AddressTableRow::new(&tenant, address)).collect(),
        pager,
        pull: PullState::of(pull.as_ref(), ctx.clock.now()),
        may_pull: person.may::<SyncWrite>(),
        tenant: tenant.to_string(),
    };
    Ok(if partial { fragment(&template.as_found()) } else { page(&template) })
}

/// Without a tenant: whose addresses?
async fn choose(
    ctx: &Ctx,
    grant: &Grant<CivicAddressesRead>,
    shell: Shell,
    query: AddressQuery,
) -> Result<Response, Problem> {
    let typed = filled(&query.tenant);
    let filter = ConsentFilter { text: filled(&query.q).map(str::to_lowercase), ..ConsentFilter::default() };
    let consents_grant = grant.principal().grant::<ConsentsRead>()?;
    let found = consents::list(ctx, &consents_grant, &filter, &Page::First).await?;
    let tenant_error = if typed.is_some() { "This is no tenant ID. It has 8-4-4-4-12 hexadecimal digits." } else { "" };
    let enterprises = found
        .consents
        .into_iter()
        .map(|row| Enterprise { tenant: row.consent.tenant_id.to_string(), company: row.company });
    Ok(page(&ChoosePage {
        shell,
        enterprises: enterprises.collect(),
        more: found.more_after,
        tenant_error,
        tenant: query.tenant,
        q: query.q,
    }))
}

const HEADINGS: [&str; 20] = [
    "CivicAddressId",
    "Country",
    "HouseNumber",
    "HouseNumberSuffix",
    "PreDirectional",
    "StreetName",
    "StreetSuffix",
    "PostDirectional",
    "StateOrProvince",
    "CountyOrDistrict",
    "CityOrTown",
    "PostalOrZipCode",
    "CompanyName",
    "Description",
    "ValidationStatus",
    "Latitude",
    "Longitude",
    "LocationId",
    "Location",
    "Elin",
];

/// `GET /civic-addresses.csv`: a row for each location.
async fn export(
    State(state): State<PortalState>,
    Granted(grant): Granted<CivicAddressesRead>,
    QueryString(query): QueryString<AddressQuery>,
) -> Result<Response, Problem> {
    let tenant = TenantId::parse(&query.tenant)
        .map_err(|_| Problem::bad_request("Say whose addresses to export: the tenant ID is missing or damaged."))?;
    let (ctx, text) = (state.ctx().clone(), filled(&query.q).map(str::to_owned));
    csv::export("civic-addresses.csv", &HEADINGS, move |after| {
        let (ctx, grant, tenant, text) = (ctx.clone(), grant.clone(), tenant.clone(), text.clone());
        async move {
            let (addresses, next) = civic_addresses::export(&ctx, &grant, &tenant, text.as_deref(), after).await?;
            Ok((addresses.iter().flat_map(cells).collect(), next))
        }
    })
    .await
}

fn cells(address: &CivicAddress) -> Vec<Vec<String>> {
    let cell = |value: &Option<String>| csv::text(value.clone().unwrap_or_default());
    let parts = [
        &address.country,
        &address.house_number,
        &address.house_number_suffix,
        &address.pre_directional,
        &address.street_name,
        &address.street_suffix,
        &address.post_directional,
        &address.state_or_province,
        &address.county_or_district,
        &address.city_or_town,
        &address.postal_or_zip_code,
        &address.company_name,
        &address.description,
        &address.validation_status,
        &address.latitude,
        &address.longitude,
    ];
    let base: Vec<String> = std::iter::once(csv::text(address.id.clone())).chain(parts.into_iter().map(cell)).collect();
    let row = |id: &str, description: &Option<String>, elin: &Option<String>| {
        let mut row = base.clone();
        row.extend([csv::text(id), cell(description), cell(elin)]);
        row
    };
    if address.locations.is_empty() {
        return vec![row(&address.default_location_id, &None, &None)];
    }
    address.locations.iter().map(|place| row(&place.id, &place.description, &place.elin)).collect()
}

struct LocationShown {
    id: String,
    description: String,
    additional_info: String,
    is_default: bool,
    elin: String,
    numbers: String,
}

#[derive(Template)]
#[template(path = "civic_address.html")]
struct AddressPage {
    shell: Shell,
    tenant: String,
    company: String,
    id: String,
    line: String,
    validation: Chip,
    validated: bool,
    parts: Vec<(&'static str, String)>,
    position: String,
    places: Vec<LocationShown>,
    numbers: String,
    numbers_href: String,
    used: bool,
}

/// `GET /civic-addresses/{tenant}/{id}`
async fn get(
    State(state): State<PortalState>,
    Granted(grant): Granted<CivicAddressesRead>,
    PathPart((tenant, id)): PathPart<(String, String)>,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let tenant = TenantId::parse(&tenant).map_err(|_| Problem::no_such("tenant", &tenant))?;
    let detail = civic_addresses::get(ctx, &grant, &tenant, &id).await?;
    let company = company_of(ctx, &grant, &tenant).await?;
    let address = &detail.address;
    let places = address.locations.iter().map(|place| LocationShown {
        numbers: count(detail.at_location(&place.id)),
        is_default: place.is_default || place.id == address.default_location_id,
        id: place.id.clone(),
        description: place.description.clone().unwrap_or_default(),
        additional_info: place.additional_info.clone().unwrap_or_default(),
        elin: place.elin.clone().unwrap_or_default(),
    });
    let line = address.line();
    Ok(page(&AddressPage {
        shell: shell.at("civic-addresses"),
        line: if line.is_empty() { address.id.clone() } else { line },
        validation: validation(address),
        validated: address.is_validated(),
        parts: parts(address),
        position: match (&address.latitude, &address.longitude) {
            (Some(latitude), Some(longitude)) => format!("{latitude}, {longitude}"),
            _ => String::new(),
        },
        places: places.collect(),
        numbers: counted(detail.total(), "number", "numbers"),
        numbers_href: format!("/numbers?tenant={tenant}&address={}", query_value(&address.id)),
        used: detail.total() > 0,
        company,
        id: address.id.clone(),
        tenant: tenant.to_string(),
    }))
}

/// Every part of an address with what people call it.
fn parts(address: &CivicAddress) -> Vec<(&'static str, String)> {
    [
        ("Company", &address.company_name),
        ("Company ID", &address.company_id),
        ("Description", &address.description),
        ("House number", &address.house_number),
        ("House number suffix", &address.house_number_suffix),
        ("Direction before the street", &address.pre_directional),
        ("Street", &address.street_name),
        ("Street suffix", &address.street_suffix),
        ("Direction after the street", &address.post_directional),
        ("City or town", &address.city_or_town),
        ("Also called", &address.city_or_town_alias),
        ("County or district", &address.county_or_district),
        ("State or province", &address.state_or_province),
        ("Postal or ZIP code", &address.postal_or_zip_code),
        ("Country", &address.country),
        ("Partner ID", &address.partner_id),
    ]
    .into_iter()
    .map(|(word, value)| (word, value.clone().unwrap_or_default()))
    .collect()
}
