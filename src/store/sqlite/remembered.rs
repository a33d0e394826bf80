//! Sessions of a SQLite file, kept in memory: every request asks for one, and next to none changes one.
//!
//! One process has the file, and one connection of it writes. Whatever that connection changes in `sessions`, the file
//! itself tells ([`Remembered::watch`]): from that moment until the change is settled nothing is answered from memory,
//! and nothing that was read before is put there after it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::SqliteConnection;

use crate::store::SessionRow;

/// The most sessions in memory; beyond them it starts afresh.
const MOST: usize = 1_000;

/// What is in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Remembered(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    rows: HashMap<String, SessionRow>,
    /// Grows whenever a change begins and whenever it is settled.
    version: u64,
    /// A change was begun and is not yet known to be committed or given up.
    unsettled: bool,
}

/// What memory says about a session.
pub(in crate::store) enum Recalled {
    Row(SessionRow),
    /// Ask the file, and offer the answer with this.
    Unknown(u64),
}

impl Remembered {
    /// Listens to what the writer changes, and counts the rows.
    pub(in crate::store) async fn watch(
        self,
        writer: &mut SqliteConnection,
        changes: Arc<AtomicU64>,
    ) -> Result<(), sqlx::Error> {
        writer.lock_handle().await?.set_update_hook(move |change| {
            changes.fetch_add(1, Ordering::Relaxed);
            if change.table == "sessions" {
                self.change_begins();
            }
        });
        Ok(())
    }

    fn change_begins(&self) {
        let mut memory = self.memory();
        memory.rows.clear();
        memory.version += 1;
        memory.unsettled = true;
    }

    /// The writer has no transaction under way, or has only just begun one.
    pub(in crate::store) fn settled(&self) {
        let mut memory = self.memory();
        if memory.unsettled {
            memory.unsettled = false;
            memory.version += 1;
        }
    }

    pub(in crate::store) fn recall(&self, id: &str) -> Recalled {
        let memory = self.memory();
        memory.rows.get(id).map_or(Recalled::Unknown(memory.version), |row| Recalled::Row(row.clone()))
    }

    /// Keeps what the file answered, unless a change came between: `version` is what was handed out before it was asked.
    pub(in crate::store) fn offer(&self, version: u64, id: &str, row: &SessionRow) {
        let mut memory = self.memory();
        if memory.unsettled || memory.version != version {
            return;
        }
        if memory.rows.len() >= MOST {
            memory.rows.clear();
        }
        memory.rows.insert(id.to_owned(), row.clone());
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::SessionTimes;
    use crate::store::at;

    fn row() -> SessionRow {
        let times = SessionTimes { created_at: at(0), seen_at: at(0), roles_at: at(0) };
        SessionRow { issuer: "i".into(), subject: "s".into(), name: "n".into(), roles: 1, sealed: String::new(), times }
    }

    /// Asks, and offers what was found after `meanwhile`.
    fn remembers(memory: &Remembered, meanwhile: impl FnOnce(&Remembered)) -> bool {
        if let Recalled::Unknown(version) = memory.recall("a") {
            meanwhile(memory);
            memory.offer(version, "a", &row());
        }
        matches!(memory.recall("a"), Recalled::Row(_))
    }

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let memory = Remembered::default();
        assert!(remembers(&memory, Remembered::settled), "a transaction that has nothing to do with sessions");
        memory.change_begins();
        assert!(!remembers(&memory, |_| {}), "the change is under way");
        assert!(!remembers(&memory, Remembered::settled), "read before it was settled, offered after it");
        assert!(remembers(&memory, |_| {}));
        memory.change_begins();
        memory.settled();
        assert!(!remembers(&memory, Remembered::change_begins));
        memory.settled();
        assert!(!remembers(&memory, |memory| {
            memory.change_begins();
            memory.settled();
        }));
        assert!(remembers(&memory, |_| {}));
    }

    #[test]
    fn it_stays_small() {
        let memory = Remembered::default();
        for id in 0..=MOST {
            memory.offer(0, &id.to_string(), &row());
        }
        assert_eq!(memory.memory().rows.len(), 1);
    }
}
