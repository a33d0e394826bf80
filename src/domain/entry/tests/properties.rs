//! What holds for the numbers of every country.

use proptest::prelude::*;
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};

use super::*;

const TYPES: [PhoneNumberType; 10] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::Pager,
    PhoneNumberType::UAN,
    PhoneNumberType::VoiceMail,
];

/// The examples of each country, of each type.
pub(super) fn examples() -> Vec<PhoneNumber> {
    let plans = &*PHONE_NUMBER_UTIL;
    let mut examples = Vec::new();
    let mut regions: Vec<_> = plans.get_supported_regions().collect();
    regions.sort_unstable_by_key(ToString::to_string);
    for region in regions {
        examples.extend(TYPES.iter().filter_map(|of| plans.get_example_number_for_type_and_region(region, *of).ok()));
    }
    for code in plans.get_supported_global_network_calling_codes() {
        examples.extend(plans.get_example_number_for_non_geo_entity(code).ok());
    }
    // Those that are dialled within the country only are left out.
    examples.retain(|example| {
        PHONE_NUMBER_UTIL.is_possible_number_with_reason(example) == Ok(NumberLengthType::IsPossible)
    });
    assert!(examples.len() > 1_000, "{}", examples.len());
    examples
}

pub(super) fn formatted(number: &PhoneNumber, format: PhoneNumberFormat) -> String {
    PHONE_NUMBER_UTIL.format(number, format).into_owned()
}

