//! Releasing numbers: ticked ones, all that match, or those of a text or a file.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::picked::Picked;
use super::sent::{Sent, of_list};
use super::{BulkQuery, draft_of, replaced, taken_up};
use crate::authz::{NumbersDelete, NumbersRead, Principal};
use crate::domain::{FormOf, OrderKind};
use crate::http::{Flash, Granted, PortalState, Problem, QueryString, Shell, page_with, see_other, see_other_with};
use crate::portal::form::{Errors, checked};
use crate::portal::number_filter::NumbersQuery;
use crate::portal::upload::limits;
use crate::service;
use crate::service::bulk::{self, EditForm, Selection};

#[derive(Template)]
#[template(path = "release.html")]
struct ReleasePage {
    shell: Shell,
    errors: Errors,
    picked: Picked,
    ticket: String,
    draft: String,
    limits: String,
}

/// `GET /numbers/release`: which numbers to release.
pub(super) async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersDelete>,
    QueryString(query): QueryString<BulkQuery>,
    QueryString(list): QueryString<NumbersQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let person = grant.principal();
    let (form, picked, draft) = match draft_of(&query)? {
        None => (EditForm { ticket: list.ticket.clone(), ..EditForm::default() }, Picked::of(&list), None),
        Some(id) => match taken_up(&state, person, id, FormOf::Release).await? {
            Ok((form, _)) => (form.clone(), Picked::written(form.numbers), Some(id)),
            Err(elsewhere) => return Ok(elsewhere),
        },
    };
    let picked = counted(&state, person, &list, picked).await?;
    let template = ReleasePage {
        shell: shell.at("numbers"),
        errors: Errors::default(),
        picked,
        ticket: form.ticket,
        draft: draft.map(|id| id.to_string()).unwrap_or_default(),
        limits: limits(&state),
    };
    Ok(page_with(StatusCode::OK, &template))
}

async fn counted(
    state: &PortalState,
    person: &Principal,
    list: &NumbersQuery,
    picked: Picked,
) -> Result<Picked, Problem> {
    if !picked.is_listed {
        return Ok(picked);
    }
    let looked = bulk::look(state.ctx(), &person.grant::<NumbersRead>()?, &of_list(list)?).await?;
    Ok(picked.counted(&looked))
}

/// `POST /numbers/release`
pub(super) async fn take(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersDelete>,
    shell: Shell,
    request: Request,
) -> Result<Response, Problem> {
    let sent = Sent::read(&state, request).await?;
    let chosen = match sent.chosen(&state, grant.principal(), FormOf::Release).await? {
        Ok(chosen) => chosen,
        Err(asked) => return Ok(asked),
    };
    let errors = match chosen {
        Ok(selection) => match bulk::stage_release(state.ctx(), &grant, &selection, &sent.form).await {
            Err(service::Error::Conflict(reason)) if !matches!(selection, Selection::Written { .. }) => {
                return Ok(see_other_with(&sent.list(), Flash::warning(reason)));
            }
            staged => match checked(staged)? {
                Ok(id) => {
                    replaced(&state, grant.principal(), &sent.draft, OrderKind::Release).await;
                    return Ok(see_other(&format!("/orders/{id}/review")));
                }
                Err(errors) => errors,
            },
        },
        Err(problem) => vec![problem].into(),
    };
    let mut picked = sent.picked();
    if picked.is_listed {
        "The numbers".clone_into(&mut picked.said);
    }
    let template = ReleasePage {
        shell: shell.at("numbers"),
        errors,
        picked,
        ticket: sent.form.ticket.clone(),
        draft: sent.draft.clone(),
        limits: limits(&state),
    };
    Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &template))
}
