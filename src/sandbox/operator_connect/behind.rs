//! What happens to numbers behind the operator's back: some are there that nobody uploaded, others change.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::jobs::Terms;
use super::tenant::NumberStatus;
use super::wire::{Refusal, Service, Settings, UploadTerms, read};
use super::world::World;
use super::{Answer, Oc, rules};
use crate::domain::{E164, TenantId};

/// What stands beside the settings.
const PROFILE: &str = "callingProfile";
/// The members of settings.
const SETTINGS: [&str; 7] = [
    "usage",
    "choosableCapabilities",
    "additionalUsages",
    "civicAddressId",
    "locationId",
    "allowTenantAddressUpdate",
    "displayedCountryCode",
];

/// Numbers of a tenant, and what is said of them; settings may also stand beside the others.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    #[serde(alias = "tenant")]
    tenant_id: TenantId,
    #[serde(default, alias = "number", alias = "telephoneNumber", deserialize_with = "one_or_many")]
    numbers: Vec<E164>,
    /// So many numbers in a row, from each that is named.
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    service: Option<Service>,
    #[serde(default)]
    assigned: Option<bool>,
    #[serde(default)]
    assignment_status: Option<String>,
    #[serde(default)]
    acquired_number_status: Option<NumberStatus>,
    #[serde(default)]
    settings: Map<String, Value>,
    /// Members of the settings, and the calling profile; `null` takes one away.
    #[serde(flatten)]
    beside: Map<String, Value>,
}

/// `POST /_hold`: numbers are at a tenant that nobody asked for, whoever had them.
pub(super) async fn hold(State(oc): Oc, body: Bytes) -> Answer {
    let said: Said = read(&body)?;
    let numbers = said.all_numbers();
    let usual = UploadTerms {
        service: Service::OperatorConnect,
        calling_profile: None,
        settings: Settings { usage: "CallingUserAssignment".to_owned(), ..Settings::default() },
    };
    let terms = said.terms(usual)?;
    let mut world = oc.world();
    for number in &numbers {
        world.hold(&said.tenant_id, *number, Arc::clone(&terms));
        said.mark(&mut world, *number);
    }
    Ok(Json(json!({ "done": numbers, "unknown": [] })).into_response())
}

/// `POST /_change`: the given members of numbers that a tenant holds are different from now on.
pub(super) async fn change(State(oc): Oc, body: Bytes) -> Answer {
    let said: Said = read(&body)?;
    let mut world = oc.world();
    let held = |world: &mut World, number: &E164| world.tenant(&said.tenant_id).numbers.get(number).cloned();
    // Numbers that had their terms in common still have them in common.
    let mut changed: HashMap<*const Terms, (Arc<Terms>, Arc<Terms>)> = HashMap::new();
    let (mut done, mut unknown) = (Vec::new(), Vec::new());
    for number in said.all_numbers() {
        let Some(held) = held(&mut world, &number) else {
            unknown.push(number);
            continue;
        };
        let known = changed.get(&Arc::as_ptr(&held.terms)).map(|(_, terms)| Arc::clone(terms));
        let terms = if let Some(terms) = known {
            terms
        } else {
            let terms = said.terms(held.terms.upload.clone())?;
            changed.insert(Arc::as_ptr(&held.terms), (Arc::clone(&held.terms), Arc::clone(&terms)));
            terms
        };
        if terms.upload != held.terms.upload {
            world.hand_out(&said.tenant_id, number, terms);
        }
        said.mark(&mut world, number);
        done.push(number);
    }
    Ok(Json(json!({ "done": done, "unknown": unknown })).into_response())
}

impl Said {
    fn all_numbers(&self) -> Vec<E164> {
        let Some(count) = self.count else { return self.numbers.clone() };
        let row = |first: &E164| std::iter::successors(Some(*first), |number| number.next()).take(count as usize);
        self.numbers.iter().flat_map(row).collect()
    }

    /// Returns the terms before, with what is said of them.
    fn terms(&self, before: UploadTerms) -> Result<Arc<Terms>, Refusal> {
        let is_known = |name: &String| name == PROFILE || SETTINGS.contains(&name.as_str());
        if let Some(unknown) = self.beside.keys().find(|name| !is_known(name)) {
            return Err(Refusal::invalid(format!("{unknown} is no member of a number."), unknown));
        }
        let mut settings = json!(before.settings);
        for (name, value) in self.settings.iter().chain(&self.beside).filter(|(name, _)| *name != PROFILE) {
            let Some(members) = settings.as_object_mut() else { break };
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        let settings: Settings = serde_json::from_value(settings)
            .map_err(|error| Refusal::invalid(format!("The settings cannot be read: {error}."), "settings"))?;
        let (acquired, available) = rules::capabilities(&settings);
        let upload = UploadTerms {
            service: self.service.unwrap_or(before.service),
            calling_profile: match self.beside.get(PROFILE) {
                Some(profile) => profile.as_str().map(str::to_owned),
                None => before.calling_profile,
            },
            settings,
        };
        Ok(Arc::new(Terms { upload, acquired, available }))
    }

    /// Says whether the number is assigned and how it stands, where that is said.
    fn mark(&self, world: &mut World, number: E164) {
        let assigned = self.assigned.or(self.assignment_status.as_deref().map(|status| status == "assigned"));
        if let Some(assigned) = assigned {
            world.assign(&self.tenant_id, number, assigned);
        }
        if let Some(status) = self.acquired_number_status {
            world.tenant(&self.tenant_id).set_status(number, status);
        }
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<E164>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Numbers {
        One(E164),
        Many(Vec<E164>),
    }
    Ok(match Numbers::deserialize(deserializer)? {
        Numbers::One(number) => vec![number],
        Numbers::Many(numbers) => numbers,
    })
}
