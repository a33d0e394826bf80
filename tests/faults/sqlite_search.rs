//! Questions that have to look through all numbers: whoever asks for one number does not wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::figures::{figure, long};
use crate::harness::api::account;
use crate::harness::caller::Caller;
use crate::harness::database::Place;
use crate::harness::program::Demo;
use crate::harness::runtime;
use crate::harness::visitor::Visitor;

const FIRST: i64 = 442_000_000_000;
/// Looks at one number of which the middle is taken.
const LOOKS: usize = 301;

/// Numbers on an account that exists, put into the file as they are stored.
async fn fill(url: &str, count: i64) {
    let path = url.strip_prefix("sqlite:").unwrap();
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let statements = format!(
        "
        WITH RECURSIVE n (value) AS (
            SELECT {FIRST}
            UNION ALL
            SELECT value + 1
            FROM n
            WHERE value < {FIRST} + {count} - 1
        )
        INSERT INTO numbers (
            telephone_number, account_id, settings_id, country, state, rev, order_id, changed_at
        )
        SELECT
            value,
            (SELECT id FROM accounts WHERE name = 'contoso'),
            (SELECT MAX(settings_id) FROM numbers WHERE telephone_number < {FIRST}),
            'GB', 'synced', 1, 1, 1
        FROM n;
        UPDATE accounts
        SET number_count = number_count + {count};"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// How many numbers SQLite takes to be there.
async fn rows_by_statistics(url: &str) -> i64 {
    let path = url.strip_prefix("sqlite:").unwrap();
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let stat = "SELECT stat FROM sqlite_stat1 WHERE tbl = 'numbers' AND idx = 'numbers_account'";
    let stat: String = sqlx::query_scalar(stat).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

async fn middle(admin: &Caller) -> Duration {
    let mut times = Vec::new();
    for at in 0..LOOKS {
        let path = format!("/accounts/contoso/numbers/+{}", FIRST + i64::try_from(at).unwrap() * 7);
        let begun = Instant::now();
        admin.read(&path).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[LOOKS / 2]
}

#[test]
fn one_number_is_found_beside_questions_that_look_through_all() {
    runtime().block_on(async {
        let count = if long() { 1_000_000 } else { 200_000 };
        let folder = tempfile::tempdir().unwrap();
        let place = Place { url: format!("sqlite:{}", folder.path().join("nmp.db").display()), folder };
        let mut demo =
            Demo::with(vec![("NMP_DATABASE__URL", place.url.clone()), ("NMP_API__RATE_PER_SECOND", "0".to_owned())]);
        let admin = Caller::new(&demo.api, &demo.issuer, "bss-admin").await;
        assert!(admin.put("/accounts/contoso", &account("contoso", &["teamsDirectRouting"])).await.status.is_success());
        let one = crate::harness::api::number("contoso", "+441632960000", "teamsDirectRouting");
        assert!(admin.put("/accounts/contoso/numbers/+441632960000", &one).await.status.is_success());
        assert!(demo.stop().success());
        fill(&place.url, count).await;
        demo.start_again();
        let known = rows_by_statistics(&place.url).await;
        assert!(known > count / 100, "the file was closed with one number, and SQLite still plans for {known}");
        let person = Visitor::sign_in(&demo.portal, "admin").await;
        let admin = Caller::new(&demo.api, &demo.issuer, "bss-admin").await;
        let alone = middle(&admin).await;
        let (stop, pages) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut filters = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (mut person, stop, pages) = (person.clone(), Arc::clone(&stop), Arc::clone(&pages));
            filters.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let page = person.get("/numbers?country=FR").await;
                    assert!([StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&page.status), "{page:?}");
                    pages.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let beside = middle(&admin).await;
        stop.store(true, Ordering::Relaxed);
        while let Some(ended) = filters.join_next().await {
            ended.unwrap();
        }
        figure("one number alone, ms", alone.as_secs_f64() * 1e3);
        figure("one number beside four ?country=, ms", beside.as_secs_f64() * 1e3);
        figure("pages with that filter meanwhile", pages.load(Ordering::Relaxed));
        let most = if long() { 3 } else { 10 };
        assert!(beside < alone * most + Duration::from_millis(2), "{beside:?} beside them, {alone:?} alone");
    });
}

/// A list with a filter chooses its reader by the filter: the next one that forgets it is found here.
#[test]
fn whatever_filters_chooses_its_reader() {
    let services = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service");
    let mut seen = 0;
    for entry in std::fs::read_dir(services).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for function in text.split("async fn ").skip(1) {
            let Some((head, body)) = function.split_once('{') else { continue };
            if !head.contains("filter: &") {
                continue;
            }
            seen += 1;
            let name = head.split('(').next().unwrap();
            assert!(
                !body.contains("db.read()"),
                "{name} in {} may look through a whole table: see Db::search",
                path.display()
            );
        }
    }
    assert!(seen > 12, "only {seen} functions with a filter were found");
}
