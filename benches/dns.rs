//! Prints what the name server does: answers a second beside nsd with the same zone in the same run, how soon a change
//! is seen, and what building the zone does to answers meanwhile. Needs Debian's packages nsd and dnsperf.

#![expect(clippy::indexing_slicing, reason = "into lists of a known length")]

#[path = "shared/program.rs"]
#[expect(dead_code, reason = "the other benchmarks ask more of it")]
mod program;
#[path = "shared/report.rs"]
mod report;
#[path = "shared/seed.rs"]
#[expect(dead_code, reason = "the other benchmarks ask more of it")]
mod seed;

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nmp::store::{Db, PoolSize};
use program::Program;
use report::{Outcome, at_least, at_most, bench, middle, say};

const CUSTOMERS: usize = 100_000;
const BASE: &str = "pstn.example.com";
const NUMBERS: usize = 1_000_000;
const ENUM: &str = "e164.example.com";
const TXT: u8 = 16;
const NAPTR: u8 = 35;
const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
const ROUNDS: usize = 3;

fn main() -> Outcome<()> {
    bench(run())
}

async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    drop(Program::start(folder.path(), true)?);
    fill(&folder.path().join("nmp.db")).await?;
    let program = Program::start(folder.path(), true)?;
    let port = program.dns;
    wait_until_answered(port, &format!("l{}.1r2", CUSTOMERS - 1))?;
    say("resident memory with 100,000 customers", format!("{:.0} MB", program.memory("VmRSS")?), "");
    // The first check of all names is over.
    tokio::time::sleep(Duration::from_secs(20)).await;
    throughput(folder.path(), port)?;
    let client = Client::new(&program).await?;
    changes(&client, port).await?;
    delays(client, port).await?;
    drop(program);
    numbers().await
}

/// ENUM with a million numbers: how soon they are answered after a start, what they weigh, and how fast they are answered.
async fn numbers() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    seed::fill(folder.path(), NUMBERS).await?;
    let settings = [
        ("NMP_DNS__ENUM_ZONE", ENUM),
        ("NMP_DNS__ENUM_NETWORKS", "127.0.0.0/8"),
        ("NMP_DNS__ENUM_URI", "sip:{number}@sbc.example.com;user=phone"),
    ];
    let program = Program::start_with(folder.path(), true, &settings)?;
    let begun = Instant::now();
    let name = |number: i64| {
        let digits: Vec<String> = number.to_string().chars().rev().map(String::from).collect();
        format!("{}.{ENUM}", digits.join("."))
    };
    let last = 442_009_000_000 + (NUMBERS as i64) / 10 - 1;
    let (socket, wanted) = (socket(program.dns)?, name(last));
    while !is_answered(&socket, &wanted, NAPTR) {
        std::thread::yield_now();
    }
    say("1,000,000 numbers are answered by ENUM after their first start", format!("{:.0?}", begun.elapsed()), "");
    say("  resident memory then", format!("{:.0} MB", program.memory("VmRSS")?), "");
    let mut questions = String::new();
    for index in 0..200_000_i64 {
        let place = index * 611_953 % NUMBERS as i64;
        let each = NUMBERS as i64 / 10;
        let _ = writeln!(questions, "{} NAPTR", name(442_000_000_000 + place / each * 1_000_000 + place % each));
    }
    let file = folder.path().join("questions");
    std::fs::write(&file, questions)?;
    say("  answers a second", format!("{:.0}", dnsperf(&file, program.dns)?), "");
    Ok(())
}

/// The customers, past the services.
async fn fill(file: &Path) -> Outcome<()> {
    let db = Db::open(&format!("sqlite:{}", file.display()), PoolSize::default()).await?;
    let Db::Sqlite(sqlite) = &db else { return Err("not SQLite".into()) };
    for chunk in (0..CUSTOMERS).collect::<Vec<_>>().chunks(2_000) {
        let mut insert = sqlx::QueryBuilder::new(
            "INSERT INTO subdomains (account_id, label, call_screening, region1_token, region2_token, serial) ",
        );
        insert.push_values(chunk, |mut row, number| {
            row.push_bind(1_000_000 + *number as i64)
                .push_bind(format!("l{number}"))
                .push_bind(true)
                .push_bind(format!("MS=ms{number:08}"))
                .push_bind(format!("MS=ms{number:08}"))
                .push_bind(2_i64);
        });
        insert.build().execute(&mut *sqlite.write.lend().await?).await?;
    }
    sqlx::query("UPDATE zone SET serial = serial + 1").execute(&mut *sqlite.write.lend().await?).await?;
    db.close().await;
    Ok(())
}

