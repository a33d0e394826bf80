//! A disk that is full or fails, and a file that another program keeps locked: what is answered meanwhile is that it cannot
//! be done now; afterwards everything goes on, and what was acknowledged is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::figures::figure;
use crate::harness::api::{account, number};
use crate::harness::caller::{Caller, switch};
use crate::harness::database::{Place, numbers};
use crate::harness::program::{Demo, finished, nmp};
use crate::harness::visitor::Visitor;
use crate::harness::world::{World, check_invariants};
use crate::harness::{eventually, on_both_databases, runtime};

const SOON: Duration = Duration::from_mins(1);
/// Everything works again so long after the fault.
const HEALED: Duration = Duration::from_secs(10);
const FIRST: i64 = 441_632_000_000;

/// What a disk can be told to do.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Full,
    NothingReachesIt,
}

impl Fault {
    const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NothingReachesIt => "eio",
        }
    }
}

/// The program on a disk that does what it is told.
struct OnDisk {
    demo: Demo,
    place: Place,
    control: PathBuf,
    admin: Caller,
}

impl OnDisk {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_at(folder).await
    }

    /// With the database in this folder.
    async fn start_at(folder: tempfile::TempDir) -> Self {
        let url = format!("sqlite:{}", folder.path().join("nmp.db").display());
        let place = Place { url, folder };
        let tools = place.folder.path().join("tools");
        std::fs::create_dir(&tools).unwrap();
        let (library, control) = (tools.join("failing_disk.so"), tools.join("fault"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/failing_disk.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
        assert!(compiler.status().unwrap().success(), "{compiler:?}");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let demo = Demo::with(vec![
            ("NMP_DATABASE__URL", place.url.clone()),
            ("NMP_API__RATE_PER_SECOND", "0".to_owned()),
            ("LD_PRELOAD", text(&library)),
            ("FAULT_CONTROL", text(&control)),
            ("FAULT_FILES", "nmp.db".to_owned()),
            ("NMP_LOG__LEVEL", "off".to_owned()),
        ]);
        switch(&format!("{}/_faults", demo.operator_connect), &json!({ "jobSeconds": 0.0 })).await;
        let admin = Caller::new(&demo.api, &demo.issuer, "bss-admin").await;
        let created = admin.put("/accounts/contoso", &account("contoso", &["teamsOperatorConnect"])).await;
        assert!(created.status.is_success(), "{created:?}");
        Self { demo, place, control, admin }
    }

    /// Whether the program says that it is ready; what it says of its database.
    async fn ready(&self) -> (StatusCode, Value) {
        let answer = reqwest::get(format!("{}/readyz", self.demo.operations)).await.unwrap();
        let status = answer.status();
        (status, answer.json::<Value>().await.unwrap()["checks"]["database"].clone())
    }

    async fn is_ready(&self) -> bool {
        self.ready().await.0 == StatusCode::OK
    }

    /// Everything that was acknowledged is stored, and all is well.
    async fn check(mut self, load: &Load) {
        let acknowledged = load.acknowledged();
        let db = self.place.open().await;
        let stored: BTreeSet<i64> = numbers(&db, "SELECT telephone_number FROM numbers").await.into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let waiting = "SELECT COUNT(*) FROM numbers WHERE state IN ('pending', 'releasing')";
        eventually("the backend has everything", SOON, async || (numbers(&db, waiting).await == [0]).then_some(()))
            .await;
        check_invariants(&db).await;
        db.close().await;
        let verified = finished(nmp().args(["audit", "verify"]).env("NMP_DATABASE__URL", &self.place.url));
        assert!(verified.status.success(), "{verified:?}");
        assert!(self.demo.stop().success());
    }
}

/// Programs that write without pause, and what they were answered.
#[derive(Clone)]
struct Load {
    next: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    acknowledged: BTreeSet<i64>,
    refused: usize,
    /// Answers that are none that a client can go by.
    wrong: Vec<String>,
    slowest: Duration,
}

impl Load {
    fn start(admin: &Caller, writers: usize) -> (Self, tokio::task::JoinSet<()>) {
        let load = Self { next: Arc::new(AtomicI64::new(FIRST)), stop: Arc::default(), seen: Arc::default() };
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..writers {
            let (load, admin) = (load.clone(), admin.clone());
            tasks.spawn(async move { load.write(&admin).await });
        }
        (load, tasks)
    }

    async fn write(&self, admin: &Caller) {
        while !self.stop.load(Ordering::Relaxed) {
            let value = self.next.fetch_add(1, Ordering::Relaxed);
            let text = format!("+{value}");
            let (begun, body) = (Instant::now(), number("contoso", &text, "teamsOperatorConnect"));
            let reply = admin.put(&format!("/accounts/contoso/numbers/{text}"), &body).await;
            let mut seen = self.seen();
            seen.slowest = seen.slowest.max(begun.elapsed());
            match reply.status {
                status if status.is_success() => drop(seen.acknowledged.insert(value)),
                StatusCode::SERVICE_UNAVAILABLE if !reply.header("retry-after").is_empty() => seen.refused += 1,
                _ => seen.wrong.push(format!("{reply:?}")),
            }
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acknowledged(&self) -> BTreeSet<i64> {
        self.seen().acknowledged.clone()
    }

    /// Waits until so many more were acknowledged.
    async fn acknowledges(&self, count: usize, within: Duration) {
        let before = self.seen().acknowledged.len();
        eventually("writes are acknowledged", within, async || {
            (self.seen().acknowledged.len() >= before + count).then_some(())
        })
        .await;
    }

    async fn refuses(&self, count: usize) {
        let before = self.seen().refused;
        eventually("writes are refused", SOON, async || (self.seen().refused >= before + count).then_some(())).await;
    }

    async fn end(&self, mut tasks: tokio::task::JoinSet<()>) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let seen = self.seen();
        assert!(seen.wrong.is_empty(), "{} such answers: {}", seen.wrong.len(), seen.wrong[0]);
    }
}

/// Opens pages and signs in; nothing of it may be our fault.
async fn people_are_told(disk: &OnDisk, person: &mut Visitor) {
    let page = person.get("/numbers").await;
    assert!([StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&page.status), "{page:?}");
    let mut newcomer = Visitor::new(&disk.demo.portal);
    let login = newcomer.get("/login").await;
    let back = match login.status {
        StatusCode::OK => newcomer.send(Method::POST, login.url, Some(&[("person", "admin")])).await,
        _ => login,
    };
    assert_eq!(back.status, StatusCode::SERVICE_UNAVAILABLE, "{back:?}");
    assert!(back.headers.contains_key("retry-after"), "{back:?}");
}

/// One fault under load, its end, and a look at what is stored; twice, for what healed must be able to heal again.
fn lives_through(fault: Fault) {
    runtime().block_on(async {
        let disk = OnDisk::start().await;
        let mut person = Visitor::sign_in(&disk.demo.portal, "admin").await;
        eventually("the program is ready", SOON, async || disk.is_ready().await.then_some(())).await;
        let (load, tasks) = Load::start(&disk.admin, 4);
        load.acknowledges(20, SOON).await;
        for _ in 0..2 {
            std::fs::write(&disk.control, fault.word()).unwrap();
            load.refuses(20).await;
            let told = eventually("the program says that it is not ready", SOON, async || {
                let (status, told) = disk.ready().await;
                (status == StatusCode::SERVICE_UNAVAILABLE && told["ok"] == false).then_some(told)
            })
            .await;
            figure(&format!("{fault:?}: /readyz says"), &told["reason"]);
            people_are_told(&disk, &mut person).await;
            std::fs::remove_file(&disk.control).unwrap();
            let healed = Instant::now();
            load.acknowledges(1, HEALED).await;
            eventually("the program is ready again", HEALED, async || disk.is_ready().await.then_some(())).await;
            figure(&format!("{fault:?}: seconds from the end of the fault to ready"), healed.elapsed().as_secs_f32());
            load.acknowledges(20, SOON).await;
        }
        Visitor::sign_in(&disk.demo.portal, "admin").await;
        load.end(tasks).await;
        let (acknowledged, refused) = (load.acknowledged().len(), load.seen().refused);
        figure(&format!("{fault:?}: acknowledged, refused"), format!("{acknowledged}, {refused}"));
        disk.check(&load).await;
    });
}

#[test]
fn a_full_disk_is_lived_through() {
    lives_through(Fault::Full);
}

#[test]
fn a_disk_that_nothing_reaches_is_lived_through() {
    lives_through(Fault::NothingReachesIt);
}

/// A file system in memory that holds next to nothing, where the machine lets us have one.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_file_system_without_room_is_lived_through() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let small = Small::mount(folder.path());
        let disk = OnDisk::start_at(folder).await;
        let (load, tasks) = Load::start(&disk.admin, 4);
        load.acknowledges(20, SOON).await;
        let filler = disk.place.folder.path().join("filler");
        if small.is_some() {
            let mut file = std::fs::File::create(&filler).unwrap();
            std::io::copy(&mut std::io::repeat(7), &mut file).unwrap_err();
        } else {
            std::fs::write(&disk.control, Fault::Full.word()).unwrap();
        }
        load.refuses(20).await;
        let _ = std::fs::remove_file(if small.is_some() { &filler } else { &disk.control });
        let healed = Instant::now();
        load.acknowledges(1, HEALED).await;
        let how = if small.is_some() { "no room" } else { "no room (played)" };
        figure(&format!("{how}: seconds from room to the first write"), healed.elapsed().as_secs_f32());
        eventually("the program is ready again", HEALED, async || disk.is_ready().await.then_some(())).await;
        load.acknowledges(20, SOON).await;
        load.end(tasks).await;
        disk.check(&load).await;
    });
}

