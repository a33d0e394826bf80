//! Taking over what was proposed for lines of a list or a file of numbers that are changed, moved or released.

use std::sync::Arc;

use super::{EditForm, Selection, stage_edit, stage_move, stage_release};
use crate::authz::{Grant, Permission, Principal};
use crate::domain::{FormOf, OrderKind};
use crate::service::orders::{OrderRight, discard};
use crate::service::staging::{MendedText, Mending, mended_text};
use crate::service::{Ctx, Error, Result};

/// Writes what was proposed into the text of a draft and stages it anew; gives the number of the draft that takes its place.
///
/// # Errors
/// When it is no such draft any more, its text was not kept, nothing is proposed there, or the person lacks a right.
pub async fn mend(ctx: &Ctx, person: &Principal, id: i64, which: Mending) -> Result<i64> {
    let MendedText { order, form, text, is_file, .. } = mended_text(ctx, id, which).await?;
    let form: EditForm = serde_json::from_str(&form).unwrap_or_default();
    let selection = Selection::Written { text: Arc::from(text.as_str()), is_file };
    let form = EditForm { numbers: if is_file { String::new() } else { text }, ..form };
    let staged = match order.form_of {
        FormOf::Manage => stage_edit(ctx, &right(person)?, &selection, &form).await?,
        FormOf::Move => {
            let release = person.grant().ok();
            stage_move(ctx, &right(person)?, release.as_ref(), &selection, &form).await?
        }
        FormOf::Release => stage_release(ctx, &right(person)?, &selection, &form).await?,
        FormOf::Upload | FormOf::Undo => return Err(Error::NotFound("order")),
    };
    let right =
        if order.kind == OrderKind::Upload { OrderRight::widest(person) } else { OrderRight::of(person, order.kind) };
    if let Ok(right) = right
        && let Err(error) = discard(ctx, &right, id).await
    {
        tracing::debug!(order.id = id, %error, "the draft whose text was mended stays");
    }
    Ok(staged)
}

/// The right that such a draft takes.
fn right<P: Permission>(person: &Principal) -> Result<Grant<P>> {
    person.grant().map_err(|missing| Error::Conflict(format!("{missing}.")))
}
