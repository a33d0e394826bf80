//! Requests that are carried out only where the resource is as the client believes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::api::{Api, number, path_of};
use crate::harness::on_both_databases;
use crate::harness::world::CONTOSO;

/// Method, path, body, and the header with its condition.
type Case<'a> = (Method, &'a str, Option<&'a Value>, (&'a str, &'a str));

const FAILED: &str = "PreconditionFailed";

async fn a_change_survives_what_the_backend_says_meanwhile(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect"]).await;
    let path = path_of("contoso", "+441632960000");
    let sent = number("contoso", "+441632960000", "teamsOperatorConnect");
    let created = api.admin.put(&path, &sent).await;
    let first = created.header("etag").to_owned();
    assert!(first.starts_with('"') && first.ends_with('"'), "{first}");
    api.settled(&path).await;
    // The status is part of what a cache holds, and no part of what a client sets.
    let since = api.admin.call(Method::GET, &path, &[("If-None-Match", &first)], None).await;
    assert_eq!(since.status, StatusCode::OK, "the status changed");
    let second = since.header("etag").to_owned();
    assert_ne!(first, second);
    let unchanged = api.admin.call(Method::GET, &path, &[("If-None-Match", &second)], None).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(unchanged.header("etag"), second);
    let mut more = sent.clone();
    more["serviceDetails"]["teamsOperatorConnect"]["configuration"]["choosableCapabilities"] =
        json!(["InboundCalling"]);
    let changed = api.admin.call(Method::PUT, &path, &[("If-Match", &first)], Some(&more)).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    // But somebody else's change is seen.
    for old in [&first, &second] {
        let lost = api.admin.call(Method::PUT, &path, &[("If-Match", old)], Some(&sent)).await;
        assert_eq!(lost.error(), (412, FAILED.to_owned()));
        let lost = api.admin.call(Method::DELETE, &path, &[("If-Match", old)], None).await;
        assert_eq!(lost.error(), (412, FAILED.to_owned()));
    }
    // Without its quotes, and among others.
    let bare = changed.header("etag").trim_matches('"').to_owned();
    let among = format!("\"another\", {bare}");
    let taken = api.admin.call(Method::PUT, &path, &[("If-Match", &among)], Some(&sent)).await;
    assert_eq!(taken.status, StatusCode::OK, "{taken:?}");
    let current = taken.header("etag").to_owned();
    let gone = api.admin.call(Method::DELETE, &path, &[("If-Match", &current)], None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    api
}

async fn what_does_not_hold_changes_nothing(api: Api) -> Api {
    api.know_tenants().await;
    let account = api.account("contoso", &["zoomPhoneCloudPeering"]).await;
    let path = path_of("contoso", "+441632960000");
    let zoom = number("contoso", "+441632960000", "zoomPhoneCloudPeering");
    assert_eq!(api.admin.put(&path, &zoom).await.status, StatusCode::CREATED);
    let consent = format!("/teamsRequestsForInformation/{CONTOSO}");
    let patch = json!({ "customerRelationship": { "comment": "never" } });
    let mut other = zoom.clone();
    other["configuration"] = json!({ "customSipHeader": "never" });
    let mut renamed = account.clone();
    renamed["correlationId"] = "never".into();
    let absent = path_of("contoso", "+441632960009");
    let new = number("contoso", "+441632960009", "zoomPhoneCloudPeering");
    let before = api.stored().await;
    let past = "Mon, 01 Jan 2001 00:00:00 GMT";
    let cases: [Case<'_>; 13] = [
        (Method::PUT, "/accounts/contoso", Some(&renamed), ("If-None-Match", "*")),
        (Method::PUT, "/accounts/contoso", Some(&renamed), ("If-Match", "\"0.0\"")),
        (Method::PUT, "/accounts/contoso", Some(&renamed), ("If-Unmodified-Since", past)),
        (Method::PUT, "/accounts/contoso", Some(&renamed), ("If-Unmodified-Since", "2001-01-01T00:00:00Z")),
        (Method::DELETE, "/accounts/contoso?deleteNumbers=true", None, ("If-Match", "\"0.0\"")),
        (Method::PUT, &path, Some(&other), ("If-None-Match", "*")),
        (Method::PUT, &path, Some(&other), ("If-Match", "W/\"0.0\"")),
        (Method::PUT, &path, Some(&other), ("If-Unmodified-Since", past)),
        (Method::DELETE, &path, None, ("If-Unmodified-Since", past)),
        (Method::PUT, &absent, Some(&new), ("If-Match", "*")),
        (Method::PATCH, &consent, Some(&patch), ("If-Match", "\"0.0\"")),
        (Method::GET, &path, None, ("If-Match", "\"0.0\"")),
        (Method::GET, "/accounts/contoso", None, ("If-Unmodified-Since", past)),
    ];
    for (method, path, body, condition) in cases {
        let refused = api.admin.call(method.clone(), path, &[condition], body).await;
        assert_eq!(refused.error(), (412, FAILED.to_owned()), "{method} {path} {condition:?}");
    }
    assert_eq!(api.stored().await, before);
    // What there is not can be deleted under any condition, and what there is can be read under these.
    for (method, path, condition, status) in [
        (Method::DELETE, absent.as_str(), ("If-Match", "\"0.0\""), 204),
        (Method::DELETE, "/accounts/absent", ("If-Match", "\"0.0\""), 204),
        (Method::GET, &path, ("If-Match", "*"), 200),
        (Method::GET, &path, ("If-None-Match", "\"0.0\""), 200),
        (Method::GET, &path, ("If-None-Match", "*"), 304),
        (Method::GET, &path, ("If-Unmodified-Since", "2999-01-01T00:00:00Z"), 200),
        (Method::GET, &path, ("If-Modified-Since", "2999-01-01T00:00:00Z"), 200),
        (Method::GET, &consent, ("If-None-Match", "*"), 304),
        // The original documentation sends an ETag with a request, which means nothing.
        (Method::PUT, "/accounts/contoso", ("ETag", "12345"), 200),
    ] {
        let body = (method == Method::PUT).then_some(&account);
        let answer = api.admin.call(method.clone(), path, &[condition], body).await;
        assert_eq!(answer.status, status, "{method} {path} {condition:?}: {answer:?}");
    }
    assert_eq!(api.stored().await, before);
    // Every resource that can be read says what it is.
    for path in ["/accounts/contoso", &path, &consent] {
        let etag = api.admin.call(Method::GET, path, &[], None).await.header("etag").to_owned();
        let unchanged = api.admin.call(Method::GET, path, &[("If-None-Match", &format!("W/{etag}"))], None).await;
        assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED, "{path}");
    }
    api
}

on_both_databases!(over_http:
    a_change_survives_what_the_backend_says_meanwhile,
    what_does_not_hold_changes_nothing,
);
