//! The whole zone for a secondary that signs, and for nobody else.

use std::time::Duration;

use nmp::store::Db;

use super::{Server, ask, create, services, status};
use crate::harness::database::{Kind, execute};
use crate::harness::eventually;
use crate::harness::program::{Process, free_port, wait_for_port};

const KEY: &str = "c2l4dGVlbiBieXRlcyBhbmQgc29tZSBtb3Jl";

/// Settings for secondaries at these addresses.
fn settings(secondaries: &str) -> String {
    format!("dns.secondaries = [{secondaries}]\ndns.transfer_key_name = \"transfer\"\ndns.transfer_key = \"{KEY}\"\n")
}

/// Many accounts, past the services, which would take a while.
async fn fill(db: &Db, count: usize) {
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        let rows: Vec<String> =
            chunk.iter().map(|n| format!("({}, 'l{n}', TRUE, 'MS=one{n}', 'MS=two{n}', 2)", 100 + n)).collect();
        let insert = "
            INSERT INTO subdomains (account_id, label, call_screening, region1_token, region2_token, serial)
            VALUES ";
        execute(db, &format!("{insert}{}", rows.join(", "))).await;
    }
    execute(db, "UPDATE zone SET serial = serial + 1").await;
}

#[test]
fn who_signs_gets_the_zone_and_nobody_else_does() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        fill(&world.db, 3_000).await;
        let server = Server::start(&world.place, &settings("\"127.0.0.1\"")).await;
        let signed = format!("-y hmac-sha256:transfer:{KEY}");
        let zone = "pstn.example.net";
        for program in ["dig", "kdig"] {
            // Several messages, each with a signature that hangs on the one before; both programs look at each.
            let whole = ask(program, server.port, &format!("{signed} {zone} AXFR"));
            assert_eq!(whole.lines().filter(|line| line.contains("\tSOA\t")).count(), 2, "{program}");
            assert_eq!(whole.lines().filter(|line| line.contains("\tTXT\t")).count(), 6_000, "{program}");
            assert_eq!(whole.lines().filter(|line| line.contains("\tAAAA\t")).count(), 3_001, "{program}");
            assert!(whole.contains("l2999.1r2.pstn.example.net.") && whole.contains("\"MS=two2999\""), "{program}");
            let problem = ["failed", "WARNING", "ERROR:", "bad signature", "malformed"]
                .iter()
                .find(|word| whole.contains(**word));
            assert_eq!(problem, None, "{program}");
            assert!(ask(program, server.port, &format!("{signed} {zone} SOA")).contains("status: NOERROR"));
        }
        let wrong_key = format!("-y hmac-sha256:transfer:{}", KEY.replace('c', "d"));
        for (arguments, code) in [
            (format!("{zone} AXFR"), "REFUSED"),
            (format!("{zone} IXFR=1"), "REFUSED"),
            (format!("{wrong_key} {zone} AXFR"), "NOTAUTH"),
            (format!("-y hmac-sha256:other:{KEY} {zone} AXFR"), "NOTAUTH"),
            (format!("{signed} example.net AXFR"), "NOTAUTH"),
        ] {
            let printed = server.dig(&format!("{arguments} +tcp"));
            assert!(printed.contains("Transfer failed") || status(&printed) == code, "dig {arguments}\n{printed}");
            assert!(!printed.contains("TXT"), "dig {arguments}\n{printed}");
        }
        // Signed rightly, from elsewhere.
        drop(server);
        let elsewhere = Server::start(&world.place, &settings("\"192.0.2.1\"")).await;
        assert!(!elsewhere.dig(&format!("{signed} {zone} AXFR")).contains("TXT"));
        // Without a key nobody signs rightly.
        drop(elsewhere);
        let plain = Server::start(&world.place, "").await;
        assert!(!plain.dig(&format!("{signed} {zone} AXFR")).contains("TXT"));
        assert!(plain.dig(&format!("{signed} {zone} SOA")).contains("REFUSED"));
    });
}

/// Knot DNS as the secondary: it fetches the zone, is told of a change, and fetches it again.
#[test]
fn a_secondary_follows() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let ctx = services(&world);
        create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
        let port = free_port();
        let server = Server::start(&world.place, &settings(&format!("\"127.0.0.1:{port}\""))).await;
        let folder = world.place.folder.path().join("knot");
        std::fs::create_dir(&folder).unwrap();
        let config = folder.join("knot.conf");
        std::fs::write(
            &config,
            format!(
                "server:\n  listen: 127.0.0.1@{port}\n  rundir: {folder}\nlog:\n  - target: stderr\n    any: error\n\
                 database:\n  storage: {folder}\nkey:\n  - id: transfer\n    algorithm: hmac-sha256\n    secret: {KEY}\n\
                 remote:\n  - id: primary\n    address: 127.0.0.1@{}\n    key: transfer\n\
                 acl:\n  - id: notify\n    address: 127.0.0.1\n    action: notify\n    key: transfer\n\
                 zone:\n  - domain: pstn.example.net\n    storage: {folder}\n    master: primary\n    acl: notify\n",
                server.port,
                folder = folder.display(),
            ),
        )
        .unwrap();
        let mut command = std::process::Command::new(super::server_program("knotd"));
        command.arg("-c").arg(&config);
        let mut knot = Process::start(&mut command);
        wait_for_port(&mut knot, port);
        let there = |name: &str| ask("dig", port, &format!("+short {name} TXT"));
        eventually("the secondary has the zone", Duration::from_secs(20), async || {
            (there("contoso.1r1.pstn.example.net") == "\"MS=ms1\"\n").then_some(())
        })
        .await;
        create(&ctx, "fabrikam", ["MS=ms3", "MS=ms4"]).await;
        // Far sooner than it would ask by itself.
        eventually("the secondary has the change", Duration::from_secs(20), async || {
            (there("fabrikam.1r2.pstn.example.net") == "\"MS=ms4\"\n").then_some(())
        })
        .await;
    });
}
