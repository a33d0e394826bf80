//! Numbers: of all accounts, of one, one alone, and batches.

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;

use super::conditional::Purpose;
use super::lists::list_answer;
use super::noted::{Noted, read_body, refused_by_service};
use super::paging::ListQuery;
use super::request::{Asked, Now, Reading, Writing, answer_of, answer_of_deletion, check_version};
use super::warnings::{noticed, warned};
use crate::authz::{Grant, NumbersDelete, NumbersRead, NumbersWrite};
use crate::domain::filter::NumberField;
use crate::domain::number::Notice;
use crate::domain::{AccountName, E164, Number, SentNumber};
use crate::http::{ApiPath, ApiRoutes, ApiState, Called, JsonBody, Problem, needs};
use crate::service::api::addresses::{self, CheckedAddresses};
use crate::service::api::numbers::{self, NumbersToDelete, NumbersToPut, PutAnswer};
use crate::service::api::{ApiAnswer, ChangeRequest, Outcome};
use crate::service::{Origin, listing};
use crate::wire::{
    BatchNumbers, NumberResource, Resource as _, TaggedNumber, read_number, read_numbers, read_numbers_to_delete,
};

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
    check_version(&parts)?;
    page(&state, &grant, None, &parts, Noted::default()).await
}

/// `GET /accounts/{accountName}/numbers`
async fn list(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersRead>,
    ApiPath(account): ApiPath<String>,
    parts: Parts,
) -> Result<Response, Problem> {
    check_version(&parts)?;
    let mut noted = Noted::default();
    let account = noted.account_name(&account);
    page(&state, &grant, account.as_ref().map(AccountName::as_str), &parts, noted).await
}

async fn page(
    state: &ApiState,
    grant: &Grant<NumbersRead>,
    account: Option<&str>,
    parts: &Parts,
    mut noted: Noted,
) -> Result<Response, Problem> {
    let query = noted.take(ListQuery::<NumberField, E164>::read(parts.uri.path(), parts.uri.query()));
    let query = noted.finish(query)?;
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
    ApiPath((account, number)): ApiPath<(String, String)>,
    parts: Parts,
) -> Result<Response, Problem> {
    let (reading, mut noted) = Reading::of(&parts)?;
    let (account, number) = (noted.account_name(&account), noted.telephone_number(&number));
    let (account, number) = noted.finish(account.zip(number))?;
    let found = numbers::get(state.ctx(), &grant, account.as_str(), number).await?;
    let answer = reading.answer(&TaggedNumber(&found), Some(found.changed_at))?;
    Ok(noticed(answer, found.notice.map(Notice::words)))
}

fn single(numbers: Option<&[Number]>) -> Option<Now> {
    let number = numbers?.first()?;
    Some((TaggedNumber(number).etag(), number.changed_at))
}

/// What stands against numbers that are sent in a request of which something is wrong already: what is known of the
/// account and of other numbers is told with it.
async fn stands_against(
    state: &ApiState,
    grant: &Grant<NumbersWrite>,
    account: &AccountName,
    (sent, batch): (&[SentNumber], bool),
    noted: &mut Noted,
) -> Result<(), Problem> {
    let account = account.as_str();
    let checked = addresses::check(state.ctx(), grant, account, sent).await?;
    let to_put = NumbersToPut { account, numbers: sent, addresses: &checked };
    noted.service(numbers::against(state.ctx(), grant, &to_put).await, batch)
}

/// Puts numbers with which nothing is wrong by themselves.
async fn put_all(
    state: &ApiState,
    grant: &Grant<NumbersWrite>,
    request: &ChangeRequest<'_, [Number]>,
    account: &AccountName,
    (sent, batch): (&[SentNumber], bool),
) -> Result<(ApiAnswer, CheckedAddresses), Problem> {
    let account = account.as_str();
    let mut checked = addresses::check(state.ctx(), grant, account, sent).await?;
    let to_put = NumbersToPut { account, numbers: sent, addresses: &checked };
    let put = numbers::put(state.ctx(), grant, request, &to_put).await;
    let PutAnswer { answer, doubts } = put.map_err(|error| refused_by_service(error, batch))?;
    checked.doubts.extend(doubts);
    Ok((answer, checked))
}

