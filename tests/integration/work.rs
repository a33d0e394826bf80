//! The sync engine's work: leases, fencing, wishes while it runs, Retry-After.

use std::collections::BTreeSet;

use nmp::domain::OPERATOR_CONNECT;
use nmp::store::{Again, Claim, Error, Lane, WorkKind};
use time::Duration;

use crate::harness::database::{Kind, Place, execute, numbers, texts};
use crate::harness::world::{World, grant};
use crate::harness::{on_both_databases, runtime};

const LEASE: Duration = Duration::seconds(30);

on_both_databases![
    two_workers_never_have_the_same,
    an_expired_lease_is_claimed_again_and_fences_its_first_owner,
    a_held_lease_is_not_claimed,
    a_process_that_is_alone_need_not_wait_for_the_leases_of_a_dead_one,
    a_wish_during_a_run_leads_to_another_round,
    retry_after_is_obeyed_whatever_is_wished,
    a_back_off_is_cut_short_by_a_wish,
    what_is_done_waits_for_its_next_time,
    work_that_is_given_back_is_due_when_it_says,
    what_is_sent_and_what_is_pulled_do_not_wait_for_each_other,
    a_pull_that_somebody_asked_for_goes_before_those_that_are_due_again,
    pulls_of_many_tenants_are_spread_over_their_interval,
    what_sleeps_is_woken_but_for_what_the_backend_asked_to_be_left_alone,
    a_clock_that_is_set_back_changes_no_pause_and_no_lease,
    however_much_does_not_go_through_it_is_counted,
];

const fn in_back_off(at: time::OffsetDateTime) -> Again {
    Again { at, not_before: None }
}

const fn asked_to_wait(at: time::OffsetDateTime) -> Again {
    Again { at, not_before: Some(at) }
}

