//! Changing where the operator stands with an enterprise.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::detail::{ConsentPage, tenant_of};
use super::relationship_form::{Stale, Typed};
use super::relationship_word;
use crate::authz::{ConsentsRead, ConsentsWrite, NumbersWrite};
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, Shell, invalid, needs, page_with,
    see_other_with,
};
use crate::portal::form::checked;
use crate::portal::origin;
use crate::portal::show::counted;
use crate::service::Error;
use crate::service::consents::{self, RelationshipForm, RelationshipUpdated};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/consents/{tenant}/relationship", needs::<ConsentsWrite>(), update)
        .post("/consents/{tenant}/retry", needs::<ConsentsWrite>(), retry)
        .post("/consents/{tenant}/numbers", needs::<NumbersWrite>(), numbers_again)
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
            let text = format!(
                "The relationship status \u{201c}{word}\u{201d} is saved. \u{201c}At the backend\u{201d} says whether the backend has it."
            );
            Ok(see_other_with(&format!("/consents/{tenant}"), Flash::success(text)))
        }
        Ok(RelationshipUpdated::Stale(row)) => {
            let stale =
                Stale::new(&row, &form, |status| relationship_word(&ctx.policy.relationships, status).to_owned());
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

/// `POST /consents/{tenant}/numbers`: what was refused while the consent did not stand is sent again.
async fn numbers_again(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    PathPart(tenant): PathPart<String>,
    Info(info): Info,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&tenant)?;
    let flash = match consents::send_again(state.ctx(), &grant, &origin(&info), &tenant).await {
        Ok(sent) => Flash::success(format!("{} sent again.", counted(sent, "number is", "numbers are"))),
        Err(Error::Conflict(why)) => Flash::warning(why),
        Err(error) => return Err(error.into()),
    };
    Ok(see_other_with(&format!("/consents/{tenant}"), flash))
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
