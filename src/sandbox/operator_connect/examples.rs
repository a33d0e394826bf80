//! Example enterprises, all fictional; numbers only from ranges set aside for drama and documentation.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::jobs::Terms;
use super::tenant::NumberStatus;
use super::wire::{Service, Settings, UploadTerms};
use super::world::World;
use super::{control, rules};
use crate::domain::{E164, TenantId};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Examples {
    consents: Vec<Map<String, Value>>,
    civic_addresses: Vec<Map<String, Value>>,
    numbers: Vec<Holding>,
}

/// A block of numbers a tenant holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Holding {
    tenant_id: TenantId,
    first: E164,
    count: u32,
    assigned: u32,
    #[serde(default)]
    acquired_number_status: NumberStatus,
    settings: Settings,
}

/// Returns the world with all examples in it.
pub(super) fn world() -> Result<World, serde_json::Error> {
    let examples: Examples = serde_json::from_str(include_str!("../examples.json"))?;
    let mut world = World::default();
    let fault = |refusal: super::Refusal| <serde_json::Error as serde::de::Error>::custom(refusal.error.message);
    for consent in examples.consents {
        control::add_consent(&mut world, consent).map_err(fault)?;
    }
    for address in examples.civic_addresses {
        control::add_civic_address(&mut world, address).map_err(fault)?;
    }
    for holding in examples.numbers {
        hand_out(&mut world, holding);
    }
    Ok(world)
}

fn hand_out(world: &mut World, holding: Holding) {
    let (acquired, available) = rules::capabilities(&holding.settings);
    let upload = UploadTerms { service: Service::OperatorConnect, calling_profile: None, settings: holding.settings };
    let terms = Arc::new(Terms { upload, acquired, available });
    let mut next = Some(holding.first);
    for index in 0..holding.count {
        let Some(number) = next else { return };
        world.hand_out(&holding.tenant_id, number, Arc::clone(&terms));
        if index < holding.assigned {
            world.assign(&holding.tenant_id, number, true);
        }
        world.tenant(&holding.tenant_id).set_status(number, holding.acquired_number_status);
        next = number.next();
    }
}
