//! Lines of cells under headings (RFC 4180): every line carries its own account and settings.

use std::sync::Arc;

use super::cells::{Cells, Numbers, Reading};
use super::columns::HEADINGS;
use super::headings::{Choices, HeadingRow, Means};
use super::layout::Place;
use super::records::{self, Record, Records};
use super::said::{About, Said};
use super::{Line, LineNote, LineProblem, UploadedNumber, number_cell, shown};
use crate::domain::account::sentence;
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
    stretch: Stretch<'a>,
    /// The record behind the stretch, which is none that can be read.
    oversized: Option<Record>,
    pending: std::vec::IntoIter<LineProblem>,
    /// The rest of a range.
    range: Option<Numbers>,
    last: Option<Arc<Said>>,
    limit: usize,
    entries: EntryReader,
    /// Whether numbers are taken as an export has them.
    exported: bool,
}

/// Records in a row that can be read.
struct Stretch<'a> {
    text: &'a [u8],
    /// The byte of the whole text that it begins at.
    start: usize,
    /// How many lines stand before it.
    lines_before: u64,
    records: csv::StringRecordsIntoIter<&'a [u8]>,
}

impl<'a> Stretch<'a> {
    fn new(text: &'a str, delimiter: u8, start: usize, lines_before: u32) -> Self {
        let text = text.as_bytes();
        let records = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(text.len().clamp(1, 8_192))
            .from_reader(text)
            .into_records();
        Self { text, start, lines_before: lines_before.into(), records }
    }

    /// The byte of the whole text that a record begins at, or line ends before it.
    fn start_of(&self, position: Option<&csv::Position>) -> usize {
        position.map_or(usize::MAX, |position| {
            self.start.saturating_add(usize::try_from(position.byte()).unwrap_or(usize::MAX))
        })
    }

    /// The line where a record begins. The reader tells the place right behind the record before, which is still in front
    /// of the line feed of a CRLF and of blank lines.
    fn line_of(&self, position: Option<&csv::Position>) -> u32 {
        let Some(position) = position else { return 0 };
        let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let behind = self.text.get(start..).unwrap_or_default();
        let ends =
            behind.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
        u32::try_from(self.lines_before + position.line() + ends as u64).unwrap_or(u32::MAX)
    }
}

impl<'a> CsvRows<'a> {
    /// Reads the heading row. Before that the text is walked through once, for a quote that never closes takes in all that
    /// stands behind it.
    ///
    /// # Errors
    /// Every problem of a heading row that is none.
    pub(super) fn new(text: &'a str, place: Place, choices: &Choices, limit: usize) -> Result<Self, Vec<LineProblem>> {
        let mut oversized = None;
        for record in Records::from(text, place.delimiter, place.start, place.line) {
            if let Some(line) = record.open {
                return Err(vec![open_quote(text, line)]);
            }
            oversized = oversized.or_else(|| Some(record).filter(Record::is_oversized));
        }
        let behind = oversized.as_ref().map_or(text.len(), |record| record.start);
        let readable = text.get(place.start..behind).unwrap_or_default();
        let mut stretch = Stretch::new(readable, place.delimiter, place.start, place.line - 1);
        let row = if let Some(columns) = place.bare {
            HeadingRow::missing(place.line, columns, choices)
        } else {
            let record = match (stretch.records.next(), &oversized) {
                (Some(Ok(record)), _) => record,
                (None, Some(record)) => return Err(vec![oversized_headings(text, record)]),
                _ => return Err(vec![LineProblem::new(1, "", "The heading row cannot be read.")]),
            };
            HeadingRow::new(place.line, record.iter(), choices)
        };
        let pending = if row.is_clear() { before(text, place) } else { row.problems() };
        Ok(Self {
            text,
            place,
            about: row.about(),
            pending: pending.into_iter(),
            row,
            stretch,
            oversized,
            range: None,
            last: None,
            limit,
            entries: EntryReader::default(),
            exported: false,
        })
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
        let end = Records::from(behind, self.place.delimiter, 0, 1)
            .take(FIRST_LINES)
            .take_while(|record| !record.is_oversized())
            .last()
            .map_or(0, |record| record.end);
        let lines = Stretch::new(behind.get(..end).unwrap_or_default(), self.place.delimiter, 0, 0);
        let headings = usize::from(!self.row.is_missing);
        for record in lines.records.skip(headings).map_while(Result::ok) {
            for (values, cell) in values.iter_mut().zip(record.iter()) {
                if !cell.trim().is_empty() && values.len() < FIRST_VALUES {
                    values.push(shown(cell));
                }
            }
        }
        values
    }

