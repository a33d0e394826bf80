//! Mending a text: what was proposed takes the place of what was refused.

use crate::domain::entry::Kind;

/// How a refused entry may be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend {
    /// What kind of flaw it has.
    pub kind: Kind,
    /// What to write instead, where that can be told.
    pub proposal: Option<String>,
    /// The byte of the text it begins at.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
}

/// What takes the place of a part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The byte of the text it begins at.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
    /// What is written there.
    pub written: String,
}

/// Makes these changes to a text. Those that do not fit it, or meet another, are left out.
#[must_use]
pub fn mended(text: &str, mut changes: Vec<Change>) -> String {
    changes.sort_unstable_by_key(|change| change.start);
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    for change in changes {
        let fits = change.start <= change.end && text.is_char_boundary(change.end);
        let Some(before) = text.get(at..change.start).filter(|_| fits) else { continue };
        written.push_str(before);
        written.push_str(&change.written);
        at = change.end;
    }
    written.push_str(text.get(at..).unwrap_or_default());
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_take_their_places() {
        let change = |start, end, written: &str| Change { start, end, written: written.to_owned() };
        let text = "\u{fc} one, two";
        assert_eq!(mended(text, vec![change(8, 11, "2"), change(3, 6, "1")]), "\u{fc} 1, 2");
        let odd = vec![change(1, 3, "x"), change(3, 99, "x"), change(6, 3, "x"), change(3, 8, "1"), change(5, 9, "x")];
        assert_eq!(mended(text, odd), "\u{fc} 1two");
        assert_eq!(mended(text, Vec::new()), text);
    }
}
