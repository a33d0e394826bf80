//! The integration tests, one binary.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect, in its harness too"
)]

mod access;
mod accounts;
mod api;
mod api_call;
mod api_contract;
mod api_front;
mod api_reference;
mod architecture;
mod audit;
mod backends;
mod bad_input;
mod blocks;
mod bulk;
mod call_path;
mod catalog;
mod consents;
mod consents_seen;
mod countries;
mod crash;
mod crash_moves;
mod demo;
mod dns;
mod drift;
mod files;
mod hand_over;
mod harness;
mod hostile;
mod housekeeping;
mod labels;
mod listing;
mod looking;
mod migrations;
mod moving;
mod numbers;
mod observed;
mod orders;
mod parts;
mod plans;
mod portal_rate;
mod provider;
mod quarantine;
mod reading;
mod replaced;
mod review;
mod services;
mod sessions;
mod statements;
mod sync;
mod uploads;
mod work;
