//! Stopping: on a signal everything is told to stop, in order, within ten seconds.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::failure::Failure;

/// Everything has so long to finish what it is doing.
const PATIENCE: Duration = Duration::from_secs(8);

/// The signals that ask the process to stop. From the moment they are listened to they are waited for, not died of: it is
/// done before anybody is told that the process is ready.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens to them.
    pub(super) fn listen() -> Result<Self, Failure> {
        let failed = |error| Failure::Line(format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    /// Waits until the process is asked to stop. A second signal ends it at once.
    pub(super) async fn asked_to_stop(mut self, tasks: &TaskTracker) {
        self.next().await;
        tracing::info!("stopping");
        let again = async move {
            self.next().await;
            std::process::exit(1);
        };
        tasks.spawn_on(again, &tokio::runtime::Handle::current());
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Tells the tasks to stop and waits for them, but not for ever.
pub(super) async fn finish(name: &'static str, stop: &CancellationToken, tasks: &TaskTracker) {
    stop.cancel();
    tasks.close();
    if tokio::time::timeout(PATIENCE, tasks.wait()).await.is_err() {
        tracing::warn!(name, left = tasks.len(), "tasks were still busy and are cut off");
    }
}
