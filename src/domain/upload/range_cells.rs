//! The cells of a line that say which numbers it is about: one, or a range by its ends or its size.

use super::{doubted, number_cell};
use crate::domain::e164::E164;
use crate::domain::entry::{EntryReader, Refused};
use crate::domain::field::counted;

/// The numbers from the first to the last.
pub(super) type Ends = (E164, E164);

/// Numbers that a cell has.
pub(super) struct Read {
    /// The first and the last.
    pub(super) ends: Ends,
    /// Whether only the last digits of the last were written.
    pub(super) short_end: bool,
    /// Why no numbering plan knows them. Programs may store such numbers all the same, so it counts for new ones only.
    pub(super) doubt: Option<Refused>,
}

/// Reads a cell that holds a number or a range.
///
/// # Errors
/// Says what is wrong with the cell.
pub(super) fn read(cell: &str, entries: &mut EntryReader, is_exported: bool) -> Result<Read, Refused> {
    match number_cell::read(entries, cell, is_exported) {
        Ok(range) => Ok(Read { ends: (range.first, range.last), short_end: range.short_end, doubt: None }),
        Err(refused) => match doubted(cell, &refused) {
            Some(number) => Ok(Read { ends: (number, number), short_end: false, doubt: Some(refused) }),
            None => Err(refused),
        },
    }
}

/// Reads a cell that holds one number.
///
/// # Errors
/// Says what is wrong with the cell.
pub(super) fn read_one(cell: &str, entries: &mut EntryReader) -> Result<Read, String> {
    let read = read(cell, entries, false).map_err(|refused| refused.reason)?;
    if read.ends.0 == read.ends.1 {
        return Ok(read);
    }
    Err("This is a range, and the column has the last number of one. Write one number.".to_owned())
}

/// Reads how many numbers a range has.
///
/// # Errors
/// Says what is wrong with the cell.
pub(super) fn read_count(cell: &str) -> Result<i64, String> {
    let count = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    match cell.parse::<i64>() {
        Ok(number) if count && number > 0 => Ok(number),
        _ => Err("This is no count of numbers. Write a whole number, such as 10.".to_owned()),
    }
}

/// The range that the cells of a line mean together.
///
/// # Errors
/// Says what does not fit together.
pub(super) fn together(
    (first, last): Ends,
    end: Option<E164>,
    count: Option<i64>,
    limit: usize,
) -> Result<Ends, String> {
    let said = if first == last { end } else { Some(last) };
    let last = match (said, count) {
        (None, None) => first,
        (None, Some(count)) => E164::from_i64(first.as_i64().saturating_add(count - 1))
            .ok_or_else(|| format!("There are not {count} numbers from {first} on."))?,
        (Some(last), _) => last,
    };
    if last < first {
        return Err(format!("The range ends at {last}, before it starts at {first}. Write the smaller number first."));
    }
    if first.digits() != last.digits() {
        return Err(format!("{first} and {last} have different lengths, so they are no range."));
    }
    let size = last.as_i64() - first.as_i64() + 1;
    if let Some(count) = count.filter(|count| *count != size) {
        let (are, numbers) = (if size == 1 { "is" } else { "are" }, counted(size, "number", "numbers"));
        return Err(format!("From {first} to {last} there {are} {numbers}, and the line says {count}."));
    }
    if size > i64::try_from(limit).unwrap_or(i64::MAX) {
        return Err(format!("The range has {size} numbers; one order takes up to {limit}."));
    }
    Ok((first, last))
}
