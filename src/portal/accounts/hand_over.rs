//! The hand-over of Direct Routing to an enterprise: what it is told, and how far everything is.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::routing::doubt;
use crate::authz::{AccountsRead, AccountsWrite, ConsentsRead, Principal};
use crate::domain::direct_routing::Zones;
use crate::domain::hand_over::{self, Progress, Step};
use crate::domain::{Account, DirectRouting, Service};
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, Shell, download, invalid, needs, page,
    see_other, see_other_with,
};
use crate::portal::form::{Errors, checked};
use crate::portal::origin;
use crate::portal::show::{Chip, Moment, day};
use crate::service::hand_over::AccountLabel;
use crate::service::{self, accounts, consents};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/accounts/{name}/hand-over", needs::<AccountsRead>(), show)
        .get("/accounts/{name}/hand-over.txt", needs::<AccountsRead>(), text)
        .post("/accounts/{name}/hand-over", needs::<AccountsWrite>(), tick)
}

/// The full name of an account in each region with the token of the region; without names where there is no base domain.
pub(super) fn names_and_tokens(zones: Option<&Zones>, routing: &DirectRouting) -> Vec<(String, String)> {
    let names = zones.map(|zones| zones.names(&routing.subdomain)).unwrap_or_default();
    names.into_iter().zip(routing.tokens.iter().cloned()).collect()
}

/// One step of the tracker.
struct StepView {
    key: &'static str,
    label: &'static str,
    to_do: &'static str,
    chip: Chip,
    done: bool,
    by_hand: bool,
    /// The day, and who ticked it when; nothing where it follows from the data.
    ticked: Option<Ticked>,
}

struct Ticked {
    on: String,
    by: String,
    at: Moment,
}

fn step_view(progress: Progress, next: Option<Step>) -> StepView {
    let Progress { step, done, tick } = progress;
    let chip = if done {
        Chip::new("ok", "Done")
    } else if next == Some(step) {
        Chip::new("info", "Next")
    } else {
        Chip::new("pending", "To do")
    };
    StepView {
        key: step.key(),
        label: step.label(),
        to_do: step.to_do(),
        chip,
        done,
        by_hand: step.by_hand(),
        ticked: tick.map(|tick| Ticked { on: day(tick.on), by: tick.by, at: tick.at.into() }),
    }
}

#[derive(Template)]
#[template(path = "hand_over.html")]
struct HandOverPage {
    shell: Shell,
    name: String,
    /// The enterprise, where a consent tells it.
    company: String,
    /// Empty while the account has none.
    subdomain: String,
    state: Chip,
    names: Vec<(String, String)>,
    steps: Vec<StepView>,
    /// What is to be said of the tokens; empty where there is nothing.
    doubt: &'static str,
    voice_route: String,
    text: String,
    today: String,
    /// The step of a form that came back.
    typed_step: String,
    /// The day of a form that came back.
    typed_day: String,
    errors: Errors,
    may_write: bool,
}

/// The line of PowerShell that points a voice route at the names.
fn voice_route(names: &[(String, String)]) -> String {
    let names: Vec<String> = names.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!("Set-CsOnlineVoiceRoute -Identity \"<voice-route-id>\" -OnlinePstnGatewayList {}", names.join(", "))
}

/// What the enterprise is told, for a message. Paragraphs are single lines, which a mail program breaks as it likes.
fn message(company: &str, names: &[(String, String)]) -> String {
    let list = |line: &dyn Fn(&str, &str) -> String| -> String {
        names.iter().fold(String::new(), |text, (name, token)| format!("{text}   {}\n", line(name, token)))
    };
    let mut text = String::new();
    let _ = write!(
        text,
        "Microsoft Teams Direct Routing for {company}\n\n\
         1. Register these domain names\n\n{}\n\
         In the Microsoft 365 admin center, as a Global Administrator: Settings > Domains > Add domain, one after \
         the other. Choose verification by a TXT record and note the TXT value of each; it begins with MS=. Do not \
         press Verify yet: the records are not there before we have the values.\n\n\
         2. Send us the TXT values\n\n{}\n\
         We make the records from them and tell you when they are answered.\n\n\
         3. Verify\n\n\
         When you have heard from us: Settings > Domains, open each of the names and finish the verification.\n\n\
         4. Activate\n\n\
         Give each name to at least one user or resource account with a licence for Microsoft Teams, so that its \
         user name ends with the name, such as:\n\n{}\n\
         5. Route calls to us\n\n\
         In Teams PowerShell, for the voice route of your call routing policy. The Teams admin center does not \
         offer these names, so it has to be PowerShell. Give the policy to no user before the numbers are there.\n\
         \n   {}\n",
        list(&|name, _| name.to_owned()),
        list(&|name, token| format!("{name}: {}", if token.is_empty() { "____________________" } else { token })),
        list(&|name, _| format!("activation@{name}")),
        voice_route(names)
    );
    text
}

