use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::wire::{
    read_account, read_number, read_number_identifiers, read_numbers, read_numbers_to_delete, read_relationship_patch,
};

fn contoso() -> Deployment<'static> {
    static AUDIENCE: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| vec!["nmp-api".to_owned()]);
    Deployment {
        address: "https://provapi.example.com/",
        issuer: "https://login.example.com/",
        audience: &AUDIENCE,
        roles: RoleWords { read: "Api.Read", write: "Api.Write", delete: "Api.Delete", admin: "Api.Admin" },
    }
}

/// Calls `look` with every value and where it stands.
fn walk(value: &Value, at: &str, look: &mut impl FnMut(&Value, &str)) {
    look(value, at);
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| walk(member, &format!("{at}/{}", name.replace('/', "~1")), look));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{at}/{index}"), look));
        }
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = openapi(&contoso());
    let mut used = BTreeSet::new();
    walk(&document, "", &mut |value, at| {
        if let Some(to) = value.get("$ref").and_then(Value::as_str) {
            let pointer = to.strip_prefix('#').unwrap_or_else(|| panic!("{at}: {to}"));
            assert!(document.pointer(pointer).is_some(), "{at}: {to}");
            used.insert(pointer.to_owned());
        }
    });
    for (kind, members) in document["components"].as_object().unwrap() {
        for name in members.as_object().unwrap().keys() {
            let found = kind == "securitySchemes" || used.contains(&format!("/components/{kind}/{name}"));
            assert!(found, "{kind} {name} is not used");
        }
    }
}

#[test]
fn every_operation_has_what_it_must() {
    let document = openapi(&contoso());
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{at}");
            for words in ["summary", "description"] {
                assert!(operation[words].as_str().is_some_and(|text| text.len() > 5), "{at}: {words}");
            }
            let parameters: Vec<&Value> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| document.pointer(one["$ref"].as_str().unwrap().strip_prefix('#').unwrap()).unwrap())
                .collect();
            let names: BTreeSet<_> = parameters.iter().map(|one| (one["in"].as_str(), one["name"].as_str())).collect();
            assert_eq!(names.len(), parameters.len(), "{at}");
            let of_contract = !path.starts_with("/call-path/");
            assert_eq!(names.contains(&(Some("query"), Some("api-version"))), of_contract, "{at}");
            let in_path: BTreeSet<_> = parameters
                .iter()
                .filter(|one| one["in"] == "path")
                .collect::<Vec<_>>()
                .into_iter()
                .map(|one| format!("{{{}}}", one["name"].as_str().unwrap()))
                .collect();
            assert_eq!(in_path.len(), path.matches('{').count(), "{at}");
            assert!(in_path.iter().all(|name| path.contains(name.as_str())), "{at}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{at}");
            for status in ["400", "401", "403", "429", "500", "503", "default"] {
                assert!(responses.contains_key(status), "{at}: {status}");
            }
            assert_eq!(operation["security"].as_array().unwrap().len(), 2, "{at}");
            let sends = ["put", "patch"].contains(&method.as_str());
            assert!(!sends || operation["requestBody"]["required"] == true, "{at}");
        }
    }
    assert_eq!(ids.len(), 20);
}

#[test]
fn it_is_for_the_deployment() {
    let document = openapi(&contoso());
    assert_eq!(document["servers"], json!([{ "url": "https://provapi.example.com" }]));
    let delete = &document["paths"]["/accounts/{accountName}"]["delete"];
    assert_eq!(delete["security"], json!([{ "accessToken": ["Api.Delete"] }, { "accessToken": ["Api.Admin"] }]));
    let scheme = document["components"]["securitySchemes"]["accessToken"]["description"].as_str().unwrap();
    assert!(scheme.contains("https://login.example.com/.well-known/openid-configuration names"), "{scheme}");
    assert!(scheme.contains("aud is nmp-api"), "{scheme}");
}

/// What an example lacks or has too much, by the schema.
fn mismatches(value: &Value, schema: &Value, all: &Shapes, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        return mismatches(value, &all.definitions()[name], all, at, found);
    }
    match value {
        Value::Object(members) => {
            let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{at} is no object"));
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                // What only answers have is not sent.
                if !members.contains_key(name) && properties[name]["readOnly"] != true {
                    found.push(format!("{at}.{name} is missing"));
                }
            }
            for (name, member) in members {
                match properties.get(name) {
                    None => found.push(format!("{at}.{name} is not known")),
                    Some(of) => mismatches(member, of, all, &format!("{at}.{name}"), found),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                mismatches(item, &schema["items"], all, &format!("{at}[]"), found);
            }
        }
        Value::String(text) => {
            let known = schema["anyOf"][0]["enum"].as_array();
            let is_text =
                schema["type"] == "string" || known.is_some_and(|known| known.contains(&text.as_str().into()));
            if !is_text {
                found.push(format!("{at} is no text"));
            }
        }
        Value::Bool(_) if schema["type"] != "boolean" => found.push(format!("{at} is no truth")),
        Value::Number(_) if schema["type"] != "integer" => found.push(format!("{at} is no number")),
        _ => {}
    }
}

