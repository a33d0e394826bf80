//! The review of a draft: what would change, in counts and in detail, and the decision.

mod addresses;
mod held;
mod mending;
mod rows;
mod shown;
mod sources;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use self::held::Held;
pub(super) use self::held::{TheirRow, theirs_said};
use self::mending::Mendable;
use self::rows::{ChangeRow, LineRow, RangeRow, Ranges, RefusedRow, are_of_all, of_all};
use self::shown::{fingerprint, moved};
pub(super) use self::sources::SourceRow;
use self::sources::Sources;
use super::api_call::{self, ApiCalls};
use super::form::{Errors, page_of};
use super::origin;
use super::quarantine::{InReview, OverrideSaid};
use super::show::{Moment, count, counted};
use crate::authz::{Grant, NumbersWrite, OrdersRead, Principal, SyncWrite};
use crate::domain::rules::described;
use crate::domain::{Deed, DriftWay, E164, FormOf, Order, OrderKind, OrderStatus, Refusal, Verdict};
use crate::http::{
    Flash, FormBody, Granted, Info, Partial, PathPart, PortalState, Problem, QueryString, Routes, Shell, fragment,
    go_on_to, needs, page_with, see_other, see_other_with,
};
use crate::service::orders::{self, Decision, ItemRange, OrderRight, REVIEW_SHOWN, Review, Submitted};
use crate::service::{self, Page};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/orders/{id}/review", needs::<OrdersRead>(), show)
        .get("/orders/{id}/addresses.csv", needs::<OrdersRead>(), addresses::export)
        .post("/orders/{id}/submit", needs::<OrdersRead>(), submit)
        .post("/orders/{id}/discard", needs::<OrdersRead>(), discard)
        .post("/orders/{id}/proposals", needs::<NumbersWrite>(), mending::take_over)
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    shell: Shell,
    id: i64,
    release: bool,
    title: String,
    about: String,
    read_at: Moment,
    ticket: String,
    accounts: String,
    notice: Option<Notice>,
    good_only_error: String,
    errors: Errors,
    sources: Sources,
    may_pull: bool,
    held: Held,
    tiles: Tiles,
    warnings: Vec<String>,
    /// How many doubtful addresses the warnings name, and of how many; empty where that is all.
    addresses_said: String,
    ranges: Vec<RangeRow>,
    /// What of the new numbers, or of those to release, the ranges have; empty where that is all.
    ranges_said: String,
    ranges_first: String,
    ranges_next: String,
    settings: Vec<(&'static str, String)>,
    changes: Vec<ChangeRow>,
    /// Numbers that change in ways that are not shown; empty where there is none.
    changes_left: String,
    problems: Vec<LineRow>,
    lines_said: String,
    mendable: Mendable,
    refused: Vec<RefusedRow>,
    refused_said: String,
    quarantine: InReview,
    assigned: Assigned,
    /// What becomes of released numbers, in a sentence or two.
    what_follows: String,
    accepted: i64,
    button: String,
    may_decide: bool,
    shown: String,
    /// Whether it settles drift.
    drift: bool,
    /// The form that the draft was made with; empty where there is none.
    back: String,
    /// What is to be done with the refused lines, once they are mended in a file.
    mend: &'static str,
    /// The address of the form that takes that file; empty where there is none.
    mend_at: &'static str,
    /// What is missing where nothing is left to do.
    nothing: &'static str,
    /// What going on without the refused ones is called.
    good_only: &'static str,
    api: ApiCalls,
}

/// The part of the page that says how old what it rests on is, while it waits for a pull.
#[derive(Template)]
#[template(path = "review_fresh.html")]
struct FreshPart {
    shell: Shell,
    id: i64,
    release: bool,
    sources: Sources,
    may_pull: bool,
}

struct Notice {
    title: String,
    text: String,
}

struct Tiles {
    new: String,
    changed: String,
    unchanged: String,
    release: String,
    refused: String,
    has_changed: bool,
    has_refused: bool,
    assigned: String,
}

