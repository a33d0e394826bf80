//! The right that somebody needs for an order.

use crate::authz::{Grant, Missing, NumbersDelete, NumbersWrite, Principal};
use crate::domain::{Moves, Order, OrderKind};
use crate::service::{Origin, audit_entry};
use crate::store::AuditEntry;

/// The right that an order's kind asks for.
#[derive(Clone, Debug)]
pub enum OrderRight {
    /// The right to upload.
    Upload(Grant<NumbersWrite>),
    /// The right to release.
    Release(Grant<NumbersDelete>),
    /// The right to move numbers to another tenant, which releases them.
    Transfer(Grant<NumbersWrite>, Grant<NumbersDelete>),
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

    /// Gives the right of this person to this order.
    ///
    /// # Errors
    /// When the person lacks it. The error names the roles that are missing.
    pub fn of_order(person: &Principal, order: &Order) -> Result<Self, Missing> {
        if order.moves == Some(Moves::ToOtherTenant) {
            return Ok(Self::Transfer(person.grant()?, person.grant()?));
        }
        Self::of(person, order.kind)
    }

    /// Gives the widest right of this person to orders that put numbers on accounts.
    ///
    /// # Errors
    /// When the person has none. The error names the roles that are missing.
    pub fn widest(person: &Principal) -> Result<Self, Missing> {
        match person.grant() {
            Ok(release) => Ok(Self::Transfer(person.grant()?, release)),
            Err(_) => Self::of(person, OrderKind::Upload),
        }
    }

    /// Whether the right is for this order.
    pub(in crate::service) fn opens(&self, order: &Order) -> bool {
        self.kind() == order.kind && (order.moves != Some(Moves::ToOtherTenant) || matches!(self, Self::Transfer(..)))
    }

    /// Who has the right.
    pub(in crate::service) fn principal(&self) -> &Principal {
        match self {
            Self::Upload(grant) | Self::Transfer(grant, _) => grant.principal(),
            Self::Release(grant) => grant.principal(),
        }
    }

    pub(in crate::service) const fn kind(&self) -> OrderKind {
        match self {
            Self::Upload(_) | Self::Transfer(..) => OrderKind::Upload,
            Self::Release(_) => OrderKind::Release,
        }
    }

    pub(super) fn audit(&self, origin: &Origin, action: &'static str) -> AuditEntry {
        match self {
            Self::Upload(grant) | Self::Transfer(grant, _) => audit_entry(grant, origin, action),
            Self::Release(grant) => audit_entry(grant, origin, action),
        }
    }
}
