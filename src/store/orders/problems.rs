//! The lines of an upload that could not be taken.

use sqlx::FromRow;

use crate::domain::upload::{LineProblem, Mend};
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    PROBLEMS = "
        SELECT seq, line, heading, value, reason, record, kind, proposal
        FROM order_problems
        WHERE order_id = $1
          AND seq > $2
        ORDER BY seq
        LIMIT $3";
}

/// A line of an upload that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProblem {
    /// Line of the upload, from 1.
    pub line: u32,
    /// Heading of the column, where there are columns.
    pub heading: Option<String>,
    /// What stands there, shortened.
    pub value: String,
    /// What is wrong and what would be right.
    pub reason: String,
    /// The cells of the line as JSON, with the first problem of a line that has cells.
    pub record: Option<String>,
    /// How it may be mended, where it is an entry that was refused.
    pub mend: Option<Box<Mend>>,
}

impl From<LineProblem> for NewProblem {
    fn from(problem: LineProblem) -> Self {
        Self {
            line: problem.line,
            heading: problem.heading,
            value: problem.value,
            reason: problem.reason,
            record: problem.record.map(|cells| serde_json::to_string(&cells).unwrap_or_default()),
            mend: problem.mend,
        }
    }
}

/// A stored problem.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "the fields are those of NewProblem, with their place in the list")]
pub struct ProblemRow {
    pub seq: i64,
    pub line: i64,
    pub heading: Option<String>,
    pub value: String,
    pub reason: String,
    pub record: Option<String>,
    pub kind: Option<String>,
    pub proposal: Option<String>,
}

/// Rows in one insert: eleven binds each, under SQLite's limit of 32,766.
const ROWS: usize = 2_000;

impl Tx {
    /// Stores the lines that could not be taken; `first` is the place of the first in the list.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert_problems(&mut self, order_id: i64, first: i64, problems: &[NewProblem]) -> Result<()> {
        for (index, chunk) in problems.chunks(ROWS).enumerate() {
            on!(self, |c| {
                let mut insert = sqlx::QueryBuilder::new(
                    "INSERT INTO order_problems \
                     (order_id, seq, line, heading, value, reason, record, kind, proposal, place_start, place_end) ",
                );
                insert.push_values(chunk.iter().enumerate(), |mut row, (place, problem)| {
                    row.push_bind(order_id)
                        .push_bind(first + (index * ROWS + place) as i64)
                        .push_bind(i64::from(problem.line))
                        .push_bind(problem.heading.clone())
                        .push_bind(problem.value.clone())
                        .push_bind(problem.reason.clone())
                        .push_bind(problem.record.clone());
                    let mend = problem.mend.as_deref();
                    let place = |byte: usize| i64::try_from(byte).unwrap_or(i64::MAX);
                    row.push_bind(mend.map(|mend| mend.kind.key()))
                        .push_bind(mend.and_then(|mend| mend.proposal.clone()))
                        .push_bind(mend.map(|mend| place(mend.start)))
                        .push_bind(mend.map(|mend| place(mend.end)));
                });
                insert.build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// The lines that could not be taken, in order behind `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn order_problems(&mut self, order_id: i64, after: i64, limit: i64) -> Result<Vec<ProblemRow>> {
        Ok(on!(self, |c| sqlx::query_as(PROBLEMS).bind(order_id).bind(after).bind(limit).fetch_all(c).await)?)
    }
}
