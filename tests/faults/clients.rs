//! Clients that harm: they hold connections without reading, send half a question, or a byte now and then. Others are
//! served all the while, and the places are free again soon after.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::figures::{figure, long};
use crate::harness::program::Demo;
use crate::harness::{eventually, runtime};

/// Where those who harm come from, and where those come from who want to be served.
const HARMFUL: Ipv4Addr = Ipv4Addr::LOCALHOST;
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Sockets that harm one listener at the same time.
const SOCKETS: usize = 1_000;
/// Time in which an honest client has to be served. A test beside others on a busy machine gets some more.
const SERVED: Duration = Duration::from_secs(2);
const BUSY: u32 = 3;
/// Time in which the places are free.
const FREE: Duration = Duration::from_secs(30);

/// What a harmful client does once it is connected.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// Asks again and again and reads nothing.
    ReadsNothing,
    /// Sends the beginning of a question, and goes on with a byte a second.
    HalfAQuestion,
    /// Sends a body of a byte a second.
    SlowBody,
    /// Says nothing.
    Silent,
}

/// One listener under attack.
struct Target {
    name: &'static str,
    at: SocketAddr,
    /// The metric that says how many connections are open.
    metric: &'static str,
    harms: &'static [Harm],
}

const HTTP: &[Harm] = &[Harm::ReadsNothing, Harm::HalfAQuestion, Harm::SlowBody, Harm::Silent];
const DNS: &[Harm] = &[Harm::ReadsNothing, Harm::HalfAQuestion, Harm::Silent];

fn targets(demo: &Demo) -> Vec<Target> {
    let at = |url: &str| url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let http = |name, url, metric| Target { name, at: at(url), metric, harms: HTTP };
    vec![
        http("portal", &demo.portal, "nmp_http_connections{listener=\"portal\"}"),
        http("api", &demo.api, "nmp_http_connections{listener=\"api\"}"),
        http("operations", &demo.operations, "nmp_http_connections{listener=\"operations\"}"),
        Target {
            name: "dns",
            at: (Ipv4Addr::LOCALHOST, demo.dns_port()).into(),
            metric: "nmp_dns_tcp_connections",
            harms: DNS,
        },
    ]
}

/// A question for the zone's SOA, framed for TCP.
fn dns_question() -> Vec<u8> {
    let mut packet = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    packet.extend_from_slice(b"\x04pstn\x07example\x03com\x00\x00\x06\x00\x01");
    [&u16::try_from(packet.len()).unwrap().to_be_bytes()[..], &packet].concat()
}

impl Target {
    /// What a client sends first, and what it goes on with each second.
    fn said(&self, harm: Harm) -> (Vec<u8>, &'static [u8]) {
        let (host, path) = (self.at, self.path());
        let get = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        match (harm, self.name) {
            (Harm::Silent, _) => (Vec::new(), b""),
            (Harm::ReadsNothing, "dns") => (dns_question().repeat(20_000), b""),
            (Harm::HalfAQuestion, "dns") => (dns_question()[..9].to_vec(), b"x"),
            (Harm::ReadsNothing, _) => (get.repeat(500).into_bytes(), b""),
            (Harm::HalfAQuestion, _) => (b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_vec(), b"x"),
            (Harm::SlowBody, _) => {
                let head = format!("POST /logout HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\n");
                (head.into_bytes(), b"x")
            }
        }
    }

