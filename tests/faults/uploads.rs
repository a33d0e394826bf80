//! The worst files that somebody who may upload can send, eight of each kind at once: everybody else is answered at once
//! meanwhile, and the memory of the process stays bounded.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use reqwest::{Method, StatusCode};

use crate::figures::{figure, long};
use crate::harness::portal::{Portal, upload_form};
use crate::harness::program::Demo;
use crate::harness::runtime;
use crate::harness::visitor::{MULTIPART, Visitor, file_head, multipart, multipart_end};

/// Uploads of a kind at once.
const AT_ONCE: usize = 8;
/// What a file with columns begins with.
const COLUMNS: &str = "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled,\
                       serviceDetails_teamsOperatorConnect_configuration_usage,\
                       serviceDetails_teamsOperatorConnect_configuration_choosableCapabilities,\
                       serviceDetails_teamsOperatorConnect_configuration_allowTenantAddressUpdate,\
                       serviceDetails_teamsOperatorConnect_configuration_additionalUsages,\
                       configuration_customSipHeader\n";

/// A kind of file, by its beginning and what is repeated behind it up to its size.
struct Kind {
    name: &'static str,
    begins: &'static str,
    line: fn(usize) -> String,
}

fn kind(name: &'static str, begins: &'static str, line: fn(usize) -> String) -> Kind {
    Kind { name, begins, line }
}

fn kinds() -> Vec<Kind> {
    vec![
        kind("good numbers", "Numbers\n", |n| format!("+44163{n:07}\n")),
        kind("a heading row of commas", "", |_| "x,".into()),
        kind("a heading row of one heading", "telephoneNumber,", |_| "heading".into()),
        kind("a heading row of the same heading", "", |_| "telephoneNumber,".into()),
        kind("one line of commas", COLUMNS, |_| ",".into()),
        kind("lines of too many cells", COLUMNS, |_| format!("{}\n", "x,".repeat(300))),
        kind("too many cells on every second line", COLUMNS, |_| format!("{}\ny\n", ",".repeat(300))),
        kind("a quote that never closes", COLUMNS, |n| if n == 0 { "\"".into() } else { "a,\n".into() }),
        kind("quotes", COLUMNS, |_| "\"\"\"\",".into()),
        kind("one cell", COLUMNS, |_| "cell ".into()),
        kind("empty lines", "", |_| "\n".into()),
        kind("empty lines behind a heading row", COLUMNS, |_| "\r\n".into()),
        kind("lines with problems", "", |_| "1x\n".into()),
        kind("lines with problems behind a heading row", COLUMNS, |_| "x,y,z,,,,,\n".into()),
        kind("ranges that are too large", "", |_| "+1-+999999999\n".into()),
        kind("the same range", "", |_| "+441632000000-+441632001999\n".into()),
        kind("separators", "", |_| ",;".into()),
        kind("blanks", "", |_| " \t".into()),
        kind("dashes that could be ranges", "", |_| "12345678- ".into()),
        kind("digits of one number", "", |_| "1 ".into()),
        kind("numbers on one line", "", |n| format!("+44163{n:07} ")),
        kind("a cell of a million values", COLUMNS, |n| {
            if n == 0 { "+441632960000,contoso,true,a,".into() } else { "a;".into() }
        }),
        kind("cells of very many values", COLUMNS, |n| {
            format!("+44163{n:07},contoso,true,a,{},true,,\n", "a;".repeat(2_000))
        }),
        kind("cells of many wrong values", COLUMNS, |n| {
            let values = (0..90).map(|value| format!("{n}x{value}")).collect::<Vec<_>>().join(";");
            format!("+44163{n:07},contoso,true,CallingUserAssignment,{values},true,{values},\n")
        }),
        kind("an account for each number", COLUMNS, |n| format!("+44163{n:07},account-{n},true,a,,true,,\n")),
        kind("settings for each number", COLUMNS, |n| {
            format!("+44163{n:07},contoso,true,CallingUserAssignment,,true,,header-{n}\n")
        }),
        kind("NULs", "", |_| "\0".into()),
        kind("almost the boundary of the form", "", |_| "\r\n--a-boundary-that-no-field-hold".into()),
    ]
}

