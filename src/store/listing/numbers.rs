//! Numbers, listed. A number that is being released is in no list.
//!
//! A page is read in the order of numbers and ends when it is full. A filter could also be answered from the numbers of
//! its accounts or settings, but these would all have to be sorted for every page; the unary plus keeps both databases
//! from that. Only an account that every number must have, and how every number must start, lead to where to look.

use std::ops::RangeInclusive;

use super::{Dialect, InSql, ListPart, Window, add, add_comparison, add_truth, bits, json_text};
use crate::domain::e164::{MAX_DIGITS, prefix_ranges};
use crate::domain::filter::{Filter, NumberField, Test, TextTerm};
use crate::domain::{E164, Number};
use crate::store::numbers::rows::select_numbers;
use crate::store::sql::{Bind, Conditions, on, statements};
use crate::store::{Result, Tx};

statements! {
    COUNT_ALL = "
        SELECT CAST(COALESCE(SUM(number_count), 0) AS BIGINT) - (
            SELECT CAST(COUNT(*) AS BIGINT)
            FROM numbers
            WHERE state <> 'synced'
              AND state = 'releasing'
        )
        FROM accounts";
    COUNT_OF_ACCOUNT = "
        SELECT number_count - (
            SELECT CAST(COUNT(*) AS BIGINT)
            FROM numbers
            WHERE state <> 'synced'
              AND state = 'releasing'
              AND account_id = $1
        )
        FROM accounts
        WHERE id = $1";
}

impl Tx {
    /// Numbers of one account, or of all, that match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn numbers_listed(
        &mut self,
        account: Option<i64>,
        filter: &Filter<NumberField>,
        window: &Window<E164>,
    ) -> Result<ListPart<Number>> {
        let dialect = self.dialect();
        let Some(conditions) = select(account, filter, window, dialect) else { return Ok(ListPart::default()) };
        Ok(window.part(self.read_numbers(conditions).await?))
    }

    /// How many numbers of one account, or of all, match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_numbers_listed(&mut self, account: Option<i64>, filter: &Filter<NumberField>) -> Result<i64> {
        match account {
            None if filter.is_everything() => Ok(on!(self, |c| sqlx::query_scalar(COUNT_ALL).fetch_one(c).await)?),
            Some(id) if filter.is_everything() => {
                let count: Option<i64> =
                    on!(self, |c| sqlx::query_scalar(COUNT_OF_ACCOUNT).bind(id).fetch_optional(c).await)?;
                Ok(count.unwrap_or(0))
            }
            account => {
                let mut conditions = Conditions::default();
                conditions.push("SELECT CAST(COUNT(*) AS BIGINT) FROM numbers n WHERE ", []);
                add_scope(account, filter, &mut conditions);
                conditions.push(" AND ", []);
                add(filter, &mut conditions, self.dialect());
                self.ask_count(&conditions).await
            }
        }
    }
}

/// Adds what every number must be: kept, of the account, and of the account that the filter names.
fn add_scope(account: Option<i64>, filter: &Filter<NumberField>, conditions: &mut Conditions) {
    conditions.push("n.state <> 'releasing'", []);
    if let Some(id) = account {
        conditions.and("n.account_id = ?", [Bind::Int(id)]);
    }
    for part in filter.conjuncts() {
        if let Filter::Text(TextTerm { field: NumberField::AccountName, test: Test::Is(name), holds: true }) = part {
            conditions.and("n.account_id = (SELECT id FROM accounts WHERE name = ?)", [name.as_str().into()]);
        }
    }
}

