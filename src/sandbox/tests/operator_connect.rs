//! The protocol of docs/operator-connect-backend.md, and the switches around it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::{Answer, form, get, router};

pub(super) const CONTOSO: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
pub(super) const OTHER: &str = "00000000-0000-4000-8000-000000000001";
/// The block of numbers of northwind in the examples.
const HELD: &str = "+12065550150";
pub(super) const NORTHWIND: &str = "2c9e7b14-0d3f-4a58-8f6b-31d5a0c4e722";

pub(super) struct Oc {
    pub(super) router: Router,
    token: String,
}

impl Oc {
    async fn with(examples: bool) -> Self {
        let oc = Self::at(router(examples)).await;
        oc.faults(json!({ "jobSeconds": 0 })).await;
        oc
    }

    /// Signs in at a sandbox as it is.
    pub(super) async fn at(router: Router) -> Self {
        let fields =
            [("grant_type", "client_credentials"), ("client_id", "nmp-operator-connect"), ("client_secret", "sandbox")];
        let token = form(&router, "/identity/token", "", &fields).await.json();
        Self { token: token["access_token"].as_str().unwrap().to_owned(), router }
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        super::json(&self.router, method, &format!("/operator-connect{path}"), &self.token, &body).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    pub(super) async fn faults(&self, faults: Value) -> Value {
        self.call(Method::PUT, "/_faults", faults).await.json()
    }

    pub(super) async fn upload(&self, tenant: &str, id: &str, settings: Value, numbers: &[&str]) -> Answer {
        let body = json!({ "requestId": id, "service": "operatorConnect", "settings": settings, "numbers": numbers });
        self.post(&format!("/tenants/{tenant}/uploads"), body).await
    }

    pub(super) async fn release(&self, tenant: &str, id: &str, numbers: &[&str]) -> Answer {
        self.post(&format!("/tenants/{tenant}/releases"), json!({ "requestId": id, "numbers": numbers })).await
    }

    pub(super) async fn state(&self, tenant: &str) -> Value {
        get(&self.router, "/operator-connect/_state").await.json()["tenants"][tenant].clone()
    }

    /// The only error of a job with one number.
    async fn fault(&self, tenant: &str, id: &str, settings: Value, number: &str) -> Value {
        let job = self.upload(tenant, id, settings, &[number]).await.json();
        assert_eq!(job["status"], "failed", "{job}");
        job["results"][0]["error"].clone()
    }
}

pub(super) fn free() -> Value {
    json!({ "usage": "CallingUserAssignment", "choosableCapabilities": ["InboundCalling"], "allowTenantAddressUpdate": true })
}

#[tokio::test]
async fn the_examples_are_what_the_documents_say() {
    let oc = Oc::with(true).await;
    let consents = oc.get("/consents").await.json();
    let consents = consents["value"].as_array().unwrap();
    assert_eq!(consents.len(), 9);
    assert!(consents.iter().any(|c| c["tenantId"] == CONTOSO && c["lastModifiedOn"] == "2026-01-12T09:30:00Z"));
    for status in ["suspended", "removed"] {
        assert_eq!(consents.iter().filter(|c| c["status"] == status).count(), 1);
    }
    let relationships =
        |status: &str| consents.iter().filter(|c| c["customerRelationship"]["status"] == status).count();
    let all = ["ConsentAcknowledged", "CustomerContacted", "AgreementSigned", "ConsentDeclined", "ContractTerminated"];
    assert!(all.iter().all(|status| relationships(status) > 0));
    let addresses = oc.get(&format!("/tenants/{CONTOSO}/civic-addresses")).await.json();
    for address in addresses["value"].as_array().unwrap() {
        let locations = address["locations"].as_array().unwrap();
        assert!(locations.iter().any(|l| l["id"] == address["defaultLocationId"] && l["isDefault"] == true));
        assert!(locations.iter().all(|l| l["civicAddressId"] == address["id"]));
    }
    let numbers = oc.get(&format!("/tenants/{NORTHWIND}/numbers?limit=3")).await.json();
    assert_eq!(numbers["value"][0]["telephoneNumber"], HELD);
    assert_eq!(numbers["value"][0]["assignmentStatus"], "assigned");
    assert_eq!(numbers["nextCursor"], "+12065550152");
    assert_eq!(
        oc.get(&format!("/tenants/{CONTOSO}/capability-plans")).await.json()["capabilityPlans"][0]["usage"],
        "CallingUserAssignment"
    );
}

#[tokio::test]
async fn lists_page_to_their_end_without_gap_or_repeat() {
    let oc = Oc::with(true).await;
    for (path, all) in [("/consents".to_owned(), 9), (format!("/tenants/{NORTHWIND}/numbers"), 20)] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = oc.get(&format!("{path}?limit=4&cursor={}", cursor.replace('+', "%2B"))).await.json();
            seen.extend(page["value"].as_array().unwrap().iter().map(ToString::to_string));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen.len(), all);
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
    assert_eq!(oc.get("/consents?limit=0").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(oc.get(&format!("/tenants/{NORTHWIND}/numbers?cursor=x")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_of_the_provider() {
    let oc = Oc::with(false).await;
    assert_eq!(get(&oc.router, "/operator-connect/consents").await.status, StatusCode::UNAUTHORIZED);
    let forged = super::json(&oc.router, Method::GET, "/operator-connect/consents", "a.b.c", &Value::Null).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED);
    super::json(&oc.router, Method::PUT, "/identity/_rotate?drop=true", "", &Value::Null).await;
    assert_eq!(oc.get("/consents").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_same_request_is_one_job_and_is_done_once() {
    let oc = Oc::with(false).await;
    let first = oc.upload(OTHER, "r1", free(), &["+441632960000"]).await;
    assert_eq!((first.status, first.json()["status"].as_str()), (StatusCode::ACCEPTED, Some("complete")));
    let again = oc.upload(OTHER, "r1", free(), &["+441632960000"]).await.json();
    assert_eq!(again, first.json());
    assert_eq!(oc.state(OTHER).await["numbers"]["+441632960000"]["changes"], 1);
    let other = oc.upload(OTHER, "r1", free(), &["+441632960001"]).await;
    assert_eq!((other.status, other.error_code().as_str()), (StatusCode::CONFLICT, "RequestIdConflict"));
    assert_eq!(oc.release(OTHER, "r1", &["+441632960000"]).await.status, StatusCode::CONFLICT);
    let found = oc.get(&format!("/tenants/{OTHER}/jobs?requestId=r1")).await.json();
    assert_eq!(found["id"], first.json()["id"]);
    let unknown = oc.get(&format!("/tenants/{OTHER}/jobs?requestId=r2")).await;
    assert_eq!((unknown.status, unknown.error_code().as_str()), (StatusCode::NOT_FOUND, "JobNotFound"));
}

#[tokio::test]
async fn a_request_with_a_wrong_form_is_refused_as_a_whole() {
    let oc = Oc::with(false).await;
    for numbers in [
        json!([]),
        json!(["+441632960000", "12x"]),
        json!(["+441632960000", "+441632960000"]),
        json!(vec!["+441632960000"; 1001]),
    ] {
        let body = json!({ "requestId": "r", "service": "operatorConnect", "settings": {}, "numbers": numbers });
        let refused = oc.post(&format!("/tenants/{OTHER}/uploads"), body).await;
        assert_eq!((refused.status, refused.error_code().as_str()), (StatusCode::BAD_REQUEST, "InvalidRequest"));
    }
    let body = json!({ "requestId": "r", "service": "fax", "numbers": ["+441632960000"] });
    assert_eq!(oc.post(&format!("/tenants/{OTHER}/uploads"), body).await.error_code(), "InvalidRequest");
    assert_eq!(oc.upload("not-a-guid", "r", free(), &["+441632960000"]).await.status, StatusCode::BAD_REQUEST);
    oc.faults(json!({ "refuseBatchNumbers": ["+441632960001"] })).await;
    assert_eq!(
        oc.upload(OTHER, "r", free(), &["+441632960000", "+441632960001"]).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(oc.upload(OTHER, "r", free(), &["+441632960000"]).await.status, StatusCode::ACCEPTED);
    assert_eq!(oc.state(OTHER).await["jobs"], 1);
}

#[tokio::test]
async fn a_missing_usage_fails_in_the_documented_words() {
    let oc = Oc::with(true).await;
    let expected = json!({
        "code": "InvalidRequest",
        "message": "Invalid/missing required configuration attributes: Usage",
        "target": "oc",
    });
    assert_eq!(oc.fault(CONTOSO, "r1", json!({ "usage": "" }), "+441632960000").await, expected);
    assert_eq!(oc.fault(CONTOSO, "r2", json!({}), "+441632960000").await, expected);
}

#[tokio::test]
async fn addresses_and_locations_must_be_the_tenants_own_and_fit() {
    let oc = Oc::with(true).await;
    let addresses = oc.get(&format!("/tenants/{CONTOSO}/civic-addresses")).await.json()["value"].clone();
    let (one, two) = (&addresses[0], &addresses[1]);
    let foreign = oc.get(&format!("/tenants/{NORTHWIND}/civic-addresses")).await.json()["value"][0]["id"].clone();
    let calling = |address: &Value, location: &Value| {
        let usage = "CallingUserAssignment";
        json!({ "usage": usage, "civicAddressId": address, "locationId": location })
    };
    let location = |address: &Value| address["locations"][0]["id"].clone();
    for (id, settings, word) in [
        ("r1", calling(&Value::Null, &Value::Null), "CivicAddressId or LocationId"),
        ("r2", calling(&foreign, &Value::Null), "CivicAddressId"),
        ("r3", calling(&Value::Null, &json!("nowhere")), "LocationId"),
        ("r4", calling(&one["id"], &location(two)), "does not belong"),
    ] {
        let error = oc.fault(CONTOSO, id, settings, "+441632960000").await;
        assert!(error["code"] == "InvalidRequest" && error["message"].as_str().unwrap().contains(word), "{error}");
    }
    for (id, settings) in [
        ("r5", calling(&one["id"], &Value::Null)),
        ("r6", calling(&Value::Null, &location(two))),
        ("r7", calling(&one["id"], &location(one))),
        ("r8", json!({ "usage": "ConferenceAssignment" })),
    ] {
        assert_eq!(oc.upload(CONTOSO, id, settings, &["+441632960000"]).await.json()["status"], "complete", "{id}");
    }
    let number = oc.state(CONTOSO).await["numbers"]["+441632960000"].clone();
    assert_eq!(number["changes"], 4);
    let all = json!(["ConferenceAssignment", "InboundCalling", "Office365", "Geographic"]);
    assert_eq!(number["acquiredCapabilities"], all);
}

#[tokio::test]
async fn a_number_fails_alone() {
    let oc = Oc::with(true).await;
    oc.faults(json!({ "rejectNumbers": ["+441632960001"] })).await;
    let job = oc.upload(CONTOSO, "r1", free(), &["+441632960000", "+441632960001", HELD]).await.json();
    assert_eq!(job["status"], "completeWithErrors");
    let codes: Vec<_> = job["results"].as_array().unwrap().iter().map(|r| r["error"]["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, json!("InvalidTelephoneNumber"), json!("NumberInUse")]);
    oc.post("/_consents", json!({ "tenantId": CONTOSO, "status": "suspended" })).await;
    assert_eq!(oc.fault(CONTOSO, "r2", free(), "+441632960002").await["code"], "ConsentNotActive");
    assert_eq!(
        oc.release(CONTOSO, "r3", &["+441632960000"]).await.json()["status"],
        "complete",
        "numbers can still leave"
    );
}

#[tokio::test]
async fn the_enterprise_assigns_and_numbers_can_be_taken_back() {
    let oc = Oc::with(false).await;
    oc.upload(OTHER, "r1", free(), &["+441632960000", "+441632960001"]).await;
    let done =
        oc.post("/_assign", json!({ "tenantId": OTHER, "numbers": ["+441632960000", "+441632960009"] })).await.json();
    assert_eq!(done, json!({ "done": ["+441632960000"], "unknown": ["+441632960009"] }));
    assert_eq!(oc.get(&format!("/tenants/{OTHER}/numbers")).await.json()["value"][0]["assignmentStatus"], "assigned");
    let job = oc.release(OTHER, "r2", &["+441632960000", "+441632960099"]).await.json();
    assert_eq!(job["status"], "complete");
    oc.post("/_release", json!({ "tenantId": OTHER, "numbers": ["+441632960001"] })).await;
    let state = oc.state(OTHER).await;
    assert_eq!(state["numbers"], json!({}));
    assert_eq!(state["released"], json!({ "+441632960000": { "changes": 3 }, "+441632960001": { "changes": 2 } }));
}

#[tokio::test]
async fn a_job_takes_its_time_and_other_jobs_keep_off_its_numbers() {
    let oc = Oc::with(false).await;
    oc.faults(json!({ "jobSeconds": 0.4 })).await;
    let numbers: Vec<String> = (0..8).map(|n| format!("+44163296000{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let started = oc.upload(OTHER, "r1", free(), &numbers).await;
    assert_eq!(started.headers[header::RETRY_AFTER], "1");
    assert_eq!(started.json()["status"], "pending");
    oc.faults(json!({ "jobSeconds": 0 })).await;
    assert_eq!(oc.fault(CONTOSO, "r2", free(), numbers[7]).await["code"], "NumberBusy");
    let path = format!("/tenants/{OTHER}/jobs/{}", started.json()["id"].as_str().unwrap());
    let (mut seen, until) = (Vec::new(), Instant::now() + Duration::from_secs(5));
    while Instant::now() < until {
        let job = oc.get(&path).await.json();
        let done = job["results"].as_array().unwrap().iter().filter(|r| r["status"] == "succeeded").count();
        seen.push(done);
        if job["status"] == "complete" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(seen.is_sorted() && seen.last() == Some(&8));
    assert!(seen.iter().any(|done| (1..8).contains(done)), "{seen:?}");
    assert_eq!(oc.fault(CONTOSO, "r3", free(), numbers[7]).await["code"], "NumberInUse");
}

#[tokio::test]
async fn a_relationship_is_updated_once_for_a_request() {
    let oc = Oc::with(true).await;
    let path = format!("/consents/{CONTOSO}/relationship");
    let update = |status: &str| json!({ "requestId": "u1", "status": status, "comment": "agreed" });
    assert_eq!(oc.call(Method::PUT, &path, update("AgreementSigned")).await.json()["status"], "AgreementSigned");
    assert_eq!(oc.call(Method::PUT, &path, update("AgreementSigned")).await.status, StatusCode::OK);
    assert_eq!(oc.call(Method::PUT, &path, update("ConsentDeclined")).await.status, StatusCode::CONFLICT);
    assert_eq!(oc.state(CONTOSO).await["consent"]["customerRelationship"]["comment"], "agreed");
    let unknown = oc.call(Method::PUT, &format!("/consents/{OTHER}/relationship"), update("AgreementSigned")).await;
    assert_eq!((unknown.status, unknown.error_code().as_str()), (StatusCode::NOT_FOUND, "ConsentNotFound"));
}

#[tokio::test]
async fn faults_stay_until_changed_and_null_resets_them() {
    let oc = Oc::with(false).await;
    oc.faults(json!({ "status": 429, "retryAfter": 7 })).await;
    let faults = oc.faults(json!({ "latencyMs": 1 })).await;
    assert_eq!((faults["status"].as_u64(), faults["jobSeconds"].as_f64()), (Some(429), Some(0.0)));
    let limited = oc.get("/consents").await;
    assert_eq!(
        (limited.status, &limited.headers[header::RETRY_AFTER]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
    );
    assert_eq!(oc.faults(json!({ "status": null, "jobSeconds": null })).await["jobSeconds"], 1.0);
    assert_eq!(oc.get("/consents").await.status, StatusCode::OK);
    let wrong = oc.call(Method::PUT, "/_faults", json!({ "latency": 1 })).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn consents_and_addresses_can_be_added() {
    let oc = Oc::with(false).await;
    let consent = oc.post("/_consents", json!({ "tenantId": OTHER })).await.json();
    assert_eq!((consent["status"].as_str(), consent["productContext"].as_str()), (Some("active"), Some("teams")));
    let changed = oc.post("/_consents", json!({ "tenantId": OTHER, "status": "removed" })).await.json();
    assert_eq!((&changed["id"], changed["status"].as_str()), (&consent["id"], Some("removed")));
    let address = oc
        .post(
            "/_civic-addresses",
            json!({ "tenantId": OTHER, "cityOrTown": "Redmond", "locations": [{ "description": "Floor 1" }] }),
        )
        .await
        .json();
    assert_eq!(
        (address["locations"].as_array().unwrap().len(), address["validationStatus"].as_str()),
        (2, Some("validated"))
    );
    assert_eq!(oc.post("/_consents", json!({})).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn numbers_are_there_and_change_behind_the_operators_back() {
    let oc = Oc::with(true).await;
    // A tenant without a consent, and a number that another tenant had.
    let held = json!({ "tenant": OTHER, "number": HELD, "usage": "ConferenceAssignment", "assigned": true });
    assert_eq!(oc.post("/_hold", held).await.json(), json!({ "done": [HELD], "unknown": [] }));
    oc.post("/_hold", json!({ "tenantId": OTHER, "numbers": ["+441632960000"], "count": 3, "settings": free() })).await;
    let state = oc.state(OTHER).await;
    assert_eq!((&state["consent"], state["numbers"].as_object().unwrap().len()), (&Value::Null, 4));
    assert_eq!(state["numbers"][HELD]["assignmentStatus"], "assigned");
    assert_eq!(oc.state(NORTHWIND).await["numbers"][HELD], Value::Null);

    let change = json!({
        "tenant": OTHER, "number": "+441632960001", "count": 9,
        "usage": "FirstPartyAppAssignment", "callingProfile": "other", "choosableCapabilities": null
    });
    let changed = oc.post("/_change", change).await.json();
    assert_eq!(changed["done"], json!(["+441632960001", "+441632960002"]));
    assert_eq!(changed["unknown"].as_array().unwrap().len(), 7);
    let state = oc.state(OTHER).await;
    let number = &state["numbers"]["+441632960001"];
    let expected = json!({
        "usage": "FirstPartyAppAssignment", "choosableCapabilities": [], "additionalUsages": [],
        "allowTenantAddressUpdate": true
    });
    assert_eq!(
        (&number["settings"], &number["callingProfile"], &number["changes"]),
        (&expected, &json!("other"), &json!(2))
    );
    assert_eq!(state["numbers"]["+441632960000"]["changes"], 1, "the others are as they were");
    for wrong in
        [json!({ "tenant": OTHER, "number": HELD, "usages": "x" }), json!({ "tenant": OTHER, "number": "12x" })]
    {
        assert_eq!(oc.post("/_change", wrong).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_number_on_its_way_out_says_so() {
    let oc = Oc::with(false).await;
    let [first, second] = ["+441632960000", "+441632960001"];
    oc.upload(OTHER, "r1", free(), &[first, second]).await;
    let status = async |number: &str| oc.state(OTHER).await["numbers"][number]["acquiredNumberStatus"].clone();
    oc.post("/_change", json!({ "tenant": OTHER, "number": first, "acquiredNumberStatus": "MarkedForRemoval" })).await;
    assert_eq!((status(first).await, status(second).await), (json!("MarkedForRemoval"), Value::Null));
    let assigned = oc.post("/_assign", json!({ "tenantId": OTHER, "numbers": [first] })).await.json();
    assert_eq!(assigned["unknown"], json!([first]), "nobody can be given a number that goes");
    assert_eq!(oc.fault(OTHER, "r2", free(), first).await["code"], "NumberBeingRemoved");

    oc.faults(json!({ "jobSeconds": 30 })).await;
    oc.release(OTHER, "r3", &[second]).await;
    assert_eq!(status(second).await, "ReleaseRequested");
    oc.faults(json!({ "jobSeconds": 0, "rejectNumbers": [first] })).await;
    assert_eq!(oc.release(OTHER, "r4", &[first]).await.json()["status"], "failed");
    assert_eq!(status(first).await, Value::Null, "it stays");
}

#[tokio::test]
async fn an_entry_fails_with_the_code_that_it_is_told() {
    let oc = Oc::with(false).await;
    oc.faults(json!({ "entryErrors": { "+441632960000": "unable_to_match_geography_entry" } })).await;
    let error = oc.fault(OTHER, "r1", free(), "+441632960000").await;
    assert_eq!((&error["code"], &error["target"]), (&json!("unable_to_match_geography_entry"), &json!("oc")));
    oc.faults(json!({ "entryErrors": null })).await;
    assert_eq!(oc.upload(OTHER, "r2", free(), &["+441632960000"]).await.json()["status"], "complete");
}

#[tokio::test]
async fn a_consent_is_sent_as_it_was_given() {
    let oc = Oc::with(false).await;
    let odd = json!({ "tenantId": OTHER, "contacts": null, "consentedOn": "2026-01-12T09:30:00", "lastModifiedOn": 5 });
    oc.post("/_consents", odd.clone()).await;
    let consent = oc.get("/consents").await.json()["value"][0].clone();
    for member in ["contacts", "consentedOn", "lastModifiedOn"] {
        assert_eq!(consent[member], odd[member]);
    }
}

#[tokio::test]
async fn a_hundred_thousand_numbers_are_quick() {
    let oc = Oc::with(false).await;
    let started = Instant::now();
    for job in 0..100 {
        let numbers: Vec<String> = (0..1_000).map(|n| format!("+4416329{:06}", job * 1_000 + n)).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let done = oc.upload(OTHER, &format!("r{job}"), free(), &numbers).await;
        assert!(done.text.contains("\"status\":\"complete\""));
    }
    let state = get(&oc.router, "/operator-connect/_state").await;
    assert_eq!(state.text.matches("\"changes\":1").count(), 100_000);
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
}
