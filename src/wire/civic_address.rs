//! Where an enterprise's users sit, as its tenant says.

use schemars::JsonSchema;
use serde::Serialize;

use super::etag::Resource;
use super::status::ValidationStatusSchema;
use crate::domain::number::content_id;
use crate::domain::{CivicAddress, Location};

/// A civic address of the account's tenant, which a number can have as its emergency address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamsCivicAddressResource {
    /// The backend's id of the address.
    #[schemars(length(min = 1), extend("readOnly" = true))]
    pub id: String,
    /// The country, as the backend writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub country: Option<String>,
    /// Number of the house.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub house_number: Option<String>,
    /// What follows the number of the house, such as a letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub house_number_suffix: Option<String>,
    /// Point of the compass in front of the street's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub pre_directional: Option<String>,
    /// Name of the street.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub street_name: Option<String>,
    /// What follows the street's name, such as `St`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub street_suffix: Option<String>,
    /// Point of the compass behind the street's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub post_directional: Option<String>,
    /// State or province.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub state_or_province: Option<String>,
    /// County or district.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub county_or_district: Option<String>,
    /// City or town.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub city_or_town: Option<String>,
    /// Another name of the city or town.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub city_or_town_alias: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub postal_or_zip_code: Option<String>,
    /// What the enterprise calls the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub description: Option<String>,
    /// The company at the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub company_name: Option<String>,
    /// The company's id, such as a tax number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub company_id: Option<String>,
    /// The location that every address has by itself.
    #[schemars(length(min = 1), extend("readOnly" = true))]
    pub default_location_id: String,
    /// Whether the emergency services' data holder knows the address; only then can it be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ValidationStatusSchema>", extend("readOnly" = true))]
    pub validation_status: Option<String>,
    /// The enterprise's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub tenant_id: Option<String>,
    /// The backend's id of the partner who made the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub partner_id: Option<String>,
    /// The places in the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub locations: Option<Vec<LocationResource>>,
    /// Degrees north, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub latitude: Option<String>,
    /// Degrees east, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub longitude: Option<String>,
}

/// A place in a civic address, such as a floor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Location")]
pub struct LocationResource {
    /// The backend's id of the place.
    #[schemars(length(min = 1), extend("readOnly" = true))]
    pub id: String,
    /// The address it is in.
    #[schemars(length(min = 1), extend("readOnly" = true))]
    pub civic_address_id: String,
    /// What the enterprise calls the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub description: Option<String>,
    /// How to find it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub additional_info: Option<String>,
    /// Whether the address has this place by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub is_default: Option<bool>,
    /// The number by which emergency services know the place (ELIN).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub elin: Option<String>,
}

impl From<&Location> for LocationResource {
    fn from(location: &Location) -> Self {
        let location = location.clone();
        Self {
            id: location.id,
            civic_address_id: location.civic_address_id,
            description: location.description,
            additional_info: location.additional_info,
            is_default: Some(location.is_default),
            elin: location.elin,
        }
    }
}

impl From<&CivicAddress> for TeamsCivicAddressResource {
    fn from(address: &CivicAddress) -> Self {
        let locations = address.locations.iter().map(LocationResource::from).collect();
        let address = address.clone();
        Self {
            id: address.id,
            country: address.country,
            house_number: address.house_number,
            house_number_suffix: address.house_number_suffix,
            pre_directional: address.pre_directional,
            street_name: address.street_name,
            street_suffix: address.street_suffix,
            post_directional: address.post_directional,
            state_or_province: address.state_or_province,
            county_or_district: address.county_or_district,
            city_or_town: address.city_or_town,
            city_or_town_alias: address.city_or_town_alias,
            postal_or_zip_code: address.postal_or_zip_code,
            description: address.description,
            company_name: address.company_name,
            company_id: address.company_id,
            default_location_id: address.default_location_id,
            validation_status: address.validation_status,
            tenant_id: address.tenant_id,
            partner_id: address.partner_id,
            locations: Some(locations),
            latitude: address.latitude,
            longitude: address.longitude,
        }
    }
}

impl Resource for TeamsCivicAddressResource {
    /// Nothing of it can be set here, so a condition is about the whole.
    fn desired(&self) -> i64 {
        content_id(self)
    }
}
