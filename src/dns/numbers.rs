//! ENUM (RFC 6116): numbers as names, each with the addresses at which a call reaches it.
//!
//! No record is held in memory but where numbers are: stretches of numbers in a row that lead to the same customer,
//! sorted, sixteen bytes each. A record is put together when somebody asks for it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::Exempt;
use super::catalog::{Fixed, RecordSet, fixed, lasting_record, soa};
use super::wire::{Name, encoded, kind};
use crate::domain::E164;
use crate::domain::direct_routing::Layout;
use crate::domain::e164::{MAX_DIGITS, prefix_ranges};

/// How long an answer about a number may be kept, in seconds: less than names, for numbers come and go.
const TTL: u32 = 60;
/// The label of numbers that need none.
const NONE: u32 = u32::MAX;

/// How numbers are answered.
#[derive(Clone)]
pub struct EnumOptions {
    /// The zone, its servers and its contact.
    pub layout: Layout,
    /// The addresses of a number in the order in which to try them, with `{number}` and perhaps `{subdomain}` in them.
    pub uris: Vec<String>,
    /// Who may ask.
    pub asked_by: Exempt,
    /// Where the last numbers are kept.
    pub kept: Option<PathBuf>,
}

impl EnumOptions {
    /// Whether only numbers whose account has a subdomain are in the zone.
    pub(super) fn needs_label(&self) -> bool {
        self.uris.iter().any(|uri| uri.contains("{subdomain}"))
    }
}

/// Numbers in a row with one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    first: i64,
    count: u32,
    label: u32,
}

impl Stretch {
    /// The first number behind it.
    fn end(self) -> i64 {
        self.first + i64::from(self.count)
    }
}

/// What becomes of a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    /// It is in the zone and leads to the customer with this label, or to no customer in particular.
    Leads(Option<&'a str>),
    /// It is not in the zone.
    Goes,
}

/// Which numbers are in the zone, and where they lead.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    stretches: Arc<Vec<Stretch>>,
    labels: Arc<Vec<String>>,
    places: Arc<HashMap<String, u32>>,
}

impl Contents {
    /// Adds so many numbers in a row behind all others. Those of no customer in particular have no label.
    pub(super) fn append(&mut self, first: i64, count: i64, label: Option<&str>) {
        let label = self.place(label);
        let stretches = Arc::make_mut(&mut self.stretches);
        let (mut first, mut left) = (first, count);
        while left > 0 {
            let count = u32::try_from(left).unwrap_or(u32::MAX);
            push(stretches, Stretch { first, count, label });
            (first, left) = (first + i64::from(count), left - i64::from(count));
        }
    }

