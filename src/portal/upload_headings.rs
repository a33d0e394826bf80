//! The columns of an uploaded file whose headings are not known: what they are is asked once and remembered.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::form::{Choice, Errors, checked};
use crate::authz::{Grant, NumbersWrite};
use crate::domain::upload::{Column, Means, NOT_READ};
use crate::http::{
    Flash, FormBody, Granted, PortalState, Problem, QueryString, Routes, Shell, invalid, needs, page, see_other,
    see_other_with,
};
use crate::service;
use crate::service::staging::{self, SaidOfColumns, Staged, UnclearFile};

pub(super) fn routes() -> Routes {
    Routes::new().get("/numbers/upload/headings", needs::<NumbersWrite>(), show).post(
        "/numbers/upload/headings",
        needs::<NumbersWrite>(),
        say,
    )
}

#[derive(Template)]
#[template(path = "upload_headings.html")]
pub(super) struct HeadingsPage {
    shell: Shell,
    pub(super) errors: Errors,
    place: HeadingsOf,
    upload: String,
    file: String,
    columns: Vec<ColumnRow>,
    more: usize,
    rest_not_read: bool,
}

/// Where a file was sent whose columns are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadingsOf {
    /// The name of the page that it was sent from.
    pub(super) title: &'static str,
    /// The address of that page.
    pub(super) href: &'static str,
    /// Where what is said goes to.
    pub(super) action: &'static str,
    /// Which form it is, where several have one address; empty where not.
    pub(super) of: &'static str,
    /// What is to be known of columns that have no effect there.
    pub(super) note: &'static str,
    /// The columns that can be chosen.
    pub(super) offered: &'static [Column],
}

/// A column of the file.
struct ColumnRow {
    heading: String,
    values: String,
    /// What it may be.
    choices: Vec<Choice>,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct HeadingsForm {
    pub(super) upload: String,
    /// Which form the file was sent with, where several have one address.
    pub(super) of: String,
    #[serde(rename = "choice[]")]
    choice: Vec<String>,
    rest_not_read: String,
}

impl HeadingsForm {
    /// What is said of the columns.
    pub(super) fn said(&self) -> SaidOfColumns {
        SaidOfColumns { choices: self.choice.clone(), rest_not_read: !self.rest_not_read.is_empty() }
    }
}

/// The file of an upload.
const OF_UPLOAD: HeadingsOf = HeadingsOf {
    title: "Upload numbers",
    href: "/numbers/upload",
    action: "/numbers/upload/headings",
    of: "",
    note: "",
    offered: &Column::CHOICES,
};

/// The page of an upload that waits.
pub(super) fn page_of(upload: &str) -> String {
    format!("/numbers/upload/headings?upload={upload}")
}

fn gone() -> Response {
    let text = "No upload of yours waits here any more. Choose the file again.";
    see_other_with("/numbers/upload", Flash::warning(text))
}

/// `GET /numbers/upload/headings`
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    QueryString(form): QueryString<HeadingsForm>,
    shell: Shell,
) -> Result<Response, Problem> {
    asked(&state, &grant, shell, form, Errors::default()).await
}

async fn asked(
    state: &PortalState,
    grant: &Grant<NumbersWrite>,
    shell: Shell,
    form: HeadingsForm,
    errors: Errors,
) -> Result<Response, Problem> {
    match staging::unclear(state.ctx(), grant, &form.upload).await {
        Ok(Some(file)) => {
            let template = headings_page(shell, form, errors, &file, OF_UPLOAD);
            Ok(if template.errors.is_empty() { page(&template) } else { invalid(&template) })
        }
        Ok(None) => go_on(state, grant, &form.upload, &SaidOfColumns::default()).await,
        Err(service::Error::NotFound(_)) => Ok(gone()),
        Err(error) => Err(error.into()),
    }
}

/// The page that asks what the columns of a file are.
pub(super) fn headings_page(
    shell: Shell,
    form: HeadingsForm,
    errors: Errors,
    file: &UnclearFile,
    place: HeadingsOf,
) -> HeadingsPage {
    let row = &file.columns.row;
    let columns = row.headings.iter().enumerate().map(|(at, heading)| {
        let values = file.columns.values.get(at).map(Vec::as_slice).unwrap_or_default();
        let known = match heading.means {
            Means::Column(column) => Some(column),
            _ => None,
        };
        let usual = || match heading.means {
            Means::Column(column) => column.heading(),
            Means::NotRead => NOT_READ.to_owned(),
            Means::Unknown => row.might_be(at, values).map(Column::heading).unwrap_or_default(),
            Means::Blank => String::new(),
        };
        let chosen = form.choice.get(at).filter(|choice| !choice.is_empty()).cloned().unwrap_or_else(usual);
        ColumnRow {
            heading: heading.text.clone(),
            values: values.join(", "),
            choices: choices(&chosen, known, place.offered),
            name: format!("column-{}", at + 1),
        }
    });
    HeadingsPage {
        shell: shell.at("numbers"),
        errors,
        place,
        file: file.name.clone(),
        columns: columns.collect(),
        more: file.left - 1,
        rest_not_read: !form.rest_not_read.is_empty(),
        upload: form.upload,
    }
}

/// What a column may be; one that is that of a single service may stay so.
fn choices(chosen: &str, known: Option<Column>, offered: &[Column]) -> Vec<Choice> {
    let own = known.filter(|column| !offered.contains(column));
    let own = own.map(|column| match column.service() {
        Some(service) => Choice::new(column.heading(), format!("{} ({service})", column.label()), chosen),
        None => Choice::new(column.heading(), column.label(), chosen),
    });
    std::iter::once(Choice::new(NOT_READ, "Do not read this column", chosen))
        .chain(own)
        .chain(offered.iter().map(|column| Choice::new(column.heading(), column.label(), chosen)))
        .collect()
}

/// `POST /numbers/upload/headings`
async fn say(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    shell: Shell,
    FormBody(form): FormBody<HeadingsForm>,
) -> Result<Response, Problem> {
    let staged = match staging::say_columns(state.ctx(), &grant, &form.upload, &form.said()).await {
        Err(service::Error::NotFound(_)) => return Ok(gone()),
        staged => checked(staged)?,
    };
    match staged {
        Ok(staged) => Ok(on_to(&staged)),
        Err(errors) if errors.of("columns").is_empty() => Ok(not_staged(&errors)),
        Err(errors) => asked(&state, &grant, shell, form, errors).await,
    }
}

async fn go_on(
    state: &PortalState,
    grant: &Grant<NumbersWrite>,
    upload: &str,
    said: &SaidOfColumns,
) -> Result<Response, Problem> {
    Ok(match checked(staging::say_columns(state.ctx(), grant, upload, said).await)? {
        Ok(staged) => on_to(&staged),
        Err(errors) => not_staged(&errors),
    })
}

/// The page that an upload goes on with.
pub(super) fn on_to(staged: &Staged) -> Response {
    match staged {
        Staged::Draft(id) => see_other(&format!("/orders/{id}/review")),
        Staged::Waits(id) => see_other(&page_of(id)),
    }
}

/// The form of the upload has problems by now, such as an account that was deleted meanwhile.
fn not_staged(errors: &Errors) -> Response {
    see_other_with("/numbers/upload", Flash::warning(remembered(errors)))
}

/// What is to be said when what the columns are is clear, and something else is wrong.
pub(super) fn remembered(errors: &Errors) -> String {
    let told: Vec<&str> = errors.iter().map(|problem| problem.message.as_str()).collect();
    format!("{} What the columns are is remembered; fill the form in again.", told.join(" "))
}
