//! Asking ourselves, over the real socket, whether every customer's names are answered as they should be; and a resolver,
//! whether the public asks us at all.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::ask::{Asked, exchange_over_tcp, question};
use crate::domain::direct_routing::{Delegation, Layout, Served, Zones};
use crate::store::{Db, NamesChecked, NamesRow, Result};

/// Names asked for before the result is stored.
const ROUND: i64 = 200;
/// A server that leaves so many questions unanswered, one after the other, is not asked for more.
const SILENCE: usize = 3;

/// How far the checks have come.
struct Progress {
    /// Names up to this serial were checked.
    serial: i64,
    /// Checks that were asked for up to then were made, in microseconds.
    wanted: i64,
    /// Checks of the delegation that were asked for up to then were made.
    delegation_wanted: i64,
    /// When all were checked.
    all_at: Option<OffsetDateTime>,
}

/// Who is checked, and how.
pub(super) struct Subject {
    /// Where it answers.
    pub(super) address: SocketAddr,
    /// The names, and the servers that the base domain should be delegated to.
    pub(super) layout: Layout,
    /// Time between two checks of all names.
    pub(super) every: std::time::Duration,
    /// Whom to ask for the delegation.
    pub(super) resolver: Option<SocketAddr>,
    pub(super) clock: fn() -> OffsetDateTime,
    /// Wakes the checks after a change.
    pub(super) wake: Arc<Notify>,
    pub(super) stop: CancellationToken,
    /// The serial of the zone that is served; none before there is one.
    pub(super) serial: Arc<dyn Fn() -> Option<i64> + Send + Sync>,
    /// Is told where the checks come from.
    pub(super) asks_from: Option<Arc<OnceLock<SocketAddr>>>,
}

/// Pauses between two tries to reach the server.
const FIRST_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_mins(1);

