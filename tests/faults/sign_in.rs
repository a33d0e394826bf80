//! What people leave behind who are nobody: nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};

use crate::figures::{figure, long};
use crate::harness::database::{execute, numbers, texts};
use crate::harness::portal::path_of;
use crate::harness::program::Demo;
use crate::harness::runtime;
use crate::harness::visitor::Visitor;
use nmp::store::{Db, PoolSize};

/// The rows of every table, but for those that the engine writes by itself.
async fn rows(db: &Db) -> BTreeMap<String, i64> {
    let tables = texts(
        db,
        "
        SELECT name
        FROM sqlite_master
        WHERE type = 'table'
          AND name NOT LIKE 'sqlite_%'
          AND name NOT LIKE 'observed%'
          AND name NOT IN ('work', 'consents', 'civic_addresses', 'capability_plans', 'drift')
        ORDER BY name",
    )
    .await;
    let mut counted = BTreeMap::new();
    for table in tables {
        let count = numbers(db, &format!("SELECT COUNT(*) FROM {table}")).await;
        counted.insert(table, count[0]);
    }
    counted
}

async fn open(demo: &Demo) -> Db {
    Db::open(&format!("sqlite:{}", demo.folder.path().join("nmp.db").display()), PoolSize::default()).await.unwrap()
}

/// Whoever the requests come from: no cookies are kept.
fn nobody() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[test]
fn nobody_can_fill_the_database() {
    runtime().block_on(async {
        let demo = Demo::start();
        // One key is made when the first person signs in.
        drop(Visitor::sign_in(&demo.portal, "reader").await);
        let db = open(&demo).await;
        let before = rows(&db).await;
        assert_eq!(before["sessions"], 1);

        // The flood: as many sign-ins as can be begun, each with as much as may be said.
        let way_back = format!("/numbers?q={}", "a".repeat(1_980));
        let flood = if long() { Duration::from_secs(20) } else { Duration::from_secs(3) };
        let (begun, client) = (Instant::now(), nobody());
        let mut count = 0_u32;
        while begun.elapsed() < flood {
            let sent =
                (0..20).map(|_| client.get(format!("{}login", demo.portal)).query(&[("return_to", &way_back)]).send());
            for answer in futures_util::future::join_all(sent).await {
                let status = answer.unwrap().status();
                assert!(status == StatusCode::SEE_OTHER || status == StatusCode::TOO_MANY_REQUESTS, "{status}");
                count += u32::from(status == StatusCode::SEE_OTHER);
            }
        }
        assert!(count > 20, "{count} sign-ins were begun");
        figure("sign-ins begun by nobody", format!("{count} in {:.0?}", begun.elapsed()));

        // Every other route, by whoever is not signed in, with what they may say.
        for entry in nmp::portal::routes().entries() {
            let url = format!("{}{}", demo.portal.trim_end_matches('/'), path_of(entry, 1));
            let request = nobody().request(entry.method.clone(), &url).header("sec-fetch-site", "same-origin");
            let request =
                if entry.method == Method::POST { request.form(&[("name", "a"), ("q", "b")]) } else { request };
            let _ = request.send().await.unwrap();
        }
        for entry in nmp::api::routes().entries() {
            let path = entry.path.replace(['{', '}'], "");
            let url = format!("{}{path}?api-version=2024-02-29-preview", demo.api.trim_end_matches('/'));
            let request = nobody()
                .request(entry.method.clone(), &url)
                .header("Repeatability-Request-ID", "1f0c3d6e-5b7a-4c1d-9e21-7a4b8c2d9f10")
                .header("Authorization", "Bearer nobody");
            let answer = request.json(&serde_json::json!({ "name": "a" })).send().await.unwrap();
            assert!(answer.status().is_client_error(), "{} {}", entry.method, entry.path);
        }
        let after = rows(&db).await;
        let more: i64 = after.values().sum::<i64>() - before.values().sum::<i64>();
        figure("rows that they left behind", more);
        assert_eq!(after, before);
        // And nothing is in the way of people.
        drop(Visitor::sign_in(&demo.portal, "writer").await);
        execute(&db, "DELETE FROM sessions").await;
        db.close().await;
    });
}
