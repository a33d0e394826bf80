//! Tokens made by hand with keys of the tests' own.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://login.example.com/";

struct Signer {
    pair: KeyPair,
    kid: &'static str,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        Self { pair: KeyPair::generate(KeySize::Rsa2048).unwrap(), kid }
    }

    fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let (n, e) = (public.modulus(), public.exponent());
        json!({
            "kty": "RSA", "use": "sig", "kid": self.kid,
            "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero()),
        })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "RS256", "kid": self.kid, "typ": "at+jwt" }), claims)
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "nmp-api", "sub": "bss", "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 300 })
}

/// The good claims with some of them changed; `null` takes one away.
fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn settings(algorithms: &[Algorithm]) -> Settings {
    let names = |suffix: &str| RoleNames {
        read: format!("Read{suffix}"),
        write: format!("Write{suffix}"),
        delete: format!("Delete{suffix}"),
        admin: format!("Admin{suffix}"),
    };
    Settings {
        issuer: ISSUER.to_owned(),
        audience: vec!["nmp-api".to_owned(), "api://nmp".to_owned()],
        algorithms: algorithms.to_vec(),
        roles_claim: "roles".to_owned(),
        role_names: [names(""), names("User")],
    }
}

fn refused(token: &str, keys: &KeySet) -> Option<Refusal> {
    settings(&[Algorithm::RS256]).verify(token, keys, NOW).err()
}

#[test]
fn a_token_is_believed_only_with_the_right_claims() {
    let signer = Signer::new("one");
    let keys = KeySet::new(&json!({ "keys": [signer.jwk()] }));
    let table = [
        (json!({}), None),
        (json!({ "aud": ["other", "api://nmp"] }), None),
        (json!({ "nbf": null, "iat": null }), None),
        // A minute of leeway, and no more.
        (json!({ "exp": NOW - 59, "nbf": NOW + 60, "iat": NOW + 60 }), None),
        (json!({ "exp": NOW - 60 }), Some(Refusal::Expired)),
        (json!({ "nbf": NOW + 61 }), Some(Refusal::NotYet)),
        (json!({ "iat": NOW + 61 }), Some(Refusal::NotYet)),
        (json!({ "nbf": "soon" }), Some(Refusal::NotYet)),
        (json!({ "exp": null }), Some(Refusal::NoExpiry)),
        (json!({ "exp": "1800000300" }), Some(Refusal::NoExpiry)),
        (json!({ "exp": 1e300 }), None),
        (json!({ "iss": "https://login.example.com" }), Some(Refusal::Issuer)),
        (json!({ "iss": [ISSUER] }), Some(Refusal::Issuer)),
        (json!({ "iss": null }), Some(Refusal::Issuer)),
        (json!({ "aud": "nmp-portal" }), Some(Refusal::Audience)),
        (json!({ "aud": "nmp-api nmp-portal" }), Some(Refusal::Audience)),
        (json!({ "aud": [] }), Some(Refusal::Audience)),
        (json!({ "aud": { "nmp-api": true } }), Some(Refusal::Audience)),
        (json!({ "aud": null }), Some(Refusal::Audience)),
        (json!({ "sub": null }), Some(Refusal::Subject)),
        (json!({ "sub": "" }), Some(Refusal::Subject)),
        (json!({ "sub": "x".repeat(256) }), Some(Refusal::Subject)),
    ];
    for (changes, expected) in table {
        assert_eq!(refused(&signer.token(&claims_with(&changes)), &keys), expected, "{changes}");
    }
}

