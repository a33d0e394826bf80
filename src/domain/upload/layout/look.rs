//! What the cells of a line look like.

use super::super::headings::{HeadingRow, fold, is_known};

/// The most cells of a line that are looked at.
const MAX_CELLS: usize = 256;
/// So many digits are a number and no part of a heading.
const NUMBER: usize = 7;
/// The most bytes of a cell that may be a heading that is known.
const MAX_HEADING: usize = 200;
/// Words between numbers that say nothing of them, and such as stand before an extension.
const JOINING: &str = "to bis and und et y e a au through thru until tel phone fax mobile ext extension poste durchwahl dw anexo int ramal";

/// What a line looks like, parted in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// How many cells it has.
    pub(super) cells: usize,
    /// How many of them are not blank.
    pub(super) filled: usize,
    /// How many are known headings.
    pub(super) known: usize,
    /// How many begin as a number and are one by their digits.
    pub(super) numbers: usize,
    /// How many say something that is no number.
    pub(super) words: usize,
    /// How many are days.
    pub(super) dates: usize,
    /// How many have some digits and are no number.
    pub(super) shorts: usize,
    /// How many may be headings.
    headings: usize,
}

impl Look {
    /// Whether it is a heading row that is known, in this place among the lines.
    pub(super) const fn is_known(&self, place: usize) -> bool {
        let is_clear = self.known > 1 && self.known > self.numbers;
        let is_first = self.known == 1 && self.numbers == 0 && place == 0;
        let is_one = self.known == 1 && self.filled > 1 && self.is_like_headings();
        is_clear || is_first || is_one
    }

    /// Whether it may be headings that nobody knows.
    pub(super) const fn is_like_headings(&self) -> bool {
        self.filled > 0 && self.headings == self.filled
    }
}

/// The cells of a line as far as they are looked at, without their quotes.
pub(super) fn cells(line: &str, delimiter: u8) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parted = line.split(move |c: char| {
        quoted ^= c == '"';
        !quoted && u32::from(c) == u32::from(delimiter)
    });
    parted.take(MAX_CELLS).map(|cell| cell.trim().trim_matches('"').trim())
}

/// Looks at a line, parted by this sign.
pub(super) fn look(line: &str, delimiter: u8) -> Look {
    let mut look = Look::default();
    for cell in cells(line, delimiter) {
        look.cells += 1;
        if cell.is_empty() {
            continue;
        }
        look.filled += 1;
        let is_date = is_date(cell);
        let is_other = is_date || is_guid(cell);
        let has_number = !is_other && digits_in_a_row(cell) >= NUMBER;
        let is_number = has_number && begins_as_number(cell);
        let letters = cell.chars().filter(|c| c.is_alphabetic()).take(2).count();
        look.numbers += usize::from(is_number);
        let is_destroyed = cell.starts_with(['#', '=']);
        look.known += usize::from(!is_number && !is_destroyed && cell.len() <= MAX_HEADING && is_known(cell));
        look.headings += usize::from(letters > 0 && !is_number && !is_other && !is_destroyed);
        look.dates += usize::from(is_date);
        let is_said = letters > 1 && !is_number && !is_joining(cell) && !is_parameter(cell);
        let is_word = !is_date && (is_other || is_said);
        look.words += usize::from(is_word);
        look.shorts +=
            usize::from(!is_word && letters == 0 && !has_number && cell.contains(|c: char| c.is_ascii_digit()));
    }
    look
}

/// The most digits without a letter between them.
fn digits_in_a_row(cell: &str) -> usize {
    let runs = cell.split(char::is_alphabetic);
    runs.map(|run| run.bytes().filter(u8::is_ascii_digit).count()).max().unwrap_or_default()
}

fn begins_as_number(cell: &str) -> bool {
    let begins = |prefix: &str| cell.get(..prefix.len()).is_some_and(|word| word.eq_ignore_ascii_case(prefix));
    let first = cell.chars().find(|c| !matches!(c, '\'' | '"' | '=' | '<') && !c.is_whitespace() && !is_invisible(*c));
    first.is_some_and(|c| c.is_numeric() || matches!(c, '+' | '(' | '\u{ff0b}' | '[' | '-'))
        || ["tel:", "tel.", "sip:", "sips:", "callto:"].into_iter().any(begins)
}

const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether a cell is a day, such as `2026-11-28` or `28.11.2026`.
fn is_date(cell: &str) -> bool {
    let day = cell.split([' ', 'T']).next().unwrap_or_default();
    let mut parts = day.split(['-', '.', '/']);
    let lengths: [usize; 3] = std::array::from_fn(|_| {
        parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit())).map_or(0, str::len)
    });
    parts.next().is_none() && matches!(lengths, [4, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4])
}

fn is_guid(cell: &str) -> bool {
    let cell = cell.trim_matches(['{', '}']);
    let mut lengths = cell.split('-').map(str::len);
    cell.len() == 36
        && cell.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && [8, 4, 4, 4, 12].into_iter().all(|length| lengths.next() == Some(length))
}

/// Whether a cell only joins numbers, or is an extension of the one before it.
fn is_joining(cell: &str) -> bool {
    let word: String = cell.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).take(20).collect();
    JOINING.split(' ').any(|joining| joining == word)
}

/// Whether a cell is what may stand behind a `;` in the address of a telephone, such as `ext=12`.
fn is_parameter(cell: &str) -> bool {
    let name = cell.split('=').next().unwrap_or_default();
    name.len() < cell.len() && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

/// Whether a heading says that there is nothing but numbers.
pub(super) fn is_of_numbers(heading: &str) -> bool {
    let heading = heading.trim();
    let single = HeadingRow::new(1, std::iter::once(heading), &super::super::Choices::default());
    fold(heading) == "numbers" || single.has_numbers()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_told_apart() {
        let line =
            "+44 1632 960000;Contoso;2026-11-28;12;and;ext=12;7ceec862-1234-4321-8765-0123456789ab;Report 2026-11-28;";
        let Look { cells, filled, numbers, words, dates, shorts, .. } = look(line, b';');
        assert_eq!([cells, filled, numbers, words, dates, shorts], [9, 8, 1, 3, 1, 2]);
        assert!(look("Number (e.g. +441632960000);Kunde", b';').is_like_headings());
        assert!(!look("#VALUE!", b';').is_like_headings());
        assert!(look("Number;Account;2026-11-28", b';').is_known(4));
        assert!(!look("+441632960000;to;+441632960009", b';').is_known(0));
    }
}
