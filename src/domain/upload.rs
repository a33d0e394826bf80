//! Reading an upload: a list of numbers and ranges, or lines of cells under headings.
//!
//! The reader is an iterator over lines: it never stops at the first problem. Its work is linear in the length of the text,
//! and what it keeps of a line is bounded, whatever the text is.

mod booleans;
mod cells;
mod columns;
mod csv_rows;
mod decoder;
mod headings;
mod layout;
mod list;
mod mend;
mod number_cell;
mod quoted;
mod range_cells;
mod records;
mod rows;
mod said;
mod spreadsheet;
mod table;
mod text;
pub mod workbook;
mod wrapped;

use std::collections::HashMap;
use std::sync::Arc;

use self::layout::Layout;
use super::e164::E164;
use super::entry::{Entries, Kind, Range, Refused, visible};
use super::field::counted;
use super::number::NumberSettings;

/// One thing read from an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A number to stage.
    Number(UploadedNumber),
    /// A line, or a part of one, that cannot be taken.
    Problem(LineProblem),
    /// What was taken in a way that a person should see. The numbers follow.
    Note(LineNote),
}

/// What a person should see of a line that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineNote {
    /// Line it stands on, from 1; 0 when it is of no single line.
    pub line: u32,
    /// What stands there.
    pub value: String,
    /// How it was read.
    pub text: String,
}

impl LineNote {
    /// A range of which only the last digits of the end are written.
    fn short_end(line: u32, value: &str, range: &Range) -> Self {
        let Range { first, last, .. } = range;
        let numbers = counted(range.count(), "number", "numbers");
        let text = format!("Read as the range from {first} to {last}, {numbers}.");
        Self { line, value: shown(value), text }
    }
}

/// A number of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedNumber {
    /// Line it stands on, from 1.
    pub line: u32,
    /// The number.
    pub number: E164,
    /// The account that the line names. Without one it is the form's.
    pub account: Option<String>,
    /// What the line says of settings. Where it says nothing they are the form's.
    pub settings: Option<Arc<Said>>,
    /// The byte of its text that its line begins at, where lines have cells.
    pub start: usize,
    /// Whether the line says that somebody uses the number; of interest where numbers are taken over, not where they are
    /// uploaded.
    pub assigned: bool,
    /// Why it cannot be taken unless it is stored already: programs may store numbers that are in no numbering plan.
    pub doubt: Option<Box<LineProblem>>,
}

/// A line that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineProblem {
    /// Line it stands on, from 1.
    pub line: u32,
    /// Heading of the column, where there are columns.
    pub heading: Option<String>,
    /// What stands there.
    pub value: String,
    /// What is wrong and what would be right.
    pub reason: String,
    /// The cells of the line, with the first problem of a line that has cells.
    pub record: Option<Vec<String>>,
    /// How it may be mended, where it is an entry that was refused.
    pub mend: Option<Box<Mend>>,
}

/// The most characters of a value that a problem repeats.
const VALUE_SHOWN: usize = 60;
/// The most characters of a reason.
const REASON_SHOWN: usize = 600;
/// The most bytes of a cell; every rule about a cell allows less.
const MAX_CELL: usize = 4_096;
/// The most values of a cell that may hold several.
const MAX_VALUES: usize = 100;
/// Problems that are told of any upload, however few numbers it may have.
const FEWEST_PROBLEMS: usize = 1_000;
/// The most numbers that a line of an export may stand for.
const EXPORTED_RANGE: usize = 1_000_000;
/// Lines that are handed on together, at most.
const CHUNK_LINES: usize = 2_000;
/// About how many bytes of lines are handed on together, at most.
const CHUNK_BYTES: usize = 2_097_152;

impl LineProblem {
    /// Makes a problem that repeats no more of the value and the reason than people read.
    pub fn new(line: u32, value: &str, reason: impl AsRef<str>) -> Self {
        Self {
            line,
            heading: None,
            value: shown(value),
            reason: cut(reason.as_ref(), REASON_SHOWN),
            record: None,
            mend: None,
        }
    }