async fn want(world: &World, key: &str) {
    let mut tx = world.db.begin().await.unwrap();
    tx.want_work(WorkKind::Account.at(OPERATOR_CONNECT, key), world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(world: &World) -> Option<Claim> {
    let mut tx = world.db.begin().await.unwrap();
    let claim = tx.claim_work(OPERATOR_CONNECT, Lane::Pushes, world.clock.now(), LEASE).await.unwrap();
    tx.commit().await.unwrap();
    claim
}

async fn done(world: &World, claim: &Claim, next: Option<time::OffsetDateTime>) {
    let mut tx = world.db.begin().await.unwrap();
    tx.work_done(claim, world.clock.now(), next).await.unwrap();
    tx.commit().await.unwrap();
}

async fn failed(world: &World, claim: &Claim, again: Again) {
    let mut tx = world.db.begin().await.unwrap();
    tx.work_failed(claim, "the backend is away", world.clock.now(), again).await.unwrap();
    tx.commit().await.unwrap();
}

async fn hold(world: &World, claim: &Claim) -> Result<(), Error> {
    let mut tx = world.db.begin().await.unwrap();
    let held = tx.hold_work(claim, world.clock.now(), LEASE).await;
    tx.commit().await.unwrap();
    held
}

async fn next_at(world: &World) -> Option<time::OffsetDateTime> {
    world.db.read().await.unwrap().next_work_at(OPERATOR_CONNECT, Lane::Pushes, world.clock.now()).await.unwrap()
}

async fn two_workers_never_have_the_same(world: World) {
    for index in 0..40 {
        want(&world, &index.to_string()).await;
    }
    let worker = async || {
        let mut mine = Vec::new();
        while let Some(claim) = claim(&world).await {
            mine.push(claim.key);
        }
        mine
    };
    let (a, b, c, d) = tokio::join!(worker(), worker(), worker(), worker());
    let all: Vec<String> = [a, b, c, d].concat();
    assert_eq!(all.len(), 40, "{all:?}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 40, "{all:?}");
}

async fn an_expired_lease_is_claimed_again_and_fences_its_first_owner(world: World) {
    want(&world, "1").await;
    let first = claim(&world).await.unwrap();
    assert!(claim(&world).await.is_none());
    assert_eq!(next_at(&world).await, Some(world.clock.now() + LEASE));
    world.clock.advance(LEASE);
    let second = claim(&world).await.unwrap();
    assert_eq!(second.key, first.key);
    assert!(second.fence > first.fence);
    // The first worker comes back from the dead.
    assert!(matches!(hold(&world, &first).await, Err(Error::Fenced)));
    done(&world, &first, None).await;
    failed(&world, &first, in_back_off(world.clock.now())).await;
    assert!(claim(&world).await.is_none(), "the dead worker gave away what it did not have");
    hold(&world, &second).await.unwrap();
    done(&world, &second, None).await;
    assert_eq!(next_at(&world).await, None);
}

async fn a_process_that_is_alone_need_not_wait_for_the_leases_of_a_dead_one(world: World) {
    want(&world, "1").await;
    let dead = claim(&world).await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    tx.free_work(world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(hold(&world, &dead).await, Err(Error::Fenced)));
    assert_eq!(claim(&world).await.unwrap().key, dead.key);
}

async fn a_held_lease_is_not_claimed(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    for _ in 0..5 {
        world.clock.advance(Duration::seconds(20));
        hold(&world, &mine).await.unwrap();
        assert!(claim(&world).await.is_none());
    }
    assert!(
        world
            .db
            .read()
            .await
            .unwrap()
            .work_row(WorkKind::Account.at(OPERATOR_CONNECT, "1"), world.clock.now())
            .await
            .unwrap()
            .unwrap()
            .running
    );
}

async fn a_wish_during_a_run_leads_to_another_round(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    world.clock.advance(Duration::seconds(1));
    want(&world, "1").await;
    assert!(claim(&world).await.is_none(), "one at a time, whatever is wished");
    world.clock.advance(Duration::seconds(1));
    hold(&world, &mine).await.unwrap();
    done(&world, &mine, None).await;
    let again = claim(&world).await.unwrap();
    done(&world, &again, None).await;
    assert!(claim(&world).await.is_none(), "one wish is one more round");
}

async fn retry_after_is_obeyed_whatever_is_wished(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    failed(&world, &mine, asked_to_wait(world.clock.now() + Duration::minutes(2))).await;
    want(&world, "1").await;
    assert!(claim(&world).await.is_none(), "the backend asked not to be called");
    world.clock.advance(Duration::seconds(119));
    want(&world, "1").await;
    assert!(claim(&world).await.is_none());
    world.clock.advance(Duration::seconds(1));
    let again = claim(&world).await.unwrap();
    assert_eq!(again.attempt, 1);
    done(&world, &again, None).await;
    want(&world, "1").await;
    assert!(claim(&world).await.is_some(), "a success takes the ban away");
}

async fn a_back_off_is_cut_short_by_a_wish(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    failed(&world, &mine, in_back_off(world.clock.now() + Duration::minutes(10))).await;
    assert!(claim(&world).await.is_none());
    let row = world
        .db
        .read()
        .await
        .unwrap()
        .work_row(WorkKind::Account.at(OPERATOR_CONNECT, "1"), world.clock.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.attempt, row.last_error.as_deref()), (1, Some("the backend is away")));
    want(&world, "1").await;
    assert!(claim(&world).await.is_some());
}

async fn what_is_done_waits_for_its_next_time(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    let next = world.clock.now() + Duration::minutes(5);
    done(&world, &mine, Some(next)).await;
    assert_eq!(next_at(&world).await, Some(next));
    assert!(claim(&world).await.is_none());
    world.clock.advance(Duration::minutes(5));
    assert!(claim(&world).await.is_some());
}

async fn work_that_is_given_back_is_due_when_it_says(world: World) {
    want(&world, "1").await;
    let mine = claim(&world).await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    tx.give_back_work(&mine, world.clock.now(), world.clock.now() + Duration::seconds(2), None).await.unwrap();
    tx.commit().await.unwrap();
    assert!(claim(&world).await.is_none());
    world.clock.advance(Duration::seconds(2));
    assert_eq!(claim(&world).await.unwrap().attempt, 0);
}

async fn claim_pull(world: &World) -> Option<Claim> {
    let mut tx = world.db.begin().await.unwrap();
    let claim = tx.claim_work(OPERATOR_CONNECT, Lane::Pulls, world.clock.now(), LEASE).await.unwrap();
    tx.commit().await.unwrap();
    claim
}

async fn want_pull(world: &World, key: &str) {
    let mut tx = world.db.begin().await.unwrap();
    tx.want_work(WorkKind::Numbers.at(OPERATOR_CONNECT, key), world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn what_is_sent_and_what_is_pulled_do_not_wait_for_each_other(world: World) {
    want_pull(&world, "tenant").await;
    assert!(claim(&world).await.is_none());
    assert_eq!(next_at(&world).await, None);
    want(&world, "1").await;
    assert_eq!(claim_pull(&world).await.unwrap().kind, WorkKind::Numbers);
    assert!(claim_pull(&world).await.is_none());
    assert_eq!(claim(&world).await.unwrap().kind, WorkKind::Account);
}

async fn a_pull_that_somebody_asked_for_goes_before_those_that_are_due_again(world: World) {
    for key in ["a", "b"] {
        want_pull(&world, key).await;
        let mine = claim_pull(&world).await.unwrap();
        done(&world, &mine, Some(world.clock.now() + Duration::minutes(1))).await;
    }
    // Nobody has pulled for a day.
    world.clock.advance(Duration::days(1));
    for key in ["d", "c"] {
        want_pull(&world, key).await;
        world.clock.advance(Duration::seconds(1));
    }
    let mut read = world.db.read().await.unwrap();
    let row = read.work_row(WorkKind::Numbers.at(OPERATOR_CONNECT, "c"), world.clock.now()).await.unwrap().unwrap();
    assert_eq!(row.next_at, Some(world.clock.now() - Duration::seconds(1)), "due since it was asked for");
    drop(read);
    let mut order = Vec::new();
    while let Some(claim) = claim_pull(&world).await {
        order.push(claim.key);
    }
    assert_eq!(order, ["d", "c", "a", "b"]);
}

async fn pulls_of_many_tenants_are_spread_over_their_interval(world: World) {
    execute(&world.db, ACCOUNTS).await;
    let backend = world.ctx.policy.backends.iter().next().unwrap().clone();
    let (now, interval) = (world.clock.now(), Duration::minutes(15));
    world.db.schedule_pulls(&backend, WorkKind::Numbers, now, interval).await.unwrap();
    let due = "SELECT next_at FROM work WHERE kind = 'numbers' ORDER BY next_at";
    let first = numbers(&world.db, due).await;
    assert_eq!(first.len(), 6_000, "each tenant once, also those with two accounts");
    let minutes: Vec<i64> = first.iter().map(|at| (at - nmp::store::micros(now)) / 60_000_000).collect();
    for minute in 0..15 {
        let count = minutes.iter().filter(|of| **of == minute).count();
        assert!((300..=500).contains(&count), "{count} in minute {minute}");
    }
    // Another start later changes nothing, and schedules what is new.
    execute(&world.db, "UPDATE work SET next_at = 9223372036854775807 WHERE key = (SELECT MIN(key) FROM work)").await;
    let later = now + Duration::hours(1);
    world.db.schedule_pulls(&backend, WorkKind::Numbers, later, interval).await.unwrap();
    let second = numbers(&world.db, due).await;
    assert_eq!(second[..5_999], first[1..]);
    assert_eq!(second[5_999], nmp::store::micros(later));
}

/// 6,000 tenants with an account, a thousand with another one, and one account that is not synced.
const ACCOUNTS: &str = "
    INSERT INTO accounts (id, name, search, tenant_id, services, synced, created_at, updated_at)
    WITH RECURSIVE n(i) AS (
        SELECT 1
        UNION ALL
        SELECT i + 1
        FROM n
        WHERE i < 7001
    )
    SELECT
        i, 'account-' || i, '',
        'tenant-' || (100000 + i % 6000) || CASE i WHEN 7001 THEN 'x' ELSE '' END,
        1,
        CASE i WHEN 7001 THEN 0 ELSE 1 END,
        0, 0
    FROM n";

async fn what_sleeps_is_woken_but_for_what_the_backend_asked_to_be_left_alone(world: World) {
    for key in ["asleep", "asked", "leased", "fine"] {
        want(&world, key).await;
    }
    let mut claims = std::collections::BTreeMap::new();
    while let Some(claim) = claim(&world).await {
        claims.insert(claim.key.clone(), claim);
    }
    let later = world.clock.now() + Duration::minutes(10);
    failed(&world, &claims["asleep"], in_back_off(later)).await;
    failed(&world, &claims["asked"], asked_to_wait(later)).await;
    failed(&world, &claims["leased"], in_back_off(world.clock.now())).await;
    done(&world, &claims["fine"], Some(later)).await;
    assert_eq!(claim(&world).await.unwrap().key, "leased");
    world.db.wake_failed_work(OPERATOR_CONNECT, WorkKind::Account, world.clock.now()).await.unwrap();
    let woken = claim(&world).await.unwrap();
    assert_eq!((woken.key.as_str(), woken.attempt), ("asleep", 1));
    assert!(claim(&world).await.is_none());
}

async fn a_clock_that_is_set_back_changes_no_pause_and_no_lease(world: World) {
    for key in ["asleep", "asked", "leased", "done"] {
        want(&world, key).await;
    }
    let mut claims = std::collections::BTreeMap::new();
    while let Some(claim) = claim(&world).await {
        claims.insert(claim.key.clone(), claim);
    }
    failed(&world, &claims["asleep"], in_back_off(world.clock.now() + Duration::seconds(20))).await;
    failed(&world, &claims["asked"], asked_to_wait(world.clock.now() + Duration::seconds(25))).await;
    done(&world, &claims["done"], None).await;
    want(&world, "new").await;
    world.clock.advance(Duration::hours(-1));
    assert!(claim(&world).await.is_none(), "everything was written an hour from now");
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(tx.clock_went_back(world.clock.now()).await.unwrap(), 5);
    assert_eq!(tx.clock_went_back(world.clock.now()).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let due = async || {
        let mut due = BTreeSet::new();
        while let Some(claim) = claim(&world).await {
            due.insert(claim.key);
        }
        due.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(due().await, ["new"]);
    hold(&world, &claims["leased"]).await.unwrap();
    world.clock.advance(Duration::seconds(20));
    assert_eq!(due().await, ["asleep"]);
    want(&world, "asked").await;
    assert_eq!(due().await, Vec::<String>::new());
    world.clock.advance(Duration::seconds(5));
    assert_eq!(due().await, ["asked"]);
    world.clock.advance(Duration::seconds(5));
    assert_eq!(due().await, ["leased", "new"]);
}

/// As many rows as 100,000 tenants and as many accounts have: pulls that are overdue, that are not due yet, pushes that
/// have nothing to do, and some that failed.
const MANY: [&str; 2] = [
    "
    INSERT INTO work (backend, kind, key, next_at, set_at)
    WITH RECURSIVE n(i) AS (
        SELECT 1
        UNION ALL
        SELECT i + 1
        FROM n
        WHERE i < 100000
    )
    SELECT
        'operator-connect',
        CASE i % 2 WHEN 0 THEN 'numbers' ELSE 'civic-addresses' END,
        'tenant-' || i, 1000000 + i, 0
    FROM n",
    "
    INSERT INTO work (backend, kind, key, next_at, set_at, attempt, last_error)
    WITH RECURSIVE n(i) AS (
        SELECT 1
        UNION ALL
        SELECT i + 1
        FROM n
        WHERE i < 100000
    )
    SELECT
        'operator-connect', 'account', '' || i,
        CASE i % 1000 WHEN 0 THEN 5000000 + i ELSE 9223372036854775807 END,
        0, i % 2,
        CASE i % 1000 WHEN 0 THEN 'away' ELSE NULL END
    FROM n",
];

/// The statements that every worker asks again and again, with values, and the index of each.
fn asked_again_and_again(kind: Kind) -> Vec<(&'static str, String)> {
    let ending = if kind == Kind::Sqlite { "SQLITE" } else { "POSTGRES" };
    let text = |name: &str, values: [&str; 5]| {
        let name = format!("::{name}_{ending}");
        let all = nmp::store::statements();
        let (_, text) = all.iter().find(|(full, _)| full.ends_with(&name)).unwrap();
        (1..).zip(values).fold((*text).to_owned(), |text, (at, value)| text.replace(&format!("${at}"), value))
    };
    let now = ["5000000", "9000000", "'operator-connect'", "", ""];
    vec![
        ("work_pushes", text("CLAIM_PUSH", now)),
        ("work_pulls", text("CLAIM_PULL", now)),
        ("work_pushes", text("NEXT_PUSH", now)),
        ("work_pulls", text("NEXT_PULL", now)),
        ("work_failing", text("WAKE", ["'account'", "1", "10", "9223372036854775807", "'operator-connect'"])),
    ]
}

async fn every_claim_is_a_seek(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.open().await;
    db.migrate().await.unwrap();
    // Statistics of an empty table, of none, and of a full one.
    for (fill, analyse) in [(false, true), (true, false), (false, true)] {
        if fill {
            for rows in MANY {
                execute(&db, rows).await;
            }
        }
        if analyse {
            execute(&db, "ANALYZE").await;
        }
        if numbers(&db, "SELECT COUNT(*) FROM work").await == [0] {
            continue;
        }
        for (index, statement) in asked_again_and_again(kind) {
            let plan = match &db {
                nmp::store::Db::Sqlite(sqlite) => {
                    let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
                    let rows: Vec<(i64, i64, i64, String)> =
                        sqlx::query_as(explained).fetch_all(&mut *sqlite.write.lend().await.unwrap()).await.unwrap();
                    rows.into_iter().map(|row| row.3).collect()
                }
                nmp::store::Db::Postgres(_) => texts(&db, &format!("EXPLAIN {statement}")).await,
            }
            .join("\n");
            assert!(plan.contains(index), "{statement}\n{plan}");
            let plan = plan.replace("Bitmap Index Scan on work_pkey", "the row itself");
            let bad = match index {
                // The few that sleep may be sorted.
                "work_failing" => ["SCAN work\n", "Seq Scan"].as_slice(),
                _ => &["SCAN work\n", "Seq Scan", "Bitmap Index Scan", "TEMP B-TREE", "Sort"],
            };
            let bad = bad.iter().find(|bad| plan.contains(**bad));
            assert!(bad.is_none(), "{bad:?} in the plan of {statement}\n{plan}");
        }
    }
    db.close().await;
}

#[test]
fn with_very_many_tenants_every_claim_is_a_seek_on_sqlite() {
    runtime().block_on(every_claim_is_a_seek(Kind::Sqlite));
}

#[test]
fn with_very_many_tenants_every_claim_is_a_seek_on_postgres() {
    runtime().block_on(every_claim_is_a_seek(Kind::Postgres));
}

#[test]
fn processes_that_share_a_server_share_its_clock() {
    runtime().block_on(async {
        let (file, server) = (Place::new(Kind::Sqlite).await, Place::new(Kind::Postgres).await);
        let (file, server) = (file.open().await, server.open().await);
        assert_eq!(file.server_time().await.unwrap(), None);
        let (first, second) = (server.server_time().await.unwrap(), server.server_time().await.unwrap());
        assert!(first.is_some() && first <= second);
        file.close().await;
        server.close().await;
    });
    // Whoever would take the time of this machine instead has to say here why.
    let mut machine = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains("Clock::system")) {
                machine.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    machine.sort();
    // database.rs: a file has no other clock, and the verification of the audit needs none. import.rs, start.rs: for a file.
    assert_eq!(machine, ["database.rs", "import.rs", "start.rs"]);
}

async fn however_much_does_not_go_through_it_is_counted(world: World) {
    for n in 0..60 {
        want(&world, &n.to_string()).await;
    }
    execute(&world.db, "UPDATE work SET attempt = 1, last_error = 'away', last_error_at = 1 WHERE key <> '7'").await;
    let status = nmp::service::sync_status::get(&world.ctx, &grant()).await.unwrap();
    let accounts = status.backends[0].kinds.iter().find(|of| of.kind == WorkKind::Account).unwrap();
    assert_eq!((accounts.pieces.len(), accounts.all, accounts.failing), (50, 60, 59));
    assert_eq!(status.backends[0].failing(), 59);
}
