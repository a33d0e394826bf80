//! A pretend Operator Connect that speaks the protocol of docs/operator-connect-backend.md.

mod behind;
mod control;
mod distort;
mod examples;
mod faults;
mod jobs;
mod kept;
mod rules;
mod state;
mod tenant;
mod wire;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::clock;
use super::identity::{Identity, bearer};
use crate::domain::consent::MAX_COMMENT;
use crate::domain::{CustomerRelationship, E164, TenantId};
use faults::Faults;
use jobs::Job;
pub(super) use kept::KeptWorld;
use wire::{Order, PageRequest, Refusal, ReleaseBody, UploadBody, check_request_id, read};
use world::World;

type Oc = State<Arc<OperatorConnect>>;
type Answer = Result<Response, Refusal>;

/// The backend.
#[derive(Debug)]
pub(super) struct OperatorConnect {
    identity: Arc<Identity>,
    world: Mutex<World>,
}

impl OperatorConnect {
    /// Makes a backend that accepts tokens of this identity provider.
    pub(super) fn new(identity: Arc<Identity>, with_examples: bool) -> Result<Self, serde_json::Error> {
        let world = if with_examples { examples::world()? } else { World::default() };
        Ok(Self { identity, world: Mutex::new(world) })
    }

    /// Makes a backend that goes on where another stopped.
    pub(super) fn resume(identity: Arc<Identity>, kept: KeptWorld) -> Result<Self, &'static str> {
        Ok(Self { identity, world: Mutex::new(World::resume(kept, Instant::now())?) })
    }

    /// Returns what outlives a restart.
    pub(super) fn keep(&self) -> KeptWorld {
        self.world().keep(Instant::now())
    }

    /// Grows with every change.
    pub(super) fn revision(&self) -> u64 {
        self.world().revision()
    }

    /// Returns the world as it is at this moment.
    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(Instant::now());
        world
    }
}

pub(super) fn routes(oc: Arc<OperatorConnect>) -> Router {
    let control = Router::new()
        .route("/_state", get(control::state))
        .route("/_faults", put(control::set_faults).get(control::faults))
        .route("/_consents", post(control::put_consent))
        .route("/_civic-addresses", post(control::put_civic_address))
        .route("/_assign", post(control::assign))
        .route("/_unassign", post(control::unassign))
        .route("/_release", post(control::release))
        .route("/_hold", post(behind::hold))
        .route("/_change", post(behind::change));
    Router::new()
        .route("/consents", get(consents))
        .route("/consents/{tenant}/relationship", put(update_relationship))
        .route("/tenants/{tenant}/capability-plans", get(capability_plans))
        .route("/tenants/{tenant}/civic-addresses", get(civic_addresses))
        .route("/tenants/{tenant}/uploads", post(upload))
        .route("/tenants/{tenant}/releases", post(release))
        .route("/tenants/{tenant}/jobs", get(find_job))
        .route("/tenants/{tenant}/jobs/{job}", get(job))
        .route("/tenants/{tenant}/numbers", get(numbers))
        .fallback(|| async {
            Refusal::new(StatusCode::NOT_FOUND, "NotFound", "There is nothing at this address.", None)
        })
        .layer(from_fn_with_state(Arc::clone(&oc), admit))
        .merge(control)
        .with_state(oc)
}

/// Whether the answer from this path tells how far jobs have got. That changes by itself.
pub(super) fn tells_of_jobs(path: &str) -> bool {
    path.contains("/jobs") || path.ends_with("/_state")
}

