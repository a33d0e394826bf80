//! The rows of a review: ranges, changes, and what cannot be taken.

use crate::domain::NumberSettings;
use crate::domain::rules::Difference;
use crate::domain::upload::file_and_line;
use crate::portal::show::{count, counted};
use crate::service::orders::{ChangeGroup, ItemRange, ProblemRun, REVIEW_SHOWN, RefusedRange, Review, Run};

pub(super) struct RangeRow {
    pub(super) first: String,
    pub(super) last: String,
    pub(super) count: String,
    pub(super) account: String,
    pub(super) settings: String,
}

pub(super) struct ChangeRow {
    pub(super) count: String,
    /// The first and last of numbers in a row; no last where it is one.
    pub(super) runs: Vec<(String, String)>,
    /// How many more ranges there are, in words; empty for none.
    pub(super) more: String,
    pub(super) differences: Vec<Difference>,
}

pub(super) struct LineRow {
    pub(super) seq: i64,
    pub(super) line: i64,
    /// The last of several lines; 0 where it is one.
    pub(super) last_line: i64,
    /// How many there are; empty where it is one.
    pub(super) count: String,
    /// What stands on the first lines where there are several, and on the last.
    pub(super) values: Vec<String>,
    pub(super) last_value: String,
    /// The file, where there are several.
    pub(super) file: String,
    pub(super) heading: String,
    pub(super) value: String,
    pub(super) reason: String,
    pub(super) proposal: String,
}

pub(super) struct RefusedRow {
    pub(super) e164: String,
    pub(super) shown: String,
    /// The last of them; empty where it is one.
    pub(super) last: String,
    pub(super) count: String,
    pub(super) line: i64,
    /// The file, where there are several.
    pub(super) file: String,
    pub(super) account: String,
    pub(super) reason: String,
}

impl LineRow {
    pub(super) fn new(run: &ProblemRun, review: &Review) -> Self {
        let problem = &run.first;
        let several = run.count > 1;
        Self {
            seq: problem.seq,
            line: file_and_line(problem.line).1,
            last_line: if run.last.line == problem.line { 0 } else { file_and_line(run.last.line).1 },
            count: if several { count(run.count) } else { String::new() },
            values: run.values.clone(),
            last_value: run.last.value.clone(),
            file: review.file_of(problem.line),
            heading: problem.heading.clone().unwrap_or_default(),
            value: problem.value.clone(),
            reason: problem.reason.clone(),
            proposal: problem.proposal.clone().unwrap_or_default(),
        }
    }

    /// Whether the same stands on all of them.
    pub(super) fn is_of_one_value(&self) -> bool {
        self.values.iter().all(|value| *value == self.last_value)
    }
}

impl From<&ItemRange> for RangeRow {
    fn from(range: &ItemRange) -> Self {
        Self {
            first: range.first.grouped(),
            last: if range.count > 1 { range.last.grouped() } else { String::new() },
            count: count(range.count),
            account: range.account.clone(),
            settings: in_short(&range.settings),
        }
    }
}

impl RefusedRow {
    pub(super) fn new(range: &RefusedRange, review: &Review) -> Self {
        Self {
            e164: range.first.to_string(),
            shown: range.first.grouped(),
            last: if range.count > 1 { range.last.grouped() } else { String::new() },
            count: count(range.count),
            line: file_and_line(range.line).1,
            file: review.file_of(range.line),
            account: range.account.clone().unwrap_or_default(),
            reason: range.reason.clone(),
        }
    }
}

impl From<&ChangeGroup> for ChangeRow {
    fn from(group: &ChangeGroup) -> Self {
        let mut differences = group.differences.clone();
        if differences.is_empty() {
            differences.push(Difference {
                label: "Nothing",
                before: "failed, or not at the backend as it should be".to_owned(),
                after: "is sent again".to_owned(),
            });
        }
        let shown = |run: &Run| {
            let last = if run.first == run.last { String::new() } else { run.last.grouped() };
            (run.first.grouped(), last)
        };
        let first = Run { first: group.example, last: group.example };
        let runs = if group.runs.is_empty() { std::slice::from_ref(&first) } else { group.runs.as_slice() };
        Self {
            count: counted(group.count, "number", "numbers"),
            runs: runs.iter().map(shown).collect(),
            more: if group.more_runs > 0 {
                counted(group.more_runs as i64, "more range", "more ranges")
            } else {
                String::new()
            },
            differences,
        }
    }
}

/// The settings that tell ranges apart at a glance.
fn in_short(settings: &NumberSettings) -> String {
    let mut parts = vec![settings.services.labels().into_owned(), settings.teams.usage.clone()];
    parts.push(settings.teams.choosable_capabilities.join(" + "));
    parts.extend(settings.custom_sip_header.iter().map(|header| format!("SIP header {header}")));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// "50 of 2,000 lines", or nothing where that is all. What is parted is more than one.
pub(super) fn of_all(shown: i64, all: i64, what: &str) -> String {
    if shown < all { format!("{} of {} {what}", count(shown), count(all)) } else { String::new() }
}

/// "50 of 2,000 lines are", or nothing where that is all.
pub(super) fn are_of_all(shown: i64, all: i64, what: &str) -> String {
    match of_all(shown, all, what) {
        part if part.is_empty() => part,
        part => format!("{part} {}", if shown == 1 { "is" } else { "are" }),
    }
}

/// Ranges of a draft, from the first or from further on.
pub(super) struct Ranges {
    pub(super) rows: Vec<RangeRow>,
    pub(super) said: String,
    pub(super) first: String,
    pub(super) next: String,
}

impl Ranges {
    /// The first of a review, or those behind `after`.
    pub(super) fn new(order: i64, found: &[ItemRange], all: i64, after: bool) -> Self {
        let shown: Vec<&ItemRange> = found.iter().take(REVIEW_SHOWN).collect();
        let next = shown.last().filter(|_| found.len() > REVIEW_SHOWN);
        let page = |range: &&ItemRange| format!("/orders/{order}/review?page=after.{}#ranges", range.last.as_i64());
        let numbers: i64 = shown.iter().map(|range| range.count).sum();
        let ranges = counted(shown.len() as i64, "range", "ranges");
        let part = of_all(numbers, all, "numbers");
        Self {
            said: if part.is_empty() {
                part
            } else {
                format!("{ranges} here, with {part}; the report has every number")
            },
            first: if after { format!("/orders/{order}/review#ranges") } else { String::new() },
            next: next.map(page).unwrap_or_default(),
            rows: shown.into_iter().map(RangeRow::from).collect(),
        }
    }
}
