//! Files of which each line is one cell in quotes: a spreadsheet program opened them without parting their cells, and saved them.

/// What may stand between the cells within the quotes.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// The text without the quotes around each line, where every line is one cell in quotes in which several are parted alike.
/// Nothing where it is any other.
#[must_use]
pub fn unwrapped_lines(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = inner(text.lines().find(|line| !line.trim().is_empty())?)?;
    let delimiter = DELIMITERS.into_iter().find(|sign| first.contains(*sign))?;
    let mut made = String::with_capacity(text.len());
    let (mut parted, mut lines) = (0_usize, 0_usize);
    for line in text.lines() {
        if !line.trim().is_empty() {
            let inner = inner(line)?;
            parted += usize::from(inner.contains(delimiter));
            lines += 1;
            made.push_str(&inner.replace("\"\"", "\""));
        }
        made.push('\n');
    }
    (parted * 2 > lines).then_some(made)
}

/// What stands within the quotes of a line that is one cell.
fn inner(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    let is_one = inner.split("\"\"").all(|part| !part.contains('"'));
    is_one.then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_are_one_cell_each_are_unwrapped() {
        let text = "\"Number,Account\"\r\n\r\n\"+441632960000,\"\"con,toso\"\"\"\r\n\"+441632960001\"\r\n";
        let right = "Number,Account\n\n+441632960000,\"con,toso\"\n+441632960001\n";
        assert_eq!(unwrapped_lines(text).as_deref(), Some(right));
        for text in [
            "Number,Account\n\"+441632960000,contoso\"\n",
            "\"Number\",\"Account\"\n\"+441632960000\",\"contoso\"\n",
            "\"+441632960000\"\n\"+441632960001\"\n",
            "\"Number,Account\"\n\"two\nlines\"\n",
            "\"a,b\"\n\"+441632960000\"\n\"+441632960001\"\n",
            "",
        ] {
            assert_eq!(unwrapped_lines(text), None, "{text}");
        }
    }
}
