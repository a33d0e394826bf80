use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{bytes, desired_part, e164, lines, number_body};
use crate::domain::{
    Number, NumberSettings, ProvisioningError, SentNumber, Service, ServiceSet, SyncState, TeamsSettings,
};
use crate::wire::{
    NumberResource, Read, Resource, TaggedNumber, read_number, read_number_identifiers, read_numbers,
    read_numbers_to_delete,
};

const NUMBER: &str = "+441632960000";

fn put(body: &Value) -> Result<NumberSettings, Vec<crate::wire::InputProblem>> {
    sent(body).whole().map(|sent| sent.settings)
}

fn sent(body: &Value) -> Read<SentNumber> {
    read_number(&bytes(body), Some("contoso"), Some(e164(NUMBER)))
}

/// The number as it is kept once it was put so.
fn kept(body: &Value) -> Number {
    let (settings, as_sent) = sent(body).whole().unwrap().over(None, None);
    Number { as_sent: Some(Arc::new(as_sent)), ..super::number(NUMBER, settings) }
}

fn resource(details: &Value) -> Value {
    json!({ "telephoneNumber": NUMBER, "accountName": "contoso", "serviceDetails": details })
}

#[test]
fn every_problem_of_a_number_is_told_at_once() {
    let body = json!({
        "telephoneNumber": "441632960000",
        "accountName": "fabrikam",
        "serviceDetails": {
            "teamsOperatorConnect": {
                "enabled": true,
                "assignmentStatus": 1,
                "configuration": {
                    "usage": null,
                    "choosableCapabilities": ["InboundCalling", 2, "x".repeat(257)],
                    "additionalUsages": "Calling",
                    "civicAddressId": {},
                    "allowTenantAddressUpdate": "false",
                    "displayedCountryCode": "gb"
                }
            },
            "teamsDirectRouting": { "enabled": true },
            "teamsPhoneMobile": { "enabled": true },
            "zoomPhoneCloudPeering": { "enabled": null },
            "azureOperatorCallProtection": true
        },
        "configuration": { "customSipHeader": "a b" }
    });
    insta::assert_snapshot!(lines(put(&body)));
    insta::assert_snapshot!(lines(put(&json!({}))), @r"
    missing_property | telephoneNumber | telephoneNumber is required here.
    missing_property | accountName | accountName is required here.
    missing_property | serviceDetails | serviceDetails is required here.
    ");
}

#[test]
fn the_body_agrees_with_the_address() {
    let body = json!({ "telephoneNumber": "+441632960001", "accountName": "Contoso", "serviceDetails": {} });
    insta::assert_snapshot!(lines(put(&body)));
}

#[test]
fn single_rules_of_numbers() {
    let teams =
        |usage: &str| json!({ "enabled": true, "configuration": { "usage": usage, "choosableCapabilities": [] } });
    let mut told = String::new();
    let with_header = |details, header: &str| {
        let mut body = resource(&details);
        body["configuration"] = json!({ "customSipHeader": header });
        body
    };
    for body in [
        with_header(json!({ "teamsPhoneMobile": teams("CallingUserAssignment") }), "acme"),
        with_header(json!({ "azureOperatorCallProtection": { "enabled": true } }), "acme"),
        with_header(json!({}), &"x".repeat(101)),
        resource(&json!({ "teamsOperatorConnect": { "enabled": true } })),
        resource(&json!({ "teamsOperatorConnect": { "enabled": false, "configuration": {} } })),
    ] {
        writeln!(told, "{}", lines(put(&body))).unwrap();
    }
    let toll_free = |details: Value| {
        let mut body = resource(&details);
        body["telephoneNumber"] = "+18005550100".into();
        lines(read_number(&bytes(&body), Some("contoso"), Some(e164("+18005550100"))).whole())
    };
    writeln!(told, "{}", toll_free(json!({ "teamsOperatorConnect": teams("CallingUserAssignment") }))).unwrap();
    let mut empty_country = teams("");
    empty_country["configuration"]["displayedCountryCode"] = "".into();
    writeln!(told, "{}", toll_free(json!({ "teamsPhoneMobile": empty_country }))).unwrap();
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_valid_is_taken() {
    for (details, services) in [
        (json!({}), vec![]),
        (
            json!({ "teamsDirectRouting": null, "zoomPhoneCloudPeering": { "enabled": true } }),
            vec![Service::ZoomPhoneCloudPeering],
        ),
        (
            json!({ "teamsDirectRouting": { "enabled": true }, "teamsOperatorConnect": { "enabled": false },
                "zoomPhoneCloudPeering": { "enabled": true }, "azureOperatorCallProtection": { "enabled": true } }),
            vec![Service::DirectRouting, Service::ZoomPhoneCloudPeering, Service::CallProtection],
        ),
    ] {
        assert_eq!(put(&resource(&details)).unwrap().services, services.into_iter().collect::<ServiceSet>());
    }
    // A toll-free number that no backend has to know needs no country.
    let mut body = resource(&json!({ "teamsDirectRouting": { "enabled": true } }));
    body["telephoneNumber"] = "+18005550100".into();
    assert!(read_number(&bytes(&body), Some("contoso"), Some(e164("+18005550100"))).problems.is_empty());
}

#[test]
fn an_empty_usage_is_for_the_backend_to_refuse_and_what_is_read_only_is_not_looked_at() {
    let mut body = resource(&json!({ "teamsOperatorConnect": {
        "enabled": true,
        "assignmentStatus": "somethingNew",
        "configuration": {
            "usage": "", "choosableCapabilities": ["OutboundCalling", "InboundCalling", "InboundCalling"],
            "acquiredCapabilities": 7, "availableCapabilities": {}, "civicAddressId": "", "locationId": null, "etag": 1
        }
    } }));
    body["serviceProvisioningStatus"] = json!([]);
    body["serviceProvisioningErrors"] = Value::Null;
    let settings = put(&body).unwrap();
    let teams = TeamsSettings {
        choosable_capabilities: vec!["InboundCalling".into(), "OutboundCalling".into()],
        ..TeamsSettings::default()
    };
    assert_eq!(
        settings,
        NumberSettings { services: Service::OperatorConnect.into(), teams, ..NumberSettings::default() }
    );
}

#[test]
fn a_batch_is_read_as_a_whole() {
    let ok = resource(&json!({}));
    let other = json!({ "telephoneNumber": "+441632960001", "accountName": "contoso", "serviceDetails": {} });
    let body = json!({ "numbers": [ok, 3, other, { "telephoneNumber": NUMBER }, { "accountName": "x", "telephoneNumber": "+0" }] });
    insta::assert_snapshot!(lines(read_numbers(&bytes(&body), Some("contoso")).whole()));
    let read = read_numbers(&bytes(&json!({ "numbers": [ok, other] })), Some("contoso")).whole().unwrap();
    let told: Vec<_> = read.iter().map(|sent| (sent.index, sent.number)).collect();
    assert_eq!(told, [(0, Some(e164(NUMBER))), (1, Some(e164("+441632960001")))]);
}

#[test]
fn a_batch_has_1_to_100_numbers() {
    let of = |count: u64| {
        let numbers: Vec<_> =
            (0..count).map(|n| json!({ "telephoneNumber": format!("+{}", 441_632_960_000 + n) })).collect();
        bytes(&json!({ "numbers": numbers }))
    };
    let mut told = String::new();
    for body in
        [of(0), of(101), bytes(&json!({ "numbers": {} })), bytes(&json!({ "numbers": null })), bytes(&json!({}))]
    {
        writeln!(told, "{}", lines(read_numbers_to_delete(&body))).unwrap();
    }
    insta::assert_snapshot!(told);
    assert_eq!(read_numbers_to_delete(&of(100)).unwrap().len(), 100);
    assert_eq!(read_number_identifiers(&of(250)).unwrap().len(), 250);
    assert!(read_number_identifiers(&of(0)).is_err());
}

#[test]
fn problems_end_somewhere() {
    let body = bytes(&json!({ "numbers": vec![1; 100_000] }));
    let problems = read_number_identifiers(&body).unwrap_err();
    assert_eq!(problems.len(), 501);
    let last = problems.last().unwrap();
    assert_eq!((last.code, last.target.as_str()), ("too_many_problems", "numbers[500]"));
}

fn failed() -> Number {
    let settings = put(&resource(&json!({ "teamsOperatorConnect": {
        "enabled": true, "configuration": { "usage": "", "choosableCapabilities": [] }
    } })));
    Number {
        state: SyncState::Failed,
        error: Some(Arc::new(ProvisioningError::new(
            "InvalidRequest",
            "Invalid/missing required configuration attributes: Usage",
            Some("oc".into()),
        ))),
        ..super::number(NUMBER, settings.unwrap())
    }
}

#[test]
fn a_failed_number_carries_the_backends_words() {
    let shown = super::json(&NumberResource::from(&failed()));
    assert_eq!(shown["serviceProvisioningStatus"], "failed");
    assert_eq!(
        shown["serviceProvisioningErrors"],
        json!([{
            "code": "InvalidRequest",
            "message": "Invalid/missing required configuration attributes: Usage",
            "target": "oc"
        }])
    );
}

#[test]
fn what_the_backend_says_changes_the_tag_but_not_its_desired_part() {
    let tag = |number: &Number| TaggedNumber(number).etag();
    let synced = Number { state: SyncState::Synced, error: None, assigned: true, ..failed() };
    assert_ne!(tag(&failed()), tag(&synced));
    assert_eq!(desired_part(&tag(&failed())), desired_part(&tag(&synced)));
    let body = NumberResource::body("contoso", failed().telephone_number, &failed().settings);
    assert_eq!(number_body("contoso", failed().telephone_number, &failed().settings), super::json(&body));
}

#[test]
fn lists_and_services_that_are_off_come_back_as_they_were_sent() {
    let off = json!({ "enabled": false, "configuration": {
        "usage": "ConferenceAssignment", "choosableCapabilities": ["b", "a", "a"], "additionalUsages": ["y", "x"],
        "locationId": "l", "allowTenantAddressUpdate": true
    } });
    let on = json!({ "enabled": true, "configuration": {
        "usage": "CallingUserAssignment", "choosableCapabilities": ["OutboundCalling", "InboundCalling", "OutboundCalling"],
        "additionalUsages": ["b", "a"], "allowTenantAddressUpdate": true
    } });
    let body = resource(&json!({
        "teamsOperatorConnect": on, "teamsPhoneMobile": off, "teamsDirectRouting": { "enabled": false },
        "zoomPhoneCloudPeering": { "enabled": true }, "azureOperatorCallProtection": { "enabled": false }
    }));
    let number = kept(&body);
    assert_eq!(number.settings.teams.choosable_capabilities, ["InboundCalling", "OutboundCalling"]);
    assert_eq!(super::json(&NumberResource::kept(&number)), body);
    let shown = super::json(&NumberResource::from(&number));
    assert_eq!(shown["serviceDetails"]["teamsOperatorConnect"]["assignmentStatus"], "unassigned");
    assert_eq!(shown["serviceDetails"]["teamsPhoneMobile"], off);
    assert_eq!(sent(&shown), sent(&body), "what was fetched can be put back");
}

#[test]
fn the_tag_tells_what_can_be_set_and_no_order_of_lists() {
    let body = |capabilities: &[&str], off: bool| {
        let mut details = json!({ "teamsOperatorConnect": { "enabled": true, "configuration": {
            "usage": "CallingUserAssignment", "choosableCapabilities": capabilities, "allowTenantAddressUpdate": true
        } } });
        if off {
            details["zoomPhoneCloudPeering"] = json!({ "enabled": false });
        }
        resource(&details)
    };
    let one = kept(&body(&["InboundCalling", "OutboundCalling"], false));
    let tag = |number: &Number| TaggedNumber(number).etag();
    let other_order = kept(&body(&["OutboundCalling", "InboundCalling"], false));
    assert_eq!(desired_part(&tag(&one)), desired_part(&tag(&other_order)));
    assert_ne!(tag(&one), tag(&other_order), "the answer is another");
    let with_off = kept(&body(&["InboundCalling", "OutboundCalling"], true));
    assert_ne!(desired_part(&tag(&one)), desired_part(&tag(&with_off)));
    // The contract has no words for it, and it can be set all the same.
    let settings = NumberSettings { calling_profile: Some("east".into()), ..(*one.settings).clone() };
    let with_profile = Number { settings: settings.into(), ..one.clone() };
    assert_ne!(desired_part(&tag(&one)), desired_part(&tag(&with_profile)));
}

#[test]
fn an_empty_text_is_as_if_it_were_left_out() {
    let body = |text: Value| {
        let mut body = resource(&json!({ "teamsOperatorConnect": { "enabled": true, "configuration": {
            "usage": "CallingUserAssignment", "choosableCapabilities": [], "civicAddressId": text, "locationId": text,
            "displayedCountryCode": text
        } } }));
        body["configuration"] = json!({ "customSipHeader": text });
        body
    };
    assert_eq!(sent(&body("".into())), sent(&body(Value::Null)));
    let phone_mobile = json!({ "teamsPhoneMobile": { "enabled": true, "configuration": {
        "usage": "", "choosableCapabilities": [] } } });
    let mut with_header = resource(&phone_mobile);
    with_header["configuration"] = json!({ "customSipHeader": "" });
    assert_eq!(sent(&with_header), sent(&resource(&phone_mobile)), "also where none is allowed");
}

#[test]
fn countries_are_those_of_iso_3166() {
    let with = |country: &str| {
        resource(&json!({ "teamsOperatorConnect": { "enabled": true, "configuration": {
            "usage": "CallingUserAssignment", "choosableCapabilities": [], "displayedCountryCode": country } } }))
    };
    let read = |country| put(&with(country)).map(|settings| settings.teams.displayed_country_code);
    assert_eq!((read("GB"), read("UK")), (Ok(Some("GB".into())), Ok(Some("GB".into()))));
    for wrong in ["ZZ", "XX", "GBR"] {
        let told = lines(read(wrong));
        assert!(told.contains("displayedCountryCode") && told.contains(wrong), "{told}");
    }
}

#[test]
fn a_property_in_other_letters_is_named_where_it_is_missed() {
    let told = lines(put(&json!({ "telephonenumber": NUMBER, "accountName": "contoso", "serviceDetails": {} })));
    assert!(told.contains("There is \u{201c}telephonenumber\u{201d}: write it as telephoneNumber."), "{told}");
}

#[test]
fn what_can_be_read_of_a_batch_is_there_beside_its_problems() {
    let bad = json!({ "telephoneNumber": "0163", "accountName": "contoso", "serviceDetails": {
        "zoomPhoneCloudPeering": { "enabled": true } } });
    let read = read_numbers(&bytes(&json!({ "numbers": [bad, 7, resource(&json!({}))] })), Some("contoso"));
    assert_eq!(read.problems.len(), 2);
    let told: Vec<_> = read.value.unwrap().iter().map(|sent| (sent.index, sent.number.is_some())).collect();
    assert_eq!(told, [(0, false), (2, true)]);
}
