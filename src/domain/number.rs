//! Numbers: what a telephone number should be, and how far the backend has come.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::as_sent::NumberAsSent;
use super::drift::DriftKind;
use super::e164::E164;
use super::provisioning::ProvisioningError;
use super::reconcile::ReconcileState;
use super::service::{Service, ServiceSet};

/// The usage of a number that a person is called on.
pub const CALLING_USER: &str = "CallingUserAssignment";
/// The most characters of a custom SIP header value.
pub const SIP_HEADER_MAX: usize = 100;

/// What a Teams service needs to know of a number. At most one Teams service is on a number, so one value is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TeamsSettings {
    /// What the number is for, such as `CallingUserAssignment`.
    pub usage: String,
    /// The kinds of call it allows, such as `InboundCalling`, in order.
    pub choosable_capabilities: Vec<String>,
    /// Further usages, in order.
    pub additional_usages: Vec<String>,
    /// Emergency address of the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub civic_address_id: Option<String>,
    /// Place within the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// Whether the enterprise may change the address itself.
    pub allow_tenant_address_update: bool,
    /// ISO country code. North American toll-free numbers need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displayed_country_code: Option<String>,
}

/// Everything that can be set on a number. Many numbers share one value, which is stored once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NumberSettings {
    /// Enabled services.
    pub services: ServiceSet,
    /// What Operator Connect or Teams Phone Mobile needs.
    pub teams: TeamsSettings,
    /// The calling profile chosen for the upload.
    pub calling_profile: Option<String>,
    /// The value of the deployment's SIP header for this number.
    pub custom_sip_header: Option<String>,
}

impl TeamsSettings {
    /// Puts lists into one order, so that equal settings are one value.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        for list in [&mut self.choosable_capabilities, &mut self.additional_usages] {
            list.sort_unstable();
            list.dedup();
        }
        self
    }

    /// Whether people call with such a number, be it the first usage or a further one.
    #[must_use]
    pub fn is_for_calling_users(&self) -> bool {
        self.usage == CALLING_USER || self.additional_usages.iter().any(|usage| usage == CALLING_USER)
    }

    /// Whether it says where somebody is who calls the emergency services.
    #[must_use]
    pub fn has_emergency_address(&self) -> bool {
        self.civic_address_id.is_some() || self.location_id.is_some()
    }
}

impl NumberSettings {
    /// Puts lists into one order, so that equal settings are one value.
    #[must_use]
    pub fn normalised(self) -> Self {
        Self { teams: self.teams.normalised(), ..self }
    }

    /// The number's main service: its Teams service, where it has one.
    pub fn service(&self) -> Option<Service> {
        self.services.iter().next()
    }

    /// True where usage, capabilities, address and calling profile say something: a service of the number has them. A
    /// number without any service may get such a one.
    pub fn has_teams_settings(&self) -> bool {
        self.services.is_empty() || !self.services.and(ServiceSet::WITH_TEAMS_SETTINGS).is_empty()
    }

    /// Adds the usual calling profile where a service has one and none is chosen.
    #[must_use]
    pub fn with_usual_profile(mut self, usual: Option<&String>) -> Self {
        if self.calling_profile.is_none() && self.has_teams_settings() {
            self.calling_profile = usual.cloned();
        }
        self
    }

    /// The value's key: the first 63 bits of the SHA-256 of its JSON.
    pub fn id(&self) -> i64 {
        content_id(self)
    }

    /// The key of the part that the backend sees; numbers that differ only in their SIP header share it.
    pub fn push_key(&self) -> i64 {
        content_id(&Self { custom_sip_header: None, ..self.clone() })
    }

    /// What the backend of one service sees of the settings. Its id is the push key where there is no other service.
    #[must_use]
    pub fn part(&self, service: Service) -> Self {
        let teams = match service {
            Service::OperatorConnect | Service::TeamsPhoneMobile => self.clone(),
            Service::DirectRouting | Service::ZoomPhoneCloudPeering | Service::CallProtection => Self::default(),
        };
        Self { services: service.into(), custom_sip_header: None, ..teams }
    }
}

/// A content address: the first 63 bits of the SHA-256 of the value's JSON.
pub fn content_id(value: &impl Serialize) -> i64 {
    content_id_of(&serde_json::to_vec(value).unwrap_or_default())
}

/// The content address of a value that is written as this JSON.
pub fn content_id_of(json: &[u8]) -> i64 {
    let digest = Sha256::digest(json);
    digest.iter().take(8).fold(0_i64, |id, byte| (id << 8) | i64::from(*byte)) & i64::MAX
}

/// How far a number has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncState {
    /// It waits for the backend.
    Pending,
    /// The backend holds exactly this (or the service has no backend to sync).
    Synced,
    /// The backend refused it.
    Failed,
    /// It is being released.
    Releasing,
}

impl SyncState {
    /// Every state, in the order of display.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Synced, Self::Failed, Self::Releasing];

    /// The name of the state in storage and addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Synced => "synced",
            Self::Failed => "failed",
            Self::Releasing => "releasing",
        }
    }

    /// The word people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Synced => "Synced",
            Self::Failed => "Failed",
            Self::Releasing => "Releasing",
        }
    }

    /// Finds the state of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.key() == key)
    }
}

