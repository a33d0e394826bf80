//! What the product does, whoever asks.

pub mod access;

/// What service functions work with.
#[derive(Clone, Debug)]
pub struct Ctx {}
