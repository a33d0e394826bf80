//! How current what we show is: the state of a pull from the backend.

use time::OffsetDateTime;

use super::show::Moment;
use crate::service::sync_status::WorkRow;

/// How a pull stands, for `macros/sync.html`.
#[derive(Clone, Debug, Default)]
pub(super) struct PullState {
    /// When it last went through.
    pub(super) last_ok: Option<Moment>,
    /// What went wrong since then.
    pub(super) error: String,
    /// When it is due again, unless it is under way.
    pub(super) next: Option<Moment>,
    /// True while it is under way or due at once, so that the page looks again by itself.
    pub(super) busy: bool,
}

impl PullState {
    /// The state of this work; `None` when it was never asked for.
    pub(super) fn of(row: Option<&WorkRow>, now: OffsetDateTime) -> Self {
        let Some(row) = row else { return Self::default() };
        let due = row.next_at.is_some_and(|at| at <= now);
        let busy = row.running || due;
        Self {
            last_ok: row.last_ok_at.map(Moment::from),
            error: row.last_error.clone().unwrap_or_default(),
            next: row.next_at.filter(|_| !busy).map(Moment::from),
            busy,
        }
    }
}
