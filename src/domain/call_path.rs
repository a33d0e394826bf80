//! What a session border controller or a routing engine has to know of a number.

use super::e164::E164;
use super::number::SyncState;
use super::service::ServiceSet;

/// A number as calls find it. They do not find one that is being released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutedNumber {
    /// The number.
    pub telephone_number: E164,
    /// Name of the account that has it.
    pub account: String,
    /// The account's tenant.
    pub tenant_id: Option<String>,
    /// The number's services.
    pub services: ServiceSet,
    /// How far it has come to its backend.
    pub state: SyncState,
    /// The account's label of Direct Routing, where it has one.
    pub subdomain: Option<Subdomain>,
    /// The value of the deployment's SIP header for the number.
    pub sip_header: Option<String>,
}

/// What tells calls of a Direct Routing customer apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subdomain {
    /// The first part of the account's names in each region, in lower case.
    pub label: String,
    /// Whether calls from numbers that the account has not are to be refused.
    pub call_screening: bool,
}

/// The name of the deployment's SIP header where none is configured.
pub const SIP_HEADER: &str = "X-MS-Operator-Content";
/// The most characters of its name.
pub const SIP_HEADER_NAME_MAX: usize = 32;

/// Checks the name of a SIP header (a token, RFC 3261, section 25.1).
///
/// # Errors
/// Says what is wrong with the text.
pub fn check_sip_header_name(name: &str) -> Result<(), String> {
    let count = name.chars().count();
    if count == 0 || count > SIP_HEADER_NAME_MAX {
        return Err(format!("has {count} characters; write 1 to {SIP_HEADER_NAME_MAX}"));
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(*c))) {
        None => Ok(()),
        Some(c) => Err(format!("holds \u{201c}{}\u{201d}, which no name of a SIP header has", c.escape_debug())),
    }
}

/// Writes ascending numbers as text, those that follow each other as ranges.
#[must_use]
pub fn write_ranges(numbers: &[E164]) -> String {
    let mut text = String::new();
    let mut rest = numbers;
    while let Some(first) = rest.first() {
        let run = rest.iter().zip(first.as_i64()..).take_while(|(number, next)| number.as_i64() == *next).count();
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&first.as_i64().to_string());
        if run > 1 {
            text.push('-');
            text.push_str(&(first.as_i64() + run as i64 - 1).to_string());
        }
        rest = rest.get(run..).unwrap_or_default();
    }
    text
}

/// Reads numbers back from what [`write_ranges`] wrote. `None` means that it did not write the text.
#[must_use]
pub fn read_ranges(text: &str) -> Option<Vec<E164>> {
    let mut numbers = Vec::new();
    for range in text.split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
        numbers.extend((first..=last).map_while(E164::from_i64));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_a_row_are_one_range() {
        let numbers: Vec<E164> = [441, 442, 443, 450, 999].map(|n| E164::from_i64(n).unwrap()).into();
        assert_eq!(write_ranges(&numbers), "441-443,450,999");
        assert_eq!(write_ranges(&[]), "");
        assert_eq!(read_ranges("441-x"), None);
    }

    #[test]
    fn a_header_has_a_name_that_sip_takes() {
        for good in ["X-MS-Operator-Content", "x", "P-Customer_1"] {
            assert_eq!(check_sip_header_name(good), Ok(()), "{good}");
        }
        for bad in ["", "X Y", "X:", "Ä", "X\r\n", &"x".repeat(33)] {
            assert!(check_sip_header_name(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ranges_are_read_back(numbers in proptest::collection::btree_set(10_i64..2_000, 0..200)) {
            let numbers: BTreeSet<E164> = numbers.into_iter().filter_map(E164::from_i64).collect();
            let numbers: Vec<E164> = numbers.into_iter().collect();
            prop_assert_eq!(read_ranges(&write_ranges(&numbers)), Some(numbers));
        }
    }
}
