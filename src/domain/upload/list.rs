//! Lists: numbers and ranges between new lines, commas, semicolons and white space.

use super::{Line, LineNote, LineProblem, UploadedNumber, doubted};
use crate::domain::e164::E164;
use crate::domain::entry::{Entries, Entry, Placed, Range};

/// Reads a list.
pub(super) struct List<'a> {
    entries: Entries<'a>,
    limit: usize,
    line: u32,
    range: Option<Range>,
}

impl<'a> List<'a> {
    /// Reads these entries; a range holds at most `limit` numbers.
    pub(super) fn new(entries: Entries<'a>, limit: usize) -> Self {
        Self { entries, limit, line: 0, range: None }
    }

    fn row(&self, number: E164) -> Line {
        Line::Number(self.uploaded(number, None))
    }

    fn uploaded(&self, number: E164, doubt: Option<Box<LineProblem>>) -> UploadedNumber {
        UploadedNumber { line: self.line, number, account: None, settings: None, start: 0, assigned: false, doubt }
    }

    fn entry(&mut self, placed: Placed<'_>) -> Line {
        let Placed { line, start, text, entry } = placed;
        self.line = line;
        match entry {
            Entry::Number(number) => self.row(number),
            Entry::Refused(refused) => {
                let number = doubted(text, &refused);
                let problem = LineProblem::of_entry(line, text, start, refused);
                match number {
                    Some(number) => Line::Number(self.uploaded(number, Some(Box::new(problem)))),
                    None => Line::Problem(problem),
                }
            }
            Entry::Range(range) if range.count() > i64::try_from(self.limit).unwrap_or(i64::MAX) => {
                Line::Problem(LineProblem::new(line, text, too_many(&range, self.limit)))
            }
            Entry::Range(range) => {
                self.range = Some(range);
                if range.short_end {
                    return Line::Note(LineNote::short_end(line, text, &range));
                }
                self.following().unwrap_or_else(|| self.row(range.first))
            }
        }
    }

    /// The next number of a range that has begun.
    fn following(&mut self) -> Option<Line> {
        let range = self.range?;
        self.range = range.behind_first();
        Some(self.row(range.first))
    }
}

impl Iterator for List<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if let Some(line) = self.following() {
            return Some(line);
        }
        let placed = self.entries.next()?;
        Some(self.entry(placed))
    }
}

/// Why a range has more numbers than an upload takes.
pub(super) fn too_many(range: &Range, limit: usize) -> String {
    format!("The range has {} numbers; one order takes up to {limit}.", range.count())
}
