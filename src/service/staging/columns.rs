//! Uploads of which it is not clear what their columns are: they wait for their person to say so, and what was said is
//! remembered for files with the same headings.

use std::sync::Arc;

use serde::Deserialize;
use time::Duration;

use super::texts::Text;
use super::{KeptFile, Room, Sent, Staged, UploadForm, stage_beside};
use crate::authz::{Grant, NumbersWrite, Principal};
use crate::domain::FieldProblem;
use crate::domain::number::content_id;
use crate::domain::upload::{Choices, Column, HeadingRow, Means, NOT_READ, Part, Reader, Unclear};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Result, beside, identity};
use crate::store::WaitingUpload;

/// How long an upload waits.
pub(in crate::service) const WAITS: Duration = Duration::days(1);
/// How long what was said of headings is remembered after it was used last.
pub(in crate::service) const REMEMBERED: Duration = Duration::days(400);

const GONE: Error = Error::NotFound("upload");

/// The columns of a file of which it is not clear what they are.
#[derive(Clone, Debug)]
pub struct UnclearFile {
    /// Its name; empty where the text was typed.
    pub name: String,
    /// Its columns.
    pub columns: Unclear,
    /// How many files of the upload wait for the same, this one included.
    pub left: usize,
}

/// The content address of headings; of a text without any that of the text, for nothing else tells what its columns are.
fn key(row: &HeadingRow, text: &str) -> i64 {
    if row.is_missing {
        // Kept texts have no mark of their byte order.
        return content_id(&["", text.trim_start_matches('\u{feff}')]);
    }
    content_id(&row.keys())
}

/// Whether what was said of columns before is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Only what is not known is asked.
    Unknown,
    /// What was said is forgotten, and every column is asked for.
    Anew,
    /// Every column is asked for of which nothing was said since it was forgotten.
    Unsaid,
}

/// What the texts of an upload look like, with what their person said of their columns before.
pub(super) struct Looks {
    /// What was said, for each text.
    pub(super) choices: Vec<Choices>,
    /// What is kept of each text.
    pub(super) files: Vec<KeptFile>,
    /// Of each text whether it is clear what all its columns are.
    clear: Vec<bool>,
    /// Whether all texts have columns.
    pub(super) have_columns: bool,
    /// Whether each line of all texts may name its account.
    pub(super) name_accounts: bool,
}

impl Looks {
    fn add(&mut self, text: &Text<'_>, reader: &Reader<'_>, choices: Choices, is_said: bool) {
        let row = reader.headings();
        self.clear.push(row.is_none_or(|row| is_said && row.is_clear()));
        self.have_columns &= reader.has_columns();
        self.name_accounts &= row.is_some_and(|row| row.columns().any(|column| column == Column::AccountName));
        let delimiter = reader.delimiter();
        let bytes = text.unmarked().len();
        self.files.push(KeptFile { sheet: text.sheet.clone(), delimiter, bytes, ..KeptFile::new(text.name, row) });
        self.choices.push(choices);
    }

    /// Whether it is clear what all columns are.
    pub(super) fn are_clear(&self) -> bool {
        self.clear.iter().all(|is_clear| *is_clear)
    }
}

