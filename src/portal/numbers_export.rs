//! The list of numbers as a file: each number or each range a line, as CSV or as a workbook. What is exported can be uploaded
//! again; the columns behind the settings tell how it stands and are not read.

use axum::extract::State;
use axum::response::Response;

use super::csv::{self, FileKind, text};
use super::number_filter::NumbersQuery;
use super::show::Moment;
use crate::authz::{Grant, NumbersRead};
use crate::domain::upload::{Column, Exported, HEADINGS, cells, exported_cell};
use crate::domain::{E164, Number};
use crate::http::{Granted, PortalState, Problem, QueryString, Routes, needs};
use crate::service::numbers::{self, HeldSince, NumberFilter, NumberRange};
use crate::service::{self, Ctx};

pub(super) fn routes() -> Routes {
    Routes::new().get("/numbers.csv", needs::<NumbersRead>(), as_csv).get(
        "/numbers.xlsx",
        needs::<NumbersRead>(),
        as_workbook,
    )
}

/// How a number stands: columns that an upload does not read.
const STANDING: [&str; 6] = ["syncState", "errorCode", "errorMessage", "order", "assignment", "heldSince"];

/// `GET /numbers.csv`
async fn as_csv(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(query): QueryString<NumbersQuery>,
) -> Result<Response, Problem> {
    let for_spreadsheets = query.made_for == "spreadsheets";
    export(state.ctx(), grant, &query, FileKind::Csv, for_spreadsheets).await
}

/// `GET /numbers.xlsx`
async fn as_workbook(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(query): QueryString<NumbersQuery>,
) -> Result<Response, Problem> {
    export(state.ctx(), grant, &query, FileKind::Xlsx, false).await
}

async fn export(
    ctx: &Ctx,
    grant: Grant<NumbersRead>,
    query: &NumbersQuery,
    kind: FileKind,
    for_spreadsheets: bool,
) -> Result<Response, Problem> {
    let filter = query.filter().map_err(service::Error::Invalid)?;
    let of = filter.account.as_deref().map(|account| format!("-{account}")).unwrap_or_default();
    let ctx = ctx.clone();
    if query.view == "ranges" {
        let headings = range_headings();
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        return csv::send(kind, &format!("ranges{of}"), &headings, move |after: Option<E164>| {
            let (ctx, grant, filter) = (ctx.clone(), grant.clone(), filter.clone());
            async move { next_ranges(&ctx, &grant, &filter, after, for_spreadsheets).await }
        })
        .await;
    }
    let headings: Vec<String> = HEADINGS.into_iter().map(Column::heading).chain(STANDING.map(str::to_owned)).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    csv::send(kind, &format!("numbers{of}"), &headings, move |after: Option<E164>| {
        let (ctx, grant, filter) = (ctx.clone(), grant.clone(), filter.clone());
        async move {
            let (found, next) = numbers::export(&ctx, &grant, &filter, after).await?;
            let since = numbers::held_since(&ctx, &grant, &found).await?;
            Ok((found.iter().map(|number| row(number, &since, for_spreadsheets)).collect(), next))
        }
    })
    .await
}

fn row(number: &Number, since: &HeldSince, for_spreadsheets: bool) -> Vec<String> {
    let error = number.error.as_deref();
    let mut row = cells(number, for_spreadsheets);
    row.extend([
        number.state.label().to_owned(),
        text(error.map(super::super::domain::provisioning::ProvisioningError::codes).unwrap_or_default()),
        text(error.map(super::super::domain::provisioning::ProvisioningError::messages).unwrap_or_default()),
        number.order_id.to_string(),
        if number.assigned { "Assigned" } else { "Unassigned" }.to_owned(),
        since.get(&number.telephone_number).map(|at| Moment::from(*at).iso).unwrap_or_default(),
    ]);
    row
}

/// The columns of ranges that say what their numbers should be.
fn range_columns() -> impl Iterator<Item = Column> {
    HEADINGS.into_iter().filter(|column| !matches!(column, Column::TelephoneNumber | Column::AssignmentStatus(_)))
}

fn range_headings() -> Vec<String> {
    let ends = ["start", "end", "count"].map(str::to_owned).into_iter();
    ends.chain(range_columns().map(Column::heading)).chain(["syncState".to_owned()]).collect()
}

async fn next_ranges(
    ctx: &Ctx,
    grant: &Grant<NumbersRead>,
    filter: &NumberFilter,
    after: Option<E164>,
    for_spreadsheets: bool,
) -> service::Result<csv::Chunk<E164>> {
    let (found, next) = numbers::export_ranges(ctx, grant, filter, after).await?;
    Ok((found.iter().map(|range| range_row(range, for_spreadsheets)).collect(), next))
}

fn range_row(range: &NumberRange, for_spreadsheets: bool) -> Vec<String> {
    let row = Exported {
        first: range.first,
        last: range.last,
        account: &range.account,
        settings: &range.settings,
        assigned: false,
    };
    [Column::TelephoneNumber, Column::LastNumber, Column::Count]
        .into_iter()
        .chain(range_columns())
        .map(|column| exported_cell(column, &row, for_spreadsheets))
        .chain([range.state.label().to_owned()])
        .collect()
}
