//! What one tenant has at Operator Connect.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use serde::Serialize;

use super::jobs::{Job, Terms};
use super::wire::{Service, Settings};
use crate::domain::{CivicAddress, Consent, E164};

/// What one tenant has.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) consent: Option<Consent>,
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

/// A number a tenant holds.
#[derive(Clone, Debug)]
pub(super) struct HeldNumber {
    pub(super) terms: Arc<Terms>,
    pub(super) assigned: bool,
    /// How often its state changed, releases included.
    pub(super) changes: u32,
}

impl Tenant {
    /// Returns the numbers after this one.
    pub(super) fn numbers_after(&self, cursor: Option<E164>) -> impl Iterator<Item = (E164, &HeldNumber)> {
        let from = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        self.numbers.range((from, Bound::Unbounded)).map(|(number, held)| (*number, held))
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
            acquired_capabilities: acquired,
            available_capabilities: available,
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
    acquired_capabilities: &'a [String],
    available_capabilities: &'a [String],
}
