//! Reading files on a thread of its own, ahead of what is being written.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::domain::moving::{
    Incoming, IncomingAccount, IncomingNumber, MovingProblem, NumbersCsv, is_accounts_csv, read_accounts_csv,
    whole_records,
};
use crate::domain::upload::decode;
use crate::wire::{ListedPage, NumberPages, read_account_page};

/// The largest file that is read as a whole: a page, or the accounts.
const WHOLE_MOST: u64 = 64 * 1024 * 1024;
/// What is looked at to tell what a file is.
const LOOKED_AT: u64 = 64 * 1024;
/// Bytes of a long file that are read at a time.
const BLOCK: usize = 1024 * 1024;
/// A record is looked for this far; behind it a quote was never closed.
const RECORD_MOST: usize = 16 * 1024 * 1024;

/// A file to read.
#[derive(Clone, Debug)]
pub enum File {
    /// One on disk.
    OnDisk(PathBuf),
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

impl File {
    /// Its name, without the folder.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::OnDisk(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Sent { name, .. } => name.clone(),
        }
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::OnDisk(path) => Box::new(fs::File::open(path)?),
            Self::Sent { text, .. } => Box::new(text.as_bytes()),
        })
    }

    /// Everything in it.
    fn whole(&self) -> Result<Vec<u8>, MovingProblem> {
        let bytes = self.first(WHOLE_MOST + 1).map_err(|error| unreadable(&error))?;
        if bytes.len() as u64 > WHOLE_MOST {
            let reason = format!("The file is larger than {} MB. Split it.", WHOLE_MOST / 1024 / 1024);
            return Err(MovingProblem::new(0, "", "", reason));
        }
        Ok(bytes)
    }

    fn first(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn look(&self) -> Result<Look, MovingProblem> {
        let head = self.first(LOOKED_AT).map_err(|error| unreadable(&error))?;
        let bare = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
        if bare.starts_with(b"{") || bare.starts_with(b"[") {
            let numbers = bare.windows(17).any(|window| window == b"\"telephoneNumber\"");
            return Ok(if numbers { Look::NumbersPage } else { Look::AccountsPage });
        }
        if bare.is_empty() {
            return Err(MovingProblem::new(0, "", "", "The file is empty."));
        }
        let line = head.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let text = decode(line).map_err(|reason| MovingProblem::new(0, "", "", reason))?;
        Ok(if is_accounts_csv(text) { Look::AccountsCsv } else { Look::NumbersCsv })
    }
}

fn unreadable(error: &io::Error) -> MovingProblem {
    MovingProblem::new(0, "", "", format!("The file cannot be read: {error}."))
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
            path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("json") || kind.eq_ignore_ascii_case("csv"));
        if known && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.into_iter().map(File::OnDisk).collect())
}

/// Reads the accounts of all files, then their numbers, until nobody takes any more.
pub(super) fn read_all(files: &[File], mut give: impl FnMut(Piece) -> bool) {
    let mut of_numbers = Vec::new();
    for file in files {
        let place = file.name();
        let accounts = match file.look() {
            Ok(look @ (Look::NumbersCsv | Look::NumbersPage)) => {
                of_numbers.push((file, look));
                continue;
            }
            Ok(Look::AccountsCsv) => file.whole().and_then(|bytes| {
                let text = decode(&bytes).map_err(|reason| MovingProblem::new(0, "", "", reason))?;
                Ok(read_accounts_csv(text))
            }),
            Ok(Look::AccountsPage) => {
                file.whole().and_then(|bytes| read_account_page(&bytes)).map(|ListedPage { items, .. }| items)
            }
            Err(problem) => Err(problem),
        };
        let piece = match accounts {
            Ok(accounts) => Piece::Accounts(place, accounts),
            Err(problem) => Piece::Problem(problem.at(&place)),
        };
        if !give(piece) {
            return;
        }
    }
    let mut pages = NumberPages::default();
    for (file, look) in of_numbers {
        let place = file.name();
        let goes_on = if look == Look::NumbersCsv {
            read_numbers_csv(file, &place, &mut give)
        } else {
            give(match file.whole().and_then(|bytes| pages.read(&bytes)) {
                Ok(ListedPage { items, .. }) => Piece::Numbers(place, items),
                Err(problem) => Piece::Problem(problem.at(&place)),
            })
        };
        if !goes_on {
            return;
        }
    }
}

/// Reads a file of numbers block by block; tells whether somebody takes more.
fn read_numbers_csv(file: &File, place: &str, give: &mut impl FnMut(Piece) -> bool) -> bool {
    let problem = |problem: MovingProblem| Piece::Problem(problem.at(place));
    let mut source = match file.open() {
        Ok(source) => source,
        Err(error) => return give(problem(unreadable(&error))),
    };
    let (mut csv, mut held) = (NumbersCsv::default(), Vec::new());
    loop {
        let before = held.len();
        if let Err(error) = source.by_ref().take(BLOCK as u64).read_to_end(&mut held) {
            return give(problem(unreadable(&error)));
        }
        let ended = held.len() == before;
        let end = match whole_records(&held) {
            _ if ended => held.len(),
            0 if held.len() < RECORD_MOST => continue,
            0 => held.len(),
            end => end,
        };
        let block = held.get(..end).unwrap_or_default();
        let numbers = match std::str::from_utf8(block) {
            Ok(text) => csv.block(text),
            Err(error) => {
                let before = block.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
                let line = csv.lines().saturating_add(u32::try_from(before + 1).unwrap_or(u32::MAX));
                let reason = format!(
                    "Line {line} is not UTF-8 text. Save the file as \u{201c}CSV UTF-8\u{201d}. From here on it was not read."
                );
                return give(problem(MovingProblem::new(line, "", "", reason)));
            }
        };
        if !numbers.is_empty() && !give(Piece::Numbers(place.to_owned(), numbers)) {
            return false;
        }
        if ended || csv.is_refused() {
            return true;
        }
        held.drain(..end);
    }
}
