use serde_json::json;

use super::{account_body, bytes, desired_part, lines, name};
use crate::domain::{Account, AccountDraft, DirectRouting, SentAccount, Service, ServiceSet};
use crate::wire::status::SubdomainStatus;
use crate::wire::{AccountResource, InputProblem, Resource, read_account};

fn read(body: &[u8]) -> Result<AccountDraft, Vec<InputProblem>> {
    sent(body).map(|sent| sent.draft)
}

fn sent(body: &[u8]) -> Result<SentAccount, Vec<InputProblem>> {
    read_account(body, Some(&name("contoso"))).whole().map(Option::unwrap)
}

#[test]
fn every_problem_of_an_account_is_told_at_once() {
    let body = json!({
        "name": "fabrikam",
        "correlationId": "x".repeat(257),
        "serviceDetails": {
            "teamsTenantId": "contoso.com",
            "teamsOperatorConnect": { "enabled": "yes" },
            "teamsPhoneMobile": [],
            "teamsDirectRouting": {
                "enabled": true,
                "syncEnabled": null,
                "configuration": {
                    "subdomain": "contoso.uk",
                    "subdomainTokens": { "region1Token": "a b", "region2Token": "x".repeat(101) }
                }
            },
            "zoomPhoneCloudPeering": {},
            "azureOperatorCallProtection": { "enabled": 1, "syncEnabled": "whatever" }
        }
    });
    insta::assert_snapshot!(lines(read(&bytes(&body))));
}

#[test]
fn services_with_a_backend_need_the_tenant() {
    let body = |details| bytes(&json!({ "name": "contoso", "serviceDetails": details }));
    let missing =
        read(&body(json!({ "teamsTenantId": null, "teamsPhoneMobile": { "enabled": true, "syncEnabled": false } })));
    insta::assert_snapshot!(lines(missing), @"\
        missing_property | serviceDetails.teamsTenantId | Teams Phone Mobile needs the enterprise's tenant ID, such as \
        a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a.");
    let zoom = json!({ "zoomPhoneCloudPeering": { "enabled": true, "syncEnabled": true } });
    assert!(read(&body(zoom)).is_ok());
    let off = json!({ "teamsPhoneMobile": { "enabled": false, "syncEnabled": true } });
    let draft = read(&body(off)).unwrap();
    assert_eq!((draft.services, draft.synced), (ServiceSet::default(), Service::TeamsPhoneMobile.into()));
    let kept = json!({ "teamsPhoneMobile": { "enabled": false, "syncEnabled": true } });
    assert_eq!(account_body(&draft), json!({ "name": "contoso", "serviceDetails": kept }));
}

