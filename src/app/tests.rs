//! Signing in and the protection of every page, over real sockets against the sandbox.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::database::{self, Database};
use super::start::portal_state;
use crate::authz::{NumbersDelete, NumbersRead, NumbersWrite};
use crate::config::{Config, Purpose, Sources};
use crate::http::identity_provider::Provider;
use crate::http::serve::{Listening, serve};
use crate::http::{
    Authenticated, Flash, FormBody, Granted, Problem, QueryString, Routes, needs, portal_router, see_other_with,
    signed_in,
};
use crate::places::Limits;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::service::{Clock, Ctx, Origin, Policy};

struct World {
    base: String,
    address: SocketAddr,
    ahead: Arc<AtomicI64>,
    identity: String,
    outside: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
    _database: Database,
    _folder: tempfile::TempDir,
}

/// A browser: keeps cookies, follows nothing by itself.
struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

fn test_routes() -> Routes {
    async fn who(Authenticated(session): Authenticated) -> String {
        format!("{} {:?}", session.principal.name, session.principal.roles)
    }
    async fn view(Granted(grant): Granted<NumbersRead>) -> String {
        format!("seen by {}", grant.principal().name)
    }
    async fn change(
        Granted(_): Granted<NumbersWrite>,
        FormBody(form): FormBody<BTreeMap<String, String>>,
    ) -> Response2 {
        see_other_with("/who", Flash::success(format!("changed {}", form.len())))
    }
    async fn remove(Granted(_): Granted<NumbersDelete>, origin: Origin) -> String {
        format!("removed from {} {}", origin.surface, origin.client)
    }
    async fn broken(QueryString(query): QueryString<BTreeMap<String, String>>) -> Result<String, Problem> {
        assert!(query.is_empty(), "a panic with a secret in it");
        Err(Problem::internal().because(&std::io::Error::other("the cause")))
    }
    Routes::new()
        .get("/who", signed_in(), who)
        .get("/view", needs::<NumbersRead>(), view)
        .post("/change", needs::<NumbersWrite>(), change)
        .post("/remove", needs::<NumbersDelete>(), remove)
        .get("/broken", signed_in(), broken)
}

