//! The zone as it is served: built beside the one in use, then swapped for it.
//!
//! A customer's name is found by its label in one of two tables: a large one that zones which follow each other share, and
//! a small one of what came since. So a change costs little however many customers there are. What the configuration adds
//! is in a table of its own. Records are kept as they stand on the wire behind their owner's name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::wire::{INTERNET, Name, TTL, encoded, kind, labels};
use crate::domain::direct_routing::{LABEL_MAX, Layout, REGIONS_MAX};

/// A label of a customer, filled up with zeros.
type Label = [u8; LABEL_MAX];

/// The records of one name and type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RecordSet {
    /// Type, class, time to live and data of each.
    records: Vec<Vec<u8>>,
}

impl RecordSet {
    pub(super) fn records(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.records.iter().map(Vec::as_slice)
    }

    fn add(&mut self, kind: u16, data: &[u8]) {
        self.records.push(record(kind, data));
    }
}

/// A record as it stands behind its owner's name.
pub(super) fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    lasting_record(kind, TTL, data)
}

/// A record that may be kept for so many seconds.
pub(super) fn lasting_record(kind: u16, seconds: u32, data: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(10 + data.len());
    wire.extend_from_slice(&kind.to_be_bytes());
    wire.extend_from_slice(&INTERNET.to_be_bytes());
    wire.extend_from_slice(&seconds.to_be_bytes());
    wire.extend_from_slice(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    wire.extend_from_slice(data);
    wire
}

/// Appends a TXT record with one text, as it stands behind its owner's name.
pub(super) fn append_text(wire: &mut Vec<u8>, text: &[u8]) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    let text = text.get(..usize::from(length)).unwrap_or_default();
    wire.extend_from_slice(&kind::TXT.to_be_bytes());
    wire.extend_from_slice(&INTERNET.to_be_bytes());
    wire.extend_from_slice(&TTL.to_be_bytes());
    wire.extend_from_slice(&(u16::from(length) + 1).to_be_bytes());
    wire.push(length);
    wire.extend_from_slice(text);
}

/// What the configuration puts into a zone, by the labels below its apex.
pub(super) type Fixed = HashMap<Vec<u8>, Vec<(u16, RecordSet)>>;

/// What stands at a name.
pub(super) enum Node<'a> {
    /// Records of the configuration; a name between others has none.
    Fixed(&'a [(u16, RecordSet)]),
    /// A customer's name: the token, and the region's addresses.
    Customer { token: &'a [u8], region: &'a [(u16, RecordSet)] },
}

/// Where a name is.
pub(super) enum Found<'a> {
    /// It is in no zone of ours.
    Outside,
    /// The zone has no such name.
    Missing,
    /// It is in the zone, with this.
    At(Node<'a>),
}

/// Where the tokens of a customer are.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    at: u32,
    lengths: [u8; REGIONS_MAX],
}

impl Tokens {
    fn are_none(self) -> bool {
        self.lengths == [0; REGIONS_MAX]
    }
}

/// A region for its customers.
#[derive(Debug)]
struct RegionPart {
    /// Its label on the wire.
    label: Vec<u8>,
    /// Addresses that each of its names has.
    records: Vec<(u16, RecordSet)>,
}

/// Customers by their labels.
#[derive(Clone, Debug, Default)]
struct Customers {
    places: HashMap<Label, Tokens>,
    tokens: Vec<u8>,
}

impl Customers {
    /// Adds a customer or replaces it. What cannot be a name is left out.
    fn put<'a>(&mut self, label: &str, tokens: impl Iterator<Item = &'a str>) {
        let Some(label) = padded(&label.as_bytes().to_ascii_lowercase()) else { return };
        let mut lengths = [0; REGIONS_MAX];
        let at = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        for (length, token) in lengths.iter_mut().zip(tokens) {
            *length = u8::try_from(token.len()).unwrap_or_default();
            self.tokens.extend_from_slice(token.as_bytes().get(..usize::from(*length)).unwrap_or_default());
        }
        self.places.insert(label, Tokens { at, lengths });
    }

    fn token(&self, tokens: Tokens, region: usize) -> &[u8] {
        let before: usize = tokens.lengths.iter().take(region).map(|length| usize::from(*length)).sum();
        let length = tokens.lengths.get(region).copied().map_or(0, usize::from);
        let start = tokens.at as usize + before;
        self.tokens.get(start..start + length).unwrap_or_default()
    }
}

/// The zone.
#[derive(Debug)]
pub struct Catalog {
    serial: u32,
    base: Vec<u8>,
    fixed: Fixed,
    regions: Vec<RegionPart>,
    customers: Arc<Customers>,
    /// What came since those. A customer without tokens is gone.
    recent: Customers,
    count: usize,
    soa: Vec<u8>,
}

