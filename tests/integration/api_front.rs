//! What stands in front of every operation of the Provisioning API: tokens, roles, limits, hosts, and the contract's errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::extract::{MatchedPath, OriginalUri};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nmp::authz::{AccountsDelete, AccountsRead, AccountsWrite, NumbersDelete, Role};
use nmp::config::{Config, Purpose, Sources};
use nmp::http::identity_provider::Provider;
use nmp::http::serve::{Listening, serve};
use nmp::http::{ApiRoutes, ApiState, Called, JsonBody, MergePatchBody, PathPart, Problem, api_router, needs, public};
use nmp::sandbox::{Sandbox, SandboxOptions};
use nmp::service::{Clock, Ctx, Origin, Policy};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::harness::caller::{Caller, Reply, post_form, switch, token};
use crate::harness::database::{Kind, Place};
use crate::harness::program::Demo;
use crate::harness::{eventually, runtime};

/// The front with a few operations of the tests' own behind it, and a clock that stands until it is moved.
struct Front {
    api: String,
    issuer: String,
    ahead: Arc<AtomicI64>,
    stop: CancellationToken,
    _place: Place,
}

fn operations() -> ApiRoutes {
    async fn read(Called(grant): Called<AccountsRead>, origin: Origin) -> String {
        format!("{} from {} {}", grant.principal().name, origin.surface, origin.client)
    }
    async fn write(Called(_): Called<AccountsWrite>, JsonBody(body): JsonBody) -> String {
        body.len().to_string()
    }
    async fn amend(Called(_): Called<AccountsWrite>, MergePatchBody(body): MergePatchBody) -> String {
        body.len().to_string()
    }
    async fn remove(Called(_): Called<AccountsDelete>) -> &'static str {
        "removed"
    }
    async fn numbers_deleted(
        Called(_): Called<NumbersDelete>,
        PathPart(account): PathPart<String>,
        route: MatchedPath,
        OriginalUri(asked): OriginalUri,
    ) -> String {
        format!("{account} {} {asked}", route.as_str())
    }
    /// Registered for those who read, and written for those who write.
    async fn mistaken(Called(_): Called<AccountsWrite>) {}
    async fn broken() {
        panic!("a panic with a secret in it");
    }
    async fn invalid() -> Problem {
        Problem::bad_request("Two things are wrong.")
            .field("numbers[3].telephoneNumber", "is no number; write +441632960000")
            .field_with("name", "is missing", "missing_value")
    }
    ApiRoutes::new()
        .get("/accounts/{account}", needs::<AccountsRead>(), read)
        .put("/accounts/{account}", needs::<AccountsWrite>(), write)
        .patch("/accounts/{account}", needs::<AccountsWrite>(), amend)
        .delete("/accounts/{account}", needs::<AccountsDelete>(), remove)
        .post("/accounts/{account}:createOrUpdateNumbers", needs::<AccountsWrite>(), write)
        .post("/accounts/{account}:deleteNumbers", needs::<NumbersDelete>(), numbers_deleted)
        .get("/mistaken", needs::<AccountsRead>(), mistaken)
        .get("/broken", needs::<AccountsRead>(), broken)
        .get("/invalid", needs::<AccountsRead>(), invalid)
        .get("/openapi.json", public(), async || "{}")
}

