//! From a packet to its answer.

use super::catalog::{Catalog, Found, Node, RecordSet, append_text};
use super::numbers::{self, Numbers};
use super::query::{Edns, Query, Read};
use super::wire::{HEADER, INTERNET, Rcode, UDP_MOST, kind};

/// How a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// What was made of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// No answer is due.
    Nothing,
    /// The answer stands in the buffer.
    Answer { kind: u16, rcode: Rcode },
    /// The packet is signed or asks for a transfer, which somebody else answers.
    Special,
}

/// The owner of a record, as a pointer to the question's name.
const OWNER: [u8; 2] = [0xC0, 12];

const ANSWER: u8 = 0x80;
const AUTHORITATIVE: u8 = 0x04;
const TRUNCATED: u8 = 0x02;
const RECURSION_DESIRED: u8 = 0x01;

/// What somebody is answered from.
#[derive(Clone, Copy, Default)]
pub(super) struct Known<'a> {
    /// The zone of Direct Routing.
    pub(super) catalog: Option<&'a Catalog>,
    /// The zone of numbers, for those who may ask for them.
    pub(super) numbers: Option<&'a Numbers>,
}

/// Answers a packet into the buffer.
pub(super) fn respond(known: Known<'_>, packet: &[u8], transport: Transport, out: &mut Vec<u8>) -> Made {
    out.clear();
    let query = match Read::packet(packet) {
        Read::Nothing => return Made::Nothing,
        Read::Bad(rcode) => return bare(packet, rcode, HEADER, out),
        Read::Unknown(question_end) => return bare(packet, Rcode::NotImp, question_end, out),
        Read::Query(query) => query,
    };
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return AnswerInMaking::begin(packet, &query, out).end(Rcode::BadVers);
    }
    if query.is_signed {
        return Made::Special;
    }
    let of_numbers = known.numbers.filter(|numbers| query.name.before(numbers.base()).is_some());
    if known.catalog.is_none() && of_numbers.is_none() {
        return AnswerInMaking::begin(packet, &query, out).end(Rcode::ServFail);
    }
    if matches!(query.kind, kind::AXFR | kind::IXFR) {
        // Nobody gets the zone without a signature, and nobody all numbers.
        return AnswerInMaking::begin(packet, &query, out).end(Rcode::Refused);
    }
    match (of_numbers, known.catalog) {
        (Some(numbers), _) => look_up_number(numbers, packet, &query, transport, out),
        (None, Some(catalog)) => look_up(catalog, packet, &query, transport, out),
        (None, None) => Made::Nothing,
    }
}

/// Answers a question about one name.
pub(super) fn look_up(
    catalog: &Catalog,
    packet: &[u8],
    query: &Query,
    transport: Transport,
    out: &mut Vec<u8>,
) -> Made {
    let limit = limit(transport, query.edns);
    let mut answer = AnswerInMaking::begin(packet, query, out);
    if query.class != INTERNET {
        return answer.end(Rcode::Refused);
    }
    let rcode = match catalog.find(&query.name) {
        Found::Outside => return answer.end(Rcode::Refused),
        Found::Missing => Rcode::NxDomain,
        Found::At(node) => {
            answer.add_node(&node);
            Rcode::NoError
        }
    };
    answer.flags |= AUTHORITATIVE;
    if answer.answers == 0 {
        answer.add_authority(catalog.base(), catalog.soa());
    }
    answer.end_within(rcode, limit)
}

/// Answers a question about a name in the zone of numbers.
fn look_up_number(numbers: &Numbers, packet: &[u8], query: &Query, transport: Transport, out: &mut Vec<u8>) -> Made {
    let limit = limit(transport, query.edns);
    let mut answer = AnswerInMaking::begin(packet, query, out);
    if query.class != INTERNET {
        return answer.end(Rcode::Refused);
    }
    let rcode = match numbers.find(&query.name) {
        numbers::Found::NotYet => return answer.end(Rcode::ServFail),
        numbers::Found::Missing => Rcode::NxDomain,
        numbers::Found::Between => Rcode::NoError,
        numbers::Found::Fixed(sets) => {
            answer.add_node(&Node::Fixed(sets));
            Rcode::NoError
        }
        numbers::Found::Number { number, label } => {
            if matches!(query.kind, kind::NAPTR | kind::ANY) {
                numbers.each_record(number, label, |record| answer.add_record(record));
            }
            Rcode::NoError
        }
    };
    answer.flags |= AUTHORITATIVE;
    if answer.answers == 0 {
        answer.add_authority(numbers.base(), numbers.soa());
    }
    answer.end_within(rcode, limit)
}

/// The bytes that an answer may have.
fn limit(transport: Transport, edns: Option<Edns>) -> usize {
    match (transport, edns) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, Some(edns)) => usize::from(edns.size.clamp(512, UDP_MOST)),
        (Transport::Udp, None) => 512,
    }
}