impl Catalog {
    /// Builds the zone: what the configuration says, and the customers as the database or the file has them, each with
    /// its label and tokens with blanks between them and a comma to the next. What cannot be a name is left out.
    #[must_use]
    pub fn build(layout: &Layout, serial: u32, accounts: &str) -> Self {
        let count = accounts.bytes().filter(|byte| *byte == b',').count() + 1;
        let mut customers =
            Customers { places: HashMap::with_capacity(count), tokens: Vec::with_capacity(accounts.len()) };
        for account in accounts.split(',').filter(|account| !account.is_empty()) {
            let mut words = account.split(' ');
            customers.put(words.next().unwrap_or_default(), words);
        }
        let count = customers.places.values().filter(|tokens| !tokens.are_none()).count();
        Self::of(layout, serial, Arc::new(customers), Customers::default(), count)
    }

    /// Makes the zone that follows, with the tokens that labels have from now on. Those without any are gone.
    #[must_use]
    pub fn changed(&self, layout: &Layout, serial: u32, names: &[(String, [String; REGIONS_MAX])]) -> Self {
        let (mut recent, mut count) = (self.recent.clone(), self.count);
        for (label, tokens) in names {
            let Some(key) = padded(label.as_bytes()) else { continue };
            count -= usize::from(self.place(&key).is_some());
            count += usize::from(tokens.iter().any(|token| !token.is_empty()));
            recent.put(label, tokens.iter().map(String::as_str));
        }
        Self::of(layout, serial, Arc::clone(&self.customers), recent, count)
    }

    fn of(layout: &Layout, serial: u32, customers: Arc<Customers>, recent: Customers, count: usize) -> Self {
        let soa = soa(layout, serial, TTL);
        let regions = layout
            .regions
            .iter()
            .map(|region| RegionPart { label: labels(&region.label), records: addresses(&region.addresses) })
            .collect();
        let (base, fixed) = (encoded(&layout.base), fixed(layout, &soa));
        Self { serial, base, fixed, regions, customers, recent, count, soa }
    }

    /// The serial that SOA tells.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// How many customers it has.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.count
    }

    /// How many changes of a label it has beside the table that it shares.
    #[must_use]
    pub fn recent(&self) -> usize {
        self.recent.places.len()
    }

    /// The customers as [`Catalog::build`] takes them.
    #[must_use]
    pub fn accounts(&self) -> String {
        let mut text = String::with_capacity(self.customers.tokens.len() * 2);
        for (label, customers, tokens) in self.each_customer() {
            let words = (0..REGIONS_MAX).map(|region| customers.token(tokens, region));
            for word in std::iter::once(plain(label)).chain(words) {
                text.push_str(&String::from_utf8_lossy(word));
                text.push(' ');
            }
            text.pop();
            text.push(',');
        }
        text.pop();
        text
    }

    /// Each customer that has a token: its label, where its tokens are, and which they are.
    fn each_customer(&self) -> impl Iterator<Item = (&Label, &Customers, Tokens)> {
        let older = self.customers.places.iter().filter(|(label, _)| !self.recent.places.contains_key(*label));
        let older = older.map(|(label, tokens)| (label, self.customers.as_ref(), *tokens));
        let recent = self.recent.places.iter().map(|(label, tokens)| (label, &self.recent, *tokens));
        older.chain(recent).filter(|(_, _, tokens)| !tokens.are_none())
    }

    /// Where the tokens of a customer are that has some, and which they are.
    fn place(&self, label: &Label) -> Option<(&Customers, Tokens)> {
        let (customers, tokens) = match self.recent.places.get(label) {
            Some(tokens) => (&self.recent, tokens),
            None => (self.customers.as_ref(), self.customers.places.get(label)?),
        };
        (!tokens.are_none()).then_some((customers, *tokens))
    }

    /// The apex on the wire.
    pub(super) fn base(&self) -> &[u8] {
        &self.base
    }

    /// SOA as it stands behind its owner's name.
    pub(super) fn soa(&self) -> &[u8] {
        &self.soa
    }

    /// Looks a name up.
    pub(super) fn find(&self, name: &Name) -> Found<'_> {
        let Some(inner) = name.before(&self.base) else { return Found::Outside };
        if let Some(node) = self.customer(inner) {
            return Found::At(node);
        }
        self.fixed.get(inner).map_or(Found::Missing, |records| Found::At(Node::Fixed(records)))
    }

    /// The customer's name that consists of one label below a region's.
    fn customer(&self, inner: &[u8]) -> Option<Node<'_>> {
        let (length, rest) = inner.split_first()?;
        let (label, region) = rest.split_at_checked(usize::from(*length))?;
        let (customers, tokens) = self.place(&padded(label)?)?;
        let index = self.regions.iter().position(|part| part.label == region)?;
        let token = customers.token(tokens, index);
        let part = self.regions.get(index).filter(|_| !token.is_empty())?;
        Some(Node::Customer { token, region: &part.records })
    }

    /// Calls back with each record of the zone but SOA: the labels of its owner below the apex, and the rest.
    pub(super) fn each(&self, mut call: impl FnMut(&[u8], &[u8])) {
        for (owner, sets) in &self.fixed {
            let records = sets.iter().filter(|(kind, _)| *kind != kind::SOA).flat_map(|(_, set)| set.records());
            records.for_each(|record| call(owner, record));
        }
        let (mut owner, mut text) = (Vec::new(), Vec::new());
        for (label, customers, tokens) in self.each_customer() {
            let label = plain(label);
            for (index, part) in self.regions.iter().enumerate() {
                let token = customers.token(tokens, index);
                if token.is_empty() {
                    continue;
                }
                owner.clear();
                owner.push(u8::try_from(label.len()).unwrap_or_default());
                owner.extend_from_slice(label);
                owner.extend_from_slice(&part.label);
                text.clear();
                append_text(&mut text, token);
                call(&owner, &text);
                part.records.iter().flat_map(|(_, set)| set.records()).for_each(|record| call(&owner, record));
            }
        }
    }
}

