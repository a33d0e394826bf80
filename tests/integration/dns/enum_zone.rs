//! ENUM: numbers as names, asked for with `dig` and `kdig`.

use std::time::Duration;

use nmp::domain::{E164, OrderKind};
use nmp::service::orders::{self, ReleaseSelection};
use nmp::service::staging::UploadForm;
use nmp::service::{Ctx, accounts};

use super::away::Way;
use super::{Server, VISIBLE, ask, create, form, services, status};
use crate::harness::database::Kind;
use crate::harness::eventually;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, origin, right, upload_form};

on_both_databases!(a_change_of_a_number_is_seen_within_a_second);

const SETTINGS: &str = "dns.enum_zone = \"e164.example.net\"\ndns.enum_networks = [\"127.0.0.0/8\"]\n";

/// The name of a number.
fn name(number: &str) -> String {
    let digits: Vec<String> = number.chars().rev().map(String::from).collect();
    format!("{}.e164.example.net", digits.join("."))
}

/// What dig prints of a number's records, in order.
fn shown(server: &Server, number: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        server.dig(&format!("+short {} NAPTR", name(number))).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// What it should print for a number of this customer.
fn records(number: &str, label: &str) -> Vec<String> {
    ["1r1", "1r2"]
        .iter()
        .zip([10, 20])
        .map(|(region, preference)| {
            format!(
                "100 {preference} \"u\" \"E2U+sip\" \"!^.*$!sip:+{number}@{label}.{region}.pstn.example.net;user=phone!\" ."
            )
        })
        .collect()
}

async fn upload(ctx: &Ctx, account: &str, numbers: &str) {
    let form = UploadForm { service: "directRouting".to_owned(), ..upload_form(account, numbers) };
    let order = nmp::service::staging::stage_upload(ctx, &grant(), &form, None).await.unwrap();
    orders::submit(ctx, &right(OrderKind::Upload), &origin(), order, false).await.unwrap();
}

async fn release(ctx: &Ctx, number: i64) {
    let selection = ReleaseSelection::Numbers(None, vec![E164::from_i64(number).unwrap()]);
    let order = orders::stage_release(ctx, &grant(), &selection, None).await.unwrap();
    orders::submit(ctx, &right(OrderKind::Release), &origin(), order, false).await.unwrap();
}

async fn becomes(server: &Server, number: &str, wanted: &[String]) {
    eventually(&format!("{number} is {wanted:?}"), VISIBLE, async || (shown(server, number) == wanted).then_some(()))
        .await;
}

async fn a_change_of_a_number_is_seen_within_a_second(world: World) {
    let ctx = services(&world);
    create(&ctx, "contoso", ["a", "b"]).await;
    upload(&ctx, "contoso", "+441632960000-0009").await;
    let server = Server::start(&world.place, SETTINGS).await;
    let second = match world.db {
        nmp::store::Db::Postgres(_) => Some(Server::start(&world.place, SETTINGS).await),
        nmp::store::Db::Sqlite(_) => None,
    };
    let servers: Vec<&Server> = std::iter::once(&server).chain(second.as_ref()).collect();
    for server in &servers {
        assert_eq!(shown(server, "441632960003"), records("441632960003", "contoso"), "what was there before");
    }
    upload(&ctx, "contoso", "+4916096000012").await;
    for server in &servers {
        becomes(server, "4916096000012", &records("4916096000012", "contoso")).await;
    }
    release(&ctx, 441_632_960_003).await;
    for server in &servers {
        becomes(server, "441632960003", &[]).await;
        assert_eq!(status(&server.dig(&format!("{} NAPTR", name("441632960003")))), "NXDOMAIN");
    }
    let before = accounts::get(&ctx, &grant(), "contoso").await.unwrap();
    let changed = form("contoso", "fabrikam", ["a", "b"]);
    accounts::update(&ctx, &grant(), &origin(), "contoso", before.rev, &changed).await.unwrap();
    for server in &servers {
        becomes(server, "441632960004", &records("441632960004", "fabrikam")).await;
        assert_eq!(shown(server, "4916096000012"), records("4916096000012", "fabrikam"));
    }
    let serials: Vec<String> = servers.iter().map(|server| server.dig("+short e164.example.net SOA")).collect();
    assert!(serials.windows(2).all(|pair| pair[0] == pair[1]), "{serials:?}");
}

#[test]
fn every_kind_of_answer_is_one_that_others_read() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let ctx = services(&world);
        create(&ctx, "contoso", ["a", "b"]).await;
        upload(&ctx, "contoso", "+441632960000-0009\n+441632960").await;
        let server = Server::start(&world.place, SETTINGS).await;
        let uri = "sip:+441632960001@contoso.1r1.pstn.example.net";
        let (number, short) = (name("441632960001"), name("441632960"));
        for (question, code, answer) in [
            (format!("{number} NAPTR"), "NOERROR", uri),
            (format!("{} NAPTR", number.to_uppercase()), "NOERROR", "sip:+441632960001@"),
            (format!("{short} NAPTR"), "NOERROR", "sip:+441632960@"),
            // A number has no other records, and what is between numbers has none.
            (format!("{number} A"), "NOERROR", ""),
            (format!("{} NAPTR", name("4416329600")), "NOERROR", ""),
            (format!("{} NAPTR", name("4")), "NOERROR", ""),
            // What no number begins with is not there, nor is what hangs below one, and nothing stands for others.
            (format!("{} NAPTR", name("441632960010")), "NXDOMAIN", ""),
            (format!("{} NAPTR", name("4416329600011")), "NXDOMAIN", ""),
            (format!("{} NAPTR", name("5")), "NXDOMAIN", ""),
            (format!("{} NAPTR", name("0441632960001")), "NXDOMAIN", ""),
            (format!("{} NAPTR", name("4416329600011234")), "NXDOMAIN", ""),
            ("x.e164.example.net NAPTR".to_owned(), "NXDOMAIN", ""),
            ("*.e164.example.net NAPTR".to_owned(), "NXDOMAIN", ""),
            ("10.e164.example.net NAPTR".to_owned(), "NXDOMAIN", ""),
            ("e164.example.net NS".to_owned(), "NOERROR", "ns1.pstn.example.net."),
            ("e164.example.net SOA".to_owned(), "NOERROR", "hostmaster.pstn.example.net."),
            ("e164.example.net NAPTR".to_owned(), "NOERROR", ""),
            ("e164.example.org NAPTR".to_owned(), "REFUSED", ""),
        ] {
            for program in ["dig", "kdig"] {
                for transport in ["+notcp", "+tcp"] {
                    let printed = ask(program, server.port, &format!("{transport} {question}"));
                    assert_eq!(status(&printed), code, "{program} {question}\n{printed}");
                    assert!(printed.contains(answer), "{program} {question}\n{printed}");
                    let authoritative = printed.contains("flags: qr aa") || printed.contains("Flags: qr aa");
                    assert_eq!(authoritative, code != "REFUSED", "{program} {question}\n{printed}");
                    let soa = printed.contains("SOA\tns1.pstn.example.net.");
                    let expected = code != "REFUSED" && (answer.is_empty() || question.contains("SOA"));
                    assert_eq!(soa, expected, "{program} {question}\n{printed}");
                }
            }
        }
        let transfer = server.dig("e164.example.net AXFR");
        assert!(transfer.contains("Transfer failed"), "{transfer}");
        let update = server.dig("+opcode=UPDATE e164.example.net SOA");
        assert_eq!(status(&update), "NOTIMP", "{update}");
        let metrics = server.metrics().await;
        assert!(metrics.contains("nmp_dns_enum_numbers 11"), "{metrics}");
        assert!(metrics.contains("type=\"NAPTR\",rcode=\"NXDOMAIN\""), "{metrics}");
    });
}

