//! Consents: who asked for service, and where the operator stands with them.

mod again;

use serde_json::json;
use time::OffsetDateTime;

use super::transact::{give_up, transact};
use super::{Ctx, Error, Origin, Result, audit_entry};
use crate::authz::{ConsentsRead, ConsentsWrite, Grant};
use crate::domain::consent::MAX_COMMENT;
use crate::domain::field::{check_ticket, filled};
use crate::domain::{Backends, FieldProblem, RelationshipChoice, SyncState, TenantId};
use crate::store::{Page, RelationshipChange, Tx, WorkKind};

pub use self::again::{refused_numbers, send_again};
pub use crate::store::{ConsentCount, ConsentFilter, ConsentRow};

/// Consents on one page.
pub const PAGE_SIZE: usize = 50;

/// One page of consents.
#[derive(Clone, Debug)]
pub struct ConsentPage {
    /// The consents, the last changed first.
    pub consents: Vec<ConsentRow>,
    /// How many match in all.
    pub matching: i64,
    /// True when older ones follow.
    pub more_after: bool,
    /// True when newer ones stand before.
    pub more_before: bool,
}

/// One page of the consents that match.
///
/// # Errors
/// When the database fails.
pub async fn list(
    ctx: &Ctx,
    _: &Grant<ConsentsRead>,
    filter: &ConsentFilter,
    page: &Page<(i64, String)>,
) -> Result<ConsentPage> {
    let mut tx = ctx.db.read_or_search(*filter != ConsentFilter::default()).await?;
    let (consents, more_before, more_after) = tx.consents_page(filter, page, PAGE_SIZE).await?;
    let matching = tx.count_consents(filter).await?;
    Ok(ConsentPage { consents, matching, more_after, more_before })
}

/// Rows of an export fetched at a time.
const EXPORT_CHUNK: usize = 1_000;
/// The key behind which the next rows of an export start.
pub type ExportKey = (i64, String);

/// Reads the next rows of an export behind `after`, and gives the key to go on behind.
///
/// # Errors
/// When the database fails.
pub async fn export(
    ctx: &Ctx,
    _: &Grant<ConsentsRead>,
    filter: &ConsentFilter,
    after: Option<ExportKey>,
) -> Result<(Vec<ConsentRow>, Option<ExportKey>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.read_or_search(*filter != ConsentFilter::default()).await?;
    let (rows, _, more) = tx.consents_page(filter, &page, EXPORT_CHUNK).await?;
    let next = rows.last().map(ConsentRow::key).filter(|_| more);
    Ok((rows, next))
}

/// How many consents there are in each status and relationship, whatever the filter.
///
/// # Errors
/// When the database fails.
pub async fn counts(ctx: &Ctx, _: &Grant<ConsentsRead>) -> Result<Vec<ConsentCount>> {
    Ok(ctx.db.read().await?.consent_counts().await?)
}

/// Every country that some consent covers, for the filter.
///
/// # Errors
/// When the database fails.
pub async fn countries(ctx: &Ctx, _: &Grant<ConsentsRead>) -> Result<Vec<String>> {
    Ok(ctx.db.read().await?.consented_countries().await?)
}

/// The consent of a tenant.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<ConsentsRead>, tenant: &TenantId) -> Result<ConsentRow> {
    ctx.db.read().await?.consent(tenant).await?.ok_or(Error::NotFound("consent"))
}

/// What a person typed to change the relationship.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationshipForm {
    /// The new status.
    pub status: String,
    /// The reason or remark.
    pub reason: String,
    /// Ticket of the change.
    pub ticket: String,
    /// The rev of the consent the form was made from.
    pub version: i64,
}

impl RelationshipForm {
    fn problems(&self, choices: &[RelationshipChoice], current: &str) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let choice = choices.iter().find(|choice| choice.value == self.status);
        if self.status.is_empty() {
            problems.push(FieldProblem::new("status", "Choose the new relationship status."));
        } else if choice.is_none() && self.status != current {
            problems.push(FieldProblem::new("status", "Choose one of the relationship statuses in the list."));
        }
        if choice.is_some_and(|choice| choice.needs_reason) && filled(&self.reason).is_none() {
            let label = choice.map_or("", |choice| choice.label.as_str());
            problems.push(FieldProblem::new(
                "reason",
                format!("Give a reason: the enterprise is told why the status is \u{201c}{label}\u{201d}."),
            ));
        }
        let count = self.reason.trim().chars().count();
        if count > MAX_COMMENT {
            problems.push(FieldProblem::new(
                "reason",
                format!("The reason has {count} characters; up to {MAX_COMMENT} are sent."),
            ));
        }
        check_ticket(filled(&self.ticket), &mut problems);
        problems
    }
}

