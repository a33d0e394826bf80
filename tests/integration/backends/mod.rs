//! Several backends, backends that take numbers at once, and none.

mod at_once;
mod divided;
mod several;

use std::sync::Arc;

use nmp::domain::{AccountForm, BackendInfo, Backends, OrderKind, OrderStatus, Service, SyncState};
use nmp::service::Policy;
use nmp::service::orders::{self, ReleaseSelection};
use nmp::service::staging::UploadForm;
use nmp::sync::{Engine, SyncOptions};
use time::Duration;

use self::at_once::{AtOnce, info};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, account_form, grant, number, origin, right, upload_form};

on_both_databases![
    numbers_are_taken_at_once_in_requests_of_the_size_that_the_backend_takes,
    a_number_that_is_refused_fails_alone_and_is_tried_again_alone,
    after_a_lost_answer_the_numbers_are_read_back_and_nothing_is_sent_twice,
    of_a_request_that_was_done_in_part_the_rest_is_sent,
    a_request_that_is_refused_as_a_whole_is_halved,
    a_number_that_the_answer_does_not_mention_is_read_back,
    a_release_whose_answer_was_lost_is_not_repeated,
    where_numbers_cannot_be_read_back_the_refusal_is_the_end,
];

const ZOOM: Service = Service::ZoomPhoneCloudPeering;

/// The same world, whose deployment has these backends.
fn with_backends(mut world: World, backends: Vec<BackendInfo>) -> World {
    let policy = Policy { backends: Backends::new(backends), ..(*world.ctx.policy).clone() };
    world.ctx.policy = Arc::new(policy);
    world
}

/// A world with a backend for Zoom that takes two numbers at once, and an account that uses it.
async fn zoom(world: World) -> (World, AtOnce, Engine) {
    let world = with_backends(world, vec![info("zoom", ZOOM)]);
    let outside = AtOnce::default();
    let engine = Engine::new(world.ctx.clone(), outside.backend("zoom", ZOOM, 2), SyncOptions::default());
    world.create(&AccountForm { services: ZOOM.into(), ..account_form("contoso", CONTOSO) }).await;
    (world, outside, engine)
}

async fn upload(world: &World, numbers: &str) -> i64 {
    let service = vec![ZOOM.key().to_owned()];
    let form = UploadForm { service: String::new(), further_service: service, ..upload_form("contoso", numbers) };
    let order = world.stage_form(&form).await;
    world.submit(order).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Pending);
    order
}

async fn release(world: &World, numbers: &[&str]) -> i64 {
    let numbers = numbers.iter().map(|text| number(text)).collect();
    let selection = ReleaseSelection::Numbers(None, numbers);
    let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    world.submit(order).await;
    order
}

async fn work(world: &World, engine: &Engine) {
    engine.run_until_idle().await.unwrap();
    world.clock.advance(Duration::minutes(16));
    engine.run_until_idle().await.unwrap();
}

async fn numbers_are_taken_at_once_in_requests_of_the_size_that_the_backend_takes(world: World) {
    let (world, outside, engine) = zoom(world).await;
    let order = upload(&world, "+441632960100-0104").await;
    engine.run_until_idle().await.unwrap();
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert!(world.stored().await.iter().all(|(.., state)| *state == SyncState::Synced));
    {
        let state = outside.state();
        assert_eq!((state.held.len(), state.requests.clone(), state.read_back), (5, vec![2, 2, 1], 0));
        assert!(state.held.values().all(|held| held.service == ZOOM.key()));
    }
    let order = release(&world, &["+441632960100", "+441632960104"]).await;
    engine.run_until_idle().await.unwrap();
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert_eq!(outside.state().held.len(), 3);
    assert_eq!(world.stored().await.len(), 3);
    world.check_invariants().await;
}

