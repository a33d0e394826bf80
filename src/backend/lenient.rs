//! Items of lists as they come: `null` is as if left out, a date may lack its offset, and a member that nobody can read does
//! not take the others of its item with it.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::domain::{CivicAddress, Consent};

use super::BackendNumber;

/// The longest name of an item that is told, in characters.
const MAX_NAME: usize = 100;

/// What a list has in it: how one of its items is told from the others.
pub(super) trait Listed: DeserializeOwned {
    /// The member without which an item is none; it names the item.
    const KEY: &'static str;
}

impl Listed for Consent {
    const KEY: &'static str = "tenantId";
}

impl Listed for CivicAddress {
    const KEY: &'static str = "id";
}

impl Listed for BackendNumber {
    const KEY: &'static str = "telephoneNumber";
}

/// A part of an item that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Which item, as far as it says.
    pub item: String,
    /// Which member; nothing where the item as a whole was left out.
    pub member: Option<String>,
}

/// Reads an item, and tells which of its members could not be read; nothing of an item without its key.
pub(super) fn read<T: Listed>(text: &str) -> Result<(T, Vec<Unread>), Unread> {
    if let Ok(item) = serde_json::from_str(text) {
        return Ok((item, Vec::new()));
    }
    let left_out = |item: String| Unread { item, member: None };
    let Ok(Value::Object(mut members)) = serde_json::from_str(text) else { return Err(left_out(String::new())) };
    tidy(&mut members);
    if let Ok(item) = serde_json::from_value(Value::Object(members.clone())) {
        return Ok((item, Vec::new()));
    }
    let name = shortened(members.get(T::KEY));
    let mut kept = Map::new();
    kept.extend(members.remove_entry(T::KEY));
    let Ok(mut item) = serde_json::from_value::<T>(Value::Object(kept.clone())) else { return Err(left_out(name)) };
    let mut unread = Vec::new();
    for (member, value) in members {
        let with =
            kept.iter().map(|(name, value)| (name.clone(), value.clone())).chain([(member.clone(), value.clone())]);
        match serde_json::from_value(Value::Object(with.collect())) {
            Ok(read) => {
                item = read;
                kept.insert(member, value);
            }
            Err(_) => unread.push(Unread { item: name.clone(), member: Some(member) }),
        }
    }
    Ok((item, unread))
}

/// Reads an answer that is one thing: `null` is as if left out there too.
pub(super) fn whole<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    tidy_value(&mut value);
    serde_json::from_value(value).ok()
}

/// Takes out what is `null`, and gives dates the offset that they lack.
fn tidy(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    for (name, value) in members.iter_mut() {
        match value {
            Value::String(text) if name.ends_with("On") && lacks_offset(text) => text.push('Z'),
            other => tidy_value(other),
        }
    }
}

fn tidy_value(value: &mut Value) {
    match value {
        Value::Object(members) => tidy(members),
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(tidy_value);
        }
        _ => {}
    }
}

/// Whether a text is a date and a time, and says nothing of its zone.
fn lacks_offset(text: &str) -> bool {
    text.split_once('T').is_some_and(|(date, time)| {
        date.len() == 10 && time.len() >= 8 && !time.contains(['Z', 'z', '+', '-']) && time.is_ascii()
    })
}

fn shortened(name: Option<&Value>) -> String {
    let text = match name {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    text.chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::ConsentStatus;

    const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";

    fn consent(members: &Value) -> (Consent, Vec<String>) {
        let mut all = json!({ "id": "1", "tenantId": TENANT, "status": "removed", "consentedCountries": ["GB"] });
        for (name, value) in members.as_object().unwrap() {
            all[name] = value.clone();
        }
        let (consent, unread) = read::<Consent>(&all.to_string()).unwrap();
        assert!(unread.iter().all(|unread| unread.item == TENANT));
        (consent, unread.into_iter().filter_map(|unread| unread.member).collect())
    }

    #[test]
    fn null_is_as_if_left_out() {
        let nothing = json!({
            "id": null, "productContext": null, "operatorId": null, "consentedOn": null, "lastModifiedOn": null,
            "consentedCountries": null, "contacts": null, "customerRelationship": null
        });
        let (read, unread) = consent(&nothing);
        assert_eq!((read.status, unread.len()), (ConsentStatus::Removed, 0));
        let inside = json!({
            "contacts": [{ "fullName": null, "email": null, "companyName": "Contoso" }, null],
            "customerRelationship": { "status": null, "comment": null }, "consentedCountries": ["GB", null]
        });
        let (read, unread) = consent(&inside);
        assert_eq!((read.contacts.len(), read.contacts[0].email.as_str(), unread.len()), (1, "", 0));
        assert_eq!(read.consented_countries, ["GB"]);
    }

    #[test]
    fn a_date_without_an_offset_is_in_utc() {
        for text in ["2026-01-12T09:30:00", "2026-01-12T09:30:00.0000000"] {
            let (read, unread) =
                consent(&json!({ "consentedOn": text, "lastModifiedOn": "2026-01-12T09:30:00+01:00" }));
            assert_eq!(read.consented_on.unwrap().unix_timestamp(), 1_768_210_200, "{text}");
            assert!(unread.is_empty());
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_leaves_the_rest() {
        let (read, unread) = consent(&json!({ "contacts": "Megan", "consentedOn": 5, "status": "suspended" }));
        assert_eq!((read.status, read.consented_countries.len()), (ConsentStatus::Suspended, 1));
        assert_eq!(unread, ["consentedOn", "contacts"]);
        let (read, unread) = consent(&json!({ "status": ["removed"] }));
        assert!(!matches!(read.status, ConsentStatus::Active), "it is not taken to stand");
        assert_eq!(unread, ["status"]);
    }

    #[test]
    fn an_item_without_its_key_is_left_out() {
        for (text, name) in [("{\"status\":\"active\"}", ""), ("{\"tenantId\":\"x y\"}", "x y"), ("[1]", ""), ("7", "")]
        {
            assert_eq!(read::<Consent>(text).unwrap_err(), Unread { item: name.to_owned(), member: None });
        }
        let long = json!({ "tenantId": "x".repeat(500) }).to_string();
        assert_eq!(read::<Consent>(&long).unwrap_err().item.len(), MAX_NAME);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = read::<Consent>(&text);
            let _ = read::<BackendNumber>(&text);
        }

        #[test]
        fn a_number_is_kept_whatever_stands_beside_it(value in "[a-z]{0,5}|null|7|\\[\\]|\\{\\}|true") {
            for member in ["service", "assignmentStatus", "settings", "callingProfile", "acquiredCapabilities"] {
                let value: Value = serde_json::from_str(&value).unwrap_or_else(|_| json!(value));
                let item = json!({ "telephoneNumber": "+441632960000", member: value });
                let (read, unread) = read::<BackendNumber>(&item.to_string()).unwrap();
                prop_assert_eq!(read.telephone_number.to_string(), "+441632960000");
                prop_assert!(unread.len() <= 1);
            }
        }
    }
}
