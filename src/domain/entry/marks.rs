//! The marks between digits: those that are no content, those that only set groups apart, and those that hold a number.

use std::borrow::Cow;

use super::refused::{Kind, Refused};

/// True for characters that nobody sees: those of format (Unicode's Cf), variation selectors, joiners and fillers.
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
        | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The text without characters that nobody sees.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).collect())
}

/// True for the characters that may set the digits of one number apart: white space, dots, dashes, brackets.
#[must_use]
pub fn is_separator(c: char) -> bool {
    matches!(simplified(c), ' ' | '.' | '-' | '(' | ')')
}

/// The character that stands for this one: one kind of dash, of dot, of bracket, of quote and of blank.
fn simplified(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{1806}' => '-',
        '\u{2024}' | '\u{ff0e}' | '\u{fe52}' => '.',
        '\u{ff08}' | '\u{207d}' | '\u{fe59}' => '(',
        '\u{ff09}' | '\u{207e}' | '\u{fe5a}' => ')',
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{ff02}' => '"',
        '\u{2018}'..='\u{201b}' | '\u{ff07}' => '\'',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// The text without what nobody sees, with one kind of each mark, and one blank for all white space in a row. Digits that were
/// apart stay so.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut is_hidden = false;
    for c in text.chars() {
        if is_invisible(c) {
            is_hidden = true;
            continue;
        }
        if is_hidden && c.is_ascii_digit() && cleaned.ends_with(|c: char| c.is_ascii_digit()) {
            cleaned.push(' ');
        }
        is_hidden = false;
        match simplified(c) {
            ' ' if cleaned.is_empty() || cleaned.ends_with(' ') => {}
            '\u{2026}' => cleaned.push_str(".."),
            c => cleaned.push(c),
        }
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

/// What stands within quotes, behind the apostrophe of a spreadsheet, or behind `tel:`.
pub(super) fn unwrapped(text: &str) -> Result<&str, Refused> {
    let quotes = text.bytes().filter(|byte| *byte == b'"').count();
    let mut inner = text;
    if quotes > 0 {
        inner = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(inner) if quotes == 2 => inner.trim(),
            _ if quotes % 2 == 1 => {
                let reason = "A quote is opened here and never closed. Close it, or leave the quotes out.";
                return Err(Refused::new(Kind::Quote, reason));
            }
            _ if text.starts_with("=\"") => {
                let reason = "A formula of a spreadsheet. Format the column as text and write the number alone.";
                return Err(Refused::new(Kind::Formula, reason));
            }
            _ => return Err(Refused::character('"')),
        };
    }
    inner = inner.strip_prefix('\'').unwrap_or(inner).trim_start();
    let scheme = inner.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    Ok(scheme.and_then(|_| inner.get(4..)).map_or(inner, str::trim_start))
}
