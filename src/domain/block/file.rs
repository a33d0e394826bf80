//! Blocks as CSV: `first,last,country,kind,note`, a block a line.

use super::{Block, BlockForm, MOST_BLOCKS};
use crate::domain::field::counted;
use crate::domain::upload::LineProblem;

/// The headings, in the order in which they are written.
pub const HEADINGS: [&str; 5] = ["first", "last", "country", "kind", "note"];
/// Problems that are told at once.
const MOST_PROBLEMS: usize = 1_000;

/// The same words as other systems have them, folded.
const SYNONYMS: [(&str, &str); 6] = [
    ("start", "first"),
    ("end", "last"),
    ("startingnumber", "first"),
    ("endingnumber", "last"),
    ("type", "kind"),
    ("description", "note"),
];

/// The cells of a block under the headings, such that they can be read again.
#[must_use]
pub fn cells(block: &Block) -> [String; 5] {
    let BlockForm { first, last, country, kind, note } = BlockForm::from(block);
    [first, last, country, kind, note]
}

/// A block of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileBlock {
    /// Line it stands on, from 1.
    pub line: u32,
    /// The block.
    pub block: Block,
}

/// Reads a file of blocks.
///
/// # Errors
/// Everything that is wrong with it, in the order of the lines.
pub fn read(text: &str) -> Result<Vec<FileBlock>, Vec<LineProblem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes())
        .into_records();
    let columns = match records.next() {
        Some(Ok(record)) => columns(&record)?,
        _ => return Err(vec![LineProblem::new(1, "", NO_HEADINGS)]),
    };
    let (mut blocks, mut problems) = (Vec::new(), Vec::new());
    let mut lines = Lines::new(text);
    for record in records {
        if problems.len() >= MOST_PROBLEMS || blocks.len() > MOST_BLOCKS {
            break;
        }
        let Ok(record) = record else { continue };
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = lines.of(record.position());
        match block(&record, &columns, line) {
            Ok(block) => blocks.push(FileBlock { line, block }),
            Err(found) => problems.extend(found),
        }
    }
    if blocks.len() > MOST_BLOCKS {
        problems.push(LineProblem::new(0, "", format!("The file has more than {MOST_BLOCKS} blocks. Split it.")));
    }
    problems.extend(overlaps(&blocks));
    problems.sort_by_key(|problem| problem.line);
    problems.truncate(MOST_PROBLEMS);
    if blocks.is_empty() && problems.is_empty() {
        problems.push(LineProblem::new(1, "", "There is no block behind the heading row."));
    }
    if problems.is_empty() { Ok(blocks) } else { Err(problems) }
}

const NO_HEADINGS: &str = "The first line has the headings first,last,country,kind,note; at least first and last.";

/// Tells on which lines records begin, one after the other.
struct Lines<'a> {
    bytes: &'a [u8],
    /// How much was counted, and the line there.
    counted: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), counted: 0, line: 1 }
    }

    /// The reader tells the place right behind the record before, which is still in front of the line feed of a CRLF and of
    /// blank lines.
    fn of(&mut self, position: Option<&csv::Position>) -> u32 {
        let start = position.map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        let behind = self.bytes.get(start..).unwrap_or_default();
        let start = start + behind.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let between = self.bytes.get(self.counted..start).unwrap_or_default();
        self.line += u32::try_from(between.split(|byte| *byte == b'\n').count() - 1).unwrap_or(0);
        self.counted = start;
        self.line
    }
}

/// What parts the cells, as the first line has it.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    [b',', b';', b'\t'].into_iter().find(|mark| first.as_bytes().contains(mark)).unwrap_or(b',')
}

fn folded(heading: &str) -> String {
    let heading: String = heading.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let known = SYNONYMS.into_iter().find(|(synonym, _)| *synonym == heading);
    known.map_or(heading, |(_, word)| word.to_owned())
}

