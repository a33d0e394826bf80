//! What a draft refuses, as a file with the headings and the whole lines that were sent and the reason, to be mended and sent
//! again by the same form.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::csv::{self, FileKind, text};
use crate::authz::{Grant, NumbersDelete, OrdersRead};
use crate::domain::upload::{Column, Exported, file_and_line, fold};
use crate::domain::{E164, OrderKind, OrderStatus, Refusal, Verdict};
use crate::http::{Granted, PathPart, PortalState, Problem, Routes, needs};
use crate::service::orders::{self, ItemRow, KeptLines, ProblemRow, REPORT_CHUNK};
use crate::service::staging::KeptFile;
use crate::service::{self, Ctx};

pub(super) fn routes() -> Routes {
    Routes::new().get("/orders/{id}/refused.csv", needs::<OrdersRead>(), as_csv).get(
        "/orders/{id}/refused.xlsx",
        needs::<OrdersRead>(),
        as_workbook,
    )
}

/// `GET /orders/{id}/refused.csv`
async fn as_csv(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
) -> Result<Response, Problem> {
    export(state.ctx(), grant, id, FileKind::Csv).await
}

/// `GET /orders/{id}/refused.xlsx`
async fn as_workbook(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
) -> Result<Response, Problem> {
    export(state.ctx(), grant, id, FileKind::Xlsx).await
}

async fn export(ctx: &Ctx, grant: Grant<OrdersRead>, id: i64, kind: FileKind) -> Result<Response, Problem> {
    let order = orders::get(ctx, &grant, id).await?;
    if order.status == OrderStatus::Draft && order.kind == OrderKind::Release {
        grant.principal().grant::<NumbersDelete>()?;
    }
    let lines = orders::kept_lines(ctx, &grant, id).await?;
    let sheet = Arc::new(Sheet::new(orders::files(ctx, &grant, id).await?, lines));
    let headings: Vec<String> = sheet.headings.clone();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let ctx = ctx.clone();
    csv::send(kind, &format!("order-{id}-refused"), &headings, move |place: Option<Place>| {
        let (ctx, grant, sheet) = (ctx.clone(), grant.clone(), sheet.clone());
        async move { next(&ctx, &grant, id, &sheet, place.unwrap_or(Place::Lines { after: 0, last: None })).await }
    })
    .await
}

/// Where the export goes on.
enum Place {
    /// Behind this problem; the last line may have more of them.
    Lines { after: i64, last: Option<Row> },
    /// Behind this number among those with one of the verdicts; more may follow the last ones.
    Numbers { verdict: usize, after: Option<E164>, last: Option<Box<Run>> },
}

/// Numbers in a row of one line that are refused for the same reason.
struct Run {
    first: ItemRow,
    last: E164,
    reason: String,
}

impl Run {
    fn new(item: ItemRow) -> Self {
        Self { last: item.number, reason: item.refusal().unwrap_or_default(), first: item }
    }

    /// Whether a number goes on with it, which then is a part of it.
    fn takes(&mut self, item: &ItemRow) -> bool {
        let goes_on = self.first.line == item.line
            && self.last.next() == Some(item.number)
            && item.refusal().unwrap_or_default() == self.reason;
        if goes_on {
            self.last = item.number;
        }
        goes_on
    }

    fn count(&self) -> i64 {
        self.last.as_i64() - self.first.number.as_i64() + 1
    }
}

/// A line with all that is wrong with it.
struct Row {
    line: i64,
    /// What is wrong stands there.
    value: String,
    cells: Vec<String>,
    reasons: Vec<String>,
}

/// The headings of all files beside each other, and where those of each file are among them.
struct Sheet {
    headings: Vec<String>,
    files: Vec<(KeptFile, Vec<usize>)>,
    number: usize,
    reason: usize,
    /// The lines themselves, as long as they are kept.
    lines: Option<KeptLines>,
}

impl Sheet {
    fn new(files: Vec<KeptFile>, lines: Option<KeptLines>) -> Self {
        let mut headings: Vec<String> = Vec::new();
        let mut place = |heading: &str| {
            let folded = fold(heading);
            headings.iter().position(|other| fold(other) == folded && !folded.is_empty()).unwrap_or_else(|| {
                headings.push(heading.to_owned());
                headings.len() - 1
            })
        };
        let files: Vec<(KeptFile, Vec<usize>)> = files
            .into_iter()
            .map(|file| {
                let places = file.headings.iter().map(|heading| place(heading)).collect();
                (file, places)
            })
            .collect();
        let own_number = Column::TelephoneNumber.heading();
        let of_files = files.iter().find_map(|(file, places)| {
            places.get(file.columns.iter().position(|column| *column == own_number)?).copied()
        });
        let number = of_files.unwrap_or_else(|| place(&own_number));
        let reason = place("reason");
        Self { headings: headings.into_iter().map(text).collect(), files, number, reason, lines }
    }

    fn row(&self, line: i64, cells: &[String]) -> Vec<String> {
        let mut row = vec![String::new(); self.headings.len()];
        let (file, _) = file_and_line(line);
        let places = self.files.get(file).map(|(_, places)| places.as_slice()).unwrap_or_default();
        for (place, cell) in places.iter().zip(cells) {
            if let Some(at) = row.get_mut(*place) {
                *at = text(cell.as_str());
            }
        }
        row
    }

    /// Whether the file that a line is in has lines of cells.
    fn has_cells(&self, line: i64) -> bool {
        self.files.get(file_and_line(line).0).is_some_and(|(file, _)| !file.columns.is_empty())
    }

