//! Prints what the main job costs: every figure and every ratio of one run. `cargo bench` runs it on a release build.
//!
//! The program runs as a process of its own and is spoken to over HTTP, on SQLite as it is shipped. What it is compared
//! with is measured in the same run on the same machine, because machines differ and ratios do not.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "main_job/drift.rs"]
mod drift;
#[path = "main_job/files.rs"]
mod files;
#[path = "main_job/list.rs"]
mod list;
#[path = "shared/load.rs"]
#[expect(dead_code, reason = "the API's benchmark asks more of it")]
mod load;
#[path = "main_job/moving.rs"]
mod moving;
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
use report::{Outcome, bench, middle, say};
use visitor::Visitor;

const NUMBERS: usize = 100_000;
const ROUNDS: usize = 5;
const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";

fn main() -> Outcome<()> {
    bench(run())
}

async fn run() -> Outcome<()> {
    starts().await?;
    upload().await?;
    files::run().await?;
    moving::run().await?;
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

/// From 100,000 lines of CSV to the review, and from there to the accepted order. The bare insert stands beside each round,
/// for a moment in which the machine is slow hits both; half of the rounds are below what counts.
async fn upload() -> Outcome<()> {
    let csv = seed::csv(NUMBERS);
    say("the CSV text", format!("{:.1} MB", csv.len() as f64 / 1e6), "");
    let (mut reviews, mut submits, mut changes, mut memory) = (Vec::new(), Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let bare = seed::bare_insert(NUMBERS).await?;
        say("bare bulk insert of 100,000 rows (SQLite)", format!("{:.0} ms", millis(bare)), "");
        let round = one_upload(&csv).await?;
        say("CSV text to the review page", format!("{:.0} ms", millis(round.review)), "");
        say("submit to the order page", format!("{:.0} ms", millis(round.submit)), "");
        say("all of them changed, to the review page", format!("{:.0} ms", millis(round.change)), "");
        reviews.push(ratio(round.review, bare));
        submits.push(ratio(round.submit, bare));
        changes.push(ratio(round.change, bare));
        memory = memory.max(round.memory);
    }
    say("  review against the bare insert", format!("{:.2} x", middle(&mut reviews)), "at most 5 x");
    say("  submit against the bare insert", format!("{:.2} x", middle(&mut submits)), "at most 3 x");
    say("  review of a change of all against the bare insert", format!("{:.2} x", middle(&mut changes)), "at most 5 x");
    say("highest memory of the whole process", format!("{memory:.1} MB"), "at most 150 MB");
    Ok(())
}

/// What an upload took.
struct Upload {
    review: Duration,
    submit: Duration,
    /// From the choice of another country for all numbers to the review.
    change: Duration,
    /// The highest of the process, in megabytes.
    memory: f64,
}

async fn one_upload(csv: &str) -> Outcome<Upload> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(folder.path(), false)?;
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    let form = [("name", "contoso"), ("tenant", TENANT), ("service", "operatorConnect"), ("sync", "operatorConnect")];
    let created = visitor.post("/accounts/new", &form).await;
    if !created.status.is_success() {
        return Err(format!("the account was not created: {} {}", created.status, created.text).into());
    }
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
    let begun = Instant::now();
    let chosen =
        [("filters", "account=contoso"), ("all_matching", "true"), ("country_change", "set"), ("country", "IE")];
    let changed = visitor.upload("/numbers/manage", &chosen, None).await?;
    let review = visitor.get(changed.location.as_deref().ok_or(changed.text)?).await;
    let change = begun.elapsed();
    if !review.text.contains("Change 100,000 numbers") {
        return Err(format!("no review of a change: {} {}", review.status, review.text).into());
    }
    Ok(Upload { review: staged, submit: submitted, change, memory: program.memory("VmHWM")? })
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
