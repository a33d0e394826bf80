//! Changing where the operator stands with an enterprise.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::detail::{ConsentPage, tenant_of};
use super::relationship_word;
use crate::authz::{ConsentsRead, ConsentsWrite};
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, Shell, invalid, needs, page_with,
    see_other_with,
};
use crate::portal::form::{Errors, checked};
use crate::portal::origin;
use crate::portal::show::Moment;
use crate::service::consents::{self, ConsentRow, RelationshipForm, RelationshipUpdated};

pub(super) fn routes() -> Routes {
    Routes::new().post("/consents/{tenant}/relationship", needs::<ConsentsWrite>(), update).post(
        "/consents/{tenant}/retry",
        needs::<ConsentsWrite>(),
        retry,
    )
}

/// What stands in the form.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) ticket: String,
    /// The version the form was made from. `None` means the one that is now.
    pub(super) version: Option<i64>,
    pub(super) errors: Errors,
    pub(super) stale: Option<Stale>,
}

impl Typed {
    /// A form that begins with what is.
    pub(super) fn begin(row: &ConsentRow) -> Self {
        Self { status: row.consent.customer_relationship.status.clone(), ..Self::default() }
    }
}

/// Both versions, when somebody else was faster.
pub(super) struct Stale {
    /// What they left, and who they are.
    pub(super) theirs: Version,
    /// What was typed here.
    pub(super) yours: Version,
    /// Who changed it; empty when the backend did.
    pub(super) by: String,
    /// When they changed it.
    pub(super) at: Option<Moment>,
}

/// One of two versions of a relationship.
pub(super) struct Version {
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) ticket: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentRelationship {
    status: String,
    reason: String,
    ticket: String,
    version: String,
}

/// `POST /consents/{tenant}/relationship`
async fn update(
    State(state): State<PortalState>,
    Granted(grant): Granted<ConsentsWrite>,
    Granted(read): Granted<ConsentsRead>,
    PathPart(tenant): PathPart<String>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentRelationship>,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let tenant = tenant_of(&tenant)?;
    let form = RelationshipForm {
        status: sent.status,
        reason: sent.reason.replace("\r\n", "\n"),
        ticket: sent.ticket,
        // No rev is 0, so a version that cannot be read is one that is no longer current.
        version: sent.version.parse().unwrap_or(0),
    };
    let outcome = checked(consents::update_relationship(ctx, &grant, &origin(&info), &tenant, &form).await)?;
    let typed = |form: RelationshipForm| Typed {
        status: form.status,
        reason: form.reason,
        ticket: form.ticket,
        ..Typed::default()
    };
    match outcome {
        Ok(RelationshipUpdated::Done) => {
            let word = relationship_word(&ctx.policy.relationships, &form.status);
            let text = format!("The relationship status is \u{201c}{word}\u{201d} and is on its way to the backend.");
            Ok(see_other_with(&format!("/consents/{tenant}"), Flash::success(text)))
        }
        Ok(RelationshipUpdated::Stale(row)) => {
            let stale = stale(&row, &form, |status| relationship_word(&ctx.policy.relationships, status).to_owned());
            let typed = Typed { stale: Some(stale), ..typed(form) };
            let page = ConsentPage::new(&state, &read, shell, *row, typed).await?;
            Ok(page_with(StatusCode::CONFLICT, &page))
        }
        Err(errors) => {
            let row = consents::get(ctx, &read, &tenant).await?;
            // The version that was sent stays: what changed meanwhile is still to be told.
            let typed = Typed { errors, version: Some(form.version), ..typed(form) };
            Ok(invalid(&ConsentPage::new(&state, &read, shell, row, typed).await?))
        }
    }
}

fn stale(row: &ConsentRow, form: &RelationshipForm, word: impl Fn(&str) -> String) -> Stale {
    let relationship = &row.consent.customer_relationship;
    Stale {
        theirs: Version {
            status: word(&relationship.status),
            reason: relationship.comment.clone().unwrap_or_default(),
            ticket: row.ticket.clone().unwrap_or_default(),
        },
        yours: Version { status: word(&form.status), reason: form.reason.clone(), ticket: form.ticket.clone() },
        by: row.changed_by.clone().unwrap_or_default(),
        at: relationship.last_modified_on.map(Moment::from),
    }
}

/// `POST /consents/{tenant}/retry`
async fn retry(
    State(state): State<PortalState>,
    Granted(grant): Granted<ConsentsWrite>,
    PathPart(tenant): PathPart<String>,
    Info(info): Info,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&tenant)?;
    let flash = match consents::retry_relationship(state.ctx(), &grant, &origin(&info), &tenant).await? {
        RelationshipUpdated::Done => Flash::success("The relationship status is on its way to the backend again."),
        RelationshipUpdated::Stale(_) => {
            Flash::warning("Somebody changed the relationship in this moment. Nothing was sent; look at it again.")
        }
    };
    Ok(see_other_with(&format!("/consents/{tenant}"), flash))
}
