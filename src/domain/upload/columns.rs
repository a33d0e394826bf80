//! The columns of files of numbers: the headings of the Provisioning API's JSON paths joined by `_`, in and out, and those
//! that mean a setting of whichever service a number has.

use super::quoted;
use crate::domain::e164::E164;
use crate::domain::number::{Number, NumberSettings};
use crate::domain::service::Service;

/// A setting that every service with Teams settings has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// What the number is for.
    Usage,
    /// The kinds of call it allows.
    ChoosableCapabilities,
    /// Further usages.
    AdditionalUsages,
    /// Emergency address.
    CivicAddressId,
    /// Place within the address.
    LocationId,
    /// Whether the enterprise may change the address.
    AllowTenantAddressUpdate,
    /// ISO country code.
    DisplayedCountryCode,
}

impl Setting {
    /// Every setting, in the order of an export.
    pub const ALL: [Self; 7] = [
        Self::Usage,
        Self::ChoosableCapabilities,
        Self::AdditionalUsages,
        Self::CivicAddressId,
        Self::LocationId,
        Self::AllowTenantAddressUpdate,
        Self::DisplayedCountryCode,
    ];

    /// The name of the setting in headings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::ChoosableCapabilities => "choosableCapabilities",
            Self::AdditionalUsages => "additionalUsages",
            Self::CivicAddressId => "civicAddressId",
            Self::LocationId => "locationId",
            Self::AllowTenantAddressUpdate => "allowTenantAddressUpdate",
            Self::DisplayedCountryCode => "displayedCountryCode",
        }
    }
}

/// What a column of the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The number, or the first of a range.
    TelephoneNumber,
    /// The last number of a range.
    LastNumber,
    /// How many numbers a range has.
    Count,
    /// The account.
    AccountName,
    /// The services by their names.
    Services,
    /// A setting of whichever service the number has.
    Plain(Setting),
    /// Whether the service is enabled.
    Enabled(Service),
    /// The backend's truth; read and ignored.
    AssignmentStatus(Service),
    /// What the number is for.
    Usage(Service),
    /// The kinds of call it allows.
    ChoosableCapabilities(Service),
    /// Further usages.
    AdditionalUsages(Service),
    /// Emergency address.
    CivicAddressId(Service),
    /// Place within the address.
    LocationId(Service),
    /// Whether the enterprise may change the address.
    AllowTenantAddressUpdate(Service),
    /// ISO country code.
    DisplayedCountryCode(Service),
    /// Value of the SIP header.
    CustomSipHeader,
    /// The calling profile, where the operator has more than one (a column of this product).
    CallingProfile,
}

/// Every column, in the order of an export.
pub const HEADINGS: [Column; 25] = {
    use Column::{
        AccountName, AdditionalUsages, AllowTenantAddressUpdate, AssignmentStatus, CallingProfile,
        ChoosableCapabilities, CivicAddressId, CustomSipHeader, DisplayedCountryCode, Enabled, LocationId,
        TelephoneNumber, Usage,
    };
    use Service::{
        CallProtection, DirectRouting, OperatorConnect as Oc, TeamsPhoneMobile as Tpm, ZoomPhoneCloudPeering,
    };
    [
        TelephoneNumber,
        AccountName,
        Enabled(Oc),
        AssignmentStatus(Oc),
        Usage(Oc),
        ChoosableCapabilities(Oc),
        AdditionalUsages(Oc),
        CivicAddressId(Oc),
        LocationId(Oc),
        AllowTenantAddressUpdate(Oc),
        DisplayedCountryCode(Oc),
        Enabled(Tpm),
        AssignmentStatus(Tpm),
        Usage(Tpm),
        ChoosableCapabilities(Tpm),
        AdditionalUsages(Tpm),
        CivicAddressId(Tpm),
        LocationId(Tpm),
        AllowTenantAddressUpdate(Tpm),
        DisplayedCountryCode(Tpm),
        Enabled(DirectRouting),
        Enabled(ZoomPhoneCloudPeering),
        Enabled(CallProtection),
        CustomSipHeader,
        CallingProfile,
    ]
};

