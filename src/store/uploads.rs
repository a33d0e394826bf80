//! Uploads that wait for somebody to say what their columns are, and what people said before.

use time::OffsetDateTime;

use crate::store::sql::{on, statements};
use crate::store::{Result, Tx, micros};

statements! {
    WAIT = "
        INSERT INTO waiting_uploads (person, id, form, created_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (person) DO UPDATE
        SET id = excluded.id,
            form = excluded.form,
            created_at = excluded.created_at";
    WAITING = "
        SELECT form
        FROM waiting_uploads
        WHERE person = $1
          AND id = $2";
    FORGET_FILES = "DELETE FROM waiting_files WHERE person = $1";
    FORGET = "DELETE FROM waiting_uploads WHERE person = $1";
    ADD_FILE = "INSERT INTO waiting_files (person, seq, name, body) VALUES ($1, $2, $3, $4)";
    FILES = "
        SELECT name, body
        FROM waiting_files
        WHERE person = $1
        ORDER BY seq";
    BYTES = "
        SELECT CAST(COALESCE(SUM(LENGTH(f.body)), 0) AS BIGINT)
        FROM waiting_uploads AS u
        JOIN waiting_files AS f ON f.person = u.person
        WHERE u.person = $1
          AND u.id = $2";
    OLD = "
        SELECT person
        FROM waiting_uploads
        WHERE created_at < $1
        ORDER BY created_at
        LIMIT 1";
    CHOICES = "
        SELECT choices
        FROM heading_choices
        WHERE person = $1
          AND headings = $2";
    CHOOSE = "
        INSERT INTO heading_choices (person, headings, choices, used_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (person, headings) DO UPDATE
        SET choices = excluded.choices,
            used_at = excluded.used_at";
    SWEEP_CHOICES = "
        DELETE FROM heading_choices
        WHERE used_at <= (
            SELECT MAX(o.used_at)
            FROM (
                SELECT used_at
                FROM heading_choices
                WHERE used_at < $1
                ORDER BY used_at
                LIMIT $2
            ) AS o
        )";
}

/// An upload that waits.
#[derive(Clone, Debug)]
pub struct WaitingUpload {
    /// What was typed besides, as JSON.
    pub form: String,
    /// Its files.
    pub files: Vec<WaitingFile>,
}

/// A file of an upload that waits.
#[derive(Clone, Debug)]
pub struct WaitingFile {
    /// Its name.
    pub name: String,
    /// What is in it, as text.
    pub body: String,
}

impl Tx {
    /// Keeps a person's upload; one that waited before is forgotten.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn let_upload_wait(&mut self, person: &str, id: &str, form: &str, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(FORGET_FILES).bind(person).execute(c).await.map(drop))?;
        on!(self, |c| sqlx::query(WAIT).bind(person).bind(id).bind(form).bind(micros(now)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Adds a file to a person's upload that waits.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_waiting_file(&mut self, person: &str, seq: i64, name: &str, body: &str) -> Result<()> {
        on!(self, |c| sqlx::query(ADD_FILE).bind(person).bind(seq).bind(name).bind(body).execute(c).await.map(drop))?;
        Ok(())
    }

    /// A person's upload that waits under this id.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn waiting_upload(&mut self, person: &str, id: &str) -> Result<Option<WaitingUpload>> {
        let form: Option<String> =
            on!(self, |c| sqlx::query_scalar(WAITING).bind(person).bind(id).fetch_optional(c).await)?;
        let Some(form) = form else { return Ok(None) };
        let files: Vec<(String, String)> = on!(self, |c| sqlx::query_as(FILES).bind(person).fetch_all(c).await)?;
        let files = files.into_iter().map(|(name, body)| WaitingFile { name, body }).collect();
        Ok(Some(WaitingUpload { form, files }))
    }

    /// About how many bytes an upload that waits has.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn waiting_bytes(&mut self, person: &str, id: &str) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(BYTES).bind(person).bind(id).fetch_one(c).await)?)
    }

    /// Forgets a person's upload that waits.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_waiting_upload(&mut self, person: &str) -> Result<()> {
        for statement in [FORGET_FILES, FORGET] {
            on!(self, |c| sqlx::query(statement).bind(person).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Somebody whose upload has waited since before `until`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn old_waiting_upload(&mut self, until: OffsetDateTime) -> Result<Option<String>> {
        Ok(on!(self, |c| sqlx::query_scalar(OLD).bind(micros(until)).fetch_optional(c).await)?)
    }

    /// What a person said of these headings, as JSON.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn heading_choices(&mut self, person: &str, headings: i64) -> Result<Option<String>> {
        Ok(on!(self, |c| sqlx::query_scalar(CHOICES).bind(person).bind(headings).fetch_optional(c).await)?)
    }

    /// Remembers what a person said of these headings.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn remember_heading_choices(
        &mut self,
        person: &str,
        headings: i64,
        choices: &str,
        now: OffsetDateTime,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(CHOOSE)
            .bind(person)
            .bind(headings)
            .bind(choices)
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Forgets up to about so many choices that were not used since `until`; tells how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn sweep_heading_choices(&mut self, until: OffsetDateTime, most: i64) -> Result<u64> {
        Ok(on!(self, |c| sqlx::query(SWEEP_CHOICES)
            .bind(micros(until))
            .bind(most)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?)
    }
}
