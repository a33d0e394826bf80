//! The database: SQLite by default, PostgreSQL for several processes, one SQL text for both.
//!
//! With its children this is the only module that names sqlx. [`Db`] opens connections, [`Tx`] is a connection with or
//! without a transaction; every statement stands in a `statements!` block, so that a test prepares each on both databases.
//!
//! There is a room for each noun: `accounts`, `consents` with the civic addresses, `drift`, `numbers`, `orders`, `zone`,
//! and `sync` for what the engine has to do. `sqlite` and `postgres` hold what one of the databases needs and the
//! other does not.

mod accounts;
mod audit;
mod blocks;
mod consents;
mod db;
mod drift;
mod error;
mod instants;
mod listing;
mod migrate;
mod moving;
mod numbers;
mod orders;
mod page;
mod postgres;
mod repeats;
mod sequences;
mod sessions;
mod sql;
mod sqlite;
mod sync;
mod tx;
mod uploads;
mod zone;

pub use accounts::{AccountFilter, AccountPage};
pub use audit::{AuditEntry, AuditFilter, AuditRow, Place};
pub use blocks::reservations::{NewReservation, Reservation};
pub use blocks::review::{KeptByOthers, ReservedByOthers};
pub use blocks::{BlockPage, KeptBlock, UsedBlock};
pub use consents::changes::ConsentChange;
pub use consents::civic_addresses::AddressPage;
pub use consents::{ConsentCount, ConsentFilter, ConsentRow, RelationshipChange};
pub use db::{Db, Notices, PoolSize};
pub use drift::{
    Beside, Compared, DRIFT_COUNTED, DriftCount, DriftFilter, DriftKey, DriftPage, DriftRange, DriftRow, Held, Ignored,
    Ignoring, SETTLED_AT_ONCE, Stretch,
};
pub use error::{Error, Result};
pub use instants::{at, micros};
pub use listing::{ListPart, Window};
pub use migrate::MigrationState;
pub use moving::records::{ImportKind, ImportRow, ImportStatus, NewImport, Reached};
pub use moving::there::{ListThere, NumberThere};
pub use moving::{NumberHere, NumberInQuarantine, TakenNumber};
pub use numbers::NumberPage;
pub use numbers::again::NewlyPushed;
pub use numbers::as_sent::SentAlike;
pub use numbers::call_path::{Position, Run, Touched};
pub use numbers::filter::{Assignment, NumberFilter};
pub use numbers::groups::NumberGroup;
pub use numbers::held::HeldNumber;
pub use numbers::lines::{Alike, FilterChoices, NumberLine, NumberLines};
pub use numbers::quarantine::{QuarantineFilter, QuarantineRange, QuarantineRow};
pub use numbers::ranges::{NumberRange, RangePage};
pub use orders::addresses::{AddressPlace, AddressUse};
pub use orders::changes::Between;
pub use orders::folded::FoldedItems;
pub use orders::history::OrderHistory;
pub use orders::items::{Cause, ItemRow, QuarantinedItem, SettingsChange, VerdictCount};
pub use orders::mending::{DraftText, NoteRow, Proposal, ProposalCount, Proposals};
pub use orders::overrides::{NewOverride, Override};
pub use orders::problems::{NewProblem, ProblemRow, ProblemRun};
pub use orders::quarantined::QuarantinedRange;
pub use orders::ranges::{ChangedRange, ItemRange, RangesOf};
pub use orders::reality::ComparedWith;
pub use orders::recheck::{FlawedSettings, GivenOver, GivenSettings};
pub use orders::refused::RefusedRange;
pub use orders::sources::{ListState, ListsWanted, TenantOfOrder};
pub use orders::stage::{Before, NewItem, Reserved, StagedOrder};
pub use orders::start::OrderStart;
pub use orders::submit::{Applied, OrderToApply};
pub use orders::theirs::{OutsideCount, SeenList, TheirList, TheirSettings, Touched as TouchedThere};
pub use orders::undo::Standing as OrderStanding;
pub use orders::writes::AccountWrites;
pub use orders::{NewOrder, OrderFilter, OrderPage};
pub use page::Page;
pub use postgres::{Postgres, SessionLimits, WRITING};
pub use repeats::RepeatRow;
pub use sessions::SessionRow;
pub use sqlite::Sqlite;
pub use sync::held::{HELD_COUNTED, HeldAccounts};
pub use sync::known::KnownNumbers;
pub use sync::observed::{Described, Observed, Round};
pub use sync::overwritten::{HeldBefore, Replaced};
pub use sync::plan::NewPush;
pub use sync::pushes::{Push, PushOutcome, Recorded};
pub use sync::reconcile::{PushPlan, Reconcile, Standing};
pub use sync::seen::{NOT_AT_BACKEND, SeenStep, not_at_backend};
pub use sync::shown::WorkRow;
pub use sync::unread::UnreadList;
pub use sync::work::{Again, Claim, Lane, WorkId, WorkKind};
pub(crate) use tx::Conn;
pub use tx::Tx;
pub use uploads::{WaitingFile, WaitingUpload};
pub use zone::labels::GivenUpLabel;
pub use zone::told_names::LabelRow;
pub use zone::{DelegationRow, NamesChecked, NamesRow, ZoneChanges, ZoneDelta, ZoneSnapshot};

