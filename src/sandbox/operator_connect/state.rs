//! The read-out of all that is held, for people and tests. It is written as it goes, for it can be large.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use super::tenant::{HeldNumber, NumberView, Tenant};
use super::world::World;
use crate::domain::E164;

impl Serialize for World {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut state = serializer.serialize_struct("World", 2)?;
        state.serialize_field("faults", &self.faults)?;
        state.serialize_field("tenants", &self.tenants)?;
        state.end()
    }
}

impl Serialize for Tenant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut state = serializer.serialize_struct("Tenant", 5)?;
        state.serialize_field("consent", &self.consent)?;
        state.serialize_field("civicAddresses", &self.civic_addresses)?;
        state.serialize_field("numbers", &HeldNumbers(&self.numbers))?;
        state.serialize_field("released", &ReleasedNumbers(&self.released))?;
        state.serialize_field("jobs", &self.jobs.len())?;
        state.end()
    }
}

struct HeldNumbers<'a>(&'a BTreeMap<E164, HeldNumber>);

impl Serialize for HeldNumbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.0.iter().map(|(number, held)| {
            let counted = CountedNumber { number: held.view(*number), changes: held.changes };
            (number, counted)
        });
        serializer.collect_map(entry)
    }
}

struct ReleasedNumbers<'a>(&'a BTreeMap<E164, u32>);

impl Serialize for ReleasedNumbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(number, changes)| (number, Changes { changes: *changes })))
    }
}

#[derive(Serialize)]
struct CountedNumber<'a> {
    #[serde(flatten)]
    number: NumberView<'a>,
    changes: u32,
}

#[derive(Serialize)]
struct Changes {
    changes: u32,
}
