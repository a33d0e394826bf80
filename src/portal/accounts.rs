//! Accounts: an operator's customers and the services they take.

mod compared;
mod delete;
mod detail;
mod edit;
mod form;
mod hand_over;
mod names;
mod routing;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::csv;
use super::form::{Choice, Filters, Pager, Pill, page_of};
use super::show::{Chip, count};
use crate::authz::{AccountsRead, AccountsWrite};
use crate::domain::field::filled;
use crate::domain::moving::{ACCOUNT_HEADINGS, account_cells};
use crate::domain::{Account, Service, ServiceSet, TenantId};
use crate::http::{Granted, PortalState, Problem, QueryString, Routes, Shell, needs, page, see_other};
use crate::service::Page;
use crate::service::accounts::{self, AccountFilter};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/accounts", needs::<AccountsRead>(), list)
        .get("/accounts.csv", needs::<AccountsRead>(), export)
        .merge(edit::routes())
        .merge(compared::routes())
        .merge(names::routes())
        .merge(detail::routes())
        .merge(hand_over::routes())
        .merge(routing::routes())
        .merge(delete::routes())
}

/// One service of an account as pages show it.
pub(super) struct ServiceLine {
    /// Its name.
    pub(super) label: &'static str,
    /// Its name in addresses.
    pub(super) key: &'static str,
    /// Whether it is synced; nothing where it has no backend.
    pub(super) sync: Option<Chip>,
}

/// The enabled services of an account.
pub(super) fn service_lines(account: &Account, provisioned: ServiceSet) -> Vec<ServiceLine> {
    let line = |service: Service| ServiceLine {
        label: service.label(),
        key: service.key(),
        sync: provisioned.contains(service).then(|| {
            if account.synced.contains(service) { Chip::new("ok", "Sync on") } else { Chip::new("off", "Sync off") }
        }),
    };
    account.services.iter().map(line).collect()
}

/// Every service as lines of a list to choose from.
fn service_choices(current: &str) -> Vec<Choice> {
    Service::ALL.into_iter().map(|service| Choice::new(service.key(), service.label(), current)).collect()
}

/// The value of the filter for accounts that wait for a person to confirm what would change.
const CONFIRMATION: &str = "confirmation";

#[derive(Default, Deserialize)]
#[serde(default)]
struct AccountQuery {
    q: String,
    service: String,
    tenant: String,
    /// `confirmation`: only accounts that wait for one.
    waits: String,
    /// Only accounts of this order.
    order: String,
    page: String,
}

impl AccountQuery {
    /// The filter; a tenant that is none matches nothing, and the page says so.
    fn filter(&self) -> Result<AccountFilter, &'static str> {
        let tenant_id = filled(&self.tenant).map(TenantId::parse).transpose();
        Ok(AccountFilter {
            text: filled(&self.q).map(str::to_lowercase),
            tenant_id: tenant_id.map_err(|_| "This is no tenant ID. It has 8-4-4-4-12 hexadecimal digits.")?,
            service: Service::from_key(&self.service),
            is_held: self.is_held(),
            order: self.order(),
        })
    }

    fn is_held(&self) -> bool {
        self.waits == CONFIRMATION
    }

    fn order(&self) -> Option<i64> {
        self.order.trim().parse().ok()
    }

    fn filters(&self) -> Filters {
        let service = Service::from_key(&self.service);
        let (waits, order) = (if self.is_held() { CONFIRMATION } else { "" }, self.order().map(|id| id.to_string()));
        Filters::new("/accounts")
            .with("q", "Text", &self.q)
            .shown("service", "Service", service.map_or("", Service::key), service.map_or("", Service::label))
            .with("tenant", "Tenant", &self.tenant)
            .shown("waits", "Waits", waits, "For a confirmation")
            .with("order", "Order", &order.unwrap_or_default())
    }
}

struct AccountTableRow {
    name: String,
    services: Vec<ServiceLine>,
    tenant: String,
    correlation_id: String,
    numbers: String,
    deleting: bool,
}

impl AccountTableRow {
    fn new(account: Account, provisioned: ServiceSet) -> Self {
        Self {
            services: service_lines(&account, provisioned),
            tenant: account.tenant_id.map(|tenant| tenant.to_string()).unwrap_or_default(),
            correlation_id: account.correlation_id.unwrap_or_default(),
            numbers: count(account.number_count),
            deleting: account.deleting,
            name: account.name,
        }
    }
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    shell: Shell,
    q: String,
    tenant: String,
    tenant_error: &'static str,
    services: Vec<Choice>,
    waits: Vec<Choice>,
    order: String,
    pills: Vec<Pill>,
    clear: String,
    csv: String,
    create: String,
    rows: Vec<AccountTableRow>,
    pager: Pager,
    filtered: bool,
    may_write: bool,
}

/// `GET /accounts`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsRead>,
    QueryString(query): QueryString<AccountQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let filters = query.filters();
    let page_key: Page<String> = page_of(&query.page, |name| Some(name.to_owned()));
    let (found, tenant_error) = match query.filter() {
        Ok(filter) => (accounts::list(state.ctx(), &grant, &filter, &page_key).await?, ""),
        Err(error) => (accounts::AccountPage { accounts: Vec::new(), more_after: false, more_before: false }, error),
    };
    if found.accounts.is_empty() && page_key != Page::First && tenant_error.is_empty() {
        return Ok(see_other(&filters.href()));
    }
    let edge = |account: Option<&Account>, more: bool| account.filter(|_| more).map(|account| account.name.clone());
    let shown = match (found.accounts.first(), found.accounts.last()) {
        (Some(first), Some(last)) if found.more_before || found.more_after => {
            let accounts = super::show::counted(found.accounts.len() as i64, "account", "accounts");
            format!("{accounts}, {} to {}", first.name, last.name)
        }
        _ => super::show::counted(found.accounts.len() as i64, "account", "accounts"),
    };
    let pager = filters.pager(
        shown,
        edge(found.accounts.first(), found.more_before),
        edge(found.accounts.last(), found.more_after),
    );
    let create = if TenantId::parse(&query.tenant).is_ok() {
        format!("/accounts/new?tenant={}", query.tenant.trim())
    } else {
        "/accounts/new".to_owned()
    };
    let provisioned = state.ctx().policy.backends.provisioned();
    Ok(page(&AccountsPage {
        shell: shell.at("accounts"),
        services: service_choices(&query.service),
        waits: vec![Choice::new(CONFIRMATION, "For a confirmation", &query.waits)],
        order: query.order().map(|id| id.to_string()).unwrap_or_default(),
        pills: filters.pills(),
        clear: filters.clear(),
        csv: filters.csv(),
        create,
        rows: found.accounts.into_iter().map(|account| AccountTableRow::new(account, provisioned)).collect(),
        pager,
        filtered: !filters.is_empty(),
        may_write: grant.principal().may::<AccountsWrite>(),
        q: query.q,
        tenant: query.tenant,
        tenant_error,
    }))
}

/// `GET /accounts.csv`
async fn export(
    State(state): State<PortalState>,
    Granted(grant): Granted<AccountsRead>,
    QueryString(query): QueryString<AccountQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter().map_err(Problem::bad_request)?;
    let ctx = state.ctx().clone();
    csv::export("accounts.csv", &ACCOUNT_HEADINGS, move |after| {
        let (ctx, grant, filter) = (ctx.clone(), grant.clone(), filter.clone());
        async move {
            let (accounts, next) = accounts::export(&ctx, &grant, &filter, after).await?;
            Ok((accounts.iter().map(account_cells).collect(), next))
        }
    })
    .await
}
