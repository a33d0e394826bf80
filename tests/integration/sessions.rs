//! Sessions as they are kept, and the keys that processes share.

use nmp::authz::Role;
use nmp::domain::session::{SessionPolicy, SessionTimes};
use nmp::service::access::{SessionKeeper, StoredSession};
use time::Duration;

use crate::harness::database::texts;
use crate::harness::on_both_databases;
use crate::harness::world::{World, person};

on_both_databases![
    a_key_is_made_once_for_all,
    what_is_over_is_cleared_away,
    nothing_is_honoured_from_memory_that_ended_or_changed,
    a_change_under_way_is_not_remembered_before_it_is_settled,
];

const POLICY: SessionPolicy = SessionPolicy {
    idle: std::time::Duration::from_mins(30),
    absolute: std::time::Duration::from_hours(12),
    recheck: std::time::Duration::from_mins(15),
};

async fn begin(keeper: &SessionKeeper, id: &str, replaced: Option<&str>) -> StoredSession {
    let now = keeper.now();
    let times = SessionTimes { created_at: now, seen_at: now, roles_at: now };
    let session = StoredSession { principal: person("reader", &[Role::WriteUser]), sealed: "sealed".to_owned(), times };
    keeper.begin(id, &session, replaced, &POLICY).await.unwrap();
    session
}

/// Asks twice: the second answer may come from memory.
async fn found(keeper: &SessionKeeper, id: &str) -> Option<StoredSession> {
    let first = keeper.find(id).await.unwrap();
    let second = keeper.find(id).await.unwrap();
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    second
}

async fn nothing_is_honoured_from_memory_that_ended_or_changed(world: World) {
    let keeper = SessionKeeper::new(&world.ctx);
    assert!(found(&keeper, "a").await.is_none());
    let mut session = begin(&keeper, "a", None).await;
    assert_eq!(found(&keeper, "a").await.unwrap().principal.roles, [Role::WriteUser].into_iter().collect());
    session.principal.roles = [Role::ReadUser].into_iter().collect();
    keeper.confirm("a", &session).await.unwrap();
    assert_eq!(found(&keeper, "a").await.unwrap().principal.roles, [Role::ReadUser].into_iter().collect());
    world.clock.advance(Duration::minutes(5));
    keeper.touch("a", keeper.now()).await.unwrap();
    assert_eq!(found(&keeper, "a").await.unwrap().times.seen_at, keeper.now());

    keeper.end("a").await.unwrap();
    assert!(found(&keeper, "a").await.is_none(), "it was ended");
    begin(&keeper, "b", None).await;
    assert!(found(&keeper, "b").await.is_some());
    begin(&keeper, "c", Some("b")).await;
    assert!(found(&keeper, "b").await.is_none(), "the browser has another");
    assert!(found(&keeper, "c").await.is_some());
    world.clock.advance(Duration::hours(13));
    begin(&keeper, "d", None).await;
    assert!(found(&keeper, "c").await.is_none(), "it was swept away");
}

async fn a_change_under_way_is_not_remembered_before_it_is_settled(world: World) {
    let keeper = SessionKeeper::new(&world.ctx);
    for id in ["committed", "given up", "dropped"] {
        begin(&keeper, id, None).await;
        assert!(found(&keeper, id).await.is_some());
        let mut tx = world.db.begin().await.unwrap();
        tx.delete_session(id).await.unwrap();
        assert!(found(&keeper, id).await.is_some(), "{id}: others see nothing of it yet");
        match id {
            "committed" => tx.commit().await.unwrap(),
            "given up" => tx.rollback().await.unwrap(),
            _ => drop(tx),
        }
        assert_eq!(found(&keeper, id).await.is_some(), id != "committed", "{id}");
        keeper.end(id).await.unwrap();
        assert!(found(&keeper, id).await.is_none(), "{id}");
    }
}

async fn what_is_over_is_cleared_away(world: World) {
    let keeper = SessionKeeper::new(&world.ctx);
    begin(&keeper, "idle", None).await;
    begin(&keeper, "used", None).await;
    world.clock.advance(Duration::minutes(29));
    keeper.touch("used", keeper.now()).await.unwrap();
    world.clock.advance(Duration::minutes(2));
    begin(&keeper, "new", None).await;
    assert_eq!(texts(&world.db, "SELECT id FROM sessions ORDER BY id").await, ["new", "used"]);
}

async fn a_key_is_made_once_for_all(world: World) {
    let (one, other) = (SessionKeeper::new(&world.ctx), SessionKeeper::new(&world.ctx));
    let (first, second) =
        tokio::join!(one.shared_key("a", || "first".to_owned()), other.shared_key("a", || "second".to_owned()));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_ne!(one.shared_key("b", || "another".to_owned()).await.unwrap(), "first");
    assert_eq!(texts(&world.db, "SELECT name FROM keys ORDER BY name").await, ["a", "b"]);
}
