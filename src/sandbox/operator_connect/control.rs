//! The sandbox's own routes: they play the enterprise's administrator, and set what goes wrong.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;

use super::faults::{Faults, FaultsChange};
use super::tenant::ConsentAsSent;
use super::wire::{Refusal, read};
use super::world::World;
use super::{Answer, Oc, tenant_id};
use crate::domain::{CivicAddress, E164, Location, TenantId};
use crate::sandbox::clock;

/// `GET /_state`
pub(super) async fn state(State(oc): Oc) -> Response {
    Json(&*oc.world()).into_response()
}

/// `GET /_faults`
pub(super) async fn faults(State(oc): Oc) -> Json<Faults> {
    Json(oc.world().faults.clone())
}

/// `PUT /_faults`
pub(super) async fn set_faults(State(oc): Oc, body: Bytes) -> Answer {
    let change: FaultsChange = read(&body)?;
    let mut world = oc.world();
    world.faults.change(change);
    Ok(Json(&world.faults).into_response())
}

/// `POST /_consents`
pub(super) async fn put_consent(State(oc): Oc, body: Bytes) -> Answer {
    let given: Map<String, Value> = read(&body)?;
    Ok(Json(add_consent(&mut oc.world(), given)?).into_response())
}

/// `POST /_civic-addresses`
pub(super) async fn put_civic_address(State(oc): Oc, body: Bytes) -> Answer {
    let given: Map<String, Value> = read(&body)?;
    Ok(Json(add_civic_address(&mut oc.world(), given)?).into_response())
}

/// Adds a consent, or changes the given members of the tenant's consent. They are sent as they are given, also those that
/// nobody can read.
pub(super) fn add_consent(world: &mut World, given: Map<String, Value>) -> Result<ConsentAsSent, Refusal> {
    let tenant = world.tenant(&tenant_of(&given)?);
    let now = clock::now().format(&Rfc3339).unwrap_or_default();
    let mut value = match &tenant.consent {
        Some(consent) => json!(consent),
        None => json!({
            "id": clock::new_id(), "productContext": "teams", "operatorId": "sandbox-operator", "status": "active",
            "consentedOn": now, "consentedCountries": ["UK", "US"],
            "customerRelationship": { "status": "ConsentAcknowledged", "lastModifiedOn": now }
        }),
    };
    overlay(&mut value, "lastModifiedOn", Value::String(now));
    for (name, member) in given {
        overlay(&mut value, &name, member);
    }
    let consent: ConsentAsSent = serde_json::from_value(value).map_err(|error| unreadable(&error))?;
    tenant.consent = Some(consent.clone());
    Ok(consent)
}

/// Adds or replaces an address; ids that are missing are made up, and so is the default location.
pub(super) fn add_civic_address(world: &mut World, mut given: Map<String, Value>) -> Result<CivicAddress, Refusal> {
    let tenant = world.tenant(&tenant_of(&given)?);
    let id = text(&given, "id").unwrap_or_else(clock::new_id);
    given.insert("id".to_owned(), json!(id));
    given.entry("validationStatus").or_insert_with(|| json!("validated"));
    let locations = given.entry("locations").or_insert_with(|| json!([]));
    for location in locations.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        location.entry("id").or_insert_with(|| json!(clock::new_id()));
        location.insert("civicAddressId".to_owned(), json!(id));
    }
    let mut address: CivicAddress = serde_json::from_value(Value::Object(given)).map_err(|error| unreadable(&error))?;
    if let Some(location) = address.locations.iter().find(|location| location.is_default) {
        address.default_location_id.clone_from(&location.id);
    } else {
        let (location_id, civic_address_id) = (clock::new_id(), id.clone());
        address.default_location_id.clone_from(&location_id);
        let default = Location { id: location_id, civic_address_id, is_default: true, ..Location::default() };
        address.locations.insert(0, default);
    }
    tenant.civic_addresses.insert(id, address.clone());
    Ok(address)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TenantNumbers {
    tenant_id: TenantId,
    numbers: Vec<E164>,
}

/// `POST /_assign`
pub(super) async fn assign(State(oc): Oc, body: Bytes) -> Answer {
    each(&body, |tenant, number| oc.world().assign(tenant, number, true))
}

/// `POST /_unassign`
pub(super) async fn unassign(State(oc): Oc, body: Bytes) -> Answer {
    each(&body, |tenant, number| oc.world().assign(tenant, number, false))
}

/// `POST /_release`
pub(super) async fn release(State(oc): Oc, body: Bytes) -> Answer {
    each(&body, |tenant, number| oc.world().take_away(tenant, number))
}

fn each(body: &[u8], act: impl Fn(&TenantId, E164) -> bool) -> Result<Response, Refusal> {
    let TenantNumbers { tenant_id, numbers } = read(body)?;
    let (done, unknown): (Vec<E164>, Vec<E164>) = numbers.into_iter().partition(|number| act(&tenant_id, *number));
    Ok(Json(json!({ "done": done, "unknown": unknown })).into_response())
}

fn tenant_of(given: &Map<String, Value>) -> Result<TenantId, Refusal> {
    tenant_id(&text(given, "tenantId").unwrap_or_default())
}

fn text(given: &Map<String, Value>, name: &str) -> Option<String> {
    given.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn overlay(value: &mut Value, name: &str, member: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(name.to_owned(), member);
    }
}

fn unreadable(error: &serde_json::Error) -> Refusal {
    Refusal::invalid(format!("The body cannot be read: {error}."), "body")
}
