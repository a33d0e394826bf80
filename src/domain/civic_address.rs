//! Civic addresses: where an enterprise's users sit when they call the emergency services.
//!
//! The enterprise owns them, in its Teams admin centre; here they are only read. The field names
//! are those of the Provisioning API's TeamsCivicAddressResource.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::country::iso;

/// A street address of an enterprise, with the places (locations) in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the parts of a postal address carry the names of the Provisioning API, which say what they are"
)]
pub struct CivicAddress {
    /// The backend's id.
    pub id: String,
    #[serde(default)]
    pub country: Option<String>,
    #[serde(default)]
    pub house_number: Option<String>,
    #[serde(default)]
    pub house_number_suffix: Option<String>,
    #[serde(default)]
    pub pre_directional: Option<String>,
    #[serde(default)]
    pub street_name: Option<String>,
    #[serde(default)]
    pub street_suffix: Option<String>,
    #[serde(default)]
    pub post_directional: Option<String>,
    #[serde(default)]
    pub state_or_province: Option<String>,
    #[serde(default)]
    pub county_or_district: Option<String>,
    #[serde(default)]
    pub city_or_town: Option<String>,
    #[serde(default)]
    pub city_or_town_alias: Option<String>,
    #[serde(default)]
    pub postal_or_zip_code: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub company_name: Option<String>,
    #[serde(default)]
    pub company_id: Option<String>,
    /// The location every address has by itself.
    #[serde(default)]
    pub default_location_id: String,
    /// `validated` or `notValidated`, but an open string.
    #[serde(default)]
    pub validation_status: Option<String>,
    #[serde(default)]
    pub tenant_id: Option<String>,
    #[serde(default)]
    pub partner_id: Option<String>,
    /// Degrees, as text, exactly as the backend wrote them.
    #[serde(default)]
    pub latitude: Option<String>,
    /// Degrees, as text, exactly as the backend wrote them.
    #[serde(default)]
    pub longitude: Option<String>,
    #[serde(default)]
    pub locations: Vec<Location>,
}

/// A place in a civic address, such as a floor. A number can be tied to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The backend's id.
    pub id: String,
    /// The address it is in.
    pub civic_address_id: String,
    /// What people call it.
    #[serde(default)]
    pub description: Option<String>,
    /// More about how to find it.
    #[serde(default)]
    pub additional_info: Option<String>,
    /// True for the location the address has by itself.
    #[serde(default)]
    pub is_default: bool,
    /// Emergency location identification number.
    #[serde(default)]
    pub elin: Option<String>,
}

impl CivicAddress {
    /// Tells whether the emergency services' data holder knows the address. Only such an address can be assigned.
    #[must_use]
    pub fn is_validated(&self) -> bool {
        self.validation_status.as_deref() == Some("validated")
    }

    /// The country as ISO 3166 alpha-2, where the backend tells one.
    #[must_use]
    pub fn iso_country(&self) -> Option<&str> {
        self.country.as_deref().map(str::trim).filter(|country| country.len() == 2).map(iso)
    }

    /// The address in one line: number and street, town, state, postal code, country.
    #[must_use]
    pub fn line(&self) -> String {
        let words = |parts: &[&Option<String>]| {
            parts.iter().filter_map(|p| p.as_deref()).filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
        };
        let house =
            [&self.house_number, &self.house_number_suffix].iter().filter_map(|p| p.as_deref()).collect::<String>();
        let street = words(&[
            &Some(house),
            &self.pre_directional,
            &self.street_name,
            &self.street_suffix,
            &self.post_directional,
        ]);
        [
            street,
            words(&[&self.city_or_town]),
            words(&[&self.state_or_province, &self.postal_or_zip_code]),
            words(&[&self.country]),
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
    }
}

/// What the ids of addresses and of their locations stand for, in words.
#[derive(Clone, Debug, Default)]
pub struct Places {
    words: HashMap<String, String>,
    /// What is to be said of those that are not validated.
    marks: HashMap<String, &'static str>,
}

impl Places {
    /// Collects the places of these addresses. Those of an address that is not validated say so wherever they stand.
    pub fn of<'a>(addresses: impl IntoIterator<Item = &'a CivicAddress>) -> Self {
        let mut places = Self::default();
        for address in addresses {
            let mark = |mark| (!address.is_validated()).then_some(mark);
            places.add(&address.id, address.line(), mark("not validated"));
            for location in &address.locations {
                let words = [&location.description, &location.additional_info];
                let words: Vec<_> = words.into_iter().flatten().map(String::as_str).collect();
                places.add(&location.id, words.join(", "), mark("its address is not validated"));
            }
        }
        places
    }

    fn add(&mut self, id: &str, words: String, mark: Option<&'static str>) {
        let marked = match mark {
            None => words,
            Some(mark) if words.is_empty() => format!("{id} ({mark})"),
            Some(mark) => format!("{words} ({mark})"),
        };
        self.words.insert(id.to_owned(), marked);
        self.marks.extend(mark.map(|mark| (id.to_owned(), mark)));
    }

    /// The same with the ids instead of the words, for a table that a program reads.
    #[must_use]
    pub fn by_id(&self) -> Self {
        let words = self.marks.iter().map(|(id, mark)| (id.clone(), format!("{id} ({mark})"))).collect();
        Self { words, marks: self.marks.clone() }
    }

    /// Gives the place in words, or its id where there are none.
    pub fn words<'a>(&'a self, id: &'a str) -> &'a str {
        self.words.get(id).filter(|words| !words.is_empty()).map_or(id, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_as_one_line() {
        let address: CivicAddress = serde_json::from_value(serde_json::json!({
            "id": "1", "country": "US", "houseNumber": "4567", "houseNumberSuffix": "A", "preDirectional": "NE",
            "streetName": "Main", "streetSuffix": "St", "cityOrTown": "Redmond", "stateOrProvince": "WA",
            "postalOrZipCode": "98052", "validationStatus": "validated"
        }))
        .unwrap();
        assert_eq!(address.line(), "4567A NE Main St, Redmond, WA 98052, US");
        assert!(address.is_validated());
        assert_eq!(address.iso_country(), Some("US"));
        let british = CivicAddress { country: Some("UK".to_owned()), ..CivicAddress::default() };
        assert_eq!(british.iso_country(), Some("GB"));
        assert_eq!(CivicAddress::default().line(), "");
    }

    #[test]
    fn places_are_called_by_their_words_where_they_have_some() {
        let floor = |id: &str, description: Option<&str>| Location {
            id: id.into(),
            description: description.map(str::to_owned),
            ..Location::default()
        };
        let address = CivicAddress {
            id: "a".into(),
            city_or_town: Some("Reading".into()),
            validation_status: Some("validated".into()),
            locations: vec![floor("b", Some("Floor 2")), floor("c", None)],
            ..CivicAddress::default()
        };
        let places = Places::of([&address]);
        assert_eq!(["a", "b", "c", "d"].map(|id| places.words(id)), ["Reading", "Floor 2", "c", "d"]);
        for status in [None, Some("notValidated".to_owned()), Some("unheardOf".to_owned())] {
            let doubtful = CivicAddress { validation_status: status, ..address.clone() };
            let places = Places::of([&doubtful]);
            assert_eq!(places.words("a"), "Reading (not validated)");
            assert_eq!(places.words("b"), "Floor 2 (its address is not validated)");
            assert_eq!(places.words("c"), "c (its address is not validated)");
            let ids = places.by_id();
            assert_eq!(["a", "d"].map(|id| ids.words(id)), ["a (not validated)", "d"]);
        }
    }
}
