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
