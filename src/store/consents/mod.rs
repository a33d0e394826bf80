//! Consents as rows: the backend's truth as it was pulled, and the relationship we want.

pub(super) mod changes;
pub(super) mod civic_addresses;

use std::collections::BTreeMap;

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::country::iso;
use crate::domain::{Consent, CustomerRelationship, Offers, ProvisioningError, SyncState, TenantId};
use crate::store::numbers::settings;
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, contains, dialect, on, statements};
use crate::store::{Error, Page, Result, Tx, at, micros};

/// Consents with their error and account that meet a condition.
macro_rules! consents {
    ($condition:literal) => {
        concat!(
            "
    SELECT
        c.tenant_id, c.body, c.company, c.relationship, c.comment,
        c.relationship_on, c.ticket, c.changed_by, c.sync_state, c.error_id,
        e.body AS error, c.request_id, c.rev, c.last_modified_on, c.pulled_at,
        (
            SELECT MIN(a.name)
            FROM accounts a
            WHERE a.tenant_id = c.tenant_id
              AND NOT a.deleting
        ) AS account,
        (
            SELECT CAST(COUNT(*) AS BIGINT)
            FROM accounts a
            WHERE a.tenant_id = c.tenant_id
              AND NOT a.deleting
        ) AS accounts
    FROM consents c
    LEFT JOIN errors e ON e.id = c.error_id
    WHERE ",
            $condition
        )
    };
}

statements! {
    BY_TENANT = consents!("c.tenant_id = $1");
    // SQLite has one writer, which keeps the row from changing by itself.
    KEEP_SQLITE = "SELECT tenant_id FROM consents WHERE tenant_id = $1";
    KEEP_POSTGRES = "
        SELECT tenant_id
        FROM consents
        WHERE tenant_id = $1
        FOR UPDATE";
    SET_RELATIONSHIP = "
        UPDATE consents
        SET relationship = $3,
            comment = $4,
            relationship_on = $5, ticket = $6, changed_by = $7, request_id = $8, sync_state = $9, error_id = NULL,
            rev = rev + 1
        WHERE tenant_id = $1
          AND rev = $2";
    SETTLE_ALL = "UPDATE consents SET sync_state = 'synced' WHERE sync_state = 'pending'";
    PUSHED = "
        UPDATE consents
        SET sync_state = 'synced', error_id = NULL
        WHERE tenant_id = $1
          AND request_id = $2";
    PUSH_FAILED = "
        UPDATE consents
        SET sync_state = 'failed', error_id = $3
        WHERE tenant_id = $1
          AND request_id = $2";
    COUNT_BY_STATUS = "
        SELECT status, relationship, CAST(COUNT(*) AS BIGINT)
        FROM consents
        GROUP BY status, relationship
        ORDER BY status, relationship";
    COUNTRIES = "SELECT DISTINCT countries FROM consents ORDER BY countries";
}

const INSERT: &str = "
    INSERT INTO consents (
        tenant_id, body, search, company, status, countries, consented_on, last_modified_on,
        relationship, comment, relationship_on, sync_state, rev, pulled_at
    )
    VALUES ";
const MERGE: &str = "
    ON CONFLICT (tenant_id)
    DO UPDATE SET
        body = excluded.body,
        search = excluded.search,
        company = excluded.company,
        status = excluded.status,
        countries = excluded.countries,
        consented_on = excluded.consented_on,
        last_modified_on = excluded.last_modified_on,
        pulled_at = excluded.pulled_at";
/// A relationship of ours that is still on its way is kept; one that the backend moved counts as a new rev.
const MERGE_RELATIONSHIP: &str = ",
        rev = CASE
            WHEN consents.sync_state = 'synced' AND (
                consents.relationship <> excluded.relationship
                OR COALESCE(consents.comment, '') <> COALESCE(excluded.comment, '')
            ) THEN consents.rev + 1
            ELSE consents.rev
        END,
        relationship = CASE
            WHEN consents.sync_state = 'synced' THEN excluded.relationship
            ELSE consents.relationship
        END,
        comment = CASE
            WHEN consents.sync_state = 'synced' THEN excluded.comment
            ELSE consents.comment
        END,
        relationship_on = CASE
            WHEN consents.sync_state = 'synced' THEN excluded.relationship_on
            ELSE consents.relationship_on
        END";

