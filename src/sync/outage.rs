//! Whether the backend answers: noticed at every call, so that what sleeps is woken when it is back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::pace::Pace;
use crate::backend::{Answer, Answering, Backend, BackendError};
use crate::store::Lane;

/// So many requests in a row without an answer mean that the backend is away.
const AWAY: u32 = 3;
/// The longest time until one of the sleepers tries whether the backend is back.
const LONGEST_PROBE: Duration = Duration::from_secs(30);

/// A backend that is asked at its pace, and whose every answer tells the [`Outage`] how it went.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) backend: Backend,
    pub(super) outage: Arc<Outage>,
    pace: Arc<Pace>,
}

/// What is known of the backend's answers, lane by lane: one that refuses to list may still take numbers.
#[derive(Debug, Default)]
pub(super) struct Outage {
    pushes: Mutex<Requests>,
    pulls: Mutex<Requests>,
    /// Told when a lane is back.
    pub(super) back: Notify,
}

/// The requests of one lane.
#[derive(Debug, Default)]
struct Requests {
    /// Requests in a row without an answer.
    failures: u32,
    /// Since when, and why the last of them failed.
    away: Option<(Instant, String)>,
    /// When one of the sleepers is to try, and how often that was done.
    probe: Option<Instant>,
    probes: u32,
    /// It answered after it was away, and nobody has woken the sleepers yet.
    is_back: bool,
}

impl Outage {
    fn requests(&self, lane: Lane) -> MutexGuard<'_, Requests> {
        let requests = match lane {
            Lane::Pushes => &self.pushes,
            Lane::Pulls => &self.pulls,
        };
        requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, lane: Lane, answer: &Answer<T>) {
        match answer {
            Ok(_) | Err(BackendError::Rejected(_)) => self.answered(lane),
            Err(BackendError::Retry { reason, .. }) => self.failed(lane, reason, Instant::now()),
        }
    }

    fn failed(&self, lane: Lane, reason: &str, now: Instant) {
        let mut requests = self.requests(lane);
        requests.failures = requests.failures.saturating_add(1);
        let since = requests.away.as_ref().map_or(now, |(since, _)| *since);
        requests.away = Some((since, reason.to_owned()));
        if requests.probe.is_none() && requests.failures >= AWAY {
            requests.probe = Some(now + probe_pause(0));
        }
    }

    fn answered(&self, lane: Lane) {
        let mut requests = self.requests(lane);
        if requests.failures > 0 {
            let is_back = requests.is_back || requests.failures >= AWAY;
            *requests = Requests { is_back, ..Requests::default() };
            if is_back {
                self.back.notify_one();
            }
        }
    }

    /// Whether the lane has come back since this was asked last.
    pub(super) fn is_back(&self, lane: Lane) -> bool {
        std::mem::take(&mut self.requests(lane).is_back)
    }

    /// Whether it is time that one of those that sleep in this lane tries.
    pub(super) fn is_probe_due(&self, lane: Lane, now: Instant) -> bool {
        let mut requests = self.requests(lane);
        let due = requests.probe.is_some_and(|at| at <= now);
        if due {
            requests.probes = requests.probes.saturating_add(1);
            requests.probe = Some(now + probe_pause(requests.probes));
        }
        due
    }

    /// Since when the backend has not answered in a lane, and why the last call failed; nothing while it answers.
    pub(super) fn away(&self, lane: Lane) -> Option<(Duration, String)> {
        let requests = self.requests(lane);
        let (since, reason) = requests.away.as_ref().filter(|_| requests.failures >= AWAY)?;
        Some((since.elapsed(), reason.clone()))
    }
}

/// Doubling from two seconds to half a minute, with jitter.
fn probe_pause(probes: u32) -> Duration {
    Duration::from_secs(2 << probes.min(4)).min(LONGEST_PROBE).mul_f64(rand::random_range(0.5..=1.0))
}

impl Watched {
    pub(super) fn new(backend: Backend) -> Self {
        let pace = Arc::new(Pace::new(backend.properties.requests_per_second));
        Self { backend, outage: Arc::default(), pace }
    }

    /// Asks the backend when it is this question's turn, and notes whether it answered.
    pub(super) async fn ask<T>(&self, lane: Lane, question: Answering<'_, T>) -> Answer<T> {
        self.pace.turn().await;
        let answer = question.await;
        self.outage.note(lane, &answer);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_after_several_without_one_is_news_once() {
        let outage = Outage::default();
        for _ in 0..AWAY {
            assert!(outage.away(Lane::Pushes).is_none());
            outage.failed(Lane::Pushes, "no connection", Instant::now());
        }
        assert_eq!(outage.away(Lane::Pushes).unwrap().1, "no connection");
        assert!(outage.away(Lane::Pulls).is_none(), "the other lane is not concerned");
        assert!(!outage.is_back(Lane::Pushes));
        outage.answered(Lane::Pushes);
        outage.answered(Lane::Pushes);
        assert!(outage.is_back(Lane::Pushes) && !outage.is_back(Lane::Pushes));
        assert!(outage.away(Lane::Pushes).is_none());
    }

    #[test]
    fn a_call_that_fails_now_and_then_wakes_nobody() {
        let outage = Outage::default();
        for _ in 0..100 {
            outage.failed(Lane::Pushes, "status 500", Instant::now());
            outage.answered(Lane::Pushes);
        }
        assert!(!outage.is_back(Lane::Pushes) && !outage.is_probe_due(Lane::Pushes, Instant::now()));
    }

    #[test]
    fn while_the_backend_is_away_a_sleeper_tries_at_least_every_half_minute() {
        let outage = Outage::default();
        for _ in 0..AWAY {
            outage.failed(Lane::Pushes, "no connection", Instant::now());
        }
        let began = Instant::now();
        let probes =
            (0..600).filter(|second| outage.is_probe_due(Lane::Pushes, began + Duration::from_secs(*second))).count();
        assert!((20..=60).contains(&probes), "{probes} in ten minutes");
    }
}
