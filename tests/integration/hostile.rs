//! Requests that no page of ours would send, to every route of the register: never an error of ours, on either database.

use std::collections::BTreeSet;

use nmp::http::RouteEntry;
use reqwest::{Method, RequestBuilder, StatusCode};
use scraper::{Html, Selector};

use crate::harness::database::{Kind, Place};
use crate::harness::portal::{Portal, furnish, path_of, stage_upload};
use crate::harness::runtime;
use crate::harness::served::Served;
use crate::harness::visitor::{MULTIPART, Visitor, multipart, multipart_end};

/// Values that are no text, no number, too long, or mean something to somebody else.
const ODD: [&str; 14] = [
    "%FF%FE",
    "%00",
    "%C0%AF",
    "%ED%A0%80",
    "%",
    "%zz",
    "-1",
    "9223372036854775808",
    "%27%20OR%201%3D1%20--",
    "%3Cscript%3E",
    "..%2F..%2Fetc",
    "%0D%0ASet-Cookie:%20a=b",
    "%F0%9F%98%80",
    "true",
];

/// Those of them that every field gets alone, because a field that is wrong hides the next.
const ODD_ALONE: [&str; 2] = ["%00", "9223372036854775808"];

struct Hostile {
    admin: Visitor,
    /// An order that exists.
    order: i64,
    sent: usize,
}

impl Hostile {
    async fn attack(mut admin: Visitor) {
        let order = stage_upload(&mut admin, "contoso", "+441632960001").await;
        Self { admin, order, sent: 0 }.everything().await;
    }

    /// Sends it; whatever is wrong, it is said to be wrong.
    async fn send(&mut self, what: &str, request: RequestBuilder) -> StatusCode {
        let answer = self.admin.take(request.send().await.unwrap()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!answer.status.is_server_error(), "{what}: {} {}", answer.status, answer.text);
        self.sent += 1;
        answer.status
    }

    /// Sends a large body. A page that needs none answers before it has read it and hangs up, which may cost the answer.
    async fn send_large(&mut self, what: &str, request: RequestBuilder) {
        if let Ok(response) = request.header("connection", "close").send().await {
            assert!(!response.status().is_server_error(), "{what}: {}", response.status());
        }
        let page = self.admin.get("/signed-out").await;
        assert_eq!(page.status, StatusCode::OK, "after {what}");
    }

    fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        self.admin.request(method, &self.admin.url(path))
    }

    /// Every field and filter that a page names, and some that none does.
    async fn names(&mut self, routes: &[RouteEntry]) -> Vec<String> {
        let mut names = BTreeSet::from(["no_such_field".to_owned(), String::new(), "%FF".to_owned()]);
        let (fields, links) = (Selector::parse("[name]").unwrap(), Selector::parse("a[href*='?']").unwrap());
        for entry in routes.iter().filter(|entry| entry.method == Method::GET) {
            let answer = self.admin.get(&path_of(entry, self.order)).await;
            let page = Html::parse_document(&answer.text);
            names.extend(page.select(&fields).filter_map(|field| field.attr("name")).map(str::to_owned));
            for link in page.select(&links).filter_map(|link| link.attr("href")) {
                let query = link.split_once('?').map_or("", |(_, query)| query).split('#').next().unwrap();
                names.extend(query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())));
            }
        }
        names.into_iter().collect()
    }

    async fn odd_queries(&mut self, entry: &RouteEntry, names: &[String]) {
        let path = path_of(entry, self.order);
        let path = path.split('?').next().unwrap().to_owned();
        let own = self.names(std::slice::from_ref(entry)).await;
        for value in ODD {
            let query: Vec<_> = names.iter().map(|name| format!("{name}={value}")).collect();
            self.send(
                &format!("{path}?…={value}"),
                self.request(&entry.method, &format!("{path}?{}", query.join("&"))),
            )
            .await;
            for name in own.iter().filter(|_| ODD_ALONE.contains(&value)) {
                let pair = format!("{name}={value}");
                self.send(&format!("{path}?{pair}"), self.request(&entry.method, &format!("{path}?{pair}"))).await;
            }
        }
        let long = format!("{path}?q={}&page={}", "x".repeat(5_000), "9".repeat(2_000));
        self.send(&long, self.request(&entry.method, &long)).await;
    }

    async fn odd_paths(&mut self, entry: &RouteEntry) {
        let long = "x".repeat(3_000);
        for value in ODD.iter().copied().chain(["x", "0", "%2B0", "%20", "%2B999999999999999999", &long]) {
            let path: Vec<_> =
                entry.path.split('/').map(|part| if part.starts_with('{') { value } else { part }).collect();
            let path = path.join("/");
            let what = format!("{} {path}", entry.method);
            let mut request = self.request(&entry.method, &path);
            if entry.method == Method::POST {
                request = request.form(&[("ticket", "x")]);
            }
            let status = self.send(&what, request).await;
            assert_ne!(status, StatusCode::OK, "{what}");
        }
    }

    async fn odd_bodies(&mut self, entry: &RouteEntry, names: &[String]) {
        const FORM: &str = "application/x-www-form-urlencoded";
        let path = path_of(entry, self.order);
        let post = |kind: &str, body: Vec<u8>| (kind.to_owned(), body);
        let fields = |value: &str| names.iter().map(|name| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let mut bodies = vec![
            post("", Vec::new()),
            post("", b"ticket=1".to_vec()),
            post(FORM, Vec::new()),
            post(FORM, b"&&==&=;&[]=&a[b]=%".to_vec()),
            post(FORM, vec![0xFF, 0, b'=', 0xFE, b'&', 0x80]),
            post(FORM, "number=%2B441632960000&".repeat(10_000).into_bytes()),
            post(FORM, format!("ticket={}", "x".repeat(900_000)).into_bytes()),
            post(FORM, format!("ticket={}", "x".repeat(3_000_000)).into_bytes()),
            post("application/json", b"{\"ticket\": 1}".to_vec()),
            post("text/plain", b"ticket=1".to_vec()),
            post("application/x-www-form-urlencoded; charset=utf-16", b"t\0i\0".to_vec()),
            post("multipart/form-data", b"--x".to_vec()),
            post(MULTIPART, Vec::new()),
            post(MULTIPART, b"--a-boundary-that-no-field-holds\r\n".to_vec()),
            post(
                MULTIPART,
                b"--a-boundary-that-no-field-holds\r\nContent-Disposition: form-data\r\n\r\nx\r\n\
                  --a-boundary-that-no-field-holds--\r\n"
                    .to_vec(),
            ),
            post("\u{7f}", b"x".to_vec()),
        ];
        for value in ODD {
            bodies.push(post(FORM, fields(value).into_bytes()));
            let values: Vec<_> = names.iter().map(|name| (name.as_str(), value)).collect();
            bodies.push(post(MULTIPART, [multipart(&values), multipart_end()].concat()));
            if ODD_ALONE.contains(&value) {
                bodies.extend(names.iter().map(|name| post(FORM, format!("{name}={value}").into_bytes())));
            }
        }
        for (kind, body) in bodies {
            let large = body.len() > 100_000;
            let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
            let mut request = self.request(&Method::POST, &path).body(body);
            if let Ok(kind) = reqwest::header::HeaderValue::from_bytes(kind.as_bytes())
                && !kind.is_empty()
            {
                request = request.header("content-type", kind);
            }
            let what = format!("POST {path} {kind}: {shown}");
            if large {
                self.send_large(&what, request).await;
            } else {
                self.send(&what, request).await;
            }
        }
    }

    async fn everything(mut self) {
        let mut routes: Vec<_> = nmp::portal::routes().entries().cloned().collect();
        // What ends an account or a session comes last: the rest needs both.
        routes.sort_by_key(|entry| (entry.method == Method::POST, entry.path.ends_with("/delete"), entry.path));
        let (out, routes): (Vec<_>, Vec<_>) = routes.into_iter().partition(|entry| entry.path == "/logout");
        let names = self.names(&routes).await;
        assert!(names.len() > 40, "{names:?}");
        for entry in &routes {
            if entry.path.contains('{') {
                self.odd_paths(entry).await;
            }
            if entry.method == Method::GET {
                self.odd_queries(entry, &names).await;
            } else {
                self.odd_bodies(entry, &names).await;
            }
        }
        let page = self.admin.get("/consents").await;
        assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/consents"), "still signed in");
        for entry in &out {
            self.odd_bodies(entry, &names).await;
        }
        assert!(self.sent > 2_000, "{} requests", self.sent);
    }
}

#[test]
fn nothing_sent_to_any_route_is_an_error_of_ours_on_sqlite() {
    runtime().block_on(async {
        let portal = Portal::start().await;
        Hostile::attack(portal.admin.clone()).await;
    });
}

/// PostgreSQL takes less than SQLite: no NUL in a text, no number beyond its type.
#[test]
fn nothing_sent_to_any_route_is_an_error_of_ours_on_postgres() {
    runtime().block_on(async {
        let served = Served::start(Place::new(Kind::Postgres).await, &["portal", "sync"]).await;
        let mut admin = served.sign_in("admin").await;
        furnish(&mut admin).await;
        Hostile::attack(admin).await;
    });
}
