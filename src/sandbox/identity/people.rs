//! Who can sign in, which programs can, and what each may do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The secret of every client.
pub(super) const CLIENT_SECRET: &str = "sandbox";
/// The portal's client.
pub(super) const PORTAL_CLIENT: &str = "nmp-portal";

/// Someone who can sign in.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// What the sign-in form says.
    pub(super) key: &'static str,
    /// Full name.
    pub(super) name: &'static str,
    /// What they may do, in a few words.
    pub(super) may: &'static str,
    /// The roles they have now.
    pub(super) roles: Vec<String>,
}

impl Person {
    /// Returns the stable, opaque subject.
    pub(super) fn subject(&self) -> String {
        let hash = Sha256::digest(format!("sandbox person {}", self.key));
        hash.get(..16).map(|part| URL_SAFE_NO_PAD.encode(part)).unwrap_or_default()
    }
}

/// Returns everyone as they are at the start.
pub(super) fn people() -> Vec<Person> {
    let person =
        |key, name, may, roles: &[&str]| Person { key, name, may, roles: roles.iter().map(|r| role(r)).collect() };
    vec![
        person("reader", "Riley Reader", "May look at everything and change nothing.", &["ReadUser"]),
        person(
            "writer",
            "Wren Writer",
            "May look, and add or change: upload numbers, create accounts.",
            &["ReadUser", "WriteUser"],
        ),
        person(
            "deleter",
            "Dana Deleter",
            "May look, and remove: release numbers, delete accounts.",
            &["ReadUser", "DeleteUser"],
        ),
        person("admin", "Alex Admin", "May do everything.", &["AdminUser"]),
        person("writeonly", "Wyn Write-Only", "May write but not read, so may open nothing.", &["WriteUser"]),
        person("nobody", "Noor Nobody", "Has no role at all.", &[]),
    ]
}

/// A program that signs in by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) id: &'static str,
    pub(super) audience: &'static str,
    pub(super) role: Option<&'static str>,
}

/// Every program that may use the client credentials grant.
pub(super) const CLIENTS: [Client; 7] = [
    Client { id: "bss-read", audience: "nmp-api", role: Some("Read") },
    Client { id: "bss-write", audience: "nmp-api", role: Some("Write") },
    Client { id: "bss-delete", audience: "nmp-api", role: Some("Delete") },
    Client { id: "bss-admin", audience: "nmp-api", role: Some("Admin") },
    // With the role of a person, and with none.
    Client { id: "bss-person", audience: "nmp-api", role: Some("ReadUser") },
    Client { id: "bss-nobody", audience: "nmp-api", role: None },
    Client { id: "nmp-operator-connect", audience: "operator-connect", role: None },
];

/// Returns the full name of a role.
pub(super) fn role(name: &str) -> String {
    format!("ProvisioningAPI.{name}")
}
