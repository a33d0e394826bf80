//! The wire format of DNS (RFC 1035, RFC 6891) as far as a question and our own records need it.

/// The length of a header.
pub(super) const HEADER: usize = 12;
/// The largest answer over UDP, and the largest that we say we take.
pub(super) const UDP_MOST: u16 = 1232;
/// How long an answer may be kept, in seconds.
pub(super) const TTL: u32 = 300;

/// Types of records.
pub(super) mod kind {
    pub(in crate::dns) const A: u16 = 1;
    pub(in crate::dns) const NS: u16 = 2;
    pub(in crate::dns) const SOA: u16 = 6;
    pub(in crate::dns) const TXT: u16 = 16;
    pub(in crate::dns) const AAAA: u16 = 28;
    pub(in crate::dns) const SRV: u16 = 33;
    pub(in crate::dns) const NAPTR: u16 = 35;
    pub(in crate::dns) const OPT: u16 = 41;
    pub(in crate::dns) const TSIG: u16 = 250;
    pub(in crate::dns) const IXFR: u16 = 251;
    pub(in crate::dns) const AXFR: u16 = 252;
    pub(in crate::dns) const ANY: u16 = 255;
}

/// The Internet, the one class we serve.
pub(super) const INTERNET: u16 = 1;

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rcode {
    NoError,
    FormErr,
    ServFail,
    NxDomain,
    NotImp,
    Refused,
    NotAuth,
    BadVers,
}

impl Rcode {
    /// Every outcome, in the order of [`Rcode::index`].
    pub(super) const ALL: [Self; 8] = [
        Self::NoError,
        Self::FormErr,
        Self::ServFail,
        Self::NxDomain,
        Self::NotImp,
        Self::Refused,
        Self::NotAuth,
        Self::BadVers,
    ];

    /// Gives the number on the wire. Its upper bits travel in OPT.
    pub(super) fn number(self) -> u16 {
        match self {
            Self::NoError => 0,
            Self::FormErr => 1,
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::NotImp => 4,
            Self::Refused => 5,
            Self::NotAuth => 9,
            Self::BadVers => 16,
        }
    }

    /// Gives the name that metrics have for it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::NoError => "NOERROR",
            Self::FormErr => "FORMERR",
            Self::ServFail => "SERVFAIL",
            Self::NxDomain => "NXDOMAIN",
            Self::NotImp => "NOTIMP",
            Self::Refused => "REFUSED",
            Self::NotAuth => "NOTAUTH",
            Self::BadVers => "BADVERS",
        }
    }

    pub(super) fn index(self) -> usize {
        Self::ALL.iter().position(|rcode| *rcode == self).unwrap_or_default()
    }
}

/// Reads from the front of a packet.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    packet: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(packet: &'a [u8], at: usize) -> Self {
        Self { packet, at }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.packet.len()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let found = self.packet.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(found)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.bytes(4)?.try_into().ok()?))
    }

    /// Goes behind a name, wherever its parts are.
    pub(super) fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.u8()? {
                0 => return Some(()),
                length @ 1..=63 => drop(self.bytes(usize::from(length))?),
                0xC0..=0xFF => return self.u8().map(drop),
                _ => return None,
            }
        }
    }
}

/// A name as it stands on the wire, in lower case, without compression.
#[derive(Clone, Copy)]
pub(super) struct Name {
    bytes: [u8; 255],
    length: usize,
}

impl Name {
    /// Reads the name of a question: there is nothing before it that it could point to.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut name = Self { bytes: [0; 255], length: 0 };
        loop {
            let length = cursor.u8()?;
            if length > 63 {
                return None;
            }
            let label = cursor.bytes(usize::from(length))?;
            let room = name.bytes.get_mut(name.length..=name.length + label.len())?;
            let (first, rest) = room.split_first_mut()?;
            *first = length;
            for (to, from) in rest.iter_mut().zip(label) {
                *to = from.to_ascii_lowercase();
            }
            name.length += 1 + label.len();
            if length == 0 {
                return Some(name);
            }
        }
    }

    /// Its bytes, with the root's.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// What stands before this ending, which has the root's byte, where it does end so.
    pub(super) fn before(&self, ending: &[u8]) -> Option<&[u8]> {
        let whole = self.as_bytes();
        let at = whole.len().checked_sub(ending.len())?;
        let (front, back) = whole.split_at_checked(at)?;
        // Also a label's length can look like a letter, so labels are counted through.
        let mut start = 0;
        while start < at {
            start += 1 + usize::from(*whole.get(start)?);
        }
        (start == at && back == ending).then_some(front)
    }
}

/// A name of ours on the wire: lower case, with the root's byte.
pub(super) fn encoded(name: &str) -> Vec<u8> {
    let mut wire = labels(name);
    wire.push(0);
    wire
}

/// The labels of a name of ours on the wire, without the root's byte.
pub(super) fn labels(name: &str) -> Vec<u8> {
    let mut wire = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        // Configuration and database hold no longer ones.
        let label = label.as_bytes().get(..label.len().min(63)).unwrap_or_default();
        wire.push(u8::try_from(label.len()).unwrap_or(63));
        wire.extend(label.iter().map(u8::to_ascii_lowercase));
    }
    wire
}

/// Whether an answer is for us to read, by the address it comes from: never.
pub(super) fn is_answer(packet: &[u8]) -> bool {
    packet.get(2).is_none_or(|flags| flags & 0x80 != 0)
}
