//! The file that keeps what the sandbox holds over a restart.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::SandboxError;
use super::identity::KeptIdentity;
use super::operator_connect::KeptWorld;

/// The form of the file; another one is refused.
const VERSION: u32 = 1;
/// No revision that was ever written.
const NEVER: u64 = u64::MAX;

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
    /// The revision that is in the file.
    written: AtomicU64,
    _lock: File,
}

impl StateFile {
    /// Takes the file for this process alone; it need not be there yet.
    pub(super) fn open(path: PathBuf) -> Result<Self, SandboxError> {
        let lock_path = path.with_added_extension("lock");
        let lock = private(&lock_path, OpenOptions::new().append(true)).map_err(|error| SandboxError::state(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, written: AtomicU64::new(NEVER), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(SandboxError::state(&path, "another sandbox is using it")),
            Err(fs::TryLockError::Error(error)) => Err(SandboxError::state(&path, error)),
        }
    }

    /// What the file holds; `None` when there is no file yet.
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

    /// The file's content cannot be used.
    pub(super) fn unreadable(&self, why: impl std::fmt::Display) -> SandboxError {
        SandboxError::state(&self.path, format!("{why}; remove the file to start anew"))
    }

    /// Whether this revision is not in the file yet.
    pub(super) fn lacks(&self, revision: u64) -> bool {
        self.written.load(Ordering::Relaxed) != revision
    }

    /// Notes which revision is in the file.
    pub(super) fn holds(&self, revision: u64) {
        self.written.store(revision, Ordering::Relaxed);
    }

    /// Puts the new content in the place of the old in one step, so that a crash leaves one or the other.
    pub(super) fn write(&self, kept: &Kept) -> Result<(), SandboxError> {
        self.replace(kept).map_err(|error| SandboxError::state(&self.path, error))
    }

    fn replace(&self, kept: &Kept) -> io::Result<()> {
        let beside = self.path.with_added_extension("new");
        let mut writer = BufWriter::new(private(&beside, OpenOptions::new().write(true).truncate(true))?);
        serde_json::to_writer(&mut writer, kept)?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

/// Opens a file for this user alone, made when it is not there.
fn private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}
