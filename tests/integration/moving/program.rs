//! The whole program: everything that one has, moved into another, and exported again.

use std::fmt::Write as _;
use std::process::{Command, Output};

use reqwest::Method;
use serde_json::json;

use crate::harness::api::{Api, account, number};
use crate::harness::caller::token;
use crate::harness::database::{Kind, Place, numbers};
use crate::harness::on_both_databases;
use crate::harness::program::{Demo, finished, nmp};
use crate::harness::visitor::Visitor;
use nmp::domain::upload::HEADINGS;
use nmp::store::Db;

on_both_databases![over_http: an_export_that_is_imported_exports_the_same, a_program_moves_into_another];

/// Accounts and numbers of every service, with texts that spreadsheets and readers of CSV trip over.
async fn furnish(api: &Api) {
    api.know_tenants().await;
    let mut contoso =
        account("contoso", &["teamsOperatorConnect", "teamsDirectRouting", "azureOperatorCallProtection"]);
    contoso["correlationId"] = json!("=1+1, \"quoted\";\u{e9} ");
    let mut zoom = account("Zoom_Only-1", &["zoomPhoneCloudPeering"]);
    zoom["correlationId"] = json!("'-5");
    zoom["serviceDetails"].as_object_mut().unwrap().remove("teamsTenantId");
    let nothing = json!({ "name": "--nothing", "serviceDetails": {} });
    for body in [contoso, zoom, account("mobile", &["teamsPhoneMobile"]), nothing] {
        let path = format!("/accounts/{}", body["name"].as_str().unwrap());
        let reply = api.admin.put(&path, &body).await;
        assert!(reply.status.is_success(), "{reply:?}");
    }
    let oc: Vec<_> =
        (0..60).map(|n| number("contoso", &format!("+4416329600{n:02}"), "teamsOperatorConnect")).collect();
    api.upload("contoso", &oc).await;
    let mut header = number("contoso", "+441632960900", "teamsDirectRouting");
    header["configuration"] = json!({ "customSipHeader": "-a_header" });
    let none = json!({ "telephoneNumber": "+12", "accountName": "contoso", "serviceDetails": {} });
    api.upload("contoso", &[header, none]).await;
    api.upload("Zoom_Only-1", &[number("Zoom_Only-1", "+12025550150", "zoomPhoneCloudPeering")]).await;
    api.upload("mobile", &[number("mobile", "+441632970000", "teamsPhoneMobile")]).await;
    api.quiet().await;
}

async fn exported(demo: &Demo) -> [String; 2] {
    let mut admin = Visitor::sign_in(&demo.portal, "admin").await;
    [admin.get("/accounts.csv").await.text, admin.get("/numbers.csv").await.text]
}

/// Exports without what tells in which order and since when numbers are held, which is another elsewhere.
fn as_it_should_be([accounts, numbers]: &[String; 2]) -> [String; 2] {
    let mut lines = String::new();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(numbers.as_bytes());
    for record in reader.records() {
        let record = record.unwrap();
        let cells: Vec<&str> = record.iter().take(HEADINGS.len()).collect();
        let _ = writeln!(lines, "{cells:?}");
    }
    [accounts.clone(), lines]
}

