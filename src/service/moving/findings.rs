//! What an import tells: counts, and problems up to a bound.

use crate::domain::moving::{Counts, MovingProblem};

/// The most problems that are kept of one import; the others are counted.
pub const PROBLEMS_KEPT: usize = 10_000;

/// What an import found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was read, and what became of it.
    pub counts: Counts,
    /// What could not be taken, or not as it was; the first of them.
    pub problems: Vec<MovingProblem>,
}

/// What an import has found until now.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) counts: Counts,
    problems: Vec<MovingProblem>,
    /// How many of the problems are stored.
    saved: usize,
}

impl Findings {
    pub(super) fn add(&mut self, problem: MovingProblem) {
        self.counts.problems += 1;
        if self.problems.len() < PROBLEMS_KEPT {
            self.problems.push(problem);
        }
    }

    pub(super) fn add_all(&mut self, problems: impl IntoIterator<Item = MovingProblem>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }

    /// How many more are kept.
    pub(super) fn room(&self) -> usize {
        PROBLEMS_KEPT.saturating_sub(self.problems.len())
    }

    /// What is not stored yet.
    pub(super) fn unsaved(&self) -> &[MovingProblem] {
        self.problems.get(self.saved..).unwrap_or_default()
    }

    pub(super) fn all_saved(&mut self) {
        self.saved = self.problems.len();
    }

    pub(super) fn into_report(self) -> Report {
        Report { counts: self.counts, problems: self.problems }
    }
}
