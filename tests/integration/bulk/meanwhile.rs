//! What is done meanwhile to the accounts and numbers of a draft, or of an order under way.

use std::time::Duration;

use nmp::authz::Role;
use nmp::domain::{
    AccountForm, FormOf, Moves, OrderKind, OrderStatus, Refusal, Service, ServiceSet, SyncState, UndoPart, Verdict,
};
use nmp::service::bulk::{self, ADD, EditForm, SET, Selection};
use nmp::service::orders::{self, Decision, OrderRight, ReleaseSelection, Submitted, UndoRight};
use nmp::service::staging::UploadForm;
use nmp::service::{Error, accounts};
use nmp::store::{Db, OrderToApply};

use super::moves::{let_out, stage_move, synced, to};
use super::{all, done, find, get, stage, submit, ticked};
use crate::harness::database::{execute, numbers};
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, origin, person};
use crate::harness::{eventually, on_both_databases};

on_both_databases![
    numbers_on_their_way_hold_the_account_that_gets_them,
    what_failed_is_not_tried_again_for_an_account_that_changed,
    an_order_that_was_submitted_is_not_made_anew,
    a_range_of_a_hundred_thousand_can_be_ticked,
    a_number_that_is_on_the_account_already_is_not_released,
    a_move_follows_the_tenants_of_its_accounts,
    an_order_outlives_an_account_that_is_deleted,
    nobody_is_moved_to_an_enterprise_whose_consent_is_withdrawn,
    what_was_changed_since_is_not_undone,
    settings_of_teams_are_refused_where_there_is_no_teams_service,
    a_change_makes_no_number_anew_that_was_released,
    what_others_changed_while_a_draft_was_made_stays,
    an_account_is_not_changed_while_an_order_is_submitted_for_it,
];

const FIRST: &str = "+441632960000";

fn admin() -> nmp::authz::Principal {
    person("Alex Admin", &[Role::AdminUser])
}

async fn change(world: &World, name: &str, form: &AccountForm) -> Result<(), Error> {
    let account = world.get(name).await;
    accounts::update(&world.ctx, &grant(), &origin(), name, account.rev, form).await.map(drop)
}

fn fields(refused: Result<(), Error>) -> Vec<&'static str> {
    let Err(Error::Invalid(problems)) = refused else { panic!("{refused:?}") };
    assert!(problems.iter().all(|problem| problem.message.contains("2 numbers of another enterprise are being moved")));
    problems.into_iter().map(|problem| problem.field).collect()
}

async fn numbers_on_their_way_hold_the_account_that_gets_them(world: World) {
    synced(&world).await;
    let order = stage_move(&world, &all(), &to("fabrikam")).await;
    let_out(&world, order).await;
    done(&world, order).await;
    let delete = async || accounts::delete(&world.ctx, &grant(), &origin(), "fabrikam", Some(&grant())).await;
    let refused = delete().await;
    assert!(matches!(&refused, Err(Error::Conflict(reason)) if reason.contains("being moved")), "{refused:?}");
    assert_eq!(fields(change(&world, "fabrikam", &account_form("fabrikam", CONTOSO)).await), ["tenant"]);
    let without = AccountForm { services: Service::DirectRouting.into(), ..account_form("fabrikam", FABRIKAM) };
    assert_eq!(fields(change(&world, "fabrikam", &without).await), ["service"]);
    world.backend_answers(&world.get("contoso").await, OrderKind::Release, |_| true).await;
    world.check_invariants().await;
    assert_eq!(&*get(&world, FIRST).await.account, "fabrikam");
}

async fn what_failed_is_not_tried_again_for_an_account_that_changed(world: World) {
    synced(&world).await;
    let order = stage_move(&world, &all(), &to("fabrikam")).await;
    let_out(&world, order).await;
    done(&world, order).await;
    world.backend_answers(&world.get("contoso").await, OrderKind::Release, |_| false).await;
    change(&world, "fabrikam", &account_form("fabrikam", "1f0c3d6e-5b7a-4c1d-9e21-7a4b8c2d9fff")).await.unwrap();
    let right = OrderRight::of_order(&admin(), &world.order(order).await).unwrap();
    let refused = orders::retry_failed(&world.ctx, &right, &origin(), order).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    let stays = get(&world, FIRST).await;
    assert_eq!((&*stays.account, stays.state), ("contoso", SyncState::Failed));
    world.check_invariants().await;
}

