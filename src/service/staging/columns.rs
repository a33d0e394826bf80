//! Uploads of which it is not clear what their columns are: they wait for their person to say so, and what was said is
//! remembered for files with the same headings.

use std::sync::Arc;

use time::Duration;

use super::texts::Text;
use super::{KeptFile, Sent, Staged, UploadForm, stage_beside};
use crate::authz::{Grant, NumbersWrite};
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

/// The content address of headings.
fn key(row: &HeadingRow) -> i64 {
    content_id(&row.headings.iter().map(|heading| heading.key.as_str()).collect::<Vec<_>>())
}

/// What the texts of an upload look like, with what their person said of their columns before.
pub(super) struct Looks {
    /// What was said, for each text.
    pub(super) choices: Vec<Choices>,
    /// What is kept of each text.
    pub(super) files: Vec<KeptFile>,
    /// Whether it is clear what all columns are.
    pub(super) are_clear: bool,
    /// Whether all texts have columns.
    pub(super) have_columns: bool,
    /// Whether each line of all texts may name its account.
    pub(super) name_accounts: bool,
}

impl Looks {
    fn add(&mut self, text: &Text<'_>, reader: &Reader<'_>, choices: Choices) {
        let row = reader.headings();
        self.are_clear &= row.is_none_or(HeadingRow::is_clear);
        self.have_columns &= reader.has_columns();
        self.name_accounts &= row.is_some_and(|row| row.columns().any(|column| column == Column::AccountName));
        self.files.push(KeptFile { sheet: text.sheet.clone(), ..KeptFile::new(text.name, row) });
        self.choices.push(choices);
    }
}

/// Looks at each text, with what this person said of such columns before, unless it is to be asked `anew`.
pub(super) async fn look(ctx: &Ctx, grant: &Grant<NumbersWrite>, texts: &[Text<'_>], anew: bool) -> Result<Looks> {
    let person = identity(grant.principal());
    // Without any text the form is all there is.
    let is_any = !texts.is_empty();
    let mut looks =
        Looks { choices: Vec::new(), files: Vec::new(), are_clear: true, have_columns: is_any, name_accounts: is_any };
    for text in texts {
        let reader = Reader::of(text.part(), 1, &Choices::default());
        let Some(row) = reader.headings().filter(|row| !row.is_clear()) else {
            looks.add(text, &reader, Choices::default());
            continue;
        };
        let headings = key(row);
        if anew {
            transact!(ctx, |tx| {
                tx.remember_heading_choices(&person, headings, "{}", ctx.clock.now()).await?;
            })?;
        }
        let remembered = ctx.db.read().await?.heading_choices(&person, headings).await?;
        let choices: Choices = remembered.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        looks.add(text, &Reader::of(text.part(), 1, &choices), choices);
    }
    Ok(looks)
}

/// Keeps an upload until its person has said what the columns are.
pub(super) async fn wait(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    form: &UploadForm,
    texts: &[Text<'_>],
    files: Vec<KeptFile>,
) -> Result<Staged> {
    let person = identity(grant.principal());
    let id = uuid::Uuid::from_u128(rand::random()).simple().to_string();
    let form = UploadForm { numbers: String::new(), ask_columns: false, files, ..form.clone() };
    let form = serde_json::to_string(&form).unwrap_or_default();
    let kept = &id;
    transact!(ctx, |tx| {
        tx.let_upload_wait(&person, kept, &form, ctx.clock.now()).await?;
        for (seq, text) in texts.iter().enumerate() {
            tx.add_waiting_file(&person, seq as i64 + 1, text.name, &text.body).await?;
        }
    })?;
    Ok(Staged::Waits(id))
}

async fn waiting(ctx: &Ctx, grant: &Grant<NumbersWrite>, id: &str) -> Result<WaitingUpload> {
    let person = identity(grant.principal());
    ctx.db.read().await?.waiting_upload(&person, id).await?.ok_or(GONE)
}

/// The first file of an upload that waits of which it is not clear what its columns are.
fn first_unclear(waiting: &WaitingUpload, choices: &[Choices]) -> Option<(usize, UnclearFile)> {
    let none = Choices::default();
    let mut unclear = waiting.files.iter().enumerate().filter_map(|(at, file)| {
        let part = Part { name: &file.name, text: &file.body };
        Some((at, file, Reader::of(part, 1, choices.get(at).unwrap_or(&none)).unclear()?))
    });
    let (at, file, columns) = unclear.next()?;
    Some((at, UnclearFile { name: file.name.clone(), columns, left: 1 + unclear.count() }))
}

/// The columns that somebody has to say what they are, of an upload that waits. `None` where all is clear by now.
///
/// # Errors
/// When no such upload waits, or the database fails.
pub async fn unclear(ctx: &Ctx, grant: &Grant<NumbersWrite>, id: &str) -> Result<Option<UnclearFile>> {
    let waiting = waiting(ctx, grant, id).await?;
    let (ctx, grant) = (ctx.clone(), grant.clone());
    beside(async move {
        let texts = texts_of(&waiting, &UploadForm::default());
        let looks = look(&ctx, &grant, &texts, false).await?;
        Ok(first_unclear(&waiting, &looks.choices).map(|(_, file)| file))
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
        for (heading, choice) in row.headings.iter().zip(said).filter(|(heading, _)| heading.means == Means::Unknown) {
            let choice = if choice.is_empty() && self.rest_not_read { NOT_READ } else { choice };
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
    let waiting = waiting(ctx, grant, id).await?;
    let person = identity(grant.principal());
    let texts = texts_of(&waiting, &UploadForm::default());
    let choices = look(ctx, grant, &texts, false).await?.choices;
    if let Some((at, file)) = first_unclear(&waiting, &choices) {
        let choices = said.with(choices.get(at).cloned().unwrap_or_default(), &file.columns.row);
        let part = waiting.files.get(at).map(|file| Part { name: &file.name, text: &file.body });
        if let Some(unclear) = part.and_then(|part| Reader::of(part, 1, &choices).unclear()) {
            return Err(Error::Invalid(still_unclear(&unclear.row)));
        }
        let json = serde_json::to_string(&choices).unwrap_or_default();
        let headings = key(&file.columns.row);
        transact!(ctx, |tx| {
            tx.remember_heading_choices(&person, headings, &json, ctx.clock.now()).await?;
        })?;
    }
    drop(texts);
    let staged = stage_beside(ctx, grant, Sent::Waiting { id: id.to_owned(), upload: Arc::new(waiting) }).await?;
    if matches!(staged, Staged::Draft(_)) {
        transact!(ctx, |tx| {
            tx.forget_waiting_upload(&person).await?;
        })?;
    }
    Ok(staged)
}

/// What has to be said of columns still.
fn still_unclear(row: &HeadingRow) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if !row.has_numbers() {
        problems.push(FieldProblem::new("columns", "Say which column has the telephone numbers."));
    }
    for heading in row.headings.iter().filter(|heading| heading.means == Means::Unknown) {
        let reason =
            format!("{}: say what it is, or that it is not read. Two columns cannot be the same thing.", heading.text);
        problems.push(FieldProblem::new("columns", reason));
    }
    problems
}

/// The texts of an upload that waits.
pub(super) fn texts_of<'a>(waiting: &'a WaitingUpload, form: &UploadForm) -> Vec<Text<'a>> {
    let sheets = form.files.iter().map(|file| file.sheet.clone()).chain(std::iter::repeat(String::new()));
    let texts = waiting.files.iter().zip(sheets);
    texts.map(|(file, sheet)| Text { name: &file.name, body: file.body.as_str().into(), sheet }).collect()
}
