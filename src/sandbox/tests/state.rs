//! Going on after a restart with what the state file holds.
//!
//! Nothing here stops a sandbox properly: what was answered must be in the file, as after `kill -9`.

use std::path::Path;
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::identity::{refresh, sign_in, verified};
use super::operator_connect::{CONTOSO, NORTHWIND, OTHER, Oc, free};
use super::{BASE, Sandbox, SandboxError, SandboxOptions, get};

fn start(file: &Path) -> Result<Sandbox, SandboxError> {
    Sandbox::new(BASE.parse().unwrap(), SandboxOptions { examples: true, state: Some(file.to_owned()) })
}

async fn world(oc: &Oc) -> Value {
    get(&oc.router, "/operator-connect/_state").await.json()["tenants"].clone()
}

#[tokio::test]
async fn the_world_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    let oc = Oc::at(start(&file).unwrap().router()).await;
    oc.faults(json!({ "jobSeconds": 0, "rejectNumbers": ["+441632960001"] })).await;
    oc.post("/_consents", json!({ "tenantId": OTHER, "status": "suspended" })).await;
    oc.post("/_civic-addresses", json!({ "tenantId": OTHER, "cityOrTown": "Redmond" })).await;
    let settings = json!({
        "usage": "CallingUserAssignment", "choosableCapabilities": ["OutboundCalling"],
        "allowTenantAddressUpdate": true, "displayedCountryCode": "GB"
    });
    let numbers = ["+441632960000", "+441632960001", "+441632960002"];
    let job = oc.upload(CONTOSO, "r1", settings.clone(), &numbers).await.json();
    assert_eq!(job["status"], "completeWithErrors");
    oc.post("/_assign", json!({ "tenantId": CONTOSO, "numbers": ["+441632960000"] })).await;
    oc.release(CONTOSO, "r2", &["+441632960002"]).await;
    oc.release(NORTHWIND, "r1", &["+12065550169"]).await;
    let signed = json!({ "requestId": "u1", "status": "AgreementSigned", "comment": "agreed" });
    let relationship = format!("/consents/{CONTOSO}/relationship");
    oc.call(Method::PUT, &relationship, signed.clone()).await;
    let before = world(&oc).await;
    assert_eq!(before[CONTOSO]["released"], json!({ "+441632960002": { "changes": 2 } }));
    drop(oc);

    let oc = Oc::at(start(&file).unwrap().router()).await;
    assert_eq!(world(&oc).await, before);
    assert_eq!(oc.faults(json!({})).await["rejectNumbers"], json!([]), "what goes wrong is not kept");
    // Requests of before are still known.
    assert_eq!(oc.upload(CONTOSO, "r1", settings, &numbers).await.json(), job);
    assert_eq!(oc.upload(CONTOSO, "r1", free(), &numbers).await.status, StatusCode::CONFLICT);
    assert_eq!(oc.call(Method::PUT, &relationship, signed).await.status, StatusCode::OK);
    let other = json!({ "requestId": "u1", "status": "ConsentDeclined" });
    assert_eq!(oc.call(Method::PUT, &relationship, other).await.status, StatusCode::CONFLICT);
    assert_eq!(world(&oc).await, before);
}

#[tokio::test]
async fn jobs_go_on_and_keep_their_numbers_busy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    let oc = Oc::at(start(&file).unwrap().router()).await;
    oc.faults(json!({ "jobSeconds": 1 })).await;
    let numbers: Vec<String> = (0..8).map(|n| format!("+44163296000{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let started = oc.upload(CONTOSO, "r1", free(), &numbers).await.json();
    assert_eq!(started["status"], "pending");
    drop(oc);

    let oc = Oc::at(start(&file).unwrap().router()).await;
    oc.faults(json!({ "jobSeconds": 0 })).await;
    let late = oc.upload(CONTOSO, "r2", free(), &numbers[7..]).await.json();
    assert_eq!(late["results"][0]["error"]["code"], "NumberBusy");
    let path = format!("/tenants/{CONTOSO}/jobs/{}", started["id"].as_str().unwrap());
    let end = Instant::now() + Duration::from_secs(10);
    while oc.get(&path).await.json()["status"] != "complete" {
        assert!(Instant::now() < end, "{}", oc.get(&path).await.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(oc);

    // Whoever was told that it is complete finds it so.
    let oc = Oc::at(start(&file).unwrap().router()).await;
    assert_eq!(oc.get(&path).await.json()["status"], "complete");
    oc.faults(json!({ "jobSeconds": 0 })).await;
    assert_eq!(oc.upload(CONTOSO, "r1", free(), &numbers).await.json()["id"], started["id"]);
    let held = oc.state(CONTOSO).await["numbers"].clone();
    assert!(numbers.iter().all(|number| held[number]["changes"] == 1), "{held}");
    assert_eq!(
        oc.upload(OTHER, "r1", free(), &numbers[..1]).await.json()["results"][0]["error"]["code"],
        "NumberInUse"
    );
}

#[tokio::test]
async fn keeping_many_numbers_is_quick() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    let oc = Oc::at(start(&file).unwrap().router()).await;
    oc.faults(json!({ "jobSeconds": 0 })).await;
    let begun = Instant::now();
    for job in 0..30 {
        let numbers: Vec<String> = (0..1_000).map(|n| format!("+4416329{:06}", job * 1_000 + n)).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        oc.upload(OTHER, &format!("r{job}"), free(), &numbers).await;
    }
    drop(oc);
    let oc = Oc::at(start(&file).unwrap().router()).await;
    assert_eq!(oc.state(OTHER).await["numbers"].as_object().unwrap().len(), 30_000);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn people_stay_signed_in_and_what_was_ended_stays_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    let router = start(&file).unwrap().router();
    let (tokens, replayed) = (sign_in(&router, "writer").await, sign_in(&router, "reader").await);
    let renewed = refresh(&router, &replayed).await.json();
    drop(router);

    let router = start(&file).unwrap().router();
    verified(&router, tokens["id_token"].as_str().unwrap(), "nmp-portal").await;
    assert_eq!(refresh(&router, &tokens).await.status, StatusCode::OK);
    assert_eq!(refresh(&router, &replayed).await.status, StatusCode::BAD_REQUEST, "it was used before");
    assert_eq!(refresh(&router, &renewed).await.status, StatusCode::BAD_REQUEST, "a replay ends the session");
}

#[tokio::test]
async fn a_file_belongs_to_one_sandbox_and_is_for_its_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    let oc = Oc::at(start(&file).unwrap().router()).await;
    oc.post("/_consents", json!({ "tenantId": OTHER })).await;
    let refused = start(&file).unwrap_err().to_string();
    assert!(refused.contains(file.to_str().unwrap()) && refused.contains("in use"), "{refused}");
    #[cfg(unix)]
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.unwrap().metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    for content in ["", "{\"version\":", "{}", "[1]"] {
        std::fs::write(&file, content).unwrap();
        let refused = start(&file).unwrap_err().to_string();
        assert!(refused.contains(file.to_str().unwrap()) && refused.contains("remove the file"), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    }
}
