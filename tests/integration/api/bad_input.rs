//! Requests that no good client sends. Each is refused in the contract's form, and nothing is changed.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::api::{Api, number, path_of};
use crate::harness::caller::{Reply, versioned};
use crate::harness::on_both_databases;
use crate::harness::world::CONTOSO;

const JSON: &str = "application/json";
const PATCH: &str = "application/merge-patch+json";

/// Every operation that reads a body.
fn with_body() -> [(Method, String, &'static str); 6] {
    [
        (Method::PUT, "/accounts/contoso".to_owned(), JSON),
        (Method::PUT, path_of("contoso", "+441632960000"), JSON),
        (Method::POST, "/accounts/contoso:createOrUpdateNumbers".to_owned(), JSON),
        (Method::POST, "/accounts/contoso:deleteNumbers".to_owned(), JSON),
        (Method::POST, "/accounts/contoso:getTeamsAvailableCapabilities".to_owned(), JSON),
        (Method::PATCH, format!("/teamsRequestsForInformation/{CONTOSO}"), PATCH),
    ]
}

/// Sends the request and asserts that it is refused with one of these codes and a message.
async fn refused(what: &str, request: RequestBuilder, codes: &[&str]) -> Reply {
    let reply = Reply::to(request).await;
    // A head that is too large is refused before it is read.
    if reply.status == 431 && reply.text.is_empty() {
        return reply;
    }
    let (status, code) = reply.error();
    assert!((400..500).contains(&status) && codes.contains(&code.as_str()), "{what}: {reply:?}");
    assert!(!reply.header("x-ms-request-id").is_empty(), "{what}: {reply:?}");
    reply
}

async fn furnish(api: &Api) {
    api.know_tenants().await;
    api.account("contoso", &["zoomPhoneCloudPeering", "teamsDirectRouting"]).await;
    api.upload("contoso", &[number("contoso", "+441632960000", "zoomPhoneCloudPeering")]).await;
}

async fn bodies_that_are_none_change_nothing(api: Api) -> Api {
    furnish(&api).await;
    let before = api.stored().await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000)).into_bytes();
    let mut number_with_nul = number("contoso", "+441632960000", "zoomPhoneCloudPeering").to_string();
    number_with_nul.insert_str(1, "\"x\": \"\\u0000\", ");
    let bodies: [(&str, Vec<u8>, &[&str]); 18] = [
        ("nothing", vec![], &["MalformedJson"]),
        ("blanks", b" \r\n\t".to_vec(), &["MalformedJson"]),
        ("half an object", b"{\"name\": \"contoso\"".to_vec(), &["MalformedJson"]),
        ("a comma too many", b"{\"name\": \"contoso\",}".to_vec(), &["MalformedJson"]),
        ("two values", b"{} {}".to_vec(), &["MalformedJson"]),
        ("single quotes", b"{'name': 'contoso'}".to_vec(), &["MalformedJson"]),
        ("a comment", b"{/* */}".to_vec(), &["MalformedJson"]),
        ("not a number", b"{\"name\": NaN}".to_vec(), &["MalformedJson"]),
        ("a huge number", b"{\"name\": 1e99999}".to_vec(), &["MalformedJson", "WrongType", "InvalidRequest"]),
        ("a form", b"name=contoso".to_vec(), &["MalformedJson"]),
        ("not UTF-8", b"{\"name\": \"\xff\xfe\"}".to_vec(), &["MalformedJson"]),
        ("UTF-16", "{\"name\": \"contoso\"}".encode_utf16().flat_map(u16::to_le_bytes).collect(), &["MalformedJson"]),
        ("half a surrogate pair", b"{\"name\": \"\\ud800\"}".to_vec(), &["MalformedJson"]),
        ("a bare NUL", b"{\"name\": \"a\x00b\"}".to_vec(), &["MalformedJson"]),
        ("an escaped NUL", number_with_nul.into_bytes(), &["NulCharacter"]),
        ("the same twice", b"{\"numbers\": [], \"name\": \"a\", \"name\": \"a\"}".to_vec(), &["DuplicateProperty"]),
        ("lists in lists", deep("[", "]"), &["NestedTooDeeply"]),
        ("objects in objects", deep("{\"a\":", "}"), &["NestedTooDeeply", "MalformedJson"]),
    ];
    for (method, path, kind) in with_body() {
        let request =
            |body: Vec<u8>| api.admin.request(method.clone(), &versioned(&path)).header(CONTENT_TYPE, kind).body(body);
        for (what, body, codes) in &bodies {
            refused(&format!("{method} {path}: {what}"), request(body.clone()), codes).await;
        }
        for value in ["null", "true", "7", "\"text\"", "[]", "[{}]"] {
            let what = format!("{method} {path}: {value}");
            refused(&what, request(value.into()), &["WrongType"]).await;
        }
        let large = vec![b' '; 10 * 1024 * 1024];
        let answer =
            refused(&format!("{method} {path}: 10 MB"), request(large), &["TooLarge", "ContentTooLarge"]).await;
        assert_eq!(answer.status, 413, "{answer:?}");
        for kind in
            ["text/plain", "application/xml", "application/json; charset=utf-16", "multipart/form-data; boundary=x", ""]
        {
            let wrong = api.admin.request(method.clone(), &versioned(&path)).header(CONTENT_TYPE, kind).body("{}");
            let answer = refused(&format!("{method} {path}: {kind}"), wrong, &["UnsupportedMediaType"]).await;
            assert_eq!(answer.status, 415, "{answer:?}");
        }
        let none = api.admin.request(method.clone(), &versioned(&path)).body("{}");
        assert_eq!(refused("no content type", none, &["UnsupportedMediaType"]).await.status, 415);
        let packed = request(b"{}".to_vec()).header("content-encoding", "gzip");
        assert_eq!(Reply::to(packed).await.status, 415, "{method} {path}");
    }
    let swapped =
        api.admin.request(Method::PUT, &versioned("/accounts/contoso")).header(CONTENT_TYPE, PATCH).body("{}");
    refused("a patch is no put", swapped, &["UnsupportedMediaType"]).await;
    assert_eq!(api.stored().await, before);
    api
}

