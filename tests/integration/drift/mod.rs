//! Drift: what backends say of numbers against what we say, how it is kept, shown and settled.

mod compare;
mod pages;
mod ways;

use nmp::domain::{DriftKind, E164, OrderKind};
use nmp::service::drift::{self, DriftFilter, Ignored};
use nmp::service::numbers;
use nmp::store::{Described, Page};

use crate::harness::world::{World, grant, number, tenant};
use crate::observed::described;

/// What differs, of every kind, by number.
async fn kept(world: &World) -> Vec<(E164, DriftKind)> {
    let filter = DriftFilter { ignored: Ignored::Too, ..DriftFilter::default() };
    let found = drift::list(&world.ctx, &grant(), &filter, &Page::First).await.unwrap();
    found.rows.into_iter().map(|row| (row.number, row.kind)).collect()
}

/// Compares a tenant's numbers as a pull does at its end; tells how many had to be written.
async fn compare(world: &World, of: &str) -> usize {
    let backend = world.ctx.policy.backends.iter().next().unwrap().clone();
    let compared = world.db.read().await.unwrap().drift_compared(&backend, &tenant(of)).await.unwrap();
    let mut written = 0;
    for of in compared {
        let mut after = Some(0);
        while let Some(from) = after {
            let mut looking = world.db.along_keys().await.unwrap();
            let stretch = looking.drift_stretch(&backend, &of, from).await.unwrap();
            drop(looking);
            let mut tx = world.db.begin().await.unwrap();
            tx.settle_drift(&backend, &stretch.unkept, world.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            written += stretch.unkept.len();
            after = stretch.next;
        }
    }
    written
}

/// Six numbers of contoso that are synced, and what the backend was given of them.
async fn synced(world: &World) -> Described {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0005").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    described(&numbers::get(&world.ctx, &grant(), number("+441632960000")).await.unwrap().settings)
}
