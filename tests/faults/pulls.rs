//! Very many tenants whose lists are pulled: an order is begun at once all the same.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::figures::{figure, long};
use crate::harness::api::{Api, number as number_of};
use crate::harness::database::{Kind, execute, numbers};
use crate::harness::{eventually, on_both_databases, runtime};

const SERVICE: &str = "teamsOperatorConnect";

/// An account for each of so many tenants, all of which want to be pulled.
fn tenants(count: usize) -> String {
    format!(
        "INSERT INTO accounts (id, name, search, tenant_id, services, synced, created_at, updated_at)
        WITH RECURSIVE n(i) AS (SELECT 100001 UNION ALL SELECT i + 1 FROM n WHERE i < 100000 + {count})
        SELECT 1000000 + i, 'many-' || i, '', '00' || i || '-0000-4000-8000-000000000000', 1, 1, 0, 0
        FROM n"
    )
}

/// Places one order after another for these numbers, and tells how long the slowest waited until it was begun.
async fn slowest_order(api: &Api, orders: Range<u16>) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in orders {
        let item = number_of("contoso", &format!("+44163296{number:04}"), SERVICE);
        api.upload("contoso", &[item]).await;
        let taken = Instant::now();
        let begun = format!(
            "
            SELECT COUNT(*)
            FROM numbers
            WHERE telephone_number = 44163296{number:04}
              AND (state = 'synced' OR push_id IS NOT NULL)"
        );
        eventually("the order is begun", Duration::from_mins(1), async || {
            (numbers(&api.db, &begun).await == [1]).then_some(())
        })
        .await;
        slowest = slowest.max(taken.elapsed());
    }
    slowest
}

async fn orders_do_not_wait_for_the_pulls_of_very_many_tenants(kind: Kind) {
    let mut api = Api::start(kind).await;
    api.know_tenants().await;
    api.account("contoso", &[SERVICE]).await;
    api.quiet().await;
    api.backend(json!({"latencyMs": 200, "jobSeconds": 0})).await;
    let alone = slowest_order(&api, 0..10).await;
    api.backend(json!({"latencyMs": 0})).await;
    api.quiet().await;
    api.demo.stop();
    execute(&api.db, &tenants(100_000)).await;
    execute(&api.db, "UPDATE sequences SET next = 2000000 WHERE name = 'accounts'").await;
    let started = Instant::now();
    api.demo.start_again();
    let ready = started.elapsed();
    api.backend(json!({"latencyMs": 200, "jobSeconds": 0})).await;
    api.admin = api.caller("bss-admin").await;
    let count = "SELECT COUNT(*) FROM work WHERE kind IN ('numbers', 'civic-addresses')";
    // While the tenants are scheduled, while they are all due at once, and with fresh statistics.
    let mut slowest = slowest_order(&api, 10..20).await;
    eventually("every tenant is scheduled", Duration::from_mins(1), async || {
        (numbers(&api.db, count).await[0] >= 200_000).then_some(())
    })
    .await;
    let scheduled = started.elapsed();
    execute(
        &api.db,
        "
        UPDATE work
        SET next_at = 1
        WHERE lease_until = 0
          AND kind IN ('numbers', 'civic-addresses')",
    )
    .await;
    slowest = slowest.max(slowest_order(&api, 20..30).await);
    execute(&api.db, "ANALYZE").await;
    slowest = slowest.max(slowest_order(&api, 30..if long() { 200 } else { 40 }).await);
    figure(&format!("100,000 tenants on {kind:?}, 200 ms backend: ready after"), format!("{ready:?}"));
    figure("  all of them scheduled after", format!("{scheduled:?}"));
    figure("  the slowest order is begun after", format!("{slowest:?}; without them {alone:?}"));
    // An order that stood behind the pulls would wait for as many of them as there are tenants: minutes.
    let bar = Duration::from_secs(2).max(10 * alone);
    assert!(slowest < bar, "an order waited {slowest:?}, without the tenants {alone:?}");
    api.db.close().await;
}

fn run<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(Kind) -> F) {
    runtime().block_on(test(kind));
}

on_both_databases!(@ crate::pulls::run; orders_do_not_wait_for_the_pulls_of_very_many_tenants);
