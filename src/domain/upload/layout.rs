//! What kind of text an upload is: a list, or lines of cells under headings, and what stands between the cells.
//!
//! A text in which numbers stand beside anything else is no list, whatever stands above it: whose numbers they are may be
//! what stands beside them.

mod look;

use self::look::{Look, cells, is_of_numbers, look};
use super::records::Records;

/// Lines that are looked at for headings.
const LOOKED_AT: usize = 200;
/// The most bytes that are looked at for headings.
const MAX_LOOKED: usize = 1_048_576;
/// The most bytes of a line that are looked at.
const MAX_LINE: usize = 65_536;
/// Lines with something beside a number that are counted.
const COUNTED: usize = 200;
/// What may stand between cells; of two that part a line alike, the first is meant.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

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
    /// How many columns there are, where there are no headings and the first line is a line like the others.
    pub(super) bare: Option<usize>,
}

/// A line with its place, parted in one way.
struct Row {
    look: Look,
    start: usize,
    line: u32,
}

/// What stands before everything else and is none of the file's own.
#[derive(Clone, Copy, Default)]
struct Preamble {
    /// What stands between cells, as it says.
    said: Option<u8>,
    /// How many lines it has.
    lines: u32,
    /// How many bytes.
    bytes: usize,
}

fn bounded(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
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

/// The lines `sep=` and `#TYPE` at the beginning of a text.
fn preamble(text: &str) -> Preamble {
    let mut found = Preamble::default();
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        at += line.len();
        let line = bounded(line, MAX_LINE).trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() {
            continue;
        }
        let is_kind = line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("#type"));
        let said = if found.lines == 0 { said_delimiter(line) } else { None };
        if !is_kind && said.is_none() {
            break;
        }
        found = Preamble { said: found.said.or(said), lines: u32::try_from(index + 1).unwrap_or(u32::MAX), bytes: at };
    }
    found
}

/// The signs that may stand between cells.
fn ways(said: Option<u8>) -> Vec<u8> {
    said.map_or_else(|| DELIMITERS.to_vec(), |said| vec![said])
}

/// The first lines, parted by this sign.
fn rows(text: &str, delimiter: u8, preamble: Preamble) -> Vec<Row> {
    let looked = bounded(text, preamble.bytes.saturating_add(MAX_LOOKED));
    Records::from(looked, delimiter, preamble.bytes, preamble.lines.saturating_add(1))
        .take(LOOKED_AT)
        .map(|record| {
            let line = bounded(looked.get(record.start..record.end).unwrap_or_default(), MAX_LINE);
            Row { look: look(line, delimiter), start: record.start, line: record.line }
        })
        .filter(|row| row.look.filled > 0)
        .collect()
}

/// The line that has the headings, among these.
fn heading_row(rows: &[Row]) -> Option<&Row> {
    let known = || rows.iter().enumerate().filter(|(at, row)| row.look.is_known(*at)).map(|(_, row)| row);
    // A title, or headings that stand above several columns each, may have a word that is known too.
    let above = rows.iter().take_while(|row| row.look.numbers == 0).count();
    let above = rows.get(above).map_or(usize::MAX, |row| row.start);
    let most = known().take_while(|row| row.start < above).fold(None, |most: Option<&Row>, row| match most {
        Some(most) if most.look.known >= row.look.known => Some(most),
        _ => Some(row),
    });
    if let Some(row) = most.or_else(|| known().next()) {
        return Some(row);
    }
    // Words right above the first number.
    let first = rows.iter().position(|row| row.look.numbers > 0)?;
    let row = rows.get(first.checked_sub(1)?)?;
    let is_wide = row.look.filled > 1 || rows.get(first).is_some_and(|row| row.look.filled > 1);
    Some(row).filter(|row| row.look.is_like_headings() && (is_wide || first == 1))
}

