//! How many requests one client may make.
//!
//! A token bucket in its shortest form: for each client the one instant at which its bucket is full again (GCRA). A
//! request is let through when its own share still fits between now and a full bucket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

use crate::authz::Principal;
use crate::places::network;

/// Clients that are told apart at once. Further ones share a bucket until others are full again.
const MOST: usize = 50_000;
const SECOND: i64 = 1_000_000;

/// Whose bucket it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::http) enum Client {
    /// A principal with a token: issuer and subject.
    Known(Arc<str>, Arc<str>),
    /// A session of the portal, by its key.
    Session(Arc<str>),
    /// Requests without a good token or session, by source address; of IPv6 the network of 64 bits, which one host may have.
    Address(IpAddr),
    /// Everyone for whom there is no room.
    Others,
}

impl Client {
    pub(in crate::http) fn of(principal: &Principal) -> Self {
        Self::Known(Arc::clone(&principal.issuer), Arc::clone(&principal.subject))
    }

    pub(in crate::http) fn at(address: IpAddr) -> Self {
        Self::Address(network(address))
    }
}

/// The buckets of one process.
pub(in crate::http) struct RateLimit {
    /// Microseconds that one request costs.
    cost: i64,
    /// Microseconds that a full bucket is worth.
    full: i64,
    buckets: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    /// When each bucket is full again, in microseconds since 1970.
    full_at: HashMap<Client, i64>,
    /// When the full ones were last thrown away.
    swept: i64,
}

impl RateLimit {
    /// Makes the limit; there is none when the rate is 0.
    pub(in crate::http) fn new(per_second: u32, burst: u32) -> Option<Self> {
        let cost = SECOND.checked_div(i64::from(per_second))?.max(1);
        Some(Self { cost, full: cost * i64::from(burst), buckets: Mutex::default() })
    }

    /// Takes one request out of the client's bucket; else the seconds until there is one in it again.
    pub(in crate::http) fn admit(&self, client: Client, now: OffsetDateTime) -> Result<(), u32> {
        let now = i64::try_from(now.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX - self.full);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let client = buckets.room_for(client, now);
        let full_at = buckets.full_at.entry(client).or_insert(now);
        // Never more than an empty bucket, also when the clock was turned back.
        let after = (*full_at).clamp(now, now + self.full) + self.cost;
        let lacking = after - now - self.full;
        if lacking > 0 {
            return Err(u32::try_from((lacking + SECOND - 1) / SECOND).unwrap_or(u32::MAX));
        }
        *full_at = after;
        Ok(())
    }
}

impl Buckets {
    fn room_for(&mut self, client: Client, now: i64) -> Client {
        if self.full_at.len() < MOST || self.full_at.contains_key(&client) {
            return client;
        }
        if (now - self.swept).abs() >= SECOND {
            self.swept = now;
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        if self.full_at.len() < MOST { client } else { Client::Others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000) + time::Duration::milliseconds(milliseconds)
    }

    fn address(text: &str) -> Client {
        Client::at(text.parse().unwrap())
    }

    #[test]
    fn a_burst_then_the_rate() {
        let limit = RateLimit::new(2, 3).unwrap();
        let ask = |milliseconds| limit.admit(address("192.0.2.1"), at(milliseconds));
        assert_eq!([ask(0), ask(0), ask(0), ask(0)], [Ok(()), Ok(()), Ok(()), Err(1)]);
        // What was refused costs nothing.
        assert_eq!([ask(499), ask(500), ask(500)], [Err(1), Ok(()), Err(1)]);
        assert_eq!(limit.admit(address("192.0.2.2"), at(500)), Ok(()));
        // A long rest fills the bucket and no more.
        assert_eq!([ask(60_000), ask(60_000), ask(60_000), ask(60_000)], [Ok(()), Ok(()), Ok(()), Err(1)]);
    }

    #[test]
    fn the_wait_is_said_in_whole_seconds() {
        let limit = RateLimit::new(1, 1).unwrap();
        assert_eq!(limit.admit(address("192.0.2.1"), at(0)), Ok(()));
        assert_eq!(limit.admit(address("192.0.2.1"), at(1)), Err(1));
        assert_eq!(limit.admit(address("192.0.2.1"), at(999)), Err(1));
        assert_eq!(limit.admit(address("192.0.2.1"), at(1_000)), Ok(()));
        // A clock that is turned back costs one bucket at most.
        assert_eq!(limit.admit(address("192.0.2.1"), at(-86_400_000)), Err(1));
    }

    #[test]
    fn nothing_is_no_limit() {
        assert!(RateLimit::new(0, 10).is_none());
    }

    #[test]
    fn one_host_of_ipv6_has_one_bucket() {
        assert_eq!(address("2001:db8:1:2:aaaa::1"), address("2001:db8:1:2::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
    }

    #[test]
    fn memory_is_bounded() {
        let limit = RateLimit::new(1, 1).unwrap();
        let from = |n: u32| Client::at(IpAddr::V4(n.into()));
        let many = u32::try_from(MOST).unwrap();
        assert!((0..many).all(|n| limit.admit(from(n), at(0)).is_ok()));
        // There is no room: newcomers share.
        assert_eq!(limit.admit(from(many), at(0)), Ok(()));
        assert_eq!(limit.admit(from(many + 1), at(0)), Err(1));
        assert!(limit.buckets.lock().unwrap().full_at.len() <= MOST + 1);
        // The buckets are full again, and forgotten.
        assert_eq!(limit.admit(from(many + 1), at(5_000)), Ok(()));
        assert_eq!(limit.buckets.lock().unwrap().full_at.len(), 1);
    }
}
