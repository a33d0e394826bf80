//! Places for the connections of one listener: so many in all and so many for one address, so that nobody takes them all.
//!
//! A connection on which nothing is under way gives its place up when another one needs it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Whether an address may have as many places as there are: that of a proxy of ours, behind which many people are.
pub type Excepted = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// While there is no place, those that are taken are looked at again after so long.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How many connections there may be.
#[derive(Clone)]
pub struct Limits {
    /// In all.
    pub most: usize,
    /// From one address, of IPv6 from one network of 64 bits; 0: as many as in all.
    pub of_one: usize,
    /// Who is not counted by address.
    pub excepted: Excepted,
}

impl Limits {
    /// So many in all and from one address, whoever it is.
    #[must_use]
    pub fn new(most: u32, of_one: u32) -> Self {
        Self { most: most as usize, of_one: of_one as usize, excepted: Arc::new(|_| false) }
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// This address has all that are for one, and something is under way on each.
    Address,
    /// All are taken, and on each something is under way.
    Full,
}

/// The places of one listener.
pub struct Places {
    limits: Limits,
    taken: Mutex<Taken>,
    freed: Notify,
    start: Instant,
    stop: CancellationToken,
}

#[derive(Default)]
struct Taken {
    last: u64,
    places: HashMap<u64, Entry>,
    /// For each address that is counted.
    of: HashMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    staying: usize,
    /// Asked to leave, and not gone yet.
    leaving: usize,
}

struct Entry {
    network: Option<IpAddr>,
    activity: Activity,
    leave: CancellationToken,
    /// It was asked to leave for somebody else.
    leaving: bool,
}

/// A place that a connection has; it is free again when this value goes.
pub struct Place {
    places: Arc<Places>,
    id: u64,
    activity: Activity,
    leave: CancellationToken,
}

/// What is under way on a connection; clones tell of the same.
#[derive(Clone)]
pub struct Activity(Arc<State>);

struct State {
    /// Something of a question was read, and it is not answered yet.
    heard: AtomicBool,
    /// A whole question was read, and it is not answered yet.
    answering: AtomicBool,
    /// Since when nothing is under way, in microseconds behind `start`; 0: something is.
    idle_since: AtomicU64,
    start: Instant,
}

impl Activity {
    fn new(start: Instant) -> Self {
        let (heard, answering) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(State { heard, answering, idle_since: AtomicU64::new(0), start }))
    }

    /// Something was read. Until it is a whole question it is no more than silence.
    pub fn heard(&self) {
        self.0.heard.store(true, Ordering::Relaxed);
    }

    /// A whole question was read.
    pub fn asked(&self) {
        self.0.answering.store(true, Ordering::Relaxed);
        self.busy();
    }

