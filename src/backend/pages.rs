//! The one way through a list of a backend, which ends whatever the backend sends.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Page, Unread};

/// The most pages of one list.
pub const MAX_PAGES: usize = 100_000;
/// The most parts of a list that could not be read and are named.
const MAX_NAMED: usize = 20;
/// The longest cursor that is sent back, in bytes.
const MAX_CURSOR: usize = 2_000;

/// Where a page of a list starts. Only [`Pages`] makes one, so there is no loop over pages without its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Option<String>);

impl Cursor {
    /// What goes over the wire; nothing for the first page.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    #[cfg(test)]
    pub(super) fn at(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

/// Why a list was left before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFault {
    /// A page named a page as the next that had been read already.
    RepeatedCursor,
    /// There were more pages than any list has.
    TooManyPages,
    /// A cursor of more than 2,000 bytes.
    OversizedCursor,
}

impl ListFault {
    /// The name in metrics.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::RepeatedCursor => "repeated-cursor",
            Self::TooManyPages => "too-many-pages",
            Self::OversizedCursor => "oversized-cursor",
        }
    }

    /// What happened and what became of it, to be read by people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::RepeatedCursor => {
                "The backend sent the same page of the list again and again. \
                 What was read is kept; the rest is unknown. This is a fault of the backend."
            }
            Self::TooManyPages => {
                "The list of the backend did not end after 100,000 pages. \
                 What was read is kept; the rest is unknown. This is a fault of the backend."
            }
            Self::OversizedCursor => {
                "The backend sent a cursor of more than 2,000 bytes. \
                 What was read is kept; the rest is unknown. This is a fault of the backend."
            }
        }
    }
}

/// The way through one list.
#[derive(Debug)]
pub struct Pages {
    next: Option<Cursor>,
    /// Hashes of the cursors that were followed.
    followed: HashSet<u64>,
    read: usize,
    unreadable: usize,
    unread: Vec<Unread>,
    unread_count: usize,
    fault: Option<ListFault>,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            next: Some(Cursor(None)),
            followed: HashSet::new(),
            read: 0,
            unreadable: 0,
            unread: Vec::new(),
            unread_count: 0,
            fault: None,
        }
    }
}

impl Pages {
    /// Where the next page starts; `None` at the end of the list, or where it is left because of a fault.
    #[must_use]
    pub fn next(&self) -> Option<Cursor> {
        self.next.clone()
    }

    /// Takes a page's items and moves on.
    pub fn take<T>(&mut self, page: Page<T>) -> Vec<T> {
        self.read += 1;
        self.unreadable += page.unreadable;
        self.unread_count += page.unread_count;
        self.unread.extend(page.unread.into_iter().take(MAX_NAMED.saturating_sub(self.unread.len())));
        self.next = page.next_cursor.and_then(|cursor| match self.refused(&cursor) {
            None => Some(Cursor(Some(cursor))),
            fault => {
                self.fault = fault;
                None
            }
        });
        page.items
    }

    fn refused(&mut self, cursor: &str) -> Option<ListFault> {
        let mut hasher = DefaultHasher::new();
        cursor.hash(&mut hasher);
        if cursor.len() > MAX_CURSOR {
            Some(ListFault::OversizedCursor)
        } else if !self.followed.insert(hasher.finish()) {
            Some(ListFault::RepeatedCursor)
        } else if self.read >= MAX_PAGES {
            Some(ListFault::TooManyPages)
        } else {
            None
        }
    }

    /// Leaves the list here; it does not count as whole.
    pub fn leave(&mut self) {
        if self.next.take().is_some() {
            self.fault = Some(ListFault::TooManyPages);
        }
    }

    /// Why the list was left before its end.
    #[must_use]
    pub const fn fault(&self) -> Option<ListFault> {
        self.fault
    }

    /// How many items could not be read.
    #[must_use]
    pub const fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// What of the items could not be read: how much, and some of it named.
    #[must_use]
    pub fn unread(&self) -> (usize, &[Unread]) {
        (self.unread_count, &self.unread)
    }

    /// Whether everything was read: only then an item that was not in the list is gone.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.next.is_none() && self.fault.is_none() && self.unreadable == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: Option<&str>) -> Page<u8> {
        let next_cursor = next.map(str::to_owned);
        Page { items: vec![1], next_cursor, unreadable: 0, unread: Vec::new(), unread_count: 0 }
    }

    /// Reads until the list ends; the backend names the next page by the number of those that were read.
    fn read(mut name: impl FnMut(usize) -> Option<String>) -> (usize, Pages) {
        let (mut pages, mut read) = (Pages::default(), 0);
        while pages.next().is_some() {
            read += pages.take(page(name(read).as_deref())).len();
        }
        (read, pages)
    }

    #[test]
    fn a_list_is_read_to_its_end() {
        let (read, pages) = read(|read| (read < 3).then(|| read.to_string()));
        assert_eq!((read, pages.fault(), pages.is_whole()), (4, None, true));
    }

    #[test]
    fn pages_that_go_in_a_circle_are_left_however_large_it_is() {
        for circle in [1, 2, 500] {
            let (read, pages) = read(|read| Some((read % circle).to_string()));
            assert_eq!((read, pages.fault()), (circle + 1, Some(ListFault::RepeatedCursor)));
            assert!(!pages.is_whole());
        }
    }

    #[test]
    fn a_list_without_an_end_is_left() {
        let (read, pages) = read(|read| Some(read.to_string()));
        assert_eq!((read, pages.fault()), (MAX_PAGES, Some(ListFault::TooManyPages)));
    }

    #[test]
    fn a_cursor_is_not_sent_back_at_any_length() {
        let (read, pages) = read(|_| Some("x".repeat(MAX_CURSOR + 1)));
        assert_eq!((read, pages.fault()), (1, Some(ListFault::OversizedCursor)));
    }

    #[test]
    fn a_list_with_items_that_cannot_be_read_is_not_whole() {
        let mut pages = Pages::default();
        pages.take(Page::<u8> {
            items: Vec::new(),
            next_cursor: None,
            unreadable: 1,
            unread: Vec::new(),
            unread_count: 1,
        });
        assert!(pages.next().is_none() && !pages.is_whole());
    }
}
