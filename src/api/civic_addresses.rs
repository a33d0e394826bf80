//! Civic addresses of an account's tenant.

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;

use super::lists::list_answer;
use super::noted::Noted;
use super::paging::ListQuery;
use super::request::{Reading, check_version};
use crate::authz::{AccountsRead, CivicAddressesRead};
use crate::domain::CivicAddress;
use crate::domain::filter::AddressField;
use crate::http::{ApiPath, ApiRoutes, ApiState, Called, Problem, needs};
use crate::service::api::accounts;
use crate::service::{Error, civic_addresses, listing};
use crate::wire::TeamsCivicAddressResource;

pub(super) fn routes() -> ApiRoutes {
    ApiRoutes::new().get("/accounts/{account}/teamsCivicAddresses", needs::<CivicAddressesRead>(), list).get(
        "/accounts/{account}/teamsCivicAddresses/{address}",
        needs::<CivicAddressesRead>(),
        get,
    )
}

/// `GET /accounts/{accountName}/teamsCivicAddresses`
async fn list(
    State(state): State<ApiState>,
    Called(grant): Called<CivicAddressesRead>,
    ApiPath(account): ApiPath<String>,
    parts: Parts,
) -> Result<Response, Problem> {
    check_version(&parts)?;
    let mut noted = Noted::default();
    let account = noted.account_name(&account);
    let query = noted.take(ListQuery::<AddressField, String>::read(parts.uri.path(), parts.uri.query()));
    let (account, query) = noted.finish(account.zip(query))?;
    let ctx = state.ctx();
    let found = listing::civic_addresses(ctx, &grant, account.as_str(), &query.filter, &query.window).await?;
    let count = if query.count_records {
        Some(listing::count_civic_addresses(ctx, &grant, account.as_str(), &query.filter).await?)
    } else {
        None
    };
    let id = |address: &CivicAddress| address.id.clone();
    let next = query.next_link(&state.config().api.public_url, &found, id);
    Ok(list_answer(found.items.iter().map(TeamsCivicAddressResource::from), next, count))
}

/// `GET /accounts/{accountName}/teamsCivicAddresses/{civicAddressId}`
async fn get(
    State(state): State<ApiState>,
    Called(grant): Called<CivicAddressesRead>,
    ApiPath((account, address)): ApiPath<(String, String)>,
    parts: Parts,
) -> Result<Response, Problem> {
    let (reading, mut noted) = Reading::of(&parts)?;
    let account = noted.account_name(&account);
    let account = noted.finish(account)?;
    let ctx = state.ctx();
    let of_account = grant.principal().grant::<AccountsRead>()?;
    let account = accounts::get(ctx, &of_account, account.as_str()).await?.account;
    let tenant = account.tenant_id.ok_or(Error::NotFound("civic address"))?;
    let found = civic_addresses::get(ctx, &grant, &tenant, &address).await?.address;
    // The enterprise owns its addresses; nobody here changes them.
    reading.answer(&TeamsCivicAddressResource::from(&found), None)
}
