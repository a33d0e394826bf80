//! What every listener does, whoever is served: it accepts connections and bounds them, gathers the facts of a request,
//! writes down how it went, and has one form of error.

pub(in crate::http) mod access;
pub(in crate::http) mod body;
pub mod error;
pub(in crate::http) mod extract;
pub(in crate::http) mod host;
pub(in crate::http) mod info;
pub(in crate::http) mod observe;
pub(in crate::http) mod pace;
pub(in crate::http) mod random;
pub(in crate::http) mod rate;
pub(in crate::http) mod security;
pub mod serve;
pub(in crate::http) mod shares;
