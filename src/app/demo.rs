//! `nmp demo`: everything in one process on this machine, against the sandbox over HTTP.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Log, LogFormat, Purpose, Sources};
use crate::dns::Sockets;
use crate::domain::direct_routing::Zones;
use crate::sandbox::{Sandbox, SandboxError, SandboxOptions};
use crate::telemetry;

use super::cli::DemoOptions;
use super::failure::Failure;
use super::start::{Listeners, Running, address, bind};
use super::stop::Signals;
use super::{environment, examples, names, print, stop};

/// The people of the sandbox, and what they are there to show.
const PEOPLE: &str = "  Sign in as        reader     may look
                    writer     may look, add and change
                    deleter    may look and remove
                    admin      may do everything
                    writeonly  has Write without Read, which opens nothing
                    nobody     has no role
";

/// The programs of the sandbox, and what they are there to show.
const PROGRAMS: &str = "  Call the API as   bss-read   may GET
                    bss-write  may PUT, PATCH and upload
                    bss-delete may DELETE and release
                    bss-admin  may do everything
";

/// What tokens for the demo's API are for.
const AUDIENCE: &str = "nmp-api";

/// The regions of the demo's Direct Routing, at addresses for documentation (RFC 5737, RFC 3849).
const REGIONS: &str = concat!(
    r#"[{ label = "1r1", addresses = ["192.0.2.11", "2001:db8::11"] }, "#,
    r#"{ label = "1r2", addresses = ["192.0.2.12", "2001:db8::12"] }]"#
);
/// Who serves the demo's zone.
const NAME_SERVERS: &str = r#"[{ name = "ns1.pstn.example.com", addresses = ["127.0.0.1"] }]"#;

/// Where the demo listens.
struct Addresses {
    portal: SocketAddr,
    api: SocketAddr,
    operations: SocketAddr,
}

/// Runs the demo until it is asked to stop.
pub(super) async fn run(options: DemoOptions) -> Result<(), Failure> {
    private_folder(&options.data_dir)?;
    // The sandbox comes first, for it finds out whether another demo uses the folder.
    let outside = SandboxOptions { examples: !options.empty, state: Some(options.data_dir.join("sandbox.json")) };
    let (sandbox, outside) = Sandbox::bind(options.sandbox, outside).await.map_err(|error| match error {
        SandboxError::InUse(_) => Failure::Line(format!(
            "the data folder {} is in use by another nmp demo; stop that one first, or choose another folder with --data-dir",
            options.data_dir.display()
        )),
        error => no_sandbox(options.sandbox, "--sandbox", error),
    })?;
    let portal = bind(options.portal, "--portal").await?;
    let api = bind(options.api, "--api").await?;
    let operations = bind(options.operations, "--operations").await?;
    let at = Addresses { portal: address(&portal)?, api: address(&api)?, operations: address(&operations)? };
    let config = Config::load(sources(&options, &at, &sandbox), Purpose::Demo)?;
    let dns = names::bind(&config, "--dns").await?;
    let names = dns.as_ref().map(Sockets::address).zip(config.zones());
    let logs = telemetry::start_logs(&config.log);

    let (world_stop, world) = (CancellationToken::new(), TaskTracker::new());
    start_sandbox(&sandbox, outside, &world_stop, &world);
    let running = Running::start(config, Listeners { portal: Some(portal), api: Some(api), dns, operations }).await?;
    if !options.empty && !options.no_accounts {
        examples::create(running.ctx()).await;
    }
    let signals = Signals::listen()?;
    print(&announcement(&options.data_dir, &at, names.as_ref(), &sandbox))?;

    signals.asked_to_stop(&TaskTracker::new()).await;
    running.stop().await;
    // Last, so that work in flight still finds the outside world.
    stop::finish("sandbox", &world_stop, &world).await;
    logs.flush();
    Ok(())
}

/// `nmp sandbox`
pub(super) async fn sandbox_alone(listen: SocketAddr, options: SandboxOptions) -> Result<(), Failure> {
    let logs = telemetry::start_logs(&Log { format: LogFormat::Text, level: "info".to_owned() });
    let bound = Sandbox::bind(listen, options).await;
    let (sandbox, listener) = bound.map_err(|error| no_sandbox(listen, "--listen", error))?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    start_sandbox(&sandbox, listener, &stop, &tasks);
    let signals = Signals::listen()?;
    print(&format!(
        "Sandbox, for trying things out on this machine only\n\n  Identity provider {}\n  Operator Connect  {}\n  Stop with Ctrl-C\n",
        sandbox.issuer(),
        sandbox.operator_connect_url()
    ))?;
    signals.asked_to_stop(&TaskTracker::new()).await;
    stop::finish("sandbox", &stop, &tasks).await;
    logs.flush();
    Ok(())
}

