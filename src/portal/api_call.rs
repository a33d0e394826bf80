//! "Show as API call": what a form or a review does, as the command that does the same with the Provisioning API.

mod command;
mod draft;

use serde::Serialize;
use url::Url;

use super::form::segment;
use crate::authz::{Role, RoleNames};
use crate::domain::{Account, AccountForm, AccountName, Number, SyncState, TenantId};
use crate::http::PortalState;
use crate::wire::{AccountResource, NumberResource, VERSION, relationship_body};

use command::Command;

pub(super) use draft::{of_draft, routes};

/// What is sent with a resource or a batch.
const JSON: &str = "Content-Type: application/json";
/// What is sent with a change of a part.
const MERGE_PATCH: &str = "Content-Type: application/merge-patch+json";
/// Only what is not there yet.
const IF_NEW: &str = "If-None-Match: *";

/// The calls that a page shows, for `templates/macros/api_call.html`. Without any it shows nothing.
#[derive(Default)]
pub(super) struct ApiCalls {
    pub(super) calls: Vec<ApiCall>,
    /// What is different from what the page does, in sentences.
    pub(super) notes: Vec<String>,
    /// Address of a script with all the calls, where the page does not show them all; or nothing.
    pub(super) script: String,
}

/// One call.
pub(super) struct ApiCall {
    /// What it does, in a few words.
    pub(super) what: &'static str,
    /// The role that its token needs, as the identity provider calls it.
    pub(super) role: String,
    /// The command.
    pub(super) command: String,
}

/// How programs reach the API.
struct Api<'a> {
    base: &'a Url,
    roles: &'a RoleNames,
}

impl<'a> Api<'a> {
    /// Nothing where the deployment has no API.
    fn of(state: &'a PortalState) -> Option<Self> {
        let config = state.config();
        config.has_api().then_some(Self { base: &config.api.public_url, roles: &config.api.role_names })
    }

    /// A call of this path; `query` is empty or ends with `&`.
    fn command(&self, method: &'static str, path: &str, query: &str) -> Command {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(Some(&format!("{query}api-version={VERSION}")));
        Command { options: &[], method, url: url.to_string(), headers: Vec::new(), body: None }
    }

    fn call(&self, what: &'static str, role: Role, command: &Command) -> ApiCall {
        ApiCall { what, role: self.roles.of(role).to_owned(), command: command.to_string() }
    }
}

/// A body as people read it.
fn spread(body: &impl Serialize) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}

/// Puts the account there as it is.
pub(super) fn of_account(state: &PortalState, account: &Account) -> ApiCalls {
    put_account(state, "Put the account there as it is now", &AccountResource::kept(account), false)
}

/// Makes the account what stands in the form: a new one, or the one that is there. Nothing while the form has no name that
/// an address could hold.
pub(super) fn of_account_form(state: &PortalState, form: &AccountForm, there: Option<&Account>) -> ApiCalls {
    if AccountName::parse(form.name.trim()).is_err() {
        return ApiCalls::default();
    }
    let zones = state.ctx().policy.zones.as_ref();
    let as_sent = there.map(|account| &account.as_sent);
    let body = match form.check_change(there, zones) {
        Ok(draft) => AccountResource::body(&draft, as_sent),
        Err(_) => AccountResource::typed(form, as_sent),
    };
    let what = if there.is_none() { "Create the account" } else { "Change the account" };
    put_account(state, what, &body, there.is_none()).with_ticket()
}

fn put_account(state: &PortalState, what: &'static str, body: &AccountResource, new: bool) -> ApiCalls {
    let Some(api) = Api::of(state) else { return ApiCalls::default() };
    let mut command = api.command("PUT", &format!("/accounts/{}", segment(&body.name)), "");
    command.headers.push(JSON);
    if new {
        command.headers.push(IF_NEW);
    }
    command.body = Some(spread(body));
    ApiCalls { calls: vec![api.call(what, Role::WriteUser, &command)], ..ApiCalls::default() }
}

/// Deletes the account, with its numbers if it has some.
pub(super) fn of_account_deletion(state: &PortalState, name: &str, with_numbers: bool) -> ApiCalls {
    let Some(api) = Api::of(state) else { return ApiCalls::default() };
    let (what, query) = if with_numbers {
        ("Release its numbers and delete the account", "deleteNumbers=true&")
    } else {
        ("Delete the account", "")
    };
    let command = api.command("DELETE", &format!("/accounts/{}", segment(name)), query);
    ApiCalls { calls: vec![api.call(what, Role::DeleteUser, &command)], ..ApiCalls::default() }
}

/// Asks for a number, and puts it there as it is. A number that is being released is gone to programs.
pub(super) fn of_number(state: &PortalState, number: &Number, may_write: bool) -> ApiCalls {
    let mut shown = ApiCalls::default();
    let Some(api) = Api::of(state).filter(|_| number.state != SyncState::Releasing) else { return shown };
    let path = format!("/accounts/{}/numbers/{}", segment(&number.account), number.telephone_number);
    shown.calls.push(api.call("Read the number", Role::ReadUser, &api.command("GET", &path, "")));
    if may_write {
        let mut command = api.command("PUT", &path, "");
        command.headers.push(JSON);
        command.body = Some(spread(&NumberResource::kept(number)));
        shown.calls.push(api.call("Put the number there as it is now", Role::WriteUser, &command));
        let profile = &number.settings.calling_profile;
        if *profile != state.ctx().policy.default_calling_profile {
            shown.notes.push(format!(
                "The API knows no calling profiles: the number keeps {}. A new number gets the usual one.",
                profile.as_deref().unwrap_or("none")
            ));
        }
    }
    shown
}

/// Sets the relationship with an enterprise to what stands in the form.
pub(super) fn of_relationship(state: &PortalState, tenant: &TenantId, status: &str, reason: Option<&str>) -> ApiCalls {
    let Some(api) = Api::of(state) else { return ApiCalls::default() };
    let mut shown = ApiCalls::default();
    let first = state.ctx().policy.relationships.first().map_or("AgreementSigned", |choice| choice.value.as_str());
    let status = if status.is_empty() {
        shown.notes.push("No status is chosen yet, so the call shows the first one.".to_owned());
        first
    } else {
        status
    };
    let mut command = api.command("PATCH", &format!("/teamsRequestsForInformation/{tenant}"), "");
    command.headers.push(MERGE_PATCH);
    command.body = Some(spread(&relationship_body(status, reason)));
    shown.calls.push(api.call("Set the relationship status", Role::WriteUser, &command));
    shown.with_ticket()
}

impl ApiCalls {
    /// Says that what stands in the form's field for a ticket is left out.
    fn with_ticket(mut self) -> Self {
        self.notes.push("The API takes no ticket.".to_owned());
        self
    }
}
