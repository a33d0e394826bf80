//! How a backend is treated: what it can take at once, how often it is asked, how long its work may last.

use std::num::NonZeroU32;
use std::time::Duration;

/// What is different from backend to backend.
#[derive(Clone, Copy, Debug)]
pub struct Properties {
    /// The most numbers in one request.
    pub batch_size: u32,
    /// The most requests a second that one process makes; nothing: as many as there are.
    pub requests_per_second: Option<NonZeroU32>,
    /// How its jobs are followed. A backend that takes numbers at once has none.
    pub jobs: JobPace,
    /// How often it is asked for what it knows.
    pub pulls: PullIntervals,
}

impl Default for Properties {
    /// What the documented protocol takes.
    fn default() -> Self {
        Self { batch_size: 1_000, requests_per_second: None, jobs: JobPace::default(), pulls: PullIntervals::default() }
    }
}

/// How the jobs of a backend are followed.
#[derive(Clone, Copy, Debug)]
pub struct JobPace {
    /// The shortest pause between two questions about a job.
    pub shortest_poll: Duration,
    /// The longest pause between two questions about a job.
    pub longest_poll: Duration,
    /// A job that is not finished after so long is given up, and the numbers are read back.
    pub time_out: Duration,
}

impl Default for JobPace {
    fn default() -> Self {
        Self {
            shortest_poll: Duration::from_secs(1),
            longest_poll: Duration::from_secs(30),
            time_out: Duration::from_hours(6),
        }
    }
}

/// Time between two pulls of the same list.
#[derive(Clone, Copy, Debug)]
pub struct PullIntervals {
    /// Of the consents.
    pub consents: Duration,
    /// Of a tenant's addresses and capability plans.
    pub addresses: Duration,
    /// Of the state of a tenant's numbers.
    pub numbers: Duration,
}

impl Default for PullIntervals {
    fn default() -> Self {
        let minutes = Duration::from_mins;
        Self { consents: minutes(5), addresses: minutes(15), numbers: minutes(15) }
    }
}
