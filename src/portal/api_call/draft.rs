//! What submitting a draft does as calls: shown on its review, and whole as a script to download.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::command::Command;
use super::{Api, ApiCalls, JSON, spread};
use crate::authz::{OrdersRead, Role};
use crate::domain::{E164, NumberSettings, Order, OrderKind, OrderStatus};
use crate::http::{Granted, PathPart, PortalState, Problem, Routes, download, needs, see_other};
use crate::portal::form::segment;
use crate::portal::show::{count, counted};
use crate::service::order_writes::{self, AccountWrites};
use crate::service::orders::{self, OrderRight};
use crate::service::{self, beside};
use crate::wire::{BATCH_MOST, BatchNumbers, BatchNumbersDelete, NumberIdentifier, NumberResource};

/// A draft of one call shows this many numbers, all it has.
const WHOLE: usize = 10;
/// A longer one shows this many, the first.
const FIRST: usize = 3;
/// Numbers fetched at a time for the script: ten calls.
const CHUNK: usize = 10 * BATCH_MOST;
/// The last line of a script, by which it knows that it is whole.
const END: &str = "# end";

type Numbers = [(E164, Arc<NumberSettings>)];

pub(in crate::portal) fn routes() -> Routes {
    Routes::new().get("/orders/{id}/api-call.sh", needs::<OrdersRead>(), script)
}

/// Which calls an order of this kind is made of.
struct Batches<'a> {
    api: Api<'a>,
    kind: OrderKind,
}

/// The role that the token of such calls needs.
const fn role(kind: OrderKind) -> Role {
    match kind {
        OrderKind::Upload => Role::WriteUser,
        OrderKind::Release => Role::DeleteUser,
    }
}

impl Batches<'_> {
    /// A call with nothing in it yet.
    fn command(&self, account: &str) -> Command {
        let action = match self.kind {
            OrderKind::Upload => "createOrUpdateNumbers",
            OrderKind::Release => "deleteNumbers",
        };
        let mut command = self.api.command("POST", &format!("/accounts/{}:{action}", segment(account)), "");
        command.headers.push(JSON);
        command
    }

    /// A call for reading.
    fn spread(&self, account: &str, numbers: &Numbers) -> Command {
        let body = match self.kind {
            OrderKind::Upload => {
                spread(&BatchNumbers { numbers: numbers.iter().map(|number| put(account, number)).collect() })
            }
            OrderKind::Release => spread(&BatchNumbersDelete { numbers: numbers.iter().map(release).collect() }),
        };
        Command { body: Some(body), ..self.command(account) }
    }

    /// A call for running, a number on each line.
    fn folded(&self, account: &str, numbers: &Numbers) -> Command {
        let body = match self.kind {
            OrderKind::Upload => folded(numbers.iter().map(|number| put(account, number))),
            OrderKind::Release => folded(numbers.iter().map(release)),
        };
        Command {
            options: &["--silent", "--show-error", "--fail-with-body"],
            body: Some(body),
            ..self.command(account)
        }
    }
}

fn put(account: &str, number: &(E164, Arc<NumberSettings>)) -> NumberResource {
    NumberResource::body(account, number.0, &number.1)
}

fn release(number: &(E164, Arc<NumberSettings>)) -> NumberIdentifier {
    NumberIdentifier { telephone_number: number.0.to_string() }
}

fn folded(items: impl Iterator<Item = impl Serialize>) -> String {
    let lines: Vec<String> = items.map(|item| serde_json::to_string(&item).unwrap_or_default()).collect();
    format!("{{\"numbers\": [\n{}\n]}}", lines.join(",\n"))
}

/// How many numbers, in how many calls.
fn totals(accounts: &[AccountWrites]) -> (i64, i64) {
    let most = BATCH_MOST as i64;
    accounts.iter().fold((0, 0), |(numbers, calls), account| {
        (numbers + account.count, calls + (account.count + most - 1).div_euclid(most))
    })
}

