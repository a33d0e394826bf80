//! Who may use a route, and what the register of a listener says of each.

use axum::http::Method;

use crate::authz::{Missing, Needs, Permission, Principal};

/// Who may use a route.
#[derive(Clone, Copy, Debug)]
pub enum Access {
    /// Everyone, signed in or not.
    Public,
    /// Everyone who is signed in, whatever their roles.
    SignedIn,
    /// Those who hold a permission.
    Needs {
        /// The permission's name.
        permission: &'static str,
        /// The roles that open it.
        needs: Needs,
        /// Asks for the grant.
        check: fn(&Principal) -> Result<(), Missing>,
    },
}

/// Makes a route for everyone.
#[must_use]
pub const fn public() -> Access {
    Access::Public
}

/// Makes a route for everyone who is signed in.
#[must_use]
pub const fn signed_in() -> Access {
    Access::SignedIn
}

/// Makes a route for those who hold permission `P`.
#[must_use]
pub const fn needs<P: Permission>() -> Access {
    Access::Needs { permission: P::NAME, needs: P::NEEDS, check: |principal| principal.grant::<P>().map(drop) }
}

/// One entry of the register.
#[derive(Clone, Debug)]
pub struct RouteEntry {
    /// The method.
    pub method: Method,
    /// The path with its parameters, such as `/accounts/{name}`.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}
