//! What spreadsheets make of a telephone number: named as what it is, with what to do against it.

use super::groups;
use super::refused::{Kind, Refused};
use super::{EntryReader, proposal_of};
use crate::domain::e164::E164;

/// The first three letters of the months in English, German, French, Spanish, Italian and Dutch.
const MONTHS: [&str; 36] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär", "mai", "okt", "dez",
    "fév", "fev", "avr", "jui", "aoû", "aou", "déc", "ene", "abr", "ago", "dic", "gen", "mag", "giu", "lug", "set",
    "ott", "mrt", "mei", "out",
];

impl EntryReader {
    /// Why the text is something else of a spreadsheet.
    pub(super) fn spoilt(&mut self, text: &str) -> Option<Refused> {
        if is_plain(text) && !is_time_or_day(text) {
            return None;
        }
        if text.starts_with('=') {
            let reason = "A formula of a spreadsheet. Format the column as text and write the number alone.";
            let inner = proposal_of(&self.cleaned(text.trim_start_matches('=').trim()));
            return Some(Refused::new(Kind::Formula, reason).proposing(inner));
        }
        if text.starts_with('#') && text.contains(char::is_alphabetic) {
            let reason = "The error of a formula. Correct it in the spreadsheet and fill the number in again.";
            return Some(Refused::new(Kind::Formula, reason));
        }
        if let Some(mark) = scientific(text) {
            let reason = format!(
                "\u{201c}{mark}\u{201d} cannot be part of a telephone number; the spreadsheet has lost the digits. Format the \
                 column as text and fill it in again."
            );
            return Some(Refused::new(Kind::Scientific, reason));
        }
        if is_date(text) {
            let reason =
                "This is a date and no telephone number; format the column as text and fill the number in again.";
            return Some(Refused::new(Kind::Date, reason));
        }
        self.thousands(text).or_else(|| self.decimal(text))
    }

    /// A decimal number: one point or comma, and digits behind it that an amount has.
    fn decimal(&mut self, text: &str) -> Option<Refused> {
        let at = text.find(['.', ','])?;
        let (stem, behind) = (text.get(..at)?, text.get(at + 1..)?);
        let fraction_ends = !behind.is_empty() && behind.bytes().all(|byte| byte.is_ascii_digit());
        if !fraction_ends || !stem.ends_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let stem_digits = stem.strip_prefix('+').unwrap_or(stem);
        let (in_one_piece, zeros) = (all_digits(stem_digits), behind.bytes().all(|byte| byte == b'0'));
        let proposal = proposal_of(&self.cleaned(stem));
        let is_decimal = match (zeros, behind.len()) {
            (true, 1 | 2) => true,
            (true, _) => proposal.is_some(),
            (false, 1 | 2) => in_one_piece && text.get(at..=at) == Some("."),
            (false, _) => false,
        };
        if !is_decimal || self.is_number_with_point(text, proposal.as_deref()) {
            return None;
        }
        // A fraction that is not nought has digits of which nobody knows whose they are.
        let proposal = proposal.filter(|_| zeros);
        let right = proposal.as_deref().map_or_else(|| "fill the number in again".to_owned(), |p| format!("write {p}"));
        let reason = format!("This is a decimal number; format the column as text and {right}.");
        Some(Refused::new(Kind::Decimal, reason).proposing(proposal))
    }

    /// Whether all digits are a number that somebody may have, and those before the point are none.
    fn is_number_with_point(&mut self, text: &str, stem: Option<&str>) -> bool {
        let all: String = text.chars().filter(char::is_ascii_digit).collect();
        let whole = groups::number(&all).filter(|_| text.starts_with('+'));
        let stem = stem.and_then(|stem| E164::parse_wire(stem).ok());
        whole.is_some_and(|whole| self.plans.takes(whole) && self.plans.is_valid(whole))
            && !stem.is_some_and(|stem| self.plans.is_valid(stem))
    }

