//! Sessions and sign-ins as they are kept.

use nmp::domain::session::{SessionPolicy, SessionTimes};
use nmp::service::access::{SessionKeeper, StoredSession};
use time::Duration;

use crate::harness::database::{numbers, texts};
use crate::harness::on_both_databases;
use crate::harness::world::{World, person};

on_both_databases![what_is_over_is_cleared_away];

async fn what_is_over_is_cleared_away(world: World) {
    let keeper = SessionKeeper::new(&world.ctx);
    let policy = SessionPolicy {
        idle: std::time::Duration::from_mins(30),
        absolute: std::time::Duration::from_hours(12),
        recheck: std::time::Duration::from_mins(15),
    };
    // Anybody can begin to sign in, and need not go on.
    for id in ["a", "b", "c"] {
        keeper.begin_sign_in(id, "sealed", keeper.now()).await.unwrap();
    }
    world.clock.advance(Duration::minutes(9));
    keeper.begin_sign_in("d", "sealed", keeper.now()).await.unwrap();
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM sign_ins").await, [4]);
    world.clock.advance(Duration::minutes(2));
    keeper.begin_sign_in("e", "sealed", keeper.now()).await.unwrap();
    assert_eq!(texts(&world.db, "SELECT id FROM sign_ins ORDER BY id").await, ["d", "e"]);

    let begin = async |id: &str| {
        let now = keeper.now();
        let times = SessionTimes { created_at: now, seen_at: now, roles_at: now };
        let session = StoredSession { principal: person("reader", &[]), sealed: "sealed".to_owned(), times };
        keeper.begin(id, &session, None, &policy).await.unwrap();
    };
    begin("idle").await;
    begin("used").await;
    world.clock.advance(Duration::minutes(29));
    keeper.touch("used", keeper.now()).await.unwrap();
    world.clock.advance(Duration::minutes(2));
    begin("new").await;
    assert_eq!(texts(&world.db, "SELECT id FROM sessions ORDER BY id").await, ["new", "used"]);
}
