//! The file that keeps what the sandbox holds over a restart.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::SandboxError;
use super::identity::KeptIdentity;
use super::operator_connect::KeptWorld;

/// The form of the file; another one is refused.
const VERSION: u32 = 1;

/// All that is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    version: u32,
    pub(super) identity: KeptIdentity,
    pub(super) operator_connect: KeptWorld,
}

impl Kept {
    pub(super) fn new(identity: KeptIdentity, operator_connect: KeptWorld) -> Self {
        Self { version: VERSION, identity, operator_connect }
    }
}

/// The file, locked for as long as this value lives.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// The revision that is in the file; one writer at a time.
    written: Arc<Mutex<Option<u64>>>,
    _lock: File,
}

/// The right to write the file, until it is dropped or the write is done.
#[derive(Debug)]
pub(super) struct Turn {
    path: PathBuf,
    written: OwnedMutexGuard<Option<u64>>,
}

impl StateFile {
    /// Takes the file for this process alone; it need not be there yet.
    pub(super) fn open(path: PathBuf) -> Result<Self, SandboxError> {
        let lock_path = path.with_added_extension("lock");
        let lock = private(&lock_path, OpenOptions::new().append(true));
        let lock = lock.map_err(|error| SandboxError::state(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, written: Arc::default(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(SandboxError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(SandboxError::state(&path, error)),
        }
    }

    /// Returns what the file holds; `None` when there is no file yet.
    pub(super) fn read(&self) -> Result<Option<Kept>, SandboxError> {
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| SandboxError::state(&self.path, error))?,
        };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| self.unreadable(error))?;
        if kept.version != VERSION {
            return Err(self.unreadable("it was written by another version of nmp"));
        }
        Ok(Some(kept))
    }

    /// Makes the error that the file's content cannot be used.
    pub(super) fn unreadable(&self, why: impl std::fmt::Display) -> SandboxError {
        SandboxError::state(&self.path, format!("{why}; remove the file to start anew"))
    }

    /// Waits until nobody else writes.
    pub(super) async fn turn(&self) -> Turn {
        Turn { path: self.path.clone(), written: Arc::clone(&self.written).lock_owned().await }
    }
}

impl Turn {
    /// Whether this revision is in the file.
    pub(super) fn is_written(&self, revision: u64) -> bool {
        *self.written == Some(revision)
    }

    /// Puts the new content in the place of the old in one step, so that a crash leaves one or the other.
    ///
    /// The turn lasts as long as the write, even where nobody waits for it any more.
    pub(super) async fn write(mut self, kept: Kept, revision: u64) -> Result<(), SandboxError> {
        let path = self.path.clone();
        let write = move || {
            replace(&self.path, &kept)?;
            *self.written = Some(revision);
            Ok(())
        };
        let written = tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| SandboxError::state(&path, error))
    }
}

fn replace(path: &Path, kept: &Kept) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    let mut writer = BufWriter::new(private(&beside, OpenOptions::new().write(true).truncate(true))?);
    serde_json::to_writer(&mut writer, kept)?;
    writer.flush()?;
    writer.get_ref().sync_all()?;
    fs::rename(&beside, path)
}

/// Opens a file for this user alone, made when it is not there.
fn private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}
