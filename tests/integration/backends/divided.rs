//! Numbers that two backends know at once.

use nmp::domain::{AccountForm, E164, OrderKind, ReconcileState, Service, SyncState};
use nmp::service::staging::UploadForm;
use nmp::service::{Error, sync_status};
use nmp::service::{accounts, orders};

use super::at_once::AtOnce;
use super::several::two;
use super::{ZOOM, with_backends, work};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, account_form, grant, number, origin, right, upload_form};

on_both_databases![
    a_number_is_free_only_where_no_backend_has_it_in_use,
    a_service_stays_while_its_backend_has_numbers_to_give_up,
    what_is_open_at_a_backend_that_is_gone_is_counted,
    what_one_backend_refused_is_counted_before_it_goes_to_another,
    what_one_backend_refused_is_tried_again_while_another_is_away,
];

const NUMBER: &str = "+441632960100";

/// Stores the number with both services, or with Operator Connect alone.
async fn store(world: &World, with_zoom: bool) {
    let further_service = if with_zoom { vec![ZOOM.key().to_owned()] } else { Vec::new() };
    let order = world.stage_form(&UploadForm { further_service, ..upload_form("contoso", NUMBER) }).await;
    world.submit(order).await;
}

async fn is_assigned(world: &World) -> bool {
    world.db.number(number(NUMBER)).await.unwrap().unwrap().assigned
}

fn assign(outside: &AtOnce, status: &str) {
    status.clone_into(&mut outside.state().held.get_mut(&number(NUMBER)).unwrap().assignment_status);
}

async fn a_number_is_free_only_where_no_backend_has_it_in_use(world: World) {
    let (world, outside, engines) = two(world).await;
    store(&world, true).await;
    for engine in &engines {
        work(&world, engine).await;
    }
    assert!(!is_assigned(&world).await);
    assign(&outside[0], "assigned");
    for engine in engines.iter().chain(&engines) {
        work(&world, engine).await;
    }
    assert!(is_assigned(&world).await, "the other backend knows of no use, and says nothing about this one's");
    assign(&outside[1], "assigned");
    work(&world, &engines[1]).await;
    assign(&outside[0], "unassigned");
    work(&world, &engines[0]).await;
    assert!(is_assigned(&world).await);
    assign(&outside[1], "unassigned");
    work(&world, &engines[1]).await;
    assert!(!is_assigned(&world).await);
}

async fn a_service_stays_while_its_backend_has_numbers_to_give_up(world: World) {
    let (world, outside, engines) = two(world).await;
    store(&world, true).await;
    for engine in &engines {
        work(&world, engine).await;
    }
    outside[1].state().is_down = true;
    store(&world, false).await;
    work(&world, &engines[1]).await;
    let account = world.get("contoso").await;
    let without = AccountForm { services: Service::OperatorConnect.into(), ..account_form("contoso", CONTOSO) };
    let change = accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &without).await;
    let Err(Error::Invalid(problems)) = change else { panic!("not refused: {change:?}") };
    assert_eq!(problems.len(), 1);
    let said = &problems[0].message;
    assert!(
        said.starts_with("Zoom Phone Cloud Peering cannot be disabled: 1 number of") && said.contains("withdrawn"),
        "{said}"
    );
    outside[1].state().is_down = false;
    work(&world, &engines[1]).await;
    assert!(accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &without).await.is_ok());
}

async fn what_is_open_at_a_backend_that_is_gone_is_counted(world: World) {
    let (world, outside, engines) = two(world).await;
    outside[1].state().refused.insert(number(NUMBER));
    store(&world, true).await;
    for engine in &engines {
        work(&world, engine).await;
    }
    let world = with_backends(world, vec![super::at_once::info("teams", Service::OperatorConnect)]);
    let status = sync_status::get(&world.ctx, &grant()).await.unwrap();
    let left: Vec<_> = status.left_behind.iter().map(|left| (left.name.as_str(), left.waiting, left.numbers)).collect();
    assert_eq!(left, [("zoom", 0, 1)], "the number that it refused");
}

async fn what_one_backend_refused_is_counted_before_it_goes_to_another(world: World) {
    let (world, outside, engines) = two(world).await;
    let account = world.get("contoso").await;
    let both = account_form("contoso", CONTOSO);
    let both = AccountForm { services: [Service::OperatorConnect, ZOOM].into_iter().collect(), ..both };
    let one = AccountForm { synced: Service::OperatorConnect.into(), ..both.clone() };
    accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &one).await.unwrap();
    let numbers: Vec<E164> = (0..30).map(|n| number(&format!("+4416329601{n:02}"))).collect();
    outside[0].state().refused.extend(numbers);
    let further_service = vec![ZOOM.key().to_owned()];
    let order = world.stage_form(&UploadForm { further_service, ..upload_form("contoso", "+441632960100-0129") }).await;
    world.submit(order).await;
    work(&world, &engines[0]).await;
    assert!(world.stored().await.iter().all(|(.., state)| *state == SyncState::Failed));

    let account = world.get("contoso").await;
    accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &both).await.unwrap();
    work(&world, &engines[1]).await;
    assert!(outside[1].state().held.is_empty(), "30 numbers are more than go unasked");
    let account = world.get("contoso").await;
    let compared = accounts::comparisons(&world.ctx, &grant(), &account).await.unwrap();
    let zoom = compared.iter().find(|one| one.backend == "zoom").unwrap();
    assert_eq!((zoom.state, zoom.plan.fresh), (ReconcileState::Held, 30));
}

async fn what_one_backend_refused_is_tried_again_while_another_is_away(world: World) {
    let (world, outside, engines) = two(world).await;
    outside[0].state().refused.insert(number(NUMBER));
    outside[1].state().is_down = true;
    let further_service = vec![ZOOM.key().to_owned()];
    let order = world.stage_form(&UploadForm { further_service, ..upload_form("contoso", NUMBER) }).await;
    world.submit(order).await;
    for engine in &engines {
        work(&world, engine).await;
    }
    let state = async || world.stored().await[0].2;
    assert_eq!(state().await, SyncState::Failed);
    outside[0].state().refused.clear();
    assert_eq!(orders::retry_failed(&world.ctx, &right(OrderKind::Upload), &origin(), order).await.unwrap(), 1);
    work(&world, &engines[0]).await;
    assert!(outside[0].state().held.contains_key(&number(NUMBER)));
    assert_eq!(state().await, SyncState::Pending, "the other has yet to answer");
    outside[1].state().is_down = false;
    work(&world, &engines[1]).await;
    assert_eq!((state().await, world.order(order).await.progress.done), (SyncState::Synced, 1));
    world.check_invariants().await;
}