struct Assigned {
    count: i64,
    text: String,
    shown: Vec<String>,
    more: i64,
}

/// Who may look at the review of an order: an upload's whoever may see orders, a release's whoever may release.
fn may_see(person: &Principal, kind: OrderKind) -> Result<(), Problem> {
    if kind == OrderKind::Release {
        OrderRight::of(person, kind)?;
    }
    Ok(())
}

/// `GET /orders/{id}/review`
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
    QueryString(wanted): QueryString<ReviewQuery>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let order = orders::get(state.ctx(), &grant, id).await?;
    if order.status != OrderStatus::Draft {
        let page = format!("/orders/{id}");
        return Ok(if partial { go_on_to(&page) } else { see_other(&page) });
    }
    may_see(grant.principal(), order.kind)?;
    let sources = orders::look(state.ctx(), &grant, id).await?;
    if partial {
        let sources = Sources::new(&sources, state.ctx().clock.now());
        if !sources.waits {
            return Ok(go_on_to(&format!("/orders/{id}/review")));
        }
        let may_pull = grant.principal().may::<SyncWrite>();
        return Ok(fragment(&FreshPart { shell, id, release: order.kind == OrderKind::Release, sources, may_pull }));
    }
    let review = orders::review(state.ctx(), &grant, id).await?;
    let behind = match page_of(&wanted.page, |key| key.parse().ok().and_then(E164::from_i64)) {
        Page::After(key) => Some(orders::ranges_behind(state.ctx(), &grant, &review.order, key).await?),
        _ => None,
    };
    let said = Said { behind, ..Said::default() };
    let reviewed = Reviewed { review, sources };
    Ok(page_with(StatusCode::OK, &review_page(&state, &grant, &reviewed, shell, said).await?))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewQuery {
    /// Which of the ranges.
    page: String,
}

/// A review, and how old what it rests on is.
struct Reviewed {
    review: Review,
    sources: orders::Sources,
}

impl Reviewed {
    async fn read(state: &PortalState, grant: &Grant<OrdersRead>, id: i64) -> Result<Self, Problem> {
        let sources = orders::look(state.ctx(), grant, id).await?;
        Ok(Self { review: orders::review(state.ctx(), grant, id).await?, sources })
    }
}

/// What a review says after a decision that could not be carried out.
#[derive(Default)]
struct Said {
    notice: Option<Notice>,
    good_only_error: String,
    errors: Errors,
    decided: Decision,
    quarantine: OverrideSaid,
    /// Ranges further on, where they are asked for.
    behind: Option<Vec<ItemRange>>,
}

/// The review with a form to override the quarantine that could not be taken.
pub(super) async fn with_override(
    state: &PortalState,
    grant: &Grant<OrdersRead>,
    id: i64,
    shell: Shell,
    quarantine: OverrideSaid,
) -> Result<Response, Problem> {
    let reviewed = Reviewed::read(state, grant, id).await?;
    let said = Said { quarantine, ..Said::default() };
    Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &review_page(state, grant, &reviewed, shell, said).await?))
}

/// What becomes of numbers that are released.
fn what_follows(state: &PortalState) -> String {
    let quarantine = &state.ctx().policy.quarantine;
    let gone = "They leave their account as soon as the backend has given them up, and cannot be called from then on.";
    if quarantine.is_off() {
        return format!("{gone} Any account can get them afterwards.");
    }
    format!("{gone} Then they are in quarantine, where no other account gets them ({}).", quarantine.in_words())
}

/// What submitting the order does to its numbers.
/// How many numbers change in ways that are not among those shown, in words; nothing where there is none.
fn changes_left(review: &Review) -> String {
    let shown: i64 = review.groups.iter().take(REVIEW_SHOWN).map(|group| group.count).sum();
    match review.plain(Verdict::Changed) - shown {
        left @ 1.. if shown > 0 => counted(left, "more number changes", "more numbers change"),
        _ => String::new(),
    }
}

