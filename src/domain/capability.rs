//! Capability plans: what a tenant's numbers may be used for, as the backend tells.

use serde::{Deserialize, Serialize};

/// A usage numbers may be uploaded for, and what it brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapabilityPlan {
    /// Name of the plan.
    pub name: String,
    /// The offer it belongs to, such as `Calling`.
    #[serde(default)]
    pub offer_types: Vec<String>,
    /// The usage, such as `CallingUserAssignment`.
    pub usage: String,
    /// What every number of this usage has.
    #[serde(default)]
    pub mandatory_capabilities: Vec<String>,
    /// What may be chosen.
    #[serde(default)]
    pub choosable_capabilities: Vec<String>,
    /// True when toll-free numbers may have this usage.
    #[serde(default)]
    pub supports_toll_free: bool,
}

/// A calling profile that Microsoft made for the operator: how calls of a number reach the operator's network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallingProfile {
    /// The backend's id, sent with an upload.
    pub id: String,
    /// What people read.
    pub name: String,
}

/// The usages that the documentation of Operator Connect and Teams Phone Mobile knows. More may come.
pub const KNOWN_USAGES: [&str; 4] =
    ["CallingUserAssignment", "FirstPartyAppAssignment", "ConferenceAssignment", "ThirdPartyAppAssignment"];
/// The capabilities that it knows for choosing. More may come.
pub const KNOWN_CAPABILITIES: [&str; 9] = [
    "InboundCalling",
    "OutboundCalling",
    "Mobile",
    "UserAssignment",
    "FirstPartyAppAssignment",
    "ConferenceAssignment",
    "ThirdPartyAppAssignment",
    "Office365",
    "TollFree",
];
/// The capabilities that an upload of a usage begins with, unless a person chooses others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsualCapabilities {
    /// The usage, such as `CallingUserAssignment`.
    pub usage: String,
    /// What is ticked.
    pub capabilities: Vec<String>,
}

const INBOUND: &str = "InboundCalling";
const OUTBOUND: &str = "OutboundCalling";

impl UsualCapabilities {
    /// The usual capabilities of a deployment that says nothing of it, as in its configuration.
    pub const DEFAULT: &str = "[{ usage = \"CallingUserAssignment\", capabilities = [\"InboundCalling\", \"OutboundCalling\"] }, \
                               { usage = \"FirstPartyAppAssignment\", capabilities = [\"InboundCalling\", \"OutboundCalling\"] }, \
                               { usage = \"ConferenceAssignment\", capabilities = [\"InboundCalling\"] }]";

    /// The same as values.
    pub fn defaults() -> Vec<Self> {
        let of = |usage: &str, capabilities: &[&str]| Self {
            usage: usage.to_owned(),
            capabilities: capabilities.iter().map(|name| (*name).to_owned()).collect(),
        };
        vec![
            of("CallingUserAssignment", &[INBOUND, OUTBOUND]),
            of("FirstPartyAppAssignment", &[INBOUND, OUTBOUND]),
            of("ConferenceAssignment", &[INBOUND]),
        ]
    }

    /// What an upload for this plan begins with: the usual ones that the plan offers, and never outbound calls alone.
    pub fn of_plan(usual: &[Self], plan: &CapabilityPlan) -> Vec<String> {
        let offers = |name: &str| plan.choosable_capabilities.iter().any(|other| other == name);
        let known = usual.iter().find(|one| one.usage == plan.usage);
        let mut ticked: Vec<String> = match known {
            Some(known) => known.capabilities.iter().filter(|name| offers(name)).cloned().collect(),
            None => [INBOUND, OUTBOUND].into_iter().filter(|name| offers(name)).map(str::to_owned).collect(),
        };
        let has_inbound = ticked.iter().chain(&plan.mandatory_capabilities).any(|name| name == INBOUND);
        if !has_inbound && ticked.iter().any(|name| name == OUTBOUND) {
            if offers(INBOUND) {
                ticked.insert(0, INBOUND.to_owned());
            } else {
                ticked.retain(|name| name != OUTBOUND);
            }
        }
        ticked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(usage: &str, mandatory: &[&str], choosable: &[&str]) -> CapabilityPlan {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        CapabilityPlan {
            name: usage.to_owned(),
            offer_types: Vec::new(),
            usage: usage.to_owned(),
            mandatory_capabilities: names(mandatory),
            choosable_capabilities: names(choosable),
            supports_toll_free: false,
        }
    }

    #[test]
    fn an_upload_never_begins_with_outbound_calls_alone() {
        let usual = UsualCapabilities::defaults();
        let ticked = |mandatory: &[&str], choosable: &[&str], usage: &str| {
            UsualCapabilities::of_plan(&usual, &plan(usage, mandatory, choosable))
        };
        assert_eq!(ticked(&[], &["Mobile", OUTBOUND, INBOUND], "CallingUserAssignment"), [INBOUND, OUTBOUND]);
        assert_eq!(ticked(&[], &[OUTBOUND], "CallingUserAssignment"), [""; 0]);
        assert_eq!(ticked(&[INBOUND], &[OUTBOUND], "CallingUserAssignment"), [OUTBOUND]);
        assert_eq!(ticked(&[], &[INBOUND, OUTBOUND], "ConferenceAssignment"), [INBOUND]);
        assert_eq!(ticked(&[], &[INBOUND, OUTBOUND, "Mobile"], "SomethingNew"), [INBOUND, OUTBOUND]);
        let odd = [UsualCapabilities { usage: "Odd".into(), capabilities: vec![OUTBOUND.into(), "Fax".into()] }];
        assert_eq!(UsualCapabilities::of_plan(&odd, &plan("Odd", &[], &[OUTBOUND, INBOUND])), [INBOUND, OUTBOUND]);
    }
}