#[test]
fn an_account_is_its_name_at_least() {
    let draft = read(br#"{"name": "contoso", "serviceDetails": null, "unknown": [1]}"#);
    assert_eq!(account_body(&draft.unwrap()), json!({ "name": "contoso", "serviceDetails": {} }));
    assert_eq!(lines(read(b"{}")), "missing_property | name | name is required here.");
    let other_case = lines(read(br#"{"name": "Contoso"}"#));
    assert!(other_case.starts_with("name_mismatch | name |"), "{other_case}");
}

#[test]
fn direct_routing_may_wait_for_its_names() {
    let body = json!({ "name": "contoso", "serviceDetails": { "teamsDirectRouting": { "enabled": true, "syncEnabled": true } } });
    let draft = read(&bytes(&body)).unwrap();
    assert_eq!((draft.services, draft.direct_routing), (Service::DirectRouting.into(), None));
}

fn stored() -> Account {
    Account {
        correlation_id: Some("c-1".into()),
        services: ServiceSet::from_iter([Service::DirectRouting, Service::CallProtection]),
        synced: Service::DirectRouting.into(),
        direct_routing: Some(DirectRouting {
            call_screening: true,
            subdomain: "contoso".into(),
            tokens: ["one".into(), "two".into()],
        }),
        ..super::account()
    }
}

#[test]
fn what_was_fetched_can_be_put_back() {
    let counts = [(Service::DirectRouting, 7)];
    let resource = AccountResource::new(&stored(), &counts, SubdomainStatus::Inconsistent);
    let shown = super::json(&resource);
    assert_eq!(
        shown,
        json!({
            "serviceProvisioningStatus": "synced",
            "serviceProvisioningErrors": [],
            "name": "contoso",
            "correlationId": "c-1",
            "serviceDetails": {
                "teamsDirectRouting": {
                    "syncEnabled": true,
                    "enabled": true,
                    "numberCount": 7,
                    "configuration": {
                        "callScreening": true,
                        "subdomain": "contoso",
                        "subdomainTokens": { "region1Token": "one", "region2Token": "two" }
                    },
                    "subdomainStatus": "inconsistent"
                },
                "azureOperatorCallProtection": { "enabled": true, "numberCount": 0 }
            }
        })
    );
    let draft = read(&bytes(&shown)).unwrap();
    assert_eq!(draft.direct_routing, stored().direct_routing);
    assert_eq!(AccountResource::body(&draft, None).desired(), resource.desired());
}

#[test]
fn counts_and_states_change_the_tag_but_not_its_desired_part() {
    let shown =
        |account: &Account, count, status| AccountResource::new(account, &[(Service::DirectRouting, count)], status);
    let before = shown(&stored(), 1, SubdomainStatus::NotProvisioned);
    let after = shown(&stored(), 2, SubdomainStatus::Provisioned);
    assert_ne!(before.etag(), after.etag());
    assert_eq!(desired_part(&before.etag()), desired_part(&after.etag()));
    let changed = Account { correlation_id: None, ..stored() };
    assert_ne!(shown(&changed, 1, SubdomainStatus::NotProvisioned).desired(), before.desired());
    assert_eq!(before.etag().len(), 35);
}

#[test]
fn tokens_do_not_show_in_a_log() {
    let resource = AccountResource::new(&stored(), &[], SubdomainStatus::Provisioned);
    assert!(!format!("{resource:?}").contains("two"));
}

#[test]
fn services_that_are_off_come_back_as_they_were_sent() {
    let routing = json!({ "callScreening": false, "subdomain": "contoso",
        "subdomainTokens": { "region1Token": "secret", "region2Token": "-" } });
    let body = json!({ "name": "contoso", "serviceDetails": {
        "teamsOperatorConnect": { "enabled": false, "syncEnabled": false },
        "teamsDirectRouting": { "enabled": false, "syncEnabled": true, "configuration": routing },
        "azureOperatorCallProtection": { "enabled": false }
    } });
    let sent = sent(&bytes(&body)).unwrap();
    assert_eq!((sent.draft.services, &sent.draft.direct_routing), (ServiceSet::default(), &None));
    assert_eq!(super::json(&AccountResource::kept(&super::account_of(&sent))), body);
    let kept = Account { synced: sent.draft.synced, as_sent: sent.as_sent.clone(), ..super::account() };
    assert_eq!(super::json(&AccountResource::kept(&kept)), body);
    // Somebody enabled one of them in the portal.
    let enabled = Account { services: Service::OperatorConnect.into(), ..kept };
    let shown = super::json(&AccountResource::kept(&enabled));
    assert_eq!(shown["serviceDetails"]["teamsOperatorConnect"]["enabled"], true);
    assert!(!format!("{sent:?}").contains("secret"), "tokens do not show in a log");
}

#[test]
fn calls_are_screened_unless_a_program_says_otherwise() {
    let body = json!({ "name": "contoso", "serviceDetails": { "teamsDirectRouting": {
        "enabled": true, "syncEnabled": true, "configuration": {
            "subdomain": "contoso", "subdomainTokens": { "region1Token": "-", "region2Token": "-" } }
    } } });
    assert!(read(&bytes(&body)).unwrap().direct_routing.unwrap().call_screening);
}

#[test]
fn an_empty_text_is_as_if_it_were_left_out() {
    let body = |text| {
        bytes(&json!({ "name": "contoso", "correlationId": text, "serviceDetails": {
        "teamsTenantId": text, "zoomPhoneCloudPeering": { "enabled": true, "syncEnabled": false } } }))
    };
    assert_eq!(sent(&body(json!(""))), sent(&body(serde_json::Value::Null)));
}

#[test]
fn nothing_is_concluded_from_what_could_not_be_read() {
    let body = json!({ "name": "contoso", "serviceDetails": {
        "teamsTenantId": "contoso.com", "teamsOperatorConnect": { "enabled": "yes", "syncEnabled": true } } });
    let read = read_account(&bytes(&body), Some(&name("contoso")));
    assert_eq!(read.problems.len(), 2);
    let before = Account { tenant_id: crate::domain::TenantId::parse(TENANT).ok(), ..super::account() };
    let wanted = read.value.flatten().unwrap().as_far_as_read(Some(&before));
    assert_eq!((wanted.services, wanted.tenant_id), (Service::OperatorConnect.into(), before.tenant_id));
}

const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
