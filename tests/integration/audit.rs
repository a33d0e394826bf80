//! The audit: one row for each accepted change, in a chain that shows every tampering.

use nmp::service::audit::{self, Verified};
use nmp::service::orders;
use nmp::service::staging::UploadForm;
use nmp::store::{AuditFilter, Page};

use crate::harness::database::{Kind, Place, execute, texts};
use crate::harness::program::{finished, nmp};
use crate::harness::world::{World, grant, origin, right, upload_form};
use crate::harness::{on_both_databases, runtime};

on_both_databases![
    one_row_for_each_accepted_change,
    what_was_refused_is_not_audited,
    an_edited_row_shows,
    a_row_taken_out_shows,
    rows_in_another_order_show,
    rows_cut_off_at_the_end_show,
    a_row_forged_with_its_hash_shows,
    rows_are_found_by_every_filter,
    many_writers_at_once_keep_one_chain,
];

async fn some_history(world: &World) {
    for name in ["contoso", "fabrikam", "northwind"] {
        world.local_account(name).await;
    }
    world.upload("contoso", "+441632960000").await;
    assert!(matches!(verify(world).await, Verified::Holds { rows: 4, .. }));
}

async fn verify(world: &World) -> Verified {
    audit::verify(&world.ctx).await.unwrap()
}

async fn broken_at(world: &World) -> i64 {
    match verify(world).await {
        Verified::Broken { seq, .. } => seq,
        Verified::Holds { .. } => panic!("nothing was noticed"),
    }
}

async fn one_row_for_each_accepted_change(world: World) {
    world.local_account("contoso").await;
    let form = UploadForm { ticket: "CHG-1".into(), ..upload_form("contoso", "+441632960000-0009") };
    let order = world.stage_form(&form).await;
    assert_eq!(world.db.read().await.unwrap().last_audit_seq().await.unwrap(), 1, "a draft is no change");
    world.submit(order).await;
    let page = audit::list(&world.ctx, &grant(), &AuditFilter::default(), &Page::First).await.unwrap();
    let row = &page.rows[0];
    assert_eq!(page.rows.len(), 2);
    assert_eq!((row.action.as_str(), row.subject_kind.as_str(), row.order_id), ("order.submit", "order", Some(order)));
    assert_eq!(
        (row.actor.as_str(), row.ticket.as_deref(), row.origin.as_str()),
        ("Alex Admin", Some("CHG-1"), "portal 127.0.0.1")
    );
    assert_eq!(row.at(), world.clock.now());
    assert!(row.after.as_deref().unwrap().contains("\"new\":10"), "{row:?}");
    assert!(matches!(verify(&world).await, Verified::Holds { rows: 2, .. }));
}

async fn what_was_refused_is_not_audited(world: World) {
    world.local_account("contoso").await;
    let order = world.stage("contoso", "abc").await;
    let refused = orders::submit(&world.ctx, &right(nmp::domain::OrderKind::Upload), &origin(), order, false).await;
    assert!(refused.is_err());
    assert!(matches!(verify(&world).await, Verified::Holds { rows: 1, .. }));
}

async fn an_edited_row_shows(world: World) {
    some_history(&world).await;
    execute(&world.db, "UPDATE audit SET actor = 'Somebody Else' WHERE seq = 2").await;
    assert_eq!(broken_at(&world).await, 2);
}

async fn a_row_taken_out_shows(world: World) {
    some_history(&world).await;
    execute(&world.db, "DELETE FROM audit WHERE seq = 2").await;
    assert_eq!(broken_at(&world).await, 2);
}

async fn rows_in_another_order_show(world: World) {
    some_history(&world).await;
    for (from, to) in [(2, 99), (3, 2), (99, 3)] {
        execute(&world.db, &format!("UPDATE audit SET seq = {to} WHERE seq = {from}")).await;
    }
    assert_eq!(broken_at(&world).await, 2);
}

async fn rows_cut_off_at_the_end_show(world: World) {
    some_history(&world).await;
    execute(&world.db, "DELETE FROM audit WHERE seq >= 3").await;
    assert_eq!(broken_at(&world).await, 3);
}

async fn a_row_forged_with_its_hash_shows(world: World) {
    some_history(&world).await;
    let mut tx = world.db.read().await.unwrap();
    let mut row = tx.audit_chain(1, 1).await.unwrap().remove(0);
    drop(tx);
    "forged".clone_into(&mut row.subject);
    let hash = row.expected_hash(&row.previous_hash);
    execute(&world.db, &format!("UPDATE audit SET subject = 'forged', hash = '{hash}' WHERE seq = 2")).await;
    assert_eq!(broken_at(&world).await, 3, "the next row still holds the true hash");
}

async fn rows_are_found_by_every_filter(world: World) {
    some_history(&world).await;
    let count =
        async |filter: AuditFilter| audit::list(&world.ctx, &grant(), &filter, &Page::First).await.unwrap().rows.len();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(count(AuditFilter::default()).await, 4);
    assert_eq!(count(AuditFilter { action: some("account.create"), ..AuditFilter::default() }).await, 3);
    assert_eq!(count(AuditFilter { subject: some("fabrikam"), ..AuditFilter::default() }).await, 1);
    assert_eq!(count(AuditFilter { actor: some("Alex Admin"), ..AuditFilter::default() }).await, 4);
    assert_eq!(count(AuditFilter { ticket: some("CHG-1"), ..AuditFilter::default() }).await, 0);
    assert_eq!(audit::actions(&world.ctx, &grant()).await.unwrap(), ["account.create", "order.submit"]);
    let after = audit::list(&world.ctx, &grant(), &AuditFilter::default(), &Page::After(3)).await.unwrap();
    assert_eq!(after.rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [2, 1]);
    assert!(after.more_before && !after.more_after);
}

async fn many_writers_at_once_keep_one_chain(world: World) {
    let names: Vec<String> = (0..24).map(|index| format!("account-{index}")).collect();
    let create = async |name: &String| world.local_account(name).await;
    let all = futures_util::future::join_all(names.iter().map(create)).await;
    assert_eq!(all.len(), 24);
    assert!(matches!(verify(&world).await, Verified::Holds { rows: 24, .. }));
    let hashes = texts(&world.db, "SELECT DISTINCT hash FROM audit").await;
    assert_eq!(hashes.len(), 24);
}

/// `nmp audit verify` says the same as the service, in one line and by its exit code.
async fn the_command_tells(kind: Kind) {
    let world = World::new(Place::new(kind).await).await;
    some_history(&world).await;
    let run = || finished(nmp().args(["audit", "verify"]).env("NMP_DATABASE__URL", &world.place.url));
    let fine = run();
    let said = String::from_utf8_lossy(&fine.stdout);
    assert_eq!(fine.status.code(), Some(0), "{}", String::from_utf8_lossy(&fine.stderr));
    assert!(said.contains("4 entries"), "{said}");
    execute(&world.db, "UPDATE audit SET after = '{}' WHERE seq = 3").await;
    let broken = run();
    let said = String::from_utf8_lossy(&broken.stderr);
    assert_eq!(broken.status.code(), Some(1), "{said}");
    assert!(said.contains("entry 3") && said.lines().count() == 1, "{said}");
}

#[test]
fn the_command_tells_on_sqlite() {
    runtime().block_on(the_command_tells(Kind::Sqlite));
}

#[test]
fn the_command_tells_on_postgres() {
    runtime().block_on(the_command_tells(Kind::Postgres));
}
