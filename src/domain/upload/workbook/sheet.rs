//! The cells of a sheet as lines with commas between them, line by row.

use std::io::Read;

use time::{Date, Duration, Month};

use super::package::{Strings, too_much_text};
use super::xml::{BROKEN, TOO_LARGE, Tag, Token, Xml, unescaped};

/// The most rows of a sheet.
const ROWS_MOST: u32 = 1_048_576;
/// The most columns that are read.
const COLUMNS_MOST: u32 = 256;
/// The most bytes of the lines.
const LINES_MOST: usize = 48 * 1_024 * 1_024;
/// The most bytes of a cell that are kept; a cell that is longer is refused by its reader.
const CELL_MOST: usize = 8_192;
/// The most cells that hold something.
const CELLS_MOST: u64 = 3_000_000;
/// The most tags of a sheet in which no cell holds anything, and how many more each such cell makes.
const TAGS_MOST: u64 = 1_500_000;
const TAGS_PER_CELL: u64 = 16;
/// The same of bytes.
const BYTES_MOST: u64 = 64 * 1_024 * 1_024;
const BYTES_PER_CELL: u64 = 400;
/// Numbers below this are kept to the digit by spreadsheets.
const EXACT_BELOW: f64 = 1e15;

/// The lines that are made.
struct Lines {
    text: String,
    row: u32,
    column: u32,
    /// Cells that hold something.
    filled: u64,
}

impl Lines {
    /// Goes to a cell of a row and column that are counted from 1.
    fn go_to(&mut self, row: u32, column: u32) -> Result<(), String> {
        if row > ROWS_MOST {
            return Err(format!("The sheet has a cell in row {row}, and {ROWS_MOST} rows are the most."));
        }
        if column > COLUMNS_MOST {
            return Err(format!(
                "The sheet has a cell in column {column}, and {COLUMNS_MOST} columns are the most. Remove those that are \
                 not needed."
            ));
        }
        if row < self.row || (row == self.row && column <= self.column) {
            return Err(
                "The rows of the sheet are not in order. Open it in a spreadsheet program and save it anew.".into()
            );
        }
        while self.row < row {
            self.text.push('\n');
            self.row += 1;
            self.column = 0;
        }
        // In front of the first cell of a row there is no comma.
        self.column = self.column.max(1);
        while self.column < column {
            self.text.push(',');
            self.column += 1;
        }
        Ok(())
    }

    fn put(&mut self, cell: &str) -> Result<(), String> {
        let cell = cell.trim();
        self.filled += 1;
        if self.filled > CELLS_MOST {
            return Err(format!("The sheet has more than {CELLS_MOST} cells that are filled. Split it."));
        }
        if cell.contains([',', ';', '|', '\t', '"', '\n', '\r']) {
            self.text.push('"');
            let mut lines = cell.lines();
            self.text.push_str(&lines.next().unwrap_or_default().replace('"', "\"\""));
            for line in lines {
                self.text.push_str("; ");
                self.text.push_str(&line.replace('"', "\"\""));
            }
            self.text.push('"');
        } else {
            self.text.push_str(cell);
        }
        if self.text.len() > LINES_MOST { Err(too_much_text()) } else { Ok(()) }
    }
}

/// A cell while it is read.
#[derive(Default)]
struct Cell {
    row: u32,
    column: u32,
    kind: String,
    is_date: bool,
    value: String,
    formula: Option<String>,
}

/// Where in a cell the text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Value,
    Formula,
}

