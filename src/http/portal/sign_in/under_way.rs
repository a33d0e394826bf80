//! Sign-ins under way, which the browser keeps for us: whoever begins one costs the database nothing.
//!
//! Each has a cookie of its own, so that several tabs can sign in at the same time without overwriting what another one
//! needs. There are so few of them and they are so short that all together fit into any proxy's line of headers. A cookie
//! is sealed with a key that all processes have; `state` is its hash, so that an answer of the provider fits one sign-in of
//! this browser and no other.

use axum::http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::http::listener::random;
use crate::http::portal::cookie::{self, Cookies};
use crate::http::portal::return_to::ReturnTo;
use crate::http::portal::seal;

/// How long a sign-in may take.
const LASTING: Duration = Duration::minutes(10);
/// How many one browser can have under way.
const SLOTS: usize = 8;
/// The longest way back that is kept; of a longer one the path.
const WAY_BACK: usize = 256;

/// What is sealed: the code verifier, the second it ends, and where to go then.
#[derive(Serialize, Deserialize)]
struct SealedSignIn(String, i64, String);

/// A sign-in that was found again.
pub(super) struct SignInUnderWay {
    pub(super) verifier: String,
    pub(super) return_to: ReturnTo,
    /// Removes it from the browser.
    pub(super) forget: Option<HeaderValue>,
}

/// A sign-in that was just started: what the provider is told of it, and the cookie that keeps it.
pub(super) struct StartedSignIn {
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) cookie: Option<HeaderValue>,
}

/// The cookies that keep sign-ins in browsers.
pub(super) struct SignInCookies<'a> {
    /// The key that all processes have.
    pub(super) key: &'a str,
    /// What the names of the cookies begin with.
    pub(super) name: &'a str,
    pub(super) secure: bool,
    pub(super) now: OffsetDateTime,
}

impl SignInCookies<'_> {
    /// Keeps another one, in place of the oldest when there are too many.
    pub(super) fn start(&self, headers: &HeaderMap, verifier: &str, return_to: &ReturnTo) -> Option<StartedSignIn> {
        let until = (self.now + LASTING).unix_timestamp();
        let sealed = SealedSignIn(verifier.to_owned(), until, return_to.shortened(WAY_BACK).as_str().to_owned());
        let value = seal::seal_shared(self.key, &sealed)?;
        let slot = self.slot(headers);
        let lasting = u32::try_from(LASTING.whole_seconds()).ok();
        Some(StartedSignIn {
            state: state(&value),
            nonce: nonce(verifier),
            cookie: cookie::set(&self.slot_name(slot), &value, self.secure, lasting),
        })
    }

    /// Finds the sign-in that an answer with this state belongs to.
    pub(super) fn find(&self, headers: &HeaderMap, wanted: &str) -> Option<SignInUnderWay> {
        let (slot, value) = self.all(headers).find(|(_, value)| state(value) == wanted)?;
        let SealedSignIn(verifier, _, return_to) = self.open(value)?;
        let forget = cookie::set(&self.slot_name(slot), "", self.secure, Some(0));
        Some(SignInUnderWay { verifier, return_to: ReturnTo::new(&return_to), forget })
    }

    /// Returns a slot that is free, any of them, for other tabs choose one at the same time; else that of the oldest.
    fn slot(&self, headers: &HeaderMap) -> usize {
        let mut taken = [None; SLOTS];
        for (slot, value) in self.all(headers) {
            if let (Some(place), Some(SealedSignIn(_, until, _))) = (taken.get_mut(slot), self.open(value)) {
                *place = Some(until);
            }
        }
        let free: Vec<usize> = (0..SLOTS).filter(|slot| taken.get(*slot).is_some_and(Option::is_none)).collect();
        let oldest = (0..SLOTS).min_by_key(|slot| taken.get(*slot).copied());
        free.get(random::below(free.len())).copied().or(oldest).unwrap_or_default()
    }

    fn all<'h>(&'h self, headers: &'h HeaderMap) -> impl Iterator<Item = (usize, &'h str)> {
        (0..SLOTS).filter_map(|slot| Some((slot, Cookies::new(headers).get(&self.slot_name(slot))?)))
    }

    fn open(&self, value: &str) -> Option<SealedSignIn> {
        let sealed: SealedSignIn = seal::open_shared(self.key, value)?;
        (sealed.1 > self.now.unix_timestamp()).then_some(sealed)
    }

    fn slot_name(&self, slot: usize) -> String {
        format!("{}-{slot}", self.name)
    }
}

