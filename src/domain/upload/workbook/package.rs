//! The parts of a workbook: which sheets there are, the texts that cells share, and which styles are dates.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::xml::{TOO_LARGE, Token, Xml, unescaped};

/// The most parts of a workbook.
const PARTS_MOST: usize = 4_096;
/// The most bytes of a part that says what there is.
const LIST_MOST: u64 = 8 * 1_024 * 1_024;
/// The most bytes of the texts that cells share, as they are written.
const STRINGS_MOST: u64 = 128 * 1_024 * 1_024;
/// The most bytes of these texts.
const TEXT_MOST: usize = 48 * 1_024 * 1_024;
/// The most texts that cells share.
const STRINGS: usize = 1_500_000;
/// The most tags of a part that says what there is, and of the texts that cells share. Tags are what takes time: a few bytes
/// unpack to millions.
const LIST_TAGS: u64 = 400_000;
const STRINGS_TAGS: u64 = 8_000_000;
/// The most styles of cells, as spreadsheet programs have them.
const STYLES_MOST: usize = 65_536;
/// The most bytes of a sheet.
pub(super) const SHEET_MOST: u64 = 256 * 1_024 * 1_024;
/// The most sheets.
const SHEETS_MOST: usize = 1_000;

/// A workbook.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Where the workbook's own part is.
    workbook: String,
}

/// A sheet.
pub(super) struct Sheet {
    /// Its name.
    pub(super) name: String,
    /// Its part.
    pub(super) path: String,
    /// Whether people do not see it.
    pub(super) is_hidden: bool,
}

/// Texts that cells share.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    /// The text of this place.
    pub(super) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)? as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |start| *start as usize);
        self.text.get(start..end)
    }
}

/// Checks that no more tags were read than a part of a workbook has.
fn bounded(tags: u64, most: u64) -> Result<(), String> {
    if tags > most { Err(TOO_LARGE.to_owned()) } else { Ok(()) }
}

fn unreadable(error: &ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(_) => {
            "The workbook is packed or locked in a way that is not read. Save it without a password, or save the sheet \
             as \u{201c}CSV UTF-8\u{201d}."
        }
        _ => {
            "The file begins as an Excel workbook and is none. Open it in the program that wrote it, save it anew, and \
              choose it again."
        }
    }
    .to_owned()
}

