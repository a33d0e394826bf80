//! Our description of the Provisioning API against the contract: operation by operation, field by field.
//!
//! Both are written as lines, one for each thing that they say. Where they differ, [`DIFFERENCES`] says why.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use nmp::description::{Deployment, RoleWords, openapi};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::harness::caller::{Caller, Reply};
use crate::harness::program::Demo;
use crate::harness::runtime;

/// Schemas that the contract has twice, or once for each service, and the one of ours that stands for them.
const SHARED: [(&str, &str); 15] = [
    ("Azure.Core.Foundations.", ""),
    ("PagedNumberList", "PagedNumberResource"),
    ("TeamsOperatorConnectAccountDetails", "SyncedAccountDetails"),
    ("TeamsPhoneMobileAccountDetails", "SyncedAccountDetails"),
    ("ZoomPhoneCloudPeeringAccountDetails", "SyncedAccountDetails"),
    ("TeamsDirectRoutingNumberDetails", "ServiceNumberDetails"),
    ("ZoomPhoneCloudPeeringNumberDetails", "ServiceNumberDetails"),
    ("AzureOperatorCallProtectionNumberDetails", "ServiceNumberDetails"),
    ("TeamsOperatorConnectNumberDetails", "TeamsNumberDetails"),
    ("TeamsPhoneMobileNumberDetails", "TeamsNumberDetails"),
    ("TeamsOperatorConnectNumberConfig", "TeamsCommonNumberConfig"),
    ("TeamsPhoneMobileNumberConfig", "TeamsCommonNumberConfig"),
    // The same patterns in other brackets.
    ("_-]+)$", "_-]+$"),
    ("_-])+$", "_-]+$"),
    ("^([", "^["),
];

const LIMIT: &str = "the contract names no limit, and every text and list needs one";
const NOT_EMPTY: &str = "a batch of nothing is a mistake";
const DIGITS: &str = "some readers take \\d for the digits of every script; E.164 has 2 to 15 digits";
const DATES: &str = "HTTP dates are read too, which is what the header is by RFC 9110";
const ANY_ID: &str = "any visible text is taken and given back, a UUID or not";
const RANGE: &str = "what is out of range is refused, so the range is told";
const DEFAULT: &str = "what happens without it is told";
const OWN_HEADER: &str = "every answer says our id of the call";
const SINCE: &str = "the date that If-Unmodified-Since is compared with";
const SEEMS: &str = "what is taken and looks like a mistake is named, for the contract has no place for it";
const ERRORS: &str = "the contract has one answer for all errors; ours are told one by one";
const ON_ERROR: &str = "an error says what helps: the challenge, how long to wait, our id and the client's";

