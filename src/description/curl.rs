//! Operations as commands that can be tried.

use super::operation::Operation;
use super::{Deployment, VERSIONS};

/// The operation with example values, as a `curl` command. The token is taken from the variable `TOKEN`.
pub fn curl(operation: &Operation, of: &Deployment<'_>) -> String {
    let [version, _] = VERSIONS;
    let joint = if operation.example_path.contains('?') { '&' } else { '?' };
    let version = if operation.is_of_contract() { format!("{joint}api-version={version}") } else { String::new() };
    // Quotes that end a shell's text are written as they are in a query.
    let path = operation.example_path.replace('\'', "%27");
    let method = match operation.method() {
        "GET" => String::new(),
        method => format!("-X {method} "),
    };
    let mut lines = vec![
        format!("curl {method}'{}{path}{version}'", of.base()),
        "  -H \"Authorization: Bearer $TOKEN\"".to_owned(),
    ];
    if let Some(body) = operation.sent {
        lines.push(format!("  -H 'Content-Type: {}'", operation.media_type()));
        let text = serde_json::to_string_pretty(&(body.example)()).unwrap_or_default();
        lines.push(format!("  -d '{text}'"));
    }
    lines.join(" \\\n")
}
