//! Settings and errors, each distinct value stored once under its content address.

use crate::domain::number::content_id;
use crate::domain::{NumberSettings, ProvisioningError};
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
}
