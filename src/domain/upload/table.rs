//! Lines of cells under headings that are not those of numbers, in whatever way a spreadsheet parted them.

use super::csv_rows::before;
use super::layout;
use super::rows::{self, Rows};
use super::spreadsheet::unwrapped;
use super::{LineProblem, cut};

/// The most characters of a heading that are kept.
const HEADING_SHOWN: usize = 200;
/// Lines that tell what a text is.
const LOOKED_AT: usize = 20;

/// A table that is read line by line.
pub struct Table<'a> {
    headings: Vec<String>,
    line: u32,
    pending: std::vec::IntoIter<LineProblem>,
    rows: Rows<'a>,
}

/// The cells of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLine {
    /// Line it begins on, from 1.
    pub line: u32,
    /// Its cells.
    pub cells: Vec<String>,
}

impl<'a> Table<'a> {
    /// Finds the heading row of a text, by which headings are known. Nothing where there is none.
    ///
    /// # Errors
    /// When the headings cannot be read, or a quote never closes.
    pub fn of(text: &'a str, is_known: &dyn Fn(&str) -> bool) -> Option<Result<Self, LineProblem>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let place = layout::headings_among(text, is_known)?;
        let read = || -> Result<Self, LineProblem> {
            let mut rows = Rows::new(text, place.delimiter, place.start, place.line)?;
            let record = rows.headings("headings that a table of these can have.")?;
            let headings = record.iter().map(|heading| cut(heading.trim(), HEADING_SHOWN)).collect();
            Ok(Self { headings, line: place.line, pending: before(text, place).into_iter(), rows })
        };
        Some(read())
    }

    /// The cells of the heading row and of the lines behind it, as many as tell what a text is. Nothing where it has no heading
    /// that is known.
    pub fn beginning(text: &str, is_known: &dyn Fn(&str) -> bool) -> Vec<Vec<String>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let Some(place) = layout::headings_among(text, is_known) else { return Vec::new() };
        let behind = text.get(place.start..).unwrap_or_default();
        let records = rows::first(behind, place.delimiter, LOOKED_AT);
        records.map(|record| record.iter().map(str::to_owned).collect()).collect()
    }

    /// The headings.
    pub fn headings(&self) -> &[String] {
        &self.headings
    }

    /// The line that they stand on, from 1.
    pub const fn line(&self) -> u32 {
        self.line
    }
}

impl Iterator for Table<'_> {
    type Item = Result<TableLine, LineProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(problem) = self.pending.next() {
                return Some(Err(problem));
            }
            let row = match self.rows.next()? {
                Ok(row) => row,
                Err(problem) => return Some(Err(problem)),
            };
            if row.cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let cells = row.cells.iter().map(|cell| {
                let bare = cell.trim();
                if bare.starts_with("=\"") { unwrapped(bare).to_owned() } else { cell.to_owned() }
            });
            return Some(Ok(TableLine { line: row.line, cells: cells.collect() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_with_most_known_headings_is_the_heading_row() {
        let is_known = |cell: &str| ["name", "tenant"].contains(&cell.to_lowercase().as_str());
        let text = "Report, of the name\r\n\r\nNAME;Colour;Tenant\r\n\r\n\"a\nb\";\"=\"\"x\"\"\"\r\n;;\r\nc\r\n";
        let mut table = Table::of(text, &is_known).unwrap().unwrap();
        assert_eq!((table.line(), table.headings().join("/")), (3, "NAME/Colour/Tenant".to_owned()));
        let before = table.next().unwrap().unwrap_err();
        assert_eq!((before.line, before.value.as_str()), (1, "Report, of the name"));
        let lines: Vec<_> = table.map(|line| line.map(|line| (line.line, line.cells.join("/"))).unwrap()).collect();
        assert_eq!(lines, [(5, "a\nb/x".to_owned()), (8, "c".to_owned())]);
        assert!(Table::of("Number;Account\n", &is_known).is_none());
        assert!(Table::of("Name\n\"a\n", &is_known).unwrap().is_err());
    }
}
