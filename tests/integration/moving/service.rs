//! A service of the contract that has what a test says, and fails when the test wants it to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use nmp::backend::contract::Contract;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// How a request is answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// As it should be.
    Well,
    /// With this status, and how many seconds to wait.
    Status(u16, Option<u32>),
    /// With the first half of the page.
    Half,
    /// With a page whose next page is itself.
    Circle,
    /// With a page whose next page is elsewhere.
    Elsewhere,
}

/// What it has, and how it behaves.
#[derive(Default)]
pub(super) struct Script {
    pub(super) accounts: Vec<Value>,
    pub(super) numbers: Vec<Value>,
    /// How the next requests are answered; those behind them well.
    pub(super) turns: VecDeque<Turn>,
    /// The token that it takes.
    pub(super) token: String,
    /// Paths that were asked for.
    pub(super) asked: Vec<String>,
}

/// A service that runs until its test ends.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) script: Arc<Mutex<Script>>,
    base: String,
}

/// Items on a page.
pub(super) const PAGE: usize = 10;

impl Service {
    pub(super) async fn start(accounts: Vec<Value>, numbers: Vec<Value>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let script = Script { accounts, numbers, token: "good".to_owned(), ..Script::default() };
        let service = Self { script: Arc::new(Mutex::new(script)), base };
        let router = Router::new().fallback(answer).with_state(service.clone());
        let listening = nmp::http::serve::Listening {
            name: "service",
            limits: nmp::places::Limits::new(1_000, 0),
            stop: tokio_util::sync::CancellationToken::new(),
            tasks: tokio_util::task::TaskTracker::new(),
        };
        #[expect(clippy::disallowed_methods, reason = "it ends with the runtime of its test")]
        tokio::spawn(async move { nmp::http::serve::serve(listener, router, listening).await });
        service
    }

    pub(super) fn turns(&self, turns: &[Turn]) {
        self.script.lock().unwrap().turns = turns.iter().copied().collect();
    }

    pub(super) fn contract(&self) -> Contract {
        Contract::new(&self.base, || OffsetDateTime::UNIX_EPOCH).unwrap()
    }

    /// What was asked for since the last time.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }
}

async fn answer(State(service): State<Service>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let mut script = service.script.lock().unwrap();
    script.asked.push(uri.to_string());
    let status = |status: u16| Response::builder().status(status);
    if headers.get("authorization").is_none_or(|value| value != &format!("Bearer {}", script.token)) {
        return status(401).body(Body::empty()).unwrap();
    }
    let turn = script.turns.pop_front().unwrap_or(Turn::Well);
    if let Turn::Status(code, wait) = turn {
        let mut response = status(code);
        if let Some(wait) = wait {
            response = response.header("retry-after", wait);
        }
        return response.body(Body::empty()).unwrap();
    }
    let from: usize =
        uri.query().and_then(|query| query.split_once("skip=")).map_or(0, |(_, skip)| skip.parse().unwrap());
    let items = if uri.path() == "/accounts" { &script.accounts } else { &script.numbers };
    let end = (from + PAGE).min(items.len());
    let mut page = json!({ "value": items[from.min(end)..end] });
    let (base, path) = (&service.base, uri.path());
    let next = match turn {
        Turn::Circle => Some(format!("{base}{uri}")),
        Turn::Elsewhere => Some(format!("https://elsewhere.example{path}")),
        _ => (end < items.len()).then(|| format!("{base}{path}?skip={end}")),
    };
    if let Some(next) = next {
        page["nextLink"] = json!(next);
    }
    let mut text = page.to_string();
    if matches!(turn, Turn::Half) {
        text.truncate(text.len() / 2);
    }
    Response::new(Body::from(text))
}
