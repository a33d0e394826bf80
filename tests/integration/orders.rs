//! Orders after they were submitted: results, retries, later orders, releases; and what always holds.

use nmp::domain::{Deed, E164, ItemState, OrderKind, OrderStatus, Refusal, SyncState, Verdict};
use nmp::service::orders::{self, ItemSelection, ReleaseSelection, Submitted};
use nmp::service::staging::UploadForm;
use nmp::service::{Error, numbers};
use nmp::store::{NumberFilter, OrderFilter, Page};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, origin, right, upload_form};

on_both_databases![
    results_come_number_by_number,
    failed_numbers_are_tried_again,
    a_later_order_takes_numbers_over,
    an_answer_for_an_overtaken_number_does_not_count,
    a_release_takes_numbers_away,
    assigned_numbers_are_named_before_a_release,
    a_release_of_all_that_match_takes_what_was_shown,
    a_number_that_went_meanwhile_is_reviewed_again,
    a_number_tells_its_life,
    orders_are_found_by_every_filter,
    whatever_is_done_the_counters_hold,
];

async fn retry(world: &World, order: i64) -> Result<i64, Error> {
    let kind = world.order(order).await.kind;
    orders::retry_failed(&world.ctx, &right(kind), &origin(), order).await
}

async fn stage_release(world: &World, selection: ReleaseSelection) -> i64 {
    orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap()
}

fn even(number: E164) -> bool {
    number.as_i64() % 2 == 0
}

