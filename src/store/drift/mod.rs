//! Drift as rows: numbers of which a backend says something else than we do.
//!
//! It is kept rather than computed for each page. A pull compares at its end ([`Compared`]), what an order writes leaves at
//! once (`keep::WRITTEN_SQLITE`), and whoever changes a number by another way calls [`crate::store::Tx::settle_drift`].

pub(super) mod beside;
pub(super) mod compare;
pub(super) mod filter;
pub(super) mod keep;
pub(super) mod list;
pub(super) mod resolve;
pub(super) mod stands;

pub use beside::{Beside, Held};
pub use compare::{Compared, Stretch};
pub use filter::{DriftFilter, Ignored};
pub use keep::SETTLED_AT_ONCE;
pub use list::{DRIFT_COUNTED, DriftCount, DriftKey, DriftPage, DriftRange, DriftRow, Ignoring};
