//! Numbers for what routes calls: an own path that is no part of the contract and needs no version of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use super::noted::{Noted, refused};
use super::query::Parameters;
use crate::authz::NumbersRead;
use crate::http::{ApiPath, ApiRoutes, ApiState, Called, Problem, needs};
use crate::service::call_path::{self, Cursor};
use crate::wire::{CallPathForm, CallPathNumbers};

pub(super) fn routes() -> ApiRoutes {
    ApiRoutes::new().get("/call-path/numbers/{number}", needs::<NumbersRead>(), look_up).get(
        "/call-path/numbers",
        needs::<NumbersRead>(),
        feed,
    )
}

fn form(state: &ApiState) -> CallPathForm<'_> {
    let policy = &state.ctx().policy;
    CallPathForm { zones: policy.zones.as_ref(), header: &policy.sip_header }
}

/// `GET /call-path/numbers/{telephoneNumber}`
async fn look_up(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersRead>,
    ApiPath(number): ApiPath<String>,
    parts: Parts,
) -> Result<Response, Problem> {
    let mut noted = Noted::default();
    noted.parameters(&Parameters::read(parts.uri.query(), &[]));
    let number = noted.telephone_number(&number);
    let number = noted.finish(number)?;
    let found = call_path::number(state.ctx(), &grant, number).await?.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "No such number",
            format!("No account has the number {number}, or it is being released."),
        )
    })?;
    Ok(axum::Json(form(&state).number(found)).into_response())
}

/// `GET /call-path/numbers`
async fn feed(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersRead>,
    parts: Parts,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::read(parts.uri.query(), &["cursor"]);
    let cursor = parameters.text("cursor").map(Cursor::decode);
    if cursor == Some(None) {
        parameters.refuse(
            "invalid_cursor",
            "cursor",
            "This is no cursor of this feed. Send the last one as it was given, or none to begin with all numbers.",
        );
    }
    parameters.finish().map_err(refused)?;
    let page = call_path::feed(state.ctx(), &grant, cursor.flatten().as_ref()).await?.ok_or_else(|| {
        Problem::new(
            StatusCode::GONE,
            "cursor_gone",
            "Begin with all numbers",
            "What changed since this cursor cannot be told: it is of another database, of one that was brought back \
             from a backup, or of another configuration. Begin anew without a cursor, with all numbers.",
        )
        .at("cursor")
    })?;
    let form = form(&state);
    let page = CallPathNumbers {
        numbers: page.numbers.into_iter().map(|number| form.number(number)).collect(),
        removed: page.removed.iter().map(ToString::to_string).collect(),
        full: page.full,
        more: page.more,
        cursor: page.next.encode(),
    };
    Ok(axum::Json(page).into_response())
}
