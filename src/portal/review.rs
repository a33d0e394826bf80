//! The review of a draft: what would change, in counts and in detail, and the decision.

mod held;
mod shown;
mod sources;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use self::held::Held;
use self::shown::{fingerprint, moved};
use self::sources::Sources;
use super::api_call::{self, ApiCalls};
use super::form::{Errors, page_of};
use super::origin;
use super::quarantine::{InReview, OverrideSaid};
use super::show::{Moment, count, counted};
use crate::authz::{Grant, OrdersRead, Principal, SyncWrite};
use crate::domain::rules::{Difference, described, differences};
use crate::domain::{DriftWay, E164, NumberSettings, OrderKind, OrderStatus, Places, Refusal, Verdict};
use crate::http::{
    Flash, FormBody, Granted, Info, Partial, PathPart, PortalState, Problem, QueryString, Routes, Shell, fragment,
    go_on_to, needs, page_with, see_other, see_other_with,
};
use crate::service::orders::{
    self, Decision, ItemRange, OrderRight, REVIEW_SHOWN, RefusedRange, Review, SettingsChange, Source, Submitted,
};
use crate::service::{self, Page};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/orders/{id}/review", needs::<OrdersRead>(), show)
        .post("/orders/{id}/submit", needs::<OrdersRead>(), submit)
        .post("/orders/{id}/discard", needs::<OrdersRead>(), discard)
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    shell: Shell,
    id: i64,
    release: bool,
    title: &'static str,
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
    ranges: Vec<RangeRow>,
    /// What of the new numbers, or of those to release, the ranges have; empty where that is all.
    ranges_said: String,
    ranges_first: String,
    ranges_next: String,
    settings: Vec<(&'static str, String)>,
    changes: Vec<ChangeRow>,
    problems: Vec<LineRow>,
    lines_said: String,
    refused: Vec<RefusedRow>,
    refused_said: String,
    quarantine: InReview,
    assigned: Assigned,
    accepted: i64,
    button: String,
    may_decide: bool,
    shown: String,
    /// Whether it settles drift.
    drift: bool,
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

struct RangeRow {
    first: String,
    last: String,
    count: String,
    account: String,
    settings: String,
}

struct ChangeRow {
    count: String,
    example: String,
    differences: Vec<Difference>,
}

struct LineRow {
    line: i64,
    heading: String,
    value: String,
    reason: String,
}

struct RefusedRow {
    e164: String,
    shown: String,
    /// The last of them; empty where it is one.
    last: String,
    count: String,
    line: i64,
    account: String,
    reason: String,
}

struct Assigned {
    count: i64,
    text: String,
    shown: Vec<String>,
    more: i64,
}

impl From<&ItemRange> for RangeRow {
    fn from(range: &ItemRange) -> Self {
        Self {
            first: range.first.grouped(),
            last: if range.count > 1 { range.last.grouped() } else { String::new() },
            count: count(range.count),
            account: range.account.clone(),
            settings: in_short(&range.settings),
        }
    }
}

impl From<&RefusedRange> for RefusedRow {
    fn from(range: &RefusedRange) -> Self {
        Self {
            e164: range.first.to_string(),
            shown: range.first.grouped(),
            last: if range.count > 1 { range.last.grouped() } else { String::new() },
            count: count(range.count),
            line: range.line,
            account: range.account.clone().unwrap_or_default(),
            reason: range.reason.clone(),
        }
    }
}

impl ChangeRow {
    fn new(change: &SettingsChange, places: &Places) -> Self {
        let mut differences = differences(&change.before, &change.after, places);
        if differences.is_empty() {
            differences.push(Difference {
                label: "Nothing",
                before: "failed, or not at the backend as it should be".to_owned(),
                after: "is sent again".to_owned(),
            });
        }
        Self { count: counted(change.count, "number", "numbers"), example: change.example.grouped(), differences }
    }
}

/// The settings that tell ranges apart at a glance.
fn in_short(settings: &NumberSettings) -> String {
    let mut parts = vec![settings.services.labels().into_owned(), settings.teams.usage.clone()];
    parts.push(settings.teams.choosable_capabilities.join(" + "));
    parts.extend(settings.custom_sip_header.iter().map(|header| format!("SIP header {header}")));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// "50 of 2,000 lines", or nothing where that is all.
fn of_all(shown: i64, all: i64, what: &str) -> String {
    if shown < all { format!("{} of {} {what}", count(shown), count(all)) } else { String::new() }
}

/// Ranges of a draft, from the first or from further on.
struct Ranges {
    rows: Vec<RangeRow>,
    said: String,
    first: String,
    next: String,
}

impl Ranges {
    /// The first of a review, or those behind `after`.
    fn new(order: i64, found: &[ItemRange], all: i64, after: bool) -> Self {
        let shown: Vec<&ItemRange> = found.iter().take(REVIEW_SHOWN).collect();
        let next = shown.last().filter(|_| found.len() > REVIEW_SHOWN);
        let page = |range: &&ItemRange| format!("/orders/{order}/review?page=after.{}#ranges", range.last.as_i64());
        let numbers: i64 = shown.iter().map(|range| range.count).sum();
        let ranges = counted(shown.len() as i64, "range", "ranges");
        let part = of_all(numbers, all, "numbers");
        Self {
            said: if part.is_empty() {
                part
            } else {
                format!("{ranges} here, with {part}; the report has every number")
            },
            first: if after { format!("/orders/{order}/review#ranges") } else { String::new() },
            next: next.map(page).unwrap_or_default(),
            rows: shown.into_iter().map(RangeRow::from).collect(),
        }
    }
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
    sources: Vec<Source>,
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

/// What submitting the order does to its numbers.
const fn verb(review: &Review) -> &'static str {
    match (review.way, review.order.kind) {
        (Some(DriftWay::Adopt), OrderKind::Upload) => "Adopt",
        (Some(DriftWay::Adopt), OrderKind::Release) => "Remove here",
        (Some(DriftWay::Push), _) => "Push",
        (_, OrderKind::Release) => "Release",
        (_, OrderKind::Upload) => "Upload",
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
    let right = OrderRight::of(grant.principal(), order.kind).ok();
    let quarantine = InReview::of(state.ctx(), grant, review, std::mem::take(&mut said.quarantine)).await?;
    let mut api = match &right {
        // A call would send what a draft that settles drift does not send, or cannot do what it does.
        Some(right) if review.way.is_none() => api_call::of_draft(state, right, order, refused > 0).await?,
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
        title: if release { "Review + release" } else { "Review + upload" },
        about: format!("{} by {}", if release { "Release" } else { "Upload" }, order.author),
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
        ranges: ranges.rows,
        ranges_said: ranges.said,
        ranges_first: ranges.first,
        ranges_next: ranges.next,
        settings: same_settings.map(|(first, _)| described(&first.settings, &review.places)).unwrap_or_default(),
        changes: review.changes.iter().map(|change| ChangeRow::new(change, &review.places)).collect(),
        lines_said: of_all(review.problems.len() as i64, order.refused_lines, "lines"),
        problems: review
            .problems
            .iter()
            .map(|problem| LineRow {
                line: problem.line,
                heading: problem.heading.clone().unwrap_or_default(),
                value: problem.value.clone(),
                reason: problem.reason.clone(),
            })
            .collect(),
        refused_said: of_all(
            review.refused_ranges.iter().map(|range| range.count).sum(),
            refused - order.refused_lines - review.count(Verdict::Refused(Refusal::Quarantine)),
            "refused numbers",
        ),
        refused: review.refused_ranges.iter().map(RefusedRow::from).collect(),
        quarantine,
        assigned: Assigned {
            count: *assigned,
            text: counted(*assigned, "of these numbers is in use", "of these numbers are in use"),
            shown: shown.iter().map(|number| number.grouped()).collect(),
            more: assigned - shown.len() as i64,
        },
        accepted,
        button: format!("{} {}{unknown}", verb(review), counted(accepted, "number", "numbers")),
        may_decide: right.is_some(),
        shown: fingerprint(&review.into()),
        drift: review.way.is_some(),
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
    let right = OrderRight::of(grant.principal(), order.kind)?;
    if order.status != OrderStatus::Draft {
        return Ok(not_draft(id, order.status));
    }
    if !decided.shown.is_empty() && decided.shown != fingerprint(&orders::shown(ctx, &grant, id).await?) {
        return again(&state, &grant, id, shell, &decided).await;
    }
    let decision = Decision::from(&decided);
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
    let right = OrderRight::of(grant.principal(), order.kind)?;
    if order.status != OrderStatus::Draft {
        return Ok(not_draft(id, order.status));
    }
    orders::discard(state.ctx(), &right, id).await?;
    Ok(see_other_with("/orders", Flash::success(format!("Draft {id} is discarded. Nothing was changed."))))
}
