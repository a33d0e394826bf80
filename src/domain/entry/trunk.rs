//! What is dialled before a number within its country only, such as the 0 of `+44 (0)1632`.

use std::sync::{LazyLock, OnceLock};

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use super::groups;
use super::plans::{CODES, Plan, is_valid, printed};
use crate::domain::e164::E164;

/// Kinds of numbers of which the examples show whether numbers of a country begin with 0.
const KINDS: [PhoneNumberType; 5] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::VoIP,
    PhoneNumberType::SharedCost,
];

/// What is dialled in the countries of one code.
#[derive(Clone, Debug, Default)]
struct Trunk {
    /// What stands before a number there, the longest first.
    prefixes: Vec<String>,
    /// Whether the 0 belongs to numbers there, as in Italy.
    keeps_zero: bool,
}

/// What is known of each country code, once one of its numbers has been read: asking the plans for all takes tens of MB.
static TRUNKS: LazyLock<Vec<OnceLock<Trunk>>> = LazyLock::new(|| vec![OnceLock::new(); CODES]);

impl Trunk {
    /// What the plans say of the main country of this code.
    fn of(code: i32) -> Self {
        let region = PHONE_NUMBER_UTIL.get_region_for_country_code(code);
        let examples = KINDS
            .iter()
            .filter_map(|kind| PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region?, *kind).ok());
        let keeps_zero = examples.map(|example| national_digits(&example)).any(|digits| digits.starts_with('0'));
        let mut prefixes: Vec<String> = region.and_then(prefix_of).into_iter().collect();
        if prefixes.iter().all(|prefix| prefix != "0") {
            prefixes.push("0".to_owned());
        }
        Self { prefixes, keeps_zero }
    }
}

/// What is dialled before a number of this region there.
fn prefix_of(region: Region) -> Option<String> {
    let example = PHONE_NUMBER_UTIL.get_example_number(region).ok()?;
    let dialled = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::National);
    let dialled: String = dialled.chars().filter(char::is_ascii_digit).collect();
    let prefix = dialled.strip_suffix(national_digits(&example).as_str())?;
    (!prefix.is_empty()).then(|| prefix.to_owned())
}

/// The digits behind the country code.
fn national_digits(number: &PhoneNumber) -> String {
    let plain = PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).into_owned();
    let code = format!("+{}", number.country_code);
    plain.strip_prefix(&code).unwrap_or_default().to_owned()
}

/// Whether numbers of this country code begin with a 0 of their own.
pub(super) fn keeps_zero(code: i64) -> bool {
    trunk(code).is_some_and(|trunk| trunk.keeps_zero)
}

/// Whether the digits behind the country code begin with a 0 that numbers of the country do not have.
pub(super) fn is_before(plan: Plan, number: E164) -> bool {
    let first = plan.national.checked_sub(1).map(|behind| number.as_i64() / 10_i64.pow(behind) % 10);
    first == Some(0) && !keeps_zero(plan.code)
}

fn trunk(code: i64) -> Option<&'static Trunk> {
    let trunk = TRUNKS.get(usize::try_from(code).ok()?)?;
    let code = i32::try_from(code).ok()?;
    Some(trunk.get_or_init(|| Trunk::of(code)))
}

/// The number without what is dialled before it within its country; `None` where all its digits are its own. Of two
/// readings the one holds that is a valid number.
pub(super) fn without_prefix(number: E164, plan: Plan) -> Option<E164> {
    let digits = number.as_i64().to_string();
    let (code, national) = digits.split_at_checked(plan.code_digits as usize)?;
    let trunk = trunk(plan.code)?;
    let mut others = trunk.prefixes.iter().filter_map(|prefix| {
        let rest = national.strip_prefix(prefix.as_str()).filter(|rest| !rest.starts_with('0'))?;
        let other = groups::number(&format!("{code}{rest}"))?;
        Plan::of(other).is_some_and(Plan::has_length).then_some((prefix.as_str(), other))
    });
    let first = others.next()?;
    if is_valid(number) {
        return None;
    }
    let is_only_zero = |(prefix, _): &(&str, E164)| *prefix == "0" && !trunk.keeps_zero;
    let is_known = |other: E164| is_valid(other) && printed(other) == Some(other);
    std::iter::once(first).chain(others).find(|other| is_known(other.1) || is_only_zero(other)).map(|(_, other)| other)
}

/// The digits with which a number begins, when these are the beginning of one as people write it: without the 00 that is dialled
/// before the country code, and without the 0 that is dialled behind it within the country only.
#[must_use]
pub fn beginning(digits: &str) -> String {
    let digits = digits.strip_prefix("00").unwrap_or(digits);
    let plan = groups::number(digits).and_then(Plan::of).filter(|plan| !keeps_zero(plan.code));
    let parts = plan.and_then(|plan| digits.split_at_checked(plan.code_digits as usize));
    match parts.and_then(|(code, behind)| Some((code, behind.strip_prefix('0')?))) {
        Some((code, behind)) => format!("{code}{behind}"),
        None => digits.to_owned(),
    }
}
