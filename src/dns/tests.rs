//! The zone and the answers from it, read back with another implementation of the wire format.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use proptest::prelude::*;

use super::answer::{Known, Made, Transport, respond};
use super::ask;
use super::catalog::Catalog;
use super::wire::Rcode;
use crate::domain::direct_routing::{Layout, NameServer, Region, Srv, Zones};

fn layout() -> Layout {
    let region = |label: &str, addresses: &[&str], srv| Region {
        label: label.to_owned(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        srv,
    };
    let srv = Srv { service: "_sip._tls".into(), priority: 1, weight: 2, port: 5061, target: "sbc.example.org".into() };
    Layout {
        base: "pstn.example.net".to_owned(),
        regions: vec![
            region("1r1", &["192.0.2.1", "192.0.2.2", "2001:db8::1"], vec![srv]),
            region("1r2", &[], Vec::new()),
        ],
        name_servers: vec![
            NameServer { name: "ns1.pstn.example.net".into(), addresses: vec!["192.0.2.53".parse().unwrap()] },
            NameServer { name: "ns.example.org".into(), addresses: Vec::new() },
        ],
        contact: "host.master@example.org".to_owned(),
    }
}

fn catalog() -> Catalog {
    Catalog::build(&layout(), 77, "contoso MS=ms1 MS=ms2,_tls one two,half only ,fabrikam x")
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(ask::name(name).unwrap(), kind));
    message
}

fn known(catalog: &Catalog) -> Known<'_> {
    Known { catalog: Some(catalog), numbers: None }
}

/// The bytes of the answer.
fn raw(catalog: &Catalog, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let mut out = vec![9; 5];
    match respond(known(catalog), packet, transport, &mut out) {
        Made::Nothing => None,
        Made::Answer { .. } => Some(out),
        Made::Special => panic!("signed"),
    }
}

fn answer(catalog: &Catalog, message: &Message) -> Message {
    let bytes = raw(catalog, &message.to_vec().unwrap(), Transport::Udp).unwrap();
    let answer = Message::from_vec(&bytes).unwrap();
    assert!(answer.message_type == MessageType::Response && !answer.recursion_available);
    assert_eq!(answer.id, 4711);
    answer
}

/// What is answered for a name: the code, the records as texts, and whether SOA stands beside.
fn asked(name: &str, kind: RecordType) -> (ResponseCode, Vec<String>, bool) {
    let found = answer(&catalog(), &question(name, kind));
    let records = found.answers.iter().map(|record| {
        assert_eq!((record.name.to_lowercase(), record.ttl), (Name::from_str(name).unwrap().to_lowercase(), 300));
        record.data.to_string()
    });
    let soa = found.authorities.iter().any(|record| record.name.to_ascii() == "pstn.example.net." && record.ttl == 300);
    assert_eq!(found.authoritative, found.response_code != ResponseCode::Refused);
    (found.response_code, records.collect(), soa)
}