async fn addresses_and_headers_that_mean_nothing_change_nothing(api: Api) -> Api {
    furnish(&api).await;
    let before = api.stored().await;
    let one = path_of("contoso", "+441632960000");
    let get = |path: &str| api.admin.request(Method::GET, path);
    // Versions, on every operation.
    let routes = nmp::api::routes();
    for entry in routes.entries() {
        let path = entry.path.replace("{account}", "contoso").replace("{number}", "%2B441632960000");
        let path = path.replace("{tenant}", CONTOSO).replace("{address}", "absent");
        let kind = if entry.method == Method::PATCH { PATCH } else { JSON };
        let request = |query: &str| {
            let request = api.admin.request(entry.method.clone(), &format!("{path}{query}"));
            if entry.method == Method::GET { request } else { request.header(CONTENT_TYPE, kind).body("{}") }
        };
        let what = format!("{} {path}", entry.method);
        // What routes calls is no part of the contract and needs no version of it.
        let versioned = !entry.path.starts_with("/call-path/");
        for query in ["", "?", "?api-version=", "?API-VERSION=2024-02-29", "?api-version"].iter().filter(|_| versioned)
        {
            refused(&format!("{what}{query}"), request(query), &["MissingApiVersionParameter"]).await;
        }
        for version in
            ["2023-10-01", "2024-02-29-Preview", "1", "%00", "%ff", "2024-02-29%20"].iter().filter(|_| versioned)
        {
            let query = format!("?api-version={version}");
            let answer = refused(&format!("{what}{query}"), request(&query), &["UnsupportedApiVersionValue"]).await;
            assert!(answer.text.contains("2024-02-29-preview"), "{answer:?}");
        }
        for query in [
            "?api-version=2024-02-29&api-version=2024-02-29",
            "?api-version=2024-02-29&$top=1",
            "?api-version=2024-02-29&x=%00",
        ] {
            // Beside what is wrong with the body, where there is one.
            let codes = ["RepeatedQueryParameter", "UnsupportedQueryParameter", "InvalidRequest"];
            let answer = refused(&format!("{what}{query}"), request(query), &codes).await;
            assert!(codes[..2].iter().any(|code| answer.text.contains(code)), "{what}{query}: {answer:?}");
        }
    }
    // Lists.
    for list in [
        "/accounts",
        "/numbers",
        "/accounts/contoso/numbers",
        "/accounts/contoso/teamsCivicAddresses",
        "/teamsRequestsForInformation",
    ] {
        for query in [
            "top=0",
            "top=-1",
            "top=x",
            "top=",
            "top=1.5",
            "top=99999999999",
            "skip=-1",
            "skip=2147483648",
            "maxpagesize=0",
            "maxpagesize=501",
            "countRecords=1",
            "countRecords=",
            "top=1&top=1",
        ] {
            let request = get(&versioned(&format!("{list}?{query}")));
            let answer =
                refused(&format!("{list}?{query}"), request, &["InvalidQueryParameter", "RepeatedQueryParameter"])
                    .await;
            let name = query.split('=').next().unwrap();
            assert_eq!(answer.json()["error"]["target"], name, "{answer:?}");
        }
        for cursor in ["", "x", "e30", "eyJrIjoiYSIsIm4iOm51bGwsImMiOjB9", "%00", "%ff", &"A".repeat(5_000)] {
            let request = get(&versioned(&format!("{list}?cursor={cursor}")));
            refused(
                &format!("{list}?cursor={cursor}"),
                request,
                &["InvalidCursor", "InvalidQueryParameter", "InvalidRequest"],
            )
            .await;
        }
        let nested = "not%20(".repeat(500);
        for filter in [
            "",
            "x",
            "name",
            "name%20eq",
            "name%20eq%20contoso",
            "name%20gt%20'a'",
            "nobody%20eq%20'a'",
            "name%20eq%20'a",
            "(name%20eq%20'a'",
            "name%20eq%20'a')",
            "1%20eq%201",
            "name%20eq%20null",
            "'a'%20eq%20name",
            "%00",
            "%ff",
            "name%20eq%20'%00'",
            "endswith(name,'a')",
            "name%20eq%20'a'%20xor%20name%20eq%20'b'",
            &nested,
            "name%20eq%20'a';%20DROP%20TABLE%20accounts",
        ] {
            let request = get(&versioned(&format!("{list}?filter={filter}")));
            refused(
                &format!("{list}?filter={filter}"),
                request,
                &["InvalidFilter", "InvalidQueryParameter", "InvalidRequest", "UriTooLong"],
            )
            .await;
        }
    }
    // Conditions.
    for name in ["If-Match", "If-None-Match"] {
        for value in ["", ",", "\"a", "\"a\" \"b\"", "*, \"a\"", "W/", "\"a b\""] {
            for path in ["/accounts/contoso", &one] {
                let request = get(&versioned(path)).header(name, value);
                let answer = refused(&format!("{name}: {value}"), request, &["InvalidHeader"]).await;
                assert_eq!(answer.json()["error"]["target"], name, "{answer:?}");
            }
        }
    }
    for name in ["If-Unmodified-Since", "If-Modified-Since"] {
        for value in ["", "yesterday", "2024-13-01T00:00:00Z", "0", "Mon, 32 Jan 2001 00:00:00 GMT"] {
            let request = api.admin.request(Method::DELETE, &versioned(&one)).header(name, value);
            refused(&format!("{name}: {value}"), request, &["InvalidHeader"]).await;
        }
        let twice = get(&versioned(&one)).header(name, "2024-01-01T00:00:00Z").header(name, "2024-01-01T00:00:00Z");
        refused(&format!("{name} twice"), twice, &["InvalidHeader"]).await;
    }
    // Paths.
    for path in [
        "/accounts/a%20b",
        "/accounts/a%2Fb",
        "/accounts/%00",
        "/accounts/%ff",
        "/accounts/a%0Ab",
        "/accounts/\u{fc}",
        &format!("/accounts/{}", "a".repeat(101)),
        "/accounts/contoso/numbers/441632960000",
        "/accounts/contoso/numbers/+0",
        "/accounts/contoso/numbers/%20441632960000",
        "/accounts/contoso/numbers/+1234567890123456",
        "/accounts/contoso/numbers/+44%D9%A1",
        "/accounts/contoso/numbers/+4416329600000%0A",
        "/teamsRequestsForInformation/x",
        "/teamsRequestsForInformation/%00",
        "/accounts/contoso/teamsCivicAddresses/%00",
    ] {
        refused(path, get(&versioned(path)), &["InvalidPathParameter", "ResourceNotFound", "NotFound", "BadRequest"])
            .await;
    }
    for path in [
        "/",
        "/Accounts",
        "/accounts/",
        "/accounts/contoso/",
        "/accounts/contoso/Numbers",
        "/accounts/..",
        "/accounts/contoso:nothing",
        "/accounts/contoso/numbers:deleteNumbers",
        "/openapi.xml",
        "/healthz",
    ] {
        let answer = refused(path, get(&versioned(path)), &["ResourceNotFound", "MethodNotAllowed"]).await;
        assert!([404, 405].contains(&answer.status.as_u16()), "{answer:?}");
    }
    // Methods.
    for (path, allowed) in [
        ("/accounts", "GET"),
        ("/accounts/contoso", "GET, PUT, DELETE"),
        ("/accounts/contoso:deleteNumbers", "POST"),
        ("/numbers", "GET"),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"] {
            if allowed.split(", ").any(|known| known == method) {
                continue;
            }
            let request = api.admin.request(Method::from_bytes(method.as_bytes()).unwrap(), &versioned(path));
            let answer = refused(&format!("{method} {path}"), request, &["MethodNotAllowed"]).await;
            let header = answer.header("allow");
            assert!(allowed.split(", ").all(|known| header.contains(known)), "{path}: {answer:?}");
        }
    }
    // What stands twice, and an id of the client that is none.
    let both = api.admin.request(Method::DELETE, &versioned(&format!("{one}?deleteNumbers=true")));
    refused("an account's parameter", both, &["UnsupportedQueryParameter"]).await;
    let odd = Reply::to(get(&versioned("/accounts")).header("x-ms-client-request-id", "a b<script>")).await;
    assert_eq!((odd.status.as_u16(), odd.header("x-ms-client-request-id")), (200, ""), "{odd:?}");
    assert_eq!(api.stored().await, before);
    api
}

