//! Releasing numbers, and changing the settings of several: both begin with what is ticked or found in the list.

use axum::extract::State;
use axum::response::Response;

use super::api_call::{self, ApiCalls};
use super::number_filter::NumbersQuery;
use super::show::count;
use super::upload::{ManageHeading, manage_page};
use crate::authz::{Grant, NumbersDelete, NumbersRead, NumbersWrite};
use crate::domain::E164;
use crate::http::{
    Flash, FormBody, Granted, PortalState, Problem, QueryString, Routes, Shell, needs, see_other, see_other_with,
};
use crate::service::numbers::{self, NumberFilter};
use crate::service::orders::{self, ReleaseSelection};
use crate::service::staging::UploadForm;
use crate::service::{self, Ctx, Page};

pub(super) fn routes() -> Routes {
    Routes::new().post("/numbers/release", needs::<NumbersDelete>(), release).get(
        "/numbers/manage",
        needs::<NumbersWrite>(),
        manage,
    )
}

/// Ranges that one form of changes lists; beyond it the filters should be narrower.
const RANGES: usize = 2_000;

/// `POST /numbers/release`
async fn release(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersDelete>,
    FormBody(query): FormBody<NumbersQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter().map_err(service::Error::Invalid)?;
    let selection = if query.means_all() {
        ReleaseSelection::Matching(Box::new(filter))
    } else {
        ReleaseSelection::Numbers(filter.account, query.ticked()?)
    };
    let ticket = crate::domain::field::filled(&query.ticket);
    match orders::stage_release(state.ctx(), &grant, &selection, ticket).await {
        Ok(id) => Ok(see_other(&format!("/orders/{id}/review"))),
        Err(service::Error::Invalid(problems)) => {
            let text = problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join(" ");
            Ok(see_other_with(&query.filters().href(), Flash::warning(text)))
        }
        Err(service::Error::Conflict(reason)) => Ok(see_other_with(&query.filters().href(), Flash::warning(reason))),
        Err(error) => Err(error.into()),
    }
}

/// `GET /numbers/manage`: the form for several numbers, filled in with the settings of the first.
async fn manage(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    QueryString(query): QueryString<NumbersQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let person = grant.principal();
    let read = person.grant::<NumbersRead>()?;
    let filter = query.filter().map_err(service::Error::Invalid)?;
    let chosen = if query.means_all() {
        matching(state.ctx(), &read, &filter).await?
    } else {
        ticked(state.ctx(), &read, query.ticked()?).await?
    };
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(reason) => return Ok(see_other_with(&query.filters().href(), Flash::warning(reason))),
    };
    let first = numbers::get(state.ctx(), &read, chosen.first).await?;
    let form = UploadForm { numbers: chosen.text, ticket: query.ticket.clone(), ..UploadForm::of(&first) };
    let note = if chosen.mixed {
        format!(
            "These numbers have different settings now. The form shows those of {}; all of them get what you choose.",
            first.telephone_number
        )
    } else {
        String::new()
    };
    let title = match chosen.count {
        1 => format!("Manage number {}", first.telephone_number.grouped()),
        many => format!("Manage {} numbers", count(many)),
    };
    let api = if chosen.count == 1 { api_call::of_number(&state, &first, true) } else { ApiCalls::default() };
    manage_page(&state, person, shell, form, ManageHeading { title, note }, api).await
}

/// Numbers to change together: of one account.
struct Chosen {
    first: E164,
    count: i64,
    text: String,
    mixed: bool,
}

const SEVERAL_ACCOUNTS: &str =
    "These numbers belong to several accounts. Filter by one account, then change its numbers.";

async fn ticked(ctx: &Ctx, grant: &Grant<NumbersRead>, ticked: Vec<E164>) -> Result<Result<Chosen, String>, Problem> {
    let Some(first) = ticked.first().copied() else {
        return Ok(Err("Tick the numbers to change first.".to_owned()));
    };
    let (mut settings, mut account) = (None, None);
    let mut mixed = false;
    for number in ticked.iter().take(numbers::PAGE_SIZE * 2) {
        let number = numbers::get(ctx, grant, *number).await?;
        mixed |= settings.get_or_insert_with(|| number.settings.clone()) != &number.settings;
        if account.get_or_insert_with(|| number.account.clone()) != &number.account {
            return Ok(Err(SEVERAL_ACCOUNTS.to_owned()));
        }
    }
    let text = ticked.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    Ok(Ok(Chosen { first, count: ticked.len() as i64, text, mixed }))
}

async fn matching(
    ctx: &Ctx,
    grant: &Grant<NumbersRead>,
    filter: &NumberFilter,
) -> Result<Result<Chosen, String>, Problem> {
    let mut chosen: Option<Chosen> = None;
    let (mut settings, mut account) = (None, None);
    let (mut page, mut lines) = (Page::First, 0);
    loop {
        let (ranges, next) = numbers::ranges(ctx, grant, filter, page).await?;
        lines += ranges.len();
        for range in ranges {
            let chosen = chosen.get_or_insert_with(|| Chosen {
                first: range.first,
                count: 0,
                text: String::new(),
                mixed: false,
            });
            chosen.mixed |= settings.get_or_insert_with(|| range.settings.clone()) != &range.settings;
            if account.get_or_insert_with(|| range.account.clone()) != &range.account {
                return Ok(Err(SEVERAL_ACCOUNTS.to_owned()));
            }
            chosen.count += range.count;
            chosen.text.push_str(&range.first.to_string());
            if range.count > 1 {
                chosen.text.push('-');
                chosen.text.push_str(&range.last.to_string());
            }
            chosen.text.push('\n');
        }
        match next {
            Some(key) if lines < RANGES => page = Page::After(key),
            Some(_) => {
                return Ok(Err("These are too many separate ranges for one form. Filter further, or upload a \
                               CSV file with the new settings."
                    .to_owned()));
            }
            None => break,
        }
    }
    let most = ctx.policy.max_numbers as i64;
    Ok(match chosen {
        None => Err("No number matches any more.".to_owned()),
        Some(chosen) if chosen.count > most => Err(format!(
            "{} numbers match; one order changes up to {}. Filter further.",
            count(chosen.count),
            count(most)
        )),
        Some(chosen) => Ok(chosen),
    })
}
