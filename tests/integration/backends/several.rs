//! A deployment with several backends, and one with none.

use nmp::backend::Backend;
use nmp::domain::{AccountForm, BackendInfo, Offers, OrderStatus, Service, ServiceSet, SyncState};
use nmp::service::consents::{RelationshipForm, RelationshipUpdated, update_relationship};
use nmp::service::staging::UploadForm;
use nmp::service::{consents, sync_status};
use nmp::store::{Lane, WorkKind};
use nmp::sync::{Engine, Engines, SyncOptions};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::at_once::{AtOnce, info};
use super::{ZOOM, release, with_backends, work};
use crate::harness::world::{CONTOSO, World, account_form, grant, origin, tenant, upload_form};
use crate::harness::{eventually, on_both_databases};

on_both_databases![
    each_number_goes_to_the_backend_of_its_service,
    a_backend_that_is_away_keeps_nobody_from_the_others,
    without_a_backend_numbers_are_as_they_should_be_once_stored,
    a_service_that_gets_a_backend_later_sends_nothing_by_itself,
    a_relationship_that_no_backend_wants_to_know_is_settled_here,
    work_for_a_backend_that_is_gone_is_told_and_waits,
    numbers_of_an_account_without_a_tenant_say_why_they_wait,
];

/// Two backends, each of one service, and an account with both services.
pub(super) async fn two(world: World) -> (World, [AtOnce; 2], [Engine; 2]) {
    let world = with_backends(world, vec![info("teams", Service::OperatorConnect), info("zoom", ZOOM)]);
    let outside = [AtOnce::default(), AtOnce::default()];
    let engine = |backend: Backend| Engine::new(world.ctx.clone(), backend, SyncOptions::default());
    let engines = [
        engine(outside[0].backend("teams", Service::OperatorConnect, 100)),
        engine(outside[1].backend("zoom", ZOOM, 100)),
    ];
    let services: ServiceSet = [Service::OperatorConnect, ZOOM].into_iter().collect();
    world.create(&AccountForm { services, ..account_form("contoso", CONTOSO) }).await;
    (world, outside, engines)
}

fn zoom_form(numbers: &str) -> UploadForm {
    let service = vec![ZOOM.key().to_owned()];
    UploadForm { service: String::new(), further_service: service, ..upload_form("contoso", numbers) }
}

async fn submit(world: &World, form: &UploadForm) -> i64 {
    let order = world.stage_form(form).await;
    world.submit(order).await;
    order
}

