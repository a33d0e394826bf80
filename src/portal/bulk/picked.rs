//! The numbers that a form is about: chosen in the list, or typed into its box.

use crate::domain::{E164, entry};
use crate::portal::form::{Choice, query_value};
use crate::portal::number_filter::NumbersQuery;
use crate::portal::show::counted;
use crate::portal::upload_form::{ACCEPTS, encodings};
use crate::service::bulk::Looked;

/// Text of a file up to this many bytes comes back in the text field of a form that has problems.
pub(super) const KEPT_FILE: usize = 256 * 1024;
/// A typed text up to this many bytes comes back with a form that has problems.
const KEPT_TEXT: usize = 2 * 1024 * 1024;

/// The numbers of a form.
#[derive(Clone, Debug, Default)]
pub(super) struct Picked {
    /// Whether they were chosen in the list, so that there is no box.
    pub(super) is_listed: bool,
    /// How many, of which accounts.
    pub(super) said: String,
    /// What tells them to the form's target.
    pub(super) hidden: Vec<(&'static str, String)>,
    /// What stands in the box.
    pub(super) text: String,
    /// Something to know about the text.
    pub(super) note: String,
    /// How the letters of a file are encoded.
    encoding: String,
    /// The sheet of a workbook that is meant.
    pub(super) sheet: String,
}

impl Picked {
    /// The numbers that the list says; a box to type them where it says none.
    pub(super) fn of(query: &NumbersQuery) -> Self {
        if !query.means_all() && query.number.is_empty() {
            return Self::default();
        }
        let filters = query.filters().fields();
        let filters: Vec<String> =
            filters.into_iter().map(|(key, value)| format!("{key}={}", query_value(&value))).collect();
        let mut hidden = vec![("filters", filters.join("&"))];
        if query.means_all() {
            hidden.push(("all_matching", "true".to_owned()));
        } else {
            hidden.push(("ticked", query.number.join(",")));
        }
        hidden.retain(|(_, value)| !value.is_empty());
        Self { is_listed: true, hidden, ..Self::default() }
    }

    /// A box with this text.
    pub(super) fn written(text: String) -> Self {
        if text.len() > KEPT_TEXT {
            let note = "The text of the numbers was too long to come back with this page. Paste it again, or choose it as a file.";
            return Self { note: note.to_owned(), ..Self::default() };
        }
        Self { text, ..Self::default() }
    }

    /// How a file is to be read.
    #[must_use]
    pub(super) fn reading(self, encoding: &str, sheet: &str) -> Self {
        Self { encoding: encoding.to_owned(), sheet: sheet.to_owned(), ..self }
    }

    /// What may be chosen of how the letters of a file are encoded.
    pub(super) fn encodings(&self) -> Vec<Choice> {
        encodings(&self.encoding)
    }

    /// Whether more is said of the file than which it is.
    pub(super) fn says_more_of_files(&self) -> bool {
        !self.encoding.is_empty() || !self.sheet.is_empty()
    }

    /// What a browser offers as files.
    #[expect(clippy::unused_self, reason = "templates call it")]
    pub(super) fn accepts(&self) -> &'static str {
        ACCEPTS
    }

    #[must_use]
    pub(super) fn saying(mut self, note: String) -> Self {
        self.note = note;
        self
    }

    /// The number that was ticked, where it is one.
    fn only_number(&self) -> Option<E164> {
        let (_, ticked) = self.hidden.iter().find(|(name, _)| *name == "ticked")?;
        entry::stored(ticked).ok()
    }

    /// Says how many numbers were chosen, and whose they are.
    #[must_use]
    pub(super) fn counted(mut self, looked: &Looked) -> Self {
        let accounts = looked.accounts();
        let of = match accounts.as_slice() {
            [] => String::new(),
            [only] => format!(" of account {only}"),
            [first, second] => format!(" of accounts {first} and {second}"),
            [first, rest @ ..] => format!(" of account {first} and {} others", rest.len()),
        };
        let what = match self.only_number().filter(|_| looked.count == 1) {
            Some(number) => number.grouped(),
            None => counted(looked.count, "number", "numbers"),
        };
        self.said = format!("{what}{of}");
        self
    }
}
