//! Keeping up with the database: a change is seen, the zone is built beside the one in use, and takes its place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ask::{Asked, notification};
use super::catalog::Catalog;
use super::{NameServer, kept};
use crate::store::{Db, Result, ZoneChanges, ZoneSnapshot};

/// The database is asked for the serial this often even when nothing is heard.
const POLL: Duration = Duration::from_millis(500);
/// A pause after the database failed.
const PAUSE: Duration = Duration::from_secs(1);
/// After a build there is a pause of so many times as long, at most [`LONGEST_REST`], so that many changes are built together.
const REST: u32 = 2;
const LONGEST_REST: Duration = Duration::from_millis(300);

/// Follows the database until the stop.
pub(super) async fn follow(server: NameServer, db: Db) {
    let stop = server.shared.stop.clone();
    let mut was_away = false;
    while !stop.is_cancelled() {
        match stop.run_until_cancelled(listen(&server, &db)).await {
            None => return,
            Some(Ok(never)) => match never {},
            Some(Err(error)) => {
                // Once for each time it is away.
                if !std::mem::replace(&mut was_away, true) {
                    tracing::warn!(%error, "the database does not answer; the name server goes on with the zone it has");
                }
                let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                if db.ping().await.is_ok() {
                    was_away = false;
                    tracing::info!("the database answers again");
                }
            }
        }
    }
}

/// Ends only with a failure of the database.
async fn listen(server: &NameServer, db: &Db) -> Result<std::convert::Infallible> {
    // First of all, so that no change goes by between a look and the wait for the next.
    let mut changes = db.zone_changes().await?;
    set_layout(server, db).await?;
    loop {
        refresh(server, db).await?;
        server.checks.notify_one();
        wait(&mut changes).await?;
    }
}

async fn wait(changes: &mut ZoneChanges) -> Result<()> {
    tokio::time::timeout(POLL, changes.next()).await.unwrap_or(Ok(()))
}

/// Tells the database what the configuration adds, which is a change of the zone too.
async fn set_layout(server: &NameServer, db: &Db) -> Result<()> {
    let Ok(layout) = serde_json::to_string(&server.options.layout) else { return Ok(()) };
    let mut tx = db.begin().await?;
    tx.set_zone_layout(&layout, (server.shared.clock)()).await?;
    tx.commit().await
}

/// Brings the zone up to the database.
async fn refresh(server: &NameServer, db: &Db) -> Result<()> {
    let mut tx = db.read().await?;
    if server.loaded() == Some(tx.zone_serial().await?) {
        return Ok(());
    }
    let zone = tx.zone_snapshot().await?;
    drop(tx);
    let begun = Instant::now();
    let path = server.options.kept.clone();
    server.put(zone.clone()).await;
    let built = begun.elapsed();
    tracing::debug!(serial = zone.serial, milliseconds = built.as_millis(), "the zone was built");
    if let Some(path) = path {
        let base = server.options.layout.base.clone();
        let written = server.shared.tasks.spawn_blocking(move || kept::keep(&path, &base, &zone)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "the zone could not be kept on disk");
        }
    }
    for secondary in &server.options.notify {
        server.shared.tasks.spawn(notify(server.clone(), *secondary));
    }
    tokio::time::sleep((built * REST).min(LONGEST_REST)).await;
    Ok(())
}

impl NameServer {
    /// Builds the zone aside and puts it in use.
    pub(super) async fn put(&self, zone: ZoneSnapshot) {
        let layout = self.options.layout.clone();
        let built = self.shared.tasks.spawn_blocking(move || {
            let serial = u32::try_from(zone.serial).unwrap_or(u32::MAX);
            Arc::new(Catalog::build(&layout, serial, &zone.accounts))
        });
        if let Ok(catalog) = built.await {
            metrics::gauge!("nmp_dns_zone_serial").set(f64::from(catalog.serial()));
            metrics::gauge!("nmp_dns_zone_customers")
                .set(f64::from(u32::try_from(catalog.customers()).unwrap_or(u32::MAX)));
            // Whoever has the old one goes on with it until the next question; the last of them frees it.
            self.shared.catalog.send_replace(Some(catalog));
        }
    }

    /// The serial of the zone in use.
    pub(super) fn loaded(&self) -> Option<i64> {
        self.shared.catalog.borrow().as_ref().map(|catalog| i64::from(catalog.serial()))
    }
}

/// Tells a secondary; it comes for the zone by itself after a while if that does not reach it.
async fn notify(server: NameServer, secondary: SocketAddr) {
    let Some(mut message) = notification(&server.options.layout.base) else { return };
    let Some(secondaries) = &server.shared.secondaries else { return };
    if message.finalize(secondaries.key.signer(), server.shared.seconds()).is_err() {
        return;
    }
    let Ok(message) = message.to_vec() else { return };
    let told = async { Asked::at(secondary).await?.exchange(&message).await }.await;
    if let Err(error) = told {
        tracing::debug!(%secondary, %error, "a secondary could not be told of a change");
    }
}
