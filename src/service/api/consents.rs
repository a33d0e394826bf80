//! Requests for information (consents) whose customer relationship a program changes.

use serde_json::json;

use super::{ApiAnswer, ChangeRequest, Outcome};
use crate::authz::{ConsentsRead, ConsentsWrite, Grant};
use crate::domain::consent::RelationshipPatch;
use crate::domain::nearest::nearest;
use crate::domain::{RelationshipChoice, SyncState, TenantId};
use crate::service::consents::{relationship_state, want_relationship};
use crate::service::transact::{give_up, transact_together};
use crate::service::{Ctx, Error, ItemProblem, Result, audit_entry};
use crate::store::{ConsentRow, RelationshipChange, Tx};

/// A consent with the account of its tenant. Of several accounts it has the first by name.
#[derive(Clone, Debug)]
pub struct ConsentOfAccount {
    /// The consent.
    pub consent: ConsentRow,
    /// Name of the account.
    pub account: Option<String>,
}

impl ConsentOfAccount {
    /// The consent of a tenant.
    async fn of(tx: &mut Tx, tenant: &TenantId) -> Result<Self> {
        let consent = tx.consent(tenant).await?.ok_or(Error::NotFound("request for information"))?;
        Ok(consent.into())
    }
}

impl From<ConsentRow> for ConsentOfAccount {
    fn from(consent: ConsentRow) -> Self {
        Self { account: consent.account.clone(), consent }
    }
}

/// The request for information of a tenant.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<ConsentsRead>, tenant: &TenantId) -> Result<ConsentOfAccount> {
    ConsentOfAccount::of(&mut ctx.db.read().await?, tenant).await
}

/// A status that needs a reason is refused without one, as it is in the portal.
fn check_reason(
    choices: &[RelationshipChoice],
    patch: &RelationshipPatch,
    status: &str,
    comment: Option<&str>,
) -> Result<()> {
    // A slip in the word is no way around.
    let meant = nearest(status, choices.iter().map(|choice| choice.value.as_str()));
    let is_meant = |choice: &&RelationshipChoice| choice.value == status || Some(choice.value.as_str()) == meant;
    let needs_reason = choices.iter().filter(is_meant).any(|choice| choice.needs_reason);
    if *patch == RelationshipPatch::default() || !needs_reason || comment.is_some_and(|text| !text.trim().is_empty()) {
        return Ok(());
    }
    Err(Error::Items(vec![ItemProblem {
        index: 0,
        property: "customerRelationship.comment".to_owned(),
        code: "missing_property",
        message: format!("The status {status} needs a reason, which the enterprise is told. Send it as comment."),
        conflict: false,
    }]))
}

/// Changes the customer relationship of a tenant's consent.
///
/// # Errors
/// When there is no such consent, the precondition does not hold, or the database fails.
pub async fn patch(
    ctx: &Ctx,
    grant: &Grant<ConsentsWrite>,
    request: &ChangeRequest<'_, ConsentOfAccount>,
    tenant: &TenantId,
    patch: &RelationshipPatch,
) -> Result<ApiAnswer> {
    let request_id = Ctx::new_id();
    let answer = transact_together!(ctx, |tx| {
        let now = ctx.clock.now();
        if let Some(answer) = request.earlier_answer(&mut tx, grant.principal(), now).await? {
            return give_up(answer);
        }
        let before = tx.consent_locked(tenant).await?.ok_or(Error::NotFound("request for information"))?;
        let before = ConsentOfAccount::from(before);
        (request.precondition)(Some(&before))?;
        let relationship = &before.consent.consent.customer_relationship;
        let (status, comment) = patch.applied(relationship);
        check_reason(&ctx.policy.relationships, patch, &status, comment.as_deref())?;
        let stands = status == relationship.status && comment == relationship.comment;
        if !stands || before.consent.sync_state == SyncState::Failed {
            let change = RelationshipChange {
                tenant,
                rev: before.consent.rev,
                status: &status,
                comment: comment.as_deref(),
                ticket: None,
                author: &grant.principal().name,
                request_id: &request_id,
                state: relationship_state(&ctx.policy.backends),
            };
            if !tx.set_relationship(&change, now).await? {
                return Err(Error::Overtaken(
                    "The request for information changed at the same moment. Send the request again.".into(),
                ));
            }
            want_relationship(&mut tx, &ctx.policy.backends, tenant, now).await?;
            let mut entry = audit_entry(grant, request.origin, "consent.relationship");
            entry.subject_kind = "consent";
            entry.subject = tenant.to_string();
            entry.before = Some(json!({"status": relationship.status, "comment": relationship.comment}).to_string());
            entry.after = Some(json!({"status": status, "comment": comment}).to_string());
            tx.append_audit(entry, now).await?;
        }
        let after = ConsentOfAccount::of(&mut tx, tenant).await?;
        request.answer(&mut tx, grant.principal(), Outcome::Done, Some(&after), now).await?
    })?;
    ctx.wake_sync().await;
    Ok(answer)
}
