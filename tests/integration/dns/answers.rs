//! What is answered, and how soon a change is.

use std::time::Duration;

use super::{Server, ask, create, delete, services, status};
use crate::harness::caller::Caller;
use crate::harness::database::Kind;
use crate::harness::eventually;
use crate::harness::on_both_databases;
use crate::harness::program::Demo;
use crate::harness::world::World;

on_both_databases!(a_change_is_seen_within_a_second, the_serial_grows_also_over_a_restart);

async fn a_change_is_seen_within_a_second(world: World) {
    let ctx = services(&world);
    let server = Server::start(&world.place, "").await;
    // With one file there is one process; with a server there may be more.
    let second = match world.db {
        nmp::store::Db::Postgres(_) => Some(Server::start(&world.place, "").await),
        nmp::store::Db::Sqlite(_) => None,
    };
    let servers: Vec<&Server> = std::iter::once(&server).chain(second.as_ref()).collect();
    create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
    for server in &servers {
        server.shows("contoso.1r1.pstn.example.net", "MS=ms1").await;
        server.shows("CONTOSO.1r2.pstn.example.net", "MS=ms2").await;
    }
    let account = nmp::service::accounts::get(&ctx, &crate::harness::world::grant(), "contoso").await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let mut draft = super::form("contoso", "fabrikam", ["MS=ms3", "MS=ms4"]).check(None).unwrap();
    draft.correlation_id = Some("changed".to_owned());
    assert!(tx.update_account(account.id, account.rev, &draft, ctx.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    for server in &servers {
        server.shows("fabrikam.1r1.pstn.example.net", "MS=ms3").await;
        assert_eq!(status(&server.dig("contoso.1r1.pstn.example.net TXT")), "NXDOMAIN");
    }
    delete(&ctx, "contoso").await;
    for server in &servers {
        eventually("the name is gone", super::VISIBLE, async || {
            (status(&server.dig("fabrikam.1r1.pstn.example.net TXT")) == "NXDOMAIN").then_some(())
        })
        .await;
    }
    create(&ctx, "contoso", ["MS=ms5", "MS=ms6"]).await;
    for server in &servers {
        server.shows("contoso.1r1.pstn.example.net", "MS=ms5").await;
        assert_eq!(status(&server.dig("fabrikam.1r2.pstn.example.net TXT")), "NXDOMAIN");
    }
}

fn serial(server: &Server) -> u32 {
    let soa = server.dig("+short pstn.example.net SOA");
    soa.split(' ').nth(2).unwrap_or_else(|| panic!("no serial in {soa}")).parse().unwrap()
}

async fn the_serial_grows_also_over_a_restart(world: World) {
    let ctx = services(&world);
    let mut server = Server::start(&world.place, "").await;
    let mut before = serial(&server);
    for label in ["contoso", "fabrikam", "litware"] {
        create(&ctx, label, ["a", "b"]).await;
        server.shows(&format!("{label}.1r1.pstn.example.net"), "a").await;
        let now = serial(&server);
        assert!(now > before, "{now} after {before}");
        before = now;
    }
    // What is no change of the zone is none of its serial.
    let account = nmp::service::accounts::get(&ctx, &crate::harness::world::grant(), "contoso").await.unwrap();
    let mut silent = super::form("contoso", "contoso", ["a", "b"]);
    silent.direct_routing.call_screening = false;
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.update_account(account.id, account.rev, &silent.check(None).unwrap(), ctx.clock.now()).await.unwrap());
    assert_eq!(tx.zone_serial().await.unwrap(), i64::from(before));
    tx.commit().await.unwrap();
    server.kill();
    server.start_again();
    server.is_ready().await;
    // At first it answers from the zone on disk, which is a few seconds old when the process was killed.
    eventually("the zone of the database is answered", Duration::from_secs(20), async || {
        (serial(&server) == before).then_some(())
    })
    .await;
    create(&ctx, "northwind", ["a", "b"]).await;
    server.shows("northwind.1r2.pstn.example.net", "b").await;
    assert!(serial(&server) > before);
    // Another address of a region is a change of the zone.
    before = serial(&server);
    server.kill();
    let config = std::fs::read_to_string(&server.config).unwrap();
    std::fs::write(&server.config, config.replace("192.0.2.1", "192.0.2.9")).unwrap();
    server.start_again();
    eventually("the new address is served", Duration::from_secs(20), async || {
        (server.dig("+short contoso.1r1.pstn.example.net A") == "192.0.2.9\n" && serial(&server) > before).then_some(())
    })
    .await;
}

/// What `dig` and `kdig` make of it, each kind of answer once.
#[test]
fn dig_and_kdig_read_every_kind_of_answer() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let ctx = services(&world);
        create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
        let server = Server::start(&world.place, "").await;
        for (question, code, answer) in [
            ("contoso.1r1.pstn.example.net TXT", "NOERROR", "\"MS=ms1\""),
            ("contoso.1r1.pstn.example.net A", "NOERROR", "192.0.2.1"),
            ("contoso.1r1.pstn.example.net AAAA", "NOERROR", "2001:db8::1"),
            ("1r1.pstn.example.net A", "NOERROR", "192.0.2.1"),
            ("pstn.example.net NS", "NOERROR", "ns1.pstn.example.net."),
            ("ns1.pstn.example.net A", "NOERROR", "192.0.2.53"),
            ("contoso.1r2.pstn.example.net A", "NOERROR", ""),
            ("1r2.pstn.example.net TXT", "NOERROR", ""),
            ("nobody.1r1.pstn.example.net TXT", "NXDOMAIN", ""),
            ("example.org TXT", "REFUSED", ""),
        ] {
            for program in ["dig", "kdig"] {
                for transport in ["+notcp", "+tcp"] {
                    let printed = ask(program, server.port, &format!("{transport} {question}"));
                    assert_eq!(status(&printed), code, "{program} {question}\n{printed}");
                    assert!(!printed.to_lowercase().contains("warning") || code == "REFUSED", "{printed}");
                    assert!(!printed.contains(" ra"), "{printed}");
                    let soa = printed.contains("SOA\tns1.pstn.example.net.");
                    assert_eq!(soa, answer.is_empty() && code != "REFUSED", "{program} {question}\n{printed}");
                    assert!(printed.contains(answer), "{program} {question}\n{printed}");
                }
            }
        }
        let metrics = server.metrics().await;
        let counted = "nmp_dns_queries_total{transport=\"tcp\",type=\"TXT\",rcode=\"NXDOMAIN\"} 2";
        assert!(metrics.contains(counted), "{metrics}");
    });
}