/// Every consent with its error and account; conditions follow.
pub(super) const COLUMNS: &str = consents!("TRUE");

#[derive(FromRow)]
struct Row {
    tenant_id: String,
    body: String,
    company: String,
    relationship: String,
    comment: Option<String>,
    relationship_on: Option<i64>,
    ticket: Option<String>,
    changed_by: Option<String>,
    sync_state: String,
    error_id: Option<i64>,
    error: Option<String>,
    request_id: Option<String>,
    rev: i64,
    last_modified_on: i64,
    pulled_at: i64,
    account: Option<String>,
    accounts: i64,
}

/// A consent with everything we know of it.
#[derive(Clone, Debug)]
pub struct ConsentRow {
    /// The backend's consent, its relationship replaced by the one we want.
    pub consent: Consent,
    /// The enterprise's name, from its contacts.
    pub company: String,
    /// How far the relationship has come to the backend.
    pub sync_state: SyncState,
    /// What the backend said, when it refused the relationship.
    pub error: Option<ProvisioningError>,
    /// Ticket of the last change here.
    pub ticket: Option<String>,
    /// Who changed the relationship last here.
    pub changed_by: Option<String>,
    /// Identifies the last change to the backend.
    pub request_id: Option<String>,
    /// Grows with every change of the relationship.
    pub rev: i64,
    /// The first account of the tenant by name that is not being deleted.
    pub account: Option<String>,
    /// How many accounts the tenant has.
    pub accounts: i64,
    /// When the backend was last asked.
    pub pulled_at: OffsetDateTime,
    sort_at: i64,
}

impl ConsentRow {
    /// The key that lists page by.
    pub fn key(&self) -> (i64, String) {
        (self.sort_at, self.consent.tenant_id.to_string())
    }
}

impl TryFrom<Row> for ConsentRow {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let unreadable = |column| Error::unreadable("consents", column, &row.tenant_id);
        let mut consent: Consent = serde_json::from_str(&row.body).map_err(|_| unreadable("body"))?;
        consent.customer_relationship = CustomerRelationship {
            status: row.relationship,
            comment: row.comment,
            last_modified_on: row.relationship_on.map(at),
        };
        Ok(Self {
            sync_state: SyncState::from_key(&row.sync_state).ok_or_else(|| unreadable("sync_state"))?,
            error: match (row.error_id, row.error) {
                (Some(id), Some(body)) => Some(settings::read_error(id, &body)?),
                _ => None,
            },
            consent,
            company: row.company,
            ticket: row.ticket,
            changed_by: row.changed_by,
            request_id: row.request_id,
            rev: row.rev,
            account: row.account,
            accounts: row.accounts,
            pulled_at: at(row.pulled_at),
            sort_at: row.last_modified_on,
        })
    }
}

/// Which consents to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsentFilter {
    /// Part of a company's, contact's or tenant's name, in lower case.
    pub text: Option<String>,
    /// Only consents in this status.
    pub status: Option<String>,
    /// Only consents with this relationship.
    pub relationship: Option<String>,
    /// Only consents for this country.
    pub country: Option<String>,
}

/// How many consents share a status and a relationship.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ConsentCount {
    /// The consent's status.
    pub status: String,
    /// The relationship's status.
    pub relationship: String,
    /// How many.
    #[sqlx(rename = "count")]
    pub count: i64,
}

fn company(consent: &Consent) -> String {
    consent
        .contacts
        .iter()
        .find_map(|contact| contact.company_name.clone().filter(|name| !name.trim().is_empty()))
        .unwrap_or_else(|| consent.tenant_id.to_string())
}

/// The countries of a consent, parted by commas.
fn shown_countries(consent: &Consent) -> String {
    let countries: Vec<String> = consent.consented_countries.iter().map(|c| iso(c).to_uppercase()).collect();
    countries.join(",")
}

fn search_text(consent: &Consent) -> String {
    let mut text = consent.tenant_id.to_string();
    for contact in &consent.contacts {
        for part in
            [Some(&contact.full_name), Some(&contact.email), contact.company_name.as_ref()].into_iter().flatten()
        {
            text.push('\n');
            text.push_str(&part.to_lowercase());
        }
    }
    text
}

