//! The Number Management Portal: enterprises, their telephone numbers and their orders, for operators
//! that sell Microsoft Teams calling.

pub mod authz;
pub mod config;
pub mod domain;
