//! Text of the bytes of a file, whatever encoding a spreadsheet saved it in.

use std::borrow::Cow;

/// How the letters of a file are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, or UTF-16 where the file shows it.
    #[default]
    Unicode,
    /// What Excel writes as "CSV" in western Europe and America.
    Windows1252,
}

impl Encoding {
    /// The encoding of this name in a form.
    pub fn from_key(key: &str) -> Self {
        if key == Self::Windows1252.key() { Self::Windows1252 } else { Self::Unicode }
    }

    /// The name in a form.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Unicode => "",
            Self::Windows1252 => "windows-1252",
        }
    }
}

/// What the bytes 0x80 to 0x9f are in Windows-1252.
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];
/// How much of a file is looked at for the zeros of UTF-16.
const LOOKED_AT: usize = 512;

/// The order of the bytes of UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Utf16 {
    Little,
    Big,
}

/// Tells whether a file is UTF-16, by its mark or by the zeros that letters and digits have there.
pub(super) fn utf16(bytes: &[u8]) -> Option<(Utf16, usize)> {
    if bytes.starts_with(&[0xFF, 0xFE]) {
        return Some((Utf16::Little, 2));
    }
    if bytes.starts_with(&[0xFE, 0xFF]) {
        return Some((Utf16::Big, 2));
    }
    let (mut even, mut odd, mut pairs) = (0, 0, 0);
    for pair in bytes.chunks_exact(2).take(LOOKED_AT / 2) {
        pairs += 1;
        even += usize::from(pair.first() == Some(&0));
        odd += usize::from(pair.last() == Some(&0));
    }
    if odd * 2 > pairs && even == 0 {
        return Some((Utf16::Little, 0));
    }
    (even * 2 > pairs && odd == 0).then_some((Utf16::Big, 0))
}

/// Says what a file is that has no lines of cells, by what it begins with.
pub fn other_kind(bytes: &[u8]) -> Option<String> {
    let bare = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins = |mark: &str| bare.get(..mark.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(mark.as_bytes()));
    let (_, kind) = KINDS.into_iter().find(|(mark, _)| begins(mark))?;
    Some(format!(
        "The file is {kind}, whatever its name says. Save the table in it as an Excel workbook (.xlsx) or as \
         \u{201c}CSV UTF-8\u{201d}, and choose that."
    ))
}

/// What files begin with that people take for tables.
const KINDS: [(&str, &str); 11] = [
    ("%PDF-", "a PDF document"),
    ("{\\rtf", "a text document (RTF)"),
    ("<!doctype html", "a web page (HTML)"),
    ("<html", "a web page (HTML)"),
    ("<head", "a web page (HTML)"),
    ("<meta", "a web page (HTML)"),
    ("<style", "a web page (HTML)"),
    ("<body", "a web page (HTML)"),
    ("<table", "a web page (HTML)"),
    ("<?xml", "XML"),
    ("BEGIN:VCARD", "a list of contacts (vCard)"),
];

/// Makes text of an uploaded file, in whichever encoding it is.
///
/// # Errors
/// Says why the bytes are no text and how to save them instead.
pub fn decoded(bytes: &[u8], encoding: Encoding) -> Result<Cow<'_, str>, String> {
    if let Some(reason) = other_kind(bytes) {
        return Err(reason);
    }
    if let Some((order, skip)) = utf16(bytes) {
        return from_utf16(bytes.get(skip..).unwrap_or_default(), order).map(Cow::Owned);
    }
    if encoding == Encoding::Windows1252 && std::str::from_utf8(bytes).is_err() {
        if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
            return Err(not_text(bytes, at, "text"));
        }
        let text: String = bytes.iter().map(|byte| from_windows_1252(*byte)).collect();
        return Ok(Cow::Owned(with_line_feeds(&text).into_owned()));
    }
    decode(bytes).map(with_line_feeds).map_err(|reason| {
        if bytes.contains(&0) {
            return reason;
        }
        format!("{reason} If it was saved as \u{201c}CSV\u{201d} without UTF-8, say that it is Windows-1252.")
    })
}

pub(super) fn from_windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252.get(usize::from(byte - 0x80)).copied().unwrap_or('\u{fffd}'),
        byte => char::from(byte),
    }
}

fn from_utf16(bytes: &[u8], order: Utf16) -> Result<String, String> {
    let units = bytes.chunks(2).map(|pair| match (pair, order) {
        ([low, high], Utf16::Little) => u16::from_le_bytes([*low, *high]),
        ([high, low], Utf16::Big) => u16::from_be_bytes([*high, *low]),
        // Half of a unit is none.
        _ => 0xdfff,
    });
    let mut text = String::with_capacity(bytes.len() / 2);
    for unit in char::decode_utf16(units) {
        match unit {
            Ok('\0') | Err(_) => {
                let line = text.matches('\n').count() + 1;
                return Err(format!(
                    "Line {line} of the file is not UTF-16 text, which the file begins as. Save it as \
                     \u{201c}CSV UTF-8\u{201d} and choose it again."
                ));
            }
            Ok(c) => text.push(c),
        }
    }
    Ok(match with_line_feeds(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(text) => text,
    })
}

