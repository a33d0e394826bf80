//! What is said once of many numbers: a range that is refused is one line, and so are accounts that lines do not name.

use crate::domain::E164;
use crate::domain::upload::{LineNote, file_and_line};
use crate::store::NewProblem;

/// What is wrong with the numbers of a line, as long as it is the same with each.
pub(in crate::service) struct Folding {
    line: u32,
    first: E164,
    last: E164,
    pub(in crate::service) problems: Vec<NewProblem>,
}

impl Folding {
    /// Adds a number to those before it on the same line.
    ///
    /// # Errors
    /// Gives those before it back, and itself, where they are not the same.
    pub(in crate::service) fn with(
        before: &mut Option<Self>,
        (line, number): (u32, E164),
        found: Vec<NewProblem>,
    ) -> Result<(), (Option<Self>, Self)> {
        let now = Self { line, first: number, last: number, problems: found };
        match before {
            Some(folding) if folding.goes_on(&now) => {
                folding.last = now.last;
                Ok(())
            }
            _ => Err((before.take(), now)),
        }
    }

    fn goes_on(&self, next: &Self) -> bool {
        let is_same = |(one, other): (&NewProblem, &NewProblem)| {
            let of_number = one.value == self.first.to_string() && other.value == next.first.to_string();
            one.reason == other.reason && one.heading == other.heading && (one.value == other.value || of_number)
        };
        self.line == next.line
            && self.last.next() == Some(next.first)
            && self.problems.len() == next.problems.len()
            && self.problems.iter().zip(&next.problems).all(is_same)
    }

    /// What is wrong with all of them.
    pub(in crate::service) fn finished(self) -> Vec<NewProblem> {
        let Self { first, last, mut problems, .. } = self;
        if first != last {
            for problem in problems.iter_mut().filter(|problem| problem.value == first.to_string()) {
                problem.value = format!("{first}-{last}");
            }
        }
        problems
    }
}

/// Lines whose account cell is blank although their file has a column of accounts.
pub(super) struct Nameless {
    pub(super) first: u32,
    pub(super) number: E164,
    pub(super) count: u64,
}

impl Nameless {
    /// What is said of them.
    pub(super) fn note(&self, account: &str) -> LineNote {
        let Self { first, number, count } = self;
        let (_, line) = file_and_line((*first).into());
        let text = if *count == 1 {
            format!("The cell of the account is blank: the number is taken for account {account}, which the form says.")
        } else {
            format!(
                "The cell of the account is blank from line {line} on for {count} numbers: they are taken for account {account}, \
                 which the form says."
            )
        };
        LineNote { line: *first, value: number.to_string(), text }
    }
}