fn state(value: &str) -> String {
    seal::id(&["state", value])
}

/// Returns what the ID token has to repeat. It tells nothing of the verifier.
pub(super) fn nonce(verifier: &str) -> String {
    seal::id(&["nonce", verifier])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::http::header;

    use super::*;

    const KEY: &str = "a key of all processes";

    /// The cookies of a browser.
    #[derive(Clone, Default)]
    struct Browser(BTreeMap<String, String>);

    impl Browser {
        fn headers(&self) -> HeaderMap {
            let cookies: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
            HeaderMap::from_iter([(header::COOKIE, cookies.join("; ").parse().unwrap())])
        }

        fn take(&mut self, cookie: Option<HeaderValue>) {
            let cookie = cookie.unwrap();
            let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }

        fn begin(&mut self, minute: i64, path: &str) -> String {
            let started = cookies(KEY, minute).start(&self.headers(), &random::token(), &ReturnTo::new(path)).unwrap();
            self.take(started.cookie);
            started.state
        }

        fn find(&self, minute: i64, state: &str) -> Option<String> {
            let found = cookies(KEY, minute).find(&self.headers(), state)?;
            Some(found.return_to.as_str().to_owned())
        }
    }

    fn cookies(key: &str, minute: i64) -> SignInCookies<'_> {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000) + Duration::minutes(minute);
        SignInCookies { key, name: "__Host-nmp-signin", secure: true, now }
    }

    #[test]
    fn tabs_sign_in_beside_each_other_and_each_once() {
        let mut browser = Browser::default();
        let states: Vec<String> = (0..SLOTS).map(|tab| browser.begin(0, &format!("/numbers?tab={tab}"))).collect();
        for (tab, state) in states.iter().enumerate() {
            assert_eq!(browser.find(9, state), Some(format!("/numbers?tab={tab}")));
        }
        let found = cookies(KEY, 1).find(&browser.headers(), &states[3]).unwrap();
        browser.take(found.forget);
        assert_eq!(browser.find(1, &states[3]), None, "it works once");
        assert!(browser.find(1, &states[4]).is_some(), "the others stay");
    }

    #[test]
    fn only_this_browser_in_time_and_unchanged() {
        let (mut browser, mut other) = (Browser::default(), Browser::default());
        let state = browser.begin(0, "/numbers");
        other.begin(0, "/numbers");
        assert_eq!(other.find(0, &state), None);
        assert_eq!(browser.find(11, &state), None, "too late");
        assert!(cookies("another key", 0).find(&browser.headers(), &state).is_none());
        for value in browser.0.values_mut() {
            value.push('A');
        }
        assert_eq!(browser.find(0, &state), None);
        let changed = super::state(browser.0.values().next().unwrap());
        assert_eq!(browser.find(0, &changed), None, "a state that fits does not open it");
    }

    #[test]
    fn the_oldest_goes_and_all_together_are_short() {
        let mut browser = Browser::default();
        let long = format!("/numbers?q={}", "a".repeat(WAY_BACK - 11));
        let states: Vec<String> = (0..40).map(|minute| browser.begin(minute / 5, &long)).collect();
        assert_eq!(browser.0.len(), SLOTS);
        assert!(browser.headers()[header::COOKIE].len() < 4_096, "{}", browser.headers()[header::COOKIE].len());
        assert_eq!(browser.find(8, states.last().unwrap()), Some(long));
        assert_eq!(browser.find(8, &states[0]), None);
        // Of a way back that is too long the path stays.
        let state = browser.begin(8, &format!("/numbers?q={}", "a".repeat(1_900)));
        assert_eq!(browser.find(8, &state), Some("/numbers".to_owned()));
        assert!(browser.headers()[header::COOKIE].len() < 4_096);
    }
}
