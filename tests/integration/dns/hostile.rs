//! Packets that are no questions, and RFC 8906's list of what a server must make of unusual ones.

use std::net::UdpSocket;
use std::time::Duration;

use super::{Server, create, services, status};
use crate::harness::database::Kind;
use crate::harness::world::World;

async fn server(world: &World) -> Server {
    create(&services(world), "contoso", ["MS=ms1", "MS=ms2"]).await;
    let server = Server::start(&world.place, "").await;
    server.shows("contoso.1r1.pstn.example.net", "MS=ms1").await;
    server
}

/// A question for the text of `contoso.1r1`, which is right.
fn question() -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["contoso", "1r1", "pstn", "example", "net", ""] {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend_from_slice(label.as_bytes());
    }
    packet.extend_from_slice(&[0, 16, 0, 1]);
    packet
}

/// Packets, and whether they are due an answer.
fn corpus() -> Vec<(&'static str, Vec<u8>, bool)> {
    let good = question();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        packet
    };
    let name = |bytes: &[u8]| [&good[..12], bytes, &[0, 16, 0, 1]].concat();
    let opt = |bytes: &[u8]| {
        let mut packet = [&good[..], bytes].concat();
        packet[11] = 1;
        packet
    };
    vec![
        ("nothing", Vec::new(), false),
        ("one byte", vec![0], false),
        ("half a header", good[..6].to_vec(), false),
        ("an answer", with(&|p| p[2] |= 0x80), false),
        ("an answer that is an error", with(&|p| (p[2], p[3]) = (0x81, 0x82)), false),
        ("a header alone", with(&|p| p.truncate(12)), true),
        ("no question", with(&|p| p[5] = 0), true),
        ("two questions", with(&|p| p[5] = 2), true),
        ("65,535 questions", with(&|p| (p[4], p[5]) = (255, 255)), true),
        ("an answer in a question", with(&|p| p[7] = 1), true),
        ("records that are not there", with(&|p| p[11] = 9), true),
        ("half a name", with(&|p| p.truncate(20)), true),
        ("no type", with(&|p| p.truncate(p.len() - 4)), true),
        ("bytes behind", with(&|p| p.extend_from_slice(b"and more")), true),
        ("60,000 bytes behind", with(&|p| p.resize(60_000, 0xAA)), true),
        ("a pointer to itself", name(&[0xC0, 12]), true),
        ("a pointer back", name(&[1, b'a', 0xC0, 12]), true),
        ("a pointer beyond", name(&[0xFF, 0xFF]), true),
        ("a label of an unknown kind", name(&[0x41, b'a', 0]), true),
        ("a label that goes on", name(&[63, b'a', 0]), true),
        ("a name of 257 bytes", name(&[[1, b'a'].repeat(128), vec![0]].concat()), true),
        ("OPT cut off", opt(&[0, 0, 41, 4]), true),
        ("OPT with a name", opt(&[1, b'a', 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]), true),
        ("OPT whose options do not fit", opt(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 3, 0, 9]), true),
        ("OPT longer than the packet", opt(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 255, 255]), true),
        ("a record whose name loops", opt(&[0xC0, 0x30, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]), true),
        ("an update", with(&|p| p[2] = 0x28), true),
        ("a notification", with(&|p| p[2] = 0x20), true),
        (
            "operation 15 without a question",
            with(&|p| {
                (p[2], p[5]) = (0x78, 0);
                p.truncate(12);
            }),
            true,
        ),
    ]
}

#[test]
fn hostile_packets_are_survived_and_answered_shortly_if_at_all() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let server = server(&world).await;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", server.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut buffer = vec![0; 65_535];
        for (what, packet, is_answered) in corpus() {
            socket.send(&packet).unwrap();
            let received = socket.recv(&mut buffer);
            assert_eq!(received.is_ok(), is_answered, "{what}: {received:?}");
            let Ok(length) = received else { continue };
            assert!(length <= packet.len(), "{what}: {length} bytes for {}", packet.len());
            assert!(matches!(buffer[3] & 15, 1 | 4 | 5), "{what}: {:?}", &buffer[..length]);
        }
        // Noise, at the same time over TCP with lengths that are wrong.
        for seed in 0..2_000_u64 {
            let noise: Vec<u8> =
                (0..seed % 90).map(|at| ((seed * 2_654_435_761 + at * 40_503) >> 7).to_le_bytes()[0]).collect();
            let _ = socket.send(&noise);
            if seed % 50 == 0 {
                let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
                std::io::Write::write_all(&mut stream, &[&[255, 255][..], &noise].concat()).unwrap();
            }
        }
        assert_eq!(server.texts("contoso.1r1.pstn.example.net"), ["\"MS=ms1\""]);
        assert_eq!(server.dig("+tcp +short contoso.1r1.pstn.example.net TXT"), "\"MS=ms1\"\n");
        assert!(server.readiness().await["checks"]["dns"]["ok"] == true);
    });
}

