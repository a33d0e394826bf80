//! A process that was stopped in the middle of what it did, as one whose host lost its power: the others go on.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _};
use tokio::sync::Mutex;

use crate::figures::{figure, long, rate};
use crate::harness::api::{account, number, path_of};
use crate::harness::caller::Caller;
use crate::harness::database::{Kind, Place};
use crate::harness::program::Demo;
use crate::harness::{eventually, runtime};

const SERVICE: &str = "azureOperatorCallProtection";
/// Programs that write at each process.
const WRITERS: u64 = 6;
/// The rate is looked at over so long.
const WINDOW: Duration = Duration::from_secs(1);
/// For so long at most may the others write less than half of what they wrote before.
const MOST: Duration = Duration::from_secs(10);

pub(super) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

async fn start(place: &Place) -> (Demo, Caller) {
    let demo = Demo::with(vec![("NMP_DATABASE__URL", place.url.clone()), ("NMP_API__RATE_PER_SECOND", "0".to_owned())]);
    let admin = Caller::new(&demo.api, &demo.issuer, "bss-admin").await;
    (demo, admin)
}

/// Puts numbers, one after the other, until it is told to stop, and notes when each was taken.
async fn write(caller: Caller, first: u64, stop: Arc<AtomicBool>, taken: Arc<Mutex<Vec<Instant>>>) {
    let mut place = first;
    while !stop.load(Ordering::Relaxed) {
        let telephone_number = format!("+{place}");
        place += 1;
        let put = caller
            .request(reqwest::Method::PUT, &crate::harness::caller::versioned(&path_of("many", &telephone_number)))
            .json(&number("many", &telephone_number, SERVICE));
        if put.send().await.is_ok_and(|answer| answer.status().is_success()) {
            taken.lock().await.push(Instant::now());
        }
    }
}

/// The longest time from `since` on in which less than `wanted` a second were taken.
fn longest_below(taken: &[Instant], since: Instant, until: Instant, wanted: f64) -> Duration {
    let (mut longest, mut begun, mut at) = (Duration::ZERO, None, since);
    let step = WINDOW / 4;
    while at + WINDOW <= until {
        let count = taken.iter().filter(|when| **when >= at && **when < at + WINDOW).count();
        if rate(count, WINDOW) < wanted {
            let from = *begun.get_or_insert(at);
            longest = longest.max(at + WINDOW - from);
        } else {
            begun = None;
        }
        at += step;
    }
    longest
}

#[test]
fn the_others_go_on() {
    runtime().block_on(async {
        let place = Place::new(Kind::Postgres).await;
        let (_first, ours) = start(&place).await;
        let (second, theirs) = start(&place).await;
        assert!(ours.put("/accounts/many", &account("many", &[SERVICE])).await.status.is_success());
        let rounds = if long() { 20 } else { 2 };
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        let (mut worst, mut usual) = (Duration::ZERO, f64::MAX);
        for round in 0..rounds {
            let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
            let aside = Arc::new(Mutex::new(Vec::new()));
            let base = 441_632_000_000 + 1_000_000 * round;
            let ours =
                (0..WRITERS).map(|n| write(ours.clone(), base + 10_000 * n, Arc::clone(&stop), Arc::clone(&taken)));
            let theirs = (0..WRITERS)
                .map(|n| write(theirs.clone(), base + 500_000 + 10_000 * n, Arc::clone(&stop), Arc::clone(&aside)));
            let begun = Instant::now();
            let stopping = async {
                let moment = begun + Duration::from_secs(3) + Duration::from_millis(random.random_range(0..1_000));
                eventually("the moment has come", MOST, async || (Instant::now() > moment).then_some(())).await;
                signal(second.process_id(), "-STOP");
                let stopped = Instant::now();
                let end = stopped + MOST + Duration::from_secs(2);
                eventually("it was stopped long enough", MOST * 2, async || (Instant::now() > end).then_some(())).await;
                stop.store(true, Ordering::Relaxed);
                signal(second.process_id(), "-CONT");
                stopped
            };
            let (stopped, _, _) =
                tokio::join!(stopping, futures_util::future::join_all(ours), futures_util::future::join_all(theirs));
            let taken = taken.lock().await;
            let before = rate(taken.iter().filter(|when| **when < stopped).count(), stopped - begun);
            usual = usual.min(before);
            worst = worst.max(longest_below(&taken, stopped, stopped + MOST + Duration::from_secs(2), before / 2.0));
        }
        figure(
            &format!("a process stopped {rounds} times"),
            format!("the other wrote at least {usual:.0}/s before, and less than half of that for at most {worst:.1?}"),
        );
        assert!(worst <= MOST, "{worst:?}");
    });
}
