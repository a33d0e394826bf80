//! The first page: what there is, what waits and what needs a person.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::connection::counted_up;
use super::consents::{UNANSWERED, WAITING, active_in};
use super::drift::{self, DriftTile};
use super::form::segment;
use super::show::{Chip, Moment, count, counted};
use crate::authz::{
    AccountsWrite, ConsentsRead, ConsentsWrite, NumbersRead, NumbersWrite, OrdersRead, Principal, SyncWrite,
};
use crate::domain::{Order, OrderStatus, SyncState};
use crate::http::{Granted, Partial, PortalState, Problem, Routes, Shell, fragment, needs, page};
use crate::service::accounts::{HELD_COUNTED, HeldAccounts};
use crate::service::orders::{OrderFilter, OrderRight};
use crate::service::overview::{self, Overview};
use crate::service::sync_status::{self, BackendStatus, SyncStatus};
use crate::service::{Page, accounts, orders};

pub(super) fn routes() -> Routes {
    Routes::new().get("/", needs::<NumbersRead>(), get)
}

struct Tile {
    href: &'static str,
    symbol: &'static str,
    count: String,
    word: &'static str,
    kind: &'static str,
    note: String,
}

/// Something that needs a person, with the way to it.
struct Need {
    kind: &'static str,
    word: &'static str,
    text: String,
    href: String,
    action: &'static str,
}

struct OrderRow {
    id: i64,
    href: String,
    what: String,
    account: String,
    status: Chip,
    author: String,
    at: Moment,
}

/// One step of a newcomer's way.
struct FirstStep {
    done: bool,
    href: &'static str,
    title: &'static str,
    text: &'static str,
}

#[derive(Template)]
#[template(path = "overview.html", blocks = ["now"])]
struct OverviewPage {
    shell: Shell,
    tiles: Vec<Tile>,
    needs: Vec<Need>,
    orders: Vec<OrderRow>,
    steps: Vec<FirstStep>,
    drift: Vec<DriftTile>,
    busy: bool,
}

/// `GET /`
async fn get(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    Granted(consents_grant): Granted<ConsentsRead>,
    Granted(orders_grant): Granted<OrdersRead>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let person = grant.principal();
    let found = overview::get(ctx, &grant).await?;
    let drafts = OrderFilter { status: Some(OrderStatus::Draft), ..OrderFilter::default() };
    let drafts = orders::list(ctx, &orders_grant, &drafts, Page::First).await?.orders;
    let sync = sync_status::get(ctx, &consents_grant).await?;
    let has_accounts = accounts::any(ctx, &person.grant()?).await?;
    let busy = found.in_state(SyncState::Pending) + found.in_state(SyncState::Releasing) > 0
        || found.orders.iter().any(|order| matches!(order.status, OrderStatus::Pending | OrderStatus::InProgress));
    let template = OverviewPage {
        shell: shell.at("overview"),
        drift: drift::tiles(&found.drift, None),
        tiles: tiles(&found),
        needs: needs_person(person, &found, &drafts, &sync),
        steps: steps(&found, has_accounts, person.may::<AccountsWrite>() && person.may::<NumbersWrite>()),
        busy: busy || (found.consents.is_empty() && person.may::<SyncWrite>()),
        orders: found.orders.into_iter().map(OrderRow::from).collect(),
    };
    Ok(if partial { fragment(&template.as_now()) } else { page(&template) })
}

fn tiles(found: &Overview) -> Vec<Tile> {
    let consents: i64 = found.consents.iter().map(|count| count.count).sum();
    let waiting = active_in(&found.consents, "ConsentAcknowledged") + active_in(&found.consents, "");
    let state = |state, kind| if found.in_state(state) > 0 { kind } else { "off" };
    let tile =
        |href, symbol, value: i64, word, kind, note| Tile { href, symbol, count: count(value), word, kind, note };
    vec![
        tile(
            "/numbers",
            "number",
            found.numbers,
            "Numbers",
            "",
            format!("{} synced", count(found.in_state(SyncState::Synced))),
        ),
        tile(
            "/numbers?status=pending",
            "clock",
            found.in_state(SyncState::Pending),
            "Pending",
            state(SyncState::Pending, ""),
            "Waiting for the backend".into(),
        ),
        tile(
            "/numbers?status=failed",
            "fail",
            found.in_state(SyncState::Failed),
            "Failed",
            state(SyncState::Failed, "bad"),
            "Not at the backend as they should be".into(),
        ),
        tile(
            "/numbers?status=releasing",
            "release",
            found.in_state(SyncState::Releasing),
            "Releasing",
            state(SyncState::Releasing, ""),
            "On their way out".into(),
        ),
        tile(
            "/consents",
            "consent",
            consents,
            "Consents",
            if waiting > 0 { "warn" } else { "" },
            format!("{} waiting for an answer", count(waiting)),
        ),
    ]
}

