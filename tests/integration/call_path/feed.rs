//! A copy of all numbers that keeps up with every change, whoever makes it and whenever it is committed.

use std::time::Duration;

use nmp::domain::{Account, AccountForm, DirectRoutingForm, E164, OrderKind, Service, ServiceSet};
use nmp::service::accounts::{self, Updated};
use nmp::service::call_path::{Cursor, feed};
use nmp::service::orders::{self, ReleaseSelection, Submitted};
use nmp::service::staging::UploadForm;
use nmp::service::{Ctx, Policy};
use nmp::store::Db;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::{Copy, SmallCopy, present};
use crate::harness::database::execute;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, account_form, grant, number, origin, right, upload_form};

on_both_databases!(
    a_copy_ends_with_what_there_is,
    a_copy_keeps_up_with_many_who_write,
    a_long_order_comes_in_pages,
    a_release_that_fails_brings_the_number_back,
    a_cursor_of_elsewhere_is_refused,
);

/// Something that changes what calls find, or seems to.
#[derive(Clone, Debug)]
enum Step {
    Upload { account: usize, first: i64, count: i64, header: u8, service: &'static str },
    Release { first: i64, count: i64 },
    Answer { account: usize, kind: OrderKind, modulus: i64 },
    Retry { back: usize },
    Change { account: usize, screening: bool, label: u8, synced: bool },
    Ask { pages: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(OrderKind::Upload), Just(OrderKind::Release)];
    let service = prop_oneof![Just("operatorConnect"), Just("directRouting")];
    prop_oneof![
        4 => (0..2_usize, 0..30_i64, 1..20_i64, 0..3_u8, service)
            .prop_map(|(account, first, count, header, service)| Step::Upload { account, first, count, header, service }),
        2 => (0..40_i64, 1..15_i64).prop_map(|(first, count)| Step::Release { first, count }),
        3 => (0..2_usize, kind, 1..5_i64).prop_map(|(account, kind, modulus)| Step::Answer { account, kind, modulus }),
        1 => (0..5_usize).prop_map(|back| Step::Retry { back }),
        2 => (0..2_usize, any::<bool>(), 0..3_u8, any::<bool>())
            .prop_map(|(account, screening, label, synced)| Step::Change { account, screening, label, synced }),
        4 => (0..4_usize).prop_map(|pages| Step::Ask { pages }),
    ]
}

const NAMES: [&str; 2] = ["contoso", "fabrikam"];

fn form(account: usize, screening: bool, label: u8, synced: bool) -> AccountForm {
    AccountForm {
        services: [Service::OperatorConnect, Service::DirectRouting].into_iter().collect(),
        synced: if synced { ServiceSet::ALL } else { ServiceSet::default() },
        direct_routing: DirectRoutingForm {
            call_screening: screening,
            subdomain: format!("{}{label}", &NAMES[account][..4]),
            tokens: ["a".to_owned(), "b".to_owned()],
        },
        ..account_form(NAMES[account], CONTOSO)
    }
}

async fn change(world: &World, account: usize, screening: bool, label: u8, synced: bool) -> Account {
    let rev = world.get(NAMES[account]).await.rev;
    let form = form(account, screening, label, synced);
    let changed = accounts::update(&world.ctx, &grant(), &origin(), NAMES[account], rev, &form).await.unwrap();
    let Updated::Done(account) = changed else { panic!("stale: {changed:?}") };
    *account
}

async fn take(world: &World, step: Step, submitted: &mut Vec<i64>) {
    match step {
        Step::Upload { account, first, count, header, service } => {
            let (from, to) = (441_632_960_000 + first, 441_632_960_000 + first + count - 1);
            let form = UploadForm {
                custom_sip_header: format!("h{header}"),
                service: service.to_owned(),
                ..upload_form(NAMES[account], &format!("+{from}-+{to}"))
            };
            let order = world.stage_form(&form).await;
            let done = orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), order, true).await;
            submitted.extend(matches!(done, Ok(Submitted::Done)).then_some(order));
        }
        Step::Release { first, count } => {
            let chosen = (first..first + count).filter_map(|n| E164::from_i64(441_632_960_000 + n)).collect();
            let selection = ReleaseSelection::Numbers(None, chosen);
            if let Ok(order) = orders::stage_release(&world.ctx, &grant(), &selection, None).await {
                let done = orders::submit(&world.ctx, &right(OrderKind::Release), &origin(), order, true).await;
                submitted.extend(matches!(done, Ok(Submitted::Done)).then_some(order));
            }
        }
        Step::Answer { account, kind, modulus } => {
            let account = world.get(NAMES[account]).await;
            world.backend_answers(&account, kind, |n| n.as_i64() % modulus == 0).await;
        }
        Step::Retry { back } => {
            if let Some(order) = submitted.iter().rev().nth(back) {
                let kind = world.order(*order).await.kind;
                let _ = orders::retry_failed(&world.ctx, &right(kind), &origin(), *order).await;
            }
        }
        Step::Change { account, screening, label, synced } => {
            change(world, account, screening, label, synced).await;
        }
        Step::Ask { .. } => {}
    }
}