async fn an_order_that_was_submitted_is_not_made_anew(world: World) {
    synced(&world).await;
    let form = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..EditForm::default() };
    let order = stage(&world, &all(), &form).await;
    done(&world, order).await;
    let now = world.clock.now();
    let mut tx = world.db.begin().await.unwrap();
    assert!(!tx.begin_comparison(order, now).await.unwrap(), "it is no draft any more");
    drop(tx);
    let right = OrderRight::of(&admin(), OrderKind::Upload).unwrap();
    assert!(orders::compare_again(&world.ctx, &right, order).await.is_err());
    assert!(orders::look(&world.ctx, &grant(), order).await.unwrap().is_empty());
    let waiting = format!("SELECT COUNT(*) FROM order_items WHERE order_id = {order} AND state = 'pending'");
    assert_eq!(numbers(&world.db, &waiting).await, [2]);
}

async fn a_range_of_a_hundred_thousand_can_be_ticked(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0004\n+441632960010").await;
    let range: Vec<_> = (0..100_000).map(|n| number(&format!("+4416329{n:05}"))).collect();
    let looked = bulk::look(&world.ctx, &grant(), &Selection::Numbers(None, range)).await.unwrap();
    assert_eq!((looked.count, looked.groups.len()), (6, 1));
    // Many short stretches are looked at in several statements and stand together all the same.
    let gaps: Vec<_> = (0..1_000).map(|n| number(&format!("+44163296{:04}", n * 2))).collect();
    let looked = bulk::look(&world.ctx, &grant(), &Selection::Numbers(None, gaps)).await.unwrap();
    assert_eq!((looked.count, looked.groups.len()), (4, 1));
}

async fn a_number_that_is_on_the_account_already_is_not_released(world: World) {
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    world.local_account("contoso").await;
    world.upload("fabrikam", FIRST).await;
    world.upload("contoso", "+441632960001").await;
    // An import knows accounts without a tenant.
    execute(&world.db, "UPDATE accounts SET tenant_id = NULL WHERE name = 'fabrikam'").await;
    let form = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..to("fabrikam") };
    let order = stage_move(&world, &all(), &form).await;
    let_out(&world, order).await;
    done(&world, order).await;
    let stays = get(&world, FIRST).await;
    assert_ne!(stays.state, SyncState::Releasing);
    assert_eq!(&*stays.account, "fabrikam");
    let ended = "SELECT COUNT(*) FROM holdings WHERE telephone_number = 441632960000 AND until IS NOT NULL";
    assert_eq!(numbers(&world.db, ended).await, [0], "nobody lost it");
}

async fn a_move_follows_the_tenants_of_its_accounts(world: World) {
    synced(&world).await;
    let moved = stage_move(&world, &ticked(&["+441632960001"]), &to("contoso-2")).await;
    done(&world, moved).await;
    let order = stage_move(&world, &ticked(&[FIRST]), &to("contoso-2")).await;
    let right = UndoRight::of(&admin(), &world.order(moved).await, UndoPart::Moved).unwrap();
    let undo = orders::stage_undo(&world.ctx, &right, moved, UndoPart::Moved).await.unwrap();
    assert_eq!(world.order(order).await.moves, Some(Moves::WithinTenant));
    // The number that came stands against another tenant until it is gone.
    let local = AccountForm { synced: ServiceSet::default(), ..account_form("contoso-2", CONTOSO) };
    change(&world, "contoso-2", &local).await.unwrap();
    execute(
        &world.db,
        &format!("UPDATE accounts SET tenant_id = '{FABRIKAM}', rev = rev + 1 WHERE name = 'contoso-2'"),
    )
    .await;
    for draft in [order, undo] {
        assert!(matches!(submit(&world, draft).await, Submitted::Moved(_)));
        let found = world.order(draft).await;
        assert_eq!((found.moves, found.status), (Some(Moves::ToOtherTenant), OrderStatus::Draft));
    }
    assert_eq!(world.order(undo).await.form_of, FormOf::Undo);
}

