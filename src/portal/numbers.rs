//! The list of numbers: filters, paging by key, numbers in a row folded into ranges, exports.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use super::form::{Choice, Errors, Filters, Pager, Pill};
use super::number_filter::{NumbersQuery, range_value};
use super::show::{Chip, count, counted};
use crate::authz::{Grant, NumbersDelete, NumbersRead, NumbersWrite};
use crate::domain::{E164, Service, SyncState, numbering_plan};
use crate::http::{Granted, Partial, PortalState, Problem, QueryString, Routes, Shell, fragment, invalid, needs, page};
use crate::service::Ctx;
use crate::service::numbers::{self, Alike, FilterChoices, Matching, NumberFilter, NumberLine, NumberRange};

pub(super) fn routes() -> Routes {
    Routes::new().get("/numbers", needs::<NumbersRead>(), list)
}

#[derive(Template)]
#[template(path = "numbers.html", blocks = ["results"])]
struct ListPage {
    shell: Shell,
    errors: Errors,
    query: NumbersQuery,
    choices: Option<FormChoices>,
    results: Results,
    pills: Vec<Pill>,
    clear: String,
    hidden: Vec<(&'static str, String)>,
    csv: String,
    csv_for_spreadsheets: String,
    workbook: String,
    upload: String,
    other_view: String,
    fragment: bool,
    may_write: bool,
    may_release: bool,
}

/// What the selects of the filters offer.
struct FormChoices {
    accounts: Vec<String>,
    states: Vec<Choice>,
    services: Vec<Choice>,
    usages: Vec<Choice>,
    assignments: Vec<Choice>,
    more: bool,
}

/// What was found.
struct Results {
    runs: Vec<NumberRun>,
    ranges: Vec<RangeRow>,
    folded: bool,
    /// How many match, such as "12,431 numbers" or "more than 1,000 numbers".
    found: String,
    /// The same for a choice: "All 12,431".
    all: String,
    nothing_yet: bool,
    pager: Pager,
}

/// Numbers on end that differ in nothing that the list shows; what they have in common is written once for all.
struct NumberRun {
    alike: Arc<Alike>,
    numbers: Vec<E164>,
}

/// Whether a numbering plan knows such numbers: the API takes others too.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
fn is_possible(number: &E164) -> bool {
    numbering_plan::possible(*number)
}

impl NumberRun {
    fn chip(&self) -> Chip {
        self.alike.state.into()
    }

    /// Nothing for services in which nobody is assigned a number.
    fn assignment(&self) -> &'static str {
        match (self.alike.settings.has_teams_settings(), self.alike.assigned) {
            (false, _) => "",
            (true, true) => "Assigned",
            (true, false) => "Unassigned",
        }
    }

    /// The runs of numbers in their order.
    fn of(lines: Vec<NumberLine>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for NumberLine { telephone_number, alike } in lines {
            match runs.last_mut().filter(|run| Arc::ptr_eq(&run.alike, &alike)) {
                Some(run) => run.numbers.push(telephone_number),
                None => runs.push(Self { alike, numbers: vec![telephone_number] }),
            }
        }
        runs
    }
}

struct RangeRow {
    first: String,
    e164: String,
    /// Empty when the range is one number.
    last: String,
    /// What a box sends for all of them.
    value: String,
    numbers: i64,
    count: String,
    account: String,
    service: String,
    usage: String,
    state: Chip,
}

impl From<&NumberRange> for RangeRow {
    fn from(range: &NumberRange) -> Self {
        Self {
            first: range.first.grouped(),
            e164: range.first.to_string(),
            last: if range.count > 1 { range.last.grouped() } else { String::new() },
            value: range_value(range.first, range.last),
            numbers: range.count,
            count: count(range.count),
            account: range.account.clone(),
            service: range.settings.services.labels().into_owned(),
            usage: range.settings.teams.usage.clone(),
            state: range.state.into(),
        }
    }
}

