//! What the lists of the Provisioning API can be filtered by, resource by resource.

use super::super::Service;
use super::{FieldKind, Fields};
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
    const FIELDS: &'static [(&'static str, FieldKind<Self>)] = &[
        ("telephoneNumber", FieldKind::Text(Self::TelephoneNumber)),
        ("accountName", FieldKind::Text(Self::AccountName)),
        ("serviceProvisioningStatus", FieldKind::Text(Self::ProvisioningStatus)),
        ("serviceDetails/teamsOperatorConnect/enabled", FieldKind::Enabled(OperatorConnect)),
        (
            "serviceDetails/teamsOperatorConnect/assignmentStatus",
            FieldKind::Text(Self::AssignmentStatus(OperatorConnect)),
        ),
        ("serviceDetails/teamsOperatorConnect/configuration/usage", FieldKind::Text(Self::Usage(OperatorConnect))),
        ("serviceDetails/teamsPhoneMobile/enabled", FieldKind::Enabled(TeamsPhoneMobile)),
        ("serviceDetails/teamsPhoneMobile/assignmentStatus", FieldKind::Text(Self::AssignmentStatus(TeamsPhoneMobile))),
        ("serviceDetails/teamsPhoneMobile/configuration/usage", FieldKind::Text(Self::Usage(TeamsPhoneMobile))),
        ("serviceDetails/teamsDirectRouting/enabled", FieldKind::Enabled(DirectRouting)),
        ("serviceDetails/zoomPhoneCloudPeering/enabled", FieldKind::Enabled(ZoomPhoneCloudPeering)),
        ("serviceDetails/azureOperatorCallProtection/enabled", FieldKind::Enabled(CallProtection)),
        ("configuration/customSipHeader", FieldKind::Text(Self::SipHeader)),
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
    const FIELDS: &'static [(&'static str, FieldKind<Self>)] = &[
        ("name", FieldKind::Text(Self::Name)),
        ("correlationId", FieldKind::Text(Self::CorrelationId)),
        ("serviceProvisioningStatus", FieldKind::Text(Self::ProvisioningStatus)),
        ("serviceDetails/teamsTenantId", FieldKind::Text(Self::TenantId)),
        ("serviceDetails/teamsOperatorConnect/enabled", FieldKind::Enabled(OperatorConnect)),
        ("serviceDetails/teamsPhoneMobile/enabled", FieldKind::Enabled(TeamsPhoneMobile)),
        ("serviceDetails/teamsDirectRouting/enabled", FieldKind::Enabled(DirectRouting)),
        ("serviceDetails/zoomPhoneCloudPeering/enabled", FieldKind::Enabled(ZoomPhoneCloudPeering)),
        ("serviceDetails/azureOperatorCallProtection/enabled", FieldKind::Enabled(CallProtection)),
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
    const FIELDS: &'static [(&'static str, FieldKind<Self>)] = &[
        ("tenantId", FieldKind::Text(Self::TenantId)),
        ("status", FieldKind::Text(Self::Status)),
        ("accountName", FieldKind::Text(Self::AccountName)),
        ("consentedCountries", FieldKind::Members(Self::Countries)),
        ("customerRelationship/status", FieldKind::Text(Self::RelationshipStatus)),
        ("serviceProvisioningStatus", FieldKind::Text(Self::ProvisioningStatus)),
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
    const FIELDS: &'static [(&'static str, FieldKind<Self>)] = &[
        ("id", FieldKind::Text(Self::Id)),
        ("country", FieldKind::Text(Self::Country)),
        ("cityOrTown", FieldKind::Text(Self::CityOrTown)),
        ("postalOrZipCode", FieldKind::Text(Self::PostalOrZipCode)),
        ("companyName", FieldKind::Text(Self::CompanyName)),
        ("description", FieldKind::Text(Self::Description)),
        ("validationStatus", FieldKind::Text(Self::ValidationStatus)),
    ];
}
