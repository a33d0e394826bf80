//! Direct Routing on the page of an account: its names, what the name server answers, and what comes next.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::hand_over::names_and_tokens;
use crate::authz::{AccountsRead, Grant};
use crate::domain::direct_routing::{Served, SubdomainStatus, token_doubt};
use crate::domain::hand_over::{self, Step};
use crate::domain::{Account, Service};
use crate::http::{
    Flash, Granted, Partial, PathPart, PortalState, Problem, Routes, Shell, fragment, needs, see_other, see_other_with,
};
use crate::portal::show::{Chip, Moment};
use crate::service::direct_routing::{self, RegionState};
use crate::service::{self, Ctx, accounts};

pub(super) fn routes() -> Routes {
    Routes::new().get("/accounts/{name}/names", needs::<AccountsRead>(), show).post(
        "/accounts/{name}/names",
        needs::<AccountsRead>(),
        check,
    )
}

/// Direct Routing of an account.
pub(super) struct RoutingView {
    pub(super) state: Chip,
    /// What the state means, in a sentence.
    pub(super) meaning: &'static str,
    pub(super) call_screening: &'static str,
    /// Empty while the account has none.
    pub(super) subdomain: String,
    pub(super) names: Vec<NameRow>,
    pub(super) checked_at: Option<Moment>,
    /// Whether the public asks our name servers, in words.
    pub(super) delegation: String,
    /// What is to be said of tokens that are hardly what Microsoft 365 asks for; empty where they are.
    pub(super) doubt: &'static str,
    /// What to do next; empty when everything is done.
    pub(super) next: &'static str,
    /// True while the state will change by itself.
    pub(super) waits: bool,
}

pub(super) struct NameRow {
    pub(super) name: String,
    pub(super) token: String,
    pub(super) answered: Chip,
    pub(super) difference: &'static str,
}

impl NameRow {
    fn new(name: String, token: String, region: Option<&RegionState>) -> Self {
        let answered = match region.and_then(|region| region.served) {
            _ if token.is_empty() => Chip::new("off", "No token yet"),
            None => Chip::new("pending", "Not asked yet"),
            Some(Served::Right) => Chip::new("ok", "The token"),
            Some(_) => Chip::new("warn", "Something else"),
        };
        let difference = region.and_then(|region| region.difference).filter(|_| !token.is_empty()).unwrap_or_default();
        Self { name, token, answered, difference }
    }
}

/// Nothing where the account does not have Direct Routing.
pub(super) async fn view(
    ctx: &Ctx,
    grant: &Grant<AccountsRead>,
    account: &Account,
) -> Result<Option<RoutingView>, Problem> {
    if !account.services.contains(Service::DirectRouting) {
        return Ok(None);
    }
    let known = direct_routing::state(ctx, grant, account).await?;
    let steps = service::hand_over::steps(ctx, grant, account).await?;
    let routing = account.direct_routing.as_ref();
    let zones = ctx.policy.zones.as_ref();
    let names = routing.map(|routing| names_and_tokens(zones, routing)).unwrap_or_default();
    let regions = known.as_ref().map(|known| known.regions.as_slice()).unwrap_or_default();
    let names: Vec<NameRow> = names
        .into_iter()
        .enumerate()
        .map(|(index, (name, token))| NameRow::new(name, token, regions.get(index)))
        .collect();
    let has_tokens = !names.is_empty() && names.iter().all(|name| !name.token.is_empty());
    let status = account.subdomain_status;
    Ok(Some(RoutingView {
        state: status.into(),
        meaning: match status {
            _ if routing.is_none() => "The account has no subdomain, so there is nothing to answer.",
            _ if zones.is_none() => {
                "This deployment has no base domain for Direct Routing, so no name server is asked."
            }
            SubdomainStatus::Provisioned => "The name server answers with the token in every region.",
            SubdomainStatus::NotProvisioned if !has_tokens => "The name server answers once the tokens are there.",
            SubdomainStatus::NotProvisioned => "The name server has not answered with the tokens yet.",
            SubdomainStatus::Inconsistent => "The name server answers otherwise than it should; the table says where.",
        },
        call_screening: match routing {
            Some(routing) if !routing.call_screening => "Off",
            _ => "On",
        },
        subdomain: routing.map(|routing| routing.subdomain.clone()).unwrap_or_default(),
        doubt: doubt(names.iter().map(|name| name.token.as_str())),
        names,
        checked_at: known.as_ref().and_then(|known| known.checked_at).map(Moment::from),
        delegation: known.map(|known| known.delegation.sentence()).unwrap_or_default(),
        next: hand_over::next(&steps).map_or("", Step::to_do),
        waits: has_tokens && status != SubdomainStatus::Provisioned,
    }))
}

/// What is to be said of these tokens; nothing where there is nothing.
pub(super) fn doubt<'a>(mut tokens: impl Iterator<Item = &'a str>) -> &'static str {
    tokens.find_map(token_doubt).unwrap_or_default()
}

#[derive(Template)]
#[template(path = "account_routing.html")]
struct RoutingPart {
    shell: Shell,
    name: String,
    routing: RoutingView,
}

/// `GET /accounts/{name}/names`: that part of the account's page.
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsRead>,
    PathPart(name): PathPart<String>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let account = accounts::get(state.ctx(), &grant, &name).await?;
    match view(state.ctx(), &grant, &account).await? {
        Some(routing) if partial => Ok(fragment(&RoutingPart { shell, name, routing })),
        _ => Ok(see_other(&format!("/accounts/{name}"))),
    }
}

/// `POST /accounts/{name}/names`: asks the name server now.
async fn check(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsRead>,
    PathPart(name): PathPart<String>,
) -> Result<Response, Problem> {
    let account = accounts::get(state.ctx(), &grant, &name).await?;
    let before = direct_routing::state(state.ctx(), &grant, &account).await?.and_then(|known| known.checked_at);
    let found = direct_routing::check_now(state.ctx(), &grant, &account).await?;
    let flash = match found {
        None => Flash::warning("The account has no names to ask for."),
        Some(found) if found.checked_at == before => Flash::warning(
            "No name server of this deployment has answered the check yet. It is made as soon as one runs.",
        ),
        Some(found) => match found.status {
            SubdomainStatus::Provisioned => Flash::success("Checked: the name server answers as it should."),
            _ => Flash::warning("Checked: the name server does not answer as it should yet."),
        },
    };
    Ok(see_other_with(&format!("/accounts/{name}"), flash))
}
