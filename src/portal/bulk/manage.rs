//! Changing many numbers at once: what is chosen changes, everything else stays as it is on each number.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::picked::Picked;
use super::sent::{Sent, of_list};
use super::view::EditView;
use super::{BulkQuery, draft_of, replaced, taken_up};
use crate::authz::{NumbersRead, NumbersWrite, Principal};
use crate::domain::{FormOf, OrderKind};
use crate::http::{Granted, PortalState, Problem, QueryString, Shell, page_with, see_other};
use crate::portal::api_call::{self, ApiCalls};
use crate::portal::form::{Errors, checked};
use crate::portal::number_filter::NumbersQuery;
use crate::portal::show::counted;
use crate::portal::upload::limits;
use crate::service::bulk::{self, EditForm, Selection};
use crate::service::numbers;

#[derive(Template)]
#[template(path = "manage.html")]
struct ManagePage {
    shell: Shell,
    title: String,
    errors: Errors,
    view: EditView,
    draft: String,
    limits: String,
    /// The account whose addresses are offered, as it was typed.
    addresses_of: String,
    /// Accounts to choose from, where addresses are not offered.
    accounts: Vec<String>,
    /// The one number that is changed, as it is.
    api: ApiCalls,
}

/// `GET /numbers/manage`: the form, in which every setting is kept.
pub(super) async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    QueryString(query): QueryString<BulkQuery>,
    QueryString(list): QueryString<NumbersQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let person = grant.principal();
    if let Some(id) = draft_of(&query)? {
        let (form, of) = match taken_up(&state, person, id, FormOf::Manage).await? {
            Ok(found) => found,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let picked = Picked::written(form.numbers.clone());
        let asked = Asked { draft: id.to_string(), addresses_of: of, ..Asked::default() };
        return manage_page(&state, person, shell, (form, picked, None), asked).await;
    }
    let picked = Picked::of(&list);
    let selection = if picked.is_listed { Some(of_list(&list)?) } else { None };
    let form = EditForm { ticket: list.ticket.clone(), ..EditForm::default() };
    let asked = Asked { addresses_of: list.account, ..Asked::default() };
    manage_page(&state, person, shell, (form, picked, selection), asked).await
}

/// What a page of changes says beside the form.
#[derive(Default)]
struct Asked {
    draft: String,
    addresses_of: String,
    errors: Errors,
}

async fn manage_page(
    state: &PortalState,
    person: &Principal,
    shell: Shell,
    (form, picked, selection): (EditForm, Picked, Option<Selection>),
    Asked { draft, addresses_of, errors }: Asked,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let selection = selection.filter(|_| picked.is_listed);
    let view = EditView::of(ctx, person, selection.as_ref(), form, picked, &addresses_of).await?;
    let read = person.grant::<NumbersRead>()?;
    let accounts = if view.asks_for_ids { numbers::filter_choices(ctx, &read).await?.accounts } else { Vec::new() };
    let (mut title, mut api) = ("Manage numbers".to_owned(), ApiCalls::default());
    match &selection {
        Some(Selection::Numbers(_, numbers)) if numbers.len() == 1 && view.count == 1 => {
            for number in numbers {
                title = format!("Manage number {}", number.grouped());
                api = api_call::of_number(state, &numbers::get(ctx, &read, *number).await?, true);
            }
        }
        Some(_) => title = format!("Manage {}", counted(view.count, "number", "numbers")),
        None => {}
    }
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let limits = limits(state);
    let shell = shell.at("numbers");
    Ok(page_with(status, &ManagePage { shell, title, errors, view, draft, limits, addresses_of, accounts, api }))
}

/// `POST /numbers/manage`
pub(super) async fn take(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    shell: Shell,
    request: Request,
) -> Result<Response, Problem> {
    let sent = Sent::read(&state, request).await?.without_settings();
    let only_looks = sent.looks_for_addresses();
    let chosen = match sent.chosen(&state, grant.principal(), FormOf::Manage).await? {
        Ok(chosen) => chosen,
        Err(asked) => return Ok(asked),
    };
    let (selection, errors) = match chosen {
        Ok(selection) if only_looks => (Some(selection), sent.unknown_account(&state, grant.principal()).await?),
        Ok(selection) => match checked(bulk::stage_edit(state.ctx(), &grant, &selection, &sent.form).await)? {
            Ok(id) => {
                replaced(&state, grant.principal(), &sent.draft, OrderKind::Upload).await;
                return Ok(see_other(&format!("/orders/{id}/review")));
            }
            Err(errors) => (Some(selection), errors),
        },
        Err(problem) => (None, vec![problem].into()),
    };
    let (picked, draft, addresses_of) = (sent.picked(), sent.draft.clone(), sent.addresses_of.clone());
    let asked = Asked { draft, addresses_of, errors };
    manage_page(&state, grant.principal(), shell, (sent.form, picked, selection), asked).await
}