#[test]
fn nothing_in_a_header_talks_us_into_another_check() {
    let (signer, other) = (Signer::new("one"), Signer::new("one"));
    let keys = KeySet::new(&json!({ "keys": [signer.jwk()] }));
    let with = |header: Value| refused(&signer.sign(&header, &claims()), &keys);
    assert_eq!(with(json!({ "alg": "RS256", "kid": "one", "typ": "JWT" })), None);
    assert_eq!(with(json!({ "alg": "RS256", "kid": "one", "typ": "application/AT+JWT" })), None);
    assert_eq!(with(json!({ "alg": "RS256" })), None, "there is one key to try");
    assert_eq!(with(json!({ "alg": "RS256", "kid": "two" })), Some(Refusal::UnknownKey));
    assert_eq!(with(json!({ "alg": "RS256", "kid": "../one" })), Some(Refusal::UnknownKey));
    assert_eq!(with(json!({ "alg": "RS256", "kid": "one", "typ": "logout+jwt" })), Some(Refusal::Kind));
    assert_eq!(with(json!({ "alg": "RS256", "kid": "one", "crit": ["b64"], "b64": false })), Some(Refusal::Kind));
    assert_eq!(with(json!({ "alg": "RS512", "kid": "one" })), Some(Refusal::Algorithm));
    assert_eq!(with(json!({ "alg": "rs256", "kid": "one" })), Some(Refusal::Algorithm));
    assert_eq!(with(json!({ "kid": "one" })), Some(Refusal::Malformed));
    // A key in the header, of whoever made the token.
    let brought = json!({ "alg": "RS256", "kid": "one", "jwk": other.jwk(), "jku": "https://evil.example/jwks" });
    assert_eq!(refused(&other.sign(&brought, &claims()), &keys), Some(Refusal::Signature));
    for none in ["none", "None", "NONE", ""] {
        let token = format!("{}.", unsigned(&json!({ "alg": none, "kid": "one" }), &claims()));
        assert_eq!(refused(&token, &keys), Some(Refusal::Algorithm), "{none}");
    }
    // The public key as a shared secret.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("one".to_owned());
    let secret = EncodingKey::from_secret(signer.jwk()["n"].as_str().unwrap().as_bytes());
    let confused = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    assert_eq!(refused(&confused, &keys), Some(Refusal::Algorithm));
    // Not even when the settings allowed it and the provider published it.
    let published = json!({ "keys": [{ "kty": "oct", "kid": "one", "k": signer.jwk()["n"] }] });
    let allowed = settings(&[Algorithm::HS256]).verify(&confused, &KeySet::new(&published), NOW);
    assert_eq!(allowed.err(), Some(Refusal::UnknownKey));
}

#[test]
fn what_is_not_a_token_is_refused() {
    let signer = Signer::new("one");
    let keys = KeySet::new(&json!({ "keys": [signer.jwk()] }));
    let good = signer.token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for (wrong, expected) in [
        ("garbage".to_owned(), Refusal::Malformed),
        ("..".to_owned(), Refusal::Malformed),
        (format!("{good}.x"), Refusal::Malformed),
        (format!("{signed}."), Refusal::Signature),
        (format!("{good}A"), Refusal::Signature),
        (format!("{}.{signature}", unsigned(&json!({ "alg": "RS256", "kid": "one" }), &claims())), Refusal::Signature),
        (format!("{}.e30.{signature}", "W10"), Refusal::Malformed),
    ] {
        assert_eq!(refused(&wrong, &keys), Some(expected), "{wrong}");
    }
    // Tokens that could not be ours anyway are no reason to fetch keys.
    let stranger = Signer::new("stranger");
    assert_eq!(refused(&stranger.token(&claims()), &keys), Some(Refusal::UnknownKey));
    assert_eq!(refused(&stranger.token(&claims_with(&json!({ "aud": "x" }))), &keys), Some(Refusal::Audience));
}

#[test]
fn only_public_keys_for_signatures_are_used() {
    let signer = Signer::new("one");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut key = signer.jwk();
        change(&mut key);
        refused(&signer.token(&claims()), &KeySet::new(&json!({ "keys": [7, {}, { "kty": "XX" }, key] })))
    };
    assert_eq!(with(&|_| {}), None);
    assert_eq!(with(&|key| key["alg"] = "RS256".into()), None);
    assert_eq!(with(&|key| key["alg"] = "PS256".into()), Some(Refusal::UnknownKey));
    assert_eq!(with(&|key| key["use"] = "enc".into()), Some(Refusal::UnknownKey));
    assert_eq!(with(&|key| key["key_ops"] = json!(["encrypt"])), Some(Refusal::UnknownKey));
    assert_eq!(refused(&signer.token(&claims()), &KeySet::new(&Value::Null)), Some(Refusal::UnknownKey));
}

