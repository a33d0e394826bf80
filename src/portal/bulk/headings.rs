//! The columns of a file of numbers that are changed, moved or released, where it is not clear what they are: asked as those of
//! an upload are.

use axum::extract::State;
use axum::response::Response;

use crate::authz::{NumbersRead, Principal};
use crate::domain::FormOf;
use crate::domain::upload::Column;
use crate::http::{
    Flash, FormBody, Granted, PortalState, Problem, QueryString, Shell, invalid, page, see_other, see_other_with,
};
use crate::portal::form::{Errors, checked};
use crate::portal::upload_headings::{HeadingsForm, HeadingsOf, headings_page, remembered};
use crate::service;
use crate::service::bulk;
use crate::service::staging::SaidOfColumns;

/// The columns that say which numbers are meant.
const OFFERED: [Column; 4] = [Column::TelephoneNumber, Column::LastNumber, Column::Count, Column::AccountName];

/// The page of numbers that wait.
pub(super) fn page_of(form_of: FormOf, id: &str) -> String {
    format!("/numbers/headings?of={}&upload={id}", form_of.key())
}

/// The form that the numbers were sent with.
fn place(of: &str) -> HeadingsOf {
    let (title, href) = match FormOf::from_key(of) {
        Some(FormOf::Release) => ("Release numbers", "/numbers/release"),
        Some(FormOf::Move) => ("Move numbers", "/numbers/move"),
        _ => ("Manage numbers", "/numbers/manage"),
    };
    let of = [FormOf::Release, FormOf::Move].into_iter().find(|form_of| form_of.key() == of).unwrap_or(FormOf::Manage);
    HeadingsOf {
        title,
        href,
        action: "/numbers/headings",
        of: of.key(),
        note: "Only the columns that say which numbers are meant, and whose they are, count here.",
        offered: &OFFERED,
    }
}

fn gone(place: HeadingsOf) -> Response {
    let text = "No file of yours waits here any more. Choose the file again.";
    see_other_with(place.href, Flash::warning(text))
}

/// `GET /numbers/headings`
pub(super) async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(form): QueryString<HeadingsForm>,
    shell: Shell,
) -> Result<Response, Problem> {
    asked(&state, grant.principal(), shell, form, Errors::default()).await
}

async fn asked(
    state: &PortalState,
    person: &Principal,
    shell: Shell,
    form: HeadingsForm,
    errors: Errors,
) -> Result<Response, Problem> {
    let place = place(&form.of);
    match bulk::unclear(state.ctx(), person, &form.upload).await {
        Ok(Some(file)) => {
            let template = headings_page(shell, form, errors, &file, place);
            Ok(if template.errors.is_empty() { page(&template) } else { invalid(&template) })
        }
        Ok(None) => staged(state, person, &form.upload, &SaidOfColumns::default(), place).await.map(|staged| {
            staged.unwrap_or_else(|errors| see_other_with(place.href, Flash::warning(remembered(&errors))))
        }),
        Err(service::Error::NotFound(_)) => Ok(gone(place)),
        Err(error) => Err(error.into()),
    }
}

/// Stages what waits; what is still wrong with what was said of its columns is the inner error.
async fn staged(
    state: &PortalState,
    person: &Principal,
    upload: &str,
    said: &SaidOfColumns,
    place: HeadingsOf,
) -> Result<Result<Response, Errors>, Problem> {
    match bulk::say_columns(state.ctx(), person, upload, said).await {
        Err(service::Error::NotFound(_)) => Ok(Ok(gone(place))),
        Err(service::Error::Conflict(reason)) => Ok(Ok(see_other_with(place.href, Flash::warning(reason)))),
        staged => Ok(checked(staged)?.map(|id| see_other(&format!("/orders/{id}/review")))),
    }
}

/// `POST /numbers/headings`
pub(super) async fn say(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    shell: Shell,
    FormBody(form): FormBody<HeadingsForm>,
) -> Result<Response, Problem> {
    let (person, place) = (grant.principal(), place(&form.of));
    match staged(&state, person, &form.upload, &form.said(), place).await? {
        Ok(answer) => Ok(answer),
        Err(errors) if errors.of("columns").is_empty() => {
            Ok(see_other_with(place.href, Flash::warning(remembered(&errors))))
        }
        Err(errors) => asked(&state, person, shell, form, errors).await,
    }
}
