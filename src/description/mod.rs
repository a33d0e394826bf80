//! What the Provisioning API is, as data: its operations, their parameters and answers, its error codes, with examples of
//! our own.
//!
//! One register for all who tell of the API: the OpenAPI description, the reference for people, the tests. Schemas come from
//! the [`wire`](crate::wire) itself, so that what is told is what is read and written.

mod codes;
mod curl;
mod examples;
mod fields;
mod openapi;
mod operation;
mod parameters;
mod register;
#[cfg(test)]
mod tests;

pub use codes::{CODES, ErrorCode};
pub use curl::curl;
pub use fields::{Field, Shapes, rules};
pub use openapi::openapi;
pub use operation::{Body, Operation, OperationAnswer, OperationKind, Right, Shape};
pub use parameters::{Header, Parameter, ParameterPlace};
pub use register::OPERATIONS;

use crate::wire;

/// The versions of the contract that are spoken. They do not differ.
pub const VERSIONS: [&str; 2] = [wire::VERSION, "2024-02-29"];

/// Where and how one deployment serves the API.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'a> {
    /// The address that programs call.
    pub address: &'a str,
    /// The issuer of access tokens.
    pub issuer: &'a str,
    /// What a token's `aud` may be.
    pub audience: &'a [String],
    /// What the provider calls the roles.
    pub roles: RoleWords<'a>,
}

/// What the identity provider calls the roles of programs.
#[derive(Clone, Copy, Debug)]
pub struct RoleWords<'a> {
    /// Opens [`Right::Read`].
    pub read: &'a str,
    /// Opens [`Right::Write`].
    pub write: &'a str,
    /// Opens [`Right::Delete`].
    pub delete: &'a str,
    /// Opens everything.
    pub admin: &'a str,
}

impl Deployment<'_> {
    /// The role that opens a right, beside the one that opens everything.
    pub const fn role(&self, right: Right) -> &str {
        match right {
            Right::Read => self.roles.read,
            Right::Write => self.roles.write,
            Right::Delete => self.roles.delete,
        }
    }

    /// The address without the slash at its end, so that a path can follow.
    pub fn base(&self) -> &str {
        self.address.trim_end_matches('/')
    }
}
