//! Schemas of the resources for the API's description, and of the bodies that are only read.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use super::consent::CustomerRelationshipResource;

/// Which number is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberIdentifier {
    /// The number in E.164 form.
    #[schemars(length(min = 3, max = 16), regex(pattern = r"^\+[1-9][0-9]{1,14}$"))]
    pub telephone_number: String,
}

/// The numbers that a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NumberIdentifiers {
    /// The numbers, each once.
    #[schemars(length(min = 1))]
    pub numbers: Vec<NumberIdentifier>,
}

/// The numbers that shall be released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BatchNumbersDelete {
    /// The numbers, each once.
    #[schemars(length(min = 1, max = 100))]
    pub numbers: Vec<NumberIdentifier>,
}

/// A merge patch (RFC 7396) of a request for information. What is left out stays; a comment that is null goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestForInformationResourceCreateOrUpdate {
    /// Where the operator stands with the enterprise from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_relationship: Option<CustomerRelationshipResource>,
}

/// A generator of schemas for an OpenAPI 3.1 description: definitions go to `#/components/schemas`, and nothing is
/// nullable, because what is absent is left out.
pub fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .with_transform(RecursiveTransform(without_null))
        .into_generator()
}

/// Takes away what schemars adds for an `Option`.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [single] = types.as_slice() {
            let single = single.clone();
            object.insert("type".to_owned(), single);
        }
    }
    let Some(Value::Array(variants)) = object.get_mut("anyOf") else { return };
    let before = variants.len();
    variants.retain(|variant| variant.get("type").is_none_or(|name| name != "null"));
    if variants.len() < before
        && let [Value::Object(single)] = variants.as_slice()
    {
        let single = single.clone();
        object.remove("anyOf");
        object.extend(single);
    }
}
