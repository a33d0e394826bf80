//! Taking over what was proposed for lines of a list or a file of numbers that are changed, moved or released.

use std::sync::Arc;

use super::columns::{choices, part};
use super::{EditForm, Selection, stage_edit, stage_move, stage_release};
use crate::authz::{Grant, Permission, Principal};
use crate::domain::{FormOf, OrderKind};
use crate::service::orders::{OrderRight, discard};
use crate::service::staging::{MendedText, Mending, mended_text, say_again};
use crate::service::{Ctx, Error, Result};

/// Writes what was proposed into the text of a draft and stages it anew; gives the number of the draft that takes its place.
///
/// # Errors
/// When it is no such draft any more, its text was not kept, nothing is proposed there, or the person lacks a right.
pub async fn mend(ctx: &Ctx, person: &Principal, id: i64, which: Mending) -> Result<i64> {
    let MendedText { order, form, before, text, is_file, .. } = mended_text(ctx, id, which).await?;
    let form: EditForm = serde_json::from_str(&form).unwrap_or_default();
    say_again(ctx, person, part("", is_file).name, (&before, &text)).await?;
    let written: Arc<str> = Arc::from(text.as_str());
    let choices = choices(ctx, person, &written, is_file).await?.unwrap_or_default();
    let selection = Selection::Written { text: written, is_file, choices };
    let form = EditForm { numbers: if is_file { String::new() } else { text }, ..form };
    let staged = stage_as(ctx, person, order.form_of, &selection, &form).await?;
    give_up(ctx, person, order.form_of, id).await;
    Ok(staged)
}

/// Stages what a form of this kind says.
pub(super) async fn stage_as(
    ctx: &Ctx,
    person: &Principal,
    form_of: FormOf,
    selection: &Selection,
    form: &EditForm,
) -> Result<i64> {
    match form_of {
        FormOf::Manage => stage_edit(ctx, &right(person)?, selection, form).await,
        FormOf::Move => {
            let release = person.grant().ok();
            stage_move(ctx, &right(person)?, release.as_ref(), selection, form).await
        }
        FormOf::Release => stage_release(ctx, &right(person)?, selection, form).await,
        FormOf::Upload | FormOf::Undo => Err(Error::NotFound("order")),
    }
}

/// Gives up the draft in whose place another was staged. A draft that is none any more stays as it is.
pub(super) async fn give_up(ctx: &Ctx, person: &Principal, form_of: FormOf, id: i64) {
    let right = match form_of {
        FormOf::Release => OrderRight::of(person, OrderKind::Release),
        _ => OrderRight::widest(person),
    };
    if let Ok(right) = right
        && let Err(error) = discard(ctx, &right, id).await
    {
        tracing::debug!(order.id = id, %error, "the draft that was staged anew stays");
    }
}

/// The right that such a draft takes.
fn right<P: Permission>(person: &Principal) -> Result<Grant<P>> {
    person.grant().map_err(|missing| Error::Conflict(format!("{missing}.")))
}
