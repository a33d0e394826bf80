//! Processes that start at the same moment on a database that nobody has used.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nmp::store::{Db, PoolSize};

use super::stopped::signal;
use crate::figures::{figure, long};
use crate::harness::database::{Kind, Place};
use crate::harness::program::nmp;
use crate::harness::{eventually, runtime};

fn migrate(place: &Place) -> Child {
    let mut command = nmp();
    command.arg("migrate").env("NMP_DATABASE__URL", &place.url);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn all_of_them_start() {
    runtime().block_on(async {
        let rounds = if long() { 10 } else { 4 };
        for _ in 0..rounds {
            let place = Place::new(Kind::Postgres).await;
            for process in [migrate(&place), migrate(&place), migrate(&place)] {
                let output = process.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
        }
        figure("processes that started together on an empty database", format!("{} of {}", 3 * rounds, 3 * rounds));
    });
}

/// How many sessions have the migrator's lock of this database.
async fn holders(db: &Db) -> i64 {
    const HOLDERS: &str = "
        SELECT COUNT(*)
        FROM pg_locks
        WHERE locktype = 'advisory'
          AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let Db::Postgres(server) = db else { unreachable!() };
    sqlx::query_scalar(HOLDERS).fetch_one(&server.aside).await.unwrap()
}

/// A process that was stopped while it had the migrator's lock. Some are done before they are caught.
async fn frozen_while_migrating() -> (Place, Child) {
    loop {
        let place = Place::new(Kind::Postgres).await;
        let db = Db::open(&place.url, PoolSize::default()).await.unwrap();
        let mut process = migrate(&place);
        while holders(&db).await == 0 && process.try_wait().unwrap().is_none() {}
        if process.try_wait().unwrap().is_none() {
            signal(process.id(), "-STOP");
            if holders(&db).await > 0 {
                return (place, process);
            }
            signal(process.id(), "-CONT");
        }
        process.wait().unwrap();
    }
}

#[test]
fn one_that_is_frozen_while_it_migrates_keeps_nobody_from_starting() {
    runtime().block_on(async {
        let (place, mut frozen) = frozen_while_migrating().await;
        let began = Instant::now();
        let mut other = migrate(&place);
        let status = eventually("the other has migrated", Duration::from_secs(90), async || other.try_wait().unwrap());
        assert!(status.await.success());
        figure("seconds until another migrates beside a frozen one", began.elapsed().as_secs_f64());
        frozen.kill().unwrap();
        frozen.wait().unwrap();
    });
}