/// Plays the faults, and lets nobody in without a token.
async fn admit(State(oc): Oc, request: Request, next: Next) -> Response {
    let faults = oc.world().faults.clone();
    let faults = if faults.concern(request.uri().path()) { faults } else { Faults::default() };
    if faults.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
    }
    if let Some(response) = faults.instead_of_work() {
        return response;
    }
    let admitted = match bearer(request.headers()) {
        Some(token) => oc.identity.accepts(token).await,
        None => false,
    };
    if !admitted {
        let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized", "A valid bearer token is needed.", None);
        return ([(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response();
    }
    let answer = next.run(distort::request(&faults, request)).await;
    faults.on_the_way_back(distort::answer(&faults, answer).await)
}

fn tenant_id(text: &str) -> Result<TenantId, Refusal> {
    TenantId::parse(text).map_err(|why| Refusal::invalid(format!("{text}: {why}."), "tenantId"))
}

async fn consents(State(oc): Oc, Query(page): Query<PageRequest>) -> Answer {
    let world = oc.world();
    let after = |id: &str| page.cursor().is_none_or(|cursor| id > cursor);
    let items = world.tenants.iter().filter(|(id, _)| after(id.as_str()));
    let items = items.filter_map(|(id, tenant)| Some((id.to_string(), tenant.consent.as_ref()?)));
    Ok(Json(page.page(items)?).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelationshipBody {
    request_id: String,
    status: String,
    #[serde(default)]
    comment: Option<String>,
}

async fn update_relationship(State(oc): Oc, Path(tenant): Path<String>, body: Bytes) -> Answer {
    let id = tenant_id(&tenant)?;
    let RelationshipBody { request_id, status, comment } = read(&body)?;
    let request_id = check_request_id(request_id)?;
    if status.is_empty() {
        return Err(Refusal::invalid("status must not be empty.", "status"));
    }
    if comment.as_deref().is_some_and(|comment| comment.chars().count() > MAX_COMMENT) {
        return Err(Refusal::invalid(format!("comment may have {MAX_COMMENT} characters."), "comment"));
    }
    let mut world = oc.world();
    let tenant = world.tenant(&id);
    let Some(consent) = tenant.consent.as_mut() else {
        let message = format!("Tenant {id} has given no consent.");
        return Err(Refusal::new(StatusCode::NOT_FOUND, "ConsentNotFound", message, Some("tenantId")));
    };
    let wanted = (status, comment);
    match tenant.relationship_requests.get(&request_id) {
        Some(done) if *done != wanted => {
            let message = "This requestId was used for another request.";
            return Err(Refusal::new(StatusCode::CONFLICT, "RequestIdConflict", message, Some("requestId")));
        }
        Some(_) => {}
        None => {
            let (status, comment) = wanted.clone();
            let relationship = CustomerRelationship { status, comment, last_modified_on: Some(clock::now()) };
            consent.0.insert("customerRelationship".to_owned(), json!(relationship));
            tenant.relationship_requests.insert(request_id, wanted);
        }
    }
    Ok(Json(consent.0.get("customerRelationship")).into_response())
}

async fn capability_plans(Path(tenant): Path<String>) -> Answer {
    tenant_id(&tenant)?;
    Ok(Json(json!({ "capabilityPlans": rules::PLANS })).into_response())
}

async fn civic_addresses(State(oc): Oc, Path(tenant): Path<String>, Query(page): Query<PageRequest>) -> Answer {
    let id = tenant_id(&tenant)?;
    let world = oc.world();
    let addresses = world.tenants.get(&id).into_iter().flat_map(|tenant| &tenant.civic_addresses);
    let items = addresses.filter(|(id, _)| page.cursor().is_none_or(|cursor| id.as_str() > cursor));
    Ok(Json(page.page(items.map(|(id, address)| (id.clone(), address)))?).into_response())
}

async fn upload(State(oc): Oc, Path(tenant): Path<String>, body: Bytes) -> Answer {
    start(&oc, &tenant, read::<UploadBody>(&body)?.check()?)
}

async fn release(State(oc): Oc, Path(tenant): Path<String>, body: Bytes) -> Answer {
    start(&oc, &tenant, read::<ReleaseBody>(&body)?.check()?)
}

fn start(oc: &OperatorConnect, tenant: &str, order: Order) -> Answer {
    let (id, now) = (tenant_id(tenant)?, Instant::now());
    Ok(job_answer(StatusCode::ACCEPTED, oc.world().start(&id, order, now)?, now))
}

async fn job(State(oc): Oc, Path((tenant, job)): Path<(String, String)>) -> Answer {
    let id = tenant_id(&tenant)?;
    Ok(job_answer(StatusCode::OK, oc.world().job(&id, &job)?, Instant::now()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobQuery {
    #[serde(default)]
    request_id: String,
}

async fn find_job(State(oc): Oc, Path(tenant): Path<String>, Query(query): Query<JobQuery>) -> Answer {
    let id = tenant_id(&tenant)?;
    Ok(job_answer(StatusCode::OK, oc.world().job_of_request(&id, &query.request_id)?, Instant::now()))
}

fn job_answer(status: StatusCode, job: &Job, now: Instant) -> Response {
    let mut response = (status, Json(job.view())).into_response();
    if let Some(seconds) = job.retry_after(now) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

async fn numbers(State(oc): Oc, Path(tenant): Path<String>, Query(page): Query<PageRequest>) -> Answer {
    let id = tenant_id(&tenant)?;
    let cursor = page.cursor().map(E164::parse_wire).transpose();
    let cursor = cursor.map_err(|_| Refusal::invalid("cursor is not one of ours.", "cursor"))?;
    let world = oc.world();
    let items = world.tenants.get(&id).into_iter().flat_map(|tenant| tenant.numbers_after(cursor));
    let items = items.map(|(number, held)| (number.to_string(), held.view(number)));
    Ok(Json(page.page(items)?).into_response())
}
