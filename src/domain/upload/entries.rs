//! The entries of one line of a list, one at a time: however long the line is, none but the present one is kept.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::{Split, SplitWhitespace};

/// Once this many digits are together, a further group of as many digits is the next number and not more of the same.
const WHOLE: usize = 7;
/// The most bytes of an entry; of one that is longer little more than these are kept.
pub(super) const MAX_ENTRY: usize = 256;

/// How many digits a text has.
pub(super) fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// The entries of one line. White space parts two numbers, but also stands within one: groups belong together until
/// they hold a whole number and another `+` or another whole group begins.
pub(super) struct Entries<'a> {
    parts: Split<'a, [char; 3]>,
    groups: Peekable<SplitWhitespace<'a>>,
}

impl<'a> Entries<'a> {
    /// The entries of this line.
    pub(super) fn of(line: &'a str) -> Self {
        Self { parts: line.split([',', ';', '\t']), groups: "".split_whitespace().peekable() }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let first = loop {
            match self.groups.next() {
                Some(first) => break first,
                None => self.groups = self.parts.next()?.split_whitespace().peekable(),
            }
        };
        let mut entry = Entry::new(first);
        while let Some(group) = self.groups.next_if(|group| !entry.ends_before(group)) {
            entry.add(group);
        }
        Some(entry.text)
    }
}

/// An entry, group by group.
struct Entry<'a> {
    text: Cow<'a, str>,
    digits: usize,
    ends_with_dash: bool,
}

impl<'a> Entry<'a> {
    fn new(group: &'a str) -> Self {
        Self { text: Cow::Borrowed(group), digits: digits(group), ends_with_dash: ends_with_dash(group) }
    }

    /// True when this group is the beginning of the next entry.
    fn ends_before(&self, group: &str) -> bool {
        let begins = group.trim_start_matches(['\'', '"']).starts_with('+') || digits(group) >= WHOLE;
        let joins_range = is_dash(group) || (self.ends_with_dash && self.digits >= WHOLE);
        begins && !joins_range && (self.digits >= WHOLE || group.contains('+'))
    }

    fn add(&mut self, group: &str) {
        self.digits += digits(group);
        self.ends_with_dash = ends_with_dash(group);
        if self.text.len() <= MAX_ENTRY {
            let text = self.text.to_mut();
            text.push(' ');
            text.push_str(group);
        }
    }
}

fn is_dash(text: &str) -> bool {
    matches!(text, "-" | "\u{2013}" | "\u{2014}" | "..")
}

fn ends_with_dash(text: &str) -> bool {
    text.ends_with(['-', '\u{2013}', '\u{2014}'])
}
