//! What a pull changes of consents that are known already.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::FromRow;

use super::shown_countries;
use crate::domain::{Consent, Offers, SyncState, TenantId};
use crate::store::sql::{Bind, Conditions, bind_all, on};
use crate::store::{Result, Tx};

/// Consents asked for in one question.
const AT_ONCE: usize = 500;

/// A consent that is different at the backend from what was known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentChange {
    /// The enterprise.
    pub tenant: TenantId,
    /// What has changed, as it was: JSON.
    pub before: String,
    /// The same as it is now.
    pub after: String,
    /// Whether it stands otherwise than before: active, suspended or removed.
    pub moves_status: bool,
}

/// What is known of a consent.
#[derive(FromRow)]
struct Known {
    tenant_id: String,
    status: String,
    countries: String,
    relationship: String,
    comment: Option<String>,
    sync_state: String,
}

impl Tx {
    /// What these consents, as the backend has them, change of what is known: where they stand, for which countries, and the
    /// relationship where no change of ours is on its way. A consent that is new is no change.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn consent_changes(&mut self, consents: &[Consent], offers: Offers) -> Result<Vec<ConsentChange>> {
        let mut changes = Vec::new();
        for chunk in consents.chunks(AT_ONCE) {
            let mut question = Conditions::default();
            question.push(
                "
                SELECT tenant_id, status, countries, relationship, comment, sync_state
                FROM consents
                WHERE TRUE",
                [],
            );
            question.and_any("tenant_id = ?", chunk.iter().map(|consent| [Bind::from(consent.tenant_id.as_str())]));
            let rows: Vec<Known> =
                on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
            let known: BTreeMap<String, Known> = rows.into_iter().map(|row| (row.tenant_id.clone(), row)).collect();
            let differing =
                chunk.iter().filter_map(|consent| change(consent, known.get(consent.tenant_id.as_str())?, offers));
            changes.extend(differing);
        }
        Ok(changes)
    }
}

fn change(consent: &Consent, known: &Known, offers: Offers) -> Option<ConsentChange> {
    let Known { status, countries, relationship, comment, sync_state, .. } = known;
    let (mut before, mut after) = (serde_json::Map::new(), serde_json::Map::new());
    let mut tell = |name: &str, was: serde_json::Value, is: serde_json::Value| {
        if was != is {
            before.insert(name.to_owned(), was);
            after.insert(name.to_owned(), is);
        }
    };
    tell("status", json!(status), json!(consent.status.as_str()));
    tell("consentedCountries", json!(countries.trim_matches(',')), json!(shown_countries(consent)));
    if offers.relationships && sync_state == SyncState::Synced.key() {
        let is = &consent.customer_relationship;
        tell("relationship", json!(relationship), json!(is.status));
        tell("comment", json!(comment), json!(is.comment));
    }
    (!before.is_empty()).then(|| ConsentChange {
        moves_status: before.contains_key("status"),
        tenant: consent.tenant_id.clone(),
        before: serde_json::Value::Object(before).to_string(),
        after: serde_json::Value::Object(after).to_string(),
    })
}