/// `GET /numbers`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(query): QueryString<NumbersQuery>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let filters = query.filters();
    let (results, choices, errors) = match query.filter() {
        Ok(filter) if query.view == "ranges" => {
            (folded(state.ctx(), &grant, &query, &filter, &filters).await?, None, Errors::default())
        }
        Ok(filter) => {
            let (results, choices) = found(state.ctx(), &grant, &query, &filter, &filters, !partial).await?;
            (results, Some(choices), Errors::default())
        }
        Err(problems) => (Results::none(&filters), None, problems.into()),
    };
    let choices = match choices {
        _ if partial => None,
        Some(choices) => Some(offered(&query, choices)),
        None => Some(offered(&query, numbers::filter_choices(state.ctx(), &grant).await?)),
    };
    let person = grant.principal();
    let csv = filters.csv();
    let mark = if csv.contains('?') { '&' } else { '?' };
    let upload = if query.account.is_empty() {
        String::new()
    } else {
        format!("?account={}", super::form::query_value(&query.account))
    };
    let other_view =
        NumbersQuery { view: if results.folded { "" } else { "ranges" }.to_owned(), ..query.clone() }.filters().href();
    let template = ListPage {
        shell: shell.at("numbers"),
        pills: filters.pills(),
        clear: filters.clear(),
        hidden: filters.fields(),
        csv_for_spreadsheets: format!("{csv}{mark}for=spreadsheets"),
        workbook: csv.replacen(".csv", ".xlsx", 1),
        csv,
        upload: format!("/numbers/upload{upload}"),
        other_view,
        fragment: partial,
        may_write: person.may::<NumbersWrite>(),
        may_release: person.may::<NumbersDelete>(),
        errors,
        query,
        choices,
        results,
    };
    if partial {
        let mut response = fragment(&template.as_results());
        if let Ok(href) = HeaderValue::from_str(&filters.href()) {
            response.headers_mut().insert(HeaderName::from_static("hx-push-url"), href);
        }
        return Ok(response);
    }
    Ok(if template.errors.is_empty() { page(&template) } else { invalid(&template) })
}

async fn found(
    ctx: &Ctx,
    grant: &Grant<NumbersRead>,
    query: &NumbersQuery,
    filter: &NumberFilter,
    filters: &Filters,
    offer: bool,
) -> Result<(Results, FilterChoices), Problem> {
    let (found, matching) = numbers::list(ctx, grant, filter, query.page(), offer).await?;
    let key = |line: &NumberLine| line.telephone_number.as_i64().to_string();
    let before = found.lines.first().map(key).filter(|_| found.more_before);
    let after = found.lines.last().map(key).filter(|_| found.more_after);
    let (text, all) = worded(matching);
    let shown = if before.is_none() && after.is_none() {
        text.clone()
    } else {
        format!("{} of {text}", count(found.lines.len() as i64))
    };
    let results = Results {
        nothing_yet: found.lines.is_empty() && filters.is_empty(),
        runs: NumberRun::of(found.lines),
        ranges: Vec::new(),
        folded: false,
        pager: filters.pager(shown, before, after),
        found: text,
        all,
    };
    Ok((results, found.choices))
}

async fn folded(
    ctx: &Ctx,
    grant: &Grant<NumbersRead>,
    query: &NumbersQuery,
    filter: &NumberFilter,
    filters: &Filters,
) -> Result<Results, Problem> {
    let found = numbers::range_page(ctx, grant, filter, query.page()).await?;
    let matching = numbers::matching(ctx, grant, filter).await?;
    let (text, all) = worded(matching);
    let ranges = found.ranges;
    let pager = filters.pager(
        format!("{} here, {text} in all", counted(ranges.len() as i64, "range", "ranges")),
        ranges.first().map(|range| range.first.as_i64().to_string()).filter(|_| found.more_before),
        ranges.last().map(|range| range.last.as_i64().to_string()).filter(|_| found.more_after),
    );
    Ok(Results {
        ranges: ranges.iter().map(RangeRow::from).collect(),
        runs: Vec::new(),
        folded: true,
        nothing_yet: ranges.is_empty() && filters.is_empty(),
        pager,
        found: text,
        all,
    })
}

fn worded(matching: Matching) -> (String, String) {
    match matching {
        Matching::Exactly(1) => ("1 number".to_owned(), "The one".to_owned()),
        Matching::Exactly(n) => (counted(n, "number", "numbers"), format!("All {}", count(n))),
        Matching::MoreThan(n) => (format!("more than {} numbers", count(n)), format!("All (more than {})", count(n))),
    }
}

impl Results {
    /// Shows no number, because a filter cannot be understood.
    fn none(filters: &Filters) -> Self {
        Self {
            runs: Vec::new(),
            ranges: Vec::new(),
            folded: false,
            found: "No number".to_owned(),
            all: String::new(),
            nothing_yet: false,
            pager: filters.pager("", None, None),
        }
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.ranges.is_empty()
    }
}

fn offered(query: &NumbersQuery, choices: FilterChoices) -> FormChoices {
    FormChoices {
        accounts: choices.accounts,
        states: SyncState::ALL
            .into_iter()
            .map(|state| Choice::new(state.key(), state.label(), &query.status))
            .collect(),
        services: Service::ALL
            .into_iter()
            .map(|service| Choice::new(service.key(), service.label(), &query.service))
            .collect(),
        usages: choices.usages.into_iter().map(|usage| Choice::new(usage.clone(), usage, &query.usage)).collect(),
        assignments: [("assigned", "Assigned"), ("unassigned", "Unassigned")]
            .into_iter()
            .map(|(key, label)| Choice::new(key, label, &query.assignment))
            .collect(),
        more: [
            &query.service,
            &query.usage,
            &query.assignment,
            &query.country,
            &query.starts,
            &query.ends,
            &query.tenant,
        ]
        .into_iter()
        .any(|value| !value.is_empty()),
    }
}
