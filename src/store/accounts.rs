//! Accounts as rows.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::sql::{Bind, Conditions, bind_all, contains, on, statements};
use super::{Error, Page, Result, Tx, at, micros};
use crate::domain::{Account, AccountDraft, Service, ServiceSet, TenantId};

statements! {
    INSERT = "INSERT INTO accounts (id, name, search, correlation_id, tenant_id, services, synced, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    UPDATE = "UPDATE accounts SET search = $3, correlation_id = $4, tenant_id = $5, services = $6, synced = $7, updated_at = $8, rev = rev + 1 WHERE id = $1 AND rev = $2";
    BY_NAME = "SELECT id, name, correlation_id, tenant_id, services, synced, number_count, deleting, rev, created_at, updated_at FROM accounts WHERE name = $1";
    BY_ID = "SELECT id, name, correlation_id, tenant_id, services, synced, number_count, deleting, rev, created_at, updated_at FROM accounts WHERE id = $1";
    BY_TENANT = "SELECT id, name, correlation_id, tenant_id, services, synced, number_count, deleting, rev, created_at, updated_at FROM accounts WHERE tenant_id = $1 ORDER BY name";
    DELETE_EMPTY = "DELETE FROM accounts WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM numbers WHERE account_id = $1)";
    MARK_DELETING = "UPDATE accounts SET deleting = TRUE, rev = rev + 1, updated_at = $2 WHERE id = $1";
    COUNT_NUMBERS = "UPDATE accounts SET number_count = number_count + $2 WHERE id = $1";
    SERVICE_COUNTS = "SELECT s.services, CAST(COUNT(*) AS BIGINT) FROM numbers n JOIN settings s ON s.id = n.settings_id WHERE n.account_id = $1 GROUP BY s.services";
    TENANTS = "SELECT DISTINCT tenant_id FROM accounts WHERE tenant_id IS NOT NULL AND (services & synced) <> 0 ORDER BY tenant_id";
}

const COLUMNS: &str = "SELECT id, name, correlation_id, tenant_id, services, synced, number_count, deleting, rev, created_at, updated_at FROM accounts WHERE TRUE";

#[derive(FromRow)]
struct Row {
    id: i64,
    name: String,
    correlation_id: Option<String>,
    tenant_id: Option<String>,
    services: i64,
    synced: i64,
    number_count: i64,
    deleting: bool,
    rev: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Account {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let tenant_id = row
            .tenant_id
            .map(|id| TenantId::parse(&id))
            .transpose()
            .map_err(|_| Error::unreadable("accounts", "tenant_id", row.id))?;
        Ok(Self {
            id: row.id,
            name: row.name,
            correlation_id: row.correlation_id,
            tenant_id,
            services: ServiceSet::from_bits(row.services),
            synced: ServiceSet::from_bits(row.synced),
            number_count: row.number_count,
            deleting: row.deleting,
            rev: row.rev,
            created_at: at(row.created_at),
            updated_at: at(row.updated_at),
        })
    }
}

/// Which accounts to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Part of the name, correlation id or tenant, in lower case.
    pub text: Option<String>,
    /// Only accounts of this tenant.
    pub tenant_id: Option<TenantId>,
    /// Only accounts with this service.
    pub service: Option<Service>,
}

/// One page of accounts by name.
#[derive(Clone, Debug)]
pub struct AccountPage {
    /// The accounts, in order of their names.
    pub accounts: Vec<Account>,
    /// True when more follow behind the last.
    pub more_after: bool,
    /// True when some stand before the first.
    pub more_before: bool,
}

fn search_text(draft: &AccountDraft) -> String {
    let tenant = draft.tenant_id.as_ref().map(TenantId::as_str).unwrap_or_default();
    format!("{}\n{}\n{tenant}", draft.name, draft.correlation_id.as_deref().unwrap_or_default()).to_lowercase()
}

impl Tx {
    /// Stores a new account under this id.
    ///
    /// # Errors
    /// [`Error::is_taken`] when the name exists.
    pub async fn insert_account(&mut self, id: i64, draft: &AccountDraft, now: OffsetDateTime) -> Result<()> {
        on!(self, c => sqlx::query(INSERT)
            .bind(id)
            .bind(draft.name.as_str())
            .bind(search_text(draft))
            .bind(draft.correlation_id.as_deref())
            .bind(draft.tenant_id.as_ref().map(TenantId::as_str))
            .bind(draft.services.bits())
            .bind(draft.synced.bits())
            .bind(micros(now))
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Replaces an account's settings if it still has this rev; tells whether it had.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn update_account(
        &mut self,
        id: i64,
        rev: i64,
        draft: &AccountDraft,
        now: OffsetDateTime,
    ) -> Result<bool> {
        Ok(on!(self, c => sqlx::query(UPDATE)
            .bind(id)
            .bind(rev)
            .bind(search_text(draft))
            .bind(draft.correlation_id.as_deref())
            .bind(draft.tenant_id.as_ref().map(TenantId::as_str))
            .bind(draft.services.bits())
            .bind(draft.synced.bits())
            .bind(micros(now))
            .execute(c).await.map(|done| done.rows_affected()))?
            == 1)
    }

    /// The account with this name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn account(&mut self, name: &str) -> Result<Option<Account>> {
        let row: Option<Row> = on!(self, c => sqlx::query_as(BY_NAME).bind(name).fetch_optional(c).await)?;
        row.map(Account::try_from).transpose()
    }

