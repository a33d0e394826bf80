//! Which drift: the one place where the filters of its list become conditions.

use time::OffsetDateTime;

use crate::domain::block::free::Stretch;
use crate::domain::e164::Ending;
use crate::domain::{DriftKind, E164, TenantId};
use crate::store::numbers::filter::start_ranges;
use crate::store::sql::{Bind, Conditions};
use crate::store::{Assignment, micros};

/// Whether drift that somebody chose to ignore is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ignored {
    /// Only what nobody ignores.
    #[default]
    No,
    /// Only what is ignored.
    Only,
    /// All of it.
    Too,
}

/// Which drift to list, count, export or settle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftFilter {
    /// Only this kind.
    pub kind: Option<DriftKind>,
    /// Only numbers that the account with this name has here.
    pub account: Option<String>,
    /// Only what concerns this tenant.
    pub tenant_id: Option<TenantId>,
    /// Only numbers that start with these digits, country code first.
    pub starts: Option<i64>,
    /// Only numbers that end with these digits.
    pub ends: Option<String>,
    /// Only numbers of this country.
    pub country: Option<String>,
    /// Only what the backend with this name says.
    pub backend: Option<String>,
    /// Only assigned or only unassigned numbers.
    pub assignment: Option<Assignment>,
    /// Whether what is ignored is meant.
    pub ignored: Ignored,
    /// Only these numbers.
    pub numbers: Option<Vec<E164>>,
    /// Only numbers of these stretches.
    pub stretches: Option<Vec<Stretch>>,
}

impl DriftFilter {
    /// All that concerns an account.
    #[must_use]
    pub fn of_account(name: &str) -> Self {
        Self { account: Some(name.to_owned()), ..Self::default() }
    }

    /// All that concerns a tenant.
    #[must_use]
    pub fn of_tenant(tenant: &TenantId) -> Self {
        Self { tenant_id: Some(tenant.clone()), ..Self::default() }
    }

    /// True when a page of what matches may have to be looked for in all drift, because no index leads from one match to the
    /// next.
    #[must_use]
    pub fn searches(&self) -> bool {
        let (kind, account, tenant_id) = (self.kind, self.account.clone(), self.tenant_id.clone());
        *self != Self { kind, account, tenant_id, starts: self.starts, ..Self::default() }
    }

    /// Adds every condition; the text before knows `drift` as `d`.
    pub(super) fn add_to(&self, conditions: &mut Conditions, now: OffsetDateTime) {
        if let Some(kind) = self.kind {
            conditions.and("d.kind = ?", [kind.key().into()]);
        }
        if let Some(account) = &self.account {
            conditions.and("d.account_id = (SELECT id FROM accounts WHERE name = ?)", [account.as_str().into()]);
        }
        if let Some(tenant) = &self.tenant_id {
            conditions.and("d.tenant_id = ?", [tenant.as_str().into()]);
        }
        if let Some(prefix) = self.starts {
            conditions.and_any("d.telephone_number BETWEEN ? AND ?", start_ranges(prefix));
        }
        if let Some(digits) = &self.ends {
            match Ending::of(digits) {
                Some(end) => conditions.and(
                    "d.telephone_number % ? = ? AND d.telephone_number >= ?",
                    [Bind::Int(end.scale), Bind::Int(end.remainder), Bind::Int(end.smallest)],
                ),
                None => conditions.and("FALSE", []),
            };
        }
        if let Some(country) = &self.country {
            conditions.and("d.country = ?", [country.as_str().into()]);
        }
        if let Some(backend) = &self.backend {
            conditions.and("d.backend = ?", [backend.as_str().into()]);
        }
        match self.assignment {
            None => {}
            Some(Assignment::Assigned) => drop(conditions.and("d.assigned", [])),
            Some(Assignment::Unassigned) => drop(conditions.and("NOT d.assigned", [])),
        }
        match self.ignored {
            Ignored::Too => {}
            Ignored::No => drop(conditions.and("d.ignored_until <= ?", [Bind::Int(micros(now))])),
            Ignored::Only => drop(conditions.and("d.ignored_until > ?", [Bind::Int(micros(now))])),
        }
        if let Some(numbers) = &self.numbers {
            conditions.push(" AND ", []);
            crate::store::numbers::in_list(conditions, "d.telephone_number IN (", numbers);
        }
        if let Some(stretches) = &self.stretches {
            let ends = stretches.iter().map(|of| [Bind::Int(of.first.as_i64()), Bind::Int(of.last.as_i64())]);
            conditions.and_any("d.telephone_number BETWEEN ? AND ?", ends);
        }
    }
}