/// An intended difference: of which operation (`*`: wherever the contract's line is, or ours where it has none) or schema,
/// what the contract says (nothing: only we do), what we say (nothing: only the contract does), and why.
const DIFFERENCES: [(&str, &str, &str, &str); 72] = [
    // Requests.
    (
        "*",
        "query api-version* string minLength=1",
        "query api-version* string enum=2024-02-29-preview|2024-02-29",
        "any other version is refused",
    ),
    ("*", "query top integer/int32", "query top integer/int32 minimum=1 maximum=2147483647", RANGE),
    (
        "*",
        "query skip integer/int32 default=0",
        "query skip integer/int32 minimum=0 maximum=2147483647 default=0",
        RANGE,
    ),
    (
        "*",
        "query maxpagesize integer/int32",
        "query maxpagesize integer/int32 minimum=1 maximum=500 default=200",
        RANGE,
    ),
    ("*", "query filter string", "query filter string maxLength=2000", LIMIT),
    ("*", "query countRecords boolean", "query countRecords boolean default=false", DEFAULT),
    ("*", "", "query cursor string", "nextLink is opaque; this is the parameter in it"),
    ("Accounts_Delete", "query deleteNumbers boolean", "query deleteNumbers boolean default=false", DEFAULT),
    (
        "*",
        r"path telephoneNumber* string minLength=1 maxLength=16 pattern=^\+[1-9]\d+$",
        r"path telephoneNumber* string minLength=3 maxLength=16 pattern=^\+[1-9][0-9]{1,14}$",
        DIGITS,
    ),
    ("*", "header If-Unmodified-Since string/date-time", "header If-Unmodified-Since string", DATES),
    ("*", "header If-Modified-Since string/date-time", "header If-Modified-Since string", DATES),
    ("*", "header Repeatability-First-Sent string/date-time", "header Repeatability-First-Sent string", DATES),
    ("*", "header x-ms-client-request-id string/uuid", "header x-ms-client-request-id string", ANY_ID),
    (
        "ListNumbers",
        "",
        "header x-ms-client-request-id string",
        "the contract leaves it out of this operation alone; we take it everywhere",
    ),
    // Answers.
    (
        "TeamsRequestsForInformation_CreateOrUpdateRequestForInformation",
        "201 RequestForInformationResource",
        "",
        "consents come from the backend alone: for an unknown tenant the answer is 404",
    ),
    (
        "TeamsRequestsForInformation_CreateOrUpdateRequestForInformation",
        "201 header ETag string",
        "",
        "there is no 201",
    ),
    (
        "TeamsRequestsForInformation_CreateOrUpdateRequestForInformation",
        "201 header Repeatability-Result string enum=accepted|rejected",
        "",
        "there is no 201",
    ),
    (
        "TeamsRequestsForInformation_CreateOrUpdateRequestForInformation",
        "201 header x-ms-client-request-id string/uuid",
        "",
        "there is no 201",
    ),
    ("*", "200 header x-ms-client-request-id string/uuid", "200 header x-ms-client-request-id string", ANY_ID),
    ("*", "201 header x-ms-client-request-id string/uuid", "201 header x-ms-client-request-id string", ANY_ID),
    ("*", "204 header x-ms-client-request-id string/uuid", "204 header x-ms-client-request-id string", ANY_ID),
    (
        "ListNumbers",
        "",
        "200 header x-ms-client-request-id string",
        "the contract leaves it out of this operation alone; we give it back everywhere",
    ),
    (
        "*",
        "200 header x-ms-record-count integer/int32",
        "200 header x-ms-record-count integer/int32 minimum=0",
        "a count is never negative",
    ),
    ("*", "", "200 header x-ms-request-id string", OWN_HEADER),
    ("*", "", "201 header x-ms-request-id string", OWN_HEADER),
    ("*", "", "204 header x-ms-request-id string", OWN_HEADER),
    ("*", "", "304 header x-ms-request-id string", OWN_HEADER),
    ("*", "", "304", "If-None-Match of a GET has this answer by RFC 9110; the contract does not say it"),
    ("*", "", "304 header ETag string", "a 304 has the ETag that a 200 would have"),
    ("*", "", "200 header Last-Modified string", SINCE),
    ("*", "", "201 header Last-Modified string", SINCE),
    ("*", "", "304 header Last-Modified string", SINCE),
    ("*", "", "200 header x-nmp-warning string", SEEMS),
    ("*", "", "201 header x-nmp-warning string", SEEMS),
    ("*", "", "304 header x-ms-client-request-id string", ANY_ID),
    // Errors.
    ("*", "", "400 ErrorResponse", ERRORS),
    ("*", "", "401 ErrorResponse", ERRORS),
    ("*", "", "403 ErrorResponse", ERRORS),
    ("*", "", "404 ErrorResponse", ERRORS),
    ("*", "", "409 ErrorResponse", ERRORS),
    ("*", "", "412 ErrorResponse", ERRORS),
    ("*", "", "413 ErrorResponse", ERRORS),
    ("*", "", "415 ErrorResponse", ERRORS),
    ("*", "", "429 ErrorResponse", ERRORS),
    ("*", "", "500 ErrorResponse", ERRORS),
    ("*", "", "503 ErrorResponse", ERRORS),
    ("*", "", "4.. header x-ms-error-code string", ERRORS),
    ("*", "", "5.. header x-ms-error-code string", ERRORS),
    ("*", "", "4.. header x-ms-request-id string", ON_ERROR),
    ("*", "", "5.. header x-ms-request-id string", ON_ERROR),
    ("*", "", "4.. header x-ms-client-request-id string", ON_ERROR),
    ("*", "", "5.. header x-ms-client-request-id string", ON_ERROR),
    ("*", "", "4.. header WWW-Authenticate string", ON_ERROR),
    ("*", "", "4.. header Retry-After integer minimum=1", ON_ERROR),
    ("*", "", "5.. header Retry-After integer minimum=1", ON_ERROR),
    ("*", "", "default header x-ms-request-id string", ON_ERROR),
    ("*", "", "default header x-ms-client-request-id string", ON_ERROR),
    // Bodies.
    ("AccountResource", "correlationId string", "correlationId string maxLength=256", LIMIT),
    (
        "AccountServiceDetails",
        "teamsTenantId string",
        "teamsTenantId string pattern=^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$",
        "a tenant is its GUID, as everywhere else in the contract, or empty for none",
    ),
    ("TeamsCommonNumberConfig", "usage* string", "usage* string maxLength=256", LIMIT),
    (
        "TeamsCommonNumberConfig",
        "choosableCapabilities* [string]",
        "choosableCapabilities* [string] maxItems=100",
        LIMIT,
    ),
    ("TeamsCommonNumberConfig", "additionalUsages [string]", "additionalUsages [string] maxItems=100", LIMIT),
    ("TeamsCommonNumberConfig", "civicAddressId string", "civicAddressId string maxLength=256", LIMIT),
    ("TeamsCommonNumberConfig", "locationId string", "locationId string maxLength=256", LIMIT),
    (
        "TeamsCommonNumberConfig",
        "displayedCountryCode string",
        "displayedCountryCode string pattern=^([A-Za-z]{2})?$",
        "a country is its two letters, or empty for none",
    ),
    (
        "NumberConfiguration",
        "customSipHeader string minLength=1 maxLength=100 pattern=^[A-Za-z0-9_-]+$",
        "customSipHeader string maxLength=100 pattern=^[A-Za-z0-9_-]*$",
        "an empty text counts as left out, wherever it stands",
    ),
    (
        "TeamsDirectRoutingAccountConfig",
        "callScreening* boolean",
        "callScreening boolean default=true",
        "calls are screened unless a program says otherwise",
    ),
    (
        "BatchNumbers",
        "numbers* [NumberResource] maxItems=100",
        "numbers* [NumberResource] minItems=1 maxItems=100",
        NOT_EMPTY,
    ),
    (
        "BatchNumbersDelete",
        "numbers* [NumberIdentifier] maxItems=100",
        "numbers* [NumberIdentifier] minItems=1 maxItems=100",
        NOT_EMPTY,
    ),
    ("NumberIdentifiers", "numbers* [NumberIdentifier]", "numbers* [NumberIdentifier] minItems=1", NOT_EMPTY),
    (
        "NumberIdentifier",
        r"telephoneNumber* string minLength=3 maxLength=16 pattern=^\+[1-9]\d+$",
        r"telephoneNumber* string minLength=3 maxLength=16 pattern=^\+[1-9][0-9]{1,14}$",
        DIGITS,
    ),
    (
        "NumberResource",
        r"telephoneNumber* string minLength=1 maxLength=16 pattern=^\+[1-9]\d+$",
        r"telephoneNumber* string minLength=3 maxLength=16 pattern=^\+[1-9][0-9]{1,14}$",
        DIGITS,
    ),
];