/// What needs a person, the most urgent first.
fn needs_person(person: &Principal, found: &Overview, drafts: &[Order], sync: &SyncStatus) -> Vec<Need> {
    let mut needs = Vec::new();
    let stuck: i64 = sync.backends.iter().map(BackendStatus::failing).sum();
    if stuck > 0 {
        needs.push(Need {
            kind: "bad",
            word: "Connection",
            text: format!(
                "{} {} with the backend does not go through. It is tried again by itself.",
                counted_up(stuck),
                if stuck == 1 { "piece of work" } else { "pieces of work" }
            ),
            href: "/connection".into(),
            action: "See what is wrong",
        });
    }
    for account in &found.held.names {
        needs.push(Need {
            kind: "warn",
            word: "To confirm",
            text: format!(
                "Many numbers of {account} would change at the backend. Nothing is pushed until you confirm it."
            ),
            href: format!("/accounts/{}", segment(account)),
            action: "Look and confirm",
        });
    }
    if found.held.more() > 0 {
        needs.push(Need {
            kind: "warn",
            word: "To confirm",
            text: format!("{}. Nothing is pushed for them until you confirm it.", more_held(&found.held)),
            href: "/accounts?waits=confirmation".into(),
            action: "Show them",
        });
    }
    let failed = found.in_state(SyncState::Failed);
    if failed > 0 {
        needs.push(Need {
            kind: "bad",
            word: "Failed",
            text: format!(
                "{} not at the backend as they should be: it refused them, or does not have them any more.",
                counted(failed, "number is", "numbers are")
            ),
            href: "/numbers?status=failed".into(),
            action: "Show them",
        });
    }
    if let Some(most) = found.drift.iter().max_by_key(|one| one.count) {
        let counted: i64 = found.drift.iter().map(|one| one.count).sum();
        let numbers = if counted > most.count {
            counted_up_in_words(counted)
        } else {
            format!("{} ({})", counted_up_in_words(counted), most.kind.label().to_lowercase())
        };
        needs.push(Need {
            kind: "warn",
            word: "Drift",
            text: format!("The backend says something else of {numbers} than this portal."),
            href: "/drift".into(),
            action: "Compare",
        });
    }
    for (status, href, one, many) in [
        ("", UNANSWERED, "new consent waits", "new consents wait"),
        ("ConsentAcknowledged", WAITING, "acknowledged consent waits", "acknowledged consents wait"),
    ] {
        let waiting = active_in(&found.consents, status);
        if waiting > 0 {
            needs.push(Need {
                kind: "warn",
                word: "Consents",
                text: format!("{} for your answer.", counted(waiting, one, many)),
                href: href.into(),
                action: if person.may::<ConsentsWrite>() { "Answer" } else { "Look" },
            });
        }
    }
    for order in drafts.iter().take(5) {
        needs.push(Need {
            kind: "draft",
            word: "Draft",
            text: format!("Order {} ({}) by {} is not submitted yet.", order.id, order.deed().label(), order.author),
            href: format!("/orders/{}/review", order.id),
            action: if OrderRight::of_order(person, order).is_ok() { "Continue" } else { "Look" },
        });
    }
    needs
}

/// How many more accounts than those that are named wait for a person, in words.
pub(super) fn more_held(held: &HeldAccounts) -> String {
    let more = held.more();
    if held.count > HELD_COUNTED {
        return format!("Over {} accounts wait for a confirmation", count(HELD_COUNTED));
    }
    counted(more, "more account waits for a confirmation", "more accounts wait for a confirmation")
}

fn counted_up_in_words(value: i64) -> String {
    let noun = if value == 1 { "number" } else { "numbers" };
    format!("{} {noun}", drift::counted_up(value))
}

impl From<Order> for OrderRow {
    fn from(order: Order) -> Self {
        let draft = order.status == OrderStatus::Draft;
        let what = if order.progress.total > 0 {
            format!("{}: {}", order.deed().label(), counted(order.progress.total, "number", "numbers"))
        } else {
            order.deed().label().to_owned()
        };
        Self {
            href: if draft { format!("/orders/{}/review", order.id) } else { format!("/orders/{}", order.id) },
            id: order.id,
            what,
            account: order.accounts,
            status: order.status.into(),
            author: order.author,
            at: order.submitted_at.unwrap_or(order.created_at).into(),
        }
    }
}

/// A newcomer's way to the first numbers; empty once there are some.
fn steps(found: &Overview, has_accounts: bool, may: bool) -> Vec<FirstStep> {
    if found.numbers > 0 || !may {
        return Vec::new();
    }
    let answered = found.consents.iter().any(|count| count.relationship == "AgreementSigned");
    vec![
        FirstStep {
            done: answered || has_accounts,
            href: "/consents",
            title: "Look at the consents",
            text: "Enterprises that picked you. Set the relationship status of one to Agreement signed.",
        },
        FirstStep {
            done: has_accounts,
            href: "/accounts",
            title: "Create an account",
            text: "From the consent, so that name and tenant are filled in.",
        },
        FirstStep {
            done: false,
            href: "/numbers/upload",
            title: "Upload numbers",
            text: "A list, a range or a CSV file. You see a review before anything is changed.",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_are_not_named_are_counted() {
        let held = |count| HeldAccounts { names: vec!["a".to_owned(); 5], count };
        assert_eq!(more_held(&held(6)), "1 more account waits for a confirmation");
        assert_eq!(more_held(&held(1_000)), "995 more accounts wait for a confirmation");
        assert_eq!(more_held(&held(1_001)), "Over 1,000 accounts wait for a confirmation");
        assert_eq!([1, 1_000, 1_001].map(counted_up), ["1", "1,000", "over 1,000"]);
    }
}