async fn values_of_the_wrong_kind_are_all_named(api: Api) -> Api {
    furnish(&api).await;
    let before = api.stored().await;
    let account = json!({
        "name": 1, "correlationId": {}, "serviceDetails": {
            "teamsTenantId": "contosoTenantId",
            "teamsOperatorConnect": { "enabled": "true" },
            "teamsDirectRouting": { "syncEnabled": true, "enabled": true, "configuration": {
                "callScreening": 0, "subdomain": "much-too-long", "subdomainTokens": { "region1Token": "a b" } } },
            "zoomPhoneCloudPeering": [],
            "azureOperatorCallProtection": {}
        }
    });
    let reply = api.admin.put("/accounts/contoso", &account).await;
    assert_eq!(reply.error(), (400, "InvalidRequest".to_owned()));
    let mut targets: Vec<String> = crate::harness::api::details(&reply).into_iter().map(|(_, target)| target).collect();
    targets.sort();
    let routing = "serviceDetails.teamsDirectRouting.configuration";
    let mut expected = vec![
        "correlationId".to_owned(),
        "name".to_owned(),
        "serviceDetails.azureOperatorCallProtection.enabled".to_owned(),
        format!("{routing}.callScreening"),
        format!("{routing}.subdomain"),
        format!("{routing}.subdomainTokens.region1Token"),
        format!("{routing}.subdomainTokens.region2Token"),
        "serviceDetails.teamsOperatorConnect.enabled".to_owned(),
        "serviceDetails.teamsOperatorConnect.syncEnabled".to_owned(),
        "serviceDetails.teamsTenantId".to_owned(),
        "serviceDetails.zoomPhoneCloudPeering".to_owned(),
    ];
    expected.sort();
    assert_eq!(targets, expected, "{reply:?}");
    // One problem alone is the error itself.
    let mut only = number("contoso", "+441632960000", "zoomPhoneCloudPeering");
    only["serviceDetails"]["zoomPhoneCloudPeering"]["enabled"] = 1.into();
    let reply = api.admin.put(&path_of("contoso", "+441632960000"), &only).await;
    assert_eq!(reply.error(), (400, "WrongType".to_owned()));
    assert_eq!(reply.json()["error"]["target"], "serviceDetails.zoomPhoneCloudPeering.enabled");
    for (name, body, code) in [
        ("another name", json!({ "name": "fabrikam" }), "NameMismatch"),
        ("another case", json!({ "name": "Contoso" }), "NameMismatch"),
        ("no name", json!({}), "MissingProperty"),
    ] {
        let reply = api.admin.put("/accounts/contoso", &body).await;
        assert_eq!(
            (reply.error(), &reply.json()["error"]["target"]),
            ((400, code.to_owned()), &json!("name")),
            "{name}"
        );
    }
    let absent = api
        .admin
        .call(Method::PATCH, "/teamsRequestsForInformation/00000000-0000-4000-8000-000000000000", &[], Some(&json!({})))
        .await;
    assert_eq!(absent.error(), (404, "NotFound".to_owned()));
    assert_eq!(api.stored().await, before);
    api
}