/// Operations and forms that are ours alone, beside the contract: what routes calls reads numbers there.
const OURS_ALONE: [&str; 6] = [
    "CallPath_GetNumber",
    "CallPath_ListNumbers",
    "CallPathNumber",
    "CallPathNumbers",
    "CallPathDirectRouting",
    "CallPathHeader",
];

/// A description, OpenAPI 3.1 or Swagger 2.0.
struct Document(Value);

impl Document {
    fn contract() -> Self {
        let text = SHARED.iter().fold(include_str!("../contract/openapi.json").to_owned(), |text, (theirs, ours)| {
            text.replace(theirs, ours)
        });
        Self(serde_json::from_str(&text).unwrap())
    }

    fn ours() -> Self {
        let roles = RoleWords { read: "read", write: "write", delete: "delete", admin: "admin" };
        let audience = ["nmp-api".to_owned()];
        let of = Deployment {
            address: "https://provapi.example.com/",
            issuer: "https://login.example.com",
            audience: &audience,
            roles,
        };
        Self(openapi(&of))
    }

    /// What a reference points at, or the value itself.
    fn at<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(to) => self.0.pointer(to.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{to}")),
            None => value,
        }
    }

    /// A schema in a few words: its type or name, and its rules.
    fn form(&self, schema: &Value) -> String {
        let mut words = self.kind(schema);
        if schema["readOnly"] == true {
            words.push_str(" readOnly");
        }
        let rules =
            ["enum", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "pattern", "default"];
        for rule in rules {
            let Some(value) = schema.get(rule) else { continue };
            let words_of = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
            let value = match value {
                Value::Array(items) => items.iter().map(words_of).collect::<Vec<_>>().join("|"),
                other => words_of(other),
            };
            write!(words, " {rule}={value}").unwrap();
        }
        words
    }

    fn kind(&self, schema: &Value) -> String {
        if let Some(to) = schema["$ref"].as_str() {
            let target = self.at(schema);
            let known = target["enum"].as_array().or_else(|| target["anyOf"][0]["enum"].as_array());
            let Some(known) = known else { return to.rsplit('/').next().unwrap().to_owned() };
            let known: Vec<_> = known.iter().filter_map(Value::as_str).collect();
            return format!("string({})", known.join("|"));
        }
        match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
            ("array", _) => format!("[{}]", self.kind(&schema["items"])),
            (kind, Some(format)) => format!("{kind}/{format}"),
            (kind, None) => kind.to_owned(),
        }
    }

    /// Everything that is said of the operations.
    fn operations(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for (path, methods) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                let mut line =
                    |text: String| assert!(lines.insert(format!("{id} {text}")), "{id} {text} is said twice");
                line(format!("{} {path}", method.to_uppercase()));
                for parameter in operation["parameters"].as_array().unwrap() {
                    let parameter = self.at(parameter);
                    let needed = if parameter["required"] == true { "*" } else { "" };
                    if parameter["in"] == "body" {
                        // Swagger has the body among the parameters.
                        let media_type = operation["consumes"][0].as_str().unwrap_or("application/json");
                        line(format!("body{needed} {media_type} {}", self.form(&parameter["schema"])));
                        continue;
                    }
                    let schema = parameter.get("schema").unwrap_or(parameter);
                    let words = |name: &str| parameter[name].as_str().unwrap().to_owned();
                    line(format!("{} {}{needed} {}", words("in"), words("name"), self.form(schema)));
                }
                if let Some(body) = operation.get("requestBody") {
                    for (media_type, content) in body["content"].as_object().unwrap() {
                        let needed = if body["required"] == true { "*" } else { "" };
                        line(format!("body{needed} {media_type} {}", self.form(&content["schema"])));
                    }
                }
                for (status, response) in operation["responses"].as_object().unwrap() {
                    let response = self.at(response);
                    let content = &response["content"]["application/json"];
                    let schema = response.get("schema").or_else(|| content.get("schema"));
                    line(schema.map_or_else(|| status.clone(), |schema| format!("{status} {}", self.form(schema))));
                    for (name, header) in response["headers"].as_object().into_iter().flatten() {
                        let header = self.at(header);
                        let form = self.form(header.get("schema").unwrap_or(header));
                        line(format!("{status} header {name} {form}"));
                    }
                }
            }
        }
        lines
    }

    /// Everything that is said of the bodies.
    fn bodies(&self) -> BTreeSet<String> {
        let schemas = self.0.get("definitions").unwrap_or_else(|| &self.0["components"]["schemas"]);
        let mut lines = BTreeSet::new();
        for (name, schema) in schemas.as_object().unwrap() {
            for (property, of) in schema["properties"].as_object().into_iter().flatten() {
                let required = schema["required"].as_array().is_some_and(|all| all.contains(&property.as_str().into()));
                lines.insert(format!("{name} {property}{} {}", if required { "*" } else { "" }, self.form(of)));
            }
        }
        lines
    }

    fn lines(&self) -> BTreeSet<String> {
        self.operations().into_iter().chain(self.bodies()).collect()
    }

    /// Everything that is said of what the contract has too.
    fn shared_lines(&self) -> BTreeSet<String> {
        let mut lines = self.lines();
        for alone in OURS_ALONE {
            let before = lines.len();
            lines.retain(|line| line.split(' ').next() != Some(alone));
            assert!(lines.len() < before, "there is no {alone}");
        }
        lines
    }
}

