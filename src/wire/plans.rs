//! What an account's numbers may be used for.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::CapabilityPlan;

/// Every usage that an account's numbers may be uploaded for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamsCapabilityPlans {
    /// The plans of the account's tenant.
    #[schemars(extend("readOnly" = true))]
    pub capability_plans: Vec<TeamsCapabilityPlan>,
}

/// A usage and what it brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamsCapabilityPlan {
    /// The plan's name.
    #[schemars(extend("readOnly" = true))]
    pub name: String,
    /// The offers it belongs to, such as `Calling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub offer_types: Option<Vec<String>>,
    /// The usage, such as `CallingUserAssignment`.
    #[schemars(extend("readOnly" = true))]
    pub usage: String,
    /// What every number of this usage can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub mandatory_capabilities: Option<Vec<String>>,
    /// What may be chosen for a number of this usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub choosable_capabilities: Option<Vec<String>>,
    /// Whether toll-free numbers may have this usage.
    #[schemars(extend("readOnly" = true))]
    pub supports_toll_free: bool,
}

impl From<&CapabilityPlan> for TeamsCapabilityPlan {
    fn from(plan: &CapabilityPlan) -> Self {
        Self {
            name: plan.name.clone(),
            offer_types: Some(plan.offer_types.clone()),
            usage: plan.usage.clone(),
            mandatory_capabilities: Some(plan.mandatory_capabilities.clone()),
            choosable_capabilities: Some(plan.choosable_capabilities.clone()),
            supports_toll_free: plan.supports_toll_free,
        }
    }
}

impl<'a> FromIterator<&'a CapabilityPlan> for TeamsCapabilityPlans {
    fn from_iter<I: IntoIterator<Item = &'a CapabilityPlan>>(plans: I) -> Self {
        Self { capability_plans: plans.into_iter().map(TeamsCapabilityPlan::from).collect() }
    }
}

/// What some numbers can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamsAvailableCapabilities {
    /// The capabilities that all of the numbers can have.
    #[schemars(extend("readOnly" = true))]
    pub available_capabilities: Vec<String>,
}
