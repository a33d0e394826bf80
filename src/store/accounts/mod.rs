//! Accounts as rows.

pub(super) mod hand_over;

use std::collections::HashMap;

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::direct_routing::SubdomainStatus;
use crate::domain::{Account, AccountAsSent, AccountDraft, DirectRouting, Service, ServiceSet, TenantId};
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, contains, dialect, on, statements};
use crate::store::{Error, Page, Result, Tx, at, micros};

/// What is read of every account.
macro_rules! account_columns {
    () => {
        "
            SELECT
                a.id, a.name, a.correlation_id, a.tenant_id, a.services, a.synced,
                a.number_count, a.deleting, a.rev, a.created_at, a.updated_at, a.as_sent, d.label,
                d.call_screening, d.region1_token, d.region2_token, k.status AS subdomain_status"
    };
}

/// Where that stands; conditions follow.
macro_rules! from_accounts {
    () => {
        "
        FROM accounts a
        LEFT JOIN subdomains d ON d.account_id = a.id
        LEFT JOIN subdomain_checks k ON k.account_id = d.account_id AND k.serial = d.serial
        WHERE "
    };
}

/// Every account with its subdomain; conditions follow.
macro_rules! select_accounts {
    () => {
        concat!($crate::store::accounts::account_columns!(), $crate::store::accounts::from_accounts!())
    };
}

pub(super) use {account_columns, from_accounts, select_accounts};