async fn results_come_number_by_number(world: World) {
    let account = world.account("contoso").await;
    let order = world.upload("contoso", "+441632960000-0009").await;
    world.backend_answers(&account, OrderKind::Upload, even).await;
    let done = world.order(order).await;
    assert_eq!(done.status, OrderStatus::CompleteWithErrors);
    assert_eq!((done.progress.done, done.progress.failed), (5, 5));
    let causes = orders::causes(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!(causes.len(), 1);
    assert_eq!((causes[0].count, causes[0].retryable, causes[0].example), (5, 5, number("+441632960001")));
    assert_eq!(causes[0].error.message, "Invalid/missing required configuration attributes: Usage");
    let failed = orders::items(
        &world.ctx,
        &grant(),
        order,
        ItemSelection { state: Some(ItemState::Failed), ..ItemSelection::default() },
        Page::First,
    )
    .await
    .unwrap();
    assert_eq!(failed.items.len(), 5);
    let one = numbers::get(&world.ctx, &grant(), number("+441632960001")).await.unwrap();
    assert_eq!((one.state, one.error.as_deref()), (SyncState::Failed, Some(&causes[0].error)));
    let all = world.upload("contoso", "+441632961000-1002").await;
    world.backend_answers(&account, OrderKind::Upload, |_| false).await;
    assert_eq!(world.order(all).await.status, OrderStatus::Failed);
    world.check_invariants().await;
}

async fn failed_numbers_are_tried_again(world: World) {
    let account = world.account("contoso").await;
    let order = world.upload("contoso", "+441632960000-0009").await;
    assert!(matches!(retry(&world, order).await, Err(Error::Conflict(_))));
    world.backend_answers(&account, OrderKind::Upload, even).await;
    assert_eq!(retry(&world, order).await.unwrap(), 5);
    let again = world.order(order).await;
    assert_eq!((again.status, again.progress.waiting(), again.finished_at), (OrderStatus::InProgress, 5, None));
    world.check_invariants().await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert!(orders::causes(&world.ctx, &grant(), order).await.unwrap().is_empty());
    assert!(matches!(retry(&world, order).await, Err(Error::Conflict(_))));
    world.check_invariants().await;
}

async fn a_later_order_takes_numbers_over(world: World) {
    let account = world.account("contoso").await;
    let first = world.upload("contoso", "+441632960000-0009").await;
    let changed = UploadForm { custom_sip_header: "later".into(), ..upload_form("contoso", "+441632960000-0003") };
    let second = world.stage_form(&changed).await;
    assert!(matches!(world.submit(second).await, Submitted::Done));
    let progress = world.order(first).await.progress;
    assert_eq!((progress.superseded, progress.waiting()), (4, 6));
    world.check_invariants().await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    for order in [first, second] {
        assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    }
    let progress = world.order(first).await.progress;
    assert_eq!((progress.done, progress.superseded), (6, 4));
    world.check_invariants().await;
    // A failure that a later order took over is not tried again for the earlier one.
    let third = world.upload("contoso", "+441632961000").await;
    world.backend_answers(&account, OrderKind::Upload, |_| false).await;
    let fourth = world
        .stage_form(&UploadForm { custom_sip_header: "x".into(), ..upload_form("contoso", "+441632961000") })
        .await;
    assert!(matches!(world.submit(fourth).await, Submitted::Done));
    assert!(matches!(retry(&world, third).await, Err(Error::Conflict(_))));
    world.check_invariants().await;
}

async fn an_answer_for_an_overtaken_number_does_not_count(world: World) {
    let account = world.account("contoso").await;
    let first = world.upload("contoso", "+441632960000-0001").await;
    let now = world.clock.now();
    let tenant_id = account.tenant_id.as_ref().unwrap();
    let new = nmp::store::NewPush {
        backend: world.ctx.policy.backends.iter().next().unwrap(),
        pushed: account.pushed(world.ctx.policy.backends.provisioned()),
        request_id: "r1".into(),
        account_id: account.id,
        tenant_id,
        kind: OrderKind::Upload,
        size: 1_000,
    };
    let mut tx = world.db.begin().await.unwrap();
    let push = tx.plan_push(&new, now).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.order(first).await.status, OrderStatus::InProgress);
    let changed = UploadForm { custom_sip_header: "later".into(), ..upload_form("contoso", "+441632960000") };
    let second = world.stage_form(&changed).await;
    assert!(matches!(world.submit(second).await, Submitted::Done));
    let mut tx = world.db.begin().await.unwrap();
    let carried = tx.pushes(account.id, nmp::domain::OPERATOR_CONNECT).await.unwrap().remove(0);
    let both = tx.push_numbers(push.id).await.unwrap();
    assert_eq!(both.len(), 2);
    tx.record_outcome(&carried, &both, nmp::store::PushOutcome::Done, now).await.unwrap();
    // Told twice, it counts once.
    tx.record_outcome(&carried, &both, nmp::store::PushOutcome::Done, now).await.unwrap();
    assert!(tx.end_push_if_empty(push.id).await.unwrap());
    tx.commit().await.unwrap();
    let (first, second) = (world.order(first).await, world.order(second).await);
    assert_eq!((first.progress.done, first.progress.superseded), (1, 1));
    assert_eq!((second.progress.done, second.status.is_final()), (0, false), "the new settings are still to be pushed");
    let one = numbers::get(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    assert_eq!(one.state, SyncState::Pending);
    world.check_invariants().await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    assert_eq!(world.order(second.id).await.status, OrderStatus::Complete);
    world.check_invariants().await;
}

async fn a_release_takes_numbers_away(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let chosen = vec![number("+441632960000"), number("+441632960001"), number("+441632969999")];
    let order = stage_release(&world, ReleaseSelection::Numbers(None, chosen)).await;
    let review = world.review(order).await;
    assert_eq!(review.count(Verdict::Release), 2);
    assert_eq!(review.order.accounts, "contoso");
    let wrong = orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), order, false).await;
    assert!(matches!(wrong, Err(Error::NotFound("order"))), "the right to upload is no right to release");
    assert!(matches!(world.submit(order).await, Submitted::Done));
    assert_eq!(world.get("contoso").await.number_count, 10, "they count until the backend has let go");
    world.backend_answers(&account, OrderKind::Release, |n| n == number("+441632960000")).await;
    assert_eq!(world.order(order).await.status, OrderStatus::CompleteWithErrors);
    assert_eq!(world.get("contoso").await.number_count, 9);
    let kept = numbers::get(&world.ctx, &grant(), number("+441632960001")).await.unwrap();
    assert_eq!(kept.state, SyncState::Failed);
    world.check_invariants().await;
    assert_eq!(retry(&world, order).await.unwrap(), 1);
    let kept = numbers::get(&world.ctx, &grant(), number("+441632960001")).await.unwrap();
    assert_eq!(kept.state, SyncState::Releasing, "a release is tried again as a release");
    world.backend_answers(&account, OrderKind::Release, |_| true).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert_eq!(world.get("contoso").await.number_count, 8);
    world.check_invariants().await;
    let none = orders::stage_release(&world.ctx, &grant(), &ReleaseSelection::Numbers(None, Vec::new()), None).await;
    assert!(matches!(none, Err(Error::Invalid(_))));
    let unknown = ReleaseSelection::Numbers(None, vec![number("+441632960000")]);
    assert!(matches!(orders::stage_release(&world.ctx, &grant(), &unknown, None).await, Err(Error::Conflict(_))));
}

