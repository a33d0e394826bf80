//! Floods: of questions from one network, and of connections.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::{Server, create, services};
use crate::harness::database::Kind;
use crate::harness::eventually;

/// A question for the zone's SOA with this id.
fn question(id: u16) -> Vec<u8> {
    let mut packet = id.to_be_bytes().to_vec();
    packet.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    packet.extend_from_slice(b"\x04pstn\x07example\x03net\x00\x00\x06\x00\x01");
    packet
}

#[test]
fn one_network_gets_its_share_over_udp_and_everything_over_tcp() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        create(&services(&world), "contoso", ["MS=ms1", "MS=ms2"]).await;
        let server = Server::start(&world.place, "dns.rate_per_second = 100\n").await;
        // The address stands for a network of its own, so that other questions of the test do not count.
        let socket = UdpSocket::bind("127.77.0.1:0").unwrap();
        socket.connect(("127.0.0.1", server.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let begun = Instant::now();
        let asking = socket.try_clone().unwrap();
        // Not faster than the system hands them on.
        let asking = std::thread::spawn(move || {
            for id in 0..1_000 {
                asking.send(&question(id)).unwrap();
                if id % 20 == 0 {
                    #[expect(clippy::disallowed_methods, reason = "a pace, not a wait")]
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        });
        let (mut whole, mut truncated, mut buffer) = (0, 0, [0; 2_000]);
        while let Ok(length) = socket.recv(&mut buffer) {
            if buffer[2] & 2 == 0 {
                whole += 1;
            } else {
                assert!(length <= question(0).len());
                truncated += 1;
            }
        }
        asking.join().unwrap();
        // A burst of a second, and what came in again meanwhile.
        let most = 100 + usize::try_from(begun.elapsed().as_millis()).unwrap() / 10;
        assert!(whole >= 100 && whole <= most, "{whole} whole answers, at most {most}");
        let limited = 1_000 - whole;
        assert!(
            truncated >= limited / 2 - 1 && truncated <= limited / 2 + 1,
            "{truncated} of {limited} were truncated"
        );
        // Whoever is told so asks over TCP; other networks notice nothing.
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        for id in 0..500_u16 {
            ask(&mut stream, id);
        }
        assert_eq!(server.texts("contoso.1r1.pstn.example.net"), ["\"MS=ms1\""]);
        eventually("the limit is counted", Duration::from_secs(2), async || {
            let metrics = server.metrics().await;
            metrics.contains("nmp_dns_unanswered_total{transport=\"udp\",how=\"dropped\"}").then_some(())
        })
        .await;
        // Its own checks go on meanwhile.
        create(&services(&world), "fabrikam", ["MS=ms3", "MS=ms4"]).await;
        server.shows("fabrikam.1r1.pstn.example.net", "MS=ms3").await;

        drop(server);
        let exempt = "dns.rate_per_second = 1\ndns.rate_exempt_networks = [\"127.0.0.0/8\"]\n";
        let server = Server::start(&world.place, exempt).await;
        for _ in 0..5 {
            assert_eq!(server.texts("contoso.1r1.pstn.example.net"), ["\"MS=ms1\""]);
        }
    });
}

fn ask(stream: &mut TcpStream, id: u16) {
    let packet = question(id);
    stream.write_all(&[&u16::try_from(packet.len()).unwrap().to_be_bytes()[..], &packet].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..2], id.to_be_bytes());
    assert_eq!((answer[2] & 0x82, answer[3] & 15, answer[7]), (0x80, 0, 1));
}

#[test]
fn connections_are_counted_and_those_that_are_silent_are_closed() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let server = Server::start(&world.place, "dns.max_tcp_connections = 5\ndns.tcp_idle_seconds = 3\n").await;
        let connect = || TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        let mut open: Vec<TcpStream> = (0..5).map(|_| connect()).collect();
        for stream in &mut open {
            ask(stream, 7);
        }
        // For a sixth the one that is silent for longest has to go. Which of two that were asked one right after the other
        // that is, is for the server to say.
        let mut sixth = connect();
        ask(&mut sixth, 8);
        let gone = eventually("somebody was asked to leave", Duration::from_secs(2), async || {
            open.iter().position(|stream| {
                stream.set_nonblocking(true).unwrap();
                let left = matches!((&*stream).read(&mut [0; 9]), Ok(0));
                stream.set_nonblocking(false).unwrap();
                left
            })
        })
        .await;
        open.remove(gone);
        open.push(sixth);
        // Many questions at once are answered one after the other.
        let packet = question(1);
        let framed = [&u16::try_from(packet.len()).unwrap().to_be_bytes()[..], &packet].concat();
        open[0].write_all(&framed.repeat(20)).unwrap();
        let mut answers = vec![0; 20 * (2 + 90)];
        open[0].set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let mut received = 0;
        while received < answers.len() {
            match open[0].read(&mut answers[received..]) {
                Ok(length) if length > 0 => received += length,
                _ => break,
            }
        }
        assert!(received > 20 * 50, "{received} bytes for 20 questions");
        // One that sends a byte now and then is silent too.
        open[1].write_all(&[0]).unwrap();
        let begun = Instant::now();
        for stream in &mut open {
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        ask(&mut connect(), 9);
    });
}
