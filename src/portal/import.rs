//! Moving in: files and what the backend has are looked through first, and taken over when somebody says so.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::csv;
use super::form::{Choice, Errors};
use super::show::{Chip, Moment, count, counted};
use super::upload::size;
use super::upload_body::{piece_by_piece, text};
use super::upload_form::encodings;
use crate::authz::{Grant, MovingIn};
use crate::domain::FieldProblem;
use crate::domain::moving::{MovingProblem, Tally};
use crate::http::{
    Flash, Granted, MultipartBody, PathPart, PortalState, Problem, Routes, Shell, needs, page, page_with, see_other,
    see_other_with,
};
use crate::moving::files::{self, File};
use crate::service::moving::{
    self, DryRun, Import, ImportKind, ImportRow, ImportStatus, Mover, PROBLEMS_KEPT, Report, Source, from_backend,
};
use crate::service::staging::{SentFile, text_of};
use crate::service::{Ctx, Origin, Result, beside};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/import", needs::<MovingIn>(), show)
        .post_upload("/import", needs::<MovingIn>(), look_through)
        .get("/import/{id}", needs::<MovingIn>(), report)
        .get("/import/{id}/problems.csv", needs::<MovingIn>(), problems)
        .post("/import/{id}/run", needs::<MovingIn>(), run)
        .post("/import/{id}/forget", needs::<MovingIn>(), forget)
}

/// Problems that the page shows; the export has all that are kept.
const SHOWN: i64 = 200;
/// Problems of an export fetched at a time.
const CHUNK: i64 = 1_000;
/// Files that are sent together.
const FILES: usize = 1_000;
/// The most bytes of a field that is no file.
const SHORT: usize = 64;

/// One import in the list.
struct ImportLine {
    id: String,
    at: Moment,
    source: String,
    author: String,
    status: Chip,
    numbers: String,
}

impl From<ImportRow> for ImportLine {
    fn from(row: ImportRow) -> Self {
        Self {
            at: row.created_at.into(),
            status: chip(row.status),
            source: row.source,
            author: row.author,
            numbers: count(row.counts.numbers.new.try_into().unwrap_or(i64::MAX)),
            id: row.id,
        }
    }
}

fn chip(status: ImportStatus) -> Chip {
    match status {
        ImportStatus::Draft => Chip::new("draft", "Checked"),
        ImportStatus::Running => Chip::new("busy", "Under way"),
        ImportStatus::Stopped => Chip::new("warn", "Stopped"),
        ImportStatus::Complete => Chip::new("ok", "Imported"),
    }
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    shell: Shell,
    errors: Errors,
    limit: String,
    encodings: Vec<Choice>,
    imports: Vec<ImportLine>,
}

async fn form(state: &PortalState, grant: &Grant<MovingIn>, shell: Shell, errors: Errors) -> Result<ImportPage> {
    let imports = moving::latest(state.ctx(), grant).await?.into_iter().map(ImportLine::from).collect();
    Ok(ImportPage {
        shell: shell.at("import"),
        errors,
        limit: size(u64::from(state.config().uploads.max_bytes)),
        encodings: encodings(""),
        imports,
    })
}

/// `GET /import`
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<MovingIn>,
    shell: Shell,
) -> std::result::Result<Response, Problem> {
    Ok(page(&form(&state, &grant, shell, Errors::default()).await?))
}

/// What a browser sent.
#[derive(Default)]
struct Sent {
    files: Vec<(String, Vec<u8>)>,
    backend: bool,
    /// How the letters of the files are encoded, where they do not show it.
    encoding: String,
    too_large: bool,
}

async fn read(mut body: MultipartBody, most: usize) -> std::result::Result<Sent, Problem> {
    let (mut sent, mut left) = (Sent::default(), most);
    while let Some(field) = body.fields.next_field().await? {
        if field.name() == Some("file") {
            let name = field.file_name().unwrap_or_default().to_owned();
            let (bytes, whole) = piece_by_piece(field, left, most).await?;
            if !whole || sent.files.len() == FILES {
                sent.too_large = true;
            } else if !name.is_empty() || !bytes.is_empty() {
                left -= bytes.len();
                sent.files.push((name, bytes));
            }
        } else {
            let name = field.name().unwrap_or_default().to_owned();
            let (bytes, _) = piece_by_piece(field, SHORT, SHORT).await?;
            match name.as_str() {
                "backend" => sent.backend |= !bytes.is_empty(),
                "encoding" => sent.encoding = text(bytes),
                _ => {}
            }
        }
    }
    Ok(sent)
}