/// The statement for a window; with a filter on how numbers start, one such statement for each range of digits, so that
/// each is answered by a seek and none by a scan. `None` when no number can match.
pub(super) fn select(
    account: Option<i64>,
    filter: &Filter<NumberField>,
    window: &Window<E164>,
    dialect: Dialect,
) -> Option<Conditions> {
    let start = filter.conjuncts().iter().enumerate().find_map(|(index, part)| Some((index, start_of(part)?)));
    let first = window.after.map_or(0, |number| number.as_i64() + 1);
    let ranges: Vec<[Bind; 2]> = start
        .as_ref()
        .map_or_else(|| vec![0..=i64::MAX], |(_, ranges)| ranges.clone())
        .into_iter()
        .filter(|range| *range.end() >= first)
        .map(|range| [Bind::Int(first.max(*range.start())), Bind::Int(*range.end())])
        .collect();
    if ranges.is_empty() {
        return None;
    }
    let mut conditions = Conditions::default();
    let many = ranges.len() > 1;
    for (index, range) in ranges.into_iter().enumerate() {
        if many {
            conditions.push(if index == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" }, []);
        }
        conditions.push(select_numbers!(), []);
        add_scope(account, filter, &mut conditions);
        conditions.and("n.telephone_number BETWEEN ? AND ?", range);
        for (at, part) in filter.conjuncts().iter().enumerate() {
            if start.as_ref().is_none_or(|(start, _)| *start != at) {
                conditions.push(" AND ", []);
                add(part, &mut conditions, dialect);
            }
        }
        conditions.push(" ORDER BY n.telephone_number", []);
        if many {
            let far = i64::from(window.skip) + i64::from(window.limit) + 1;
            conditions.push(" LIMIT ?) AS part", [Bind::Int(far)]);
        }
    }
    if many {
        conditions.push(" ORDER BY telephone_number", []);
    }
    conditions.push(" LIMIT ? OFFSET ?", [window.rows(), window.offset()]);
    Some(conditions)
}

/// The ranges of numbers, when the part asks for how numbers start.
fn start_of(part: &Filter<NumberField>) -> Option<Vec<RangeInclusive<i64>>> {
    match part {
        Filter::Text(TextTerm { field: NumberField::TelephoneNumber, test: Test::StartsWith(start), holds: true }) => {
            Some(ranges(start))
        }
        _ => None,
    }
}

/// The text with a `+` where a query string that was not encoded made a blank of it.
fn with_plus(text: &str) -> String {
    text.strip_prefix(' ').map_or_else(|| text.to_owned(), |rest| format!("+{rest}"))
}

/// The numbers whose text starts so.
fn ranges(start: &str) -> Vec<RangeInclusive<i64>> {
    let start = with_plus(start);
    if start.is_empty() || start == "+" {
        return vec![0..=i64::MAX];
    }
    let digits = start.strip_prefix('+').filter(|digits| is_digits(digits) && !digits.starts_with('0'));
    digits.and_then(|digits| digits.parse().ok()).map_or_else(Vec::new, |prefix| prefix_ranges(prefix, MAX_DIGITS))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

impl InSql for NumberField {
    fn compare(term: &TextTerm<Self>, conditions: &mut Conditions, dialect: Dialect) {
        let TextTerm { field, test, holds } = term;
        match field {
            Self::TelephoneNumber => add_number(test, *holds, conditions),
            Self::AccountName => {
                conditions.push("+n.account_id IN (SELECT a.id FROM accounts a WHERE ", []);
                add_comparison("a.name", test, *holds, conditions);
                conditions.push(")", []);
            }
            Self::ProvisioningStatus => {
                // Said so that the index of what is not synced is recognised.
                let unsynced = *holds && matches!(test, Test::Is(state) if state != "synced");
                conditions.push(if unsynced { "(n.state <> 'synced' AND " } else { "(" }, []);
                add_comparison("n.state", test, *holds, conditions);
                conditions.push(")", []);
            }
            Self::Usage(service) => {
                add_settings_of(bits(*service), conditions);
                conditions.push(" AND ", []);
                add_comparison("s.usage", test, *holds, conditions);
                conditions.push(")", []);
            }
            Self::AssignmentStatus(service) => {
                const STATUS: &str = "(CASE WHEN n.assigned THEN 'assigned' ELSE 'unassigned' END)";
                conditions.push("(", []);
                add_settings_of(bits(*service), conditions);
                conditions.push(") AND ", []);
                add_comparison(STATUS, test, *holds, conditions);
                conditions.push(")", []);
            }
            Self::SipHeader => {
                conditions.push("+n.settings_id IN (SELECT s.id FROM settings s WHERE ", []);
                add_comparison(json_text!(dialect, "s.body", "customSipHeader"), test, *holds, conditions);
                conditions.push(")", []);
            }
        }
    }

    fn enabled(services: Bind, is: bool, conditions: &mut Conditions) {
        let enabled = "+n.settings_id IN (SELECT s.id FROM settings s WHERE (s.services & ?) <> 0)";
        let not_enabled = "+n.settings_id IN (SELECT s.id FROM settings s WHERE (s.services & ?) = 0)";
        conditions.push(if is { enabled } else { not_enabled }, [services]);
    }
}

/// The start of the condition that the number has the service; to be closed by a bracket.
fn add_settings_of(services: Bind, conditions: &mut Conditions) {
    conditions.push("+n.settings_id IN (SELECT s.id FROM settings s WHERE (s.services & ?) <> 0", [services]);
}

/// Numbers are stored as integers: the text `+44…` is never made, but for digits in the middle.
fn add_number(test: &Test, holds: bool, conditions: &mut Conditions) {
    match test {
        Test::Is(text) => match E164::parse_wire(&with_plus(text)) {
            Ok(number) => {
                let equals = if holds { "n.telephone_number = ?" } else { "n.telephone_number <> ?" };
                conditions.push(equals, [Bind::Int(number.as_i64())]);
            }
            Err(_) => add_truth(!holds, conditions),
        },
        Test::Contains(digits) if is_digits(digits) => {
            add_comparison("CAST(n.telephone_number AS TEXT)", test, holds, conditions);
        }
        // A + stands only in front.
        Test::StartsWith(start) | Test::Contains(start) => {
            let ranges = ranges(start);
            conditions.push(if holds { "(FALSE" } else { "NOT (FALSE" }, []);
            for range in ranges {
                let ends = [Bind::Int(*range.start()), Bind::Int(*range.end())];
                conditions.push(" OR +n.telephone_number BETWEEN ? AND ?", ends);
            }
            conditions.push(")", []);
        }
    }
}
