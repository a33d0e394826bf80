//! Clearing away a large draft holds up nobody who writes meanwhile.

use std::time::{Duration, Instant};

use nmp::service::housekeeping::{Swept, sweep};

use crate::figures::{figure, long};
use crate::harness::database::{execute, numbers};
use crate::harness::on_both_databases;
use crate::harness::world::World;

on_both_databases![sweeping_holds_nobody_up,];

async fn sweeping_holds_nobody_up(world: World) {
    world.local_account("contoso").await;
    let (text, count) =
        if long() { ("+441632000000-+441632099999", 100_000) } else { ("+441632000000-+441632019999", 20_000) };
    world.stage("contoso", text).await;
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM order_items").await, [count]);
    world.clock.advance(time::Duration::days(31));
    let begun = Instant::now();
    let mut waits = Vec::new();
    let write = async {
        loop {
            let asked = Instant::now();
            execute(&world.db, "UPDATE sequences SET next = next + 1 WHERE name = 'pushes'").await;
            waits.push(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let swept = tokio::select! {
        swept = sweep(&world.ctx) => swept.unwrap(),
        () = write => return,
    };
    assert_eq!(swept, Swept { drafts: 1, ..Swept::default() });
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM order_items").await, [0]);
    let worst = waits.iter().max().copied().unwrap_or_default();
    figure(
        &format!("a draft of {count} swept in {:.1?}; a writer waited at most", begun.elapsed()),
        format!("{worst:.1?}"),
    );
    assert!(worst < Duration::from_secs(if long() { 1 } else { 3 }), "a writer waited {worst:?}");
}
