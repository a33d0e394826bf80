//! A large upload into a database that is full already, before and after the server has gathered statistics of it: what
//! was staged a moment ago is in none of them.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use nmp::domain::OrderKind;
use nmp::service::orders::{self, ReleaseSelection, Submitted};

use crate::figures::{database, figure, long};
use crate::harness::database::{Kind, Place, execute};
use crate::harness::runtime;
use crate::harness::world::{World, grant, right, upload_form};

/// How many numbers there are already.
fn filled() -> usize {
    if long() { 1_000_000 } else { 100_000 }
}

/// On a machine with other work what is over in less says nothing. A plan that does not know the order takes longer by far.
const BUSY: Duration = Duration::from_secs(3);

/// How many are uploaded.
fn uploaded() -> usize {
    if long() { 100_000 } else { 10_000 }
}

/// Numbers of an account that nothing else is done with, each in one of 100 orders.
async fn fill(world: &World) {
    let account = world.local_account("full").await;
    let series = match database(&world.place.url) {
        "SQLite" => format!(
            "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {}) SELECT n FROM c) AS s",
            filled()
        ),
        _ => format!("generate_series(1, {}) AS s(n)", filled()),
    };
    execute(
        &world.db,
        "
        INSERT INTO settings (id, push_key, services, usage, body)
        VALUES (7, 7, 1, 'CallingUserAssignment', '{}')",
    )
    .await;
    let (id, at) = (account.id, 441_000_000_000_i64);
    execute(
        &world.db,
        &format!(
            "
            INSERT INTO numbers (
                telephone_number, account_id, settings_id, country, state, rev, order_id, changed_at
            )
            SELECT {at} + n, {id}, 7, 'GB', 'synced', 1, 1000000 + n % 100, 0
            FROM {series}"
        ),
    )
    .await;
    execute(
        &world.db,
        &format!(
            "INSERT INTO order_items
                (order_id, telephone_number, line, account_id, settings_id, country, verdict, base_rev, state)
             SELECT 1000000 + n % 100, {at} + n, 0, {id}, 7, 'GB', 'new', 0, 'done' FROM {series}"
        ),
    )
    .await;
}

/// Uploads numbers from this one on, and takes them back. How long staging and submitting took, and the release.
async fn there_and_back(world: &World, first: u64) -> (Duration, Duration) {
    let mut text = String::new();
    for number in first..first + uploaded() as u64 {
        let _ = writeln!(text, "+{number}");
    }
    let begun = Instant::now();
    let order = world.stage_form(&upload_form("contoso", &text)).await;
    assert!(matches!(world.submit(order).await, Submitted::Done));
    let there = begun.elapsed();
    let begun = Instant::now();
    let all = ReleaseSelection::Matching(Box::new(nmp::store::NumberFilter {
        account: Some("contoso".to_owned()),
        ..nmp::store::NumberFilter::default()
    }));
    let origin = crate::harness::world::origin();
    let release = orders::stage_release(&world.ctx, &grant(), &all, None).await.unwrap();
    let submitted = orders::submit(&world.ctx, &right(OrderKind::Release), &origin, release, false).await.unwrap();
    assert!(matches!(submitted, Submitted::Done));
    (there, begun.elapsed())
}

async fn measure(kind: Kind) -> Vec<Duration> {
    let world = World::new(Place::new(kind).await).await;
    world.facts(crate::harness::world::CONTOSO).await;
    world.local_account("contoso").await;
    fill(&world).await;
    let mut times = Vec::new();
    for (round, said) in ["as it is", "analysed", "analysed after an upload"].into_iter().enumerate() {
        if round > 0 {
            execute(&world.db, "ANALYZE").await;
        }
        let (there, back) = there_and_back(&world, 442_000_000_000 + 1_000_000 * round as u64).await;
        figure(
            &format!("{} numbers into {}, {}, {said}", uploaded(), filled(), database(&world.place.url)),
            format!("staged and submitted {there:.2?}, released {back:.2?}"),
        );
        times.extend([there, back]);
    }
    world.db.close().await;
    times
}

#[test]
fn statistics_that_do_not_know_an_order_do_not_slow_it_down() {
    runtime().block_on(async {
        let (file, server) = (measure(Kind::Sqlite).await, measure(Kind::Postgres).await);
        // Upload and release by turns.
        let most = if long() { [3.0, 6.0] } else { [8.0, 8.0] };
        let what = ["an upload", "a release"];
        for (place, (file, server)) in file.iter().zip(&server).enumerate() {
            let ratio = server.as_secs_f64() / file.as_secs_f64();
            figure(&format!("PostgreSQL against SQLite, {}", what[place % 2]), format!("{ratio:.2}"));
            assert!(ratio < most[place % 2] || *server < BUSY, "{server:?} against {file:?}");
        }
    });
}
