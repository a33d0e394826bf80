//! Moving in: accounts and numbers as another system has them, whatever they were read from.

mod account_columns;
mod accounts_csv;
mod numbers_csv;
mod report;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use time::OffsetDateTime;

use super::account::AccountDraft;
use super::e164::E164;
use super::number::NumberSettings;
use super::provisioning::ProvisioningError;

pub use account_columns::{ACCOUNT_HEADINGS, is_accounts_csv};
pub use accounts_csv::{ReadAccounts, account_cells, read_accounts_csv};
pub use numbers_csv::{NumbersCsv, OfNumbers};
pub use report::{Counts, MovingProblem, Tally};

/// What was read at one place of a source: something to take, or why it cannot be.
#[derive(Clone, Debug)]
pub enum Incoming<T> {
    /// Something that can be taken as far as it can be seen by itself.
    Item(T),
    /// Everything that is wrong with it.
    Problems(Vec<MovingProblem>),
}

/// An account of another system.
#[derive(Clone, Debug)]
pub struct IncomingAccount {
    /// What it should be.
    pub draft: AccountDraft,
    /// When it was created, where the source tells.
    pub created_at: Option<OffsetDateTime>,
    /// Its line in a file, or its place on a page, from 1.
    pub line: u32,
}

/// Settings with their content address; most numbers of a source share a few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedSettings {
    /// The content address.
    pub id: i64,
    /// The settings.
    pub settings: NumberSettings,
}

impl From<NumberSettings> for KeyedSettings {
    fn from(settings: NumberSettings) -> Self {
        let settings = settings.normalised();
        Self { id: settings.id(), settings }
    }
}

/// How far a number had come at the system it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtSource {
    /// Its backend held it, or none had to.
    Synced,
    /// It waited for its backend.
    Waiting,
    /// Its backend had refused it.
    Failed(Arc<ProvisioningError>),
}

impl AtSource {
    /// What a number that waited is kept with: nobody here knows what became of it.
    #[must_use]
    pub fn waiting_error() -> ProvisioningError {
        ProvisioningError::new(
            "WaitingAtSource",
            "The system that this number was taken over from was still waiting for the backend. Nothing was sent from \
             here; compare it with what the backend has, then send it again.",
            None,
        )
    }
}

/// A number of another system.
#[derive(Clone, Debug)]
pub struct IncomingNumber {
    /// The number.
    pub number: E164,
    /// Name of its account.
    pub account: Arc<str>,
    /// What it should be.
    pub settings: Arc<KeyedSettings>,
    /// Whether somebody uses it, as far as the source knows.
    pub assigned: bool,
    /// How far it had come.
    pub at_source: AtSource,
    /// Its line in a file, or its place on a page, from 1.
    pub line: u32,
}
