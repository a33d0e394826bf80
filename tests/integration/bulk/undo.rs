//! An order is undone while nothing has changed since: by an order that is reviewed as any other.

use nmp::authz::Role;
use nmp::domain::{FormOf, OrderKind, SyncState, UndoPart, Verdict};
use nmp::service::Error;
use nmp::service::bulk::{ADD, EditForm};
use nmp::service::orders::{self, ReleaseSelection, UndoRight};

use super::moves::{let_out, stage_move, synced, to};
use super::{all, done, find, get, stage, ticked};
use crate::harness::database::execute;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, number, person};

on_both_databases![
    new_numbers_are_released_and_changed_ones_get_their_settings_back,
    released_numbers_come_back_as_they_were,
    a_move_is_undone_by_the_reverse_order,
    what_changed_since_cannot_be_undone,
    why_it_cannot_be_undone_is_said,
];

const FIRST: &str = "+441632960000";

async fn undoable(world: &World, order: i64) -> Vec<(UndoPart, i64)> {
    orders::undoable(&world.ctx, &grant(), &world.order(order).await).await.unwrap()
}

async fn undo(world: &World, order: i64, part: UndoPart) -> i64 {
    let right = UndoRight::of(&person("Alex Admin", &[Role::AdminUser]), &world.order(order).await, part).unwrap();
    orders::stage_undo(&world.ctx, &right, order, part).await.unwrap()
}

async fn new_numbers_are_released_and_changed_ones_get_their_settings_back(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0001").await;
    let before = get(&world, FIRST).await.settings;
    let form = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..EditForm::default() };
    let changed = stage(&world, &all(), &form).await;
    done(&world, changed).await;
    assert_eq!(undoable(&world, changed).await, [(UndoPart::Changed, 2)]);
    let draft = undo(&world, changed, UndoPart::Changed).await;
    let review = world.review(draft).await;
    assert_eq!((review.order.form_of, review.counts.as_slice()), (FormOf::Undo, &[(Verdict::Changed, 2)][..]));
    assert!(review.warnings[0].contains(&format!("This undoes order {changed}")), "{:?}", review.warnings);
    done(&world, draft).await;
    assert_eq!(get(&world, FIRST).await.settings, before);
    // What undid can be undone.
    assert_eq!(undoable(&world, draft).await, [(UndoPart::Changed, 2)]);
    let uploaded = world.upload("contoso", "+441632970000-0002").await;
    assert_eq!(undoable(&world, uploaded).await, [(UndoPart::New, 3)]);
    let draft = undo(&world, uploaded, UndoPart::New).await;
    assert_eq!(world.order(draft).await.kind, OrderKind::Release);
    done(&world, draft).await;
    assert!(find(&world, "+441632970001").await.is_none());
}

async fn released_numbers_come_back_as_they_were(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0001").await;
    let before = get(&world, FIRST).await.settings;
    let selection = ReleaseSelection::Numbers(None, vec![number(FIRST)]);
    let released = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    done(&world, released).await;
    assert!(find(&world, FIRST).await.is_none());
    assert_eq!(undoable(&world, released).await, [(UndoPart::Released, 1)]);
    let draft = undo(&world, released, UndoPart::Released).await;
    assert_eq!(world.review(draft).await.counts, [(Verdict::New, 1)], "quarantine does not bind who had it");
    done(&world, draft).await;
    assert_eq!(get(&world, FIRST).await.settings, before);
    assert_eq!(undoable(&world, released).await, [], "they are back");
}

async fn a_move_is_undone_by_the_reverse_order(world: World) {
    synced(&world).await;
    let moved = stage_move(&world, &all(), &to("contoso-2")).await;
    done(&world, moved).await;
    assert_eq!(undoable(&world, moved).await, [(UndoPart::Moved, 2)]);
    let draft = undo(&world, moved, UndoPart::Moved).await;
    done(&world, draft).await;
    assert_eq!(&*get(&world, FIRST).await.account, "contoso");
    assert_eq!(world.get("contoso").await.number_count, 2);

    let away = stage_move(&world, &ticked(&[FIRST]), &to("fabrikam")).await;
    let_out(&world, away).await;
    done(&world, away).await;
    world.backend_answers(&world.get("contoso").await, OrderKind::Release, |_| true).await;
    world.backend_answers(&world.get("fabrikam").await, OrderKind::Upload, |_| true).await;
    let draft = undo(&world, away, UndoPart::Moved).await;
    assert_eq!(world.review(draft).await.counts, [(Verdict::Changed, 1)], "whoever had it may have it back");
    done(&world, draft).await;
    world.backend_answers(&world.get("fabrikam").await, OrderKind::Release, |_| true).await;
    world.backend_answers(&world.get("contoso").await, OrderKind::Upload, |_| true).await;
    world.check_invariants().await;
    let back = get(&world, FIRST).await;
    assert_eq!((&*back.account, back.state), ("contoso", SyncState::Synced));
}

async fn what_changed_since_cannot_be_undone(world: World) {
    world.local_account("contoso").await;
    let uploaded = world.upload("contoso", "+441632960000-0001").await;
    let form = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..EditForm::default() };
    let changed = stage(&world, &ticked(&[FIRST]), &form).await;
    done(&world, changed).await;
    assert_eq!(undoable(&world, uploaded).await, []);
    let right = UndoRight::Release(grant());
    let refused = orders::stage_undo(&world.ctx, &right, uploaded, UndoPart::New).await;
    assert!(matches!(&refused, Err(Error::Conflict(reason)) if reason.contains("changed since")), "{refused:?}");
    let wrong = orders::stage_undo(&world.ctx, &UndoRight::Write(grant()), uploaded, UndoPart::New).await;
    assert!(matches!(wrong, Err(Error::NotFound(_))), "{wrong:?}");
}

async fn why_it_cannot_be_undone_is_said(world: World) {
    world.local_account("contoso").await;
    let uploaded = world.upload("contoso", "+441632960000-0001").await;
    let form = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..EditForm::default() };
    let changed = stage(&world, &ticked(&[FIRST]), &form).await;
    done(&world, changed).await;
    let why = async |order: i64| {
        let found = orders::look_for_undo(&world.ctx, &grant(), &world.order(order).await).await.unwrap();
        assert!(found.parts.is_empty() || found.why_not.is_empty(), "{found:?}");
        found.why_not.join(" ")
    };
    let said = why(uploaded).await;
    assert!(said.contains("cannot be undone any more: 1 of its numbers is not as this order left it"), "{said}");
    assert_eq!(why(changed).await, "");
    // What came with an import says that it can be undone by no order.
    execute(&world.db, &format!("UPDATE orders SET source = 'import' WHERE id = {changed}")).await;
    let said = why(changed).await;
    assert!(said.contains("took numbers over") && said.contains("sent nothing"), "{said}");
}
