use std::io::Write as _;

use zip::write::{SimpleFileOptions, ZipWriter};

use super::read;
use super::xml::Xml;

const RELATED: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Packs parts as a workbook is packed.
fn packed(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, body) in parts {
        zip.start_file(*path, SimpleFileOptions::default()).unwrap();
        zip.write_all(body.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook as Excel writes one, with these rows on its first visible sheet.
fn book(rows: &str) -> Vec<u8> {
    let relation =
        |id, kind, target| format!("<Relationship Id=\"{id}\" Type=\"{RELATED}/{kind}\" Target=\"{target}\"/>");
    let sheet = |rows: &str| {
        format!(
            "<?xml version=\"1.0\"?><worksheet xmlns=\"x\"><dimension ref=\"A1:B9\"/><sheetData>{rows}</sheetData>\
             <pageMargins left=\"0.7\"/></worksheet>"
        )
    };
    packed(&[
        (
            "_rels/.rels",
            &format!("<Relationships>{}</Relationships>", relation("rId1", "officeDocument", "/xl/workbook.xml")),
        ),
        (
            "xl/workbook.xml",
            "<x:workbook xmlns:x=\"x\" xmlns:r=\"r\"><x:sheets><x:sheet name=\"Old\" sheetId=\"3\" state=\"hidden\" r:id=\"rId2\"/>\
             <x:sheet name=\"Numbers &amp; more\" sheetId=\"1\" r:id=\"rId3\"/><x:sheet name=\"Other\" sheetId=\"2\" r:id=\"rId4\"/>\
             </x:sheets></x:workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &format!(
                "<Relationships>{}{}{}{}{}</Relationships>",
                relation("rId2", "worksheet", "worksheets/hidden.xml"),
                relation("rId3", "worksheet", "worksheets/sheet1.xml"),
                relation("rId4", "worksheet", "/xl/worksheets/sheet2.xml"),
                relation("rId5", "sharedStrings", "sharedStrings.xml"),
                relation("rId6", "styles", "styles.xml"),
            ),
        ),
        (
            "xl/sharedStrings.xml",
            "<sst count=\"99999999999\" uniqueCount=\"99999999999\"><si><t>Number</t></si><si><t>Account</t></si>\
             <si><r><t>con</t></r><r><t xml:space=\"preserve\">toso </t></r><rPh sb=\"0\"><t>x</t></rPh></si><si/></sst>",
        ),
        (
            "xl/styles.xml",
            "<styleSheet><numFmts><numFmt numFmtId=\"170\" formatCode=\"yyyy\\-mm\"/><numFmt numFmtId=\"171\" \
             formatCode=\"[Red]0.00 &quot;dm&quot;\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs>\
             <xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"170\"/><xf numFmtId=\"171\"/></cellXfs></styleSheet>",
        ),
        ("xl/worksheets/hidden.xml", &sheet("<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>")),
        ("xl/worksheets/sheet1.xml", &sheet(rows)),
        ("xl/worksheets/sheet2.xml", &sheet("<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>two</t></is></c></row>")),
    ])
}

#[test]
fn a_sheet_becomes_lines() {
    let rows = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c></row>\
                <row r=\"3\"><c r=\"A3\"><v>441632960000</v></c><c r=\"B3\" t=\"s\"><v>2</v></c><c r=\"D3\" t=\"b\"><v>1</v></c></row>\
                <row r=\"4\"><c r=\"A4\"><v>4.4163296E+11</v></c><c r=\"B4\" t=\"b\"><v>0</v></c><c r=\"C4\" t=\"s\"><v>3</v></c></row>\
                <row r=\"5\"><c r=\"A5\" t=\"inlineStr\"><is><t>+441632960001</t></is></c><c r=\"B5\" s=\"1\"><v>45601</v></c></row>\
                <row r=\"6\"><c r=\"A6\" s=\"2\"><v>45601.5</v></c><c r=\"B6\" s=\"3\"><v>12.5</v></c></row>\
                <row><c><f>A1&amp;\"x\"</f><v>7</v></c><c t=\"str\"><f t=\"shared\" si=\"99999999999\"/><v>7</v></c></row>\
                <row><c t=\"e\"><v>#REF!</v></c><c t=\"inlineStr\"><is><t>a, \"b\"&#10;c</t></is></c></row>";
    let read = read(&book(rows), None).unwrap().text;
    assert_eq!(
        read,
        "Number,Account\n\n441632960000,contoso,,TRUE\n441632960000,FALSE\n+441632960001,2024-11-05\n2024-11-05,12.5\n\
         \"=A1&\"\"x\"\"\",=\n#REF!,\"a, \"\"b\"\"; c\"\n"
    );
}

#[test]
fn the_chosen_sheet_is_read() {
    let sheet = read(&book(""), Some(" other")).unwrap();
    assert_eq!(
        (sheet.text.as_str(), sheet.note.as_str()),
        ("two\n", "The sheet Other was read, and not Numbers & more.")
    );
    assert_eq!(
        read(&book(""), Some("Third")).unwrap_err(),
        "The workbook has no sheet named Third. It has Old, Numbers & more, Other."
    );
}

#[test]
fn what_is_no_workbook_is_named() {
    for (bytes, word) in [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more".to_vec(), ".xls"),
        (packed(&[("content.xml", "<x/>")]), ".ods"),
        (packed(&[("xl/workbook.bin", "x")]), ".xlsb"),
        (packed(&[("numbers.csv", "x")]), "ZIP archive"),
        (b"PK\x03\x04 and nothing".to_vec(), "none"),
        (b"PK\x01\x02".repeat(10_000), "archive of 10000 parts"),
    ] {
        let refused = read(&bytes, None).unwrap_err();
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn what_no_list_of_numbers_has_is_refused_within_bounds() {
    let cell = |place: &str| format!("<row r=\"1\"><c r=\"{place}\"><v>1</v></c></row>");
    for (rows, word) in [
        (cell("XFD1"), "column 16384"),
        (cell("ZZZZ1"), "256 columns are the most"),
        (cell("A1048577"), "row 1048577"),
        (format!("<c r=\"A1\"><v>{}</v></c>", "1".repeat(300_000)), "no spreadsheet program"),
        (format!("<c r=\"{}\"/>", ">".repeat(300_000)), "no spreadsheet program"),
        ("<!DOCTYPE x>".to_owned(), "no spreadsheet program"),
        ("<c r=\"A2\"><v>1</v></c><c r=\"A1\"><v>1</v></c>".to_owned(), "not in order"),
        ("<c r=\"A1\"><v>1</v>".to_owned() + "<", "damaged"),
        (format!("<row>{}</row>", " ".repeat(300_000)), "no spreadsheet program"),
    ] {
        let refused = read(&book(&rows), None).map(|sheet| sheet.text.len()).unwrap_err();
        assert!(refused.contains(word), "{word}: {refused}");
    }
}

/// What is unpacked is counted, whatever the archive says of itself.
#[test]
fn a_bomb_is_given_up() {
    let rows = "<row></row>".repeat(1_000);
    let mut xml = Xml::new(rows.as_bytes(), 5_000);
    let mut tags = 0;
    let refused = loop {
        match xml.next() {
            Ok(Some(_)) => tags += 1,
            Ok(None) => panic!("read to its end"),
            Err(refused) => break refused,
        }
    };
    assert!(refused.contains("far more"), "{refused}");
    assert!((800..=1_000).contains(&tags), "{tags}");
}

/// A few kilobytes that unpack to tags without anything in them end in a moment, whichever part has them.
#[test]
fn tags_without_cells_are_given_up() {
    let begun = std::time::Instant::now();
    for rows in [
        "<row></row>".repeat(2_000_000),
        "<row/>".repeat(2_000_000),
        "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><c><v></v></c>".to_owned() + &"<c/>".repeat(2_000_000),
    ] {
        let refused = read(&book(&rows), None).map(|sheet| sheet.text.len()).unwrap_err();
        assert!(refused.contains("far more") || refused.contains("columns are the most"), "{refused}");
    }
    // Many tags are read where there is as much in them.
    let cells = "<c t=\"inlineStr\"><is><r><t>a</t></r><r><t>b</t></r></is></c>".repeat(200);
    let rows = format!("<row>{cells}</row>").repeat(1_000);
    assert_eq!(read(&book(&rows), None).unwrap().text.lines().count(), 1_000);
    // Debug builds on a busy machine take many times what a release build does.
    assert!(begun.elapsed() < std::time::Duration::from_mins(1));
}