/// The same zone for nsd, as text.
fn zone() -> String {
    let mut text = format!(
        "$ORIGIN {BASE}.\n$TTL 300\n@ SOA ns1 hostmaster 1 300 60 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\n\
         1r1 A 192.0.2.11\n1r2 A 192.0.2.12\n"
    );
    for number in 0..CUSTOMERS {
        for region in [1, 2] {
            let _ = write!(
                text,
                "l{number}.1r{region} TXT MS=ms{number:08}\nl{number}.1r{region} A 192.0.2.1{region}\n\
                 l{number}.1r{region} AAAA 2001:db8::1{region}\n"
            );
        }
    }
    text
}

/// Another server; it is ended when this value goes.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        // It has children of its own, which a kill would leave behind.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn nsd(folder: &Path, port: u16) -> Outcome<Other> {
    let folder = folder.display();
    std::fs::write(format!("{folder}/zone.txt"), zone())?;
    let config = format!(
        "server:\n  ip-address: 127.0.0.1\n  port: {port}\n  server-count: {}\n  username: \"\"\n  \
         zonesdir: \"{folder}\"\n  database: \"\"\n  pidfile: \"{folder}/nsd.pid\"\n  \
         xfrdfile: \"{folder}/xfrd.state\"\n  zonelistfile: \"{folder}/zone.list\"\n  rrl-ratelimit: 0\n  \
         logfile: \"{folder}/nsd.log\"\n\
         remote-control:\n  control-enable: no\nzone:\n  name: {BASE}\n  zonefile: zone.txt\n",
        std::thread::available_parallelism()?
    );
    std::fs::write(format!("{folder}/nsd.conf"), config)?;
    let mut command = Command::new("/usr/sbin/nsd");
    command.args(["-d", "-c", &format!("{folder}/nsd.conf")]).stdout(Stdio::null()).stderr(Stdio::null());
    let other = Other(command.spawn().map_err(|error| format!("nsd: {error}; install Debian's package nsd"))?);
    wait_until_answered(port, &format!("l{}.1r2", CUSTOMERS - 1))?;
    Ok(other)
}

/// Answers a second of both, one after the other in each round, and the middle of the ratios.
fn throughput(folder: &Path, port: u16) -> Outcome<()> {
    let mut questions = String::new();
    let mut number = 1_usize;
    for index in 0..200_000 {
        number = (number * 1_103_515_245 + 12_345) % 2_147_483_648;
        let kind = ["TXT", "TXT", "A", "AAAA"][index % 4];
        let _ = writeln!(questions, "l{}.1r{}.{BASE} {kind}", number % CUSTOMERS, 1 + index % 2);
    }
    let file = folder.join("questions");
    std::fs::write(&file, questions)?;
    let other_port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let other = nsd(folder, other_port)?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (theirs, ours) = (dnsperf(&file, other_port)?, dnsperf(&file, port)?);
        say("answers a second: nsd / ours", format!("{theirs:.0} / {ours:.0}"), "");
        ratios.push(ours / theirs);
    }
    drop(other);
    let against = middle(&mut ratios);
    say("ours against nsd's, the middle of the rounds", format!("{against:.2} x"), &at_least(0.5, " x", against));
    Ok(())
}

fn dnsperf(questions: &Path, port: u16) -> Outcome<f64> {
    let output = Command::new("dnsperf")
        .args(["-s", "127.0.0.1", "-p", &port.to_string(), "-l", "5", "-c", "16", "-T", "1", "-q", "500", "-d"])
        .arg(questions)
        .output()
        .map_err(|error| format!("dnsperf: {error}; install Debian's package dnsperf"))?;
    let text = String::from_utf8(output.stdout)?;
    let figure = |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    let lost: f64 = figure("Queries lost:").and_then(|text| text.split(' ').next()?.parse().ok()).ok_or("no losses")?;
    if lost > 1_000.0 {
        return Err(format!("dnsperf lost {lost} questions").into());
    }
    Ok(figure("Queries per second:").ok_or("no figure")?.parse()?)
}

fn question(name: &str, kind: u8) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').chain([""]) {
        packet.push(u8::try_from(label.len()).unwrap_or_default());
        packet.extend_from_slice(label.as_bytes());
    }
    packet.extend_from_slice(&[0, kind, 0, 1]);
    packet
}