impl Tx {
    /// Stores consents as the backend has them. A relationship of ours that is still on its way is kept, and every one of
    /// ours where the backend keeps none.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn upsert_consents(&mut self, consents: &[Consent], offers: Offers, now: OffsetDateTime) -> Result<()> {
        // PostgreSQL writes a row once in a statement. Of a tenant that comes twice, what comes last counts.
        let last: BTreeMap<&str, &Consent> =
            consents.iter().map(|consent| (consent.tenant_id.as_str(), consent)).collect();
        let consents: Vec<&Consent> = last.into_values().collect();
        for chunk in consents.chunks(500) {
            let mut upsert = Conditions::default();
            upsert.push(INSERT, []);
            for (index, consent) in chunk.iter().enumerate() {
                let consented = consent.consented_on.map_or(0, micros);
                let relationship = &consent.customer_relationship;
                upsert.push(
                    if index == 0 { "(?, ?, ?, ?, ?, ?, ?, ?, ?" } else { ", (?, ?, ?, ?, ?, ?, ?, ?, ?" },
                    [
                        consent.tenant_id.as_str().into(),
                        serde_json::to_string(*consent).unwrap_or_default().into(),
                        search_text(consent).into(),
                        company(consent).into(),
                        consent.status.as_str().into(),
                        format!(",{},", shown_countries(consent)).into(),
                        Bind::Int(consented),
                        Bind::Int(consent.last_modified_on.map_or(consented, micros)),
                        relationship.status.as_str().into(),
                    ],
                );
                match &relationship.comment {
                    Some(comment) => upsert.push(", ?", [comment.as_str().into()]),
                    None => upsert.push(", NULL", []),
                };
                match relationship.last_modified_on {
                    Some(at) => upsert.push(", CAST(? AS BIGINT)", [Bind::Int(micros(at))]),
                    None => upsert.push(", CAST(NULL AS BIGINT)", []),
                };
                upsert.push(", 'synced', 1, ?)", [Bind::Int(micros(now))]);
            }
            upsert.push(MERGE, []);
            if offers.relationships {
                upsert.push(MERGE_RELATIONSHIP, []);
            }
            on!(self, |c| bind_all!(sqlx::query(upsert.sql()), upsert).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// The consent of a tenant.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn consent(&mut self, tenant: &TenantId) -> Result<Option<ConsentRow>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(BY_TENANT).bind(tenant.as_str()).fetch_optional(c).await)?;
        row.map(ConsentRow::try_from).transpose()
    }

    /// The same for a transaction that changes it: kept from changing until then.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn consent_locked(&mut self, tenant: &TenantId) -> Result<Option<ConsentRow>> {
        let keep = dialect!(self, sqlite: KEEP_SQLITE, postgres: KEEP_POSTGRES);
        let kept: Option<String> =
            on!(self, |c| sqlx::query_scalar(keep).bind(tenant.as_str()).fetch_optional(c).await)?;
        if kept.is_none() {
            return Ok(None);
        }
        // Who waited for the row must see what was written meanwhile, so it is another question.
        self.consent(tenant).await
    }

