//! A SQLite file belongs to one process, whatever name it is opened by, and is what it was when it was last in use.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// What is written into the file beside a database once there is one.
const MARK: &str = "nmp keeps its database in the file beside this one.\n";

/// The right to a SQLite file. It lasts as long as this value, which must outlast every connection: when a file is closed,
/// the system drops whatever locks the process has on it, SQLite's own among them.
#[derive(Debug)]
pub(super) struct Sole {
    /// The file itself, so that a symbolic or hard link does not lead to it a second time.
    _file: File,
    /// By its name, for older versions of this program lock nothing else. Once there is a database, it says so.
    beside: File,
}

impl Sole {
    /// Keeps other processes away from a file, which is made for this user alone where there is none.
    pub(super) fn take(path: &Path) -> Result<Self, Failure> {
        let cannot_write = |error| Failure::Line(format!("cannot write to {}: {error}", path.display()));
        let beside = private_file(&path.with_added_extension("lock")).map_err(cannot_write)?;
        lock(&beside, path)?;
        let known = beside.metadata().map_err(cannot_write)?.len() > 0;
        let before = std::fs::metadata(path).ok();
        if before.as_ref().is_none_or(|before| before.len() == 0) {
            refuse_lost(path, before.as_ref(), known)?;
        }
        let file = private_file(path).map_err(cannot_write)?;
        lock(&file, path)?;
        if before.is_some_and(|before| names(&before) > 1) {
            tracing::warn!(
                "{} has several names (hard links); what was written last may stand in a journal beside another of them",
                path.display()
            );
        }
        Ok(Self { _file: file, beside })
    }

    /// Marks the database as there: from now on a file without anything in it is no new database but a lost one.
    pub(super) fn mark(&mut self) -> std::io::Result<()> {
        if self.beside.metadata()?.len() == 0 {
            self.beside.write_all(MARK.as_bytes())?;
        }
        Ok(())
    }
}

/// Refuses to begin anew where a database was.
fn refuse_lost(path: &Path, found: Option<&Metadata>, known: bool) -> Result<(), Failure> {
    let what = if found.is_some() { "is empty" } else { "is missing" };
    let (shown, lock) = (path.display(), path.with_added_extension("lock"));
    let journal = journal(path);
    if std::fs::metadata(&journal).is_ok_and(|journal| journal.len() > 0) {
        return Err(Failure::Line(format!(
            "{shown} {what}, but its journal {} is there; restore a backup, or remove the journal and {} to begin with an empty database",
            journal.display(),
            lock.display()
        )));
    }
    if known {
        return Err(Failure::Line(format!(
            "{shown} {what}, but there was a database; restore a backup, or remove {} to begin with an empty database",
            lock.display()
        )));
    }
    Ok(())
}

/// Returns where SQLite keeps the journal of a file: it follows symbolic links first.
fn journal(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.into_os_string();
    name.push("-wal");
    name.into()
}

fn lock(file: &File, path: &Path) -> Result<(), Failure> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Failure::Line(format!(
            "{} is in use by another nmp process; stop that one first, or choose another place for the data",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Failure::Line(format!("cannot lock {}: {error}", path.display()))),
    }
}

fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn names(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(file)
}

#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    1
}