#[test]
fn examples_have_the_form_that_they_are_examples_of() {
    let shapes = Shapes::all();
    let mut found = Vec::new();
    let error = Shape::of::<wire::ErrorResponse>();
    let errors = OPERATIONS.iter().flat_map(Operation::errors).map(|status| (error, examples::error(status)));
    let bodies = OPERATIONS.iter().flat_map(Operation::bodies).map(|body| (body.shape, (body.example)()));
    for (shape, example) in bodies.chain(errors) {
        let name = (shape.name)();
        mismatches(&example, &shapes.definitions()[&name], &shapes, &name, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_the_examples_send_is_taken() {
    let bytes = |value: Value| serde_json::to_vec(&value).unwrap();
    let contoso = crate::domain::AccountName::parse("contoso").unwrap();
    let number = crate::domain::E164::parse_wire("+441632960001").unwrap();
    assert_eq!(read_account(&bytes(examples::account_sent()), Some(&contoso)).problems, []);
    assert_eq!(read_account(&bytes(examples::account()), Some(&contoso)).problems, []);
    assert_eq!(read_number(&bytes(examples::number_sent()), Some("contoso"), Some(number)).problems, []);
    assert_eq!(read_number(&bytes(examples::number()), Some("contoso"), Some(number)).problems, []);
    assert_eq!(read_numbers(&bytes(examples::batch_sent()), Some("contoso")).whole().map(|read| read.len()), Ok(2));
    assert_eq!(read_numbers_to_delete(&bytes(examples::identifiers())).map(|read| read.len()), Ok(2));
    assert_eq!(read_number_identifiers(&bytes(examples::identifiers())).map(|read| read.len()), Ok(2));
    assert_eq!(read_relationship_patch(&bytes(examples::relationship())).map(drop), Ok(()));
}

#[test]
fn a_command_can_be_copied_into_a_shell() {
    for operation in &OPERATIONS {
        let command = curl(operation, &contoso());
        let quotes = command.matches('\'').count();
        assert!(quotes.is_multiple_of(2), "{command}");
        assert!(command.starts_with("curl "), "{command}");
    }
    let deleted = OPERATIONS.iter().find(|one| one.id == "Accounts_DeleteNumber").unwrap();
    assert_eq!(
        curl(deleted, &contoso()),
        "curl -X DELETE 'https://provapi.example.com/accounts/contoso/numbers/+441632960001?api-version=2024-02-29-preview' \\\n  \
         -H \"Authorization: Bearer $TOKEN\""
    );
}

#[test]
fn fields_are_told_in_words() {
    let shapes = Shapes::all();
    let of = |shape: &str, name: &str, written| {
        let field = shapes.fields(shape, written).into_iter().find(|field| field.name == name)?;
        Some((field.kind, field.of, field.required, field.read_only, field.rules.join("; ")))
    };
    let told = |kind: &str, of: Option<&str>, required, read_only, rules: &str| {
        Some((kind.to_owned(), of.map(str::to_owned), required, read_only, rules.to_owned()))
    };
    assert_eq!(
        of("AccountResource", "name", true),
        told("text", None, true, false, "1 to 100 characters; pattern ^[A-Za-z0-9_-]+$")
    );
    assert_eq!(of("AccountResource", "serviceDetails", true), told("object", None, false, false, ""));
    let region = "serviceDetails.teamsDirectRouting.configuration.subdomainTokens.region1Token";
    assert_eq!(
        of("AccountResource", region, true),
        told("text", None, true, false, "1 to 100 characters; pattern ^[A-Za-z0-9=_-]+$")
    );
    let status = "serviceProvisioningStatus";
    assert_eq!(of("NumberResource", status, true), None);
    assert_eq!(
        of("NumberResource", status, false),
        told("text", None, false, true, "pending, synced, failed; others may come")
    );
    assert_eq!(
        of("BatchNumbers", "numbers", true),
        told("list", Some("NumberResource"), true, false, "1 to 100 items")
    );
    let usage = "serviceDetails.teamsOperatorConnect.configuration.choosableCapabilities";
    assert_eq!(of("NumberResource", usage, true), told("list of texts", None, true, false, "up to 100 items"));
    assert_eq!(of("ErrorResponse", "error.details", false), told("list", Some("Error"), false, false, ""));
    assert_eq!(of("InnerError", "innererror", false), told("object", Some("InnerError"), false, false, ""));
    let tables = shapes.tables();
    for name in ["AccountResource", "PagedNumberResource", "LocationResource", "Error", "ErrorResponse"] {
        let name = if name == "LocationResource" { "Location" } else { name };
        assert!(tables.iter().any(|table| table == name), "{name}: {tables:?}");
    }
}
