//! Prints what the Provisioning API costs: every figure and every ratio of one run. `cargo bench --bench api` runs it on
//! a release build.
//!
//! The program runs as a process of its own, on SQLite with `synchronous=FULL` as it is shipped, with its rate limit off.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "api/bare.rs"]
mod bare;
#[path = "shared/load.rs"]
#[expect(dead_code, reason = "a load generator of the main job, which asks more of it")]
mod load;
#[path = "shared/program.rs"]
#[expect(dead_code, reason = "the program of the main job, which asks more of it")]
mod program;
#[path = "shared/report.rs"]
mod report;
#[path = "shared/seed.rs"]
#[expect(dead_code, reason = "data of the main job, which asks for more of it")]
mod seed;
#[path = "../tests/integration/harness/visitor.rs"]
#[expect(clippy::unwrap_used, clippy::panic, dead_code, reason = "a visitor of the tests, which ask more of it")]
mod visitor;

use std::sync::Arc;

use load::Rate;
use program::Program;
use report::{Outcome, at_least, at_most, bench, middle, say};
use serde_json::{Value, json};
use visitor::Visitor;

const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
const VERSION: &str = "api-version=2024-02-29-preview";
/// Numbers of a batch.
const BATCH: u64 = 100;
/// What is compared takes turns, so that a moment in which the machine is slow hits both; half of the ratios are below.
const ROUNDS: u64 = 3;
/// Lines of the upload that is committed while others read.
const UPLOAD: u64 = 100_000;
/// Numbers stored while calls look them up, on ten accounts.
const STORED: usize = 1_000_000;

fn main() -> Outcome<()> {
    bench(run())
}

fn shown(rate: &Rate) -> String {
    format!("{:.0}/s {:.2} ms", rate.per_second, rate.median.as_secs_f64() * 1e3)
}

/// The API of a running program, called with a token.
struct Api {
    host: String,
    token: String,
}

impl Api {
    async fn of(program: &Program) -> Outcome<Self> {
        let form = [("grant_type", "client_credentials"), ("scope", "nmp-api/.default")];
        let client = reqwest::Client::builder().build()?;
        let url = format!("{}/token", program.issuer);
        let answer: Value =
            client.post(url).basic_auth("bss-admin", Some("sandbox")).form(&form).send().await?.json().await?;
        let token = answer.get("access_token").and_then(Value::as_str).ok_or("no token")?.to_owned();
        Ok(Self { host: load::host(&program.api), token })
    }

    /// The text of a request.
    fn request(&self, method: &str, path: &str, body: &str) -> String {
        format!(
            "{method} {path}?{VERSION} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            self.token,
            body.len()
        )
    }

    async fn put(&self, path: &str, body: &Value) -> Outcome<()> {
        let client = reqwest::Client::builder().build()?;
        let url = format!("http://{}{path}?{VERSION}", self.host);
        client.put(url).bearer_auth(&self.token).json(body).send().await?.error_for_status()?;
        Ok(())
    }
}

fn account(name: &str, sync: bool) -> Value {
    json!({"name": name, "serviceDetails": {"teamsTenantId": TENANT, "teamsOperatorConnect": {"enabled": true, "syncEnabled": sync}}})
}

fn number(account: &str, number: u64) -> String {
    format!(
        "{{\"telephoneNumber\":\"+{number}\",\"accountName\":\"{account}\",\"serviceDetails\":{{\
         \"teamsOperatorConnect\":{{\"enabled\":true,\"configuration\":{{\"usage\":\"CallingUserAssignment\",\
         \"choosableCapabilities\":[\"InboundCalling\",\"OutboundCalling\"],\
         \"allowTenantAddressUpdate\":true,\"displayedCountryCode\":\"GB\"}}}}}}}}"
    )
}

async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(folder.path(), false)?;
    let api = Arc::new(Api::of(&program).await?);
    for (name, sync) in [("contoso", true), ("stored", false)] {
        api.put(&format!("/accounts/{name}"), &account(name, sync)).await?;
    }
    reads(&program, &api).await?;
    singles(&api).await?;
    batches(&api).await?;
    beside_an_upload(&program, &api).await?;
    look_up().await
}

/// What a session border controller asks while it handles a call: one number of a million, another each time, against the
/// least the program can answer.
async fn look_up() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    seed::fill(folder.path(), STORED).await?;
    let program = Program::start(folder.path(), true)?;
    let api = Arc::new(Api::of(&program).await?);
    let url = format!("http://{}/call-path/numbers/+{}", api.host, stored(STORED as u64 - 1));
    reqwest::Client::builder().build()?.get(url).bearer_auth(&api.token).send().await?.error_for_status()?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let health = load::get(&program.operations, "/healthz", "").await?;
        let calls = Arc::clone(&api);
        let one = load::send(&api.host, move |index| {
            // Far apart from each other, as calls are.
            let number = stored(index.wrapping_mul(611_953) % STORED as u64);
            calls.request("GET", &format!("/call-path/numbers/+{number}"), "")
        })
        .await?;
        say("/healthz", shown(&health), "");
        say("look-up of one of 1,000,000 numbers", shown(&one), "");
        ratios.push(one.per_second / health.per_second);
    }
    let against = middle(&mut ratios);
    say("  against /healthz", format!("{against:.2}"), &at_least(0.33, "", against));
    Ok(())
}