/// Whether a line says this: `what` of the operation or schema `of`. A dot of `4..` stands for any digit.
fn says(line: &str, of: &str, what: &str) -> bool {
    let Some((subject, said)) = line.split_once(' ') else { return false };
    let same = match what.split_at_checked(3) {
        Some((status @ ("4.." | "5.."), rest)) => said.split_at_checked(3).is_some_and(|(found, behind)| {
            found.starts_with(&status[..1]) && found.chars().all(|c| c.is_ascii_digit()) && behind == rest
        }),
        _ => said == what,
    };
    same && (of == "*" || subject == of)
}

/// What should be ours, when the contract is changed as the table says; and the rows of the table that change nothing.
fn expected(contract: &BTreeSet<String>, ours: &BTreeSet<String>) -> (BTreeSet<String>, Vec<String>) {
    let (mut lines, mut idle) = (contract.clone(), Vec::new());
    for (of, theirs, our_own, why) in DIFFERENCES {
        let found: Vec<String> = if theirs.is_empty() {
            ours.iter().filter(|line| says(line, of, our_own) && !lines.contains(*line)).cloned().collect()
        } else {
            contract.iter().filter(|line| says(line, of, theirs) && lines.contains(*line)).cloned().collect()
        };
        if found.is_empty() {
            idle.push(format!("{of}: {theirs} / {our_own} ({why})"));
        }
        for line in found {
            if theirs.is_empty() {
                lines.insert(line);
                continue;
            }
            lines.remove(&line);
            if !our_own.is_empty() {
                lines.insert(format!("{} {our_own}", line.split(' ').next().unwrap()));
            }
        }
    }
    (lines, idle)
}

