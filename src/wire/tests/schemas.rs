//! Our schemas against the contract's, property by property (`contract.txt` lists what the contract says of each).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::wire::{
    AccountResource, BatchNumbers, BatchNumbersDelete, ErrorResponse, List, NumberIdentifiers, NumberResource,
    RequestForInformationResource, RequestForInformationResourceCreateOrUpdate, TeamsAvailableCapabilities,
    TeamsCapabilityPlans, TeamsCivicAddressResource, generator,
};

/// Schemas that the contract repeats for each service, and the one of ours that stands for them.
const SHARED: [(&str, &str); 10] = [
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
];

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

fn kind(schema: &Value, all: &Map<String, Value>) -> String {
    if let Some(to) = schema["$ref"].as_str() {
        let name = to.strip_prefix("#/components/schemas/").unwrap();
        let known: Vec<_> =
            all[name]["anyOf"][0]["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        return if known.is_empty() { name.to_owned() } else { format!("string({})", known.join("|")) };
    }
    match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
        ("array", _) => format!("[{}]", kind(&schema["items"], all)),
        (kind, Some(format)) => format!("{kind}/{format}"),
        (kind, None) => kind.to_owned(),
    }
}

fn described(all: &Map<String, Value>) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (name, schema) in all {
        for (property, of) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"].as_array().is_some_and(|all| all.contains(&property.as_str().into()));
            let mut line = format!("{name}.{property}{} {}", if required { "*" } else { "" }, kind(of, all));
            if of["readOnly"] == true {
                line.push_str(" readOnly");
            }
            for word in ["minLength", "maxLength", "minItems", "maxItems", "pattern", "default"] {
                if let Some(value) = of.get(word) {
                    write!(line, " {word}={}", value.as_str().map_or(value.to_string(), str::to_owned)).unwrap();
                }
            }
            lines.insert(line);
        }
    }
    lines
}

fn contract() -> BTreeSet<String> {
    let words = [("^([A-Za-z0-9_-]+)$", "^[A-Za-z0-9_-]+$"), ("^([A-Za-z0-9_-])+$", "^[A-Za-z0-9_-]+$")]
        .into_iter()
        .chain([("^([A-Za-z0-9=_-]+)$", "^[A-Za-z0-9=_-]+$")])
        .chain(SHARED);
    let ours = |line: &str| words.clone().fold(line.to_owned(), |line, (theirs, ours)| line.replace(theirs, ours));
    // The contract has the page of numbers twice, under two names.
    include_str!("contract.txt").lines().filter(|line| !line.starts_with("PagedNumberList.")).map(ours).collect()
}

const LIMIT: &str = "the contract names no limit, and every text and list needs one";
const NOT_EMPTY: &str = "a batch of nothing is a mistake";
const DIGITS: &str = "some readers take \\d for the digits of every script; E.164 has 2 to 15 digits";
const COUNTRY: &str = "a country is its two letters, or empty for none";

/// Where our schemas say more: the property, what the contract says, what we say, and why.
const MEANT: [(&str, &str, &str, &str); 12] = [
    ("AccountResource.correlationId", "string", "string maxLength=256", LIMIT),
    ("TeamsCommonNumberConfig.usage*", "string", "string maxLength=256", LIMIT),
    ("TeamsCommonNumberConfig.choosableCapabilities*", "[string]", "[string] maxItems=100", LIMIT),
    ("TeamsCommonNumberConfig.additionalUsages", "[string]", "[string] maxItems=100", LIMIT),
    ("TeamsCommonNumberConfig.civicAddressId", "string", "string maxLength=256", LIMIT),
    ("TeamsCommonNumberConfig.locationId", "string", "string maxLength=256", LIMIT),
    ("TeamsCommonNumberConfig.displayedCountryCode", "string", "string pattern=^([A-Z]{2})?$", COUNTRY),
    ("BatchNumbers.numbers*", "[NumberResource] maxItems=100", "[NumberResource] minItems=1 maxItems=100", NOT_EMPTY),
    (
        "BatchNumbersDelete.numbers*",
        "[NumberIdentifier] maxItems=100",
        "[NumberIdentifier] minItems=1 maxItems=100",
        NOT_EMPTY,
    ),
    ("NumberIdentifiers.numbers*", "[NumberIdentifier]", "[NumberIdentifier] minItems=1", NOT_EMPTY),
    (
        "NumberIdentifier.telephoneNumber*",
        r"string minLength=3 maxLength=16 pattern=^\+[1-9]\d+$",
        r"string minLength=3 maxLength=16 pattern=^\+[1-9][0-9]{1,14}$",
        DIGITS,
    ),
    (
        "NumberResource.telephoneNumber*",
        r"string minLength=1 maxLength=16 pattern=^\+[1-9]\d+$",
        r"string minLength=3 maxLength=16 pattern=^\+[1-9][0-9]{1,14}$",
        DIGITS,
    ),
];

#[test]
fn our_schemas_differ_from_the_contract_only_where_we_mean_it() {
    let mut expected = contract();
    for (property, theirs, ours, why) in MEANT {
        assert!(expected.remove(&format!("{property} {theirs}")), "{property} is not {theirs}: {why}");
        expected.insert(format!("{property} {ours}"));
    }
    let found = described(&definitions());
    let missing: Vec<_> = expected.difference(&found).collect();
    let unexpected: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && unexpected.is_empty(), "missing: {missing:#?}\nunexpected: {unexpected:#?}");
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
