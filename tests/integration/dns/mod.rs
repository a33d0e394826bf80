//! The name server, asked by programs that others wrote: `dig` and `kdig`.

mod answers;
mod away;
mod checks;
mod enum_zone;
mod hostile;
mod limits;
mod transfer;
mod update;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nmp::domain::direct_routing::Zones;
use nmp::domain::{AccountForm, DirectRoutingForm, Service};
use nmp::service::{Clock, Ctx, Policy, accounts};

use crate::harness::database::Place;
use crate::harness::eventually;
use crate::harness::program::{Process, free_port, nmp, wait_for_port};
use crate::harness::world::{CONTOSO, World, grant, origin};

/// The domain of the tests.
const BASE: &str = "pstn.example.net";
/// A second is what a change may take; reading the answer is not part of it.
const VISIBLE: Duration = Duration::from_secs(1);

/// `nmp serve` with the role of a name server.
struct Server {
    process: Option<Process>,
    port: u16,
    operations: u16,
    config: PathBuf,
}

impl Server {
    /// Starts one that is ready.
    async fn start(place: &Place, settings: &str) -> Self {
        let mut server = Self::new(place, settings);
        server.start_again();
        server.is_ready().await;
        server
    }

    fn new(place: &Place, settings: &str) -> Self {
        let (port, operations) = (free_port(), free_port());
        let folder = place.folder.path();
        let mut text = format!("roles.run = [\"dns\"]\nlog.level = \"error\"\ndatabase.url = {:?}\n", place.url);
        let _ = writeln!(text, "operations.listen = \"127.0.0.1:{operations}\"\ndns.listen = \"127.0.0.1:{port}\"");
        let _ = writeln!(text, "direct_routing.base_domain = {BASE:?}");
        let _ = writeln!(text, "dns.catalog_file = \"{}\"", folder.join(format!("zone-{port}")).display());
        let settings = settings.replace("PORT", &port.to_string());
        for usual in [
            "dns.name_servers = [{ name = \"ns1.pstn.example.net\", addresses = [\"192.0.2.53\"] }, { name = \"ns.example.org\" }]",
            "direct_routing.regions = [{ label = \"1r1\", addresses = [\"192.0.2.1\", \"2001:db8::1\"] }, { label = \"1r2\" }]",
            "dns.rate_per_second = 0",
        ] {
            let key = usual.split(' ').next().unwrap();
            if !settings.contains(key) {
                let _ = writeln!(text, "{usual}");
            }
        }
        text.push_str(&settings);
        let config = folder.join(format!("nmp-{port}.toml"));
        std::fs::write(&config, text).unwrap();
        Self { process: None, port, operations, config }
    }

    fn start_again(&mut self) {
        let mut command = nmp();
        command.arg("serve").arg("--config").arg(&self.config).stdout(Stdio::null());
        let mut process = Process::start(&mut command);
        wait_for_port(&mut process, self.operations);
        self.process = Some(process);
    }

    fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// The checks of `/readyz`.
    async fn readiness(&self) -> serde_json::Value {
        reqwest::get(format!("http://127.0.0.1:{}/readyz", self.operations)).await.unwrap().json().await.unwrap()
    }

    async fn is_ready(&self) {
        eventually("the name server is ready", Duration::from_secs(20), async || {
            (self.readiness().await["ready"] == true).then_some(())
        })
        .await;
    }

    async fn metrics(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.operations);
        reqwest::get(url).await.unwrap().text().await.unwrap()
    }

    /// What `dig` prints.
    fn dig(&self, arguments: &str) -> String {
        ask("dig", self.port, arguments)
    }

    /// The texts of a name, as `dig` prints them.
    fn texts(&self, name: &str) -> Vec<String> {
        self.dig(&format!("+short {name} TXT")).lines().map(str::to_owned).collect()
    }

    /// Waits at most a second for a name's text.
    async fn shows(&self, name: &str, text: &str) {
        let wanted = [format!("{text:?}")];
        eventually(&format!("{name} is {text}"), VISIBLE, async || (self.texts(name) == wanted).then_some(())).await;
    }
}

/// What a program like `dig` prints when it asks the server on this port.
fn ask(program: &str, port: u16, arguments: &str) -> String {
    let mut command = Command::new(program);
    command.args(["@127.0.0.1", "-p", &port.to_string()]).args(match program {
        "dig" => ["+time=3", "+tries=1", "+norecurse"],
        _ => ["+time=3", "+retry=0", "+norecurse"],
    });
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    let output =
        command.output().unwrap_or_else(|error| panic!("{program}: {error}; install bind9-dnsutils and knot-dnsutils"));
    String::from_utf8(output.stdout).unwrap()
}

/// Where the system keeps a server's program; it is not on everybody's path.
fn server_program(name: &str) -> String {
    let system = format!("/usr/sbin/{name}");
    if std::path::Path::new(&system).exists() { system } else { name.to_owned() }
}

/// The word behind `status:` (`dig`, `kdig`).
fn status(printed: &str) -> &str {
    let word = printed.split("status: ").nth(1).unwrap_or_else(|| panic!("no answer: {printed}"));
    word.split([';', ',', '\n']).next().unwrap_or_default()
}

fn zones() -> Zones {
    Zones { base: BASE.to_owned(), regions: vec!["1r1".to_owned(), "1r2".to_owned()] }
}

/// The services with the machine's clock, as the program has it, and with the names of Direct Routing.
fn services(world: &World) -> Ctx {
    Ctx::new(world.db.clone(), Clock::system(), Policy { zones: Some(zones()), ..Policy::default() })
}

fn form(account: &str, label: &str, tokens: [&str; 2]) -> AccountForm {
    AccountForm {
        name: account.to_owned(),
        services: Service::DirectRouting.into(),
        tenant_id: CONTOSO.to_owned(),
        direct_routing: DirectRoutingForm {
            call_screening: true,
            subdomain: label.to_owned(),
            tokens: tokens.map(str::to_owned),
        },
        ..AccountForm::default()
    }
}

/// Takes on an account with these names.
async fn create(ctx: &Ctx, label: &str, tokens: [&str; 2]) {
    accounts::create(ctx, &grant(), &origin(), &form(label, label, tokens)).await.unwrap();
}

/// Takes its names away, with the account.
async fn delete(ctx: &Ctx, account: &str) {
    accounts::delete(ctx, &grant(), &origin(), account, None).await.unwrap();
}