    /// The problem of an entry that begins at this byte of the text.
    fn of_entry(line: u32, value: &str, start: usize, refused: Refused) -> Self {
        Self::of_refused(line, value, refused, Some(start..start + value.len()))
    }

    /// The problem of what was refused, and where it may be mended.
    fn of_refused(line: u32, value: &str, refused: Refused, place: Option<std::ops::Range<usize>>) -> Self {
        let Refused { kind, reason, proposal } = refused;
        let mend = place.map(|place| Box::new(Mend { kind, proposal, start: place.start, end: place.end }));
        Self { mend, ..Self::new(line, value, reason) }
    }

    /// Places the problem in the column with this heading.
    #[must_use]
    pub fn under(mut self, heading: Option<String>) -> Self {
        self.heading = heading;
        self
    }
}

/// The number of an entry that is refused because no numbering plan knows it, although it is in the plain form.
fn doubted(text: &str, refused: &Refused) -> Option<E164> {
    let is_of_plan = matches!(refused.kind, Kind::Length | Kind::UnknownCode | Kind::TrunkZero);
    E164::parse_wire(visible(text).trim()).ok().filter(|_| is_of_plan)
}

/// Gives a value as a problem repeats it: its beginning, without control characters.
pub fn shown(value: &str) -> String {
    let mut text = cut(value.trim(), VALUE_SHOWN);
    if text.contains(char::is_control) {
        text = text.replace(char::is_control, " ");
    }
    text
}

/// Gives so many characters of a text, with an ellipsis where there are more.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
    }
}

impl Line {
    /// Tells about how many bytes it takes.
    fn bytes(&self) -> usize {
        let own = size_of::<Self>();
        match self {
            Self::Problem(problem) => {
                let cells = problem.record.iter().flatten().map(|cell| size_of::<String>() + cell.len()).sum::<usize>();
                own + problem.value.len() + problem.reason.len() + cells + size_of::<Mend>()
            }
            Self::Note(note) => own + note.value.len() + note.text.len(),
            Self::Number(row) => {
                let settings = row.settings.as_ref().map_or(0, |said| said.bytes());
                let doubt = row.doubt.as_ref().map_or(0, |doubt| size_of::<LineProblem>() + doubt.reason.len());
                own + row.account.as_ref().map_or(0, String::len) + settings + doubt
            }
        }
    }
}

/// Tells about how many bytes settings take.
fn bytes_of(settings: &NumberSettings) -> usize {
    let teams = &settings.teams;
    let lists = teams.choosable_capabilities.iter().chain(&teams.additional_usages);
    let texts = [
        &settings.calling_profile,
        &settings.custom_sip_header,
        &teams.civic_address_id,
        &teams.location_id,
        &teams.displayed_country_code,
    ];
    size_of::<NumberSettings>()
        + teams.usage.len()
        + lists.map(|value| size_of::<String>() + value.len()).sum::<usize>()
        + texts.into_iter().flatten().map(String::len).sum::<usize>()
}

/// Lines of the second file of an upload are counted from here on, those of the third from twice as much.
const FILE_LINES: u32 = 100_000_000;
/// The most files that are read as one upload.
pub const MAX_FILES: usize = 20;

/// The file of an upload that a line is in, from 0, and the line within it.
#[must_use]
pub fn file_and_line(line: i64) -> (usize, i64) {
    let file = i64::from(FILE_LINES);
    (usize::try_from(line / file).unwrap_or_default(), line % file)
}

/// A text to read, as a part of an upload.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The name of the file; empty where it was typed.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// Reads an upload line by line.
pub struct Reader<'a> {
    source: Source<'a>,
    /// The names of the files, as far as they were begun.
    names: Vec<&'a str>,
    seen: HashMap<E164, u32>,
    limit: usize,
    numbers: usize,
    problems: usize,
    last: u32,
    finished: bool,
    /// What is read was exported: numbers are handed on as they stand there, however many and however often.
    exported: bool,
}

