//! The Number Management Portal: enterprises, their telephone numbers and their orders, for operators
//! that sell Microsoft Teams calling.
//!
//! The crate exports what the program, the tests and the benches use, and nothing is meant for anybody else.

pub mod api;
pub mod app;
pub mod authz;
pub mod backend;
pub mod config;
pub mod description;
mod dns;
pub mod domain;
pub mod http;
pub mod moving;
pub mod places;
pub mod portal;
pub mod sandbox;
pub mod service;
pub mod store;
pub mod sync;
mod telemetry;
mod wire;
