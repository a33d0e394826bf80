//! Reading an upload: a list of numbers and ranges, or CSV with a heading row.
//!
//! The reader is an iterator over lines: it never stops at the first problem. Its work is linear in the length of the text,
//! and what it keeps of a line is bounded, whatever the text is.

mod columns;
mod csv_rows;
mod list;
mod mend;
mod number_cell;
mod records;

use std::collections::HashMap;

use super::e164::E164;
use super::entry::{Entries, Kind, Range, Refused, visible};
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
        let text = format!("Read as the range from {first} to {last}, {} numbers.", range.count());
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
    /// The settings of the line. Without any they are the form's.
    pub settings: Option<Box<NumberSettings>>,
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
/// Lines that are handed on together, at most.
const CHUNK_LINES: usize = 2_000;
/// About how many bytes of lines are handed on together, at most.
const CHUNK_BYTES: usize = 2_097_152;

impl LineProblem {
    /// Makes a problem that repeats no more of the value and the reason than people read.
    pub fn new(line: u32, value: &str, reason: impl AsRef<str>) -> Self {
        Self { line, heading: None, value: shown(value), reason: cut(reason.as_ref(), REASON_SHOWN), mend: None }
    }

    /// The problem of an entry that begins at this byte of the text.
    fn of_entry(line: u32, value: &str, start: usize, refused: Refused) -> Self {
        let Refused { kind, reason, proposal } = refused;
        let mend = Mend { kind, proposal, start, end: start + value.len() };
        Self { mend: Some(Box::new(mend)), ..Self::new(line, value, reason) }
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
            Self::Problem(problem) => own + problem.value.len() + problem.reason.len() + size_of::<Mend>(),
            Self::Note(note) => own + note.value.len() + note.text.len(),
            Self::Number(row) => {
                let settings = row.settings.as_ref().map_or(0, |settings| bytes_of(settings));
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

/// Makes text of an uploaded file.
///
/// # Errors
/// Says why the bytes are no text and how to save them instead.
pub fn decode(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(&[0xFF, 0xFE])
        || bytes.starts_with(&[0xFE, 0xFF])
        || bytes.iter().take(64).filter(|b| **b == 0).count() > 4
    {
        return Err(
            "The file is UTF-16. Save it as \u{201c}CSV UTF-8\u{201d} (in Excel: File, Save as) and choose it again."
                .into(),
        );
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err("The file is an Excel workbook or a ZIP archive. Save the sheet as \u{201c}CSV UTF-8\u{201d} and \
                    choose it again."
            .into());
    }
    let odd = match (std::str::from_utf8(bytes), bytes.iter().position(|b| *b == 0)) {
        (Ok(text), None) => return Ok(text),
        (Err(error), None) => error.valid_up_to(),
        (Ok(_), Some(nul)) => nul,
        (Err(error), Some(nul)) => nul.min(error.valid_up_to()),
    };
    let line = bytes.iter().take(odd).filter(|b| **b == b'\n').count() + 1;
    Err(format!("Line {line} of the file is not UTF-8 text. Save it as \u{201c}CSV UTF-8\u{201d} and choose it again."))
}

/// Reads an upload line by line.
pub struct Reader<'a> {
    source: Source<'a>,
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

impl<'a> Reader<'a> {
    /// Reads this text and takes at most `limit` numbers.
    pub fn new(text: &'a str, limit: usize) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            source: source(text, limit),
            seen: HashMap::new(),
            limit,
            numbers: 0,
            problems: 0,
            last: 0,
            finished: false,
            exported: false,
        }
    }

    /// Reads a block of an export of numbers, whoever made it: also numbers that are in no numbering plan, and those without
    /// a service.
    pub fn exported(text: &'a str) -> Self {
        let mut reader = Self { exported: true, ..Self::new(text, usize::MAX) };
        if let Source::Csv(rows) = &mut reader.source {
            rows.are_exported();
        }
        reader
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

    fn checked(&mut self, row: UploadedNumber) -> Line {
        if let Some(first) = self.seen.get(&row.number) {
            return self.problem(LineProblem::new(
                row.line,
                &row.number.to_string(),
                format!("Stands twice: the first is on line {first}. Remove one of the two."),
            ));
        }
        if self.numbers == self.limit {
            self.finished = true;
            return self.problem(LineProblem::new(
                row.line,
                &row.number.to_string(),
                format!(
                    "An upload takes up to {} numbers. From here on nothing was read; split the upload.",
                    self.limit
                ),
            ));
        }
        self.numbers += 1;
        self.seen.insert(row.number, row.line);
        Line::Number(row)
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
                 looked at: correct what was told, then upload again.",
                self.problems
            );
            return Some(Line::Problem(LineProblem::new(self.last, "", reason)));
        }
        let line = match &mut self.source {
            Source::List(list) => list.next(),
            Source::Csv(rows) => rows.next(),
            Source::Problems(problems) => problems.next().map(Line::Problem),
        }?;
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

fn source(text: &str, limit: usize) -> Source<'_> {
    let heading = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if heading.trim_matches('"').eq_ignore_ascii_case("numbers") {
        let before: usize = text.split_inclusive('\n').take_while(|line| line.trim().is_empty()).map(str::len).sum();
        let heading = text.get(before..).and_then(|text| text.split_inclusive('\n').next()).map_or(0, str::len);
        let blank = u32::try_from(text.get(..before).unwrap_or_default().matches('\n').count()).unwrap_or(u32::MAX);
        return Source::List(Box::new(list::List::new(
            Entries::behind(text, before + heading, blank.saturating_add(2)),
            limit,
        )));
    }
    let is_heading = heading.chars().any(|c| c.is_ascii_alphabetic()) && !heading.chars().any(|c| c.is_ascii_digit());
    if !is_heading {
        return Source::List(Box::new(list::List::new(Entries::of(text), limit)));
    }
    match csv_rows::CsvRows::new(text, limit) {
        Ok(rows) => Source::Csv(Box::new(rows)),
        Err(problems) => Source::Problems(problems.into_iter()),
    }
}

pub use columns::{Column, HEADINGS, cells, neutralised};
pub use mend::{Change, Mend, mended};

#[cfg(test)]
mod tests;
