//! Changing many numbers at once: what is chosen changes, everything else stays as it is on each number.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::picked::Picked;
use super::sent::{Sent, of_list};
use super::view::EditView;
use super::{BulkQuery, draft_of, replaced, taken_up};
use crate::authz::NumbersWrite;
use crate::domain::{FormOf, OrderKind};
use crate::http::{Granted, PortalState, Problem, QueryString, Shell, page_with, see_other};
use crate::portal::form::{Errors, checked};
use crate::portal::number_filter::NumbersQuery;
use crate::portal::show::counted;
use crate::portal::upload::limits;
use crate::service::bulk;

#[derive(Template)]
#[template(path = "manage.html")]
struct ManagePage {
    shell: Shell,
    title: String,
    errors: Errors,
    view: EditView,
    draft: String,
    limits: String,
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
        let form = match taken_up(&state, person, id, FormOf::Manage).await? {
            Ok(form) => form,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let picked = Picked::written(form.numbers.clone());
        let view = EditView::of(state.ctx(), person, None, form, picked).await?;
        return Ok(page_with(StatusCode::OK, &manage_page(&state, shell, view, Errors::default(), id.to_string())));
    }
    let picked = Picked::of(&list);
    let selection = if picked.is_listed { Some(of_list(&list)?) } else { None };
    let form = bulk::EditForm { ticket: list.ticket.clone(), ..bulk::EditForm::default() };
    let view = EditView::of(state.ctx(), person, selection.as_ref(), form, picked).await?;
    Ok(page_with(StatusCode::OK, &manage_page(&state, shell, view, Errors::default(), String::new())))
}

fn manage_page(state: &PortalState, shell: Shell, view: EditView, errors: Errors, draft: String) -> ManagePage {
    let title = if view.picked.is_listed {
        format!("Manage {}", counted(view.count, "number", "numbers"))
    } else {
        "Manage numbers".to_owned()
    };
    ManagePage { shell: shell.at("numbers"), title, errors, view, draft, limits: limits(state) }
}

/// `POST /numbers/manage`
pub(super) async fn take(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    shell: Shell,
    request: Request,
) -> Result<Response, Problem> {
    let sent = Sent::read(&state, request).await?.without_settings();
    let (selection, errors) = match sent.selection()? {
        Ok(selection) => match checked(bulk::stage_edit(state.ctx(), &grant, &selection, &sent.form).await)? {
            Ok(id) => {
                replaced(&state, grant.principal(), &sent.draft, OrderKind::Upload).await;
                return Ok(see_other(&format!("/orders/{id}/review")));
            }
            Err(errors) => (Some(selection), errors),
        },
        Err(problem) => (None, vec![problem].into()),
    };
    let (picked, draft) = (sent.picked(), sent.draft.clone());
    let selection = selection.filter(|_| picked.is_listed);
    let view = EditView::of(state.ctx(), grant.principal(), selection.as_ref(), sent.form, picked).await?;
    Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &manage_page(&state, shell, view, errors, draft)))
}
