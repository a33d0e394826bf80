//! Accounts.

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;

use super::conditional::Purpose;
use super::lists::list_answer;
use super::noted::{read_body, refused, refused_by_service};
use super::paging::ListQuery;
use super::request::{Asked, Now, Reading, Writing, answer_of, answer_of_deletion, check_version};
use super::warnings::noticed;
use crate::authz::{AccountsDelete, AccountsRead, AccountsWrite, NumbersDelete};
use crate::domain::Account;
use crate::domain::filter::AccountField;
use crate::http::{ApiPath, ApiRoutes, ApiState, Called, JsonBody, Problem, needs};
use crate::service::api::ChangeRequest;
use crate::service::api::accounts::{self, CountedAccount};
use crate::service::{Origin, listing};
use crate::wire::{AccountResource, Resource as _, read_account};

pub(super) fn routes() -> ApiRoutes {
    ApiRoutes::new()
        .get("/accounts", needs::<AccountsRead>(), list)
        .get("/accounts/{account}", needs::<AccountsRead>(), get)
        .put("/accounts/{account}", needs::<AccountsWrite>(), put)
        .delete("/accounts/{account}", needs::<AccountsDelete>(), delete)
}

fn resource(counted: &CountedAccount) -> AccountResource {
    AccountResource::new(&counted.account, &counted.counts, counted.account.subdomain_status.into())
}

/// `GET /accounts`
async fn list(
    State(state): State<ApiState>,
    Called(grant): Called<AccountsRead>,
    parts: Parts,
) -> Result<Response, Problem> {
    check_version(&parts)?;
    let query = ListQuery::<AccountField, String>::read(parts.uri.path(), parts.uri.query()).map_err(refused)?;
    let ctx = state.ctx();
    let found = listing::accounts(ctx, &grant, &query.filter, &query.window).await?;
    let count =
        if query.count_records { Some(listing::count_accounts(ctx, &grant, &query.filter).await?) } else { None };
    let name = |counted: &CountedAccount| counted.account.name.clone();
    let next = query.next_link(&state.config().api.public_url, &found, name);
    Ok(list_answer(found.items.iter().map(resource), next, count))
}

/// `GET /accounts/{accountName}`
async fn get(
    State(state): State<ApiState>,
    Called(grant): Called<AccountsRead>,
    ApiPath(account): ApiPath<String>,
    parts: Parts,
) -> Result<Response, Problem> {
    let (reading, mut noted) = Reading::of(&parts)?;
    let account = noted.account_name(&account);
    let account = noted.finish(account)?;
    let found = accounts::get(state.ctx(), &grant, account.as_str()).await?;
    let answer = reading.answer(&resource(&found), Some(found.account.updated_at))?;
    let held = accounts::held_changes(state.ctx(), &grant, &found.account).await?;
    Ok(noticed(answer, held.as_deref()))
}

fn current(account: Option<&CountedAccount>) -> Option<Now> {
    account.map(|counted| (resource(counted).etag(), counted.account.updated_at))
}

/// `PUT /accounts/{accountName}`
async fn put(
    State(state): State<ApiState>,
    Called(grant): Called<AccountsWrite>,
    ApiPath(account): ApiPath<String>,
    origin: Origin,
    parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let Asked { writing, mut noted, .. } = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let account = noted.account_name(&account);
    let named = account.is_some();
    let sent = noted.read(read_body(body, move |body| read_account(body, account.as_ref())).await?).flatten();
    // A body that is not about this account tells nothing of it.
    if let Some(sent) = sent.as_ref().filter(|_| named && !noted.is_empty() && !noted.names("name")) {
        noted.service(accounts::stands_against(state.ctx(), &grant, sent).await, false)?;
    }
    let sent = noted.finish(sent)?;
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|before: Option<&CountedAccount>| writing.allows(Purpose::Write, || current(before)),
        make_answer: &|outcome, after: Option<&CountedAccount>| {
            after.map_or_else(answer_of_deletion, |counted| {
                answer_of(outcome, &resource(counted), Some(counted.account.updated_at))
            })
        },
    };
    let answer = accounts::put(state.ctx(), &grant, &request, &sent).await;
    Ok(writing.answer(answer.map_err(|error| refused_by_service(error, false))?))
}

/// `DELETE /accounts/{accountName}`
async fn delete(
    State(state): State<ApiState>,
    Called(grant): Called<AccountsDelete>,
    ApiPath(account): ApiPath<String>,
    origin: Origin,
    parts: Parts,
) -> Result<Response, Problem> {
    let known = ["deleteNumbers"];
    let Asked { writing, mut parameters, mut noted } =
        Writing::of(&parts, &[], &known, state.ctx(), grant.principal())?;
    let seen = parameters.problems().len();
    let with_numbers = parameters.truth("deleteNumbers");
    noted.more(parameters.problems().get(seen..).unwrap_or_default());
    let account = noted.account_name(&account);
    let account = noted.finish(account)?;
    let release = if with_numbers { Some(grant.principal().grant::<NumbersDelete>()?) } else { None };
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|before: Option<&Account>| {
            writing.allows(Purpose::Delete, || before.map(|account| (desired_only(account), account.updated_at)))
        },
        make_answer: &|_, _: Option<&Account>| answer_of_deletion(),
    };
    let answer = accounts::delete(state.ctx(), &grant, &request, account.as_str(), release.as_ref()).await?;
    Ok(writing.answer(answer))
}

/// The entity tag of an account whose numbers were not counted: its desired part is right, which is all a deletion is
/// compared with.
fn desired_only(account: &Account) -> String {
    AccountResource::new(account, &[], account.subdomain_status.into()).etag()
}
