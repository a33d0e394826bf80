//! The contract's examples, read and written. Where what we write differs, the test says so.

use serde_json::{Value, json};

use super::{account_body, bytes, e164, name, number_body};
use crate::domain::{Account, CapabilityPlan, CivicAddress, Consent, Number, NumberSettings, Service, SyncState};
use crate::wire::status::SubdomainStatus;
use crate::wire::{
    AccountResource, BatchNumbers, List, NumberResource, RequestForInformationResource, TeamsAvailableCapabilities,
    TeamsCapabilityPlans, TeamsCivicAddressResource, read_account, read_number, read_number_identifiers, read_numbers,
    read_numbers_to_delete, read_relationship_patch,
};

const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
const NUMBER: &str = "+15105850321";

fn account_request() -> Value {
    json!({
        "name": "contoso",
        "correlationId": "c7aa0070-3956-11eb-8d59-4d9d2e7a4a8d",
        "serviceDetails": {
            "teamsTenantId": TENANT,
            "teamsOperatorConnect": { "enabled": true, "syncEnabled": true }
        }
    })
}

fn account_answer() -> Value {
    let mut answer = account_request();
    answer["serviceDetails"]["teamsOperatorConnect"]["numberCount"] = 100.into();
    // The example of a put says pending; an account itself has no backend to wait for.
    answer["serviceProvisioningStatus"] = "synced".into();
    answer["serviceProvisioningErrors"] = json!([]);
    answer
}

#[test]
fn an_account_is_put_fetched_and_listed() {
    let draft = read_account(&bytes(&account_request()), Some(&name("contoso"))).whole().unwrap().unwrap().draft;
    assert_eq!(account_body(&draft), account_request());
    let account = Account {
        correlation_id: draft.correlation_id,
        tenant_id: draft.tenant_id,
        services: draft.services,
        synced: draft.synced,
        ..super::account()
    };
    let counts = [(Service::OperatorConnect, 100)];
    let resource = AccountResource::new(&account, &counts, SubdomainStatus::NotProvisioned);
    assert_eq!(super::json(&resource), account_answer());
    let list = List { value: vec![resource], next_link: None };
    assert_eq!(super::json(&list), json!({ "value": [account_answer()] }));
    assert!(read_account(&bytes(&account_answer()), Some(&name("contoso"))).problems.is_empty());
}

fn number_request() -> Value {
    json!({
        "telephoneNumber": NUMBER,
        "accountName": "contoso",
        "serviceDetails": {
            "teamsOperatorConnect": {
                "enabled": true,
                "assignmentStatus": "assigned",
                "configuration": { "usage": "CallingUserAssignment", "choosableCapabilities": ["InboundCalling"] }
            }
        },
        "configuration": { "customSipHeader": "contoso-commsgw" }
    })
}

/// We always say whether the enterprise may change the address; the examples leave the default out.
fn number_answer(status: &str) -> Value {
    let mut answer = number_request();
    answer["serviceProvisioningStatus"] = status.into();
    answer["serviceProvisioningErrors"] = json!([]);
    answer["serviceDetails"]["teamsOperatorConnect"]["configuration"]["allowTenantAddressUpdate"] = false.into();
    answer
}

fn read(body: &Value, number: &str) -> NumberSettings {
    read_number(&bytes(body), Some("contoso"), Some(e164(number))).whole().unwrap().settings
}

fn number(settings: NumberSettings, state: SyncState) -> Number {
    Number { state, assigned: true, ..super::number(NUMBER, settings) }
}

#[test]
fn a_number_is_put_fetched_and_listed() {
    let settings = read(&number_request(), NUMBER);
    assert_eq!(
        super::json(&NumberResource::from(&number(settings.clone(), SyncState::Pending))),
        number_answer("pending")
    );
    let synced = NumberResource::from(&number(settings.clone(), SyncState::Synced));
    assert_eq!(super::json(&synced), number_answer("synced"));
    let list = List { value: vec![synced], next_link: Some("https://provapi.example.com/numbers?cursor=x".into()) };
    assert_eq!(
        super::json(&list),
        json!({ "value": [number_answer("synced")], "nextLink": "https://provapi.example.com/numbers?cursor=x" })
    );
    let again = read(&number_answer("failed"), NUMBER);
    assert_eq!(again, settings);
    let body = number_body("contoso", e164(NUMBER), &settings);
    assert_eq!(read(&body, NUMBER), settings);
}

#[test]
fn numbers_are_put_and_deleted_in_batches() {
    let put = read_numbers(&bytes(&json!({ "numbers": [number_request()] })), Some("contoso")).whole().unwrap();
    let stored: Vec<_> = put.into_iter().map(|sent| number(sent.settings, SyncState::Pending)).collect();
    let answer: BatchNumbers = stored.iter().collect();
    assert_eq!(super::json(&answer), json!({ "numbers": [number_answer("pending")] }));
    let body = bytes(&json!({ "numbers": [{ "telephoneNumber": NUMBER }] }));
    assert_eq!(read_numbers_to_delete(&body).unwrap(), [e164(NUMBER)]);
    assert_eq!(read_number_identifiers(&body).unwrap(), [e164(NUMBER)]);
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let account = json!({
        "name": "contoso",
        "serviceDetails": {
            "teamsTenantId": TENANT,
            "teamsOperatorConnect": { "syncEnabled": false, "enabled": true },
            "teamsDirectRouting": {
                "syncEnabled": true,
                "enabled": true,
                "numberCount": 0,
                "configuration": {
                    "callScreening": true,
                    "subdomain": "contoso",
                    "subdomainTokens": { "region1Token": "region1", "region2Token": "region2" }
                },
                "subdomainStatus": "provisioned"
            }
        }
    });
    let draft = read_account(&bytes(&account), Some(&name("contoso"))).whole().unwrap().unwrap().draft;
    assert_eq!(draft.services, [Service::OperatorConnect, Service::DirectRouting].into_iter().collect());
    assert_eq!(draft.synced, Service::DirectRouting.into());
    assert_eq!(draft.direct_routing.unwrap().tokens, ["region1", "region2"]);
    let number = json!({
        "telephoneNumber": "+123451",
        "accountName": "contoso",
        "serviceDetails": { "teamsOperatorConnect": {
            "enabled": true,
            "configuration": {
                "usage": "",
                "choosableCapabilities": ["InboundCalling", "OutboundCalling"],
                "civicAddressId": "civicAddressIdString",
                "allowTenantAddressUpdate": true
            }
        } },
        "configuration": { "customSipHeader": "exampleHeaderContents" }
    });
    let settings = read(&number, "+123451");
    assert_eq!(number_body("contoso", e164("+123451"), &settings), number);
}