    /// Whether something was read that is not answered.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.0.heard.load(Ordering::Relaxed)
    }

    /// Whether a part of a question was read, and nothing else is under way.
    #[must_use]
    pub fn is_half_asked(&self) -> bool {
        self.is_heard() && self.idle_since().is_some()
    }

    /// It is answered; what is still to be written is for whoever writes to say.
    pub fn answered(&self) {
        self.0.answering.store(false, Ordering::Relaxed);
        self.0.heard.store(false, Ordering::Relaxed);
    }

    /// Something has to go out.
    pub fn busy(&self) {
        self.0.idle_since.store(0, Ordering::Relaxed);
    }

    /// Nothing is there to be written; idle from now on unless a question is being answered.
    pub fn waits(&self) {
        if !self.0.answering.load(Ordering::Relaxed) && self.0.idle_since.load(Ordering::Relaxed) == 0 {
            let now = u64::try_from(self.0.start.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
            self.0.idle_since.store(now, Ordering::Relaxed);
        }
    }

    fn idle_since(&self) -> Option<u64> {
        Some(self.0.idle_since.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }
}

impl Places {
    /// Places that are all free. Everybody who has one is asked to leave at the stop.
    #[must_use]
    pub fn new(limits: Limits, stop: CancellationToken) -> Arc<Self> {
        let taken = Mutex::default();
        Arc::new(Self { limits, taken, freed: Notify::new(), start: Instant::now(), stop })
    }

    /// A place for a connection from there. While there is none, whoever has nothing under way is asked to leave.
    ///
    /// # Errors
    /// When the address has enough, or after `patience` when none became free.
    pub async fn take(self: &Arc<Self>, from: IpAddr, patience: Duration) -> Result<Place, Refused> {
        let network =
            Some(network(from)).filter(|_| self.limits.of_one > 0 && !(self.limits.excepted)(from.to_canonical()));
        let end = Instant::now() + patience;
        loop {
            match self.try_take(network) {
                Err(Refused::Full) if Instant::now() < end => {
                    let _ = tokio::time::timeout(LOOK_AGAIN, self.freed.notified()).await;
                }
                decided => return decided,
            }
        }
    }

    fn try_take(self: &Arc<Self>, network: Option<IpAddr>) -> Result<Place, Refused> {
        let mut taken = self.taken();
        if let Some(network) = network {
            let count = taken.of.get(&network).copied().unwrap_or_default();
            if count.staying >= self.limits.of_one {
                // Who was asked to leave need not have left, so there are never many of them.
                let room = count.leaving <= self.limits.of_one / 10;
                if !room || !taken.ask_to_leave(Some(network)) {
                    return Err(Refused::Address);
                }
            }
        }
        if taken.places.len() >= self.limits.most {
            taken.ask_to_leave(None);
            return Err(Refused::Full);
        }
        taken.last += 1;
        let (id, activity, leave) = (taken.last, Activity::new(self.start), self.stop.child_token());
        if let Some(network) = network {
            taken.of.entry(network).or_default().staying += 1;
        }
        taken.places.insert(id, Entry { network, activity: activity.clone(), leave: leave.clone(), leaving: false });
        Ok(Place { places: Arc::clone(self), id, activity, leave })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Asks who has been idle for longest to leave, of one network or of all; false when nobody is idle.
    fn ask_to_leave(&mut self, network: Option<IpAddr>) -> bool {
        let idle = self
            .places
            .values_mut()
            .filter(|entry| (network.is_none() || entry.network == network) && !entry.leaving)
            .filter_map(|entry| Some((entry.activity.idle_since()?, entry)))
            .min_by_key(|(since, _)| *since);
        let Some((_, entry)) = idle else { return false };
        entry.leaving = true;
        entry.leave.cancel();
        if let Some(count) = entry.network.and_then(|network| self.of.get_mut(&network)) {
            count.staying -= 1;
            count.leaving += 1;
        }
        true
    }
}

impl Place {
    /// Tells what is under way on the connection.
    #[must_use]
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Cancelled when the connection is to end as soon as nothing is under way on it.
    #[must_use]
    pub fn leave(&self) -> &CancellationToken {
        &self.leave
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        let left = taken.places.remove(&self.id);
        if let Some(Entry { network: Some(network), leaving, .. }) = left
            && let Some(count) = taken.of.get_mut(&network)
        {
            let of = if leaving { &mut count.leaving } else { &mut count.staying };
            *of = of.saturating_sub(1);
            if count.staying + count.leaving == 0 {
                taken.of.remove(&network);
            }
        }
        drop(taken);
        self.places.freed.notify_one();
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, which one host may have.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;

    fn places(most: u32, of_one: u32) -> Arc<Places> {
        Places::new(Limits::new(most, of_one), CancellationToken::new())
    }

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn one_address_does_not_have_them_all() {
        let places = places(10, 3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(places.take(at("192.0.2.1"), AT_ONCE).await.ok().unwrap());
        }
        assert_eq!(places.take(at("192.0.2.1"), AT_ONCE).await.err(), Some(Refused::Address));
        assert_eq!(places.take(at("::ffff:192.0.2.1"), AT_ONCE).await.err(), Some(Refused::Address));
        assert!(places.take(at("192.0.2.2"), AT_ONCE).await.is_ok());
        drop(held.pop());
        assert!(places.take(at("192.0.2.1"), AT_ONCE).await.is_ok());
    }

    #[tokio::test]
    async fn one_host_of_ipv6_is_one_address() {
        let places = places(10, 1);
        let _held = places.take(at("2001:db8:1:2::1"), AT_ONCE).await.ok().unwrap();
        assert_eq!(places.take(at("2001:db8:1:2:ffff::9"), AT_ONCE).await.err(), Some(Refused::Address));
        assert!(places.take(at("2001:db8:1:3::1"), AT_ONCE).await.is_ok());
    }

    #[tokio::test]
    async fn proxies_are_counted_in_all_only() {
        let excepted: Excepted = Arc::new(|address| address == at("192.0.2.1"));
        let limits = Limits { excepted, ..Limits::new(4, 1) };
        let places = Places::new(limits, CancellationToken::new());
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(places.take(at("192.0.2.1"), AT_ONCE).await.ok().unwrap());
        }
        assert_eq!(places.take(at("192.0.2.1"), AT_ONCE).await.err(), Some(Refused::Full));
    }

    #[tokio::test]
    async fn who_waits_for_longest_makes_room() {
        let places = places(2, 0);
        let first = places.take(at("192.0.2.1"), AT_ONCE).await.ok().unwrap();
        let second = places.take(at("192.0.2.2"), AT_ONCE).await.ok().unwrap();
        assert_eq!(places.take(at("192.0.2.3"), AT_ONCE).await.err(), Some(Refused::Full));
        second.activity().waits();
        first.activity().asked();
        first.activity().waits();
        assert_eq!(places.take(at("192.0.2.3"), AT_ONCE).await.err(), Some(Refused::Full));
        assert!(second.leave().is_cancelled() && !first.leave().is_cancelled(), "only who has nothing under way");
        let (third, ()) = tokio::join!(places.take(at("192.0.2.3"), Duration::from_secs(10)), async { drop(second) });
        assert!(third.is_ok());
    }

    #[tokio::test]
    async fn an_address_makes_room_for_itself_and_stays_bounded() {
        let places = places(100, 20);
        let mut held = Vec::new();
        for _ in 0..20 {
            let place = places.take(at("192.0.2.1"), AT_ONCE).await.ok().unwrap();
            place.activity().waits();
            held.push(place);
        }
        let other = places.take(at("192.0.2.9"), AT_ONCE).await.ok().unwrap();
        other.activity().waits();
        // Those who are asked to leave do not: no more than a few are let in for them.
        while let Ok(place) = places.take(at("192.0.2.1"), AT_ONCE).await {
            held.push(place);
        }
        assert_eq!(held.len(), 23);
        assert!(!other.leave().is_cancelled(), "others do not make room for it");
        held.clear();
        assert!(places.taken().of.len() == 1, "nothing is kept of who is gone");
        drop(other);
        assert!(places.taken().of.is_empty() && places.taken().places.is_empty());
    }
}
