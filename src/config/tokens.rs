//! What the settings of people's and programs' tokens have in common: the names of roles, and signature algorithms.

use super::reader::Reader;

/// Signature algorithms a token may use. Those with a shared secret are not among them.
const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// Reads what the provider calls a role.
pub(super) fn role(r: &mut Reader, key: &'static str, default: &'static str, doc: &'static str) -> String {
    r.text(key, Some(default), doc).unwrap_or_else(|| default.to_owned())
}

/// Checks the names of signature algorithms.
pub(super) fn check_algorithms(r: &mut Reader, key: &str, algorithms: &[String]) {
    for algorithm in algorithms {
        if !ALGORITHMS.contains(&algorithm.as_str()) {
            r.problem(key, format!("\u{201c}{algorithm}\u{201d} is not one of {}", ALGORITHMS.join(", ")));
        }
    }
    if algorithms.is_empty() {
        r.problem(key, "is empty; name at least one, usually RS256");
    }
}
