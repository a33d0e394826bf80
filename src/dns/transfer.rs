//! Questions signed with the secondaries' key, and the transfer of the whole zone to them (RFC 5936).

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Shared;
use super::answer::{Made, Transport, look_up};
use super::catalog::Catalog;
use super::key::{Key, Proof, append};
use super::query::{Query, Read};
use super::wire::{HEADER, Rcode, kind};

/// A message of a transfer is closed when it has so many bytes.
const MESSAGE: usize = 16_000;
/// Messages made ahead of those that are sent.
const AHEAD: usize = 4;

/// Who may have the zone.
#[derive(Clone, Debug)]
pub struct Secondaries {
    /// What they sign with.
    pub key: Key,
    /// Where they ask from.
    pub addresses: Vec<IpAddr>,
}

/// What a signed question gets over TCP.
pub(super) enum Transfer {
    Answer {
        message: Vec<u8>,
        kind: u16,
        rcode: Rcode,
    },
    /// The messages of the zone, as fast as they are taken.
    Zone(mpsc::Receiver<Vec<u8>>),
}

/// A signed question whose signature is right, or the answer that it is not.
#[expect(clippy::large_enum_variant, reason = "it lives on the stack while one packet is answered")]
enum Signed {
    Right { query: Query, mac: Vec<u8> },
    Wrong { message: Vec<u8>, kind: u16, rcode: Rcode },
}

fn prove(shared: &Shared, packet: &[u8]) -> Option<Signed> {
    let Read::Query(query) = Read::packet(packet) else { return None };
    let kind = query.kind;
    let refused = |rcode| Signed::Wrong { message: plain(packet, &query, rcode), kind, rcode };
    let Some(secondaries) = &shared.secondaries else { return Some(refused(Rcode::Refused)) };
    let id = u16::from_be_bytes(packet.get(..2)?.try_into().ok()?);
    let now = shared.seconds();
    match secondaries.key.prove(packet, id, now) {
        Proof::Right(mac) => Some(Signed::Right { query, mac }),
        Proof::Wrong(context) => {
            let mut message = plain(packet, &query, Rcode::NotAuth);
            let record = context.sign(&message).ok()?;
            append(&mut message, &record)?;
            Some(Signed::Wrong { message, kind, rcode: Rcode::NotAuth })
        }
    }
}

/// A signed question over UDP, answered into the buffer.
pub(super) fn over_udp(
    shared: &Shared,
    catalog: Option<&Catalog>,
    packet: &[u8],
    out: &mut Vec<u8>,
) -> Option<(u16, Rcode)> {
    match prove(shared, packet)? {
        Signed::Wrong { message, kind, rcode } => {
            *out = message;
            Some((kind, rcode))
        }
        Signed::Right { mut query, mac } => {
            if query.kind == kind::AXFR {
                *out = plain(packet, &query, Rcode::Refused);
                return Some((query.kind, Rcode::Refused));
            }
            // What changed is told over TCP; here only that something did (RFC 1995, section 2).
            query.kind = if query.kind == kind::IXFR { kind::SOA } else { query.kind };
            signed_look_up(shared, catalog, packet, &query, Transport::Udp, &mac, out)
        }
    }
}

fn signed_look_up(
    shared: &Shared,
    catalog: Option<&Catalog>,
    packet: &[u8],
    query: &Query,
    transport: Transport,
    mac: &[u8],
    out: &mut Vec<u8>,
) -> Option<(u16, Rcode)> {
    let Made::Answer { kind, rcode } = look_up(catalog?, packet, query, transport, out) else { return None };
    shared.secondaries.as_ref()?.key.sign_first(out, mac, shared.seconds())?;
    Some((kind, rcode))
}

