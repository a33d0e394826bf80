//! What kind of text an upload is: a list, or lines of cells under headings, and what stands between the cells.

use super::headings::{fold, is_known};

/// Lines that are looked at for headings.
const LOOKED_AT: usize = 12;
/// The most bytes of a line that are looked at.
const MAX_LINE: usize = 65_536;
/// The most cells of a line that are looked at.
const MAX_CELLS: usize = 256;
/// What may stand between cells; of two that part a line alike, the first is meant.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// So many digits are a number and no part of a heading.
const NUMBER: usize = 7;
/// A heading has fewer digits than this.
const HEADING_DIGITS: usize = 5;

/// How a text is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Numbers.
    List {
        /// The byte they begin at.
        start: usize,
        /// The line that it is on.
        line: u32,
    },
    /// Cells under headings.
    Columns(Place),
}

/// Where the heading row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What stands between cells.
    pub(super) delimiter: u8,
    /// The byte it begins at.
    pub(super) start: usize,
    /// Line it stands on, from 1.
    pub(super) line: u32,
    /// How many lines that are none of the file's own stand before it.
    pub(super) skip: u32,
}

/// A line with its place.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    start: usize,
    number: usize,
}

/// What a line looks like, parted in one way.
#[derive(Clone, Copy, Default)]
struct Look {
    delimiter: u8,
    cells: usize,
    known: usize,
    is_numbers: bool,
}

/// The cells of a line as far as they are looked at, without their quotes.
fn cells(line: &str, delimiter: u8) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parted = line.split(move |c: char| {
        quoted ^= c == '"';
        !quoted && u32::from(c) == u32::from(delimiter)
    });
    parted.take(MAX_CELLS).map(|cell| cell.trim().trim_matches('"').trim())
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

fn look(line: &str, delimiter: u8) -> Look {
    let mut look = Look { delimiter, ..Look::default() };
    for cell in cells(line, delimiter) {
        look.cells += 1;
        look.known += usize::from(is_known(cell));
        look.is_numbers |= digits(cell) >= NUMBER;
    }
    look
}

/// The way to part a line that makes most headings of it, and most cells where they are as many.
fn best(line: &str, said: Option<u8>) -> Look {
    let ways = DELIMITERS.into_iter().filter(|delimiter| said.is_none_or(|said| said == *delimiter));
    let mut best = Look { delimiter: said.unwrap_or(b','), ..Look::default() };
    for delimiter in said.into_iter().filter(|said| !DELIMITERS.contains(said)).chain(ways) {
        let look = look(line, delimiter);
        if (look.known, look.cells) > (best.known, best.cells) {
            best = look;
        }
    }
    best
}

fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX_LINE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// What `sep=` says stands between cells.
fn said_delimiter(line: &str) -> Option<u8> {
    let line = line.trim().trim_matches('"');
    let (word, sign) = (line.get(..4)?, line.get(4..)?);
    let sign = if sign.is_empty() || sign.starts_with('\t') { "\t" } else { sign.trim() };
    let byte = sign.bytes().next()?;
    (word.eq_ignore_ascii_case("sep=") && sign.len() == 1 && byte.is_ascii() && !byte.is_ascii_alphanumeric())
        .then_some(byte)
}

/// Lines of a text that are not blank, the first few.
fn first_lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let lines = text.split_inclusive('\n').enumerate().map(|(index, line)| {
        let found = Line { text: bounded(line.trim_end_matches(['\n', '\r'])), start, number: index + 1 };
        start += line.len();
        found
    });
    lines.filter(|line| !line.text.trim().is_empty()).take(LOOKED_AT).collect()
}

/// Whether a line may be headings that nobody knows: words over numbers.
fn is_like_headings(line: &str, next: Option<&str>, delimiter: u8) -> bool {
    let is_word = |cell: &str| cell.chars().any(char::is_alphabetic) && digits(cell) < HEADING_DIGITS;
    let is_number = |cell: &str| digits(cell) >= NUMBER;
    cells(line, delimiter).filter(|cell| !cell.is_empty()).all(is_word)
        && cells(line, delimiter).any(is_word)
        && next.is_some_and(|next| cells(next, delimiter).any(is_number))
}

