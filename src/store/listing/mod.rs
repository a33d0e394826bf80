//! Lists of the Provisioning API: by key, from behind a key, through a filter.
//!
//! A filter becomes conditions here, with one text for both databases wherever that is possible. A filter has no `not`
//! left in it (see [`crate::domain::filter`]), so that a term about a missing value, which SQL calls NULL, excludes the row
//! as a false one does: three values are as good as two.

mod accounts;
mod addresses;
mod consents;
mod numbers;

use super::sql::{Bind, Conditions, Dialect, bind_all, on};
use super::{Result, Tx};
use crate::domain::filter::{Fields, Filter, NumberField, Test, TextTerm};
use crate::domain::{Service, ServiceSet};

/// The statements that never change.
pub(super) const ALL: &[(&str, &str)] = numbers::ALL;

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window<K> {
    /// Only what comes behind this key.
    pub after: Option<K>,
    /// So many of these are left out.
    pub skip: u32,
    /// So many at most.
    pub limit: u32,
}

impl<K> Window<K> {
    /// The first `limit` rows.
    pub fn first(limit: u32) -> Self {
        Self { after: None, skip: 0, limit }
    }

    /// One row more than wanted, which tells whether more follow.
    fn rows(&self) -> Bind {
        Bind::Int(i64::from(self.limit) + 1)
    }

    fn offset(&self) -> Bind {
        Bind::Int(i64::from(self.skip))
    }

    /// Takes away the row that was read beyond the window.
    fn part<T>(&self, mut items: Vec<T>) -> ListPart<T> {
        let size = self.limit as usize;
        let more = items.len() > size;
        items.truncate(size);
        ListPart { items, more }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPart<T> {
    /// The items, ascending by key.
    pub items: Vec<T>,
    /// True when more follow behind the last.
    pub more: bool,
}

impl<T> Default for ListPart<T> {
    fn default() -> Self {
        Self { items: Vec::new(), more: false }
    }
}

/// A text in a column of JSON; NULL where it is missing.
macro_rules! json_text {
    ($dialect:expr, $column:literal, $name:literal) => {
        match $dialect {
            $crate::store::sql::Dialect::Sqlite => concat!("json_extract(", $column, ", '$.", $name, "')"),
            $crate::store::sql::Dialect::Postgres => concat!("(CAST(", $column, " AS json) ->> '", $name, "')"),
        }
    };
}

use json_text;

/// How a resource's filter is said in SQL.
trait InSql: Fields {
    /// Adds the condition that a text compares so.
    fn compare(term: &TextTerm<Self>, conditions: &mut Conditions, dialect: Dialect);

    /// Adds the condition that a service is enabled, or is not.
    fn enabled(services: Bind, is: bool, conditions: &mut Conditions);
}

impl Filter<NumberField> {
    /// True when a page of what matches may have to be looked for in the whole table of numbers, because more is asked for
    /// than an account and how numbers start.
    pub(crate) fn searches(&self) -> bool {
        !self.conjuncts().iter().all(|part| {
            matches!(
                part,
                Self::Text(
                    TextTerm { field: NumberField::TelephoneNumber, test: Test::StartsWith(_), holds: true }
                        | TextTerm { field: NumberField::AccountName, test: Test::Is(_), holds: true }
                )
            )
        })
    }
}

/// Adds the condition that the filter holds.
fn add<F: InSql>(filter: &Filter<F>, conditions: &mut Conditions, dialect: Dialect) {
    match filter {
        Filter::All(parts) => add_joined(parts, [" AND ", "TRUE"], conditions, dialect),
        Filter::Any(parts) => add_joined(parts, [" OR ", "FALSE"], conditions, dialect),
        Filter::Text(term) => F::compare(term, conditions, dialect),
        Filter::Enabled(service, is) => F::enabled(bits(*service), *is, conditions),
    }
}

fn add_joined<F: InSql>(
    parts: &[Filter<F>],
    [joint, none]: [&'static str; 2],
    conditions: &mut Conditions,
    dialect: Dialect,
) {
    conditions.push("(", []);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            conditions.push(joint, []);
        }
        add(part, conditions, dialect);
    }
    conditions.push(if parts.is_empty() { none } else { "" }, []).push(")", []);
}

fn bits(service: Service) -> Bind {
    Bind::Int(ServiceSet::from(service).bits())
}

/// Adds `TRUE` or `FALSE`.
fn add_truth(truth: bool, conditions: &mut Conditions) {
    conditions.push(if truth { "TRUE" } else { "FALSE" }, []);
}

/// Adds the comparison of a text with what an expression gives. Both databases compare so byte by byte, which `LIKE` of
/// SQLite does not.
fn add_comparison(expression: &'static str, test: &Test, holds: bool, conditions: &mut Conditions) {
    let text = |text: &str| Bind::from(text);
    match test {
        Test::Is(wanted) => {
            conditions.push(expression, []).push(if holds { " = ?" } else { " <> ?" }, [text(wanted)]);
        }
        Test::StartsWith(wanted) | Test::Contains(wanted) if wanted.is_empty() => {
            conditions
                .push(if holds { expression } else { "FALSE" }, [])
                .push(if holds { " IS NOT NULL" } else { "" }, []);
        }
        Test::StartsWith(wanted) => {
            let equals = if holds { ", 1, length(?)) = ?" } else { ", 1, length(?)) <> ?" };
            conditions.push("substr(", []).push(expression, []).push(equals, [text(wanted), text(wanted)]);
        }
        Test::Contains(wanted) => {
            let changes = if holds { ", ?, '') <> " } else { ", ?, '') = " };
            conditions.push("replace(", []).push(expression, []).push(changes, [text(wanted)]).push(expression, []);
        }
    }
}

impl Tx {
    /// Asks for one number.
    async fn ask_count(&mut self, conditions: &Conditions) -> Result<i64> {
        Ok(on!(self, |c| bind_all!(sqlx::query_scalar(conditions.sql()), conditions).fetch_one(c).await)?)
    }
}

#[cfg(test)]
mod tests;
