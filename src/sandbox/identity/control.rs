//! The switches of the identity provider, for tests and for trying things out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Identity;

const DEFAULT_TOKEN_SECONDS: i64 = 3_600;

/// What goes wrong with the identity provider.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Faults {
    /// Every connection is cut.
    pub(super) down: bool,
    /// How long ID and access tokens are good for.
    pub(super) token_seconds: i64,
}

impl Default for Faults {
    fn default() -> Self {
        Self { down: false, token_seconds: DEFAULT_TOKEN_SECONDS }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FaultsChange {
    #[serde(default)]
    down: Option<bool>,
    #[serde(default)]
    token_seconds: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Rotation {
    #[serde(default)]
    drop: bool,
}

#[derive(Deserialize)]
pub(super) struct Roles {
    roles: Vec<String>,
}

/// `PUT /_rotate?drop=true`
pub(super) async fn rotate(State(identity): State<Arc<Identity>>, Query(rotation): Query<Rotation>) -> Response {
    match identity.keys.rotate(rotation.drop).await {
        Ok(kid) => Json(json!({ "kid": kid })).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `PUT /_people/{person}`
pub(super) async fn set_roles(
    State(identity): State<Arc<Identity>>,
    Path(key): Path<String>,
    Json(roles): Json<Roles>,
) -> Response {
    let mut provider = identity.state();
    let Some(person) = provider.people.iter_mut().find(|person| person.key == key) else {
        return (StatusCode::NOT_FOUND, Json(json!({ "error": format!("there is no person {key}") }))).into_response();
    };
    person.roles = roles.roles;
    Json(json!({ "person": person.key, "roles": person.roles })).into_response()
}

/// `PUT /_faults`
pub(super) async fn set_faults(
    State(identity): State<Arc<Identity>>,
    Json(change): Json<FaultsChange>,
) -> Json<Faults> {
    let faults = &mut identity.state().faults;
    faults.down = change.down.unwrap_or(faults.down);
    faults.token_seconds = change.token_seconds.unwrap_or(faults.token_seconds);
    Json(faults.clone())
}