enum Source<'a> {
    List(Box<list::List<'a>>),
    Csv(Box<csv_rows::CsvRows<'a>>),
    Problems(std::vec::IntoIter<LineProblem>),
}

/// The columns of a file.
#[derive(Clone, Debug)]
pub struct Unclear {
    /// The headings.
    pub row: HeadingRow,
    /// The first values of each column.
    pub values: Vec<Vec<String>>,
}

impl<'a> Reader<'a> {
    /// Reads this text and takes at most `limit` numbers.
    pub fn new(text: &'a str, limit: usize) -> Self {
        Self::of(Part { name: "", text }, limit, &Choices::default())
    }

    /// Reads the first text of an upload; `choices` says what columns are whose headings are not known.
    pub fn of(part: Part<'a>, limit: usize, choices: &Choices) -> Self {
        Self {
            source: source(part, limit, choices),
            names: vec![part.name],
            seen: HashMap::new(),
            limit,
            numbers: 0,
            problems: 0,
            last: 0,
            finished: false,
            exported: false,
        }
    }

    /// Reads the next text of the same upload, after the one before was read to its end.
    pub fn go_on(&mut self, part: Part<'a>, choices: &Choices) {
        self.names.push(part.name);
        self.source = source(part, self.limit, choices);
    }

    /// Reads the first block of an export of numbers, whoever made it: also numbers that are in no numbering plan, and those
    /// without a service. Columns that nobody can be asked about are left out and told where they are like no known one.
    pub fn exported(text: &'a str) -> Self {
        let mut reader = Self { exported: true, limit: usize::MAX, ..Self::new(text, EXPORTED_RANGE) };
        if let Source::Csv(rows) = &mut reader.source {
            rows.are_exported();
        }
        reader
    }

    /// Reads a block of such an export that stands behind its heading row.
    pub fn exported_behind(text: &'a str, delimiter: u8, row: HeadingRow) -> Self {
        let source = match csv_rows::CsvRows::behind(text, delimiter, row, EXPORTED_RANGE) {
            Ok(mut rows) => {
                rows.are_exported();
                Source::Csv(Box::new(rows))
            }
            Err(problems) => Source::Problems(problems.into_iter()),
        };
        Self { exported: true, limit: usize::MAX, source, ..Self::new("", 0) }
    }

    /// The columns of the text, where it is not clear of all what they are. What is read of such a text are problems.
    pub fn unclear(&self) -> Option<Unclear> {
        self.columns().filter(|columns| !columns.row.is_clear())
    }

    /// The columns of the text with their first values, where it has some.
    pub fn columns(&self) -> Option<Unclear> {
        match &self.source {
            Source::Csv(rows) => Some(Unclear { row: rows.headings().clone(), values: rows.first_values() }),
            _ => None,
        }
    }

    /// What stands between the cells of a line; a comma where there are none.
    pub fn delimiter(&self) -> u8 {
        match &self.source {
            Source::Csv(rows) => rows.delimiter(),
            _ => b',',
        }
    }

    /// The headings of the text, where it has some.
    pub fn headings(&self) -> Option<&HeadingRow> {
        match &self.source {
            Source::Csv(rows) => Some(rows.headings()),
            _ => None,
        }
    }

    /// Reads the next lines, as many as are worth being handed on together, and none at the end.
    pub fn chunk(&mut self) -> Vec<Line> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < CHUNK_LINES && bytes < CHUNK_BYTES {
            let Some(line) = self.next() else { break };
            bytes += line.bytes();
            lines.push(line);
        }
        lines
    }

    /// Whether nothing more is read, whatever follows.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Counts problems that others have found in what was read: reading stops when there are too many.
    pub fn refuse(&mut self, problems: usize) {
        self.problems += problems;
    }

    /// The most problems that are told.
    fn most_problems(&self) -> usize {
        self.limit.max(FEWEST_PROBLEMS)
    }

    /// Tells whether the lines carry their own settings (CSV with columns).
    pub fn has_columns(&self) -> bool {
        matches!(self.source, Source::Csv(_))
    }

    /// Tells whether there are no columns, but a list.
    pub fn is_list(&self) -> bool {
        matches!(self.source, Source::List(_))
    }

    fn checked(&mut self, row: UploadedNumber) -> Line {
        if let Some(first) = self.seen.get(&row.number) {
            let first = self.place(*first);
            return self.problem(LineProblem::new(
                row.line,
                &row.number.to_string(),
                format!("Stands twice: the first is on {first}. Remove one of the two."),
            ));
        }
        if self.numbers == self.limit {
            self.finished = true;
            return self.problem(LineProblem::new(
                row.line,
                &row.number.to_string(),
                format!(
                    "One order takes up to {}. From here on nothing was read; put the rest into another.",
                    counted(self.limit as i64, "number", "numbers")
                ),
            ));
        }
        self.numbers += 1;
        self.seen.insert(row.number, row.line);
        Line::Number(row)
    }

    /// Says where a line is.
    fn place(&self, line: u32) -> String {
        let (file, line) = file_and_line(line.into());
        match self.names.get(file) {
            Some(name) if self.names.len() > 1 => format!("line {line} of {}", shown(name)),
            _ => format!("line {line}"),
        }
    }

    /// Counts the lines of the present file behind those of the files before it.
    fn placed(&self, line: Line) -> Line {
        let before = u32::try_from(self.names.len().saturating_sub(1)).unwrap_or(u32::MAX).saturating_mul(FILE_LINES);
        let place = |line: u32| line.min(FILE_LINES - 1).saturating_add(before);
        match line {
            Line::Number(row) => Line::Number(UploadedNumber { line: place(row.line), ..row }),
            Line::Problem(problem) => Line::Problem(LineProblem { line: place(problem.line), ..problem }),
            Line::Note(note) => Line::Note(LineNote { line: place(note.line), ..note }),
        }
    }

    fn problem(&mut self, problem: LineProblem) -> Line {
        self.problems += 1;
        Line::Problem(problem)
    }
}

