//! Many programs that write at once: none is told that the service is away, and whoever reads is answered meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::figures::{database, figure, long, percentile, rate};
use crate::harness::api::{Api, account, number, path_of};
use crate::harness::on_both_databases;
use crate::harness::visitor::Visitor;

/// The services of the account: none has a backend, so that nothing but the writers is at work.
const SERVICE: &str = "azureOperatorCallProtection";
/// The longest that a page or a health check takes meanwhile. Debug builds on busy machines included.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long each answer took, and those that were no success.
#[derive(Default)]
struct Answers {
    times: Vec<Duration>,
    asked_to_wait: usize,
    refused: Vec<(StatusCode, String)>,
}

/// So many programs, each of which puts so many numbers of its own, one after the other.
async fn write(api: &Api, writers: usize, each: usize, first: u64) -> Answers {
    let one = |writer: usize| {
        let caller = api.admin.clone();
        async move {
            let mut answers = Answers::default();
            for place in 0..each {
                let telephone_number = format!("+{}", first + (writer * each + place) as u64);
                let begun = Instant::now();
                let path = path_of("many", &telephone_number);
                let body = number("many", &telephone_number, SERVICE);
                let mut reply = caller.put(&path, &body).await;
                // A machine that is slow enough is overloaded by 300 writers; what they are told then is to wait.
                while reply.status == StatusCode::SERVICE_UNAVAILABLE && !long() {
                    assert!(!reply.header("retry-after").is_empty(), "{reply:?}");
                    answers.asked_to_wait += 1;
                    reply = caller.put(&path, &body).await;
                }
                answers.times.push(begun.elapsed());
                if !reply.status.is_success() {
                    answers.refused.push((reply.status, reply.text));
                }
            }
            answers
        }
    };
    let all = futures_util::future::join_all((0..writers).map(one)).await;
    let mut answers = Answers::default();
    for one in all {
        answers.times.extend(one.times);
        answers.asked_to_wait += one.asked_to_wait;
        answers.refused.extend(one.refused);
    }
    answers
}

/// Asks for a page and for the health of the process until it is told to stop; the longest time that took.
async fn look(api: &Api, mut visitor: Visitor, stop: Arc<AtomicBool>) -> Duration {
    let ready = format!("{}/readyz", api.demo.operations.trim_end_matches('/'));
    let client = reqwest::Client::builder().build().unwrap();
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let page = visitor.get("/accounts").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        longest = longest.max(begun.elapsed());
        let begun = Instant::now();
        let health = client.get(&ready).send().await.unwrap();
        let status = health.status();
        assert_eq!(status, StatusCode::OK, "{}", health.text().await.unwrap());
        longest = longest.max(begun.elapsed());
    }
    longest
}

async fn nobody_is_turned_away(api: Api) -> Api {
    let put = api.admin.put("/accounts/many", &account("many", &[SERVICE])).await;
    assert!(put.status.is_success(), "{put:?}");
    let rounds = if long() { [(8, 100), (20, 50), (300, 10)] } else { [(8, 10), (20, 5), (300, 1)] };
    for (round, (writers, each)) in rounds.into_iter().enumerate() {
        let stop = Arc::new(AtomicBool::new(false));
        let visitor = Visitor::sign_in(&api.demo.portal, "reader").await;
        let begun = Instant::now();
        let writing = async {
            let answers = write(&api, writers, each, 441_632_000_000 + 100_000 * round as u64).await;
            stop.store(true, Ordering::Relaxed);
            answers
        };
        let (answers, longest) = tokio::join!(writing, look(&api, visitor, Arc::clone(&stop)));
        let rate = rate(answers.times.len(), begun.elapsed());
        figure(
            &format!("{writers} writers, {}", database(&api.place.url)),
            format!(
                "{rate:.0} changes/s, p99 {:.1?}, asked to wait {}, refused {}, pages and health at most {longest:.1?}",
                percentile(answers.times, 99),
                answers.asked_to_wait,
                answers.refused.len()
            ),
        );
        assert!(answers.refused.is_empty(), "{:?}", answers.refused.first());
        assert!(longest < PATIENCE, "a page or a health check took {longest:?}");
    }
    api
}

async fn the_same_new_account_is_made_once(api: Api) -> Api {
    for round in 0..5 {
        let (name, body) = (format!("same-{round}"), account(&format!("same-{round}"), &[SERVICE]));
        let path = format!("/accounts/{name}");
        let all = futures_util::future::join_all((0..20).map(|_| api.admin.put(&path, &body))).await;
        let mut created = 0;
        for reply in all {
            assert!(reply.status.is_success(), "{reply:?}");
            created += usize::from(reply.status == StatusCode::CREATED);
        }
        assert_eq!(created, 1, "accounts that were created");
    }
    // Whoever asks for it not to be there is told that it is.
    let (path, body) = ("/accounts/once", account("once", &[SERVICE]));
    let one = || api.admin.call(Method::PUT, path, &[("if-none-match", "*")], Some(&body));
    let all = futures_util::future::join_all((0..20).map(|_| one())).await;
    let mut statuses: Vec<u16> = all.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![412; 19]].concat());
    api
}

async fn patches_at_the_same_moment_all_count(api: Api) -> Api {
    api.know_tenants().await;
    let path = format!("/teamsRequestsForInformation/{}", crate::harness::world::CONTOSO);
    let patch = |n: usize| {
        let body =
            json!({ "customerRelationship": { "status": "AgreementSigned", "comment": format!("comment {n}") } });
        let (caller, path) = (api.admin.clone(), path.clone());
        async move { caller.call(Method::PATCH, &path, &[], Some(&body)).await }
    };
    for reply in futures_util::future::join_all((0..20).map(patch)).await {
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    }
    api
}

on_both_databases![over_http:
    nobody_is_turned_away,
    the_same_new_account_is_made_once,
    patches_at_the_same_moment_all_count,
];
