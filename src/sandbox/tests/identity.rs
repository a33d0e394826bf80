//! Signing in, staying signed in, and signing out.

use axum::Router;
use axum::http::{Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Answer, BASE, BASIC, form, get, router, send};

const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-allowed-by-the-rfc";
const CALLBACK: &str = "http://127.0.0.1:8080/auth/callback";

fn authorize(changes: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", "nmp-portal"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile"),
        ("state", "st&te"),
        ("nonce", "n0nce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        fields.retain(|(field, _)| field != name);
        fields.push((name, value));
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!("/identity/authorize?{query}")
}

async fn code(router: &Router, person: &str) -> String {
    let chosen = form(router, &authorize(&[]), "", &[("person", person)]).await;
    assert_eq!(chosen.status, StatusCode::SEE_OTHER);
    let to = chosen.location();
    assert!(to.as_str().starts_with(CALLBACK));
    let value = |name: &str| to.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!((value("state"), value("iss")), ("st&te".to_owned(), format!("{BASE}/identity")));
    value("code")
}

async fn redeem(router: &Router, code: &str, verifier: &str) -> Answer {
    let fields =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", verifier)];
    form(router, "/identity/token", BASIC, &fields).await
}

pub(super) async fn refresh(router: &Router, tokens: &Value) -> Answer {
    let token = tokens["refresh_token"].as_str().unwrap();
    form(router, "/identity/token", BASIC, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

pub(super) async fn sign_in(router: &Router, person: &str) -> Value {
    let answer = redeem(router, &code(router, person).await, VERIFIER).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    answer.json()
}

/// The claims, once the published keys have proven the signature with a library of someone else.
pub(super) async fn verified(router: &Router, token: &str, audience: &str) -> Value {
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(get(router, "/identity/jwks").await.json()).unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(&kid).expect("published key")).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.set_audience(&[audience]);
    rules.set_issuer(&[format!("{BASE}/identity")]);
    jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims
}

async fn put(router: &Router, path: &str, body: Value) -> Answer {
    super::json(router, Method::PUT, path, "", &body).await
}

#[tokio::test]
async fn a_person_signs_in_with_a_code_pkce_and_a_nonce() {
    let router = router(false);
    let page = get(&router, &authorize(&[])).await;
    for person in ["reader", "writer", "deleter", "admin", "writeonly", "nobody"] {
        assert!(page.text.contains(&format!("name=\"person\" value=\"{person}\"")), "{person}");
    }
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' http://127.0.0.1:8080") && !policy.contains("unsafe"));
    let tokens = sign_in(&router, "writer").await;
    let claims = verified(&router, tokens["id_token"].as_str().unwrap(), "nmp-portal").await;
    assert_eq!(claims["nonce"], "n0nce");
    assert_eq!(claims["name"], "Wren Writer");
    assert_eq!(claims["roles"], json!(["ProvisioningAPI.ReadUser", "ProvisioningAPI.WriteUser"]));
    let half = Sha256::digest(tokens["access_token"].as_str().unwrap());
    assert_eq!(claims["at_hash"], json!(URL_SAFE_NO_PAD.encode(&half[..16])));
    let again = sign_in(&router, "writer").await;
    let again = verified(&router, again["id_token"].as_str().unwrap(), "nmp-portal").await;
    assert_eq!(again["sub"], claims["sub"]);
    let nobody = sign_in(&router, "nobody").await;
    let nobody = verified(&router, nobody["id_token"].as_str().unwrap(), "nmp-portal").await;
    assert_eq!(nobody["roles"], json!([]));
    assert_ne!(nobody["sub"], claims["sub"]);
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_works_once() {
    let router = router(false);
    let wrong =
        redeem(&router, &code(&router, "reader").await, "another-verifier-that-is-long-enough-for-the-rfc").await;
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (StatusCode::BAD_REQUEST, Some("invalid_grant")));
    let code = code(&router, "reader").await;
    let tokens = redeem(&router, &code, VERIFIER).await.json();
    assert_eq!(redeem(&router, &code, VERIFIER).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(refresh(&router, &tokens).await.status, StatusCode::BAD_REQUEST, "a stolen code ends the session");
}

#[tokio::test]
async fn faults_of_the_request_go_to_the_client_only_when_it_can_be_trusted() {
    let router = router(false);
    for change in [
        ("redirect_uri", "https://evil.example/auth/callback"),
        ("redirect_uri", "http://127.0.0.1:8080/elsewhere"),
        ("redirect_uri", "javascript://127.0.0.1/auth/callback"),
        ("client_id", "someone"),
    ] {
        assert_eq!(get(&router, &authorize(&[change])).await.status, StatusCode::BAD_REQUEST, "{change:?}");
    }
    for (change, error) in [
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "profile"), "invalid_scope"),
        (("prompt", "none"), "login_required"),
    ] {
        let to = get(&router, &authorize(&[change])).await.location();
        assert!(to.query_pairs().any(|(name, value)| name == "error" && value == error), "{change:?}");
    }
    let unknown = form(&router, &authorize(&[]), "", &[("person", "root")]).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_refresh_sees_new_roles_and_each_refresh_token_works_once() {
    let router = router(false);
    let tokens = sign_in(&router, "writer").await;
    let changed = put(&router, "/identity/_people/writer", json!({ "roles": ["ProvisioningAPI.ReadUser"] })).await;
    assert_eq!(changed.status, StatusCode::OK);
    let renewed = refresh(&router, &tokens).await.json();
    let claims = verified(&router, renewed["id_token"].as_str().unwrap(), "nmp-portal").await;
    assert_eq!(claims["roles"], json!(["ProvisioningAPI.ReadUser"]));
    assert_eq!(refresh(&router, &tokens).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(refresh(&router, &renewed).await.status, StatusCode::BAD_REQUEST, "a replay ends the session");
    assert_eq!(put(&router, "/identity/_people/root", json!({ "roles": [] })).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn keys_rotate_and_old_ones_stay_until_dropped() {
    let router = router(false);
    let before = sign_in(&router, "reader").await;
    let before = before["id_token"].as_str().unwrap();
    let kid = put(&router, "/identity/_rotate", Value::Null).await.json()["kid"].clone();
    let after = sign_in(&router, "reader").await;
    let after = after["id_token"].as_str().unwrap();
    assert_eq!(json!(jsonwebtoken::decode_header(after).unwrap().kid), kid);
    verified(&router, before, "nmp-portal").await;
    verified(&router, after, "nmp-portal").await;
    put(&router, "/identity/_rotate?drop=true", Value::Null).await;
    assert_eq!(get(&router, "/identity/jwks").await.json()["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_leads_back() {
    let router = router(false);
    let tokens = sign_in(&router, "reader").await;
    let hint = tokens["id_token"].as_str().unwrap();
    let out = format!(
        "/identity/logout?id_token_hint={hint}&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2F&state=x"
    );
    assert_eq!(get(&router, &out).await.location().as_str(), "http://127.0.0.1:8080/?state=x");
    assert_eq!(refresh(&router, &tokens).await.status, StatusCode::BAD_REQUEST);
    let foreign = "/identity/logout?id_token_hint=x&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2F";
    let page = get(&router, foreign).await;
    assert!(page.status == StatusCode::OK && page.text.contains("Signed out"));
}

#[tokio::test]
async fn programs_get_tokens_for_their_own_audience() {
    let router = router(false);
    let ask = async |client: &str, secret: &str, scope: &str| {
        let fields =
            [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret), ("scope", scope)];
        form(&router, "/identity/token", "", &fields).await
    };
    for (client, role) in
        [("bss-read", "Read"), ("bss-write", "Write"), ("bss-delete", "Delete"), ("bss-admin", "Admin")]
    {
        let tokens = ask(client, "sandbox", "nmp-api/.default").await.json();
        let claims = verified(&router, tokens["access_token"].as_str().unwrap(), "nmp-api").await;
        assert_eq!(claims["roles"], json!([format!("ProvisioningAPI.{role}")]));
    }
    let wrong = ask("bss-read", "guess", "").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.headers.contains_key(header::WWW_AUTHENTICATE));
    assert_eq!(ask("bss-read", "sandbox", "operator-connect/.default").await.json()["error"], "invalid_scope");
    assert_eq!(ask("nmp-portal", "sandbox", "").await.json()["error"], "unauthorized_client");
}

#[tokio::test]
async fn discovery_names_routes_that_exist_and_down_means_no_answer() {
    let router = router(false);
    let found = get(&router, "/identity/.well-known/openid-configuration").await.json();
    assert_eq!(found["issuer"], format!("{BASE}/identity"));
    for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "end_session_endpoint", "jwks_uri"] {
        let path = found[name].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned();
        assert_ne!(get(&router, &path).await.status, StatusCode::NOT_FOUND, "{name}");
    }
    assert_eq!(put(&router, "/identity/_faults", json!({ "down": true })).await.json()["down"], true);
    let request = axum::http::Request::get("/identity/jwks").body(axum::body::Body::empty()).unwrap();
    assert_eq!(send(&router, request).await.text, "");
    put(&router, "/identity/_faults", json!({ "down": false })).await;
    assert_eq!(get(&router, "/identity/style.css").await.headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
}
