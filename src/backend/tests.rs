//! The client against the sandbox over TCP, and against servers that misbehave in other ways.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::*;
use crate::domain::{ConsentStatus, ServiceSet};
use crate::sandbox::{Sandbox, SandboxOptions};

const CONTOSO: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";

fn noon() -> OffsetDateTime {
    datetime!(2026-02-01 12:00:00 UTC)
}

fn options(base_url: &str, token_url: Option<&str>) -> OperatorConnectOptions {
    OperatorConnectOptions {
        info: BackendInfo::operator_connect(ServiceSet::ALL),
        base_url: base_url.parse().unwrap(),
        token_url: token_url.map(|url| url.parse().unwrap()),
        client_id: "nmp-operator-connect".to_owned(),
        client_secret: SecretString::from("sandbox"),
        scope: Some("operator-connect/.default".to_owned()),
        now: noon,
    }
}

/// A running sandbox with its examples, and a client of it.
struct Outside {
    sandbox: Sandbox,
    oc: OperatorConnect,
    plain: reqwest::Client,
}

impl Outside {
    async fn start() -> Self {
        let (sandbox, listener) =
            Sandbox::bind("127.0.0.1:0".parse().unwrap(), SandboxOptions { examples: true, state: None })
                .await
                .unwrap();
        let server = sandbox.clone();
        TaskTracker::new().spawn(async move { server.serve(listener, CancellationToken::new()).await });
        let oc = OperatorConnect::new(options(&sandbox.operator_connect_url(), Some(&sandbox.token_url()))).unwrap();
        let outside = Self { sandbox, oc, plain: reqwest::Client::builder().no_proxy().build().unwrap() };
        outside.faults(json!({ "jobSeconds": 0 })).await;
        outside
    }

    async fn put(&self, url: String, body: Value) {
        assert!(self.plain.put(url).json(&body).send().await.unwrap().status().is_success());
    }

    async fn faults(&self, faults: Value) {
        self.put(format!("{}/_faults", self.sandbox.operator_connect_url()), faults).await;
    }

    async fn identity(&self, route: &str, body: Value) {
        self.put(format!("{}/{route}", self.sandbox.issuer()), body).await;
    }

    async fn changes(&self, number: &str) -> Value {
        let url = format!("{}/_state", self.sandbox.operator_connect_url());
        let state: Value = self.plain.get(url).send().await.unwrap().json().await.unwrap();
        state["tenants"][CONTOSO]["numbers"][number]["changes"].clone()
    }
}

fn contoso() -> TenantId {
    TenantId::parse(CONTOSO).unwrap()
}

fn upload(request_id: &str, numbers: &[&str]) -> UploadRequest {
    UploadRequest {
        tenant: contoso(),
        request_id: request_id.to_owned(),
        service: Service::OperatorConnect,
        calling_profile: Some("default".to_owned()),
        settings: TeamsSettings {
            usage: "CallingUserAssignment".to_owned(),
            choosable_capabilities: vec!["InboundCalling".to_owned()],
            allow_tenant_address_update: true,
            ..TeamsSettings::default()
        },
        numbers: numbers.iter().map(|number| E164::parse_wire(number).unwrap()).collect(),
    }
}

fn first() -> Cursor {
    Pages::default().next().unwrap()
}

fn reason<T: fmt::Debug>(answer: Answer<T>) -> (Option<Duration>, String) {
    match answer {
        Err(BackendError::Retry { after, reason }) => (after, reason),
        other => panic!("expected a retry, got {other:?}"),
    }
}

#[tokio::test]
async fn everything_can_be_read() {
    let outside = Outside::start().await;
    let oc = &outside.oc;
    let consents = oc.consents_page(&first()).await.unwrap();
    assert_eq!((consents.items.len(), consents.unreadable, consents.next_cursor), (9, 0, None));
    assert_eq!(consents.items.iter().filter(|consent| consent.status == ConsentStatus::Suspended).count(), 1);
    let plans = oc.capability_plans(&contoso()).await.unwrap();
    assert!(plans.iter().any(|plan| plan.usage == "ConferenceAssignment" && plan.supports_toll_free));
    let addresses = oc.civic_addresses_page(&contoso(), &first()).await.unwrap().items;
    assert!(addresses.iter().any(|a| a.line() == "4567 NE Main St, Redmond, WA 98052, US" && a.locations.len() == 3));
    let northwind = TenantId::parse("2c9e7b14-0d3f-4a58-8f6b-31d5a0c4e722").unwrap();
    let numbers = oc.numbers_page(&northwind, &first()).await.unwrap().items;
    assert_eq!(numbers.len(), 20);
    let rest = oc.numbers_page(&northwind, &Cursor::at("+12065550150")).await.unwrap().items;
    assert_eq!(rest.len(), 19, "the + of a cursor survives the way");
    assert_eq!(numbers[0].assignment_status, "assigned");
}

