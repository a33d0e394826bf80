//! What the lists of the Provisioning API can be filtered by, resource by resource.

use super::super::Service;
use super::{Fields, Kind};
use Service::{CallProtection, DirectRouting, OperatorConnect, TeamsPhoneMobile, ZoomPhoneCloudPeering};

/// The texts of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberField {
    /// The number with its `+`.
    TelephoneNumber,
    /// Name of the account.
    AccountName,
    /// `pending`, `synced` or `failed`.
    ProvisioningStatus,
    /// The usage with this service, if the number has it.
    Usage(Service),
    /// `assigned` or `unassigned` with this service, if the number has it.
    AssignmentStatus(Service),
    /// The value of the SIP header, if there is one.
    SipHeader,
}

impl Fields for NumberField {
    const FIELDS: &'static [(&'static str, Kind<Self>)] = &[
        ("telephoneNumber", Kind::Text(Self::TelephoneNumber)),
        ("accountName", Kind::Text(Self::AccountName)),
        ("serviceProvisioningStatus", Kind::Text(Self::ProvisioningStatus)),
        ("serviceDetails/teamsOperatorConnect/enabled", Kind::Enabled(OperatorConnect)),
        ("serviceDetails/teamsOperatorConnect/assignmentStatus", Kind::Text(Self::AssignmentStatus(OperatorConnect))),
        ("serviceDetails/teamsOperatorConnect/configuration/usage", Kind::Text(Self::Usage(OperatorConnect))),
        ("serviceDetails/teamsPhoneMobile/enabled", Kind::Enabled(TeamsPhoneMobile)),
        ("serviceDetails/teamsPhoneMobile/assignmentStatus", Kind::Text(Self::AssignmentStatus(TeamsPhoneMobile))),
        ("serviceDetails/teamsPhoneMobile/configuration/usage", Kind::Text(Self::Usage(TeamsPhoneMobile))),
        ("serviceDetails/teamsDirectRouting/enabled", Kind::Enabled(DirectRouting)),
        ("serviceDetails/zoomPhoneCloudPeering/enabled", Kind::Enabled(ZoomPhoneCloudPeering)),
        ("serviceDetails/azureOperatorCallProtection/enabled", Kind::Enabled(CallProtection)),
        ("configuration/customSipHeader", Kind::Text(Self::SipHeader)),
    ];
}

/// The texts of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountField {
    /// Its name.
    Name,
    /// The operator's own reference, if there is one.
    CorrelationId,
    /// The enterprise's tenant, if there is one; compared in lower case.
    TenantId,
    /// `pending`, `synced` or `failed`.
    ProvisioningStatus,
}

impl Fields for AccountField {
    const FIELDS: &'static [(&'static str, Kind<Self>)] = &[
        ("name", Kind::Text(Self::Name)),
        ("correlationId", Kind::Text(Self::CorrelationId)),
        ("serviceProvisioningStatus", Kind::Text(Self::ProvisioningStatus)),
        ("serviceDetails/teamsTenantId", Kind::Text(Self::TenantId)),
        ("serviceDetails/teamsOperatorConnect/enabled", Kind::Enabled(OperatorConnect)),
        ("serviceDetails/teamsPhoneMobile/enabled", Kind::Enabled(TeamsPhoneMobile)),
        ("serviceDetails/teamsDirectRouting/enabled", Kind::Enabled(DirectRouting)),
        ("serviceDetails/zoomPhoneCloudPeering/enabled", Kind::Enabled(ZoomPhoneCloudPeering)),
        ("serviceDetails/azureOperatorCallProtection/enabled", Kind::Enabled(CallProtection)),
    ];
}

/// The texts of a request for information (a consent).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentField {
    /// The enterprise's tenant; compared in lower case.
    TenantId,
    /// Whether the consent stands.
    Status,
    /// The first account of the tenant by name, if there is one.
    AccountName,
    /// Where the operator stands with the enterprise, once that is known.
    RelationshipStatus,
    /// How far the relationship has come: `pending`, `synced` or `failed`.
    ProvisioningStatus,
    /// The countries; `UK` and `GB` are one.
    Countries,
}

impl Fields for ConsentField {
    const FIELDS: &'static [(&'static str, Kind<Self>)] = &[
        ("tenantId", Kind::Text(Self::TenantId)),
        ("status", Kind::Text(Self::Status)),
        ("accountName", Kind::Text(Self::AccountName)),
        ("consentedCountries", Kind::Members(Self::Countries)),
        ("customerRelationship/status", Kind::Text(Self::RelationshipStatus)),
        ("serviceProvisioningStatus", Kind::Text(Self::ProvisioningStatus)),
    ];
}

/// The texts of a civic address, each if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressField {
    /// The backend's id.
    Id,
    /// Two-letter country.
    Country,
    /// City or town.
    CityOrTown,
    /// Postal code.
    PostalOrZipCode,
    /// The enterprise's name.
    CompanyName,
    /// What people call it.
    Description,
    /// `validated` or `notValidated`.
    ValidationStatus,
}

impl Fields for AddressField {
    const FIELDS: &'static [(&'static str, Kind<Self>)] = &[
        ("id", Kind::Text(Self::Id)),
        ("country", Kind::Text(Self::Country)),
        ("cityOrTown", Kind::Text(Self::CityOrTown)),
        ("postalOrZipCode", Kind::Text(Self::PostalOrZipCode)),
        ("companyName", Kind::Text(Self::CompanyName)),
        ("description", Kind::Text(Self::Description)),
        ("validationStatus", Kind::Text(Self::ValidationStatus)),
    ];
}
