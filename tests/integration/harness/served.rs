//! `nmp serve` as an operator would run it: a configuration file, a database, a provider that no one here wrote, and
//! the sandbox's Operator Connect behind a relay, for a production start refuses the sandbox by its address.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};

use super::database::Place;
use super::program::{Process, SandboxAlone, Script, free_port, nmp, wait_for_port};
use super::visitor::Visitor;

/// A production start that can be killed and started again on the same data and the same address.
pub(crate) struct Served {
    process: Option<Process>,
    port: u16,
    config: PathBuf,
    /// `http://127.0.0.1:PORT/`
    pub(crate) portal: String,
    pub(crate) provider: Script,
    pub(crate) sandbox: SandboxAlone,
    pub(crate) place: Place,
}

impl Served {
    /// Starts everything around, and the program with these roles.
    pub(crate) async fn start(place: Place, roles: &[&str]) -> Self {
        let (port, operations) = (free_port(), free_port());
        let portal = format!("http://127.0.0.1:{port}/");
        let provider = Script::start("tests/oidc/provider.mjs", &[("PORTAL", &portal)]);
        let sandbox = SandboxAlone::start();
        let backend = relay(sandbox.base.clone()).await;
        let sections = [
            ("portal", vec![("listen", format!("127.0.0.1:{port}")), ("public_url", portal.clone())]),
            ("operations", vec![("listen", format!("127.0.0.1:{operations}"))]),
            ("database", vec![("url", place.url.clone())]),
            (
                "identity",
                vec![
                    ("issuer", provider.address.clone()),
                    ("client_id", "nmp-portal".to_owned()),
                    ("client_secret", "a secret for the tests".to_owned()),
                ],
            ),
            (
                "operator_connect",
                vec![
                    ("base_url", format!("{backend}/backend")),
                    ("token_url", format!("{backend}/token")),
                    ("client_id", "nmp-operator-connect".to_owned()),
                    ("client_secret", "sandbox".to_owned()),
                ],
            ),
            ("log", vec![("level", "error".to_owned())]),
        ];
        let mut text = String::new();
        for (section, keys) in sections {
            let _ = writeln!(text, "[{section}]");
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value:?}");
            }
        }
        let _ = writeln!(text, "[roles]\nrun = {roles:?}");
        let config = place.folder.path().join("nmp.toml");
        std::fs::write(&config, text).unwrap();
        let mut served = Self { process: None, port, config, portal, provider, sandbox, place };
        served.start_again();
        served
    }

    /// Starts the program, which must not be running.
    pub(crate) fn start_again(&mut self) {
        let mut command = nmp();
        command.arg("serve").arg("--config").arg(&self.config).stdout(Stdio::null());
        command.env("NMP_PORTAL__RATE_PER_SECOND", "0");
        let mut process = Process::start(&mut command);
        wait_for_port(&mut process, self.port);
        self.process = Some(process);
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Somebody who signed in at the provider.
    pub(crate) async fn sign_in(&self, person: &str) -> Visitor {
        let mut visitor = Visitor::new(&self.portal);
        let page = visitor.get("/login").await;
        assert!(page.url.as_str().starts_with(&self.provider.address), "{page:?}");
        let back = visitor.send(Method::POST, page.url, Some(&[("login", person)])).await;
        assert!(back.url.as_str().starts_with(&self.portal), "{person} was not signed in: {back:?}");
        visitor
    }
}

/// Passes requests on to the sandbox under addresses that do not give it away.
async fn relay(sandbox: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let router = Router::new().fallback(pass_on).with_state((sandbox, client));
    #[expect(clippy::disallowed_methods, reason = "it ends with the runtime of its test")]
    tokio::spawn(async move { axum_serve(listener, router).await });
    format!("http://{address}")
}

async fn axum_serve(listener: tokio::net::TcpListener, router: Router) {
    nmp::http::serve::serve(
        listener,
        router,
        nmp::http::serve::Listening {
            name: "relay",
            limits: nmp::places::Limits::new(1_000, 0),
            stop: tokio_util::sync::CancellationToken::new(),
            tasks: tokio_util::task::TaskTracker::new(),
        },
    )
    .await;
}

async fn pass_on(
    State((sandbox, client)): State<(String, reqwest::Client)>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = match path.strip_prefix("/backend") {
        Some(rest) => format!("/operator-connect{rest}"),
        None => format!("/identity{path}"),
    };
    headers.remove("host");
    let sent = client.request(method, format!("{sandbox}{path}")).headers(headers).body(body).send().await;
    let Ok(answer) = sent else { return Response::builder().status(502).body(Body::empty()).unwrap() };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap_or_default()));
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Some(name) = name.filter(|name| name != "transfer-encoding" && name != "content-length") {
            response.headers_mut().append(name, value);
        }
    }
    response
}
