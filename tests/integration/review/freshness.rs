//! How old what a review rests on may be, and what it does about it.

use nmp::domain::OrderKind;
use nmp::service::numbers;
use nmp::service::orders::{self, ReleaseSelection, Source};
use nmp::store::{Again, Claim, Lane};
use time::Duration;

use super::{OC, described, form, kinds, pull, seen, settings_of};
use crate::harness::database::{self, execute};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, account_form, grant, number, tenant};

on_both_databases![
    what_is_older_than_five_minutes_is_pulled_by_itself,
    a_long_list_waits_for_somebody_to_ask,
    a_pull_that_fails_is_not_asked_for_again_at_once,
    a_release_names_who_is_in_use_as_of_now,
    an_order_of_many_enterprises_rests_on_all_of_their_lists,
];

async fn look(world: &World, order: i64) -> Source {
    let mut sources = orders::look(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!((sources.shown.len(), sources.further.lists), (1, 0));
    sources.shown.remove(0)
}

/// Takes the pull that is due, as a worker does.
async fn claim(world: &World) -> Option<Claim> {
    let mut tx = world.db.begin().await.unwrap();
    loop {
        let claim = tx.claim_work(OC, Lane::Pulls, world.clock.now(), Duration::seconds(30)).await.unwrap();
        match claim {
            Some(claim) if claim.key != CONTOSO || claim.kind != nmp::store::WorkKind::Numbers => {
                tx.work_done(&claim, world.clock.now(), None).await.unwrap();
            }
            claim => {
                tx.commit().await.unwrap();
                return claim;
            }
        }
    }
}

/// The pull that is due says that the list is this.
async fn pulled(world: &World, list: &[nmp::store::Observed]) {
    let claim = claim(world).await.unwrap();
    pull(world, OC, CONTOSO, list).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.work_done(&claim, world.clock.now(), None).await.unwrap();
    tx.commit().await.unwrap();
}

async fn what_is_older_than_five_minutes_is_pulled_by_itself(world: World) {
    world.account("contoso").await;
    let there = described(&settings_of(&world, &form("+441632960000")).await, nmp::domain::Service::OperatorConnect);
    pulled(&world, &[]).await;
    world.clock.advance(Duration::minutes(4));
    let order = world.stage("contoso", "+441632960000").await;
    let now = world.clock.now();
    let source = look(&world, order).await;
    assert!(!source.is_busy(now) && !source.is_old(now) && source.as_of == Some(now - Duration::minutes(4)));
    assert!(claim(&world).await.is_none(), "it is young enough");
    world.clock.advance(Duration::minutes(2));
    let now = world.clock.now();
    assert!(look(&world, order).await.is_busy(now), "it is asked for, and the page waits");
    assert!(look(&world, order).await.is_busy(now));
    assert_eq!(kinds(&world, order).await, [1, 0, 0, 0]);
    pulled(&world, &[seen("+441632960000", &there, false)]).await;
    assert!(!look(&world, order).await.is_busy(now));
    assert_eq!(kinds(&world, order).await, [0, 1, 0, 0], "and it is compared with what came");
}

async fn a_long_list_waits_for_somebody_to_ask(world: World) {
    world.account("contoso").await;
    let there = described(&settings_of(&world, &form("+441632960000")).await, nmp::domain::Service::OperatorConnect);
    let list: Vec<_> = (0..=orders::PULLED_UP_TO)
        .map(|offset| nmp::store::Observed {
            number: nmp::domain::E164::from_i64(441_632_900_000 + offset).unwrap(),
            described: there.clone(),
            assigned: false,
        })
        .collect();
    let claim_of_first = claim(&world).await.unwrap();
    pull_long(&world, &list).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.work_done(&claim_of_first, world.clock.now(), None).await.unwrap();
    tx.commit().await.unwrap();
    let order = world.stage("contoso", "+441632990000").await;
    world.clock.advance(Duration::minutes(6));
    let source = look(&world, order).await;
    let now = world.clock.now();
    assert!(source.is_old(now) && !source.is_busy(now) && source.size > orders::PULLED_UP_TO);
    assert!(claim(&world).await.is_none());
}

/// A list that fits no single statement.
async fn pull_long(world: &World, list: &[nmp::store::Observed]) {
    let mut tx = world.db.begin().await.unwrap();
    let round = tx.begin_round(OC, &tenant(CONTOSO)).await.unwrap();
    for page in list.chunks(1_000) {
        tx.observe(round, page, world.clock.now()).await.unwrap();
    }
    tx.end_round(round, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_pull_that_fails_is_not_asked_for_again_at_once(world: World) {
    world.account("contoso").await;
    pulled(&world, &[]).await;
    world.clock.advance(Duration::minutes(6));
    let order = world.stage("contoso", "+441632960000").await;
    assert!(look(&world, order).await.is_busy(world.clock.now()));
    let claim_of_pull = claim(&world).await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let later = Again { at: world.clock.now() + Duration::minutes(15), not_before: None };
    tx.work_failed(&claim_of_pull, "the backend does not answer", world.clock.now(), later).await.unwrap();
    tx.commit().await.unwrap();
    let source = look(&world, order).await;
    let now = world.clock.now();
    assert!(!source.is_busy(now) && source.is_unknown(now));
    assert_eq!(source.error(), Some("the backend does not answer"));
    assert_eq!(kinds(&world, order).await, [1, 0, 0, 1], "what is not in an old list is not known to be free");
    assert!(claim(&world).await.is_none());
    world.clock.advance(Duration::minutes(2));
    assert!(look(&world, order).await.is_busy(world.clock.now()), "after a while it is tried once more");
}

async fn a_release_names_who_is_in_use_as_of_now(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0001").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let ours = numbers::get(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    let there = described(&ours.settings, nmp::domain::Service::OperatorConnect);
    let list = ["+441632960000", "+441632960001"].map(|text| seen(text, &there, false));
    pulled(&world, &list).await;
    world.clock.advance(Duration::minutes(10));
    let all = ReleaseSelection::Numbers(None, vec![number("+441632960000"), number("+441632960001")]);
    let order = orders::stage_release(&world.ctx, &grant(), &all, None).await.unwrap();
    assert_eq!(world.review(order).await.assigned.0, 0);
    assert!(look(&world, order).await.is_busy(world.clock.now()));
    // Meanwhile somebody got one of them.
    let claim_of_pull = claim(&world).await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    tx.mark_assigned(CONTOSO, &[number("+441632960001")]).await.unwrap();
    tx.work_done(&claim_of_pull, world.clock.now(), None).await.unwrap();
    tx.commit().await.unwrap();
    pull(&world, OC, CONTOSO, &list).await;
    let source = look(&world, order).await;
    assert!(!source.is_busy(world.clock.now()) && source.as_of == Some(world.clock.now()));
    assert_eq!(world.review(order).await.assigned, (1, vec![number("+441632960001")]));
}

async fn an_order_of_many_enterprises_rests_on_all_of_their_lists(world: World) {
    let tenants: Vec<String> = (0..25).map(|n| format!("00000000-0000-4000-8000-{n:012}")).collect();
    let numbers: Vec<_> = (0..25).map(|n| number(&format!("+4416329600{n:02}"))).collect();
    for (n, tenant) in tenants.iter().enumerate() {
        let name = format!("enterprise{n}");
        world.create(&account_form(&name, tenant)).await;
        world.upload(&name, &numbers[n].to_string()).await;
    }
    let all = ReleaseSelection::Numbers(None, numbers);
    let order = orders::stage_release(&world.ctx, &grant(), &all, None).await.unwrap();
    execute(&world.db, "DELETE FROM work").await;
    let look = async || orders::look(&world.ctx, &grant(), order).await.unwrap();
    let sources = look().await;
    let now = world.clock.now();
    assert_eq!((sources.shown.len(), sources.further.lists, sources.further.never), (20, 5, 5));
    assert_eq!(sources.busy(now), 25, "the page waits for all of them");
    let due = "SELECT COUNT(*) FROM work WHERE kind = 'numbers' AND next_at <= set_at";
    assert_eq!(database::numbers(&world.db, due).await, [25], "and all of them are pulled");

    for of in &tenants {
        pull(&world, OC, of, &[]).await;
    }
    let micros = |at: time::OffsetDateTime| at.unix_timestamp_nanos() / 1_000;
    let went = format!("UPDATE work SET next_at = {}, lease_until = 0, last_ok_at = {}", i64::MAX, micros(now));
    execute(&world.db, &went).await;
    let now = world.clock.now();
    let sources = look().await;
    assert_eq!(sources.busy(now), 0);
    let shown: Vec<_> = sources.shown.iter().map(|source| source.tenant.as_str()).collect();
    assert_eq!(shown, tenants[..20], "the oldest are shown");
    assert_eq!((sources.further.lists, sources.further.oldest), (5, Some(now - Duration::seconds(4))));

    // The one that was read last could not be read again since.
    let failed =
        format!("UPDATE work SET last_error = 'away', last_error_at = {} WHERE key = '{}'", micros(now), tenants[24]);
    execute(&world.db, &failed).await;
    let sources = look().await;
    assert_eq!(sources.shown[0].tenant.as_str(), tenants[24], "what is not known comes before what is old");
    assert_eq!((sources.further.lists, sources.further.unknown), (5, 0));
}
