//! The name server of Direct Routing: authoritative for one zone, which it has in memory as a whole.
//!
//! Answers never wait for anything: the zone is built from a snapshot of the database beside the one in use and takes its
//! place in one step ([`follow`]), and the last one is kept on disk, so that it is also answered while the database is away.
//! Questions are read and answered by code of our own ([`query`], [`answer`]), for what a general server does for each of
//! them would not let us answer half as many as the fastest; signatures and messages to others are hickory's.

mod answer;
mod ask;
mod catalog;
mod check;
mod follow;
mod kept;
mod key;
mod numbers;
mod numbers_follow;
mod query;
mod rate;
mod tally;
mod tcp;
#[cfg(test)]
mod tests;
mod transfer;
mod udp;
mod update;
mod wire;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use catalog::Catalog;
pub use key::{Algorithm, Key};
pub use numbers::EnumOptions;
pub use rate::Exempt;
pub use transfer::Secondaries;
pub use update::{UpdateOptions, Updater};

use numbers::Numbers;
use rate::RateLimit;

use crate::domain::direct_routing::Layout;
use crate::places::Limits;
use crate::store::Db;

/// How the name server works.
#[derive(Clone)]
pub struct Options {
    /// The zone without its customers.
    pub layout: Layout,
    /// Who may have the whole zone.
    pub secondaries: Option<Secondaries>,
    /// Who is told of changes.
    pub notify: Vec<SocketAddr>,
    /// Answers a second to one network over UDP. 0 means any number.
    pub rate_per_second: u32,
    /// Whose answers are not counted.
    pub exempt: Exempt,
    /// TCP connections open at once, in all and from one address.
    pub tcp_limits: Limits,
    /// A TCP connection that is silent for so long is closed.
    pub tcp_idle: Duration,
    /// Where the last zone is kept.
    pub kept: Option<PathBuf>,
    /// Time between two checks of all names.
    pub check_every: Duration,
    /// Whom to ask for the delegation.
    pub resolver: Option<SocketAddr>,
    /// How numbers are answered, where they are.
    pub numbers: Option<EnumOptions>,
    /// Tells the time.
    pub clock: fn() -> OffsetDateTime,
}

/// Open sockets on one address, so that one that is taken is found before anything else is done.
#[derive(Debug)]
pub struct Sockets {
    tcp: TcpListener,
    udp: Vec<UdpSocket>,
    address: SocketAddr,
}

impl Sockets {
    /// Opens them: one for TCP, and one for UDP for each thread that answers. Port 0 is any that is free for both.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        let mut tries = 0;
        loop {
            // This one shares with nobody, so that a second process finds the address taken.
            let tcp = TcpListener::bind(address).await?;
            let bound = tcp.local_addr()?;
            let udp: io::Result<Vec<UdpSocket>> = (0..threads).map(|_| udp::bind(bound)).collect();
            match udp {
                Ok(udp) => return Ok(Self { tcp, udp, address: bound }),
                Err(_) if address.port() == 0 && tries < 16 => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The address they got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What all who answer share.
struct Shared {
    catalog: watch::Sender<Option<Arc<Catalog>>>,
    /// The numbers, where they are answered.
    numbers: watch::Sender<Option<Arc<Numbers>>>,
    rate: RateLimit,
    secondaries: Option<Secondaries>,
    /// Where our own checks come from, which are not counted.
    own: Arc<OnceLock<SocketAddr>>,
    clock: fn() -> OffsetDateTime,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Shared {
    fn is_own(&self, from: SocketAddr) -> bool {
        self.own.get().is_some_and(|own| *own == from)
    }

    /// Seconds since 1970.
    fn seconds(&self) -> u64 {
        u64::try_from((self.clock)().unix_timestamp()).unwrap_or_default()
    }
}

/// The name server of this process.
#[derive(Clone)]
pub struct NameServer {
    shared: Arc<Shared>,
    options: Arc<Options>,
    /// Wakes the checks.
    checks: Arc<Notify>,
    address: SocketAddr,
}

impl NameServer {
    /// Starts to answer, with the zone that was kept on disk if there is one.
    pub async fn start(options: Options, sockets: Sockets, stop: CancellationToken, tasks: &TaskTracker) -> Self {
        let shared = Arc::new(Shared {
            catalog: watch::Sender::new(None),
            numbers: watch::Sender::new(None),
            rate: RateLimit::new(options.rate_per_second, Arc::clone(&options.exempt)),
            secondaries: options.secondaries.clone(),
            own: Arc::default(),
            clock: options.clock,
            stop,
            tasks: tasks.clone(),
        });
        let (limits, idle) = (options.tcp_limits.clone(), options.tcp_idle);
        let server = Self {
            shared: Arc::clone(&shared),
            options: Arc::new(options),
            checks: Arc::default(),
            address: sockets.address,
        };
        server.put_kept().await;
        server.put_kept_numbers().await;
        for socket in sockets.udp {
            let shared = Arc::clone(&shared);
            tasks.spawn_blocking(move || udp::serve(&socket, &shared));
        }
        tasks.spawn(tcp::serve(sockets.tcp, shared, limits, idle, tasks.clone()));
        server
    }

    async fn put_kept(&self) {
        let Some(path) = &self.options.kept else { return };
        match kept::recall(path, &self.options.layout.base) {
            Ok(Some(zone)) => self.build(zone).await,
            Ok(None) => {}
            Err(reason) => {
                tracing::warn!(file = %path.display(), reason, "the zone on disk cannot be used; it is written anew");
            }
        }
    }

    /// Keeps up with the database from now on, and checks what is answered.
    pub fn follow(&self, db: Db) {
        let (server, options) = (self.clone(), &self.options);
        let subject = check::Subject {
            address: self.address,
            layout: options.layout.clone(),
            every: options.check_every,
            resolver: options.resolver,
            clock: options.clock,
            wake: Arc::clone(&self.checks),
            stop: self.shared.stop.clone(),
            serial: Arc::new(move || server.loaded()),
            asks_from: Some(Arc::clone(&self.shared.own)),
        };
        self.shared.tasks.spawn(check::check(subject, db.clone()));
        self.shared.tasks.spawn(follow::follow(self.clone(), db.clone()));
        if let Some(numbers) = &self.options.numbers {
            self.shared.tasks.spawn(numbers_follow::follow(self.clone(), numbers.clone(), db));
        }
    }

    /// Whether there is a zone to answer from.
    ///
    /// # Errors
    /// When there is none. The error says why.
    pub fn is_ready(&self) -> Result<(), String> {
        if self.shared.stop.is_cancelled() {
            return Err("stopping".to_owned());
        }
        self.loaded().ok_or_else(|| "there is no zone yet; the database has not answered".to_owned())?;
        match &*self.shared.numbers.borrow() {
            Some(numbers) if !numbers.are_loaded() => Err("the numbers for ENUM are not read yet".to_owned()),
            _ => Ok(()),
        }
    }
}