    /// From here on numbers may be in no numbering plan, and without a service where the file has columns of services.
    pub(super) fn are_exported(&mut self) {
        self.exported = true;
    }

    /// The next record, and the line it begins on.
    fn record(&mut self) -> Option<Result<(u32, csv::StringRecord), LineProblem>> {
        if let Some(record) = self.stretch.records.next() {
            return Some(match record {
                Ok(record) => Ok((self.stretch.line_of(record.position()), record)),
                Err(error) => {
                    let line = self.stretch.line_of(error.position());
                    Err(LineProblem::new(line, "", sentence(&error.to_string())))
                }
            });
        }
        let passed = self.oversized.take()?;
        let delimiter = self.place.delimiter;
        self.oversized = Records::from(self.text, delimiter, 0, 1).behind(&passed).find(Record::is_oversized);
        let end = self.oversized.as_ref().map_or(self.text.len(), |record| record.start);
        let behind = self.text.get(passed.end..end).unwrap_or_default();
        self.stretch = Stretch::new(behind, delimiter, passed.end, passed.last_line - 1);
        Some(Err(oversized_line(self.text, &passed)))
    }

    fn row(&mut self, line: u32, record: &csv::StringRecord) -> Result<Numbers, Vec<LineProblem>> {
        let mut cells = Cells::new(line, self.about, self.exported);
        let start = self.stretch.start_of(record.position());
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

/// The cells of the line that begins at this byte of a text, or behind line ends there.
pub fn record_at(text: &str, start: usize, delimiter: u8) -> Option<Vec<String>> {
    let record = Records::from(text, delimiter, start, 1).next().filter(|record| !record.is_oversized())?;
    let line = text.get(record.start..record.end)?;
    let cells = Stretch::new(line, delimiter, 0, 0).records.next()?.ok()?;
    Some(cells.iter().map(str::to_owned).collect())
}

/// Lines that stand before the headings and are none of them.
fn before(text: &str, place: Place) -> Vec<LineProblem> {
    let lines = text.get(..place.start).unwrap_or_default().lines().enumerate().skip(place.skip as usize);
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let reason = "This line stands before the headings and was not read. Remove it.";
            LineProblem::new(u32::try_from(index + 1).unwrap_or(u32::MAX), line, reason)
        })
        .collect()
}

/// A quoted cell begins on this line and never ends.
fn open_quote(text: &str, line: u32) -> LineProblem {
    let value = text.lines().nth(line as usize - 1).unwrap_or_default();
    LineProblem::new(
        line,
        value,
        "A quote is opened here and never closed. Close it with \" at the end of the cell, or write \"\" for a quote within one.",
    )
}

fn oversized_headings(text: &str, record: &Record) -> LineProblem {
    let reason = format!(
        "The heading row has {} cells and {} bytes, far more than the {} headings that there are. The headings are \
         those of the CSV export of numbers, or the single heading Numbers.",
        record.cells,
        record.bytes(),
        HEADINGS.len()
    );
    LineProblem::new(record.line, beginning(text, record), reason)
}

fn oversized_line(text: &str, record: &Record) -> LineProblem {
    let reason = if record.cells > records::MAX_CELLS {
        format!(
            "The line has {} cells, and {} are the most. Each number needs a line of its own.",
            record.cells,
            records::MAX_CELLS
        )
    } else {
        format!(
            "The line has {} bytes, and {} are the most. Each number needs a line of its own; look for a quote that closes too late.",
            record.bytes(),
            records::MAX_BYTES
        )
    };
    LineProblem::new(record.line, beginning(text, record), reason)
}

/// What a record begins with.
fn beginning<'a>(text: &'a str, record: &Record) -> &'a str {
    text.get(record.start..record.end).unwrap_or_default()
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
            let (line, record) = match self.record()? {
                Ok(found) => found,
                Err(problem) => return Some(Line::Problem(problem)),
            };
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            match self.row(line, &record) {
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
