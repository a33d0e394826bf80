//! Lists and files of numbers of which it is not clear what their columns are: they wait until their person has said so, as
//! uploads do.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::mending::stage_as;
use super::{EditForm, Selection, checked};
use crate::authz::Principal;
use crate::domain::FormOf;
use crate::domain::field::filled;
use crate::domain::upload::{Choices, Part};
use crate::service::staging::{self, SaidOfColumns, UnclearFile};
use crate::service::{Ctx, Error, Result, beside};
use crate::store::WaitingUpload;

const GONE: Error = Error::NotFound("upload");

/// What was sent to change, move or release numbers, beside the numbers.
#[derive(Clone, Copy, Debug)]
pub struct SentForm<'a> {
    /// Which form it is.
    pub form_of: FormOf,
    /// What was chosen.
    pub form: &'a EditForm,
    /// The draft that it replaces; empty where there is none.
    pub draft: &'a str,
    /// The name of the file.
    pub file: &'a str,
}

/// Numbers of which it is clear what their columns are, or that wait.
#[derive(Clone, Debug)]
pub enum Cleared {
    /// They are clear.
    Numbers(Selection),
    /// They wait under this id until somebody has said what their columns are.
    Waits(String),
}

/// The form that waits, as JSON.
#[derive(Serialize, Deserialize)]
struct WaitingForm {
    form_of: String,
    form: EditForm,
    draft: String,
    is_file: bool,
}

/// What this person said of the columns of such a text. Nothing where it is not clear what they are.
pub(super) async fn choices(ctx: &Ctx, person: &Principal, text: &Arc<str>, is_file: bool) -> Result<Option<Choices>> {
    let (ctx, person, text) = (ctx.clone(), person.clone(), text.clone());
    beside(async move { staging::choices_of(&ctx, &person, part(&text, is_file)).await }).await?
}

pub(super) fn part(text: &str, is_file: bool) -> Part<'_> {
    Part { name: if is_file { "file" } else { "" }, text }
}

/// Finds out what the columns of a text are, by what this person said of such before; where that is not clear, the text waits.
/// A form that has problems of its own does not wait: they are told when it is staged.
///
/// # Errors
/// When the database fails.
pub async fn clear(ctx: &Ctx, person: &Principal, selection: Selection, sent: SentForm<'_>) -> Result<Cleared> {
    let Selection::Written { text, is_file, .. } = &selection else { return Ok(Cleared::Numbers(selection)) };
    let has_problems = !checked(&selection, sent.form).is_empty()
        || match sent.form_of {
            FormOf::Manage => sent.form.edit().map_or(true, |edit| edit.changes_nothing()),
            FormOf::Move => sent.form.edit().is_err() || filled(&sent.form.to).is_none(),
            _ => false,
        };
    if has_problems {
        return Ok(Cleared::Numbers(selection));
    }
    if let Some(choices) = choices(ctx, person, text, *is_file).await? {
        let (text, is_file) = (text.clone(), *is_file);
        return Ok(Cleared::Numbers(Selection::Written { text, is_file, choices }));
    }
    let form = WaitingForm {
        form_of: sent.form_of.key().to_owned(),
        form: EditForm { numbers: String::new(), ..sent.form.clone() },
        draft: sent.draft.to_owned(),
        is_file: *is_file,
    };
    let form = serde_json::to_string(&form).unwrap_or_default();
    let name = match (is_file, sent.file) {
        (false, _) => "",
        (true, "") => "file",
        (true, name) => name,
    };
    staging::keep(ctx, person, &form, &[Part { name, text }]).await.map(Cleared::Waits)
}

fn form_of(waiting: &WaitingUpload) -> Result<WaitingForm> {
    serde_json::from_str(&waiting.form).map_err(|_| GONE)
}

/// The columns that somebody has to say what they are, of numbers that wait. `None` where all is clear by now.
///
/// # Errors
/// When none wait under this id, too many others are being read, or the database fails.
pub async fn unclear(ctx: &Ctx, person: &Principal, id: &str) -> Result<Option<UnclearFile>> {
    let (waiting, room) = staging::waiting(ctx, person, id).await?;
    form_of(&waiting)?;
    staging::unclear_of(ctx, person, waiting, room).await
}

/// Takes what was said of the columns, remembers it and stages what waited; gives the number of the draft.
///
/// # Errors
/// When none wait under this id, it is not clear yet what the columns are, the form has problems, the person lacks a right, or
/// the database fails.
pub async fn say_columns(ctx: &Ctx, person: &Principal, id: &str, said: &SaidOfColumns) -> Result<i64> {
    let (waiting, room) = staging::waiting(ctx, person, id).await?;
    let WaitingForm { form_of: key, form, draft, is_file } = form_of(&waiting)?;
    let form_of = FormOf::from_key(&key).ok_or(GONE)?;
    let waiting = staging::take_said_beside(ctx, person, waiting, said).await?;
    let text: Arc<str> = waiting.files.into_iter().next().ok_or(GONE)?.body.into();
    let choices = choices(ctx, person, &text, is_file).await?.unwrap_or_default();
    let form = if is_file { form } else { EditForm { numbers: text.to_string(), ..form } };
    let staged = stage_as(ctx, person, form_of, &Selection::Written { text, is_file, choices }, &form).await?;
    staging::forget(ctx, person).await?;
    if let Ok(draft) = draft.parse() {
        super::mending::give_up(ctx, person, form_of, draft).await;
    }
    drop(room);
    Ok(staged)
}