/// Every statement of the store by name, for the test that prepares each on both databases.
pub fn statements() -> Vec<(&'static str, &'static str)> {
    [
        accounts::ALL,
        accounts::hand_over::ALL,
        audit::ALL,
        blocks::ALL,
        blocks::free::ALL,
        blocks::reservations::ALL,
        blocks::review::ALL,
        consents::ALL,
        consents::civic_addresses::ALL,
        drift::beside::ALL,
        drift::compare::ALL,
        drift::keep::ALL,
        drift::resolve::ALL,
        drift::stands::ALL,
        listing::ALL,
        moving::ALL,
        moving::records::ALL,
        moving::there::ALL,
        numbers::ALL,
        numbers::again::ALL,
        numbers::as_sent::ALL,
        numbers::call_path::ALL,
        numbers::held::ALL,
        numbers::holdings::ALL,
        numbers::lines::ALL,
        numbers::quarantine::ALL,
        numbers::settings::ALL,
        orders::ALL,
        orders::addresses::ALL,
        orders::adopt::ALL,
        orders::bulk::ALL,
        orders::changes::ALL,
        orders::compare::ALL,
        orders::consented::ALL,
        orders::divide::ALL,
        orders::drafts::ALL,
        orders::history::ALL,
        orders::items::ALL,
        orders::moves::ALL,
        orders::overrides::ALL,
        orders::mending::ALL,
        orders::problems::ALL,
        orders::recheck::ALL,
        orders::refused::ALL,
        orders::sources::ALL,
        orders::stage::ALL,
        orders::reality::ALL,
        orders::submit::ALL,
        orders::theirs::ALL,
        orders::undo::ALL,
        orders::writes::ALL,
        repeats::ALL,
        sequences::ALL,
        sessions::ALL,
        sync::held::ALL,
        sync::known::ALL,
        sync::news::ALL,
        sync::observed::ALL,
        sync::overwritten::ALL,
        sync::parts::ALL,
        sync::plan::ALL,
        sync::pushes::ALL,
        sync::reconcile::ALL,
        sync::replaced::ALL,
        sync::seen::ALL,
        sync::shown::ALL,
        sync::unread::ALL,
        sync::upkeep::ALL,
        sync::waiting::ALL,
        sync::wanted::ALL,
        sync::work::ALL,
        uploads::ALL,
        zone::ALL,
        zone::labels::ALL,
        zone::told_names::ALL,
    ]
    .concat()
}
