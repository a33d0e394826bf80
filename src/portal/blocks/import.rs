//! Blocks from a file: what it would do is shown first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::authz::{BlocksWrite, Grant};
use crate::domain::FieldProblem;
use crate::domain::block::Block;
use crate::domain::field::filled;
use crate::domain::upload::LineProblem;
use crate::http::{
    Flash, Granted, Info, MultipartBody, PortalState, Problem, Routes, Shell, invalid, needs, page, see_other_with,
};
use crate::portal::form::Errors;
use crate::portal::origin;
use crate::portal::show::{count, counted};
use crate::portal::upload_body::piece_by_piece;
use crate::service::blocks::{self, Plan};
use crate::service::staging::{self, FileText, SentFile};

pub(super) fn routes() -> Routes {
    Routes::new().get("/blocks/import", needs::<BlocksWrite>(), form).post_upload(
        "/blocks/import",
        needs::<BlocksWrite>(),
        take,
    )
}

/// The most bytes of a file of blocks; ten thousand of them take less.
const MOST: usize = 2 * 1024 * 1024;
/// The most bytes of a field that is neither file nor text.
const SHORT: usize = 64;
/// Rows of each kind that the page shows.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "blocks_import.html")]
struct ImportPage {
    shell: Shell,
    errors: Errors,
    /// What was sent, so that nothing typed is lost.
    text: String,
    problems: Vec<ProblemRow>,
    problems_left: String,
    plan: Option<PlanView>,
}

struct ProblemRow {
    line: u32,
    heading: String,
    value: String,
    reason: String,
}

impl From<&LineProblem> for ProblemRow {
    fn from(problem: &LineProblem) -> Self {
        Self {
            line: problem.line,
            heading: problem.heading.clone().unwrap_or_default(),
            value: problem.value.clone(),
            reason: problem.reason.clone(),
        }
    }
}

struct PlanView {
    new: String,
    changed: String,
    unchanged: String,
    rows: Vec<PlanRow>,
    rows_left: String,
    nothing: bool,
    button: String,
}

struct PlanRow {
    what: &'static str,
    first: String,
    last: String,
    size: String,
    country: String,
    kind: &'static str,
    note: String,
}

impl PlanRow {
    fn new(what: &'static str, block: &Block) -> Self {
        Self {
            what,
            first: block.first.grouped(),
            last: if block.size() > 1 { block.last.grouped() } else { String::new() },
            size: count(block.size()),
            country: block.country.clone().unwrap_or_default(),
            kind: block.kind.label(),
            note: block.note.clone(),
        }
    }
}

/// "1,234 more", or nothing.
fn more(all: usize) -> String {
    let left = all.saturating_sub(SHOWN);
    if left == 0 { String::new() } else { format!("{} of {}", count(SHOWN as i64), count(all as i64)) }
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        let rows = plan.new.iter().map(|block| PlanRow::new("New", block));
        let rows = rows.chain(plan.changed.iter().map(|block| PlanRow::new("Changed", block)));
        let all = plan.new.len() + plan.changed.len();
        Self {
            new: count(plan.new.len() as i64),
            changed: count(plan.changed.len() as i64),
            unchanged: count(plan.unchanged as i64),
            rows: rows.take(SHOWN).collect(),
            rows_left: more(all),
            nothing: all == 0,
            button: format!("Import {}", counted(all as i64, "block", "blocks")),
        }
    }
}

impl ImportPage {
    fn new(shell: Shell, text: String, errors: Errors) -> Self {
        let shell = shell.at("blocks");
        Self { shell, errors, text, problems: Vec::new(), problems_left: String::new(), plan: None }
    }
}

/// `GET /blocks/import`
async fn form(Granted(_): Granted<BlocksWrite>, shell: Shell) -> Response {
    page(&ImportPage::new(shell, String::new(), Errors::default()))
}

/// What a browser sent.
#[derive(Default)]
struct Sent {
    typed: Vec<u8>,
    file: Vec<u8>,
    confirmed: bool,
    too_large: bool,
}