fn no_sandbox(listen: SocketAddr, flag: &str, error: SandboxError) -> Failure {
    Failure::Line(match error {
        SandboxError::Listener(error) => {
            format!("cannot listen on {listen}: {error}; choose another address with {flag}")
        }
        SandboxError::Examples(cause) => format!("the sandbox's examples cannot be read: {cause}"),
        error => error.to_string(),
    })
}

fn start_sandbox(sandbox: &Sandbox, listener: TcpListener, stop: &CancellationToken, tasks: &TaskTracker) {
    let (sandbox, stop) = (sandbox.clone(), stop.clone());
    tasks.spawn(async move {
        if let Err(error) = sandbox.serve(listener, stop).await {
            tracing::error!(%error, "the sandbox ended");
        }
    });
}

fn private_folder(path: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| {
        Failure::Line(format!("cannot create {}: {error}; choose another folder with --data-dir", path.display()))
    })
}

/// Returns the settings of the demo. The environment may change the others, such as limits, log output and the
/// database.
fn sources(options: &DemoOptions, at: &Addresses, sandbox: &Sandbox) -> Sources {
    let Addresses { portal, api, operations } = at;
    let mut environment = environment();
    let database = format!("sqlite:{}", options.data_dir.join("nmp.db").display());
    let zone = options.data_dir.join("zone").display().to_string();
    for (name, usual) in [
        ("NMP_LOG__FORMAT", "text"),
        ("NMP_LOG__LEVEL", "warn"),
        ("NMP_DATABASE__URL", database.as_str()),
        ("NMP_DIRECT_ROUTING__BASE_DOMAIN", "pstn.example.com"),
        ("NMP_DIRECT_ROUTING__REGIONS", REGIONS),
        ("NMP_DNS__NAME_SERVERS", NAME_SERVERS),
        ("NMP_DNS__CATALOG_FILE", zone.as_str()),
    ] {
        if !environment.iter().any(|(given, _)| given == name) {
            environment.push((name.to_owned(), usual.to_owned()));
        }
    }
    let flags = vec![
        ("portal.listen", portal.to_string()),
        ("portal.public_url", format!("http://{portal}/")),
        // The other way to say loopback; the sign-in page leads to the public address.
        ("portal.allowed_hosts", format!("localhost:{}", portal.port())),
        ("operations.listen", operations.to_string()),
        ("api.listen", api.to_string()),
        ("api.public_url", format!("http://{api}/")),
        ("api.allowed_hosts", format!("localhost:{}", api.port())),
        ("api.audience", AUDIENCE.to_owned()),
        ("dns.listen", options.dns.to_string()),
        ("identity.issuer", sandbox.issuer().to_owned()),
        ("identity.client_id", "nmp-portal".to_owned()),
        ("identity.client_secret", "sandbox".to_owned()),
        ("operator_connect.base_url", sandbox.operator_connect_url()),
        ("operator_connect.token_url", sandbox.token_url()),
        ("operator_connect.client_id", "nmp-operator-connect".to_owned()),
        ("operator_connect.client_secret", "sandbox".to_owned()),
        ("roles.run", "portal,api,sync,dns".to_owned()),
    ];
    Sources { file: None, environment, flags }
}

fn announcement(data: &Path, at: &Addresses, names: Option<&(SocketAddr, Zones)>, sandbox: &Sandbox) -> String {
    let Addresses { portal, api, operations } = at;
    let mut text = format!("Number Management Portal {}, demo\n\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "  Portal            http://{portal}/");
    let _ = writeln!(text, "  Provisioning API  http://{api}/ audience {AUDIENCE}");
    let _ = writeln!(text, "  Operations        http://{operations}/healthz /readyz /metrics");
    if let Some((address, zones)) = names {
        let _ = writeln!(text, "  Name server       {address} for {}", zones.base);
    }
    let _ = writeln!(text, "  Identity provider {}", sandbox.issuer());
    let _ = writeln!(text, "  Operator Connect  {}", sandbox.operator_connect_url());
    let _ = writeln!(text, "  Data              {}\n", data.display());
    text.push_str(PEOPLE);
    text.push_str(PROGRAMS);
    text.push_str("\n  Stop with Ctrl-C\n");
    text
}