#[test]
fn a_consent_is_fetched_listed_and_patched() {
    let mut consent = json!({
        "id": "214b3a0e-fb7c-481f-9f38-fcb7eab5fad3",
        "tenantId": TENANT,
        "accountName": "contoso",
        "productContext": "teams",
        "operatorId": "75f9fed4-d8e9-4c90-bc28-523cfdb83244",
        "status": "active",
        "consentedOn": "2024-01-18T07:58:49.570Z",
        "lastModifiedOn": "2024-01-18T07:58:49.570Z",
        "consentedCountries": ["US", "UK"],
        "contacts": [{
            "fullName": "John Smith",
            "email": "johnsmith@commsgw.operator.com",
            "telephoneNumber": NUMBER,
            "companyName": "operator",
            "companySize": "L1_U1"
        }],
        "customerRelationship": {
            "status": "ConsentAcknowledged",
            "lastModifiedOn": "2024-01-18T07:58:49.570Z",
            "comment": "Acknowledged"
        }
    });
    let stored: Consent = serde_json::from_value(consent.clone()).unwrap();
    consent["serviceProvisioningStatus"] = "synced".into();
    consent["serviceProvisioningErrors"] = json!([]);
    let resource = RequestForInformationResource::new(&stored, Some("contoso"), SyncState::Synced, None);
    assert_eq!(super::json(&resource), consent);
    assert_eq!(super::json(&List { value: vec![resource], next_link: None }), json!({ "value": [consent] }));
    assert!(read_relationship_patch(&bytes(&consent)).is_ok());
    let comment = "Consent has been accepted on 2024-01-12";
    let patch = json!({ "customerRelationship": { "status": "ConsentAcknowledged", "comment": comment } });
    let patch = read_relationship_patch(&bytes(&patch)).unwrap();
    let expected = ("ConsentAcknowledged".to_owned(), Some(comment.to_owned()));
    assert_eq!(patch.applied(&stored.customer_relationship), expected);
}

#[test]
fn a_consent_of_which_little_is_known_leaves_the_rest_out() {
    let stored: Consent = serde_json::from_value(json!({ "id": "1", "tenantId": TENANT, "status": "new" })).unwrap();
    let resource = RequestForInformationResource::new(&stored, None, SyncState::Pending, None);
    assert_eq!(
        super::json(&resource),
        json!({
            "serviceProvisioningStatus": "pending",
            "serviceProvisioningErrors": [],
            "id": "1",
            "tenantId": TENANT,
            "productContext": "teams",
            "status": "new",
            "consentedCountries": [],
            "contacts": [],
            "customerRelationship": {}
        })
    );
}

#[test]
fn a_civic_address_is_fetched_and_listed() {
    let address = json!({
        "id": "ebfee340-a791-11ed-9bfa-ed8bb5c41be4",
        "country": "US",
        "houseNumber": "11600",
        "streetName": "Sunrise Valley",
        "stateOrProvince": "VA",
        "cityOrTown": "Reston",
        "postalOrZipCode": "20191",
        "companyName": "contoso",
        "defaultLocationId": "653c9fed-f8a7-4a6c-917b-b5b1ad4d45f7",
        "validationStatus": "validated",
        "tenantId": TENANT,
        "locations": [{
            "id": "653c9fed-f8a7-4a6c-917b-b5b1ad4d45f7",
            "civicAddressId": "ebfee340-a791-11ed-9bfa-ed8bb5c41be4",
            "isDefault": true,
            "description": "911"
        }]
    });
    let stored: CivicAddress = serde_json::from_value(address.clone()).unwrap();
    let resource = TeamsCivicAddressResource::from(&stored);
    assert_eq!(super::json(&resource), address);
    assert_eq!(super::json(&List { value: vec![resource], next_link: None }), json!({ "value": [address] }));
}

#[test]
fn plans_and_capabilities_are_answered() {
    let plan = json!({
        "name": "capability-plan",
        "offerTypes": ["Calling"],
        "usage": "CallingUserAssignment",
        "mandatoryCapabilities": ["UserAssignment"],
        "choosableCapabilities": ["UserAssignment"],
        "supportsTollFree": true
    });
    let stored: CapabilityPlan = serde_json::from_value(plan.clone()).unwrap();
    let plans: TeamsCapabilityPlans = [&stored].into_iter().collect();
    assert_eq!(super::json(&plans), json!({ "capabilityPlans": [plan] }));
    let capabilities = TeamsAvailableCapabilities { available_capabilities: vec!["UserAssignment".into()] };
    assert_eq!(super::json(&capabilities), json!({ "availableCapabilities": ["UserAssignment"] }));
}