/// What submitting the draft does, for whoever may submit it: all of it where that is short, the beginning otherwise.
/// `refused` tells whether some of it cannot be done.
pub(in crate::portal) async fn of_draft(
    state: &PortalState,
    right: &OrderRight,
    order: &Order,
    refused: bool,
) -> Result<ApiCalls, Problem> {
    let mut shown = ApiCalls::default();
    let accounts = order_writes::accounts(state.ctx(), right, order.id).await?;
    let (Some(api), Some(first)) = (Api::of(state), accounts.first()) else { return Ok(shown) };
    let batches = Batches { api, kind: order.kind };
    let mut numbers = order_writes::numbers(state.ctx(), right, order.id, first, None, WHOLE + 1).await?;
    if numbers.len() > WHOLE {
        numbers.truncate(FIRST);
    }
    let what = match order.kind {
        OrderKind::Upload => "Create or change numbers",
        OrderKind::Release => "Release numbers",
    };
    let command = batches.spread(&first.account, &numbers);
    shown.calls.push(batches.api.call(what, role(order.kind), &command));
    let (total, calls) = totals(&accounts);
    if total > numbers.len() as i64 {
        shown.script = format!("/orders/{}/api-call.sh", order.id);
        let beginning = counted(numbers.len() as i64, "number", "numbers");
        shown.notes.push(if calls == 1 {
            format!("This is the beginning, {beginning} of {}. The script sends all of them in one call.", count(total))
        } else {
            format!(
                "This is the beginning, {beginning} of {}. The script sends all of them in {} calls, each with up \
                 to {BATCH_MOST} numbers of one account. Each call is an order of its own: when one is refused, \
                 those before it stand.",
                count(total),
                count(calls)
            )
        });
    }
    if refused {
        shown.notes.push("What is refused is left out.".to_owned());
    }
    if let Some(ticket) = &order.ticket {
        shown.notes.push(format!("The API takes no ticket: {ticket} is left out."));
    }
    if order.kind == OrderKind::Upload && !state.ctx().policy.calling_profiles.is_empty() {
        let note = "The API knows no calling profiles: a new number gets the usual one, another keeps its own.";
        shown.notes.push(note.to_owned());
    }
    Ok(shown)
}

/// `GET /orders/{id}/api-call.sh`
async fn script(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
) -> Result<Response, Problem> {
    let order = orders::get(state.ctx(), &grant, id).await?;
    let right = OrderRight::of_order(grant.principal(), &order)?;
    if order.status != OrderStatus::Draft || order.moves.is_some() || Api::of(&state).is_none() {
        return Ok(see_other(&format!("/orders/{id}")));
    }
    let accounts = order_writes::accounts(state.ctx(), &right, id).await?;
    let (numbers, calls) = totals(&accounts);
    let head = head(&order, numbers, calls, Api::of(&state).map_or("", |api| api.roles.of(role(order.kind))));
    let writer =
        Writer { state, right, order, accounts: accounts.into(), after: None, written: 0, calls, head: Some(head) };
    let body = stream::unfold(Some(writer), |writer: Option<Writer>| async {
        let part = beside(writer?.next()).await;
        Some(part.unwrap_or_else(|error| (Err(error), None)))
    });
    // Compression asks once more after the end.
    Ok(download(&format!("order-{id}.sh"), "text/x-shellscript; charset=utf-8", Body::from_stream(body.fuse())))
}

/// What a script does before its first call.
fn head(order: &Order, numbers: i64, calls: i64, role: &str) -> String {
    let role = role.replace(char::is_control, " ");
    format!(
        r#"#!/bin/sh
# Order {}: {} in {} of the Provisioning API.
# TOKEN holds an access token with the role {role}. The answers go to standard output.
# A call that is refused ends the script; those before it stand. It can be run again.
set -eu
if [ "$(tail -n 1 "$0")" != '{END}' ]; then
  echo 'This script is not whole. Download it again, and run it as a file.' >&2
  exit 1
fi
: "${{TOKEN:?holds no access token}}"
"#,
        order.id,
        counted(numbers, "number", "numbers"),
        counted(calls, "call", "calls"),
    )
}

/// Writes a script part by part, so that memory stays bounded however long it is.
struct Writer {
    state: PortalState,
    right: OrderRight,
    order: Order,
    /// Those that are left, the current one first.
    accounts: VecDeque<AccountWrites>,
    /// The last number of the current account that is written.
    after: Option<E164>,
    /// How many calls are written.
    written: i64,
    /// How many calls there will be.
    calls: i64,
    head: Option<String>,
}

impl Writer {
    /// The next part, and who goes on; nobody behind the last one or a failure, which cuts the script off.
    async fn next(mut self) -> (service::Result<String>, Option<Self>) {
        if let Some(head) = self.head.take() {
            return (Ok(head), Some(self));
        }
        let Some(account) = self.accounts.front() else { return (Ok(format!("\n{END}\n")), None) };
        match order_writes::numbers(self.state.ctx(), &self.right, self.order.id, account, self.after, CHUNK).await {
            Ok(numbers) => {
                let text = self.commands(&numbers);
                self.after = numbers.last().map(|(number, _)| *number).filter(|_| numbers.len() == CHUNK);
                if self.after.is_none() {
                    self.accounts.pop_front();
                }
                (Ok(text), Some(self))
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a script was cut off");
                (Err(error), None)
            }
        }
    }

    /// Writes these numbers of the current account as calls.
    fn commands(&mut self, numbers: &Numbers) -> String {
        let mut text = String::new();
        let (Some(account), Some(api)) = (self.accounts.front(), Api::of(&self.state)) else { return text };
        let batches = Batches { api, kind: self.order.kind };
        for numbers in numbers.chunks(BATCH_MOST) {
            self.written += 1;
            let (done, all) = (self.written, self.calls);
            let command = batches.folded(&account.account, numbers);
            let _ = writeln!(text, "\necho '{done} of {all}' >&2\n{command}\necho");
        }
        text
    }
}