#[test]
fn what_the_zone_holds_is_answered() {
    use RecordType as R;
    let good = |name: &str, kind, records: &[&str]| {
        let expected =
            (ResponseCode::NoError, records.iter().map(|text| (*text).to_owned()).collect(), records.is_empty());
        assert_eq!(asked(name, kind), expected, "{name} {kind}");
    };
    let soa = "ns1.pstn.example.net. host\\.master.example.org. 77 300 60 1209600 300";
    good("pstn.example.net.", R::SOA, &[soa]);
    good("PSTN.Example.Net.", R::NS, &["ns1.pstn.example.net.", "ns.example.org."]);
    good("pstn.example.net.", R::ANY, &[soa]);
    good("pstn.example.net.", R::A, &[]);
    good("ns1.pstn.example.net.", R::A, &["192.0.2.53"]);
    good("1r1.pstn.example.net.", R::A, &["192.0.2.1", "192.0.2.2"]);
    good("1r1.pstn.example.net.", R::AAAA, &["2001:db8::1"]);
    good("1r2.pstn.example.net.", R::A, &[]);
    good("_sip._tls.1r1.pstn.example.net.", R::SRV, &["1 2 5061 sbc.example.org."]);
    good("contoso.1r1.pstn.example.net.", R::TXT, &["MS=ms1"]);
    good("cOnToSo.1R2.pstn.example.net.", R::TXT, &["MS=ms2"]);
    good("contoso.1r1.pstn.example.net.", R::ANY, &["MS=ms1"]);
    good("contoso.1r1.pstn.example.net.", R::A, &["192.0.2.1", "192.0.2.2"]);
    good("contoso.1r2.pstn.example.net.", R::A, &[]);
    good("contoso.1r1.pstn.example.net.", R::MX, &[]);
    good("contoso.1r1.pstn.example.net.", R::Unknown(65_280), &[]);
    good("half.1r1.pstn.example.net.", R::TXT, &["only"]);
    // A customer's name and the protocol of a service at one name.
    good("_tls.1r1.pstn.example.net.", R::TXT, &["one"]);
    good("_tls.1r2.pstn.example.net.", R::TXT, &["two"]);
    for missing in [
        "www.pstn.example.net.",
        "1r3.pstn.example.net.",
        "other.1r1.pstn.example.net.",
        "half.1r2.pstn.example.net.",
        "deep.contoso.1r1.pstn.example.net.",
        "contoso.pstn.example.net.",
        "longer-than-ten.1r1.pstn.example.net.",
        "*.1r1.pstn.example.net.",
    ] {
        assert_eq!(asked(missing, R::TXT), (ResponseCode::NXDomain, vec![], true), "{missing}");
    }
    for outside in ["example.net.", ".", "net.", "xpstn.example.net.", "pstn.example.org."] {
        assert_eq!(asked(outside, R::TXT), (ResponseCode::Refused, vec![], false), "{outside}");
    }
    for refused in [R::AXFR, R::IXFR] {
        let found = answer(&catalog(), &question("pstn.example.net.", refused));
        assert_eq!(found.response_code, ResponseCode::Refused);
    }
}

/// A name between others exists also where nothing stands at it.
#[test]
fn empty_names_between_exist() {
    let plain = Catalog::build(&layout(), 1, "");
    let found = answer(&plain, &question("_tls.1r1.pstn.example.net.", RecordType::TXT));
    assert_eq!((found.response_code, found.answers.len(), found.authorities.len()), (ResponseCode::NoError, 0, 1));
    let found = answer(&plain, &question("1r2.pstn.example.net.", RecordType::TXT));
    assert_eq!((found.response_code, found.answers.len(), found.authorities.len()), (ResponseCode::NoError, 0, 1));
}

#[test]
fn the_other_side_is_told_what_is_not_done() {
    let catalog = catalog();
    for code in [OpCode::Status, OpCode::Notify, OpCode::Update, OpCode::Unknown(15)] {
        let mut message = question("pstn.example.net.", RecordType::SOA);
        message.metadata.op_code = code;
        let found = answer(&catalog, &message);
        assert_eq!((found.response_code, found.op_code, found.queries.len()), (ResponseCode::NotImp, code, 1));
    }
    let mut message = question("contoso.1r1.pstn.example.net.", RecordType::TXT);
    message.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(answer(&catalog, &message).response_code, ResponseCode::Refused);
    let mut message = question("contoso.1r1.pstn.example.net.", RecordType::TXT);
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = true;
    message.metadata.checking_disabled = true;
    let found = answer(&catalog, &message);
    assert!(found.recursion_desired && !found.authentic_data && !found.checking_disabled && found.authoritative);
    let unready = respond(Known::default(), &message.to_vec().unwrap(), Transport::Udp, &mut Vec::new());
    assert!(matches!(unready, Made::Answer { rcode: Rcode::ServFail, .. }));
}

#[test]
fn extensions_are_understood() {
    let catalog = catalog();
    let with = |change: &dyn Fn(&mut Edns)| {
        let mut message = question("contoso.1r1.pstn.example.net.", RecordType::TXT);
        let mut edns = Edns::new();
        change(&mut edns);
        message.set_edns(edns);
        answer(&catalog, &message)
    };
    let plain = with(&|edns| _ = edns.set_max_payload(4_096));
    let told = plain.edns.as_ref().unwrap();
    assert_eq!((plain.answers.len(), told.max_payload(), told.version(), told.flags().dnssec_ok), (1, 1_232, 0, false));
    assert!(with(&|edns| _ = edns.set_dnssec_ok(true)).edns.unwrap().flags().dnssec_ok);
    let newer = with(&|edns| _ = edns.set_version(1));
    // The number has two names.
    assert_eq!((u16::from(newer.response_code), newer.answers.len()), (16, 0));
    assert_eq!(newer.edns.unwrap().version(), 0);
    assert!(answer(&catalog, &question("pstn.example.net.", RecordType::SOA)).edns.is_none());
}