/// What a row of an export says.
#[derive(Clone, Copy, Debug)]
pub struct Exported<'a> {
    /// The number, or the first of a range.
    pub first: E164,
    /// The last of the range.
    pub last: E164,
    /// Name of the account.
    pub account: &'a str,
    /// What the numbers should be.
    pub settings: &'a NumberSettings,
    /// Whether somebody uses the number.
    pub assigned: bool,
}

impl<'a> From<&'a Number> for Exported<'a> {
    fn from(number: &'a Number) -> Self {
        Self {
            first: number.telephone_number,
            last: number.telephone_number,
            account: &number.account,
            settings: &number.settings,
            assigned: number.assigned,
        }
    }
}

impl Column {
    /// What a person may choose for a column whose heading is not known.
    pub const CHOICES: [Self; 14] = [
        Self::TelephoneNumber,
        Self::LastNumber,
        Self::Count,
        Self::AccountName,
        Self::Services,
        Self::Plain(Setting::Usage),
        Self::Plain(Setting::ChoosableCapabilities),
        Self::Plain(Setting::AdditionalUsages),
        Self::Plain(Setting::CivicAddressId),
        Self::Plain(Setting::LocationId),
        Self::Plain(Setting::AllowTenantAddressUpdate),
        Self::Plain(Setting::DisplayedCountryCode),
        Self::CustomSipHeader,
        Self::CallingProfile,
    ];

    /// The heading in the file.
    pub fn heading(self) -> String {
        let (service, rest) = match self {
            Self::TelephoneNumber => return "telephoneNumber".into(),
            Self::LastNumber => return "end".into(),
            Self::Count => return "count".into(),
            Self::AccountName => return "accountName".into(),
            Self::Services => return "services".into(),
            Self::Plain(setting) => return setting.name().into(),
            Self::CustomSipHeader => return "configuration_customSipHeader".into(),
            Self::CallingProfile => return "configuration_callingProfile".into(),
            Self::Enabled(service) => return format!("{}_enabled", service.csv_prefix()),
            Self::AssignmentStatus(service) => return format!("{}_assignmentStatus", service.csv_prefix()),
            Self::Usage(service) => (service, Setting::Usage),
            Self::ChoosableCapabilities(service) => (service, Setting::ChoosableCapabilities),
            Self::AdditionalUsages(service) => (service, Setting::AdditionalUsages),
            Self::CivicAddressId(service) => (service, Setting::CivicAddressId),
            Self::LocationId(service) => (service, Setting::LocationId),
            Self::AllowTenantAddressUpdate(service) => (service, Setting::AllowTenantAddressUpdate),
            Self::DisplayedCountryCode(service) => (service, Setting::DisplayedCountryCode),
        };
        format!("{}_configuration_{}", service.csv_prefix(), rest.name())
    }

    /// The column with this heading in an export.
    pub fn from_heading(heading: &str) -> Option<Self> {
        HEADINGS.into_iter().chain(Self::CHOICES).find(|column| column.heading() == heading)
    }

    /// The setting that it is, and the service whose setting it is where it is that of one only.
    pub fn setting(self) -> Option<(Setting, Option<Service>)> {
        Some(match self {
            Self::Plain(setting) => (setting, None),
            Self::Usage(service) => (Setting::Usage, Some(service)),
            Self::ChoosableCapabilities(service) => (Setting::ChoosableCapabilities, Some(service)),
            Self::AdditionalUsages(service) => (Setting::AdditionalUsages, Some(service)),
            Self::CivicAddressId(service) => (Setting::CivicAddressId, Some(service)),
            Self::LocationId(service) => (Setting::LocationId, Some(service)),
            Self::AllowTenantAddressUpdate(service) => (Setting::AllowTenantAddressUpdate, Some(service)),
            Self::DisplayedCountryCode(service) => (Setting::DisplayedCountryCode, Some(service)),
            _ => return None,
        })
    }

    /// The service it is about; `None` for what every number has.
    pub fn service(self) -> Option<Service> {
        match self {
            Self::Enabled(service) | Self::AssignmentStatus(service) => Some(service),
            column => column.setting().and_then(|(_, service)| service),
        }
    }