fn verb(review: &Review) -> &'static str {
    match (review.way, review.order.kind) {
        (Some(DriftWay::Adopt), OrderKind::Upload) => "Adopt",
        (Some(DriftWay::Adopt), OrderKind::Release) => "Remove here",
        (Some(DriftWay::Push), _) => "Push",
        (_, OrderKind::Release) => "Release",
        (_, OrderKind::Upload) => match (review.order.moves, review.order.deed()) {
            (Some(_), _) => "Move",
            (None, Deed::Undo) => "Restore",
            (None, deed) => deed.label(),
        },
    }
}

/// The address of the form that a draft was made with, to be changed and reviewed again; empty where there is none.
fn form_of(order: &Order) -> String {
    let page = match (order.form_of, order.kind) {
        (FormOf::Upload, OrderKind::Upload) => "upload",
        (FormOf::Manage, _) => "manage",
        (FormOf::Release, _) => "release",
        (FormOf::Move, _) => "move",
        (FormOf::Upload, OrderKind::Release) | (FormOf::Undo, _) => return String::new(),
    };
    format!("/numbers/{page}?draft={}", order.id)
}

/// What becomes of a file with the refused lines of a draft, and where.
fn mend(order: &Order) -> (&'static str, &'static str) {
    match (order.way, order.form_of, order.kind) {
        (None, FormOf::Upload, OrderKind::Upload) => ("upload that", "/numbers/upload"),
        (None, FormOf::Manage, _) => ("choose that to change its numbers", "/numbers/manage"),
        (None, FormOf::Move, _) => ("choose that to move its numbers", "/numbers/move"),
        (None, FormOf::Release, _) | (None, FormOf::Upload, OrderKind::Release) => {
            ("choose that to release its numbers", "/numbers/release")
        }
        (Some(_), ..) | (None, FormOf::Undo, _) => ("", ""),
    }
}

/// What there is nothing of to do.
fn nothing(order: &Order) -> &'static str {
    match (order.deed(), order.kind) {
        (Deed::Release, _) | (Deed::Undo, OrderKind::Release) => "release",
        (Deed::Upload, _) => "upload",
        (Deed::Change, _) => "change",
        (Deed::Move, _) => "move",
        (Deed::Undo, OrderKind::Upload) => "restore",
        (Deed::Adopt, _) => "adopt",
        (Deed::Push, _) => "push",
    }
}

/// Going on with what is not refused.
fn good_only(order: &Order) -> &'static str {
    match (order.deed(), order.kind) {
        (Deed::Release, _) | (Deed::Undo, OrderKind::Release) => "Release the good ones only",
        (Deed::Upload, _) => "Upload the good lines only",
        (Deed::Change, _) => "Change the good ones only",
        (Deed::Move, _) => "Move the good ones only",
        (Deed::Undo, OrderKind::Upload) => "Restore the good ones only",
        (Deed::Adopt, _) => "Adopt the good ones only",
        (Deed::Push, _) => "Push the good ones only",
    }
}

