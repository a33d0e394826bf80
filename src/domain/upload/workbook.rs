//! Workbooks (`.xlsx`): a sheet becomes lines of cells, line by row, and is read on as such a file is.
//!
//! Nothing is believed that the file says of itself: what it unpacks to is counted while it is unpacked, no part is kept whole
//! but the texts that cells share, and every cell, row and column has a bound. A library that trusts such counts can be made to
//! ask for any amount of memory.

mod package;
mod sheet;
mod xml;

use self::package::Package;
use super::shown;

/// Whether a file is an archive, as workbooks are, or a workbook of before 2007.
pub fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") || bytes.starts_with(&OLD)
}

/// What Excel files of before 2007 begin with, and those with a password.
const OLD: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/// A sheet that was read.
#[derive(Debug)]
pub struct ReadSheet {
    /// Its lines of cells.
    pub text: String,
    /// Which sheet it is, where the workbook has others that people see.
    pub note: String,
}

/// Reads a sheet, the first that is not hidden or the one of this name, as lines of cells with commas between them.
///
/// # Errors
/// Says why it cannot be read and what to do instead.
pub fn read(bytes: &[u8], wanted: Option<&str>) -> Result<ReadSheet, String> {
    if bytes.starts_with(&OLD) {
        return Err(
            "The file is an Excel workbook of the format before 2007 (.xls), or has a password. Save it as an \
                    Excel workbook (.xlsx) without a password, or as \u{201c}CSV UTF-8\u{201d}, and choose it again."
                .to_owned(),
        );
    }
    let mut package = Package::open(bytes)?;
    let sheets = package.sheets()?;
    let sheet = match wanted {
        None => sheets.iter().find(|sheet| !sheet.is_hidden).or_else(|| sheets.first()),
        Some(wanted) => sheets.iter().find(|sheet| sheet.name.trim().eq_ignore_ascii_case(wanted.trim())),
    };
    let Some(sheet) = sheet else {
        let names: Vec<String> = sheets.iter().take(20).map(|sheet| shown(&sheet.name)).collect();
        return Err(match wanted {
            Some(wanted) => {
                format!("The workbook has no sheet named {}. It has {}.", shown(wanted), names.join(", "))
            }
            None => "The workbook has no sheet.".to_owned(),
        });
    };
    let others = sheets.iter().filter(|other| !other.is_hidden && other.path != sheet.path);
    let others: Vec<String> = others.take(20).map(|other| shown(&other.name)).collect();
    let note = if others.is_empty() {
        String::new()
    } else {
        format!("The sheet {} was read, and not {}.", shown(&sheet.name), others.join(", "))
    };
    let strings = package.strings()?;
    let dates = package.date_styles()?;
    let text = sheet::read(package.part(&sheet.path, package::SHEET_MOST)?, &strings, &dates)?;
    Ok(ReadSheet { text, note })
}

#[cfg(test)]
mod tests;