async fn a_number_that_is_refused_fails_alone_and_is_tried_again_alone(world: World) {
    let (world, outside, engine) = zoom(world).await;
    outside.state().refused.insert(number("+441632960101"));
    let order = upload(&world, "+441632960100-0103").await;
    engine.run_until_idle().await.unwrap();
    assert_eq!(world.order(order).await.status, OrderStatus::CompleteWithErrors);
    let causes = orders::causes(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!((causes.len(), causes[0].count, causes[0].example), (1, 1, number("+441632960101")));
    assert_eq!(causes[0].error.code, "Invalid");
    outside.state().refused.clear();
    orders::retry_failed(&world.ctx, &right(OrderKind::Upload), &origin(), order).await.unwrap();
    engine.run_until_idle().await.unwrap();
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert!(outside.state().changes.values().all(|changes| *changes == 1));
    assert_eq!(outside.state().requests, [2, 2, 1]);
    world.check_invariants().await;
}

async fn after_a_lost_answer_the_numbers_are_read_back_and_nothing_is_sent_twice(world: World) {
    let (world, outside, engine) = zoom(world).await;
    outside.state().lose_after = Some(2);
    let order = upload(&world, "+441632960100-0101").await;
    engine.run_until_idle().await.unwrap();
    assert_eq!(world.order(order).await.status, OrderStatus::InProgress, "nobody knows whether it was done");
    outside.state().is_down = true;
    work(&world, &engine).await;
    assert_eq!(outside.state().requests, [2], "what was done is not known, so nothing is sent");
    outside.state().is_down = false;
    work(&world, &engine).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    let state = outside.state();
    assert_eq!((state.requests.clone(), state.read_back), (vec![2], 1));
    assert!(state.changes.values().all(|changes| *changes == 1));
}

async fn of_a_request_that_was_done_in_part_the_rest_is_sent(world: World) {
    let (world, outside, engine) = zoom(world).await;
    outside.state().lose_after = Some(1);
    let order = upload(&world, "+441632960100-0101").await;
    work(&world, &engine).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert_eq!(outside.state().requests, [2, 1]);
    assert!(outside.state().changes.values().all(|changes| *changes == 1));
    world.check_invariants().await;
}

async fn a_request_that_is_refused_as_a_whole_is_halved(world: World) {
    let (world, outside, engine) = zoom(world).await;
    outside.state().refuse_batch.insert(number("+441632960101"));
    let order = upload(&world, "+441632960100-0103").await;
    work(&world, &engine).await;
    let progress = world.order(order).await.progress;
    assert_eq!((progress.done, progress.failed), (3, 1));
    assert!(outside.state().changes.values().all(|changes| *changes == 1));
    world.check_invariants().await;
}

async fn a_number_that_the_answer_does_not_mention_is_read_back(world: World) {
    let (world, outside, engine) = zoom(world).await;
    outside.state().unmentioned.insert(number("+441632960100"));
    outside.state().forgotten.insert(number("+441632960101"));
    let order = upload(&world, "+441632960100-0101").await;
    engine.run_until_idle().await.unwrap();
    let progress = world.order(order).await.progress;
    assert_eq!((progress.done, progress.failed), (1, 1));
    let causes = orders::causes(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!((causes[0].error.code.as_str(), causes[0].example), ("NoResult", number("+441632960101")));
    assert_eq!(outside.state().read_back, 1);
}

async fn a_release_whose_answer_was_lost_is_not_repeated(world: World) {
    let (world, outside, engine) = zoom(world).await;
    upload(&world, "+441632960100-0101").await;
    engine.run_until_idle().await.unwrap();
    outside.state().lose_after = Some(1);
    let order = release(&world, &["+441632960100", "+441632960101"]).await;
    work(&world, &engine).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert!(world.stored().await.is_empty());
    let state = outside.state();
    assert!(state.held.is_empty() && state.changes.values().all(|changes| *changes == 2), "{:?}", state.changes);
    assert_eq!(state.requests, [2, 2, 1]);
}

async fn where_numbers_cannot_be_read_back_the_refusal_is_the_end(world: World) {
    let (world, outside, engine) = zoom(world).await;
    outside.state().unmentioned.insert(number("+441632960100"));
    outside.state().refuses_read_back = true;
    let order = upload(&world, "+441632960100-0101").await;
    engine.run_until_idle().await.unwrap();
    let progress = world.order(order).await.progress;
    assert_eq!((progress.done, progress.failed), (1, 1), "what the answer said is kept");
    outside.state().lose_after = Some(2);
    let order = upload(&world, "+441632960102-0103").await;
    work(&world, &engine).await;
    assert_eq!(world.order(order).await.progress.failed, 2);
    let causes = orders::causes(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!((causes.len(), causes[0].error.code.as_str()), (1, "Disconnected"));
    world.check_invariants().await;
}
