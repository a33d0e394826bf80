//! The records of a text as cells, with the line and the byte that each begins at; what is larger than any line can be is told
//! and passed over.

use super::LineProblem;
use super::records::{self, Record, Records};
use crate::domain::account::sentence;

/// Reads records one after the other.
pub(super) struct Rows<'a> {
    text: &'a str,
    delimiter: u8,
    stretch: Stretch<'a>,
    /// The record behind the stretch, which is none that can be read.
    oversized: Option<Record>,
}

/// Cells with their place.
pub(super) struct Row {
    /// Line it begins on, from 1.
    pub(super) line: u32,
    /// The byte that it begins at, or line ends before it.
    pub(super) start: usize,
    /// The cells.
    pub(super) cells: csv::StringRecord,
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

impl<'a> Rows<'a> {
    /// Reads from this byte on, which is the beginning of a line. Before that the text is walked through once, for a quote that
    /// never closes takes in all that stands behind it.
    ///
    /// # Errors
    /// When a quote never closes.
    pub(super) fn new(text: &'a str, delimiter: u8, start: usize, line: u32) -> Result<Self, LineProblem> {
        let mut oversized = None;
        for record in Records::from(text, delimiter, start, line) {
            if let Some(line) = record.open {
                return Err(open_quote(text, line));
            }
            oversized = oversized.or_else(|| Some(record).filter(Record::is_oversized));
        }
        let behind = oversized.as_ref().map_or(text.len(), |record| record.start);
        let readable = text.get(start..behind).unwrap_or_default();
        Ok(Self {
            text,
            delimiter,
            stretch: Stretch::new(readable, delimiter, start, line.saturating_sub(1)),
            oversized,
        })
    }

    /// The cells of the heading row, which is the first.
    ///
    /// # Errors
    /// Says why they cannot be read; `known` says how many headings there are.
    pub(super) fn headings(&mut self, known: &str) -> Result<csv::StringRecord, LineProblem> {
        match (self.stretch.records.next(), &self.oversized) {
            (Some(Ok(record)), _) => Ok(record),
            (None, Some(record)) => Err(oversized_headings(self.text, record, known)),
            _ => Err(LineProblem::new(1, "", "The heading row cannot be read.")),
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, LineProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.stretch.records.next() {
            return Some(match record {
                Ok(cells) => {
                    let (line, start) =
                        (self.stretch.line_of(cells.position()), self.stretch.start_of(cells.position()));
                    Ok(Row { line, start, cells })
                }
                Err(error) => {
                    let line = self.stretch.line_of(error.position());
                    Err(LineProblem::new(line, "", sentence(&error.to_string())))
                }
            });
        }
        let passed = self.oversized.take()?;
        self.oversized = Records::from(self.text, self.delimiter, 0, 1).behind(&passed).find(Record::is_oversized);
        let end = self.oversized.as_ref().map_or(self.text.len(), |record| record.start);
        let behind = self.text.get(passed.end..end).unwrap_or_default();
        self.stretch = Stretch::new(behind, self.delimiter, passed.end, passed.last_line - 1);
        Some(Err(oversized_line(self.text, &passed)))
    }
}

/// The cells of the line that begins at this byte of a text, or behind line ends there.
pub fn record_at(text: &str, start: usize, delimiter: u8) -> Option<Vec<String>> {
    let record = Records::from(text, delimiter, start, 1).next().filter(|record| !record.is_oversized())?;
    let line = text.get(record.start..record.end)?;
    let cells = Stretch::new(line, delimiter, 0, 0).records.next()?.ok()?;
    Some(cells.iter().map(str::to_owned).collect())
}

/// The first records of a text, so many at most and none behind one that cannot be read.
pub(super) fn first(text: &str, delimiter: u8, most: usize) -> impl Iterator<Item = csv::StringRecord> {
    let end = Records::from(text, delimiter, 0, 1)
        .take(most)
        .take_while(|record| !record.is_oversized())
        .last()
        .map_or(0, |record| record.end);
    Stretch::new(text.get(..end).unwrap_or_default(), delimiter, 0, 0).records.map_while(Result::ok)
}

/// How many bytes of a text, which begins with a record, are whole records with the ends of their lines; 0 when none is.
pub fn whole_records(text: &str, delimiter: u8) -> usize {
    let ends =
        Records::from(text, delimiter, 0, 1).take_while(|record| record.open.is_none() && record.end < text.len());
    let Some(end) = ends.last().map(|record| record.end) else { return 0 };
    let behind = text.get(end..).unwrap_or_default();
    end + ["\r\n", "\n"].into_iter().find(|line_end| behind.starts_with(line_end)).map_or(0, str::len)
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

fn oversized_headings(text: &str, record: &Record, known: &str) -> LineProblem {
    let Record { cells, .. } = record;
    let reason = format!("The heading row has {cells} cells and {} bytes, far more than the {known}", record.bytes());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_whole_when_their_line_has_ended() {
        let whole = |text: &str| whole_records(text, b',');
        assert_eq!([whole("a,b"), whole("a,b\n"), whole("a,b\nc"), whole("a,b\r\nc,\"d\n")], [0, 4, 4, 5]);
        assert_eq!(whole("5\" pipe,x\nnext"), 10, "a quote within a cell stands for itself");
        assert_eq!(whole("a,\"b\nc\"\r\nd"), 9);
    }
}