    /// One page of the consents that match, the last changed first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn consents_page(
        &mut self,
        filter: &ConsentFilter,
        page: &Page<(i64, String)>,
        size: usize,
    ) -> Result<(Vec<ConsentRow>, bool, bool)> {
        let mut conditions = Conditions::default();
        conditions.push(COLUMNS, []);
        filter.add_to(&mut conditions);
        match page {
            Page::First => conditions.push(" ORDER BY c.last_modified_on DESC, c.tenant_id DESC", []),
            Page::After((at, tenant)) => conditions.and(
                "(c.last_modified_on < ? OR (c.last_modified_on = ? AND c.tenant_id < ?))
                ORDER BY c.last_modified_on DESC, c.tenant_id DESC",
                [Bind::Int(*at), Bind::Int(*at), tenant.as_str().into()],
            ),
            Page::Before((at, tenant)) => conditions.and(
                "(c.last_modified_on > ? OR (c.last_modified_on = ? AND c.tenant_id > ?))
                ORDER BY c.last_modified_on, c.tenant_id",
                [Bind::Int(*at), Bind::Int(*at), tenant.as_str().into()],
            ),
        };
        conditions.push(" LIMIT ?", [Bind::Int(size as i64 + 1)]);
        let mut rows = self.fetch_consents(&conditions).await?;
        let (more_before, more_after) = trim(&mut rows, page, size);
        Ok((rows, more_before, more_after))
    }

    pub(super) async fn fetch_consents(&mut self, conditions: &Conditions) -> Result<Vec<ConsentRow>> {
        let rows: Vec<Row> = on!(self, |c| bind_all!(sqlx::query_as(conditions.sql()), conditions).fetch_all(c).await)?;
        rows.into_iter().map(ConsentRow::try_from).collect()
    }

    /// How many consents match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_consents(&mut self, filter: &ConsentFilter) -> Result<i64> {
        let mut conditions = Conditions::default();
        conditions.push("SELECT CAST(COUNT(*) AS BIGINT) FROM consents c WHERE TRUE", []);
        filter.add_to(&mut conditions);
        Ok(on!(self, |c| bind_all!(sqlx::query_scalar(conditions.sql()), conditions).fetch_one(c).await)?)
    }

    /// How many consents there are in each status and relationship.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn consent_counts(&mut self) -> Result<Vec<ConsentCount>> {
        let rows: Vec<(String, String, i64)> = on!(self, |c| sqlx::query_as(COUNT_BY_STATUS).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(status, relationship, count)| ConsentCount { status, relationship, count }).collect())
    }

    /// Every country that some consent covers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn consented_countries(&mut self) -> Result<Vec<String>> {
        let rows: Vec<String> = on!(self, |c| sqlx::query_scalar(COUNTRIES).fetch_all(c).await)?;
        let mut countries: Vec<String> =
            rows.iter().flat_map(|row| row.split(',')).filter(|c| !c.is_empty()).map(str::to_owned).collect();
        countries.sort_unstable();
        countries.dedup();
        Ok(countries)
    }

    /// Sets the relationship we want if the consent still has this rev; tells whether it had.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_relationship(&mut self, change: &RelationshipChange<'_>, now: OffsetDateTime) -> Result<bool> {
        Ok(on!(self, |c| sqlx::query(SET_RELATIONSHIP)
            .bind(change.tenant.as_str())
            .bind(change.rev)
            .bind(change.status)
            .bind(change.comment)
            .bind(micros(now))
            .bind(change.ticket)
            .bind(change.author)
            .bind(change.request_id)
            .bind(change.state.key())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?
            == 1)
    }

    /// Settles every relationship that waits for a backend: there is none to be told any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settle_relationships(&mut self) -> Result<u64> {
        Ok(on!(self, |c| sqlx::query(SETTLE_ALL).execute(c).await.map(|done| done.rows_affected()))?)
    }

    /// Records that the backend took this change of the relationship, unless a later one is under way.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn relationship_pushed(&mut self, tenant: &TenantId, request_id: &str) -> Result<()> {
        on!(self, |c| sqlx::query(PUSHED).bind(tenant.as_str()).bind(request_id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Records that the backend refused this change of the relationship, unless a later one is under way.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn relationship_refused(&mut self, tenant: &TenantId, request_id: &str, error_id: i64) -> Result<()> {
        on!(self, |c| sqlx::query(PUSH_FAILED)
            .bind(tenant.as_str())
            .bind(request_id)
            .bind(error_id)
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }
}

/// A change of the relationship, for the consent that still has `rev`.
#[derive(Clone, Copy, Debug)]
pub struct RelationshipChange<'a> {
    /// The enterprise.
    pub tenant: &'a TenantId,
    /// The rev the author saw.
    pub rev: i64,
    /// The new status.
    pub status: &'a str,
    /// The reason or remark.
    pub comment: Option<&'a str>,
    /// Ticket of the change.
    pub ticket: Option<&'a str>,
    /// Who changes it.
    pub author: &'a str,
    /// Identifies the change to the backend.
    pub request_id: &'a str,
    /// Pending, or synced where there is no backend to be told.
    pub state: SyncState,
}

impl ConsentFilter {
    fn add_to(&self, conditions: &mut Conditions) {
        if let Some(text) = &self.text {
            conditions.and("c.search LIKE ? ESCAPE '\\'", [contains(&text.to_lowercase()).into()]);
        }
        if let Some(status) = &self.status {
            conditions.and("c.status = ?", [status.as_str().into()]);
        }
        if let Some(relationship) = &self.relationship {
            conditions.and("c.relationship = ?", [relationship.as_str().into()]);
        }
        if let Some(country) = &self.country {
            conditions.and("c.countries LIKE ? ESCAPE '\\'", [contains(&format!(",{country},")).into()]);
        }
    }
}
