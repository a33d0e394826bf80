//! Numbers as CSV, read block by block, so that a file may have any length.

use std::sync::Arc;

use super::{AtSource, Incoming, IncomingNumber, KeyedSettings, MovingProblem};
use crate::domain::upload::{
    Column, HeadingRow, Line, LineProblem, Reader, UploadedNumber, delimiter_of, whole_records,
};

/// Problems of a heading row that are told.
const HEADING_PROBLEMS: usize = 50;
/// A record is looked for this far; behind it a quote was never closed.
const RECORD_MOST: usize = 16 * 1024 * 1024;
/// Numbers that are handed on together.
const HANDED_ON: usize = 20_000;
/// The heading of the accounts of numbers.
const ACCOUNT: &str = "accountName";

/// What was read of a file of numbers.
#[derive(Debug)]
pub enum OfNumbers {
    /// Numbers.
    Numbers(Vec<Incoming<IncomingNumber>>),
    /// Something to be said of the file as a whole.
    Told(MovingProblem),
}

/// How the lines of a file are to be read.
#[derive(Debug)]
struct Layout {
    delimiter: u8,
    row: HeadingRow,
}

/// Reads a file of numbers block by block; the first begins with the heading row.
#[derive(Debug, Default)]
pub struct NumbersCsv {
    /// What was taken in and is no whole record yet.
    held: String,
    /// Known once the first block was read.
    layout: Option<Layout>,
    /// Lines of the blocks before.
    lines: u32,
    last: Option<Arc<KeyedSettings>>,
    account: Option<Arc<str>>,
    refused: bool,
}

