//! Values in cells that could be taken for several, or for another: they stand in quotes, in which a quote is doubled and what
//! no line has is written as `\n`, `\r`, `\\` or `\u0009`.

use std::fmt::Write as _;

/// What may stand between the values of a cell.
const SEPARATORS: [char; 4] = [';', '|', ',', '\n'];

/// A value as it stands in a cell of its own.
pub(super) fn alone(value: &str) -> String {
    let is_plain = value.trim() == value && !value.starts_with('"') && !value.contains(char::is_control);
    if is_plain { value.to_owned() } else { quoted(value) }
}

/// Values as they stand in one cell.
pub(super) fn together(values: &[String]) -> String {
    let one = |value: &String| {
        if value.is_empty() || value.contains(SEPARATORS) { quoted(value) } else { alone(value) }
    };
    values.iter().map(one).collect::<Vec<_>>().join(";")
}

fn quoted(value: &str) -> String {
    let mut written = String::with_capacity(value.len() + 2);
    written.push('"');
    for c in value.chars() {
        match c {
            '"' => written.push_str("\"\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            c if c.is_control() => _ = write!(written, "\\u{:04x}", u32::from(c)),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

/// Reads a value in quotes at the beginning of a text; gives what stands behind it as well. Nothing where none stands there
/// whole.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?.chars();
    let mut value = String::new();
    loop {
        match rest.next()? {
            '"' => match rest.as_str().strip_prefix('"') {
                Some(behind) => {
                    value.push('"');
                    rest = behind.chars();
                }
                None => return Some((value, rest.as_str())),
            },
            '\\' => {
                let (read, behind) = escaped(rest.as_str());
                value.push(read);
                rest = behind.chars();
            }
            c => value.push(c),
        }
    }
}

/// What stands behind a backslash; one that begins nothing stands for itself.
fn escaped(text: &str) -> (char, &str) {
    let behind = |length: usize| text.get(length..).unwrap_or_default();
    match text.chars().next() {
        Some('n') => ('\n', behind(1)),
        Some('r') => ('\r', behind(1)),
        Some('\\') => ('\\', behind(1)),
        Some('u') => {
            let code = text.get(1..5).and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
            code.map_or(('\\', text), |c| (c, behind(5)))
        }
        _ => ('\\', text),
    }
}

/// The value of a cell of its own.
pub(super) fn value(cell: &str) -> String {
    match unquoted(cell) {
        Some((value, "")) => value,
        _ => cell.to_owned(),
    }
}

/// The values of a cell, `most` of them.
pub(super) fn values(cell: &str, most: usize) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = cell;
    while values.len() < most {
        rest = rest.trim_start();
        if let Some((value, behind)) = unquoted(rest)
            && let behind = behind.trim_start_matches([' ', '\t'])
            && (behind.is_empty() || behind.starts_with(SEPARATORS))
        {
            values.push(value);
            match behind.chars().next() {
                Some(separator) => rest = behind.get(separator.len_utf8()..).unwrap_or_default(),
                None => break,
            }
            continue;
        }
        let (value, behind) = rest.split_once(SEPARATORS).map_or((rest, None), |(value, behind)| (value, Some(behind)));
        if !value.trim().is_empty() {
            values.push(value.trim().to_owned());
        }
        match behind {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_part_where_they_always_did() {
        let read = |cell| values(cell, 100).join("/");
        assert_eq!(read("InboundCalling; OutboundCalling|Mobile,\nX;;"), "InboundCalling/OutboundCalling/Mobile/X");
        assert_eq!(read("5\" pipe;\"a;b\" ; \"\"\"\";\"open"), "5\" pipe/a;b/\"/\"open");
        assert_eq!(value("a\\nb"), "a\\nb");
        assert_eq!(value("\"a\\nb\\\\\""), "a\nb\\");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(written in prop::collection::vec("[ab;,|\"'\\\\ \t\r\nnu0\u{7f}\u{a0}=+]{0,8}", 1..5)) {
            let cell = together(&written);
            prop_assert_eq!(values(&cell, 100), written.clone());
            let one = written.concat();
            prop_assert_eq!(value(&alone(&one)), one.clone());
            let cell = alone(&one);
            prop_assert_eq!(cell.trim(), &cell);
        }
    }
}
