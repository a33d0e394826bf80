//! The right that somebody needs for an order.

use crate::authz::{Grant, Missing, NumbersDelete, NumbersWrite, Principal};
use crate::domain::OrderKind;
use crate::service::{Origin, audit_entry};
use crate::store::AuditEntry;

/// The right that an order's kind asks for.
#[derive(Clone, Debug)]
pub enum OrderRight {
    /// The right to upload.
    Upload(Grant<NumbersWrite>),
    /// The right to release.
    Release(Grant<NumbersDelete>),
}

impl OrderRight {
    /// Gives the right of this person for orders of this kind.
    ///
    /// # Errors
    /// When the person lacks it. The error names the roles that are missing.
    pub fn of(person: &Principal, kind: OrderKind) -> Result<Self, Missing> {
        Ok(match kind {
            OrderKind::Upload => Self::Upload(person.grant()?),
            OrderKind::Release => Self::Release(person.grant()?),
        })
    }

    /// Who has the right.
    pub(in crate::service) fn principal(&self) -> &Principal {
        match self {
            Self::Upload(grant) => grant.principal(),
            Self::Release(grant) => grant.principal(),
        }
    }

    pub(in crate::service) const fn kind(&self) -> OrderKind {
        match self {
            Self::Upload(_) => OrderKind::Upload,
            Self::Release(_) => OrderKind::Release,
        }
    }

    pub(super) fn audit(&self, origin: &Origin, action: &'static str) -> AuditEntry {
        match self {
            Self::Upload(grant) => audit_entry(grant, origin, action),
            Self::Release(grant) => audit_entry(grant, origin, action),
        }
    }
}
