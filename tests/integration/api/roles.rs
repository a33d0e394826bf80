//! Every operation, by every kind of program.

use std::fmt::Write as _;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::api::Api;
use crate::harness::caller::{Caller, Reply, versioned};
use crate::harness::database::Kind;
use crate::harness::runtime;

const PROGRAMS: [&str; 7] =
    ["no token", "bss-nobody", "bss-person", "bss-read", "bss-write", "bss-delete", "bss-admin"];

/// An address that leads to the operation, and to nothing.
fn path_of(pattern: &str) -> String {
    let path = pattern.replace("{account}", "absent").replace("{number}", "%2B441632960000");
    let path = path.replace("{address}", "absent").replace("{tenant}", "00000000-0000-4000-8000-000000000000");
    assert!(!path.contains('{'), "{pattern} has a parameter that this test does not know");
    path
}

async fn answer(program: &Caller, anonymous: bool, method: &Method, path: &str) -> String {
    let path = versioned(path);
    let request =
        if anonymous { program.anonymous(method.clone(), &path) } else { program.request(method.clone(), &path) };
    let kind = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    // What is allowed gets as far as the body, or finds nothing.
    let request = if *method == Method::GET { request } else { request.header("content-type", kind).body("{}") };
    let reply = Reply::to(request).await;
    match reply.status {
        StatusCode::UNAUTHORIZED => {
            assert!(reply.header("www-authenticate").starts_with("Bearer "), "{reply:?}");
            "401".to_owned()
        }
        StatusCode::FORBIDDEN => {
            let challenge = reply.header("www-authenticate");
            let (_, scope) = challenge.split_once("scope=\"").unwrap_or_else(|| panic!("{reply:?}"));
            format!("403 {}", scope.trim_end_matches('"').trim_start_matches("ProvisioningAPI."))
        }
        _ => "may".to_owned(),
    }
}

/// Read may GET and ask for capabilities, Write may PUT, PATCH and upload, Delete may DELETE and release, and Admin may all
/// of it. A person's role counts as that of a program.
#[test]
fn every_operation_by_every_program() {
    runtime().block_on(async {
        let api = Api::start(Kind::Sqlite).await;
        let mut programs = vec![api.admin.clone()];
        for program in &PROGRAMS[1..] {
            programs.push(api.caller(program).await);
        }
        let row = |what: &str, cells: &[String]| {
            let mut line = format!("{what:60}");
            for cell in cells {
                let _ = write!(line, "| {cell:11}");
            }
            line.trim_end().to_owned() + "\n"
        };
        let mut table = row("", &PROGRAMS.map(str::to_owned));
        let routes = nmp::api::routes();
        for entry in routes.entries() {
            let mut cells = Vec::new();
            for (place, program) in programs.iter().enumerate() {
                cells.push(answer(program, place == 0, &entry.method, &path_of(entry.path)).await);
            }
            table += &row(&format!("{:6} {}", entry.method.as_str(), entry.path), &cells);
        }
        insta::assert_snapshot!("every_operation_by_every_program", table);
        // Deleting an account with its numbers is deleting numbers too, which the same role opens.
        let deleter = api.caller("bss-delete").await;
        assert_eq!(deleter.delete("/accounts/absent?deleteNumbers=true").await.status, StatusCode::NO_CONTENT);
        // Who may write and not read is told what was written.
        let writer = api.caller("bss-write").await;
        let written = writer.put("/accounts/contoso", &json!({ "name": "contoso" })).await;
        assert_eq!((written.status, &written.json()["name"]), (StatusCode::CREATED, &json!("contoso")));
    });
}
