//! What backends last said of each number: taken in page by page, kept by answers.

use nmp::domain::{E164, NumberSettings, OrderKind, Service, TeamsSettings};
use nmp::service::orders::{self, ReleaseSelection, Submitted};
use nmp::store::{Described, Observed, Round};
use time::OffsetDateTime;

use crate::harness::database;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, grant, number, tenant};

on_both_databases![
    what_is_not_in_the_list_any_more_is_forgotten_at_its_end,
    answers_keep_what_is_known_current,
    a_page_that_was_asked_for_before_an_answer_does_not_overwrite_it,
];

const OC: &str = "operator-connect";

pub(crate) fn described(settings: &NumberSettings) -> Described {
    Described {
        service: Service::OperatorConnect.key().to_owned(),
        settings: settings.part(Service::OperatorConnect),
        leaving: None,
    }
}

pub(crate) fn other() -> Described {
    let teams = TeamsSettings { usage: "ConferenceAssignment".to_owned(), ..TeamsSettings::default() };
    described(&NumberSettings { services: Service::OperatorConnect.into(), teams, ..NumberSettings::default() })
}

pub(crate) fn seen(text: &str, described: &Described) -> Observed {
    Observed { number: number(text), described: described.clone(), assigned: false }
}

/// A pull whose pages are these; the last covers the rest of the list.
pub(crate) async fn pull(world: &World, of: &str, pages: &[&[Observed]]) {
    let now = world.clock.now();
    let round = begin(world, of).await;
    let mut after = 0;
    for (index, page) in pages.iter().enumerate() {
        let upto = if index + 1 == pages.len() { i64::MAX } else { page.last().unwrap().number.as_i64() };
        take(world, round, page, (after, upto), now).await;
        after = upto;
    }
    end(world, round).await;
}

async fn begin(world: &World, of: &str) -> Round {
    let mut tx = world.db.begin().await.unwrap();
    let round = tx.begin_round(OC, &tenant(of)).await.unwrap();
    tx.commit().await.unwrap();
    round
}

async fn take(world: &World, round: Round, page: &[Observed], stretch: (i64, i64), asked_at: OffsetDateTime) {
    let mut tx = world.db.begin().await.unwrap();
    let numbers: Vec<E164> = page.iter().map(|seen| seen.number).collect();
    tx.observe(round, page, asked_at).await.unwrap();
    assert_eq!(tx.miss(round, stretch, &numbers, asked_at).await.unwrap(), None);
    tx.commit().await.unwrap();
}

async fn end(world: &World, round: Round) {
    let mut tx = world.db.begin().await.unwrap();
    assert!(!tx.forget_missing(round).await.unwrap());
    tx.end_round(round, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    world.clock.advance(time::Duration::minutes(15));
}

async fn known(world: &World) -> Vec<i64> {
    database::numbers(&world.db, "SELECT telephone_number FROM observed ORDER BY telephone_number").await
}

async fn what_is_not_in_the_list_any_more_is_forgotten_at_its_end(world: World) {
    let ours = other();
    let list: Vec<Observed> = (0..6).map(|n| seen(&format!("+44163296000{n}"), &ours)).collect();
    pull(&world, CONTOSO, &[&list[..3], &list[3..]]).await;
    assert_eq!(known(&world).await.len(), 6);
    // A pull that breaks off forgets nothing, and the next one begins anew.
    let broken = begin(&world, CONTOSO).await;
    take(&world, broken, &list[1..2], (0, 441_632_960_003), world.clock.now()).await;
    assert_eq!(known(&world).await.len(), 6);
    world.clock.advance(time::Duration::minutes(15));
    pull(&world, CONTOSO, &[&list[..2], &list[4..]]).await;
    assert_eq!(known(&world).await, [441_632_960_000, 441_632_960_001, 441_632_960_004, 441_632_960_005]);
    // Another tenant's list is another list.
    pull(&world, FABRIKAM, &[&list[..1]]).await;
    pull(&world, CONTOSO, &[&[]]).await;
    assert_eq!(known(&world).await, [441_632_960_000]);
}

async fn answers_keep_what_is_known_current(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0003").await;
    world.backend_answers(&account, OrderKind::Upload, |number| number.as_i64() % 2 == 0).await;
    assert_eq!(known(&world).await, [441_632_960_000, 441_632_960_002], "only what the backend did");
    let selection = ReleaseSelection::Numbers(None, vec![number("+441632960000"), number("+441632960001")]);
    let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    assert!(matches!(world.submit(order).await, Submitted::Done));
    world.backend_answers(&account, OrderKind::Release, |_| true).await;
    assert_eq!(known(&world).await, [441_632_960_002]);
}

async fn a_page_that_was_asked_for_before_an_answer_does_not_overwrite_it(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0001").await;
    world.backend_answers(&account, OrderKind::Upload, |number| number.as_i64() % 2 == 0).await;
    world.clock.advance(time::Duration::minutes(1));
    let (round, asked_at) = (begin(&world, CONTOSO).await, world.clock.now());
    world.clock.advance(time::Duration::seconds(1));
    // Meanwhile the backend gives one number up and takes another.
    let selection = ReleaseSelection::Numbers(None, vec![number("+441632960000")]);
    let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    assert!(matches!(world.submit(order).await, Submitted::Done));
    world.backend_answers(&account, OrderKind::Release, |_| true).await;
    world.upload("contoso", "+441632960005").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    take(&world, round, &[seen("+441632960000", &other())], (0, i64::MAX), asked_at).await;
    end(&world, round).await;
    assert_eq!(known(&world).await, [441_632_960_005]);
}
