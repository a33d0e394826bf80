//! One number: what it should be, how far the backend has come, and its life in orders.

mod past;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use self::past::Past;
use super::api_call::{self, ApiCalls};
use super::drift::{BesideView, Here};
use super::explain::explain;
use super::form::query_value;
use super::show::{Chip, Moment, count, counted};
use crate::authz::{NumbersDelete, NumbersRead, NumbersWrite, SyncWrite};
use crate::domain::entry;
use crate::domain::rules::described;
use crate::domain::seen::{MemberChange, SeenKind};
use crate::domain::{
    Backends, Deed, E164, ItemState, Number, OrderKind, Outside, Places, ProvisioningError, SyncState, numbering_plan,
};
use crate::http::{
    Granted, Partial, PathPart, PortalState, Problem, QueryString, Routes, Shell, fragment, invalid, needs, page,
    see_other,
};
use crate::service;
use crate::service::drift;
use crate::service::numbers::{self, COUNTED, OrderHistory, SeenStep};

pub(super) fn routes() -> Routes {
    Routes::new().get("/numbers/{number}", needs::<NumbersRead>(), show).get(
        "/numbers/{number}/edit",
        needs::<NumbersWrite>(),
        edit,
    )
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NumberQuery {
    /// A day, to know who had the number then.
    on: String,
}

#[derive(Template)]
#[template(path = "number.html", blocks = ["live"])]
struct NumberPage {
    shell: Shell,
    e164: String,
    shown: String,
    /// What there is now; nothing once the number is gone.
    now: Option<Now>,
    history: Vec<HistoryStep>,
    past: Past,
    /// What backends say, beside what is here.
    beside: Vec<BesideView>,
    /// Whether one of them says something else.
    is_different: bool,
    /// What backends were seen to say of it that was otherwise before.
    seen: Vec<SeenLine>,
    may_pull: bool,
    may_write: bool,
    may_release: bool,
    api: ApiCalls,
    fragment: bool,
}

struct Now {
    state: Chip,
    /// True while the state will change by itself.
    waits: bool,
    account: String,
    tenant: String,
    /// Nothing where no backend tells.
    assignment: Option<Chip>,
    country: String,
    /// That no numbering plan knows such a number, where none does.
    doubt: Option<String>,
    order: i64,
    changed: Moment,
    settings: Vec<(&'static str, String)>,
    fault: Option<Fault>,
}

/// What the backend said, and what we make of it.
struct Fault {
    code: String,
    message: String,
    target: String,
    meaning: String,
    /// Others that fail for the same reason: "12", or "more than 1,000".
    alike: String,
}

/// What a backend was seen to do with the number.
struct SeenLine {
    /// Whether nobody did it here.
    by_others: bool,
    what: String,
    backend: String,
    at: Moment,
}

fn seen_line(step: SeenStep, backends: &Backends) -> SeenLine {
    let named = backends.iter().find(|backend| backend.name == step.backend);
    let changes = step.changes.iter().map(MemberChange::words).collect::<Vec<_>>().join("; ");
    SeenLine {
        by_others: step.kind != SeenKind::Overwritten,
        what: match step.kind {
            SeenKind::Changed if changes.is_empty() => "settings changed".to_owned(),
            SeenKind::Changed => changes,
            SeenKind::Gone => "the tenant does not have the number any more".to_owned(),
            SeenKind::Back => "the tenant has the number again".to_owned(),
            SeenKind::Assigned => "assigned".to_owned(),
            SeenKind::Unassigned => "not assigned any more".to_owned(),
            SeenKind::Overwritten => format!("an order from here replaced what was there: {changes}"),
        },
        backend: named.map_or(step.backend, |backend| backend.label.clone()),
        at: step.at.into(),
    }
}

/// One order of the number's life.
struct HistoryStep {
    order: i64,
    title: String,
    state: Chip,
    author: String,
    ticket: String,
    at: Moment,
    settings: String,
    error: String,
    /// What the backend held of the number before.
    there: &'static str,
}

fn now(number: &Number, places: &Places, alike: i64) -> Now {
    Now {
        state: number.state.into(),
        waits: matches!(number.state, SyncState::Pending | SyncState::Releasing),
        account: number.account.to_string(),
        tenant: number.tenant_id.as_deref().unwrap_or_default().to_owned(),
        assignment: number
            .settings
            .has_teams_settings()
            .then(|| if number.assigned { Chip::new("ok", "Assigned") } else { Chip::new("off", "Unassigned") }),
        country: number.country.clone().unwrap_or_default(),
        doubt: numbering_plan::doubt(number.telephone_number).map(|doubt| doubt.label()),
        order: number.order_id,
        changed: number.changed_at.into(),
        settings: described(&number.settings, places),
        fault: number.error.as_ref().map(|error| fault(error, alike)),
    }
}

fn fault(error: &ProvisioningError, alike: i64) -> Fault {
    Fault {
        code: error.codes(),
        message: error.messages(),
        target: error.targets(),
        meaning: explain(error).text(),
        alike: match alike {
            ..=0 => String::new(),
            COUNTED.. => format!("{} or more other numbers fail", count(COUNTED)),
            some => counted(some, "other number fails", "other numbers fail"),
        },
    }
}

impl From<OrderHistory> for HistoryStep {
    fn from(step: OrderHistory) -> Self {
        let there = match step.outside {
            Some(Outside::Equal) => "Held at the backend already, adopted",
            Some(Outside::Different) => "Held at the backend already, with other settings",
            _ => "",
        };
        let account = step.account.as_deref().unwrap_or("an account that is gone");
        let teams = &step.settings.teams;
        Self {
            order: step.order_id,
            title: match step.kind {
                OrderKind::Release => format!("Released from {account}"),
                OrderKind::Upload if step.is_move => format!("Moved to {account}"),
                OrderKind::Upload => match step.deed {
                    Deed::Change => format!("Changed on {account}"),
                    Deed::Undo => format!("Restored on {account}"),
                    Deed::Adopt => format!("Adopted on {account}"),
                    Deed::Push => format!("Pushed for {account}"),
                    Deed::Upload | Deed::Move | Deed::Release => format!("Uploaded to {account}"),
                },
            },
            state: item_chip(step.state),
            author: step.author,
            ticket: step.ticket.unwrap_or_default(),
            at: step.at.into(),
            settings: match step.kind {
                OrderKind::Upload => [
                    step.settings.services.labels().into_owned(),
                    teams.usage.clone(),
                    teams.choosable_capabilities.join(" + "),
                ]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", "),
                OrderKind::Release => String::new(),
            },
            error: step.error.map(|error| format!("{}: {}", error.codes(), error.messages())).unwrap_or_default(),
            there,
        }
    }
}

/// How a number stands in an order, as picture and word.
pub(super) fn item_chip(state: ItemState) -> Chip {
    let kind = match state {
        ItemState::Idle | ItemState::Superseded => "off",
        ItemState::Pending => "pending",
        ItemState::Done => "ok",
        ItemState::Failed => "bad",
    };
    Chip::new(kind, state.label())
}

/// Reads the number of a path; what is none gets a page that says how one is written.
fn parsed(text: &str) -> Result<E164, Problem> {
    entry::stored(text).map_err(|refused| {
        let mut problem = Problem::no_such("number", text);
        problem.detail = format!(
            "\u{201c}{text}\u{201d} is not a telephone number. {} Addresses of numbers look like /numbers/+441632960000.",
            refused.reason
        )
        .into();
        problem
    })
}

/// `GET /numbers/{number}`
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    PathPart(text): PathPart<String>,
    QueryString(query): QueryString<NumberQuery>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let number = parsed(&text)?;
    let ctx = state.ctx();
    let found = match numbers::get(ctx, &grant, number).await {
        Ok(found) => Some(found),
        Err(service::Error::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let history = numbers::history(ctx, &grant, number).await?;
    let past = Past::of(ctx, &grant, number, &query.on).await?;
    let sides = drift::beside(ctx, &grant, number).await?;
    let seen = numbers::seen(ctx, &grant, number).await?;
    if found.is_none() && history.is_empty() && past.is_empty() && sides.is_empty() {
        let mut problem = Problem::no_such("number", &number.to_string());
        problem.detail = format!(
            "{number} is on no account and never was. Search for another number, or upload this one to an account."
        )
        .into();
        return Err(problem);
    }
    let alike = match &found {
        Some(found) if found.error.is_some() => numbers::failing_alike(ctx, &grant, number).await?,
        _ => 0,
    };
    let places = numbers::places(ctx, &grant, found.as_ref(), &sides).await?;
    let person = grant.principal();
    let may_write = person.may::<NumbersWrite>();
    let api = found.as_ref().map(|found| api_call::of_number(&state, found, may_write)).unwrap_or_default();
    let here = Here {
        tenant: found.as_ref().and_then(|found| found.tenant_id.as_deref()),
        settings: found.as_ref().map(|found| &*found.settings),
        places: &places,
    };
    let now_at = ctx.clock.now();
    let beside: Vec<BesideView> =
        sides.iter().map(|side| BesideView::new(side, here, &ctx.policy.backends, now_at)).collect();
    let template = NumberPage {
        shell: shell.at("numbers"),
        e164: number.to_string(),
        shown: number.grouped(),
        now: found.as_ref().map(|found| now(found, &places, alike)),
        history: history.into_iter().map(HistoryStep::from).collect(),
        past,
        is_different: beside.iter().any(BesideView::differs),
        beside,
        seen: seen.into_iter().map(|step| seen_line(step, &ctx.policy.backends)).collect(),
        may_pull: person.may::<SyncWrite>(),
        may_write,
        api,
        may_release: person.may::<NumbersDelete>(),
        fragment: partial,
    };
    if partial {
        return Ok(fragment(&template.as_live()));
    }
    Ok(if template.past.errors.is_empty() { page(&template) } else { invalid(&template) })
}

/// The form of changes for one number.
pub(super) fn manage_href(number: E164) -> String {
    format!("/numbers/manage?number={}", query_value(&number.to_string()))
}

/// `GET /numbers/{number}/edit`: on to the form of changes.
async fn edit(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    PathPart(text): PathPart<String>,
) -> Result<Response, Problem> {
    let number = parsed(&text)?;
    let found = numbers::get(state.ctx(), &grant.principal().grant::<NumbersRead>()?, number).await?;
    Ok(see_other(&manage_href(found.telephone_number)))
}
