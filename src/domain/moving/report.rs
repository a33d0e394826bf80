//! What an import found: how many, and what could not be taken.

use serde::{Deserialize, Serialize};

use crate::domain::upload::shown;

/// The most characters of a reason.
const REASON_SHOWN: usize = 600;

/// Why something could not be taken, or not as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MovingProblem {
    /// The file or page.
    pub place: String,
    /// The line of the file or the item of the page, from 1; 0 where it is about the whole.
    pub line: u32,
    /// The heading or property; empty where it is about the whole.
    pub field: String,
    /// What stands there.
    pub value: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl MovingProblem {
    /// A problem that repeats no more of value and reason than people read.
    #[must_use]
    pub fn new(line: u32, field: impl Into<String>, value: &str, reason: impl AsRef<str>) -> Self {
        let reason = reason.as_ref();
        let reason = match reason.char_indices().nth(REASON_SHOWN) {
            None => reason.to_owned(),
            Some((end, _)) => format!("{}\u{2026}", reason.get(..end).unwrap_or_default()),
        };
        Self { place: String::new(), line, field: field.into(), value: shown(value), reason }
    }

    /// The same in this file or on this page.
    #[must_use]
    pub fn at(self, place: &str) -> Self {
        Self { place: place.to_owned(), ..self }
    }

    /// Where it is, in words.
    #[must_use]
    pub fn whereabouts(&self) -> String {
        let line = match self.line {
            0 => String::new(),
            line if has_lines(&self.place) => format!("line {line}"),
            line => format!("item {line}"),
        };
        let parts = [self.place.as_str(), line.as_str(), self.field.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// What the names of files end with that have lines, and no items.
const WITH_LINES: [&str; 6] = [".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm"];

fn has_lines(place: &str) -> bool {
    let place = place.to_ascii_lowercase();
    WITH_LINES.into_iter().any(|ending| place.ends_with(ending))
}

/// How many of one kind were read, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// Those that were read.
    pub read: u64,
    /// Those that are new here.
    pub new: u64,
    /// Those that are here already.
    pub here: u64,
    /// Those that stood in the source before.
    pub repeated: u64,
    /// Those that were not taken.
    pub left_out: u64,
}

/// What an import read, and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Accounts.
    pub accounts: Tally,
    /// Numbers.
    pub numbers: Tally,
    /// Everything that was told, also what is not kept.
    pub problems: u64,
}
