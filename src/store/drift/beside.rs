//! What backends say of one number, beside what we say.

use std::sync::Arc;

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::{E164, Leaving, NumberSettings};
use crate::store::numbers::settings;
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx, at};

statements! {
    // The list of the tenant that has the number here, also where the number is not in it, and every list that it is in.
    BESIDE = "
        SELECT l.backend, l.tenant_id, l.listed_at, o.settings_id, t.body, t.leaving, o.assigned, o.seen_at, c.company
        FROM observed_lists l
        LEFT JOIN observed o ON o.list_id = l.id AND o.telephone_number = $1
        LEFT JOIN observed_settings t ON t.id = o.settings_id
        LEFT JOIN consents c ON c.tenant_id = l.tenant_id
        WHERE l.id IN (
            SELECT x.list_id
            FROM observed x
            WHERE x.telephone_number = $1
            UNION
            SELECT y.id
            FROM numbers n
            JOIN accounts a ON a.id = n.account_id
            JOIN observed_lists y ON y.tenant_id = a.tenant_id
            WHERE n.telephone_number = $1
        )
        ORDER BY l.backend, l.tenant_id";
}

/// What a backend last said of a number.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Name of the backend.
    pub backend: String,
    /// The tenant whose list it is.
    pub tenant: String,
    /// What that enterprise is called, where its consent is known.
    pub company: Option<String>,
    /// When the list was last read whole.
    pub listed_at: Option<OffsetDateTime>,
    /// The number in the list; nothing where it is not there.
    pub held: Option<Held>,
}

/// A number as a backend has it.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its settings.
    pub settings: Arc<NumberSettings>,
    /// Whether somebody uses it.
    pub assigned: bool,
    /// Whether the backend is removing it, and how far it is.
    pub leaving: Option<Leaving>,
    /// Since when the backend says so.
    pub seen_at: OffsetDateTime,
}

#[derive(FromRow)]
struct Row {
    backend: String,
    tenant_id: String,
    listed_at: Option<i64>,
    settings_id: Option<i64>,
    body: Option<String>,
    leaving: Option<String>,
    assigned: Option<bool>,
    seen_at: Option<i64>,
    company: Option<String>,
}

impl TryFrom<Row> for Beside {
    type Error = crate::store::Error;
    fn try_from(row: Row) -> Result<Self> {
        let held = match (row.settings_id, &row.body, row.seen_at) {
            (Some(id), Some(body), Some(seen_at)) => Some(Held {
                settings: Arc::new(settings::read(id, body)?),
                assigned: row.assigned.unwrap_or_default(),
                leaving: row.leaving.as_deref().and_then(Leaving::from_key),
                seen_at: at(seen_at),
            }),
            _ => None,
        };
        Ok(Self {
            backend: row.backend,
            tenant: row.tenant_id,
            company: row.company,
            listed_at: row.listed_at.map(at),
            held,
        })
    }
}

impl Tx {
    /// What every backend that may have the number last said of it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn beside(&mut self, number: E164) -> Result<Vec<Beside>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(BESIDE).bind(number.as_i64()).fetch_all(c).await)?;
        rows.into_iter().map(Beside::try_from).collect()
    }
}
