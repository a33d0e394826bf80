//! The export of drift.

use axum::extract::State;
use axum::response::Response;

use super::query::DriftQuery;
use super::view::{backend_label, differences};
use crate::authz::NumbersRead;
use crate::domain::rules::Difference;
use crate::domain::{Backends, Places};
use crate::http::{Granted, PortalState, Problem, QueryString};
use crate::portal::csv::{self, text};
use crate::portal::show::Moment;
use crate::service::drift::{self, DriftKey, DriftRow};

const HEADINGS: [&str; 16] = [
    "telephoneNumber",
    "kind",
    "account",
    "enterprise",
    "tenantId",
    "backend",
    "heldByTenantId",
    "theirs",
    "ours",
    "assignmentStatus",
    "country",
    "seenSince",
    "lastPulled",
    "ignoredUntil",
    "ignoredReason",
    "ignoredBy",
];

/// `GET /drift.csv`
pub(super) async fn export(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(query): QueryString<DriftQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter().map_err(crate::service::Error::Invalid)?;
    let for_spreadsheets = query.made_for == "spreadsheets";
    let name =
        filter.account.as_deref().map_or_else(|| "drift.csv".to_owned(), |account| format!("drift-{account}.csv"));
    let ctx = state.ctx().clone();
    csv::export(&name, &HEADINGS, move |after: Option<DriftKey>| {
        let (ctx, grant, filter) = (ctx.clone(), grant.clone(), filter.clone());
        async move {
            let (rows, next) = drift::export(&ctx, &grant, &filter, after).await?;
            // Addresses stand as their ids, as in the exports of numbers; those that are not validated say so.
            let (backends, places) = (&ctx.policy.backends, drift::places(&ctx, &grant, &rows).await?.by_id());
            Ok((rows.iter().map(|row| cells(row, backends, &places, for_spreadsheets)).collect(), next))
        }
    })
    .await
}

fn cells(row: &DriftRow, backends: &Backends, places: &Places, for_spreadsheets: bool) -> Vec<String> {
    let number = row.number.to_string();
    let instant = |at: Option<time::OffsetDateTime>| at.map(|at| Moment::from(at).iso).unwrap_or_default();
    let ignoring = row.ignoring.as_ref();
    let differences = differences(row, places);
    vec![
        if for_spreadsheets { format!("'{number}") } else { number },
        row.kind.key().to_owned(),
        text(row.account.clone().unwrap_or_default()),
        text(row.company.clone().unwrap_or_default()),
        row.tenant.clone(),
        text(backend_label(backends, &row.backend)),
        row.held_by.clone().unwrap_or_default(),
        text(side(&differences, |one| &one.before)),
        text(side(&differences, |one| &one.after)),
        if row.assigned { "assigned" } else { "unassigned" }.to_owned(),
        row.country.clone().unwrap_or_default(),
        instant(row.seen_at),
        instant(row.listed_at),
        instant(ignoring.map(|one| one.until)),
        text(ignoring.map(|one| one.because.clone()).unwrap_or_default()),
        text(ignoring.map(|one| one.by.clone()).unwrap_or_default()),
    ]
}

/// What one side says, as far as the two differ.
fn side(differences: &[Difference], of: impl Fn(&Difference) -> &String) -> String {
    let said = differences.iter().filter(|one| !of(one).is_empty());
    said.map(|one| format!("{}: {}", one.label, of(one))).collect::<Vec<_>>().join("; ")
}