fn socket(port: u16) -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket)
}

/// Whether a name has one record of this kind.
fn is_answered(socket: &UdpSocket, name: &str, kind: u8) -> bool {
    let mut answer = [0; 1_500];
    let asked = socket.send(&question(name, kind)).and_then(|_| socket.recv(&mut answer));
    asked.is_ok() && answer[3].trailing_zeros() >= 4 && answer[7] == 1
}

fn wait_until_answered(port: u16, name: &str) -> Outcome<()> {
    let (socket, end) = (socket(port)?, Instant::now() + Duration::from_mins(1));
    while !is_answered(&socket, &format!("{name}.{BASE}"), TXT) {
        if Instant::now() > end {
            return Err(format!("{name} is not answered").into());
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// A program that puts accounts.
#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    api: String,
    token: String,
}

impl Client {
    async fn new(program: &Program) -> Outcome<Self> {
        let http = reqwest::Client::builder().build()?;
        let form = [("grant_type", "client_credentials"), ("client_id", "bss-admin"), ("client_secret", "sandbox")];
        let answer: serde_json::Value =
            http.post(format!("{}/token", program.issuer)).form(&form).send().await?.json().await?;
        let token = answer["access_token"].as_str().ok_or("no token")?.to_owned();
        Ok(Self { http, api: program.api.clone(), token })
    }

    async fn put(&self, label: &str) -> Outcome<()> {
        let body = serde_json::json!({ "name": label, "serviceDetails": { "teamsDirectRouting": {
            "enabled": true, "syncEnabled": false, "configuration": { "callScreening": true, "subdomain": label,
            "subdomainTokens": { "region1Token": "MS=ms1", "region2Token": "MS=ms2" } } } } });
        let url = format!("{}accounts/{label}?api-version=2024-02-29-preview", self.api);
        let request = self.http.put(url).bearer_auth(&self.token).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("{}", answer.status()).into()) }
    }
}

/// From the answer of the API to the answer of the name server.
async fn changes(client: &Client, port: u16) -> Outcome<()> {
    let mut times = Vec::new();
    for number in 0..50 {
        let label = format!("c{number}");
        client.put(&label).await?;
        let begun = Instant::now();
        wait_until_answered(port, &format!("{label}.1r2"))?;
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    times.sort();
    let [half, slowest] = [25, 49].map(|at: usize| times[at].as_secs_f64() * 1e3);
    say("a change is answered after: half of them", format!("{half:.0} ms"), "");
    say("  the slowest of 50", format!("{slowest:.0} ms"), &at_most(1_000.0, "ms", slowest));
    Ok(())
}

/// The 99th percentile of single answers at a steady pace, without and with a zone that is built again and again.
async fn delays(client: Client, port: u16) -> Outcome<()> {
    let quiet = p99(port).await?;
    let building = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&building);
    let changing = async move {
        let mut count = 0;
        while still.load(Ordering::Relaxed) {
            client.put(&format!("d{count}")).await?;
            count += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Outcome::Ok(count)
    };
    let measuring = async {
        let found = p99(port).await;
        building.store(false, Ordering::Relaxed);
        found
    };
    let (count, busy) = tokio::join!(changing, measuring);
    let (count, busy) = (count?, busy?);
    say("p99 of an answer at 1,000 a second, nothing changes", format!("{:.0} us", quiet * 1e6), "");
    say(&format!("  while {count} changes are built into the zone"), format!("{:.0} us", busy * 1e6), "");
    say("  against each other", format!("{:.1} x", busy / quiet), &at_most(2.0, "x", busy / quiet));
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "asleep, for the time of the processors belongs to who answers")]
async fn p99(port: u16) -> Outcome<f64> {
    tokio::task::spawn_blocking(move || {
        let socket = socket(port).map_err(|error| error.to_string())?;
        let (begun, pace) = (Instant::now(), Duration::from_millis(1));
        let mut times = Vec::new();
        for round in 0..10_000_u32 {
            std::thread::sleep((pace * round).saturating_sub(begun.elapsed()));
            let asked = Instant::now();
            if !is_answered(&socket, &format!("l4711.1r1.{BASE}"), TXT) {
                return Err("no answer".to_owned());
            }
            times.push(asked.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() * 99 / 100])
    })
    .await?
    .map_err(Into::into)
}
