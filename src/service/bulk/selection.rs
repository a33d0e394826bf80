//! Which numbers somebody means: ticked ones, all that match, or those of a text.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::columns::part;
use crate::domain::field::thousands;
use crate::domain::upload::{Choices, Column, Line, LineNote, Means, Reader, record_at, shown};
use crate::domain::{E164, Number};
use crate::service::orders::KeptLines;
use crate::service::staging::KeptFile;
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
pub(super) struct Chosen<'a> {
    /// Numbers as they are, each with its line; 0 where there are no lines.
    pub(super) numbers: Vec<(u32, Number)>,
    /// Lines that could not be read.
    pub(super) problems: Vec<NewProblem>,
    /// Numbers that were read and cannot be taken.
    pub(super) refused: Vec<RefusedNumber>,
    /// How lines were read that a person should see.
    pub(super) notes: Vec<LineNote>,
    /// What stands on the lines.
    pub(super) records: Records<'a>,
}

/// A number that cannot be taken, with all that is wrong with it.
pub(super) struct RefusedNumber {
    pub(super) line: u32,
    pub(super) number: E164,
    pub(super) problems: Vec<NewProblem>,
}

/// What stands on lines that have cells.
#[derive(Default)]
pub(super) enum Records<'a> {
    #[default]
    None,
    /// That of a text whose lines begin at these bytes.
    Read { text: &'a str, delimiter: u8, starts: HashMap<u32, usize> },
    /// That of the text that was kept with the draft.
    Kept(&'a KeptLines),
}

impl Records<'_> {
    /// The cells of a line, as JSON.
    pub(super) fn of(&self, line: u32) -> Option<String> {
        let cells = match self {
            Self::None => None,
            Self::Read { text, delimiter, starts } => record_at(text, *starts.get(&line)?, *delimiter),
            Self::Kept(lines) => lines.cells(line.into()),
        };
        serde_json::to_string(&cells?).ok()
    }
}

/// The numbers that are meant, some at a time.
pub(super) enum Chooser<'a> {
    /// What is left of a list, and the text that it once was read from.
    Listed(&'a [(u32, E164)], Option<&'a KeptLines>),
    /// Those that match, from this page on.
    Matching(&'a NumberFilter, Option<Page<E164>>),
    /// Those of a text.
    Written(Box<Reader<'a>>, &'a str),
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
            Self::Numbers(..) => Chooser::Listed(listed, None),
            Self::Matching(filter) => Chooser::Matching(filter, Some(Page::First)),
            Self::Written { text, is_file, choices } => {
                let reader = Reader::of(part(text, *is_file), most, choices);
                Chooser::Written(Box::new(reader), text.strip_prefix('\u{feff}').unwrap_or(text))
            }
        }
    }

    /// What is kept of a text whose lines have cells under headings.
    pub(super) fn file(&self) -> Option<KeptFile> {
        let Self::Written { text, is_file, choices } = self else { return None };
        let reader = Reader::of(part(text, *is_file), 1, choices);
        let row = reader.headings().filter(|row| row.is_clear())?;
        let mut file = KeptFile::new("", Some(row));
        file.bytes = text.len();
        Some(file)
    }
}

impl<'a> Chooser<'a> {
    /// Reads the next numbers; nothing at the end.
    pub(super) async fn next(&mut self, tx: &mut Tx) -> Result<Option<Chosen<'a>>> {
        match self {
            Self::Listed([], _) => Ok(None),
            Self::Listed(listed, kept) => {
                let (now, later) = listed.split_at(CHUNK.min(listed.len()));
                *listed = later;
                let records = kept.map_or(Records::None, Records::Kept);
                let chosen = found(tx, now.to_vec(), Read::default()).await?;
                Ok(Some(Chosen { records, ..chosen }))
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
            Self::Written(reader, text) => {
                let lines = reader.chunk();
                if lines.is_empty() {
                    return Ok(None);
                }
                let (mut listed, mut read) = (Vec::new(), Read::of(reader));
                let (delimiter, has_cells, mut starts) = (reader.delimiter(), reader.has_columns(), HashMap::new());
                for line in lines {
                    match line {
                        Line::Number(row) => {
                            if has_cells {
                                starts.insert(row.line, row.start);
                            }
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
                let refused: HashSet<u32> = chosen.refused.iter().map(|refused| refused.line).collect();
                reader.refuse(refused.len());
                Ok(Some(Chosen { records: Records::Read { text, delimiter, starts }, ..chosen }))
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
async fn found<'a>(tx: &mut Tx, mut listed: Vec<(u32, E164)>, read: Read) -> Result<Chosen<'a>> {
    let Read { problems, notes, accounts, heading } = read;
    listed.sort_unstable_by_key(|(_, number)| *number);
    let wanted: Vec<E164> = listed.iter().map(|(_, number)| *number).collect();
    let mut known = tx.numbers_among(&wanted).await?.into_iter().peekable();
    let mut numbers = Vec::with_capacity(listed.len());
    let mut refused = Vec::new();
    let mut refuse = |line, number: E164, heading, reason| {
        let value = number.to_string();
        let problems = vec![NewProblem { line, heading, value, reason, record: None, mend: None }];
        refused.push(RefusedNumber { line, number, problems });
    };
    for (line, wanted) in listed {
        let Some(number) = known.next_if(|number| number.telephone_number == wanted) else {
            refuse(line, wanted, None, "No account has this number. Correct it, or leave it out.".to_owned());
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
                refuse(line, wanted, heading.clone(), reason);
            }
        }
    }
    Ok(Chosen { numbers, problems, refused, notes, records: Records::None })
}

/// Says that a selection is more than one order takes.
pub(super) fn too_many(most: usize) -> Error {
    Error::Conflict(format!(
        "More numbers match than one order takes, which is {}. Filter further.",
        thousands(most as i64)
    ))
}
