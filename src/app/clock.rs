//! The clock of a process. Hosts that share a database share its clock, so that a lease or a pause that one of them writes
//! means the same to the others, whatever their own clocks say.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::service::Clock;
use crate::store::{self, Db};

/// An answer of the database that took longer tells too little of the time.
const SLOWEST_ANSWER: Duration = Duration::from_secs(1);
/// A difference that is left as it is, beside what the way of the answer explains.
const LEFT_ALONE: Duration = Duration::from_millis(5);

/// Returns the clock of this machine, which a process starts from.
pub(super) fn now() -> fn() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "the composition root is where the clock comes from")]
    let now = OffsetDateTime::now_utc;
    now
}

/// The time at the database, known at one instant and counted on from there by the machine's own steady clock, which no
/// one sets.
#[derive(Clone, Debug)]
pub(super) struct ServerClock(Arc<Mutex<ServerTime>>);

#[derive(Clone, Copy, Debug)]
struct ServerTime {
    at: Instant,
    time: OffsetDateTime,
    /// Half of the time that the answer took: it may be wrong by so much.
    within: Duration,
}

impl ServerTime {
    async fn ask(db: &Db) -> store::Result<Option<Self>> {
        let asked = Instant::now();
        let time = db.server_time().await?;
        let within = asked.elapsed() / 2;
        Ok(time.map(|time| Self { at: asked + within, time, within }))
    }

    fn time_at(&self, instant: Instant) -> OffsetDateTime {
        match instant.checked_duration_since(self.at) {
            Some(since) => self.time + since,
            None => self.time - self.at.duration_since(instant),
        }
    }

    /// Returns what is known after another answer.
    fn corrected(self, other: Self) -> Self {
        let difference = (other.time - self.time_at(other.at)).unsigned_abs();
        let tells = other.within * 2 <= SLOWEST_ANSWER && difference > other.within + LEFT_ALONE;
        if tells { other } else { self }
    }
}

impl ServerClock {
    /// Returns the clock of the database's server; `None` where the database is a file of this machine.
    pub(super) async fn of(db: &Db) -> store::Result<Option<Self>> {
        Ok(ServerTime::ask(db).await?.map(|known| Self(Arc::new(Mutex::new(known)))))
    }

    /// Returns the clock for the services.
    pub(super) fn clock(&self) -> Clock {
        let this = self.clone();
        Clock::new(move || this.server_time().time_at(Instant::now()))
    }

    fn server_time(&self) -> ServerTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the database once more. While it does not answer the time is counted on.
    pub(super) async fn correct(&self, db: &Db) {
        match ServerTime::ask(db).await {
            Ok(Some(other)) => {
                let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                *known = known.corrected(other);
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the database did not tell the time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(at: Instant, seconds: i64, within: u64) -> ServerTime {
        let time = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
        ServerTime { at, time, within: Duration::from_millis(within) }
    }

    #[test]
    fn the_time_is_counted_on_until_the_database_says_another() {
        let start = Instant::now();
        let later = start + Duration::from_secs(10);
        let first = known(start, 1_000, 1);
        assert_eq!(first.time_at(later), known(later, 1_010, 0).time);
        assert_eq!(first.corrected(known(later, 1_010, 1)).at, start, "nothing new");
        assert_eq!(first.corrected(known(later, 4_610, 1)).time_at(later), known(later, 4_610, 0).time);
        assert_eq!(first.corrected(known(later, 10, 1)).time_at(later), known(later, 10, 0).time, "also back");
        assert_eq!(first.corrected(known(later, 4_610, 600)).at, start, "too slow an answer to tell");
        assert_eq!(known(later, 1_010, 0).time_at(start), first.time);
    }
}