async fn read(mut body: MultipartBody) -> Result<Sent, Problem> {
    let mut sent = Sent::default();
    while let Some(field) = body.fields.next_field().await? {
        match field.name() {
            Some("file") => {
                let (bytes, whole) = piece_by_piece(field, MOST, MOST).await?;
                sent.too_large |= !whole;
                sent.file = bytes;
            }
            Some("blocks") => {
                let (bytes, whole) = piece_by_piece(field, MOST, MOST).await?;
                sent.too_large |= !whole;
                sent.typed = bytes;
            }
            Some("confirmed") => {
                let (bytes, _) = piece_by_piece(field, SHORT, SHORT).await?;
                sent.confirmed |= !bytes.is_empty();
            }
            _ => drop(piece_by_piece(field, SHORT, SHORT).await?),
        }
    }
    Ok(sent)
}

/// The text that was sent, typed or as a file.
async fn text_of(sent: &mut Sent) -> Result<Result<String, FieldProblem>, Problem> {
    Ok(match typed_or_file(sent) {
        Ok(Some(typed)) => Ok(typed),
        Err(problem) => Err(problem),
        Ok(None) => {
            let file = SentFile { name: String::new(), bytes: std::mem::take(&mut sent.file) };
            let FileText { text, western, .. } = staging::text_of(file, "", "").await?;
            match (text, western) {
                (Ok(text), _) => Ok(text),
                (Err(_), Some(western)) => {
                    sent.typed = western.into_bytes();
                    let reason = "The file is not UTF-8. Its text stands in the field as it is in Windows-1252: look at letters \
                                  with accents, then go on.";
                    Err(FieldProblem::new("blocks", reason))
                }
                (Err(reason), None) => Err(FieldProblem::new("file", reason)),
            }
        }
    })
}

/// The text that was typed; nothing where a file was chosen instead.
fn typed_or_file(sent: &Sent) -> Result<Option<String>, FieldProblem> {
    if sent.too_large {
        return Err(FieldProblem::new("file", "The file has more than 2 MB. Split it."));
    }
    let typed = String::from_utf8_lossy(&sent.typed).replace('\0', "\u{fffd}");
    match (filled(&typed).is_some(), sent.file.is_empty()) {
        (true, false) => {
            Err(FieldProblem::new("file", "Give the blocks either as a file or in the text field, not both."))
        }
        (true, true) => Ok(Some(typed)),
        (false, true) => Err(FieldProblem::new("blocks", "Type at least one block, or choose a file.")),
        (false, false) => Ok(None),
    }
}

/// `POST /blocks/import`: shows what it would do; with `confirmed` it is done.
async fn take(
    State(state): State<PortalState>,
    Granted(grant): Granted<BlocksWrite>,
    Info(info): Info,
    shell: Shell,
    body: MultipartBody,
) -> Result<Response, Problem> {
    let mut sent = read(body).await?;
    let text = match text_of(&mut sent).await? {
        Ok(text) => text,
        Err(problem) => {
            let typed = String::from_utf8_lossy(&sent.typed).into_owned();
            return Ok(invalid(&ImportPage::new(shell, typed, vec![problem].into())));
        }
    };
    if sent.confirmed {
        let plan = blocks::import(state.ctx(), &grant, &origin(&info), &text).await?;
        if plan.problems.is_empty() {
            let (new, changed) = (plan.new.len() as i64, plan.changed.len() as i64);
            let said = format!("{} added, {} changed.", counted(new, "block", "blocks"), count(changed));
            return Ok(see_other_with("/blocks", Flash::success(said)));
        }
        return Ok(refused(shell, text, &plan));
    }
    looked_through(&state, &grant, shell, text).await
}

fn refused(shell: Shell, text: String, plan: &Plan) -> Response {
    let found = plan.problems.len();
    let summary =
        format!("{}. Nothing is imported until the file is right.", counted(found as i64, "problem", "problems"));
    let errors = vec![FieldProblem::new("blocks", summary)].into();
    invalid(&ImportPage {
        problems: plan.problems.iter().take(SHOWN).map(ProblemRow::from).collect(),
        problems_left: more(found),
        ..ImportPage::new(shell, text, errors)
    })
}

async fn looked_through(
    state: &PortalState,
    grant: &Grant<BlocksWrite>,
    shell: Shell,
    text: String,
) -> Result<Response, Problem> {
    let plan = blocks::look_through(state.ctx(), grant, &text).await?;
    if !plan.problems.is_empty() {
        return Ok(refused(shell, text, &plan));
    }
    let view = Some(PlanView::from(&plan));
    Ok(page(&ImportPage { plan: view, ..ImportPage::new(shell, text, Errors::default()) }))
}