/// A signed question over TCP, perhaps for the whole zone.
pub(super) fn over_tcp(
    shared: &Arc<Shared>,
    catalog: Option<Arc<Catalog>>,
    packet: &[u8],
    from: IpAddr,
) -> Option<Transfer> {
    let (query, mac) = match prove(shared, packet)? {
        Signed::Wrong { message, kind, rcode } => return Some(Transfer::Answer { message, kind, rcode }),
        Signed::Right { query, mac } => (query, mac),
    };
    let is_transfer = matches!(query.kind, kind::AXFR | kind::IXFR);
    let Some(catalog) = catalog else {
        let message = plain(packet, &query, Rcode::ServFail);
        return Some(Transfer::Answer { message, kind: query.kind, rcode: Rcode::ServFail });
    };
    let secondaries = shared.secondaries.clone()?;
    if !is_transfer {
        let mut message = Vec::new();
        let (kind, rcode) = signed_look_up(shared, Some(&catalog), packet, &query, Transport::Tcp, &mac, &mut message)?;
        return Some(Transfer::Answer { message, kind, rcode });
    }
    let refused = if !secondaries.addresses.contains(&from) {
        Some(Rcode::Refused)
    } else if query.name.as_bytes() != catalog.base() {
        Some(Rcode::NotAuth)
    } else {
        None
    };
    if let Some(rcode) = refused {
        let mut message = plain(packet, &query, rcode);
        secondaries.key.sign_first(&mut message, &mac, shared.seconds())?;
        return Some(Transfer::Answer { message, kind: query.kind, rcode });
    }
    let (sender, receiver) = mpsc::channel(AHEAD);
    let question = packet.get(..query.question_end)?.to_vec();
    let clock = Arc::clone(shared);
    shared.tasks.spawn_blocking(move || {
        let mut writer = Writer {
            sender,
            question,
            key: secondaries.key,
            mac,
            shared: clock,
            message: Vec::new(),
            first: true,
            records: 0,
        };
        // Whoever went away gets no more.
        let _ = write_zone(&catalog, &mut writer);
    });
    Some(Transfer::Zone(receiver))
}

/// The header and question of an answer without records.
fn plain(packet: &[u8], query: &Query, rcode: Rcode) -> Vec<u8> {
    let mut message = packet.get(..query.question_end).unwrap_or_default().to_vec();
    let flags = [0x80 | (packet.get(2).copied().unwrap_or_default() & 1), u8::try_from(rcode.number()).unwrap_or(2)];
    for (to, from) in message.iter_mut().skip(2).zip(flags.into_iter().chain([0, 1, 0, 0, 0, 0, 0, 0])) {
        *to = from;
    }
    message
}

/// SOA, everything else, SOA.
fn write_zone(catalog: &Catalog, writer: &mut Writer) -> Option<()> {
    writer.add(&[], catalog.soa())?;
    let mut gone = false;
    catalog.each(|owner, record| gone = gone || writer.add(owner, record).is_none());
    if gone {
        return None;
    }
    writer.add(&[], catalog.soa())?;
    writer.close()
}

/// Puts records into messages, each signed with the signature before it.
struct Writer {
    sender: mpsc::Sender<Vec<u8>>,
    /// Header and question; the question's name is the apex, which all owners end with.
    question: Vec<u8>,
    key: Key,
    mac: Vec<u8>,
    shared: Arc<Shared>,
    message: Vec<u8>,
    first: bool,
    records: u16,
}

impl Writer {
    fn add(&mut self, owner: &[u8], record: &[u8]) -> Option<()> {
        if self.message.is_empty() {
            self.message.extend_from_slice(&self.question);
        }
        self.message.extend_from_slice(owner);
        self.message.extend_from_slice(&[0xC0, 12]);
        self.message.extend_from_slice(record);
        self.records += 1;
        if self.message.len() < MESSAGE { Some(()) } else { self.close() }
    }

    fn close(&mut self) -> Option<()> {
        if self.records == 0 {
            return Some(());
        }
        let mut message = std::mem::take(&mut self.message);
        let count = std::mem::take(&mut self.records).to_be_bytes();
        // An authoritative answer with one question and so many records.
        let head = [0x84, 0, 0, 1, count[0], count[1], 0, 0, 0, 0];
        message.get_mut(2..HEADER)?.copy_from_slice(&head);
        let now = self.shared.seconds();
        self.mac = if self.first {
            self.key.sign_first(&mut message, &self.mac, now)?
        } else {
            self.key.sign_next(&mut message, &self.mac, now)?
        };
        self.first = false;
        self.sender.blocking_send(message).ok()
    }
}