/// Finds out how a text is to be read.
pub(super) fn layout(text: &str) -> Layout {
    let lines = first_lines(text);
    let mut lines = lines.as_slice();
    let (mut said, mut skip) = (None, 0);
    while let [first, rest @ ..] = lines {
        let is_kind = first.text.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("#type"));
        let delimiter = if skip == 0 { said_delimiter(first.text) } else { None };
        if !is_kind && delimiter.is_none() {
            break;
        }
        said = said.or(delimiter);
        skip = first.number;
        lines = rest;
    }
    for (place, line) in lines.iter().enumerate() {
        let look = best(line.text, said);
        if look.is_numbers {
            break;
        }
        let is_alone = look.cells == 1 && place == 0;
        if is_alone && is_of_numbers(line.text) {
            return list(text, line.number);
        }
        if look.known > 1 || (look.known == 1 && place == 0) {
            return columns(line, look.delimiter, skip);
        }
        let next = lines.get(place + 1).map(|next| next.text);
        if place == 0 && is_like_headings(line.text, next, look.delimiter) {
            return columns(line, look.delimiter, skip);
        }
    }
    list(text, skip)
}

/// A list behind so many lines.
fn list(text: &str, skip: usize) -> Layout {
    let start = text.split_inclusive('\n').take(skip).map(str::len).sum();
    Layout::List { start, line: u32::try_from(skip + 1).unwrap_or(u32::MAX) }
}

/// Whether a heading says that there is nothing but numbers.
fn is_of_numbers(heading: &str) -> bool {
    let folded = fold(heading);
    let single = super::headings::HeadingRow::new(1, std::iter::once(heading), &super::Choices::default());
    folded == "numbers" || single.has_numbers()
}

fn columns(line: &Line<'_>, delimiter: u8, skip: usize) -> Layout {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Layout::Columns(Place { delimiter, start: line.start, line: number(line.number), skip: number(skip) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimiter(text: &str) -> Option<char> {
        match layout(text) {
            Layout::Columns(place) => Some(char::from(place.delimiter)),
            Layout::List { .. } => None,
        }
    }

    #[test]
    fn one_known_heading_makes_a_heading_row() {
        for text in [
            "telephoneNumber,Tag1\n+441632960000,x",
            "Tag1,accountName,telephoneNumber\n",
            "\u{feff}TELEPHONE_NUMBER,accountName",
            "\n\ntelephoneNumber,accountName\n",
            "Report of May\n\ntelephoneNumber,accountName\n+441632960000,contoso",
            "Rufnummern des Kunden,Kunde\n+441632960000,contoso",
        ] {
            assert_eq!(delimiter(text), Some(','), "{text}");
        }
        assert_eq!(delimiter("sep=;\nNumber;Account\n"), Some(';'));
        assert_eq!(delimiter("SEP=|\r\nNumber|Account\r\n"), Some('|'));
        assert_eq!(delimiter("sep=\t\nNumber\tAccount\n"), Some('\t'));
        assert_eq!(delimiter("Number;Account;Capabilities, all\n"), Some(';'));
        assert_eq!(delimiter("#TYPE System.Object\n\"TelephoneNumber\",\"City\"\n"), Some(','));
    }

    #[test]
    fn a_list_is_no_file_with_columns() {
        for text in [
            "+441632960000\n+441632960001",
            "Numbers\n+441632960000",
            "Phone Number\n+441632960000",
            "abc",
            "+441632960000,to,+441632960009",
            "contoso, +441632960000\n",
            "+441632960000\ntelephoneNumber,accountName",
            "",
        ] {
            assert_eq!(delimiter(text), None, "{text}");
        }
    }
}