/// What became of a change of the relationship.
#[derive(Debug)]
pub enum RelationshipUpdated {
    /// It is stored and on its way to the backend.
    Done,
    /// Somebody else changed it meanwhile. It holds the consent as they left it.
    Stale(Box<ConsentRow>),
}

/// Changes the relationship of a consent that still is at the version the form was made from.
///
/// # Errors
/// When the form has problems, there is no such consent, or the database fails.
pub async fn update_relationship(
    ctx: &Ctx,
    grant: &Grant<ConsentsWrite>,
    origin: &Origin,
    tenant: &TenantId,
    form: &RelationshipForm,
) -> Result<RelationshipUpdated> {
    let now = ctx.clock.now();
    let request_id = Ctx::new_id();
    let outcome = transact!(ctx, |tx| {
        let before = tx.consent(tenant).await?.ok_or(Error::NotFound("consent"))?;
        let relationship = &before.consent.customer_relationship;
        let problems = form.problems(&ctx.policy.relationships, &relationship.status);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let change = RelationshipChange {
            tenant,
            rev: form.version,
            status: &form.status,
            comment: filled(&form.reason),
            ticket: filled(&form.ticket),
            author: &grant.principal().name,
            request_id: &request_id,
            state: relationship_state(&ctx.policy.backends),
        };
        if !tx.set_relationship(&change, now).await? {
            return give_up(RelationshipUpdated::Stale(Box::new(before)));
        }
        want_relationship(&mut tx, &ctx.policy.backends, tenant, now).await?;
        let mut entry = audit_entry(grant, origin, "consent.relationship");
        entry.subject_kind = "consent";
        entry.subject = tenant.to_string();
        entry.before = Some(json!({"status": relationship.status, "comment": relationship.comment}).to_string());
        entry.after = Some(json!({"status": form.status, "comment": filled(&form.reason)}).to_string());
        entry.ticket = filled(&form.ticket).map(str::to_owned);
        tx.append_audit(entry, now).await?;
        RelationshipUpdated::Done
    })?;
    ctx.wake_sync().await;
    Ok(outcome)
}

/// How a change of a relationship begins: settled where there is no backend to be told.
pub(super) fn relationship_state(backends: &Backends) -> SyncState {
    if backends.of_relationships().is_some() { SyncState::Pending } else { SyncState::Synced }
}

/// Asks for the relationship with a tenant to be sent to the backend that wants to know.
pub(super) async fn want_relationship(
    tx: &mut Tx,
    backends: &Backends,
    tenant: &TenantId,
    now: OffsetDateTime,
) -> Result<()> {
    if let Some(backend) = backends.of_relationships() {
        tx.want_work(WorkKind::Relationship.at(&backend.name, tenant.as_str()), now).await?;
    }
    Ok(())
}

/// Sends a relationship that the backend refused once more.
///
/// # Errors
/// When there is no such consent or it is not waiting for that, or the database fails.
pub async fn retry_relationship(
    ctx: &Ctx,
    grant: &Grant<ConsentsWrite>,
    origin: &Origin,
    tenant: &TenantId,
) -> Result<RelationshipUpdated> {
    let row = ctx.db.read().await?.consent(tenant).await?.ok_or(Error::NotFound("consent"))?;
    if row.sync_state != SyncState::Failed {
        return Err(Error::Conflict(
            "There is nothing to retry: the backend has not refused the relationship status.".into(),
        ));
    }
    let relationship = row.consent.customer_relationship;
    let form = RelationshipForm {
        status: relationship.status,
        reason: relationship.comment.unwrap_or_default(),
        ticket: row.ticket.unwrap_or_default(),
        version: row.rev,
    };
    update_relationship(ctx, grant, origin, tenant, &form).await
}
