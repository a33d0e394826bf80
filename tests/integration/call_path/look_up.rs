//! The look-up of one number, and the feed, over HTTP with a token.

use nmp::store::Db;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::api::{Api, number, path_of};
use crate::harness::caller::Reply;
use crate::harness::database::Kind;
use crate::harness::on_both_databases;
use crate::harness::world::CONTOSO;

on_both_databases!(over_http: a_call_finds_its_number, a_program_keeps_a_copy);

const TEAMS: [&str; 3] = ["teamsOperatorConnect", "teamsDirectRouting", "zoomPhoneCloudPeering"];

/// A number of Direct Routing with a value for the header, and one of Operator Connect.
async fn numbers(api: &Api) {
    api.account("contoso", &TEAMS).await;
    let mut direct = number("contoso", "+441632960001", "teamsDirectRouting");
    direct["serviceDetails"]["zoomPhoneCloudPeering"] = json!({ "enabled": true });
    direct["configuration"] = json!({ "customSipHeader": "contoso-berlin" });
    api.upload("contoso", &[direct, number("contoso", "+441632960002", "teamsOperatorConnect")]).await;
}

async fn a_call_finds_its_number(api: Api) -> Api {
    // The backend keeps the second one waiting.
    api.backend(json!({ "jobSeconds": 3600.0 })).await;
    numbers(&api).await;
    let reader = api.caller("bss-read").await;
    let found = reader.get("/call-path/numbers/+441632960001").await;
    assert_eq!(found.status, StatusCode::OK, "{found:?}");
    let routing = json!({
        "subdomain": "contoso",
        "names": ["contoso.1r1.pstn.example.com", "contoso.1r2.pstn.example.com"],
        "callScreening": true,
    });
    assert_eq!(
        found.json(),
        json!({
            "telephoneNumber": "+441632960001",
            "accountName": "contoso",
            "services": ["teamsDirectRouting", "zoomPhoneCloudPeering"],
            "serviceProvisioningStatus": "synced",
            "teamsTenantId": CONTOSO,
            "directRouting": routing,
            "customSipHeader": { "name": "X-MS-Operator-Content", "value": "contoso-berlin" },
        })
    );
    assert_eq!(found.header("cache-control"), "no-store");
    assert!(!found.header("x-ms-request-id").is_empty());
    // The plus as it is written in a query, and a version that nobody asked for.
    let pending = reader.get("/call-path/numbers/%2B441632960002?api-version=2024-02-29").await;
    assert_eq!(pending.json()["serviceProvisioningStatus"], "pending", "{pending:?}");
    assert_eq!(pending.json()["services"], json!(["teamsOperatorConnect"]));
    assert_eq!(pending.json().get("customSipHeader"), None);

    assert_eq!(reader.get("/call-path/numbers/+441632960009").await.error(), (404, "NotFound".to_owned()));
    for (path, code) in [
        ("/call-path/numbers/441632960001", "InvalidPathParameter"),
        ("/call-path/numbers/+0441632960001", "InvalidPathParameter"),
        ("/call-path/numbers/+44163296000x", "InvalidPathParameter"),
        ("/call-path/numbers/+1234567890123456", "InvalidPathParameter"),
        ("/call-path/numbers/+441632960001?account=contoso", "UnsupportedQueryParameter"),
    ] {
        let refused = reader.get(path).await;
        assert_eq!(refused.error(), (400, code.to_owned()), "{path}");
    }
    for path in ["/call-path", "/call-path/numbers/", "/call-path/numbers/+441632960001/", "/Call-Path/numbers"] {
        assert_eq!(reader.get(path).await.error(), (404, "ResourceNotFound".to_owned()), "{path}");
    }
    let posted = Reply::to(reader.request(Method::POST, "/call-path/numbers/+441632960001")).await;
    assert_eq!(posted.error(), (405, "MethodNotAllowed".to_owned()));
    let anonymous = Reply::to(reader.anonymous(Method::GET, "/call-path/numbers/+441632960001")).await;
    assert_eq!(anonymous.error(), (401, "MissingToken".to_owned()));
    let writer = api.caller("bss-write").await.get("/call-path/numbers/+441632960001").await;
    assert_eq!(writer.error(), (403, "MissingRole".to_owned()));

    // What is being released is gone at once, though the backend still holds it.
    assert_eq!(api.admin.delete(&path_of("contoso", "+441632960002")).await.status, StatusCode::NO_CONTENT);
    let gone = reader.get("/call-path/numbers/+441632960002").await;
    assert_eq!(gone.error(), (404, "NotFound".to_owned()));
    let said = gone.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(said, "No account has the number +441632960002, or it is being released.");
    api.backend(json!({ "jobSeconds": 0.0 })).await;
    api
}

