//! One order: its progress, what went wrong by cause, every number of it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::explain::explain;
use super::form::{Pager, page_of, query_value};
use super::number::item_chip;
use super::origin;
use super::overview::more_held;
use super::quarantine::OverrideRow;
use super::show::{Chip, Moment, count, counted};
use crate::authz::{Grant, OrdersRead, Principal};
use crate::domain::{Deed, E164, ItemState, Order, OrderStatus, Outside, UndoPart};
use crate::http::{
    Flash, FormBody, Granted, Info, Partial, PathPart, PortalState, Problem, QueryString, Routes, Shell, fragment,
    needs, page, see_other, see_other_with,
};
use crate::service::orders::{self, Cause, FoldedItems, ItemRow, ItemSelection, OrderRight, UndoRight, Undoable};
use crate::service::{self, Ctx, Page, quarantine};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/orders/{id}", needs::<OrdersRead>(), show)
        .post("/orders/{id}/retry", needs::<OrdersRead>(), retry)
        .post("/orders/{id}/undo", needs::<OrdersRead>(), undo)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OrderQuery {
    state: String,
    page: String,
    /// Not empty: what can be undone is looked for, however many numbers there are.
    undo: String,
    /// `ranges` folds numbers in a row with the same result into one line.
    view: String,
}

/// An order of more numbers is looked through for what can be undone only when somebody asks for it.
const LOOKED_THROUGH: i64 = 5_000;

#[derive(Template)]
#[template(path = "order.html", blocks = ["live"])]
struct OrderPage {
    shell: Shell,
    id: i64,
    status: Chip,
    about: String,
    draft: bool,
    discarded: bool,
    /// True once nothing more happens by itself.
    is_final: bool,
    here: String,
    facts: Facts,
    progress: Bar,
    /// Accounts for which nothing is sent before somebody has confirmed what would change.
    held: Vec<String>,
    /// How many more there are; empty where that is all.
    more_held: String,
    causes: Vec<CauseRow>,
    /// How many of the failed numbers the causes have; empty where that is all.
    causes_said: String,
    items: Vec<ItemView>,
    folded: bool,
    other_view: String,
    /// The state that the table is filtered by, in words.
    only: String,
    pager: Pager,
    may_retry: bool,
    undo: Vec<UndoRow>,
    /// Why it, or a part of it, cannot be undone.
    undo_why: Vec<String>,
    /// Whether somebody has to ask before it is known what can be undone.
    asks_to_undo: bool,
    overrides: Vec<OverrideRow>,
    fragment: bool,
}

/// A part of the order that can be undone.
struct UndoRow {
    part: &'static str,
    button: String,
}

impl UndoRow {
    fn new((part, numbers): (UndoPart, i64)) -> Self {
        let numbers = counted(numbers, "number", "numbers");
        let button = match part {
            UndoPart::New => format!("Undo: release {numbers}"),
            UndoPart::Changed => format!("Undo: former settings for {numbers}"),
            UndoPart::Moved => format!("Undo: move {numbers} back"),
            UndoPart::Released => format!("Undo: upload {numbers} again"),
        };
        Self { part: part.key(), button }
    }
}

/// What this person can undo of an order, and why not the rest.
fn undo_rows(person: &Principal, order: &Order, undoable: Undoable) -> (Vec<UndoRow>, Vec<String>) {
    let (mut rows, mut why) = (Vec::new(), undoable.why_not);
    for part in undoable.parts {
        match UndoRight::of(person, order, part.0) {
            Ok(_) => rows.push(UndoRow::new(part)),
            Err(missing) => why.push(format!("You cannot undo it: {missing}.")),
        }
    }
    why.dedup();
    (rows, why)
}

struct Facts {
    accounts: String,
    source: &'static str,
    author: String,
    ticket: String,
    created: Moment,
    submitted: Option<Moment>,
    finished: Option<Moment>,
    refused_lines: String,
}

struct Bar {
    answered: i64,
    total: i64,
    text: String,
    done: String,
    waiting: String,
    failed: String,
    replaced: String,
    has_failed: bool,
    has_replaced: bool,
}

struct CauseRow {
    count: String,
    code: String,
    message: String,
    target: String,
    meaning: String,
    example: String,
    retryable: i64,
    settings_href: String,
}

struct ItemView {
    e164: String,
    shown: String,
    /// The last of them; empty where it is one.
    last: String,
    count: String,
    account: String,
    service: String,
    usage: String,
    state: Chip,
    outcome: String,
}