statements! {
    INSERT = "
        INSERT INTO accounts (
            id, name, search, correlation_id, tenant_id, services, synced, created_at, updated_at
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    UPDATE = "
        UPDATE accounts
        SET search = $3,
            correlation_id = $4,
            tenant_id = $5,
            services = $6,
            synced = $7,
            updated_at = $8,
            rev = rev + 1
        WHERE id = $1
          AND rev = $2";
    BY_NAME = concat!(select_accounts!(), "a.name = $1");
    LOCKED_SQLITE = concat!(select_accounts!(), "a.name = $1");
    LOCKED_POSTGRES = concat!(select_accounts!(), "a.name = $1 FOR UPDATE OF a");
    BY_ID = concat!(select_accounts!(), "a.id = $1");
    BY_TENANT = concat!(select_accounts!(), "a.tenant_id = $1 ORDER BY a.name");
    DELETE_EMPTY = "
        DELETE FROM accounts
        WHERE id = $1
          AND NOT EXISTS (SELECT 1 FROM numbers WHERE account_id = $1)
        RETURNING name, tenant_id";
    DELETE_COUNTS = "DELETE FROM account_services WHERE account_id = $1";
    SET_AS_SENT = "
        UPDATE accounts
        SET as_sent = $2, updated_at = $3
        WHERE id = $1";
    MARK_DELETING = "
        UPDATE accounts
        SET deleting = TRUE, rev = rev + 1, updated_at = $2
        WHERE id = $1";
    COUNT_NUMBERS = "UPDATE accounts SET number_count = number_count + $2 WHERE id = $1";
    COUNT_SERVICES = "
        INSERT INTO account_services (account_id, services, numbers)
        VALUES ($1, $2, $3)
        ON CONFLICT (account_id, services)
        DO UPDATE SET numbers = account_services.numbers + excluded.numbers";
    SERVICE_COUNTS = "
        SELECT services, numbers
        FROM account_services
        WHERE account_id = $1
          AND numbers > 0";
    SUBDOMAIN_OWNER = "
        SELECT a.name
        FROM subdomains d
        JOIN accounts a ON a.id = d.account_id
        WHERE d.label = $1";
}

/// An account as a row.
#[derive(FromRow)]
pub(super) struct Row {
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
    as_sent: Option<String>,
    label: Option<String>,
    call_screening: Option<bool>,
    region1_token: Option<String>,
    region2_token: Option<String>,
    subdomain_status: Option<String>,
}

impl Row {
    fn direct_routing(&mut self) -> Option<DirectRouting> {
        Some(DirectRouting {
            subdomain: self.label.take()?,
            call_screening: self.call_screening.unwrap_or(true),
            tokens: [self.region1_token.take()?, self.region2_token.take()?],
        })
    }
}

impl TryFrom<Row> for Account {
    type Error = Error;
    fn try_from(mut row: Row) -> Result<Self> {
        let direct_routing = row.direct_routing();
        let tenant_id = row
            .tenant_id
            .map(|id| TenantId::parse(&id))
            .transpose()
            .map_err(|_| Error::unreadable("accounts", "tenant_id", row.id))?;
        let as_sent = row.as_sent.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            id: row.id,
            name: row.name,
            correlation_id: row.correlation_id,
            tenant_id,
            services: ServiceSet::from_bits(row.services),
            synced: ServiceSet::from_bits(row.synced),
            number_count: row.number_count,
            direct_routing,
            subdomain_status: row.subdomain_status.as_deref().map(SubdomainStatus::stored).unwrap_or_default(),
            as_sent: as_sent.map_err(|_| Error::unreadable("accounts", "as_sent", row.id))?.unwrap_or_default(),
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
    /// Only accounts whose changes at a backend wait for a person to confirm them.
    pub is_held: bool,
    /// Only accounts of this order.
    pub order: Option<i64>,
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
    /// The id of the next account, within this transaction.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn next_account_id(&mut self) -> Result<i64> {
        self.next_number("accounts").await
    }

    /// Stores a new account under this id.
    ///
    /// # Errors
    /// [`Error::is_taken`] when the name exists.
    pub async fn insert_account(&mut self, id: i64, draft: &AccountDraft, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(INSERT)
            .bind(id)
            .bind(draft.name.as_str())
            .bind(search_text(draft))
            .bind(draft.correlation_id.as_deref())
            .bind(draft.tenant_id.as_ref().map(TenantId::as_str))
            .bind(draft.services.bits())
            .bind(draft.synced.bits())
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        self.first_holder((id, draft.name.as_str()), draft.tenant_id.as_ref().map(TenantId::as_str)).await?;
        if let Some(direct_routing) = &draft.direct_routing {
            self.set_subdomain((id, draft.name.as_str(), None), direct_routing, now).await?;
        }
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
        let updated = on!(self, |c| sqlx::query(UPDATE)
            .bind(id)
            .bind(rev)
            .bind(search_text(draft))
            .bind(draft.correlation_id.as_deref())
            .bind(draft.tenant_id.as_ref().map(TenantId::as_str))
            .bind(draft.services.bits())
            .bind(draft.synced.bits())
            .bind(micros(now))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if updated == 1 {
            let (name, tenant) = (draft.name.as_str(), draft.tenant_id.as_ref().map(TenantId::as_str));
            let former = self.follow_tenant((id, name), tenant).await?;
            let account = (id, name, former.as_deref());
            match &draft.direct_routing {
                Some(direct_routing) => self.set_subdomain(account, direct_routing, now).await?,
                None => self.unset_subdomain(account, now).await?,
            }
            // What was ticked was done at the former tenant.
            if former.is_some() && former.as_deref() != tenant {
                self.forget_hand_over(id).await?;
            }
        }
        Ok(updated == 1)
    }

    /// Keeps what a program sent of an account besides.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_account_as_sent(&mut self, id: i64, as_sent: &AccountAsSent, now: OffsetDateTime) -> Result<()> {
        let usual = *as_sent == AccountAsSent::default();
        let body = (!usual).then(|| serde_json::to_string(as_sent).unwrap_or_default());
        on!(self, |c| sqlx::query(SET_AS_SENT)
            .bind(id)
            .bind(body.as_deref())
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Name of the account that has this subdomain.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn subdomain_owner(&mut self, label: &str) -> Result<Option<String>> {
        Ok(on!(self, |c| sqlx::query_scalar(SUBDOMAIN_OWNER).bind(label).fetch_optional(c).await)?)
    }

    /// The account with this name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn account(&mut self, name: &str) -> Result<Option<Account>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(BY_NAME).bind(name).fetch_optional(c).await)?;
        row.map(Account::try_from).transpose()
    }

    /// The account with this name, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn account_locked(&mut self, name: &str) -> Result<Option<Account>> {
        let statement = dialect!(self, sqlite: LOCKED_SQLITE, postgres: LOCKED_POSTGRES);
        let row: Option<Row> = on!(self, |c| sqlx::query_as(statement).bind(name).fetch_optional(c).await)?;
        row.map(Account::try_from).transpose()
    }

    /// The account with this id.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn account_by_id(&mut self, id: i64) -> Result<Option<Account>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await)?;
        row.map(Account::try_from).transpose()
    }

    /// The accounts of a tenant, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn accounts_of_tenant(&mut self, tenant: &TenantId) -> Result<Vec<Account>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(BY_TENANT).bind(tenant.as_str()).fetch_all(c).await)?;
        rows.into_iter().map(Account::try_from).collect()
    }

    /// The accounts with these names; names without an account are left out.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn accounts_named(&mut self, names: &[&str]) -> Result<Vec<Account>> {
        let mut conditions = Conditions::default();
        conditions.push(concat!(select_accounts!(), "TRUE"), []);
        conditions.and_any("a.name = ?", names.iter().map(|name| [Bind::from(*name)]));
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
        conditions.push(concat!(select_accounts!(), "TRUE"), []);
        if let Some(text) = &filter.text {
            conditions.and("a.search LIKE ? ESCAPE '\\'", [contains(&text.to_lowercase()).into()]);
        }
        if let Some(tenant) = &filter.tenant_id {
            conditions.and("a.tenant_id = ?", [tenant.as_str().into()]);
        }
        if let Some(service) = filter.service {
            conditions.and("(a.services & ?) <> 0", [ServiceSet::from(service).bits().into()]);
        }
        if filter.is_held {
            conditions.and("EXISTS (SELECT 1 FROM reconciles r WHERE r.account_id = a.id AND r.state = 'held')", []);
        }
        if let Some(order) = filter.order {
            conditions
                .and("a.id IN (SELECT u.account_id FROM order_accounts u WHERE u.order_id = ?)", [Bind::Int(order)]);
        }
        match page {
            Page::First => conditions.push(" ORDER BY a.name", []),
            Page::After(name) => conditions.and("a.name > ? ORDER BY a.name", [name.as_str().into()]),
            Page::Before(name) => conditions.and("a.name < ? ORDER BY a.name DESC", [name.as_str().into()]),
        };
        conditions.push(" LIMIT ?", [Bind::Int(size as i64 + 1)]);
        let mut accounts = self.fetch_accounts(&conditions).await?;
        let (more_before, more_after) = trim(&mut accounts, page, size);
        Ok(AccountPage { accounts, more_after, more_before })
    }

    pub(super) async fn fetch_accounts(&mut self, conditions: &Conditions) -> Result<Vec<Account>> {
        let rows: Vec<Row> = on!(self, |c| bind_all!(sqlx::query_as(conditions.sql()), conditions).fetch_all(c).await)?;
        rows.into_iter().map(Account::try_from).collect()
    }

    /// Deletes an account that has no numbers; tells whether it did.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn delete_empty_account(&mut self, id: i64, now: OffsetDateTime) -> Result<bool> {
        let gone: Option<(String, Option<String>)> =
            on!(self, |c| sqlx::query_as(DELETE_EMPTY).bind(id).fetch_optional(c).await)?;
        if let Some((name, tenant)) = &gone {
            self.forget_hand_over(id).await?;
            self.forget_reconciles(id).await?;
            self.unset_subdomain((id, name, tenant.as_deref()), now).await?;
            on!(self, |c| sqlx::query(DELETE_COUNTS).bind(id).execute(c).await.map(drop))?;
        }
        Ok(gone.is_some())
    }

    /// Marks an account to go with its last number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn mark_account_deleting(&mut self, id: i64, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(MARK_DELETING).bind(id).bind(micros(now)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Adds to the account's counts of numbers: so many more (or fewer) with each of these sets of services.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_to_number_counts(&mut self, id: i64, added: &[(ServiceSet, i64)]) -> Result<()> {
        for (services, count) in added.iter().filter(|(_, count)| *count != 0) {
            on!(self, |c| sqlx::query(COUNT_SERVICES)
                .bind(id)
                .bind(services.bits())
                .bind(count)
                .execute(c)
                .await
                .map(drop))?;
        }
        let total: i64 = added.iter().map(|(_, count)| count).sum();
        if total != 0 {
            on!(self, |c| sqlx::query(COUNT_NUMBERS).bind(id).bind(total).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// How many numbers of the account have each service.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn service_counts(&mut self, id: i64) -> Result<Vec<(ServiceSet, i64)>> {
        let rows: Vec<(i64, i64)> = on!(self, |c| sqlx::query_as(SERVICE_COUNTS).bind(id).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(bits, count)| (ServiceSet::from_bits(bits), count)).collect())
    }

    /// How many numbers of each of these accounts have each set of services; those that are being released are taken off.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn kept_service_counts(&mut self, ids: &[i64]) -> Result<HashMap<i64, Vec<(ServiceSet, i64)>>> {
        let of_these = || ids.iter().map(|id| [Bind::Int(*id)]);
        // One question: between two of them a number that is being released may go.
        let mut question = Conditions::default();
        question.push(
            "
            SELECT account_id, services, numbers
            FROM account_services
            WHERE numbers > 0",
            [],
        );
        question.and_any("account_id = ?", of_these());
        question.push(
            "
            UNION ALL
            SELECT n.account_id, s.services, -CAST(COUNT(*) AS BIGINT)
            FROM numbers n
            JOIN settings s ON s.id = n.settings_id
            WHERE n.state <> 'synced'
              AND n.state = 'releasing'",
            [],
        );
        question.and_any("n.account_id = ?", of_these());
        question.push(" GROUP BY n.account_id, s.services", []);
        let rows: Vec<(i64, i64, i64)> =
            on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        let mut counts: HashMap<i64, Vec<(ServiceSet, i64)>> = HashMap::new();
        for (account, bits, numbers) in rows {
            counts.entry(account).or_default().push((ServiceSet::from_bits(bits), numbers));
        }
        Ok(counts)
    }
}
