//! Reading files on a thread of its own, ahead of what is being written.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::domain::moving::{
    Incoming, IncomingAccount, IncomingNumber, MovingProblem, NumbersCsv, OfNumbers, is_accounts_csv, read_accounts_csv,
};
use crate::domain::upload::{Decoder, Encoding, NotText, decoded, other_kind, unwrapped_lines, workbook};
use crate::wire::{ListedPage, NumberPages, read_account_page};

/// The largest file that is read as a whole: a page, a workbook, or the accounts.
const WHOLE_MOST: u64 = 64 * 1024 * 1024;
/// What is looked at to tell what a file is.
const LOOKED_AT: u64 = 64 * 1024;
/// Bytes of a long file that are read at a time.
const BLOCK: usize = 1024 * 1024;
/// What the names of files end with that are looked for in a folder, though not all of them can be read.
const ENDINGS: [&str; 7] = ["json", "csv", "tsv", "tab", "xlsx", "xlsm", "xls"];

/// A file to read.
#[derive(Clone, Debug)]
pub enum File {
    /// One on disk.
    OnDisk {
        /// Where it is.
        path: PathBuf,
        /// How its letters are encoded where it does not show it.
        encoding: Encoding,
    },
    /// One that was sent.
    Sent {
        /// Its name.
        name: String,
        /// What is in it.
        text: String,
    },
}

/// What was read of a source.
pub(super) enum Piece {
    /// Accounts.
    Accounts(String, Vec<Incoming<IncomingAccount>>),
    /// Numbers.
    Numbers(String, Vec<Incoming<IncomingNumber>>),
    /// Something that is wrong with a file as a whole.
    Problem(MovingProblem),
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    AccountsCsv,
    NumbersCsv,
    AccountsPage,
    NumbersPage,
}

/// The text of a file, and which sheet it is where there are others.
struct Whole<'a> {
    text: Cow<'a, str>,
    note: String,
}

/// A file that is decoded while it is read.
struct Stream {
    file: fs::File,
    decoder: Decoder,
}

/// The text of a file, whole or in pieces.
enum Text<'a> {
    Whole(Whole<'a>),
    Stream(Stream),
}

impl File {
    /// A file on disk.
    #[must_use]
    pub fn on_disk(path: PathBuf) -> Self {
        Self::OnDisk { path, encoding: Encoding::default() }
    }

    /// The same, read in this encoding where it does not show another.
    #[must_use]
    pub fn read_as(self, encoding: Encoding) -> Self {
        match self {
            Self::OnDisk { path, .. } => Self::OnDisk { path, encoding },
            sent @ Self::Sent { .. } => sent,
        }
    }

    /// Its name, without the folder.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::OnDisk { path, .. } => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Sent { name, .. } => name.clone(),
        }
    }

    /// Everything in it.
    fn whole(&self) -> Result<Whole<'_>, MovingProblem> {
        let (path, encoding) = match self {
            Self::Sent { text, .. } => return Ok(Whole { text: unmarked(text).into(), note: String::new() }),
            Self::OnDisk { path, encoding } => (path, *encoding),
        };
        let bytes = first(path, WHOLE_MOST + 1)?;
        if bytes.len() as u64 > WHOLE_MOST {
            return Err(about(format!("The file is larger than {} MB. Split it.", WHOLE_MOST / 1024 / 1024)));
        }
        if workbook::is_workbook(&bytes) {
            let read = workbook::read(&bytes, None).map_err(about)?;
            let text = unwrapped_lines(&read.text).unwrap_or(read.text);
            return Ok(Whole { text: text.into(), note: read.note });
        }
        let text = decoded(&bytes, encoding).map_err(about)?;
        Ok(Whole { text: unmarked(&text).to_owned().into(), note: String::new() })
    }

    /// Begins to read it: what is long is not held whole.
    fn text(&self) -> Result<Text<'_>, MovingProblem> {
        let Self::OnDisk { path, encoding } = self else { return self.whole().map(Text::Whole) };
        if workbook::is_workbook(&first(path, 8)?) {
            return self.whole().map(Text::Whole);
        }
        Ok(Text::Stream(Stream { file: open(path)?, decoder: Decoder::new(shown_encoding(path, *encoding)?) }))
    }

    fn look(&self) -> Result<Look, MovingProblem> {
        let head = match self {
            Self::OnDisk { path, encoding } => {
                let bytes = first(path, LOOKED_AT)?;
                if let Some(reason) = other_kind(&bytes) {
                    return Err(about(reason));
                }
                if workbook::is_workbook(&bytes) {
                    self.whole()?.text
                } else {
                    let is_last = (bytes.len() as u64) < LOOKED_AT;
                    match Decoder::new(shown_encoding(path, *encoding)?).read(&bytes, is_last) {
                        Ok(head) => head.into(),
                        Err(refused) if refused.before.is_empty() => return Err(moved(refused)),
                        Err(refused) => refused.before.into(),
                    }
                }
            }
            Self::Sent { text, .. } => Cow::Borrowed(text.as_str()),
        };
        let bare = unmarked(&head).trim_start();
        if bare.starts_with(['{', '[']) {
            return Ok(if bare.contains("\"telephoneNumber\"") { Look::NumbersPage } else { Look::AccountsPage });
        }
        if bare.is_empty() {
            return Err(about("The file is empty."));
        }
        Ok(if is_accounts_csv(bare) { Look::AccountsCsv } else { Look::NumbersCsv })
    }
}

fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// A problem of a file as a whole.
fn about(reason: impl AsRef<str>) -> MovingProblem {
    MovingProblem::new(0, "", "", reason)
}

fn unreadable(error: &io::Error) -> MovingProblem {
    about(format!("The file cannot be read: {error}."))
}

