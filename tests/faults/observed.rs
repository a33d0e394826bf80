//! A pull of very many numbers of one tenant: what it takes to write what the backend says, and what is kept of it.

use std::time::Instant;

use nmp::domain::{E164, NumberSettings, Service, TeamsSettings};
use nmp::service::drift::{self, DRIFT_COUNTED, DriftFilter};
use nmp::store::{Assignment, Described, Observed, Page, Round};

use crate::figures::{database, figure, long};
use crate::harness::database::{Kind, execute, numbers, run};
use crate::harness::world::{CONTOSO, World, grant, tenant};

const FIRST: i64 = 441_632_000_000;
const PAGE: usize = 1_000;

fn settings(usage: &str) -> NumberSettings {
    let teams = TeamsSettings { usage: usage.to_owned(), ..TeamsSettings::default() };
    NumberSettings { services: Service::OperatorConnect.into(), teams, ..NumberSettings::default() }
}

/// The list of the backend: some numbers are in use, every hundredth is for something else.
fn listed(count: i64) -> Vec<Observed> {
    let described = |usage| Described {
        service: Service::OperatorConnect.key().to_owned(),
        settings: settings(usage),
        leaving: None,
    };
    let (users, apps) = (described("CallingUserAssignment"), described("FirstPartyAppAssignment"));
    let seen = |index: i64| Observed {
        number: E164::from_i64(FIRST + index).unwrap(),
        described: if index % 100 == 0 { apps.clone() } else { users.clone() },
        assigned: index % 3 == 0,
    };
    (0..count).map(seen).collect()
}

