//! A backend that repeats itself, sends garbage, lists without an end, texts without measure, answers slowly, or only ever
//! asks for patience, for one enterprise: the orders of the others go through meanwhile, and the process stays small.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::figures::figure;
use crate::harness::api::{Api, account, number};
use crate::harness::database::{Kind, execute, numbers};
use crate::harness::world::{CONTOSO, FABRIKAM};
use crate::harness::{eventually, on_both_databases, runtime};

const SERVICE: &str = "teamsOperatorConnect";

/// What the backend does to the enterprise fabrikam.
fn hostilities() -> Vec<(&'static str, Value)> {
    vec![
        ("repeats a cursor", json!({"repeatCursor": true})),
        ("lists without an end", json!({"endlessPages": true})),
        ("garbage", json!({"garbageRate": 1.0})),
        ("garbage between the items", json!({"garbageItems": 20_000})),
        ("items twice and with NUL", json!({"oddItems": true})),
        ("texts of a megabyte", json!({"messageLength": 1_000_000})),
        ("no answer for 20 seconds", json!({"latencyMs": 20_000})),
        ("429, Retry-After: 0", json!({"status": 429, "retryAfter": 0})),
        ("429, Retry-After in the past", json!({"status": 429, "retryAfter": "Thu, 01 Jan 2015 00:00:00 GMT"})),
        ("429, Retry-After: soon", json!({"status": 429, "retryAfter": "soon"})),
        ("cut connections", json!({"down": true})),
        ("jobs without an end", json!({"jobStatus": "contemplating"})),
    ]
}

/// The other switches, as they usually are.
fn usual() -> Value {
    json!({
        "repeatCursor": null, "endlessPages": null, "garbageRate": null, "garbageItems": null, "oddItems": null,
        "messageLength": null,
        "latencyMs": null, "status": null, "retryAfter": null, "down": null, "jobStatus": null, "onlyTenant": null
    })
}

/// The most memory a process ever had, in megabytes.
fn highest_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

async fn operations(api: &Api, path: &str) -> (StatusCode, String) {
    let url = format!("{}{path}", api.demo.operations);
    let answer = reqwest::Client::builder().build().unwrap().get(url).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// Calls to the backend so far.
async fn calls(api: &Api) -> u64 {
    let (_, metrics) = operations(api, "/metrics").await;
    let counts = metrics.lines().filter(|line| line.starts_with("nmp_backend_requests_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

async fn a_hostile_backend_stops_nobody_else(kind: Kind) {
    let api = Api::start(kind).await;
    api.know_tenants().await;
    api.account("contoso", &[SERVICE]).await;
    let fabrikam = account("fabrikam", &[SERVICE]).to_string().replace(CONTOSO, FABRIKAM);
    let fabrikam: Value = serde_json::from_str(&fabrikam).unwrap();
    let put = api.admin.put("/accounts/fabrikam", &fabrikam).await;
    assert!(put.status.is_success(), "{put:?}");
    api.quiet().await;
    let (mut slowest, mut most_calls) = (Duration::ZERO, 0);
    for (index, (what, fault)) in hostilities().into_iter().enumerate() {
        let mut faults = usual();
        faults.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        faults["onlyTenant"] = json!(FABRIKAM);
        api.backend(faults).await;
        let before = calls(&api).await;
        let began = Instant::now();
        api.upload("fabrikam", &[number("fabrikam", &format!("+4416329600{:02}", 50 + index), SERVICE)]).await;
        // Somebody wants everything of the enterprise pulled.
        let pulls = "
            UPDATE work
            SET next_at = 0
            WHERE lease_until = 0
              AND kind IN ('civic-addresses', 'numbers')";
        execute(&api.db, pulls).await;
        api.upload("contoso", &[number("contoso", &format!("+4416329600{index:02}"), SERVICE)]).await;
        let done = format!(
            "
            SELECT COUNT(*)
            FROM numbers
            WHERE telephone_number = 4416329600{index:02}
              AND state = 'synced'"
        );
        let done = async || (numbers(&api.db, &done).await == [1]).then_some(());
        eventually(&format!("an order of another enterprise is done ({what})"), Duration::from_secs(10), done).await;
        slowest = slowest.max(began.elapsed());
        // The engine has time to do harm.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let made = calls(&api).await - before;
        most_calls = most_calls.max(made);
        // A list without an end is read on for a while, page after page; nothing else is asked for at that pace.
        let most = if what == "lists without an end" { 20_000 } else { 500 };
        assert!(made < most, "{made} calls in {:?} ({what})", began.elapsed());
        let (status, ready) = operations(&api, "/readyz").await;
        assert_eq!(status, StatusCode::OK, "the backend's faults are not this process's: {ready}");
        if what == "repeats a cursor" {
            eventually("the repeated cursor is told", Duration::from_secs(10), async || {
                let (_, ready) = operations(&api, "/readyz").await;
                let (_, metrics) = operations(&api, "/metrics").await;
                (ready.contains("same page") && metrics.contains("nmp_backend_list_faults_total{")).then_some(())
            })
            .await;
        }
    }
    api.backend(usual()).await;
    let began = Instant::now();
    let open = "SELECT COUNT(*) FROM orders WHERE status IN ('pending', 'in-progress')";
    eventually("every order is final", Duration::from_secs(90), async || {
        (numbers(&api.db, open).await == [0]).then_some(())
    })
    .await;
    let healed = began.elapsed();
    let memory = highest_memory(api.demo.process_id());
    figure(&format!("hostile backend on {kind:?}: slowest order of another enterprise"), format!("{slowest:?}"));
    figure("  most calls in one of the hostilities", most_calls);
    figure("  every order final after the end of all hostilities", format!("{healed:?}"));
    figure("  highest memory of the process, the backend in it", format!("{memory} MB"));
    assert!(memory < 400, "{memory} MB");
    api.db.close().await;
}

fn run<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(Kind) -> F) {
    runtime().block_on(test(kind));
}

on_both_databases!(@ crate::backend::run; a_hostile_backend_stops_nobody_else);
