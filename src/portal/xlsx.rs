//! Workbooks as exports write them: every cell a text, so that a spreadsheet leaves telephone numbers alone, the headings
//! frozen, the columns as wide as what is in them.
//!
//! They are written while they are sent. What has been sent is forgotten, so that a million numbers take no more memory than
//! a thousand.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

use super::csv::Failure;

/// The most rows of a sheet; behind them another begins.
const ROWS_MOST: u32 = 1_048_576;
/// The narrowest and the widest column.
const WIDTH: std::ops::RangeInclusive<usize> = 10..=48;

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Two styles: of headings, and of texts, whose format keeps what is typed there a text.
const STYLES: &str = "\
<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>\
<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>\
<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
<cellXfs count=\"3\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
<xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
<xf numFmtId=\"49\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyFont=\"1\"/></cellXfs>\
<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles>";

/// What is written and not sent yet.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A workbook that is being written.
pub(super) struct Workbook {
    sink: Sink,
    zip: Option<ZipWriter<StreamWriter<Sink>>>,
    headings: Vec<String>,
    sheets: u32,
    row: u32,
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(1))
}

impl Workbook {
    /// A workbook with these headings.
    pub(super) fn new(headings: Vec<String>) -> Self {
        let sink = Sink::default();
        Self { zip: Some(ZipWriter::new_stream(sink.clone())), sink, headings, sheets: 0, row: 0 }
    }

    /// Writes the next rows, and the end behind the last; gives what is to be sent.
    pub(super) fn write(&mut self, rows: &[Vec<String>], is_last: bool) -> Result<Vec<u8>, Failure> {
        let Some(mut zip) = self.zip.take() else { return Ok(Vec::new()) };
        if self.sheets == 0 {
            self.begin_sheet(&mut zip, rows)?;
        }
        let mut xml = String::new();
        for row in rows {
            if self.row >= ROWS_MOST {
                zip.write_all(xml.as_bytes())?;
                xml.clear();
                zip.write_all(SHEET_END)?;
                self.begin_sheet(&mut zip, rows)?;
            }
            self.row += 1;
            add_row(&mut xml, self.row, row, 1);
        }
        zip.write_all(xml.as_bytes())?;
        if is_last {
            zip.write_all(SHEET_END)?;
            self.end(&mut zip)?;
            zip.finish()?;
        } else {
            self.zip = Some(zip);
        }
        Ok(self.sink.taken())
    }

    fn begin_sheet(&mut self, zip: &mut ZipWriter<StreamWriter<Sink>>, rows: &[Vec<String>]) -> Result<(), Failure> {
        self.sheets += 1;
        self.row = 1;
        zip.start_file(format!("xl/worksheets/sheet{}.xml", self.sheets), options())?;
        let mut xml = format!(
            "{XML}<worksheet xmlns=\"{MAIN}\"><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" \
             topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews>\
             <sheetFormatPr defaultRowHeight=\"15\"/><cols>"
        );
        for (at, heading) in self.headings.iter().enumerate() {
            let widest = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
            let width = widest.unwrap_or_default().max(heading.chars().count()) + 2;
            let (number, width) = (at + 1, width.clamp(*WIDTH.start(), *WIDTH.end()));
            let _ =
                write!(xml, "<col min=\"{number}\" max=\"{number}\" width=\"{width}\" style=\"1\" customWidth=\"1\"/>");
        }
        xml.push_str("</cols><sheetData>");
        add_row(&mut xml, 1, &self.headings, 2);
        zip.write_all(xml.as_bytes())?;
        Ok(())
    }

    /// Writes the parts that say what there is.
    fn end(&self, zip: &mut ZipWriter<StreamWriter<Sink>>) -> Result<(), Failure> {
        let (mut types, mut listed, mut related) = (String::new(), String::new(), String::new());
        for sheet in 1..=self.sheets {
            let _ = write!(
                types,
                "<Override PartName=\"/xl/worksheets/sheet{sheet}.xml\" ContentType=\"application/\
                 vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>"
            );
            let _ = write!(listed, "<sheet name=\"Sheet{sheet}\" sheetId=\"{sheet}\" r:id=\"rId{sheet}\"/>");
            let _ = write!(
                related,
                "<Relationship Id=\"rId{sheet}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{sheet}.xml\"/>"
            );
        }
        let styles = self.sheets + 1;
        let parts = [
            ("xl/styles.xml", format!("{XML}<styleSheet xmlns=\"{MAIN}\">{STYLES}</styleSheet>")),
            (
                "xl/workbook.xml",
                format!("{XML}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{listed}</sheets></workbook>"),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "{XML}<Relationships xmlns=\"{RELATIONS}\">{related}<Relationship Id=\"rId{styles}\" \
                     Type=\"{OFFICE}/styles\" Target=\"styles.xml\"/></Relationships>"
                ),
            ),
            (
                "_rels/.rels",
                format!(
                    "{XML}<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" \
                     Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "[Content_Types].xml",
                format!(
                    "{XML}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default \
                     Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default \
                     Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" \
                     ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override \
                     PartName=\"/xl/styles.xml\" ContentType=\"application/\
                     vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>{types}</Types>"
                ),
            ),
        ];
        for (path, body) in parts {
            zip.start_file(path, options())?;
            zip.write_all(body.as_bytes())?;
        }
        Ok(())
    }
}

const SHEET_END: &[u8] = b"</sheetData></worksheet>";

/// Adds a row; cells without a text are left out.
fn add_row(xml: &mut String, number: u32, cells: &[String], style: u8) {
    let _ = write!(xml, "<row r=\"{number}\">");
    for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        let column = letters(at);
        let _ = write!(xml, "<c r=\"{column}{number}\" s=\"{style}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
        add_text(xml, cell);
        xml.push_str("</t></is></c>");
    }
    xml.push_str("</row>");
}

/// The letters of a column that is counted from 0.
fn letters(mut column: usize) -> String {
    let mut letters = String::new();
    loop {
        letters.insert(0, char::from(b'A' + u8::try_from(column % 26).unwrap_or_default()));
        match column / 26 {
            0 => return letters,
            rest => column = rest - 1,
        }
    }
}

/// Adds a text as XML has it; characters that XML cannot have become spaces.
fn add_text(xml: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\r' => xml.push_str("&#13;"),
            '\t' | '\n' => xml.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => xml.push(' '),
            c => xml.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::upload::workbook;

    #[test]
    fn a_workbook_is_read_back_as_it_was_written() {
        let mut book = Workbook::new(vec!["telephoneNumber".into(), "note".into(), "empty".into()]);
        let mut bytes =
            book.write(&[vec!["+441632960000".into(), "a <b> & \"c\", d".into(), String::new()]], false).unwrap();
        assert!(!bytes.is_empty(), "the first rows are sent before the last are known");
        bytes.extend(book.write(&[vec!["+441632960001".into(), "\u{1}two\nlines".into(), "x".into()]], true).unwrap());
        let read = workbook::read(&bytes, None).unwrap().text;
        assert_eq!(
            read,
            "telephoneNumber,note,empty\n+441632960000,\"a <b> & \"\"c\"\", d\"\n+441632960001,\"two; lines\",x\n"
        );
    }

    #[test]
    fn columns_have_letters() {
        assert_eq!([0, 25, 26, 27, 701, 702].map(letters), ["A", "Z", "AA", "AB", "ZZ", "AAA"]);
    }
}
