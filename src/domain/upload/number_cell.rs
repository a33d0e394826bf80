//! The cell of a line that holds its number, or a range.

use std::ops::Range as Bytes;

use crate::domain::e164::E164;
use crate::domain::entry::{Entry, EntryReader, Range, Refused};

/// Reads the cell with the number. What was exported is taken as it stands there, also where no numbering plan knows it.
pub(super) fn read(reader: &mut EntryReader, cell: &str, is_exported: bool) -> Result<Range, Refused> {
    let one = |number| Range { first: number, last: number, short_end: false };
    if is_exported && let Ok(number) = E164::parse_wire(cell) {
        return Ok(one(number));
    }
    match reader.read(cell) {
        Entry::Number(number) => Ok(one(number)),
        Entry::Range(range) => Ok(range),
        // A cell has room for a number or a range, not for several.
        Entry::Refused(refused) => {
            Err(Refused { proposal: refused.proposal.filter(|proposal| !proposal.contains(',')), ..refused })
        }
    }
}

/// Where the cell with this place in its record stands in the text: the record is looked for behind `start`, for line ends and
/// blank lines may stand before it.
pub(super) fn place(text: &str, start: usize, delimiter: u8, index: usize) -> Option<Bytes<usize>> {
    let behind = text.get(start..)?;
    let start = start + behind.bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let (mut cell, mut begins, mut is_quoted) = (0, start, false);
    let bytes = text.get(start..)?.bytes().enumerate();
    for (at, byte) in bytes {
        let ends_line = !is_quoted && matches!(byte, b'\r' | b'\n');
        if ends_line || (!is_quoted && byte == delimiter) {
            if cell == index {
                return Some(begins..start + at);
            }
            if ends_line {
                return None;
            }
            cell += 1;
            begins = start + at + 1;
        }
        is_quoted ^= byte == b'"';
    }
    (cell == index).then_some(begins..text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_found_in_the_text() {
        let text = "a,b\r\n\r\n\"x, \"\"y\"\"\", +44 ,z\r\nlast,cell";
        let found = |start, index| place(text, start, b',', index).and_then(|place| text.get(place));
        assert_eq!([found(0, 0), found(0, 1), found(0, 2)], [Some("a"), Some("b"), None]);
        assert_eq!([found(3, 0), found(3, 1), found(3, 2)], [Some("\"x, \"\"y\"\"\""), Some(" +44 "), Some("z")]);
        let last = text.find("\r\nlast").unwrap();
        assert_eq!([found(last, 0), found(last, 1), found(last, 2)], [Some("last"), Some("cell"), None]);
    }
}
