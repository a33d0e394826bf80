//! What holds for every schema. That they are those of the contract is tested with the API's description.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::wire::{
    AccountResource, BatchNumbers, BatchNumbersDelete, ErrorResponse, List, NumberIdentifiers, NumberResource,
    RequestForInformationResource, RequestForInformationResourceCreateOrUpdate, TeamsAvailableCapabilities,
    TeamsCapabilityPlans, TeamsCivicAddressResource, generator,
};

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    let _ = generator.subschema_for::<T>();
}

fn definitions() -> Map<String, Value> {
    let mut generator = generator();
    for add in [
        add::<List<AccountResource>>,
        add::<List<NumberResource>>,
        add::<List<TeamsCivicAddressResource>>,
        add::<List<RequestForInformationResource>>,
        add::<BatchNumbers>,
        add::<BatchNumbersDelete>,
        add::<NumberIdentifiers>,
        add::<RequestForInformationResourceCreateOrUpdate>,
        add::<TeamsCapabilityPlans>,
        add::<TeamsAvailableCapabilities>,
        add::<ErrorResponse>,
    ] {
        add(&mut generator);
    }
    generator.take_definitions(true)
}

#[test]
fn nothing_is_nullable_and_everything_is_described() {
    fn walk(schema: &Value, path: &str) {
        match schema {
            Value::Object(members) => {
                assert_ne!(members.get("type").and_then(Value::as_str), Some("null"), "{path}");
                for (name, of) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
                    assert!(of["description"].is_string(), "{path}.{name} has no description");
                }
                members.iter().for_each(|(name, member)| walk(member, &format!("{path}.{name}")));
            }
            Value::Array(items) => items.iter().for_each(|item| {
                assert_ne!(item, "null", "{path}");
                walk(item, path);
            }),
            _ => {}
        }
    }
    for (name, schema) in definitions() {
        assert!(schema["description"].is_string(), "{name}");
        walk(&schema, &name);
    }
}