/// A label in lower case as the key of the table.
fn padded(label: &[u8]) -> Option<Label> {
    let mut key = [0; LABEL_MAX];
    let plain = label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if label.is_empty() || !plain {
        return None;
    }
    key.get_mut(..label.len())?.copy_from_slice(label);
    Some(key)
}

/// The characters of a label without what fills it up.
fn plain(label: &Label) -> &[u8] {
    label.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn addresses(addresses: &[IpAddr]) -> Vec<(u16, RecordSet)> {
    let (mut four, mut six) = (RecordSet::default(), RecordSet::default());
    for address in addresses {
        match address {
            IpAddr::V4(address) => four.add(kind::A, &address.octets()),
            IpAddr::V6(address) => six.add(kind::AAAA, &address.octets()),
        }
    }
    [(kind::A, four), (kind::AAAA, six)].into_iter().filter(|(_, set)| !set.records.is_empty()).collect()
}

/// SOA: whoever has an older zone asks again after the time to live; a name that was missing is asked for again after
/// `missing` seconds.
pub(super) fn soa(layout: &Layout, serial: u32, missing: u32) -> Vec<u8> {
    let primary = layout.name_servers.first().map_or(layout.base.as_str(), |server| server.name.as_str());
    let mut data = encoded(primary);
    let (user, host) = layout.contact.split_once('@').unwrap_or(("hostmaster", &layout.base));
    let user = user.as_bytes().get(..user.len().min(63)).unwrap_or_default();
    data.push(u8::try_from(user.len()).unwrap_or(63));
    data.extend_from_slice(user);
    data.extend_from_slice(&encoded(host));
    let (refresh, retry, expire) = (TTL, 60, 1_209_600_u32);
    for number in [serial, refresh, retry, expire, missing] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    record(kind::SOA, &data)
}

/// What the configuration puts into the zone, by the labels below its apex, with the names that stand between.
pub(super) fn fixed(layout: &Layout, soa: &[u8]) -> Fixed {
    let mut fixed = Fixed::new();
    let mut servers = RecordSet::default();
    for server in &layout.name_servers {
        servers.add(kind::NS, &encoded(&server.name));
        let inside = server.name.strip_suffix(&layout.base).and_then(|rest| rest.strip_suffix('.'));
        if let Some(inside) = inside {
            fixed.insert(labels(inside), addresses(&server.addresses));
        }
    }
    fixed.insert(Vec::new(), vec![(kind::SOA, RecordSet { records: vec![soa.to_vec()] }), (kind::NS, servers)]);
    for region in &layout.regions {
        fixed.insert(labels(&region.label), addresses(&region.addresses));
        for srv in &region.srv {
            let mut data = Vec::new();
            for number in [srv.priority, srv.weight, srv.port] {
                data.extend_from_slice(&number.to_be_bytes());
            }
            data.extend_from_slice(&encoded(&srv.target));
            let name = format!("{}.{}", srv.service, region.label);
            // The protocol's label above the service's exists by that alone.
            if let Some((_, protocol)) = name.split_once('.') {
                fixed.entry(labels(protocol)).or_default();
            }
            let sets = fixed.entry(labels(&name)).or_default();
            match sets.iter_mut().find(|(kind, _)| *kind == kind::SRV) {
                Some((_, set)) => set.add(kind::SRV, &data),
                None => sets.push((kind::SRV, RecordSet { records: vec![record(kind::SRV, &data)] })),
            }
        }
    }
    fixed
}