    /// Something large that anybody may ask for.
    fn path(&self) -> &'static str {
        match self.name {
            "portal" => nmp::http::asset_url("htmx.min.js"),
            "api" => "/openapi.json",
            _ => "/metrics",
        }
    }

    /// Does harm until the server has had enough.
    async fn harm(&self, harm: Harm) {
        let Some(mut stream) = connect(HARMFUL, self.at).await else { return };
        let (first, further) = self.said(harm);
        let harm = async {
            stream.write_all(&first).await?;
            let mut second = tokio::time::interval(Duration::from_secs(1));
            loop {
                second.tick().await;
                if further.is_empty() {
                    // Nothing is read, only looked at: that the server closed shows as an error.
                    let error = stream.as_ref().take_error()?;
                    error.map_or(Ok(()), Err)?;
                } else {
                    stream.write_all(further).await?;
                }
            }
        };
        let _: Result<(), std::io::Error> = tokio::time::timeout(2 * FREE, harm).await.unwrap_or(Ok(()));
    }

    /// How long an honest client waits for an answer, connecting included; `None` when it gets none.
    async fn serves(&self) -> Option<Duration> {
        let begun = Instant::now();
        let answered = async {
            let mut stream = connect(HONEST, self.at).await?;
            if self.name == "dns" {
                stream.write_all(&dns_question()).await.ok()?;
                let length = stream.read_u16().await.ok()?;
                stream.read_exact(&mut vec![0; usize::from(length)]).await.ok()?;
                return Some(());
            }
            let path = if self.name == "operations" { "/healthz" } else { self.path() };
            let asked = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.at);
            stream.write_all(asked.as_bytes()).await.ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok()?;
            answer.starts_with(b"HTTP/1.1 200").then_some(())
        };
        tokio::time::timeout(Duration::from_secs(10), answered).await.ok()??;
        Some(begun.elapsed())
    }
}

/// A connection with a small buffer for what comes.
async fn connect(from: Ipv4Addr, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    if from == HARMFUL {
        socket.set_recv_buffer_size(4_096).unwrap();
    }
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.ok()
}

/// How many connections a listener has open.
async fn open(demo: &Demo, metric: &str) -> Option<f64> {
    let metrics = reqwest::get(format!("{}/metrics", demo.operations)).await.ok()?.text().await.ok()?;
    metrics.lines().find_map(|line| line.strip_prefix(metric)?.trim().parse().ok())
}

/// Attacks listeners at once with these kinds of harm, and looks at who is served meanwhile.
async fn attack(demo: &Demo, harms: impl Fn(&Target) -> &'static [Harm]) {
    let targets: &'static [Target] = Vec::leak(targets(demo));
    let mut attackers = JoinSet::new();
    let begun = Instant::now();
    for target in targets {
        let harms = harms(target);
        for index in 0..SOCKETS {
            attackers.spawn(target.harm(harms[index % harms.len()]));
        }
    }
    let free = async {
        for target in targets {
            eventually("the places are free", 3 * FREE, async || {
                // In the first seconds nobody can be sure whether they have all come yet.
                let open = open(demo, target.metric).await.filter(|open| *open < 6.0);
                open.filter(|_| begun.elapsed() > Duration::from_secs(8)).map(drop)
            })
            .await;
            figure(&format!("{}: places free after", target.name), format!("{:.1?}", begun.elapsed()));
        }
    };
    let mut waits: Vec<Vec<Duration>> = targets.iter().map(|_| Vec::new()).collect();
    let served = async {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        loop {
            for (target, waits) in targets.iter().zip(&mut waits) {
                waits.push(target.serves().await.unwrap_or(Duration::MAX));
            }
            pause.tick().await;
        }
    };
    tokio::select! {
        () = free => {}
        () = served => {}
    }
    let time = begun.elapsed();
    attackers.abort_all();
    for (target, waits) in targets.iter().zip(&mut waits) {
        waits.sort();
        let at = |percent: usize| waits[(waits.len() - 1) * percent / 100];
        let text = format!("{} answers, p50 {:.1?}, p99 {:.1?}, max {:.1?}", waits.len(), at(50), at(99), at(100));
        figure(&format!("{}: honest clients", target.name), text);
        let most = if long() { SERVED } else { SERVED * BUSY };
        assert!(at(100) < most, "{}: an honest client waited {:?}", target.name, at(100));
    }
    let most = if long() { FREE } else { FREE * BUSY };
    assert!(time < most, "the places were free after {time:?}");
}

/// A test needs more files than a process is usually given.
fn many_files() {
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &own, "--nofile=16384:"]).status().unwrap();
    assert!(raised.success(), "the limit of open files cannot be raised");
}

#[test]
fn who_holds_connections_keeps_nobody_out() {
    many_files();
    runtime().block_on(async {
        let demo = Demo::start();
        attack(&demo, |target| target.harms).await;
        if long() {
            for (index, harm) in HTTP.iter().enumerate() {
                figure("harm", format!("{harm:?}"));
                attack(&demo, |target| &target.harms[index.min(target.harms.len() - 1)..][..1]).await;
            }
        }
    });
}
