//! Requests that a client may send again when it did not hear the answer.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::api::{Api, account, batch, identifiers, number, path_of};
use crate::harness::caller::Reply;
use crate::harness::database::numbers;
use crate::harness::on_both_databases;
use crate::harness::world::CONTOSO;

/// The time `seconds` from now, as RFC 3339 writes it.
#[expect(clippy::disallowed_methods, reason = "the program runs with the real time")]
pub(super) fn at(seconds: i64) -> String {
    let time = time::OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    time.format(&time::format_description::well_known::Rfc3339).unwrap()
}

async fn send(api: &Api, method: &Method, path: &str, id: &str, first_sent: &str, body: Option<&Value>) -> Reply {
    let headers = [("Repeatability-Request-ID", id), ("Repeatability-First-Sent", first_sent)];
    api.admin.call(method.clone(), path, &headers, body).await
}

/// Asserts that a repetition is told what the first one was.
fn same(again: &Reply, first: &Reply) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for header in ["etag", "content-type", "repeatability-result"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(first.header("repeatability-result"), "accepted", "{first:?}");
    assert_ne!(again.header("x-ms-request-id"), first.header("x-ms-request-id"));
}

async fn what_was_answered_is_answered_again_also_after_a_crash(mut api: Api) -> Api {
    api.know_tenants().await;
    api.account("fabrikam", &["zoomPhoneCloudPeering"]).await;
    let oc = number("contoso", "+441632960000", "teamsOperatorConnect");
    let more = [oc.clone(), number("contoso", "+441632960001", "teamsOperatorConnect")];
    let patch = json!({ "customerRelationship": { "status": "AgreementSigned", "comment": "once" } });
    let one = path_of("contoso", "+441632960000");
    let consent = format!("/teamsRequestsForInformation/{CONTOSO}");
    let requests: [(Method, &str, Option<Value>); 8] = [
        (Method::PUT, "/accounts/contoso", Some(account("contoso", &["teamsOperatorConnect"]))),
        (Method::PUT, &one, Some(oc.clone())),
        (Method::POST, "/accounts/contoso:createOrUpdateNumbers", Some(batch(&more))),
        (Method::POST, "/accounts/contoso:getTeamsCapabilityPlans", None),
        (Method::POST, "/accounts/contoso:getTeamsAvailableCapabilities", Some(identifiers(&["+441632960001"]))),
        (Method::PATCH, &consent, Some(patch)),
        (Method::POST, "/accounts/contoso:deleteNumbers", Some(identifiers(&["+441632960001"]))),
        (Method::DELETE, "/accounts/fabrikam", None),
    ];
    let (now, statuses) = (at(0), [201, 201, 200, 200, 200, 200, 204, 204]);
    let mut first = Vec::new();
    for (place, (method, path, body)) in requests.iter().enumerate() {
        let reply = send(&api, method, path, &format!("request-{place}"), &now, body.as_ref()).await;
        assert_eq!(reply.status, statuses[place], "{method} {path}: {reply:?}");
        first.push(reply);
    }
    api.quiet().await;
    // The resources change meanwhile.
    let mut renamed = account("contoso", &["teamsOperatorConnect"]);
    renamed["correlationId"] = "another".into();
    assert_eq!(api.admin.put("/accounts/contoso", &renamed).await.status, StatusCode::OK);
    assert_eq!(api.admin.delete(&one).await.status, StatusCode::NO_CONTENT);
    api.account("fabrikam", &["zoomPhoneCloudPeering"]).await;
    api.quiet().await;
    for round in ["as it ran", "after kill -9"] {
        let stored = api.stored().await;
        for (place, (method, path, body)) in requests.iter().enumerate() {
            let again = send(&api, method, path, &format!("request-{place}"), &now, body.as_ref()).await;
            same(&again, &first[place]);
        }
        assert_eq!(api.stored().await, stored, "{round}: a repetition changed something");
        api.demo.kill();
        api.demo.start_again();
    }
    // The id is that of one request of one client.
    let other = send(&api, &Method::PUT, "/accounts/contoso", "request-0", &now, Some(&renamed)).await;
    assert_eq!(other.error(), (400, "RepeatabilityRequestIdUsed".to_owned()));
    assert_eq!(other.header("repeatability-result"), "rejected");
    let other = send(&api, &Method::DELETE, &one, "request-0", &now, None).await;
    assert_eq!(other.error(), (400, "RepeatabilityRequestIdUsed".to_owned()));
    let writer = api.caller("bss-write").await;
    let headers = [("Repeatability-Request-ID", "request-0"), ("Repeatability-First-Sent", now.as_str())];
    let own = writer.call(Method::PUT, "/accounts/contoso", &headers, Some(&renamed)).await;
    assert_eq!(own.status, StatusCode::OK, "another client's ids are its own: {own:?}");
    api
}

