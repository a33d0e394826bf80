//! Who may do what.
//!
//! A [`Principal`] is a person who signed in or a program with a token; what they may do follows from their [`Roles`] and
//! the door they came in by.
//! A right is a value: [`Grant<P>`] can be made by this module only, service functions demand one,
//! so a handler that forgets to ask does not compile.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $bit:literal),+ $(,)?) => {
        /// A role of a person, as the identity provider grants it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role {
            $($(#[$doc])* $role),+
        }

        impl Role {
            /// Every role, in the order in which pages name them.
            pub const ALL: [Self; [$(Self::$role),+].len()] = [$(Self::$role),+];

            /// The role's short name, such as `ReadUser`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$role => stringify!($role)),+
                }
            }

            /// The place in a stored set. It never changes, for sets are stored.
            const fn bit(self) -> u8 {
                match self {
                    $(Self::$role => $bit),+
                }
            }
        }

        impl Roles {
            const EVERY: u8 = 0 $(| Role::$role.bit())+;
        }
    };
}

roles! {
    /// May look at everything but the audit.
    ReadUser = 1,
    /// Together with [`Role::ReadUser`]: may add and change.
    WriteUser = 2,
    /// Together with [`Role::ReadUser`]: may remove.
    DeleteUser = 4,
    /// May do everything.
    AdminUser = 8,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of roles.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// No role at all: signed in, but without access.
    pub const NONE: Self = Self(0);

    /// Whether the set has this role.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles in the set, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// The set as a small number, for storage.
    #[must_use]
    pub const fn as_bits(self) -> u8 {
        self.0
    }

    /// A set read back from storage; bits that mean nothing are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::EVERY)
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What the identity provider calls each role in its `roles` claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleNames {
    /// Name of [`Role::ReadUser`].
    pub read: String,
    /// Name of [`Role::WriteUser`].
    pub write: String,
    /// Name of [`Role::DeleteUser`].
    pub delete: String,
    /// Name of [`Role::AdminUser`].
    pub admin: String,
}

impl RoleNames {
    /// The claim value of a role.
    #[must_use]
    pub fn of(&self, role: Role) -> &str {
        match role {
            Role::ReadUser => &self.read,
            Role::WriteUser => &self.write,
            Role::DeleteUser => &self.delete,
            Role::AdminUser => &self.admin,
        }
    }

    /// Reads a role claim: an array of exact strings. Anything else, or an array that holds
    /// anything but strings, gives no role. Strings we do not know are other applications' roles.
    #[must_use]
    pub fn parse(&self, claim: Option<&serde_json::Value>) -> Roles {
        let Some(serde_json::Value::Array(values)) = claim else {
            return Roles::NONE;
        };
        let Some(names) = values.iter().map(serde_json::Value::as_str).collect::<Option<Vec<_>>>() else {
            return Roles::NONE;
        };
        Role::ALL.into_iter().filter(|role| names.contains(&self.of(*role))).collect()
    }
}

/// Which door a principal came in by. It decides how roles combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The portal, with a session: to change something, a person must be able to see it too.
    Portal,
    /// The Provisioning API, with a bearer token: each role stands for its own methods.
    Api,
}

/// Whoever asks: a person who signed in, or a program with a token. Identity is issuer and subject, never a name or an
/// e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The identity provider that vouches for the subject.
    pub issuer: Arc<str>,
    /// The identifier at that provider.
    pub subject: Arc<str>,
    /// What to call the person or program; for display only.
    pub name: Arc<str>,
    /// The roles the provider gave.
    pub roles: Roles,
    /// How the principal came in.
    pub via: Via,
}

/// A right that a service function can demand: one of the marker types below.
pub trait Permission: Send + Sync + 'static {
    /// Stable name, such as `numbers.write`, for logs and the route registry.
    const NAME: &'static str;
    /// The roles that open it.
    const NEEDS: Needs;
}

/// The roles that open a right, together, by each door; [`Role::AdminUser`] alone opens every right by both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// In the portal.
    pub portal: &'static [Role],
    /// In the Provisioning API.
    pub api: &'static [Role],
}

