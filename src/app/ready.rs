//! What says that this process can do its work. It can be asked before the database was reached.

use std::sync::{Arc, OnceLock};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ProcessRole};
use crate::dns::{NameServer, Updater};
use crate::domain::field::counted;
use crate::http::operations::Operations;
use crate::store::{Db, MigrationState};
use crate::sync::Workers;

/// What the checks look at.
pub(super) struct Ready {
    /// Roles that are there as long as the process does not stop.
    roles: Vec<&'static str>,
    stop: CancellationToken,
    names: Option<NameServer>,
    /// Whether the operator's own primary is told of names instead.
    updates: bool,
    started: Arc<OnceLock<Started>>,
}

/// What there is once the database was reached.
struct Started {
    db: Db,
    workers: Option<Workers>,
    updater: Option<Updater>,
}

const NOT_YET: &str = "the database was not reached yet";

impl Ready {
    pub(super) fn new(config: &Config, stop: CancellationToken, names: Option<NameServer>) -> Self {
        let roles = [(ProcessRole::Portal, "portal"), (ProcessRole::Api, "api"), (ProcessRole::Sync, "sync")];
        let roles = roles.into_iter().filter(|(role, _)| config.runs(*role)).map(|(_, name)| name).collect();
        let updates =
            config.runs(ProcessRole::Dns) && config.zones().is_some() && config.dynamic_update.primary.is_some();
        Self { roles, stop, names, updates, started: Arc::default() }
    }

    /// Notes that the database was reached and the roles are at work.
    pub(super) fn started(&self, db: Db, workers: Option<Workers>, updater: Option<Updater>) {
        let _ = self.started.set(Started { db, workers, updater });
    }

    /// Returns the listener's checks.
    pub(super) fn operations(&self, metrics: Option<PrometheusHandle>) -> Operations {
        let (reached, current) = (Arc::clone(&self.started), Arc::clone(&self.started));
        let mut operations = Operations::new(metrics)
            .check("database", move || answers(Arc::clone(&reached)))
            .check("migrations", move || is_current(Arc::clone(&current)));
        if self.roles.contains(&"sync") {
            let started = Arc::clone(&self.started);
            operations = operations.notes("sync", move || {
                started.get().and_then(|started| started.workers.as_ref()).map_or_else(Vec::new, Workers::warnings)
            });
        }
        for name in self.roles.iter().copied() {
            let (stop, started) = (self.stop.clone(), Arc::clone(&self.started));
            operations = operations.check(name, move || std::future::ready(at_work(name, &stop, started.get())));
        }
        if let Some(names) = self.names.clone() {
            operations = operations.check("dns", move || std::future::ready(names.is_ready()));
        } else if self.updates {
            let started = Arc::clone(&self.started);
            operations = operations.check("dns", move || std::future::ready(primary_is_told(started.get())));
        }
        operations
    }
}

async fn answers(started: Arc<OnceLock<Started>>) -> Result<(), String> {
    let started = started.get().ok_or(NOT_YET)?;
    started.db.try_out().await
}

async fn is_current(started: Arc<OnceLock<Started>>) -> Result<(), String> {
    let started = started.get().ok_or(NOT_YET)?;
    match started.db.migration_state().await.map_err(|error| error.to_string())? {
        MigrationState::Current => Ok(()),
        MigrationState::Behind(count) => {
            Err(format!("{} still to be run", counted(count as i64, "migration is", "migrations are")))
        }
        MigrationState::Newer => Err("the database was written by a newer version".to_owned()),
    }
}

fn primary_is_told(started: Option<&Started>) -> Result<(), String> {
    started.and_then(|started| started.updater.as_ref()).ok_or(NOT_YET)?.is_ready()
}

fn at_work(role: &str, stop: &CancellationToken, started: Option<&Started>) -> Result<(), String> {
    let started = started.ok_or(NOT_YET)?;
    if stop.is_cancelled() {
        return Err("stopping".to_owned());
    }
    // Without a backend there are no workers, and nothing that could end.
    match &started.workers {
        Some(workers) if role == "sync" && !workers.are_running() => {
            Err("a worker ended; restart the process".to_owned())
        }
        _ => Ok(()),
    }
}