    /// Changes numbers, which ascend.
    pub(super) fn change(&mut self, changes: &[(i64, Change<'_>)]) {
        let mut made = Vec::with_capacity(self.stretches.len() + changes.len());
        let changes: Vec<(i64, Option<u32>)> =
            changes.iter().map(|(number, change)| (*number, self.place_after(*change))).collect();
        let mut changes = changes.into_iter().peekable();
        let put = |made: &mut Vec<Stretch>, number, label: Option<u32>| {
            if let Some(label) = label {
                push(made, Stretch { first: number, count: 1, label });
            }
        };
        for stretch in self.stretches.iter() {
            let mut first = stretch.first;
            while let Some((number, label)) = changes.next_if(|(number, _)| *number < stretch.end()) {
                if number >= first {
                    push(&mut made, part(*stretch, first, number));
                    first = number + 1;
                }
                put(&mut made, number, label);
            }
            push(&mut made, part(*stretch, first, stretch.end()));
        }
        changes.for_each(|(number, label)| put(&mut made, number, label));
        self.stretches = Arc::new(made);
    }

    fn place_after(&mut self, change: Change<'_>) -> Option<u32> {
        match change {
            Change::Leads(label) => Some(self.place(label)),
            Change::Goes => None,
        }
    }

    fn place(&mut self, label: Option<&str>) -> u32 {
        let Some(label) = label else { return NONE };
        if let Some(place) = self.places.get(label) {
            return *place;
        }
        let place = u32::try_from(self.labels.len()).unwrap_or(NONE);
        Arc::make_mut(&mut self.labels).push(label.to_owned());
        Arc::make_mut(&mut self.places).insert(label.to_owned(), place);
        place
    }

    /// How many numbers there are.
    pub(super) fn count(&self) -> i64 {
        self.stretches.iter().map(|stretch| i64::from(stretch.count)).sum()
    }

    /// Each stretch: its first number, how many, and the label.
    pub(super) fn each(&self) -> impl Iterator<Item = (i64, u32, Option<&str>)> {
        self.stretches.iter().map(|stretch| (stretch.first, stretch.count, self.label(stretch.label)))
    }

    fn label(&self, place: u32) -> Option<&str> {
        self.labels.get(usize::try_from(place).ok()?).map(String::as_str)
    }

    /// The stretch that holds the number.
    fn at(&self, number: i64) -> Option<Stretch> {
        let at = self.stretches.partition_point(|stretch| stretch.end() <= number);
        self.stretches.get(at).copied().filter(|stretch| stretch.first <= number)
    }

    /// Whether a longer number begins with these digits.
    fn any_below(&self, prefix: i64) -> bool {
        prefix_ranges(prefix, MAX_DIGITS).into_iter().skip(1).any(|range| {
            let at = self.stretches.partition_point(|stretch| stretch.end() <= *range.start());
            self.stretches.get(at).is_some_and(|stretch| stretch.first <= *range.end())
        })
    }
}

fn part(of: Stretch, first: i64, end: i64) -> Stretch {
    Stretch { first, count: u32::try_from(end - first).unwrap_or_default(), ..of }
}

/// Adds a stretch behind the others, and to the last where it goes on with it.
fn push(stretches: &mut Vec<Stretch>, next: Stretch) {
    if next.count == 0 {
        return;
    }
    match stretches.last_mut() {
        Some(last) if last.end() == next.first && last.label == next.label => {
            match last.count.checked_add(next.count) {
                Some(count) => last.count = count,
                None => stretches.push(next),
            }
        }
        _ => stretches.push(next),
    }
}

/// Where a name is in the zone.
pub(super) enum Found<'a> {
    /// The numbers are not read yet.
    NotYet,
    /// There is no such name.
    Missing,
    /// Numbers have it in their names.
    Between,
    /// Records of the configuration.
    Fixed(&'a [(u16, RecordSet)]),
    /// A number, with its customer's label where it needs one.
    Number { number: E164, label: Option<&'a str> },
}

/// The zone.
pub(super) struct Numbers {
    options: EnumOptions,
    serial: u32,
    base: Vec<u8>,
    soa: Vec<u8>,
    fixed: Fixed,
    contents: Option<Contents>,
}

impl Numbers {
    /// Makes the zone with these numbers. Without any it fails to answer.
    pub(super) fn new(options: &EnumOptions, serial: u32, contents: Option<Contents>) -> Self {
        let soa = soa(&options.layout, serial, TTL);
        Self {
            base: encoded(&options.layout.base),
            fixed: fixed(&options.layout, &soa),
            options: options.clone(),
            serial,
            soa,
            contents,
        }
    }

    pub(super) fn serial(&self) -> u32 {
        self.serial
    }

    pub(super) fn are_loaded(&self) -> bool {
        self.contents.is_some()
    }

    /// Whether somebody may ask.
    pub(super) fn are_for(&self, from: SocketAddr) -> bool {
        (self.options.asked_by)(from.ip().to_canonical())
    }

    /// The apex on the wire.
    pub(super) fn base(&self) -> &[u8] {
        &self.base
    }

    /// SOA as it stands behind its owner's name.
    pub(super) fn soa(&self) -> &[u8] {
        &self.soa
    }

    /// Looks a name of the zone up.
    pub(super) fn find(&self, name: &Name) -> Found<'_> {
        let Some(inner) = name.before(&self.base) else { return Found::Missing };
        if let Some(sets) = self.fixed.get(inner) {
            return Found::Fixed(sets);
        }
        let Some(contents) = &self.contents else { return Found::NotYet };
        let Some(value) = value(inner) else { return Found::Missing };
        if let (Some(number), Some(stretch)) = (E164::from_i64(value), contents.at(value)) {
            return Found::Number { number, label: contents.label(stretch.label) };
        }
        if contents.any_below(value) { Found::Between } else { Found::Missing }
    }

    /// Calls back with each record of a number: type NAPTR, to be tried in their order.
    pub(super) fn each_record(&self, number: E164, label: Option<&str>, mut call: impl FnMut(&[u8])) {
        for (uri, preference) in self.options.uris.iter().zip((10_u16..).step_by(10)) {
            let uri = uri.replace("{number}", &number.to_string()).replace("{subdomain}", label.unwrap_or_default());
            let mut data = Vec::with_capacity(64 + uri.len());
            data.extend_from_slice(&100_u16.to_be_bytes());
            data.extend_from_slice(&preference.to_be_bytes());
            for text in ["u", "E2U+sip", &format!("!^.*$!{uri}!")] {
                // The configuration allows for no longer ones.
                let text = text.as_bytes().get(..text.len().min(255)).unwrap_or_default();
                data.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
                data.extend_from_slice(text);
            }
            // No replacement beside the expression.
            data.push(0);
            call(&lasting_record(kind::NAPTR, TTL, &data));
        }
    }
}

/// Reads the digits that a name has below the apex, the last one first, as an integer. `None` means that no number begins so.
fn value(inner: &[u8]) -> Option<i64> {
    let (mut value, mut weight, mut last) = (0_i64, 1_i64, 0);
    for label in inner.chunks(2) {
        let [1, digit @ b'0'..=b'9'] = label else { return None };
        last = i64::from(digit - b'0');
        value += last * weight;
        weight = weight.checked_mul(10).filter(|weight| *weight <= 10_i64.pow(MAX_DIGITS))?;
    }
    (last != 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_read_from_its_end() {
        let wire = |digits: &str| digits.bytes().flat_map(|digit| [1, digit]).collect::<Vec<u8>>();
        assert_eq!(value(&wire("0002361")), Some(1_632_000));
        assert_eq!(value(&wire("4")), Some(4));
        for none in ["", "0", "10", "x", "1111111111111111"] {
            assert_eq!(value(&wire(none)), None, "{none}");
        }
        assert_eq!(value(&wire("111111111111111")), Some(111_111_111_111_111));
        assert_eq!(value(&[2, b'4', b'4']), None);
    }

    fn changes() -> impl Strategy<Value = Vec<(i64, Change<'static>)>> {
        let leads = [Some("a"), Some("b"), None].map(Change::Leads);
        let change = proptest::sample::select([&leads[..], &[Change::Goes]].concat());
        proptest::collection::btree_map(1_000_i64..1_060, change, 0..25).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn whatever_changes_the_contents_are_a_table_of_numbers(rounds in proptest::collection::vec(changes(), 1..8)) {
            let (mut contents, mut table) = (Contents::default(), BTreeMap::new());
            contents.append(1_010, 20, Some("a"));
            table.extend((1_010..1_030).map(|number| (number, Some("a"))));
            for changes in rounds {
                contents.change(&changes);
                for (number, change) in changes {
                    match change {
                        Change::Leads(label) => table.insert(number, label),
                        Change::Goes => table.remove(&number),
                    };
                }
                for number in 990..1_070 {
                    let found = contents.at(number).map(|stretch| contents.label(stretch.label));
                    prop_assert_eq!(found, table.get(&number).copied());
                }
                prop_assert_eq!(contents.any_below(10), table.keys().any(|number| number / 100 == 10));
                prop_assert_eq!(contents.any_below(105), table.keys().any(|number| number / 10 == 105));
                prop_assert_eq!(contents.count(), table.len() as i64);
                let stretches: Vec<_> = contents.each().collect();
                for pair in stretches.windows(2) {
                    let (first, count, label) = pair[0];
                    let end = first + i64::from(count);
                    prop_assert!(end < pair[1].0 || (end == pair[1].0 && label != pair[1].2), "not folded: {:?}", pair);
                }
            }
        }
    }
}
