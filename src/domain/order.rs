//! Orders: one accepted change to numbers, whoever made it.

use time::OffsetDateTime;

use super::account::Account;
use super::draft::{Deed, FormOf, Moves};
use super::drift::DriftWay;
use super::service::ServiceSet;

/// What an order does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Puts numbers on accounts or changes their settings.
    Upload,
    /// Takes numbers away.
    Release,
}

impl OrderKind {
    /// The name in storage and addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Release => "release",
        }
    }

    /// Finds the kind of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Upload, Self::Release].into_iter().find(|kind| kind.key() == key)
    }
}

/// Where an order came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderSource {
    /// A person at the portal.
    Portal,
    /// A program at the Provisioning API.
    Api,
    /// What was taken over from another system.
    Import,
}

impl OrderSource {
    /// The name in storage.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Api => "api",
            Self::Import => "import",
        }
    }

    /// The word people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Portal => "Portal",
            Self::Api => "Provisioning API",
            Self::Import => "Import",
        }
    }

    /// Finds the source of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Portal, Self::Api, Self::Import].into_iter().find(|source| source.key() == key)
    }
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// It is under review. Nothing is changed yet.
    Draft,
    /// It was given up before it was submitted.
    Discarded,
    /// It is submitted. The backend has not been asked yet.
    Pending,
    /// Some numbers have an answer, others wait.
    InProgress,
    /// Every number went through.
    Complete,
    /// Some numbers went through, others were refused.
    CompleteWithErrors,
    /// Every number was refused.
    Failed,
}

impl OrderStatus {
    /// Every status, in the order of display.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Pending,
        Self::InProgress,
        Self::Complete,
        Self::CompleteWithErrors,
        Self::Failed,
        Self::Discarded,
    ];

    /// The name in storage and addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Discarded => "discarded",
            Self::Pending => "pending",
            Self::InProgress => "in-progress",
            Self::Complete => "complete",
            Self::CompleteWithErrors => "complete-with-errors",
            Self::Failed => "failed",
        }
    }

    /// The words people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Discarded => "Discarded",
            Self::Pending => "Pending",
            Self::InProgress => "In progress",
            Self::Complete => "Complete",
            Self::CompleteWithErrors => "Complete with errors",
            Self::Failed => "Failed",
        }
    }

    /// Finds the status of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.key() == key)
    }

    /// True once nothing more will happen by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Discarded | Self::Complete | Self::CompleteWithErrors | Self::Failed)
    }
}

/// How many numbers of a submitted order stand where. `total` counts the numbers it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Numbers the order changes.
    pub total: i64,
    /// Numbers the backend accepted (or that need no backend).
    pub done: i64,
    /// Numbers the backend refused.
    pub failed: i64,
    /// Numbers that a later order took over before the backend answered.
    pub superseded: i64,
}

impl Progress {
    /// Numbers without an answer.
    pub const fn waiting(self) -> i64 {
        self.total - self.done - self.failed - self.superseded
    }

    /// Answered numbers in percent, rounded down, so that 100 means finished.
    pub const fn percent(self) -> i64 {
        if self.total == 0 { 100 } else { (self.total - self.waiting()) * 100 / self.total }
    }

    /// Tells the status of a submitted order with these counts.
    pub const fn status(self, started: bool) -> OrderStatus {
        if self.waiting() > 0 {
            return if started { OrderStatus::InProgress } else { OrderStatus::Pending };
        }
        match (self.failed, self.done + self.superseded) {
            (0, _) => OrderStatus::Complete,
            (_, 0) => OrderStatus::Failed,
            _ => OrderStatus::CompleteWithErrors,
        }
    }
}

/// What the review says of one number of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The number is put on the account.
    New,
    /// The number is there with other settings.
    Changed,
    /// The number is there just so.
    Unchanged,
    /// The number will be released.
    Release,
    /// It cannot be done, for this reason.
    Refused(Refusal),
}

