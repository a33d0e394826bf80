//! People are told what is so: when a server is silent, read-only or gone, and when the answer to a commit was lost.

use std::time::{Duration, Instant};

use nmp::service::{Error, accounts};
use nmp::store::{Db, PoolSize};

use super::proxy::{Network, Proxy};
use crate::figures::figure;
use crate::harness::database::{Kind, Place, execute, numbers, texts};
use crate::harness::world::{CONTOSO, World, account_form, grant, origin};
use crate::harness::{eventually, runtime};

/// What a failure of the database may cost whoever waits for it.
const COST: Duration = Duration::from_secs(6);

/// A world whose database is reached through the proxy; `db` looks at it directly.
async fn behind_a_proxy() -> (World, Proxy, Db) {
    let place = Place::new(Kind::Postgres).await;
    let db = place.open().await;
    let proxy = Proxy::before(&place.url).await;
    let world = World::new(Place { url: proxy.url.clone(), folder: place.folder }).await;
    (world, proxy, db)
}

async fn create(world: &World, name: &str) -> nmp::service::Result<nmp::domain::Account> {
    accounts::create(&world.ctx, &grant(), &origin(), &account_form(name, CONTOSO)).await
}

fn is_unavailable(error: &Error) -> bool {
    matches!(error, Error::Store(error) if error.is_unavailable())
}

#[test]
fn a_silent_network_costs_seconds_and_heals() {
    runtime().block_on(async {
        let (world, proxy, db) = behind_a_proxy().await;
        create(&world, "before").await.unwrap();
        for what in ["fresh", "idle"] {
            if what == "idle" {
                // Connections that have rested are asked for a sign of life first.
                let rested = Instant::now() + Duration::from_millis(1_200);
                eventually("the connections have rested", COST, async || (Instant::now() > rested).then_some(())).await;
            }
            proxy.becomes(Network::Swallows);
            let begun = Instant::now();
            let (written, read) = tokio::join!(create(&world, "during"), async {
                let begun = Instant::now();
                let read = accounts::get(&world.ctx, &grant(), "before").await;
                (read, begun.elapsed())
            });
            let cost = begun.elapsed();
            figure(
                &format!("a write and a read over {what} connections that swallow"),
                format!("{cost:.1?}, {:.1?}", read.1),
            );
            assert!(is_unavailable(&written.unwrap_err()) && is_unavailable(&read.0.unwrap_err()));
            assert!(cost < COST + Duration::from_secs(4), "{cost:?}");
            proxy.becomes(Network::Passes);
            let healed = Instant::now();
            eventually("the database answers again", COST, async || {
                accounts::get(&world.ctx, &grant(), "before").await.ok()
            })
            .await;
            figure("healed after", format!("{:.1?}", healed.elapsed()));
            create(&world, &format!("after-{what}")).await.unwrap();
        }
        assert_eq!(numbers(&db, "SELECT COUNT(*) FROM accounts WHERE name = 'during'").await, [0]);
        db.close().await;
    });
}

#[test]
fn a_commit_whose_answer_was_lost_is_looked_for() {
    runtime().block_on(async {
        let (world, proxy, db) = behind_a_proxy().await;
        proxy.becomes(Network::LosesCommits);
        let created = create(&world, "form1").await.unwrap();
        assert_eq!(created.name, "form1");
        proxy.becomes(Network::Passes);
        let again = create(&world, "form1").await.unwrap_err();
        assert!(matches!(again, Error::Invalid(_)), "{again:?}");
        let made = texts(&db, "SELECT action || ' ' || subject FROM audit ORDER BY seq").await;
        assert_eq!(made, ["account.create form1"], "it was made once");
        // Never made: begun anew until the network lets a commit through.
        proxy.becomes(Network::RefusesCommits);
        let (outcome, ()) = tokio::join!(create(&world, "form2"), async {
            let refused = Instant::now() + Duration::from_millis(300);
            eventually("some commits were refused", COST, async || (Instant::now() > refused).then_some(())).await;
            proxy.becomes(Network::Passes);
        });
        assert_eq!(outcome.unwrap().name, "form2");
        let made = texts(&db, "SELECT action || ' ' || subject FROM audit ORDER BY seq").await;
        assert_eq!(made, ["account.create form1", "account.create form2"]);
        db.close().await;
    });
}

#[test]
fn nobody_is_told_that_nothing_was_stored_when_nobody_can_tell() {
    runtime().block_on(async {
        let (world, proxy, db) = behind_a_proxy().await;
        create(&world, "before").await.unwrap();
        proxy.becomes(Network::LosesCommits);
        // Whoever looks afterwards finds nobody.
        let (outcome, ()) = tokio::join!(create(&world, "form1"), async {
            let stored = "SELECT COUNT(*) FROM accounts WHERE name = 'form1'";
            eventually("it is stored", COST, async || (numbers(&db, stored).await == [1]).then_some(())).await;
            proxy.becomes(Network::Swallows);
        });
        match outcome {
            Ok(account) => assert_eq!(account.name, "form1", "the look was quicker than the network"),
            Err(Error::Store(error)) => assert!(error.is_unclear(), "{error:?}"),
            Err(other) => panic!("{other:?}"),
        }
        db.close().await;
    });
}

#[test]
fn a_server_that_only_reads_is_unavailable_and_readable() {
    runtime().block_on(async {
        let place = Place::new(Kind::Postgres).await;
        let world = World::new(place).await;
        create(&world, "before").await.unwrap();
        let database = world.place.url.rsplit('/').next().unwrap();
        execute(&world.db, &format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
        world.db.close().await;
        let db = Db::open(&world.place.url, PoolSize::default()).await.unwrap();
        let ctx = nmp::service::Ctx::new(db, nmp::service::Clock::system(), nmp::service::Policy::default());
        let refused = accounts::create(&ctx, &grant(), &origin(), &account_form("after", CONTOSO)).await.unwrap_err();
        assert!(is_unavailable(&refused), "{refused:?}");
        assert_eq!(accounts::get(&ctx, &grant(), "before").await.unwrap().name, "before");
    });
}

#[test]
fn rows_that_somebody_keeps_are_waited_for_and_given_up_in_time() {
    runtime().block_on(async {
        let world = World::new(Place::new(Kind::Postgres).await).await;
        create(&world, "kept").await.unwrap();
        let Db::Postgres(server) = &world.db else { panic!("not the database that was asked for") };
        let mut other = server.aside.begin().await.unwrap();
        sqlx::query("SELECT id FROM accounts FOR UPDATE").execute(&mut *other).await.unwrap();
        let begun = Instant::now();
        let deleted = accounts::delete(&world.ctx, &grant(), &origin(), "kept", None).await;
        let cost = begun.elapsed();
        figure("a row that somebody keeps", format!("{cost:.1?}"));
        assert!(is_unavailable(&deleted.unwrap_err()));
        assert!(cost < Duration::from_secs(12), "{cost:?}");
        other.rollback().await.unwrap();
        accounts::delete(&world.ctx, &grant(), &origin(), "kept", None).await.unwrap();
        world.db.close().await;
    });
}