impl<'a> Package<'a> {
    /// Opens a workbook.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let parts = bytes.windows(4).filter(|window| *window == b"PK\x01\x02").count();
        if parts > PARTS_MOST {
            return Err(format!("The file is an archive of {parts} parts and no workbook."));
        }
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
        let mut package = Self { archive, workbook: "xl/workbook.xml".to_owned() };
        package.find_workbook()?;
        Ok(package)
    }

    fn find_workbook(&mut self) -> Result<(), String> {
        let named =
            self.relations("_rels/.rels")?.into_iter().find(|relation| relation.kind.ends_with("/officeDocument"));
        if let Some(relation) = named {
            relation.target.trim_start_matches('/').clone_into(&mut self.workbook);
        }
        if self.has(&self.workbook) && self.workbook.to_ascii_lowercase().ends_with(".xml") {
            return Ok(());
        }
        Err(if self.has("content.xml") {
            "The file is an OpenDocument sheet (.ods). Save it as an Excel workbook (.xlsx) or as \u{201c}CSV UTF-8\u{201d}."
        } else if self.has("xl/workbook.bin") {
            "The file is a binary Excel workbook (.xlsb). Save it as an Excel workbook (.xlsx) or as \
             \u{201c}CSV UTF-8\u{201d}."
        } else {
            "The file is a ZIP archive and no Excel workbook. Unpack it and choose the file that is in it."
        }
        .to_owned())
    }

    fn has(&self, path: &str) -> bool {
        self.archive.index_for_name(path).is_some()
    }

    /// Opens a part, of which so many bytes are read at most.
    pub(super) fn part(&mut self, path: &str, most: u64) -> Result<Xml<impl Read>, String> {
        match self.archive.by_name(path) {
            Ok(part) => Ok(Xml::new(part, most)),
            Err(error) => Err(unreadable(&error)),
        }
    }

    fn relations(&mut self, path: &str) -> Result<Vec<Relation>, String> {
        let mut found = Vec::new();
        if !self.has(path) {
            return Ok(found);
        }
        let mut xml = self.part(path, LIST_MOST)?;
        while bounded(xml.tags(), LIST_TAGS).is_ok()
            && let Some(token) = xml.next()?
        {
            let Token::Open(tag) = token else { continue };
            if tag.name == "Relationship" && found.len() < PARTS_MOST {
                let text = |name| tag.attribute(name).unwrap_or_default().into_owned();
                found.push(Relation { id: text("Id"), kind: text("Type"), target: text("Target") });
            }
        }
        Ok(found)
    }

    /// The folder of the workbook's own part, with a slash behind it.
    fn folder(&self) -> &str {
        self.workbook.rfind('/').map_or("", |end| self.workbook.get(..=end).unwrap_or_default())
    }

    fn beside(&self, target: &str) -> String {
        match target.strip_prefix('/') {
            Some(whole) => whole.to_owned(),
            None => format!("{}{}", self.folder(), target.trim_start_matches("./")),
        }
    }

    fn related(&mut self) -> Result<Vec<Relation>, String> {
        let name = self.workbook.rsplit('/').next().unwrap_or_default();
        let path = format!("{}_rels/{name}.rels", self.folder());
        self.relations(&path)
    }

    /// The sheets in their order.
    pub(super) fn sheets(&mut self) -> Result<Vec<Sheet>, String> {
        let relations = self.related()?;
        let workbook = self.workbook.clone();
        let mut found = Vec::new();
        {
            let mut xml = self.part(&workbook, LIST_MOST)?;
            while bounded(xml.tags(), LIST_TAGS).is_ok()
                && let Some(token) = xml.next()?
            {
                let Token::Open(tag) = token else { continue };
                if tag.name == "sheet" && found.len() < SHEETS_MOST {
                    let hidden = tag.attribute("state").is_some_and(|state| state != "visible");
                    let text = |name| tag.attribute(name).unwrap_or_default().into_owned();
                    found.push((text("name"), text("id"), hidden));
                }
            }
        }
        let sheet = |(name, id, is_hidden): (String, String, bool)| {
            let relation =
                relations.iter().find(|relation| relation.id == id && relation.kind.ends_with("/worksheet"))?;
            Some(Sheet { name, path: self.beside(&relation.target), is_hidden })
        };
        Ok(found.into_iter().filter_map(sheet).collect())
    }

    /// The part of this kind, where there is one.
    fn part_of_kind(&mut self, kind: &str) -> Result<Option<String>, String> {
        let found = self.related()?.into_iter().find(|relation| relation.kind.ends_with(kind));
        Ok(found.map(|relation| self.beside(&relation.target)).filter(|path| self.has(path)))
    }

    /// The texts that cells share.
    pub(super) fn strings(&mut self) -> Result<Strings, String> {
        let mut strings = Strings::default();
        let Some(path) = self.part_of_kind("/sharedStrings")? else { return Ok(strings) };
        let mut xml = self.part(&path, STRINGS_MOST)?;
        let (mut is_text, mut is_said) = (false, true);
        loop {
            bounded(xml.tags(), STRINGS_TAGS)?;
            let Some(token) = xml.next()? else { break };
            match token {
                Token::Open(tag) if tag.is_empty && tag.name == "si" => {
                    strings.ends.push(u32::try_from(strings.text.len()).unwrap_or(u32::MAX));
                }
                Token::Open(tag) => match tag.name {
                    "t" => is_text = true,
                    // How a text is pronounced is no part of it.
                    "rPh" => is_said = false,
                    _ => {}
                },
                Token::Close("t") => is_text = false,
                Token::Close("rPh") => is_said = true,
                Token::Close("si") => strings.ends.push(u32::try_from(strings.text.len()).unwrap_or(u32::MAX)),
                Token::Text(text) if is_text && is_said => strings.text.push_str(&unescaped(text)),
                _ => {}
            }
            if strings.text.len() > TEXT_MOST {
                return Err(too_much_text());
            }
            if strings.ends.len() > STRINGS {
                return Err(TOO_LARGE.to_owned());
            }
        }
        Ok(strings)
    }

    /// For each style of cells whether it shows a number as a date.
    pub(super) fn date_styles(&mut self) -> Result<Vec<bool>, String> {
        let Some(path) = self.part_of_kind("/styles")? else { return Ok(Vec::new()) };
        let mut xml = self.part(&path, LIST_MOST)?;
        let (mut own, mut styles, mut in_cells) = (HashMap::new(), Vec::new(), false);
        loop {
            bounded(xml.tags(), LIST_TAGS)?;
            let Some(token) = xml.next()? else { break };
            match token {
                Token::Open(tag) if tag.name == "numFmt" && own.len() < PARTS_MOST => {
                    let format = tag.attribute("formatCode").unwrap_or_default();
                    let id = tag.attribute("numFmtId").unwrap_or_default().into_owned();
                    own.entry(id).or_insert_with(|| is_date_format(&format));
                }
                Token::Open(tag) if tag.name == "cellXfs" => in_cells = !tag.is_empty,
                Token::Close("cellXfs") => in_cells = false,
                Token::Open(tag) if in_cells && tag.name == "xf" => {
                    if styles.len() == STYLES_MOST {
                        return Err(TOO_LARGE.to_owned());
                    }
                    let id = tag.attribute("numFmtId").unwrap_or_default();
                    let is_own = own.get(&*id).copied();
                    styles.push(is_own.unwrap_or(matches!(id.parse(), Ok(14..=22_u32 | 27..=36 | 45..=47 | 50..=58))));
                }
                _ => {}
            }
        }
        Ok(styles)
    }
}

pub(super) fn too_much_text() -> String {
    format!("The workbook has more than {} MB of text. Split it.", TEXT_MOST / 1_024 / 1_024)
}

/// Whether a format of numbers shows days or months.
fn is_date_format(format: &str) -> bool {
    let (mut quoted, mut bracketed) = (false, false);
    format.chars().any(|c| {
        match c {
            '"' => quoted = !quoted,
            '[' => bracketed = true,
            ']' => bracketed = false,
            _ => {}
        }
        !quoted && !bracketed && matches!(c, 'd' | 'D' | 'm' | 'M' | 'y' | 'Y')
    })
}

struct Relation {
    id: String,
    kind: String,
    target: String,
}