#[test]
fn a_large_answer_is_cut_off_over_udp_only() {
    let mut layout = layout();
    layout.regions[0].addresses = (0..=255).map(|last| [192, 0, 2, last].into()).collect();
    let catalog = Catalog::build(&layout, 1, "contoso a b");
    let message = question("contoso.1r1.pstn.example.net.", RecordType::A);
    let cut = answer(&catalog, &message);
    assert!(cut.truncation && cut.answers.is_empty());
    let whole = raw(&catalog, &message.to_vec().unwrap(), Transport::Tcp).unwrap();
    assert_eq!(Message::from_vec(&whole).unwrap().answers.len(), 256);
    let mut message = message;
    for (size, fits) in [(512, false), (1_232, false), (65_535, false)] {
        message.set_edns({
            let mut edns = Edns::new();
            edns.set_max_payload(size);
            edns
        });
        assert_eq!(answer(&catalog, &message).truncation, !fits, "{size}");
    }
}

#[test]
fn what_is_no_question_gets_no_answer_or_a_short_one() {
    let catalog = catalog();
    let good = question("contoso.1r1.pstn.example.net.", RecordType::TXT).to_vec().unwrap();
    for short in 0..12 {
        assert_eq!(raw(&catalog, &good[..short], Transport::Udp), None);
    }
    let mut an_answer = good.clone();
    an_answer[2] |= 0x80;
    assert_eq!(raw(&catalog, &an_answer, Transport::Udp), None);
    let mut broken: Vec<Vec<u8>> = (12..good.len()).map(|length| good[..length].to_vec()).collect();
    broken.push([good.as_slice(), b"rest"].concat());
    let mut looping = good[..12].to_vec();
    looping.extend_from_slice(&[0xC0, 12, 0, 16, 0, 1]);
    broken.push(looping);
    let mut long = good[..12].to_vec();
    long.extend(std::iter::repeat_n([1, b'a'], 128).flatten());
    long.extend_from_slice(&[0, 0, 16, 0, 1]);
    broken.push(long);
    for questions in [0, 2, 255] {
        let mut counted = good.clone();
        counted[5] = questions;
        broken.push(counted);
    }
    for packet in broken {
        let found = raw(&catalog, &packet, Transport::Udp).unwrap();
        assert_eq!((found.len(), found[3]), (12, 1), "{packet:?}");
    }
}

fn customers() -> impl Strategy<Value = BTreeMap<String, (String, String)>> {
    let token = "[A-Za-z0-9=_-]{1,100}";
    proptest::collection::btree_map("[a-z0-9_-]{1,10}", (token, token), 0..40)
}

/// Labels with the tokens they have from then on; without any they are gone.
fn changes() -> impl Strategy<Value = BTreeMap<&'static str, [&'static str; 2]>> {
    let labels = proptest::sample::select(vec!["a", "b", "c", "d"]);
    let tokens = proptest::sample::select(vec![["", ""], ["one", "two"], ["", "only"], ["three", ""]]);
    proptest::collection::btree_map(labels, tokens, 0..4)
}

fn records(catalog: &Catalog) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    catalog.each(|owner, rest| records.push((owner.to_vec(), rest.to_vec())));
    records.sort();
    records
}