#[test]
fn other_algorithms_by_configuration() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
    let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "ec", "x": x, "y": y }] });
    let keys = KeySet::new(&keys);
    let signed = unsigned(&json!({ "alg": "ES256", "kid": "ec" }), &claims());
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let token = format!("{signed}.{}", encode(signature));
    assert_eq!(refused(&token, &keys), Some(Refusal::Algorithm));
    assert!(settings(&[Algorithm::RS256, Algorithm::ES256]).verify(&token, &keys, NOW).is_ok());
}

#[test]
fn who_it_is_and_what_it_may() {
    use crate::authz::Role::{AdminUser, DeleteUser, ReadUser, WriteUser};
    let principal = |changes: &Value| {
        let Value::Object(claims) = claims_with(changes) else { unreachable!() };
        settings(&[Algorithm::RS256]).principal(&Verified { claims, expires: NOW, key: [0; 32] })
    };
    let program = principal(&json!({ "azp": "bss-client", "roles": ["Read", "DeleteUser", "other"] }));
    assert_eq!((&*program.issuer, &*program.subject, &*program.name), (ISSUER, "bss", "bss-client"));
    assert_eq!(program.roles, [ReadUser, DeleteUser].into_iter().collect());
    assert_eq!(program.via, Via::Api);
    let person = principal(&json!({ "name": "Riley\nReader", "azp": "bss-client", "roles": ["WriteUser"] }));
    assert_eq!((&*person.name, person.roles), ("RileyReader", [WriteUser].into_iter().collect()));
    assert_eq!(principal(&json!({ "roles": ["Admin"] })).roles, [AdminUser].into_iter().collect());
    assert_eq!(&*principal(&json!({ "name": "", "appid": "v1-client" })).name, "v1-client");
    assert_eq!(&*principal(&json!({})).name, "bss");
    for none in [json!("Admin"), json!(["Admin", 1]), json!([["Admin"]]), json!(["admin"]), json!({ "Admin": true })] {
        assert_eq!(principal(&json!({ "roles": none })).roles, Roles::NONE, "{none}");
    }
}

#[test]
fn a_token_is_remembered_until_it_ends_or_its_key_goes() {
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    let (both, only_two) =
        (KeySet::new(&json!({ "keys": [one.jwk(), two.jwk()] })), KeySet::new(&json!({ "keys": [two.jwk()] })));
    let settings = settings(&[Algorithm::RS256]);
    let token = one.token(&claims());
    let verified = settings.verify(&token, &both, NOW).ok().unwrap();
    let (remembered, hash) = (RememberedTokens::default(), RememberedTokens::hash(&token));
    let keep = || {
        let principal = settings.principal(&verified);
        remembered.keep(hash, RememberedToken { principal, expires: verified.expires, key: verified.key }, NOW);
    };
    assert!(remembered.find(&hash, &both, NOW).is_none());
    keep();
    assert_eq!(&*remembered.find(&hash, &both, NOW + 299).unwrap().subject, "bss");
    assert!(remembered.find(&RememberedTokens::hash("another"), &both, NOW).is_none());
    assert!(remembered.find(&hash, &both, NOW + 300).is_none());
    keep();
    assert!(remembered.find(&hash, &only_two, NOW).is_none());
    assert!(remembered.find(&hash, &both, NOW).is_none(), "it is forgotten, not hidden");
}

#[test]
fn one_header_of_one_scheme() {
    let status = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        token_of(&headers).map(str::to_owned).map_err(|problem| (problem.status.as_u16(), problem.challenge))
    };
    assert_eq!(status(&["Bearer abc.def-_~+/="]), Ok("abc.def-_~+/=".to_owned()));
    assert_eq!(status(&["bEARER  abc"]), Ok("abc".to_owned()));
    let none = Err((401, Some(Challenge::NoToken)));
    assert_eq!([status(&[]), status(&["Basic abc"]), status(&["abc"])], [none.clone(), none.clone(), none]);
    let wrong = Err((400, Some(Challenge::InvalidRequest)));
    for values in [
        &["Bearer"][..],
        &["Bearer "],
        &["Bearer a b"],
        &["Bearer a,b"],
        &["Bearer a\u{e9}"],
        &["Bearer a", "Bearer a"],
    ] {
        assert_eq!(status(values), wrong, "{values:?}");
    }
}
