//! Settling drift that was ticked, or all that matches.

use axum::extract::State;
use axum::response::Response;

use super::drift_page;
use super::query::DriftQuery;
use crate::authz::{Grant, NumbersRead, NumbersWrite};
use crate::domain::DriftWay;
use crate::domain::field::filled;
use crate::http::{
    Flash, FormBody, Granted, Info, PortalState, Problem, RequestInfo, Shell, invalid, see_other, see_other_with,
};
use crate::portal::origin;
use crate::portal::show::counted;
use crate::service::drift::{self, DriftFilter, Ignore};
use crate::service::orders::OrderRight;
use crate::service::{Error, Result as Outcome};

/// What a form asked for.
#[derive(Clone, Copy)]
enum Asked {
    Order(DriftWay),
    Ignore,
    Heed,
}

impl Asked {
    fn from_key(key: &str) -> Option<Self> {
        match key {
            "ignore" => Some(Self::Ignore),
            "heed" => Some(Self::Heed),
            _ => DriftWay::from_key(key).map(Self::Order),
        }
    }
}

/// `POST /drift/resolve`
pub(super) async fn resolve(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    Info(info): Info,
    shell: Shell,
    FormBody(query): FormBody<DriftQuery>,
) -> Result<Response, Problem> {
    let asked = Asked::from_key(&query.way);
    if !matches!(asked, Some(Asked::Order(_))) {
        grant.principal().grant::<NumbersWrite>()?;
    }
    let back = query.filters().href();
    let Some(asked) = asked else {
        return Ok(see_other_with(
            &back,
            Flash::warning("Choose how to settle the drift: adopt, push, release or ignore."),
        ));
    };
    let Some(filter) = query.chosen()? else {
        return Ok(see_other_with(&back, Flash::warning("Tick the numbers first, or choose all that match.")));
    };
    let done = match asked {
        Asked::Order(way) => order(&state, &grant, &query, &filter, way).await?,
        Asked::Ignore | Asked::Heed => ignore(&state, &grant, &info, &query, &filter, asked).await?,
    };
    match done {
        Ok(response) => Ok(response),
        Err(Error::Invalid(problems)) => Ok(invalid(&drift_page(&state, &grant, query, problems.into(), shell).await?)),
        Err(Error::Conflict(reason)) => Ok(see_other_with(&back, Flash::warning(reason))),
        Err(error) => Err(error.into()),
    }
}

/// Stages an order and leads to its review.
async fn order(
    state: &PortalState,
    grant: &Grant<NumbersRead>,
    query: &DriftQuery,
    filter: &DriftFilter,
    way: DriftWay,
) -> Result<Outcome<Response>, Problem> {
    let ctx = state.ctx();
    let kind = match drift::kind_of_order(ctx, grant, filter, way).await {
        Ok(kind) => kind,
        Err(error) => return Ok(Err(error)),
    };
    let right = OrderRight::of(grant.principal(), kind)?;
    let staged = drift::stage(ctx, &right, filter, way, filled(&query.to), filled(&query.ticket)).await;
    Ok(staged.map(|staged| {
        let review = format!("/orders/{}/review", staged.order_id);
        if staged.left_out.is_empty() {
            see_other(&review)
        } else {
            see_other_with(&review, Flash::warning(staged.left_out.join(" ")))
        }
    }))
}

async fn ignore(
    state: &PortalState,
    grant: &Grant<NumbersRead>,
    info: &RequestInfo,
    query: &DriftQuery,
    filter: &DriftFilter,
    asked: Asked,
) -> Result<Outcome<Response>, Problem> {
    let (ctx, right, origin) = (state.ctx(), grant.principal().grant::<NumbersWrite>()?, origin(info));
    let (changed, words) = if matches!(asked, Asked::Heed) {
        (drift::heed(ctx, &right, &origin, filter, &query.ticket).await, "shown again")
    } else {
        let typed = Ignore { reason: query.reason.clone(), until: query.until.clone(), ticket: query.ticket.clone() };
        (drift::ignore(ctx, &right, &origin, filter, &typed).await, "ignored until then")
    };
    Ok(changed.map(|changed| {
        let numbers = counted(i64::try_from(changed).unwrap_or(i64::MAX), "number is", "numbers are");
        see_other_with(&query.filters().href(), Flash::success(format!("{numbers} {words}.")))
    }))
}
