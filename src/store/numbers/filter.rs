//! Which numbers: the one place where a list's filters become conditions.

use crate::domain::e164::{Ending, MAX_DIGITS, prefix_ranges};
use crate::domain::{E164, Service, ServiceSet, SyncState, TenantId};
use crate::store::sql::{Bind, Conditions};

/// Whether the backend says that somebody uses the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// In use.
    Assigned,
    /// Free.
    Unassigned,
}

/// Which numbers to list, count, export or release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberFilter {
    /// Only numbers of the account with this name.
    pub account: Option<String>,
    /// Only numbers of this tenant's accounts.
    pub tenant_id: Option<TenantId>,
    /// Only numbers that start with these digits, country code first.
    pub starts: Option<i64>,
    /// Only numbers that end with these digits.
    pub ends: Option<String>,
    /// Only numbers with this service.
    pub service: Option<Service>,
    /// Only numbers with this usage.
    pub usage: Option<String>,
    /// Only numbers in this state.
    pub state: Option<SyncState>,
    /// Only assigned or only unassigned numbers.
    pub assignment: Option<Assignment>,
    /// Only numbers of this country.
    pub country: Option<String>,
    /// Only numbers with this civic address.
    pub civic_address_id: Option<String>,
    /// Only numbers that this order changed last.
    pub order_id: Option<i64>,
    /// Only numbers that the backend refuses for the same reason as this one.
    pub fails_like: Option<E164>,
}

impl NumberFilter {
    /// Adds every condition; the text before knows `numbers` as `n`.
    pub(crate) fn add_to(&self, conditions: &mut Conditions) {
        self.add_without_starts(conditions);
        if let Some(prefix) = self.starts {
            conditions.and_any("n.telephone_number BETWEEN ? AND ?", start_ranges(prefix));
        }
    }

    /// Adds every condition but `starts`, which a page reads range by range.
    pub(crate) fn add_without_starts(&self, conditions: &mut Conditions) {
        if let Some(account) = &self.account {
            conditions.and("n.account_id = (SELECT id FROM accounts WHERE name = ?)", [account.as_str().into()]);
        }
        if let Some(tenant) = &self.tenant_id {
            conditions.and("n.account_id IN (SELECT id FROM accounts WHERE tenant_id = ?)", [tenant.as_str().into()]);
        }
        if let Some(digits) = &self.ends {
            add_ending(Ending::of(digits), conditions);
        }
        if let Some(service) = self.service {
            let bits = ServiceSet::from(service).bits();
            conditions.and("n.settings_id IN (SELECT id FROM settings WHERE (services & ?) <> 0)", [Bind::Int(bits)]);
        }
        if let Some(usage) = &self.usage {
            conditions.and("n.settings_id IN (SELECT id FROM settings WHERE usage = ?)", [usage.as_str().into()]);
        }
        if let Some(address) = &self.civic_address_id {
            conditions.and(
                "n.settings_id IN (SELECT id FROM settings WHERE civic_address_id = ?)",
                [address.as_str().into()],
            );
        }
        match self.state {
            None => {}
            // Said so that the index of what is not synced is recognised.
            Some(SyncState::Pending) => drop(conditions.and("n.state <> 'synced' AND n.state = 'pending'", [])),
            Some(SyncState::Synced) => drop(conditions.and("n.state = 'synced'", [])),
            Some(SyncState::Failed) => drop(conditions.and("n.state <> 'synced' AND n.state = 'failed'", [])),
            Some(SyncState::Releasing) => drop(conditions.and("n.state <> 'synced' AND n.state = 'releasing'", [])),
        }
        match self.assignment {
            None => {}
            Some(Assignment::Assigned) => drop(conditions.and("n.assigned", [])),
            Some(Assignment::Unassigned) => drop(conditions.and("NOT n.assigned", [])),
        }
        if let Some(country) = &self.country {
            conditions.and("n.country = ?", [country.as_str().into()]);
        }
        if let Some(order) = self.order_id {
            conditions.and("n.order_id = ?", [Bind::Int(order)]);
        }
        if let Some(number) = self.fails_like {
            conditions.and(
                "n.state <> 'synced'
                AND n.state = 'failed'
                AND n.error_id = (SELECT error_id FROM numbers WHERE telephone_number = ?)",
                [Bind::Int(number.as_i64())],
            );
        }
    }

    /// True when a page of what matches may have to be looked for in the whole table, because no index leads from one match
    /// to the next.
    pub fn searches(&self) -> bool {
        *self != Self { account: self.account.clone(), starts: self.starts, ..Self::default() }
    }

    /// True when the filter is an account and nothing else, so that the account's own count answers.
    pub fn is_account_only(&self) -> bool {
        self.account.is_some() && *self == Self { account: self.account.clone(), ..Self::default() }
    }
}

/// Endings of so many digits are so far apart that jumping from one to the next costs less than looking at all between.
const JUMPED: u32 = 5;

/// Numbers that end so. No index: one would put the numbers of a range into as many places, and cost an upload more than
/// everything else that it writes. From a number without the ending the way leads to the first that stands at or behind
/// the next value with it, so that a block of numbers is left behind in one step.
fn add_ending(ending: Option<Ending>, conditions: &mut Conditions) {
    let Some(Ending { digits, scale, remainder, smallest }) = ending else {
        conditions.and("FALSE", []);
        return;
    };
    let (scale, remainder, smallest) = (Bind::Int(scale), Bind::Int(remainder), Bind::Int(smallest));
    if digits < JUMPED {
        conditions.and("n.telephone_number % ? = ? AND n.telephone_number >= ?", [scale, remainder, smallest]);
    } else {
        conditions.and(
            "n.telephone_number IN (
                WITH RECURSIVE jump (number, remainder, scale) AS (
                    SELECT
                        (SELECT MIN(telephone_number) FROM numbers WHERE telephone_number >= ?),
                        CAST(? AS BIGINT),
                        CAST(? AS BIGINT)
                    UNION ALL
                    SELECT
                        (
                            SELECT MIN(x.telephone_number)
                            FROM numbers x
                            WHERE x.telephone_number >= j.number - (j.number - j.remainder) % j.scale + j.scale
                        ),
                        j.remainder,
                        j.scale
                    FROM jump j
                    WHERE j.number IS NOT NULL
                )
                SELECT number
                FROM jump
                WHERE (number - remainder) % scale = 0
            )",
            [smallest, remainder, scale],
        );
    }
}

/// The integer ranges of numbers that start with `prefix`.
pub(crate) fn start_ranges(prefix: i64) -> Vec<[Bind; 2]> {
    prefix_ranges(prefix, MAX_DIGITS).iter().map(|r| [Bind::Int(*r.start()), Bind::Int(*r.end())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_account_and_how_numbers_start_lead_to_a_number() {
        let none = NumberFilter::default();
        let account = NumberFilter { account: Some("contoso".into()), ..none.clone() };
        for filter in [&none, &account, &NumberFilter { starts: Some(44), ..account.clone() }] {
            assert!(!filter.searches(), "{filter:?}");
        }
        for filter in [
            NumberFilter { country: Some("FR".into()), ..account.clone() },
            NumberFilter { ends: Some("12".into()), ..none.clone() },
            NumberFilter { assignment: Some(Assignment::Assigned), starts: Some(44), ..none.clone() },
        ] {
            assert!(filter.searches(), "{filter:?}");
        }
    }
}