    /// An amount whose thousands are set apart by commas or apostrophes.
    fn thousands(&mut self, text: &str) -> Option<Refused> {
        let mark = text.find([',', '\'', '.']).and_then(|at| text.get(at..=at))?;
        let point = if mark == "." { ',' } else { '.' };
        let whole = match text.split_once(point) {
            Some((whole, fraction)) if all_digits(fraction) => whole,
            Some(_) => return None,
            // Dots alone may as well stand in a telephone number.
            None if mark == "." => return None,
            None => text,
        };
        let mut pieces = whole.strip_prefix('+').unwrap_or(whole).split(mark);
        let first = pieces.next().filter(|first| all_digits(first) && first.len() <= 3)?;
        let (mut digits, mut count) = (first.to_owned(), 0);
        for piece in pieces {
            if !(all_digits(piece) && piece.len() == 3) {
                return None;
            }
            digits.push_str(piece);
            count += 1;
        }
        if count < 2 {
            return None;
        }
        let proposal = self.number_of(&digits).ok().map(|number| number.to_string());
        let reason = "This is an amount with its thousands set apart; format the column as text and write the number \
                      without them.";
        Some(Refused::new(Kind::Thousands, reason).proposing(proposal))
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text has digits, blanks and a leading `+` alone.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b' '))
}

/// The `E` of a number such as `4.4163296E+11`.
fn scientific(text: &str) -> Option<char> {
    let text = text.trim_start_matches('+');
    let at = text.find(['e', 'E'])?;
    let (digits, power) = (text.get(..at)?, text.get(at + 1..)?);
    let power = power.strip_prefix(['+', '-']).unwrap_or(power);
    let mut parts = digits.splitn(2, ['.', ',']);
    let is_power = all_digits(power) && power.len() <= 3;
    (is_power && parts.all(all_digits)).then(|| text.get(at..)?.chars().next()).flatten()
}

/// Whether a text is a date, or one with a time behind it.
pub(super) fn is_date(text: &str) -> bool {
    if text.starts_with('+') || text.len() > 40 {
        return false;
    }
    if is_time_or_day(text) {
        return true;
    }
    let day = match text.split_once(['T', ' ']) {
        Some((day, time)) if time.contains(':') => day,
        _ => text,
    };
    let parts: Vec<&str> =
        day.split(['-', '/', '.', ' ', ',']).map(str::trim).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [a, b, c] if is_month(b) => is_number(a, 31) && (is_year(c) || c.len() == 2 && all_digits(c)),
        [a, b, c] if is_month(a) => is_number(b, 31) && is_year(c),
        [a, b] => (is_month(a) && all_digits(b) && b.len() <= 4) || (is_month(b) && is_number(a, 31)),
        [a, b, c] => {
            let is_day_and_month =
                |a: &str, b: &str| is_number(a, 31) && is_number(b, 31) && (is_number(a, 12) || is_number(b, 12));
            let short = all_digits(c) && c.len() == 2;
            let one_mark = day.matches(['-', '/', '.']).count() == 2 && !day.contains(' ');
            one_mark && ((is_year(a) && is_day_and_month(b, c)) || (is_day_and_month(a, b) && (is_year(c) || short)))
        }
        _ => false,
    }
}

/// Whether a text is a time of the day, or a day without anything between its parts, such as 20241105.
fn is_time_or_day(text: &str) -> bool {
    if let Some((hour, rest)) = text.split_once(':') {
        return is_number(hour, 24) && rest.split(':').all(|part| part.len() == 2 && all_digits(part));
    }
    let part = |from, to| text.get(from..to).unwrap_or_default();
    text.len() == 8 && is_year(part(0, 4)) && is_number(part(4, 6), 12) && is_number(part(6, 8), 31)
}

fn is_month(text: &str) -> bool {
    let start: String = text.chars().take(3).flat_map(char::to_lowercase).collect();
    text.chars().all(char::is_alphabetic) && MONTHS.contains(&start.as_str())
}

fn is_number(text: &str, most: u8) -> bool {
    text.len() <= 2 && text.parse::<u8>().is_ok_and(|value| (1..=most).contains(&value))
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.parse::<u16>().is_ok_and(|year| (1900..=2100).contains(&year))
}