#[tokio::test]
async fn numbers_go_there_and_back() {
    let outside = Outside::start().await;
    let oc = &outside.oc;
    assert_eq!(oc.find_job(&contoso(), "r1").await.unwrap(), None);
    let job = oc.upload(&upload("r1", &["+441632960000", "+441632960001"])).await.unwrap();
    assert_eq!((job.status.clone(), job.retry_after), (JobStatus::Complete, None));
    assert!(job.results.iter().all(|result| result.outcome == NumberOutcome::Succeeded));
    assert_eq!(oc.find_job(&contoso(), "r1").await.unwrap().as_ref(), Some(&job));
    assert_eq!(oc.job(&contoso(), &job.id).await.unwrap(), job);
    let held = oc.numbers_page(&contoso(), &first()).await.unwrap().items;
    assert_eq!((held.len(), held[0].calling_profile.as_deref()), (2, Some("default")));
    assert_eq!(held[0].settings, upload("", &[]).settings);
    let release =
        ReleaseRequest { tenant: contoso(), request_id: "r2".to_owned(), numbers: vec![held[0].telephone_number] };
    assert!(oc.release(&release).await.unwrap().status.is_done());
    assert_eq!(oc.numbers_page(&contoso(), &first()).await.unwrap().items.len(), 1);
    outside.faults(json!({ "jobSeconds": 30 })).await;
    let running = oc.upload(&upload("r3", &["+441632960005"])).await.unwrap();
    assert_eq!((running.status, running.retry_after), (JobStatus::Pending, Some(Duration::from_secs(5))));
}

#[tokio::test]
async fn a_relationship_is_told() {
    let outside = Outside::start().await;
    let update =
        |status: &str| RelationshipUpdate { request_id: "u1".to_owned(), status: status.to_owned(), comment: None };
    let told = outside.oc.update_relationship(&contoso(), &update("AgreementSigned")).await.unwrap();
    assert!(told.status == "AgreementSigned" && told.last_modified_on.is_some());
    let refused = outside.oc.update_relationship(&contoso(), &update("ConsentDeclined")).await;
    assert!(matches!(refused, Err(BackendError::Rejected(error)) if error.code == "RequestIdConflict"));
}

#[tokio::test]
async fn the_backends_words_about_a_number_come_through() {
    let outside = Outside::start().await;
    let mut request = upload("r1", &["+441632960000"]);
    request.settings.usage.clear();
    let job = outside.oc.upload(&request).await.unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    let message = "Invalid/missing required configuration attributes: Usage";
    let expected = ProvisioningError::new("InvalidRequest", message, Some("oc".to_owned()));
    assert_eq!(job.results[0].outcome, NumberOutcome::Failed(expected));
}

#[tokio::test]
async fn when_asked_to_wait_nobody_calls_before_the_time() {
    let outside = Outside::start().await;
    outside.faults(json!({ "status": 503 })).await;
    assert_eq!(reason(outside.oc.consents_page(&first()).await).0, None);
    outside.faults(json!({ "status": 429, "retryAfter": "Sun, 01 Feb 2026 12:00:20 GMT" })).await;
    let (after, why) = reason(outside.oc.consents_page(&first()).await);
    assert_eq!(after, Some(Duration::from_secs(20)));
    assert!(why.contains("slow down"));
    outside.faults(json!({ "status": null })).await;
    let (after, again) = reason(outside.oc.capability_plans(&contoso()).await);
    assert!(after.unwrap() <= Duration::from_secs(20) && again == why, "the backend would have answered by now");
}

#[tokio::test]
async fn the_wait_ends() {
    let outside = Outside::start().await;
    outside.faults(json!({ "status": 429, "retryAfter": 0 })).await;
    assert_eq!(reason(outside.oc.consents_page(&first()).await).0, Some(Duration::ZERO));
    outside.faults(json!({ "status": null })).await;
    outside.oc.consents_page(&first()).await.unwrap();
}

#[tokio::test]
async fn work_whose_answer_was_lost_is_found_and_not_done_twice() {
    let outside = Outside::start().await;
    for (fault, number) in [("dropResponseRate", "+441632960000"), ("garbageRate", "+441632960001")] {
        outside.faults(json!({ fault: 1.0 })).await;
        reason(outside.oc.upload(&upload(fault, &[number])).await);
        outside.faults(json!({ fault: 0.0 })).await;
        let found = outside.oc.find_job(&contoso(), fault).await.unwrap().unwrap();
        assert_eq!(found.status, JobStatus::Complete);
        assert_eq!(outside.oc.upload(&upload(fault, &[number])).await.unwrap(), found);
        assert_eq!(outside.changes(number).await, 1);
    }
    outside.faults(json!({ "down": true })).await;
    reason(outside.oc.upload(&upload("never", &["+441632960002"])).await);
    outside.faults(json!({ "down": false })).await;
    assert_eq!(outside.oc.find_job(&contoso(), "never").await.unwrap(), None);
}

