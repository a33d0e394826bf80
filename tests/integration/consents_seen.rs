//! Consents as backends send them: what can be read counts, what cannot is named, and what changes there is told.

use nmp::domain::{ConsentStatus, OrderStatus, SyncState};
use nmp::service::{Error, consents, sync_status};
use nmp::store::WorkKind;
use serde_json::{Value, json};

use crate::harness::database;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, grant, origin, tenant};
use crate::sync::Outside;

on_both_databases![
    a_consent_with_nulls_and_dates_without_an_offset_is_read,
    what_cannot_be_read_is_named_and_freezes_nothing,
    items_that_come_twice_or_with_nul_are_read,
    what_changes_at_the_backend_is_in_the_audit,
    numbers_that_a_consent_kept_back_are_sent_again,
];

async fn pull(world: &World, outside: &Outside) {
    world.clock.advance(time::Duration::minutes(16));
    outside.engine.seed().await.unwrap();
    outside.engine.run_until_idle().await.unwrap();
}

async fn status(world: &World, of: &str) -> ConsentStatus {
    consents::get(&world.ctx, &grant(), &tenant(of)).await.unwrap().consent.status
}

async fn a_consent_with_nulls_and_dates_without_an_offset_is_read(world: World) {
    let outside = Outside::new(&world).await;
    pull(&world, &outside).await;
    assert_eq!(status(&world, CONTOSO).await, ConsentStatus::Active);
    let as_it_comes = json!({
        "tenantId": CONTOSO, "status": "removed", "operatorId": null, "consentedOn": "2026-01-12T09:30:00",
        "customerRelationship": null, "contacts": [{ "fullName": "Megan Bowen", "email": null, "companyName": "Contoso" }]
    });
    outside.post("_consents", as_it_comes).await;
    pull(&world, &outside).await;
    let read = consents::get(&world.ctx, &grant(), &tenant(CONTOSO)).await.unwrap();
    assert_eq!(read.consent.status, ConsentStatus::Removed);
    assert_eq!(read.consent.consented_on.unwrap().to_string(), "2026-01-12 9:30:00.0 +00:00:00");
    assert_eq!((read.company.as_str(), read.consent.contacts[0].email.as_str()), ("Contoso", ""));
    let connection = sync_status::get(&world.ctx, &grant()).await.unwrap();
    assert!(connection.backends[0].unread.is_empty(), "all of it was read");
}

async fn what_cannot_be_read_is_named_and_freezes_nothing(world: World) {
    let outside = Outside::new(&world).await;
    pull(&world, &outside).await;
    outside.post("_consents", json!({ "tenantId": CONTOSO, "status": "removed", "contacts": 7 })).await;
    outside.post("_consents", json!({ "tenantId": FABRIKAM, "status": { "is": "removed" } })).await;
    pull(&world, &outside).await;
    assert_eq!(status(&world, CONTOSO).await, ConsentStatus::Removed, "the rest of it counts");
    assert_eq!(status(&world, FABRIKAM).await, ConsentStatus::Other("unknown".into()), "it is not taken to stand");
    let unread = async || sync_status::get(&world.ctx, &grant()).await.unwrap().backends[0].unread.clone();
    let found = unread().await;
    assert_eq!((found.len(), found[0].kind, found[0].total), (1, WorkKind::Consents, 2));
    let mut named = found[0].named.clone();
    named.sort();
    let expected =
        [(FABRIKAM.to_owned(), Some("status".to_owned())), (CONTOSO.to_owned(), Some("contacts".to_owned()))];
    assert_eq!(named, expected);
    // Corrected there, it is named no more.
    outside.post("_consents", json!({ "tenantId": CONTOSO, "contacts": [] })).await;
    outside.post("_consents", json!({ "tenantId": FABRIKAM, "status": "active" })).await;
    pull(&world, &outside).await;
    assert!(unread().await.is_empty());
    assert_eq!(status(&world, FABRIKAM).await, ConsentStatus::Active);
}

async fn items_that_come_twice_or_with_nul_are_read(world: World) {
    let outside = Outside::new(&world).await;
    outside.faults(json!({ "oddItems": true })).await;
    let address = json!({ "tenantId": CONTOSO, "cityOrTown": "Redmond" });
    outside.post("_civic-addresses", address).await;
    outside.post("_consents", json!({ "tenantId": CONTOSO, "status": "removed" })).await;
    pull(&world, &outside).await;
    pull(&world, &outside).await;
    assert_eq!(status(&world, CONTOSO).await, ConsentStatus::Removed);
    let texts = async |sql| database::texts(&world.db, sql).await;
    let towns = "SELECT body FROM civic_addresses WHERE tenant_id = 'a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a'";
    assert!(texts(towns).await.iter().any(|body| body.contains("\"cityOrTown\":\"Redmond\"")));
    assert!(texts("SELECT last_error FROM work WHERE last_error IS NOT NULL").await.is_empty());
    assert!(sync_status::get(&world.ctx, &grant()).await.unwrap().backends[0].unread.is_empty());
}

async fn what_changes_at_the_backend_is_in_the_audit(world: World) {
    let outside = Outside::new(&world).await;
    pull(&world, &outside).await;
    let seen = async || {
        let sql = "
            SELECT subject || ' ' || actor || ' ' || before || ' ' || after
            FROM audit
            WHERE action = 'consent.seen'
            ORDER BY seq";
        database::texts(&world.db, sql).await
    };
    pull(&world, &outside).await;
    assert!(seen().await.is_empty(), "a new consent is no change, and one that stays the same is none");
    let change = json!({ "tenantId": CONTOSO, "status": "removed", "consentedCountries": ["UK", "US", "FR"] });
    outside.post("_consents", change).await;
    pull(&world, &outside).await;
    let changes =
        r#"{"consentedCountries":"GB,US","status":"active"} {"consentedCountries":"GB,US,FR","status":"removed"}"#;
    assert_eq!(seen().await, [format!("{CONTOSO} Operator Connect {changes}")]);
}

async fn numbers_that_a_consent_kept_back_are_sent_again(world: World) {
    let outside = Outside::new(&world).await;
    pull(&world, &outside).await;
    world.account("contoso").await;
    outside.post("_consents", json!({ "tenantId": CONTOSO, "status": "suspended" })).await;
    pull(&world, &outside).await;
    let order = world.upload("contoso", "+441632960100-0104").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Failed);
    let again = async || consents::send_again(&world.ctx, &grant(), &origin(), &tenant(CONTOSO)).await;
    assert!(matches!(again().await, Err(Error::Conflict(_))), "it still does not stand");

    outside.post("_consents", json!({ "tenantId": CONTOSO, "status": "active" })).await;
    pull(&world, &outside).await;
    assert_eq!(consents::refused_numbers(&world.ctx, &grant(), &tenant(CONTOSO)).await.unwrap(), 5);
    assert_eq!(again().await.unwrap(), 5);
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    assert!(world.stored().await.iter().all(|(_, _, state)| *state == SyncState::Synced));
    assert!(matches!(again().await, Err(Error::Conflict(_))), "nothing waits any more");
    let after = database::texts(&world.db, "SELECT after FROM audit WHERE action = 'consent.numbers_again'").await;
    assert_eq!(serde_json::from_str::<Value>(&after[0]).unwrap(), json!({ "numbers": 5 }));
    world.check_invariants().await;
}
