//! Ticked steps of setting up an enterprise for Direct Routing.

use sqlx::FromRow;
use time::Date;
use time::macros::format_description;

use crate::domain::hand_over::{Step, Tick};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx, at, micros};

statements! {
    TICKS = "
        SELECT step, done_on, ticked_by, ticked_at
        FROM hand_over_steps
        WHERE account_id = $1
          AND label = $2";
    TICK = "
        INSERT INTO hand_over_steps (account_id, label, step, done_on, ticked_by, ticked_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (account_id, label, step)
        DO UPDATE SET
            done_on = excluded.done_on,
            ticked_by = excluded.ticked_by,
            ticked_at = excluded.ticked_at";
    UNTICK = "
        DELETE FROM hand_over_steps
        WHERE account_id = $1
          AND label = $2
          AND step = $3";
    FORGET = "DELETE FROM hand_over_steps WHERE account_id = $1";
}

#[derive(FromRow)]
struct Row {
    step: String,
    done_on: String,
    ticked_by: String,
    ticked_at: i64,
}

impl TryFrom<Row> for Tick {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let day = Date::parse(&row.done_on, format_description!("[year]-[month]-[day]"));
        Ok(Self {
            step: Step::from_key(&row.step).ok_or_else(|| Error::unreadable("hand_over_steps", "step", &row.step))?,
            on: day.map_err(|_| Error::unreadable("hand_over_steps", "done_on", &row.done_on))?,
            by: row.ticked_by,
            at: at(row.ticked_at),
        })
    }
}

impl Tx {
    /// What was ticked for the account while it had this label.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn hand_over_ticks(&mut self, account_id: i64, label: &str) -> Result<Vec<Tick>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(TICKS).bind(account_id).bind(label).fetch_all(c).await)?;
        rows.into_iter().map(Tick::try_from).collect()
    }

    /// Keeps a tick, instead of an earlier one of the same step.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn keep_hand_over_tick(&mut self, account_id: i64, label: &str, tick: &Tick) -> Result<()> {
        on!(self, |c| sqlx::query(TICK)
            .bind(account_id)
            .bind(label)
            .bind(tick.step.key())
            .bind(tick.on.to_string())
            .bind(tick.by.as_str())
            .bind(micros(tick.at))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Takes a tick back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drop_hand_over_tick(&mut self, account_id: i64, label: &str, step: Step) -> Result<()> {
        on!(self, |c| sqlx::query(UNTICK).bind(account_id).bind(label).bind(step.key()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Forgets the ticks of an account that is gone.
    pub(in crate::store) async fn forget_hand_over(&mut self, account_id: i64) -> Result<()> {
        Ok(on!(self, |c| sqlx::query(FORGET).bind(account_id).execute(c).await.map(drop))?)
    }
}