#[tokio::test]
async fn a_batch_refused_as_a_whole_is_told_apart_from_a_passing_fault() {
    let outside = Outside::start().await;
    outside.faults(json!({ "refuseBatchNumbers": ["+441632960001"] })).await;
    let refused = outside.oc.upload(&upload("r1", &["+441632960000", "+441632960001"])).await;
    assert!(matches!(refused, Err(BackendError::Rejected(error)) if error.code == "InvalidRequest"));
    assert_eq!(outside.oc.find_job(&contoso(), "r1").await.unwrap(), None);
    outside.oc.upload(&upload("r1a", &["+441632960000"])).await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_no_longer_accepted_is_replaced_once() {
    let outside = Outside::start().await;
    outside.oc.consents_page(&first()).await.unwrap();
    outside.identity("_rotate?drop=true", Value::Null).await;
    outside.oc.consents_page(&first()).await.unwrap();
    outside.faults(json!({ "status": 401 })).await;
    assert!(reason(outside.oc.consents_page(&first()).await).1.contains("did not accept our token"));
    outside.faults(json!({ "status": null })).await;
    outside.identity("_rotate?drop=true", Value::Null).await;
    outside.identity("_faults", json!({ "down": true })).await;
    assert!(reason(outside.oc.consents_page(&first()).await).1.contains("sign-in service"));
    outside.identity("_faults", json!({ "down": false })).await;
    outside.oc.consents_page(&first()).await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_are_told_without_showing_them() {
    let outside = Outside::start().await;
    let mut wrong = options(&outside.sandbox.operator_connect_url(), Some(&outside.sandbox.token_url()));
    wrong.client_secret = SecretString::from("gu3ss");
    let (_, why) = reason(OperatorConnect::new(wrong).unwrap().consents_page(&first()).await);
    assert!(why.contains("401 (invalid_client)") && !why.contains("gu3ss"), "{why}");
}

/// A server that answers every connection with the same bytes, and counts them.
async fn canned(answer: Vec<u8>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    TaskTracker::new().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    url
}

async fn canned_answer(status: &str, headers: &str, body: &str) -> Answer<Page<Consent>> {
    let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n{body}");
    let url = canned(answer.into_bytes()).await;
    OperatorConnect::new(options(url.as_str(), None)).unwrap().consents_page(&first()).await
}

#[tokio::test]
async fn garbage_is_a_reason_to_wait_and_never_a_crash() {
    let huge = " ".repeat(11 * 1024 * 1024);
    for (status, headers, body, word) in [
        ("200 OK", "", "<html>hello</html>", "could not be read"),
        ("200 OK", "", "{\"value\":", "could not be read"),
        ("200 OK", "", "{\"value\":[],\"value\":[]}", "could not be read"),
        ("200 OK", "Content-Length: 100\r\n", "{\"value\":[]}", "cut"),
        ("200 OK", "", huge.as_str(), "larger than 10 MB"),
        ("302 Found", "Location: http://127.0.0.1:1/\r\n", "", "status 302"),
        ("500 Oops", "Retry-After: soon\r\n", "", "status 500"),
        ("401 No", "", "", "token"),
        ("nonsense", "", "", "cut"),
    ] {
        let (after, why) = reason(canned_answer(status, headers, body).await);
        assert!(after.is_none() && why.contains(word), "{status} {headers}: {why}");
    }
    let refused = canned_answer("404 Not Found", "", "<html>").await;
    assert!(matches!(refused, Err(BackendError::Rejected(error)) if error.code == "HTTP_404"));
    let odd = r#"{"value":[
        {"id":"1"},
        {"id":"2","tenantId":"a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a","status":"odd","more":1}
    ]}"#;
    let odd = canned_answer("200 OK", "", odd).await;
    let odd = odd.unwrap();
    assert_eq!((odd.items.len(), odd.unreadable, odd.items[0].status.as_str()), (1, 1, "odd"));
}

#[tokio::test]
async fn nobody_there_is_said_plainly() {
    let oc = OperatorConnect::new(options("http://127.0.0.1:1/", None)).unwrap();
    assert_eq!(reason(oc.consents_page(&first()).await).1, "no connection to Operator Connect");
    assert!(OperatorConnect::new(options("mailto:someone@example.com", None)).is_err());
}
