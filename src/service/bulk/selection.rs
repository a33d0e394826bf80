//! Which numbers somebody means: ticked ones, all that match, or those of a text.

use std::sync::Arc;

use crate::domain::field::thousands;
use crate::domain::upload::{Line, Reader};
use crate::domain::{E164, Number};
use crate::service::{Error, Result};
use crate::store::{NewProblem, NumberFilter, Page, Tx};

/// Numbers that are read at a time.
const CHUNK: usize = 2_000;

/// Which numbers are meant.
#[derive(Clone, Debug)]
pub enum Selection {
    /// These, as far as they are on the account where one is named.
    Numbers(Option<String>, Vec<E164>),
    /// All that match.
    Matching(Box<NumberFilter>),
    /// Those that stand in this text, as a list or in a column of a file.
    Written(Arc<str>),
}

/// Some of the numbers that are meant, and what cannot be found of them.
#[derive(Default)]
pub(super) struct Chosen {
    /// Numbers as they are, each with its line; 0 where there are no lines.
    pub(super) numbers: Vec<(u32, Number)>,
    pub(super) problems: Vec<NewProblem>,
}

/// The numbers that are meant, some at a time.
pub(super) enum Chooser<'a> {
    /// What is left of a list.
    Listed(&'a [(u32, E164)]),
    /// Those that match, from this page on.
    Matching(&'a NumberFilter, Option<Page<E164>>),
    /// Those of a text.
    Written(Box<Reader<'a>>),
}

impl Selection {
    /// The numbers of a list, without a line.
    pub(super) fn listed(&self) -> Vec<(u32, E164)> {
        match self {
            Self::Numbers(_, numbers) => {
                let mut listed: Vec<(u32, E164)> = numbers.iter().map(|number| (0, *number)).collect();
                listed.sort_unstable();
                listed.dedup();
                listed
            }
            Self::Matching(_) | Self::Written(_) => Vec::new(),
        }
    }

    /// Begins to read them; `listed` is what [`Selection::listed`] gives, and `most` how many an order takes.
    pub(super) fn chooser<'a>(&'a self, listed: &'a [(u32, E164)], most: usize) -> Chooser<'a> {
        match self {
            Self::Numbers(..) => Chooser::Listed(listed),
            Self::Matching(filter) => Chooser::Matching(filter, Some(Page::First)),
            Self::Written(text) => Chooser::Written(Box::new(Reader::new(text, most))),
        }
    }
}

impl Chooser<'_> {
    /// Reads the next numbers; nothing at the end.
    pub(super) async fn next(&mut self, tx: &mut Tx) -> Result<Option<Chosen>> {
        match self {
            Self::Listed([]) => Ok(None),
            Self::Listed(listed) => {
                let (now, later) = listed.split_at(CHUNK.min(listed.len()));
                *listed = later;
                found(tx, now.to_vec(), Vec::new()).await.map(Some)
            }
            Self::Matching(filter, next) => {
                let Some(page) = next.take() else { return Ok(None) };
                let found = tx.numbers_page(filter, page, CHUNK).await?;
                *next = found
                    .numbers
                    .last()
                    .filter(|_| found.more_after)
                    .map(|number| Page::After(number.telephone_number));
                let numbers = found.numbers.into_iter().map(|number| (0, number)).collect();
                Ok(Some(Chosen { numbers, problems: Vec::new() }))
            }
            Self::Written(reader) => {
                let lines = reader.chunk();
                if lines.is_empty() {
                    return Ok(None);
                }
                let (mut listed, mut problems) = (Vec::new(), Vec::new());
                for line in lines {
                    match line {
                        Line::Number(row) => listed.push((row.line, row.number)),
                        Line::Problem(problem) => problems.push(problem.into()),
                        // The review shows each range with its ends.
                        Line::Note(_) => {}
                    }
                }
                let chosen = found(tx, listed, problems).await?;
                reader.refuse(chosen.problems.len());
                Ok(Some(chosen))
            }
        }
    }
}

/// Looks these numbers up; what nobody has is a problem.
async fn found(tx: &mut Tx, mut listed: Vec<(u32, E164)>, mut problems: Vec<NewProblem>) -> Result<Chosen> {
    listed.sort_unstable_by_key(|(_, number)| *number);
    let wanted: Vec<E164> = listed.iter().map(|(_, number)| *number).collect();
    let mut known = tx.numbers_among(&wanted).await?.into_iter().peekable();
    let mut numbers = Vec::with_capacity(listed.len());
    for (line, wanted) in listed {
        match known.next_if(|number| number.telephone_number == wanted) {
            Some(number) => numbers.push((line, number)),
            None => problems.push(NewProblem {
                line,
                heading: None,
                value: wanted.to_string(),
                reason: "No account has this number. Correct it, or leave it out.".to_owned(),
                record: None,
                mend: None,
            }),
        }
    }
    problems.sort_by_key(|problem| problem.line);
    Ok(Chosen { numbers, problems })
}

/// Says that a selection is more than one order takes.
pub(super) fn too_many(most: usize) -> Error {
    Error::Conflict(format!(
        "More numbers match than one order takes, which is {}. Filter further.",
        thousands(most as i64)
    ))
}
