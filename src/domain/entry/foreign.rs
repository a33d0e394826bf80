//! Entries with characters that no number has: extensions, slashes, brackets, and letters in place of digits.

use super::groups::{self, Groups};
use super::plans::Plan;
use super::ranges::sibling;
use super::refused::{Kind, Refused};
use super::{Entry, EntryReader, Range, proposal_of};
use crate::domain::e164::E164;

/// Words before an extension.
const EXTENSIONS: [&str; 38] = [
    "x",
    "xt",
    "xtn",
    "ext",
    "extn",
    "extension",
    "exten",
    "p",
    "w",
    "dw",
    "durchwahl",
    "nst",
    "nebenstelle",
    "klappe",
    "kl",
    "poste",
    "int",
    "interno",
    "interne",
    "anexo",
    "ramal",
    "extensión",
    "extensao",
    "extensão",
    "доб",
    "вн",
    "wew",
    "linka",
    "klapka",
    "mellék",
    "anknytning",
    "dahili",
    "lok",
    "lokal",
    "toestel",
    "tst",
    "postd",
    "isub",
];
/// Words between the two ends of a range.
const TO: [&str; 14] =
    ["to", "bis", "until", "till", "thru", "through", "a", "à", "au", "al", "hasta", "tot", "до", "do"];
/// An extension stands behind no fewer digits.
const FEWEST: usize = 4;
/// Placeholders that stand for one digit each, at most.
const PLACES: usize = 4;

/// Whether a part of a list is what is dialled behind the number in front of it: `ext=12`, `x12`, `#12`, `isub=…`.
pub(super) fn is_extension(part: &str) -> bool {
    extension_at(part).is_some() || part.split_once('=').is_some_and(|(name, _)| is_name(name))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

/// The digits of the extension that a text begins with.
fn extension_at(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    let is_sign = text.starts_with(['#', '~', '*']);
    if !is_sign && !EXTENSIONS.contains(&word.as_str()) {
        return None;
    }
    let behind = text.trim_start_matches(|c: char| c.is_alphabetic() || matches!(c, '#' | '~' | '*'));
    let digits = behind.trim_start_matches([' ', '.', ':', '=', '#', '-', '(']);
    // A single letter stands directly before its digits or a blank.
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty() && digits.len() <= 15).then_some(digits)
}

/// An entry with an extension, and the number without it.
pub(super) fn extension(digits: &str, number: Option<String>) -> Refused {
    let reason = if digits.is_empty() {
        "What stands behind the number is no part of it. Write the number alone.".to_owned()
    } else {
        format!(
            "The extension {digits} is dialled behind the number and is no part of it. Write the number without the extension."
        )
    };
    Refused::new(Kind::Extension, reason).proposing(number)
}

/// The first of so many numbers, and the last, written as a range.
pub(super) fn counted(first: E164, count: i64) -> Option<String> {
    let last = E164::from_i64(first.as_i64().checked_add(count)?.checked_sub(1)?)?;
    let is_range = count >= 1 && last.digits() == first.digits();
    is_range.then(|| if count == 1 { first.to_string() } else { Range { first, last, short_end: false }.to_string() })
}

/// What the digits of a text with a mark between them are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// One number.
    Number(E164),
    /// No number.
    Apart,
    /// They can be one number, and several.
    Unclear,
}

impl EntryReader {
    /// Why an entry with a character that does not belong, at this place, is refused.
    pub(super) fn foreign(&mut self, text: &str, at: usize) -> Refused {
        let (head, rest) = text.split_at(at);
        let odd = rest.chars().next().unwrap_or(' ');
        let plainer: String = text.chars().map(ascii_digit).collect();
        if plainer != text {
            let reason = "Digits of another script. Write the number with the digits 0 to 9.";
            return Refused::new(Kind::OtherDigits, reason).proposing(proposal_of(&self.read(&plainer)));
        }
        if !head.contains(|c: char| c.is_ascii_digit()) {
            return self.labelled(text, odd);
        }
        match odd {
            '[' | '{' | '<' => self.brackets(head, rest).unwrap_or_else(|| Refused::character(odd)),
            '|' => self.several(&text.replace('|', ";")),
            '/' | '\\' | '&' => self.slashed(text, odd),
            '\'' | '"' | '_' => Refused::character(odd).proposing(self.joined(text)),
            _ => self.worded(head, rest, odd),
        }
    }

    /// A text that begins with something else than a number: its label, perhaps.
    fn labelled(&mut self, text: &str, odd: char) -> Refused {
        let number = text.find('+').filter(|at| *at > 0).and_then(|at| text.get(at..));
        let proposal = number.and_then(|number| match self.cleaned(number) {
            Entry::Refused(_) => None,
            taken => proposal_of(&taken),
        });
        Refused::character(odd).proposing(proposal)
    }

