//! Prints what the main job costs: every figure and every ratio of one run. `cargo bench` runs it on a release build;
//! `cargo bench --bench main_job -- bad free` measures these parts only.
//!
//! The program runs as a process of its own and is spoken to over HTTP, on SQLite as it is shipped. What it is compared
//! with is measured in the same run on the same machine, because machines differ and ratios do not.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "main_job/bad.rs"]
mod bad;
#[path = "main_job/drift.rs"]
mod drift;
#[path = "main_job/files.rs"]
mod files;
#[path = "main_job/free.rs"]
mod free;
#[path = "main_job/list.rs"]
mod list;
#[path = "shared/load.rs"]
#[expect(dead_code, reason = "the API's benchmark asks more of it")]
mod load;
#[path = "main_job/mixed.rs"]
mod mixed;
#[path = "main_job/moving.rs"]
mod moving;
#[path = "main_job/observed.rs"]
mod observed;
#[path = "../tests/integration/harness/postgres.rs"]
#[expect(clippy::unwrap_used, clippy::panic, reason = "the server of the tests, which stop where there is none")]
mod postgres;
#[path = "shared/program.rs"]
#[expect(dead_code, reason = "the API's benchmark asks more of it")]
mod program;
#[path = "main_job/pull.rs"]
mod pull;
#[path = "shared/report.rs"]
mod report;
#[path = "main_job/review.rs"]
mod review;
#[path = "shared/seed.rs"]
mod seed;
#[path = "../tests/integration/harness/visitor.rs"]
#[expect(clippy::unwrap_used, clippy::panic, dead_code, reason = "a visitor of the tests, which ask more of it")]
mod visitor;

use std::pin::Pin;
use std::time::{Duration, Instant};

use program::Program;
use report::{Outcome, at_most, bench, middle, say};
use review::reviewed;
use visitor::Visitor;

const NUMBERS: usize = 100_000;
const ROUNDS: usize = 5;
const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";

type Part = fn() -> Pin<Box<dyn Future<Output = Outcome<()>>>>;

/// What is measured, in this order.
const PARTS: [(&str, Part); 10] = [
    ("starts", || Box::pin(starts())),
    ("upload", || Box::pin(upload())),
    ("mixed", || Box::pin(mixed::run())),
    ("observed", || Box::pin(observed::run())),
    ("bad", || Box::pin(bad::run())),
    ("files", || Box::pin(files::run())),
    ("moving", || Box::pin(moving::run())),
    ("pull", || Box::pin(pull::run())),
    ("free", || Box::pin(free::run())),
    ("list", || Box::pin(list::run())),
];

fn main() -> Outcome<()> {
    bench(run())
}

async fn run() -> Outcome<()> {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let known = PARTS.map(|(name, _)| name);
    if let Some(unknown) = chosen.iter().find(|chosen| !known.contains(&chosen.as_str())) {
        return Err(format!("there is no part {unknown}; the parts are {}", known.join(", ")).into());
    }
    for (_, part) in PARTS.iter().filter(|(name, _)| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name)) {
        part().await?;
    }
    Ok(())
}

/// How soon the program is ready on an existing database, and what it weighs when it does nothing.
async fn starts() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    drop(Program::start(folder.path(), true)?);
    let program = Program::start(folder.path(), true)?;
    let ready = millis(program.ready_after);
    say("ready on an existing database", format!("{ready:.0} ms"), &at_most(1_000.0, "ms", ready));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = program.memory("VmRSS")?;
    say("idle process with its sandbox (resident)", format!("{idle:.1} MB"), &at_most(40.0, "MB", idle));
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_nmp"))?.len() as f64 / 1e6;
    say("release binary", format!("{size:.1} MB"), &at_most(40.0, "MB", size));
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
    for (what, ratios, most) in [
        ("  review against the bare insert", &mut reviews, 5.0),
        ("  submit against the bare insert", &mut submits, 3.0),
        ("  review of a change of all against the bare insert", &mut changes, 5.0),
    ] {
        let against = middle(ratios);
        say(what, format!("{against:.2} x"), &at_most(most, "x", against));
    }
    say("highest memory of the whole process", format!("{memory:.1} MB"), &at_most(150.0, "MB", memory));
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
    let (review, staged) = reviewed(&mut visitor, &[("account", "contoso")], csv.as_bytes()).await?;
    let submitted = review.submit(&mut visitor).await?;
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