/// Ends lines with line feeds that end with a carriage return alone.
pub fn with_line_feeds(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let is_alone = |at: usize| bytes.get(at + 1) != Some(&b'\n');
    let mut returns = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\r');
    if !returns.any(|(at, _)| is_alone(at)) {
        return Cow::Borrowed(text);
    }
    let mut made = String::with_capacity(text.len());
    let mut rest = text.split('\r').peekable();
    while let Some(piece) = rest.next() {
        made.push_str(piece);
        match rest.peek() {
            Some(next) if next.starts_with('\n') => made.push('\r'),
            Some(_) => made.push('\n'),
            None => {}
        }
    }
    Cow::Owned(made)
}

fn not_text(bytes: &[u8], at: usize, kind: &str) -> String {
    let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
    format!("Line {line} of the file is not {kind}. Save it as \u{201c}CSV UTF-8\u{201d} and choose it again.")
}

/// Makes text of an uploaded file that has to be UTF-8.
///
/// # Errors
/// Says why the bytes are no text and how to save them instead.
pub fn decode(bytes: &[u8]) -> Result<&str, String> {
    if utf16(bytes).is_some() {
        return Err(
            "The file is UTF-16. Save it as \u{201c}CSV UTF-8\u{201d} (in Excel: File, Save as) and choose it again."
                .into(),
        );
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err("The file is an Excel workbook or a ZIP archive. Save the sheet as \u{201c}CSV UTF-8\u{201d} and \
                    choose it again."
            .into());
    }
    match (std::str::from_utf8(bytes), bytes.iter().position(|b| *b == 0)) {
        (Ok(text), None) => Ok(text),
        (Err(error), None) => Err(not_text(bytes, error.valid_up_to(), "UTF-8 text")),
        (Ok(_), Some(nul)) => Err(not_text(bytes, nul, "UTF-8 text")),
        (Err(error), Some(nul)) => Err(not_text(bytes, nul.min(error.valid_up_to()), "UTF-8 text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_text_in_every_encoding_that_spreadsheets_write() {
        let text = "Number;Ort\r\n+441632960000;K\u{f6}ln \u{20ac}\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.as_bytes(), &little, &big, &[b"\xff\xfe", &*little].concat(), &[b"\xfe\xff", &*big].concat()]
        {
            assert_eq!(decoded(bytes, Encoding::Unicode).as_deref(), Ok(text));
            assert_eq!(decoded(bytes, Encoding::Windows1252).as_deref(), Ok(text));
        }
        let western = b"Number;Ort\r\n+441632960000;K\xf6ln \x80\r\n";
        assert_eq!(decoded(western, Encoding::Windows1252).as_deref(), Ok(text));
        assert_eq!(decoded(b"K\xf6ln\rBath\r", Encoding::Windows1252).as_deref(), Ok("K\u{f6}ln\nBath\n"));
        let refused = decoded(western, Encoding::Unicode).unwrap_err();
        assert!(refused.starts_with("Line 2 of the file is not UTF-8 text."), "{refused}");
        assert!(decoded(b"\xff\xfe\x00\xd8", Encoding::Unicode).is_err(), "half of a pair");
        assert!(decoded(b"\xff\xfe1\x00\x32", Encoding::Unicode).is_err(), "half of a unit");
    }

    #[test]
    fn what_is_no_table_is_named() {
        for (file, kind) in [
            ("%PDF-1.7\n\u{fffd}", "a PDF document"),
            ("\u{feff}\r\n<HTML xmlns:o=\"urn\"><table><tr><td>+441632960000</td>", "a web page (HTML)"),
            ("<?xml version=\"1.0\"?><Workbook>", "XML"),
            ("{\\rtf1 +441632960000}", "a text document (RTF)"),
        ] {
            for encoding in [Encoding::Unicode, Encoding::Windows1252] {
                let reason = decoded(file.as_bytes(), encoding).unwrap_err();
                assert!(reason.starts_with(&format!("The file is {kind}, whatever")), "{reason}");
            }
        }
        assert!(other_kind(b"<+441632960000>\n").is_none() && other_kind(b"{\"value\": []}").is_none());
    }

    #[test]
    fn lines_that_end_with_a_carriage_return_are_lines() {
        assert_eq!(with_line_feeds("a\rb\r\nc\r\rd\r"), "a\nb\r\nc\n\nd\n");
        assert!(matches!(with_line_feeds("a\r\nb\n"), Cow::Borrowed(_)));
    }
}