/// `POST /import`: looks through what was sent, or what the backend has, and changes nothing.
async fn look_through(
    State(state): State<PortalState>,
    Granted(grant): Granted<MovingIn>,
    origin: Origin,
    shell: Shell,
    body: MultipartBody,
) -> std::result::Result<Response, Problem> {
    let most = usize::try_from(state.config().uploads.max_bytes).unwrap_or(usize::MAX);
    let Some(room) = state.ctx().uploads.room(body.declared.unwrap_or(u64::MAX).min(most as u64)).await else {
        return Err(Problem::unavailable(
            "Other uploads are being sent. Nothing was stored; send it again in a minute.",
        ));
    };
    let mut sent = read(body, most).await?;
    let mut problems = Vec::new();
    if sent.too_large {
        let message = format!(
            "The files are larger than {} together, or more than {FILES}. Send fewer at once, or use nmp import, which \
             takes any number.",
            size(most as u64)
        );
        problems.push(FieldProblem::new("file", message));
    } else if sent.files.is_empty() && !sent.backend {
        problems.push(FieldProblem::new("file", "Choose at least one file."));
    }
    let (mut texts, mut sheets) = (Vec::with_capacity(sent.files.len()), Vec::new());
    for (name, bytes) in std::mem::take(&mut sent.files) {
        let file = SentFile { name: name.clone(), bytes };
        let read = text_of(file, &sent.encoding, "").await?;
        if !read.sheet.is_empty() {
            sheets.push(MovingProblem::new(0, "", "", &read.sheet).at(&name));
        }
        match read.text {
            Ok(text) => texts.push((name, text)),
            Err(reason) => problems.push(FieldProblem::new("file", format!("{name}: {reason}"))),
        }
    }
    if !problems.is_empty() {
        let template = form(&state, &grant, shell, problems.into()).await?;
        return Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &template));
    }
    let mover = Mover::new(&grant, origin)?;
    let id = looked_through(state.ctx(), mover, texts, sheets).await?;
    drop(room);
    Ok(see_other(&format!("/import/{id}")))
}

/// Makes the dry run, beside the threads that answer requests, and keeps it. Without files it is of what the backend has.
async fn looked_through(
    ctx: &Ctx,
    mover: Mover,
    texts: Vec<(String, String)>,
    sheets: Vec<MovingProblem>,
) -> Result<String> {
    let ctx = ctx.clone();
    beside(async move {
        let source = if texts.is_empty() {
            Source { kind: ImportKind::Backend, name: "the backend".to_owned() }
        } else {
            let names: Vec<&str> = texts.iter().map(|(name, _)| name.as_str()).collect();
            Source { kind: ImportKind::Files, name: named(&names) }
        };
        let mut import = Import::dry_run(&ctx, mover.clone(), source.clone());
        for sheet in sheets {
            import.problem(sheet);
        }
        if texts.is_empty() {
            from_backend(&mut import).await?;
        } else {
            let sent = texts.iter().map(|(name, text)| File::Sent { name: name.clone(), text: text.clone() });
            files::take_in(&mut import, sent.collect()).await?;
        }
        let report: Report = import.finish().await?;
        moving::keep_dry_run(&ctx, &mover, &DryRun { source: &source, files: &texts, report: &report }).await
    })
    .await?
}

/// The first three names and how many more there are.
fn named(names: &[&str]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        _ => names.join(", "),
    }
}

/// How many of one kind, in words.
struct Counted {
    what: &'static str,
    read: String,
    new: String,
    here: String,
    repeated: String,
    left_out: String,
}

impl Counted {
    fn new(what: &'static str, tally: Tally) -> Self {
        let text = |value: u64| count(i64::try_from(value).unwrap_or(i64::MAX));
        let Tally { read, new, here, repeated, left_out } = tally;
        Self {
            what,
            read: text(read),
            new: text(new),
            here: text(here),
            repeated: text(repeated),
            left_out: text(left_out),
        }
    }
}

#[derive(Template)]
#[template(path = "import_report.html")]
struct ReportPage {
    shell: Shell,
    id: String,
    source: String,
    author: String,
    at: Moment,
    status: Chip,
    is_draft: bool,
    is_complete: bool,
    /// It can be gone on with here.
    goes_on: bool,
    /// Whether it would take anything over.
    has_new: bool,
    reason: String,
    counted: [Counted; 2],
    problems: Vec<ProblemLine>,
    problem_count: String,
    cut: bool,
}

struct ProblemLine {
    whereabouts: String,
    value: String,
    reason: String,
}

impl From<MovingProblem> for ProblemLine {
    fn from(problem: MovingProblem) -> Self {
        Self { whereabouts: problem.whereabouts(), value: problem.value, reason: problem.reason }
    }
}