    fn with_number(&self, mut row: Vec<String>, number: String) -> Vec<String> {
        if let Some(cell) = row.get_mut(self.number).filter(|cell| cell.is_empty()) {
            *cell = number;
        }
        row
    }

    fn refused_line(&self, problem: &ProblemRow) -> Row {
        let record = problem.record.as_deref().and_then(|json| serde_json::from_str::<Vec<String>>(json).ok());
        let cells = self.row(problem.line, record.as_deref().unwrap_or_default());
        let cells = if record.is_none() { self.with_number(cells, text(problem.value.clone())) } else { cells };
        Row { line: problem.line, value: problem.value.clone(), cells, reasons: Vec::new() }
    }

    fn finished(&self, row: Row) -> Vec<String> {
        let mut cells = row.cells;
        if let Some(cell) = cells.get_mut(self.reason) {
            *cell = text(row.reasons.join(" "));
        }
        cells
    }

    /// Numbers that are refused: their whole line, or what is known of it.
    fn refused_numbers(&self, run: Run) -> Vec<String> {
        let (count, Run { first: item, last, reason }) = (run.count(), run);
        // What a file says of the account is who has the number, not who gets it.
        let account = item.from.clone().or_else(|| item.account.clone()).unwrap_or_default();
        let exported =
            Exported { first: item.number, last, account: &account, settings: &item.settings, assigned: false };
        let file = self.files.get(file_and_line(item.line).0).map(|(file, _)| file);
        let told = file.map(|file| file.cells(&exported)).unwrap_or_default();
        let numbers = if count == 1 { item.number.to_string() } else { format!("{}-{last}", item.number) };
        let kept = self.lines.as_ref().filter(|_| item.line > 0);
        let whole = kept.and_then(|lines| lines.cells(item.line));
        // A part of a range: the rest of it stays out.
        let is_part = whole.is_none() || kept.is_some_and(|lines| lines.numbers(item.line) != count);
        let mut cells = whole.unwrap_or_else(|| told.clone());
        if let Some(file) = file.filter(|_| is_part) {
            place_numbers(file, &mut cells, &told, &numbers);
        }
        let cells = self.with_number(self.row(item.line, &cells), numbers);
        self.finished(Row { line: item.line, value: String::new(), cells, reasons: vec![reason] })
    }
}

/// Puts numbers into the cells of a line, in the columns that its file has for them.
fn place_numbers(file: &KeptFile, cells: &mut Vec<String>, told: &[String], numbers: &str) {
    let [number, end, count] = [Column::TelephoneNumber, Column::LastNumber, Column::Count].map(Column::heading);
    let has_ends = file.columns.iter().any(|column| *column == end || *column == count);
    cells.resize(file.columns.len().max(cells.len()), String::new());
    for ((cell, column), told) in cells.iter_mut().zip(&file.columns).zip(told) {
        if *column == number && !has_ends {
            numbers.clone_into(cell);
        } else if [&number, &end, &count].contains(&column) {
            told.clone_into(cell);
        }
    }
}

/// A problem as a reason beside its line.
fn reason(problem: ProblemRow) -> String {
    match problem.heading.filter(|heading| !heading.is_empty()) {
        Some(heading) => format!("{heading}: {}", problem.reason),
        None => problem.reason,
    }
}

/// Every reason for which numbers are refused.
fn refusals() -> impl Iterator<Item = Refusal> {
    Verdict::ALL.into_iter().filter_map(|verdict| match verdict {
        Verdict::Refused(refusal) => Some(refusal),
        _ => None,
    })
}

async fn next(
    ctx: &Ctx,
    grant: &Grant<OrdersRead>,
    id: i64,
    sheet: &Sheet,
    place: Place,
) -> service::Result<csv::Chunk<Place>> {
    match place {
        Place::Lines { after, last } => {
            let problems = orders::problems(ctx, grant, id, after).await?;
            let next = problems.last().map(|problem| problem.seq).filter(|_| problems.len() >= REPORT_CHUNK);
            let mut rows: Vec<Row> = last.into_iter().collect();
            for problem in problems {
                let is_same = |row: &Row| {
                    row.line == problem.line && (sheet.has_cells(problem.line) || row.value == problem.value)
                };
                let goes_on = problem.record.is_none() && rows.last().is_some_and(is_same);
                if !goes_on {
                    rows.push(sheet.refused_line(&problem));
                }
                if let Some(row) = rows.last_mut() {
                    let reason = reason(problem);
                    if !row.reasons.contains(&reason) {
                        row.reasons.push(reason);
                    }
                }
            }
            let next = match next {
                Some(after) => Place::Lines { after, last: rows.pop() },
                None => Place::Numbers { verdict: 0, after: None, last: None },
            };
            Ok((rows.into_iter().map(|row| sheet.finished(row)).collect(), Some(next)))
        }
        Place::Numbers { verdict, after, last } => {
            let Some(refusal) = refusals().nth(verdict) else { return Ok((Vec::new(), None)) };
            let (items, next) = orders::refused(ctx, grant, id, refusal, after).await?;
            let mut runs: Vec<Run> = last.into_iter().map(|run| *run).collect();
            for item in items {
                if !runs.last_mut().is_some_and(|run| run.takes(&item)) {
                    runs.push(Run::new(item));
                }
            }
            let next = match next {
                Some(after) => Place::Numbers { verdict, after: Some(after), last: runs.pop().map(Box::new) },
                None => Place::Numbers { verdict: verdict + 1, after: None, last: None },
            };
            Ok((runs.into_iter().map(|run| sheet.refused_numbers(run)).collect(), Some(next)))
        }
    }
}