/// The whole program with the role beside the others: the API puts an account, and the name server answers.
#[test]
fn an_account_of_the_api_is_answered_within_a_second() {
    crate::harness::runtime().block_on(async {
        let demo = Demo::start();
        let program = Caller::new(&demo.api, &demo.issuer, "bss-admin").await;
        let body = serde_json::json!({ "name": "tailspin", "serviceDetails": { "teamsDirectRouting": {
            "enabled": true, "syncEnabled": false,
            "configuration": {
                "callScreening": true,
                "subdomain": "Tailspin",
                "subdomainTokens": { "region1Token": "MS=ms7", "region2Token": "MS=ms8" },
            }
        } } });
        let put = program.put("accounts/tailspin", &body).await;
        assert_eq!(put.status, 201, "{put:?}");
        let shown = || ask("dig", demo.dns_port(), "+short tailspin.1r2.pstn.example.com TXT");
        eventually("the token is answered", super::VISIBLE, async || (shown() == "\"MS=ms8\"\n").then_some(())).await;
        eventually("the account is provisioned", super::VISIBLE, async || {
            let account = program.read("accounts/tailspin").await;
            (account["serviceDetails"]["teamsDirectRouting"]["subdomainStatus"] == "provisioned").then_some(())
        })
        .await;
        assert_eq!(program.delete("accounts/tailspin").await.status, 204);
        eventually("the token is gone", super::VISIBLE, async || shown().is_empty().then_some(())).await;
    });
}
