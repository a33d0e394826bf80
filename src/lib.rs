//! The Number Management Portal: enterprises, their telephone numbers and their orders, for operators
//! that sell Microsoft Teams calling.

pub mod backend;
pub mod domain;
pub mod sandbox;
pub mod store;
