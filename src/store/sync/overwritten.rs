//! What a backend had of numbers before it did what a push of ours asked for: written down once it has done it, and told to
//! whoever writes the audit.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use sqlx::FromRow;
use time::OffsetDateTime;

use super::observed::json;
use super::pushes::Push;
use super::seen::Found;
use crate::domain::seen::{SeenKind, member_changes};
use crate::domain::{E164, NumberSettings, OrderKind, ServiceSet};
use crate::store::numbers::settings;
use crate::store::sql::{dialect, on, statements};
use crate::store::{Error, Result, Tx};

/// Those of some numbers that the backend was known to have with other settings than these, and what they had here before the
/// order that they stand in.
macro_rules! replaced {
    ($numbers:literal, $ours:literal, $had:literal) => {
        concat!(
            "
        SELECT
            o.list_id, o.telephone_number, o.settings_id, t.body, o.assigned, n.order_id,
            b.id AS had_id, b.body AS had_body,
            CASE
                WHEN COALESCE(h.push_key, b.push_key) IN (t.id, t.bare_id) THEN CAST(1 AS BIGINT)
                ELSE CAST(0 AS BIGINT)
            END AS was_known
        FROM observed_lists l
        JOIN observed o
            ON o.list_id = l.id
            AND o.telephone_number ",
            $numbers,
            "
            AND o.missing IS NULL
        LEFT JOIN numbers n ON n.telephone_number = o.telephone_number
        LEFT JOIN order_items i ON i.order_id = n.order_id AND i.telephone_number = n.telephone_number
        JOIN settings s ON s.id = ",
            $ours,
            "
        LEFT JOIN settings_services k ON k.settings_id = s.id AND k.service = $4
        JOIN observed_settings t ON t.id = o.settings_id
        LEFT JOIN settings b ON b.id = ",
            $had,
            "
        LEFT JOIN settings_services h ON h.settings_id = b.id AND h.service = $4
        WHERE l.backend = $1
          AND l.tenant_id = $3
          AND COALESCE(k.push_key, s.push_key) NOT IN (t.id, t.bare_id)
        ORDER BY o.telephone_number"
        )
    };
}

statements! {
    // An upload replaces what differs from its settings, a release what differs from those that the number had here: a service
    // that it gives up is not among those that it has now.
    UPLOADED_SQLITE = replaced!("IN (SELECT value FROM json_each($2))", "$5", "i.from_settings_id");
    UPLOADED_POSTGRES =
        replaced!("= ANY (CAST(translate($2, '[]', '{}') AS BIGINT[]))", "$5", "i.from_settings_id");
    RELEASED_SQLITE = replaced!(
        "IN (SELECT value FROM json_each($2))",
        "COALESCE(i.from_settings_id, n.settings_id)",
        "COALESCE(i.from_settings_id, n.settings_id)"
    );
    RELEASED_POSTGRES = replaced!(
        "= ANY (CAST(translate($2, '[]', '{}') AS BIGINT[]))",
        "COALESCE(i.from_settings_id, n.settings_id)",
        "COALESCE(i.from_settings_id, n.settings_id)"
    );
}

/// What a push has replaced at a backend, be it what we had there ourselves.
#[derive(Clone, Debug, Default)]
pub struct Replaced {
    /// What the backend had before, the most frequent first.
    pub before: Vec<HeldBefore>,
    /// What was asked for; nothing where the numbers were released.
    pub asked: Option<NumberSettings>,
    /// The orders that the numbers stand in.
    pub orders: BTreeSet<i64>,
}

/// Numbers that a backend had alike.
#[derive(Clone, Debug, Default)]
pub struct HeldBefore {
    /// What it had.
    pub settings: NumberSettings,
    /// What they had here before the order; nothing where they were on no account.
    pub here: Option<NumberSettings>,
    /// Whether that is the same.
    pub was_known: bool,
    /// Of which numbers, ascending.
    pub numbers: Vec<E164>,
    /// How many of them somebody used.
    pub assigned: i64,
}

#[derive(FromRow)]
struct Row {
    list_id: i64,
    telephone_number: i64,
    settings_id: i64,
    body: String,
    assigned: bool,
    order_id: Option<i64>,
    had_id: Option<i64>,
    had_body: Option<String>,
    was_known: i64,
}

impl Tx {
    /// Writes down what a backend had of these numbers of a push, which it has done now; call it before anything else is
    /// recorded of them. Nothing where it had them as they are here.
    pub(super) async fn note_replaced(
        &mut self,
        push: &Push,
        numbers: &[E164],
        now: OffsetDateTime,
    ) -> Result<Option<Replaced>> {
        let (Some(backend), Some(service)) = (&push.backend, push.service) else { return Ok(None) };
        let is_upload = push.kind == OrderKind::Upload;
        let statement = if is_upload {
            dialect!(self, sqlite: UPLOADED_SQLITE, postgres: UPLOADED_POSTGRES)
        } else {
            dialect!(self, sqlite: RELEASED_SQLITE, postgres: RELEASED_POSTGRES)
        };
        let numbers: Vec<i64> = numbers.iter().map(|number| number.as_i64()).collect();
        if numbers.is_empty() {
            return Ok(None);
        }
        let rows: Vec<Row> = on!(self, |c| {
            let query = sqlx::query_as(statement)
                .bind(backend.as_str())
                .bind(json(&numbers))
                .bind(push.tenant_id.as_str())
                .bind(ServiceSet::from(service).bits());
            let query = if is_upload { query.bind(push.settings_id) } else { query };
            query.fetch_all(c).await
        })?;
        let Some(list) = rows.first().map(|row| row.list_id) else { return Ok(None) };
        let asked = if is_upload {
            Some(self.settings(push.settings_id).await?.unwrap_or_default().part(service))
        } else {
            None
        };
        let replaced = replaced(rows, asked)?;
        let ours = replaced.asked.clone().unwrap_or_default();
        let mut found = Found::default();
        for held in &replaced.before {
            let changes = member_changes(&held.settings, &ours);
            for number in &held.numbers {
                found.add(SeenKind::Overwritten, changes.clone(), *number);
            }
        }
        self.write_seen(list, found, now).await?;
        Ok(Some(replaced))
    }
}

/// Puts together what was held alike.
fn replaced(rows: Vec<Row>, asked: Option<NumberSettings>) -> Result<Replaced> {
    let mut alike = BTreeMap::<(i64, Option<i64>), HeldBefore>::new();
    let mut orders = BTreeSet::new();
    for row in rows {
        let number = row.telephone_number;
        let number = E164::from_i64(number).ok_or_else(|| Error::unreadable("observed", "number", number))?;
        let held = match alike.entry((row.settings_id, row.had_id)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let here = row.had_id.zip(row.had_body.as_deref());
                new.insert(HeldBefore {
                    settings: settings::read(row.settings_id, &row.body)?,
                    here: here.map(|(id, body)| settings::read(id, body)).transpose()?,
                    was_known: row.was_known == 1,
                    ..HeldBefore::default()
                })
            }
        };
        held.numbers.push(number);
        held.assigned += i64::from(row.assigned);
        orders.extend(row.order_id);
    }
    let mut before: Vec<HeldBefore> = alike.into_values().collect();
    before.sort_by_key(|held| (Reverse(held.numbers.len()), held.numbers.first().copied()));
    Ok(Replaced { before, asked, orders })
}
