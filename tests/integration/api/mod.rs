//! The Provisioning API as its customers see it: the whole program over HTTP, with tokens, on both databases.

mod amiss;
mod bad_input;
mod batches;
mod claims;
mod conditional;
mod kept;
mod lists;
mod relationship;
mod repeatable;
mod roles;
mod traces;
mod walk_through;