/// Reads a sheet.
pub(super) fn read(mut xml: Xml<impl Read>, strings: &Strings, dates: &[bool]) -> Result<String, String> {
    let mut lines = Lines { text: String::new(), row: 1, column: 0, filled: 0 };
    let (mut row, mut column, mut is_whole) = (0_u32, 0_u32, false);
    let (mut cell, mut within, mut is_said): (Option<Cell>, _, _) = (None, Within::Nothing, true);
    loop {
        if xml.tags() > TAGS_MOST + TAGS_PER_CELL * lines.filled
            || xml.bytes() > BYTES_MOST + BYTES_PER_CELL * lines.filled
        {
            return Err(TOO_LARGE.to_owned());
        }
        let Some(token) = xml.next()? else { break };
        match token {
            Token::Open(tag) => match tag.name {
                "sheetData" if tag.is_empty => is_whole = true,
                "row" => {
                    row = tag.attribute("r").and_then(|r| r.parse().ok()).unwrap_or(row.saturating_add(1));
                    column = 0;
                }
                "c" => {
                    let begun = begin(&tag, row, column, dates);
                    column = begun.column;
                    cell = Some(begun).filter(|_| !tag.is_empty);
                }
                "v" | "t" if !tag.is_empty => within = Within::Value,
                "f" => {
                    if let Some(cell) = &mut cell {
                        cell.formula = Some(String::new());
                    }
                    within = if tag.is_empty { Within::Nothing } else { Within::Formula };
                }
                "rPh" => is_said = tag.is_empty,
                _ => {}
            },
            Token::Close("v" | "t" | "f") => within = Within::Nothing,
            Token::Close("rPh") => is_said = true,
            Token::Close("c") => {
                if let Some(cell) = cell.take() {
                    put(&mut lines, &cell, strings)?;
                }
            }
            Token::Close("sheetData") => {
                is_whole = true;
                break;
            }
            Token::Close(_) => {}
            Token::Text(text) => {
                let Some(cell) = &mut cell else { continue };
                let place = match within {
                    Within::Value if is_said => &mut cell.value,
                    Within::Formula => cell.formula.get_or_insert_default(),
                    _ => continue,
                };
                if place.len() < CELL_MOST {
                    place.push_str(&unescaped(text));
                }
            }
        }
    }
    if !is_whole {
        return Err(BROKEN.to_owned());
    }
    lines.text.push('\n');
    Ok(lines.text)
}

fn begin(tag: &Tag<'_>, row: u32, column: u32, dates: &[bool]) -> Cell {
    let place = tag.attribute("r").and_then(|place| place_of(&place));
    let (row, column) = place.unwrap_or((row, column.saturating_add(1)));
    let style = tag.attribute("s").and_then(|style| style.parse::<usize>().ok()).unwrap_or_default();
    Cell {
        row,
        column,
        kind: tag.attribute("t").unwrap_or_default().into_owned(),
        is_date: dates.get(style).copied().unwrap_or_default(),
        ..Cell::default()
    }
}

/// Row and column of a place such as `B12`, counted from 1.
fn place_of(place: &str) -> Option<(u32, u32)> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, row) = place.split_at_checked(letters)?;
    let column = letters.bytes().try_fold(0_u32, |column, letter| {
        column.checked_mul(26)?.checked_add(u32::from(letter.to_ascii_uppercase() - b'A') + 1)
    })?;
    Some((row.parse().ok()?, column)).filter(|(row, column)| *row > 0 && *column > 0)
}

fn put(lines: &mut Lines, cell: &Cell, strings: &Strings) -> Result<(), String> {
    if let Some(formula) = &cell.formula {
        lines.go_to(cell.row, cell.column)?;
        return lines.put(&format!("={formula}"));
    }
    let text = match cell.kind.as_str() {
        "s" => cell.value.trim().parse().ok().and_then(|at| strings.get(at)).unwrap_or_default(),
        "b" if cell.value.trim() == "1" => "TRUE",
        "b" => "FALSE",
        "inlineStr" | "str" | "e" | "d" => &cell.value,
        _ => {
            let number = number(&cell.value, cell.is_date);
            if number.is_empty() {
                return Ok(());
            }
            lines.go_to(cell.row, cell.column)?;
            return lines.put(&number);
        }
    };
    if text.trim().is_empty() {
        return Ok(());
    }
    lines.go_to(cell.row, cell.column)?;
    lines.put(text)
}

/// A number as the cell has it: whole numbers to the digit, a date as a date.
fn number(value: &str, is_date: bool) -> String {
    let value = value.trim();
    let Ok(number) = value.parse::<f64>() else { return value.to_owned() };
    if is_date && let Some(date) = date(number) {
        return date;
    }
    if number.fract() == 0.0 && number.abs() < EXACT_BELOW { format!("{number:.0}") } else { value.to_owned() }
}

/// The day of a number of days since the end of 1899.
fn date(days: f64) -> Option<String> {
    if !(1.0..2_958_466.0).contains(&days) {
        return None;
    }
    let first = Date::from_calendar_date(1899, Month::December, 30).ok()?;
    let day = first.checked_add(Duration::seconds_f64(days.floor() * 86_400.0))?;
    Some(format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day()))
}
