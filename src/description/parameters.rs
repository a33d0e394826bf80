//! The parameters of requests and the headers of answers.

use serde_json::{Value, json};

use super::VERSIONS;

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterPlace {
    /// It stands in the path.
    Path,
    /// It stands in the query.
    Query,
    /// It is a header.
    Header,
}

impl ParameterPlace {
    /// Its name in a description.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

/// One parameter of a request.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: ParameterPlace,
    /// Whether it has to be given.
    pub required: bool,
    /// Its schema.
    pub schema: fn() -> Value,
    /// What it does.
    pub description: &'static str,
}

/// One header of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// Its schema.
    pub schema: fn() -> Value,
    /// What it says, and when.
    pub description: &'static str,
}

fn text() -> Value {
    json!({ "type": "string" })
}

const fn path(name: &'static str, description: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place: ParameterPlace::Path, required: true, schema, description }
}

const fn query(name: &'static str, description: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place: ParameterPlace::Query, required: false, schema, description }
}

const fn header(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, place: ParameterPlace::Header, required: false, schema: text, description }
}

const fn answered(name: &'static str, description: &'static str) -> Header {
    Header { name, schema: text, description }
}

pub(super) static ACCOUNT_NAME: Parameter = path(
    "accountName",
    "Name of the account; upper and lower case differ.",
    || json!({ "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[A-Za-z0-9_-]+$" }),
);
pub(super) static TELEPHONE_NUMBER: Parameter = path(
    "telephoneNumber",
    "The number in E.164 form. Its + may be written as it is or as %2B.",
    || json!({ "type": "string", "minLength": 3, "maxLength": 16, "pattern": r"^\+[1-9][0-9]{1,14}$" }),
);
pub(super) static CIVIC_ADDRESS_ID: Parameter =
    path("civicAddressId", "The backend's id of the address.", || json!({ "type": "string", "minLength": 1 }));
pub(super) static TENANT_ID: Parameter = path("tenantId", "The enterprise's Microsoft Entra tenant.", || {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 36,
        "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    })
});
pub(super) static API_VERSION: Parameter = Parameter {
    required: true,
    ..query("api-version", "Version of the contract.", || json!({ "type": "string", "enum": VERSIONS }))
};

pub(super) static CURSOR: Parameter = query(
    "cursor",
    "Where a page starts, as the page before told it: follow nextLink as it is; the feed of the call path has it by itself.",
    text,
);

/// The parameters of lists.
pub(super) static LIST: [&Parameter; 6] = [
    &query(
        "top",
        "How many items are wanted in all, over all pages.",
        || json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": i32::MAX }),
    ),
    &query(
        "skip",
        "How many items to leave out at the beginning.",
        || json!({ "type": "integer", "format": "int32", "minimum": 0, "maximum": i32::MAX, "default": 0 }),
    ),
    &query(
        "maxpagesize",
        "The most items on a page.",
        || json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 500, "default": 200 }),
    ),
    &query(
        "filter",
        "Only items for which this holds: FIELD eq VALUE, FIELD ne VALUE, startswith(FIELD,'text'), \
         contains(FIELD,'text'), joined by and, or, not and brackets. A VALUE is true, false or a text in single \
         quotes.",
        || json!({ "type": "string", "maxLength": 2000 }),
    ),
    &query(
        "countRecords",
        "Whether to say in x-ms-record-count how many items match in all.",
        || json!({ "type": "boolean", "default": false }),
    ),
    &CURSOR,
];

pub(super) static DELETE_NUMBERS: Parameter = query(
    "deleteNumbers",
    "Whether to release the account's numbers first. Needs the right to delete.",
    || json!({ "type": "boolean", "default": false }),
);

/// The headers that make a request repeatable.
pub(super) static REPEATABILITY: [&Parameter; 2] = [
    &header(
        "Repeatability-Request-ID",
        "The client's id of the request, such as a GUID; 1 to 128 visible characters. The same request with the \
         same id within 24 hours is done once, and answered the same each time.",
    ),
    &header(
        "Repeatability-First-Sent",
        "When the client sent the request for the first time: an HTTP date or RFC 3339. Goes together with Repeatability-Request-ID.",
    ),
];

/// The headers with conditions.
pub(super) static CONDITIONS: [&Parameter; 4] = [
    &header(
        "If-Match",
        "Only when the resource still is as this ETag says, or with * when there is one. Compared is what a client \
         can set; what a backend says meanwhile does not count.",
    ),
    &header(
        "If-None-Match",
        "GET: only when the resource, status included, is not the one with this ETag any more (else 304). PUT with \
         *: only when there is none yet.",
    ),
    &header(
        "If-Unmodified-Since",
        "Only when nobody has set anything on the resource after this time: an HTTP date or RFC 3339. Not looked at beside If-Match.",
    ),
    &header("If-Modified-Since", "Must be a date, and is else ignored: use If-None-Match."),
];

pub(super) static REQUEST_ID: Parameter = header(
    "x-ms-client-request-id",
    "The client's id of this call, such as a GUID; up to 128 visible characters. It is given back and written to the log.",
);

pub(super) static ETAG: Header = answered("ETag", "Stands for the resource as it is: \"what-clients-set.everything\".");
pub(super) static LAST_MODIFIED: Header =
    answered("Last-Modified", "When what can be set on the resource was last changed; an HTTP date.");
pub(super) static WARNING: Header =
    answered("x-nmp-warning", "What was taken and yet looks like a mistake, such as an impossible number.");
pub(super) static REPEATABILITY_RESULT: Header = Header {
    name: "Repeatability-Result",
    schema: || json!({ "type": "string", "enum": ["accepted", "rejected"] }),
    description: "Whether the request was carried out once for all its repetitions; only when it asked for that.",
};
pub(super) static RECORD_COUNT: Header = Header {
    name: "x-ms-record-count",
    schema: || json!({ "type": "integer", "format": "int32", "minimum": 0 }),
    description: "How many items match the filter in all; only with countRecords=true.",
};
pub(super) static ERROR_CODE: Header = answered("x-ms-error-code", "The code of the error, as in the body.");
pub(super) static WWW_AUTHENTICATE: Header = answered("WWW-Authenticate", "What is wrong with the token (RFC 6750).");
pub(super) static RETRY_AFTER: Header = Header {
    name: "Retry-After",
    schema: || json!({ "type": "integer", "minimum": 1 }),
    description: "Seconds after which to send the request again.",
};

/// The headers of every answer.
pub(super) static EVERY_ANSWER: [&Header; 2] = [
    &answered("x-ms-client-request-id", "The client's id of the call, when it sent one."),
    &answered("x-ms-request-id", "Our id of the call. Quote it when you ask the people who run the service."),
];