async fn a_copy_ends_with_what_there_is(world: World) {
    for account in 0..2 {
        world.create(&form(account, true, 0, true)).await;
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut early, mut small) = (Copy::default(), SmallCopy::new(&world.db).await);
    let (mut submitted, mut seen) = (Vec::new(), 0);
    for index in 0..160 {
        let step = step().new_tree(&mut runner).unwrap().current();
        if let Step::Ask { pages } = step {
            for _ in 0..pages {
                early.ask(&world.ctx).await;
                small.ask(&world.db).await;
            }
        } else {
            take(&world, step.clone(), &mut submitted).await;
        }
        if index % 10 == 9 {
            let present = present(&world.db).await;
            let mut late = Copy::default();
            late.catch_up(&world.ctx).await;
            early.catch_up(&world.ctx).await;
            while small.ask(&world.db).await {}
            assert_eq!(late.numbers, present, "all at once, after step {index} {step:?}");
            assert_eq!(early.numbers, present, "bit by bit, after step {index} {step:?}");
            assert_eq!(small.numbers, present, "in small pages, after step {index} {step:?}");
            seen += present.len();
        }
    }
    assert!(submitted.len() > 30 && seen > 100, "the steps do something: {submitted:?} {seen}");
}

/// Writers, a backend and a reader at once: what is committed late is not skipped.
async fn a_copy_keeps_up_with_many_who_write(world: World) {
    let mut writers = Vec::new();
    for index in 0..4_i64 {
        writers.push((index, world.account(&format!("account-{index}")).await));
    }
    let (mut copy, mut small) = (Copy::default(), SmallCopy::new(&world.db).await);
    let write = async |(index, account): &(i64, Account)| {
        for round in 0..12_i64 {
            let first = 441_632_900_000 + index * 1_000 + round * 7;
            world.upload(&account.name, &format!("+{first}-+{}", first + 9)).await;
            world.backend_answers(account, OrderKind::Upload, |n| n.as_i64() % 3 != round % 3).await;
            let gone = (first..first + 4).filter_map(E164::from_i64).collect();
            let selection = ReleaseSelection::Numbers(None, gone);
            let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
            world.submit(order).await;
            world.backend_answers(account, OrderKind::Release, |n| n.as_i64() % 2 == 0).await;
        }
    };
    let writing = futures_util::future::join_all(writers.iter().map(write));
    let reading = async {
        loop {
            copy.ask(&world.ctx).await;
            small.ask(&world.db).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        _ = writing => {}
        () = reading => {}
    }
    copy.catch_up(&world.ctx).await;
    while small.ask(&world.db).await {}
    let present = present(&world.db).await;
    assert!(present.len() > 100, "{}", present.len());
    assert_eq!(copy.numbers, present);
    assert_eq!(small.numbers, present);
}

/// An answer that is written down and not committed keeps others from being handed over before it.
#[test]
fn what_is_committed_late_is_not_skipped() {
    crate::harness::database::run(crate::harness::database::Kind::Postgres, async |world: World| {
        let accounts = [world.account("contoso").await, world.account("fabrikam").await];
        world.upload("contoso", "+441632960000").await;
        world.upload("fabrikam", "+441632961000").await;
        let mut copy = Copy::default();
        copy.catch_up(&world.ctx).await;
        let Db::Postgres(server) = &world.db else { panic!("not the database that was asked for") };
        let mut slow = server.aside.begin().await.unwrap();
        for statement in [
            "UPDATE numbers SET state = 'failed' WHERE telephone_number = 441632960000",
            "
            INSERT INTO answers (seq, numbers)
            SELECT next, '441632960000'
            FROM sequences
            WHERE name = 'answers'",
            "UPDATE sequences SET next = next + 1 WHERE name = 'answers'",
        ] {
            sqlx::query(statement).execute(&mut *slow).await.unwrap();
        }
        let fast = world.backend_answers(&accounts[1], OrderKind::Upload, |_| true);
        let commit = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            copy.catch_up(&world.ctx).await;
            assert_eq!(copy.numbers, present(&world.db).await);
            slow.commit().await.unwrap();
        };
        tokio::join!(fast, commit);
        copy.catch_up(&world.ctx).await;
        assert_eq!(copy.numbers, present(&world.db).await);
        let states: Vec<&str> = copy.numbers.values().map(|number| number.state.key()).collect();
        assert_eq!(states, ["failed", "synced"]);
    });
}