#[test]
fn only_those_who_may_ask_are_answered_and_each_number_may_lead_to_one_place() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let ctx = services(&world);
        create(&ctx, "contoso", ["a", "b"]).await;
        world.account("fabrikam").await;
        world.upload("fabrikam", "+441632961000").await;
        upload(&ctx, "contoso", "+441632960000").await;
        let closed = Server::start(&world.place, &SETTINGS.replace("127.0.0.0/8", "192.0.2.0/24")).await;
        for transport in ["+notcp", "+tcp"] {
            let refused = closed.dig(&format!("{transport} {} NAPTR", name("441632960000")));
            assert_eq!(status(&refused), "REFUSED", "{refused}");
        }
        drop(closed);
        let uri = "dns.enum_uri = \"sip:{number}@sbc.example.net\"\n";
        let server = Server::start(&world.place, &format!("{SETTINGS}{uri}")).await;
        for number in ["441632960000", "441632961000"] {
            let record = format!("100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:+{number}@sbc.example.net!\" .");
            assert_eq!(shown(&server, number), [record], "also a number of Operator Connect that is pending");
        }
        drop(server);
        // Off unless there is a zone.
        let off = Server::start(&world.place, "").await;
        assert_eq!(status(&off.dig(&format!("{} NAPTR", name("441632960000")))), "REFUSED");
    });
}

#[test]
fn numbers_are_answered_while_the_database_is_away_and_after_a_restart_without_it() {
    crate::harness::database::run(Kind::Postgres, async |world| {
        let ctx = services(&world);
        let way = Way::to(&world.place);
        create(&ctx, "contoso", ["a", "b"]).await;
        upload(&ctx, "contoso", "+441632960000-0009").await;
        let mut server = Server::new(&world.place, SETTINGS);
        let config = std::fs::read_to_string(&server.config).unwrap();
        std::fs::write(&server.config, config.replace(&world.place.url, &way.url())).unwrap();
        server.start_again();
        server.is_ready().await;
        becomes(&server, "441632960005", &records("441632960005", "contoso")).await;
        let soa = server.dig("+short e164.example.net SOA");
        let kept = world.place.folder.path().join(format!("zone-{}.enum", server.port));
        eventually("the numbers are on disk", Duration::from_secs(2), async || kept.exists().then_some(())).await;
        way.cut(&world).await;
        for _ in 0..15 {
            assert_eq!(shown(&server, "441632960005"), records("441632960005", "contoso"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        server.kill();
        server.start_again();
        eventually("the number is answered from the disk", Duration::from_secs(2), async || {
            (shown(&server, "441632960005") == records("441632960005", "contoso")).then_some(())
        })
        .await;
        assert_eq!(server.dig("+short e164.example.net SOA"), soa);
        upload(&ctx, "contoso", "+441632960020").await;
        way.open();
        eventually("the database is found again", Duration::from_secs(10), async || {
            (shown(&server, "441632960020") == records("441632960020", "contoso")).then_some(())
        })
        .await;
    });
}
