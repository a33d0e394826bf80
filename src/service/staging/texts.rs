//! The texts of an upload: what was typed, or what is in its files, whatever program wrote them.

use std::borrow::Cow;

use super::{SentFile, Upload};
use crate::domain::FieldProblem;
use crate::domain::field::filled;
use crate::domain::upload::{Encoding, MAX_FILES, Part, decoded, shown, unwrapped_lines, with_line_feeds, workbook};
use crate::service::{self, beside};

/// A text to read.
pub(super) struct Text<'a> {
    /// The name of the file; empty where it was typed.
    pub(super) name: &'a str,
    /// What is in it.
    pub(super) body: Cow<'a, str>,
    /// Which sheet of a workbook it is, where there are others.
    pub(super) sheet: String,
}

impl Text<'_> {
    /// The text without a mark of its byte order.
    pub(super) fn unmarked(&self) -> &str {
        self.body.strip_prefix('\u{feff}').unwrap_or(&self.body)
    }

    pub(super) fn part(&self) -> Part<'_> {
        Part { name: self.name, text: &self.body }
    }
}

/// Finds the texts to read, in the files or in the text field.
///
/// # Errors
/// Everything that is wrong with the files.
pub(super) fn of(upload: &Upload) -> Result<Vec<Text<'_>>, Vec<FieldProblem>> {
    let (form, files) = (&upload.form, &upload.files);
    let problem = |field, reason: &str| Err(vec![FieldProblem::new(field, reason)]);
    match (files.as_slice(), filled(&form.numbers)) {
        (files, Some(_)) if files.iter().any(|file| !file.bytes.is_empty()) => {
            problem("file", "Give the numbers either as a file or in the text field, not both.")
        }
        (_, Some(_)) => Ok(vec![Text { name: "", body: with_line_feeds(&form.numbers), sheet: String::new() }]),
        ([], None) => problem("numbers", "Enter at least one number, or choose a file."),
        (files, None) if files.len() > MAX_FILES => {
            let reason = format!("There are {} files, and {MAX_FILES} are read at once at most.", files.len());
            problem("file", &reason)
        }
        (files, None) => {
            let (mut texts, mut problems) = (Vec::new(), Vec::new());
            for file in files {
                match body(&file.bytes, Encoding::from_key(&form.encoding), &form.sheet) {
                    Ok((body, sheet)) => texts.push(Text { name: &file.name, body, sheet }),
                    Err(reason) if files.len() == 1 => problems.push(FieldProblem::new("file", reason)),
                    Err(reason) => problems.push(FieldProblem::new("file", format!("{}: {reason}", shown(&file.name)))),
                }
            }
            if problems.is_empty() { Ok(texts) } else { Err(problems) }
        }
    }
}

/// The text of a file, and which sheet it is.
fn body<'a>(bytes: &'a [u8], encoding: Encoding, sheet: &str) -> Result<(Cow<'a, str>, String), String> {
    let (text, note) = if workbook::is_workbook(bytes) {
        let read = workbook::read(bytes, filled(sheet))?;
        (Cow::Owned(read.text), read.note)
    } else {
        (decoded(bytes, encoding)?, String::new())
    };
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Err("The file is empty.".to_owned());
    }
    let text = unwrapped_lines(&text).map_or(text, Cow::Owned);
    Ok((text, note))
}

/// What is in a file, as it comes back in the text field of a form.
#[derive(Clone, Debug)]
pub struct FileText {
    /// Its text, or why it cannot be read.
    pub text: Result<String, String>,
    /// Which sheet of a workbook it is, where there are others.
    pub sheet: String,
    /// What Windows-1252 makes of a file that is no text as it is.
    pub western: Option<String>,
}

/// Reads a file beside the threads that answer requests.
///
/// # Errors
/// When it is given up.
pub async fn text_of(file: SentFile, encoding: &str, sheet: &str) -> service::Result<FileText> {
    let (encoding, sheet) = (Encoding::from_key(encoding), sheet.to_owned());
    beside(async move {
        let read = |encoding| body(&file.bytes, encoding, &sheet);
        let (text, sheet) = match read(encoding) {
            Ok((text, sheet)) => (Ok(text.trim_start_matches('\u{feff}').to_owned()), sheet),
            Err(reason) => (Err(reason), String::new()),
        };
        let may_be_western = text.is_err() && !workbook::is_workbook(&file.bytes);
        let western = if may_be_western { read(Encoding::Windows1252).ok() } else { None };
        FileText { text, sheet, western: western.map(|(text, _)| text.into_owned()) }
    })
    .await
}
