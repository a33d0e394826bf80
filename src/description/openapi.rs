//! The OpenAPI 3.1 description.

use serde_json::{Map, Value, json};

use super::fields::Shapes;
use super::operation::{Body, Operation, OperationAnswer};
use super::parameters::{ERROR_CODE, EVERY_ANSWER, Header, Parameter, RETRY_AFTER, WWW_AUTHENTICATE};
use super::register::OPERATIONS;
use super::{Deployment, VERSIONS, examples};

/// Name of the security scheme.
const SCHEME: &str = "accessToken";

/// What each status of an error means.
pub(super) const fn meaning(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("BadRequest", "The request cannot be taken; everything that is wrong with it is in details."),
        401 => ("Unauthorized", "There is no token, or it is not believed."),
        403 => ("Forbidden", "The token lacks a role, or calls from this address are not accepted."),
        404 => ("NotFound", "What the path names is not there."),
        409 => ("Conflict", "The data does not allow it now."),
        410 => ("Gone", "What changed since the cursor cannot be told any more."),
        412 => ("PreconditionFailed", "A condition does not hold."),
        413 => ("ContentTooLarge", "The body is too large."),
        415 => ("UnsupportedMediaType", "The body is of another content type, or compressed."),
        429 => ("TooManyRequests", "The client calls faster than it may."),
        503 => ("ServiceUnavailable", "Something that is needed is away for a moment."),
        _ => ("InternalServerError", "Our fault."),
    }
}

/// The description of the API as one deployment serves it.
pub fn openapi(of: &Deployment<'_>) -> Value {
    let mut paths = Map::new();
    for operation in &OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method().to_lowercase(), described(operation, of));
        }
    }
    let [version, _] = VERSIONS;
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Provisioning API",
            "version": version,
            "summary": "Accounts, telephone numbers and consents, for the programs of an operator.",
            "description": format!(
                "True to the Provisioning API of Azure Communications Gateway: a program written for that needs \
                 another address and a token from {} only.",
                of.issuer
            ),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": of.base() }],
        "tags": tags(),
        "paths": paths,
        "components": components(of),
    })
}

fn tags() -> Vec<Value> {
    let mut groups: Vec<&str> = OPERATIONS.iter().map(|operation| operation.group).collect();
    groups.dedup();
    groups.into_iter().map(|name| json!({ "name": name })).collect()
}

fn described(operation: &Operation, of: &Deployment<'_>) -> Value {
    let fields = operation.filter_fields();
    let mut description = operation.description.to_owned();
    if !fields.is_empty() {
        description.push_str("\n\nFields of a filter: ");
        description.push_str(&fields.join(", "));
        description.push('.');
    }
    let parameters: Vec<Value> = operation.parameters().into_iter().map(|one| refer("parameters", one.name)).collect();
    let mut responses: Map<String, Value> =
        operation.answers().into_iter().map(|answer| (answer.status.to_string(), answered(&answer))).collect();
    let errors =
        operation.errors().into_iter().map(|status| (status.to_string(), refer("responses", meaning(status).0)));
    responses.extend(errors);
    responses.insert("default".to_owned(), refer("responses", "Error"));
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.group],
        "summary": operation.summary,
        "description": description,
        "parameters": parameters,
        "responses": responses,
        "security": [{ SCHEME: [of.role(operation.right)] }, { SCHEME: [of.roles.admin] }],
    });
    if let Some(body) = operation.sent {
        let body = json!({ "required": true, "content": { operation.media_type(): content(&body) } });
        described = with(described, "requestBody", body);
    }
    described
}

/// The object with one member more.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

fn refer(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn content(body: &Body) -> Value {
    json!({ "schema": refer("schemas", &(body.shape.name)()), "example": (body.example)() })
}

fn headers<'h>(headers: impl IntoIterator<Item = &'h Header>) -> Map<String, Value> {
    headers.into_iter().map(|header| (header.name.to_owned(), refer("headers", header.name))).collect()
}

fn answered(answer: &OperationAnswer) -> Value {
    let mut described = json!({ "description": answer.meaning, "headers": headers(answer.headers.iter().copied()) });
    if let Some(body) = answer.body {
        described = with(described, "content", json!({ "application/json": content(&body) }));
    }
    described
}

fn components(of: &Deployment<'_>) -> Value {
    let mut parameters: Map<String, Value> = Map::new();
    let mut all_headers: Map<String, Value> = Map::new();
    for operation in &OPERATIONS {
        parameters.extend(operation.parameters().into_iter().map(|one| (one.name.to_owned(), parameter(one))));
        let answered = operation.answers().into_iter().flat_map(|answer| answer.headers);
        all_headers.extend(answered.map(|one| (one.name.to_owned(), header(one))));
    }
    let of_errors = [&ERROR_CODE, &WWW_AUTHENTICATE, &RETRY_AFTER];
    all_headers.extend(of_errors.map(|one| (one.name.to_owned(), header(one))));
    let mut responses: Map<String, Value> = [400, 401, 403, 404, 409, 410, 412, 413, 415, 429, 500, 503]
        .map(|status| {
            let (name, description) = meaning(status);
            (name.to_owned(), error(description, &error_headers(status), Some(examples::error(status))))
        })
        .into_iter()
        .collect();
    let any = "Any other error: 405 with the header Allow, 408 or 504 for what took too long, 421 for another Host.";
    responses.insert("Error".to_owned(), error(any, &error_headers(0), None));
    json!({
        "schemas": Shapes::all().definitions(),
        "parameters": parameters,
        "headers": all_headers,
        "responses": responses,
        "securitySchemes": { SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": format!(
                "An access token of {issuer}, by OAuth 2.0 client credentials; {discovery} names the token \
                 endpoint. The token's aud is {audience}, its claim roles holds {}, {}, {} or {}.",
                of.roles.read,
                of.roles.write,
                of.roles.delete,
                of.roles.admin,
                issuer = of.issuer,
                discovery = format_args!("{}/.well-known/openid-configuration", of.issuer.trim_end_matches('/')),
                audience = of.audience.join(" or "),
            ),
        } },
    })
}

fn parameter(of: &Parameter) -> Value {
    json!({
        "name": of.name,
        "in": of.place.name(),
        "required": of.required,
        "description": of.description,
        "schema": (of.schema)(),
    })
}

fn header(of: &Header) -> Value {
    json!({ "description": of.description, "schema": (of.schema)() })
}

/// The headers of an error, beside those of every answer.
fn error_headers(status: u16) -> Vec<&'static Header> {
    let own = match status {
        401 | 403 => Some(&WWW_AUTHENTICATE),
        409 | 429 | 503 => Some(&RETRY_AFTER),
        _ => None,
    };
    std::iter::once(&ERROR_CODE).chain(own).chain(EVERY_ANSWER).collect()
}

fn error(description: &str, own: &[&'static Header], example: Option<Value>) -> Value {
    let mut content = json!({ "schema": refer("schemas", "ErrorResponse") });
    if let Some(example) = example {
        content = with(content, "example", example);
    }
    json!({
        "description": description,
        "headers": headers(own.iter().copied()),
        "content": { "application/json": content },
    })
}
