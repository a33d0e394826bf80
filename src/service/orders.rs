//! Orders: review a draft, submit it, follow it, try again what failed.

mod addresses;
mod changes;
mod decision;
mod draft;
mod find;
mod freshness;
mod lines;
mod recheck;
mod refused;
mod release;
mod retry;
mod review;
mod right;
mod submit;
mod undo;

pub use self::addresses::{DoubtfulAddress, doubtful_addresses};
pub use self::changes::{ChangeGroup, Run};
pub use self::decision::{CHANGE_ASSIGNED, Decision, LOSE_ADDRESS};
pub use self::draft::discard;
pub use self::find::{
    ItemPage, ItemSelection, REPORT_CHUNK, causes, folded, get, held_accounts, items, list, problems, report,
};
pub use self::freshness::{FRESH_FOR, Further, PULLED_UP_TO, Source, Sources, look};
pub(super) use self::freshness::{PlanAt, compare_draft, compared_with, look_at_plan};
pub use self::lines::{KeptLines, kept_lines};
pub use self::refused::{files, refused};
pub(super) use self::release::release_in;
pub use self::release::{ReleaseSelection, stage_release};
pub use self::retry::retry_failed;
pub use self::review::{REVIEW_SHOWN, Review, Shown, ranges_behind, review, reviewed_at, shown};
pub use self::right::OrderRight;
pub(super) use self::submit::{OrderToSubmit, new_order, submit_in};
pub use self::submit::{Submitted, compare_again, submit};
pub use self::undo::{UndoRight, Undoable, look_for_undo, may_be_undone, stage_undo, undoable};
pub use crate::store::{
    AddressPlace, Cause, FoldedItems, ItemRange, ItemRow, NoteRow, OrderFilter, OutsideCount, ProblemRow, ProblemRun,
    QuarantinedRange, RefusedRange, SettingsChange, TheirSettings, TouchedThere,
};
