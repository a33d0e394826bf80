//! The operator's own primary, BIND or Knot DNS from the system's packages, told by dynamic update.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nmp::domain::direct_routing::SubdomainStatus;
use nmp::service::accounts;

use super::{Server, ask, create, delete, services};
use crate::harness::database::Kind;
use crate::harness::eventually;
use crate::harness::on_both_databases;
use crate::harness::program::{Process, free_port, wait_for_port};
use crate::harness::world::{World, grant};

const KEY: &str = "c2l4dGVlbiBieXRlcyBhbmQgc29tZSBtb3Jl";

on_both_databases!(bind_is_told_of_every_change);

/// A zone of the operator's own, with a record of its own at a name of ours.
fn zone_file(folder: &Path) -> String {
    let file = folder.join("example.net.zone");
    let zone = "$ORIGIN example.net.\n$TTL 300\n@ SOA ns1 hostmaster 1 300 60 1209600 300\n@ NS ns1\n\
                ns1 A 192.0.2.53\nkept.1r1.pstn MX 10 mail\nmail A 192.0.2.25\n";
    std::fs::write(&file, zone).unwrap();
    file.display().to_string()
}

fn named(folder: &Path, port: u16) -> Process {
    std::fs::create_dir(folder).unwrap();
    let (file, folder) = (zone_file(folder), folder.display());
    let config = format!("{folder}/named.conf");
    let text = format!(
        "options {{ directory \"{folder}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none; \
         session-keyfile none; recursion no; dnssec-validation no; notify no; }};\ncontrols {{ }};\n\
         key \"update\" {{ algorithm hmac-sha256; secret \"{KEY}\"; }};\n\
         zone \"example.net\" {{ type primary; file \"{file}\"; update-policy {{ grant update zonesub TXT A AAAA; }}; }};\n"
    );
    std::fs::write(&config, text).unwrap();
    started("named", &["-g", "-c", &config], port)
}

fn knot(folder: &Path, port: u16) -> Process {
    std::fs::create_dir(folder).unwrap();
    let (file, folder) = (zone_file(folder), folder.display());
    let config = format!("{folder}/knot.conf");
    let text = format!(
        "server:\n  listen: 127.0.0.1@{port}\n  rundir: {folder}\nlog:\n  - target: stderr\n    any: error\n\
         database:\n  storage: {folder}\n\
         key:\n  - id: update\n    algorithm: hmac-sha256\n    secret: {KEY}\n\
         acl:\n  - id: update\n    key: update\n    action: update\nzone:\n  - domain: example.net\n    file: {file}\n    acl: update\n"
    );
    std::fs::write(&config, text).unwrap();
    started("knotd", &["-c", &config], port)
}

fn started(program: &str, arguments: &[&str], port: u16) -> Process {
    let mut command = Command::new(super::server_program(program));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = Process::start(&mut command);
    wait_for_port(&mut process, port);
    process
}

fn settings(port: u16) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "[dynamic_update]\nprimary = \"127.0.0.1:{port}\"\nzone = \"example.net\"");
    let _ = writeln!(text, "key_name = \"update\"\nkey = \"{KEY}\"");
    text
}

async fn has(port: u16, name: &str, kind: &str, wanted: &str) {
    eventually(&format!("{name} {kind} is {wanted}"), Duration::from_secs(5), async || {
        (ask("dig", port, &format!("+short {name} {kind}")).trim_end() == wanted).then_some(())
    })
    .await;
}

async fn is_provisioned(world: &World, account: &str) {
    let ctx = services(world);
    eventually(&format!("{account} is provisioned"), Duration::from_secs(5), async || {
        let account = accounts::get(&ctx, &grant(), account).await.unwrap();
        (account.subdomain_status == SubdomainStatus::Provisioned).then_some(())
    })
    .await;
}

