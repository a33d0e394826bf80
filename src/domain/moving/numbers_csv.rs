//! Numbers as CSV, read block by block, so that a file may have any length.

use std::sync::Arc;

use super::{AtSource, Incoming, IncomingNumber, KeyedSettings, MovingProblem};
use crate::domain::upload::{Line, LineProblem, Reader};

/// Problems of a heading row that are told.
const HEADING_PROBLEMS: usize = 50;

/// How many of these bytes, which begin with a record, are whole records; 0 when none is.
#[must_use]
pub fn whole_records(bytes: &[u8]) -> usize {
    let (mut quoted, mut end) = (false, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => end = at + 1,
            _ => {}
        }
    }
    end
}

/// Reads a file of numbers block by block; the first begins with the heading row.
#[derive(Debug, Default)]
pub struct NumbersCsv {
    /// The heading row with what stands before it.
    headings: Option<String>,
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
    let told = reader.filter_map(|line| match line {
        Line::Problem(LineProblem { line, heading: Some(heading), value, reason, .. }) => {
            Some(MovingProblem::new(line, heading, &value, reason))
        }
        _ => None,
    });
    let told: Vec<MovingProblem> = told.take(HEADING_PROBLEMS).collect();
    if !told.is_empty() {
        return told;
    }
    let reason = "The file has no heading row of numbers. The first line has telephoneNumber, accountName and the other \
                  headings of the export of numbers.";
    vec![MovingProblem::new(1, "", "", reason)]
}

impl NumbersCsv {
    /// Lines that were read until now.
    #[must_use]
    pub const fn lines(&self) -> u32 {
        self.lines
    }

    /// Whether the headings are none of numbers, so that nothing of the file can be read.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Reads the next block of whole records.
    pub fn block(&mut self, text: &str) -> Vec<Incoming<IncomingNumber>> {
        let text = if self.headings.is_none() { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        let (whole, skipped) = match &self.headings {
            Some(headings) => (format!("{headings}{text}"), count(headings)),
            None => (text.to_owned(), 0),
        };
        if self.headings.is_none() {
            let blank: usize = text.split_inclusive('\n').take_while(|line| line.trim().is_empty()).map(str::len).sum();
            let behind = text.get(blank..).unwrap_or_default();
            let first = behind.split_inclusive('\n').next().unwrap_or_default();
            self.headings = Some(text.get(..blank + first.len()).unwrap_or_default().to_owned());
        }
        let before = self.lines;
        self.lines = before.saturating_add(count(text));
        let place = |line: u32| line.saturating_sub(skipped).saturating_add(before);
        let reader = Reader::exported(&whole);
        if !reader.has_columns() || reader.unclear().is_some() {
            self.refused = true;
            return vec![Incoming::Problems(headings_refused(reader))];
        }
        reader
            .map(|line| match line {
                Line::Problem(problem) => {
                    let field = problem.heading.unwrap_or_default();
                    let problem = MovingProblem::new(place(problem.line), field, &problem.value, problem.reason);
                    Incoming::Problems(vec![problem])
                }
                Line::Note(_) => Incoming::Problems(Vec::new()),
                Line::Number(row) => {
                    let line = place(row.line);
                    let Some(account) = row.account else {
                        let reason = "The line names no account. Fill the accountName column.";
                        let problem = MovingProblem::new(line, "accountName", &row.number.to_string(), reason);
                        return Incoming::Problems(vec![problem]);
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
            })
            .collect()
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