/// Checks after each change, when asked to, and on a schedule, until the stop.
pub(super) async fn check(subject: Subject, db: Db) {
    let stop = subject.stop.clone();
    let mut progress = Progress { serial: 0, wanted: 0, delegation_wanted: 0, all_at: None };
    let Some(mut asked) = stop.run_until_cancelled(ask_at(reachable(subject.address))).await else { return };
    if let (Ok(from), Some(told)) = (asked.local(), &subject.asks_from) {
        let _ = told.set(from);
    }
    let checker = Checker { zones: subject.layout.zones(), server: identity(subject.address), subject };
    loop {
        let round = checker.round(&db, &mut asked, &mut progress);
        match stop.run_until_cancelled(round).await {
            None => return,
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%error, "the names could not be checked, or what was found not stored"),
        }
        let wait = tokio::time::timeout(checker.subject.every, checker.subject.wake.notified());
        if stop.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

/// A way to ask the server there. There may be no route to it yet.
async fn ask_at(address: SocketAddr) -> Asked {
    let mut pause = FIRST_PAUSE;
    loop {
        match Asked::at(address).await {
            Ok(asked) => return asked,
            Err(error) => {
                tracing::warn!(%error, %address, "the name server cannot be asked; the names are not checked");
            }
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// An address to reach a listener at.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        address => address,
    }
}

/// What tells this server from others of the deployment, also after a restart.
fn identity(address: SocketAddr) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {address}", host.trim())
}

struct Checker {
    subject: Subject,
    zones: Zones,
    server: String,
}

impl Checker {
    async fn round(&self, db: &Db, asked: &mut Asked, progress: &mut Progress) -> Result<()> {
        // Without a zone there is nothing to ask for.
        let Some(serial) = (self.subject.serial)() else { return Ok(()) };
        let now = (self.subject.clock)();
        let every = Duration::try_from(self.subject.every).unwrap_or(Duration::HOUR);
        if progress.all_at.is_none_or(|at| now - at >= every) {
            self.check_all(db, asked, serial, progress).await?;
            self.check_delegation(db).await?;
            progress.all_at = Some(now);
        }
        self.check_wanted(db, asked, progress).await
    }

    /// Checks what changed, and what somebody asked for.
    async fn check_wanted(&self, db: &Db, asked: &mut Asked, progress: &mut Progress) -> Result<()> {
        let Some(serial) = (self.subject.serial)() else { return Ok(()) };
        let changed = db.read().await?.names_to_check(progress.serial, progress.wanted).await?;
        // What was changed after the zone in use was built has its turn with the next.
        let changed: Vec<NamesRow> = changed.into_iter().filter(|row| row.serial <= serial).collect();
        for some in changed.chunks(usize::try_from(ROUND).unwrap_or(1)) {
            self.check_rows(db, asked, some).await?;
        }
        progress.serial = progress.serial.max(serial);
        progress.wanted = changed.iter().map(|row| row.check_wanted).max().unwrap_or_default().max(progress.wanted);
        let wanted = db.read().await?.delegation().await?.check_wanted;
        if wanted > progress.delegation_wanted {
            self.check_delegation(db).await?;
            progress.delegation_wanted = wanted;
        }
        Ok(())
    }

    /// Checks everything up to this serial, and in between what comes up meanwhile: nobody waits for the end of it.
    async fn check_all(&self, db: &Db, asked: &mut Asked, serial: i64, progress: &mut Progress) -> Result<()> {
        let mut behind = 0;
        progress.serial = progress.serial.max(serial);
        loop {
            let rows = db.read().await?.names_behind(behind, ROUND).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            behind = last.account_id;
            let rows: Vec<NamesRow> = rows.into_iter().filter(|row| row.serial <= serial).collect();
            if !self.check_rows(db, asked, &rows).await? {
                return Ok(());
            }
            self.check_wanted(db, asked, progress).await?;
        }
    }

    /// Asks for the names of these accounts and stores what was found; tells whether the server answers at all.
    async fn check_rows(&self, db: &Db, asked: &mut Asked, rows: &[NamesRow]) -> Result<bool> {
        let mut checked = Vec::with_capacity(rows.len());
        let mut silent = 0;
        for row in rows {
            let mut served = Vec::with_capacity(self.zones.regions.len());
            for (name, token) in self.zones.names(&row.label).iter().zip(&row.tokens) {
                let found = ask(asked, name, token).await;
                silent = if found == Served::Silent { silent + 1 } else { 0 };
                served.push(found);
            }
            let status = row.status.after(&served);
            checked.push(NamesChecked { account_id: row.account_id, serial: row.serial, status, served });
            if silent >= SILENCE {
                break;
            }
        }
        let now = (self.subject.clock)();
        let recent = now - self.subject.every * 2;
        let mut tx = db.begin().await?;
        tx.record_checks(&self.server, &checked, now, recent).await?;
        tx.commit().await?;
        for one in &checked {
            metrics::counter!("nmp_dns_checks_total", "status" => one.status.as_str()).increment(1);
        }
        Ok(silent < SILENCE)
    }

    async fn check_delegation(&self, db: &Db) -> Result<()> {
        let layout = &self.subject.layout;
        // Without servers of ours there is nothing to compare with.
        let found = match self.subject.resolver.filter(|_| !layout.name_servers.is_empty()) {
            None => Delegation::NotChecked,
            Some(resolver) => {
                let ours: Vec<String> = layout.name_servers.iter().map(|server| server.name.clone()).collect();
                name_servers(resolver, &layout.base)
                    .await
                    .map_or_else(|reason| Delegation::Failed { reason }, |seen| Delegation::compare(&ours, &seen))
            }
        };
        let mut tx = db.begin().await?;
        tx.set_delegation(&found, (self.subject.clock)()).await?;
        tx.commit().await
    }
}

/// What is served for a name that should have this token.
pub(super) async fn ask(asked: &mut Asked, name: &str, token: &str) -> Served {
    let Some(message) = question(name, RecordType::TXT, false) else { return Served::Refused };
    let Ok(bytes) = message.to_vec() else { return Served::Refused };
    let Ok(answer) = asked.exchange(&bytes).await else { return Served::Silent };
    let Ok(answer) = Message::from_vec(&answer) else { return Served::Refused };
    match answer.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Served::NoName,
        _ => return Served::Refused,
    }
    let texts: Vec<Vec<u8>> = answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        })
        .collect();
    match texts.as_slice() {
        [] => Served::Nothing,
        [text] if text == token.as_bytes() => Served::Right,
        _ => Served::Other,
    }
}

/// The name servers of a domain, as a resolver knows them; or why it does not, as a sentence.
async fn name_servers(resolver: SocketAddr, domain: &str) -> std::result::Result<Vec<String>, String> {
    let silent = |error: io::Error| format!("The resolver {resolver} did not answer: {error}.");
    let unusable = || format!("The resolver {resolver} gave an answer that cannot be read.");
    let message = question(domain, RecordType::NS, true).ok_or_else(unusable)?;
    let bytes = message.to_vec().map_err(|_| unusable())?;
    let mut answer = Asked::at(resolver).await.map_err(silent)?.exchange(&bytes).await.map_err(silent)?;
    if answer.get(2).is_some_and(|flags| flags & 0x02 != 0) {
        answer = exchange_over_tcp(resolver, &bytes).await.map_err(silent)?;
    }
    let answer = Message::from_vec(&answer).map_err(|_| unusable())?;
    match answer.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        code => {
            return Err(format!(
                "The resolver {resolver} failed ({code}). It does so, too, where the name servers of the delegation do not answer."
            ));
        }
    }
    let servers = answer.answers.iter().filter_map(|record| match &record.data {
        RData::NS(server) => Some(server.0.to_ascii().trim_end_matches('.').to_ascii_lowercase()),
        _ => None,
    });
    Ok(servers.collect())
}