async fn review_page(
    state: &PortalState,
    grant: &Grant<OrdersRead>,
    Reviewed { review, sources }: &Reviewed,
    shell: Shell,
    mut said: Said,
) -> Result<ReviewPage, Problem> {
    let order = &review.order;
    let release = order.kind == OrderKind::Release;
    let (accepted, refused) = (review.accepted(), review.refused_count());
    let same_settings = review
        .ranges
        .split_first()
        .filter(|(first, rest)| !release && rest.iter().all(|range| range.settings == first.settings));
    let (assigned, shown) = &review.assigned;
    let main = if release { review.count(Verdict::Release) } else { review.plain(Verdict::New) };
    let ranges = match &said.behind {
        Some(behind) => Ranges::new(order.id, behind, main, true),
        None => Ranges::new(order.id, &review.ranges, main, false),
    };
    let right = OrderRight::of_order(grant.principal(), order).ok();
    let quarantine = InReview::of(state.ctx(), grant, review, std::mem::take(&mut said.quarantine)).await?;
    let mut api = match &right {
        // A call would send what a draft that settles drift does not send, or cannot do what it does.
        Some(right) if review.way.is_none() && order.moves.is_none() => {
            api_call::of_draft(state, right, order, refused > 0).await?
        }
        _ => ApiCalls::default(),
    };
    if !quarantine.overrides.is_empty() && state.ctx().policy.quarantine.binds_api && !api.calls.is_empty() {
        api.notes.push(
            "For numbers that were let out of quarantine the API answers 409 NumberInQuarantine: only a review can do that."
                .to_owned(),
        );
    }
    let now = state.ctx().clock.now();
    let held = Held::new(review, &state.ctx().policy.backends, Sources::reasons(sources, now)).decided(&said);
    let unknown = if held.has_unknown { ", some without knowing what the backend holds" } else { "" };
    Ok(ReviewPage {
        shell: shell.at("orders"),
        id: order.id,
        release,
        title: format!("Review + {}", order.deed().label().to_lowercase()),
        about: format!("{} by {}", order.deed().label(), order.author),
        read_at: order.created_at.into(),
        ticket: order.ticket.clone().unwrap_or_default(),
        accounts: order.accounts.clone(),
        notice: said.notice,
        good_only_error: said.good_only_error,
        errors: said.errors,
        sources: Sources::new(sources, now),
        may_pull: grant.principal().may::<SyncWrite>(),
        held,
        tiles: Tiles {
            new: count(review.plain(Verdict::New)),
            changed: count(review.plain(Verdict::Changed)),
            unchanged: count(review.count(Verdict::Unchanged)),
            release: count(review.count(Verdict::Release)),
            refused: count(refused),
            has_changed: review.plain(Verdict::Changed) > 0,
            has_refused: refused > 0,
            assigned: count(*assigned),
        },
        warnings: review.warnings.clone(),
        addresses_said: review.addresses_shown.map(|(told, all)| of_all(told, all, "addresses")).unwrap_or_default(),
        ranges: ranges.rows,
        ranges_said: ranges.said,
        ranges_first: ranges.first,
        ranges_next: ranges.next,
        settings: same_settings.map(|(first, _)| described(&first.settings, &review.places)).unwrap_or_default(),
        changes: review.groups.iter().take(REVIEW_SHOWN).map(ChangeRow::from).collect(),
        changes_left: changes_left(review),
        mendable: Mendable::new(review, grant.principal()),
        lines_said: are_of_all(review.problem_runs.iter().map(|run| run.count).sum(), order.refused_lines, "lines"),
        problems: review.problem_runs.iter().map(|run| LineRow::new(run, review)).collect(),
        refused_said: are_of_all(
            review.refused_ranges.iter().map(|range| range.count).sum(),
            refused - order.refused_lines - review.count(Verdict::Refused(Refusal::Quarantine)),
            "refused numbers",
        ),
        refused: review.refused_ranges.iter().map(|range| RefusedRow::new(range, review)).collect(),
        quarantine,
        assigned: Assigned {
            count: *assigned,
            text: counted(*assigned, "of these numbers is in use", "of these numbers are in use"),
            shown: shown.iter().map(|number| number.grouped()).collect(),
            more: assigned - shown.len() as i64,
        },
        what_follows: if release && accepted > 0 && review.way != Some(DriftWay::Adopt) {
            what_follows(state)
        } else {
            String::new()
        },
        accepted,
        button: format!("{} {}{unknown}", verb(review), counted(accepted, "number", "numbers")),
        may_decide: right.is_some(),
        shown: fingerprint(&review.into()),
        drift: review.way.is_some(),
        back: form_of(order),
        mend: mend(order).0,
        mend_at: mend(order).1,
        nothing: nothing(order),
        good_only: good_only(order),
        api,
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Decided {
    good_only: String,
    lose_address: String,
    change_assigned: String,
    /// The counts that the review showed.
    shown: String,
}

impl From<&Decided> for Decision {
    fn from(decided: &Decided) -> Self {
        Self {
            good_only: !decided.good_only.is_empty(),
            lose_address: !decided.lose_address.is_empty(),
            change_assigned: !decided.change_assigned.is_empty(),
            seen: None,
        }
    }
}

/// `POST /orders/{id}/submit`
async fn submit(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
    Info(info): Info,
    shell: Shell,
    FormBody(decided): FormBody<Decided>,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let order = orders::get(ctx, &grant, id).await?;
    let right = OrderRight::of_order(grant.principal(), &order)?;
    if order.status != OrderStatus::Draft {
        return Ok(not_draft(id, order.status));
    }
    let mut decision = Decision::from(&decided);
    if !decided.shown.is_empty() {
        // One that is made anew from here on is another review, also where this one is still what was shown.
        decision.seen = orders::reviewed_at(ctx, &grant, id).await?;
        if decided.shown != fingerprint(&orders::shown(ctx, &grant, id).await?) {
            return again(&state, &grant, id, shell, &decided).await;
        }
    }
    match orders::submit(ctx, &right, &origin(&info), id, decision).await {
        Ok(Submitted::Done) => Ok(see_other(&format!("/orders/{id}"))),
        Ok(Submitted::Moved(_)) => again(&state, &grant, id, shell, &decided).await,
        Ok(Submitted::NotDraft(order)) => Ok(not_draft(id, order.status)),
        Err(service::Error::Invalid(problems)) => {
            let reviewed = Reviewed::read(&state, &grant, id).await?;
            let said = Said { errors: problems.into(), decided: decision, ..Said::default() };
            let page = review_page(&state, &grant, &reviewed, shell, said).await?;
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(service::Error::Conflict(reason)) => {
            let reviewed = Reviewed::read(&state, &grant, id).await?;
            let notice = Notice { title: "Nothing was done".to_owned(), text: reason.clone() };
            let is_refused = reviewed.review.refused_count() > 0 && !decision.good_only;
            let good_only_error = if is_refused { reason } else { String::new() };
            let said = Said { notice: Some(notice), good_only_error, decided: decision, ..Said::default() };
            Ok(page_with(StatusCode::CONFLICT, &review_page(&state, &grant, &reviewed, shell, said).await?))
        }
        Err(error) => Err(error.into()),
    }
}

/// The review as it is now, with what moved since it was shown. Nothing was done.
async fn again(
    state: &PortalState,
    grant: &Grant<OrdersRead>,
    id: i64,
    shell: Shell,
    decided: &Decided,
) -> Result<Response, Problem> {
    let reviewed = Reviewed::read(state, grant, id).await?;
    let moved = moved(&decided.shown, &(&reviewed.review).into());
    let text = if moved.is_empty() {
        "Numbers, their account or what the backend holds were changed by somebody else since this review was made. It \
         has been made anew; look at it once more and decide again."
            .to_owned()
    } else {
        format!(
            "Somebody else changed numbers, their account or what the backend holds since this review was made. It has \
             been made anew: {moved}. Look at it once more and decide again."
        )
    };
    let notice = Notice { title: "What exists has changed meanwhile; nothing was done".to_owned(), text };
    let said = Said { notice: Some(notice), ..Said::default() };
    Ok(page_with(StatusCode::CONFLICT, &review_page(state, grant, &reviewed, shell, said).await?))
}

fn not_draft(id: i64, status: OrderStatus) -> Response {
    let text = match status {
        OrderStatus::Discarded => format!("Order {id} was discarded before; nothing was done."),
        _ => format!("Order {id} was submitted before; it was not done a second time."),
    };
    see_other_with(&format!("/orders/{id}"), Flash::warning(text))
}

/// `POST /orders/{id}/discard`
async fn discard(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
) -> Result<Response, Problem> {
    let order = orders::get(state.ctx(), &grant, id).await?;
    let right = OrderRight::of_order(grant.principal(), &order)?;
    if order.status != OrderStatus::Draft {
        return Ok(not_draft(id, order.status));
    }
    orders::discard(state.ctx(), &right, id).await?;
    Ok(see_other_with("/orders", Flash::success(format!("Draft {id} is discarded. Nothing was changed."))))
}