    /// What people call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TelephoneNumber => "Telephone number, or the first of a range",
            Self::LastNumber => "Last number of the range",
            Self::Count => "How many numbers the range has",
            Self::AccountName => "Account",
            Self::Services => "Services",
            Self::Enabled(_) => "Whether the service is enabled",
            Self::AssignmentStatus(_) => "Whether somebody uses the number",
            Self::Plain(Setting::Usage) | Self::Usage(_) => "Usage",
            Self::Plain(Setting::ChoosableCapabilities) | Self::ChoosableCapabilities(_) => "Capabilities",
            Self::Plain(Setting::AdditionalUsages) | Self::AdditionalUsages(_) => "Additional usages",
            Self::Plain(Setting::CivicAddressId) | Self::CivicAddressId(_) => "ID of the civic address",
            Self::Plain(Setting::LocationId) | Self::LocationId(_) => "ID of the location",
            Self::Plain(Setting::AllowTenantAddressUpdate) | Self::AllowTenantAddressUpdate(_) => {
                "Whether the enterprise may change the address"
            }
            Self::Plain(Setting::DisplayedCountryCode) | Self::DisplayedCountryCode(_) => "Country",
            Self::CustomSipHeader => "Custom SIP header",
            Self::CallingProfile => "Calling profile",
        }
    }

    /// The cell of a row of an export.
    pub fn cell(self, row: &Exported<'_>) -> String {
        if self.service().is_some_and(|service| !row.settings.services.contains(service)) {
            return String::new();
        }
        let teams = &row.settings.teams;
        let text = |value: Option<&String>| value.map(|value| quoted::alone(value)).unwrap_or_default();
        match self {
            Self::TelephoneNumber => row.first.to_string(),
            Self::LastNumber => row.last.to_string(),
            Self::Count => (row.last.as_i64() - row.first.as_i64() + 1).to_string(),
            Self::AccountName => row.account.to_owned(),
            Self::Services => row.settings.services.iter().map(Service::key).collect::<Vec<_>>().join(";"),
            Self::Enabled(_) => "true".into(),
            Self::AssignmentStatus(_) => if row.assigned { "assigned" } else { "unassigned" }.into(),
            Self::Plain(Setting::Usage) | Self::Usage(_) => quoted::alone(&teams.usage),
            Self::Plain(Setting::ChoosableCapabilities) | Self::ChoosableCapabilities(_) => {
                quoted::together(&teams.choosable_capabilities)
            }
            Self::Plain(Setting::AdditionalUsages) | Self::AdditionalUsages(_) => {
                quoted::together(&teams.additional_usages)
            }
            Self::Plain(Setting::CivicAddressId) | Self::CivicAddressId(_) => text(teams.civic_address_id.as_ref()),
            Self::Plain(Setting::LocationId) | Self::LocationId(_) => text(teams.location_id.as_ref()),
            Self::Plain(Setting::AllowTenantAddressUpdate) | Self::AllowTenantAddressUpdate(_) => {
                teams.allow_tenant_address_update.to_string()
            }
            Self::Plain(Setting::DisplayedCountryCode) | Self::DisplayedCountryCode(_) => {
                text(teams.displayed_country_code.as_ref())
            }
            Self::CustomSipHeader => text(row.settings.custom_sip_header.as_ref()),
            Self::CallingProfile => text(row.settings.calling_profile.as_ref()),
        }
    }

    /// Whether it holds a telephone number.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::TelephoneNumber | Self::LastNumber)
    }
}

/// The cells of a number in an export, in the order of [`HEADINGS`]. A text that a spreadsheet would run as a formula
/// gets a leading apostrophe, which an upload takes away again; the number itself gets it only `for_spreadsheets`.
pub fn cells(number: &Number, for_spreadsheets: bool) -> Vec<String> {
    let row = Exported::from(number);
    HEADINGS.into_iter().map(|column| exported_cell(column, &row, for_spreadsheets)).collect()
}

/// The cell of a row of an export, as [`cells`] has it.
pub fn exported_cell(column: Column, row: &Exported<'_>, for_spreadsheets: bool) -> String {
    let cell = column.cell(row);
    if column.is_number() {
        return if for_spreadsheets { format!("'{cell}") } else { cell };
    }
    neutralised(cell)
}

/// A text that no spreadsheet runs as a formula: one that begins like a formula gets a leading apostrophe.
pub fn neutralised(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        format!("'{cell}")
    } else {
        cell
    }
}