proptest! {
    /// Every customer is answered with its token in each region, and nobody else is there.
    #[test]
    fn the_zone_is_what_it_was_built_from(customers in customers(), other in "[a-z0-9_-]{1,10}", serial in any::<u32>()) {
        let zones = Zones { base: "pstn.example.net".into(), regions: vec!["1r1".into(), "1r2".into()] };
        let customers: BTreeMap<_, _> = customers.into_iter().filter(|(label, _)| zones.check_label(label).is_ok()).collect();
        let text: Vec<String> = customers.iter().map(|(label, (one, two))| format!("{label} {one} {two}")).collect();
        let catalog = Catalog::build(&layout(), serial, &text.join(","));
        prop_assert_eq!((catalog.customers(), catalog.serial()), (customers.len(), serial));
        for (label, (one, two)) in &customers {
            for (name, token) in zones.names(label).iter().zip([one, two]) {
                let found = answer(&catalog, &question(&name.to_ascii_uppercase(), RecordType::TXT));
                let texts: Vec<_> = found.answers.iter().map(|record| match &record.data {
                    RData::TXT(text) => text.txt_data.concat(),
                    other => panic!("{other}"),
                }).collect();
                prop_assert_eq!(texts, vec![token.as_bytes().to_vec()]);
            }
        }
        if !customers.contains_key(&other) && other != "_tls" {
            let found = answer(&catalog, &question(&format!("{other}.1r2.pstn.example.net"), RecordType::TXT));
            prop_assert_eq!(found.response_code, ResponseCode::NXDomain);
        }
        let mut records = 0;
        catalog.each(|_, _| records += 1);
        // Two name servers and one address of theirs, the region's three and its service; and for each customer two
        // tokens with the first region's addresses.
        prop_assert_eq!(records, 7 + customers.len() * 5);
    }

    /// Whether it is built as a whole or follows from another, the zone is the same.
    #[test]
    fn a_zone_that_follows_is_what_it_would_be_if_it_were_built(rounds in proptest::collection::vec(changes(), 1..6)) {
        let mut names = BTreeMap::from([("a".to_owned(), ["one".to_owned(), String::new()])]);
        let mut catalog = Catalog::build(&layout(), 1, "a one ,gone  ");
        for (round, changes) in (2..).zip(rounds) {
            let changes: Vec<_> = changes.into_iter().map(|(label, tokens)| (label.to_owned(), tokens.map(str::to_owned))).collect();
            catalog = catalog.changed(&layout(), round, &changes);
            names.extend(changes);
            let text: Vec<String> = names.iter().map(|(label, [one, two])| format!("{label} {one} {two}")).collect();
            let built = Catalog::build(&layout(), round, &text.join(","));
            prop_assert_eq!((catalog.serial(), catalog.customers()), (round, built.customers()));
            let recalled = Catalog::build(&layout(), round, &catalog.accounts());
            for other in [&built, &recalled] {
                prop_assert_eq!(records(&catalog), records(other));
            }
            for label in ["a", "b", "C", "d", "gone"] {
                let message = question(&format!("{label}.1r1.pstn.example.net"), RecordType::TXT);
                prop_assert_eq!(answer(&catalog, &message), answer(&built, &message));
            }
        }
    }

    #[test]
    fn nothing_makes_it_fall_over_or_shout(packet in proptest::collection::vec(any::<u8>(), 0..600)) {
        check_any(&packet)?;
    }

    /// Packets that are nearly right go deeper than noise does.
    #[test]
    fn nothing_nearly_right_does_either(
        changes in proptest::collection::vec((0_usize..80, any::<u8>()), 0..6),
        cut in 0_usize..120,
        behind in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut message = question("contoso.1r1.pstn.example.net.", RecordType::TXT);
        message.set_edns(Edns::new());
        let mut packet = message.to_vec().unwrap();
        for (at, byte) in changes {
            if let Some(place) = packet.get_mut(at) {
                *place = byte;
            }
        }
        packet.truncate(cut.max(12));
        packet.extend(behind);
        check_any(&packet)?;
    }
}

fn check_any(packet: &[u8]) -> Result<(), TestCaseError> {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut out = Vec::new();
        let made = respond(known(&catalog()), packet, transport, &mut out);
        let Made::Answer { rcode, .. } = made else { continue };
        prop_assert!(Message::from_vec(&out).is_ok(), "{:?}", out);
        prop_assert_eq!(&out[..2], &packet[..2]);
        prop_assert!(transport == Transport::Tcp || out.len() <= 1_232);
        if matches!(rcode, Rcode::FormErr | Rcode::NotImp) {
            prop_assert!(out.len() <= packet.len());
        }
    }
    Ok(())
}