/// The place in [`HEADINGS`] of each column.
fn columns(record: &csv::StringRecord) -> Result<Vec<usize>, Vec<LineProblem>> {
    let mut problems = Vec::new();
    let mut columns = Vec::new();
    for heading in record {
        let place = HEADINGS.iter().position(|known| *known == folded(heading));
        match place {
            Some(place) if columns.contains(&place) => {
                problems.push(LineProblem::new(
                    1,
                    heading,
                    "This heading stands twice. Remove one of the two columns.",
                ));
            }
            Some(place) => columns.push(place),
            None => {
                let reason = format!("There is no such heading. The headings are {}.", HEADINGS.join(", "));
                problems.push(LineProblem::new(1, heading, reason));
            }
        }
    }
    if problems.is_empty() && !(columns.contains(&0) && columns.contains(&1)) {
        problems.push(LineProblem::new(1, "", NO_HEADINGS));
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

fn block(record: &csv::StringRecord, columns: &[usize], line: u32) -> Result<Block, Vec<LineProblem>> {
    if record.len() > columns.len() {
        let cells = counted(record.len() as i64, "cell", "cells");
        let headings = counted(columns.len() as i64, "heading", "headings");
        let reason = format!("The line has {cells}, and the first line {headings}.");
        return Err(vec![LineProblem::new(line, "", reason)]);
    }
    let cell = |heading: usize| {
        let at = columns.iter().position(|column| *column == heading);
        let cell = at.and_then(|at| record.get(at)).unwrap_or_default().trim();
        cell.strip_prefix('\'').unwrap_or(cell).to_owned()
    };
    let form = BlockForm { first: cell(0), last: cell(1), country: cell(2), kind: cell(3), note: cell(4) };
    form.read().map_err(|problems| {
        let told = |field: &str| HEADINGS.iter().position(|heading| *heading == field).map(&cell).unwrap_or_default();
        problems
            .into_iter()
            .map(|problem| {
                LineProblem::new(line, &told(problem.field), problem.message).under(Some(problem.field.to_owned()))
            })
            .collect()
    })
}

/// Blocks of the file that share numbers: each is told with the line of the one before it.
fn overlaps(blocks: &[FileBlock]) -> Vec<LineProblem> {
    let mut sorted: Vec<&FileBlock> = blocks.iter().collect();
    sorted.sort_by_key(|found| (found.block.first, found.line));
    let mut problems = Vec::new();
    let mut widest: Option<&FileBlock> = None;
    for found in sorted {
        if let Some(other) = widest
            && found.block.overlaps(&other.block)
        {
            let (later, earlier) = if found.line > other.line { (found, other) } else { (other, found) };
            let reason = format!("Overlaps the block {} of line {}.", earlier.block.in_words(), earlier.line);
            problems.push(LineProblem::new(later.line, &later.block.first.to_string(), reason));
        }
        if widest.is_none_or(|other| found.block.last > other.block.last) {
            widest = Some(found);
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::block::BlockKind;

    #[test]
    fn what_is_written_can_be_read() {
        let text = "first,last,country,kind,note\r\n\
                    +441632960000,+441632960999,GB,geographic,\"Leicester, \"\"old\"\"\"\r\n\
                    +12065550100,+12065550199,US,service,\r\n";
        let read = read(text).unwrap();
        assert_eq!(read.iter().map(|found| found.line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(cells(&read[0].block), ["+441632960000", "+441632960999", "GB", "geographic", "Leicester, \"old\""]);
    }

    #[test]
    fn headings_of_other_systems_are_known() {
        let found = read("Kind;Starting Number;Ending Number\nmobile;+447700900000;+447700900999\n").unwrap();
        assert_eq!((found.len(), found[0].block.kind), (1, BlockKind::Mobile));
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let text = "first,last,country,kind,note\n\
                    +441632960000,+441632960999,ZZ,fax,\n\
                    +441632961000,+441632961999,GB,,\n\
                    +441632961500,+441632962999,GB,,\n\
                    +441632963999,+441632963000,GB,,,,\n";
        let told: Vec<_> = read(text).unwrap_err().into_iter().map(|problem| (problem.line, problem.heading)).collect();
        let under = |line, heading: &str| (line, Some(heading.to_owned()));
        assert_eq!(told, [under(2, "country"), under(2, "kind"), (4, None), (5, None)]);
        assert_eq!(read("numbers\n+441632960000\n").unwrap_err()[0].line, 1);
        assert_eq!(read("").unwrap_err().len(), 1);
    }
}