/// Answers with a header, and with the question where it can be told. It is never larger than what came.
fn bare(packet: &[u8], rcode: Rcode, question_end: usize, out: &mut Vec<u8>) -> Made {
    out.extend_from_slice(packet.get(..question_end).unwrap_or_default());
    let first = packet.get(2).copied().unwrap_or_default();
    let flags = [ANSWER | (first & 0x79), u8::try_from(rcode.number()).unwrap_or_default()];
    let questions = u8::from(question_end > HEADER);
    write(out, 2, &flags);
    write(out, 4, &[0, questions, 0, 0, 0, 0, 0, 0]);
    Made::Answer { kind: 0, rcode }
}

/// Makes of an answer that would stand in the buffer one that says: ask over TCP.
pub(super) fn truncate(packet: &[u8], out: &mut Vec<u8>) {
    if let Read::Query(query) = Read::packet(packet) {
        let mut answer = AnswerInMaking::begin(packet, &query, out);
        answer.flags |= TRUNCATED;
        answer.end(Rcode::NoError);
    }
}

fn write(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// An answer in the making.
struct AnswerInMaking<'a> {
    out: &'a mut Vec<u8>,
    kind: u16,
    question_end: usize,
    edns: Option<Edns>,
    flags: u8,
    answers: u16,
    authority: u16,
}

impl<'a> AnswerInMaking<'a> {
    fn begin(packet: &[u8], query: &Query, out: &'a mut Vec<u8>) -> Self {
        out.clear();
        out.extend_from_slice(packet.get(..query.question_end).unwrap_or_default());
        let flags = ANSWER | (packet.get(2).copied().unwrap_or_default() & RECURSION_DESIRED);
        Self {
            out,
            kind: query.kind,
            question_end: query.question_end,
            edns: query.edns,
            flags,
            answers: 0,
            authority: 0,
        }
    }

    fn add_node(&mut self, node: &Node<'_>) {
        // A question for everything gets one set of records (RFC 8482).
        match node {
            Node::Fixed(sets) => match self.kind {
                kind::ANY => sets.first().iter().for_each(|(_, set)| self.add_set(set)),
                _ => self.add_kind(sets),
            },
            Node::Customer { token, region } => match self.kind {
                kind::TXT | kind::ANY => {
                    self.out.extend_from_slice(&OWNER);
                    append_text(self.out, token);
                    self.answers += 1;
                }
                _ => self.add_kind(region),
            },
        }
    }

    fn add_kind(&mut self, sets: &[(u16, RecordSet)]) {
        if let Some((_, set)) = sets.iter().find(|(kind, _)| *kind == self.kind) {
            self.add_set(set);
        }
    }

    fn add_set(&mut self, set: &RecordSet) {
        set.records().for_each(|record| self.add_record(record));
    }

    fn add_record(&mut self, record: &[u8]) {
        self.out.extend_from_slice(&OWNER);
        self.out.extend_from_slice(record);
        self.answers += 1;
    }

    /// SOA of the zone, which the question's name ends with.
    fn add_authority(&mut self, base: &[u8], soa: &[u8]) {
        // Type and class stand behind the name.
        let apex = self.question_end - 4 - base.len();
        let pointer = 0xC000 | u16::try_from(apex).unwrap_or_default();
        self.out.extend_from_slice(&pointer.to_be_bytes());
        self.out.extend_from_slice(soa);
        self.authority = 1;
    }

    fn end_within(mut self, rcode: Rcode, limit: usize) -> Made {
        let opt = if self.edns.is_some() { OPT_LENGTH } else { 0 };
        if self.out.len() + opt > limit {
            self.out.truncate(self.question_end);
            (self.answers, self.authority) = (0, 0);
            self.flags |= TRUNCATED;
        }
        self.end(rcode)
    }

    fn end(self, rcode: Rcode) -> Made {
        let number = rcode.number();
        let [_, low] = (number & 0x0F).to_be_bytes();
        if let Some(edns) = self.edns {
            let [_, high] = (number >> 4).to_be_bytes();
            self.out.push(0);
            self.out.extend_from_slice(&kind::OPT.to_be_bytes());
            self.out.extend_from_slice(&UDP_MOST.to_be_bytes());
            self.out.extend_from_slice(&[high, 0, if edns.dnssec { 0x80 } else { 0 }, 0, 0, 0]);
        }
        write(self.out, 2, &[self.flags, low]);
        let [an, ns] = [self.answers.to_be_bytes(), self.authority.to_be_bytes()];
        write(self.out, 4, &[0, 1, an[0], an[1], ns[0], ns[1], 0, u8::from(self.edns.is_some())]);
        Made::Answer { kind: self.kind, rcode }
    }
}

/// OPT without options.
const OPT_LENGTH: usize = 11;