async fn said_before(ctx: &Ctx, person: &str, headings: i64) -> Result<Choices> {
    let remembered = ctx.db.read().await?.heading_choices(person, headings).await?;
    Ok(remembered.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
}

/// Looks at each text, with what this person said of such columns before.
pub(super) async fn look(ctx: &Ctx, person: &Principal, texts: &[Text<'_>], ask: Ask) -> Result<Looks> {
    let person = identity(person);
    // Without any text the form is all there is.
    let is_any = !texts.is_empty();
    let mut looks = Looks {
        choices: Vec::new(),
        files: Vec::new(),
        clear: Vec::new(),
        have_columns: is_any,
        name_accounts: is_any,
    };
    for text in texts {
        let reader = Reader::of(text.part(), 1, &Choices::default());
        let Some(row) = reader.headings() else {
            looks.add(text, &reader, Choices::default(), true);
            continue;
        };
        let headings = key(row, &text.body);
        if ask == Ask::Anew {
            transact!(ctx, |tx| {
                tx.remember_heading_choices(&person, headings, "{}", ctx.clock.now()).await?;
            })?;
        }
        let choices = said_before(ctx, &person, headings).await?;
        let is_said = ask == Ask::Unknown || !choices.0.is_empty();
        if choices.0.is_empty() {
            looks.add(text, &reader, choices, is_said);
        } else {
            looks.add(text, &Reader::of(text.part(), 1, &choices), choices, is_said);
        }
    }
    Ok(looks)
}

/// What was said of the columns of a text without headings holds for what it is mended to. The name is that of its file.
pub(in crate::service) async fn say_again(
    ctx: &Ctx,
    person: &Principal,
    name: &str,
    (old, new): (&str, &str),
) -> Result<()> {
    let reader = Reader::of(Part { name, text: old }, 1, &Choices::default());
    let Some(row) = reader.headings().filter(|row| row.is_missing) else { return Ok(()) };
    let person = identity(person);
    let choices = said_before(ctx, &person, key(row, old)).await?;
    let json = serde_json::to_string(&choices).unwrap_or_default();
    let headings = key(row, new);
    transact!(ctx, |tx| {
        tx.remember_heading_choices(&person, headings, &json, ctx.clock.now()).await?;
    })
}

/// Keeps an upload until its person has said what the columns are.
pub(super) async fn wait(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    form: &UploadForm,
    texts: &[Text<'_>],
    files: Vec<KeptFile>,
) -> Result<Staged> {
    let form = UploadForm { numbers: String::new(), files, ..form.clone() };
    let form = serde_json::to_string(&form).unwrap_or_default();
    let parts: Vec<Part<'_>> = texts.iter().map(Text::part).collect();
    keep(ctx, grant.principal(), &form, &parts).await.map(Staged::Waits)
}

/// Keeps texts with the form that was sent with them, as JSON; gives the id under which they wait.
pub(in crate::service) async fn keep(ctx: &Ctx, person: &Principal, form: &str, parts: &[Part<'_>]) -> Result<String> {
    let person = identity(person);
    let id = uuid::Uuid::from_u128(rand::random()).simple().to_string();
    let kept = &id;
    transact!(ctx, |tx| {
        tx.let_upload_wait(&person, kept, form, ctx.clock.now()).await?;
        for (seq, part) in parts.iter().enumerate() {
            tx.add_waiting_file(&person, seq as i64 + 1, part.name, part.text).await?;
        }
    })?;
    Ok(id)
}

/// Forgets what waits.
pub(in crate::service) async fn forget(ctx: &Ctx, person: &Principal) -> Result<()> {
    let person = identity(person);
    transact!(ctx, |tx| {
        tx.forget_waiting_upload(&person).await?;
    })
}

/// What tells the form of numbers that are changed, moved or released from that of an upload.
#[derive(Deserialize)]
struct OfBulk {
    #[expect(dead_code, reason = "whether it is there is what counts")]
    form_of: String,
}

/// What waits, with the room that it takes.
pub(in crate::service) async fn waiting(ctx: &Ctx, person: &Principal, id: &str) -> Result<(WaitingUpload, Room)> {
    const BUSY: Error = Error::Busy("Other uploads are being read. Nothing of yours is lost; try again in a minute.");
    let person = identity(person);
    let bytes = ctx.db.read().await?.waiting_bytes(&person, id).await?;
    let room = ctx.uploads.room(u64::try_from(bytes).unwrap_or_default()).await.ok_or(BUSY)?;
    let waiting = ctx.db.read().await?.waiting_upload(&person, id).await?.ok_or(GONE)?;
    Ok((waiting, room))
}

/// An upload that waits, with the room that it takes.
async fn waiting_upload(ctx: &Ctx, grant: &Grant<NumbersWrite>, id: &str) -> Result<(WaitingUpload, Room)> {
    let (waiting, room) = waiting(ctx, grant.principal(), id).await?;
    if serde_json::from_str::<OfBulk>(&waiting.form).is_ok() { Err(GONE) } else { Ok((waiting, room)) }
}

/// What is to be asked of an upload that waits.
fn asked_of(waiting: &WaitingUpload) -> Ask {
    let form: UploadForm = serde_json::from_str(&waiting.form).unwrap_or_default();
    if form.ask_columns { Ask::Unsaid } else { Ask::Unknown }
}

/// The first file of an upload that waits of which it is not clear what its columns are.
fn first_unclear(waiting: &WaitingUpload, looks: &Looks) -> Option<(usize, UnclearFile)> {
    let none = Choices::default();
    let mut unclear = looks.clear.iter().enumerate().filter(|(_, is_clear)| !**is_clear).map(|(at, _)| at);
    let at = unclear.next()?;
    let file = waiting.files.get(at)?;
    let part = Part { name: &file.name, text: &file.body };
    let columns = Reader::of(part, 1, looks.choices.get(at).unwrap_or(&none)).columns()?;
    Some((at, UnclearFile { name: file.name.clone(), columns, left: 1 + unclear.count() }))
}

/// The columns that somebody has to say what they are, of an upload that waits. `None` where all is clear by now.
///
/// # Errors
/// When no such upload waits, too many others are being read, or the database fails.
pub async fn unclear(ctx: &Ctx, grant: &Grant<NumbersWrite>, id: &str) -> Result<Option<UnclearFile>> {
    let (waiting, room) = waiting_upload(ctx, grant, id).await?;
    unclear_of(ctx, grant.principal(), waiting, room).await
}

/// The columns of what waits that somebody has to say what they are.
pub(in crate::service) async fn unclear_of(
    ctx: &Ctx,
    person: &Principal,
    waiting: WaitingUpload,
    room: Room,
) -> Result<Option<UnclearFile>> {
    let (ctx, person) = (ctx.clone(), person.clone());
    beside(async move {
        let texts = texts_of(&waiting, &UploadForm::default());
        let looks = look(&ctx, &person, &texts, asked_of(&waiting)).await?;
        let found = first_unclear(&waiting, &looks).map(|(_, file)| file);
        drop(room);
        Ok(found)
    })
    .await?
}

/// What a person said of the columns of a file.
#[derive(Clone, Debug, Default)]
pub struct SaidOfColumns {
    /// The choice for each heading, in the order of the file: the heading of a known column, [`NOT_READ`], or nothing.
    pub choices: Vec<String>,
    /// Whether columns of which nothing was said are not to be read.
    pub rest_not_read: bool,
}

impl SaidOfColumns {
    /// Adds what was said to what was known of these headings.
    fn with(&self, mut choices: Choices, row: &HeadingRow) -> Choices {
        let said = self.choices.iter().map(String::as_str).chain(std::iter::repeat(""));
        for (heading, choice) in row.headings.iter().zip(said) {
            let known = match heading.means {
                Means::Column(column) => column.heading(),
                Means::NotRead => NOT_READ.to_owned(),
                Means::Unknown if self.rest_not_read => NOT_READ.to_owned(),
                Means::Unknown | Means::Blank => String::new(),
            };
            let choice = if choice.is_empty() { &known } else { choice };
            if !choice.is_empty() {
                choices.set(&heading.key, choice);
            }
        }
        choices
    }
}

/// Takes what was said of the columns of the first file of which it was not clear, remembers it and goes on with the upload.
///
/// # Errors
/// When no such upload waits, it is not clear yet what the columns are, the form of the upload has problems, or the database
/// fails.
pub async fn say_columns(ctx: &Ctx, grant: &Grant<NumbersWrite>, id: &str, said: &SaidOfColumns) -> Result<Staged> {
    let (waiting, room) = waiting_upload(ctx, grant, id).await?;
    let waiting = take_said_beside(ctx, grant.principal(), waiting, said).await?;
    let staged = stage_beside(ctx, grant, Sent::Waiting { id: id.to_owned(), upload: Arc::new(waiting) }).await?;
    drop(room);
    if matches!(staged, Staged::Draft(_)) {
        forget(ctx, grant.principal()).await?;
    }
    Ok(staged)
}

/// Remembers what was said of the columns of the first file of which it was not clear, beside the threads that answer requests.
pub(in crate::service) async fn take_said_beside(
    ctx: &Ctx,
    person: &Principal,
    waiting: WaitingUpload,
    said: &SaidOfColumns,
) -> Result<WaitingUpload> {
    let (ctx, person, said) = (ctx.clone(), person.clone(), said.clone());
    beside(async move { take_said(&ctx, &person, waiting, &said).await }).await?
}

async fn take_said(
    ctx: &Ctx,
    person: &Principal,
    waiting: WaitingUpload,
    said: &SaidOfColumns,
) -> Result<WaitingUpload> {
    let looks = look(ctx, person, &texts_of(&waiting, &UploadForm::default()), asked_of(&waiting)).await?;
    let person = identity(person);
    let Some((at, file)) = first_unclear(&waiting, &looks) else { return Ok(waiting) };
    let choices = said.with(looks.choices.get(at).cloned().unwrap_or_default(), &file.columns.row);
    let Some(sent) = waiting.files.get(at) else { return Ok(waiting) };
    if let Some(unclear) = Reader::of(Part { name: &sent.name, text: &sent.body }, 1, &choices).unclear() {
        return Err(Error::Invalid(still_unclear(&unclear.row, &choices)));
    }
    let json = serde_json::to_string(&choices).unwrap_or_default();
    let headings = key(&file.columns.row, &sent.body);
    transact!(ctx, |tx| {
        tx.remember_heading_choices(&person, headings, &json, ctx.clock.now()).await?;
    })?;
    Ok(waiting)
}

/// What has to be said of columns still.
fn still_unclear(row: &HeadingRow, choices: &Choices) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if !row.has_numbers() {
        problems.push(FieldProblem::new("columns", "Say which column has the telephone numbers."));
    }
    for heading in row.headings.iter().filter(|heading| heading.means == Means::Unknown) {
        let said = choices.0.get(&heading.key).and_then(|choice| Column::from_heading(choice));
        let reason = match said {
            Some(column) => format!(
                "{}: another column says the same ({}). Choose something else, or do not read one of the two.",
                heading.text,
                column.label().to_lowercase()
            ),
            None => format!("{}: say what it is, or that it is not read.", heading.text),
        };
        problems.push(FieldProblem::new("columns", reason));
    }
    problems
}

/// What somebody said before of the columns of a text. Nothing where it is not clear what they are.
pub(in crate::service) async fn choices_of(ctx: &Ctx, person: &Principal, part: Part<'_>) -> Result<Option<Choices>> {
    let texts = [Text { name: part.name, body: part.text.into(), sheet: String::new() }];
    let looks = look(ctx, person, &texts, Ask::Unknown).await?;
    let is_clear = looks.are_clear();
    Ok(looks.choices.into_iter().next().filter(|_| is_clear))
}

/// The texts of an upload that waits.
pub(super) fn texts_of<'a>(waiting: &'a WaitingUpload, form: &UploadForm) -> Vec<Text<'a>> {
    let sheets = form.files.iter().map(|file| file.sheet.clone()).chain(std::iter::repeat(String::new()));
    let texts = waiting.files.iter().zip(sheets);
    texts.map(|(file, sheet)| Text { name: &file.name, body: file.body.as_str().into(), sheet }).collect()
}
