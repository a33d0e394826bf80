//! Drift: what backends say of numbers against what we say, and the ways to settle it.

mod beside;
mod export;
mod query;
mod resolve;
mod view;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

pub(super) use self::beside::{BesideView, Here};
use self::query::{DriftQuery, key_text};
pub(super) use self::view::{DriftTile, counted_up, tiles};
use self::view::{Line, total, total_words};
use super::form::{Choice, Errors, Pager, Pill};
use super::show::{count, counted};
use crate::authz::{Grant, NumbersDelete, NumbersRead, NumbersWrite, SyncWrite};
use crate::domain::DriftKind;
use crate::http::{Granted, PortalState, Problem, QueryString, Routes, Shell, invalid, needs, page};
use crate::service::drift::{self, DriftFilter};
use crate::service::{Page, numbers};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/drift", needs::<NumbersRead>(), list)
        .get("/drift.csv", needs::<NumbersRead>(), export::export)
        .post("/drift/resolve", needs::<NumbersRead>(), resolve::resolve)
}

#[derive(Template)]
#[template(path = "drift.html")]
struct DriftPage {
    shell: Shell,
    errors: Errors,
    query: DriftQuery,
    tiles: Vec<DriftTile>,
    kinds: Vec<Choice>,
    backends: Vec<Choice>,
    assignments: Vec<Choice>,
    ignorings: Vec<Choice>,
    accounts: Vec<String>,
    more: bool,
    pills: Vec<Pill>,
    clear: String,
    hidden: Vec<(&'static str, String)>,
    csv: String,
    csv_for_spreadsheets: String,
    other_view: String,
    folded: bool,
    lines: Vec<Line>,
    all: String,
    pager: Pager,
    nothing_yet: bool,
    only_there: bool,
    may_write: bool,
    may_release: bool,
    may_pull: bool,
}

/// What was found, before it is put on the page.
#[derive(Default)]
struct Found {
    lines: Vec<Line>,
    tiles: Vec<DriftTile>,
    text: String,
    all: String,
    before: Option<String>,
    after: Option<String>,
    only_there: bool,
}

/// `GET /drift`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(query): QueryString<DriftQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let template = drift_page(&state, &grant, query, Errors::default(), shell).await?;
    Ok(if template.errors.is_empty() { page(&template) } else { invalid(&template) })
}

/// The page with what was chosen and typed, and what is wrong with it.
async fn drift_page(
    state: &PortalState,
    grant: &Grant<NumbersRead>,
    query: DriftQuery,
    mut errors: Errors,
    shell: Shell,
) -> Result<DriftPage, Problem> {
    let filters = query.filters();
    let found = match query.filter() {
        Ok(filter) => find(state, grant, &query, &filter).await?,
        Err(problems) => {
            errors = problems.into();
            Found::default()
        }
    };
    let csv = filters.csv();
    let mark = if csv.contains('?') { '&' } else { '?' };
    let folded = query.view == "ranges";
    let view = if folded { String::new() } else { "ranges".to_owned() };
    let person = grant.principal();
    let mut pager = filters.pager(found.text, found.before, found.after);
    if folded && query.page() != Page::First {
        pager.previous = filters.href();
    }
    Ok(DriftPage {
        shell: shell.at("drift"),
        tiles: found.tiles,
        kinds: DriftKind::ALL.into_iter().map(|kind| Choice::new(kind.key(), kind.label(), &query.kind)).collect(),
        backends: state
            .ctx()
            .policy
            .backends
            .iter()
            .map(|info| Choice::new(&info.name, &info.label, &query.backend))
            .collect(),
        assignments: [("assigned", "Assigned"), ("unassigned", "Unassigned")]
            .map(|(key, label)| Choice::new(key, label, &query.assignment))
            .into(),
        ignorings: [("too", "Ignored too"), ("only", "Only ignored")]
            .map(|(key, label)| Choice::new(key, label, &query.ignored))
            .into(),
        accounts: numbers::filter_choices(state.ctx(), grant).await?.accounts,
        more: query.has_more(),
        pills: filters.pills(),
        clear: filters.clear(),
        hidden: filters.fields(),
        csv_for_spreadsheets: format!("{csv}{mark}for=spreadsheets"),
        csv,
        other_view: DriftQuery { view, ..query.clone() }.filters().href(),
        folded,
        nothing_yet: found.lines.is_empty() && filters.is_empty() && errors.is_empty(),
        lines: found.lines,
        all: found.all,
        pager,
        only_there: found.only_there,
        may_write: person.may::<NumbersWrite>(),
        may_release: person.may::<NumbersDelete>(),
        may_pull: person.may::<SyncWrite>(),
        errors,
        query,
    })
}

async fn find(
    state: &PortalState,
    grant: &Grant<NumbersRead>,
    query: &DriftQuery,
    filter: &DriftFilter,
) -> Result<Found, Problem> {
    let (ctx, now, asked) = (state.ctx(), state.ctx().clock.now(), query.page());
    let backends = &ctx.policy.backends;
    // The tiles tell of every kind, whichever is shown.
    let of_all = drift::counts(ctx, grant, &DriftFilter { kind: None, ..filter.clone() }).await?;
    let counts: Vec<_> = of_all.iter().copied().filter(|one| filter.kind.is_none_or(|kind| kind == one.kind)).collect();
    let (sum, is_all) = total(&counts);
    let mut found = Found {
        all: if is_all { format!("All {}", count(sum)) } else { format!("All (more than {})", count(sum)) },
        tiles: of_all.iter().filter_map(|one| tile_of(query, *one)).collect(),
        only_there: counts.iter().any(|one| one.kind == DriftKind::OnlyThere),
        ..Found::default()
    };
    if query.view == "ranges" {
        let after = match asked {
            Page::After(key) => Some(key.number),
            Page::First | Page::Before(_) => None,
        };
        let (ranges, next) = drift::ranges(ctx, grant, filter, after).await?;
        let places = drift::places(ctx, grant, ranges.iter().map(|range| &range.first)).await?;
        found.lines = ranges.iter().map(|range| Line::range(range, &places, backends, now)).collect();
        // Behind every row of the number, whichever backend it is about.
        found.after = next.map(|number| format!("{}.~", number.as_i64()));
        found.text =
            format!("{} here, {} in all", counted(ranges.len() as i64, "range", "ranges"), total_words(&counts));
        return Ok(found);
    }
    let rows = drift::list(ctx, grant, filter, &asked).await?;
    let places = drift::places(ctx, grant, &rows.rows).await?;
    found.before = rows.rows.first().filter(|_| rows.more_before).map(|row| key_text(&row.key()));
    found.after = rows.rows.last().filter(|_| rows.more_after).map(|row| key_text(&row.key()));
    found.text = if found.before.is_none() && found.after.is_none() {
        total_words(&counts)
    } else {
        format!("{} of {}", rows.rows.len(), total_words(&counts))
    };
    let line = |row| {
        let line = Line::new(row, &places, backends, now);
        Line { ticked: query.number.contains(&line.value), ..line }
    };
    found.lines = rows.rows.iter().map(line).collect();
    Ok(found)
}

/// The tile of a kind, with the other filters kept.
fn tile_of(query: &DriftQuery, count: drift::DriftCount) -> Option<DriftTile> {
    let href = DriftQuery { kind: count.kind.key().to_owned(), ..query.clone() }.filters().href();
    tiles(&[count], None).pop().map(|tile| DriftTile { href, ..tile })
}
