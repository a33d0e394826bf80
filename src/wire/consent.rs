//! Consents as the API shows them: requests for information.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::UtcOffset;
use time::macros::format_description;

use super::error::Error;
use super::etag::Resource;
use super::status::{ConsentStatusSchema, ServiceProvisioningStatus};
use crate::domain::consent::Contact;
use crate::domain::number::content_id;
use crate::domain::{Consent, ProvisioningError, SyncState};

/// What an enterprise asked of the operator, and where the operator stands with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestForInformationResource {
    /// How far the relationship status has come to the backend.
    #[schemars(with = "Option<ServiceProvisioningStatus>", extend("readOnly" = true))]
    pub service_provisioning_status: ServiceProvisioningStatus,
    /// What the backend said against the relationship status, word for word; empty when nothing.
    #[schemars(with = "Option<Vec<Error>>", extend("readOnly" = true))]
    pub service_provisioning_errors: Vec<Error>,
    /// The backend's id.
    #[schemars(with = "Option<String>", extend("readOnly" = true))]
    pub id: String,
    /// The enterprise's tenant.
    #[schemars(
        length(min = 1, max = 36),
        regex(pattern = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"),
        extend("readOnly" = true)
    )]
    pub tenant_id: String,
    /// The account of this tenant, where there is one; the first by name where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub account_name: Option<String>,
    /// Always `teams`.
    #[schemars(with = "Option<String>", extend("readOnly" = true))]
    pub product_context: String,
    /// Which operator the enterprise asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub operator_id: Option<String>,
    /// Whether the consent stands.
    #[schemars(with = "Option<ConsentStatusSchema>", extend("readOnly" = true))]
    pub status: String,
    /// When the enterprise gave it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant")]
    #[schemars(with = "Option<String>", extend("readOnly" = true, "format" = "date-time"))]
    pub consented_on: Option<OffsetDateTime>,
    /// When the enterprise last changed it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant")]
    #[schemars(with = "Option<String>", extend("readOnly" = true, "format" = "date-time"))]
    pub last_modified_on: Option<OffsetDateTime>,
    /// The countries it covers, as the backend writes them.
    #[schemars(with = "Option<Vec<String>>", extend("readOnly" = true))]
    pub consented_countries: Vec<String>,
    /// Whom to talk to.
    #[schemars(with = "Option<Vec<ContactDetails>>", extend("readOnly" = true))]
    pub contacts: Vec<ContactDetails>,
    /// Where the operator stands with the enterprise.
    #[schemars(with = "Option<CustomerRelationshipResource>")]
    pub customer_relationship: CustomerRelationshipResource,
}

/// A person at the enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactDetails {
    /// Full name.
    #[schemars(length(min = 1), extend("readOnly" = true))]
    pub full_name: String,
    /// E-mail address.
    #[schemars(length(min = 1), extend("readOnly" = true))]
    pub email: String,
    /// Telephone number as the person wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub telephone_number: Option<String>,
    /// Name of the company.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub company_name: Option<String>,
    /// Size of the company, such as `L1_U1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub company_size: Option<String>,
}

/// Where the operator stands with the enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CustomerRelationship")]
pub struct CustomerRelationshipResource {
    /// The status that the enterprise sees, such as `AgreementSigned`; up to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When the operator last changed it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant")]
    #[schemars(with = "Option<String>", extend("readOnly" = true, "format" = "date-time"))]
    pub last_modified_on: Option<OffsetDateTime>,
    /// The reason or a remark; up to 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

#[expect(clippy::ref_option, reason = "serde passes the field")]
fn instant<S: Serializer>(at: &Option<OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let text = at.map(|at| at.to_offset(UtcOffset::UTC).format(form)).transpose();
    text.map_err(serde::ser::Error::custom)?.serialize(serializer)
}

impl From<&Contact> for ContactDetails {
    fn from(contact: &Contact) -> Self {
        let contact = contact.clone();
        Self {
            full_name: contact.full_name,
            email: contact.email,
            telephone_number: contact.telephone_number,
            company_name: contact.company_name,
            company_size: contact.company_size,
        }
    }
}

impl RequestForInformationResource {
    /// A consent as it is answered, with the tenant's account and how far the relationship has come.
    pub fn new(consent: &Consent, account: Option<&str>, state: SyncState, error: Option<&ProvisioningError>) -> Self {
        let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let relationship = &consent.customer_relationship;
        Self {
            service_provisioning_status: state.into(),
            service_provisioning_errors: error.into_iter().map(Error::from).collect(),
            id: consent.id.clone(),
            tenant_id: consent.tenant_id.to_string(),
            account_name: account.map(str::to_owned),
            product_context: "teams".to_owned(),
            operator_id: filled(&consent.operator_id),
            status: consent.status.as_str().to_owned(),
            consented_on: consent.consented_on,
            last_modified_on: consent.last_modified_on,
            consented_countries: consent.consented_countries.clone(),
            contacts: consent.contacts.iter().map(ContactDetails::from).collect(),
            customer_relationship: CustomerRelationshipResource {
                status: filled(&relationship.status),
                last_modified_on: relationship.last_modified_on,
                comment: relationship.comment.clone(),
            },
        }
    }
}

/// The merge patch with which a client would set the relationship; without a comment the one that is there goes.
pub fn relationship_body(status: &str, comment: Option<&str>) -> serde_json::Value {
    serde_json::json!({ "customerRelationship": { "status": status, "comment": comment } })
}

impl Resource for RequestForInformationResource {
    fn desired(&self) -> i64 {
        content_id(&(&self.customer_relationship.status, &self.customer_relationship.comment))
    }
}