impl Iterator for Reader<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.finished {
            return None;
        }
        if self.problems >= self.most_problems() {
            self.finished = true;
            let reason = format!(
                "{} problems were found by here, and no more are told at once. What stands behind this line was not \
                 looked at: correct what was told, then send it again.",
                self.problems
            );
            return Some(Line::Problem(LineProblem::new(self.last, "", reason)));
        }
        let line = match &mut self.source {
            Source::List(list) => list.next(),
            Source::Csv(rows) => rows.next(),
            Source::Problems(problems) => problems.next().map(Line::Problem),
        }?;
        let line = self.placed(line);
        self.last = match &line {
            Line::Number(row) => row.line,
            Line::Problem(problem) => problem.line,
            Line::Note(note) => note.line,
        };
        Some(match line {
            Line::Number(row) if self.exported => Line::Number(row),
            Line::Number(row) => self.checked(row),
            Line::Problem(problem) => self.problem(problem),
            Line::Note(note) => Line::Note(note),
        })
    }
}

fn source<'a>(part: Part<'a>, limit: usize, choices: &Choices) -> Source<'a> {
    let text = part.text.strip_prefix('\u{feff}').unwrap_or(part.text);
    let place = match layout::layout(text, part.name.is_empty()) {
        Layout::List { start, line } => {
            return Source::List(Box::new(list::List::new(Entries::behind(text, start, line), limit)));
        }
        Layout::Columns(place) => place,
    };
    match csv_rows::CsvRows::new(text, place, choices, limit) {
        Ok(rows) => Source::Csv(Box::new(rows)),
        Err(problems) => Source::Problems(problems.into_iter()),
    }
}

pub use booleans::read as yes_or_no;
pub use cells::{folded_names, misplaced, service_named};
pub use columns::{Column, Exported, HEADINGS, Setting, cells, exported_cell, neutralised};
pub use decoder::{Decoder, NotText};
pub use headings::{Choices, Heading, HeadingRow, Means, NOT_READ, fold};
pub use layout::delimiter_of;
pub use mend::{Change, Mend, mended};
pub use rows::{record_at, whole_records};
pub use said::Said;
pub use spreadsheet::formula;
pub use table::{Table, TableLine};
pub use text::{Encoding, decode, decoded, other_kind, with_line_feeds};
pub use wrapped::unwrapped_lines;

#[cfg(test)]
mod tests;