/// The first bytes of a file.
fn first(path: &Path, most: u64) -> Result<Vec<u8>, MovingProblem> {
    let mut bytes = Vec::new();
    open(path)?.take(most).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

fn open(path: &Path) -> Result<fs::File, MovingProblem> {
    fs::File::open(path).map_err(|error| unreadable(&error))
}

fn moved(refused: NotText) -> MovingProblem {
    MovingProblem::new(refused.line, "", "", refused.reason)
}

/// The encoding that was said, unless the file is Unicode from its beginning to its end.
fn shown_encoding(path: &Path, said: Encoding) -> Result<Encoding, MovingProblem> {
    if said == Encoding::Unicode {
        return Ok(said);
    }
    let mut stream = Stream { file: open(path)?, decoder: Decoder::new(Encoding::Unicode) };
    loop {
        match stream.next()? {
            Ok((_, true)) => return Ok(Encoding::Unicode),
            Ok((_, false)) => {}
            Err(_) => return Ok(said),
        }
    }
}

impl Stream {
    /// The next piece, and whether it is the last; or why it is no text (inner error).
    fn next(&mut self) -> Result<Result<(String, bool), NotText>, MovingProblem> {
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(BLOCK as u64).read_to_end(&mut bytes);
        let is_last = read.map_err(|error| unreadable(&error))? < BLOCK;
        Ok(self.decoder.read(&bytes, is_last).map(|text| (text, is_last)))
    }
}

/// The files of a folder that can be read, in the order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn in_folder(folder: &Path) -> io::Result<Vec<File>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let known =
            path.extension().is_some_and(|kind| ENDINGS.into_iter().any(|ending| kind.eq_ignore_ascii_case(ending)));
        if known && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.into_iter().map(File::on_disk).collect())
}

/// Reads the accounts of all files, then their numbers, until nobody takes any more.
pub(super) fn read_all(files: &[File], mut give: impl FnMut(Piece) -> bool) {
    let mut of_numbers = Vec::new();
    for file in files {
        let place = file.name();
        let pieces = match file.look() {
            Ok(look @ (Look::NumbersCsv | Look::NumbersPage)) => {
                of_numbers.push((file, look));
                continue;
            }
            Ok(Look::AccountsCsv) => file.whole().map(|whole| accounts(&whole, &place)),
            Ok(Look::AccountsPage) => file
                .whole()
                .and_then(|whole| read_account_page(whole.text.as_bytes()))
                .map(|ListedPage { items, .. }| vec![Piece::Accounts(place.clone(), items)]),
            Err(problem) => Err(problem),
        };
        let pieces = pieces.unwrap_or_else(|problem| vec![Piece::Problem(problem.at(&place))]);
        if !pieces.into_iter().all(&mut give) {
            return;
        }
    }
    let mut pages = NumberPages::default();
    for (file, look) in of_numbers {
        let place = file.name();
        let goes_on = if look == Look::NumbersCsv {
            match file.text() {
                Ok(text) => read_numbers_csv(text, &place, &mut give),
                Err(problem) => give(Piece::Problem(problem.at(&place))),
            }
        } else {
            give(match file.whole().and_then(|whole| pages.read(whole.text.as_bytes())) {
                Ok(ListedPage { items, .. }) => Piece::Numbers(place, items),
                Err(problem) => Piece::Problem(problem.at(&place)),
            })
        };
        if !goes_on {
            return;
        }
    }
}

/// The accounts of a file, behind what is to be said of it.
fn accounts(whole: &Whole<'_>, place: &str) -> Vec<Piece> {
    let read = read_accounts_csv(&whole.text);
    let note = Some(&whole.note).filter(|note| !note.is_empty()).map(about);
    let told = note.into_iter().chain(read.told).map(|problem| Piece::Problem(problem.at(place)));
    let accounts = Some(read.accounts).filter(|accounts| !accounts.is_empty());
    told.chain(accounts.map(|accounts| Piece::Accounts(place.to_owned(), accounts))).collect()
}

/// Reads a file of numbers piece by piece; tells whether somebody takes more.
fn read_numbers_csv(text: Text<'_>, place: &str, give: &mut impl FnMut(Piece) -> bool) -> bool {
    let mut csv = NumbersCsv::default();
    let mut give = |read: OfNumbers| {
        give(match read {
            OfNumbers::Numbers(numbers) => Piece::Numbers(place.to_owned(), numbers),
            OfNumbers::Told(problem) => Piece::Problem(problem.at(place)),
        })
    };
    let mut stream = match text {
        Text::Stream(stream) => stream,
        Text::Whole(Whole { text, note }) => {
            if !note.is_empty() && !give(OfNumbers::Told(about(&note))) {
                return false;
            }
            return pieces(&text).all(|(piece, is_last)| csv.is_refused() || csv.read(piece, is_last, &mut give));
        }
    };
    loop {
        let (piece, is_last) = match stream.next() {
            Ok(Ok(piece)) => piece,
            // What stands before it is read all the same.
            Ok(Err(refused)) => {
                return csv.read(&refused.before, false, &mut give) && give(OfNumbers::Told(moved(refused)));
            }
            Err(problem) => return give(OfNumbers::Told(problem)),
        };
        if !csv.read(&piece, is_last, &mut give) {
            return false;
        }
        if is_last || csv.is_refused() {
            return true;
        }
    }
}

/// The pieces of a text, each with whether it is the last.
fn pieces(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let (piece, behind) =
            text.split_at_checked(text.floor_char_boundary(BLOCK.min(text.len()))).unwrap_or((text, ""));
        rest = Some(behind).filter(|behind| !behind.is_empty());
        Some((piece, rest.is_none()))
    })
}