async fn what_cannot_be_repeated_is_rejected_and_not_done(api: Api) -> Api {
    api.know_tenants().await;
    let before = api.stored().await;
    let body = account("contoso", &["zoomPhoneCloudPeering"]);
    let (now, day_old, tomorrow) = (at(0), at(-24 * 3_600 - 60), at(24 * 3_600));
    let (id, first_sent) = ("Repeatability-Request-ID", "Repeatability-First-Sent");
    let long = "x".repeat(129);
    let cases: [(&[(&str, &str)], u16); 8] = [
        (&[(id, "a")], 400),
        (&[(first_sent, &now)], 400),
        (&[(id, ""), (first_sent, &now)], 400),
        (&[(id, "a b"), (first_sent, &now)], 400),
        (&[(id, &long), (first_sent, &now)], 400),
        (&[(id, "a"), (first_sent, "yesterday")], 400),
        (&[(id, "a"), (first_sent, &day_old)], 412),
        (&[(id, "a"), (first_sent, &tomorrow)], 412),
    ];
    for (headers, status) in cases {
        let rejected = api.admin.call(Method::PUT, "/accounts/contoso", headers, Some(&body)).await;
        assert_eq!(rejected.error(), (status, "RepeatabilityRejected".to_owned()), "{headers:?}");
        assert_eq!(rejected.header("repeatability-result"), "rejected", "{rejected:?}");
    }
    assert_eq!(api.stored().await, before);
    // What was refused may be tried again with the same id: nothing was done.
    let wrong = send(&api, &Method::PUT, "/accounts/contoso", "b", &now, Some(&json!({ "name": 1 }))).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{wrong:?}");
    let right = send(&api, &Method::PUT, "/accounts/contoso", "b", &now, Some(&body)).await;
    assert_eq!((right.status, right.header("repeatability-result")), (StatusCode::CREATED, "accepted"));
    // Dates of HTTP are read too, and requests that change nothing can be repeated.
    let plans = "/accounts/contoso:getTeamsCapabilityPlans";
    let date = send(&api, &Method::POST, plans, "c", "Mon, 01 Jan 2001 00:00:00 GMT", None).await;
    assert_eq!(date.error(), (412, "RepeatabilityRejected".to_owned()));
    let about = identifiers(&["+441632960000"]);
    let available = "/accounts/contoso:getTeamsAvailableCapabilities";
    let one_only = api.admin.call(Method::POST, available, &[(id, "d")], Some(&about)).await;
    assert_eq!(one_only.error(), (400, "RepeatabilityRejected".to_owned()));
    api
}

async fn of_many_at_the_same_time_one_has_an_effect(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect", "zoomPhoneCloudPeering"]).await;
    let now = at(0);
    for round in 0..6 {
        let telephone_number = format!("+44163296001{round}");
        let path = path_of("contoso", &telephone_number);
        let body = number("contoso", &telephone_number, "zoomPhoneCloudPeering");
        let id = format!("round-{round}");
        let replies =
            futures_util::future::join_all((0..8).map(|_| send(&api, &Method::PUT, &path, &id, &now, Some(&body))))
                .await;
        let (told, busy): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == StatusCode::CREATED);
        assert!(!told.is_empty(), "{busy:?}");
        assert!(told.iter().all(|reply| reply.text == told[0].text));
        assert!(busy.iter().all(|reply| reply.error() == (409, "Conflict".to_owned())));
        same(&send(&api, &Method::PUT, &path, &id, &now, Some(&body)).await, told[0]);
    }
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM orders").await, [6], "an order each");
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM repeats").await, [6]);
    api
}

/// Without ids too, those who come at the same moment find an order, and nobody a failure of ours.
async fn clients_in_each_others_way_are_told_so(api: Api) -> Api {
    api.account("contoso", &["zoomPhoneCloudPeering"]).await;
    api.account("fabrikam", &["zoomPhoneCloudPeering"]).await;
    for round in 0..6 {
        let name = format!("new-{round}");
        let new = account(&name, &["zoomPhoneCloudPeering"]);
        let mut same_name = Vec::new();
        for number in 0..8 {
            let mut mine = new.clone();
            mine["correlationId"] = format!("{number}").into();
            same_name.push((format!("/accounts/{name}"), mine));
        }
        // One label in DNS for several accounts, and one number for two.
        let mut same_label = Vec::new();
        for number in 0..4 {
            let name = format!("label-{round}-{number}");
            let mut mine = account(&name, &["teamsDirectRouting"]);
            mine["serviceDetails"]["teamsDirectRouting"]["configuration"]["subdomain"] = format!("label{round}").into();
            same_label.push((format!("/accounts/{name}"), mine));
        }
        let telephone_number = format!("+44163296002{round}");
        let mut same_number = Vec::new();
        for account in ["contoso", "fabrikam", "contoso", "fabrikam"] {
            let body = number(account, &telephone_number, "zoomPhoneCloudPeering");
            same_number.push((path_of(account, &telephone_number), body));
        }
        for (what, requests) in [("name", same_name), ("label", same_label), ("number", same_number)] {
            let replies =
                futures_util::future::join_all(requests.iter().map(|(path, body)| api.admin.put(path, body))).await;
            let statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
            assert!(statuses.iter().all(|status| [200, 201, 409].contains(status)), "{what}: {replies:?}");
            assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{what}: {statuses:?}");
            if what == "label" {
                assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "{statuses:?}");
            }
        }
    }
    api
}

on_both_databases!(over_http:
    what_was_answered_is_answered_again_also_after_a_crash,
    what_cannot_be_repeated_is_rejected_and_not_done,
    of_many_at_the_same_time_one_has_an_effect,
    clients_in_each_others_way_are_told_so,
);
