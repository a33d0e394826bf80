//! The review of a draft: what would change, in counts and in detail, and the decision.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::api_call::{self, ApiCalls};
use super::origin;
use super::show::{Moment, count, counted};
use crate::authz::{Grant, OrdersRead, Principal};
use crate::domain::rules::{Difference, described, differences};
use crate::domain::{NumberSettings, OrderKind, OrderStatus, Places, Verdict};
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, Shell, needs, page_with, see_other,
    see_other_with,
};
use crate::service;
use crate::service::orders::{self, ItemRange, OrderRight, REVIEW_SHOWN, Review, SettingsChange, Submitted};

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
    tiles: Tiles,
    warnings: Vec<String>,
    ranges: Vec<RangeRow>,
    ranges_cut: bool,
    settings: Vec<(&'static str, String)>,
    changes: Vec<ChangeRow>,
    problems: Vec<LineRow>,
    lines_left: i64,
    refused: Vec<RefusedRow>,
    assigned: Assigned,
    accepted: i64,
    button: String,
    may_decide: bool,
    shown: String,
    /// Whether it settles drift.
    drift: bool,
    api: ApiCalls,
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

impl ChangeRow {
    fn new(change: &SettingsChange, places: &Places) -> Self {
        let mut differences = differences(&change.before, &change.after, places);
        if differences.is_empty() {
            differences.push(Difference {
                label: "Nothing",
                before: "failed".to_owned(),
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
    shell: Shell,
) -> Result<Response, Problem> {
    let order = orders::get(state.ctx(), &grant, id).await?;
    if order.status != OrderStatus::Draft {
        return Ok(see_other(&format!("/orders/{id}")));
    }
    may_see(grant.principal(), order.kind)?;
    let review = orders::review(state.ctx(), &grant, id).await?;
    Ok(page_with(StatusCode::OK, &review_page(&state, &grant, &review, shell, Said::default()).await?))
}

/// What a review says after a decision that could not be carried out.
#[derive(Default)]
struct Said {
    notice: Option<Notice>,
    good_only_error: String,
}

async fn review_page(
    state: &PortalState,
    grant: &Grant<OrdersRead>,
    review: &Review,
    shell: Shell,
    said: Said,
) -> Result<ReviewPage, Problem> {
    let order = &review.order;
    let release = order.kind == OrderKind::Release;
    let (accepted, refused) = (review.accepted(), review.refused_count());
    let same_settings = review
        .ranges
        .split_first()
        .filter(|(first, rest)| !release && rest.iter().all(|range| range.settings == first.settings));
    let (assigned, shown) = &review.assigned;
    let right = OrderRight::of(grant.principal(), order.kind).ok();
    let api = match &right {
        // A call would send what a draft that settles drift does not send, or cannot do what it does.
        Some(right) if review.way.is_none() => api_call::of_draft(state, right, order, refused > 0).await?,
        _ => ApiCalls::default(),
    };
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
        tiles: Tiles {
            new: count(review.count(Verdict::New)),
            changed: count(review.count(Verdict::Changed)),
            unchanged: count(review.count(Verdict::Unchanged)),
            release: count(review.count(Verdict::Release)),
            refused: count(refused),
            has_changed: review.count(Verdict::Changed) > 0,
            has_refused: refused > 0,
            assigned: count(*assigned),
        },
        warnings: review.warnings.clone(),
        ranges: review.ranges.iter().map(RangeRow::from).collect(),
        ranges_cut: review.ranges.len() >= REVIEW_SHOWN,
        settings: same_settings.map(|(first, _)| described(&first.settings, &review.places)).unwrap_or_default(),
        changes: review.changes.iter().map(|change| ChangeRow::new(change, &review.places)).collect(),
        lines_left: order.refused_lines - review.problems.len() as i64,
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
        refused: review
            .refused
            .iter()
            .map(|item| RefusedRow {
                e164: item.number.to_string(),
                shown: item.number.grouped(),
                line: item.line,
                account: item.account.clone().unwrap_or_default(),
                reason: item.refusal().unwrap_or_default(),
            })
            .collect(),
        assigned: Assigned {
            count: *assigned,
            text: counted(*assigned, "of these numbers is in use", "of these numbers are in use"),
            shown: shown.iter().map(|number| number.grouped()).collect(),
            more: assigned - shown.len() as i64,
        },
        accepted,
        button: format!("{} {}", if release { "Release" } else { "Upload" }, counted(accepted, "number", "numbers")),
        may_decide: right.is_some(),
        shown: fingerprint(&review.counts),
        drift: review.way.is_some(),
        api,
    })
}

/// The counts of a review as one text, so that a decision can be held against what was shown.
fn fingerprint(counts: &[(Verdict, i64)]) -> String {
    Verdict::ALL
        .into_iter()
        .filter_map(|verdict| counts.iter().find(|(other, _)| *other == verdict))
        .map(|(verdict, count)| format!("{}.{count}", verdict.key()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// What moved between what was shown and what is, in words.
fn moved(shown: &str, counts: &[(Verdict, i64)]) -> String {
    let before = |verdict: Verdict| {
        shown
            .split(' ')
            .find_map(|part| part.strip_prefix(verdict.key())?.strip_prefix('.')?.parse::<i64>().ok())
            .unwrap_or(0)
    };
    let after = |verdict: Verdict| counts.iter().find(|(other, _)| *other == verdict).map_or(0, |(_, count)| *count);
    let refused = |of: &dyn Fn(Verdict) -> i64| {
        Verdict::ALL.into_iter().filter(|v| matches!(v, Verdict::Refused(_))).map(of).sum::<i64>()
    };
    [
        ("new", before(Verdict::New), after(Verdict::New)),
        ("changed", before(Verdict::Changed), after(Verdict::Changed)),
        ("unchanged", before(Verdict::Unchanged), after(Verdict::Unchanged)),
        ("to release", before(Verdict::Release), after(Verdict::Release)),
        ("refused", refused(&before), refused(&after)),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(word, before, after)| format!("{word}: {} instead of {}", count(after), count(before)))
    .collect::<Vec<_>>()
    .join("; ")
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Decision {
    good_only: String,
    /// The counts that the review showed.
    shown: String,
}

/// `POST /orders/{id}/submit`
async fn submit(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
    Info(info): Info,
    shell: Shell,
    FormBody(decision): FormBody<Decision>,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let order = orders::get(ctx, &grant, id).await?;
    let right = OrderRight::of(grant.principal(), order.kind)?;
    if order.status != OrderStatus::Draft {
        return Ok(not_draft(id, order.status));
    }
    if !decision.shown.is_empty() && decision.shown != fingerprint(&orders::verdicts(ctx, &grant, id).await?) {
        return again(&state, &grant, id, shell, &decision).await;
    }
    match orders::submit(ctx, &right, &origin(&info), id, !decision.good_only.is_empty()).await {
        Ok(Submitted::Done) => Ok(see_other(&format!("/orders/{id}"))),
        Ok(Submitted::Moved(_)) => again(&state, &grant, id, shell, &decision).await,
        Ok(Submitted::NotDraft(order)) => Ok(not_draft(id, order.status)),
        Err(service::Error::Conflict(reason)) => {
            let review = orders::review(ctx, &grant, id).await?;
            let notice = Notice { title: "Nothing was done".to_owned(), text: reason.clone() };
            let good_only_error =
                if review.refused_count() > 0 && decision.good_only.is_empty() { reason } else { String::new() };
            let said = Said { notice: Some(notice), good_only_error };
            Ok(page_with(StatusCode::CONFLICT, &review_page(&state, &grant, &review, shell, said).await?))
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
    decision: &Decision,
) -> Result<Response, Problem> {
    let review = orders::review(state.ctx(), grant, id).await?;
    let moved = moved(&decision.shown, &review.counts);
    let text = if moved.is_empty() {
        "Numbers or their account were changed by somebody else since this review was made. It has been made anew; \
         look at it once more and decide again."
            .to_owned()
    } else {
        format!(
            "Somebody else changed numbers or their account since this review was made. It has been made anew: \
             {moved}. Look at it once more and decide again."
        )
    };
    let notice = Notice { title: "What exists has changed meanwhile; nothing was done".to_owned(), text };
    let said = Said { notice: Some(notice), ..Said::default() };
    Ok(page_with(StatusCode::CONFLICT, &review_page(state, grant, &review, shell, said).await?))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Refusal;

    #[test]
    fn what_moved_is_said_in_counts() {
        let shown = fingerprint(&[(Verdict::Changed, 2), (Verdict::New, 10)]);
        assert_eq!(shown, "new.10 changed.2");
        let now = [(Verdict::New, 8), (Verdict::Changed, 2), (Verdict::Refused(Refusal::OtherAccount), 2)];
        assert_eq!(moved(&shown, &now), "new: 8 instead of 10; refused: 2 instead of 0");
        assert_eq!(moved(&shown, &[(Verdict::New, 10), (Verdict::Changed, 2)]), "");
    }
}
