//! Moving numbers: within a tenant at once, to another one by way of a release, in one order.

use nmp::authz::Role;
use nmp::domain::{AccountForm, Moves, OrderKind, OrderStatus, Refusal, ServiceSet, SyncState, Verdict};
use nmp::service::bulk::{self, EditForm, Selection};
use nmp::service::orders::{self, OrderRight, Submitted};
use nmp::service::quarantine::{OverrideForm, override_quarantine};
use nmp::service::{Error, numbers};

use super::{done, get, submit, ticked, written};
use crate::harness::database::texts;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, origin, person};

on_both_databases![
    within_a_tenant_numbers_go_over_at_once,
    numbers_are_moved_by_list,
    to_another_tenant_they_are_released_and_uploaded_in_one_order,
    a_release_that_is_refused_can_be_tried_again,
    local_numbers_go_to_another_tenant_at_once,
    what_stands_against_a_move_is_told,
    what_a_backend_has_in_hand_does_not_move,
];

const FIRST: &str = "+441632960000";
const SECOND: &str = "+441632960001";

pub(super) fn to(account: &str) -> EditForm {
    EditForm { to: account.to_owned(), ..EditForm::default() }
}

pub(super) async fn stage_move(world: &World, selection: &Selection, form: &EditForm) -> i64 {
    bulk::stage_move(&world.ctx, &grant(), Some(&grant()), selection, form).await.unwrap()
}

/// Two synced numbers of contoso, and accounts of the same tenant and of another.
pub(super) async fn synced(world: &World) {
    let account = world.account("contoso").await;
    world.account("contoso-2").await;
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    world.upload("contoso", "+441632960000-0001").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
}

pub(super) async fn let_out(world: &World, order: i64) {
    let form = OverrideForm { numbers: None, reason: "The enterprises have merged".to_owned() };
    override_quarantine(&world.ctx, &grant(), &origin(), order, &form).await.unwrap();
}

async fn within_a_tenant_numbers_go_over_at_once(world: World) {
    synced(&world).await;
    let order = stage_move(&world, &super::all(), &to("contoso-2")).await;
    let review = world.review(order).await;
    assert_eq!(review.counts, [(Verdict::Changed, 2)]);
    assert_eq!(review.order.moves, Some(Moves::WithinTenant));
    let difference = &review.groups[0].differences[0];
    assert_eq!((difference.label, &*difference.before, &*difference.after), ("Account", "contoso", "contoso-2"));
    assert!(review.warnings.iter().any(|text| text.contains("no call is lost")), "{:?}", review.warnings);
    done(&world, order).await;
    let moved = get(&world, FIRST).await;
    assert_eq!((&*moved.account, moved.state), ("contoso-2", SyncState::Synced), "the backend has nothing to do");
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert_eq!(world.get("contoso").await.number_count, 0);
    assert_eq!(world.get("contoso-2").await.number_count, 2);
    let holdings = numbers::holdings(&world.ctx, &grant(), number(FIRST)).await.unwrap();
    let held: Vec<_> = holdings.iter().map(|one| (one.holder.account.as_str(), one.until.is_some())).collect();
    assert_eq!(held, [("contoso-2", false), ("contoso", true)]);
    let audit = "SELECT after FROM audit WHERE action = 'order.submit' ORDER BY seq DESC LIMIT 1";
    let said = &texts(&world.db, audit).await[0];
    assert!(said.contains("contoso, contoso-2") && said.contains("\"moves\":\"account\""), "{said}");
}

async fn numbers_are_moved_by_list(world: World) {
    synced(&world).await;
    let order = stage_move(&world, &written("+441632960001\n+441632960999"), &to("contoso-2")).await;
    let review = world.review(order).await;
    assert_eq!((review.counts.as_slice(), review.problems.len()), (&[(Verdict::Changed, 1)][..], 1));
    // Who is there already stays.
    let order = stage_move(&world, &super::all(), &to("contoso")).await;
    assert_eq!(world.review(order).await.counts, [(Verdict::Unchanged, 2)]);
}

async fn to_another_tenant_they_are_released_and_uploaded_in_one_order(world: World) {
    synced(&world).await;
    let order = stage_move(&world, &super::all(), &to("fabrikam")).await;
    let review = world.review(order).await;
    assert_eq!(review.order.moves, Some(Moves::ToOtherTenant));
    assert_eq!(review.counts, [(Verdict::Refused(Refusal::Quarantine), 2)]);
    assert!(review.refused[0].refusal().unwrap().contains("Would leave account contoso"), "{:?}", review.refused[0]);
    let range = &review.quarantined[0];
    assert_eq!((range.count, range.had_it.as_deref(), range.leaves), (2, Some("contoso"), true), "{range:?}");
    assert!(
        review.warnings.iter().any(|text| text.contains("In between it cannot be called")),
        "{:?}",
        review.warnings
    );
    let_out(&world, order).await;
    assert_eq!(world.review(order).await.counts, [(Verdict::Changed, 2)]);
    let writer = OrderRight::of(&person("Wanda", &[Role::ReadUser, Role::WriteUser]), OrderKind::Upload).unwrap();
    let refused = orders::submit(&world.ctx, &writer, &origin(), order, false).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "it takes the right to release too: {refused:?}");
    done(&world, order).await;
    let leaving = get(&world, FIRST).await;
    assert_eq!((&*leaving.account, leaving.state), ("contoso", SyncState::Releasing));
    // The backend releases one after the other; each goes over with the answer.
    world.backend_answers(&world.get("contoso").await, OrderKind::Release, |_| true).await;
    world.check_invariants().await;
    let arrived = get(&world, FIRST).await;
    assert_eq!((&*arrived.account, arrived.state), ("fabrikam", SyncState::Pending));
    assert_eq!(world.order(order).await.progress.done, 0, "it is not done by that");
    assert_eq!((world.get("contoso").await.number_count, world.get("fabrikam").await.number_count), (0, 2));
    world.backend_answers(&world.get("fabrikam").await, OrderKind::Upload, |_| true).await;
    world.check_invariants().await;
    assert_eq!(get(&world, SECOND).await.state, SyncState::Synced);
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    let holdings = numbers::holdings(&world.ctx, &grant(), number(FIRST)).await.unwrap();
    let held: Vec<_> = holdings.iter().map(|one| one.holder.account.as_str()).collect();
    assert_eq!(held, ["fabrikam", "contoso"]);
}