/// A file of about so many bytes.
fn file(kind: &Kind, bytes: usize) -> Vec<u8> {
    let mut text = kind.begins.to_owned();
    text.reserve(bytes);
    for n in 0.. {
        let line = (kind.line)(n);
        if text.len() + line.len() > bytes {
            break;
        }
        text.push_str(&line);
    }
    text.into_bytes()
}

/// The whole body of a form with this file.
fn with_file(file: &[u8]) -> Bytes {
    [&multipart(&upload_form("contoso", "")), &file_head(), file, b"\r\n", &multipart_end()].concat().into()
}

/// The whole body of a form with this text typed.
fn with_text(text: &[u8]) -> Bytes {
    let form = String::from_utf8(multipart(&upload_form("contoso", "HERE"))).unwrap();
    let (before, behind) = form.split_once("HERE").unwrap();
    [before.as_bytes(), text, behind.as_bytes(), &multipart_end()].concat().into()
}

/// How long answers took.
struct Waits(Vec<Duration>);

impl Waits {
    /// What so many of a hundred were no longer than.
    fn of(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

/// Asks for an address again and again until it is told to stop, by a thread of its own.
fn asking(visitor: Visitor, url: String, until: Arc<AtomicBool>) -> std::thread::JoinHandle<Waits> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = url.parse().unwrap();
            let mut waits = Vec::new();
            while !until.load(Ordering::SeqCst) || waits.is_empty() {
                let begun = Instant::now();
                let answer = visitor.request(&Method::GET, &url).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK, "{url}");
                let _ = answer.bytes().await.unwrap();
                waits.push(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
            waits.sort_unstable();
            Waits(waits)
        })
    })
}

/// Most memory the process has had since [`forget_peak`], in MB.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

fn forget_peak(process: u32) {
    let _ = std::fs::write(format!("/proc/{process}/clear_refs"), "5");
}

/// What eight uploads of a kind at once did to everybody else.
struct Harm {
    health: Duration,
    page: Duration,
    memory: u64,
}

async fn send_at_once(portal: &Portal, writer: &Visitor, name: &str, body: &Bytes) -> Harm {
    let process = portal.demo.process_id();
    forget_peak(process);
    let over = Arc::new(AtomicBool::new(false));
    let health =
        asking(Visitor::new(&portal.demo.operations), format!("{}/healthz", portal.demo.operations), over.clone());
    let page = asking(portal.admin.clone(), portal.admin.url("/accounts").into(), over.clone());
    let begun = Instant::now();
    let uploads: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let request = writer.request(&Method::POST, &writer.url("/numbers/upload"));
            let request = request.header("content-type", MULTIPART).timeout(Duration::from_mins(5)).body(body.clone());
            async move { request.send().await.unwrap().status() }
        })
        .collect();
    let statuses = futures_util::future::join_all(uploads).await;
    let took = begun.elapsed();
    over.store(true, Ordering::SeqCst);
    let (health, page) = (health.join().unwrap(), page.join().unwrap());
    let turned_away = statuses.iter().filter(|status| **status == StatusCode::SERVICE_UNAVAILABLE).count();
    let answered = [StatusCode::SEE_OTHER, StatusCode::UNPROCESSABLE_ENTITY, StatusCode::SERVICE_UNAVAILABLE];
    assert!(statuses.iter().all(|status| answered.contains(status)), "{name}: answered {statuses:?}");
    assert!(turned_away < AT_ONCE, "{name}: every one was turned away");
    let memory = peak_memory(process);
    let mut said = format!("{AT_ONCE} in {took:.1?}, {turned_away} of them turned away");
    for (what, waits) in [("/healthz", &health), ("a page", &page)] {
        let _ = write!(said, "; {what} p50 {:.1?} p99 {:.1?} max {:.1?}", waits.of(50), waits.of(99), waits.of(100));
    }
    figure(name, format!("{said}; {memory} MB"));
    Harm { health: health.of(99), page: page.of(99), memory }
}