/// `PUT /accounts/{accountName}/numbers/{telephoneNumber}`
async fn put(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersWrite>,
    ApiPath((account, number)): ApiPath<(String, String)>,
    origin: Origin,
    parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let Asked { writing, mut noted, .. } = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let (account, number) = (noted.account_name(&account), noted.telephone_number(&number));
    let of = account.clone();
    let read = read_body(body, move |body| read_number(body, of.as_ref().map(AccountName::as_str), number)).await?;
    let sent = noted.read(read).into_iter().collect::<Vec<_>>();
    if let Some(account) = account.as_ref().filter(|_| !noted.is_empty() && !sent.is_empty()) {
        stands_against(&state, &grant, account, (&sent, false), &mut noted).await?;
    }
    let account = noted.finish(account)?;
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|current: Option<&[Number]>| writing.allows(Purpose::Write, || single(current)),
        make_answer: &|outcome, after: Option<&[Number]>| {
            let number = after.and_then(<[_]>::first);
            number.map_or_else(answer_of_deletion, |number| {
                answer_of(outcome, &TaggedNumber(number), Some(number.changed_at))
            })
        },
    };
    let (answer, checked) = put_all(&state, &grant, &request, &account, (&sent, false)).await?;
    Ok(warned(writing.answer(answer), &sent, &checked))
}

/// `DELETE /accounts/{accountName}/numbers/{telephoneNumber}`
async fn delete(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersDelete>,
    ApiPath((account, number)): ApiPath<(String, String)>,
    origin: Origin,
    parts: Parts,
) -> Result<Response, Problem> {
    let Asked { writing, mut noted, .. } = Writing::of(&parts, &[], &[], state.ctx(), grant.principal())?;
    let (account, number) = (noted.account_name(&account), noted.telephone_number(&number));
    let (account, number) = noted.finish(account.zip(number))?;
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|current: Option<&[Number]>| writing.allows(Purpose::Delete, || single(current)),
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
    ApiPath(account): ApiPath<String>,
    origin: Origin,
    parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let Asked { writing, mut noted, .. } = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let account = noted.account_name(&account);
    let of = account.clone();
    let read = read_body(body, move |body| read_numbers(body, of.as_ref().map(AccountName::as_str))).await?;
    let sent = noted.read(read).unwrap_or_default();
    if let Some(account) = account.as_ref().filter(|_| !noted.is_empty() && !sent.is_empty()) {
        stands_against(&state, &grant, account, (&sent, true), &mut noted).await?;
    }
    let account = noted.finish(account)?;
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|_: Option<&[Number]>| Ok(()),
        make_answer: &|_, after: Option<&[Number]>| answer_of_batch(&sent, after.unwrap_or_default()),
    };
    let (answer, checked) = put_all(&state, &grant, &request, &account, (&sent, true)).await?;
    Ok(warned(writing.answer(answer), &sent, &checked))
}

/// The numbers in the order in which they were sent.
fn answer_of_batch(sent: &[SentNumber], after: &[Number]) -> ApiAnswer {
    let found = |number: E164| {
        after.binary_search_by_key(&number, |stored| stored.telephone_number).ok().and_then(|place| after.get(place))
    };
    let numbers: BatchNumbers = sent.iter().filter_map(|sent| found(sent.number?)).collect();
    let body = Some(serde_json::to_string(&numbers).unwrap_or_default());
    ApiAnswer { outcome: Outcome::Done, tag: None, changed_at: None, body }
}

/// `POST /accounts/{accountName}:deleteNumbers`
async fn delete_batch(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersDelete>,
    ApiPath(account): ApiPath<String>,
    origin: Origin,
    parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let Asked { writing, mut noted, .. } = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let account = noted.account_name(&account);
    let numbers = noted.take(read_body(body, read_numbers_to_delete).await?);
    let (account, numbers) = noted.finish(account.zip(numbers))?;
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