/// Finds out how a text is to be read. In a file anything beside a number makes it a table; in what was `typed` it has to be so
/// in half of the lines, for a word behind a number may be a slip.
pub(super) fn layout(text: &str, is_typed: bool) -> Layout {
    let preamble = preamble(text);
    let mut best: Option<(u8, Row)> = None;
    let mut alone: Option<Row> = None;
    for delimiter in ways(preamble.said) {
        let mut rows = rows(text, delimiter, preamble);
        let Some(first) = rows.first() else { continue };
        let is_title = rows.iter().skip(1).take_while(|row| row.look.numbers == 0).any(|row| row.look.known > 1);
        let is_alone = first.look.cells == 1 && !is_title;
        if is_alone && text.get(first.start..).is_some_and(|line| is_of_numbers(first_line(line))) {
            alone = Some(rows.swap_remove(0));
            continue;
        }
        let Some(start) = heading_row(&rows).map(|row| row.start) else { continue };
        let Some(row) = rows.into_iter().find(|row| row.start == start) else { continue };
        if best
            .as_ref()
            .is_none_or(|(_, other)| (row.look.known, row.look.cells) > (other.look.known, other.look.cells))
        {
            best = Some((delimiter, row));
        }
    }
    let place =
        |delimiter, start, line, bare| Layout::Columns(Place { delimiter, start, line, skip: preamble.lines, bare });
    match (best, alone) {
        (Some((delimiter, row)), _) => place(delimiter, row.start, row.line, None),
        (None, Some(row)) => match table(text, preamble, is_typed) {
            // Under the only heading there is more than it is about.
            Some((delimiter, _)) => place(delimiter, row.start, row.line, None),
            None => list(text, row.line),
        },
        (None, None) => match table(text, preamble, is_typed) {
            Some((delimiter, columns)) => {
                place(delimiter, preamble.bytes, preamble.lines.saturating_add(1), Some(columns))
            }
            None => list(text, preamble.lines),
        },
    }
}

/// What stands between the cells of a text with columns; nothing where it has none.
pub fn delimiter_of(text: &str) -> Option<u8> {
    match layout(text, true) {
        Layout::Columns(place) => Some(place.delimiter),
        Layout::List { .. } => None,
    }
}

/// The line in which most cells are headings that are known, and what stands between them.
pub(super) fn headings_among(text: &str, is_known: &dyn Fn(&str) -> bool) -> Option<Place> {
    let preamble = preamble(text);
    let looked = bounded(text, preamble.bytes.saturating_add(MAX_LOOKED));
    let mut best: Option<(usize, Place)> = None;
    for delimiter in ways(preamble.said) {
        let records = Records::from(looked, delimiter, preamble.bytes, preamble.lines.saturating_add(1));
        for record in records.take(LOOKED_AT) {
            let line = bounded(looked.get(record.start..record.end).unwrap_or_default(), MAX_LINE);
            let known = cells(line, delimiter).filter(|cell| is_known(cell)).count();
            if known > best.map_or(0, |(most, _)| most) {
                let (start, line) = (record.start, record.line);
                best = Some((known, Place { delimiter, start, line, skip: preamble.lines, bare: None }));
            }
        }
    }
    best.map(|(_, place)| place)
}

fn first_line(text: &str) -> &str {
    bounded(text, MAX_LINE).lines().next().unwrap_or_default()
}

/// What stands between the cells, and how many columns there are, where something stands beside numbers that is none.
fn table(text: &str, preamble: Preamble, is_typed: bool) -> Option<(u8, usize)> {
    let text = text.get(preamble.bytes..).unwrap_or_default();
    let mut best: Option<(usize, u8, usize)> = None;
    for delimiter in ways(preamble.said) {
        let found = Beside::count(text, delimiter);
        let rows = found.rows(is_typed, delimiter);
        if rows > best.map_or(0, |(rows, ..)| rows) {
            best = Some((rows, delimiter, found.columns));
        }
    }
    best.map(|(_, delimiter, columns)| (delimiter, columns))
}

/// What stands beside numbers, parted in one way.
#[derive(Default)]
struct Beside {
    /// Lines with a number.
    numbered: usize,
    /// Those of them with several cells, filled or not.
    parted: usize,
    /// Those with something beside the number that is none.
    words: usize,
    /// Those with a day beside the number: in a list one that a spreadsheet made of something else.
    dates: usize,
    /// Those with a few digits beside the number.
    shorts: usize,
    columns: usize,
}

impl Beside {
    fn count(text: &str, delimiter: u8) -> Self {
        let sign = char::from(delimiter);
        let mut found = Self { columns: 2, ..Self::default() };
        for line in text.lines().map(|line| bounded(line, MAX_LINE)) {
            if !line.contains(sign) {
                found.numbered += usize::from(line.contains(|c: char| c.is_ascii_digit()));
                continue;
            }
            let look = look(line, delimiter);
            if look.numbers == 0 {
                continue;
            }
            found.numbered += 1;
            found.parted += 1;
            found.words += usize::from(look.words > 0);
            found.dates += usize::from(look.dates > 0);
            found.shorts += usize::from(look.shorts > 0);
            found.columns = found.columns.max(look.cells);
            if found.words.max(found.shorts) >= COUNTED {
                break;
            }
        }
        found
    }

