//! A pull of a million numbers of one tenant from a backend on loopback, and its comparison with ours.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use nmp::store::{Db, PoolSize};
use serde::Deserialize;

use crate::report::{Outcome, at_most, say};
use crate::{TENANT, millis, program, seed};

const NUMBERS: usize = 1_000_000;
/// A pull is over by then.
const PULLED: Duration = Duration::from_mins(3);
/// How often the program is asked whether it is over.
const LOOKS: Duration = Duration::from_millis(20);

/// When the backend was asked for the first page, and when it gave the last.
#[derive(Clone, Copy, Default)]
struct Asked {
    first: Option<Instant>,
    last: Option<Instant>,
}

type Shared = Arc<Mutex<Asked>>;

pub async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    seed::fill(folder.path(), NUMBERS).await?;
    let url = format!("sqlite:{}", folder.path().join("nmp.db").display());
    let db = Db::open(&url, PoolSize::default()).await?;
    seed::execute(&db, "UPDATE accounts SET synced = services").await?;
    db.close().await;
    let asked = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/token", post(|| async { r#"{"access_token":"of the bench","expires_in":3600}"# }))
        .route(
            "/backend/consents",
            get(|| async { format!(r#"{{"value":[{{"tenantId":"{TENANT}","status":"active"}}]}}"#) }),
        )
        .route("/backend/tenants/{tenant}/numbers", get(numbers))
        .route("/backend/tenants/{tenant}/civic-addresses", get(|| async { r#"{"value":[]}"# }))
        .route("/backend/tenants/{tenant}/capability-plans", get(|| async { r#"{"capabilityPlans":[]}"# }))
        .with_state(Arc::clone(&asked));
    let backend = async { Ok(axum::serve(listener, router).await?) };
    let engine = Engine::start(&url, &format!("http://{address}"))?;
    tokio::select! {
        ended = backend => ended,
        told = tell(&engine, &asked) => told,
    }?;
    drop(engine);
    check(folder.path()).await
}

/// A page of what the backend holds: every number there is, one in a hundred with other settings.
async fn numbers(State(asked): State<Shared>, Query(page): Query<PageRequest>) -> String {
    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    let (from, limit) = (page.cursor.unwrap_or_default(), page.limit.unwrap_or(200));
    asked.first.get_or_insert_with(Instant::now);
    let mut text = String::from("{\"value\":[");
    for index in from..NUMBERS.min(from + limit) {
        let comma = if index == from { "" } else { "," };
        let number = 442_000_000_000 + index / (NUMBERS / 10) * 1_000_000 + index % (NUMBERS / 10);
        let capabilities = if index % 100 == 0 { "" } else { ",\"OutboundCalling\"" };
        let assignment = if index % 3 == 0 { "assigned" } else { "unassigned" };
        let _ = write!(
            text,
            "{comma}{{\"telephoneNumber\":\"+{number}\",\"service\":\"operatorConnect\",\"assignmentStatus\":\"{assignment}\",\
             \"settings\":{{\"usage\":\"CallingUserAssignment\",\"choosableCapabilities\":[\"InboundCalling\"{capabilities}],\
             \"additionalUsages\":[],\"allowTenantAddressUpdate\":true}},\
             \"acquiredCapabilities\":[\"UserAssignment\",\"InboundCalling\"],\
             \"availableCapabilities\":[\"UserAssignment\",\"InboundCalling\",\"OutboundCalling\",\"Mobile\"]}}"
        );
    }
    text.push(']');
    if from + limit < NUMBERS {
        let _ = write!(text, ",\"nextCursor\":\"{}\"", from + limit);
    } else {
        asked.last = Some(Instant::now());
    }
    text.push('}');
    text
}

#[derive(Deserialize)]
struct PageRequest {
    cursor: Option<usize>,
    limit: Option<usize>,
}

/// `nmp serve` that does nothing but follow the backend; it is killed when this value goes.
struct Engine {
    child: Child,
    metrics: String,
}

impl Engine {
    fn start(database: &str, backend: &str) -> Outcome<Self> {
        let operations = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_nmp"));
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).envs([
            ("NMP_DATABASE__URL", database),
            ("NMP_ROLES__RUN", "sync"),
            ("NMP_OPERATIONS__LISTEN", &operations.to_string()),
            ("NMP_OPERATOR_CONNECT__BASE_URL", &format!("{backend}/backend")),
            ("NMP_OPERATOR_CONNECT__TOKEN_URL", &format!("{backend}/token")),
            ("NMP_OPERATOR_CONNECT__CLIENT_ID", "bench"),
            ("NMP_OPERATOR_CONNECT__CLIENT_SECRET", "bench"),
            ("NMP_LOG__LEVEL", "error"),
        ]);
        Ok(Self { child: command.spawn()?, metrics: format!("http://{operations}/metrics") })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the numbers are pulled and compared, and prints.
async fn tell(engine: &Engine, asked: &Shared) -> Outcome<()> {
    let client = reqwest::Client::builder().build()?;
    let end = Instant::now() + PULLED;
    loop {
        let metrics = match client.get(&engine.metrics).send().await {
            Ok(answer) => answer.text().await?,
            // It has not started yet.
            Err(_) => String::new(),
        };
        let mut works = metrics.lines().filter(|line| line.starts_with("nmp_sync_work_total"));
        if works.any(|line| line.contains("kind=\"numbers\"") && line.contains("outcome=\"ok\"")) {
            break;
        }
        if Instant::now() > end {
            return Err("the numbers are not pulled".into());
        }
        tokio::time::sleep(LOOKS).await;
    }
    let Asked { first, last } = *asked.lock().unwrap_or_else(PoisonError::into_inner);
    let (first, last) = first.zip(last).ok_or("the numbers were not asked for")?;
    let (pulled, compared) = (last - first, millis(last.elapsed()) / 1e3);
    let rate = NUMBERS as f64 / pulled.as_secs_f64();
    say(
        "1,000,000 numbers of a tenant pulled from a backend",
        format!("{:.1} s, {rate:.0}/s", pulled.as_secs_f64()),
        "",
    );
    let figure = format!("{compared:.1} s");
    say("  compared with ours, one in 100 drifts", figure, &at_most(10.0, "s", compared));
    let memory = program::memory(&engine.child, "VmHWM")?;
    say("  highest memory", format!("{memory:.1} MB"), &at_most(150.0, "MB", memory));
    Ok(())
}

/// Fails unless as many drift as the backend says otherwise.
async fn check(folder: &Path) -> Outcome<()> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("nmp.db"));
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await?;
    let drifted: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM drift WHERE kind = 'different'").fetch_one(&mut connection).await?;
    if drifted == NUMBERS as i64 / 100 { Ok(()) } else { Err(format!("{drifted} numbers drift").into()) }
}