    fn worded(&mut self, head: &str, rest: &str, odd: char) -> Refused {
        let word: String = rest.chars().take_while(|c| c.is_alphabetic()).collect();
        let behind = rest.get(word.len().max(odd.len_utf8())..).unwrap_or_default().trim();
        let is_sign = matches!(odd, '~' | '\u{301c}' | '\u{ff5e}' | '\u{2192}' | ':');
        let begins_number = behind.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '('));
        if begins_number && (is_sign || TO.contains(&word.to_lowercase().as_str())) {
            let both = self.cleaned(&format!("{}..{behind}", head.trim()));
            if !is_sign || matches!(both, Entry::Range(_)) {
                let reason = "Write a range with a dash between its two ends, such as +441632960000-+441632960009.";
                return Refused::new(Kind::RangeWord, reason).proposing(proposal_of(&both));
            }
        }
        let is_number = head.bytes().filter(u8::is_ascii_digit).count() >= FEWEST;
        if let Some(digits) = extension_at(rest).filter(|_| is_number) {
            let number = self.cleaned(head.trim_end_matches([' ', ',', ';', '-', '(', '.']));
            return extension(&digits, proposal_of(&number));
        }
        let places = rest.chars().count();
        if places <= PLACES && rest.chars().all(|c| matches!(c, 'x' | 'X' | '?' | '*' | '#' | 'n' | 'N')) {
            let ends = ["0", "9"].map(|digit| format!("{}{}", head.trim(), digit.repeat(places)));
            let [first, last] = &ends;
            let proposal = proposal_of(&self.range_between(first, last));
            let reason =
                format!("\u{201c}{rest}\u{201d} stands for digits. Write both ends of the range that is meant.");
            return Refused::new(Kind::Placeholder, reason).proposing(proposal);
        }
        Refused::character(odd).proposing(self.with_digits(head, rest))
    }

    /// The number in which letters that look like 0 and 1 are those.
    fn with_digits(&mut self, head: &str, rest: &str) -> Option<String> {
        let alike = |c: char| match c {
            'o' | 'O' => '0',
            'l' | 'I' => '1',
            c => c,
        };
        let digits: String = rest.chars().map(alike).collect();
        if !digits.chars().all(groups::belongs) {
            return None;
        }
        match self.cleaned(&format!("{head}{digits}")) {
            Entry::Number(number) => Some(number.to_string()),
            Entry::Range(_) | Entry::Refused(_) => None,
        }
    }

    /// The number of a text without the marks that are in it.
    fn joined(&mut self, text: &str) -> Option<String> {
        let plain: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        self.number_of(plain.strip_prefix('+').unwrap_or(&plain)).ok().map(|number| number.to_string())
    }

    /// Digits in brackets that are not round: `[00-09]`, `[0]`, `[10]`.
    fn brackets(&mut self, head: &str, rest: &str) -> Option<Refused> {
        let mut inner = rest.chars();
        let close = match inner.next()? {
            '[' => ']',
            '{' => '}',
            _ => '>',
        };
        let (content, behind) = inner.as_str().split_once(close)?;
        Some(self.bracketed(head, content, behind))
    }

    /// Round brackets at the end of an entry, which belong to no number.
    pub(super) fn brackets_at_end(&mut self, text: &str) -> Option<Refused> {
        let (head, content) = text.rsplit_once('(')?;
        let content = content.trim_end().strip_suffix(')')?;
        head.contains(|c: char| c.is_ascii_digit()).then(|| self.bracketed(head, content, ""))
    }

    fn bracketed(&mut self, head: &str, content: &str, behind: &str) -> Refused {
        let content = content.replace(' ', "");
        let is_count = content.len() <= 4 && content.bytes().all(|byte| byte.is_ascii_digit());
        if behind.trim().is_empty() && is_count {
            let first = self.cleaned(head.trim()).number().ok();
            if let Some(first) = first {
                let proposal = content.parse().ok().and_then(|count| counted(first, count));
                let reason = format!(
                    "({content}) behind the number may be how many there are from it on. Write both ends of the range that is \
                     meant."
                );
                return Refused::new(Kind::Count, reason).proposing(proposal);
            }
        }
        if content == "0" && behind.contains(|c: char| c.is_ascii_digit()) {
            let number = self.cleaned(&format!("{head}(0){behind}"));
            let reason = "The 0 in brackets is dialled within the country only. Leave it out.";
            return Refused::new(Kind::TrunkZero, reason).proposing(proposal_of(&number));
        }
        let ends = content.split_once(['-', ':']).or_else(|| content.split_once(".."));
        let proposal = match ends {
            Some((low, high)) if behind.trim().is_empty() && low.len() == high.len() => {
                proposal_of(&self.range_between(&format!("{head}{low}"), &format!("{head}{high}")))
            }
            Some(_) => None,
            None => self.joined(&format!("{head}{content}{behind}")),
        };
        let reason = "Digits in brackets are no part of one number. Write both ends of the range that is meant, or the number \
                      without brackets.";
        Refused::new(Kind::Brackets, reason).proposing(proposal)
    }

    /// Numbers or last digits with a slash between them.
    fn slashed(&mut self, text: &str, odd: char) -> Refused {
        let mut pieces = text.split(odd).map(str::trim);
        let first = pieces.next().unwrap_or_default();
        let pieces: Vec<&str> = pieces.collect();
        let entry = self.cleaned(first);
        let proposal = match (self.in_one(text, &entry), entry) {
            (Joined::Number(number), _) => Some(number.to_string()),
            (Joined::Apart, Entry::Number(number)) => match pieces.as_slice() {
                [tail] if odd != '&' => self.range_up_to(number, tail).or_else(|| self.listed(number, &pieces)),
                _ => self.listed(number, &pieces),
            },
            (Joined::Apart | Joined::Unclear, _) => None,
        };
        let reason = format!(
            "\u{201c}{odd}\u{201d} cannot be part of a telephone number. Write each number whole, or both ends of a range."
        );
        Refused::new(Kind::Slash, reason).proposing(proposal)
    }

    /// Whether all digits of a text, the first part of which is this entry, are one number: where both can be, the one that is
    /// valid holds.
    pub(super) fn in_one(&mut self, text: &str, first: &Entry) -> Joined {
        let plain: String = text.chars().filter(char::is_ascii_digit).collect();
        let is_one = text.starts_with(['+', '(']) && text.matches('+').count() == 1;
        let whole = match is_one.then(|| self.number_of(&plain)) {
            Some(Ok(number)) => Some(number),
            Some(Err(refused)) => refused.proposal.and_then(|number| E164::parse_wire(&number).ok()),
            None => None,
        };
        match (whole, first) {
            (None, _) => Joined::Apart,
            (Some(whole), Entry::Number(first)) => match (self.plans.is_valid(whole), self.plans.is_valid(*first)) {
                (true, false) => Joined::Number(whole),
                (false, true) => Joined::Apart,
                _ => Joined::Unclear,
            },
            (Some(whole), _) => Joined::Number(whole),
        }
    }

    /// The range from a number to the one with these last digits.
    fn range_up_to(&mut self, number: E164, tail: &str) -> Option<String> {
        let last = sibling(number, &digits_of(tail)?).filter(|last| *last > number && self.plans.takes(*last))?;
        Some(Range { first: number, last, short_end: false }.to_string())
    }

    /// A number, and those of which the last digits are given or which are whole themselves.
    pub(super) fn listed(&mut self, number: E164, pieces: &[&str]) -> Option<String> {
        let mut listed = number.to_string();
        for piece in pieces {
            let other = match digits_of(piece).filter(|_| !piece.starts_with('+')) {
                Some(tail) if tail.len() <= Plan::of(number)?.national as usize + 1 => sibling(number, &tail)?,
                _ => self.cleaned(piece).number().ok()?,
            };
            if !self.plans.takes(other) {
                return None;
            }
            listed.push_str(", ");
            listed.push_str(&other.to_string());
        }
        Some(listed)
    }
}

/// The digits of a text that has nothing else but what may stand between them.
pub(super) fn digits_of(text: &str) -> Option<String> {
    let parts = Groups::of(text).filter(|_| text.chars().all(groups::belongs))?;
    (parts.lead.is_empty() && parts.trail.is_empty()).then_some(parts.all)
}

/// The digit from 0 to 9, or the plus, that a character of another script stands for.
fn ascii_digit(c: char) -> char {
    if c == '\u{ff0b}' {
        return '+';
    }
    let zero = match c {
        '\u{660}'..='\u{669}' => 0x660,
        '\u{6f0}'..='\u{6f9}' => 0x6f0,
        '\u{966}'..='\u{96f}' => 0x966,
        '\u{ff10}'..='\u{ff19}' => 0xff10,
        '\u{2080}'..='\u{2089}' => 0x2080,
        _ => return c,
    };
    char::from_digit(u32::from(c) - zero, 10).unwrap_or(c)
}
