//! The report of an order: every line that could not be taken, and every number with what became of it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::csv::{self, text};
use crate::authz::{Grant, NumbersDelete, OrdersRead};
use crate::domain::upload::file_and_line;
use crate::domain::{E164, OrderKind, OrderStatus, Outside, Verdict};
use crate::http::{Granted, PathPart, PortalState, Problem, Routes, needs};
use crate::service::orders::{self, ItemRow, ProblemRow, REPORT_CHUNK};
use crate::service::{self, Ctx};

pub(super) fn routes() -> Routes {
    Routes::new().get("/orders/{id}/report.csv", needs::<OrdersRead>(), report)
}

const HEADINGS: [&str; 11] = [
    "line",
    "telephoneNumber",
    "accountName",
    "result",
    "reason",
    "column",
    "value",
    "errorCode",
    "errorMessage",
    "errorTarget",
    "proposal",
];

/// Where a report goes on.
enum ReportPlace {
    /// Behind this problem.
    Problems(i64),
    /// Behind this number.
    Numbers(Option<E164>),
}

/// `GET /orders/{id}/report.csv`
async fn report(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
) -> Result<Response, Problem> {
    let order = orders::get(state.ctx(), &grant, id).await?;
    let draft = order.status == OrderStatus::Draft;
    if draft && order.kind == OrderKind::Release {
        grant.principal().grant::<NumbersDelete>()?;
    }
    let ctx = state.ctx().clone();
    let files = match orders::files(&ctx, &grant, id).await {
        // An order that no form made has no files.
        Err(service::Error::NotFound(_)) => Vec::new(),
        files => files?,
    };
    let files: Vec<String> = files.into_iter().map(|file| file.name).collect();
    let files = Arc::new(if files.len() > 1 { files } else { Vec::new() });
    // Lines of several files are told apart by its name.
    let headings: Vec<&str> = HEADINGS.into_iter().chain((!files.is_empty()).then_some("file")).collect();
    csv::export(&format!("order-{id}.csv"), &headings, move |place: Option<ReportPlace>| {
        let (ctx, grant, files) = (ctx.clone(), grant.clone(), files.clone());
        async move {
            let of = Report { id, draft, files: &files };
            next(&ctx, &grant, &of, place.unwrap_or(ReportPlace::Problems(0))).await
        }
    })
    .await
}

/// What a report is of.
struct Report<'a> {
    id: i64,
    draft: bool,
    /// The names of its files, where there are several.
    files: &'a [String],
}

impl Report<'_> {
    /// A row with the name of the file that its line is in.
    fn with_file(&self, mut row: Vec<String>, line: i64) -> Vec<String> {
        if !self.files.is_empty() {
            let name = self.files.get(file_and_line(line).0).filter(|_| line > 0);
            row.push(text(name.cloned().unwrap_or_default()));
        }
        row
    }
}

async fn next(
    ctx: &Ctx,
    grant: &Grant<OrdersRead>,
    of: &Report<'_>,
    place: ReportPlace,
) -> service::Result<csv::Chunk<ReportPlace>> {
    match place {
        ReportPlace::Problems(after) => {
            let problems = orders::problems(ctx, grant, of.id, after).await?;
            let last = problems.last().map(|problem| problem.seq).filter(|_| problems.len() >= REPORT_CHUNK);
            let next = last.map_or(ReportPlace::Numbers(None), ReportPlace::Problems);
            let row = |problem: ProblemRow| {
                let line = problem.line;
                of.with_file(refused_line(problem), line)
            };
            Ok((problems.into_iter().map(row).collect(), Some(next)))
        }
        ReportPlace::Numbers(after) => {
            let (items, next) = orders::report(ctx, grant, of.id, after).await?;
            let row = |item: ItemRow| {
                let line = item.line;
                of.with_file(number_line(item, of.draft), line)
            };
            let rows = items.into_iter().map(row).collect();
            Ok((rows, next.map(|key| ReportPlace::Numbers(Some(key)))))
        }
    }
}

fn refused_line(problem: ProblemRow) -> Vec<String> {
    let mut row = vec![String::new(); HEADINGS.len()];
    fill(
        &mut row,
        [
            ("line", file_and_line(problem.line).1.to_string()),
            ("result", "Refused".to_owned()),
            ("reason", text(problem.reason)),
            ("column", text(problem.heading.unwrap_or_default())),
            ("value", text(problem.value)),
            ("proposal", text(problem.proposal.unwrap_or_default())),
        ],
    );
    row
}

fn number_line(item: ItemRow, draft: bool) -> Vec<String> {
    let refusal = item.refusal();
    let result = match item.verdict {
        Verdict::Refused(_) => "Refused",
        Verdict::Unchanged => "Unchanged",
        _ if !draft => item.state.label(),
        _ if item.outside == Some(Outside::Equal) => "At the backend already",
        _ if item.outside == Some(Outside::Different) => "Different at the backend",
        Verdict::New => "New",
        Verdict::Changed => "Changed",
        Verdict::Release => "To release",
    };
    let error = item.error.unwrap_or_else(|| crate::domain::ProvisioningError::new("", "", None));
    let mut row = vec![String::new(); HEADINGS.len()];
    fill(
        &mut row,
        [
            ("line", if item.line > 0 { file_and_line(item.line).1.to_string() } else { String::new() }),
            ("telephoneNumber", item.number.to_string()),
            ("accountName", text(item.account.unwrap_or_default())),
            ("result", result.to_owned()),
            ("reason", text(refusal.unwrap_or_else(|| note(item.outside, draft).to_owned()))),
            ("errorCode", text(error.codes())),
            ("errorMessage", text(error.messages())),
            ("errorTarget", text(error.targets())),
        ],
    );
    row
}

/// What is to be said of a number because of what the backends hold.
const fn note(outside: Option<Outside>, draft: bool) -> &'static str {
    match (outside, draft) {
        (Some(Outside::Equal), true) => "It is adopted: nothing is sent.",
        (Some(Outside::Equal), false) => "Held at the backend already, adopted.",
        (Some(Outside::Unknown), true) => "Not known at the backend, which could not be asked.",
        _ => "",
    }
}

/// Puts cells under their headings.
fn fill<const N: usize>(row: &mut [String], cells: [(&str, String); N]) {
    for (heading, cell) in cells {
        if let Some(place) = HEADINGS.iter().position(|other| *other == heading).and_then(|index| row.get_mut(index)) {
            *place = cell;
        }
    }
}