/// Why a number of a draft cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// It belongs to another account.
    OtherAccount,
    /// It is being released.
    Releasing,
    /// The number is on the account no more.
    Gone,
    /// The account does not take the service (any more).
    NoService,
    /// The account is gone or going.
    NoAccount,
    /// The backend holds it for another tenant.
    OtherTenant,
    /// Another account had it until lately.
    Quarantine,
    /// The backend is removing it.
    Leaving,
    /// It is to move while a backend has it in hand.
    UnderWay,
    /// The account's enterprise does not have the emergency address (any more).
    NoAddress,
    /// What it would get besides is not offered (any more).
    NotOffered,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 15] = [
        Self::New,
        Self::Changed,
        Self::Unchanged,
        Self::Release,
        Self::Refused(Refusal::OtherAccount),
        Self::Refused(Refusal::Releasing),
        Self::Refused(Refusal::Gone),
        Self::Refused(Refusal::NoService),
        Self::Refused(Refusal::NoAccount),
        Self::Refused(Refusal::OtherTenant),
        Self::Refused(Refusal::Quarantine),
        Self::Refused(Refusal::Leaving),
        Self::Refused(Refusal::UnderWay),
        Self::Refused(Refusal::NoAddress),
        Self::Refused(Refusal::NotOffered),
    ];

    /// The name in storage and addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Release => "release",
            Self::Refused(Refusal::OtherAccount) => "other-account",
            Self::Refused(Refusal::Releasing) => "releasing",
            Self::Refused(Refusal::Gone) => "gone",
            Self::Refused(Refusal::NoService) => "no-service",
            Self::Refused(Refusal::NoAccount) => "no-account",
            Self::Refused(Refusal::OtherTenant) => "other-tenant",
            Self::Refused(Refusal::Quarantine) => "quarantine",
            Self::Refused(Refusal::Leaving) => "leaving",
            Self::Refused(Refusal::UnderWay) => "under-way",
            Self::Refused(Refusal::NoAddress) => "no-address",
            Self::Refused(Refusal::NotOffered) => "not-offered",
        }
    }

    /// Finds the verdict of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.key() == key)
    }
}

impl Refusal {
    /// What is wrong and what would be right, where this was to be done with the number.
    pub fn reason(self, deed: Deed) -> String {
        let again = deed.again();
        match self {
            Self::OtherAccount => other_account("another account", deed),
            Self::Releasing => match deed {
                Deed::Release => "Is being released already. Leave it out.".to_owned(),
                Deed::Change => "Is being released, so there is nothing to change. Leave it out.".to_owned(),
                Deed::Move => "Is being released, so there is nothing to move. Leave it out.".to_owned(),
                _ => format!("Is being released. Wait until the release is complete, then {again}."),
            },
            Self::Gone => match deed {
                Deed::Release => "Is no longer on the account; there is nothing to release.".to_owned(),
                Deed::Change => "Is no longer on the account; there is nothing to change.".to_owned(),
                Deed::Move => "Is no longer on the account; there is nothing to move.".to_owned(),
                _ => "Is no longer on the account; there is nothing to change or to release.".to_owned(),
            },
            Self::NoService => "The account does not take this service. Enable it on the account first.".to_owned(),
            Self::NoAccount => "The account is gone or being deleted.".to_owned(),
            Self::OtherTenant => held_by("another tenant", deed),
            Self::Leaving => format!("The backend is removing it. Wait until it is gone there, then {again}."),
            Self::Quarantine => "Is in quarantine: another account had it until lately.".to_owned(),
            Self::UnderWay => {
                "Is on its way to a backend. Wait until the backend has answered, then move it.".to_owned()
            }
            Self::NoAddress => match deed {
                Deed::Undo => "The enterprise of the account does not have the emergency address that it had. Leave it out, and give \
                               it one of the enterprise's addresses."
                    .to_owned(),
                _ => "The enterprise of the account does not have this emergency address. Go back to the form, and choose one of \
                      the enterprise's addresses."
                    .to_owned(),
            },
            Self::NotOffered => match deed {
                Deed::Undo => {
                    "What it had is not offered any more. Leave it out, and choose what is offered now.".to_owned()
                }
                _ => "The usage, a capability or the calling profile is not offered any more. Go back to the form, and choose what \
                      is offered now."
                    .to_owned(),
            },
        }
    }
}