fn import(place: &Place, arguments: &[&str]) -> Output {
    let mut command: Command = nmp();
    command.arg("import").args(arguments).env("NMP_DATABASE__URL", &place.url);
    finished(&mut command)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn kind(api: &Api) -> Kind {
    match api.db {
        Db::Sqlite(_) => Kind::Sqlite,
        Db::Postgres(_) => Kind::Postgres,
    }
}

/// Whether all went well but for the number that no plan knows, which is taken over and told.
fn only_one_cannot_be_called(output: &Output) -> bool {
    let said = said(output);
    !output.status.success() && said.contains("Problems: 1\n") && said.contains("the first of them +12")
}

async fn an_export_that_is_imported_exports_the_same(api: Api) -> Api {
    furnish(&api).await;
    let before = exported(&api.demo).await;
    assert_eq!((before[0].lines().count(), before[1].lines().count()), (5, 65), "{before:?}");
    let place = Place::new(kind(&api)).await;
    let [accounts, numbers_csv] = ["accounts.csv", "numbers.csv"].map(|name| place.folder.path().join(name));
    std::fs::write(&accounts, &before[0]).unwrap();
    std::fs::write(&numbers_csv, &before[1]).unwrap();
    let paths = [numbers_csv.to_str().unwrap(), accounts.to_str().unwrap()];
    let dry = import(&place, &paths);
    assert!(said(&dry).contains("nothing was changed") && only_one_cannot_be_called(&dry), "{}", said(&dry));
    assert!(said(&dry).contains("numbers: 64 read, 64 new"), "{}", said(&dry));
    // The workbook says the same as the file.
    let admin = Visitor::sign_in(&api.demo.portal, "admin").await;
    let book = admin.request(&Method::GET, &admin.url("/numbers.xlsx")).send().await.unwrap().bytes().await.unwrap();
    let numbers_xlsx = place.folder.path().join("numbers.xlsx");
    std::fs::write(&numbers_xlsx, &book).unwrap();
    let dry = import(&place, &[numbers_xlsx.to_str().unwrap(), accounts.to_str().unwrap()]);
    assert!(said(&dry).contains("numbers: 64 read, 64 new") && only_one_cannot_be_called(&dry), "{}", said(&dry));
    let made = import(&place, &[&["--apply"], &paths[..]].concat());
    assert!(
        said(&made).contains("Nothing was sent to a backend") && only_one_cannot_be_called(&made),
        "{}",
        said(&made)
    );
    let other = Demo::with(vec![("NMP_DATABASE__URL", place.url.clone())]);
    assert_eq!(as_it_should_be(&exported(&other).await), as_it_should_be(&before), "cell for cell");
    drop(other);
    api
}

async fn a_program_moves_into_another(api: Api) -> Api {
    furnish(&api).await;
    let more: Vec<_> =
        (0..1_100).map(|n| number("contoso", &format!("+44163298{n:04}"), "teamsDirectRouting")).collect();
    for batch in more.chunks(100) {
        api.upload("contoso", batch).await;
    }
    let place = Place::new(kind(&api)).await;
    let file = place.folder.path().join("token");
    std::fs::write(&file, format!("{}\n", token(&api.demo.issuer, "bss-admin").await)).unwrap();
    let from = ["--from", &api.demo.api, "--token-file", file.to_str().unwrap()];
    let dry = import(&place, &from);
    assert!(only_one_cannot_be_called(&dry) && said(&dry).contains("numbers: 1164 read, 1164 new"), "{}", said(&dry));
    let made = import(&place, &[&from[..], &["--apply"]].concat());
    assert!(only_one_cannot_be_called(&made), "{}", said(&made));
    let again = import(&place, &[&from[..], &["--apply"]].concat());
    assert!(said(&again).contains("numbers: 1164 read, 0 new, 1164 here already"), "{}", said(&again));

    let db = place.open().await;
    let pushed = "SELECT COUNT(*) FROM numbers WHERE state IN ('pending', 'releasing')";
    assert_eq!(numbers(&db, pushed).await, [0]);
    let to_push = "SELECT COUNT(*) FROM work WHERE kind = 'account'";
    assert_eq!(numbers(&db, to_push).await, [0], "no engine has anything to push");
    db.close().await;
    let other = Demo::with(vec![("NMP_DATABASE__URL", place.url.clone())]);
    let [there, here] = [exported(&other).await, exported(&api.demo).await];
    assert_eq!(as_it_should_be(&there)[1], as_it_should_be(&here)[1], "the numbers are the same");
    drop(other);
    // A token that is none, and an address that is none, are told before anything is read.
    std::fs::write(&file, "not-the-token").unwrap();
    let refused = import(&place, &from);
    assert!(said(&refused).contains("Bring a new token") && refused.status.code() == Some(1), "{}", said(&refused));
    let plain = import(&place, &["--from", "http://api.example.com", "--token-file", file.to_str().unwrap()]);
    assert!(plain.status.code() == Some(2) && said(&plain).contains("--from"), "{}", said(&plain));
    assert_eq!(import(&place, &[]).status.code(), Some(2));
    let odd = import(&place, &["--encoding", "latin-9", place.folder.path().to_str().unwrap()]);
    assert_eq!(odd.status.code(), Some(2), "{}", said(&odd));
    api
}
