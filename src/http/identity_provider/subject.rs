//! Who a token is about: the same rules for people who sign in and for programs with a token.

use std::sync::Arc;

use serde_json::{Map, Value};

/// Returns the identifier that stays the same for every application of the provider. That is the subject, except at
/// Microsoft Entra, whose subjects differ from application to application: there it is the object id, within the tenant
/// that the issuer names.
pub(in crate::http) fn stable_subject<'a>(issuer: &str, subject: &'a str, claims: &'a Map<String, Value>) -> &'a str {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("tid"), text("oid")) {
        (Some(tenant), Some(object)) if issuer.split('/').any(|part| part == tenant) => object,
        _ => subject,
    }
}

/// Returns a name as it is shown and logged: without control characters, of bounded length.
pub(in crate::http) fn shown_name(name: &str) -> Arc<str> {
    name.chars().filter(|c| !c.is_control()).take(200).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn at_entra_it_is_the_object_of_the_tenant() {
        let entra = "https://login.microsoftonline.com/8f0c5d38/v2.0";
        let subject = |issuer: &str, claims: Value| {
            let claims = claims.as_object().unwrap().clone();
            stable_subject(issuer, "pairwise", &claims).to_owned()
        };
        assert_eq!(subject(entra, json!({ "tid": "8f0c5d38", "oid": "object" })), "object");
        // Claims of those names mean nothing from anybody else.
        assert_eq!(subject("https://login.example.com/", json!({ "tid": "8f0c5d38", "oid": "object" })), "pairwise");
        assert_eq!(subject(entra, json!({ "tid": "another", "oid": "object" })), "pairwise");
        assert_eq!(subject(entra, json!({ "tid": "8f0c5d38", "oid": 7 })), "pairwise");
        assert_eq!(subject(entra, json!({})), "pairwise");
    }

    #[test]
    fn a_name_is_safe_to_show() {
        assert_eq!(&*shown_name("Riley\u{1b}[31m\nReader"), "Riley[31mReader");
        assert_eq!(shown_name(&"x".repeat(500)).len(), 200);
    }
}