impl From<ItemRow> for ItemView {
    fn from(item: ItemRow) -> Self {
        let outcome = match (&item.error, item.refusal()) {
            (Some(error), _) => format!("{}: {}", error.codes(), error.messages()),
            (None, Some(refusal)) => refusal,
            (None, None) if item.outside == Some(Outside::Equal) => "Held at the backend already, adopted".to_owned(),
            (None, None) => String::new(),
        };
        Self {
            e164: item.number.to_string(),
            shown: item.number.grouped(),
            last: String::new(),
            count: "1".to_owned(),
            account: item.account.unwrap_or_default(),
            service: item.settings.services.labels().into_owned(),
            usage: item.settings.teams.usage,
            state: item_chip(item.state),
            outcome,
        }
    }
}

impl ItemView {
    fn folded(items: FoldedItems, deed: Deed) -> Self {
        let FoldedItems { first, last, count: many, account, settings, state, error, verdict, outside } = items;
        let one = ItemRow {
            number: first,
            line: 0,
            account,
            from: None,
            settings,
            verdict,
            state,
            error,
            owner: None,
            outside,
            holder: None,
            quarantine: None,
            deed,
        };
        let last = if many > 1 { last.grouped() } else { String::new() };
        Self { last, count: count(many), ..Self::from(one) }
    }
}

impl From<&Cause> for CauseRow {
    fn from(cause: &Cause) -> Self {
        Self {
            count: counted(cause.count, "number", "numbers"),
            code: cause.error.codes(),
            message: cause.error.messages(),
            target: cause.error.targets(),
            meaning: explain(&cause.error).text(),
            example: cause.example.to_string(),
            retryable: cause.retryable,
            settings_href: format!("/numbers?like={}", query_value(&cause.example.to_string())),
        }
    }
}

fn bar(order: &Order) -> Bar {
    let progress = order.progress;
    let answered = progress.total - progress.waiting();
    Bar {
        answered,
        total: progress.total.max(1),
        text: format!(
            "{} of {} finished ({} %)",
            count(answered),
            counted(progress.total, "number", "numbers"),
            progress.percent()
        ),
        done: count(progress.done),
        waiting: count(progress.waiting()),
        failed: count(progress.failed),
        replaced: count(progress.superseded),
        has_failed: progress.failed > 0,
        has_replaced: progress.superseded > 0,
    }
}

/// "1,200 of 1,300 failed numbers are", where the causes that are shown do not have all of them.
fn causes_said(causes: &[Cause], failed: i64) -> String {
    let told: i64 = causes.iter().map(|cause| cause.count).sum();
    if causes.is_empty() || told >= failed {
        return String::new();
    }
    format!("{} of {} failed numbers {}", count(told), count(failed), if told == 1 { "is" } else { "are" })
}

/// The numbers of an order that a page shows, and the keys of its neighbours.
#[derive(Default)]
struct Shown {
    items: Vec<ItemView>,
    before: Option<E164>,
    after: Option<E164>,
}

impl Shown {
    async fn read(
        ctx: &Ctx,
        grant: &Grant<OrdersRead>,
        order: &Order,
        (only, folded): (Option<ItemState>, bool),
        page: Page<E164>,
    ) -> Result<Self, Problem> {
        let id = order.id;
        if folded {
            let (items, more_before, more_after) = orders::folded(ctx, grant, id, only, page).await?;
            return Ok(Self {
                before: items.first().map(|items| items.first).filter(|_| more_before),
                after: items.last().map(|items| items.last).filter(|_| more_after),
                items: items.into_iter().map(|items| ItemView::folded(items, order.deed())).collect(),
            });
        }
        let found = orders::items(ctx, grant, id, ItemSelection { verdict: None, state: only }, page).await?;
        Ok(Self {
            before: found.items.first().map(|item| item.number).filter(|_| found.more_before),
            after: found.items.last().map(|item| item.number).filter(|_| found.more_after),
            items: found.items.into_iter().map(ItemView::from).collect(),
        })
    }
}

