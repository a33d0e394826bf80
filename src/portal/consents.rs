//! Consents: the enterprises that asked for service.

mod detail;
mod relationship;
mod relationship_form;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::csv;
use super::form::{Choice, Filters, Pager, Pill, page_of};
use super::pull::PullState;
use super::show::{Chip, Moment, count, counted};
use crate::authz::{AccountsWrite, ConsentsRead, SyncWrite};
use crate::domain::field::filled;
use crate::domain::{ConsentStatus, RelationshipChoice, SyncState, country};
use crate::http::{
    Granted, Partial, PortalState, Problem, QueryString, Routes, Shell, fragment, needs, page, see_other,
};
use crate::service::consents::{self, ConsentCount, ConsentFilter, ConsentRow};
use crate::service::{Page, sync_status};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/consents", needs::<ConsentsRead>(), list)
        .get("/consents.csv", needs::<ConsentsRead>(), export)
        .merge(detail::routes())
        .merge(relationship::routes())
}

/// The value of the relationship filter that stands for "none was set yet".
const NO_RELATIONSHIP: &str = "none";

/// What people read for a relationship status; one that is not configured reads as it is.
pub(super) fn relationship_word<'a>(choices: &'a [RelationshipChoice], status: &'a str) -> &'a str {
    if status.is_empty() {
        return "None yet";
    }
    choices.iter().find(|choice| choice.value == status).map_or(status, |choice| choice.label.as_str())
}

/// A relationship status as a picture and a word.
pub(super) fn relationship_chip(choices: &[RelationshipChoice], status: &str) -> Chip {
    let kind = match status {
        "AgreementSigned" => "ok",
        "ConsentDeclined" | "ContractTerminated" => "bad",
        "" => "off",
        _ => "info",
    };
    Chip::new(kind, relationship_word(choices, status).to_owned())
}

/// The consents that wait for the operator's answer: those that stand and were only acknowledged.
pub(super) const WAITING: &str = "/consents?status=active&relationship=ConsentAcknowledged";
/// The consents that stand and on which nothing was said yet.
pub(super) const UNANSWERED: &str = "/consents?status=active&relationship=none";

