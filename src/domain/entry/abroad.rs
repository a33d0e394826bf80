//! Whether digits without a `+` are a number with its country code, or one as it is dialled within a country.

use std::sync::LazyLock;

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberType, Region};

use super::plans::{Plan, is_valid};
use crate::domain::e164::{E164, MAX_DIGITS};

/// The most digits of a number that may be written as it is dialled within its country, wherever that is.
pub(super) const NATIONAL: usize = 10;
/// Lines of more lengths take nearly any digits.
const LINE_LENGTHS: u32 = 3;
/// Mobiles of more lengths do.
const MOBILE_LENGTHS: u32 = 4;

/// Countries whose numbers have ten digits, and what is dialled before them where that is neither a 0, which begins no number
/// with its country code, nor the country code itself.
const PREFIXES: [(i32, &str); 1] = [(7, "8")];

/// A country in which numbers are written with as many digits as elsewhere with the country code.
struct Within {
    region: Region,
    code: i32,
    /// What is dialled before a number of ten digits, where that is no 0.
    prefix: Option<&'static str>,
    /// The lengths of its lines, as bits.
    lines: u16,
    /// The lengths of its mobiles, as bits.
    mobiles: u16,
}

static WITHIN: LazyLock<Vec<Within>> = LazyLock::new(|| {
    let all = PHONE_NUMBER_UTIL.get_supported_regions().filter_map(|region| {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(region)?;
        let prefix = PREFIXES.iter().find(|(of, _)| *of == code).map(|(_, prefix)| *prefix);
        let [lines, mobiles] =
            [PhoneNumberType::FixedLine, PhoneNumberType::Mobile].map(|kind| lengths(region, code, kind));
        Some(Within { region, code, prefix, lines, mobiles })
    });
    let is_long = |within: &Within| (within.lines | within.mobiles) >> (NATIONAL + 1) != 0 || within.prefix.is_some();
    all.filter(is_long).collect()
});

/// The lengths of the numbers of this kind, as bits.
fn lengths(region: Region, code: i32, kind: PhoneNumberType) -> u16 {
    if !PHONE_NUMBER_UTIL.get_supported_types_for_region(region).is_some_and(|kinds| kinds.contains(&kind)) {
        return 0;
    }
    let is_possible = |digits: &u32| {
        let number =
            PhoneNumber { country_code: code, national_number: 10_u64.pow(digits - 1), ..PhoneNumber::default() };
        PHONE_NUMBER_UTIL.is_possible_number_for_type_with_reason(&number, kind) == Ok(NumberLengthType::IsPossible)
    };
    (1..=MAX_DIGITS).filter(is_possible).fold(0, |bits, digits| bits | 1 << digits)
}

impl Within {
    /// Whether the digits are a number that this country knows, as it is written there. Where plans take nearly any digits,
    /// they say something of digits alone that nobody knows abroad.
    fn knows(&self, digits: &str, is_known_abroad: bool) -> bool {
        let behind = self.prefix.and_then(|prefix| digits.strip_prefix(prefix));
        [Some(digits), behind].into_iter().flatten().any(|national| {
            let has_length = |lengths: u16| national.len() < 16 && lengths & (1 << national.len()) != 0;
            if !has_length(self.lines | self.mobiles) {
                return false;
            }
            let Ok(national_number) = national.parse() else { return false };
            let number = PhoneNumber { country_code: self.code, national_number, ..PhoneNumber::default() };
            if !PHONE_NUMBER_UTIL.is_valid_number_for_region(&number, self.region) {
                return false;
            }
            let is_loose = !is_known_abroad && national.len() == NATIONAL + 1;
            match PHONE_NUMBER_UTIL.get_number_type(&number) {
                PhoneNumberType::Mobile => is_loose || self.mobiles.count_ones() <= MOBILE_LENGTHS,
                PhoneNumberType::FixedLine | PhoneNumberType::FixedLineOrMobile => {
                    is_loose || self.lines.count_ones() <= LINE_LENGTHS
                }
                _ => false,
            }
        })
    }
}

/// Where digits without a `+` can be a number as it is dialled within a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Local {
    /// In one of many countries.
    Anywhere,
    /// In this country, and perhaps in others.
    In(String),
}

/// Where a number that was written without a `+` can be meant as one within a country; `None` where it cannot. Those have ten
/// digits at most, and more where a plan says so. A code of no country is none that people leave the `+` away from.
pub(super) fn local(number: E164) -> Option<Local> {
    if number.digits() as usize <= NATIONAL || !Plan::of(number).is_some_and(Plan::is_of_country) {
        return Some(Local::Anywhere);
    }
    let (digits, is_known) = (number.as_i64().to_string(), is_valid(number));
    let within = WITHIN.iter().find(|within| within.knows(&digits, is_known))?;
    Some(Local::In(within.region.to_string()))
}