async fn an_order_outlives_an_account_that_is_deleted(world: World) {
    world.local_account("contoso").await;
    let other = AccountForm { synced: ServiceSet::default(), ..account_form("fabrikam", FABRIKAM) };
    world.create(&other).await;
    world.upload("contoso", FIRST).await;
    world.upload("fabrikam", "+441632960001").await;
    let selection = ReleaseSelection::Matching(Box::default());
    let released = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    done(&world, released).await;
    accounts::delete(&world.ctx, &grant(), &origin(), "fabrikam", None).await.unwrap();
    let right = UndoRight::of(&admin(), &world.order(released).await, UndoPart::Released).unwrap();
    let undo = orders::stage_undo(&world.ctx, &right, released, UndoPart::Released).await.unwrap();
    assert_eq!(world.review(undo).await.count(Verdict::New), 1);
    let decision = Decision { good_only: true, ..Decision::default() };
    let right = OrderRight::of(&admin(), OrderKind::Upload).unwrap();
    let submitted = orders::submit(&world.ctx, &right, &origin(), undo, decision).await.unwrap();
    assert!(matches!(submitted, Submitted::Done), "{submitted:?}");
    assert!(find(&world, FIRST).await.is_some() && find(&world, "+441632960001").await.is_none());
}

async fn nobody_is_moved_to_an_enterprise_whose_consent_is_withdrawn(world: World) {
    synced(&world).await;
    let order = stage_move(&world, &all(), &to("fabrikam")).await;
    let_out(&world, order).await;
    world.consent(FABRIKAM, "Fabrikam Inc", "removed").await;
    let staged = bulk::stage_move(&world.ctx, &grant(), Some(&grant()), &all(), &to("fabrikam")).await;
    let Err(Error::Invalid(problems)) = staged else { panic!("{staged:?}") };
    assert_eq!(problems[0].field, "to");
    assert!(problems[0].message.contains("The consent of account fabrikam is removed"), "{problems:?}");
    let right = OrderRight::of_order(&admin(), &world.order(order).await).unwrap();
    let submitted = orders::submit(&world.ctx, &right, &origin(), order, true).await;
    assert!(matches!(&submitted, Err(Error::Conflict(reason)) if reason.contains("is removed")), "{submitted:?}");
    assert_eq!(get(&world, FIRST).await.state, SyncState::Synced);
}

async fn what_was_changed_since_is_not_undone(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", FIRST).await;
    let form = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..EditForm::default() };
    let changed = stage(&world, &all(), &form).await;
    done(&world, changed).await;
    let right = UndoRight::of(&admin(), &world.order(changed).await, UndoPart::Changed).unwrap();
    let undo = orders::stage_undo(&world.ctx, &right, changed, UndoPart::Changed).await.unwrap();
    let other =
        EditForm { custom_sip_header_change: SET.into(), custom_sip_header: "later".into(), ..EditForm::default() };
    let later = stage(&world, &all(), &other).await;
    done(&world, later).await;
    let right = OrderRight::of(&admin(), OrderKind::Upload).unwrap();
    for _ in 0..2 {
        let submitted = orders::submit(&world.ctx, &right, &origin(), undo, Decision::default()).await;
        assert!(
            matches!(&submitted, Err(Error::Conflict(reason)) if reason.contains("changed since")),
            "{submitted:?}"
        );
    }
    assert_eq!(get(&world, FIRST).await.settings.custom_sip_header.as_deref(), Some("later"));
}