type Response2 = axum::response::Response;

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sandbox, outside_listener) =
            Sandbox::bind(([127, 0, 0, 1], 0).into(), SandboxOptions::default()).await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let base = format!("http://{address}");
        let flags = vec![
            ("portal.public_url", base.clone()),
            ("database.url", format!("sqlite:{}", folder.path().join("nmp.db").display())),
            ("identity.issuer", sandbox.issuer().to_owned()),
            ("identity.client_id", "nmp-portal".to_owned()),
            ("identity.client_secret", "sandbox".to_owned()),
            ("roles.run", "portal".to_owned()),
        ];
        let config = Config::load(Sources { flags, ..Sources::default() }, Purpose::Demo).unwrap();
        let database = database::open(&config).await.unwrap();
        let (outside, stop, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let ahead = Arc::new(AtomicI64::new(0));
        let shift = Arc::clone(&ahead);
        #[expect(clippy::disallowed_methods, reason = "the sandbox signs with the real time")]
        let clock =
            Clock::new(move || OffsetDateTime::now_utc() + time::Duration::minutes(shift.load(Ordering::SeqCst)));
        let ctx = Ctx::new(database.db.clone(), clock, Policy::default());
        let provider = Provider::new(config.identity.issuer.clone()).unwrap();
        let state = portal_state(&Arc::new(config), &ctx, provider, &tasks).unwrap();
        let router = portal_router(crate::portal::routes().merge(test_routes()), state);
        let how = Listening { name: "portal", limits: Limits::new(50, 0), stop: stop.clone(), tasks: tasks.clone() };
        tasks.spawn(serve(listener, router, how));
        let (identity, outside_stop) = (sandbox.issuer().to_owned(), outside.clone());
        tasks.spawn(async move { sandbox.serve(outside_listener, outside_stop).await.unwrap() });
        Self { base, address, ahead, identity, outside, stop, tasks, _database: database, _folder: folder }
    }

    async fn signed_in(&self, person: &str) -> Browser {
        let mut browser = Browser::new();
        let landed = browser.sign_in(self, person, "/who").await;
        assert_eq!(landed, "/who");
        browser
    }

    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Browser {
    fn new() -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, cookies: BTreeMap::new() }
    }

    async fn send(&mut self, method: Method, url: &str, headers: &[(&str, &str)], form: Option<&str>) -> Response {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut request = self.http.request(method, url).header("cookie", cookies);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(form) = form {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        }
        let response = request.send().await.unwrap();
        for header in response.headers().get_all("set-cookie") {
            let (name, value) = header.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    async fn get(&mut self, url: &str) -> Response {
        self.send(Method::GET, url, &[], None).await
    }

    /// Walks through signing in and gives the path that it ends at.
    async fn sign_in(&mut self, world: &World, person: &str, return_to: &str) -> String {
        let start = self.get(&format!("{}/login?return_to={return_to}", world.base)).await;
        let at_provider = location(&start);
        assert!(at_provider.starts_with(&world.identity), "{at_provider}");
        let back = self.send(Method::POST, &at_provider, &[], Some(&format!("person={person}"))).await;
        let back = location(&back);
        assert!(back.starts_with(&world.base), "{back}");
        location(&self.get(&back).await)
    }
}

fn location(response: &Response) -> String {
    let found = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    found.unwrap_or_else(|| format!("no location, but {}", response.status()))
}

#[tokio::test]
async fn a_person_signs_in_works_and_signs_out() {
    let world = World::new().await;
    let mut browser = Browser::new();
    let asked = browser.get(&format!("{}/who?a=b", world.base)).await;
    assert_eq!((asked.status(), location(&asked).as_str()), (StatusCode::SEE_OTHER, "/login?return_to=%2Fwho%3Fa%3Db"));

    assert_eq!(browser.sign_in(&world, "writer", "/view").await, "/view");
    let who = browser.get(&format!("{}/who", world.base)).await;
    assert_eq!(who.headers()["cache-control"], "no-store");
    assert!(who.headers().contains_key("x-request-id"));
    assert_eq!(who.text().await.unwrap(), "Wren Writer {ReadUser, WriteUser}");

    // A missing page keeps the navigation; the notice of a change is shown once.
    let changed = browser.send(Method::POST, &format!("{}/change", world.base), &[], Some("a=1")).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    assert!(browser.cookies["nmp-notice"].starts_with("ok."));
    let missing = browser.get(&format!("{}/nowhere", world.base)).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(missing.text().await.unwrap().contains("Wren Writer"));

    let before = browser.cookies["nmp"].clone();
    let out = browser.send(Method::POST, &format!("{}/logout", world.base), &[], Some("")).await;
    let provider = location(&out);
    assert!(provider.starts_with(&world.identity) && provider.contains("id_token_hint="), "{provider}");
    let done = browser.get(&provider).await;
    assert_eq!(location(&done).split('?').next(), Some(format!("{}/signed-out", world.base).as_str()));
    assert!(browser.get(&format!("{}/signed-out", world.base)).await.text().await.unwrap().contains("signed out"));
    browser.cookies.insert("nmp".to_owned(), before);
    assert_eq!(browser.get(&format!("{}/who", world.base)).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_sign_in_counts_once_and_in_its_own_browser() {
    let world = World::new().await;
    let mut browser = Browser::new();
    let start = browser.get(&format!("{}/login", world.base)).await;
    let back = browser.send(Method::POST, &location(&start), &[], Some("person=reader")).await;
    let callback = location(&back);
    let other = Browser::new().get(&callback).await;
    assert_eq!(other.status(), StatusCode::BAD_REQUEST);
    assert_eq!(location(&browser.get(&callback).await), "/");
    let again = browser.get(&callback).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert!(again.text().await.unwrap().contains("no longer valid"));
    let refused = browser.get(&format!("{}/auth/callback?error=x<script>&state=y", world.base)).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn each_role_opens_what_it_should() {
    let world = World::new().await;
    let (ok, no) = (StatusCode::OK, StatusCode::FORBIDDEN);
    let table = [
        ("reader", [ok, no, no]),
        ("writer", [ok, StatusCode::SEE_OTHER, no]),
        ("deleter", [ok, no, ok]),
        ("admin", [ok, StatusCode::SEE_OTHER, ok]),
        ("writeonly", [no, no, no]),
        ("nobody", [no, no, no]),
    ];
    for (person, expected) in table {
        let mut browser = world.signed_in(person).await;
        let found = [
            browser.get(&format!("{}/view", world.base)).await.status(),
            browser.send(Method::POST, &format!("{}/change", world.base), &[], Some("a=1")).await.status(),
            browser.send(Method::POST, &format!("{}/remove", world.base), &[], Some("")).await.status(),
        ];
        assert_eq!(found, expected, "{person}");
    }
    let page = world.signed_in("writeonly").await.get(&format!("{}/view", world.base)).await.text().await.unwrap();
    assert!(page.contains("ProvisioningAPI.ReadUser") && page.contains("Sign out"), "{page}");
}

#[tokio::test]
async fn roles_are_confirmed_and_the_session_ends_in_time() {
    let world = World::new().await;
    let who = format!("{}/who", world.base);
    let mut browser = world.signed_in("writer").await;
    // The sandbox's tokens are issued now; a clock that is 16 minutes ahead still takes them.
    world.ahead.store(16, Ordering::SeqCst);
    assert_eq!(browser.get(&who).await.status(), StatusCode::OK);
    world.ahead.store(33, Ordering::SeqCst);
    assert_eq!(browser.get(&who).await.status(), StatusCode::OK);
    // With the provider away the session goes on for a while, and not for ever.
    world.outside.cancel();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    world.ahead.store(55, Ordering::SeqCst);
    assert_eq!(browser.get(&who).await.status(), StatusCode::OK);
    world.ahead.store(80, Ordering::SeqCst);
    assert_eq!(browser.get(&who).await.status(), StatusCode::OK);
    world.ahead.store(95, Ordering::SeqCst);
    assert_eq!(browser.get(&who).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn with_the_provider_away_the_sign_in_page_says_so() {
    let world = World::new().await;
    world.outside.cancel();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let page = Browser::new().get(&format!("{}/login", world.base)).await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.headers()["retry-after"], "5");
    assert!(page.text().await.unwrap().contains("identity provider does not answer"));
}

#[tokio::test]
async fn what_goes_wrong_becomes_a_page_without_its_cause() {
    let world = World::new().await;
    let mut browser = world.signed_in("admin").await;
    for (path, status) in [("/broken", 500), ("/broken?x=1", 500), ("/nowhere", 404), ("/static/none.css", 404)] {
        let answer = browser.get(&format!("{}{path}", world.base)).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        let text = answer.text().await.unwrap();
        assert!(text.contains("<h1>") && !text.contains("cause") && !text.contains("secret"), "{text}");
    }
    let wrong_method = browser.send(Method::DELETE, &format!("{}/who", world.base), &[], None).await;
    assert_eq!(wrong_method.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong_method.headers()["allow"].to_str().unwrap().contains("GET"));
    let json = browser
        .send(Method::POST, &format!("{}/change", world.base), &[("content-type", "application/json")], None)
        .await;
    assert_eq!(json.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = browser.send(Method::POST, &format!("{}/change", world.base), &[], Some(&"a".repeat(3_000_000))).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    // A browser that sends everything before it listens gets its answer all the same.
    let larger =
        browser.send(Method::POST, &format!("{}/change", world.base), &[], Some(&"a".repeat(30_000_000))).await;
    assert_eq!(larger.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let packed = browser
        .send(Method::POST, &format!("{}/change", world.base), &[("content-encoding", "gzip")], Some("a=1"))
        .await;
    assert_eq!(packed.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn forms_from_other_sites_and_other_hosts_are_refused() {
    let world = World::new().await;
    let mut browser = world.signed_in("admin").await;
    let change = format!("{}/change", world.base);
    for headers in [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example")],
        [("origin", "null")],
    ] {
        let answer = browser.send(Method::POST, &change, &headers, Some("a=1")).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{headers:?}");
    }
    for headers in [[("sec-fetch-site", "same-origin")], [("origin", world.base.as_str())]] {
        let answer = browser.send(Method::POST, &change, &headers, Some("a=1")).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{headers:?}");
    }
    let host = world.address;
    for request in [
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"),
        format!("GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ] {
        let answer = world.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{request}\n{answer}");
    }
    assert!(
        world
            .raw(&format!("GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
            .await
            .starts_with("HTTP/1.1 303")
    );
}

#[tokio::test]
async fn htmx_is_told_to_take_the_browser_to_the_sign_in() {
    let world = World::new().await;
    let current = format!("{}/numbers?q=1", world.base);
    let headers = [("hx-request", "true"), ("hx-request-type", "partial"), ("hx-current-url", current.as_str())];
    let answer = Browser::new().send(Method::GET, &format!("{}/view", world.base), &headers, None).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["hx-redirect"], "/login?return_to=%2Fnumbers%3Fq%3D1");
}

#[tokio::test]
async fn a_stop_waits_for_requests_and_a_slow_header_is_cut_off() {
    let world = World::new().await;
    let mut slow = TcpStream::connect(world.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let mut rest = Vec::new();
    let cut = tokio::time::timeout(Duration::from_secs(7), slow.read_to_end(&mut rest)).await;
    assert!(cut.is_ok(), "still open after 7 seconds");
    world.outside.cancel();
    world.stop.cancel();
    world.tasks.close();
    assert!(tokio::time::timeout(Duration::from_secs(9), world.tasks.wait()).await.is_ok());
    assert!(TcpStream::connect(world.address).await.is_err());
}
