//! What a review says of numbers in quarantine, and letting an account have them all the same.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::authz::{Grant, OrdersRead, QuarantineOverride};
use crate::domain::{Refusal, Verdict};
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, Shell, needs, see_other_with,
};
use crate::portal::form::Errors;
use crate::portal::number_filter::{NumbersQuery, range_value};
use crate::portal::origin;
use crate::portal::review;
use crate::portal::show::{Moment, count, counted};
use crate::service::orders::{self, OrderRight, QuarantinedRange, Review};
use crate::service::quarantine::{self, Override, OverrideForm};
use crate::service::{self, Ctx};

pub(super) fn routes() -> Routes {
    Routes::new().post("/orders/{id}/quarantine", needs::<QuarantineOverride>(), override_quarantine).post(
        "/orders/{id}/compare",
        needs::<OrdersRead>(),
        compare,
    )
}

/// The numbers of a review that are refused for quarantine.
pub(in crate::portal) struct InReview {
    /// How many, with their thousands parted; empty for none.
    pub(in crate::portal) count: String,
    /// The first of them.
    pub(in crate::portal) rows: Vec<QuarantinedRow>,
    /// How many are not shown, in words; empty for none.
    pub(in crate::portal) more: String,
    /// Whether the time of some of them has passed since the review was made, for those who may decide about it.
    pub(in crate::portal) has_run_out: bool,
    /// Whether they are still on their account, and move.
    pub(in crate::portal) leaves: bool,
    /// Whether the person may override it.
    pub(in crate::portal) may_override: bool,
    /// What was overridden already.
    pub(in crate::portal) overrides: Vec<OverrideRow>,
    pub(in crate::portal) said: OverrideSaid,
}

/// Numbers in a row that are refused for quarantine.
pub(in crate::portal) struct QuarantinedRow {
    /// What its box sends: a number, or both ends.
    pub(in crate::portal) value: String,
    pub(in crate::portal) e164: String,
    pub(in crate::portal) shown: String,
    /// The last of them; empty where it is one.
    pub(in crate::portal) last: String,
    pub(in crate::portal) count: String,
    pub(in crate::portal) account: String,
    pub(in crate::portal) had_it: String,
    pub(in crate::portal) until: Moment,
    pub(in crate::portal) ticked: bool,
}

/// What somebody let out of quarantine for an order.
pub(in crate::portal) struct OverrideRow {
    /// How many numbers, by whom.
    pub(in crate::portal) what: String,
    pub(in crate::portal) at: Moment,
    pub(in crate::portal) reason: String,
}

impl From<Override> for OverrideRow {
    fn from(done: Override) -> Self {
        Self {
            what: format!(
                "{} out of quarantine by {}",
                counted(done.numbers, "number was let", "numbers were let"),
                done.author
            ),
            at: done.at.into(),
            reason: done.reason,
        }
    }
}

/// What was typed into the form and could not be taken.
#[derive(Default)]
pub(in crate::portal) struct OverrideSaid {
    pub(in crate::portal) errors: Errors,
    pub(in crate::portal) reason: String,
    pub(in crate::portal) all: bool,
    ticked: Vec<String>,
}

impl QuarantinedRow {
    fn of(range: &QuarantinedRange, said: &OverrideSaid) -> Self {
        let value = range_value(range.first, range.last);
        Self {
            ticked: said.ticked.contains(&value),
            value,
            e164: range.first.to_string(),
            shown: range.first.grouped(),
            last: if range.count > 1 { range.last.grouped() } else { String::new() },
            count: count(range.count),
            account: range.account.clone().unwrap_or_default(),
            had_it: range.had_it.clone().unwrap_or_default(),
            until: range.until.into(),
        }
    }
}

impl InReview {
    /// Reads what the review says of quarantine.
    pub(in crate::portal) async fn of(
        ctx: &Ctx,
        grant: &Grant<OrdersRead>,
        found: &Review,
        said: OverrideSaid,
    ) -> Result<Self, Problem> {
        let all = found.count(Verdict::Refused(Refusal::Quarantine));
        let rows: Vec<QuarantinedRow> =
            found.quarantined.iter().map(|range| QuarantinedRow::of(range, &said)).collect();
        let shown: i64 = found.quarantined.iter().map(|range| range.count).sum();
        let overrides = quarantine::overrides(ctx, grant, found.order.id).await?;
        let now = ctx.clock.now();
        let may_decide = OrderRight::of_order(grant.principal(), &found.order).is_ok();
        Ok(Self {
            has_run_out: may_decide && found.quarantined.iter().any(|range| range.until <= now),
            count: if all > 0 { count(all) } else { String::new() },
            more: if all > shown { counted(all - shown, "more is", "more are") } else { String::new() },
            rows,
            leaves: found.quarantined.iter().any(|range| range.leaves),
            may_override: grant.principal().may::<QuarantineOverride>(),
            overrides: overrides.into_iter().map(OverrideRow::from).collect(),
            said,
        })
    }

    /// Whether there is anything to say.
    pub(in crate::portal) fn is_empty(&self) -> bool {
        self.count.is_empty() && self.overrides.is_empty()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentOverride {
    number: Vec<String>,
    all: String,
    reason: String,
}

impl SentOverride {
    fn form(&self) -> Result<OverrideForm, Problem> {
        let ticked = NumbersQuery { number: self.number.clone(), ..NumbersQuery::default() }.ticked()?;
        let numbers = self.all.is_empty().then_some(ticked);
        Ok(OverrideForm { numbers, reason: self.reason.replace("\r\n", "\n") })
    }

    fn said(self, errors: Errors) -> OverrideSaid {
        OverrideSaid { errors, reason: self.reason, all: !self.all.is_empty(), ticked: self.number }
    }
}

/// `POST /orders/{id}/compare`: the review is made anew.
async fn compare(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let order = orders::get(ctx, &grant, id).await?;
    let right = OrderRight::of_order(grant.principal(), &order)?;
    let (path, flash) = match orders::compare_again(ctx, &right, id).await {
        Ok(0) => (format!("/orders/{id}/review"), Flash::success("The review still is as it was.")),
        Ok(_) => (format!("/orders/{id}/review"), Flash::success("The review was made anew. Look at it once more.")),
        Err(service::Error::Conflict(reason)) => (format!("/orders/{id}"), Flash::warning(reason)),
        Err(error) => return Err(error.into()),
    };
    Ok(see_other_with(&path, flash))
}

/// `POST /orders/{id}/quarantine`
async fn override_quarantine(
    State(state): State<PortalState>,
    Granted(grant): Granted<QuarantineOverride>,
    Granted(read): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentOverride>,
) -> Result<Response, Problem> {
    let form = sent.form()?;
    match quarantine::override_quarantine(state.ctx(), &grant, &origin(&info), id, &form).await {
        Ok(done) => {
            let numbers = counted(done, "number is", "numbers are");
            let text = format!("{numbers} out of quarantine for this order. Look at the review once more and decide.");
            Ok(see_other_with(&format!("/orders/{id}/review"), Flash::success(text)))
        }
        Err(service::Error::Invalid(problems)) => {
            review::with_override(&state, &read, id, shell, sent.said(problems.into())).await
        }
        Err(service::Error::Conflict(reason)) => Ok(see_other_with(&format!("/orders/{id}"), Flash::warning(reason))),
        Err(error) => Err(error.into()),
    }
}