    /// How many lines make a table of it.
    fn rows(&self, is_typed: bool, delimiter: u8) -> usize {
        // Once digits may be a slip, or the end of a range; behind commas they are that.
        let shorts = if delimiter == b',' || self.shorts < 2 { 0 } else { self.shorts };
        let dates = if is_typed { 0 } else { self.dates };
        let rows = self.words.max(dates).max(shorts);
        if is_typed && self.parted * 2 < self.numbered { 0 } else { rows }
    }
}

/// A list behind so many lines.
fn list(text: &str, skip: u32) -> Layout {
    let start = text.split_inclusive('\n').take(skip as usize).map(str::len).sum();
    Layout::List { start, line: skip.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimiter(text: &str) -> Option<char> {
        match layout(text, true) {
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
    fn numbers_with_anything_beside_them_are_no_list() {
        let far = format!("{}Number;Kunde\n+441632960000;fabrikam\n", "Hinweis zur Datei\n".repeat(40));
        let late = format!("{}+441632960999;fabrikam\n", "+441632960000\n".repeat(3_000));
        for (text, headings) in [
            ("Report 2026-11-28;\nNumber;Account\n+441632960000;fabrikam\n", Some(2)),
            ("Contract 4500123456;;\nNumer;Klient\n+441632960000;fabrikam\n", Some(2)),
            ("4500123456;Contract\nNumber;Klient\n+441632960000;fabrikam\n", Some(2)),
            ("Tag 20261128;Number;Kunde\nx;+441632960000;fabrikam\n", Some(1)),
            ("Number (e.g. +441632960000);Kunde\n+441632960000;fabrikam\n", Some(1)),
            ("\"Number\n(with +)\";\"Kunde\n(kurz)\"\n+441632960000;fabrikam\n", Some(1)),
            ("Stand 28.11.2026\n\n\"Numer\ntelefonu\"|Klient\n+441632960000|fabrikam\n", Some(3)),
            ("+441632960000;fabrikam\n", None),
            ("+441632960000\tfabrikam\n+441632960001\tfabrikam\n", None),
            ("fabrikam|+441632960000", None),
            ("\"+441632960000\",\"Fabrikam, Inc\"\n", None),
            ("+441632960000,7ceec862-1234-4321-8765-0123456789ab\n", None),
            ("+441632960000,2026-11-28\n", None),
            ("+441632960000,Customer 4500123456\n", None),
            ("+441632960000;4711\n+441632960001;4712\n", None),
            ("Numbers\n+441632960000;fabrikam\n", Some(1)),
            ("Numbers\n\nPhone number;Account\n+441632960000;fabrikam\n", Some(3)),
            ("Numbers;;Settings;\nNumber;Account;Usage;Location\n+441632960000;fabrikam;;\n", Some(2)),
            ("Account:;Contoso;\nNumber;Account;Order\n+441632960000;fabrikam;7\n", Some(2)),
            ("Account: Contoso\nNumber;Account\n+441632960000;fabrikam\n", Some(2)),
            (&*far, Some(41)),
            (&*late, None),
        ] {
            let Layout::Columns(place) = layout(text, false) else { panic!("{text} is a list") };
            let found = if place.bare.is_some() { None } else { Some(place.line) };
            assert_eq!(found, headings, "{text}");
        }
        assert_eq!(delimiter("contoso, +441632960000\n"), Some(','), "typed");
        assert_eq!(delimiter(&late), None, "a slip");
    }

    #[test]
    fn a_list_is_no_file_with_columns() {
        for text in [
            "+441632960000\n+441632960001",
            "Numbers\n+441632960000",
            "Phone Number\n+441632960000",
            "abc",
            "+441632960000,to,+441632960009",
            "+441632960000, +441632960001 and +441632960002\n",
            "+441632960000;ext=12\n",
            "+44 1632 960000, 01\n+44 1632 960010, 11",
            "#VALUE!\n+441632960000",
            "",
        ] {
            assert_eq!(delimiter(text), None, "{text}");
        }
    }
}
