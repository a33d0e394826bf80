//! The form that changes where the operator stands with an enterprise.

use crate::portal::form::Errors;
use crate::portal::show::Moment;
use crate::service::consents::{ConsentRow, RelationshipForm};

/// What stands in the form.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) ticket: String,
    /// The version the form was made from. `None` means the one that is now.
    pub(super) version: Option<i64>,
    pub(super) errors: Errors,
    pub(super) stale: Option<Stale>,
}

impl Typed {
    /// A form that begins with what is.
    pub(super) fn begin(row: &ConsentRow) -> Self {
        Self { status: row.consent.customer_relationship.status.clone(), ..Self::default() }
    }
}

/// Both versions, when somebody else was faster.
pub(super) struct Stale {
    /// What they left, and who they are.
    pub(super) theirs: Version,
    /// What was typed here.
    pub(super) yours: Version,
    /// Who changed it; empty when the backend did.
    pub(super) by: String,
    /// When they changed it.
    pub(super) at: Option<Moment>,
}

impl Stale {
    /// What was typed, beside what stands there now.
    pub(super) fn new(row: &ConsentRow, form: &RelationshipForm, word: impl Fn(&str) -> String) -> Self {
        let relationship = &row.consent.customer_relationship;
        Self {
            theirs: Version {
                status: word(&relationship.status),
                reason: relationship.comment.clone().unwrap_or_default(),
                ticket: row.ticket.clone().unwrap_or_default(),
            },
            yours: Version { status: word(&form.status), reason: form.reason.clone(), ticket: form.ticket.clone() },
            by: row.changed_by.clone().unwrap_or_default(),
            at: relationship.last_modified_on.map(Moment::from),
        }
    }
}

/// One of two versions of a relationship.
pub(super) struct Version {
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) ticket: String,
}
