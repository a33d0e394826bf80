//! Telephone numbers in E.164 form, kept as integers.
//!
//! An E.164 number has at most 15 digits and never starts with 0 (ITU-T E.164, section 6), so
//! without its `+` it is a lossless `i64`. This is the only place that parses its plain form and prints one; what people
//! write is read by [`entry`](super::entry).

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most digits a number may have, country code included.
pub const MAX_DIGITS: u32 = 15;

/// A telephone number with its country code, such as `+441632960000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(i64);

/// Why a text is not a telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum E164Error {
    /// Nothing is left once separators are taken away.
    #[error("no number here; write the country code and the number, such as +441632960000")]
    Empty,
    /// A character that is neither a digit nor an accepted separator.
    #[error("\u{201c}{0}\u{201d} cannot be part of a telephone number; use digits with a leading +")]
    Character(char),
    /// The number starts with 0, so its country code is missing.
    #[error(
        "the country code is missing: a number cannot start with 0; write +44\u{2026} rather than 0\u{2026} or 00\u{2026}"
    )]
    LeadingZero,
    /// Fewer than two digits.
    #[error("too short: a number has at least 2 digits")]
    TooShort,
    /// More than fifteen digits.
    #[error("too long: {0} digits, and E.164 allows 15 at most")]
    TooLong(u32),
}

impl E164 {
    /// Reads the strict wire form `+` and 2 to 15 digits, the first not 0.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse_wire(text: &str) -> Result<Self, E164Error> {
        let digits =
            text.strip_prefix('+').ok_or_else(|| text.chars().next().map_or(E164Error::Empty, E164Error::Character))?;
        Self::from_digits(digits.chars())
    }

    fn from_digits(digits: impl Iterator<Item = char>) -> Result<Self, E164Error> {
        let mut value: i64 = 0;
        let mut count = 0;
        for c in digits {
            let digit = c.to_digit(10).filter(|_| c.is_ascii_digit()).ok_or(E164Error::Character(c))?;
            if count == 0 && digit == 0 {
                return Err(E164Error::LeadingZero);
            }
            count += 1;
            if count <= MAX_DIGITS {
                value = value * 10 + i64::from(digit);
            }
        }
        match count {
            0 => Err(E164Error::Empty),
            1 => Err(E164Error::TooShort),
            n if n > MAX_DIGITS => Err(E164Error::TooLong(n)),
            _ => Ok(Self(value)),
        }
    }

    /// The number as an integer, for storage.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// Reads a number back from storage. `None` means that the integer cannot be one.
    #[must_use]
    pub fn from_i64(value: i64) -> Option<Self> {
        (10..1_000_000_000_000_000).contains(&value).then_some(Self(value))
    }

    /// The number that follows in the same block, while the count of digits stays the same.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::from_i64(self.0 + 1).filter(|n| n.digits() == self.digits())
    }

    /// How many digits the number has.
    #[must_use]
    pub fn digits(self) -> u32 {
        self.0.ilog10() + 1
    }

    /// Writes the number in groups for reading, such as `+44 1632 960000`. Without the blanks it is E.164 again.
    #[must_use]
    pub fn grouped(self) -> String {
        let text = self.to_string();
        let mut grouped = String::with_capacity(text.len() + 4);
        for group in self.groups(&text) {
            if !grouped.is_empty() {
                grouped.push(' ');
            }
            grouped.push_str(group);
        }
        grouped
    }

    /// The groups for reading of the number's own text.
    pub fn groups(self, text: &str) -> impl Iterator<Item = &str> {
        let code = country_code_digits(self.0) + 1;
        let (head, mut left) = text.split_at_checked(code).unwrap_or((text, ""));
        let sizes: &[usize] = match left.len() {
            0..=4 => &[4],
            5..=6 => &[3, 3],
            7 => &[3, 4],
            8 => &[4, 4],
            9 => &[3, 3, 3],
            10 if code == 2 => &[3, 3, 4],
            10 => &[4, 6],
            11 => &[4, 3, 4],
            _ => &[4, 4, 4, 4],
        };
        let rest = sizes.iter().map(move |size| {
            let (group, behind) = left.split_at_checked(*size).unwrap_or((left, ""));
            left = behind;
            group
        });
        std::iter::once(head).chain(rest.filter(|group| !group.is_empty()))
    }
}

/// How many digits the country code of a number has (ITU-T E.164, list of assigned codes).
fn country_code_digits(number: i64) -> usize {
    let two = number / 10_i64.pow(number.ilog10().saturating_sub(1));
    match two {
        10..=19 | 70..=79 => 1,
        20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 | 90..=95 | 98 => 2,
        _ => 3,
    }
}