/// What no client library sends.
async fn bytes_that_are_no_request_are_answered_or_cut_off(api: Api) -> Api {
    let before = api.stored().await;
    let address = api.demo.api.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let long = format!("GET /accounts?filter={} HTTP/1.1\r\nHost: {address}\r\n\r\n", "a".repeat(100_000));
    let headers = format!("GET /accounts HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n", "a".repeat(1_000_000));
    let both = format!(
        "POST /accounts HTTP/1.1\r\nHost: {address}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    let no_host = "GET /accounts HTTP/1.1\r\n\r\n".to_owned();
    let two_hosts = format!("GET /accounts HTTP/1.1\r\nHost: {address}\r\nHost: other\r\n\r\n");
    let other_host = "GET /accounts HTTP/1.1\r\nHost: other.example\r\n\r\n".to_owned();
    for (what, request) in [
        ("a long line", long),
        ("large headers", headers),
        ("two lengths", both),
        ("no host", no_host),
        ("two hosts", two_hosts),
        ("another host", other_host),
        ("garbage", "\u{1}\u{2}\r\n\r\n".to_owned()),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(8), stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {answer}");
    }
    assert_eq!(api.stored().await, before);
    assert_eq!(api.admin.call(Method::GET, "/accounts", &[], None).await.status, 200, "it is still there");
    api
}

on_both_databases!(over_http:
    bodies_that_are_none_change_nothing,
    addresses_and_headers_that_mean_nothing_change_nothing,
    values_of_the_wrong_kind_are_all_named,
    bytes_that_are_no_request_are_answered_or_cut_off,
);
