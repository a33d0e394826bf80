//! What programs do goes the way of everything: orders, audit, and the pages that people read.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::api::{Api, account, identifiers, number, path_of};
use crate::harness::database::{numbers, texts};
use crate::harness::on_both_databases;
use crate::harness::visitor::Visitor;
use crate::harness::world::CONTOSO;

async fn what_programs_do_is_in_orders_and_audit(api: Api) -> Api {
    api.know_tenants().await;
    let writer = api.caller("bss-write").await;
    let reply = writer.put("/accounts/contoso", &account("contoso", &["teamsOperatorConnect"])).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    let items: Vec<_> =
        (0..3).map(|last| number("contoso", &format!("+44163296000{last}"), "teamsOperatorConnect")).collect();
    let id = "4f2c9f0e-9c1b-4f2a-a3f5-3b9b2f1f8a11";
    let headers = [("x-ms-client-request-id", id)];
    let body = crate::harness::api::batch(&items);
    let uploaded = writer.call(Method::POST, "/accounts/contoso:createOrUpdateNumbers", &headers, Some(&body)).await;
    assert_eq!(uploaded.status, StatusCode::OK, "{uploaded:?}");
    api.quiet().await;
    // What stands already makes no order.
    assert_eq!(writer.put(&path_of("contoso", "+441632960000"), &items[0]).await.status, StatusCode::OK);
    let patch = json!({ "customerRelationship": { "status": "AgreementSigned" } });
    let consent = format!("/teamsRequestsForInformation/{CONTOSO}");
    assert_eq!(writer.call(Method::PATCH, &consent, &[], Some(&patch)).await.status, StatusCode::OK);
    assert_eq!(api.admin.delete(&path_of("contoso", "+441632960000")).await.status, StatusCode::NO_CONTENT);
    let released = api.admin.post("/accounts/contoso:deleteNumbers", &identifiers(&["+441632960001"])).await;
    assert_eq!(released.status, StatusCode::NO_CONTENT);
    assert_eq!(api.admin.delete("/accounts/contoso?deleteNumbers=true").await.status, StatusCode::NO_CONTENT);
    api.quiet().await;

    let orders = texts(
        &api.db,
        "
        SELECT kind || ' ' || source || ' ' || author || ' ' || total || ' ' || accounts
        FROM orders
        ORDER BY id",
    )
    .await;
    let expected = [
        "upload api bss-write 3 contoso",
        "release api bss-admin 1 contoso",
        "release api bss-admin 1 contoso",
        "release api bss-admin 1 contoso",
    ];
    assert_eq!(orders, expected);
    let audit = texts(&api.db, "SELECT action || ' ' || actor || ' ' || subject FROM audit ORDER BY seq").await;
    let mut actions: Vec<&str> = audit.iter().map(|entry| entry.split(' ').next().unwrap()).collect();
    actions.retain(|action| !action.starts_with("session"));
    let expected = [
        "account.create",
        "order.submit",
        "consent.relationship",
        "order.submit",
        "order.submit",
        "account.delete",
        "order.submit",
    ];
    assert_eq!(actions, expected, "{audit:?}");
    let request = uploaded.header("x-ms-request-id");
    let of_request = format!("SELECT COUNT(*) FROM audit WHERE request_id = '{request}' AND origin LIKE '%api%'");
    assert_eq!(numbers(&api.db, &of_request).await, [1], "the audit names the request");
    let secrets = texts(&api.db, "SELECT COALESCE(before, '') || COALESCE(after, '') FROM audit").await;
    assert!(!secrets.iter().any(|text| text.contains("TokenValue")), "{secrets:?}");

    // A person sees them in the portal.
    let mut person = Visitor::sign_in(&api.demo.portal, "admin").await;
    let around = person.get("/consents").await.text.matches("Provisioning API").count();
    let page = person.get("/orders").await;
    assert_eq!(page.text.matches("Provisioning API").count() - around, 4, "{}", page.text);
    let page = person.get("/orders/1").await;
    assert!(page.text.contains("Provisioning API") && page.text.contains("bss-write"), "{}", page.text);
    let page = person.get("/audit").await;
    assert!(page.text.contains("bss-write"), "{}", page.text);
    api
}

async fn tokens_of_a_tenant_are_nowhere_but_in_the_account(api: Api) -> Api {
    api.account("contoso", &["teamsDirectRouting"]).await;
    let kept = texts(&api.db, "SELECT COALESCE(before, '') || COALESCE(after, '') FROM audit").await;
    assert!(!kept.is_empty() && !kept.iter().any(|text| text.contains("TokenValue")), "{kept:?}");
    api
}

on_both_databases!(over_http:
    what_programs_do_is_in_orders_and_audit,
    tokens_of_a_tenant_are_nowhere_but_in_the_account,
);
