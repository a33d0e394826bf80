//! The emergency addresses of a draft that look like a mistake, all of them.

use axum::extract::State;
use axum::response::Response;

use crate::authz::{NumbersDelete, OrdersRead};
use crate::domain::{OrderKind, OrderStatus};
use crate::http::{Granted, PathPart, PortalState, Problem};
use crate::portal::csv::{self, text};
use crate::service::orders::{self, AddressPlace, DoubtfulAddress};

const HEADINGS: [&str; 9] = [
    "Tenant",
    "CivicAddressId",
    "LocationId",
    "Address",
    "AddressCountry",
    "ValidationStatus",
    "NumbersCountry",
    "Numbers",
    "Doubt",
];

/// `GET /orders/{id}/addresses.csv`
pub(super) async fn export(
    State(state): State<PortalState>,
    Granted(grant): Granted<OrdersRead>,
    PathPart(id): PathPart<i64>,
) -> Result<Response, Problem> {
    let ctx = state.ctx().clone();
    let order = orders::get(&ctx, &grant, id).await?;
    if order.status == OrderStatus::Draft && order.kind == OrderKind::Release {
        grant.principal().grant::<NumbersDelete>()?;
    }
    csv::export(&format!("order-{id}-addresses.csv"), &HEADINGS, move |after: Option<AddressPlace>| {
        let (ctx, grant) = (ctx.clone(), grant.clone());
        async move {
            let after = after.unwrap_or_default();
            let (found, next) = orders::doubtful_addresses(&ctx, &grant, id, &after).await?;
            Ok((found.into_iter().map(cells).collect(), next))
        }
    })
    .await
}

fn cells(DoubtfulAddress { of, address, elsewhere }: DoubtfulAddress) -> Vec<String> {
    let doubts = [
        elsewhere.map(|_| "in another country than the numbers"),
        (!address.is_validated()).then_some("not validated"),
    ];
    let doubts: Vec<&str> = doubts.into_iter().flatten().collect();
    vec![
        of.tenant.map(|tenant| tenant.to_string()).unwrap_or_default(),
        text(address.id.clone()),
        text(of.location_id.unwrap_or_default()),
        text(address.line()),
        text(address.country.clone().unwrap_or_default()),
        text(address.validation_status.clone().unwrap_or_default()),
        of.country.unwrap_or_default(),
        of.count.to_string(),
        doubts.join(", "),
    ]
}