    /// The account with this id.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn account_by_id(&mut self, id: i64) -> Result<Option<Account>> {
        let row: Option<Row> = on!(self, c => sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await)?;
        row.map(Account::try_from).transpose()
    }

    /// The accounts of a tenant, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn accounts_of_tenant(&mut self, tenant: &TenantId) -> Result<Vec<Account>> {
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(BY_TENANT).bind(tenant.as_str()).fetch_all(c).await)?;
        rows.into_iter().map(Account::try_from).collect()
    }

    /// The accounts with these names; names without an account are left out.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn accounts_named(&mut self, names: &[&str]) -> Result<Vec<Account>> {
        let mut conditions = Conditions::default();
        conditions.push(COLUMNS, []);
        conditions.and_any("name = ?", names.iter().map(|name| [Bind::from(*name)]));
        self.fetch_accounts(&conditions).await
    }

    /// One page of the accounts that match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn accounts_page(
        &mut self,
        filter: &AccountFilter,
        page: &Page<String>,
        size: usize,
    ) -> Result<AccountPage> {
        let mut conditions = Conditions::default();
        conditions.push(COLUMNS, []);
        if let Some(text) = &filter.text {
            conditions.and("search LIKE ? ESCAPE '\\'", [contains(&text.to_lowercase()).into()]);
        }
        if let Some(tenant) = &filter.tenant_id {
            conditions.and("tenant_id = ?", [tenant.as_str().into()]);
        }
        if let Some(service) = filter.service {
            conditions.and("(services & ?) <> 0", [ServiceSet::from(service).bits().into()]);
        }
        match page {
            Page::First => conditions.push(" ORDER BY name", []),
            Page::After(name) => conditions.and("name > ? ORDER BY name", [name.as_str().into()]),
            Page::Before(name) => conditions.and("name < ? ORDER BY name DESC", [name.as_str().into()]),
        };
        conditions.push(" LIMIT ?", [Bind::Int(size as i64 + 1)]);
        let mut accounts = self.fetch_accounts(&conditions).await?;
        let (more_before, more_after) = super::numbers::trim(&mut accounts, page, size);
        Ok(AccountPage { accounts, more_after, more_before })
    }

    async fn fetch_accounts(&mut self, conditions: &Conditions) -> Result<Vec<Account>> {
        let rows: Vec<Row> =
            on!(self, c => bind_all!(sqlx::query_as(conditions.sql()), conditions).fetch_all(c).await)?;
        rows.into_iter().map(Account::try_from).collect()
    }

    /// Deletes an account that has no numbers; tells whether it did.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn delete_empty_account(&mut self, id: i64) -> Result<bool> {
        Ok(on!(self, c => sqlx::query(DELETE_EMPTY).bind(id).execute(c).await.map(|done| done.rows_affected()))? == 1)
    }

    /// Marks an account to go with its last number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn mark_account_deleting(&mut self, id: i64, now: OffsetDateTime) -> Result<()> {
        on!(self, c => sqlx::query(MARK_DELETING).bind(id).bind(micros(now)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Adds to the account's count of numbers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_to_number_count(&mut self, id: i64, added: i64) -> Result<()> {
        on!(self, c => sqlx::query(COUNT_NUMBERS).bind(id).bind(added).execute(c).await.map(drop))?;
        Ok(())
    }

    /// How many numbers of the account have each service.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn service_counts(&mut self, id: i64) -> Result<Vec<(ServiceSet, i64)>> {
        let rows: Vec<(i64, i64)> = on!(self, c => sqlx::query_as(SERVICE_COUNTS).bind(id).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(bits, count)| (ServiceSet::from_bits(bits), count)).collect())
    }

    /// The tenants whose numbers are synced with a backend.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn synced_tenants(&mut self) -> Result<Vec<TenantId>> {
        let rows: Vec<String> = on!(self, c => sqlx::query_scalar(TENANTS).fetch_all(c).await)?;
        rows.iter().map(|id| TenantId::parse(id).map_err(|_| Error::unreadable("accounts", "tenant_id", id))).collect()
    }
}
