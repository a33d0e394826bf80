//! Keeping up with the database: a change is seen, the zone that follows is built beside the one in use, and takes its
//! place. Only what changed is read for it; all of it now and then, and whenever the database was away.

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
/// So many changes are kept beside the others before the zone is built as a whole.
const MOST_RECENT: usize = 1_000;
/// What is on disk is at most so much older than what is answered.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// After a build there is a pause of so many times as long, at most [`LONGEST_REST`], so that many changes are built together.
const REST: u32 = 2;
const LONGEST_REST: Duration = Duration::from_millis(300);

/// Follows the database until the stop.
pub(super) async fn follow(server: NameServer, db: Db) {
    let stop = server.shared.stop.clone();
    let (mut kept, mut was_away) = (Kept::default(), false);
    while !stop.is_cancelled() {
        match stop.run_until_cancelled(listen(&server, &db, &mut kept)).await {
            None => break,
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
    kept.keep_at_last(&server).await;
}

/// Follows until the database fails.
async fn listen(server: &NameServer, db: &Db, kept: &mut Kept) -> Result<std::convert::Infallible> {
    // First of all, so that no change goes by between a look and the wait for the next.
    let mut changes = db.zone_changes().await?;
    set_layout(server, db).await?;
    // It may be another database than the one the zone in use is from.
    let mut news = News::Whole;
    loop {
        refresh(server, db, news).await?;
        news = News::Changes;
        server.checks.notify_one();
        kept.keep(server).await;
        wait(&mut changes).await?;
    }
}

/// What is read when the zone in use is not that of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    /// All of it is read.
    Whole,
    /// What changed since is read.
    Changes,
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
async fn refresh(server: &NameServer, db: &Db, news: News) -> Result<()> {
    let mut tx = db.read().await?;
    let serial = tx.zone_serial().await?;
    let current = server.shared.catalog.borrow().clone();
    // One that grew backwards is that of an older backup.
    let goes_on = |current: &Arc<Catalog>| {
        news == News::Changes && i64::from(current.serial()) < serial && current.recent() < MOST_RECENT
    };
    let begun = Instant::now();
    match current {
        Some(current) if i64::from(current.serial()) == serial => return Ok(()),
        Some(current) if goes_on(&current) => {
            let delta = tx.zone_delta(i64::from(current.serial())).await?;
            drop(tx);
            server.put(current.changed(&server.options.layout, wire_serial(delta.serial), &delta.names));
        }
        _ => {
            tx.take_time().await?;
            let zone = tx.zone_snapshot().await?;
            drop(tx);
            server.build(zone).await;
        }
    }
    let built = begun.elapsed();
    tracing::debug!(serial, milliseconds = built.as_millis(), "the zone was built");
    for secondary in &server.options.notify {
        server.shared.tasks.spawn(notify(server.clone(), *secondary));
    }
    tokio::time::sleep((built * REST).min(LONGEST_REST)).await;
    Ok(())
}

fn wire_serial(serial: i64) -> u32 {
    u32::try_from(serial).unwrap_or(u32::MAX)
}

/// What is on disk.
#[derive(Default)]
struct Kept {
    serial: Option<u32>,
    at: Option<Instant>,
}

impl Kept {
    /// Keeps the zone on disk before the process ends, unless it is there.
    async fn keep_at_last(&mut self, server: &NameServer) {
        self.at = None;
        self.keep(server).await;
    }

    /// Keeps the zone on disk, unless it is there or another was kept a moment ago.
    async fn keep(&mut self, server: &NameServer) {
        let Some(path) = server.options.kept.clone() else { return };
        let Some(catalog) = server.shared.catalog.borrow().clone() else { return };
        let serial = catalog.serial();
        if self.serial == Some(serial) || self.at.is_some_and(|at| at.elapsed() < KEEP_EVERY) {
            return;
        }
        let base = server.options.layout.base.clone();
        let writing = move || {
            let zone = ZoneSnapshot { serial: i64::from(catalog.serial()), accounts: catalog.accounts() };
            kept::keep(&path, &base, &zone)
        };
        self.at = Some(Instant::now());
        match server.shared.tasks.spawn_blocking(writing).await {
            Ok(Ok(())) => self.serial = Some(serial),
            Ok(Err(error)) => tracing::warn!(%error, "the zone could not be kept on disk"),
            Err(error) => tracing::warn!(%error, "the zone could not be kept on disk"),
        }
    }
}

impl NameServer {
    /// Builds the zone aside as a whole and puts it in use.
    pub(super) async fn build(&self, zone: ZoneSnapshot) {
        let layout = self.options.layout.clone();
        let building = move || Catalog::build(&layout, wire_serial(zone.serial), &zone.accounts);
        if let Ok(catalog) = self.shared.tasks.spawn_blocking(building).await {
            self.put(catalog);
        }
    }

    fn put(&self, catalog: Catalog) {
        metrics::gauge!("nmp_dns_zone_serial").set(f64::from(catalog.serial()));
        metrics::gauge!("nmp_dns_zone_customers")
            .set(f64::from(u32::try_from(catalog.customers()).unwrap_or(u32::MAX)));
        // Whoever has the old one goes on with it until the next question; the last of them frees it.
        self.shared.catalog.send_replace(Some(Arc::new(catalog)));
    }

    /// The serial of the zone in use.
    pub(super) fn loaded(&self) -> Option<i64> {
        self.shared.catalog.borrow().as_ref().map(|catalog| i64::from(catalog.serial()))
    }
}

/// Tells a secondary. It comes for the zone by itself after a while if that does not reach it.
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