/// A number as stored. What many numbers have in common is held once.
#[derive(Clone, Debug)]
pub struct Number {
    /// The number.
    pub telephone_number: E164,
    /// Name of the account that owns it.
    pub account: Arc<str>,
    /// The account's tenant, as text.
    pub tenant_id: Option<Arc<str>>,
    /// What it should be.
    pub settings: Arc<NumberSettings>,
    /// Two-letter country derived from the number; `None` where the numbering plan does not tell.
    pub country: Option<String>,
    /// How far it has come.
    pub state: SyncState,
    /// True while the backend says that somebody uses it.
    pub assigned: bool,
    /// What the backend said last, when it refused.
    pub error: Option<Arc<ProvisioningError>>,
    /// What a program sent of it besides, where that is not the usual.
    pub as_sent: Option<Arc<NumberAsSent>>,
    /// Grows with every change.
    pub rev: i64,
    /// The order that changed it last.
    pub order_id: i64,
    /// When it was last changed.
    pub changed_at: OffsetDateTime,
    /// What its state does not tell, where it was asked for alone.
    pub notice: Option<Notice>,
}

/// What the state of a number does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is called synced, and a backend has it otherwise by now.
    Drift(DriftKind),
    /// Nothing is sent for it before a person has confirmed what would change.
    Held,
}

impl Notice {
    /// The name in storage of what is kept of the number: a kind of drift, or that its account is held.
    pub fn from_key(key: &str) -> Option<Self> {
        if key == ReconcileState::Held.key() { Some(Self::Held) } else { DriftKind::from_key(key).map(Self::Drift) }
    }

    /// What it means, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Held => "nothing is sent to the backend before a person confirms the changes on the account's page",
            Self::Drift(DriftKind::Different) => {
                "the backend has this number with other settings; send it again with PUT to replace them"
            }
            Self::Drift(DriftKind::OnlyHere) => "the backend does not have this number; send it again with PUT",
            Self::Drift(DriftKind::OtherTenant) => "the backend has this number for another tenant",
            Self::Drift(DriftKind::ConsentWithdrawn | DriftKind::OnlyThere) => {
                "the enterprise's consent does not stand any more, and the backend has this number still"
            }
        }
    }
}

/// The two-letter country of a number, from the numbering plans of the world. A number that no plan knows (such as one
/// reserved for examples) counts for the main country of its code; `None` for codes that belong to no country.
pub fn country(number: E164) -> Option<String> {
    InPlan::of(number).country
}

/// Whether a region of the numbering plans is a country: some are for codes that belong to none.
pub fn is_country(region: &str) -> bool {
    region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase()) && region != "ZZ"
}

/// What the numbering plans say of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InPlan {
    /// Its two-letter country, as [`country`] tells it.
    pub country: Option<String>,
    /// Whether its block belongs to somebody.
    pub is_assigned: bool,
}

impl InPlan {
    /// Asks the plans.
    pub fn of(number: E164) -> Self {
        let plans = &*rlibphonenumber::PHONE_NUMBER_UTIL;
        let Ok(parsed) = plans.parse(number.to_string(), None) else {
            return Self { country: None, is_assigned: false };
        };
        let region = plans.get_region_for_number(&parsed);
        let is_assigned = region.is_some();
        let country = region.or_else(|| plans.get_region_for_country_code(parsed.country_code));
        let country = country.map(|region| region.to_string()).filter(|code| is_country(code));
        Self { country, is_assigned }
    }
}

/// Tells the countries of many numbers: those of one block of a thousand are in the same, so that a run of numbers is
/// looked up once.
#[derive(Clone, Debug, Default)]
pub struct Countries {
    block: Option<(i64, InPlan)>,
}

impl Countries {
    /// The country of a number, as [`country`] tells it.
    pub fn of(&mut self, number: E164) -> Option<String> {
        self.in_plan(number).country
    }

    /// What the plans say of a number.
    pub fn in_plan(&mut self, number: E164) -> InPlan {
        let block = number.as_i64() / 1_000;
        match &self.block {
            Some((known, said)) if *known == block && number.digits() > 7 => said.clone(),
            _ => {
                let said = InPlan::of(number);
                self.block = Some((block, said.clone()));
                said
            }
        }
    }
}

/// Tells whether it is a North American toll-free number (+1 800, 833, 844, 855, 866, 877, 888).
pub fn is_north_american_toll_free(number: E164) -> bool {
    let value = number.as_i64();
    number.digits() == 11 && matches!(value / 10_000_000, 1800 | 1833 | 1844 | 1855 | 1866 | 1877 | 1888)
}

/// Checks a custom SIP header value (decision: letters, digits, `_` and `-`, 100 at most).
///
/// # Errors
/// Says what is wrong with the text.
pub fn check_sip_header(value: &str) -> Result<(), String> {
    let count = value.chars().count();
    if count > SIP_HEADER_MAX {
        return Err(format!("The SIP header value has {count} characters; up to {SIP_HEADER_MAX} are allowed."));
    }
    match value.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))) {
        None => Ok(()),
        Some(c) => {
            Err(format!("\u{201c}{c}\u{201d} cannot be part of a SIP header value; use letters, digits, _ and -."))
        }
    }
}
