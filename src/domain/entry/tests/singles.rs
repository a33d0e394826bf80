//! One number, however it is written, is that number or refused: never another, and never a range.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};

use super::properties::{examples, formatted};
use super::*;

/// A number as it is written in one way or another.
struct Written {
    number: E164,
    code: String,
    /// Behind the country code, as it is written abroad.
    behind: String,
    /// As it is written within the country.
    within: String,
    /// Whether it is a line, a mobile, or free of charge.
    is_usual: bool,
}

impl Written {
    fn of(number: &PhoneNumber) -> Self {
        let code = format!("+{}", number.country_code);
        let abroad = formatted(number, PhoneNumberFormat::International);
        let plain = E164::parse_wire(&formatted(number, PhoneNumberFormat::E164)).unwrap();
        let behind = abroad.strip_prefix(&code).unwrap().trim_start_matches([' ', '-']).to_owned();
        let kind = PHONE_NUMBER_UTIL.get_number_type(number);
        let is_usual = matches!(
            kind,
            PhoneNumberType::FixedLine
                | PhoneNumberType::Mobile
                | PhoneNumberType::FixedLineOrMobile
                | PhoneNumberType::TollFree
        );
        Self { number: plain, code, behind, within: formatted(number, PhoneNumberFormat::National), is_usual }
    }

    /// The digits behind the country code.
    fn digits(&self) -> String {
        self.behind.chars().filter(char::is_ascii_digit).collect()
    }

    /// The number with a mark in place of all, of the last, or of the first separator behind the country code.
    fn marked(&self, mark: &str) -> Vec<String> {
        let is_separator = |c: char| matches!(c, ' ' | '-');
        let mut texts = vec![format!("{} {}", self.code, self.behind.replace(is_separator, mark))];
        for at in [self.behind.rfind(is_separator), self.behind.find(is_separator)].into_iter().flatten() {
            texts.push(format!("{} {}{mark}{}", self.code, &self.behind[..at], &self.behind[at + 1..]));
        }
        texts
    }

    /// The number with what is dialled before it within the country behind its country code.
    fn with_prefix(&self) -> Vec<String> {
        let Self { code, behind, within, .. } = self;
        let digits = self.digits();
        let parted = |mark: &str| within.split(|c: char| !c.is_ascii_digit()).collect::<Vec<_>>().join(mark);
        let mut texts = vec![
            format!("{code} {within}"),
            format!("{code}-{}", parted("-").replace("--", "-").trim_start_matches('-')),
            format!("{code}.{}", parted(".").replace("..", ".").trim_start_matches('.')),
        ];
        if !digits.starts_with('0') {
            texts.extend(["(0)", " (0)", " (0) ", " 0", "-0-", "0"].map(|zero| format!("{code}{zero}{behind}")));
            texts.extend(["(0)", "0"].map(|zero| format!("{code}{zero}{digits}")));
            texts.push(format!("{code}-0{}", behind.replace(' ', "-")));
        }
        texts
    }

    /// The number without its country code, and without a plus.
    fn within(&self) -> Vec<String> {
        let digits = self.digits();
        let dashed = self.within.replace([' ', '(', ')'], "-").replace("--", "-").trim_matches('-').to_owned();
        vec![self.within.clone(), dashed, self.behind.clone(), self.behind.replace(' ', "-"), digits]
    }
}

/// The examples of each country, and neighbours of theirs that are valid too.
fn numbers() -> Vec<Written> {
    let mut numbers = examples();
    for step in [13, 20_011] {
        let near = examples().into_iter().map(|mut near| {
            near.national_number += step;
            near
        });
        numbers.extend(near.filter(|near| PHONE_NUMBER_UTIL.is_valid_number(near)));
    }
    // What is dialled alike with digits in front is no other number.
    numbers.retain(|number| {
        let plain = formatted(number, PhoneNumberFormat::E164);
        PHONE_NUMBER_UTIL.parse(&plain, None).is_ok_and(|read| formatted(&read, PhoneNumberFormat::E164) == plain)
    });
    numbers.iter().map(Written::of).collect()
}

fn is_known(plain: &str) -> bool {
    let read = PHONE_NUMBER_UTIL.parse(plain, None);
    read.is_ok_and(|read| {
        PHONE_NUMBER_UTIL.is_valid_number(&read) && formatted(&read, PhoneNumberFormat::E164) == plain
    })
}