/// How many active consents are in this relationship.
pub(super) fn active_in(counts: &[ConsentCount], relationship: &str) -> i64 {
    let active = counts.iter().filter(|count| count.status == ConsentStatus::Active.as_str());
    active.filter(|count| count.relationship == relationship).map(|count| count.count).sum()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConsentQuery {
    q: String,
    status: String,
    relationship: String,
    country: String,
    page: String,
}

impl ConsentQuery {
    fn filter(&self) -> ConsentFilter {
        let own = |text: &str| filled(text).map(str::to_owned);
        ConsentFilter {
            text: filled(&self.q).map(str::to_lowercase),
            status: own(&self.status),
            relationship: own(&self.relationship).map(|r| if r == NO_RELATIONSHIP { String::new() } else { r }),
            country: filled(&self.country).map(|typed| country::iso(typed).to_uppercase()),
        }
    }

    fn filters(&self, choices: &[RelationshipChoice]) -> Filters {
        let relationship = if self.relationship == NO_RELATIONSHIP { "" } else { &self.relationship };
        Filters::new("/consents")
            .with("q", "Text", &self.q)
            .shown("status", "Status", &self.status, &Chip::from(&ConsentStatus::from(self.status.clone())).word)
            .shown("relationship", "Relationship", &self.relationship, relationship_word(choices, relationship))
            .with("country", "Country", &self.country)
    }
}

/// The key of a page: when the consent last changed, and the tenant.
fn parse_page_key(text: &str) -> Option<(i64, String)> {
    let (at, tenant) = text.split_once('.')?;
    Some((at.parse().ok()?, tenant.to_owned()))
}

fn key_text(row: &ConsentRow) -> String {
    let (at, tenant) = row.key();
    format!("{at}.{tenant}")
}

struct ConsentTableRow {
    tenant: String,
    company: String,
    status: Chip,
    relationship: Chip,
    /// Shown unless the backend has the relationship.
    sync: Option<Chip>,
    countries: String,
    consented: Option<Moment>,
    account: String,
    /// Further accounts of the tenant: "and 1 more", or nothing.
    more_accounts: String,
}

impl ConsentTableRow {
    fn new(row: ConsentRow, choices: &[RelationshipChoice]) -> Self {
        let consent = row.consent;
        Self {
            tenant: consent.tenant_id.to_string(),
            company: row.company,
            status: Chip::from(&consent.status),
            relationship: relationship_chip(choices, &consent.customer_relationship.status),
            sync: (row.sync_state != SyncState::Synced).then(|| row.sync_state.into()),
            countries: countries(&consent.consented_countries, ", "),
            consented: consent.consented_on.map(Moment::from),
            account: row.account.unwrap_or_default(),
            more_accounts: match row.accounts {
                ..=1 => String::new(),
                many => format!("and {} more", count(many - 1)),
            },
        }
    }
}

/// The countries by their codes in ISO 3166, as the filter has them: some backends say `UK`.
fn countries(said: &[String], between: &str) -> String {
    said.iter().map(|said| country::iso(said)).collect::<Vec<_>>().join(between)
}

struct Tile {
    href: &'static str,
    symbol: &'static str,
    count: String,
    word: &'static str,
    kind: &'static str,
}

fn tiles(counts: &[ConsentCount]) -> Vec<Tile> {
    let sum = |wanted: &dyn Fn(&ConsentCount) -> bool| -> i64 {
        counts.iter().filter(|count| wanted(count)).map(|count| count.count).sum()
    };
    let of = |status: &'static str| sum(&move |count| count.status == status);
    let relationship = |status: &'static str| sum(&move |count| count.relationship == status);
    let tile = |href, symbol, value: i64, word, kind| Tile { href, symbol, count: count(value), word, kind };
    let unanswered = active_in(counts, "");
    let mut tiles = vec![
        tile("/consents", "consent", sum(&|_| true), "All", ""),
        tile(WAITING, "clock", active_in(counts, "ConsentAcknowledged"), "Acknowledged, waiting", "warn"),
        tile(
            "/consents?relationship=AgreementSigned",
            "check",
            relationship("AgreementSigned"),
            "Agreement signed",
            "ok",
        ),
        tile("/consents?status=suspended", "warn", of("suspended"), "Suspended", ""),
        tile("/consents?status=removed", "fail", of("removed"), "Removed", ""),
    ];
    if unanswered > 0 {
        tiles.insert(1, tile(UNANSWERED, "alert", unanswered, "New, no answer yet", "warn"));
    }
    tiles
}

#[derive(Template)]
#[template(path = "consents.html", blocks = ["found"])]
struct ConsentsPage {
    shell: Shell,
    tiles: Vec<Tile>,
    q: String,
    statuses: Vec<Choice>,
    relationships: Vec<Choice>,
    countries: Vec<Choice>,
    pills: Vec<Pill>,
    clear: String,
    csv: String,
    rows: Vec<ConsentTableRow>,
    pager: Pager,
    filtered: bool,
    pull: PullState,
    may_create: bool,
    may_pull: bool,
}

/// `GET /consents`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<ConsentsRead>,
    QueryString(query): QueryString<ConsentQuery>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let choices = &ctx.policy.relationships;
    let filters = query.filters(choices);
    let page_key: Page<_> = page_of(&query.page, parse_page_key);
    let found = consents::list(ctx, &grant, &query.filter(), &page_key).await?;
    if found.consents.is_empty() && page_key != Page::First {
        return Ok(see_other(&filters.href()));
    }
    let counts = consents::counts(ctx, &grant).await?;
    let pull = sync_status::consents(ctx, &grant).await?;
    let shown = format!("{} of {}", count(found.consents.len() as i64), counted(found.matching, "consent", "consents"));
    let edge = |row: Option<&ConsentRow>, more: bool| row.filter(|_| more).map(key_text);
    let pager = filters.pager(
        shown,
        edge(found.consents.first(), found.more_before),
        edge(found.consents.last(), found.more_after),
    );
    let template = ConsentsPage {
        shell: shell.at("consents"),
        tiles: tiles(&counts),
        statuses: status_choices(&counts, &query.status),
        relationships: relationship_choices(choices, &counts, &query.relationship),
        countries: consents::countries(ctx, &grant)
            .await?
            .into_iter()
            .map(|country| Choice::new(country.clone(), country, &query.country))
            .collect(),
        q: query.q.clone(),
        pills: filters.pills(),
        clear: filters.clear(),
        csv: filters.csv(),
        rows: found.consents.into_iter().map(|row| ConsentTableRow::new(row, choices)).collect(),
        pager,
        filtered: !filters.is_empty(),
        pull: PullState::of(pull.as_ref(), ctx.clock.now()),
        may_create: grant.principal().may::<AccountsWrite>(),
        may_pull: grant.principal().may::<SyncWrite>(),
    };
    Ok(if partial { fragment(&template.as_found()) } else { page(&template) })
}

