//! What people write where telephone numbers go: one number, one range, or something that is refused.
//!
//! Nothing is dropped but white space, `.`, `-`, `(` and `)` between the digits of one number that a numbering plan knows as
//! possible. Whatever else a text has, it is refused with its reason, and with a proposal where there is one. No country
//! is ever guessed. Work is linear in the length of a text.

mod abroad;
mod foreign;
mod groups;
mod list;
mod marks;
mod plans;
mod ranges;
mod refused;
mod several;
mod spoilt;
mod trunk;
mod whole;

use super::e164::E164;

pub use self::list::{Entries, Placed};
pub use self::marks::{is_invisible, is_separator, visible};
pub use self::plans::{Plans, country_of_code};
pub use self::refused::{Kind, Refused};
pub use self::trunk::beginning;

/// The most bytes of an entry.
pub const MAX_ENTRY: usize = 256;

/// What one entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One number.
    Number(E164),
    /// Numbers in a row.
    Range(Range),
    /// Neither.
    Refused(Refused),
}

/// Numbers in a row, all of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: E164,
    /// The last, which is not before the first.
    pub last: E164,
    /// Whether only the last digits of the last number were written, as in `+441632960000-09`.
    pub short_end: bool,
}

impl Range {
    /// How many numbers it has.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.last.as_i64() - self.first.as_i64() + 1
    }
}

impl Range {
    /// The range without its first number; `None` when there is no other.
    #[must_use]
    pub fn behind_first(self) -> Option<Self> {
        let next = self.first.next().filter(|next| *next <= self.last)?;
        Some(Self { first: next, ..self })
    }
}

impl Entry {
    /// Whether it is a number or a range.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// The number, where it is one.
    ///
    /// # Errors
    /// Says why it is none.
    pub fn number(self) -> Result<E164, Refused> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Range(range) if range.first == range.last => Ok(range.first),
            Self::Range(range) => Err(Refused::new(
                Kind::Several,
                format!("This is a range, from {} to {}. One number is wanted here.", range.first, range.last),
            )),
            Self::Refused(refused) => Err(refused),
        }
    }
}

/// Reads entries, and remembers what the numbering plans say of neighbours.
#[derive(Debug, Default)]
pub struct EntryReader {
    plans: Plans,
}

impl EntryReader {
    /// Reads one entry.
    pub fn read(&mut self, text: &str) -> Entry {
        if let Some(number) = plain(text)
            && self.plans.takes(number)
            && (text.starts_with('+') || abroad::local(number).is_none())
        {
            return Entry::Number(number);
        }
        if text.len() > MAX_ENTRY {
            return Refused::new(
                Kind::TooLong,
                "Too long for a number or a range. Put commas or line breaks between the numbers.",
            )
            .into();
        }
        self.cleaned(&marks::clean(text))
    }

    /// Reads a text without invisible marks, in which each dash is `-` and all white space a blank.
    fn cleaned(&mut self, text: &str) -> Entry {
        let text = match marks::unwrapped(text) {
            Ok(text) => text,
            Err(refused) => return self.with_proposal(refused, text),
        };
        if !text.contains(|c: char| c.is_alphanumeric()) {
            return Refused::nothing().into();
        }
        if let Some(spoilt) = self.spoilt(text) {
            return spoilt.into();
        }
        if text.contains([',', ';']) {
            return self.several(text).into();
        }
        if let Some(at) = text.find(|c: char| !groups::belongs(c)) {
            return self.foreign(text, at).into();
        }
        self.digits(text)
    }

    /// Proposes what stands within marks that do not belong to a number.
    fn with_proposal(&mut self, refused: Refused, text: &str) -> Entry {
        let inner = text.trim_matches(|c: char| !c.is_ascii_digit() && c != '+');
        let proposal = if inner.len() < text.len() { proposal_of(&self.cleaned(inner)) } else { None };
        refused.proposing(proposal).into()
    }
}

/// How a number or a range is written plainly; of what is refused, its proposal.
fn proposal_of(entry: &Entry) -> Option<String> {
    match entry {
        Entry::Number(number) => Some(number.to_string()),
        Entry::Range(range) => Some(range.to_string()),
        Entry::Refused(refused) => refused.proposal.clone(),
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Reads one entry.
#[must_use]
pub fn read(text: &str) -> Entry {
    EntryReader::default().read(text)
}

/// Reads a number that may be stored already: one in its plain form is taken even where no numbering plan knows it, for
/// programs may store such.
///
/// # Errors
/// Says why the text is no number.
pub fn stored(text: &str) -> Result<E164, Refused> {
    match E164::parse_wire(visible(text).trim()) {
        Ok(number) => Ok(number),
        Err(_) => read(text).number(),
    }
}

/// A number without anything between its digits, with its `+` or without.
fn plain(text: &str) -> Option<E164> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let value = Some(digits).filter(|digits| digits.len() <= 15 && !digits.starts_with('0'));
    let value = value.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    E164::from_i64(value.parse().ok()?)
}

#[cfg(test)]
mod tests;
