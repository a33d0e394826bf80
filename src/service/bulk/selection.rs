//! Which numbers somebody means: ticked ones, all that match, or those of a text.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::field::thousands;
use crate::domain::upload::{Choices, Column, Line, LineNote, Means, Part, Reader, shown};
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
    /// Those that stand in a text, as a list or in a column.
    Written {
        /// The text.
        text: Arc<str>,
        /// Whether it is that of a file.
        is_file: bool,
        /// What was said of its columns.
        choices: Choices,
    },
}

/// Some of the numbers that are meant, and what cannot be found of them.
#[derive(Default)]
pub(super) struct Chosen {
    /// Numbers as they are, each with its line; 0 where there are no lines.
    pub(super) numbers: Vec<(u32, Number)>,
    pub(super) problems: Vec<NewProblem>,
    /// How lines were read that a person should see.
    pub(super) notes: Vec<LineNote>,
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
            Self::Matching(_) | Self::Written { .. } => Vec::new(),
        }
    }

    /// Begins to read them; `listed` is what [`Selection::listed`] gives, and `most` how many an order takes.
    pub(super) fn chooser<'a>(&'a self, listed: &'a [(u32, E164)], most: usize) -> Chooser<'a> {
        match self {
            Self::Numbers(..) => Chooser::Listed(listed),
            Self::Matching(filter) => Chooser::Matching(filter, Some(Page::First)),
            Self::Written { text, is_file, choices } => {
                let name = if *is_file { "file" } else { "" };
                Chooser::Written(Box::new(Reader::of(Part { name, text }, most, choices)))
            }
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
                found(tx, now.to_vec(), Read::default()).await.map(Some)
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
                Ok(Some(Chosen { numbers, ..Chosen::default() }))
            }
            Self::Written(reader) => {
                let lines = reader.chunk();
                if lines.is_empty() {
                    return Ok(None);
                }
                let (mut listed, mut read) = (Vec::new(), Read::of(reader));
                for line in lines {
                    match line {
                        Line::Number(row) => {
                            listed.push((row.line, row.number));
                            if let Some(account) = row.account {
                                read.accounts.insert(row.number, account);
                            }
                        }
                        Line::Problem(problem) => read.problems.push(problem.into()),
                        Line::Note(note) => read.notes.push(note),
                    }
                }
                let chosen = found(tx, listed, read).await?;
                reader.refuse(chosen.problems.len());
                Ok(Some(chosen))
            }
        }
    }
}

/// What was read beside the numbers.
#[derive(Default)]
struct Read {
    problems: Vec<NewProblem>,
    notes: Vec<LineNote>,
    /// The account that a file gives a number to.
    accounts: HashMap<E164, String>,
    /// The heading above these accounts.
    heading: Option<String>,
}

impl Read {
    fn of(reader: &Reader<'_>) -> Self {
        let headings = reader.headings().into_iter().flat_map(|row| &row.headings);
        let mut of_accounts = headings.filter(|heading| heading.means == Means::Column(Column::AccountName));
        Self { heading: of_accounts.next().map(|heading| heading.text.clone()), ..Self::default() }
    }
}

/// Looks these numbers up; what nobody has is a problem, and so is one that the file gives to another account than has it.
async fn found(tx: &mut Tx, mut listed: Vec<(u32, E164)>, read: Read) -> Result<Chosen> {
    let Read { mut problems, notes, accounts, heading } = read;
    listed.sort_unstable_by_key(|(_, number)| *number);
    let wanted: Vec<E164> = listed.iter().map(|(_, number)| *number).collect();
    let mut known = tx.numbers_among(&wanted).await?.into_iter().peekable();
    let mut numbers = Vec::with_capacity(listed.len());
    let problem = |line, heading, value, reason| NewProblem { line, heading, value, reason, record: None, mend: None };
    for (line, wanted) in listed {
        let Some(number) = known.next_if(|number| number.telephone_number == wanted) else {
            let reason = "No account has this number. Correct it, or leave it out.".to_owned();
            problems.push(problem(line, None, wanted.to_string(), reason));
            continue;
        };
        match accounts.get(&wanted).filter(|account| ***account != *number.account) {
            None => numbers.push((line, number)),
            Some(account) => {
                let reason = format!(
                    "The file gives this number to account {}, and it is on account {}. Correct the line, or leave it out.",
                    shown(account),
                    number.account
                );
                problems.push(problem(line, heading.clone(), wanted.to_string(), reason));
            }
        }
    }
    problems.sort_by_key(|problem| problem.line);
    Ok(Chosen { numbers, problems, notes })
}

/// Says that a selection is more than one order takes.
pub(super) fn too_many(most: usize) -> Error {
    Error::Conflict(format!(
        "More numbers match than one order takes, which is {}. Filter further.",
        thousands(most as i64)
    ))
}