async fn assigned_numbers_are_named_before_a_release(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let assigned = [number("+441632960003"), number("+441632960007")];
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(tx.mark_assigned(CONTOSO, &assigned).await.unwrap(), 2);
    assert_eq!(tx.mark_assigned(CONTOSO, &assigned).await.unwrap(), 0);
    assert_eq!(tx.mark_assigned(FABRIKAM, &[number("+441632960001")]).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let all = NumberFilter { account: Some("contoso".into()), ..NumberFilter::default() };
    let order = stage_release(&world, ReleaseSelection::Matching(Box::new(all))).await;
    assert_eq!(world.review(order).await.assigned, (2, assigned.to_vec()));
}

async fn a_release_of_all_that_match_takes_what_was_shown(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let ends = NumberFilter { ends: Some("5".into()), ..NumberFilter::default() };
    let order = stage_release(&world, ReleaseSelection::Matching(Box::new(ends.clone()))).await;
    // Another number that matches comes after the review.
    world.upload("contoso", "+441632961115").await;
    assert!(matches!(world.submit(order).await, Submitted::Done));
    assert_eq!(world.order(order).await.progress.total, 1);
    world.check_invariants().await;
}

async fn a_number_that_went_meanwhile_is_reviewed_again(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0004").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let all = || ReleaseSelection::Matching(Box::default());
    let one = ReleaseSelection::Numbers(None, vec![number("+441632960002")]);
    let (slow, fast) = (stage_release(&world, all()).await, stage_release(&world, one).await);
    assert!(matches!(world.submit(fast).await, Submitted::Done));
    assert!(matches!(world.submit(slow).await, Submitted::Moved(1)));
    assert_eq!(world.review(slow).await.count(Verdict::Refused(Refusal::Releasing)), 1);
    world.backend_answers(&account, OrderKind::Release, |_| true).await;
    let refused = orders::submit(&world.ctx, &right(OrderKind::Release), &origin(), slow, true).await.unwrap();
    assert!(matches!(refused, Submitted::Done), "{refused:?}");
    world.backend_answers(&account, OrderKind::Release, |_| true).await;
    assert!(world.stored().await.is_empty());
    assert_eq!(world.get("contoso").await.number_count, 0);
    world.check_invariants().await;
}

async fn a_number_tells_its_life(world: World) {
    let account = world.account("contoso").await;
    let first = world.upload("contoso", "+441632960000").await;
    world.backend_answers(&account, OrderKind::Upload, |_| false).await;
    world.stage("contoso", "+441632960000").await;
    let second = world.upload("contoso", "+441632960000").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let life = numbers::history(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    let orders: Vec<_> = life.iter().map(|event| event.order_id).collect();
    assert_eq!(orders, [second, first], "the newest first, drafts not among them");
    let all = ReleaseSelection::Matching(Box::default());
    let release = stage_release(&world, all).await;
    assert!(matches!(world.submit(release).await, Submitted::Done));
    world.backend_answers(&account, OrderKind::Release, |_| true).await;
    let life = numbers::history(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    assert_eq!(life.len(), 3, "its life stays when it is gone");
}

async fn orders_are_found_by_every_filter(world: World) {
    world.local_account("contoso").await;
    world.local_account("fabrikam").await;
    for index in 0..60 {
        let account = if index % 3 == 0 { "fabrikam" } else { "contoso" };
        let ticket = if index % 10 == 0 { "CHG-7" } else { "" };
        let form = UploadForm { ticket: ticket.into(), ..upload_form(account, &format!("+44163296{index:04}")) };
        let order = world.stage_form(&form).await;
        if index % 2 == 0 {
            assert!(matches!(world.submit(order).await, Submitted::Done));
        }
    }
    let count = async |filter: OrderFilter| {
        let (mut page, mut all) = (Page::First, Vec::new());
        loop {
            let found = orders::list(&world.ctx, &grant(), &filter, page).await.unwrap();
            all.extend(found.orders.iter().map(|order| order.id));
            if !found.more_after {
                assert!(all.is_sorted_by(|a, b| a > b));
                return all.len();
            }
            page = Page::After(*all.last().unwrap());
        }
    };
    let any = OrderFilter::default;
    assert_eq!(count(any()).await, 60);
    assert_eq!(count(OrderFilter { status: Some(OrderStatus::Complete), ..any() }).await, 30);
    assert_eq!(count(OrderFilter { account: Some("fabrikam".into()), ..any() }).await, 20);
    assert_eq!(count(OrderFilter { ticket: Some("CHG-7".into()), ..any() }).await, 6);
    assert_eq!(count(OrderFilter { author: Some("Alex Admin".into()), ..any() }).await, 60);
    assert_eq!(count(OrderFilter { author: Some("Wren Writer".into()), ..any() }).await, 0);
    assert_eq!(count(OrderFilter { deed: Some(Deed::Release), ..any() }).await, 0);
    let back = orders::list(&world.ctx, &grant(), &any(), Page::Before(5)).await.unwrap();
    assert_eq!(back.orders.first().map(|order| order.id), Some(55));
    assert!(back.more_before && back.more_after);
}

/// Something that happens to two accounts.
#[derive(Clone, Debug)]
enum Step {
    Upload { account: usize, first: i64, count: i64, header: u8 },
    Release { first: i64, count: i64 },
    Answer { account: usize, kind: OrderKind, modulus: i64 },
    Retry { back: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(OrderKind::Upload), Just(OrderKind::Release)];
    prop_oneof![
        3 => (0..2_usize, 0..30_i64, 1..20_i64, 0..3_u8)
            .prop_map(|(account, first, count, header)| Step::Upload { account, first, count, header }),
        2 => (0..40_i64, 1..15_i64).prop_map(|(first, count)| Step::Release { first, count }),
        3 => (0..2_usize, kind, 1..5_i64).prop_map(|(account, kind, modulus)| Step::Answer { account, kind, modulus }),
        1 => (0..5_usize).prop_map(|back| Step::Retry { back }),
    ]
}

async fn whatever_is_done_the_counters_hold(world: World) {
    let accounts = [world.account("contoso").await, world.create(&account_form("fabrikam", FABRIKAM)).await];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut submitted: Vec<i64> = Vec::new();
    for _ in 0..80 {
        let step = step().new_tree(&mut runner).unwrap().current();
        match step {
            Step::Upload { account, first, count, header } => {
                let (from, to) = (441_632_960_000 + first, 441_632_960_000 + first + count - 1);
                let form = UploadForm {
                    custom_sip_header: format!("h{header}"),
                    ..upload_form(&accounts[account].name, &format!("+{from}-+{to}"))
                };
                let order = world.stage_form(&form).await;
                if matches!(
                    orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), order, true).await,
                    Ok(Submitted::Done)
                ) {
                    submitted.push(order);
                }
            }
            Step::Release { first, count } => {
                let chosen = (first..first + count).filter_map(|n| E164::from_i64(441_632_960_000 + n)).collect();
                let staged =
                    orders::stage_release(&world.ctx, &grant(), &ReleaseSelection::Numbers(None, chosen), None).await;
                if let Ok(order) = staged
                    && matches!(
                        orders::submit(&world.ctx, &right(OrderKind::Release), &origin(), order, true).await,
                        Ok(Submitted::Done)
                    )
                {
                    submitted.push(order);
                }
            }
            Step::Answer { account, kind, modulus } => {
                world.backend_answers(&accounts[account], kind, |n| n.as_i64() % modulus == 0).await;
            }
            Step::Retry { back } => {
                if let Some(order) = submitted.iter().rev().nth(back) {
                    let _ = retry(&world, *order).await;
                }
            }
        }
        world.check_invariants().await;
    }
    assert!(submitted.len() > 20, "the steps do something: {submitted:?}");
    for account in &accounts {
        for kind in [OrderKind::Upload, OrderKind::Release] {
            world.backend_answers(account, kind, |_| true).await;
        }
    }
    world.check_invariants().await;
    for order in submitted {
        assert!(world.order(order).await.status.is_final(), "order {order}");
    }
}
