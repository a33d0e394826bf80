//! The operator's own primary instead of a zone here: it is told of the customers' names by dynamic update (RFC 2136).
//!
//! What it was told is kept in the database, so that after any failure the difference is told again; to tell something
//! twice does no harm. Only the customers' TXT, A and AAAA records are touched.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ask::{exchange_over_tcp, name};
use super::check::{self, Subject};
use super::key::Key;
use super::wire::TTL;
use crate::domain::direct_routing::Layout;
use crate::store::{Db, LabelRow, Result};

/// Labels in one update; each is a few records a region.
const AT_ONCE: i64 = 50;
/// The database is looked at this often even when nothing is heard.
const POLL: Duration = Duration::from_millis(500);
/// A pause after a failure of the database, and the longest one after one of the primary.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How the primary is told.
#[derive(Clone)]
pub struct UpdateOptions {
    /// The names, and what the configuration adds to each.
    pub layout: Layout,
    /// The primary.
    pub primary: SocketAddr,
    /// The zone there.
    pub zone: String,
    /// What updates are signed with.
    pub key: Key,
    /// Time between two checks of all names.
    pub check_every: Duration,
    /// Whom to ask for the delegation.
    pub resolver: Option<SocketAddr>,
    /// Tells the time.
    pub clock: fn() -> OffsetDateTime,
}

/// Keeps the operator's primary up to date.
#[derive(Clone)]
pub struct Updater {
    options: Arc<UpdateOptions>,
    /// The serial of the zone up to which the primary was told; below zero before the first time.
    told: Arc<AtomicI64>,
    checks: Arc<Notify>,
    stop: CancellationToken,
}

impl Updater {
    /// Starts to follow the database.
    pub fn start(options: UpdateOptions, db: Db, stop: CancellationToken, tasks: &TaskTracker) -> Self {
        let updater =
            Self { options: Arc::new(options), told: Arc::new(AtomicI64::new(-1)), checks: Arc::default(), stop };
        let options = Arc::clone(&updater.options);
        let told = Arc::clone(&updater.told);
        let subject = Subject {
            address: options.primary,
            layout: options.layout.clone(),
            every: options.check_every,
            resolver: options.resolver,
            clock: options.clock,
            wake: Arc::clone(&updater.checks),
            stop: updater.stop.clone(),
            serial: Arc::new(move || Some(told.load(Ordering::Relaxed)).filter(|serial| *serial >= 0)),
            asks_from: None,
        };
        tasks.spawn(check::check(subject, db.clone()));
        tasks.spawn(updater.clone().follow(db));
        updater
    }

    /// Whether the primary has everything.
    ///
    /// # Errors
    /// Says why not.
    pub fn is_ready(&self) -> std::result::Result<(), String> {
        if self.told.load(Ordering::Relaxed) < 0 {
            return Err("the primary was not reached yet, or refuses updates; the log says why".to_owned());
        }
        Ok(())
    }

    async fn follow(self, db: Db) {
        while !self.stop.is_cancelled() {
            match self.stop.run_until_cancelled(self.listen(&db)).await {
                None => return,
                Some(Ok(never)) => match never {},
                Some(Err(error)) => {
                    tracing::warn!(%error, "the database does not answer; the primary keeps what it has");
                    let _ = self.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                }
            }
        }
    }

