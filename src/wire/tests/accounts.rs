use serde_json::json;

use super::{account_body, bytes, desired_part, lines, name};
use crate::domain::{Account, DirectRouting, Service, ServiceSet};
use crate::wire::status::SubdomainStatus;
use crate::wire::{AccountResource, Resource, read_account};

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
    insta::assert_snapshot!(lines(read_account(&bytes(&body), &name("contoso"))));
}

#[test]
fn services_with_a_backend_need_the_tenant() {
    let body = |details| bytes(&json!({ "name": "contoso", "serviceDetails": details }));
    let missing = read_account(
        &body(json!({ "teamsTenantId": null, "teamsPhoneMobile": { "enabled": true, "syncEnabled": false } })),
        &name("contoso"),
    );
    insta::assert_snapshot!(lines(missing), @"\
        missing_property | serviceDetails.teamsTenantId | Teams Phone Mobile needs the enterprise's tenant ID, such as \
        a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a.");
    let zoom = json!({ "zoomPhoneCloudPeering": { "enabled": true, "syncEnabled": true } });
    assert!(read_account(&body(zoom), &name("contoso")).is_ok());
    let off = json!({ "teamsPhoneMobile": { "enabled": false, "syncEnabled": true } });
    let draft = read_account(&body(off), &name("contoso")).unwrap();
    assert_eq!((draft.services, draft.synced), (ServiceSet::default(), Service::TeamsPhoneMobile.into()));
    let kept = json!({ "teamsPhoneMobile": { "enabled": false, "syncEnabled": true } });
    assert_eq!(account_body(&draft), json!({ "name": "contoso", "serviceDetails": kept }));
}

#[test]
fn an_account_is_its_name_at_least() {
    let draft = read_account(br#"{"name": "contoso", "serviceDetails": null, "unknown": [1]}"#, &name("contoso"));
    assert_eq!(account_body(&draft.unwrap()), json!({ "name": "contoso", "serviceDetails": {} }));
    assert_eq!(lines(read_account(b"{}", &name("contoso"))), "missing_property | name | name is required here.");
    let other_case = lines(read_account(br#"{"name": "Contoso"}"#, &name("contoso")));
    assert!(other_case.starts_with("name_mismatch | name |"), "{other_case}");
}

#[test]
fn direct_routing_may_wait_for_its_names() {
    let body = json!({ "name": "contoso", "serviceDetails": { "teamsDirectRouting": { "enabled": true, "syncEnabled": true } } });
    let draft = read_account(&bytes(&body), &name("contoso")).unwrap();
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
    let draft = read_account(&bytes(&shown), &name("contoso")).unwrap();
    assert_eq!(draft.direct_routing, stored().direct_routing);
    assert_eq!(AccountResource::body(&draft).desired(), resource.desired());
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