/// `GET /orders/{id}`
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
    QueryString(query): QueryString<OrderQuery>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let order = orders::get(ctx, &grant, id).await?;
    let right = OrderRight::of_order(grant.principal(), &order);
    let draft = order.status == OrderStatus::Draft;
    if draft && right.is_ok() && !partial && shell.flash.is_none() {
        return Ok(see_other(&format!("/orders/{id}/review")));
    }
    let only = ItemState::from_key(&query.state);
    let asked = page_of(&query.page, |key| key.parse().ok().and_then(E164::from_i64));
    let causes = match order.progress.failed {
        1.. if !draft => orders::causes(ctx, &grant, id).await?,
        _ => Vec::new(),
    };
    let folded = query.view == "ranges";
    let found = if draft { Shown::default() } else { Shown::read(ctx, &grant, &order, (only, folded), asked).await? };
    let path = format!("/orders/{id}");
    let state_part = only.map(|only| format!("state={}", only.key()));
    let view = |folded: bool, page: Option<String>| {
        let ranges = folded.then(|| "view=ranges".to_owned());
        let query: Vec<String> = state_part.clone().into_iter().chain(ranges).chain(page).collect();
        if query.is_empty() { path.clone() } else { format!("{path}?{}", query.join("&")) }
    };
    let address = |page: Option<String>| view(folded, page);
    let link = |side: &str, key: Option<E164>| {
        key.map_or_else(String::new, |key| address(Some(format!("page={side}.{}", key.as_i64()))))
    };
    let text = if folded {
        counted(found.items.len() as i64, "range on this page", "ranges on this page")
    } else {
        counted(found.items.len() as i64, "number on this page", "numbers on this page")
    };
    let asks_to_undo = orders::may_be_undone(&order) && order.progress.total > LOOKED_THROUGH && query.undo.is_empty();
    let undoable = if asks_to_undo { Undoable::default() } else { orders::look_for_undo(ctx, &grant, &order).await? };
    let (undo, undo_why) = undo_rows(grant.principal(), &order, undoable);
    let pager = Pager { text, previous: link("before", found.before), next: link("after", found.after) };
    let other_view = view(!folded, None);
    let held = orders::held_accounts(ctx, &grant, &order).await?;
    let template = OrderPage {
        shell: shell.at("orders"),
        id,
        status: order.status.into(),
        about: format!(
            "{} for {} by {}",
            order.deed().label(),
            if order.accounts.is_empty() { "no account" } else { &order.accounts },
            order.author
        ),
        draft,
        discarded: order.status == OrderStatus::Discarded,
        is_final: order.status.is_final() || draft,
        here: address(
            Some(query.page).filter(|page| !page.is_empty()).map(|page| format!("page={}", query_value(&page))),
        ),
        facts: Facts {
            accounts: order.accounts.clone(),
            source: order.source.label(),
            author: order.author.clone(),
            ticket: order.ticket.clone().unwrap_or_default(),
            created: order.created_at.into(),
            submitted: order.submitted_at.map(Moment::from),
            finished: order.finished_at.map(Moment::from),
            refused_lines: if order.refused_lines > 0 { count(order.refused_lines) } else { String::new() },
        },
        progress: bar(&order),
        more_held: if held.more() > 0 { more_held(&held) } else { String::new() },
        held: held.names,
        may_retry: right.is_ok() && causes.iter().any(|cause| cause.retryable > 0),
        overrides: quarantine::overrides(ctx, &grant, id).await?.into_iter().map(OverrideRow::from).collect(),
        undo,
        undo_why,
        asks_to_undo,
        causes_said: causes_said(&causes, order.progress.failed),
        causes: causes.iter().map(CauseRow::from).collect(),
        items: found.items,
        folded,
        other_view,
        only: only.map(|only| only.label().to_owned()).unwrap_or_default(),
        pager,
        fragment: partial,
    };
    Ok(if partial { fragment(&template.as_live()) } else { page(&template) })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentUndo {
    part: String,
}

/// `POST /orders/{id}/undo`: stages the inverse order.
async fn undo(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
    FormBody(sent): FormBody<SentUndo>,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let order = orders::get(ctx, &grant, id).await?;
    let Some(part) = UndoPart::from_key(&sent.part) else {
        return Ok(see_other_with(&format!("/orders/{id}"), Flash::warning("Choose what to undo.")));
    };
    let right = UndoRight::of(grant.principal(), &order, part)?;
    match orders::stage_undo(ctx, &right, id, part).await {
        Ok(draft) => Ok(see_other(&format!("/orders/{draft}/review"))),
        Err(service::Error::Conflict(reason)) => Ok(see_other_with(&format!("/orders/{id}"), Flash::warning(reason))),
        Err(error) => Err(error.into()),
    }
}

/// `POST /orders/{id}/retry`
async fn retry(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
    Info(info): Info,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let order = orders::get(ctx, &grant, id).await?;
    let right = OrderRight::of_order(grant.principal(), &order)?;
    let flash = match orders::retry_failed(ctx, &right, &origin(&info), id).await {
        Ok(retried) => Flash::success(format!("{} will be tried again.", counted(retried, "number", "numbers"))),
        Err(service::Error::Conflict(reason)) => Flash::warning(reason),
        Err(error) => return Err(error.into()),
    };
    Ok(see_other_with(&format!("/orders/{id}"), flash))
}
