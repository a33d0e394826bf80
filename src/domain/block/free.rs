//! Looking for free numbers: what is asked for, and where among the blocks it is looked for.

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

use super::Block;
use crate::domain::country;
use crate::domain::e164::{E164, MAX_DIGITS, prefix_ranges};
use crate::domain::field::{FieldProblem, filled};

/// Numbers in a row, of blocks that touch each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first.
    pub first: E164,
    /// The last.
    pub last: E164,
}

impl Stretch {
    /// How many numbers it has.
    #[must_use]
    pub fn size(self) -> i64 {
        self.last.as_i64() - self.first.as_i64() + 1
    }

    /// Whether the two share a number.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// As an upload reads it: a number, or both ends of a range.
impl std::fmt::Display for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// Where among the blocks numbers are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Only numbers that begin with these digits, country code first.
    pub prefix: Option<i64>,
    /// Only blocks of this country.
    pub country: Option<String>,
    /// Only the block that begins here.
    pub block: Option<E164>,
}

impl Place {
    /// The stretches of these blocks, which are in order, where numbers may be; those that touch each other are one.
    #[must_use]
    pub fn stretches(&self, blocks: &[Block]) -> Vec<Stretch> {
        let ranges = self.prefix.map(|prefix| prefix_ranges(prefix, MAX_DIGITS));
        let mut found: Vec<Stretch> = Vec::new();
        for block in blocks.iter().filter(|block| self.means(block)) {
            let (first, last) = match &ranges {
                None => (block.first.as_i64(), block.last.as_i64()),
                Some(ranges) => {
                    let of_length = ranges.iter().find(|range| {
                        E164::from_i64(*range.start()).is_some_and(|start| start.digits() == block.first.digits())
                    });
                    let Some(range) = of_length else { continue };
                    (block.first.as_i64().max(*range.start()), block.last.as_i64().min(*range.end()))
                }
            };
            let (Some(first), Some(last)) = (E164::from_i64(first), E164::from_i64(last)) else { continue };
            if first > last {
                continue;
            }
            match found.last_mut() {
                Some(before) if before.last.next() == Some(first) => before.last = last,
                _ => found.push(Stretch { first, last }),
            }
        }
        found
    }

    fn means(&self, block: &Block) -> bool {
        self.country.as_ref().is_none_or(|country| block.country.as_ref() == Some(country))
            && self.block.is_none_or(|first| block.first == first)
    }
}

/// Reads the beginning of numbers: with the country code, or as it is dialled within a country where that is known.
///
/// # Errors
/// Says what is wrong with the text.
pub fn read_prefix(text: &str, country: Option<&str>) -> Result<Option<i64>, FieldProblem> {
    let wrong = |reason: &str| FieldProblem::new("prefix", reason);
    let Some(text) = filled(text) else { return Ok(None) };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let odd = text
        .char_indices()
        .any(|(at, c)| !(c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')') || (c == '+' && at == 0)));
    if odd || digits.is_empty() {
        return Err(wrong("Write the first digits of the numbers, such as +44 1632."));
    }
    let whole = if digits.starts_with('0') && !text.starts_with('+') {
        let Some(country) = country else {
            return Err(wrong("Begin with the country code, such as +44 1632, or choose the country beside it."));
        };
        international(&digits, country)
            .ok_or_else(|| wrong("This is no beginning of numbers in that country. Begin with the country code."))?
    } else {
        digits
    };
    match whole.parse::<i64>() {
        Ok(prefix) if prefix > 0 && whole.len() <= MAX_DIGITS as usize && !whole.starts_with('0') => Ok(Some(prefix)),
        _ => Err(wrong("No number begins so. Begin with the country code, such as +44 1632.")),
    }
}

/// The beginning of numbers as they are dialled within a country, with its country code. Zeros make the
/// longest number of it that the numbering plan knows, which also tells how it is dialled from abroad.
fn international(digits: &str, country: &str) -> Option<String> {
    let region: Region = country::read(country).ok()?.parse().ok()?;
    (0..MAX_DIGITS as usize).rev().find_map(|zeros| {
        let whole = PHONE_NUMBER_UTIL.parse(format!("{digits}{:0<zeros$}", ""), Some(region)).ok()?;
        let possible = PHONE_NUMBER_UTIL.is_possible_number_with_reason(&whole).ok()?;
        let wire = PHONE_NUMBER_UTIL.format(&whole, PhoneNumberFormat::E164);
        let prefix = wire.strip_prefix('+')?.strip_suffix(&"0".repeat(zeros))?;
        (possible == NumberLengthType::IsPossible).then(|| prefix.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::block::BlockForm;

    fn block(first: &str, last: &str) -> Block {
        BlockForm { first: first.into(), last: last.into(), ..BlockForm::default() }.read().unwrap()
    }

    fn told(place: &Place) -> Vec<String> {
        let blocks = [
            block("+12065550100", "+12065550199"),
            block("+441632960000", "+441632960999"),
            block("+441632961000", "+441632961999"),
            block("+447700900000", "+447700900999"),
        ];
        place.stretches(&blocks).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn blocks_that_touch_are_one_stretch() {
        let all = ["+12065550100-+12065550199", "+441632960000-+441632961999", "+447700900000-+447700900999"];
        assert_eq!(told(&Place::default()), all);
        assert_eq!(told(&Place { prefix: Some(441_632), ..Place::default() }), all[1..2]);
        assert_eq!(told(&Place { prefix: Some(4_416_329_605), ..Place::default() }), ["+441632960500-+441632960599"]);
        assert_eq!(told(&Place { country: Some("US".into()), ..Place::default() }), all[..1]);
        assert_eq!(told(&Place { prefix: Some(33), ..Place::default() }), Vec::<String>::new());
        let one = Place { block: E164::from_i64(441_632_961_000), ..Place::default() };
        assert_eq!(told(&one), ["+441632961000-+441632961999"]);
    }

    #[test]
    fn a_prefix_is_read_with_and_without_its_country_code() {
        for (text, country, prefix) in [
            ("", None, None),
            ("+44 1632", None, Some(441_632)),
            ("44 1632", Some("GB"), Some(441_632)),
            ("01632", Some("GB"), Some(441_632)),
            ("(01632) 96", Some("GB"), Some(44_163_296)),
            ("06", Some("IT"), Some(3_906)),
        ] {
            assert_eq!(read_prefix(text, country), Ok(prefix), "{text}");
        }
        for (text, country) in
            [("01632", None), ("+0", None), ("abc", Some("GB")), ("+", None), ("1234567890123456", None)]
        {
            assert_eq!(read_prefix(text, country).unwrap_err().field, "prefix", "{text}");
        }
    }
}