fn count(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// What is wrong with a file whose headings are none of numbers.
fn headings_refused(reader: Reader<'_>) -> Vec<MovingProblem> {
    if reader.is_list() {
        let reason = "The file has no heading row of numbers or of accounts. The first line has telephoneNumber, accountName \
                      and the other headings of the export of numbers, or AccountName, Services and those of the export of \
                      accounts.";
        return vec![MovingProblem::new(1, "", "", reason)];
    }
    let told = reader.filter_map(|line| match line {
        Line::Problem(problem) => Some(moved(problem, 0)),
        _ => None,
    });
    told.take(HEADING_PROBLEMS).collect()
}

fn moved(problem: LineProblem, before: u32) -> MovingProblem {
    let LineProblem { line, heading, value, reason, .. } = problem;
    MovingProblem::new(line.saturating_add(before), heading.unwrap_or_default(), &value, reason)
}

impl NumbersCsv {
    /// Whether the headings are none of numbers or a quote never closes, so that nothing more of the file can be read.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Takes in the next part of the text, and hands on what can be read by now; tells whether somebody takes more.
    pub fn read(&mut self, text: &str, is_last: bool, give: &mut dyn FnMut(OfNumbers) -> bool) -> bool {
        let text = if self.lines == 0 && self.held.is_empty() { text.trim_start_matches('\u{feff}') } else { text };
        self.held.push_str(text);
        let end = if is_last { self.held.len() } else { self.whole() };
        if self.refused || end == 0 {
            return true;
        }
        let rest = self.held.split_off(end);
        let block = std::mem::replace(&mut self.held, rest);
        self.block(&block, give)
    }

    /// How much of what is held can be read.
    fn whole(&self) -> usize {
        let delimiter = self.layout.as_ref().map(|layout| layout.delimiter).or_else(|| delimiter_of(&self.held));
        match whole_records(&self.held, delimiter.unwrap_or(b',')) {
            0 if self.held.len() >= RECORD_MOST => self.held.len(),
            end => end,
        }
    }

    fn block(&mut self, text: &str, give: &mut dyn FnMut(OfNumbers) -> bool) -> bool {
        let before = self.lines;
        self.lines = before.saturating_add(count(text));
        let reader = match &self.layout {
            Some(layout) => Reader::exported_behind(text, layout.delimiter, layout.row.clone()),
            None => Reader::exported(text),
        };
        if self.layout.is_some() {
            // A quote may be opened that never closes.
            self.refused = !reader.has_columns();
            return self.hand_on(reader, before, give);
        }
        let told = self.begin(&reader);
        if self.refused {
            let told = if told.is_empty() { headings_refused(reader) } else { told };
            return told.into_iter().all(|problem| give(OfNumbers::Told(problem)));
        }
        told.into_iter().all(|problem| give(OfNumbers::Told(problem))) && self.hand_on(reader, before, give)
    }

    /// Looks at the headings; gives what is to be said of them.
    fn begin(&mut self, reader: &Reader<'_>) -> Vec<MovingProblem> {
        let Some(row) = reader.headings().filter(|row| row.is_clear()) else {
            self.refused = true;
            return Vec::new();
        };
        if !row.columns().any(|column| column == Column::AccountName) {
            self.refused = true;
            let reason = format!("The heading {ACCOUNT} is missing: each number needs the name of its account.");
            return vec![MovingProblem::new(row.line, ACCOUNT, "", reason)];
        }
        self.layout = Some(Layout { delimiter: reader.delimiter(), row: row.clone() });
        let reason = "The column was not read: its heading is none that says what a number should be.";
        row.not_read().map(|heading| MovingProblem::new(row.line, heading, "", reason)).collect()
    }

    /// Hands on what stands in lines.
    fn hand_on(&mut self, reader: Reader<'_>, before: u32, give: &mut dyn FnMut(OfNumbers) -> bool) -> bool {
        let mut numbers: Vec<Incoming<IncomingNumber>> = Vec::new();
        let mut last_refused = 0;
        let headings = self.layout.as_ref().filter(|_| before == 0).map_or(0, |layout| layout.row.line);
        for line in reader {
            match line {
                // What stands before the headings is no number that is left out.
                Line::Problem(problem) if problem.line < headings => {
                    if !give(OfNumbers::Told(moved(problem, before))) {
                        return false;
                    }
                }
                Line::Problem(problem) => {
                    let (line, problem) = (problem.line, moved(problem, before));
                    match numbers.last_mut() {
                        // What is wrong with one line is one that is left out.
                        Some(Incoming::Problems(told)) if line == last_refused => told.push(problem),
                        _ => numbers.push(Incoming::Problems(vec![problem])),
                    }
                    last_refused = line;
                }
                Line::Note(note) => {
                    let problem = MovingProblem::new(note.line.saturating_add(before), "", &note.value, note.text);
                    if !give(OfNumbers::Told(problem)) {
                        return false;
                    }
                }
                Line::Number(row) => numbers.push(self.number(row, before)),
            }
            if numbers.len() >= HANDED_ON && !give(OfNumbers::Numbers(std::mem::take(&mut numbers))) {
                return false;
            }
        }
        numbers.is_empty() || give(OfNumbers::Numbers(numbers))
    }

    fn number(&mut self, row: UploadedNumber, before: u32) -> Incoming<IncomingNumber> {
        let line = row.line.saturating_add(before);
        let Some(account) = row.account else {
            let reason = "The line names no account. Fill the accountName column.";
            return Incoming::Problems(vec![MovingProblem::new(line, ACCOUNT, &row.number.to_string(), reason)]);
        };
        Incoming::Item(IncomingNumber {
            number: row.number,
            account: self.account(&account),
            settings: self.keyed(row.settings.map(|said| said.alone()).unwrap_or_default()),
            assigned: row.assigned,
            at_source: AtSource::Synced,
            line,
        })
    }

    /// Neighbours mostly share their settings.
    fn keyed(&mut self, settings: crate::domain::NumberSettings) -> Arc<KeyedSettings> {
        match &self.last {
            Some(last) if last.settings == settings => Arc::clone(last),
            _ => {
                let keyed = Arc::new(KeyedSettings::from(settings));
                self.last = Some(Arc::clone(&keyed));
                keyed
            }
        }
    }

    fn account(&mut self, name: &str) -> Arc<str> {
        match &self.account {
            Some(last) if **last == *name => Arc::clone(last),
            _ => Arc::clone(self.account.insert(name.into())),
        }
    }
}