/// Why a number is refused that this account has.
pub fn other_account(owner: &str, deed: Deed) -> String {
    match deed {
        Deed::Upload => format!("Belongs to {owner}. Release it there first, then upload it here."),
        Deed::Undo => format!("Belongs to {owner} by now. Release it there first, then undo the order again."),
        _ => format!("Belongs to {owner} by now. Leave it out, or begin again with it."),
    }
}

/// Why a number is refused that a backend holds for this tenant.
pub fn held_by(holder: &str, deed: Deed) -> String {
    format!("The backend holds it for {holder}. It has to be released there first; then {}.", deed.again())
}

/// How one number of a submitted order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// It is not submitted, or there is nothing to do for it.
    Idle,
    /// It waits for the backend.
    Pending,
    /// It went through.
    Done,
    /// The backend refused it.
    Failed,
    /// A later order took the number over.
    Superseded,
}

impl ItemState {
    /// Every state, in the order of display.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Pending, Self::Done, Self::Superseded, Self::Idle];

    /// Tells how a new number with these services begins: it waits where a backend has to hear of it, which is so for
    /// `provisioned` ones.
    pub fn of_new(account: &Account, services: ServiceSet, provisioned: ServiceSet) -> Self {
        if account.pushed(provisioned).and(services).is_empty() { Self::Done } else { Self::Pending }
    }

    /// The name in storage and addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }

    /// The words people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Idle => "Not changed",
            Self::Pending => "Waiting",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::Superseded => "Replaced by a later order",
        }
    }

    /// Finds the state of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.key() == key)
    }
}

/// An order as listed.
#[derive(Clone, Debug)]
pub struct Order {
    /// Number of the order, counted up.
    pub id: i64,
    /// What it does.
    pub kind: OrderKind,
    /// Where it came from.
    pub source: OrderSource,
    /// How far it has come.
    pub status: OrderStatus,
    /// Names of the first few accounts it touches, joined by commas.
    pub accounts: String,
    /// Name of the person who made it.
    pub author: String,
    /// The author's stable identity (issuer and subject).
    pub author_id: String,
    /// Ticket of the change.
    pub ticket: Option<String>,
    /// The form that it was made with.
    pub form_of: FormOf,
    /// Where its numbers go, where it moves them.
    pub moves: Option<Moves>,
    /// The way it settles drift, where it was made for that.
    pub way: Option<DriftWay>,
    /// Counts of the submitted order.
    pub progress: Progress,
    /// Lines that could not be read when it was staged.
    pub refused_lines: i64,
    /// When it was staged.
    pub created_at: OffsetDateTime,
    /// When it was submitted.
    pub submitted_at: Option<OffsetDateTime>,
    /// When the last number had its answer.
    pub finished_at: Option<OffsetDateTime>,
}

impl Order {
    /// What it does, as people call it.
    pub const fn deed(&self) -> Deed {
        Deed::of(self.kind, self.form_of, self.moves.is_some(), self.way)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Outside;

    proptest! {
        #[test]
        fn an_order_is_final_exactly_when_no_number_waits(
            done in 0_i64..50,
            failed in 0_i64..50,
            superseded in 0_i64..50,
            waiting in 0_i64..50,
            started: bool,
        ) {
            let progress = Progress { total: done + failed + superseded + waiting, done, failed, superseded };
            let status = progress.status(started);
            prop_assert_eq!(status.is_final(), waiting == 0);
            prop_assert_eq!(progress.percent() == 100, waiting == 0);
            prop_assert_eq!(status == OrderStatus::Failed, waiting == 0 && failed > 0 && done + superseded == 0);
            prop_assert_eq!(status == OrderStatus::Pending, waiting > 0 && !started);
        }
    }

    #[test]
    fn keys_read_back() {
        for status in OrderStatus::ALL {
            assert_eq!(OrderStatus::from_key(status.key()), Some(status));
        }
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::from_key(verdict.key()), Some(verdict));
        }
        for outside in Outside::ALL {
            assert_eq!(Outside::from_key(outside.key()), Some(outside));
        }
        for state in ItemState::ALL {
            assert_eq!(ItemState::from_key(state.key()), Some(state));
        }
    }
}