/// What a call waits for, and what a copy asks again and again, is found by indexes alone and never sorted.
#[test]
fn every_question_is_answered_from_indexes() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let Db::Sqlite(sqlite) = &world.db else { panic!("not the database that was asked for") };
        let mut asked = 0;
        for (name, text) in nmp::store::statements() {
            let Some((_, name)) = name.split_once("store::numbers::call_path::") else { continue };
            // What is written, and what is read once in the beginning.
            if ["ANSWER", "RUNS"].contains(&name) {
                continue;
            }
            let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
            let steps: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(plan).fetch_all(&mut *sqlite.write.lend().await.unwrap()).await.unwrap();
            for (.., step) in steps {
                let reads_all = step.starts_with("SCAN") && step != "SCAN CONSTANT ROW";
                assert!(!reads_all && !step.contains("TEMP B-TREE"), "{name}: {step}");
            }
            asked += 1;
        }
        assert_eq!(asked, 9);
    });
}

fn told(page: &Value, list: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| value["telephoneNumber"].as_str().unwrap()).to_owned();
    page[list].as_array().unwrap().iter().map(text).collect()
}

async fn a_program_keeps_a_copy(api: Api) -> Api {
    numbers(&api).await;
    api.quiet().await;
    let reader = api.caller("bss-read").await;
    let ask = async |cursor: &str| {
        let page = reader.get(&format!("/call-path/numbers?cursor={cursor}")).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        page.json()
    };
    let first = reader.get("/call-path/numbers").await.json();
    assert_eq!(told(&first, "numbers"), ["+441632960001", "+441632960002"]);
    assert_eq!((&first["full"], &first["more"], &first["removed"]), (&json!(true), &json!(true), &json!([])));
    let one = reader.get("/call-path/numbers/+441632960001").await.json();
    assert_eq!(first["numbers"][0], one);
    let begun = first["cursor"].as_str().unwrap();
    let idle = ask(begun).await;
    assert_eq!((&idle["numbers"], &idle["full"], &idle["more"]), (&json!([]), &json!(false), &json!(false)));
    assert_eq!(api.admin.delete(&path_of("contoso", "+441632960002")).await.status, StatusCode::NO_CONTENT);
    let account = api.admin.read("/accounts/contoso").await;
    let mut silent = account.clone();
    silent["serviceDetails"]["teamsDirectRouting"]["configuration"]["callScreening"] = json!(false);
    assert_eq!(api.admin.put("/accounts/contoso", &silent).await.status, StatusCode::OK);
    api.quiet().await;
    // From wherever one asks, it ends the same.
    for cursor in [begun, idle["cursor"].as_str().unwrap()] {
        let page = ask(cursor).await;
        assert_eq!(
            (told(&page, "numbers"), told(&page, "removed")),
            (vec!["+441632960001".to_owned()], vec!["+441632960002".to_owned()])
        );
        assert_eq!(page["numbers"][0]["directRouting"]["callScreening"], false);
    }
    for damaged in ["", "x", &begun[..begun.len() - 2], &format!("{begun}A")] {
        let refused = reader.get(&format!("/call-path/numbers?cursor={damaged}")).await;
        assert_eq!(refused.error(), (400, "InvalidCursor".to_owned()), "{damaged}");
    }
    let twice = reader.get(&format!("/call-path/numbers?cursor={begun}&cursor={begun}")).await;
    assert_eq!(twice.error(), (400, "RepeatedQueryParameter".to_owned()));
    let unknown = reader.get("/call-path/numbers?top=3").await;
    assert_eq!(unknown.error(), (400, "UnsupportedQueryParameter".to_owned()));

    let other = Api::start(Kind::Sqlite).await;
    let gone = other.caller("bss-read").await.get(&format!("/call-path/numbers?cursor={begun}")).await;
    assert_eq!(gone.error(), (410, "CursorGone".to_owned()));
    other.db.close().await;
    api
}
