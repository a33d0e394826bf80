//! How long a signed-in person stays signed in.

use std::time::Duration;

use time::OffsetDateTime;

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct SessionPolicy {
    /// A session ends when it is not used for so long.
    pub idle: Duration,
    /// A session ends after so long in any case.
    pub absolute: Duration,
    /// Its roles are confirmed with the identity provider after so long.
    pub recheck: Duration,
}

/// How long roles may stay unconfirmed while the identity provider is away.
const GRACE: Duration = Duration::from_hours(1);
/// The time of last use is written at most this often.
const TOUCH: Duration = Duration::from_mins(1);

/// The instants of a session that matter for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// When the person signed in.
    pub created_at: OffsetDateTime,
    /// When the session was last used, to the minute.
    pub seen_at: OffsetDateTime,
    /// When the identity provider last confirmed the roles.
    pub roles_at: OffsetDateTime,
}

/// What to do with a session now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is used.
    Good,
    /// The identity provider is asked for the roles again, then it is used.
    ConfirmRoles,
    /// It is over.
    Ended,
}

impl SessionTimes {
    /// Tells what to do with the session now.
    #[must_use]
    pub fn standing(&self, now: OffsetDateTime, policy: &SessionPolicy) -> Standing {
        let unconfirmed = now - self.roles_at;
        if now - self.seen_at >= policy.idle
            || now - self.created_at >= policy.absolute
            || unconfirmed >= GRACE.max(policy.recheck)
        {
            Standing::Ended
        } else if unconfirmed >= policy.recheck {
            Standing::ConfirmRoles
        } else {
            Standing::Good
        }
    }

    /// Tells whether the time of last use is old enough to be written again.
    #[must_use]
    pub fn needs_touch(&self, now: OffsetDateTime) -> bool {
        now - self.seen_at >= TOUCH
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_session_ends_idle_or_old_or_long_unconfirmed() {
        let minutes = |n: u64| Duration::from_mins(n);
        let policy = SessionPolicy { idle: minutes(30), absolute: minutes(720), recheck: minutes(15) };
        let start = datetime!(2026-11-21 08:00 UTC);
        let at = |created: u64, seen: u64, roles: u64, now: u64| {
            let times = SessionTimes {
                created_at: start + minutes(created),
                seen_at: start + minutes(seen),
                roles_at: start + minutes(roles),
            };
            times.standing(start + minutes(now), &policy)
        };
        assert_eq!(at(0, 0, 0, 14), Standing::Good);
        assert_eq!(at(0, 0, 0, 15), Standing::ConfirmRoles);
        assert_eq!(at(0, 14, 14, 28), Standing::Good);
        assert_eq!(at(0, 0, 0, 30), Standing::Ended);
        assert_eq!(at(0, 50, 0, 59), Standing::ConfirmRoles);
        assert_eq!(at(0, 50, 0, 60), Standing::Ended);
        assert_eq!(at(0, 719, 719, 720), Standing::Ended);
    }
}
