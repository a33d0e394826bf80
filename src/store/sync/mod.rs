//! What the sync engine has to do: its work, and what is being sent.

pub(super) mod handed_on;
pub(super) mod held;
pub(super) mod known;
pub(super) mod news;
pub(super) mod observed;
pub(super) mod overwritten;
pub(super) mod parts;
pub(super) mod plan;
pub(super) mod pushes;
pub(super) mod reconcile;
pub(super) mod replaced;
pub(super) mod seen;
pub(super) mod shown;
pub(super) mod unread;
pub(super) mod upkeep;
pub(super) mod waiting;
pub(super) mod wanted;
pub(super) mod work;