#[test]
fn the_worst_files_hold_nobody_up() {
    // The long form is what the bar was set for: a release build, files as large as they may be, the usual limits.
    let (bytes, health, page, memory) = if long() {
        (33_554_432 - 65_536, Duration::from_millis(50), Duration::from_secs(1), 300)
    } else {
        (1_179_648, Duration::from_secs(1), Duration::from_secs(10), 300)
    };
    let limit = if long() { "100000" } else { "1000" };
    runtime().block_on(async {
        let demo = Demo::with(vec![("NMP_UPLOADS__MAX_NUMBERS", limit.to_owned())]);
        let mut portal = Portal { admin: Visitor::sign_in(&demo.portal, "admin").await, demo };
        crate::harness::portal::furnish(&mut portal.admin).await;
        let writer = portal.sign_in("writer").await;
        let chosen = std::env::var("NMP_FAULTS_KIND").unwrap_or_default();
        let files = kinds().into_iter().map(|kind| (kind.name, with_file(&file(&kind, bytes))));
        let odd: [(&'static str, Vec<u8>); 2] = [
            ("UTF-16", [&b"\xff\xfe"[..], &b"1\0".repeat(bytes / 2)].concat()),
            ("no text", [b"Numbers\n".to_vec(), b"\xff".repeat(bytes)].concat()),
        ];
        let odd_files = odd.into_iter().map(|(name, file)| (name, with_file(&file)));
        let typed = [
            ("typed quotes", with_text(&b"\"".repeat(bytes))),
            ("typed bytes that are no text", with_text(&b"\xff\0".repeat(bytes / 2))),
        ];
        let mut harmed = Vec::new();
        for (name, body) in files.chain(odd_files).chain(typed).filter(|(name, _)| name.contains(&chosen)) {
            let harm = send_at_once(&portal, &writer, name, &body).await;
            if harm.health > health || harm.page > page || harm.memory > memory {
                harmed.push((name, harm.health, harm.page, harm.memory));
            }
        }
        assert!(harmed.is_empty(), "others were held up, or memory was taken: {harmed:?}");
    });
}

/// Begins an upload of so many bytes, and sends no more than its beginning.
fn begun(person: &Visitor, length: usize) -> TcpStream {
    let url = person.url("/numbers/upload");
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut connection = TcpStream::connect(authority).unwrap();
    let head = format!(
        "POST /numbers/upload HTTP/1.1\r\nHost: {authority}\r\nCookie: {}\r\nOrigin: http://{authority}\r\n\
         Sec-Fetch-Site: same-origin\r\nContent-Type: {MULTIPART}\r\nContent-Length: {length}\r\n\r\n",
        person.cookies()
    );
    connection.write_all(&[head.into_bytes(), multipart(&upload_form("contoso", "")), file_head()].concat()).unwrap();
    connection
}

#[test]
fn large_uploads_that_are_slow_leave_room_for_small_ones() {
    runtime().block_on(async {
        let portal = Portal::start().await;
        let mut writer = portal.sign_in("writer").await;
        let slow: Vec<TcpStream> = (0..6).map(|_| begun(&writer, 33_000_000)).collect();
        let begun = Instant::now();
        let answer = writer.upload("/numbers/upload", &upload_form("contoso", "+441632960500"), None).await.unwrap();
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        figure("a small upload beside six large ones that have stopped", format!("{:.1?}", begun.elapsed()));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        if long() {
            let file = b"+441632960600\n".repeat(200_000);
            let begun = Instant::now();
            let answer = writer.upload("/numbers/upload", &upload_form("contoso", ""), Some(&file)).await.unwrap();
            figure(
                "a large one is told that there is no room",
                format!("{} after {:.1?}", answer.status, begun.elapsed()),
            );
            // Those that send nothing are cut off, so there may be room again in time.
            if answer.status != StatusCode::SEE_OTHER {
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
                assert_eq!(answer.headers["retry-after"], "60");
                assert!(answer.text.contains("there was no room for this one"), "{}", answer.text);
            }
        }
        drop(slow);
    });
}
