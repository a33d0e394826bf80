//! The names that follow from a subdomain, as they are typed: how long they are, and whether they are to be had.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::authz::AccountsWrite;
use crate::domain::direct_routing::{LABEL_MAX, NAME_MAX, Zones};
use crate::http::{Granted, Partial, PortalState, Problem, QueryString, Routes, fragment, needs, see_other};
use crate::service::accounts;

pub(super) fn routes() -> Routes {
    Routes::new().get("/accounts/new/subdomain", needs::<AccountsWrite>(), show)
}

/// One name with its length.
pub(super) struct NameView {
    pub(super) name: String,
    pub(super) length: String,
}

/// What follows from a subdomain.
#[derive(Default)]
pub(super) struct NamesView {
    /// Such as "7 of 10 characters"; empty while nothing is typed.
    pub(super) length: String,
    pub(super) names: Vec<NameView>,
    /// What the names will be made of, while nothing is typed.
    pub(super) pattern: Vec<String>,
    /// Why it cannot be had; the form says so beside the field, so this is for what is being typed.
    pub(super) problems: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl NamesView {
    pub(super) fn of(zones: Option<&Zones>, typed: &str) -> Self {
        let label = typed.trim().to_lowercase();
        let Some(zones) = zones else {
            return Self { length: length(&label, LABEL_MAX), ..Self::default() };
        };
        if label.is_empty() {
            return Self { pattern: zones.names("\u{2026}"), ..Self::default() };
        }
        let names = zones.names(&label).into_iter();
        Self {
            length: length(&label, LABEL_MAX),
            names: names.map(|name| NameView { length: length(&name, NAME_MAX), name }).collect(),
            warnings: zones.warnings(&label),
            ..Self::default()
        }
    }
}

fn length(text: &str, most: usize) -> String {
    match text.chars().count() {
        0 => String::new(),
        count => format!("{count} of {most} characters"),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    subdomain: String,
    /// The account that shall have it: of a form that creates one, or
    name: String,
    /// of one that changes one.
    account: String,
}

#[derive(Template)]
#[template(path = "account_names.html")]
struct NamesPart {
    names: NamesView,
}

/// `GET /accounts/new/subdomain`: a part of the form, asked for while somebody types.
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsWrite>,
    QueryString(typed): QueryString<Typed>,
    Partial(partial): Partial,
) -> Result<Response, Problem> {
    if !partial {
        return Ok(see_other("/accounts/new"));
    }
    let ctx = state.ctx();
    let account = if typed.account.is_empty() { &typed.name } else { &typed.account };
    let mut names = NamesView::of(ctx.policy.zones.as_ref(), &typed.subdomain);
    if !typed.subdomain.trim().is_empty() {
        names.problems = accounts::against_subdomain(ctx, &grant, account.trim(), &typed.subdomain).await?;
    }
    Ok(fragment(&NamesPart { names }))
}