impl Needs {
    /// The roles that open the right by this door.
    #[must_use]
    pub const fn by(self, via: Via) -> &'static [Role] {
        match via {
            Via::Portal => self.portal,
            Via::Api => self.api,
        }
    }
}

/// Proof that a principal holds permission `P`. Only [`Principal::grant`] makes one.
pub struct Grant<P> {
    principal: Principal,
    permission: PhantomData<fn() -> P>,
}

impl<P> Grant<P> {
    /// Who holds the right.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl<P> Clone for Grant<P> {
    fn clone(&self) -> Self {
        Self { principal: self.principal.clone(), permission: PhantomData }
    }
}

impl<P> fmt::Debug for Grant<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("permission", &std::any::type_name::<P>())
            .field("subject", &self.principal.subject)
            .finish()
    }
}

/// The roles that are missing for a permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{permission} needs {}", list(.roles))]
pub struct Missing {
    /// Name of the permission that was asked for.
    pub permission: &'static str,
    /// What the person would need in addition to what they have.
    pub roles: Vec<Role>,
}

fn list(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" and ")
}

impl Principal {
    /// The right `P`, when the roles open it.
    ///
    /// # Errors
    /// Names the roles that are missing.
    pub fn grant<P: Permission>(&self) -> Result<Grant<P>, Missing> {
        let missing = self.missing(P::NEEDS);
        if missing.is_empty() {
            Ok(Grant { principal: self.clone(), permission: PhantomData })
        } else {
            Err(Missing { permission: P::NAME, roles: missing })
        }
    }

    /// Whether the right `P` would be granted, to show or hide what leads to it.
    #[must_use]
    pub fn may<P: Permission>(&self) -> bool {
        self.missing(P::NEEDS).is_empty()
    }

    fn missing(&self, needs: Needs) -> Vec<Role> {
        if self.roles.has(Role::AdminUser) {
            return Vec::new();
        }
        needs.by(self.via).iter().copied().filter(|role| !self.roles.has(*role)).collect()
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $type:ident = $name:literal needs $needs:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $type {}
            impl Permission for $type {
                const NAME: &'static str = $name;
                const NEEDS: Needs = $needs;
            }
        )+
        /// Every permission with the roles that open it.
        #[cfg(test)]
        const PERMISSIONS: &[(&str, Needs)] = &[$(($name, <$type as Permission>::NEEDS)),+];
    };
}

const VIEW: Needs = Needs { portal: &[Role::ReadUser], api: &[Role::ReadUser] };
const CHANGE: Needs = Needs { portal: &[Role::ReadUser, Role::WriteUser], api: &[Role::WriteUser] };
const REMOVE: Needs = Needs { portal: &[Role::ReadUser, Role::DeleteUser], api: &[Role::DeleteUser] };
const ADMINISTER: Needs = Needs { portal: &[Role::AdminUser], api: &[Role::AdminUser] };