fn status_choices(counts: &[ConsentCount], current: &str) -> Vec<Choice> {
    let mut statuses = vec!["active", "suspended", "removed"];
    statuses.extend(counts.iter().map(|count| count.status.as_str()));
    distinct(statuses)
        .map(|status| Choice::new(status, Chip::from(&ConsentStatus::from(status.to_owned())).word, current))
        .collect()
}

fn relationship_choices(choices: &[RelationshipChoice], counts: &[ConsentCount], current: &str) -> Vec<Choice> {
    let mut statuses: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
    statuses.extend(counts.iter().map(|count| count.relationship.as_str()));
    distinct(statuses)
        .map(|status| {
            let value = if status.is_empty() { NO_RELATIONSHIP } else { status };
            Choice::new(value, relationship_word(choices, status), current)
        })
        .collect()
}

fn distinct(values: Vec<&str>) -> impl Iterator<Item = &str> {
    let mut seen = std::collections::HashSet::new();
    values.into_iter().filter(move |value| seen.insert(*value))
}

const HEADINGS: [&str; 12] = [
    "TenantId",
    "Company",
    "Status",
    "Relationship",
    "RelationshipSync",
    "Reason",
    "Ticket",
    "Countries",
    "ConsentedOn",
    "LastModifiedOn",
    "Account",
    "Contacts",
];

/// `GET /consents.csv`
async fn export(
    State(state): State<PortalState>,
    Granted(grant): Granted<ConsentsRead>,
    QueryString(query): QueryString<ConsentQuery>,
) -> Result<Response, Problem> {
    let (ctx, filter) = (state.ctx().clone(), query.filter());
    csv::export("consents.csv", &HEADINGS, move |after| {
        let (ctx, grant, filter) = (ctx.clone(), grant.clone(), filter.clone());
        async move {
            let (rows, next) = consents::export(&ctx, &grant, &filter, after).await?;
            Ok((rows.into_iter().map(cells).collect(), next))
        }
    })
    .await
}

fn cells(row: ConsentRow) -> Vec<String> {
    let consent = row.consent;
    let at = |at: Option<time::OffsetDateTime>| at.map(|at| Moment::from(at).iso).unwrap_or_default();
    let contacts: Vec<String> =
        consent.contacts.iter().map(|contact| format!("{} <{}>", contact.full_name, contact.email)).collect();
    vec![
        consent.tenant_id.to_string(),
        csv::text(row.company),
        csv::text(consent.status.as_str()),
        csv::text(consent.customer_relationship.status),
        row.sync_state.key().to_owned(),
        csv::text(consent.customer_relationship.comment.unwrap_or_default()),
        csv::text(row.ticket.unwrap_or_default()),
        csv::text(countries(&consent.consented_countries, ";")),
        at(consent.consented_on),
        at(consent.last_modified_on),
        row.account.unwrap_or_default(),
        csv::text(contacts.join("; ")),
    ]
}
