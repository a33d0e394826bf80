//! The next free numbers, kept for whoever asked until they are uploaded.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use time::OffsetDateTime;

use super::list_page;
use crate::authz::{BlocksRead, Grant, NumbersRead, NumbersWrite, Principal, Role};
use crate::domain::field::filled;
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, Shell, invalid, needs, see_other_with,
};
use crate::portal::form::{Choice, Errors, checked, query_value};
use crate::portal::origin;
use crate::portal::show::{Moment, count, counted};
use crate::service::blocks::{self, FreeForm, LASTING, Reservation};
use crate::service::{self, Ctx, identity, numbers};

pub(super) fn routes() -> Routes {
    Routes::new().post("/blocks/next-free", needs::<NumbersWrite>(), reserve).post(
        "/blocks/reservations/{id}/release",
        needs::<NumbersWrite>(),
        release,
    )
}

/// The form for free numbers, as it is sent and as it stands in an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SentFree {
    account: String,
    count: String,
    /// `gaps` takes numbers that are not in a row.
    row: String,
    prefix: String,
    country: String,
    block: String,
    hours: String,
}

impl SentFree {
    fn form(&self) -> FreeForm {
        let own = |text: &String| text.trim().to_owned();
        FreeForm {
            account: own(&self.account),
            count: own(&self.count),
            in_a_row: self.row != "gaps",
            prefix: own(&self.prefix),
            country: own(&self.country),
            block: own(&self.block),
            hours: own(&self.hours),
        }
    }
}

/// The form for free numbers, as it is shown.
#[derive(Default)]
pub(super) struct FreeView {
    pub(super) form: FreeForm,
    pub(super) errors: Errors,
    pub(super) accounts: Vec<String>,
    pub(super) rows: Vec<Choice>,
    pub(super) hours: Vec<Choice>,
}

impl FreeView {
    pub(super) fn new(sent: &SentFree) -> Self {
        let form = sent.form();
        let row = if form.in_a_row { "row" } else { "gaps" };
        let rows = [("row", "In a row"), ("gaps", "From any gaps")];
        Self {
            rows: rows.into_iter().map(|(key, label)| Choice::new(key, label, row)).collect(),
            hours: LASTING
                .into_iter()
                .map(|hours| Choice::new(hours.to_string(), lasting(hours), &form.hours))
                .collect(),
            form,
            ..Self::default()
        }
    }

    /// With the accounts that there are.
    pub(super) async fn offered(self, state: &PortalState, person: &Principal) -> Result<Self, Problem> {
        let choices = numbers::filter_choices(state.ctx(), &person.grant::<NumbersRead>()?).await?;
        Ok(Self { accounts: choices.accounts, ..self })
    }
}

fn lasting(hours: u16) -> String {
    match (hours, hours % 24) {
        (1, _) => "1 hour".to_owned(),
        (24, _) => "1 day".to_owned(),
        (_, 0) => format!("{} days", hours / 24),
        _ => format!("{hours} hours"),
    }
}

/// Numbers that somebody keeps.
pub(super) struct ReservationRow {
    pub(super) id: i64,
    pub(super) first: String,
    pub(super) last: String,
    /// Whether there are others between.
    pub(super) gaps: bool,
    pub(super) count: String,
    /// Whether accounts have some of them by now.
    pub(super) is_begun: bool,
    pub(super) account: String,
    pub(super) author: String,
    pub(super) until: Moment,
    pub(super) left: String,
    pub(super) upload: String,
    pub(super) may_release: bool,
}

impl ReservationRow {
    pub(super) fn new(kept: Reservation, person: &Principal, now: OffsetDateTime) -> Self {
        let span = kept.span();
        let end = |number: Option<crate::domain::E164>| number.map(crate::domain::E164::grouped).unwrap_or_default();
        Self {
            id: kept.id,
            first: end(span.map(|span| span.first)),
            last: if kept.numbers > 1 { end(span.map(|span| span.last)) } else { String::new() },
            gaps: !kept.is_in_a_row(),
            is_begun: kept.is_begun(),
            count: count(kept.numbers),
            until: kept.until().into(),
            left: left(kept.until() - now),
            upload: upload(&kept.account, kept.id),
            may_release: person.may::<NumbersWrite>()
                && (kept.author_id == identity(person) || person.roles.has(Role::AdminUser)),
            account: kept.account,
            author: kept.author,
        }
    }
}

fn left(time: time::Duration) -> String {
    match time.whole_minutes() {
        ..60 => format!("{} left", counted(time.whole_minutes().max(1), "minute", "minutes")),
        60..2_880 => format!("{} left", counted(time.whole_hours(), "hour", "hours")),
        _ => format!("{} left", counted(time.whole_days(), "day", "days")),
    }
}

fn upload(account: &str, id: i64) -> String {
    format!("/numbers/upload?account={}&reservation={id}", query_value(account))
}

/// The numbers of a reservation for the form of an upload, and what is to be said of them; nothing where none is asked for.
pub(in crate::portal) async fn reserved(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    id: &str,
) -> Result<(String, String), Problem> {
    let Some(id) = filled(id) else { return Ok((String::new(), String::new())) };
    let found = match id.parse() {
        Ok(id) => blocks::reservation(ctx, grant, id).await,
        Err(_) => Err(service::Error::NotFound("reservation")),
    };
    match found {
        Ok((kept, stretches)) => {
            let numbers: Vec<String> = stretches.iter().map(ToString::to_string).collect();
            let (count, until) = (counted(kept.numbers, "number is", "numbers are"), Moment::from(kept.until()).text);
            Ok((numbers.join("\n"), format!("{count} reserved by {} until {until}.", kept.author)))
        }
        Err(service::Error::NotFound(_)) => {
            Ok((String::new(), "The reservation is over. Find free numbers again on the page Blocks.".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /blocks/next-free`
async fn reserve(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    Granted(read): Granted<BlocksRead>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentFree>,
) -> Result<Response, Problem> {
    let form = sent.form();
    match checked(blocks::reserve_next_free(state.ctx(), &grant, &origin(&info), &form).await)? {
        Ok(id) => {
            let text = "These numbers are reserved for you. They are on the form below; nothing is uploaded yet.";
            Ok(see_other_with(&upload(&form.account, id), Flash::success(text)))
        }
        Err(errors) => {
            let view = FreeView { errors, ..FreeView::new(&sent) };
            Ok(invalid(&list_page(&state, &read, shell, "", view).await?))
        }
    }
}

/// `POST /blocks/reservations/{id}/release`
async fn release(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    PathPart(id): PathPart<i64>,
    Info(info): Info,
) -> Result<Response, Problem> {
    let flash = match blocks::end_reservation(state.ctx(), &grant, &origin(&info), id).await {
        Ok(()) => Flash::success("The reservation is released; its numbers are free again."),
        Err(service::Error::NotFound(_)) => Flash::info("The reservation was over already."),
        Err(service::Error::Conflict(reason)) => Flash::warning(reason),
        Err(error) => return Err(error.into()),
    };
    Ok(see_other_with("/blocks", flash))
}
