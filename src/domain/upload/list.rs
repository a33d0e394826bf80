//! Lists: numbers and ranges between new lines, commas, semicolons and white space.

use super::entries::{Entries, MAX_ENTRY, digits};
use super::{Line, LineProblem, UploadedNumber};
use crate::domain::e164::{E164, E164Error, is_separator};

/// The fewest digits before the dash of a range with a short end.
const RANGE_START: usize = 8;

/// Reads a list.
pub(super) struct List<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    skip: usize,
    limit: usize,
    line: u32,
    entries: Entries<'a>,
    range: Option<(E164, E164)>,
}

impl<'a> List<'a> {
    /// Reads this text behind the first `skip` lines; a range holds at most `limit` numbers.
    pub(super) fn new(text: &'a str, skip: usize, limit: usize) -> Self {
        Self { lines: text.lines().enumerate(), skip, limit, line: 0, entries: Entries::of(""), range: None }
    }

    fn row(&self, number: E164) -> Line {
        Line::Number(UploadedNumber { line: self.line, number, account: None, settings: None, assigned: false })
    }

    fn entry(&mut self, text: &str) -> Line {
        let problem = |reason: String| Line::Problem(LineProblem::new(self.line, text, reason));
        if text.len() > MAX_ENTRY {
            let reason = "Too long for a number or a range. Put commas or line breaks between the numbers.";
            return problem(reason.to_owned());
        }
        match range(text) {
            None => match E164::parse(unquoted(text)) {
                Ok(number) => self.row(number),
                Err(_) if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 => {
                    problem("A quote is opened here and never closed. Close it, or leave the quotes out.".to_owned())
                }
                Err(error) => problem(reason(error)),
            },
            Some(Err(error)) => problem(reason(error)),
            Some(Ok((first, last))) if last < first => problem(format!(
                "The range ends at {last}, before it starts at {first}. Write the smaller number first."
            )),
            Some(Ok((first, last))) if first.digits() != last.digits() => {
                problem(format!("{first} and {last} have different lengths, so they are no range."))
            }
            Some(Ok((first, last))) => {
                let count = last.as_i64() - first.as_i64() + 1;
                if count > self.limit as i64 {
                    return problem(format!("The range has {count} numbers; an upload takes up to {}.", self.limit));
                }
                self.range = first.next().filter(|_| first < last).map(|next| (next, last));
                self.row(first)
            }
        }
    }
}

impl Iterator for List<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if let Some((number, last)) = self.range {
            self.range = number.next().filter(|next| *next <= last).map(|next| (next, last));
            return Some(self.row(number));
        }
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(self.entry(&entry));
            }
            let (index, line) = self.lines.next()?;
            if index >= self.skip {
                self.line = u32::try_from(index + 1).unwrap_or(u32::MAX);
                self.entries = Entries::of(line);
            }
        }
    }
}

fn reason(error: E164Error) -> String {
    crate::domain::account::sentence(&error.to_string())
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(text);
    // A spreadsheet-safe export puts an apostrophe before the number (decision: an upload strips one).
    text.strip_prefix('\'').unwrap_or(text)
}

/// The two ends when the text is a range: `+441632960000-+441632960999` or with a short end, `+441632960000-0999`.
/// Dashes within one number make no range: a bare dash before a short end counts only behind digits in one piece.
fn range(text: &str) -> Option<Result<(E164, E164), E164Error>> {
    let text = unquoted(text);
    let in_one_piece = |start: &str| start.trim().trim_start_matches('+').bytes().all(|b| b.is_ascii_digit());
    let (start, end) = [" - ", "..", "\u{2013}", "\u{2014}"]
        .into_iter()
        .find_map(|mark| text.split_once(mark))
        .or_else(|| text.rsplit_once("-+"))
        .or_else(|| text.split_once('-').filter(|(start, _)| in_one_piece(start)))?;
    let (start_digits, end_digits) = (digits(start), digits(end));
    if start_digits < RANGE_START || end_digits == 0 {
        return None;
    }
    let first = match E164::parse(start) {
        Ok(first) => first,
        Err(error) => return Some(Err(error)),
    };
    if end_digits >= start_digits {
        return Some(E164::parse(end).map(|last| (first, last)));
    }
    if let Some(odd) = end.chars().find(|c| !(c.is_ascii_digit() || is_separator(*c))) {
        return Some(Err(E164Error::Character(odd)));
    }
    let kept = first.to_string();
    let head = kept.get(..kept.len() - end_digits).unwrap_or_default();
    let tail: String = end.chars().filter(char::is_ascii_digit).collect();
    Some(E164::parse(&format!("{head}{tail}")).map(|last| (first, last)))
}