#[test]
fn our_description_differs_from_the_contract_only_where_we_mean_it() {
    let (contract, ours) = (Document::contract().lines(), Document::ours().shared_lines());
    assert!(contract.len() > 300, "{}", contract.len());
    let (expected, idle) = expected(&contract, &ours);
    let missing: Vec<_> = expected.difference(&ours).collect();
    let unexpected: Vec<_> = ours.difference(&expected).collect();
    assert!(missing.is_empty() && unexpected.is_empty(), "missing: {missing:#?}\nnot meant: {unexpected:#?}");
    assert!(idle.is_empty(), "no such difference: {idle:#?}");
}

#[test]
fn a_difference_that_nobody_meant_is_found() {
    let (contract, mut ours) = (Document::contract().lines(), Document::ours().shared_lines());
    assert!(ours.remove("Accounts_Get header If-Match string"));
    assert!(ours.insert("Accounts_Get query expand string".to_owned()));
    let (expected, _) = expected(&contract, &ours);
    assert_eq!(expected.difference(&ours).collect::<Vec<_>>(), ["Accounts_Get header If-Match string"]);
    assert_eq!(ours.difference(&expected).collect::<Vec<_>>(), ["Accounts_Get query expand string"]);
}

#[test]
fn everyone_may_fetch_the_description() {
    runtime().block_on(async {
        let demo = Demo::start();
        let nobody = Caller::with_token(&demo.api, String::new());
        let ask = async |tag: &str| {
            Reply::to(nobody.anonymous(Method::GET, "/openapi.json").header("if-none-match", tag)).await
        };
        let first = Reply::to(nobody.anonymous(Method::GET, "/openapi.json")).await;
        assert_eq!(first.status, StatusCode::OK);
        assert_eq!(first.header("content-type"), "application/json");
        assert_eq!(first.header("cache-control"), "no-cache");
        assert_eq!(first.json()["openapi"], "3.1.0");
        assert_eq!(first.json()["servers"][0]["url"], demo.api.trim_end_matches('/'));
        let tag = first.header("etag");
        let again = ask(tag).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
        assert_eq!(again.header("etag"), tag);
        assert_eq!(ask("\"0\"").await.status, StatusCode::OK);
        assert_eq!(ask("\"0").await.error(), (400, "InvalidHeader".to_owned()));
        let posted = Reply::to(nobody.anonymous(Method::POST, "/openapi.json")).await;
        assert_eq!(posted.status, StatusCode::UNAUTHORIZED);
    });
}
