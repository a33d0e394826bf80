//! Reading a packet that somebody sent: a question that can be answered, or why not.

use super::wire::{Cursor, HEADER, Name, Rcode, is_answer, kind};

/// What a packet is.
#[expect(clippy::large_enum_variant, reason = "it lives on the stack while one packet is answered")]
pub(super) enum Read {
    /// It is nothing that an answer is due to: an answer itself, or too short for a header.
    Nothing,
    /// It is to be answered with its header and this.
    Bad(Rcode),
    /// It is an operation we do not know. Its question, if any, ends there.
    Unknown(usize),
    /// It is a question.
    Query(Query),
}

/// A question with what came beside it.
pub(super) struct Query {
    pub(super) name: Name,
    pub(super) kind: u16,
    pub(super) class: u16,
    /// Where the question ends in the packet.
    pub(super) question_end: usize,
    pub(super) edns: Option<Edns>,
    /// Whether it is signed with a shared key.
    pub(super) is_signed: bool,
}

/// What the other side says about itself (RFC 6891).
#[derive(Clone, Copy)]
pub(super) struct Edns {
    pub(super) version: u8,
    /// The largest answer it takes.
    pub(super) size: u16,
    /// It takes signatures.
    pub(super) dnssec: bool,
}

impl Read {
    pub(super) fn packet(packet: &[u8]) -> Self {
        if packet.len() < HEADER || is_answer(packet) {
            return Self::Nothing;
        }
        let operation = (packet.get(2).copied().unwrap_or_default() >> 3) & 0x0F;
        if operation != 0 {
            return Self::Unknown(lone_question(packet).unwrap_or(HEADER));
        }
        query(packet).map_or(Self::Bad(Rcode::FormErr), Self::Query)
    }
}

/// The counts of the four sections.
fn counts(packet: &[u8]) -> Option<[u16; 4]> {
    let mut cursor = Cursor::new(packet, 4);
    Some([cursor.u16()?, cursor.u16()?, cursor.u16()?, cursor.u16()?])
}

/// Where the one question of a packet ends.
fn lone_question(packet: &[u8]) -> Option<usize> {
    let [1, ..] = counts(packet)? else { return None };
    let mut cursor = Cursor::new(packet, HEADER);
    Name::read(&mut cursor)?;
    cursor.bytes(4)?;
    Some(cursor.at())
}

fn query(packet: &[u8]) -> Option<Query> {
    let [1, 0, authority, additional] = counts(packet)? else { return None };
    let mut cursor = Cursor::new(packet, HEADER);
    let name = Name::read(&mut cursor)?;
    let (kind, class) = (cursor.u16()?, cursor.u16()?);
    let mut query = Query { name, kind, class, question_end: cursor.at(), edns: None, is_signed: false };
    // Only whoever wants the changes of a zone says which it has.
    let most = u16::from(kind == kind::IXFR);
    if authority > most {
        return None;
    }
    for _ in 0..authority {
        skip_record(&mut cursor)?;
    }
    for index in 0..additional {
        additional_record(&mut cursor, &mut query, index + 1 == additional)?;
    }
    cursor.is_at_end().then_some(query)
}

fn skip_record(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.skip_name()?;
    cursor.bytes(8)?;
    let length = cursor.u16()?;
    cursor.bytes(usize::from(length)).map(drop)
}

fn additional_record(cursor: &mut Cursor<'_>, query: &mut Query, is_last: bool) -> Option<()> {
    let start = cursor.at();
    cursor.skip_name()?;
    let at_root = cursor.at() == start + 1;
    let (kind, class, ttl) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
    let length = cursor.u16()?;
    let data = cursor.bytes(usize::from(length))?;
    match kind {
        kind::OPT if query.edns.is_some() || !at_root || !are_options(data) => return None,
        kind::OPT => {
            let [_, version, flags, _] = ttl.to_be_bytes();
            query.edns = Some(Edns { version, size: class, dnssec: flags & 0x80 != 0 });
        }
        kind::TSIG if !is_last => return None,
        kind::TSIG => query.is_signed = true,
        _ => return None,
    }
    Some(())
}

/// Whether the options of OPT fill its data; what they say is of no interest.
fn are_options(data: &[u8]) -> bool {
    let mut cursor = Cursor::new(data, 0);
    while !cursor.is_at_end() {
        let option = cursor.u16().and_then(|_| cursor.u16()).and_then(|length| cursor.bytes(usize::from(length)));
        if option.is_none() {
            return false;
        }
    }
    true
}
