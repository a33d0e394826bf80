//! The columns of CSV: the headings of the Provisioning API's JSON paths joined by `_`, in and out.

use crate::domain::Number;
use crate::domain::service::Service;

/// What a column of the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The number.
    TelephoneNumber,
    /// The account.
    AccountName,
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

impl Column {
    /// The heading in the file.
    pub fn heading(self) -> String {
        let (service, rest) = match self {
            Self::TelephoneNumber => return "telephoneNumber".into(),
            Self::AccountName => return "accountName".into(),
            Self::CustomSipHeader => return "configuration_customSipHeader".into(),
            Self::CallingProfile => return "configuration_callingProfile".into(),
            Self::Enabled(service) => (service, "enabled"),
            Self::AssignmentStatus(service) => (service, "assignmentStatus"),
            Self::Usage(service) => (service, "configuration_usage"),
            Self::ChoosableCapabilities(service) => (service, "configuration_choosableCapabilities"),
            Self::AdditionalUsages(service) => (service, "configuration_additionalUsages"),
            Self::CivicAddressId(service) => (service, "configuration_civicAddressId"),
            Self::LocationId(service) => (service, "configuration_locationId"),
            Self::AllowTenantAddressUpdate(service) => (service, "configuration_allowTenantAddressUpdate"),
            Self::DisplayedCountryCode(service) => (service, "configuration_displayedCountryCode"),
        };
        format!("{}_{rest}", service.csv_prefix())
    }

    /// The column with this heading.
    pub fn from_heading(heading: &str) -> Option<Self> {
        HEADINGS.into_iter().find(|column| column.heading() == heading)
    }

    /// The service it is about; `None` for what every number has.
    pub fn service(self) -> Option<Service> {
        match self {
            Self::Enabled(s)
            | Self::AssignmentStatus(s)
            | Self::Usage(s)
            | Self::ChoosableCapabilities(s)
            | Self::AdditionalUsages(s)
            | Self::CivicAddressId(s)
            | Self::LocationId(s)
            | Self::AllowTenantAddressUpdate(s)
            | Self::DisplayedCountryCode(s) => Some(s),
            Self::TelephoneNumber | Self::AccountName | Self::CustomSipHeader | Self::CallingProfile => None,
        }
    }

    /// The cell of a number in an export.
    pub fn cell(self, number: &Number) -> String {
        if self.service().is_some_and(|service| !number.settings.services.contains(service)) {
            return String::new();
        }
        let teams = &number.settings.teams;
        match self {
            Self::TelephoneNumber => number.telephone_number.to_string(),
            Self::AccountName => number.account.to_string(),
            Self::Enabled(_) => "true".into(),
            Self::AssignmentStatus(_) => if number.assigned { "assigned" } else { "unassigned" }.into(),
            Self::Usage(_) => teams.usage.clone(),
            Self::ChoosableCapabilities(_) => teams.choosable_capabilities.join(";"),
            Self::AdditionalUsages(_) => teams.additional_usages.join(";"),
            Self::CivicAddressId(_) => teams.civic_address_id.clone().unwrap_or_default(),
            Self::LocationId(_) => teams.location_id.clone().unwrap_or_default(),
            Self::AllowTenantAddressUpdate(_) => teams.allow_tenant_address_update.to_string(),
            Self::DisplayedCountryCode(_) => teams.displayed_country_code.clone().unwrap_or_default(),
            Self::CustomSipHeader => number.settings.custom_sip_header.clone().unwrap_or_default(),
            Self::CallingProfile => number.settings.calling_profile.clone().unwrap_or_default(),
        }
    }
}

/// The cells of a number in an export, in the order of [`HEADINGS`]. A text that a spreadsheet would run as a formula
/// gets a leading apostrophe, which an upload takes away again; the number itself gets it only `for_spreadsheets`.
pub fn cells(number: &Number, for_spreadsheets: bool) -> Vec<String> {
    HEADINGS
        .into_iter()
        .map(|column| {
            let cell = column.cell(number);
            if column == Column::TelephoneNumber {
                return if for_spreadsheets { format!("'{cell}") } else { cell };
            }
            neutralised(cell)
        })
        .collect()
}

/// A text that no spreadsheet runs as a formula: one that begins like a formula gets a leading apostrophe.
pub fn neutralised(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        format!("'{cell}")
    } else {
        cell
    }
}
