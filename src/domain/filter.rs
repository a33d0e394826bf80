//! Filters of lists, in the part of OData that the Provisioning API knows: `eq`, `ne`, `and`, `or`, `not`, brackets,
//! `startswith(field,'text')` and `contains(field,'text')`.
//!
//! [`parse`] reads a filter against the fields of one resource. What it gives holds only fields, texts and services that
//! exist, and no `not`: that has moved down to the single terms. So a term that is asked of a field without a value simply
//! does not hold, whether it says `eq` or `ne`: what has no value is in no filtered list, as the guidelines of the API ask
//! ("a filter that gives null excludes the item"). `enabled` of a service always has a value: a service that is not
//! there is not enabled.

mod fields;
mod lexer;
mod parser;

pub use fields::{AccountField, AddressField, ConsentField, NumberField};

use super::Service;

/// The most characters of a filter.
pub const MAX_LENGTH: usize = 2_000;
/// The most comparisons in a filter.
pub const MAX_TERMS: usize = 50;
/// How deep brackets and `not` may stand in each other.
pub const MAX_DEPTH: usize = 32;

/// Which items of a list are asked for. `F` is the resource's texts that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter<F> {
    /// All of these hold; with none of them, every item is asked for.
    All(Vec<Self>),
    /// One of these holds.
    Any(Vec<Self>),
    /// A text is compared.
    Text(TextTerm<F>),
    /// A service is enabled, or is not.
    Enabled(Service, bool),
}

/// One comparison of a field with a text. It holds only for items in which the field has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTerm<F> {
    /// What is compared.
    pub field: F,
    /// How it is compared.
    pub test: Test,
    /// True when the test must succeed, false when it must fail.
    pub holds: bool,
}

/// How a text is compared. Upper and lower case differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The field is this text.
    Is(String),
    /// The field starts with this text.
    StartsWith(String),
    /// The field contains this text.
    Contains(String),
}

impl Test {
    /// The text that is compared with.
    pub fn text(&self) -> &str {
        match self {
            Self::Is(text) | Self::StartsWith(text) | Self::Contains(text) => text,
        }
    }

    /// Gives the same test with its text in lower case.
    #[must_use]
    pub fn in_lower_case(&self) -> Self {
        match self {
            Self::Is(text) => Self::Is(text.to_lowercase()),
            Self::StartsWith(text) => Self::StartsWith(text.to_lowercase()),
            Self::Contains(text) => Self::Contains(text.to_lowercase()),
        }
    }
}

impl<F> Default for Filter<F> {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl<F> Filter<F> {
    /// True when every item is asked for.
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::All(parts) if parts.is_empty())
    }

    /// The parts that must hold together.
    pub fn conjuncts(&self) -> &[Self] {
        match self {
            Self::All(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }
}

/// What a name in a filter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind<F> {
    /// A text.
    Text(F),
    /// A list of texts. `eq` and `contains` ask for a member.
    Members(F),
    /// Whether a service is enabled.
    Enabled(Service),
}

/// The fields by which a resource's list can be filtered.
pub trait Fields: Copy + Send + Sync + 'static {
    /// Every name, as the path in the resource's JSON with `/` between the parts.
    const FIELDS: &'static [(&'static str, FieldKind<Self>)];
}

/// Why a text is no filter: every problem that could be found, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {supported}", list(.problems))]
pub struct FilterError {
    /// Each problem and the character (from 1) at which it stands.
    pub problems: Vec<(usize, String)>,
    /// What a filter of this resource may say.
    pub supported: String,
}

fn list(problems: &[(usize, String)]) -> String {
    let said: Vec<String> = problems.iter().map(|(at, problem)| format!("At character {at}: {problem}")).collect();
    said.join(" ")
}

/// Reads a filter.
///
/// # Errors
/// When it is none, or asks for what cannot be asked: everything that is wrong, with its place.
pub fn parse<F: Fields>(text: &str) -> Result<Filter<F>, FilterError> {
    parser::parse(text).map_err(|problems| FilterError { problems, supported: supported::<F>() })
}

fn supported<F: Fields>() -> String {
    let names: Vec<&str> = F::FIELDS.iter().map(|(name, _)| *name).collect();
    format!(
        "A filter is made of FIELD eq VALUE, FIELD ne VALUE, startswith(FIELD,'text') and contains(FIELD,'text'), \
         joined by and, or, not and brackets; a VALUE is true, false or a text in single quotes. The fields are: {}.",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests;
