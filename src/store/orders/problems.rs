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
    // Where runs begin: lines behind each other that cannot be taken for the same reason, and for which nothing is proposed.
    RUNS = "
        SELECT w.seq
        FROM (
            SELECT
                p.seq, p.line, p.reason, COALESCE(p.heading, '') AS heading, p.proposal,
                LAG(p.line) OVER (ORDER BY p.seq) AS line_before,
                LAG(p.reason) OVER (ORDER BY p.seq) AS reason_before,
                LAG(COALESCE(p.heading, '')) OVER (ORDER BY p.seq) AS heading_before,
                LAG(p.proposal) OVER (ORDER BY p.seq) AS proposal_before
            FROM order_problems p
            WHERE p.order_id = $1
        ) AS w
        WHERE w.line_before IS NULL
          OR w.reason <> w.reason_before
          OR w.heading <> w.heading_before
          OR w.proposal IS NOT NULL
          OR w.proposal_before IS NOT NULL
          OR w.line < w.line_before
          OR w.line > w.line_before + 1
        ORDER BY w.seq
        LIMIT $2";
    LAST = "SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM order_problems WHERE order_id = $1";
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

/// Lines behind each other that cannot be taken for the same reason.
#[derive(Clone, Debug)]
pub struct ProblemRun {
    /// The first of them.
    pub first: ProblemRow,
    /// What stands on the next ones, as far as a few are shown.
    pub values: Vec<String>,
    /// The last of them.
    pub last: ProblemRow,
    /// How many.
    pub count: i64,
}

/// So few lines are told one by one.
const FEW: i64 = 3;

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

    /// The first lines that could not be taken, many behind each other with the same reason as one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn problem_runs(&mut self, order_id: i64, most: usize) -> Result<Vec<ProblemRun>> {
        let begins: Vec<i64> =
            on!(self, |c| sqlx::query_scalar(RUNS).bind(order_id).bind(most as i64 + 1).fetch_all(c).await)?;
        let last: i64 = on!(self, |c| sqlx::query_scalar(LAST).bind(order_id).fetch_one(c).await)?;
        let ends = begins.iter().skip(1).map(|next| next - 1).chain(std::iter::once(last));
        let mut runs = Vec::new();
        for (first, last) in begins.iter().copied().zip(ends).take(most) {
            if runs.len() >= most {
                break;
            }
            let rows = self.order_problems(order_id, first - 1, FEW.min(last - first + 1)).await?;
            if last - first < FEW {
                let alone =
                    |row: ProblemRow| ProblemRun { last: row.clone(), first: row, values: Vec::new(), count: 1 };
                runs.extend(rows.into_iter().map(alone));
                continue;
            }
            let end = self.order_problems(order_id, last - 1, 1).await?;
            let values = rows.iter().map(|row| row.value.clone()).collect();
            if let (Some(first), Some(end)) = (rows.into_iter().next(), end.into_iter().next()) {
                let count = end.seq - first.seq + 1;
                runs.push(ProblemRun { first, values, last: end, count });
            }
        }
        runs.truncate(most);
        Ok(runs)
    }
}
