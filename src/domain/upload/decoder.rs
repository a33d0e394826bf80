//! Text of a file that is too long to be held, piece by piece.

use super::text::{Encoding, Utf16, from_windows_1252, utf16, with_line_feeds};

/// How the letters are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Utf8,
    Utf16(Utf16),
    Western,
}

/// Where a file is no text any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotText {
    /// The line, from 1.
    pub line: u32,
    /// Why, and how to save it instead.
    pub reason: String,
    /// The lines before it, as far as they were not given before.
    pub before: String,
}

/// Makes text of bytes, piece by piece; lines end with line feeds in it.
#[derive(Debug)]
pub struct Decoder {
    encoding: Encoding,
    /// Known once the first bytes were seen.
    way: Option<Way>,
    /// Bytes that are a part of a letter.
    held: Vec<u8>,
    /// Whether a carriage return is held that may be followed by a line feed.
    is_returned: bool,
    /// Line feeds that were made.
    lines: u32,
}

impl Decoder {
    /// Decodes what is Unicode, or what is known to be Windows-1252.
    #[must_use]
    pub const fn new(encoding: Encoding) -> Self {
        Self { encoding, way: None, held: Vec::new(), is_returned: false, lines: 0 }
    }

    /// Decodes the next piece; the first has some hundred bytes at least, unless it is the last.
    ///
    /// # Errors
    /// Where the bytes are no text in the encoding that they begin in.
    pub fn read(&mut self, bytes: &[u8], is_last: bool) -> Result<String, NotText> {
        let (way, skip) = match (self.way, utf16(bytes)) {
            (Some(way), _) => (way, 0),
            (None, Some((order, skip))) => (Way::Utf16(order), skip),
            (None, None) if self.encoding == Encoding::Windows1252 => (Way::Western, 0),
            (None, None) => (Way::Utf8, 0),
        };
        self.way = Some(way);
        self.held.extend_from_slice(bytes.get(skip..).unwrap_or_default());
        let (text, is_whole) = match way {
            Way::Utf8 => self.utf8(is_last),
            Way::Utf16(order) => self.utf16(order, is_last),
            Way::Western => (self.held.drain(..).map(from_windows_1252).collect(), true),
        };
        let nul = text.find('\0');
        let text = self.ended(text, is_last);
        if is_whole && nul.is_none() {
            self.lines = self.lines.saturating_add(line_feeds(&text));
            return Ok(text);
        }
        let before = text.split('\0').next().unwrap_or_default();
        let line = self.lines.saturating_add(line_feeds(before)).saturating_add(1);
        let kind = if matches!(way, Way::Utf16(_)) { "UTF-16" } else { "UTF-8" };
        let or = if kind == "UTF-8" && nul.is_none() { ", or say that it is Windows-1252" } else { "" };
        let reason = format!(
            "Line {line} of the file is not {kind} text. Save it as \u{201c}CSV UTF-8\u{201d}{or}. From here on it was not read."
        );
        let before = before.rfind('\n').and_then(|end| before.get(..=end)).unwrap_or_default().to_owned();
        Err(NotText { line, reason, before })
    }

    /// The letters that are whole, and whether all are letters.
    fn utf8(&mut self, is_last: bool) -> (String, bool) {
        let mut bytes = std::mem::take(&mut self.held);
        let Err(error) = std::str::from_utf8(&bytes) else {
            return (String::from_utf8(bytes).unwrap_or_default(), true);
        };
        let rest = bytes.split_off(error.valid_up_to());
        let is_cut = error.error_len().is_none() && !is_last;
        if is_cut {
            self.held = rest;
        }
        (String::from_utf8(bytes).unwrap_or_default(), is_cut)
    }

    fn utf16(&mut self, order: Utf16, is_last: bool) -> (String, bool) {
        let units: Vec<u16> = self
            .held
            .chunks_exact(2)
            .map(|pair| match (pair, order) {
                ([low, high], Utf16::Little) => u16::from_le_bytes([*low, *high]),
                ([high, low], Utf16::Big) => u16::from_be_bytes([*high, *low]),
                _ => 0,
            })
            .collect();
        // The first half of a pair waits for the second.
        let is_half = !is_last && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit));
        let whole = units.len() - usize::from(is_half);
        self.held.drain(..whole * 2);
        let mut text = String::with_capacity(whole);
        for unit in char::decode_utf16(units.into_iter().take(whole)) {
            match unit {
                Ok(c) => text.push(c),
                Err(_) => return (text, false),
            }
        }
        let is_whole = !is_last || self.held.is_empty();
        (text, is_whole)
    }

    /// Ends lines with line feeds; a carriage return at the end waits for what follows.
    fn ended(&mut self, text: String, is_last: bool) -> String {
        let mut text = if std::mem::take(&mut self.is_returned) { format!("\r{text}") } else { text };
        if !is_last && text.ends_with('\r') {
            text.pop();
            self.is_returned = true;
        }
        match with_line_feeds(&text) {
            std::borrow::Cow::Borrowed(_) => text,
            std::borrow::Cow::Owned(text) => text,
        }
    }
}

fn line_feeds(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8], encoding: Encoding, piece: usize) -> Result<String, NotText> {
        let mut decoder = Decoder::new(encoding);
        // What tells the encoding is in the first piece.
        let (first, rest) = bytes.split_at(bytes.len().min(600));
        let mut text = decoder.read(first, rest.is_empty())?;
        let pieces = rest.chunks(piece).count();
        for (at, piece) in rest.chunks(piece).enumerate() {
            text.push_str(&decoder.read(piece, at + 1 == pieces)?);
        }
        Ok(text)
    }

    proptest! {
        #[test]
        fn a_file_is_the_same_text_wherever_it_is_parted(tail in "[a-z0-9,;\u{e9}\u{20ac}\u{1f4de}\r\n]{0,80}", piece in 1_usize..9) {
            let text = format!("{}{tail}", "Number;Ort\r\n".repeat(60));
            let right = with_line_feeds(&text);
            let units: Vec<u16> = text.encode_utf16().collect();
            let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            for bytes in [text.as_bytes(), &little, &[b"\xff\xfe", &*little].concat(), &[b"\xfe\xff", &*big].concat()] {
                let text = decoded(bytes, Encoding::Unicode, piece);
                prop_assert_eq!(text.as_deref(), Ok(&*right));
            }
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line() {
        let line = |bytes: &[u8]| decoded(bytes, Encoding::Unicode, 3).unwrap_err().line;
        let refused = Decoder::new(Encoding::Unicode).read(b"a\r\nb\nK\xf6ln\n", true).unwrap_err();
        assert_eq!((refused.line, refused.before.as_str()), (3, "a\r\nb\n"));
        let head = "a,b\r".repeat(200);
        assert_eq!(line(&[head.as_bytes(), b"K\xf6ln\n"].concat()), 201);
        assert_eq!(line(&[head.as_bytes(), b"x\ny\0\n"].concat()), 202);
        let western = decoded(b"K\xf6ln \x80\r", Encoding::Windows1252, 3);
        assert_eq!(western.as_deref(), Ok("K\u{f6}ln \u{20ac}\n"));
        assert!(decoded(b"\xff\xfe1\0\x32", Encoding::Unicode, 3).is_err(), "half of a unit");
        assert!(decoded(b"caf\xc3", Encoding::Unicode, 3).is_err(), "half of a letter");
    }
}
