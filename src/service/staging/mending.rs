//! Taking over what was proposed for lines of a draft: its text is changed, and staged anew.

use std::sync::Arc;

use super::columns::say_again;
use super::{SentFile, Staged, Upload, UploadForm, stage_sent};
use crate::authz::{Grant, NumbersWrite};
use crate::domain::entry::Kind;
use crate::domain::upload::{Change, mended};
use crate::domain::{FormOf, Order, OrderStatus};
use crate::service::orders::{OrderRight, discard};
use crate::service::{Ctx, Error, Result, beside};
use crate::store::{Proposal, Proposals, Tx};

/// A text of more bytes is not kept for its lines to be mended.
const KEPT_TEXT: usize = 8 * 1024 * 1024;

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

/// A draft's text in which proposals have taken their places.
pub(in crate::service) struct MendedText {
    /// The draft.
    pub(in crate::service) order: Order,
    /// Its form, as JSON.
    pub(in crate::service) form: String,
    /// Its text as it was.
    pub(in crate::service) before: String,
    /// Its text by now; that of its files one after the other.
    pub(in crate::service) text: String,
    /// Where the text of each file ends in the one and in the other, but for the last.
    ends: Vec<(usize, usize)>,
    /// Whether it is that of a file.
    pub(in crate::service) is_file: bool,
}

/// Keeps the text of a draft for its lines to be mended, where it is not too long.
pub(in crate::service) async fn keep_text(tx: &mut Tx, id: i64, text: &str, is_file: bool) -> Result<()> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.is_empty() && text.len() <= KEPT_TEXT {
        tx.keep_draft_text(id, text, is_file).await?;
    }
    Ok(())
}

/// Writes what was proposed into the text of a draft.
///
/// # Errors
/// When it is no draft any more, its text was not kept, or nothing is proposed there.
pub(in crate::service) async fn mended_text(ctx: &Ctx, id: i64, which: Mending) -> Result<MendedText> {
    let (order, form, kept, proposals) = {
        let mut tx = ctx.db.read().await?;
        let order = tx.order(id).await?.ok_or(Error::NotFound("order"))?;
        if order.status != OrderStatus::Draft {
            return Err(Error::Conflict(format!("Order {id} is no draft any more: it is {}.", order.status.label())));
        }
        let form = tx.order_form(id).await?.unwrap_or_default();
        (order, form, tx.draft_text(id).await?, tx.proposals(id, which.proposals()).await?)
    };
    let Some(kept) = kept else {
        let reason = "The text of this draft was not kept. Correct it where it comes from, and send it again.";
        return Err(Error::Conflict(reason.to_owned()));
    };
    if proposals.is_empty() {
        return Err(Error::Conflict("Nothing is proposed there any more.".to_owned()));
    }
    let files = serde_json::from_str::<UploadForm>(&form).unwrap_or_default().files;
    let lengths: Vec<usize> = files.iter().map(|file| file.bytes).collect();
    beside(async move {
        let changes: Vec<Change> = proposals.into_iter().filter_map(change).collect();
        let (text, ends) = mended_parts(&kept.text, &lengths, &changes);
        MendedText { order, form, before: kept.text, text, ends, is_file: kept.is_file }
    })
    .await
}

/// Makes changes to texts that stand one after the other; tells where each ends, before and by now, but for the last.
fn mended_parts(text: &str, lengths: &[usize], changes: &[Change]) -> (String, Vec<(usize, usize)>) {
    let (mut made, mut ends, mut start) = (String::with_capacity(text.len()), Vec::new(), 0);
    let (_, behind_last) = lengths.split_last().map_or((&0, lengths), |(last, rest)| (last, rest));
    for end in behind_last.iter().scan(0_usize, |end, length| {
        *end = end.saturating_add(*length);
        Some(*end)
    }) {
        let Some(part) = text.get(start..end) else { break };
        made.push_str(&mended(part, within(changes, start, end)));
        ends.push((end, made.len()));
        start = end;
    }
    made.push_str(&mended(text.get(start..).unwrap_or_default(), within(changes, start, text.len())));
    (made, ends)
}

/// The changes of a part of a text, by their places in the part.
fn within(changes: &[Change], start: usize, end: usize) -> Vec<Change> {
    let of_part = changes.iter().filter(|change| change.start >= start && change.end <= end);
    of_part
        .map(|change| Change {
            start: change.start - start,
            end: change.end.saturating_sub(start),
            written: change.written.clone(),
        })
        .collect()
}

impl MendedText {
    /// The texts of the files, each as it was and as it is.
    fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        let starts = std::iter::once((0, 0)).chain(self.ends.iter().copied());
        let ends = self.ends.iter().copied().chain(std::iter::once((self.before.len(), self.text.len())));
        starts.zip(ends).map(|(start, end)| {
            let before = self.before.get(start.0..end.0).unwrap_or_default();
            (before, self.text.get(start.1..end.1).unwrap_or_default())
        })
    }
}

/// Writes what was proposed into the text of an upload's draft and stages it anew; gives the number of the draft that takes its
/// place.
///
/// # Errors
/// When it is no draft of an upload any more, its text was not kept, nothing is proposed there, or [`stage_sent`] fails.
pub async fn mend(ctx: &Ctx, grant: &Grant<NumbersWrite>, id: i64, which: Mending) -> Result<i64> {
    let mended = mended_text(ctx, id, which).await?;
    if mended.order.form_of != FormOf::Upload {
        return Err(Error::NotFound("order"));
    }
    let form: UploadForm = serde_json::from_str(&mended.form).unwrap_or_default();
    let names = form.files.iter().filter(|_| mended.is_file).map(|file| file.name.clone());
    let parts: Vec<_> = names.chain(std::iter::repeat(String::new())).zip(mended.parts()).collect();
    for (name, part) in &parts {
        say_again(ctx, grant.principal(), name, *part).await?;
    }
    let upload = if mended.is_file {
        let file = |(name, (_, text)): (String, (&str, &str))| SentFile { name, bytes: text.as_bytes().to_vec() };
        Upload { form, files: parts.into_iter().map(file).collect() }
    } else {
        Upload { form: UploadForm { numbers: mended.text, ..form }, files: Vec::new() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_take_their_places_in_each_file() {
        let change = |start, end, written: &str| Change { start, end, written: written.to_owned() };
        let changes = vec![change(0, 3, "1"), change(5, 8, "2"), change(2, 6, "across"), change(8, 9, "!")];
        let (text, ends) = mended_parts("onex;twoy", &[5, 4], &changes);
        assert_eq!((text.as_str(), ends.as_slice()), ("1x;2!", [(5, 3)].as_slice()));
        assert_eq!(mended_parts("one", &[], &[change(0, 3, "1")]).0, "1");
        assert_eq!(mended_parts("one", &[3], &[change(0, 3, "1")]).0, "1");
    }
}
