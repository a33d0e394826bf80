//! How many requests one person, or somebody who is nobody, may make of the portal.

use std::time::Duration;

use reqwest::{Method, StatusCode};

use crate::harness::portal::path_of;
use crate::harness::program::Demo;
use crate::harness::visitor::Visitor;
use crate::harness::{eventually, runtime};

const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn limited(per_second: u32, burst: u32, more: &[(&'static str, &str)]) -> Demo {
    let mut settings =
        vec![("NMP_PORTAL__RATE_PER_SECOND", per_second.to_string()), ("NMP_PORTAL__RATE_BURST", burst.to_string())];
    settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Demo::with(settings)
}

/// Asks until the answer is 429.
async fn until_limited(visitor: &mut Visitor, path: &str, most: usize) -> crate::harness::visitor::Answer {
    for _ in 0..most {
        let url = visitor.url(path);
        let answer = visitor.once(Method::GET, url, None).await.unwrap();
        if answer.status == LIMITED {
            return answer;
        }
        assert_eq!(answer.status, StatusCode::OK);
    }
    panic!("{most} requests to {path} were answered");
}

#[test]
fn a_session_has_its_own_share() {
    runtime().block_on(async {
        let demo = limited(1, 15, &[]);
        let mut reader = Visitor::sign_in(&demo.portal, "reader").await;
        let answer = until_limited(&mut reader, "/numbers", 40).await;
        assert!(answer.text.contains("Too many requests") && answer.text.contains("try again"), "{}", answer.text);
        let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=2).contains(&seconds), "{seconds}");
        // A part of a page is answered the same way, so that the person sees why nothing comes.
        let fragment = reader.request(&Method::GET, &reader.url("/numbers"));
        let fragment = fragment.header("hx-request", "true").header("hx-request-type", "partial").send().await.unwrap();
        assert_eq!(fragment.status(), LIMITED);
        assert!(fragment.text().await.unwrap().contains("Too many requests"));
        // Neither somebody else nor a static file is concerned.
        let mut writer = Visitor::sign_in(&demo.portal, "writer").await;
        assert_eq!(writer.get("/numbers").await.status, StatusCode::OK);
        assert_eq!(reader.get(nmp::http::asset_url("app.css")).await.status, StatusCode::OK);
        eventually("it may ask again", Duration::from_secs(10), async || {
            (reader.get("/numbers").await.status == StatusCode::OK).then_some(())
        })
        .await;
    });
}

#[test]
fn who_is_nobody_shares_with_their_address() {
    runtime().block_on(async {
        let demo = limited(1, 15, &[("NMP_PORTAL__TRUSTED_PROXIES", "127.0.0.1")]);
        let client = reqwest::Client::builder().build().unwrap();
        let ask = async |address: &str| {
            let asked = client.get(format!("{}signed-out", demo.portal)).header("x-forwarded-for", address);
            asked.send().await.unwrap().status()
        };
        eventually("the share is used up", Duration::from_secs(10), async || {
            (ask("2001:db8::1").await == LIMITED).then_some(())
        })
        .await;
        assert_eq!(ask("2001:db8::2").await, LIMITED, "of IPv6 the network counts");
        assert_eq!(ask("192.0.2.1").await, StatusCode::OK);
    });
}

#[test]
fn every_route_is_counted() {
    runtime().block_on(async {
        let demo = limited(1, 1, &[]);
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let routes = nmp::portal::routes();
        let registered = routes.entries().map(|entry| (entry.method.clone(), path_of(entry, 1)));
        for (method, path) in registered.chain([(Method::GET, "/no-such-page".to_owned())]) {
            let url = format!("{}{path}", demo.portal.trim_end_matches('/'));
            let mut answers = Vec::new();
            for _ in 0..4 {
                let request = client.request(method.clone(), &url).header("sec-fetch-site", "same-origin");
                answers.push(request.send().await.unwrap().status());
            }
            assert!(answers.contains(&LIMITED), "{method} {path}: {answers:?}");
        }
    });
}

#[test]
fn a_client_behind_a_proxy_has_a_share_of_what_is_under_way() {
    runtime().block_on(async {
        let settings = [("NMP_PORTAL__TRUSTED_PROXIES", "127.0.0.1"), ("NMP_PORTAL__MAX_CONNECTIONS_PER_ADDRESS", "3")];
        let demo = limited(0, 1, &settings);
        let host = demo.portal.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder().build().unwrap();
        let ask = async |address: &str| {
            let asked = client.get(format!("{}signed-out", demo.portal)).header("x-forwarded-for", address);
            asked.send().await.unwrap()
        };
        let slow = tokio::sync::Mutex::new(Vec::new());
        let begin = async || {
            let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
            let head = format!(
                "POST /accounts/new HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\n\
                 X-Forwarded-For: 192.0.2.1\r\nContent-Length: 1000\r\n\r\n"
            );
            tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
            slow.lock().await.push(stream);
        };
        // A request that asks takes a place too, so that one of the slow may be refused.
        let refused = eventually("three are under way", Duration::from_secs(5), async || {
            begin().await;
            Some(ask("192.0.2.1").await).filter(|answer| answer.status() == LIMITED)
        })
        .await;
        assert_eq!(refused.headers()["retry-after"], "1");
        assert!(refused.text().await.unwrap().contains("Too many requests at once"));
        assert_eq!(ask("192.0.2.2").await.status(), StatusCode::OK);
        drop(slow);
        eventually("they are over", Duration::from_secs(5), async || {
            (ask("192.0.2.1").await.status() == StatusCode::OK).then_some(())
        })
        .await;
    });
}
