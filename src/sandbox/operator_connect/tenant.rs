//! What one tenant has at Operator Connect.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::jobs::{Job, Terms};
use super::rules;
use super::wire::{Service, Settings};
use crate::domain::{CivicAddress, ConsentStatus, E164};

/// What one tenant has.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) consent: Option<ConsentAsSent>,
    /// Relationship updates that were made, by request.
    pub(super) relationship_requests: HashMap<String, (String, Option<String>)>,
    pub(super) civic_addresses: BTreeMap<String, CivicAddress>,
    pub(super) numbers: BTreeMap<E164, HeldNumber>,
    /// Numbers that were released, with how often their state changed.
    pub(super) released: BTreeMap<E164, u32>,
    pub(super) jobs: HashMap<String, Job>,
    /// Jobs by the request that started them.
    pub(super) requests: HashMap<String, String>,
}

/// A consent, member by member as it goes over the wire: also one that nobody can read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ConsentAsSent(pub(super) Map<String, Value>);

impl ConsentAsSent {
    /// Returns where the consent stands.
    pub(super) fn status(&self) -> ConsentStatus {
        let status = self.0.get("status").cloned().unwrap_or_default();
        serde_json::from_value(status).unwrap_or(ConsentStatus::Active)
    }
}

/// How a number stands on its way out, in Microsoft's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum NumberStatus {
    /// In use, or ready for it.
    #[default]
    Active,
    /// The operator has asked for its release.
    ReleaseRequested,
    /// It is to go; the operator has yet to confirm it.
    MarkedForRemoval,
    /// The operator has confirmed it.
    ReadyForRemoval,
}

impl NumberStatus {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_active(&self) -> bool {
        *self == Self::Active
    }

    /// Whether the number can neither be uploaded nor assigned any more.
    pub(super) const fn is_being_removed(self) -> bool {
        matches!(self, Self::MarkedForRemoval | Self::ReadyForRemoval)
    }
}

/// A number a tenant holds.
#[derive(Clone, Debug)]
pub(super) struct HeldNumber {
    pub(super) terms: Arc<Terms>,
    pub(super) assigned: bool,
    pub(super) status: NumberStatus,
    /// How often its state changed, releases included.
    pub(super) changes: u32,
}

impl Tenant {
    /// Returns the numbers after this one.
    pub(super) fn numbers_after(&self, cursor: Option<E164>) -> impl Iterator<Item = (E164, &HeldNumber)> {
        let from = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        self.numbers.range((from, Bound::Unbounded)).map(|(number, held)| (*number, held))
    }

    /// Says how a number stands, where the tenant holds it.
    pub(super) fn set_status(&mut self, number: E164, status: NumberStatus) {
        if let Some(held) = self.numbers.get_mut(&number) {
            held.status = status;
        }
    }
}

impl HeldNumber {
    /// Returns the number as the protocol writes it.
    pub(super) fn view(&self, number: E164) -> NumberView<'_> {
        let Terms { upload, acquired, available } = &*self.terms;
        NumberView {
            telephone_number: number,
            service: upload.service,
            assignment_status: if self.assigned { "assigned" } else { "unassigned" },
            settings: &upload.settings,
            calling_profile: upload.calling_profile.as_deref(),
            acquired_number_status: self.status,
            acquired_capabilities: rules::with_kind(acquired, number),
            available_capabilities: rules::with_kind(available, number),
        }
    }
}

/// A number on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NumberView<'a> {
    telephone_number: E164,
    service: Service,
    assignment_status: &'static str,
    settings: &'a Settings,
    calling_profile: Option<&'a str>,
    #[serde(skip_serializing_if = "NumberStatus::is_active")]
    acquired_number_status: NumberStatus,
    acquired_capabilities: Vec<&'a str>,
    available_capabilities: Vec<&'a str>,
}
