//! The entries of a text, one at a time: however long a line is, no more than an entry of it is kept.

use super::foreign::is_extension;
use super::plans::Plan;
use super::refused::{Kind, Refused};
use super::{Entry, EntryReader, MAX_ENTRY, marks};
use crate::domain::e164::E164;

/// Once this many digits are together, a further group of as many digits may be the next number.
const WHOLE: usize = 7;
/// A plus with no more digits than these begins no number.
const CRUMB: usize = 6;
/// Words and marks that join the two ends of a range.
const JOINTS: [&str; 9] = ["to", "bis", "until", "through", "à", "hasta", "/", "&", "~"];

/// An entry, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// Line it begins on, from 1.
    pub line: u32,
    /// The byte of the text it begins at.
    pub start: usize,
    /// What stands there.
    pub text: &'a str,
    /// What it is.
    pub entry: Entry,
}

/// Reads the entries of a text: numbers and ranges between line ends, commas, semicolons and blanks. A line's parts that are
/// no number by themselves belong to the number in front of them, and are refused with it.
pub struct Entries<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    reader: EntryReader,
    next: Option<Piece>,
    held: Option<Piece>,
}

/// A piece of the text, or several that belong together.
#[derive(Clone, Debug)]
struct Piece {
    start: usize,
    end: usize,
    line: u32,
    /// Whether a comma or a tab stands before it.
    is_parted: bool,
    digits: usize,
    entry: Option<Entry>,
    looks: Looks,
}

/// What a piece looks like, whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// It begins with a plus.
    Plus,
    /// It has nothing but digits and what may stand between them.
    Digits,
    /// It begins with a digit and goes on with something else.
    Mixed,
    /// It is an extension of what stands before it.
    Extension,
    /// It is something else.
    Other,
}