async fn a_long_order_comes_in_pages(world: World) {
    world.local_account("contoso").await;
    let mut copy = Copy::default();
    copy.catch_up(&world.ctx).await;
    world.upload("contoso", "+441632960000-+441632962499").await;
    let mut pages = 1;
    while copy.ask(&world.ctx).await {
        pages += 1;
        assert_eq!(copy.numbers.len(), (pages - 1) * 1_000);
    }
    assert_eq!((pages, copy.numbers.len()), (3, 2_500));
    assert!(!copy.ask(&world.ctx).await);
    // From the beginning it is as many, and the news that nothing has changed meanwhile.
    let (mut late, mut pages) = (Copy::default(), 1);
    while late.ask(&world.ctx).await {
        pages += 1;
    }
    assert_eq!((pages, late.numbers == copy.numbers), (4, true));
    // A change of the account is one of each of its numbers.
    let rev = world.get("contoso").await.rev;
    let form = AccountForm {
        tenant_id: crate::harness::world::FABRIKAM.to_owned(),
        services: Service::OperatorConnect.into(),
        ..account_form("contoso", CONTOSO)
    };
    let form = AccountForm { correlation_id: "crm-1".to_owned(), tenant_id: CONTOSO.to_owned(), ..form };
    accounts::update(&world.ctx, &grant(), &origin(), "contoso", rev, &form).await.unwrap();
    late.catch_up(&world.ctx).await;
    assert_eq!(late.numbers, present(&world.db).await);
}

async fn a_release_that_fails_brings_the_number_back(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0001").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let mut copy = Copy::default();
    copy.catch_up(&world.ctx).await;
    let numbers = vec![number("+441632960000"), number("+441632960001")];
    let selection = ReleaseSelection::Numbers(None, numbers.clone());
    let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    world.submit(order).await;
    copy.catch_up(&world.ctx).await;
    assert!(copy.numbers.is_empty(), "what is being released is gone to calls");
    world.backend_answers(&account, OrderKind::Release, |n| n == numbers[0]).await;
    copy.catch_up(&world.ctx).await;
    let left: Vec<_> = copy.numbers.values().map(|found| (found.telephone_number, found.state.key())).collect();
    assert_eq!(left, [(numbers[1], "failed")]);
}

async fn a_cursor_of_elsewhere_is_refused(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0003").await;
    let mut copy = Copy::default();
    copy.catch_up(&world.ctx).await;
    let cursor = Cursor::decode(copy.cursor.as_deref().unwrap()).unwrap();
    let ask = async |ctx: &Ctx| feed(ctx, &grant(), Some(&cursor)).await.unwrap().is_some();
    assert!(ask(&world.ctx).await);
    // Another configuration tells numbers otherwise.
    let policy = Policy { sip_header: "X-Other".to_owned(), ..(*world.ctx.policy).clone() };
    assert!(!ask(&Ctx::new(world.db.clone(), world.ctx.clock.clone(), policy)).await);
    // A backup from before the cursor, and then another course of things.
    execute(&world.db, "DELETE FROM audit WHERE seq = 2").await;
    assert!(!ask(&world.ctx).await);
    execute(&world.db, "UPDATE sequences SET next = 2 WHERE name = 'audit'").await;
    world.upload("contoso", "+441632960009").await;
    assert!(!ask(&world.ctx).await);
    // A whole new beginning.
    let mut anew = Copy::default();
    anew.catch_up(&world.ctx).await;
    assert_eq!(anew.numbers, present(&world.db).await);
}
