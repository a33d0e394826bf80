//! The list of orders, drafts included.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::csv::{self, text};
use super::form::{Choice, Errors, Filters, Pager, Pill, page_of};
use super::show::{Chip, Moment, count};
use crate::authz::OrdersRead;
use crate::domain::field::filled;
use crate::domain::{Deed, FieldProblem, Order, OrderStatus};
use crate::http::{Granted, PortalState, Problem, QueryString, Routes, Shell, invalid, needs, page};
use crate::service::orders::{self, OrderFilter};
use crate::service::{self, Page};

pub(super) fn routes() -> Routes {
    Routes::new().get("/orders", needs::<OrdersRead>(), list).get("/orders.csv", needs::<OrdersRead>(), export)
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct OrdersQuery {
    status: String,
    kind: String,
    account: String,
    author: String,
    ticket: String,
    page: String,
}

impl OrdersQuery {
    fn filter(&self) -> Result<OrderFilter, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let (status, deed) = (OrderStatus::from_key(&self.status), Deed::from_key(&self.kind));
        for (field, value, known) in [("status", &self.status, status.is_some()), ("kind", &self.kind, deed.is_some())]
        {
            if !value.is_empty() && !known {
                problems
                    .push(FieldProblem::new(field, format!("\u{201c}{value}\u{201d} is none of the choices here.")));
            }
        }
        let text = |text: &str| filled(text).map(str::to_owned);
        let filter = OrderFilter {
            status,
            deed,
            account: text(&self.account),
            author: text(&self.author),
            ticket: text(&self.ticket),
        };
        if problems.is_empty() { Ok(filter) } else { Err(problems) }
    }

    fn filters(&self) -> Filters {
        let status = OrderStatus::from_key(&self.status).map_or(self.status.as_str(), |status| status.label());
        let kind = Deed::from_key(&self.kind).map_or(self.kind.as_str(), |deed| deed.label());
        Filters::new("/orders")
            .shown("status", "Status", &self.status, status)
            .shown("kind", "Kind", &self.kind, kind)
            .with("account", "Account", &self.account)
            .with("author", "Author", &self.author)
            .with("ticket", "Ticket", &self.ticket)
    }
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage {
    shell: Shell,
    errors: Errors,
    query: OrdersQuery,
    statuses: Vec<Choice>,
    kinds: Vec<Choice>,
    pills: Vec<Pill>,
    clear: String,
    csv: String,
    rows: Vec<OrderRow>,
    pager: Pager,
    nothing_yet: bool,
}

struct OrderRow {
    id: i64,
    href: String,
    kind: &'static str,
    status: Chip,
    accounts: String,
    counts: String,
    author: String,
    source: &'static str,
    ticket: String,
    /// When it was submitted; created, while it is not.
    at: Moment,
    is_submitted: bool,
}

impl From<&Order> for OrderRow {
    fn from(order: &Order) -> Self {
        let review = if order.status == OrderStatus::Draft { "/review" } else { "" };
        let progress = order.progress;
        let counts = match order.status {
            OrderStatus::Draft | OrderStatus::Discarded => String::new(),
            _ if progress.failed > 0 => {
                format!("{} of {}, {} failed", count(progress.done), count(progress.total), count(progress.failed))
            }
            _ => format!("{} of {}", count(progress.done), count(progress.total)),
        };
        Self {
            id: order.id,
            href: format!("/orders/{}{review}", order.id),
            kind: order.deed().label(),
            status: order.status.into(),
            accounts: order.accounts.clone(),
            counts,
            author: order.author.clone(),
            source: order.source.label(),
            ticket: order.ticket.clone().unwrap_or_default(),
            at: order.submitted_at.unwrap_or(order.created_at).into(),
            is_submitted: order.submitted_at.is_some(),
        }
    }
}

/// `GET /orders`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    QueryString(query): QueryString<OrdersQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let filters = query.filters();
    let (found, errors) = match query.filter() {
        Ok(filter) => {
            let asked = page_of(&query.page, |key| key.parse().ok());
            (Some(orders::list(state.ctx(), &grant, &filter, asked).await?), Errors::default())
        }
        Err(problems) => (None, problems.into()),
    };
    let rows: Vec<OrderRow> = found.iter().flat_map(|found| &found.orders).map(OrderRow::from).collect();
    let key = |row: Option<&OrderRow>, more: bool| row.filter(|_| more).map(|row| row.id.to_string());
    let before = key(rows.first(), found.as_ref().is_some_and(|found| found.more_before));
    let after = key(rows.last(), found.as_ref().is_some_and(|found| found.more_after));
    let text = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) if first.id != last.id => format!("Orders {} to {}", first.id, last.id),
        (Some(only), _) => format!("Order {}", only.id),
        _ => String::new(),
    };
    let template = OrdersPage {
        shell: shell.at("orders"),
        statuses: OrderStatus::ALL
            .into_iter()
            .map(|status| Choice::new(status.key(), status.label(), &query.status))
            .collect(),
        kinds: Deed::ALL.into_iter().map(|deed| Choice::new(deed.key(), deed.label(), &query.kind)).collect(),
        pills: filters.pills(),
        clear: filters.clear(),
        csv: filters.csv(),
        nothing_yet: rows.is_empty() && filters.is_empty(),
        pager: filters.pager(text, before, after),
        rows,
        errors,
        query,
    };
    Ok(if template.errors.is_empty() { page(&template) } else { invalid(&template) })
}

const HEADINGS: [&str; 14] = [
    "order",
    "kind",
    "status",
    "accounts",
    "author",
    "source",
    "ticket",
    "total",
    "done",
    "failed",
    "replaced",
    "createdAt",
    "submittedAt",
    "finishedAt",
];

/// `GET /orders.csv`
async fn export(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    QueryString(query): QueryString<OrdersQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter().map_err(service::Error::Invalid)?;
    let ctx = state.ctx().clone();
    csv::export("orders.csv", &HEADINGS, move |after: Option<i64>| {
        let (ctx, grant, filter) = (ctx.clone(), grant.clone(), filter.clone());
        async move {
            let found = orders::list(&ctx, &grant, &filter, after.map_or(Page::First, Page::After)).await?;
            let next = found.orders.last().map(|order| order.id).filter(|_| found.more_after);
            Ok((found.orders.into_iter().map(cells).collect(), next))
        }
    })
    .await
}

fn cells(order: Order) -> Vec<String> {
    let at = |at: Option<time::OffsetDateTime>| at.map(|at| Moment::from(at).iso).unwrap_or_default();
    let progress = order.progress;
    vec![
        order.id.to_string(),
        order.deed().key().to_owned(),
        order.status.key().to_owned(),
        text(order.accounts),
        text(order.author),
        order.source.key().to_owned(),
        text(order.ticket.unwrap_or_default()),
        progress.total.to_string(),
        progress.done.to_string(),
        progress.failed.to_string(),
        progress.superseded.to_string(),
        at(Some(order.created_at)),
        at(order.submitted_at),
        at(order.finished_at),
    ]
}