    /// Ends only with a failure of the database.
    async fn listen(&self, db: &Db) -> Result<Infallible> {
        let mut changes = db.zone_changes().await?;
        let mut pause = PAUSE;
        // The first round looks also where nothing seems to have changed.
        let mut told = -1;
        loop {
            let serial = db.read().await?.zone_serial().await?;
            let outcome = if serial == told { Ok(()) } else { self.tell(db).await? };
            if !matches!(outcome, Err(UpdateProblem::Unreachable(_))) {
                self.told.store(serial, Ordering::Relaxed);
                self.checks.notify_one();
            }
            match outcome {
                Ok(()) => {
                    (told, pause) = (serial, PAUSE);
                    tokio::time::timeout(POLL, changes.next()).await.unwrap_or(Ok(()))?;
                }
                Err(UpdateProblem::Unreachable(reason) | UpdateProblem::Refused(reason)) => {
                    tracing::warn!(primary = %self.options.primary, reason, "the primary did not take a change; it is tried again");
                    let _ = tokio::time::timeout(pause, changes.next()).await.unwrap_or(Ok(()));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Tells the primary what it does not know yet. What it refuses among others is tried alone, so that one name that it
    /// does not take keeps no other back.
    async fn tell(&self, db: &Db) -> Result<std::result::Result<(), UpdateProblem>> {
        let layout = self.layout();
        let (mut behind, mut refused) = (String::new(), None);
        loop {
            let mut tx = db.read().await?;
            let put = tx.names_to_put(&layout, &behind, AT_ONCE).await?;
            let removed = tx.names_to_remove(AT_ONCE).await?;
            drop(tx);
            if put.is_empty() && (removed.is_empty() || refused.is_some()) {
                return Ok(refused.map_or(Ok(()), |reason| Err(UpdateProblem::Refused(reason))));
            }
            if let Some(last) = put.last() {
                behind.clone_from(&last.label);
            }
            match self.send(&put, &removed).await {
                Ok(()) => self.record(db, &put, &removed, &layout).await?,
                Err(UpdateProblem::Unreachable(reason)) => return Ok(Err(UpdateProblem::Unreachable(reason))),
                Err(UpdateProblem::Refused(_)) => {
                    let one_by_one = put.chunks(1).map(|put| (put, &[][..]));
                    for (put, removed) in one_by_one.chain(removed.chunks(1).map(|removed| (&[][..], removed))) {
                        match self.send(put, removed).await {
                            Ok(()) => self.record(db, put, removed, &layout).await?,
                            Err(UpdateProblem::Unreachable(reason)) => {
                                return Ok(Err(UpdateProblem::Unreachable(reason)));
                            }
                            Err(UpdateProblem::Refused(reason)) => {
                                let label = put.iter().chain(removed).map(|row| row.label.as_str()).next();
                                refused = Some(format!("{}: {reason}", label.unwrap_or_default()));
                            }
                        }
                    }
                }
            }
        }
    }

    async fn record(&self, db: &Db, put: &[LabelRow], removed: &[LabelRow], layout: &str) -> Result<()> {
        let mut tx = db.begin().await?;
        tx.names_told(put, removed, layout).await?;
        tx.commit().await
    }

    /// What the configuration adds to each name, in short.
    fn layout(&self) -> String {
        let layout = &self.options.layout;
        let parts: Vec<_> = layout.regions.iter().map(|region| (&region.label, &region.addresses)).collect();
        let all = format!("{} {} {parts:?}", self.options.primary, layout.base);
        format!("{:x}", Sha256::digest(all.as_bytes()))
    }

    async fn send(&self, put: &[LabelRow], removed: &[LabelRow]) -> std::result::Result<(), UpdateProblem> {
        let outcome = self.exchange(put, removed).await;
        let label = if outcome.is_ok() { "done" } else { "failed" };
        metrics::counter!("nmp_dns_updates_total", "outcome" => label).increment(1);
        outcome
    }

    async fn exchange(&self, put: &[LabelRow], removed: &[LabelRow]) -> std::result::Result<(), UpdateProblem> {
        let options = &self.options;
        let mut message = update(options, put, removed)
            .ok_or_else(|| UpdateProblem::Refused("no update can be written for it".into()))?;
        let now = u64::try_from((options.clock)().unix_timestamp()).unwrap_or_default();
        let verifier = message.finalize(options.key.signer(), now).map_err(unreachable)?;
        let bytes = message.to_vec().map_err(unreachable)?;
        let answer = exchange_over_tcp(options.primary, &bytes).await.map_err(unreachable)?;
        match Message::from_vec(&answer).map_err(unreachable)?.response_code {
            ResponseCode::NoError => {}
            // These are about us or the zone, not about a name.
            code @ (ResponseCode::NotAuth | ResponseCode::NotZone | ResponseCode::NotImp | ResponseCode::ServFail) => {
                return Err(unreachable(code));
            }
            code => return Err(UpdateProblem::Refused(format!("it answered {code}"))),
        }
        let Some(mut verifier) = verifier else { return Err(unreachable("the update was not signed")) };
        verifier.verify(&answer).map_err(|error| unreachable(format!("its answer is not signed rightly: {error}")))?;
        Ok(())
    }
}

/// Why the primary did not take an update.
enum UpdateProblem {
    /// It takes none, as it seems, or was not reached.
    Unreachable(String),
    /// It does not want what is in it.
    Refused(String),
}

fn unreachable(reason: impl std::fmt::Display) -> UpdateProblem {
    UpdateProblem::Unreachable(reason.to_string())
}

fn update(options: &UpdateOptions, put: &[LabelRow], removed: &[LabelRow]) -> Option<Message> {
    let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Update);
    message.add_query(Query::query(name(&options.zone)?, RecordType::SOA));
    let zones = options.layout.zones();
    for row in removed {
        for full in zones.names(&row.label) {
            clear(&mut message, &name(&full)?);
        }
    }
    for row in put {
        let tokens = [&row.region1_token, &row.region2_token];
        for ((full, token), region) in zones.names(&row.label).iter().zip(tokens).zip(&options.layout.regions) {
            let name = name(full)?;
            clear(&mut message, &name);
            if token.is_empty() {
                continue;
            }
            let text = RData::TXT(TXT::new(vec![token.clone()]));
            let addresses = region.addresses.iter().map(|address| match address {
                IpAddr::V4(address) => RData::A(A(*address)),
                IpAddr::V6(address) => RData::AAAA(AAAA(*address)),
            });
            for data in std::iter::once(text).chain(addresses) {
                message.add_authority(Record::from_rdata(name.clone(), TTL, data));
            }
        }
    }
    Some(message)
}

/// Takes away what we would have put at a name (RFC 2136, section 2.5.2).
fn clear(message: &mut Message, name: &Name) {
    for kind in [RecordType::TXT, RecordType::A, RecordType::AAAA] {
        let mut record = Record::update0(name.clone(), 0, kind);
        record.dns_class = DNSClass::ANY;
        message.add_authority(record);
    }
}
