//! Whether the names are answered rightly, and who is asked for them.

use std::time::Duration;

use nmp::domain::direct_routing::{Delegation, Served, SubdomainStatus};
use nmp::service::direct_routing::{SubdomainState, check_now, state};
use nmp::service::{Ctx, accounts};

use super::{Server, create, services};
use crate::harness::database::execute;
use crate::harness::eventually;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant};

on_both_databases!(
    an_account_is_provisioned_once_it_is_answered,
    what_is_answered_otherwise_is_inconsistent,
    the_delegation_is_asked_of_a_resolver,
);

async fn known(ctx: &Ctx, name: &str) -> SubdomainState {
    let account = accounts::get(ctx, &grant(), name).await.unwrap();
    state(ctx, &grant(), &account).await.unwrap().unwrap()
}

async fn becomes(ctx: &Ctx, name: &str, status: SubdomainStatus) -> SubdomainState {
    eventually(&format!("{name} is {status:?}"), Duration::from_secs(3), async || {
        let state = known(ctx, name).await;
        let account = accounts::get(ctx, &grant(), name).await.unwrap();
        Some(state).filter(|state| state.status == status && account.subdomain_status == status)
    })
    .await
}

async fn an_account_is_provisioned_once_it_is_answered(world: World) {
    let ctx = services(&world);
    create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
    let before = known(&ctx, "contoso").await;
    assert_eq!((before.status, before.checked_at), (SubdomainStatus::NotProvisioned, None));
    assert_eq!(before.regions[1].name, "contoso.1r2.pstn.example.net");
    assert_eq!((before.regions[1].token.as_str(), before.regions[1].served), ("MS=ms2", None));
    // Nobody is there who could look: what is known stays.
    let account = accounts::get(&ctx, &grant(), "contoso").await.unwrap();
    let waited = check_now(&ctx, &grant(), &account).await.unwrap().unwrap();
    assert_eq!(waited, before);

    let _server = Server::start(&world.place, "").await;
    let now = becomes(&ctx, "contoso", SubdomainStatus::Provisioned).await;
    assert!(now.regions.iter().all(|region| region.served == Some(Served::Right) && region.difference.is_none()));
    // Labels that look odd are names all the same.
    for label in ["-dash-", "_under_", "a", "0123456789"] {
        create(&ctx, label, ["MS=ms3", "=_-"]).await;
        becomes(&ctx, label, SubdomainStatus::Provisioned).await;
    }
    // New tokens have to be seen anew.
    let mut tx = world.db.begin().await.unwrap();
    let account = tx.account("contoso").await.unwrap().unwrap();
    let changed = super::form("contoso", "contoso", ["MS=ms8", "MS=ms9"]).check(None).unwrap();
    assert!(tx.update_account(account.id, account.rev, &changed, ctx.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    let account = accounts::get(&ctx, &grant(), "contoso").await.unwrap();
    let checked = check_now(&ctx, &grant(), &account).await.unwrap().unwrap();
    assert_eq!(checked.status, SubdomainStatus::Provisioned);
    assert!(checked.checked_at > now.checked_at);
    assert_eq!(checked.delegation, Delegation::NotChecked);
}

async fn what_is_answered_otherwise_is_inconsistent(world: World) {
    let ctx = services(&world);
    create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
    let _server = Server::start(&world.place, "").await;
    becomes(&ctx, "contoso", SubdomainStatus::Provisioned).await;
    // Behind the program's back, so that the name server does not hear of it.
    execute(&world.db, "UPDATE subdomains SET region2_token = 'MS=other'").await;
    let account = accounts::get(&ctx, &grant(), "contoso").await.unwrap();
    let found = check_now(&ctx, &grant(), &account).await.unwrap().unwrap();
    assert_eq!(found.status, SubdomainStatus::Inconsistent);
    assert_eq!((found.regions[0].served, found.regions[1].served), (Some(Served::Right), Some(Served::Other)));
    assert_eq!(found.regions[1].difference, Some("The TXT record that is served is not the token."));
    execute(&world.db, "UPDATE subdomains SET region2_token = 'MS=ms2', label = 'elsewhere'").await;
    let found = check_now(&ctx, &grant(), &account).await.unwrap().unwrap();
    assert_eq!((found.status, found.regions[0].served), (SubdomainStatus::Inconsistent, Some(Served::NoName)));
    execute(&world.db, "UPDATE subdomains SET label = 'contoso'").await;
    let found = check_now(&ctx, &grant(), &account).await.unwrap().unwrap();
    assert_eq!(found.status, SubdomainStatus::Provisioned);
}

async fn the_delegation_is_asked_of_a_resolver(world: World) {
    let ctx = services(&world);
    create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
    // It is its own resolver: what it says of the domain is what the public would hear from the servers it is delegated to.
    let server = Server::start(&world.place, "dns.resolver = \"127.0.0.1:PORT\"\n").await;
    becomes(&ctx, "contoso", SubdomainStatus::Provisioned).await;
    let account = accounts::get(&ctx, &grant(), "contoso").await.unwrap();
    let found = check_now(&ctx, &grant(), &account).await.unwrap().unwrap();
    assert_eq!(found.delegation, Delegation::Ours);
    let port = server.port;
    if let nmp::store::Db::Sqlite(_) = world.db {
        return;
    }
    // Another deployment's servers are delegated to instead, as far as its resolver knows.
    let others = "dns.name_servers = [{ name = \"ns.example.com\" }]\n";
    let second = Server::start(&world.place, &format!("{others}dns.resolver = \"127.0.0.1:{port}\"\n")).await;
    eventually("the other one has looked", Duration::from_secs(5), async || {
        let seen = known(&ctx, "contoso").await.delegation;
        (seen == Delegation::Elsewhere { others: vec!["ns1.pstn.example.net".into(), "ns.example.org".into()] })
            .then_some(())
    })
    .await;
    drop(second);
}
