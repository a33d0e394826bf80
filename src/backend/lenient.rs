//! Items of lists as they come: `null` is as if left out, a date may lack its offset, and a member that nobody can read does
//! not take the others of its item with it. What is read is bounded: it is stored, and stands on pages.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::domain::{CivicAddress, Consent};

use super::BackendNumber;

/// The longest name of an item that is told, in characters.
const MAX_NAME: usize = 100;
/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 2_000;
/// The longest list within an item that is read.
const MAX_LIST: usize = 2_000;
/// The most members of one item, known here or not.
const MAX_MEMBERS: usize = 200;

/// What a list has in it: how one of its items is told from the others.
pub(super) trait Listed: DeserializeOwned + Send + 'static {
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

/// Whether a text of JSON is taken as it is: nothing in it can be too long, and it has no NUL, which PostgreSQL does not store.
fn is_plain(text: &[u8]) -> bool {
    text.len() <= MAX_TEXT && !text.windows(6).any(|part| part == b"\\u0000")
}

/// Reads an item, and tells which of its members could not be read; nothing of an item without its key.
pub(super) fn read<T: Listed>(text: &str) -> Result<(T, Vec<Unread>), Unread> {
    if is_plain(text.as_bytes())
        && let Ok(item) = serde_json::from_str(text)
    {
        return Ok((item, Vec::new()));
    }
    let left_out = |item: String| Unread { item, member: None };
    let Ok(Value::Object(mut members)) = serde_json::from_str(text) else { return Err(left_out(String::new())) };
    tidy(&mut members);
    let name = shortened(members.get(T::KEY));
    if members.len() > MAX_MEMBERS {
        return Err(left_out(name));
    }
    let Some(key) = members.get(T::KEY).filter(|key| is_bounded(key)).cloned() else { return Err(left_out(name)) };
    let mut unread = Vec::new();
    keep(&mut members, &name, &mut unread, |_, value| is_bounded(value));
    if let Ok(item) = serde_json::from_value(Value::Object(members.clone())) {
        return Ok((item, unread));
    }
    keep(&mut members, &name, &mut unread, |member, value| {
        let alone = [(T::KEY.to_owned(), key.clone()), (member.to_owned(), value.clone())];
        serde_json::from_value::<T>(Value::Object(Map::from_iter(alone))).is_ok()
    });
    match serde_json::from_value(Value::Object(members)) {
        Ok(item) => Ok((item, unread)),
        Err(_) => Err(left_out(name)),
    }
}

/// Keeps some members of an item, and names the others.
fn keep(
    members: &mut Map<String, Value>,
    item: &str,
    unread: &mut Vec<Unread>,
    is_kept: impl Fn(&str, &Value) -> bool,
) {
    members.retain(|member, value| {
        let kept = is_kept(member, value);
        if !kept {
            unread.push(Unread { item: item.to_owned(), member: Some(member.clone()) });
        }
        kept
    });
}

/// Whether no text and no list in a value is too long.
fn is_bounded(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= MAX_TEXT,
        Value::Array(items) => items.len() <= MAX_LIST && items.iter().all(is_bounded),
        Value::Object(members) => members.len() <= MAX_LIST && members.values().all(is_bounded),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Reads an answer that is one thing: `null` is as if left out there too, and what is too long cannot be read.
pub(super) fn whole<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    if is_plain(body)
        && let Ok(thing) = serde_json::from_slice(body)
    {
        return Some(thing);
    }
    let mut value: Value = serde_json::from_slice(body).ok()?;
    tidy_value(&mut value);
    if is_bounded(&value) { serde_json::from_value(value).ok() } else { None }
}

/// Takes out what is `null` and every NUL, and gives dates the offset that they lack.
fn tidy(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    for (name, value) in members.iter_mut() {
        tidy_value(value);
        match value {
            Value::String(text) if name.ends_with("On") && lacks_offset(text) => text.push('Z'),
            _ => {}
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
        Value::String(text) => text.retain(|c| c != '\0'),
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

    #[test]
    fn what_is_too_long_is_named_and_not_kept() {
        let long = json!([{ "companyName": "x".repeat(MAX_TEXT + 1) }]);
        let (read, unread) =
            consent(&json!({ "contacts": long, "operatorId": "o", "consentedCountries": vec!["GB"; 3_000] }));
        assert_eq!((read.operator_id.as_str(), read.contacts.len(), read.consented_countries.len()), ("o", 0, 0));
        assert_eq!(unread, ["consentedCountries", "contacts"]);
        let (read, unread) = consent(&json!({ "contacts": [{ "companyName": "x".repeat(MAX_TEXT) }] }));
        assert_eq!((read.contacts.len(), unread.len()), (1, 0));
        let plans = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_TEXT + 1));
        assert_eq!(whole::<Value>(plans.as_bytes()), None);
    }

    #[test]
    fn a_nul_is_taken_out() {
        let (read, unread) = consent(&json!({ "contacts": [{ "companyName": "Con\0toso" }], "operatorId": "\0" }));
        assert_eq!((read.contacts[0].company_name.as_deref(), read.operator_id.as_str()), (Some("Contoso"), ""));
        assert!(unread.is_empty());
        let whole = whole::<Value>(br#"{"comment":"a\u0000b"}"#).unwrap();
        assert_eq!(whole["comment"], "ab");
    }

    /// Looking at each member beside all others would take a minute.
    #[test]
    fn an_item_of_very_many_members_is_left_out() {
        let many: Vec<String> = (0..29_000).map(|index| format!("\"a{index}\":0")).collect();
        let text = format!("{{{},\"tenantId\":\"{TENANT}\",\"consentedOn\":5}}", many.join(","));
        assert_eq!(read::<Consent>(&text).unwrap_err(), Unread { item: TENANT.to_owned(), member: None });
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
