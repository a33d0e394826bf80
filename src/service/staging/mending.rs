//! Taking over what was proposed for lines of a draft: its text is changed, and staged anew.

use std::sync::Arc;

use super::{SentFile, Staged, Upload, UploadForm, stage_sent};
use crate::authz::{Grant, NumbersWrite};
use crate::domain::entry::Kind;
use crate::domain::upload::{Change, mended};
use crate::domain::{OrderKind, OrderStatus};
use crate::service::orders::{OrderRight, discard};
use crate::service::{Ctx, Error, Result, beside};
use crate::store::{Proposal, Proposals};

/// Which proposals are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mending {
    /// That of the line with this place among those that could not be taken.
    Line(i64),
    /// Those of all lines with a flaw of this kind.
    Kind(Kind),
}

impl Mending {
    const fn proposals(self) -> Proposals<'static> {
        match self {
            Self::Line(seq) => Proposals::Line(seq),
            Self::Kind(kind) => Proposals::Kind(kind.key()),
        }
    }
}

/// Writes what was proposed into the text of a draft and stages it anew; gives the number of the draft that takes its place.
///
/// # Errors
/// When it is no draft any more, its text was not kept, nothing is proposed there, or [`stage_sent`] fails.
pub async fn mend(ctx: &Ctx, grant: &Grant<NumbersWrite>, id: i64, which: Mending) -> Result<i64> {
    let (form, kept, proposals) = {
        let mut tx = ctx.db.read().await?;
        let order =
            tx.order(id).await?.filter(|order| order.kind == OrderKind::Upload).ok_or(Error::NotFound("order"))?;
        if order.status != OrderStatus::Draft {
            return Err(Error::Conflict(format!("Order {id} is no draft any more: it is {}.", order.status.label())));
        }
        let form: UploadForm =
            tx.order_form(id).await?.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        (form, tx.draft_text(id).await?, tx.proposals(id, which.proposals()).await?)
    };
    let Some(kept) = kept else {
        let reason = "The text of this draft was not kept. Correct it where it comes from, and upload it again.";
        return Err(Error::Conflict(reason.to_owned()));
    };
    if proposals.is_empty() {
        return Err(Error::Conflict("Nothing is proposed there any more.".to_owned()));
    }
    let is_file = kept.is_file;
    let text = beside(async move { mended(&kept.text, proposals.into_iter().filter_map(change).collect()) }).await?;
    let upload = if is_file {
        let name = form.files.first().map(|file| file.name.clone()).unwrap_or_default();
        Upload { form, files: vec![SentFile { name, bytes: text.into_bytes() }] }
    } else {
        Upload { form: UploadForm { numbers: text, ..form }, files: Vec::new() }
    };
    let Staged::Draft(staged) = stage_sent(ctx, grant, &Arc::new(upload)).await? else {
        return Err(Error::Conflict(
            "It is not clear any more what the columns are. Upload the file again.".to_owned(),
        ));
    };
    if let Err(error) = discard(ctx, &OrderRight::Upload(grant.clone()), id).await {
        tracing::debug!(order.id = id, %error, "the draft whose text was mended stays");
    }
    Ok(staged)
}

fn change(proposal: Proposal) -> Option<Change> {
    let Proposal { proposal: written, place_start, place_end } = proposal;
    Some(Change { start: usize::try_from(place_start).ok()?, end: usize::try_from(place_end).ok()?, written })
}