impl Front {
    async fn start(settings: &[(&'static str, &str)]) -> Self {
        let place = Place::new(Kind::Sqlite).await;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (sandbox, outside) = Sandbox::bind(([127, 0, 0, 1], 0).into(), SandboxOptions::default()).await.unwrap();
        let issuer = sandbox.issuer().to_owned();
        let ended = stop.clone();
        tasks.spawn(async move { sandbox.serve(outside, ended).await.unwrap() });

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}/", listener.local_addr().unwrap());
        let mut flags = vec![
            ("api.public_url", api.clone()),
            ("api.audience", "nmp-api".to_owned()),
            ("api.rate_per_second", "0".to_owned()),
            ("database.url", place.url.clone()),
            ("identity.issuer", issuer.clone()),
            ("roles.run", "api".to_owned()),
        ];
        flags.extend(settings.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let config = Config::load(Sources { flags, ..Sources::default() }, Purpose::Demo).unwrap();

        let ahead = Arc::new(AtomicI64::new(0));
        #[expect(clippy::disallowed_methods, reason = "the sandbox signs with the real time")]
        let (started, shift) = (time::OffsetDateTime::now_utc(), Arc::clone(&ahead));
        let clock = Clock::new(move || started + time::Duration::milliseconds(shift.load(Ordering::SeqCst)));
        let ctx = Ctx::new(place.open().await, clock, Policy::default());
        let provider = Provider::new(config.identity.issuer.clone()).unwrap();
        let router = api_router(operations(), ApiState::new(ctx, Arc::new(config), provider));
        let how = Listening {
            name: "api",
            limits: nmp::places::Limits::new(50, 0),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(serve(listener, router, how));
        Self { api, issuer, ahead, stop, _place: place }
    }

    async fn caller(&self, client: &str) -> Caller {
        Caller::new(&self.api, &self.issuer, client).await
    }

    fn with_token(&self, token: String) -> Caller {
        Caller::with_token(&self.api, token)
    }

    async fn provider_is_down(&self, down: bool) {
        switch(&format!("{}/_faults", self.issuer), &json!({ "down": down })).await;
    }

    async fn rotate_keys(&self) {
        switch(&format!("{}/_rotate?drop=true", self.issuer), &json!({})).await;
    }

    /// What is answered to these very bytes.
    async fn raw(&self, request: &str) -> String {
        let address = self.api.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn each_role_opens_its_methods() {
    runtime().block_on(async {
        let front = Front::start(&[]).await;
        let table = [
            ("bss-read", [200, 403, 403, 403, 403, 403]),
            ("bss-write", [403, 200, 200, 403, 200, 403]),
            ("bss-delete", [403, 403, 403, 200, 403, 200]),
            ("bss-admin", [200; 6]),
        ];
        for (client, expected) in table {
            let caller = front.caller(client).await;
            let (account, json) = ("/accounts/contoso", "application/json");
            let requests = [
                caller.request(Method::GET, account),
                caller.request(Method::PUT, account).header("content-type", json).body("{}"),
                caller
                    .request(Method::PATCH, account)
                    .header("content-type", "application/merge-patch+json")
                    .body("{}"),
                caller.request(Method::DELETE, account),
                caller
                    .request(Method::POST, "/accounts/contoso:createOrUpdateNumbers")
                    .header("content-type", json)
                    .body("{}"),
                caller.request(Method::POST, "/accounts/contoso%3AdeleteNumbers"),
            ];
            let mut found = Vec::new();
            for request in requests {
                found.push(Reply::to(request).await.status.as_u16());
            }
            assert_eq!(found, expected, "{client}");
        }
        let deleter = front.caller("bss-delete").await;
        let action = Reply::to(deleter.request(Method::POST, "/accounts/contoso:deleteNumbers?x=y")).await;
        assert_eq!(action.text, "contoso /accounts/{account}/:deleteNumbers /accounts/contoso:deleteNumbers?x=y");
        let reader = front.caller("bss-read").await;
        let shown = reader.get("/accounts/contoso").await;
        assert_eq!(shown.text, "bss-read from api 127.0.0.1");
        for (method, path, role) in [
            (Method::DELETE, "/accounts/contoso", "ProvisioningAPI.Delete"),
            (Method::POST, "/accounts/contoso:createOrUpdateNumbers", "ProvisioningAPI.Write"),
            (Method::GET, "/mistaken", "ProvisioningAPI.Write"),
        ] {
            let refused = Reply::to(reader.request(method, path)).await;
            assert_eq!(refused.error(), error(403, "MissingRole"));
            let challenge =
                format!("Bearer realm=\"Provisioning API\", error=\"insufficient_scope\", scope=\"{role}\"");
            assert_eq!(refused.header("www-authenticate"), challenge);
            assert!(refused.text.contains(role), "{refused:?}");
        }
    });
}

#[test]
fn every_operation_asks_for_the_role_of_its_method() {
    runtime().block_on(async {
        let demo = Demo::start();
        let routes = nmp::api::routes();
        assert_eq!(routes.entries().count(), 20);
        let clients = [
            ("bss-read", Role::ReadUser),
            ("bss-write", Role::WriteUser),
            ("bss-delete", Role::DeleteUser),
            ("bss-admin", Role::AdminUser),
        ];
        for entry in routes.entries() {
            let needed = match (entry.method.as_str(), entry.path.split_once(':').map_or("", |(_, action)| action)) {
                ("GET", "") | ("POST", "getTeamsCapabilityPlans" | "getTeamsAvailableCapabilities") => Role::ReadUser,
                ("PUT" | "PATCH", "") | ("POST", "createOrUpdateNumbers") => Role::WriteUser,
                ("DELETE", "") | ("POST", "deleteNumbers") => Role::DeleteUser,
                other => panic!("no role is decided for {other:?}"),
            };
            // Nothing of this exists, so nothing is changed.
            let path = entry.path.replace("{account}", "nobody").replace("{number}", "+441632960999");
            let path = path.replace("{address}", "none").replace("{tenant}", "00000000-0000-4000-8000-000000000000");
            assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
            for (client, role) in clients {
                let caller = Caller::new(&demo.api, &demo.issuer, client).await;
                let reply = Reply::to(caller.request(entry.method.clone(), &path)).await;
                let allowed = role == needed || role == Role::AdminUser;
                assert_eq!(reply.status != 403, allowed, "{} {path} as {client}: {reply:?}", entry.method);
                assert_ne!(reply.status, 401, "{} {path} as {client}: {reply:?}", entry.method);
                let anonymous = Reply::to(caller.anonymous(entry.method.clone(), &path)).await;
                assert_eq!(anonymous.error(), error(401, "MissingToken"), "{} {path}", entry.method);
            }
        }
    });
}

#[test]
fn the_program_itself_believes_only_good_tokens() {
    runtime().block_on(async {
        let demo = Demo::start();
        let good = token(&demo.issuer, "bss-admin").await;
        let caller = Caller::with_token(&demo.api, good.clone());
        // Nothing else is said to a caller without a token, not even what there is.
        let path = "/no-such-resource";
        let tried = async |authorization: &[String]| {
            let request = authorization
                .iter()
                .fold(caller.anonymous(Method::GET, path), |request, value| request.header("authorization", value));
            Reply::to(request).await
        };
        let realm = "Bearer realm=\"Provisioning API\"";
        for good in [format!("Bearer {good}"), format!("bearer {good}"), format!("BEARER   {good}")] {
            assert_eq!(tried(&[good]).await.error(), error(404, "ResourceNotFound"));
        }
        for none in [&[][..], &["Basic YTpi".to_owned()]] {
            let answer = tried(none).await;
            assert_eq!(answer.error(), error(401, "MissingToken"));
            assert_eq!(answer.header("www-authenticate"), realm);
        }
        let twice = [format!("Bearer {good}"), format!("Bearer {good}")];
        for wrong in [&twice[..], &["Bearer".to_owned()], &["Bearer a b".to_owned()]] {
            let answer = tried(wrong).await;
            assert_eq!(answer.error(), error(400, "InvalidAuthorizationHeader"));
            assert_eq!(answer.header("www-authenticate"), format!("{realm}, error=\"invalid_request\""));
        }

        let (id_token, access_token) = tokens_of_a_person(&demo).await;
        switch(&format!("{}/_faults", demo.issuer), &json!({ "tokenSeconds": -61 })).await;
        let expired = token(&demo.issuer, "bss-admin").await;
        let bad = [
            ("garbage", "garbage".to_owned()),
            ("three parts", "a.b.c".to_owned()),
            ("cut short", good[..good.len() - 8].to_owned()),
            ("of the portal", id_token),
            ("for the provider", access_token),
            ("for the backend", token(&demo.issuer, "nmp-operator-connect").await),
            ("expired", expired),
            ("unsigned", unsigned(&good)),
            ("signed with the public key", signed_with_the_public_key(&demo.issuer, &good).await),
        ];
        for (what, token) in bad {
            let answer = tried(&[format!("Bearer {token}")]).await;
            assert_eq!(answer.error(), error(401, "InvalidToken"), "{what}");
            let challenge = answer.header("www-authenticate").to_owned();
            assert!(challenge.starts_with(&format!("{realm}, error=\"invalid_token\", error_desc")), "{challenge}");
            assert!(!answer.text.contains(&token) && !format!("{:?}", answer.headers).contains(&token), "{what}");
        }
        // A session of the portal is no token.
        let portal = crate::harness::visitor::Visitor::sign_in(&demo.portal, "admin").await;
        let with_cookie = caller.anonymous(Method::GET, path).header("cookie", portal.cookies());
        assert_eq!(Reply::to(with_cookie).await.error(), error(401, "MissingToken"));
    });
}

/// The ID token and the access token that the portal would get for somebody who may do everything.
async fn tokens_of_a_person(demo: &Demo) -> (String, String) {
    let verifier = "a-code-verifier-that-is-long-enough-for-the-standard";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let redirect = format!("{}auth/callback", demo.portal);
    let authorize = format!(
        "{}/authorize?response_type=code&client_id=nmp-portal&redirect_uri={redirect}&scope=openid&state=s&nonce=n\
         &code_challenge={challenge}&code_challenge_method=S256",
        demo.issuer
    );
    let back = post_form(&authorize, &[("person", "admin")]).await;
    let back = back.headers()["location"].to_str().unwrap().to_owned();
    let back = url::Url::parse(&back).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect.as_str()),
        ("code_verifier", verifier),
        ("client_id", "nmp-portal"),
        ("client_secret", "sandbox"),
    ];
    let tokens: Value = post_form(&format!("{}/token", demo.issuer), &form).await.json().await.unwrap();
    let text = |name: &str| tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}")).to_owned();
    (text("id_token"), text("access_token"))
}

/// The claims of a good token under a header that asks for no signature.
fn unsigned(good: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "at+jwt" }).to_string());
    format!("{header}.{}.", good.split('.').nth(1).unwrap())
}