#[test]
fn the_probes_of_rfc_8906_get_what_it_asks_for() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let server = server(&world).await;
        let plain = "+noedns +noad +norec";
        let zone = "pstn.example.net";
        // Arguments, the code, what must be printed and what must not.
        let (soa, no_soa) = ("SOA\tns1", "\u{0}");
        for (arguments, code, has, has_not) in [
            (format!("{plain} soa {zone}"), "NOERROR", soa, "OPT PSEUDO"),
            (format!("{plain} type1000 {zone}"), "NOERROR", "ANSWER: 0", "OPT PSEUDO"),
            (format!("+noedns +noad +norec +cd soa {zone}"), "NOERROR", soa, "flags: qr aa cd ad"),
            (format!("+noedns +norec +ad soa {zone}"), "NOERROR", soa, " ad;"),
            (format!("{plain} +zflag soa {zone}"), "NOERROR", soa, "MBZ"),
            (format!("+noedns +noad +rec soa {zone}"), "NOERROR", "qr aa rd", " ra"),
            (format!("{plain} +opcode=15 +header-only"), "NOTIMP", "ANSWER: 0", soa),
            (format!("{plain} +opcode=15 soa {zone}"), "NOTIMP", "ANSWER: 0", soa),
            (format!("{plain} +vc soa {zone}"), "NOERROR", soa, "OPT PSEUDO"),
            (format!("+edns=0 +nocookie +noad +norec soa {zone}"), "NOERROR", "version: 0", no_soa),
            (format!("+edns=1 +noednsneg +nocookie +noad +norec soa {zone}"), "BADVERS", "version: 0", soa),
            (format!("+ednsopt=100 +nocookie +noad +norec soa {zone}"), "NOERROR", soa, "OPT=100"),
            (format!("+ednsflags=0x40 +nocookie +noad +norec soa {zone}"), "NOERROR", soa, "MBZ"),
            (
                format!("+edns=1 +noednsneg +ednsflags=0x40 +nocookie +noad +norec soa {zone}"),
                "BADVERS",
                "version: 0",
                "MBZ",
            ),
            (
                format!("+edns=1 +noednsneg +ednsopt=100 +nocookie +noad +norec soa {zone}"),
                "BADVERS",
                "version: 0",
                "OPT=100",
            ),
            (format!("+bufsize=512 +ignore +nocookie dnskey {zone}"), "NOERROR", "udp: 1232", "flags: qr tc"),
            (format!("+dnssec +nocookie +noad +norec soa {zone}"), "NOERROR", "flags: do", no_soa),
            (format!("+dnssec +edns=1 +noednsneg +nocookie +noad +norec soa {zone}"), "BADVERS", "version: 0", soa),
            (format!("+ednsopt=8:00000000 +cookie +nsid soa {zone}"), "NOERROR", soa, "malformed"),
            (format!("any {zone}"), "NOERROR", "ANSWER: 1", no_soa),
            ("version.bind chaos txt".to_owned(), "REFUSED", "ANSWER: 0", no_soa),
            (format!("axfr {zone} +notcp"), "", "", no_soa),
        ] {
            let printed = server.dig(&arguments);
            if code.is_empty() {
                assert!(printed.contains("Transfer failed"), "{printed}");
                continue;
            }
            assert_eq!(status(&printed), code, "dig {arguments}\n{printed}");
            assert!(printed.contains(has), "dig {arguments} lacks {has}\n{printed}");
            assert!(!printed.contains(has_not), "dig {arguments} has {has_not}\n{printed}");
        }
    });
}
