//! How each account of a source stands here, as far as numbers want to go on it.

use std::collections::HashMap;
use std::sync::Arc;

use super::findings::Findings;
use crate::domain::moving::MovingProblem;
use crate::domain::{Account, AccountDraft, E164, ServiceSet};

/// An account that numbers go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Internal key; 0 in a dry run that would create it.
    pub(super) id: i64,
    /// Enabled services.
    pub(super) services: ServiceSet,
    /// Those that are pushed to a backend.
    pub(super) pushed: ServiceSet,
}

impl Open {
    pub(super) fn of(account: &Account, provisioned: ServiceSet) -> Self {
        Self { id: account.id, services: account.services, pushed: account.pushed(provisioned) }
    }

    /// An account that a dry run would create.
    pub(super) fn planned(draft: &AccountDraft, provisioned: ServiceSet) -> Self {
        Self { id: 0, services: draft.services, pushed: draft.synced.and(draft.services).and(provisioned) }
    }
}

/// One account of the source.
#[derive(Debug)]
pub(super) struct Standing {
    /// Tells it from the others.
    pub(super) index: u32,
    /// Where its numbers go, or why they are left out.
    pub(super) open: Result<Open, String>,
    left_out: u64,
    first: Option<E164>,
}

impl Standing {
    pub(super) fn leave_out(&mut self, number: E164) {
        self.left_out += 1;
        self.first.get_or_insert(number);
    }
}

/// Every account of the source by name.
#[derive(Debug, Default)]
pub(super) struct Standings {
    by_name: HashMap<Arc<str>, Standing>,
    names: Vec<Arc<str>>,
}

impl Standings {
    pub(super) fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn get(&mut self, name: &str) -> Option<&mut Standing> {
        self.by_name.get_mut(name)
    }

    pub(super) fn set(&mut self, name: &str, open: Result<Open, String>) {
        if let Some(standing) = self.by_name.get_mut(name) {
            standing.open = open;
            return;
        }
        let name: Arc<str> = name.into();
        let index = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(Arc::clone(&name));
        self.by_name.insert(name, Standing { index, open, left_out: 0, first: None });
    }

    /// The name of the account with this index.
    pub(super) fn name(&self, index: u32) -> &str {
        usize::try_from(index).ok().and_then(|index| self.names.get(index)).map_or("", |name| name)
    }

    /// Tells of the numbers whose account was not taken: once for each account.
    pub(super) fn left_out(&mut self, findings: &mut Findings) {
        for name in &self.names {
            let Some(standing) = self.by_name.get_mut(name).filter(|standing| standing.left_out > 0) else { continue };
            let first = standing.first.map(|number| number.to_string()).unwrap_or_default();
            let why = standing.open.as_ref().err().map_or("", String::as_str);
            let (count, are) = (standing.left_out, if standing.left_out == 1 { "number is" } else { "numbers are" });
            let reason = format!("{count} {are} left out, the first {first}: {why}");
            findings.add(MovingProblem::new(0, "accountName", name, reason));
        }
    }
}