impl<'a> Entries<'a> {
    /// The entries of this text.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        Self::behind(text, 0, 1)
    }

    /// The entries of this text from a byte on, which is on this line.
    #[must_use]
    pub fn behind(text: &'a str, start: usize, line: u32) -> Self {
        Self { text, at: start, line, reader: EntryReader::default(), next: None, held: None }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Passes over blanks, commas and line ends; tells whether there was more than blanks.
    fn pass(&mut self) -> bool {
        let mut is_parted = false;
        while let Some(c) = self.rest().chars().next().filter(|c| c.is_whitespace() || is_comma(*c)) {
            let is_first_of_two = c == '\r' && self.rest().starts_with("\r\n");
            if matches!(c, '\n' | '\r') && !is_first_of_two {
                self.line = self.line.saturating_add(1);
            }
            is_parted |= is_comma(c) || is_end(c);
            self.at += c.len_utf8();
        }
        is_parted
    }

    /// The next piece: groups that no comma and no line end parts, and of which none begins a number of its own.
    fn piece(&mut self) -> Option<Piece> {
        let is_parted = self.pass();
        let (start, line) = (self.at, self.line);
        let mut group = group(self.rest());
        if group.is_empty() {
            return None;
        }
        let mut digits = behind_plus(0, group);
        self.at += group.len();
        loop {
            let gap: usize = self.rest().chars().take_while(|c| is_gap(*c)).map(char::len_utf8).sum();
            let next = self::group(self.rest().get(gap..).unwrap_or_default());
            if next.is_empty() || begins(digits, group, next) {
                break;
            }
            digits = behind_plus(digits, next);
            group = next;
            self.at += gap + next.len();
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let looks = looks_of(text);
        let entry = Some(self.reader.read(text));
        Some(Piece { start, end: self.at, line, is_parted, digits, entry, looks })
    }

    /// The next piece with those that belong to it.
    fn joined(&mut self) -> Option<Piece> {
        let mut whole = self.next.take().or_else(|| self.piece())?;
        while let Some(piece) = self.piece() {
            if piece.line != whole.line || !belongs(&whole, &piece) {
                self.next = Some(piece);
                break;
            }
            let before = if piece.looks == Looks::Plus { 0 } else { whole.digits };
            whole = Piece { end: piece.end, digits: before + piece.digits, entry: None, ..whole };
        }
        Some(whole)
    }

    fn placed(&mut self, piece: Piece) -> Placed<'a> {
        let text = self.text.get(piece.start..piece.end).unwrap_or_default();
        let entry = piece.entry.unwrap_or_else(|| self.refused(text));
        Placed { line: piece.line, start: piece.start, text, entry }
    }

    /// Why pieces that belong together are refused.
    fn refused(&mut self, text: &str) -> Entry {
        if text.len() > MAX_ENTRY {
            return self.reader.read(text);
        }
        match self.reader.read(&text.replace('\t', ",")) {
            Entry::Refused(refused) => Entry::Refused(refused),
            Entry::Number(_) | Entry::Range(_) => {
                let reason =
                    "Several numbers in a row of which some have no +. Write each with its + and a comma behind it.";
                Refused::new(Kind::Several, reason).into()
            }
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Placed<'a>;

    fn next(&mut self) -> Option<Placed<'a>> {
        loop {
            let Some(mut piece) = self.joined() else {
                return self.held.take().map(|held| self.placed(held));
            };
            // Both ends of a range and their count: the first end was taken for a number by itself.
            if let Some(held) = self.held.take_if(|held| counts(held, &piece, self.text)) {
                piece.start = held.start;
            }
            if let Some(held) = self.held.replace(piece) {
                return Some(self.placed(held));
            }
        }
    }
}

/// Whether the second piece is a number and a count, and the first a number in front of it on its line.
fn counts(first: &Piece, second: &Piece, text: &str) -> bool {
    let is_number = matches!(first.entry, Some(Entry::Number(_)));
    let crumb = text.get(second.start..second.end).and_then(|text| text.rsplit([',', ';', '\t']).next());
    let is_count = second.entry.is_none() && crumb.is_some_and(|crumb| count_digits(crumb) <= CRUMB);
    is_number && is_count && first.line == second.line
}

/// Whether a piece is no entry by itself but belongs to what stands in front of it on the line.
fn belongs(whole: &Piece, piece: &Piece) -> bool {
    let is_numeric = whole.looks != Looks::Other && !is_date(whole);
    let taken = piece.entry.as_ref().filter(|entry| entry.is_taken());
    if !is_numeric || is_date(piece) {
        return false;
    }
    match piece.looks {
        Looks::Other => false,
        Looks::Extension | Looks::Mixed => true,
        Looks::Plus => taken.is_none() && piece.digits <= CRUMB && piece.digits > 0,
        Looks::Digits => match (whole.entry.as_ref().and_then(first_of), taken.and_then(first_of)) {
            (_, None) => true,
            (Some(before), Some(number)) => !is_alike(before, number, whole.looks == Looks::Plus),
            (None, Some(_)) => !piece.is_parted || whole.digits + piece.digits <= 15,
        },
    }
}

fn first_of(entry: &Entry) -> Option<E164> {
    match entry {
        Entry::Number(number) => Some(*number),
        Entry::Range(range) => Some(range.first),
        Entry::Refused(_) => None,
    }
}

fn is_date(piece: &Piece) -> bool {
    matches!(&piece.entry, Some(Entry::Refused(refused)) if refused.kind == Kind::Date)
}

/// Whether a number without a plus is like the one in front of it: of the same country, and as long where that has a plus.
fn is_alike(before: E164, number: E164, has_plus: bool) -> bool {
    let code = |number| Plan::of(number).map(|plan| plan.code);
    code(before) == code(number) && (!has_plus || before.digits() == number.digits())
}

const fn is_comma(c: char) -> bool {
    matches!(c, ',' | ';')
}

/// White space that may stand within a number.
fn is_gap(c: char) -> bool {
    c.is_whitespace() && !is_end(c)
}

/// White space that parts entries as a comma does.
const fn is_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What a text begins with, up to white space or a comma.
fn group(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || is_comma(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// How many digits there are behind the last plus, when a group follows so many.
fn behind_plus(digits: usize, group: &str) -> usize {
    match group.rsplit_once('+') {
        Some((_, behind)) => count_digits(behind),
        None => digits + count_digits(group),
    }
}

/// The text behind what nobody sees, quotes and brackets.
fn bare(text: &str) -> &str {
    text.trim_start_matches(|c: char| marks::is_invisible(c) || matches!(c, '\'' | '"' | '(' | '\u{2018}' | '\u{2019}'))
}

/// Whether the group `next` begins the next entry, behind so many digits of a number that ends with `group`.
fn begins(digits: usize, group: &str, next: &str) -> bool {
    let ends_open = group.ends_with("..") || group.chars().next_back().is_some_and(|c| c != '.' && is_dash(c));
    let joint = |text: &str| JOINTS.contains(&text.to_lowercase().as_str());
    if (ends_open && digits >= WHOLE) || is_joint(next) || (joint(group) && digits >= WHOLE) || joint(next) {
        return false;
    }
    if group.eq_ignore_ascii_case("tel:") {
        return false;
    }
    let behind = bare(next);
    if behind.starts_with('+') || behind.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:")) {
        return digits >= WHOLE || group.contains('+') || digits == 0;
    }
    digits >= WHOLE && count_digits(next) >= WHOLE && digits + count_digits(next) > 15
}

fn is_dash(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')') && marks::is_separator(c)
}

fn is_joint(text: &str) -> bool {
    text == ".." || text == "\u{2026}" || text.chars().all(|c| c != '.' && is_dash(c))
}

fn looks_of(text: &str) -> Looks {
    let text = bare(text.get(..text.floor_char_boundary(MAX_ENTRY)).unwrap_or_default());
    let text = text.trim_end_matches('"');
    match text.chars().next() {
        Some('+') => Looks::Plus,
        _ if text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:")) => Looks::Plus,
        _ if is_extension(text) => Looks::Extension,
        Some(first) if first.is_ascii_digit() || first == '.' || is_dash(first) => {
            let is_plain = |c: char| c.is_ascii_digit() || marks::is_separator(c) || marks::is_invisible(c);
            if text.chars().all(is_plain) { Looks::Digits } else { Looks::Mixed }
        }
        _ => Looks::Other,
    }
}
