//! XML as workbooks have it, tag by tag, none of it kept.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

/// The most bytes of a text between two tags.
const MAX_TEXT: usize = 262_144;
/// The most bytes of a tag.
const MAX_TAG: usize = 16_384;

/// What was read.
pub(super) enum Token<'a> {
    /// A tag that opens an element.
    Open(Tag<'a>),
    /// A tag that closes the element of this name.
    Close(&'a str),
    /// Text between tags, as it stands there.
    Text(&'a str),
}

/// A tag that opens an element.
pub(super) struct Tag<'a> {
    /// The name, without a prefix.
    pub(super) name: &'a str,
    /// Whether it closes the element as well.
    pub(super) is_empty: bool,
    attributes: &'a str,
}

/// Reads XML.
pub(super) struct Xml<R> {
    reader: BufReader<R>,
    token: Vec<u8>,
    left: u64,
    tags: u64,
    bytes: u64,
    in_text: bool,
}

pub(super) const BROKEN: &str =
    "The workbook is damaged. Open it in the program that wrote it, save it anew, and choose it again.";
const STRANGE: &str = "The workbook has parts that no spreadsheet program writes, so it is not read. Save the sheet as \
                       \u{201c}CSV UTF-8\u{201d} instead.";
pub(super) const TOO_LARGE: &str = "The workbook unpacks to far more than a list of numbers has, so it is not read. Save the sheet \
                         as \u{201c}CSV UTF-8\u{201d} instead.";

impl<R: Read> Xml<R> {
    /// Reads XML of `most` bytes at most.
    pub(super) fn new(reader: R, most: u64) -> Self {
        Self {
            reader: BufReader::with_capacity(65_536, reader),
            token: Vec::new(),
            left: most,
            tags: 0,
            bytes: 0,
            in_text: true,
        }
    }

    /// How many bytes were read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many tags were read.
    pub(super) const fn tags(&self) -> u64 {
        self.tags
    }

    /// Reads up to the end of a text or of a tag; false at the end of all.
    fn fill(&mut self) -> Result<bool, String> {
        self.token.clear();
        let mut quote = None;
        loop {
            let buffer = self.reader.fill_buf().map_err(|_| BROKEN.to_owned())?;
            if buffer.is_empty() {
                return if self.in_text { Ok(!self.token.is_empty()) } else { Err(BROKEN.to_owned()) };
            }
            let end = if self.in_text {
                buffer.iter().position(|byte| *byte == b'<')
            } else {
                buffer.iter().position(|byte| match (quote, *byte) {
                    (None, b'"' | b'\'') => {
                        quote = Some(*byte);
                        false
                    }
                    (Some(open), byte) if open == byte => {
                        quote = None;
                        false
                    }
                    (None, b'>') => true,
                    _ => false,
                })
            };
            let taken = end.unwrap_or(buffer.len());
            let most = if self.in_text { MAX_TEXT } else { MAX_TAG };
            if self.token.len() + taken > most {
                return Err(STRANGE.to_owned());
            }
            self.token.extend_from_slice(buffer.get(..taken).unwrap_or_default());
            let used = taken + usize::from(end.is_some());
            self.bytes += used as u64;
            self.left = self.left.checked_sub(used as u64).ok_or(TOO_LARGE)?;
            self.reader.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The next tag or text; nothing at the end.
    ///
    /// # Errors
    /// When it is no XML, or none that a spreadsheet program writes.
    pub(super) fn next(&mut self) -> Result<Option<Token<'_>>, String> {
        loop {
            let was_text = self.in_text;
            if !self.fill()? {
                return Ok(None);
            }
            self.in_text = !was_text;
            self.tags += u64::from(!was_text);
            if (was_text && self.token.is_empty()) || (!was_text && self.token.starts_with(b"?")) {
                continue;
            }
            if !was_text && self.token.starts_with(b"!") {
                return Err(STRANGE.to_owned());
            }
            break;
        }
        let is_tag = self.in_text;
        let token = std::str::from_utf8(&self.token).map_err(|_| BROKEN.to_owned())?;
        let token = token.trim_start_matches('\u{feff}');
        if !is_tag {
            return Ok(Some(Token::Text(token)));
        }
        if let Some(name) = token.strip_prefix('/') {
            return Ok(Some(Token::Close(local(name.trim()))));
        }
        let (token, is_empty) = token.strip_suffix('/').map_or((token, false), |token| (token, true));
        let (name, attributes) = token.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((token, ""));
        Ok(Some(Token::Open(Tag { name: local(name), is_empty, attributes })))
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

impl<'a> Tag<'a> {
    /// The value of an attribute, by its name without a prefix.
    pub(super) fn attribute(&self, wanted: &str) -> Option<Cow<'a, str>> {
        let mut rest = self.attributes;
        loop {
            let (name, behind) = rest.split_once('=')?;
            let behind = behind.trim_start();
            let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, more) = behind.get(1..)?.split_once(quote)?;
            if local(name.trim()) == wanted {
                return Some(unescaped(value));
            }
            rest = more;
        }
    }
}

/// Text with the characters that its entities stand for.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('&') else { return Cow::Borrowed(text) };
    let (before, mut rest) = text.split_at(first);
    let mut made = before.to_owned();
    while let Some(at) = rest.find('&') {
        made.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let entity = end.and_then(|end| rest.get(1..end)).and_then(character);
        if let (Some(character), Some(end)) = (entity, end) {
            made.push(character);
            rest = rest.get(end + 1..).unwrap_or_default();
        } else {
            made.push('&');
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    made.push_str(rest);
    Cow::Owned(made)
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| *c != '\0')
        }
    }
}