async fn company(state: &PortalState, person: &Principal, account: &Account) -> Result<String, Problem> {
    let Some(tenant) = &account.tenant_id else { return Ok(String::new()) };
    match consents::get(state.ctx(), &person.grant::<ConsentsRead>()?, tenant).await {
        Ok(row) => Ok(row.company),
        Err(service::Error::NotFound(_)) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// The account, if it uses Direct Routing.
async fn find(state: &PortalState, person: &Principal, name: &str) -> Result<Account, Problem> {
    let account = accounts::get(state.ctx(), &person.grant::<AccountsRead>()?, name).await?;
    if account.services.contains(Service::DirectRouting) {
        return Ok(account);
    }
    let mut problem = Problem::no_such("hand-over", name);
    problem.detail =
        format!("Account {name} does not have Direct Routing. Enable it on the account, then hand its names over.")
            .into();
    Err(problem)
}

async fn hand_over_page(
    state: &PortalState,
    person: &Principal,
    name: &str,
    shell: Shell,
) -> Result<HandOverPage, Problem> {
    let ctx = state.ctx();
    let account = find(state, person, name).await?;
    let steps = service::hand_over::steps(ctx, &person.grant()?, &account).await?;
    let next = hand_over::next(&steps);
    let company = company(state, person, &account).await?;
    let routing = account.direct_routing.as_ref();
    let names = routing.map(|routing| names_and_tokens(ctx.policy.zones.as_ref(), routing)).unwrap_or_default();
    Ok(HandOverPage {
        shell: shell.at("accounts"),
        subdomain: routing.map(|routing| routing.subdomain.clone()).unwrap_or_default(),
        state: account.subdomain_status.into(),
        steps: steps.into_iter().map(|step| step_view(step, next)).collect(),
        voice_route: voice_route(&names),
        text: message(if company.is_empty() { &account.name } else { &company }, &names),
        doubt: doubt(names.iter().map(|(_, token)| token.as_str())),
        names,
        today: ctx.clock.now().date().to_string(),
        typed_step: String::new(),
        typed_day: String::new(),
        errors: Errors::default(),
        may_write: person.may::<AccountsWrite>() && !account.deleting,
        company,
        name: account.name,
    })
}

/// `GET /accounts/{name}/hand-over`
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsRead>,
    PathPart(name): PathPart<String>,
    shell: Shell,
) -> Result<Response, Problem> {
    Ok(page(&hand_over_page(&state, grant.principal(), &name, shell).await?))
}

/// `GET /accounts/{name}/hand-over.txt`
async fn text(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsRead>,
    PathPart(name): PathPart<String>,
    shell: Shell,
) -> Result<Response, Problem> {
    let found = hand_over_page(&state, grant.principal(), &name, shell).await?;
    if found.names.is_empty() {
        return Ok(see_other(&format!("/accounts/{name}/hand-over")));
    }
    Ok(download(&format!("direct-routing-{name}.txt"), "text/plain; charset=utf-8", found.text))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentTick {
    step: String,
    on: String,
    subdomain: String,
    /// The tick is taken back when this is not empty.
    undo: String,
}

/// `POST /accounts/{name}/hand-over`
async fn tick(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsWrite>,
    PathPart(name): PathPart<String>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentTick>,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    find(&state, grant.principal(), &name).await?;
    let Some(step) = Step::from_key(&sent.step) else {
        return Err(Problem::bad_request(format!("There is no step \u{201c}{}\u{201d}.", sent.step)));
    };
    let account = AccountLabel { account: &name, label: &sent.subdomain };
    let origin = origin(&info);
    let outcome = if sent.undo.is_empty() {
        service::hand_over::tick(ctx, &grant, &origin, account, step, &sent.on).await
    } else {
        service::hand_over::untick(ctx, &grant, &origin, account, step).await
    };
    match checked(outcome)? {
        Ok(()) => {
            let what = if sent.undo.is_empty() { "done" } else { "not done" };
            let text = format!("\u{201c}{}\u{201d} is marked as {what}.", step.label());
            Ok(see_other_with(&format!("/accounts/{name}/hand-over"), Flash::success(text)))
        }
        Err(errors) => {
            let found = hand_over_page(&state, grant.principal(), &name, shell).await?;
            Ok(invalid(&HandOverPage { errors, typed_step: sent.step, typed_day: sent.on, ..found }))
        }
    }
}