permissions! {
    /// See the enterprises' consents.
    ConsentsRead = "consents.read" needs VIEW;
    /// Change the relationship status of a consent.
    ConsentsWrite = "consents.write" needs CHANGE;
    /// See accounts.
    AccountsRead = "accounts.read" needs VIEW;
    /// Create and change accounts.
    AccountsWrite = "accounts.write" needs CHANGE;
    /// Delete accounts.
    AccountsDelete = "accounts.delete" needs REMOVE;
    /// See numbers.
    NumbersRead = "numbers.read" needs VIEW;
    /// Upload numbers and change their settings.
    NumbersWrite = "numbers.write" needs CHANGE;
    /// Release numbers.
    NumbersDelete = "numbers.delete" needs REMOVE;
    /// See the operator's blocks.
    BlocksRead = "blocks.read" needs VIEW;
    /// Add and change blocks.
    BlocksWrite = "blocks.write" needs CHANGE;
    /// Remove blocks.
    BlocksDelete = "blocks.delete" needs REMOVE;
    /// See orders and their progress.
    OrdersRead = "orders.read" needs VIEW;
    /// See civic addresses and their locations.
    CivicAddressesRead = "civic_addresses.read" needs VIEW;
    /// Ask for a pull from the backend now.
    SyncWrite = "sync.write" needs CHANGE;
    /// Give numbers in quarantine to another account.
    QuarantineOverride = "quarantine.override" needs ADMINISTER;
    /// See who changed what.
    AuditRead = "audit.read" needs ADMINISTER;
    /// Take over accounts and numbers from another system.
    MovingIn = "moving.in" needs ADMINISTER;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(roles: &[Role]) -> Principal {
        Principal {
            issuer: "https://idp.example".into(),
            subject: "1".into(),
            name: "Someone".into(),
            roles: roles.iter().copied().collect(),
            via: Via::Portal,
        }
    }

    fn program(roles: &[Role]) -> Principal {
        Principal { via: Via::Api, ..person(roles) }
    }

    fn names() -> RoleNames {
        RoleNames { read: "R".into(), write: "W".into(), delete: "D".into(), admin: "A".into() }
    }

    #[test]
    fn the_role_table() {
        use Role::{AdminUser, DeleteUser, ReadUser, WriteUser};
        // For each set of roles: may view, change, remove, read the audit.
        let table: [(&[Role], [bool; 4]); 8] = [
            (&[], [false; 4]),
            (&[ReadUser], [true, false, false, false]),
            (&[WriteUser], [false; 4]),
            (&[DeleteUser], [false; 4]),
            (&[WriteUser, DeleteUser], [false; 4]),
            (&[ReadUser, WriteUser], [true, true, false, false]),
            (&[ReadUser, DeleteUser], [true, false, true, false]),
            (&[AdminUser], [true; 4]),
        ];
        for (roles, expected) in table {
            let person = person(roles);
            let found = [
                person.may::<NumbersRead>(),
                person.grant::<NumbersWrite>().is_ok(),
                person.grant::<NumbersDelete>().is_ok(),
                person.grant::<AuditRead>().is_ok(),
            ];
            assert_eq!(found, expected, "{roles:?}");
        }
    }

    #[test]
    fn in_the_api_each_role_stands_for_its_own_methods() {
        use Role::{AdminUser, DeleteUser, ReadUser, WriteUser};
        let table: [(&[Role], [bool; 4]); 7] = [
            (&[], [false; 4]),
            (&[ReadUser], [true, false, false, false]),
            (&[WriteUser], [false, true, false, false]),
            (&[DeleteUser], [false, false, true, false]),
            (&[WriteUser, DeleteUser], [false, true, true, false]),
            (&[ReadUser, WriteUser, DeleteUser], [true, true, true, false]),
            (&[AdminUser], [true; 4]),
        ];
        for (roles, expected) in table {
            let program = program(roles);
            let found = [
                program.grant::<AccountsRead>().is_ok(),
                program.grant::<ConsentsWrite>().is_ok(),
                program.may::<AccountsDelete>(),
                program.may::<AuditRead>(),
            ];
            assert_eq!(found, expected, "{roles:?}");
        }
        let missing = program(&[ReadUser]).grant::<NumbersDelete>().unwrap_err();
        assert_eq!(missing.roles, [DeleteUser]);
    }

    #[test]
    fn every_permission_but_those_of_administrators_needs_read_first() {
        for (name, needs) in PERMISSIONS {
            let administers = ["audit.read", "quarantine.override", "moving.in"].contains(name);
            assert_eq!(needs.portal.contains(&Role::ReadUser), !administers, "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = person(&[Role::WriteUser]).grant::<NumbersDelete>().unwrap_err();
        assert_eq!(missing.roles, [Role::ReadUser, Role::DeleteUser]);
        assert_eq!(missing.to_string(), "numbers.delete needs ReadUser and DeleteUser");
    }

    #[test]
    fn a_role_claim_is_an_array_of_exact_strings() {
        let parse = |json: &str| names().parse(Some(&serde_json::from_str(json).unwrap()));
        assert_eq!(parse(r#"["R","W","other"]"#), [Role::ReadUser, Role::WriteUser].into_iter().collect());
        for none in [r#""R""#, r#""R W""#, r#"["r"," R"]"#, r#"["R",1]"#, r#"[["R"]]"#, r#"{"R":true}"#, "null", "[]"] {
            assert_eq!(parse(none), Roles::NONE, "{none}");
        }
        assert_eq!(names().parse(None), Roles::NONE);
    }
}
