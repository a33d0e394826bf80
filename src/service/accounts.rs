//! Accounts: take on an enterprise, change what it takes, let it go.

mod audited;
mod compared;
mod create;
mod delete;
mod find;
mod in_use;
mod suggestion;
mod update;

pub use self::compared::{Confirmed, comparisons, confirm_changes, plan_rests_on, replaced};
pub use self::create::create;
pub(super) use self::create::create_in;
pub(super) use self::delete::{AccountDeletion, delete_in};
pub use self::delete::{Deleted, delete};
pub use self::find::{any, export, get, list, of_tenant, service_counts};
pub(super) use self::find::{by_service, find_kept};
pub(super) use self::in_use::in_use;
pub use self::suggestion::{against_subdomain, suggestion};
pub(super) use self::update::update_in;
pub use self::update::{Updated, update};
pub use crate::store::{AccountFilter, AccountPage, HELD_COUNTED, HeldAccounts, PushPlan, Reconcile};
