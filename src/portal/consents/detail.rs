//! One consent.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::relationship_chip;
use super::relationship_form::{Stale, Typed};
use crate::authz::{AccountsRead, AccountsWrite, ConsentsRead, ConsentsWrite, Grant, NumbersRead, NumbersWrite};
use crate::domain::consent::Contact;
use crate::domain::field::filled;
use crate::domain::{SyncState, TenantId};
use crate::http::{Granted, Partial, PathPart, PortalState, Problem, Routes, Shell, fragment, needs, page};
use crate::portal::api_call::{self, ApiCalls};
use crate::portal::drift::{self, DriftTile};
use crate::portal::explain::explain;
use crate::portal::form::{Choice, Errors};
use crate::portal::show::{Chip, Moment, counted};
use crate::service::accounts;
use crate::service::consents::{self, ConsentRow};
use crate::service::drift::{DriftFilter, counts as drift_counts};

pub(super) fn routes() -> Routes {
    Routes::new().get("/consents/{tenant}", needs::<ConsentsRead>(), get)
}

/// What the backend said, and our reading of it.
pub(super) struct Fault {
    code: String,
    message: String,
    target: String,
    meaning: String,
}

#[derive(Template)]
#[template(path = "consent.html", blocks = ["relationship"])]
pub(super) struct ConsentPage {
    shell: Shell,
    tenant: String,
    company: String,
    status: Chip,
    /// Numbers that were refused for want of a consent, now that it stands.
    refused: i64,
    refused_text: String,
    may_upload: bool,
    /// Why nothing can be uploaded, when the consent does not stand.
    blocked: &'static str,
    relationship: Chip,
    sync: Chip,
    pending: bool,
    comment: String,
    relationship_on: Option<Moment>,
    changed_by: String,
    sent_ticket: String,
    fault: Option<Fault>,
    contacts: Vec<Contact>,
    countries: String,
    product: String,
    operator: String,
    consented: Option<Moment>,
    modified: Option<Moment>,
    pulled: Moment,
    accounts: Vec<String>,
    may_create: bool,
    /// Kind of the button that creates an account: the main one while there is none.
    create: &'static str,
    may_write: bool,
    choices: Vec<Choice>,
    reason: String,
    ticket: String,
    version: i64,
    errors: Errors,
    stale: Option<Stale>,
    drift: Vec<DriftTile>,
    api: ApiCalls,
}

/// `GET /consents/{tenant}`
async fn get(
    State(state): State<PortalState>,
    Granted(grant): Granted<ConsentsRead>,
    PathPart(tenant): PathPart<String>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&tenant)?;
    let row = consents::get(state.ctx(), &grant, &tenant).await?;
    let typed = Typed::begin(&row);
    let template = ConsentPage::new(&state, &grant, shell, row, typed).await?;
    Ok(if partial { fragment(&template.as_relationship()) } else { page(&template) })
}

/// The tenant of an address; what cannot be one is a page that does not exist.
pub(super) fn tenant_of(text: &str) -> Result<TenantId, Problem> {
    TenantId::parse(text).map_err(|_| Problem::no_such("consent", text))
}

impl ConsentPage {
    /// The page of a consent with a form that holds what was typed.
    pub(super) async fn new(
        state: &PortalState,
        grant: &Grant<ConsentsRead>,
        shell: Shell,
        row: ConsentRow,
        typed: Typed,
    ) -> Result<Self, Problem> {
        let (ctx, person) = (state.ctx(), grant.principal());
        let configured = &ctx.policy.relationships;
        let consent = row.consent;
        let relationship = consent.customer_relationship;
        let accounts = accounts::of_tenant(ctx, &person.grant::<AccountsRead>()?, &consent.tenant_id).await?;
        let mut choices: Vec<Choice> = configured
            .iter()
            .map(|choice| {
                let hint = if choice.needs_reason { "Needs a reason, which the enterprise can read" } else { "" };
                Choice::new(&choice.value, &choice.label, &typed.status).hint(hint)
            })
            .collect();
        // A status that is not configured can stay, with another reason.
        let known = choices.iter().any(|choice| choice.value == relationship.status);
        if !known && !relationship.status.is_empty() {
            let hint = "Set by the backend; not among the configured ones";
            choices.push(Choice::new(&relationship.status, &relationship.status, &typed.status).hint(hint));
        }
        let tenant = consent.tenant_id.to_string();
        let of_tenant = DriftFilter::of_tenant(&consent.tenant_id);
        let drifted = drift_counts(ctx, &person.grant::<NumbersRead>()?, &of_tenant).await?;
        let refused = if consent.status.forbids_numbers() {
            0
        } else {
            consents::refused_numbers(ctx, grant, &consent.tenant_id).await?
        };
        let may_write = person.may::<ConsentsWrite>();
        let api = if may_write {
            api_call::of_relationship(state, &consent.tenant_id, &typed.status, filled(&typed.reason))
        } else {
            ApiCalls::default()
        };
        Ok(Self {
            shell: shell.at("consents"),
            tenant: tenant.clone(),
            company: row.company,
            status: Chip::from(&consent.status),
            refused,
            refused_text: counted(refused, "number was", "numbers were"),
            may_upload: person.may::<NumbersWrite>(),
            blocked: if consent.status.forbids_numbers() {
                "The backend takes no numbers for this enterprise until it consents again in its Teams admin \
                 centre. Numbers it has are kept."
            } else {
                ""
            },
            relationship: relationship_chip(configured, &relationship.status),
            sync: row.sync_state.into(),
            pending: row.sync_state == SyncState::Pending,
            comment: relationship.comment.unwrap_or_default(),
            relationship_on: relationship.last_modified_on.map(Moment::from),
            changed_by: row.changed_by.unwrap_or_default(),
            sent_ticket: row.ticket.unwrap_or_default(),
            fault: row.error.map(|error| Fault {
                meaning: explain(&error).text(),
                code: error.code,
                message: error.message,
                target: error.target.unwrap_or_default(),
            }),
            contacts: consent.contacts,
            countries: super::countries(&consent.consented_countries, ", "),
            product: consent.product_context,
            operator: consent.operator_id,
            consented: consent.consented_on.map(Moment::from),
            modified: consent.last_modified_on.map(Moment::from),
            pulled: row.pulled_at.into(),
            create: if accounts.is_empty() && person.may::<AccountsWrite>() { "main" } else { "" },
            accounts: accounts.into_iter().map(|account| account.name).collect(),
            may_create: person.may::<AccountsWrite>(),
            may_write,
            choices,
            reason: typed.reason,
            ticket: typed.ticket,
            version: typed.version.unwrap_or(row.rev),
            errors: typed.errors,
            stale: typed.stale,
            drift: drift::tiles(&drifted, Some(("tenant", &tenant))),
            api,
        })
    }
}
