//! Prints what the main job costs: every figure and every ratio of one run. `cargo bench` runs it on a release build.
//!
//! The program runs as a process of its own and is spoken to over HTTP, on SQLite as it is shipped. What it is compared
//! with is measured in the same run on the same machine, because machines differ and ratios do not.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "main_job/list.rs"]
mod list;
#[path = "shared/load.rs"]
#[expect(dead_code, reason = "the API's benchmark asks more of it")]
mod load;
#[path = "shared/program.rs"]
#[expect(dead_code, reason = "the API's benchmark asks more of it")]
mod program;
#[path = "shared/report.rs"]
mod report;
#[path = "shared/seed.rs"]
mod seed;
#[path = "../tests/integration/harness/visitor.rs"]
#[expect(clippy::unwrap_used, clippy::panic, dead_code, reason = "a visitor of the tests, which ask more of it")]
mod visitor;

use std::time::{Duration, Instant};

use program::Program;
use report::{Outcome, bench, say};
use visitor::Visitor;

const NUMBERS: usize = 100_000;
const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";

fn main() -> Outcome<()> {
    bench(run())
}

async fn run() -> Outcome<()> {
    starts().await?;
    upload().await?;
    list::run().await
}

/// How soon the program is ready on an existing database, and what it weighs when it does nothing.
async fn starts() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    drop(Program::start(folder.path(), true)?);
    let program = Program::start(folder.path(), true)?;
    say("ready on an existing database", format!("{:.0} ms", millis(program.ready_after)), "at most 1,000 ms");
    tokio::time::sleep(Duration::from_secs(2)).await;
    say("idle process with its sandbox (resident)", format!("{:.1} MB", program.memory("VmRSS")?), "at most 40 MB");
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_nmp"))?.len();
    say("release binary", format!("{:.1} MB", size as f64 / 1e6), "at most 40 MB");
    Ok(())
}

/// From 100,000 lines of CSV to the review, and from there to the accepted order.
async fn upload() -> Outcome<()> {
    let bare = median(3, || seed::bare_insert(NUMBERS)).await?;
    say("bare bulk insert of 100,000 rows (SQLite)", format!("{:.0} ms", millis(bare)), "");
    let folder = tempfile::tempdir()?;
    let program = Program::start(folder.path(), false)?;
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    let form = [("name", "contoso"), ("tenant", TENANT), ("service", "operatorConnect"), ("sync", "operatorConnect")];
    let created = visitor.post("/accounts/new", &form).await;
    if !created.status.is_success() {
        return Err(format!("the account was not created: {} {}", created.status, created.text).into());
    }
    let csv = seed::csv(NUMBERS);
    let begun = Instant::now();
    let stored = visitor.upload("/numbers/upload", &[("account", "contoso")], Some(csv.as_bytes())).await?;
    let review = visitor.get(stored.location.as_deref().ok_or(stored.text)?).await;
    let staged = begun.elapsed();
    if !review.url.path().ends_with("/review") {
        return Err(format!("no review: {} {} {}", review.url, review.status, review.text).into());
    }
    let begun = Instant::now();
    let submit = review.url.path().replace("/review", "/submit");
    let order = visitor.post(&submit, &[]).await;
    let submitted = begun.elapsed();
    if !order.status.is_success() {
        return Err(format!("not submitted: {} {}", order.status, order.text).into());
    }
    let text = format!("{:.1} MB", csv.len() as f64 / 1e6);
    say("  the CSV text", text, "");
    say("CSV text to the review page", format!("{:.0} ms", millis(staged)), "");
    say("  against the bare insert", format!("{:.2} x", ratio(staged, bare)), "at most 5 x");
    say("submit to the order page", format!("{:.0} ms", millis(submitted)), "");
    say("  against the bare insert", format!("{:.2} x", ratio(submitted, bare)), "at most 3 x");
    say("highest memory of the whole process", format!("{:.1} MB", program.memory("VmHWM")?), "at most 150 MB");
    Ok(())
}

async fn median<F: Future<Output = Outcome<Duration>>>(
    times: usize,
    mut measure: impl FnMut() -> F,
) -> Outcome<Duration> {
    let mut found = Vec::new();
    for _ in 0..times {
        found.push(measure().await?);
    }
    found.sort_unstable();
    found.get(times / 2).copied().ok_or_else(|| "nothing was measured".into())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
