//! How values look on every page: instants, counts, and states as a picture with a word.

use std::borrow::Cow;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::domain::direct_routing::SubdomainStatus;
pub(super) use crate::domain::field::counted;
use crate::domain::field::thousands;
use crate::domain::{ConsentStatus, OrderStatus, SyncState};

/// An instant, for machines and for people.
#[derive(Clone, Debug, Default)]
pub(super) struct Moment {
    /// The instant as in RFC 3339, in UTC, to the second.
    pub(super) iso: String,
    /// The instant for people, such as "21 Nov 2026, 11:42 UTC".
    pub(super) text: String,
}

impl From<OffsetDateTime> for Moment {
    fn from(at: OffsetDateTime) -> Self {
        let at = at.to_offset(time::UtcOffset::UTC).truncate_to_second();
        let read = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
        Self { iso: at.format(&Rfc3339).unwrap_or_default(), text: at.format(read).unwrap_or_default() }
    }
}

/// A day for people, such as "21 Nov 2026".
pub(super) fn day(on: Date) -> String {
    on.format(format_description!("[day padding:none] [month repr:short] [year]")).unwrap_or_default()
}

/// A count with its thousands parted: `12,431`.
pub(super) fn count(value: i64) -> String {
    thousands(value)
}

/// How long ago something was, for people: `just now`, `4 min ago`, `3 h ago`, `2 days ago`.
pub(super) fn age(now: OffsetDateTime, at: OffsetDateTime) -> String {
    let seconds = (now - at).whole_seconds();
    match seconds {
        ..60 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", count(seconds / 86_400)),
    }
}

/// A state as a picture and a word, for `ui::chip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chip {
    /// Which picture and colour it has. The table is in docs/INTERFACE.md.
    pub(super) kind: &'static str,
    /// The word.
    pub(super) word: Cow<'static, str>,
}

impl Chip {
    /// A chip of this kind.
    pub(super) fn new(kind: &'static str, word: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, word: word.into() }
    }
}

impl From<SyncState> for Chip {
    fn from(state: SyncState) -> Self {
        let kind = match state {
            SyncState::Pending => "pending",
            SyncState::Synced => "ok",
            SyncState::Failed => "bad",
            SyncState::Releasing => "release",
        };
        Self::new(kind, state.label())
    }
}

impl From<SubdomainStatus> for Chip {
    fn from(status: SubdomainStatus) -> Self {
        let kind = match status {
            SubdomainStatus::Provisioned => "ok",
            SubdomainStatus::NotProvisioned => "pending",
            SubdomainStatus::Inconsistent => "warn",
        };
        Self::new(kind, status.label())
    }
}

impl From<OrderStatus> for Chip {
    fn from(status: OrderStatus) -> Self {
        let kind = match status {
            OrderStatus::Draft => "draft",
            OrderStatus::Pending => "pending",
            OrderStatus::InProgress => "busy",
            OrderStatus::Complete => "ok",
            OrderStatus::CompleteWithErrors => "warn",
            OrderStatus::Failed => "bad",
            OrderStatus::Discarded => "off",
        };
        Self::new(kind, status.label())
    }
}

impl From<&ConsentStatus> for Chip {
    fn from(status: &ConsentStatus) -> Self {
        match status {
            ConsentStatus::Active => Self::new("ok", "Active"),
            ConsentStatus::Suspended => Self::new("warn", "Suspended"),
            ConsentStatus::Removed => Self::new("bad", "Removed"),
            ConsentStatus::Other(value) => Self::new("info", value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_well() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(10);
        let ago = [-5, 59, 60, 299, 3_600, 172_799, 172_800].map(|s| age(now, now - time::Duration::seconds(s)));
        assert_eq!(ago, ["just now", "just now", "1 min ago", "4 min ago", "1 h ago", "47 h ago", "2 days ago"]);
    }

    #[test]
    fn counts_and_instants_read_well() {
        assert_eq!([0, 999, 1_000, 12_431, 1_000_000].map(count), ["0", "999", "1,000", "12,431", "1,000,000"]);
        assert_eq!(counted(1, "number", "numbers"), "1 number");
        let at = Moment::from(OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(1_500));
        assert_eq!((at.iso.as_str(), at.text.as_str()), ("1970-01-01T00:00:01Z", "1 Jan 1970, 00:00 UTC"));
    }
}
