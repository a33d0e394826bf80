//! What Direct Routing needs of an account.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::DirectRouting;
use crate::domain::account::NO_TOKEN;

/// How an account uses Direct Routing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TeamsDirectRoutingAccountConfig")]
pub struct DirectRoutingConfig {
    /// Whether the caller's number is checked against the account's numbers; it is where this is left out.
    #[serde(default = "screened")]
    pub call_screening: bool,
    /// The account's label, the first part of its names in every region; kept in lower case.
    #[schemars(length(min = 1, max = 10), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub subdomain: String,
    /// What the enterprise's tenant asks to see in DNS, region by region.
    pub subdomain_tokens: SubdomainTokens,
}

/// The values of the TXT records that prove to Microsoft 365 who owns the account's names. A value that is not known yet,
/// or that no region needs, is `-`.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TeamsDirectRoutingSubdomainTokens")]
pub struct SubdomainTokens {
    /// For the first region.
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[A-Za-z0-9=_-]+$"))]
    pub region1_token: String,
    /// For the second region.
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[A-Za-z0-9=_-]+$"))]
    pub region2_token: String,
}

/// The tokens never reach a log.
impl std::fmt::Debug for SubdomainTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubdomainTokens").finish_non_exhaustive()
    }
}

/// What `callScreening` means where it is left out.
const fn screened() -> bool {
    true
}

impl From<&DirectRouting> for DirectRoutingConfig {
    fn from(routing: &DirectRouting) -> Self {
        let shown = |token: &String| if token.is_empty() { NO_TOKEN.to_owned() } else { token.clone() };
        let [region1_token, region2_token] = routing.tokens.each_ref().map(shown);
        Self {
            call_screening: routing.call_screening,
            subdomain: routing.subdomain.clone(),
            subdomain_tokens: SubdomainTokens { region1_token, region2_token },
        }
    }
}