#[test]
fn a_file_that_another_program_locks_costs_five_seconds() {
    runtime().block_on(async {
        let disk = OnDisk::start().await;
        let mut person = Visitor::sign_in(&disk.demo.portal, "admin").await;
        let path = disk.place.url.strip_prefix("sqlite:").unwrap();
        let mut other = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let (load, tasks) = Load::start(&disk.admin, 30);
        load.refuses(60).await;
        let slowest = load.seen().slowest;
        figure("locked by another program: the slowest of 30 writers, seconds", slowest.as_secs_f32());
        assert!(slowest < Duration::from_secs(8), "{slowest:?}");
        let (status, told) = disk.ready().await;
        assert_eq!((status, &told["ok"]), (StatusCode::SERVICE_UNAVAILABLE, &Value::Bool(false)), "{told}");
        assert_eq!(person.get("/numbers").await.status, StatusCode::OK, "who only reads is not concerned");
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        load.acknowledges(30, HEALED).await;
        eventually("the program is ready again", HEALED, async || disk.is_ready().await.then_some(())).await;
        load.end(tasks).await;
        disk.check(&load).await;
    });
}

on_both_databases![a_database_that_can_be_written_says_so];

async fn a_database_that_can_be_written_says_so(world: World) {
    assert_eq!(world.db.try_out().await, Ok(()));
}