async fn bind_is_told_of_every_change(world: World) {
    let ctx = services(&world);
    let (port, folder) = (free_port(), world.place.folder.path().join("named"));
    let first = named(&folder, port);
    create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
    create(&ctx, "kept", ["MS=ms3", "MS=ms4"]).await;
    let server = Server::start(&world.place, &settings(port)).await;
    has(port, "contoso.1r1.pstn.example.net", "TXT", "\"MS=ms1\"").await;
    has(port, "contoso.1r2.pstn.example.net", "TXT", "\"MS=ms2\"").await;
    has(port, "contoso.1r1.pstn.example.net", "A", "192.0.2.1").await;
    has(port, "contoso.1r1.pstn.example.net", "AAAA", "2001:db8::1").await;
    has(port, "contoso.1r2.pstn.example.net", "A", "").await;
    is_provisioned(&world, "contoso").await;
    // A name that the server does not take (an underscore, with an address) keeps no other back.
    create(&ctx, "_under", ["MS=ms5", "MS=ms6"]).await;
    create(&ctx, "fabrikam", ["MS=ms7", "MS=ms8"]).await;
    has(port, "fabrikam.1r2.pstn.example.net", "TXT", "\"MS=ms8\"").await;
    is_provisioned(&world, "fabrikam").await;
    let refused = accounts::get(&ctx, &grant(), "_under").await.unwrap();
    assert_eq!(refused.subdomain_status, SubdomainStatus::NotProvisioned);
    delete(&ctx, "_under").await;
    // What is given up goes; what the operator has at the same name stays.
    delete(&ctx, "contoso").await;
    delete(&ctx, "kept").await;
    has(port, "contoso.1r1.pstn.example.net", "TXT", "").await;
    has(port, "contoso.1r1.pstn.example.net", "AAAA", "").await;
    has(port, "kept.1r1.pstn.example.net", "TXT", "").await;
    has(port, "kept.1r1.pstn.example.net", "MX", "10 mail.example.net.").await;
    // While it is away changes wait.
    drop(first);
    create(&ctx, "litware", ["MS=ms9", "MS=ms0"]).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    std::fs::remove_dir_all(&folder).unwrap();
    let _second = named(&folder, port);
    eventually("the change has come", Duration::from_secs(15), async || {
        (ask("dig", port, "+short litware.1r1.pstn.example.net TXT") == "\"MS=ms9\"\n").then_some(())
    })
    .await;
    assert!(server.metrics().await.contains("nmp_dns_updates_total{outcome=\"done\"}"));
}

#[test]
fn knot_is_told_as_well() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let ctx = services(&world);
        let (port, folder) = (free_port(), world.place.folder.path().join("knot"));
        let _knot = knot(&folder, port);
        // More than fit into one update.
        for n in 0..120 {
            create(&ctx, &format!("l{n}"), ["MS=one", "MS=two"]).await;
        }
        let _server = Server::start(&world.place, &settings(port)).await;
        for n in [0, 60, 119] {
            has(port, &format!("l{n}.1r2.pstn.example.net"), "TXT", "\"MS=two\"").await;
        }
        is_provisioned(&world, "l119").await;
        delete(&ctx, "l60").await;
        has(port, "l60.1r1.pstn.example.net", "TXT", "").await;
        has(port, "l61.1r1.pstn.example.net", "A", "192.0.2.1").await;
    });
}

#[test]
fn a_primary_that_refuses_is_named_by_the_readiness() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let (port, folder) = (free_port(), world.place.folder.path().join("named"));
        let _named = named(&folder, port);
        create(&services(&world), "contoso", ["MS=ms1", "MS=ms2"]).await;
        let mut server = Server::new(&world.place, &settings(port).replace("\"update\"", "\"other\""));
        server.start_again();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let checks = server.readiness().await["checks"].clone();
        assert!(checks["dns"]["reason"].as_str().is_some_and(|reason| reason.contains("refuses updates")), "{checks}");
    });
}
