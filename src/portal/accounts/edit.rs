//! Creating an account, and changing one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::form::{self, DirectRoutingFields, SentAccount, ServiceField};
use crate::authz::{AccountsRead, AccountsWrite, ConsentsRead, Grant};
use crate::domain::field::filled;
use crate::domain::{AccountForm, Service, ServiceSet, TenantId};
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, QueryString, Routes, Shell, invalid, needs, page,
    page_with, see_other_with,
};
use crate::portal::api_call::{self, ApiCalls};
use crate::portal::form::{Errors, checked};
use crate::portal::origin;
use crate::portal::show::Moment;
use crate::service::accounts::{self, Updated};
use crate::service::{Ctx, Error, consents};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/accounts/new", needs::<AccountsWrite>(), new)
        .post("/accounts/new", needs::<AccountsWrite>(), create)
        .get("/accounts/{name}/edit", needs::<AccountsWrite>(), edit)
        .post("/accounts/{name}/edit", needs::<AccountsWrite>(), update)
}

/// A line of the comparison of two versions.
struct ComparedLine {
    what: &'static str,
    theirs: String,
    yours: String,
}

#[derive(Template)]
#[template(path = "account_form.html")]
struct FormPage {
    shell: Shell,
    /// Name of the account that is changed; empty for a new one.
    name: String,
    form: AccountForm,
    services: Vec<ServiceField>,
    /// Nothing where Direct Routing is not among the services.
    direct_routing: Option<DirectRoutingFields>,
    version: i64,
    errors: Errors,
    stale: Vec<ComparedLine>,
    stale_at: Option<Moment>,
    /// The enterprise of the tenant, where a consent tells it.
    company: String,
    /// Accounts the tenant has already.
    others: Vec<String>,
    /// What the form does, once it was sent.
    api: ApiCalls,
}

impl FormPage {
    /// `kept` are the services of the account that is changed, which are shown though they may not be offered here.
    fn new(ctx: &Ctx, shell: Shell, form: AccountForm, kept: ServiceSet) -> Self {
        let services = form::fields(ctx, &form, kept);
        let has_routing = services.iter().any(|service| service.key == Service::DirectRouting.key());
        Self {
            shell: shell.at("accounts"),
            direct_routing: has_routing.then(|| form::direct_routing(ctx, &form)),
            services,
            name: String::new(),
            version: 0,
            errors: Errors::default(),
            stale: Vec::new(),
            stale_at: None,
            company: String::new(),
            others: Vec::new(),
            api: ApiCalls::default(),
            form,
        }
    }

    /// Says whose account this becomes, and which the tenant has already.
    async fn with_tenant(mut self, ctx: &Ctx, grant: &Grant<AccountsWrite>) -> Result<Self, Problem> {
        let Ok(tenant) = TenantId::parse(&self.form.tenant_id) else { return Ok(self) };
        let person = grant.principal();
        match consents::get(ctx, &person.grant::<ConsentsRead>()?, &tenant).await {
            Ok(row) => self.company = row.company,
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let accounts = accounts::of_tenant(ctx, &person.grant::<AccountsRead>()?, &tenant).await?;
        self.others = accounts.into_iter().map(|account| account.name).collect();
        Ok(self)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NewAccountQuery {
    tenant: String,
}

/// `GET /accounts/new`
async fn new(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsWrite>,
    QueryString(wanted): QueryString<NewAccountQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let tenant = TenantId::parse(&wanted.tenant).ok();
    let mut form = accounts::suggestion(ctx, &grant, tenant.as_ref()).await?;
    let mut errors = Errors::default();
    if tenant.is_none() && filled(&wanted.tenant).is_some() {
        form.tenant_id.clone_from(&wanted.tenant);
        errors = form
            .check(ctx.policy.zones.as_ref())
            .err()
            .unwrap_or_default()
            .into_iter()
            .filter(|problem| problem.field == "tenant")
            .collect::<Vec<_>>()
            .into();
    }
    Ok(page(&FormPage {
        errors,
        ..FormPage::new(ctx, shell, form, ServiceSet::default()).with_tenant(ctx, &grant).await?
    }))
}

/// `POST /accounts/new`
async fn create(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsWrite>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentAccount>,
) -> Result<Response, Problem> {
    let form = sent.form(state.ctx());
    match checked(accounts::create(state.ctx(), &grant, &origin(&info), &form).await)? {
        Ok(account) => {
            let text = if account.direct_routing.is_some() {
                format!("Account {} is created. Next: hand its names over to the enterprise.", account.name)
            } else {
                format!("Account {} is created. Next: upload its numbers.", account.name)
            };
            Ok(see_other_with(&format!("/accounts/{}", account.name), Flash::success(text)))
        }
        Err(errors) => {
            let api = api_call::of_account_form(&state, &form, None);
            let page = FormPage::new(state.ctx(), shell, form, ServiceSet::default());
            Ok(invalid(&FormPage { errors, api, ..page.with_tenant(state.ctx(), &grant).await? }))
        }
    }
}

/// `GET /accounts/{name}/edit`
async fn edit(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsWrite>,
    Granted(read): Granted<AccountsRead>,
    PathPart(name): PathPart<String>,
    shell: Shell,
) -> Result<Response, Problem> {
    let account = accounts::get(state.ctx(), &read, &name).await?;
    let version = account.rev;
    let form = FormPage::new(state.ctx(), shell, form::of(&account), account.services);
    let form = form.with_tenant(state.ctx(), &grant).await?;
    Ok(page(&FormPage { name, version, ..form }))
}

/// `POST /accounts/{name}/edit`
async fn update(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsWrite>,
    Granted(read): Granted<AccountsRead>,
    PathPart(name): PathPart<String>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentAccount>,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    // No rev is 0, so a version that cannot be read is one that is no longer current.
    let version = sent.version.parse().unwrap_or(0);
    let form = AccountForm { name: name.clone(), ..sent.form(ctx) };
    let outcome = checked(accounts::update(ctx, &grant, &origin(&info), &name, version, &form).await)?;
    match outcome {
        Ok(Updated::Done(account)) => {
            let text = format!("Account {} is changed.", account.name);
            Ok(see_other_with(&format!("/accounts/{}", account.name), Flash::success(text)))
        }
        Ok(Updated::Stale(account)) if account.deleting => Err(Problem::conflict(
            "This account is being deleted",
            format!("Account {name} goes with the last of its numbers and can no longer be changed."),
        )),
        Ok(Updated::Stale(account)) => {
            let theirs = form::described(ctx, &form::of(&account));
            let stale = theirs.into_iter().zip(form::described(ctx, &form));
            let stale = stale.map(|((what, theirs), (_, yours))| ComparedLine { what, theirs, yours }).collect();
            let over = form.over(&account, ctx.policy.backends.provisioned());
            let api = api_call::of_account_form(&state, &over, Some(&account));
            let page = FormPage::new(ctx, shell, form, account.services).with_tenant(ctx, &grant).await?;
            let (version, stale_at) = (account.rev, Some(account.updated_at.into()));
            Ok(page_with(StatusCode::CONFLICT, &FormPage { name, version, stale, stale_at, api, ..page }))
        }
        Err(errors) => {
            let account = accounts::get(ctx, &read, &name).await?;
            let over = form.over(&account, ctx.policy.backends.provisioned());
            let api = api_call::of_account_form(&state, &over, Some(&account));
            let page = FormPage::new(ctx, shell, form, account.services).with_tenant(ctx, &grant).await?;
            Ok(invalid(&FormPage { name, version, errors, api, ..page }))
        }
    }
}