async fn a_release_that_is_refused_can_be_tried_again(world: World) {
    synced(&world).await;
    let order = stage_move(&world, &super::all(), &to("fabrikam")).await;
    let_out(&world, order).await;
    done(&world, order).await;
    world.backend_answers(&world.get("contoso").await, OrderKind::Release, |one| one != number(FIRST)).await;
    world.check_invariants().await;
    let failed = get(&world, FIRST).await;
    assert_eq!((&*failed.account, failed.state), ("contoso", SyncState::Failed));
    assert_eq!(world.order(order).await.progress.failed, 1);
    let right = OrderRight::of_order(&person("Alex Admin", &[Role::AdminUser]), &world.order(order).await).unwrap();
    assert_eq!(orders::retry_failed(&world.ctx, &right, &origin(), order).await.unwrap(), 1);
    assert_eq!(get(&world, FIRST).await.state, SyncState::Releasing);
    world.backend_answers(&world.get("contoso").await, OrderKind::Release, |_| true).await;
    world.backend_answers(&world.get("fabrikam").await, OrderKind::Upload, |_| true).await;
    world.check_invariants().await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert_eq!(&*get(&world, FIRST).await.account, "fabrikam");
}

async fn local_numbers_go_to_another_tenant_at_once(world: World) {
    world.local_account("contoso").await;
    let local = AccountForm { synced: ServiceSet::default(), ..account_form("fabrikam", FABRIKAM) };
    world.create(&local).await;
    world.upload("contoso", FIRST).await;
    let order = stage_move(&world, &ticked(&[FIRST]), &to("fabrikam")).await;
    let_out(&world, order).await;
    done(&world, order).await;
    let moved = get(&world, FIRST).await;
    assert_eq!((&*moved.account, moved.state), ("fabrikam", SyncState::Synced));
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    // Whoever had it may have it back.
    let back = stage_move(&world, &ticked(&[FIRST]), &to("contoso")).await;
    assert_eq!(world.review(back).await.counts, [(Verdict::Changed, 1)]);
}

async fn what_stands_against_a_move_is_told(world: World) {
    world.facts(CONTOSO).await;
    synced(&world).await;
    let stage = async |release: bool, selection: &Selection, form: &EditForm| {
        let right = grant();
        bulk::stage_move(&world.ctx, &grant(), release.then_some(&right), selection, form).await
    };
    for (form, field) in [(to(""), "to"), (to("nobody"), "to")] {
        let refused = stage(true, &super::all(), &form).await;
        assert!(matches!(&refused, Err(Error::Invalid(problems)) if problems[0].field == field), "{refused:?}");
    }
    let refused = stage(false, &super::all(), &to("fabrikam")).await;
    let Err(Error::Invalid(problems)) = refused else { panic!("{refused:?}") };
    assert!(problems[0].message.contains("DeleteUser"), "{problems:?}");
    // An address does not go along, and a calling user needs one.
    let address =
        EditForm { civic_address: "address-1".into(), allow_tenant_address_update: "no".into(), ..EditForm::default() };
    let order = bulk::stage_edit(&world.ctx, &grant(), &super::all(), &address).await.unwrap();
    done(&world, order).await;
    world.backend_answers(&world.get("contoso").await, OrderKind::Upload, |_| true).await;
    let order = stage(true, &super::all(), &to("fabrikam")).await.unwrap();
    let review = world.review(order).await;
    assert_eq!(review.problems.len(), 2);
    assert!(review.problems[0].reason.contains("emergency address"), "{:?}", review.problems[0]);
    assert_eq!(review.order.moves, Some(Moves::ToOtherTenant), "also where nothing of it can be done");
    assert!(!review.warnings.iter().any(|text| text.contains("at once")), "{:?}", review.warnings);
    let allowed = EditForm { allow_tenant_address_update: "yes".into(), ..to("fabrikam") };
    let order = stage(true, &super::all(), &allowed).await.unwrap();
    let_out(&world, order).await;
    assert_eq!(world.review(order).await.touched.lost.0, 2);
    let differences: Vec<_> = world.review(order).await.groups[0].differences.iter().map(|one| one.label).collect();
    assert!(differences.contains(&"Civic address"), "{differences:?}");
}

async fn what_a_backend_has_in_hand_does_not_move(world: World) {
    synced(&world).await;
    let order = stage_move(&world, &super::all(), &to("contoso-2")).await;
    // Somebody else moved one meanwhile.
    let meanwhile = stage_move(&world, &ticked(&[FIRST]), &to("contoso-2")).await;
    done(&world, meanwhile).await;
    assert!(matches!(submit(&world, order).await, Submitted::Moved(_)));
    let review = world.review(order).await;
    assert_eq!((review.count(Verdict::Unchanged), review.count(Verdict::Changed)), (1, 1));
    done(&world, order).await;
    assert_eq!(world.get("contoso-2").await.number_count, 2);
}
