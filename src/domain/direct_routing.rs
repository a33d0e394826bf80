//! What Direct Routing needs in DNS: an account's label and the tokens that prove who owns its names.

mod check;
mod layout;

pub use check::{Delegation, Served, SubdomainStatus};
pub use layout::{Layout, NameServer, REGIONS_MAX, Region, Srv, check_host_label, parse_host};

/// The most characters of a label.
pub const LABEL_MAX: usize = 10;
/// The most characters of a customer's full name; Microsoft Entra ID takes no longer ones.
pub const NAME_MAX: usize = 48;
/// Labels that stand for something else below a region or a base domain; so do all that begin with `ns`.
const RESERVED: [&str; 2] = ["www", "provapi"];
/// The most characters of a token.
pub const TOKEN_MAX: usize = 100;

/// Reads a label: 1 to 10 letters, digits, `_` and `-`. DNS knows no case, so it is kept in lower case.
///
/// # Errors
/// Every problem of the text, each as a sentence.
pub fn parse_label(text: &str) -> Result<String, Vec<String>> {
    let mut problems = Vec::new();
    let count = text.chars().count();
    if count == 0 {
        problems.push("Enter a subdomain: 1 to 10 letters, digits, _ and -.".to_owned());
    }
    if count > LABEL_MAX {
        problems.push(format!("The subdomain has {count} characters; up to {LABEL_MAX} are allowed."));
    }
    if text.contains('.') {
        problems.push("The subdomain is one label, without dots; the names of the regions are made from it.".into());
    }
    if text.contains('*') {
        problems.push("A wildcard (*) cannot be a subdomain.".to_owned());
    }
    let strange = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*'));
    if let Some(c) = text.chars().find(strange) {
        problems.push(format!("{} cannot be part of a subdomain; use letters, digits, _ and -.", shown(c)));
    }
    if problems.is_empty() { Ok(text.to_ascii_lowercase()) } else { Err(problems) }
}

/// Reads a token: 1 to 100 letters, digits, `=`, `_` and `-`.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_token(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    if count == 0 || count > TOKEN_MAX {
        return Err(format!("This has {count} characters; 1 to {TOKEN_MAX} are allowed."));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '=' | '_' | '-'))) {
        None => Ok(text.to_owned()),
        Some(c) => Err(format!("{} cannot be part of it; use letters, digits, =, _ and -.", shown(c))),
    }
}

/// What is to be said of a token that is taken, and yet is hardly what Microsoft 365 asks for.
#[must_use]
pub fn token_doubt(token: &str) -> Option<&'static str> {
    const DOUBT: &str = "Microsoft 365 asks for a TXT value that begins with MS=, such as MS=ms12345678. This one does not, so the \
                         enterprise's names will not be verified with it unless it was told another value.";
    (!token.is_empty() && !token.starts_with("MS=")).then_some(DOUBT)
}

/// A character that cannot be taken, as people see it.
fn shown(c: char) -> String {
    if c.is_whitespace() || c.is_control() { "A blank".to_owned() } else { format!("\u{201c}{c}\u{201d}") }
}

/// The names that accounts get: one for each region of the deployment, below one base domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zones {
    /// The base domain, in lower case and without the last dot: `pstn.example.net`.
    pub base: String,
    /// The labels of the regions, in the order of an account's tokens: `1r1`, `1r2`.
    pub regions: Vec<String>,
}

impl Zones {
    /// The full name of an account in each region, without the last dot.
    #[must_use]
    pub fn names(&self, label: &str) -> Vec<String> {
        self.regions.iter().map(|region| format!("{label}.{region}.{}", self.base)).collect()
    }

    /// Reads the label of an account, for which there has to be a place in these zones.
    ///
    /// # Errors
    /// Every problem of the text, each as a sentence.
    pub fn check_label(&self, text: &str) -> Result<String, Vec<String>> {
        let mut problems = parse_label(text).err().unwrap_or_default();
        let label = text.to_ascii_lowercase();
        if RESERVED.contains(&label.as_str()) || label.starts_with("ns") || self.regions.contains(&label) {
            problems.push(format!(
                "\u{201c}{label}\u{201d} is reserved. The names of regions ({}), www, provapi and everything that \
                 begins with ns cannot be a subdomain.",
                self.regions.join(", ")
            ));
        }
        let longest = self.names(&label).into_iter().max_by_key(|name| name.chars().count());
        if let Some(name) = longest.filter(|name| name.chars().count() > NAME_MAX) {
            problems.push(format!(
                "The full name {name} has {} characters; Microsoft 365 takes up to {NAME_MAX}. Choose a shorter subdomain.",
                name.chars().count()
            ));
        }
        if problems.is_empty() { Ok(label) } else { Err(problems) }
    }

    /// Finds what is allowed in a label and yet may cause trouble, each as a sentence.
    #[must_use]
    pub fn warnings(&self, label: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        if label.contains('_') {
            warnings.push(
                "The subdomain has an underscore. That is allowed, but some systems take no host names with one."
                    .to_owned(),
            );
        }
        if label.starts_with('-') || label.ends_with('-') {
            warnings.push(
                "The subdomain begins or ends with a dash. That is allowed, but some systems take no host \
                 names that do."
                    .to_owned(),
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
