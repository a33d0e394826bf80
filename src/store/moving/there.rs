//! What backends have and nobody here has: the numbers that can be adopted.

use sqlx::FromRow;

use crate::domain::{E164, Leaving, NumberSettings, TenantId};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx};

statements! {
    LISTS = "
        SELECT id, backend, tenant_id, listed_at
        FROM observed_lists
        WHERE id > $1
        ORDER BY id
        LIMIT $2";
    ONLY_THERE = "
        SELECT o.telephone_number, d.id AS settings_id, d.service, d.body, d.leaving, o.assigned
        FROM observed o
        JOIN observed_settings d ON d.id = o.settings_id
        LEFT JOIN numbers n ON n.telephone_number = o.telephone_number
        WHERE o.list_id = $1
          AND o.telephone_number > $2
          AND o.missing IS NULL
          AND n.telephone_number IS NULL
        ORDER BY o.telephone_number
        LIMIT $3";
}

/// The numbers that a backend has for a tenant.
#[derive(Clone, Debug)]
pub struct ListThere {
    /// Internal key.
    pub id: i64,
    /// Name of the backend.
    pub backend: String,
    /// The tenant.
    pub tenant: TenantId,
    /// Whether it was ever read to its end.
    pub is_whole: bool,
}

/// A number that a backend has and nobody here.
#[derive(Clone, Debug)]
pub struct NumberThere {
    /// The number.
    pub number: E164,
    /// Content address of what the backend said of it.
    pub settings_id: i64,
    /// The service, in the backend's own word.
    pub service: String,
    /// What the backend said of it, as JSON.
    pub body: String,
    /// Whether somebody uses it.
    pub assigned: bool,
    /// Whether the backend is removing it, and how far it is.
    pub leaving: Option<Leaving>,
}

impl NumberThere {
    /// What the backend said of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn settings(&self) -> Result<NumberSettings> {
        serde_json::from_str(&self.body).map_err(|_| Error::unreadable("observed_settings", "body", self.settings_id))
    }
}

#[derive(FromRow)]
struct ThereRow {
    telephone_number: i64,
    settings_id: i64,
    service: String,
    body: String,
    leaving: Option<String>,
    assigned: bool,
}

impl TryFrom<ThereRow> for NumberThere {
    type Error = Error;
    fn try_from(row: ThereRow) -> Result<Self> {
        let ThereRow { telephone_number, settings_id, service, body, leaving, assigned } = row;
        let number = E164::from_i64(telephone_number)
            .ok_or_else(|| Error::unreadable("observed", "telephone_number", telephone_number))?;
        let leaving = leaving.as_deref().and_then(Leaving::from_key);
        Ok(Self { number, settings_id, service, body, assigned, leaving })
    }
}

impl Tx {
    /// The lists of backends behind this one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lists_there(&mut self, behind: i64, limit: i64) -> Result<Vec<ListThere>> {
        let rows: Vec<(i64, String, String, Option<i64>)> =
            on!(self, |c| sqlx::query_as(LISTS).bind(behind).bind(limit).fetch_all(c).await)?;
        rows.into_iter()
            .map(|(id, backend, tenant, listed_at)| {
                let tenant =
                    TenantId::parse(&tenant).map_err(|_| Error::unreadable("observed_lists", "tenant_id", id))?;
                Ok(ListThere { id, backend, tenant, is_whole: listed_at.is_some() })
            })
            .collect()
    }

    /// The first numbers of a list behind this one that nobody here has.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn numbers_only_there(&mut self, list: i64, behind: i64, limit: i64) -> Result<Vec<NumberThere>> {
        let rows: Vec<ThereRow> =
            on!(self, |c| sqlx::query_as(ONLY_THERE).bind(list).bind(behind).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(NumberThere::try_from).collect()
    }
}
