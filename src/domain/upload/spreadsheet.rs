//! Formulas of spreadsheets in cells that are no numbers.

/// Says that a cell is a formula; nothing where it is none.
pub fn formula(cell: &str) -> Option<&'static str> {
    cell.starts_with('=').then_some(
        "This is a formula. Copy the column and paste it as values (Paste special, Values), then save the file anew.",
    )
}

/// The text of a cell that was written as a formula so that a spreadsheet leaves it alone: `="+441632960000"`.
pub(super) fn unwrapped(cell: &str) -> &str {
    cell.strip_prefix("=\"")
        .and_then(|inner| inner.strip_suffix('"'))
        .filter(|inner| !inner.contains('"'))
        .unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_written_as_a_formula_is_a_text() {
        assert_eq!(unwrapped("=\"+441632960000\""), "+441632960000");
        assert_eq!(unwrapped("=A1"), "=A1");
        assert!(formula("=A1").is_some() && formula("A1=").is_none());
    }
}
