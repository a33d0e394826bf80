//! What the numbering plans of the world say of a number: whether there can be one like it.

use std::collections::HashMap;
use std::sync::LazyLock;

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

use super::trunk;
use crate::domain::e164::{E164, MAX_DIGITS};
use crate::domain::number::{country, is_country};

/// Country codes have three digits at most.
pub(super) const CODES: usize = 1_000;
/// How many numbers a block has whose reading is remembered.
const BLOCK: i64 = 1_000;
/// Numbers of no country have fewer digits behind the code than these, or are looked up.
const FEWEST: u32 = 4;
/// Blocks that are remembered.
const REMEMBERED: usize = 4_096;
/// National numbers of fewer digits are looked at one by one.
const BLOCK_DIGITS: u32 = 7;

/// For each country code the lengths that its national numbers have, as bits.
static LENGTHS: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let plans = &*PHONE_NUMBER_UTIL;
    let mut lengths = vec![0; CODES];
    for code in plans.get_supported_calling_codes() {
        let Some(bits) = usize::try_from(code).ok().and_then(|code| lengths.get_mut(code)) else { continue };
        for digits in 1..MAX_DIGITS {
            let number =
                PhoneNumber { country_code: code, national_number: 10_u64.pow(digits - 1), ..PhoneNumber::default() };
            if plans.is_possible_number_with_reason(&number) == Ok(NumberLengthType::IsPossible) {
                *bits |= 1 << digits;
            }
        }
    }
    lengths
});

/// The country code of a number, how many digits follow it, and which counts of digits are possible there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The country code.
    pub(super) code: i64,
    /// How many digits the country code has.
    pub(super) code_digits: u32,
    /// How many digits follow it.
    pub(super) national: u32,
    lengths: u16,
}

impl Plan {
    /// The plan that this number falls under; `None` when no country has its code.
    pub(super) fn of(number: E164) -> Option<Self> {
        let all = number.digits();
        (1..=3.min(all)).find_map(|code_digits| {
            let code = number.as_i64() / 10_i64.pow(all - code_digits);
            let lengths = *LENGTHS.get(usize::try_from(code).ok()?)?;
            (lengths != 0).then_some(Self { code, code_digits, national: all - code_digits, lengths })
        })
    }

    /// The main country of the code, where it belongs to any.
    fn main_country(self) -> Option<String> {
        let code = i32::try_from(self.code).ok()?;
        let region = PHONE_NUMBER_UTIL.get_region_for_country_code(code)?.to_string();
        Some(region).filter(|region| is_country(region))
    }

    /// Whether the code belongs to a country.
    pub(super) fn is_of_country(self) -> bool {
        self.main_country().is_some()
    }

    /// Whether no number of the country has more digits than this.
    pub(super) fn is_longest(self) -> bool {
        u32::from(self.lengths) < 2 << self.national
    }

    /// Whether numbers of this length are possible.
    pub(super) fn has_length(self) -> bool {
        self.lengths & (1 << self.national) != 0
    }

    /// The counts of digits that numbers have behind the country code, such as `9 or 10` or `6 to 11`.
    pub(super) fn lengths(self) -> String {
        let lengths: Vec<u32> = (1..=MAX_DIGITS).filter(|digits| self.lengths & (1 << digits) != 0).collect();
        match lengths.as_slice() {
            [] => String::new(),
            [one] => one.to_string(),
            [first, _, .., last] if (*first..=*last).eq(lengths.iter().copied()) => {
                format!("{first} to {last}")
            }
            [rest @ .., last] => {
                let rest = rest.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                format!("{rest} or {last}")
            }
        }
    }
}

/// What a numbering plan says of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There can be such a number.
    Possible,
    /// It has digits that are dialled within the country only; this is the number without them.
    Otherwise(E164),
    /// No number of the country is so long.
    Length(Plan),
    /// No country has its code.
    NoCode,
}

/// Asks the numbering plans, and remembers what they said of neighbours.
#[derive(Debug, Default)]
pub struct Plans {
    /// Blocks of a thousand, and the block as which the plans print it.
    blocks: HashMap<i64, Option<i64>>,
    /// Numbers, and whether they are valid.
    valid: HashMap<E164, bool>,
}

