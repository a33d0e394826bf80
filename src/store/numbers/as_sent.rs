//! What programs sent of numbers beside their settings: each distinct value stored once, and most numbers without one.

use time::OffsetDateTime;

use super::in_list;
use crate::domain::{E164, NumberAsSent};
use crate::store::sql::{Bind, Conditions, statements};
use crate::store::sqlite::script::Script;
use crate::store::{Error, Result, Tx, micros};

statements! {
    INSERT = "
        INSERT INTO as_sent (id, body)
        VALUES ($1, $2)
        ON CONFLICT (id) DO NOTHING";
}

/// Reads a value back.
pub(in crate::store) fn read(of: i64, body: &str) -> Result<NumberAsSent> {
    serde_json::from_str(body).map_err(|_| Error::unreadable("as_sent", "body", of))
}

/// Numbers of which the same was sent besides.
#[derive(Clone, Debug)]
pub struct SentAlike {
    /// What was sent.
    pub as_sent: NumberAsSent,
    /// The numbers.
    pub numbers: Vec<E164>,
    /// Whether that is a change of what a program can set, so that the numbers count as changed.
    pub is_change: bool,
}

impl Tx {
    /// Keeps what was sent of numbers beside their settings.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_as_sent(&mut self, all: &[SentAlike], now: OffsetDateTime) -> Result<()> {
        let mut script = Script::default();
        for SentAlike { as_sent, numbers, is_change } in all {
            let id = if as_sent.is_usual() { None } else { Some(as_sent.id()) };
            if let Some(id) = id {
                let body = serde_json::to_string(as_sent).unwrap_or_default();
                script.step(INSERT, [Bind::Int(id), Bind::Text(body)]);
            }
            let mut update = Conditions::default();
            match id {
                Some(id) => update.push("UPDATE numbers SET as_sent_id = ?", [Bind::Int(id)]),
                None => update.push("UPDATE numbers SET as_sent_id = NULL", []),
            };
            if *is_change {
                update.push(", changed_at = ?", [Bind::Int(micros(now))]);
            }
            in_list(&mut update, " WHERE telephone_number IN (", numbers);
            script.built(update);
        }
        self.run(script).await.map(drop)
    }
}
