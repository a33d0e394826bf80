//! No more requests a second than a backend takes.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Hands out the moments at which a request may be made, evenly.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Between two requests; nothing where there is no limit.
    step: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many requests a second at most.
    pub(super) fn new(per_second: Option<NonZeroU32>) -> Self {
        Self { step: per_second.map(|most| Duration::from_secs(1) / most.get()), next: Mutex::default() }
    }

    /// Waits until it is this request's turn.
    pub(super) async fn turn(&self) {
        if let Some(at) = self.take(Instant::now()) {
            tokio::time::sleep_until(at).await;
        }
    }

    /// The moment of the next request, where it has to wait.
    fn take(&self, now: Instant) -> Option<Instant> {
        let step = self.step?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + step);
        (at > now).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_spread_over_the_second() {
        let (pace, now) = (Pace::new(NonZeroU32::new(20)), Instant::now());
        let waits: Vec<u128> = (0..4).map(|_| pace.take(now).map_or(0, |at| (at - now).as_millis())).collect();
        assert_eq!(waits, [0, 50, 100, 150]);
        assert_eq!(pace.take(now + Duration::from_secs(5)), None, "what was not used is not made up for");
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert!((0..1_000).all(|_| pace.take(now).is_none()));
    }
}