impl Plans {
    /// Whether there can be such a number.
    pub fn takes(&mut self, number: E164) -> bool {
        self.standing(number) == Standing::Possible
    }

    /// Whether the plans know it as a number that somebody may have, which is more than possible.
    pub(super) fn is_valid(&mut self, number: E164) -> bool {
        if let Some(known) = self.valid.get(&number) {
            return *known;
        }
        if self.valid.len() >= REMEMBERED {
            self.valid.clear();
        }
        *self.valid.entry(number).or_insert_with(|| is_valid(number))
    }

    /// What the plans say of this number.
    pub(super) fn standing(&mut self, number: E164) -> Standing {
        let Some(plan) = Plan::of(number) else { return Standing::NoCode };
        if !plan.has_length() && plan.national < FEWEST {
            return Standing::Length(plan);
        }
        match self.printed(number, plan) {
            Some(other) if other != number && Plan::of(other).is_some_and(Plan::has_length) => {
                Standing::Otherwise(other)
            }
            _ if plan.has_length() && trunk::is_before(plan, number) && !self.is_valid(number) => {
                Standing::Length(Plan { national: plan.national - 1, ..plan })
            }
            _ if plan.has_length() => Standing::Possible,
            _ => Standing::Length(plan),
        }
    }

    /// The number as the plans print it; neighbours are read alike.
    fn printed(&mut self, number: E164, plan: Plan) -> Option<E164> {
        if plan.national < BLOCK_DIGITS {
            return meant(number, plan);
        }
        let (block, last) = (number.as_i64() / BLOCK, number.as_i64() % BLOCK);
        let in_block = |block: i64| E164::from_i64(block * BLOCK + last);
        if let Some(known) = self.blocks.get(&block) {
            return known.and_then(in_block);
        }
        if self.blocks.len() >= REMEMBERED {
            self.blocks.clear();
        }
        let other = meant(number, plan);
        let is_kept = |other: &E164| other.as_i64() % BLOCK == last;
        if other.is_none_or(|other| is_kept(&other)) {
            self.blocks.insert(block, other.map(|other| other.as_i64() / BLOCK));
        }
        other
    }
}

fn parsed(number: E164) -> Option<PhoneNumber> {
    PHONE_NUMBER_UTIL.parse(number.to_string(), None).ok()
}

/// The number as the plans print it once they have read it: without the prefixes of its country.
pub(super) fn printed(number: E164) -> Option<E164> {
    let printed = PHONE_NUMBER_UTIL.format(&parsed(number)?, PhoneNumberFormat::E164).into_owned();
    E164::parse_wire(&printed).ok()
}

/// The number without the prefixes of its country, also those that the plans leave when they read it.
fn meant(number: E164, plan: Plan) -> Option<E164> {
    let printed = printed(number);
    match printed {
        Some(same) if same == number => trunk::without_prefix(number, plan).or(printed),
        _ => printed,
    }
}

/// Whether the plans know the number, which they print in just these digits, as one that somebody may have.
pub(super) fn is_valid(number: E164) -> bool {
    let Some(plan) = Plan::of(number) else { return false };
    let (digits, Ok(country_code)) = (number.as_i64().to_string(), i32::try_from(plan.code)) else { return false };
    let national = digits.get(plan.code_digits as usize..).unwrap_or_default();
    let zeros = national.len() - national.trim_start_matches('0').len();
    let mut known =
        PhoneNumber { country_code, national_number: national.parse().unwrap_or_default(), ..PhoneNumber::default() };
    if zeros > 0 {
        known.italian_leading_zero = Some(true);
        known.number_of_leading_zeros = i32::try_from(zeros).ok();
    }
    PHONE_NUMBER_UTIL.is_valid_number(&known)
}

/// The groups of digits in which the plan of its country writes a number, the country code first.
pub(super) fn written(number: E164) -> Option<String> {
    let parsed = parsed(number)?;
    Some(PHONE_NUMBER_UTIL.format(&parsed, PhoneNumberFormat::International).into_owned())
}

/// The country whose plan a number falls under, whether or not there can be such a number; `None` for codes of no country.
#[must_use]
pub fn country_of_code(number: E164) -> Option<String> {
    Plan::of(number).and_then(|plan| country(number).or_else(|| plan.main_country()))
}