/// Gives the integer ranges that hold every stored value (of at most `max_digits` digits) that starts with `prefix`.
/// There are sixteen at most, one for each count of digits.
#[must_use]
pub fn prefix_ranges(prefix: i64, max_digits: u32) -> Vec<RangeInclusive<i64>> {
    if prefix <= 0 {
        return Vec::new();
    }
    (0..=max_digits.saturating_sub(prefix.ilog10() + 1))
        .filter_map(|extra| {
            let scale = 10_i64.checked_pow(extra)?;
            let low = prefix.checked_mul(scale)?;
            Some(low..=low + (scale - 1))
        })
        .collect()
}

/// What a number ends with: its remainder by a power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How many digits.
    pub digits: u32,
    /// Ten to the power of [`Self::digits`].
    pub scale: i64,
    /// The remainder of every number with this ending, and so the least distance from zero.
    pub remainder: i64,
    /// No number with this ending is smaller: one as long as an ending that begins with 0 would begin with 0.
    pub smallest: i64,
}

impl Ending {
    /// Takes these digits for an ending. `None` means that no number ends so: other characters, or more digits than a number has.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let digits = u32::try_from(text.len()).ok().filter(|digits| *digits <= MAX_DIGITS)?;
        let remainder: i64 = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)?.parse().ok()?;
        let scale = 10_i64.checked_pow(digits)?;
        let smallest = if text.starts_with('0') { scale + remainder } else { remainder };
        Some(Self { digits, scale, remainder, smallest })
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl Serialize for E164 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for E164 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_wire(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wire_form_has_a_plus_and_2_to_15_digits() {
        assert_eq!(E164::parse_wire("+44163296000a"), Err(E164Error::Character('a')));
        assert_eq!(E164::parse_wire("++44163296000"), Err(E164Error::Character('+')));
        assert_eq!(E164::parse_wire("+01632960000"), Err(E164Error::LeadingZero));
        assert_eq!(E164::parse_wire("+12345678901234567"), Err(E164Error::TooLong(17)));
        assert_eq!(E164::parse_wire("+"), Err(E164Error::Empty));
        assert_eq!(E164::parse_wire("+7"), Err(E164Error::TooShort));
        assert_eq!(E164::parse_wire("+\u{664}\u{664}1632960000"), Err(E164Error::Character('\u{664}')));
    }

    #[test]
    fn a_number_is_grouped_for_reading() {
        for (number, shown) in [
            ("+441632960000", "+44 1632 960000"),
            ("+12125550100", "+1 212 555 0100"),
            ("+61255501000", "+61 255 501 000"),
            ("+353201234567", "+353 201 234 567"),
            ("+49302312500012", "+49 3023 1250 0012"),
            ("+12", "+1 2"),
        ] {
            assert_eq!(E164::parse_wire(number).unwrap().grouped(), shown);
        }
    }

    #[test]
    fn the_wire_form_is_strict() {
        assert!(E164::parse_wire("441632960000").is_err());
        assert!(E164::parse_wire("+44 1632960000").is_err());
        assert!(E164::parse_wire("+0441632960000").is_err());
        assert!(E164::parse_wire("").is_err());
    }

    proptest! {
        #[test]
        fn printing_and_parsing_round_trip(value in 10_i64..1_000_000_000_000_000) {
            let number = E164::from_i64(value).unwrap();
            prop_assert_eq!(E164::parse_wire(&number.to_string()), Ok(number));
            prop_assert_eq!(number.grouped().replace(' ', ""), number.to_string());
        }

        #[test]
        fn any_text_is_answered_without_a_panic(text in "\\PC{0,40}") {
            let _ = E164::parse_wire(&text);
        }

        #[test]
        fn a_prefix_range_holds_exactly_what_starts_with_it(value in 10_i64..1_000_000_000_000_000, prefix in 1_i64..1_000_000) {
            let inside = prefix_ranges(prefix, 15).iter().any(|r| r.contains(&value));
            prop_assert_eq!(inside, value.to_string().starts_with(&prefix.to_string()));
        }

        #[test]
        fn an_ending_holds_exactly_what_ends_with_it(value in 10_i64..1_000_000_000_000_000, digits in "[0-9]{1,15}", own in 1_usize..=15) {
            let text = value.to_string();
            let last = text.get(text.len().saturating_sub(own)..).unwrap().to_owned();
            for suffix in [digits, last] {
                let ending = Ending::of(&suffix).unwrap();
                let inside = value >= ending.smallest && value % ending.scale == ending.remainder;
                prop_assert_eq!(inside, text.ends_with(&suffix), "{}", suffix);
            }
        }
    }
}
