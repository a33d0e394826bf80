//! One account.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::compared::{self, ComparedView};
use super::routing::{self, RoutingView};
use super::{ServiceLine, service_lines};
use crate::authz::{
    AccountsDelete, AccountsRead, AccountsWrite, ConsentsRead, NumbersDelete, NumbersRead, NumbersWrite, SyncWrite,
};
use crate::domain::{DriftKind, SyncState};
use crate::http::{Granted, Partial, PathPart, PortalState, Problem, Routes, Shell, fragment, go_on_to, needs, page};
use crate::portal::api_call::{self, ApiCalls};
use crate::portal::consents::relationship_chip;
use crate::portal::drift::{self, DriftTile};
use crate::portal::form::segment;
use crate::portal::show::{Chip, Moment, count};
use crate::service::drift::{DriftFilter, counts as drift_counts};
use crate::service::numbers::{self, Matching, NumberFilter};
use crate::service::{Error, accounts, consents};

pub(super) fn routes() -> Routes {
    Routes::new().get("/accounts/{name}", needs::<AccountsRead>(), get)
}

struct ServiceRow {
    line: ServiceLine,
    numbers: String,
}

struct ConsentBrief {
    company: String,
    status: Chip,
    relationship: Chip,
    blocked: bool,
}

struct StateCount {
    chip: Chip,
    key: &'static str,
    icon: &'static str,
    count: String,
}

#[derive(Template)]
#[template(path = "account.html", blocks = ["compared"])]
struct AccountPage {
    shell: Shell,
    name: String,
    tenant: String,
    correlation_id: String,
    services: Vec<ServiceRow>,
    routing: Option<RoutingView>,
    compared: Vec<ComparedView>,
    /// Whether a plan rests on a list that is being pulled.
    waits: bool,
    may_pull: bool,
    numbers: i64,
    numbers_text: String,
    drift: Vec<DriftTile>,
    states: Vec<StateCount>,
    deleting: bool,
    created: Moment,
    updated: Moment,
    consent: Option<ConsentBrief>,
    /// Whether an enterprise gives its consent to one of the services.
    needs_consent: bool,
    may_upload: bool,
    may_release: bool,
    may_write: bool,
    may_delete: bool,
    api: ApiCalls,
}

/// `GET /accounts/{name}`
async fn get(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsRead>,
    Granted(consents_grant): Granted<ConsentsRead>,
    Granted(numbers_grant): Granted<NumbersRead>,
    PathPart(name): PathPart<String>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let person = grant.principal();
    let account = accounts::get(ctx, &grant, &name).await?;
    let counts = accounts::service_counts(ctx, &grant, &account).await?;
    let consent = match &account.tenant_id {
        None => None,
        Some(tenant) => match consents::get(ctx, &consents_grant, tenant).await {
            Ok(row) => Some(ConsentBrief {
                company: row.company,
                status: Chip::from(&row.consent.status),
                relationship: relationship_chip(&ctx.policy.relationships, &row.consent.customer_relationship.status),
                blocked: row.consent.status.forbids_numbers(),
            }),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        },
    };
    let mut states = Vec::new();
    for state in [SyncState::Failed, SyncState::Pending, SyncState::Releasing] {
        let filter = NumberFilter { account: Some(name.clone()), state: Some(state), ..NumberFilter::default() };
        let text = match numbers::matching(ctx, &numbers_grant, &filter).await? {
            Matching::Exactly(0) => continue,
            Matching::Exactly(n) => count(n),
            Matching::MoreThan(n) => format!("over {}", count(n)),
        };
        let icon = match state {
            SyncState::Failed => "fail",
            SyncState::Releasing => "release",
            SyncState::Pending | SyncState::Synced => "clock",
        };
        states.push(StateCount { icon, chip: state.into(), key: state.key(), count: text });
    }
    let number_of = |key: &str| counts.iter().find(|(service, _)| service.key() == key).map_or(0, |(_, count)| *count);
    let services = service_lines(&account, ctx.policy.backends.provisioned())
        .into_iter()
        .map(|line| ServiceRow { numbers: count(number_of(line.key)), line })
        .collect();
    let routing = routing::view(ctx, &grant, &account).await?;
    let drifted = drift_counts(ctx, &numbers_grant, &DriftFilter::of_account(&name)).await?;
    let mut tiles = drift::tiles(&drifted, Some(("account", &account.name)));
    if let Some(tenant) = &account.tenant_id {
        let only_there = DriftFilter { kind: Some(DriftKind::OnlyThere), ..DriftFilter::of_tenant(tenant) };
        let only_there = drift_counts(ctx, &numbers_grant, &only_there).await?;
        tiles.extend(drift::tiles(&only_there, Some(("tenant", &tenant.to_string()))));
    }
    let compared = compared::views(ctx, &grant, &account).await?;
    let may_write = person.may::<AccountsWrite>() && !account.deleting;
    let api = if may_write { api_call::of_account(&state, &account) } else { ApiCalls::default() };
    let template = AccountPage {
        shell: shell.at("accounts"),
        services,
        routing,
        waits: compared.iter().any(ComparedView::waits),
        may_pull: person.may::<SyncWrite>(),
        compared,
        states,
        tenant: account.tenant_id.map(|tenant| tenant.to_string()).unwrap_or_default(),
        correlation_id: account.correlation_id.unwrap_or_default(),
        numbers: account.number_count,
        numbers_text: count(account.number_count),
        drift: tiles,
        deleting: account.deleting,
        created: account.created_at.into(),
        updated: account.updated_at.into(),
        consent,
        needs_consent: !account.services.and(ctx.policy.backends.consented()).is_empty(),
        may_upload: person.may::<NumbersWrite>() && !account.deleting,
        may_release: person.may::<NumbersDelete>() && account.number_count > 0,
        may_write,
        may_delete: person.may::<AccountsDelete>() && !account.deleting,
        name: account.name,
        api,
    };
    Ok(match (partial, template.waits) {
        (false, _) => page(&template),
        (true, true) => fragment(&template.as_compared()),
        (true, false) => go_on_to(&format!("/accounts/{}", segment(&template.name))),
    })
}
