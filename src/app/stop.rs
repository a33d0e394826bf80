//! Stopping: on a signal everything is told to stop, in order, within ten seconds.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::failure::Failure;

/// Everything has so long to finish what it is doing.
const PATIENCE: Duration = Duration::from_secs(8);

/// Waits until the process is asked to stop. A second signal ends it at once.
pub(super) async fn asked_to_stop(tasks: &TaskTracker) -> Result<(), Failure> {
    let failed = |error| Failure::Line(format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    tasks.spawn_on(
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(1);
        },
        &tokio::runtime::Handle::current(),
    );
    Ok(())
}

/// Tells the tasks to stop and waits for them, but not for ever.
pub(super) async fn finish(name: &'static str, stop: &CancellationToken, tasks: &TaskTracker) {
    stop.cancel();
    tasks.close();
    if tokio::time::timeout(PATIENCE, tasks.wait()).await.is_err() {
        tracing::warn!(name, left = tasks.len(), "tasks were still busy and are cut off");
    }
}
