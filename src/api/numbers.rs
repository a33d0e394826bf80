//! Numbers: of all accounts, of one, one alone, and batches.

use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use super::conditional::Purpose;
use super::lists::list_answer;
use super::paging::ListQuery;
use super::request::{
    Reading, Writing, account_name, answer_of, answer_of_deletion, check_version, read_body, refused,
    refused_by_service, telephone_number,
};
use crate::authz::{Grant, NumbersDelete, NumbersRead, NumbersWrite};
use crate::domain::filter::NumberField;
use crate::domain::{E164, Number, NumberSettings};
use crate::http::{ApiRoutes, ApiState, Called, JsonBody, PathPart, Problem, needs};
use crate::service::api::addresses::{self, CheckedAddresses};
use crate::service::api::numbers::{self, NumbersToDelete};
use crate::service::api::{ApiAnswer, ChangeRequest, Outcome};
use crate::service::{Origin, listing};
use crate::wire::{BatchNumbers, NumberResource, Resource as _, read_number, read_numbers, read_numbers_to_delete};

pub(super) fn routes() -> ApiRoutes {
    ApiRoutes::new()
        .get("/numbers", needs::<NumbersRead>(), list_all)
        .get("/accounts/{account}/numbers", needs::<NumbersRead>(), list)
        .get("/accounts/{account}/numbers/{number}", needs::<NumbersRead>(), get)
        .put("/accounts/{account}/numbers/{number}", needs::<NumbersWrite>(), put)
        .delete("/accounts/{account}/numbers/{number}", needs::<NumbersDelete>(), delete)
        .post("/accounts/{account}:createOrUpdateNumbers", needs::<NumbersWrite>(), put_batch)
        .post("/accounts/{account}:deleteNumbers", needs::<NumbersDelete>(), delete_batch)
}

/// `GET /numbers`
async fn list_all(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersRead>,
    parts: Parts,
) -> Result<Response, Problem> {
    page(&state, &grant, None, &parts).await
}

/// `GET /accounts/{accountName}/numbers`
async fn list(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersRead>,
    PathPart(account): PathPart<String>,
    parts: Parts,
) -> Result<Response, Problem> {
    check_version(&parts)?;
    let account = account_name(&account)?;
    page(&state, &grant, Some(account.as_str()), &parts).await
}

async fn page(
    state: &ApiState,
    grant: &Grant<NumbersRead>,
    account: Option<&str>,
    parts: &Parts,
) -> Result<Response, Problem> {
    check_version(parts)?;
    let query = ListQuery::<NumberField, E164>::read(parts.uri.path(), parts.uri.query()).map_err(refused)?;
    let ctx = state.ctx();
    let found = listing::numbers(ctx, grant, account, &query.filter, &query.window).await?;
    let count = if query.count_records {
        Some(listing::count_numbers(ctx, grant, account, &query.filter).await?)
    } else {
        None
    };
    let next = query.next_link(&state.config().api.public_url, &found, |number| number.telephone_number);
    Ok(list_answer(found.items.iter().map(NumberResource::from), next, count))
}

/// `GET /accounts/{accountName}/numbers/{telephoneNumber}`
async fn get(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersRead>,
    PathPart((account, number)): PathPart<(String, String)>,
    parts: Parts,
) -> Result<Response, Problem> {
    let reading = Reading::of(&parts)?;
    let (account, number) = (account_name(&account)?, telephone_number(&number)?);
    let found = numbers::get(state.ctx(), &grant, account.as_str(), number).await?;
    reading.answer(&NumberResource::from(&found), found.changed_at)
}

/// The answer, which says where emergency addresses could not be checked.
fn said(checked: &CheckedAddresses, mut answer: Response) -> Response {
    const WARNING: HeaderName = HeaderName::from_static("x-nmp-warning");
    const UNCHECKED: HeaderValue = HeaderValue::from_static(
        "The addresses of the account's tenant are not known: civicAddressId and locationId were not checked",
    );
    if checked.are_unchecked {
        answer.headers_mut().insert(WARNING, UNCHECKED);
    }
    answer
}

