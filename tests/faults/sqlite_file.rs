//! A database file that another process has, that is gone, or that is damaged: one clear line, and never a second database
//! in the place of the first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use reqwest::StatusCode;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::harness::api::{account, batch, number};
use crate::harness::caller::Caller;
use crate::harness::program::{Demo, finished, nmp};
use crate::harness::{eventually, runtime};

const SOON: Duration = Duration::from_secs(30);

/// What a second process says that is started on this file.
fn second(file: &Path) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = nmp();
    command.args(["demo", "--no-accounts", "--data-dir"]).arg(folder.path());
    for listener in ["--portal", "--api", "--operations", "--dns", "--sandbox"] {
        command.args([listener, "127.0.0.1:0"]);
    }
    command.env("NMP_DATABASE__URL", format!("sqlite:{}", file.display())).env("NMP_LOG__LEVEL", "off");
    finished(&mut command)
}

fn refuses(output: &Output, reason: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains(reason) && said.trim().lines().count() == 1, "{said}");
}

/// The file of a demo, and its neighbours.
fn database(demo: &Demo) -> PathBuf {
    demo.folder.path().join("nmp.db")
}

fn beside(file: &Path, what: &str) -> PathBuf {
    PathBuf::from(format!("{}{what}", file.display()))
}

#[test]
fn a_second_process_is_refused_by_whatever_name_it_opens_the_file() {
    let demo = Demo::start();
    let file = database(&demo);
    let elsewhere = tempfile::tempdir_in(demo.folder.path()).unwrap();
    let (symbolic, hard) = (elsewhere.path().join("symbolic.db"), elsewhere.path().join("hard.db"));
    std::os::unix::fs::symlink(&file, &symbolic).unwrap();
    fs::hard_link(&file, &hard).unwrap();
    for name in [&file, &symbolic, &hard] {
        refuses(&second(name), "in use by another nmp process");
    }
    for name in [&symbolic, &hard] {
        assert!(!beside(name, "-wal").exists(), "nothing was opened by {}", name.display());
    }
}

/// Leaves the file alone, without a journal, which a process may leave that had no time at its end.
fn take_over_journal(file: &Path) {
    runtime().block_on(async {
        let connection = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        connection.close().await.unwrap();
    });
    assert!(!beside(file, "-wal").exists());
}

#[test]
fn a_database_that_is_gone_is_not_begun_anew() {
    let mut demo = Demo::start();
    let file = database(&demo);
    assert!(demo.stop().success());
    take_over_journal(&file);
    let kept = fs::read(&file).unwrap();
    fs::write(&file, "").unwrap();
    refuses(&second(&file), "is empty, but there was a database");
    fs::remove_file(&file).unwrap();
    refuses(&second(&file), "is missing, but there was a database");
    assert!(!file.exists(), "it was not even made");
    fs::write(beside(&file, "-wal"), "a journal").unwrap();
    refuses(&second(&file), "but its journal");
    assert_eq!(fs::read(beside(&file, "-wal")).unwrap(), b"a journal", "SQLite would have removed it");
    fs::remove_file(beside(&file, "-wal")).unwrap();
    fs::write(&file, "This is a letter, and no database.\n".repeat(300)).unwrap();
    refuses(&second(&file), "no database of nmp");
    fs::write(&file, kept).unwrap();
    demo.start_again();
    assert!(demo.stop().success());
    take_over_journal(&file);
    fs::remove_file(&file).unwrap();
    fs::remove_file(beside(&file, ".lock")).unwrap();
    fs::write(&file, "").unwrap();
    demo.start_again();
}

/// Overwrites the page from which all rows of a table are found.
async fn damage(file: &Path, table: &str) {
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let ask = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = $1";
    let found: (i64, i64) = sqlx::query_as(ask).bind(table).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let (page, size) = (usize::try_from(found.0).unwrap(), usize::try_from(found.1).unwrap());
    let mut bytes = fs::read(file).unwrap();
    bytes[(page - 1) * size..page * size].fill(0xA5);
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_damaged_page_is_found_and_told() {
    runtime().block_on(async {
        let mut demo = Demo::start();
        let admin = Caller::new(&demo.api, &demo.issuer, "bss-admin").await;
        assert!(admin.put("/accounts/contoso", &account("contoso", &["teamsDirectRouting"])).await.status.is_success());
        let items: Vec<_> = (0..50)
            .map(|at| number("contoso", &format!("+{}", 441_632_960_000_i64 + at), "teamsDirectRouting"))
            .collect();
        let uploaded = admin.post("/accounts/contoso:createOrUpdateNumbers", &batch(&items)).await;
        assert_eq!(uploaded.status, StatusCode::OK, "{uploaded:?}");
        assert!(demo.stop().success());
        damage(&database(&demo), "numbers").await;
        demo.start_again();
        // Nobody asks for a number: it is found by looking.
        eventually("the damage is told", SOON, async || {
            let ready = reqwest::get(format!("{}/readyz", demo.operations)).await.unwrap();
            let (status, text) = (ready.status(), ready.text().await.unwrap());
            (status == StatusCode::SERVICE_UNAVAILABLE && text.contains("damaged")).then_some(())
        })
        .await;
    });
}
