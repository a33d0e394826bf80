//! How numbers are read: a whole page as one row of JSON values.
//!
//! SQLite's rows travel one at a time between two threads, which takes longer than finding them; and what many numbers
//! have in common (account, settings, error) travels once.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::settings::{read, read_error};
use super::sql::{Conditions, bind_all, dialect, on};
use super::{Error, Result, Tx, at};
use crate::domain::{E164, Number, NumberSettings, ProvisioningError, SyncState};

/// The columns of a number; the statement that [`Tx::read_numbers`] completes selects just these from `numbers n`.
macro_rules! select_numbers {
    () => {
        "SELECT n.telephone_number, n.account_id, n.settings_id, n.country, n.state, n.assigned, n.error_id, n.rev, n.order_id, n.changed_at FROM numbers n WHERE "
    };
}

pub(super) use select_numbers;

macro_rules! as_json {
    ($array:literal, $all:literal) => {
        concat!(
            ") SELECT CAST((SELECT ", $all, "(", $array, "(telephone_number, account_id, settings_id, country, state, CASE WHEN assigned THEN 1 ELSE 0 END, error_id, rev, order_id, changed_at)) FROM found) AS TEXT), ",
            "CAST((SELECT ", $all, "(", $array, "(id, name, tenant_id, number_count)) FROM accounts WHERE id IN (SELECT account_id FROM found)) AS TEXT), ",
            "CAST((SELECT ", $all, "(", $array, "(id, body)) FROM settings WHERE id IN (SELECT settings_id FROM found)) AS TEXT), ",
            "CAST((SELECT ", $all, "(", $array, "(id, body)) FROM errors WHERE id IN (SELECT error_id FROM found)) AS TEXT)"
        )
    };
}

#[derive(Deserialize)]
struct Row(i64, i64, i64, Option<String>, String, i64, Option<i64>, i64, i64, i64);

/// The numbers, and what they have in common: accounts, settings, errors. Each is a JSON array, or nothing.
type PageColumns = (Option<String>, Option<String>, Option<String>, Option<String>);

/// What the numbers of one page have in common, by id.
struct Shared {
    accounts: HashMap<i64, (Arc<str>, Option<Arc<str>>)>,
    settings: HashMap<i64, Arc<NumberSettings>>,
    errors: HashMap<i64, Arc<ProvisioningError>>,
}

impl Shared {
    fn number(&self, row: Row) -> Result<Number> {
        let Row(number, account, settings, country, state, assigned, error, rev, order_id, changed_at) = row;
        let unreadable = |column| Error::unreadable("numbers", column, number);
        let (account, tenant_id) = self.accounts.get(&account).ok_or_else(|| unreadable("account_id"))?.clone();
        let telephone_number = E164::from_i64(number).ok_or_else(|| unreadable("telephone_number"))?;
        let error = error.map(|id| self.errors.get(&id).ok_or_else(|| unreadable("error_id"))).transpose()?;
        Ok(Number {
            telephone_number,
            account,
            tenant_id,
            settings: self.settings.get(&settings).cloned().ok_or_else(|| unreadable("settings_id"))?,
            country,
            state: SyncState::from_key(&state).ok_or_else(|| unreadable("state"))?,
            assigned: assigned != 0,
            error: error.map(|error| Arc::new(error.about(telephone_number))),
            rev,
            order_id,
            changed_at: at(changed_at),
        })
    }
}

/// The values of a JSON array; there is none when nothing was found.
fn values<T: DeserializeOwned>(json: Option<&str>, table: &'static str) -> Result<Vec<T>> {
    json.map_or(Ok(Vec::new()), |json| serde_json::from_str(json).map_err(|_| Error::unreadable(table, "page", 0)))
}

impl Tx {
    /// Reads the numbers that a statement made with `select_numbers!` finds, in no order, and how many numbers their
    /// accounts have in all.
    pub(super) async fn read_numbers(&mut self, mut found: Conditions) -> Result<(Vec<Number>, i64)> {
        found.before("WITH found AS (");
        found.push(
            dialect!(self, sqlite: as_json!("json_array", "json_group_array"), postgres: as_json!("json_build_array", "json_agg")),
            [],
        );
        let (rows, accounts, settings, errors): PageColumns =
            on!(self, c => bind_all!(sqlx::query_as(found.sql()), found).fetch_one(c).await)?;
        let accounts: Vec<(i64, String, Option<String>, i64)> = values(accounts.as_deref(), "accounts")?;
        let settings: Vec<(i64, String)> = values(settings.as_deref(), "settings")?;
        let errors: Vec<(i64, String)> = values(errors.as_deref(), "errors")?;
        let of_accounts = accounts.iter().map(|(_, _, _, count)| count).sum();
        let shared = Shared {
            accounts: accounts
                .into_iter()
                .map(|(id, name, tenant, _)| (id, (name.into(), tenant.map(Arc::from))))
                .collect(),
            settings: settings
                .into_iter()
                .map(|(id, body)| Ok((id, Arc::new(read(id, &body)?))))
                .collect::<Result<_>>()?,
            errors: errors
                .into_iter()
                .map(|(id, body)| Ok((id, Arc::new(read_error(id, &body)?))))
                .collect::<Result<_>>()?,
        };
        let numbers: Result<_> =
            values(rows.as_deref(), "numbers")?.into_iter().map(|row| shared.number(row)).collect();
        Ok((numbers?, of_accounts))
    }
}
