//! Settings and errors, each distinct value stored once under its content address.

use crate::domain::number::content_id;
use crate::domain::{NumberSettings, ProvisioningError, ServiceSet};
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Error, Result, Tx};

statements! {
    INSERT_SETTINGS = "
        INSERT INTO settings (id, push_key, services, usage, civic_address_id, location_id, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO NOTHING";
    INSERT_ERROR = "
        INSERT INTO errors (id, body)
        VALUES ($1, $2)
        ON CONFLICT (id) DO NOTHING";
    SETTINGS = "SELECT body FROM settings WHERE id = $1";
    ERROR = "SELECT body FROM errors WHERE id = $1";
    INSERT_PART = "
        INSERT INTO settings_services (settings_id, service, push_key)
        VALUES ($1, $2, $3)
        ON CONFLICT (settings_id, service) DO NOTHING";
}

/// Settings read in one go whose parts are to be stored.
const PARTS_AT_ONCE: usize = 500;

/// Settings with more than one bit of services, as far as their parts are not stored.
fn without_parts() -> Conditions {
    let mut question = Conditions::default();
    question.push(
        "
        SELECT s.id, s.body
        FROM settings s
        WHERE (s.services & (s.services - 1)) <> 0
          AND NOT EXISTS (SELECT 1 FROM settings_services k WHERE k.settings_id = s.id)",
        [],
    );
    question
}

/// Reads a settings value back.
pub(in crate::store) fn read(id: i64, body: &str) -> Result<NumberSettings> {
    serde_json::from_str(body).map_err(|_| Error::unreadable("settings", "body", id))
}

/// Reads an error back.
pub(in crate::store) fn read_error(id: i64, body: &str) -> Result<ProvisioningError> {
    serde_json::from_str(body).map_err(|_| Error::unreadable("errors", "body", id))
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The statement that stores a settings value if it is new.
pub(in crate::store) fn insert(settings: &NumberSettings) -> Conditions {
    Conditions::whole(
        INSERT_SETTINGS,
        [
            Bind::Int(settings.id()),
            Bind::Int(settings.push_key()),
            Bind::Int(settings.services.bits()),
            Bind::Text(settings.teams.usage.clone()),
            settings.teams.civic_address_id.clone().into(),
            settings.teams.location_id.clone().into(),
            Bind::Text(json(settings)),
        ],
    )
}

impl Tx {
    /// Stores a settings value if it is new and gives its id.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn intern_settings(&mut self, settings: &NumberSettings) -> Result<i64> {
        let id = settings.id();
        let insert = insert(settings);
        on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert).execute(c).await.map(drop))?;
        Ok(id)
    }

    /// Stores many settings values at once; known ones are left as they are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn intern_all_settings(&mut self, values: &[NumberSettings]) -> Result<()> {
        for chunk in values.chunks(500) {
            let mut insert = Conditions::default();
            insert.push(
                "
                INSERT INTO settings (
                    id, push_key, services, usage, civic_address_id, location_id, body
                )
                VALUES ",
                [],
            );
            for (index, settings) in chunk.iter().enumerate() {
                insert.push(
                    if index == 0 { "(?, ?, ?, ?" } else { ", (?, ?, ?, ?" },
                    [
                        Bind::Int(settings.id()),
                        Bind::Int(settings.push_key()),
                        Bind::Int(settings.services.bits()),
                        Bind::Text(settings.teams.usage.clone()),
                    ],
                );
                for id in [&settings.teams.civic_address_id, &settings.teams.location_id] {
                    match id {
                        Some(id) => insert.push(", ?", [id.as_str().into()]),
                        None => insert.push(", NULL", []),
                    };
                }
                insert.push(", ?)", [json(settings).into()]);
            }
            insert.push(" ON CONFLICT (id) DO NOTHING", []);
            on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Stores an error if it is new and gives its id.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn intern_error(&mut self, error: &ProvisioningError) -> Result<i64> {
        let id = content_id(error);
        on!(self, |c| sqlx::query(INSERT_ERROR).bind(id).bind(json(error)).execute(c).await.map(drop))?;
        Ok(id)
    }

    /// The settings value with this id.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settings(&mut self, id: i64) -> Result<Option<NumberSettings>> {
        let body: Option<String> = on!(self, |c| sqlx::query_scalar(SETTINGS).bind(id).fetch_optional(c).await)?;
        body.map(|body| read(id, &body)).transpose()
    }

    /// The error with this id.
    pub(in crate::store) async fn error(&mut self, id: i64) -> Result<Option<ProvisioningError>> {
        let body: Option<String> = on!(self, |c| sqlx::query_scalar(ERROR).bind(id).fetch_optional(c).await)?;
        body.map(|body| read_error(id, &body)).transpose()
    }

    /// Stores what the backend of each service sees of those of these settings that have several services.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn intern_parts(&mut self, ids: &[i64]) -> Result<()> {
        for chunk in ids.chunks(PARTS_AT_ONCE) {
            let mut question = without_parts();
            question.and_any("s.id = ?", chunk.iter().map(|id| [Bind::Int(*id)]));
            self.intern_found_parts(question).await?;
        }
        Ok(())
    }

    /// Some of the settings of which it is not stored yet what the backend of each service sees.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settings_without_parts(&mut self) -> Result<Vec<i64>> {
        let mut question = without_parts();
        question.push(" LIMIT ?", [Bind::Int(PARTS_AT_ONCE as i64)]);
        let rows: Vec<(i64, String)> =
            on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(id, _)| id).collect())
    }

    /// Stores of all settings what the backend of each service sees.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn intern_all_parts(&mut self) -> Result<()> {
        loop {
            let ids = self.settings_without_parts().await?;
            if ids.is_empty() {
                return Ok(());
            }
            self.intern_parts(&ids).await?;
        }
    }

    async fn intern_found_parts(&mut self, question: Conditions) -> Result<()> {
        let rows: Vec<(i64, String)> =
            on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        for (id, body) in &rows {
            let settings = read(*id, body)?;
            for service in settings.services.iter() {
                on!(self, |c| sqlx::query(INSERT_PART)
                    .bind(id)
                    .bind(ServiceSet::from(service).bits())
                    .bind(settings.part(service).id())
                    .execute(c)
                    .await
                    .map(drop))?;
            }
        }
        Ok(())
    }
}