/// Takes a list in as the engine does; prints the time it took.
async fn pull(world: &World, what: &str, listed: &[Observed]) -> f64 {
    let now = world.clock.now();
    let started = Instant::now();
    let mut tx = world.db.begin().await.unwrap();
    let round: Round = tx.begin_round("operator-connect", &tenant(CONTOSO)).await.unwrap();
    tx.commit().await.unwrap();
    let mut after = 0;
    let pages = listed.chunks(PAGE);
    let last = pages.len() - 1;
    for (index, page) in pages.enumerate() {
        let upto = if index == last { i64::MAX } else { page.last().unwrap().number.as_i64() };
        let on_page: Vec<E164> = page.iter().map(|seen| seen.number).collect();
        let mut tx = world.db.begin().await.unwrap();
        tx.observe(round, page, now).await.unwrap();
        let mut bound = tx.miss(round, (after, upto), &on_page, now).await.unwrap();
        tx.commit().await.unwrap();
        while let Some(from) = bound {
            let mut tx = world.db.begin().await.unwrap();
            bound = tx.miss(round, (from, upto), &on_page, now).await.unwrap();
            tx.commit().await.unwrap();
        }
        after = upto;
    }
    loop {
        let mut tx = world.db.begin().await.unwrap();
        let more = tx.forget_missing(round).await.unwrap();
        if !more {
            tx.end_round(round, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        if !more {
            break;
        }
    }
    let took = started.elapsed().as_secs_f64();
    figure(what, format!("{took:.2} s"));
    world.clock.advance(time::Duration::minutes(15));
    took
}

/// What the table and its indexes take, in bytes.
async fn size(world: &World) -> i64 {
    let question = match &world.db {
        nmp::store::Db::Sqlite { .. } => {
            "
            SELECT page_count * page_size
            FROM pragma_page_count(), pragma_page_size()"
        }
        nmp::store::Db::Postgres(_) => "SELECT pg_total_relation_size('observed')",
    };
    numbers(&world.db, question).await[0]
}

/// Compares as the engine does; tells how many numbers were written.
async fn compare(world: &World, what: &str) -> f64 {
    let backend = world.ctx.policy.backends.iter().next().unwrap().clone();
    let started = Instant::now();
    let compared = world.db.read().await.unwrap().drift_compared(&backend, &tenant(CONTOSO)).await.unwrap();
    let mut written = 0;
    for of in compared {
        let mut after = Some(0);
        while let Some(from) = after {
            let mut looking = world.db.along_keys().await.unwrap();
            let stretch = looking.drift_stretch(&backend, &of, from).await.unwrap();
            drop(looking);
            for numbers in stretch.unkept.chunks(nmp::store::SETTLED_AT_ONCE) {
                let mut tx = world.db.begin().await.unwrap();
                tx.settle_drift(&backend, numbers, world.clock.now()).await.unwrap();
                tx.commit().await.unwrap();
            }
            written += stretch.unkept.len();
            after = stretch.next;
        }
    }
    let took = started.elapsed().as_secs_f64();
    figure(what, format!("{took:.2} s, {written} numbers written"));
    took
}

/// What drifts is found, and shown without looking at all numbers. One in 100 is for something else there, one in 50 is gone.
async fn drifted(world: &World, count: i64) {
    let first = compare(world, "  compared with ours, all drift is new").await;
    let again = compare(world, "  compared again, nothing is new").await;
    let all = DriftFilter::default();
    for (what, filter) in [
        ("  drift page", all.clone()),
        ("  drift page of an account", DriftFilter::of_account("contoso")),
        ("  drift page of assigned", DriftFilter { assignment: Some(Assignment::Assigned), ..all.clone() }),
    ] {
        let started = Instant::now();
        let page = drift::list(&world.ctx, &grant(), &filter, &Page::First).await.unwrap();
        figure(what, format!("{:.1} ms", started.elapsed().as_secs_f64() * 1e3));
        assert!(!page.rows.is_empty() || filter != all);
    }
    let started = Instant::now();
    let (ranges, _) = drift::ranges(&world.ctx, &grant(), &all, None).await.unwrap();
    figure("  drift page, folded", format!("{:.1} ms", started.elapsed().as_secs_f64() * 1e3));
    assert!(!ranges.is_empty());
    let started = Instant::now();
    let counts = drift::counts(&world.ctx, &grant(), &all).await.unwrap();
    figure("  drift counts", format!("{:.1} ms", started.elapsed().as_secs_f64() * 1e3));
    let counted: i64 = counts.iter().map(|one| one.count).sum();
    assert!(counted >= (count / 100).min(DRIFT_COUNTED), "{counts:?}");
    assert!(first < 60.0 && again < 60.0, "comparing took {first:.1} s, and {again:.1} s again");
}

async fn a_pull_of_very_many_numbers(world: World) {
    let count = if long() { 1_000_000 } else { 50_000 };
    world.account("contoso").await;
    let mut tx = world.db.begin().await.unwrap();
    let ours = tx.intern_settings(&settings("CallingUserAssignment")).await.unwrap();
    tx.commit().await.unwrap();
    execute(
        &world.db,
        &format!(
            "
            INSERT INTO numbers (
                telephone_number, account_id, settings_id, country, state, rev, order_id, changed_at
            )
            WITH RECURSIVE n(i) AS (
                SELECT 0
                UNION ALL
                SELECT i + 1
                FROM n
                WHERE i < {count} - 1
            )
            SELECT {FIRST} + i, (SELECT id FROM accounts), {ours}, 'GB', 'synced', 1, 1, 0
            FROM n"
        ),
    )
    .await;
    let before = size(&world).await;
    figure(&format!("{count} numbers of a tenant, {}", database(&world.place.url)), "");
    let mut list = listed(count);
    pull(&world, "  first pull, all is new", &list).await;
    let bytes = (size(&world).await - before) / count;
    figure("  bytes a number", bytes);
    let nothing_new = pull(&world, "  second pull, nothing is new", &list).await;
    list.retain(|seen| seen.number.as_i64() % 50 != 0);
    for seen in list.iter_mut().step_by(50) {
        seen.assigned = !seen.assigned;
    }
    pull(&world, "  third pull, one in 50 is gone and one in 50 is changed", &list).await;
    let kept = numbers(&world.db, "SELECT CAST(COUNT(*) AS BIGINT) FROM observed").await;
    assert_eq!(kept, [i64::try_from(list.len()).unwrap()]);
    drifted(&world, count).await;
    assert!(bytes < 200, "{bytes} bytes a number");
    assert!(nothing_new < 60.0, "a pull that finds nothing new took {nothing_new:.1} s");
}

mod sqlite {
    #[test]
    fn a_pull_of_very_many_numbers() {
        super::run(super::Kind::Sqlite, super::a_pull_of_very_many_numbers);
    }
}
mod postgres {
    #[test]
    fn a_pull_of_very_many_numbers() {
        super::run(super::Kind::Postgres, super::a_pull_of_very_many_numbers);
    }
}
