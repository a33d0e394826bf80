//! What the numbering plans of the world say of a number: whether there can be such a one.
//!
//! Possible is less than assigned: a number of the right length is possible in its country, whoever has it.

use std::sync::LazyLock;

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

use super::e164::{E164, MAX_DIGITS};
use super::number::{country, is_country};

/// Where a number would have to be, and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPossible {
    /// The two letters of the country that has the number's country code; nothing where none has.
    pub country: Option<String>,
}

impl NotPossible {
    /// Says so by itself.
    #[must_use]
    pub fn label(&self) -> String {
        self.country.as_ref().map_or_else(
            || "Not possible in any numbering plan".to_owned(),
            |country| format!("Not possible in the numbering plan of {country}"),
        )
    }

    /// Says so of a number, as the end of a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        self.country.as_ref().map_or_else(
            || "not possible in any numbering plan".to_owned(),
            |country| format!("not possible in the numbering plan of {country}"),
        )
    }
}

/// Whether a numbering plan knows such numbers, written in just this way.
#[must_use]
pub fn possible(number: E164) -> bool {
    let Some(code) = Code::of(number) else { return false };
    // What begins with 0 may be a number of some countries, and is the trunk prefix of others: only reading it tells.
    if number.digits() > code.digits && leading(number, code.digits + 1) % 10 == 0 {
        return is_written_alike(&number.to_string());
    }
    code.lengths & (1 << number.digits()) != 0
}

/// Where a number cannot be; nothing when it can.
#[must_use]
pub fn doubt(number: E164) -> Option<NotPossible> {
    if possible(number) {
        return None;
    }
    let of_code = || {
        let code = i32::try_from(Code::of(number)?.value).ok()?;
        Some(PHONE_NUMBER_UTIL.get_region_for_country_code(code)?.to_string()).filter(|region| is_country(region))
    };
    Some(NotPossible { country: country(number).or_else(of_code) })
}

/// A country code, and how many digits its numbers have.
struct Code {
    value: usize,
    digits: u32,
    lengths: u16,
}

impl Code {
    /// The code of a number: none begins with another.
    fn of(number: E164) -> Option<Self> {
        (1..=3.min(number.digits())).find_map(|digits| {
            let value = usize::try_from(leading(number, digits)).ok()?;
            let lengths = LENGTHS.get(value).copied().filter(|lengths| *lengths != 0)?;
            Some(Self { value, digits, lengths })
        })
    }
}

/// The first digits of a number.
fn leading(number: E164, digits: u32) -> i64 {
    number.as_i64() / 10_i64.pow(number.digits().saturating_sub(digits))
}

fn has_length(number: &PhoneNumber) -> bool {
    matches!(PHONE_NUMBER_UTIL.is_possible_number_with_reason(number), Ok(NumberLengthType::IsPossible))
}

/// Whether reading and writing the number again leaves it as it is.
fn is_written_alike(text: &str) -> bool {
    let read = PHONE_NUMBER_UTIL.parse(text, None);
    read.is_ok_and(|read| has_length(&read) && PHONE_NUMBER_UTIL.format(&read, PhoneNumberFormat::E164) == text)
}

/// For each country code how many digits its numbers have, the code among them: a bit for each count. None for what is no
/// country code.
static LENGTHS: LazyLock<[u16; 1_000]> = LazyLock::new(|| {
    let mut all = [0; 1_000];
    for country_code in PHONE_NUMBER_UTIL.get_supported_calling_codes() {
        let Some(code) = usize::try_from(country_code).ok().filter(|code| *code > 0) else { continue };
        let code_digits = code.ilog10() + 1;
        let lengths = (code_digits + 1..=MAX_DIGITS).filter(|digits| {
            let national_number = 10_u64.pow(digits - code_digits - 1);
            has_length(&PhoneNumber { country_code, national_number, ..PhoneNumber::default() })
        });
        if let Some(found) = all.get_mut(code) {
            *found = lengths.fold(0, |found, digits| found | (1 << digits));
        }
    }
    all
});

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> E164 {
        E164::parse_wire(text).unwrap()
    }

    #[test]
    fn numbers_that_people_have_are_possible() {
        for number in [
            "+441632960000",
            "+12065550100",
            "+18005550100",
            "+493023125000",
            "+390612345678",
            "+3545551234",
            "+80012345678",
            "+5511987654321",
        ] {
            assert!(possible(e164(number)), "{number}");
        }
    }

    #[test]
    fn numbers_that_no_plan_knows_are_not() {
        for (number, country) in [
            ("+4401632960313", Some("GB")),
            ("+4903023125000", Some("DE")),
            ("+120655501000109", Some("US")),
            ("+1206555013299", Some("US")),
            ("+441", Some("GB")),
            ("+4499", Some("GB")),
            ("+112", Some("US")),
            ("+999123456789", None),
            ("+20241105", Some("EG")),
        ] {
            let found = doubt(e164(number)).unwrap_or_else(|| panic!("{number}"));
            assert_eq!(found.country.as_deref(), country, "{number}");
        }
        assert_eq!(doubt(e164("+441")).unwrap().words(), "not possible in the numbering plan of GB");
        assert!(doubt(e164("+999123456789")).unwrap().words().ends_with("in any numbering plan"));
    }
}