/// A number that is stored, by its place among them: each account's follow each other.
fn stored(place: u64) -> u64 {
    let each = STORED as u64 / 10;
    442_000_000_000 + place / each * 1_000_000 + place % each
}

/// One number, its token checked, against the least the program can answer.
async fn reads(program: &Program, api: &Arc<Api>) -> Outcome<()> {
    let path = "/accounts/stored/numbers/+441632960000";
    let body: Value = serde_json::from_str(&number("stored", 441_632_960_000))?;
    api.put(path, &body).await?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let health = load::get(&program.operations, "/healthz", "").await?;
        let request: Arc<str> = api.request("GET", path, "").into();
        let one = load::send(&api.host, move |_| Arc::clone(&request)).await?;
        say("/healthz", shown(&health), "");
        say("GET of one number", shown(&one), "");
        ratios.push(one.per_second / health.per_second);
    }
    let against = middle(&mut ratios);
    say("  against /healthz", format!("{against:.2}"), &at_least(0.33, "", against));
    Ok(())
}

/// Numbers put one by one, against commits of one row.
async fn singles(api: &Arc<Api>) -> Outcome<()> {
    let (mut stored, mut pushed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let bare = bare::commits().await?;
        say("bare commits of one row, 8 clients (SQLite, FULL)", format!("{bare:.0}/s"), "");
        for (name, first, ratios) in
            [("stored", 442_000_000_000, &mut stored), ("contoso", 443_000_000_000, &mut pushed)]
        {
            let (account, calls) = (name.to_owned(), Arc::clone(api));
            let rate = load::send(&api.host, move |index| {
                let telephone = first + round * 10_000_000 + index;
                let path = format!("/accounts/{account}/numbers/+{telephone}");
                calls.request("PUT", &path, &number(&account, telephone))
            })
            .await?;
            let what =
                if name == "stored" { "PUT of one number" } else { "PUT of one number that is pushed meanwhile" };
            say(what, shown(&rate), "");
            ratios.push(rate.per_second / bare);
        }
    }
    let against = middle(&mut stored);
    say("  PUT against bare commits", format!("{against:.2}"), &at_least(0.5, "", against));
    say("  PUT that is pushed against bare commits", format!("{:.2}", middle(&mut pushed)), "");
    Ok(())
}

/// Numbers put in batches, against rows put into a table a hundred at a time.
async fn batches(api: &Arc<Api>) -> Outcome<()> {
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let bare = bare::bulk(BATCH).await?;
        say("bare bulk insert, 100 rows a commit", format!("{bare:.0} rows/s"), "");
        let calls = Arc::clone(api);
        let rate = load::send(&api.host, move |index| {
            let first = 444_000_000_000 + round * 100_000_000 + index * BATCH;
            let numbers: Vec<String> = (first..first + BATCH).map(|telephone| number("stored", telephone)).collect();
            let body = format!("{{\"numbers\":[{}]}}", numbers.join(","));
            calls.request("POST", "/accounts/stored:createOrUpdateNumbers", &body)
        })
        .await?;
        let rows = rate.per_second * BATCH as f64;
        say("batches of 100 numbers", format!("{rows:.0} rows/s"), "");
        ratios.push(rows / bare);
    }
    let against = middle(&mut ratios);
    say("  batches against the bare bulk insert", format!("{against:.2}"), &at_least(0.2, "", against));
    Ok(())
}

/// Reads while 100,000 numbers are being committed.
async fn beside_an_upload(program: &Program, api: &Arc<Api>) -> Outcome<()> {
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    let form = [
        ("account", "stored"),
        ("service", "operatorConnect"),
        ("usage", "CallingUserAssignment"),
        ("capability", "InboundCalling"),
        ("allow_tenant_address_update", "true"),
        ("numbers", &format!("+446000000000-+{}", 446_000_000_000 + UPLOAD - 1)),
    ];
    let staged = visitor.upload("/numbers/upload", &form, None).await?;
    let review = visitor.get(staged.location.as_deref().ok_or(staged.text)?).await;
    let submit = review.url.path().replace("/review", "/submit");
    let request: Arc<str> = api.request("GET", "/accounts/stored/numbers/+441632960000", "").into();
    let host = api.host.clone();
    let committing = async {
        // The warm-up of the readers is over.
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        visitor.post(&submit, &[]).await
    };
    let (rate, order) = tokio::join!(load::send(&host, move |_| Arc::clone(&request)), committing);
    if !order.status.is_success() {
        return Err(format!("not submitted: {} {}", order.status, order.text).into());
    }
    let rate = rate?;
    say("GET of one number while 100,000 are committed", shown(&rate), "");
    say("  its p99", format!("{:.2} ms", rate.p99.as_secs_f64() * 1e3), "");
    let against = rate.p99.as_secs_f64() / rate.median.as_secs_f64();
    say("  p99 against its median", format!("{against:.1} x"), &at_most(10.0, "x", against));
    Ok(())
}
