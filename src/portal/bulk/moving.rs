//! Moving numbers to another account: of the same enterprise at once, of another one by way of a release.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::picked::Picked;
use super::sent::{Sent, of_list};
use super::{BulkQuery, draft_of, replaced, taken_up};
use crate::authz::{NumbersDelete, NumbersRead, NumbersWrite, Principal};
use crate::domain::{FormOf, OrderKind};
use crate::http::{Granted, PortalState, Problem, QueryString, Shell, page_with, see_other};
use crate::portal::form::{Choice, Errors, checked};
use crate::portal::number_filter::NumbersQuery;
use crate::portal::upload::limits;
use crate::portal::upload_form::{ChoiceGroup, offer};
use crate::service::bulk::{self, EditForm, Selection};
use crate::service::numbers;
use crate::service::staging::UploadForm;

#[derive(Template)]
#[template(path = "move.html")]
struct MovePage {
    shell: Shell,
    errors: Errors,
    picked: Picked,
    form: EditForm,
    accounts: Vec<String>,
    /// The addresses of the account that gets the numbers, once it is known.
    addresses: Vec<ChoiceGroup>,
    locations: Vec<ChoiceGroup>,
    allow: Vec<Choice>,
    may_release: bool,
    draft: String,
    limits: String,
}

/// `GET /numbers/move`
pub(super) async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    QueryString(query): QueryString<BulkQuery>,
    QueryString(list): QueryString<NumbersQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let person = grant.principal();
    if let Some(id) = draft_of(&query)? {
        let (form, _) = match taken_up(&state, person, id, FormOf::Move).await? {
            Ok(found) => found,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let picked = Picked::written(form.numbers.clone());
        return move_page(&state, person, shell, form, picked, Errors::default(), id.to_string()).await;
    }
    let picked = Picked::of(&list);
    let selection = if picked.is_listed { Some(of_list(&list)?) } else { None };
    let picked = counted(&state, person, picked, selection.as_ref()).await?;
    let form = EditForm { to: query.to, ticket: list.ticket, ..EditForm::default() };
    move_page(&state, person, shell, form, picked, Errors::default(), String::new()).await
}

async fn counted(
    state: &PortalState,
    person: &Principal,
    picked: Picked,
    selection: Option<&Selection>,
) -> Result<Picked, Problem> {
    let Some(selection) = selection.filter(|_| picked.is_listed) else { return Ok(picked) };
    Ok(picked.counted(&bulk::look(state.ctx(), &person.grant::<NumbersRead>()?, selection).await?))
}

async fn move_page(
    state: &PortalState,
    person: &Principal,
    shell: Shell,
    form: EditForm,
    picked: Picked,
    errors: Errors,
    draft: String,
) -> Result<Response, Problem> {
    let mut chosen = UploadForm {
        account: form.to.clone(),
        civic_address: form.civic_address.clone(),
        location: form.location.clone(),
        ..UploadForm::default()
    };
    let offered = offer(state.ctx(), person, &mut chosen, false).await?;
    let accounts = if offered.accounts.is_empty() {
        numbers::filter_choices(state.ctx(), &person.grant::<NumbersRead>()?).await?.accounts
    } else {
        offered.accounts
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let template = MovePage {
        shell: shell.at("numbers"),
        errors,
        picked,
        accounts,
        addresses: offered.addresses,
        locations: offered.locations,
        allow: [("yes", "Yes"), ("no", "No")]
            .into_iter()
            .map(|(value, label)| Choice::new(value, label, &form.allow_tenant_address_update))
            .collect(),
        may_release: person.may::<NumbersDelete>(),
        form,
        draft,
        limits: limits(state),
    };
    Ok(page_with(status, &template))
}

/// `POST /numbers/move`
pub(super) async fn take(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    shell: Shell,
    request: Request,
) -> Result<Response, Problem> {
    let mut sent = Sent::read(&state, request).await?;
    // Settings that are not asked for here are not taken from the filters of the list, whose names they share.
    sent.form = EditForm {
        to: sent.form.to,
        civic_address: sent.form.civic_address,
        location: sent.form.location,
        allow_tenant_address_update: sent.form.allow_tenant_address_update,
        ticket: sent.form.ticket,
        numbers: sent.form.numbers,
        ..EditForm::default()
    };
    let person = grant.principal();
    let release = person.grant::<NumbersDelete>().ok();
    sent.addresses_of.clone_from(&sent.form.to);
    let only_looks = sent.looks_for_addresses();
    let chosen = match sent.chosen(&state, person, FormOf::Move).await? {
        Ok(chosen) => chosen,
        Err(asked) => return Ok(asked),
    };
    let (selection, errors) = match chosen {
        Ok(selection) if only_looks => (Some(selection), sent.unknown_account(&state, person).await?),
        Ok(selection) => {
            let staged = bulk::stage_move(state.ctx(), &grant, release.as_ref(), &selection, &sent.form).await;
            match checked(staged)? {
                Ok(id) => {
                    replaced(&state, person, &sent.draft, OrderKind::Upload).await;
                    return Ok(see_other(&format!("/orders/{id}/review")));
                }
                Err(errors) => (Some(selection), errors),
            }
        }
        Err(problem) => (None, vec![problem].into()),
    };
    let picked = counted(&state, person, sent.picked(), selection.as_ref()).await?;
    move_page(&state, person, shell, sent.form, picked, errors, sent.draft).await
}
