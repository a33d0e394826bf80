//! Looking before pushing: why an account is compared with a backend, how far that is, and when a person has to confirm.

/// Why an account is compared with a backend before anything is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileWhy {
    /// A service of the account is synced from now on.
    Synced,
    /// The account has got a tenant.
    Tenant,
    /// The database was restored, or nothing was synced for a while.
    Restored,
}

impl ReconcileWhy {
    /// The name in storage.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Tenant => "tenant",
            Self::Restored => "restored",
        }
    }

    /// The reason with this name.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Synced, Self::Tenant, Self::Restored].into_iter().find(|why| why.key() == key)
    }
}

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileState {
    /// The backend is being asked what it holds; nothing is pushed.
    Comparing,
    /// So much would change that a person has to confirm it; nothing is pushed.
    Held,
    /// What differs is pushed.
    Going,
}

impl ReconcileState {
    /// The name in storage.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Comparing => "comparing",
            Self::Held => "held",
            Self::Going => "going",
        }
    }

    /// The state with this name.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Comparing, Self::Held, Self::Going].into_iter().find(|state| state.key() == key)
    }
}

/// How many numbers of an account may change at a backend without a person having confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassChange {
    /// A larger share of the account's numbers needs a person, in per cent.
    pub percent: u32,
    /// Fewer numbers than this never do.
    pub numbers: u32,
}

impl Default for MassChange {
    fn default() -> Self {
        Self { percent: 5, numbers: 20 }
    }
}

impl MassChange {
    /// Whether a person has to confirm so many changes to an account with so many numbers.
    #[must_use]
    pub fn needs_a_person(self, changes: i64, total: i64) -> bool {
        let share = i128::from(total.max(0)) * i128::from(self.percent);
        changes >= i64::from(self.numbers) && i128::from(changes) * 100 > share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_share_and_enough_numbers_need_a_person() {
        let guard = MassChange::default();
        for (changes, total, held) in [
            (0, 0, false),
            (19, 19, false),
            (20, 20, true),
            (20, 400, false),
            (21, 400, true),
            (5_000, 100_000, false),
            (5_001, 100_000, true),
            (i64::MAX, i64::MAX, true),
        ] {
            assert_eq!(guard.needs_a_person(changes, total), held, "{changes} of {total}");
        }
        assert!(MassChange { percent: 0, numbers: 0 }.needs_a_person(1, 1_000_000));
        assert!(!MassChange { percent: 100, numbers: 0 }.needs_a_person(100, 100));
    }
}