/// Whatever becomes another number of these texts, or is proposed as another.
#[track_caller]
fn none_becomes_another(texts: impl Fn(&Written) -> Vec<String>) {
    let mut reader = EntryReader::default();
    let mut wrong = Vec::new();
    for written in numbers() {
        let right = written.number.to_string();
        for text in texts(&written) {
            // With a 0 in front it can be another number of the country, as in Italy.
            let plain = format!("{}0{}", written.code, written.digits());
            let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
            if digits == plain && !text.contains("(0)") && is_known(&plain) {
                continue;
            }
            let said = said(&reader.read(&text));
            let becomes = said
                .split_once(" > ")
                .map_or_else(|| said.starts_with(['+', '~']).then_some(said.as_str()), |(_, proposal)| Some(proposal));
            // Digits without a plus are what they are written as, once somebody says so.
            let is_asked =
                said.starts_with("countryCode > ") && digits.len() > 10 && becomes == Some(&format!("+{digits}"));
            if becomes.is_some_and(|becomes| becomes != right) && !is_asked {
                wrong.push(format!("{text:32} {said:40} {right}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_mark_between_its_digits_makes_no_range_of_a_number() {
    const MARKS: [&str; 15] = ["-", ".", " - ", "- ", " -", "..", "/", " / ", ",", ", ", ";", "&", ") (", "(", ")"];
    none_becomes_another(|written| {
        // Each number meets some of the marks, and neighbours the others.
        let first = usize::try_from(written.number.as_i64() % 3).unwrap_or_default();
        MARKS.iter().skip(first).step_by(3).flat_map(|mark| written.marked(mark)).collect()
    });
}

#[test]
fn what_is_dialled_within_the_country_is_no_part_of_a_number() {
    none_becomes_another(Written::with_prefix);
}

#[test]
fn a_number_within_a_country_is_none_of_another() {
    none_becomes_another(|written| if written.is_usual { written.within() } else { Vec::new() });
}

/// What may stand between a number and the last digits of the next one.
const BETWEEN: [&str; 24] = [
    " ", ".", "(", " (", ")", "-", " -", "- ", " - ", ", ", "; ", "/", " / ", "\u{200b}", "\u{a0}", "\t", "..", " & ",
    "+", "'", "_", ":", "\u{2013}", "\u{202f}",
];

/// One mark in so many is tried with a number.
const SHARE: usize = 8;

#[test]
fn the_last_digits_of_the_next_number_make_no_third() {
    let mut reader = EntryReader::default();
    let mut wrong = Vec::new();
    for (place, written) in numbers().iter().filter(|written| written.is_usual).enumerate() {
        let (one, digits) = (written.number, written.number.to_string());
        let Some(next) = one.next().filter(|next| next.digits() == one.digits()) else { continue };
        if next.as_i64() % 10 == 0 {
            continue;
        }
        let behind = next.to_string();
        let abroad = format!("{} {}", written.code, written.behind);
        // Each number meets some of the marks, and neighbours the others.
        for (between, tail) in BETWEEN.iter().skip(place % SHARE).step_by(SHARE).flat_map(|between| {
            [1, 2, 3, 4, written.digits().len(), digits.len() - 1].map(|tail| (between, &behind[behind.len() - tail..]))
        }) {
            // A group of several digits may belong to a number that people write in groups of their own.
            let grouped = (tail.len() <= 2 || tail.len() > 4).then(|| format!("{abroad}{between}{tail}"));
            for text in std::iter::once(format!("{digits}{between}{tail}")).chain(grouped) {
                let alone = std::iter::once(reader.read(&text));
                for entry in alone.chain(Entries::of(&text).map(|placed| placed.entry)) {
                    let ends = match &entry {
                        Entry::Number(number) => [*number, *number],
                        Entry::Range(range) => [range.first, range.last],
                        Entry::Refused(_) => continue,
                    };
                    if ends.iter().any(|end| ![one, next].contains(end)) {
                        wrong.push(format!("{text:40} {}", said(&entry)));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// What people and programs write around a number, and in place of its digits.
const AROUND: [&str; 44] = [
    "sip:+441632960000@example.com",
    "sip:+441632960000@example.com;user=phone",
    "sips:+441632960000@10.0.0.1:5061",
    "<sip:+441632960000@example.com>",
    "\"Reception\" <tel:+441632960000>",
    "tel:+44-1632-960000;phone-context=example.com",
    "tel:960000;phone-context=+441632",
    "tel:+441632960000;isub=1411",
    "tel:%2B441632960000",
    "%2B441632960000",
    "callto:+441632960000",
    "https://example.com/441632960000",
    "+441632960000@example.com",
    "\u{ff0b}\u{ff14}\u{ff14}\u{ff11}\u{ff16}\u{ff13}\u{ff12}\u{ff19}\u{ff16}\u{ff10}\u{ff10}\u{ff10}\u{ff10}",
    "+\u{664}\u{664}\u{661}\u{666}\u{663}\u{662}\u{669}\u{666}\u{660}\u{660}\u{660}\u{660}",
    "+44 1632 96OOOO",
    "+44 I632 960000",
    "+44 l632 960000",
    "+441632960000'",
    "'+441632960000'",
    "`+441632960000`",
    "\u{2019}+441632960000",
    "+441632960000.",
    "+441632960000,",
    "+441632960000;",
    "+441632960000:",
    "+44\u{2009}1632\u{202f}960\u{2007}000",
    "+44\u{feff}1632\u{feff}960000",
    "\u{feff}+441632960000\u{feff}",
    "0044 1632 960000",
    "++441632960000",
    "+ +441632960000",
    "+44_1632_960000",
    "+44*1632*960000",
    "+44 1632 960000 (Reception)",
    "Reception: +44 1632 960000",
    "T +44 1632 960000 F",
    "+44 1632 960000 / fax",
    "+44 1632 960000 ext",
    "+44 1632 960000 #",
    "*67 +44 1632 960000",
    "=+441632960000",
    "=\"+441632960000\"",
    "+441632960000\u{0}",
];

#[test]
fn what_stands_around_a_number_makes_no_other_of_it() {
    let right = "+441632960000";
    let mut wrong = Vec::new();
    for text in AROUND {
        let alone = std::iter::once(read(text));
        for entry in alone.chain(Entries::of(text).map(|placed| placed.entry)) {
            let became = match &entry {
                Entry::Number(number) => Some(number.to_string()),
                Entry::Range(range) => Some(range.to_string()),
                Entry::Refused(refused) => refused.proposal.clone(),
            };
            if became.is_some_and(|became| became != right) {
                wrong.push(format!("{text:50} {}", said(&entry)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
