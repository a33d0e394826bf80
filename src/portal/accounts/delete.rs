//! Deleting an account, after saying what that does.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use crate::authz::{AccountsDelete, AccountsRead, NumbersDelete, Principal};
use crate::domain::{Account, FieldProblem};
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, Shell, needs, page, page_with, see_other,
    see_other_with,
};
use crate::portal::api_call::{self, ApiCalls};
use crate::portal::form::Errors;
use crate::portal::origin;
use crate::portal::show::counted;
use crate::service::accounts::{self, Deleted};
use crate::service::{Error, Result as Outcome};

pub(super) fn routes() -> Routes {
    Routes::new().get("/accounts/{name}/delete", needs::<AccountsDelete>(), ask).post(
        "/accounts/{name}/delete",
        needs::<AccountsDelete>(),
        delete,
    )
}

#[derive(Template)]
#[template(path = "account_delete.html")]
struct DeletePage {
    shell: Shell,
    name: String,
    deleting: bool,
    /// Whether numbers stand in the way.
    has_numbers: bool,
    numbers: String,
    release_label: String,
    may_release: bool,
    errors: Errors,
    api: ApiCalls,
}

impl DeletePage {
    fn new(state: &PortalState, shell: Shell, account: &Account, person: &Principal) -> Self {
        let (has_numbers, may_release) = (account.number_count > 0, person.may::<NumbersDelete>());
        let numbers = counted(account.number_count, "number", "numbers");
        Self {
            shell: shell.at("accounts"),
            name: account.name.clone(),
            deleting: account.deleting,
            has_numbers,
            release_label: format!("Release its {numbers} first"),
            numbers,
            may_release,
            errors: Errors::default(),
            api: if account.deleting || (has_numbers && !may_release) {
                ApiCalls::default()
            } else {
                api_call::of_account_deletion(state, &account.name, has_numbers)
            },
        }
    }
}

/// `GET /accounts/{name}/delete`
async fn ask(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsDelete>,
    Granted(read): Granted<AccountsRead>,
    PathPart(name): PathPart<String>,
    shell: Shell,
) -> Result<Response, Problem> {
    let account = accounts::get(state.ctx(), &read, &name).await?;
    Ok(page(&DeletePage::new(&state, shell, &account, grant.principal())))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentDeletion {
    release: String,
}

/// `POST /accounts/{name}/delete`
async fn delete(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsDelete>,
    Granted(read): Granted<AccountsRead>,
    PathPart(name): PathPart<String>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentDeletion>,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let release = match sent.release.as_str() {
        "true" => Some(grant.principal().grant::<NumbersDelete>()?),
        _ => None,
    };
    let account = accounts::get(ctx, &read, &name).await?;
    if account.deleting {
        return Ok(see_other(&format!("/accounts/{name}")));
    }
    let outcome: Outcome<Deleted> = accounts::delete(ctx, &grant, &origin(&info), &name, release.as_ref()).await;
    match outcome {
        Ok(Deleted::Done) => Ok(see_other_with("/accounts", Flash::success(format!("Account {name} is deleted.")))),
        Ok(Deleted::Releasing(order)) => {
            let text = format!("The numbers of {name} are being released. The account goes with the last of them.");
            Ok(see_other_with(&format!("/orders/{order}"), Flash::info(text)))
        }
        Err(Error::Conflict(reason)) => {
            let mut form = DeletePage::new(&state, shell, &accounts::get(ctx, &read, &name).await?, grant.principal());
            form.errors = if form.may_release && form.has_numbers {
                vec![FieldProblem::new("release", reason)].into()
            } else {
                Errors::whole(reason)
            };
            Ok(page_with(StatusCode::CONFLICT, &form))
        }
        Err(error) => Err(error.into()),
    }
}