#[test]
fn each_country_s_numbers_are_read_as_they_are_written_there() {
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for example in examples() {
        let plain = formatted(&example, PhoneNumberFormat::E164);
        let number = E164::parse_wire(&plain).unwrap();
        let written = formatted(&example, PhoneNumberFormat::International);
        let dashed = written.replace(' ', "-");
        let dotted = written.replace([' ', '-'], ".");
        let link = formatted(&example, PhoneNumberFormat::RFC3966);
        let bare = plain.trim_start_matches('+').to_owned();
        let wide = written.replace(' ', "\u{a0}").replace('-', "\u{2011}");
        // Without a plus it may as well be a number within a country.
        let has_plus_or_length = |text: &String| *text != bare || bare.len() > 10;
        for text in [plain, written, dashed, dotted, link, bare.clone(), wide].into_iter().filter(has_plus_or_length) {
            let (alone, listed): (_, Vec<_>) = (read(&text), Entries::of(&text).map(|placed| placed.entry).collect());
            let is_asked = |entry: &Entry| {
                matches!(entry, Entry::Refused(refused)
                if refused.kind == Kind::CountryCode && refused.proposal == Some(number.to_string()))
            };
            if text == bare && is_asked(&alone) && listed.len() == 1 && listed.iter().all(is_asked) {
                asked += 1;
                continue;
            }
            if alone != Entry::Number(number) || listed != [Entry::Number(number)] {
                wrong.push(format!("{text} of {number}: {alone:?}, {listed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong\n{}", wrong.len(), wrong.join("\n"));
    // Without a plus some may as well be a number within another country.
    assert!(asked < 200, "{asked}");
}

/// As it is written within its country, behind its country code: what is dialled within the country only is left out by what is
/// proposed, and nothing else is ever proposed.
#[test]
fn each_country_s_numbers_come_back_from_their_national_form() {
    let (mut wrong, mut silent, mut all) = (Vec::new(), Vec::new(), 0);
    for example in examples() {
        let number = E164::parse_wire(&formatted(&example, PhoneNumberFormat::E164)).unwrap();
        let within = formatted(&example, PhoneNumberFormat::National);
        let dashed = within.replace(' ', "-");
        for text in [within, dashed].map(|within| format!("+{} {within}", example.country_code)) {
            all += 1;
            match read(&text) {
                Entry::Number(read) if read == number => {}
                Entry::Refused(Refused { proposal: None, .. }) => silent.push(text),
                Entry::Refused(Refused { proposal: Some(other), .. }) if other == number.to_string() => {}
                other => wrong.push(format!("{text} of {number}: {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(silent.len() * 20 < all, "{} of {all} are refused without a proposal\n{}", silent.len(), silent.join("\n"));
}

/// What is written into two numbers. A line end is left out: it ends an entry whatever stands on the next line.
const INSERTED: [&str; 24] = [
    " ", "  ", ".", "-", "(", ")", "()", "[", "]", "[]", "{", "/", "\\", ",", ";", "\t", " - ", "..", "\u{2011}",
    "\u{2013}", "\u{a0}", "\u{200b}", "'", "_",
];

/// What is written behind a number.
const APPENDED: [&str; 22] = [
    ".0",
    ".00",
    ",00",
    ".000",
    ";ext=12",
    ";ext=1234567",
    ",,12",
    ",,4567#",
    " x12",
    "x4567",
    " ext. 12",
    " ext 12",
    "#12",
    " (10)",
    " [10]",
    "[0-9]",
    "[00-09]",
    "(00-09)",
    "/1",
    "/12/13",
    " (0)",
    "p12",
];

/// The numbers of a text that are neither of these, nor in the range between them, nor behind a short end.
fn third(text: &str, pair: [E164; 2], entries: impl Iterator<Item = Entry>) -> Vec<String> {
    let [one, other] = pair;
    entries
        .filter(|entry| match entry {
            Entry::Number(number) => !pair.contains(number),
            Entry::Range(range) => {
                let between = range.first == one.min(other) && range.last == one.max(other);
                let is_parted = range.short_end && pair.iter().any(|number| is_parted_in(*number, text, range));
                !(between || is_parted)
            }
            Entry::Refused(_) => false,
        })
        .map(|entry| format!("{text:?}: {entry:?}"))
        .collect()
}

/// Whether a dash parts this number's digits, so that its last digits are the short end of a range.
fn is_parted_in(number: E164, text: &str, range: &Range) -> bool {
    let digits = number.to_string();
    let is_parted = text.contains(['-', '\u{2011}', '\u{2013}']) || text.contains("..");
    is_parted && digits.starts_with(&range.first.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_third_number_comes_out_of_two(
        one in prop::sample::select(examples()),
        other in prop::sample::select(examples()),
        between in prop::sample::select(vec![" ", ",", ";", ", ", "\n", "-", " - "]),
        inserted in prop::sample::select(INSERTED.to_vec()),
        at in 0_usize..48,
        is_formatted: bool,
    ) {
        let format = if is_formatted { PhoneNumberFormat::International } else { PhoneNumberFormat::E164 };
        let mut text = format!("{}{between}{}", formatted(&one, format), formatted(&other, format));
        let at = at % (text.len() + 1);
        text.insert_str(at, inserted);
        let pair = [&one, &other].map(|number| E164::parse_wire(&formatted(number, PhoneNumberFormat::E164)).unwrap());
        let listed = third(&text, pair, Entries::of(&text).map(|placed| placed.entry));
        prop_assert!(listed.is_empty(), "{}", listed.join("\n"));
        let alone = third(&text, pair, std::iter::once(read(&text)));
        prop_assert!(alone.is_empty(), "{}", alone.join("\n"));
    }

    #[test]
    fn what_stands_behind_a_number_makes_no_other_of_it(
        one in prop::sample::select(examples()),
        other in prop::sample::select(examples()),
        between in prop::sample::select(vec![" ", ",", ";", ", ", "\n"]),
        appended in prop::sample::select(APPENDED.to_vec()),
        is_first: bool,
        is_formatted: bool,
    ) {
        let format = if is_formatted { PhoneNumberFormat::International } else { PhoneNumberFormat::E164 };
        let [first, last] = [(&one, is_first), (&other, !is_first)]
            .map(|(number, has)| format!("{}{}", formatted(number, format), if has { appended } else { "" }));
        let pair = [&one, &other].map(|number| E164::parse_wire(&formatted(number, PhoneNumberFormat::E164)).unwrap());
        let text = format!("{first}{between}{last}");
        let listed = third(&text, pair, Entries::of(&text).map(|placed| placed.entry));
        prop_assert!(listed.is_empty(), "{}", listed.join("\n"));
        let spoilt = if is_first { first } else { last };
        prop_assert!(!read(&spoilt).is_taken(), "{spoilt}: {:?}", read(&spoilt));
    }

    #[test]
    fn any_text_is_read(text in "[-+0-9 .,;:()\\[\\]/xe\"'=#\u{2011}\u{200b}\\n\u{661}à]{0,60}") {
        let _ = read(&text);
        let mut end = 0;
        for placed in Entries::of(&text) {
            prop_assert!(placed.start >= end && text[placed.start..].starts_with(placed.text));
            end = placed.start + placed.text.len();
        }
    }

    #[test]
    fn a_proposal_is_taken(text in "(\\+44 ?)?\\(?0?\\)?1632 ?960[0-9]{3}( ?[-/(,;.x] ?[0-9]{1,3}\\)?){0,2}") {
        for placed in Entries::of(&text) {
            if let Entry::Refused(Refused { proposal: Some(proposal), .. }) = placed.entry {
                prop_assert!(Entries::of(&proposal).all(|placed| placed.entry.is_taken()), "{text}: {proposal}");
            }
        }
    }
}