async fn settings_of_teams_are_refused_where_there_is_no_teams_service(world: World) {
    let zoom = Service::ZoomPhoneCloudPeering;
    let account = AccountForm { services: zoom.into(), synced: ServiceSet::default(), ..account_form("zoom", CONTOSO) };
    world.create(&account).await;
    let upload = UploadForm {
        account: "zoom".into(),
        further_service: vec![zoom.key().into()],
        numbers: FIRST.into(),
        ..UploadForm::default()
    };
    let order = world.stage_form(&upload).await;
    done(&world, order).await;
    let address = EditForm { civic_address: "address-1".into(), ..EditForm::default() };
    let order = stage(&world, &all(), &address).await;
    let review = world.review(order).await;
    assert_eq!((review.problems.len(), review.counts.len()), (1, 0));
    assert!(review.problems[0].reason.contains("Choose a Teams service too"), "{:?}", review.problems);
}

fn header(text: &str) -> EditForm {
    EditForm { custom_sip_header_change: SET.into(), custom_sip_header: text.into(), ..EditForm::default() }
}

async fn a_change_makes_no_number_anew_that_was_released(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0001").await;
    let order = stage(&world, &ticked(&[FIRST]), &header("one")).await;
    let release = ReleaseSelection::Numbers(None, vec![number(FIRST)]);
    let release = orders::stage_release(&world.ctx, &grant(), &release, None).await.unwrap();
    done(&world, release).await;
    let submitted = submit(&world, order).await;
    assert!(matches!(submitted, Submitted::Moved(_)), "{submitted:?}");
    assert_eq!(world.review(order).await.counts, [(Verdict::Refused(Refusal::Gone), 1)]);
    assert!(find(&world, FIRST).await.is_none());
}

async fn what_others_changed_while_a_draft_was_made_stays(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", FIRST).await;
    let order = stage(&world, &all(), &header("one")).await;
    let mobile = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..EditForm::default() };
    let other = stage(&world, &all(), &mobile).await;
    done(&world, other).await;
    // As if the other had been submitted between the reading of the numbers and their comparison.
    let seen = format!(
        "UPDATE order_items
        SET base_rev = (SELECT n.rev FROM numbers n WHERE n.telephone_number = order_items.telephone_number)
        WHERE order_id = {order}"
    );
    assert_eq!(execute(&world.db, &seen).await, 1);
    let submitted = submit(&world, order).await;
    assert!(matches!(submitted, Submitted::Moved(_)), "{submitted:?}");
    done(&world, order).await;
    let settings = get(&world, FIRST).await.settings;
    assert_eq!(settings.custom_sip_header.as_deref(), Some("one"));
    assert!(settings.teams.choosable_capabilities.contains(&"Mobile".to_owned()), "{settings:?}");
}

async fn an_account_is_not_changed_while_an_order_is_submitted_for_it(world: World) {
    world.facts(CONTOSO).await;
    world.account("contoso").await;
    let order = world.stage("contoso", FIRST).await;
    let (now, backends) = (world.clock.now(), &world.ctx.policy.backends);
    let to_apply =
        OrderToApply { order_id: order, verdicts: &[(Verdict::New, 1)], backends, moves: None, is_reviewed: true, now };
    let account = world.get("contoso").await;
    // On a server another process submits it.
    let is_server = matches!(world.db, Db::Postgres(_));
    let elsewhere = if is_server { world.place.open().await } else { world.db.clone() };
    let mut tx = elsewhere.begin().await.unwrap();
    assert!(tx.submit_order(order, now).await.unwrap());
    tx.lock_order_accounts(order).await.unwrap().unwrap();
    let form = account_form("contoso", FABRIKAM);
    let (granted, from) = (grant(), origin());
    let changing = accounts::update(&world.ctx, &granted, &from, "contoso", account.rev, &form);
    let submitting = async {
        if is_server {
            let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            eventually("the change waits", Duration::from_secs(30), async || {
                (numbers(&world.db, waiting).await == [1]).then_some(())
            })
            .await;
        }
        let applied = tx.apply_order(&to_apply).await.unwrap().unwrap();
        tx.add_progress(order, applied.progress, now).await.unwrap();
        tx.commit().await.unwrap();
    };
    let (refused, ()) = tokio::join!(changing, submitting);
    let Err(Error::Invalid(problems)) = refused else { panic!("{refused:?}") };
    assert_eq!(problems[0].field, "tenant", "{problems:?}");
    if is_server {
        elsewhere.close().await;
    }
}