/// The same under a shared secret that everyone knows.
async fn signed_with_the_public_key(issuer: &str, good: &str) -> String {
    let keys: Value = reqwest::Client::builder()
        .build()
        .unwrap()
        .get(format!("{issuer}/jwks"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = keys["keys"][0]["kid"].as_str().map(str::to_owned);
    let claims = URL_SAFE_NO_PAD.decode(good.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let secret = URL_SAFE_NO_PAD.decode(keys["keys"][0]["n"].as_str().unwrap()).unwrap();
    jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(&secret)).unwrap()
}

#[test]
fn a_new_key_is_known_at_once_and_a_dropped_one_no_longer() {
    runtime().block_on(async {
        let front = Front::start(&[]).await;
        let first = front.caller("bss-read").await;
        assert_eq!(first.get("/accounts/a").await.status, 200);
        front.rotate_keys().await;
        assert_eq!(first.get("/accounts/a").await.status, 200, "nobody has said yet that the key is gone");
        let token = token(&front.issuer, "bss-read").await;
        let second = front.with_token(token);
        // Many at the same time: one asks for the keys, all get them.
        let answers =
            futures_util::future::join_all((0..8).map(|_| async { second.get("/accounts/a").await.status.as_u16() }))
                .await;
        assert_eq!(answers, [200; 8]);
        assert_eq!(first.get("/accounts/a").await.error(), error(401, "InvalidToken"));
        // Keys are fetched for the sake of an unknown one at most every five minutes.
        front.rotate_keys().await;
        let third = front.caller("bss-read").await;
        assert_eq!(third.get("/accounts/a").await.error(), error(401, "InvalidToken"));
        assert_eq!(second.get("/accounts/a").await.status, 200);
    });
}

#[test]
fn without_the_provider_the_keys_at_hand_go_on() {
    runtime().block_on(async {
        let front = Front::start(&[]).await;
        let (one, two) = (front.caller("bss-read").await, front.caller("bss-admin").await);
        front.provider_is_down(true).await;
        let refused = one.get("/accounts/a").await;
        assert_eq!(refused.error(), error(503, "Unavailable"));
        assert_eq!(refused.header("retry-after"), "5");
        front.provider_is_down(false).await;
        eventually("the provider is asked again", Duration::from_secs(10), async || {
            (one.get("/accounts/a").await.status == 200).then_some(())
        })
        .await;
        front.provider_is_down(true).await;
        assert_eq!(two.get("/accounts/a").await.status, 200, "a token that was not seen before");
        assert_eq!(one.get("/accounts/a").await.status, 200);
    });
}

#[test]
fn a_token_that_was_good_ends_in_time() {
    runtime().block_on(async {
        let front = Front::start(&[]).await;
        let caller = front.caller("bss-read").await;
        assert_eq!(caller.get("/accounts/a").await.status, 200);
        front.ahead.store(3_590_000, Ordering::SeqCst);
        assert_eq!(caller.get("/accounts/a").await.status, 200);
        front.ahead.store(3_670_000, Ordering::SeqCst);
        let refused = caller.get("/accounts/a").await;
        assert_eq!(refused.error(), error(401, "InvalidToken"));
        assert!(refused.text.contains("expired"), "{refused:?}");
    });
}

#[test]
fn calls_from_elsewhere_are_refused_before_anything_is_read() {
    runtime().block_on(async {
        let front = Front::start(&[("api.allowed_networks", "192.0.2.0/24, 2001:db8::/32")]).await;
        let caller = front.caller("bss-admin").await;
        for request in [
            caller.request(Method::GET, "/accounts/a"),
            caller.anonymous(Method::GET, "/openapi.json"),
            caller.request(Method::GET, "/accounts/a").header("x-forwarded-for", "192.0.2.7"),
            caller.request(Method::GET, "/accounts/a").header("host", "evil.example"),
        ] {
            assert_eq!(Reply::to(request).await.error(), error(403, "AddressNotAllowed"));
        }
        let settings = [("api.allowed_networks", "192.0.2.0/24, 2001:db8::/32"), ("api.trusted_proxies", "127.0.0.1")];
        let front = Front::start(&settings).await;
        let caller = front.caller("bss-admin").await;
        for (forwarded, status) in
            [("192.0.2.7", 200), ("2001:db8::9", 200), ("192.0.3.7", 403), ("192.0.2.7, 203.0.113.1", 403)]
        {
            let request = caller.request(Method::GET, "/accounts/a").header("x-forwarded-for", forwarded);
            assert_eq!(Reply::to(request).await.status, status, "{forwarded}");
        }
        assert_eq!(caller.get("/accounts/a").await.status, 403, "the proxy itself is not on the list");
    });
}

#[test]
fn who_calls_too_fast_is_told_to_wait() {
    runtime().block_on(async {
        let front = Front::start(&[("api.rate_per_second", "1"), ("api.rate_burst", "3")]).await;
        let (one, two) = (front.caller("bss-read").await, front.caller("bss-admin").await);
        let statuses = async |caller: &Caller| {
            let mut found = Vec::new();
            for _ in 0..4 {
                found.push(caller.get("/accounts/a").await.status.as_u16());
            }
            found
        };
        assert_eq!(statuses(&one).await, [200, 200, 200, 429]);
        let refused = one.get("/accounts/a").await;
        assert_eq!(refused.error(), error(429, "TooManyRequests"));
        assert_eq!(refused.header("retry-after"), "1");
        // A new token of the same program does not help; another program has a bucket of its own.
        let again = front.caller("bss-read").await;
        assert_eq!(again.get("/accounts/a").await.status, 429);
        assert_eq!(statuses(&two).await, [200, 200, 200, 429]);
        // Those without a good token share the bucket of their address, and cost nobody else anything.
        let nobody = front.with_token("garbage".to_owned());
        assert_eq!(statuses(&nobody).await, [401, 401, 401, 429]);
        let open = nobody.anonymous(Method::GET, "/openapi.json");
        assert_eq!(Reply::to(open).await.status, 429);
        front.ahead.store(1_000, Ordering::SeqCst);
        assert_eq!(one.get("/accounts/a").await.status, 200);
        assert_eq!(one.get("/accounts/a").await.status, 429);
    });
}

#[test]
fn every_refusal_has_the_form_of_the_contract() {
    runtime().block_on(async {
        let front = Front::start(&[("api.max_body_bytes", "100000")]).await;
        let caller = front.caller("bss-admin").await;
        let (account, json) = ("/accounts/contoso", "application/json");
        let put = |kind: &str, length: usize| {
            caller.request(Method::PUT, account).header("content-type", kind).body("x".repeat(length))
        };
        let table = [
            (caller.request(Method::GET, "/nowhere"), 404, "ResourceNotFound"),
            (caller.request(Method::GET, "/Accounts/contoso"), 404, "ResourceNotFound"),
            (caller.request(Method::GET, "/accounts/contoso/"), 404, "ResourceNotFound"),
            (caller.request(Method::POST, "/accounts/contoso:noSuchAction"), 404, "ResourceNotFound"),
            (caller.request(Method::POST, "/accounts/contoso/:deleteNumbers"), 404, "ResourceNotFound"),
            (caller.request(Method::POST, account), 405, "MethodNotAllowed"),
            (caller.request(Method::GET, "/accounts/contoso:deleteNumbers"), 405, "MethodNotAllowed"),
            (caller.request(Method::OPTIONS, account), 405, "MethodNotAllowed"),
            (put("text/plain", 2), 415, "UnsupportedMediaType"),
            (put("application/merge-patch+json", 2), 415, "UnsupportedMediaType"),
            (caller.request(Method::PUT, account).body("{}"), 415, "UnsupportedMediaType"),
            (put(json, 2).header("content-encoding", "gzip"), 415, "ContentEncoding"),
            (put(json, 100_001), 413, "TooLarge"),
            (put(json, 10_000_000), 413, "TooLarge"),
            (caller.request(Method::GET, account).header("host", "evil.example"), 421, "Misdirected"),
            (caller.request(Method::GET, "/broken"), 500, "Internal"),
            (caller.request(Method::GET, "/invalid"), 400, "BadRequest"),
        ];
        for (request, status, code) in table {
            let sent = format!("{request:?}");
            let reply = Reply::to(request.header("x-ms-client-request-id", "my-own-id")).await;
            assert_eq!(reply.error(), error(status, code), "{sent}");
            assert_eq!(reply.header("x-ms-client-request-id"), "my-own-id");
            assert_eq!(reply.header("x-ms-request-id").len(), 24, "{reply:?}");
            assert_eq!(reply.header("cache-control"), "no-store");
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            assert!(!reply.text.contains("secret") && !reply.headers.contains_key("x-request-id"), "{reply:?}");
        }
        assert_eq!(Reply::to(put(json, 100_000)).await.text, "100000");
        let allowed = Reply::to(caller.request(Method::POST, account)).await;
        assert_eq!(allowed.header("allow"), "GET,HEAD,PUT,PATCH,DELETE");

        let invalid = caller.get("/invalid").await.json();
        let details = json!([
            { "code": "InvalidValue", "message": "is no number; write +441632960000", "target": "numbers[3].telephoneNumber" },
            { "code": "MissingValue", "message": "is missing", "target": "name" },
        ]);
        assert_eq!(
            invalid,
            json!({ "error": { "code": "BadRequest", "message": "Two things are wrong.", "details": details } })
        );
        let target = Reply::to(put("text/plain", 2)).await.json();
        assert_eq!(target["error"]["target"], "Content-Type");
    });
}

#[test]
fn bytes_that_no_client_sends_get_an_answer_too() {
    runtime().block_on(async {
        let front = Front::start(&[("api.max_body_bytes", "1024")]).await;
        let host = front.api.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let bearer = format!("Authorization: Bearer {}", token(&front.issuer, "bss-admin").await);
        let put = "PUT /accounts/a HTTP/1.1";
        // A body that does not say how long it is.
        let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
        let chunked = format!(
            "{put}\r\nHost: {host}\r\n{bearer}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
             Connection: close\r\n\r\n{chunk}{chunk}0\r\n\r\n"
        );
        let answer = front.raw(&chunked).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\"TooLarge\""), "{answer}");
        // A client that asks first is refused before it sends.
        let asks = format!(
            "{put}\r\nHost: {host}\r\n{bearer}\r\nContent-Type: application/json\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n"
        );
        let answer = front.raw(&asks).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        for hosts in ["", "Host: evil.example\r\n", &format!("Host: {host}\r\nHost: {host}\r\n")] {
            let answer = front.raw(&format!("GET /accounts/a HTTP/1.1\r\n{hosts}{bearer}\r\n\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("\"Misdirected\""), "{answer}");
        }
        for id in ["", "two words", &"x".repeat(129)] {
            let request = format!(
                "GET /openapi.json HTTP/1.1\r\nHost: {host}\r\nx-ms-client-request-id: {id}\r\nConnection: close\r\n\r\n"
            );
            let answer = front.raw(&request).await.to_ascii_lowercase();
            assert!(answer.starts_with("http/1.1 200") && !answer.contains("client-request-id"), "{answer}");
        }
        let answer = front.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        assert!(!answer.contains("200"), "{answer}");
    });
}
