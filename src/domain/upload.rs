//! Reading an upload: a list of numbers and ranges, or CSV with a heading row.
//!
//! The reader is an iterator over lines: it never stops at the first problem and never holds more than the text itself.

mod columns;
mod csv_rows;
mod list;

use std::collections::HashMap;

use super::e164::E164;
use super::number::NumberSettings;

/// One thing read from an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A number to stage.
    Number(Row),
    /// A line, or a part of one, that cannot be taken.
    Problem(Problem),
}

/// A number of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line it stands on, from 1.
    pub line: u32,
    /// The number.
    pub number: E164,
    /// Account named on the line; the form's where none is.
    pub account: Option<String>,
    /// Settings of the line; the form's where the file has none.
    pub settings: Option<Box<NumberSettings>>,
}

/// A line that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line it stands on, from 1.
    pub line: u32,
    /// Heading of the column, where there are columns.
    pub heading: Option<String>,
    /// What stands there.
    pub value: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// The most characters of a value that a problem repeats.
const VALUE_SHOWN: usize = 60;
/// Problems after which reading stops: such a file is not an upload.
pub const MAX_PROBLEMS: usize = 10_000;

impl Problem {
    fn new(line: u32, value: &str, reason: impl Into<String>) -> Self {
        Self { line, heading: None, value: shown(value), reason: reason.into() }
    }
}

fn shown(value: &str) -> String {
    let mut chars = value.trim().chars();
    let mut text: String = chars.by_ref().take(VALUE_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if chars.next().is_some() {
        text.push('\u{2026}');
    }
    text
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
        return Err("The file is an Excel workbook or a ZIP archive. Save the sheet as \u{201c}CSV UTF-8\u{201d} and choose it again.".into());
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
    finished: bool,
}

enum Source<'a> {
    List(list::List<'a>),
    Csv(Box<csv_rows::CsvRows<'a>>),
    Problems(std::vec::IntoIter<Problem>),
}

impl<'a> Reader<'a> {
    /// Reads this text; at most `limit` numbers are taken.
    pub fn new(text: &'a str, limit: usize) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { source: source(text, limit), seen: HashMap::new(), limit, numbers: 0, problems: 0, finished: false }
    }

    /// True when the lines carry their own settings (CSV with columns).
    pub fn has_columns(&self) -> bool {
        matches!(self.source, Source::Csv(_))
    }

    fn checked(&mut self, row: Row) -> Line {
        if let Some(first) = self.seen.get(&row.number) {
            return self.problem(Problem::new(
                row.line,
                &row.number.to_string(),
                format!("Stands twice: the first is on line {first}. Remove one of the two."),
            ));
        }
        if self.numbers == self.limit {
            self.finished = true;
            return self.problem(Problem::new(
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

    fn problem(&mut self, mut problem: Problem) -> Line {
        self.problems += 1;
        if self.problems == MAX_PROBLEMS {
            self.finished = true;
            problem.reason.push_str(" Reading stopped here: there are too many lines with problems.");
        }
        Line::Problem(problem)
    }
}

impl Iterator for Reader<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.finished {
            return None;
        }
        let line = match &mut self.source {
            Source::List(list) => list.next(),
            Source::Csv(rows) => rows.next(),
            Source::Problems(problems) => problems.next().map(Line::Problem),
        }?;
        Some(match line {
            Line::Number(row) => self.checked(row),
            Line::Problem(problem) => self.problem(problem),
        })
    }
}

fn source(text: &str, limit: usize) -> Source<'_> {
    let heading = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if heading.trim_matches('"').eq_ignore_ascii_case("numbers") {
        let skipped = text.lines().take_while(|line| line.trim().is_empty()).count() + 1;
        return Source::List(list::List::new(text, skipped, limit));
    }
    let is_heading = heading.chars().any(|c| c.is_ascii_alphabetic()) && !heading.chars().any(|c| c.is_ascii_digit());
    if !is_heading {
        return Source::List(list::List::new(text, 0, limit));
    }
    if let Some(problem) = csv_rows::open_quote(text) {
        return Source::Problems(vec![problem].into_iter());
    }
    match csv_rows::CsvRows::new(text) {
        Ok(rows) => Source::Csv(Box::new(rows)),
        Err(problems) => Source::Problems(problems.into_iter()),
    }
}

pub use columns::{Column, HEADINGS, cells, neutralised};

#[cfg(test)]
mod tests;
