//! Lines of cells under headings (RFC 4180): every line carries its own account and settings.

use std::sync::Arc;

use super::cells::{Cells, Numbers, Reading};
use super::columns::HEADINGS;
use super::headings::{Choices, HeadingRow, Means};
use super::layout::Place;
use super::rows::{self, Row, Rows};
use super::said::{About, Said};
use super::{Line, LineNote, LineProblem, UploadedNumber, number_cell, shown};
use crate::domain::e164::E164;
use crate::domain::entry::{EntryReader, Range};

/// Lines behind the headings whose cells are shown to whoever says what a column is.
const FIRST_LINES: usize = 20;
/// Values of a column that are shown.
const FIRST_VALUES: usize = 3;

/// Reads the rows behind a heading row.
pub(super) struct CsvRows<'a> {
    text: &'a str,
    place: Place,
    row: HeadingRow,
    about: About,
    records: Rows<'a>,
    pending: std::vec::IntoIter<LineProblem>,
    /// The rest of a range.
    range: Option<Numbers>,
    last: Option<Arc<Said>>,
    limit: usize,
    entries: EntryReader,
    /// Whether numbers are taken as an export has them.
    exported: bool,
}

impl<'a> CsvRows<'a> {
    /// Reads the heading row.
    ///
    /// # Errors
    /// Every problem of a heading row that is none, or a quote that never closes.
    pub(super) fn new(text: &'a str, place: Place, choices: &Choices, limit: usize) -> Result<Self, Vec<LineProblem>> {
        let mut records = Rows::new(text, place.delimiter, place.start, place.line).map_err(|problem| vec![problem])?;
        let row = if let Some(columns) = place.bare {
            HeadingRow::missing(place.line, columns, choices)
        } else {
            let known = format!(
                "{} headings that there are. The headings are those of the CSV export of numbers, or the single heading Numbers.",
                HEADINGS.len()
            );
            let record = records.headings(&known).map_err(|problem| vec![problem])?;
            HeadingRow::new(place.line, record.iter(), choices)
        };
        let pending = first_problems(text, place, &row);
        Ok(Self::of(text, place, row, records, pending, limit))
    }

    /// Reads on behind a heading row that was read before.
    ///
    /// # Errors
    /// A quote that never closes.
    pub(super) fn behind(
        text: &'a str,
        delimiter: u8,
        row: HeadingRow,
        limit: usize,
    ) -> Result<Self, Vec<LineProblem>> {
        let place = Place { delimiter, start: 0, line: 1, skip: 0, bare: None };
        let records = Rows::new(text, delimiter, 0, 1).map_err(|problem| vec![problem])?;
        Ok(Self::of(text, place, row, records, Vec::new(), limit))
    }

    fn of(
        text: &'a str,
        place: Place,
        row: HeadingRow,
        records: Rows<'a>,
        pending: Vec<LineProblem>,
        limit: usize,
    ) -> Self {
        Self {
            text,
            place,
            about: row.about(),
            pending: pending.into_iter(),
            row,
            records,
            range: None,
            last: None,
            limit,
            entries: EntryReader::default(),
            exported: false,
        }
    }

    /// The heading row.
    pub(super) const fn headings(&self) -> &HeadingRow {
        &self.row
    }

    /// What stands between the cells of a line.
    pub(super) const fn delimiter(&self) -> u8 {
        self.place.delimiter
    }

    /// The first values of each column.
    pub(super) fn first_values(&self) -> Vec<Vec<String>> {
        let mut values = vec![Vec::new(); self.row.headings.len()];
        let behind = self.text.get(self.place.start..).unwrap_or_default();
        let headings = usize::from(!self.row.is_missing);
        for record in rows::first(behind, self.place.delimiter, FIRST_LINES).skip(headings) {
            for (values, cell) in values.iter_mut().zip(record.iter()) {
                if !cell.trim().is_empty() && values.len() < FIRST_VALUES {
                    values.push(shown(cell));
                }
            }
        }
        values
    }

