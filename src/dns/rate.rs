//! How many answers a network gets over UDP: enough for any resolver, too few to flood somebody whose address was forged.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Places for networks. Two that meet in one share its budget; a seed of this process decides which do.
const PLACES: usize = 65_536;
/// What may come at once after a rest, in nanoseconds of the rate.
const BURST: u64 = 1_000_000_000;

/// Whether an address is not counted.
pub type Exempt = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// What an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Whole,
    Limited,
}

/// The limit, shared by all who answer.
pub(super) struct RateLimit {
    /// Nanoseconds from one answer to the next; 0: no limit.
    interval: u64,
    /// For each place the instant up to which its answers are spent (GCRA).
    spent_until: Vec<AtomicU64>,
    seed: RandomState,
    start: Instant,
    exempt: Exempt,
}

impl RateLimit {
    pub(super) fn new(per_second: u32, exempt: Exempt) -> Self {
        let places = if per_second == 0 { 0 } else { PLACES };
        Self {
            interval: BURST.checked_div(u64::from(per_second)).unwrap_or_default(),
            spent_until: (0..places).map(|_| AtomicU64::new(0)).collect(),
            seed: RandomState::new(),
            start: Instant::now(),
            exempt,
        }
    }

    /// Takes an answer out of the budget of the network that asks.
    pub(super) fn take(&self, from: SocketAddr) -> Verdict {
        if self.interval == 0 || (self.exempt)(from.ip().to_canonical()) {
            return Verdict::Whole;
        }
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.take_at(network(from.ip()), now)
    }

    fn take_at(&self, network: u64, now: u64) -> Verdict {
        let place = usize::try_from(self.seed.hash_one(network)).unwrap_or_default() % PLACES;
        let Some(place) = self.spent_until.get(place) else { return Verdict::Whole };
        let spend = |until: u64| {
            let next = until.max(now) + self.interval;
            (next - now <= BURST).then_some(next)
        };
        match place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend) {
            Ok(_) => Verdict::Whole,
            Err(_) => Verdict::Limited,
        }
    }
}

/// The /24 or /56 of an address.
fn network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits() >> 8),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 72).unwrap_or_default() | 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_its_share_and_another_its_own() {
        let limit = RateLimit::new(50, Arc::new(|_| false));
        let second = 1_000_000_000;
        let (mut now, here, there) = (0, network([192, 0, 2, 1].into()), network([198, 51, 100, 1].into()));
        assert_eq!(here, network([192, 0, 2, 254].into()));
        assert_ne!(here, network([192, 0, 3, 1].into()));
        let taken = |now, count| (0..count).filter(|_| limit.take_at(here, now) == Verdict::Whole).count();
        assert_eq!(taken(now, 200), 50);
        assert_eq!(limit.take_at(there, now), Verdict::Whole);
        now += second / 2;
        assert_eq!(taken(now, 200), 25);
        now += 100 * second;
        assert_eq!(taken(now, 200), 50);
    }

    #[test]
    fn prefixes_of_version_6_have_56_bits() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:ff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:100::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.9"));
    }

    #[test]
    fn who_is_exempt_is_not_counted() {
        let limit = RateLimit::new(1, Arc::new(|address| address.is_loopback()));
        let from = |text: &str| limit.take(text.parse().unwrap());
        assert!((0..9).all(|_| from("127.0.0.1:5353") == Verdict::Whole));
        assert_eq!([from("192.0.2.1:53"), from("192.0.2.2:53")], [Verdict::Whole, Verdict::Limited]);
    }
}
