//! The sync engine's work: leases, fencing, wishes while it runs, Retry-After.

use std::collections::BTreeSet;

use nmp::store::{Again, Claim, Error, WorkKind};
use time::Duration;

use crate::harness::on_both_databases;
use crate::harness::world::World;

const LEASE: Duration = Duration::seconds(30);

on_both_databases![
    two_workers_never_have_the_same,
    an_expired_lease_is_claimed_again_and_fences_its_first_owner,
    a_held_lease_is_not_claimed,
    a_wish_during_a_run_leads_to_another_round,
    retry_after_is_obeyed_whatever_is_wished,
    a_back_off_is_cut_short_by_a_wish,
    what_is_done_waits_for_its_next_time,
    work_that_is_given_back_is_due_when_it_says,
];

async fn want(world: &World, key: &str) {
    let mut tx = world.db.begin().await.unwrap();
    tx.want_work(WorkKind::Account, key, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(world: &World) -> Option<Claim> {
    let mut tx = world.db.begin().await.unwrap();
    let claim = tx.claim_work(world.clock.now(), LEASE).await.unwrap();
    tx.commit().await.unwrap();
    claim
}

async fn done(world: &World, claim: &Claim, next: Option<time::OffsetDateTime>) {
    let mut tx = world.db.begin().await.unwrap();
    tx.work_done(claim, world.clock.now(), next).await.unwrap();
    tx.commit().await.unwrap();
}

async fn failed(world: &World, claim: &Claim, again: Again) {
    let mut tx = world.db.begin().await.unwrap();
    tx.work_failed(claim, "the backend is away", world.clock.now(), again).await.unwrap();
    tx.commit().await.unwrap();
}

async fn hold(world: &World, claim: &Claim) -> Result<(), Error> {
    let mut tx = world.db.begin().await.unwrap();
    let held = tx.hold_work(claim, world.clock.now() + LEASE).await;
    tx.commit().await.unwrap();
    held
}

async fn next_at(world: &World) -> Option<time::OffsetDateTime> {
    world.db.read().await.unwrap().next_work_at(world.clock.now()).await.unwrap()
}

async fn two_workers_never_have_the_same(world: World) {
    for index in 0..40 {
        want(&world, &index.to_string()).await;
    }
    let worker = async || {
        let mut mine = Vec::new();
        while let Some(claim) = claim(&world).await {
            mine.push(claim.key);
        }
        mine
    };
    let (a, b, c, d) = tokio::join!(worker(), worker(), worker(), worker());
    let all: Vec<String> = [a, b, c, d].concat();
    assert_eq!(all.len(), 40, "{all:?}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 40, "{all:?}");
}

async fn an_expired_lease_is_claimed_again_and_fences_its_first_owner(world: World) {
    want(&world, "1").await;
    let first = claim(&world).await.unwrap();
    assert!(claim(&world).await.is_none());
    assert_eq!(next_at(&world).await, Some(world.clock.now() + LEASE));
    world.clock.advance(LEASE);
    let second = claim(&world).await.unwrap();
    assert_eq!(second.key, first.key);
    assert!(second.fence > first.fence);
    // The first worker comes back from the dead.
    assert!(matches!(hold(&world, &first).await, Err(Error::Fenced)));
    done(&world, &first, None).await;
    failed(&world, &first, Again::At(world.clock.now())).await;
    assert!(claim(&world).await.is_none(), "the dead worker gave away what it did not have");
    hold(&world, &second).await.unwrap();
    done(&world, &second, None).await;
    assert_eq!(next_at(&world).await, None);
}

async fn a_held_lease_is_not_claimed(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    for _ in 0..5 {
        world.clock.advance(Duration::seconds(20));
        hold(&world, &mine).await.unwrap();
        assert!(claim(&world).await.is_none());
    }
    assert!(
        world
            .db
            .read()
            .await
            .unwrap()
            .work_row(WorkKind::Account, "1", world.clock.now())
            .await
            .unwrap()
            .unwrap()
            .running
    );
}

async fn a_wish_during_a_run_leads_to_another_round(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    world.clock.advance(Duration::seconds(1));
    want(&world, "1").await;
    assert!(claim(&world).await.is_none(), "one at a time, whatever is wished");
    world.clock.advance(Duration::seconds(1));
    hold(&world, &mine).await.unwrap();
    done(&world, &mine, None).await;
    let again = claim(&world).await.unwrap();
    done(&world, &again, None).await;
    assert!(claim(&world).await.is_none(), "one wish is one more round");
}

async fn retry_after_is_obeyed_whatever_is_wished(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    failed(&world, &mine, Again::NotBefore(world.clock.now() + Duration::minutes(2))).await;
    want(&world, "1").await;
    assert!(claim(&world).await.is_none(), "the backend asked not to be called");
    world.clock.advance(Duration::seconds(119));
    want(&world, "1").await;
    assert!(claim(&world).await.is_none());
    world.clock.advance(Duration::seconds(1));
    let again = claim(&world).await.unwrap();
    assert_eq!(again.attempt, 1);
    done(&world, &again, None).await;
    want(&world, "1").await;
    assert!(claim(&world).await.is_some(), "a success takes the ban away");
}

async fn a_back_off_is_cut_short_by_a_wish(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    failed(&world, &mine, Again::At(world.clock.now() + Duration::minutes(10))).await;
    assert!(claim(&world).await.is_none());
    let row =
        world.db.read().await.unwrap().work_row(WorkKind::Account, "1", world.clock.now()).await.unwrap().unwrap();
    assert_eq!((row.attempt, row.last_error.as_deref()), (1, Some("the backend is away")));
    want(&world, "1").await;
    assert!(claim(&world).await.is_some());
}

async fn what_is_done_waits_for_its_next_time(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    let next = world.clock.now() + Duration::minutes(5);
    done(&world, &mine, Some(next)).await;
    assert_eq!(next_at(&world).await, Some(next));
    assert!(claim(&world).await.is_none());
    world.clock.advance(Duration::minutes(5));
    assert!(claim(&world).await.is_some());
}

async fn work_that_is_given_back_is_due_when_it_says(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    tx.give_back_work(&mine, world.clock.now() + Duration::seconds(2)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(claim(&world).await.is_none());
    world.clock.advance(Duration::seconds(2));
    assert_eq!(claim(&world).await.unwrap().attempt, 0);
}