async fn each_number_goes_to_the_backend_of_its_service(world: World) {
    let (world, outside, engines) = two(world).await;
    submit(&world, &upload_form("contoso", "+441632960100-0102")).await;
    submit(&world, &zoom_form("+441632960200-0201")).await;
    for engine in &engines {
        engine.run_until_idle().await.unwrap();
    }
    assert!(world.stored().await.iter().all(|(.., state)| *state == SyncState::Synced));
    let held =
        outside.each_ref().map(|outside| outside.state().held.keys().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(held[0], ["+441632960100", "+441632960101", "+441632960102"]);
    assert_eq!(held[1], ["+441632960200", "+441632960201"]);
    release(&world, &["+441632960100", "+441632960200"]).await;
    for engine in &engines {
        engine.run_until_idle().await.unwrap();
    }
    assert_eq!(outside.each_ref().map(|outside| outside.state().held.len()), [2, 1]);
    world.check_invariants().await;
}

async fn a_backend_that_is_away_keeps_nobody_from_the_others(world: World) {
    let (world, outside, engines) = two(world).await;
    outside[0].state().is_down = true;
    let stuck = submit(&world, &upload_form("contoso", "+441632960100")).await;
    let fine = submit(&world, &zoom_form("+441632960200")).await;
    for engine in &engines {
        work(&world, engine).await;
    }
    assert_eq!(world.order(fine).await.status, OrderStatus::Complete);
    // What the tenant holds there is not known, so nothing was sent.
    assert_eq!(world.order(stuck).await.status, OrderStatus::Pending);
    let status = sync_status::get(&world.ctx, &grant()).await.unwrap();
    let told: Vec<_> = status.backends.iter().map(|backend| (backend.info.name.as_str(), backend.is_away())).collect();
    assert_eq!(told, [("teams", true), ("zoom", false)]);
    assert!(status.backends[0].failing() > 0 && status.backends[0].last_ok_at().is_none());
    assert!(status.backends[1].failing() == 0 && status.backends[1].last_ok_at().is_some());
    assert_eq!(status.backends.iter().map(|backend| backend.open_pushes).collect::<Vec<_>>(), [0, 0]);
    outside[0].state().is_down = false;
    work(&world, &engines[0]).await;
    assert_eq!(world.order(stuck).await.status, OrderStatus::Complete);
}

async fn without_a_backend_numbers_are_as_they_should_be_once_stored(world: World) {
    let world = with_backends(world, Vec::new());
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0101").await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert!(world.stored().await.iter().all(|(.., state)| *state == SyncState::Synced));
    let order = release(&world, &["+441632960100"]).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert_eq!(world.stored().await.len(), 1);
    let status = sync_status::get(&world.ctx, &grant()).await.unwrap();
    assert!(status.backends.is_empty() && status.left_behind.is_empty());
    world.check_invariants().await;
}

async fn a_service_that_gets_a_backend_later_sends_nothing_by_itself(world: World) {
    let world = with_backends(world, Vec::new());
    let form = AccountForm { services: ZOOM.into(), ..account_form("contoso", CONTOSO) };
    world.create(&form).await;
    submit(&world, &zoom_form("+441632960100-0101")).await;
    let world = with_backends(world, vec![info("zoom", ZOOM)]);
    let outside = AtOnce::default();
    let engine = Engine::new(world.ctx.clone(), outside.backend("zoom", ZOOM, 100), SyncOptions::default());
    engine.seed().await.unwrap();
    work(&world, &engine).await;
    assert!(outside.state().requests.is_empty());
    // What is changed is sent.
    let changed = UploadForm { custom_sip_header: "later".to_owned(), ..zoom_form("+441632960100") };
    submit(&world, &changed).await;
    work(&world, &engine).await;
    assert_eq!(outside.state().requests, [1]);
    world.check_invariants().await;
}

/// Sets the relationship with contoso, and tells how it then stands.
async fn agree(world: &World) -> SyncState {
    let id = tenant(CONTOSO);
    let before = consents::get(&world.ctx, &grant(), &id).await.unwrap();
    let form =
        RelationshipForm { status: "AgreementSigned".to_owned(), version: before.rev, ..RelationshipForm::default() };
    let outcome = update_relationship(&world.ctx, &grant(), &origin(), &id, &form).await.unwrap();
    assert!(matches!(outcome, RelationshipUpdated::Done));
    consents::get(&world.ctx, &grant(), &id).await.unwrap().sync_state
}

async fn a_relationship_that_no_backend_wants_to_know_is_settled_here(world: World) {
    let pulled = world.consent(CONTOSO, "Contoso Ltd", "active").await;
    assert_eq!(agree(&world).await, SyncState::Pending);
    // From now on the backend keeps no relationships: what waited is settled at the start.
    let offers = Offers { relationships: false, ..Offers::EVERYTHING };
    let world = with_backends(world, vec![BackendInfo { offers, ..info("teams", Service::OperatorConnect) }]);
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    Engines::new(&world.ctx, Vec::new()).run(&stop, &TaskTracker::new());
    eventually("it is settled", std::time::Duration::from_secs(10), async || {
        let row = consents::get(&world.ctx, &grant(), &tenant(CONTOSO)).await.unwrap();
        (row.sync_state == SyncState::Synced).then_some(())
    })
    .await;
    assert_eq!(agree(&world).await, SyncState::Synced);
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.next_work_at("teams", Lane::Pushes, world.clock.now()).await.unwrap().is_none());
    // A pull brings the consent, and leaves our relationship alone.
    tx.upsert_consents(&[pulled], offers, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let row = consents::get(&world.ctx, &grant(), &tenant(CONTOSO)).await.unwrap();
    assert_eq!(row.consent.customer_relationship.status, "AgreementSigned");
}

async fn work_for_a_backend_that_is_gone_is_told_and_waits(world: World) {
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100").await;
    let world = with_backends(world, vec![info("zoom", ZOOM)]);
    let status = sync_status::get(&world.ctx, &grant()).await.unwrap();
    assert_eq!(status.left_behind.len(), 1);
    assert_eq!((status.left_behind[0].name.as_str(), status.left_behind[0].waiting), ("operator-connect", 1));
    assert_eq!(world.order(order).await.status, OrderStatus::Pending);
}

async fn numbers_of_an_account_without_a_tenant_say_why_they_wait(world: World) {
    let world = with_backends(world, vec![info("zoom", ZOOM)]);
    let outside = AtOnce::default();
    let engine = Engine::new(world.ctx.clone(), outside.backend("zoom", ZOOM, 100), SyncOptions::default());
    let account = world.create(&AccountForm { services: ZOOM.into(), ..account_form("contoso", "") }).await;
    submit(&world, &zoom_form("+441632960100")).await;
    engine.run_until_idle().await.unwrap();
    let key = account.id.to_string();
    let work = WorkKind::Account.at("zoom", &key);
    let mut tx = world.db.read().await.unwrap();
    let row = tx.work_row(work, world.clock.now()).await.unwrap().unwrap();
    assert!(row.last_error.unwrap().contains("no tenant ID"), "it says why");
    assert_eq!(outside.state().requests.len(), 0);
}
