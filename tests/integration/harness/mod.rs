//! What every test stands on: both databases, the whole program, a visitor with cookies, and the world around.

pub(crate) mod api;
pub(crate) mod caller;
pub(crate) mod database;
pub(crate) mod portal;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod served;
pub(crate) mod visitor;
pub(crate) mod world;

use std::time::{Duration, Instant};

/// Runs each named test on a SQLite file and on PostgreSQL, as `sqlite::name` and `postgres::name`: with a `World`, or
/// `over_http` with the whole program as an `Api`.
macro_rules! on_both_databases {
    (over_http: $($name:ident),* $(,)?) => {
        crate::harness::on_both_databases!(@ crate::harness::api::run; $($name),*);
    };
    (@ $run:path; $($name:ident),*) => {
        mod sqlite {
            $(#[test] fn $name() {
                $run(crate::harness::database::Kind::Sqlite, super::$name);
            })*
        }
        mod postgres {
            $(#[test] fn $name() {
                $run(crate::harness::database::Kind::Postgres, super::$name);
            })*
        }
    };
    ($($name:ident),* $(,)?) => {
        crate::harness::on_both_databases!(@ crate::harness::database::run; $($name),*);
    };
}

pub(crate) use on_both_databases;

/// Asks again and again until there is an answer; fails with `what` when there is none in time.
pub(crate) async fn eventually<T>(what: &str, within: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {within:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A test that has not ended by then waits for something that never comes. The long form of the fault tests takes longer.
const LONGEST: Duration = Duration::from_mins(10);

/// Runs one test.
pub(crate) struct Runtime(tokio::runtime::Runtime);

/// A runtime for one test.
pub(crate) fn runtime() -> Runtime {
    Runtime(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

impl Runtime {
    /// Runs a test to its end; fails one that would keep all others from ever being told of.
    pub(crate) fn block_on<F: Future>(self, test: F) -> F::Output {
        let longest = if std::env::var_os("NMP_FAULTS_LONG").is_some() { 6 * LONGEST } else { LONGEST };
        let ended = self.0.block_on(async { tokio::time::timeout(longest, test).await });
        // What the test left behind is not waited for either.
        self.0.shutdown_background();
        ended.unwrap_or_else(|_| panic!("the test has not ended after {longest:?}"))
    }
}
