//! Requests for information: the enterprises' consents.

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use time::OffsetDateTime;

use super::conditional::Purpose;
use super::lists::list_answer;
use super::noted::{refused, refused_by_service};
use super::paging::ListQuery;
use super::request::{Asked, Now, Reading, Writing, answer_of, answer_of_deletion, check_version};
use super::warnings::{doubtful_status, noticed};
use crate::authz::{ConsentsRead, ConsentsWrite};
use crate::domain::filter::ConsentField;
use crate::http::{ApiPath, ApiRoutes, ApiState, Called, MergePatchBody, Problem, needs};
use crate::service::api::ChangeRequest;
use crate::service::api::consents::{self, ConsentOfAccount};
use crate::service::{Origin, listing};
use crate::wire::{RequestForInformationResource, Resource as _, read_relationship_patch};

pub(super) fn routes() -> ApiRoutes {
    ApiRoutes::new()
        .get("/teamsRequestsForInformation", needs::<ConsentsRead>(), list)
        .get("/teamsRequestsForInformation/{tenant}", needs::<ConsentsRead>(), get)
        .patch("/teamsRequestsForInformation/{tenant}", needs::<ConsentsWrite>(), patch)
}

fn resource(of: &ConsentOfAccount) -> RequestForInformationResource {
    let row = &of.consent;
    RequestForInformationResource::new(&row.consent, of.account.as_deref(), row.sync_state, row.error.as_ref())
}

/// `GET /teamsRequestsForInformation`
async fn list(
    State(state): State<ApiState>,
    Called(grant): Called<ConsentsRead>,
    parts: Parts,
) -> Result<Response, Problem> {
    check_version(&parts)?;
    let query = ListQuery::<ConsentField, String>::read(parts.uri.path(), parts.uri.query()).map_err(refused)?;
    let ctx = state.ctx();
    let found = listing::consents(ctx, &grant, &query.filter, &query.window).await?;
    let count =
        if query.count_records { Some(listing::count_consents(ctx, &grant, &query.filter).await?) } else { None };
    let tenant = |of: &ConsentOfAccount| of.consent.consent.tenant_id.to_string();
    let next = query.next_link(&state.config().api.public_url, &found, tenant);
    Ok(list_answer(found.items.iter().map(resource), next, count))
}

/// `GET /teamsRequestsForInformation/{tenantId}`
async fn get(
    State(state): State<ApiState>,
    Called(grant): Called<ConsentsRead>,
    ApiPath(tenant): ApiPath<String>,
    parts: Parts,
) -> Result<Response, Problem> {
    let (reading, mut noted) = Reading::of(&parts)?;
    let tenant = noted.tenant_id(&tenant);
    let tenant = noted.finish(tenant)?;
    let found = consents::get(state.ctx(), &grant, &tenant).await?;
    reading.answer(&resource(&found), changed_at(&found))
}

/// When the operator last changed the relationship, where it did.
fn changed_at(of: &ConsentOfAccount) -> Option<OffsetDateTime> {
    of.consent.consent.customer_relationship.last_modified_on
}

fn current(of: &ConsentOfAccount) -> Now {
    (resource(of).etag(), changed_at(of).unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

/// `PATCH /teamsRequestsForInformation/{tenantId}`
async fn patch(
    State(state): State<ApiState>,
    Called(grant): Called<ConsentsWrite>,
    ApiPath(tenant): ApiPath<String>,
    origin: Origin,
    parts: Parts,
    MergePatchBody(body): MergePatchBody,
) -> Result<Response, Problem> {
    let Asked { writing, mut noted, .. } = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let tenant = noted.tenant_id(&tenant);
    let patch = noted.take(read_relationship_patch(&body));
    let (tenant, patch) = noted.finish(tenant.zip(patch))?;
    let request = ChangeRequest {
        origin: &origin,
        repeat: writing.repeat.as_ref(),
        precondition: &|before: Option<&ConsentOfAccount>| writing.allows(Purpose::Write, || before.map(current)),
        make_answer: &|outcome, after: Option<&ConsentOfAccount>| {
            after.map_or_else(answer_of_deletion, |of| answer_of(outcome, &resource(of), changed_at(of)))
        },
    };
    let answer = consents::patch(state.ctx(), &grant, &request, &tenant, &patch).await;
    let answer = writing.answer(answer.map_err(|error| refused_by_service(error, false))?);
    let doubt = patch.status.as_deref().and_then(|status| doubtful_status(status, &state.ctx().policy.relationships));
    Ok(noticed(answer, doubt.as_deref()))
}