fn single(numbers: Option<&[Number]>) -> Option<(String, time::OffsetDateTime)> {
    let number = numbers?.first()?;
    Some((NumberResource::from(number).etag(), number.changed_at))
}

/// `PUT /accounts/{accountName}/numbers/{telephoneNumber}`
async fn put(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersWrite>,
    PathPart((account, number)): PathPart<(String, String)>,
    origin: Origin,
    parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let (writing, _) = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let (account, number) = (account_name(&account)?, telephone_number(&number)?);
    let of = account.clone();
    let settings = read_body(body, move |body| read_number(body, of.as_str(), number)).await?;
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|current: Option<&[Number]>| writing.allows(Purpose::Write, single(current).as_ref()),
        make_answer: &|outcome, after: Option<&[Number]>| {
            let number = after.and_then(<[_]>::first);
            number.map_or_else(answer_of_deletion, |number| answer_of(outcome, &NumberResource::from(number)))
        },
    };
    let wanted = [(number, settings)];
    let checked = addresses::check(state.ctx(), &grant, account.as_str(), &wanted).await?;
    let answer = numbers::put(state.ctx(), &grant, &request, account.as_str(), &wanted, &checked).await;
    Ok(said(&checked, writing.answer(answer.map_err(|error| refused_by_service(error, false))?)))
}

/// `DELETE /accounts/{accountName}/numbers/{telephoneNumber}`
async fn delete(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersDelete>,
    PathPart((account, number)): PathPart<(String, String)>,
    origin: Origin,
    parts: Parts,
) -> Result<Response, Problem> {
    let (writing, _) = Writing::of(&parts, &[], &[], state.ctx(), grant.principal())?;
    let (account, number) = (account_name(&account)?, telephone_number(&number)?);
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|current: Option<&[Number]>| writing.allows(Purpose::Delete, single(current).as_ref()),
        make_answer: &|_, _: Option<&[Number]>| answer_of_deletion(),
    };
    let wanted = NumbersToDelete { account: account.as_str(), account_needed: false, numbers: &[number] };
    let answer = numbers::delete(state.ctx(), &grant, &request, &wanted).await?;
    Ok(writing.answer(answer))
}

/// `POST /accounts/{accountName}:createOrUpdateNumbers`
async fn put_batch(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersWrite>,
    PathPart(account): PathPart<String>,
    origin: Origin,
    parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let (writing, _) = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let account = account_name(&account)?;
    let of = account.clone();
    let wanted = read_body(body, move |body| read_numbers(body, of.as_str())).await?;
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|_: Option<&[Number]>| Ok(()),
        make_answer: &|_, after: Option<&[Number]>| answer_of_batch(&wanted, after.unwrap_or_default()),
    };
    let checked = addresses::check(state.ctx(), &grant, account.as_str(), &wanted).await?;
    let answer = numbers::put(state.ctx(), &grant, &request, account.as_str(), &wanted, &checked).await;
    Ok(said(&checked, writing.answer(answer.map_err(|error| refused_by_service(error, true))?)))
}

/// The numbers in the order in which they were sent.
fn answer_of_batch(wanted: &[(E164, NumberSettings)], after: &[Number]) -> ApiAnswer {
    let found = |number: &E164| {
        after.binary_search_by_key(number, |stored| stored.telephone_number).ok().and_then(|place| after.get(place))
    };
    let numbers: BatchNumbers = wanted.iter().filter_map(|(number, _)| found(number)).collect();
    ApiAnswer { outcome: Outcome::Done, tag: None, body: Some(serde_json::to_string(&numbers).unwrap_or_default()) }
}

/// `POST /accounts/{accountName}:deleteNumbers`
async fn delete_batch(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersDelete>,
    PathPart(account): PathPart<String>,
    origin: Origin,
    parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let (writing, _) = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let account = account_name(&account)?;
    let numbers = read_body(body, read_numbers_to_delete).await?;
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|_: Option<&[Number]>| Ok(()),
        make_answer: &|_, _: Option<&[Number]>| answer_of_deletion(),
    };
    let wanted = NumbersToDelete { account: account.as_str(), account_needed: true, numbers: &numbers };
    let answer = numbers::delete(state.ctx(), &grant, &request, &wanted).await?;
    Ok(writing.answer(answer))
}