    /// From here on numbers may be in no numbering plan, and without a service where the file has columns of services. Columns
    /// that are like no known one are left out.
    pub(super) fn are_exported(&mut self) {
        self.exported = true;
        self.row.leave_out_strangers();
        self.pending = first_problems(self.text, self.place, &self.row).into_iter();
    }

    fn row(&mut self, Row { line, start, cells: record }: &Row) -> Result<Numbers, Vec<LineProblem>> {
        let (line, start) = (*line, *start);
        let mut cells = Cells::new(line, self.about, self.exported);
        let row = self.row.headings.iter().zip(record.iter().chain(std::iter::repeat("")));
        for (index, (heading, cell)) in row.enumerate() {
            match heading.means {
                Means::Column(column) => {
                    let place = || number_cell::place(self.text, start, self.place.delimiter, index);
                    cells.read(column, &heading.text, cell, &mut Reading { entries: &mut self.entries, place: &place });
                }
                Means::Blank if !cell.trim().is_empty() => {
                    cells.problem("", cell, "The cell stands under no heading. Name the column, or clear the cell.");
                }
                Means::Blank | Means::NotRead | Means::Unknown => {}
            }
        }
        if let Some(more) = record.iter().skip(self.row.headings.len()).find(|cell| !cell.trim().is_empty()) {
            let reason = format!(
                "The line has {} cells and the heading row {}. Quote a cell that holds the sign that parts cells.",
                record.len(),
                self.row.headings.len()
            );
            cells.problem("", more, reason);
        }
        let cells = cells.finish(self.limit, &mut self.last);
        let whole = || Some(record.iter().map(str::to_owned).collect());
        match cells {
            Ok(mut numbers) => {
                numbers.first.start = start;
                if let Some(doubt) = &mut numbers.first.doubt {
                    doubt.record = whole();
                }
                Ok(numbers)
            }
            Err(mut problems) => {
                if let Some(first) = problems.first_mut() {
                    first.record = whole();
                }
                Err(problems)
            }
        }
    }

    /// The next number of the range that is being written out.
    fn of_range(&mut self) -> Option<UploadedNumber> {
        let numbers = self.range.take()?;
        let number = numbers.first.clone();
        let short_end = false;
        self.range = number.number.next().filter(|next: &E164| *next <= numbers.last).map(|next| Numbers {
            first: UploadedNumber { number: next, ..numbers.first },
            short_end,
            ..numbers
        });
        Some(number)
    }
}

/// What is wrong with the headings, or stands before them.
fn first_problems(text: &str, place: Place, row: &HeadingRow) -> Vec<LineProblem> {
    if row.is_clear() { before(text, place) } else { row.problems() }
}

/// Lines that stand before the headings and are none of them.
pub(super) fn before(text: &str, place: Place) -> Vec<LineProblem> {
    let lines = text.get(..place.start).unwrap_or_default().lines().enumerate().skip(place.skip as usize);
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let reason = "This line stands before the headings and was not read. Remove it.";
            LineProblem::new(u32::try_from(index + 1).unwrap_or(u32::MAX), line, reason)
        })
        .collect()
}

impl Iterator for CsvRows<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(problem) = self.pending.next() {
                return Some(Line::Problem(problem));
            }
            if let Some(number) = self.of_range() {
                return Some(Line::Number(number));
            }
            // Nothing is made of columns of which it is not clear what they are.
            if !self.row.is_clear() {
                return None;
            }
            let row = match self.records.next()? {
                Ok(row) => row,
                Err(problem) => return Some(Line::Problem(problem)),
            };
            let line = row.line;
            if row.cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            match self.row(&row) {
                Ok(numbers) => {
                    let (first, last) = (numbers.first.number, numbers.last);
                    let note = numbers.short_end.then_some(Range { first, last, short_end: true });
                    self.range = Some(numbers);
                    if let Some(range) = note {
                        return Some(Line::Note(LineNote::short_end(line, &range.to_string(), &range)));
                    }
                }
                Err(problems) => self.pending = problems.into_iter(),
            }
        }
    }
}