/// `GET /import/{id}`
async fn report(
    State(state): State<PortalState>,
    Granted(grant): Granted<MovingIn>,
    PathPart(id): PathPart<String>,
    shell: Shell,
) -> std::result::Result<Response, Problem> {
    let row = moving::get(state.ctx(), &grant, &id).await?;
    let problems = moving::problems(state.ctx(), &grant, &id, 0, SHOWN).await?;
    let all = i64::try_from(row.counts.problems).unwrap_or(i64::MAX);
    Ok(page(&ReportPage {
        shell: shell.at("import"),
        at: row.created_at.into(),
        status: chip(row.status),
        is_draft: row.status == ImportStatus::Draft,
        is_complete: row.status == ImportStatus::Complete,
        goes_on: goes_on(state.ctx(), &grant, &row).await?,
        has_new: row.counts.accounts.new + row.counts.numbers.new > 0,
        reason: row.reason.unwrap_or_default(),
        counted: [Counted::new("Accounts", row.counts.accounts), Counted::new("Numbers", row.counts.numbers)],
        cut: all > problems.len() as i64,
        problems: problems.into_iter().map(ProblemLine::from).collect(),
        problem_count: count(all),
        source: row.source,
        author: row.author,
        id,
    }))
}

/// Whether the portal can go on with an import: it was cut, and what it reads is here.
async fn goes_on(ctx: &Ctx, grant: &Grant<MovingIn>, row: &ImportRow) -> Result<bool> {
    let was_cut = matches!(row.status, ImportStatus::Running | ImportStatus::Stopped);
    Ok(was_cut
        && match row.kind {
            ImportKind::Api => false,
            ImportKind::Backend => true,
            ImportKind::Files => moving::next_file(ctx, grant, &row.id, 0).await?.is_some(),
        })
}

/// `GET /import/{id}/problems.csv`
async fn problems(
    State(state): State<PortalState>,
    Granted(grant): Granted<MovingIn>,
    PathPart(id): PathPart<String>,
) -> std::result::Result<Response, Problem> {
    moving::get(state.ctx(), &grant, &id).await?;
    let ctx = state.ctx().clone();
    csv::export("import-problems.csv", &["Place", "Line", "Field", "Value", "Reason"], move |after: Option<i64>| {
        let (ctx, grant, id) = (ctx.clone(), grant.clone(), id.clone());
        async move {
            let behind = after.unwrap_or(0);
            let found = moving::problems(&ctx, &grant, &id, behind, CHUNK).await?;
            let next = behind + found.len() as i64;
            let more = found.len() as i64 == CHUNK && next < PROBLEMS_KEPT as i64;
            let cells = |problem: MovingProblem| {
                let line = if problem.line == 0 { String::new() } else { problem.line.to_string() };
                vec![
                    csv::text(problem.place),
                    line,
                    csv::text(problem.field),
                    csv::text(problem.value),
                    csv::text(problem.reason),
                ]
            };
            Ok((found.into_iter().map(cells).collect(), more.then_some(next)))
        }
    })
    .await
}

/// `POST /import/{id}/run`: takes over what was looked through.
async fn run(
    State(state): State<PortalState>,
    Granted(grant): Granted<MovingIn>,
    origin: Origin,
    PathPart(id): PathPart<String>,
) -> std::result::Result<Response, Problem> {
    let here = format!("/import/{id}");
    let row = moving::get(state.ctx(), &grant, &id).await?;
    if row.status == ImportStatus::Complete {
        return Ok(see_other_with(&here, Flash::warning("This import was made already.")));
    }
    if row.kind == ImportKind::Api {
        return Err(elsewhere());
    }
    let (ctx, mover) = (state.ctx().clone(), Mover::new(&grant, origin)?);
    let counts = beside(async move {
        let (mut sent, mut behind) = (Vec::new(), 0);
        while let Some((seq, name, text)) = moving::next_file(&ctx, &grant, &id, behind).await? {
            behind = seq;
            sent.push(File::Sent { name, text });
        }
        if row.kind == ImportKind::Files && sent.is_empty() {
            return Ok(None);
        }
        let mut import = Import::of_dry_run(&ctx, mover, &id).await?;
        if row.kind == ImportKind::Backend {
            from_backend(&mut import).await?;
        } else {
            files::take_in(&mut import, sent).await?;
        }
        Ok::<_, crate::service::Error>(Some(import.finish().await?.counts))
    })
    .await??;
    let Some(counts) = counts else { return Err(elsewhere()) };
    let new = |tally: Tally| i64::try_from(tally.new).unwrap_or(i64::MAX);
    let said = format!(
        "{} and {} were taken over. Nothing was sent to a backend.",
        counted(new(counts.accounts), "account", "accounts"),
        counted(new(counts.numbers), "number", "numbers")
    );
    Ok(see_other_with(&here, Flash::success(said)))
}

/// Says of an import of the command line that the portal cannot go on with it.
fn elsewhere() -> Problem {
    Problem::conflict(
        "This import goes on where it was begun",
        "It was begun on the command line. Run the same nmp import command again.",
    )
}

/// `POST /import/{id}/forget`: gives up what was looked through, with its files.
async fn forget(
    State(state): State<PortalState>,
    Granted(grant): Granted<MovingIn>,
    origin: Origin,
    PathPart(id): PathPart<String>,
) -> std::result::Result<Response, Problem> {
    moving::forget(state.ctx(), &Mover::new(&grant, origin)?, &id).await?;
    Ok(see_other_with("/import", Flash::success("The files were forgotten. Nothing was changed.")))
}
