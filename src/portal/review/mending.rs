//! What is proposed for lines that cannot be taken, and how lines were read that can.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::authz::{NumbersDelete, NumbersWrite, Principal};
use crate::domain::entry::Kind;
use crate::domain::{FormOf, Moves};
use crate::http::{Flash, FormBody, Granted, PathPart, PortalState, Problem, see_other, see_other_with};
use crate::portal::show::{count, counted};
use crate::service::orders::{self, Review};
use crate::service::staging::{self, Mending};
use crate::service::{self, bulk};

/// What can be taken over in a review.
pub(super) struct Mendable {
    /// Whether some line has a proposal.
    pub(super) has_proposals: bool,
    /// Whether this person can take proposals over here.
    pub(super) may: bool,
    /// Whether the text is still here.
    pub(super) was_kept: bool,
    /// The kinds of flaws with proposals.
    pub(super) kinds: Vec<KindRow>,
    /// Lines that were read in a way that a person should see.
    pub(super) notes: Vec<ReadRow>,
    /// How many there are.
    pub(super) note_count: String,
    /// How many are not shown.
    pub(super) notes_left: String,
    /// What is to be said of numbers that are assigned to nobody.
    pub(super) unassigned: String,
}

/// The lines with a flaw of one kind.
pub(super) struct KindRow {
    pub(super) key: String,
    /// Such as "3 lines: an extension".
    pub(super) label: String,
}

/// A line and how it was read.
pub(super) struct ReadRow {
    pub(super) line: i64,
    pub(super) value: String,
    pub(super) text: String,
}

impl Mendable {
    pub(super) fn new(review: &Review, person: &Principal) -> Self {
        let (noted, notes) = &review.notes;
        let left = noted - notes.len() as i64;
        Self {
            has_proposals: !review.proposals.is_empty(),
            may: review.can_be_mended && person.may::<NumbersWrite>() && may_stage(review, person),
            was_kept: review.can_be_mended,
            kinds: review.proposals.iter().map(|found| KindRow::new(&found.kind, found.count)).collect(),
            notes: notes
                .iter()
                .map(|note| ReadRow { line: note.line, value: note.value.clone(), text: note.text.clone() })
                .collect(),
            unassigned: review.unassigned.clone().unwrap_or_default(),
            note_count: count(*noted),
            notes_left: if left > 0 { counted(left, "more line was", "more lines were") } else { String::new() },
        }
    }
}

/// Whether a person may make such a draft anew.
fn may_stage(review: &Review, person: &Principal) -> bool {
    match review.order.form_of {
        FormOf::Upload | FormOf::Manage => true,
        FormOf::Move => review.order.moves != Some(Moves::ToOtherTenant) || person.may::<NumbersDelete>(),
        FormOf::Release => person.may::<NumbersDelete>(),
        FormOf::Undo => false,
    }
}

impl KindRow {
    fn new(key: &str, lines: i64) -> Self {
        let label = Kind::from_key(key).map_or("", Kind::label);
        Self { key: key.to_owned(), label: format!("{label}: {}", counted(lines, "line", "lines")) }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    /// The place of one line among those that cannot be taken.
    line: String,
    /// All lines with a flaw of this kind.
    kind: String,
}

impl Chosen {
    fn mending(&self) -> Option<Mending> {
        match Kind::from_key(&self.kind) {
            Some(kind) => Some(Mending::Kind(kind)),
            None => self.line.parse().ok().map(Mending::Line),
        }
    }
}

/// `POST /orders/{id}/proposals`: what is proposed takes its place in the text, which is read anew.
pub(super) async fn take_over(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    PathPart(id): PathPart<i64>,
    FormBody(chosen): FormBody<Chosen>,
) -> Result<Response, Problem> {
    let review = format!("/orders/{id}/review");
    let Some(mending) = chosen.mending() else {
        return Ok(see_other_with(&review, Flash::warning("Choose a line, or all lines of a kind.")));
    };
    let person = grant.principal();
    let order = orders::get(state.ctx(), &person.grant()?, id).await?;
    let (staged, form) = match order.form_of {
        FormOf::Upload | FormOf::Undo => (staging::mend(state.ctx(), &grant, id, mending).await, "upload"),
        FormOf::Manage => (bulk::mend(state.ctx(), person, id, mending).await, "manage"),
        FormOf::Move => (bulk::mend(state.ctx(), person, id, mending).await, "move"),
        FormOf::Release => (bulk::mend(state.ctx(), person, id, mending).await, "release"),
    };
    match staged {
        Ok(staged) => Ok(see_other(&format!("/orders/{staged}/review#refused"))),
        Err(service::Error::Conflict(reason)) => Ok(see_other_with(&review, Flash::warning(reason))),
        Err(service::Error::Invalid(problems)) => {
            let reasons: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
            let form = format!("/numbers/{form}?draft={id}");
            Ok(see_other_with(&form, Flash::warning(reasons.join(" "))))
        }
        Err(error) => Err(error.into()),
    }
}
