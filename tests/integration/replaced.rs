//! What a push replaces at a backend: the number's history keeps what was there, and the audit both sides.

use std::collections::BTreeSet;

use nmp::domain::seen::{MemberChange, SeenKind};
use nmp::domain::{OrderKind, OrderStatus};
use nmp::service::numbers;
use nmp::service::orders::{self, ReleaseSelection, Submitted};
use nmp::service::staging::UploadForm;
use serde_json::{Value, json};

use crate::harness::database;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, grant, number, origin, right, upload_form};
use crate::sync::Outside;

on_both_databases![
    what_the_backend_had_and_what_was_asked_is_in_the_audit,
    what_we_had_there_ourselves_is_in_the_orders_and_not_told_again,
    what_a_release_takes_is_told_where_it_was_otherwise,
    however_many_different_states_are_replaced_each_is_kept,
    what_happened_to_its_neighbours_hides_nothing_of_a_number,
];

async fn hold(outside: &Outside, first: &str, count: u32, settings: Value) {
    let held = json!({ "tenant": CONTOSO, "number": first, "count": count, "assigned": false, "settings": settings });
    outside.post("_hold", held).await;
}

fn theirs() -> Value {
    json!({ "usage": "ConferenceAssignment", "civicAddressId": "home", "displayedCountryCode": "GB" })
}

/// Both sides of the rows of the audit that tell of replaced numbers.
async fn audited(world: &World) -> Vec<(Value, Value)> {
    let mut sides = Vec::new();
    for side in ["before", "after"] {
        let sql = format!("SELECT {side} FROM audit WHERE action = 'numbers.replaced' ORDER BY seq");
        let texts = database::texts(&world.db, &sql).await;
        sides.push(texts.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()).collect::<Vec<_>>());
    }
    let after = sides.remove(1);
    sides.remove(0).into_iter().zip(after).collect()
}

/// What pushes have replaced of a number, in words.
async fn history(world: &World, text: &str) -> Vec<String> {
    let steps = numbers::seen(&world.ctx, &grant(), number(text)).await.unwrap();
    let replaced = steps.iter().filter(|step| step.kind == SeenKind::Overwritten);
    replaced.map(|step| step.changes.iter().map(MemberChange::words).collect::<Vec<_>>().join("; ")).collect()
}

async fn pull(world: &World, outside: &Outside) {
    world.clock.advance(time::Duration::minutes(16));
    outside.engine.run_until_idle().await.unwrap();
}

async fn complete(world: &World, outside: &Outside, order: i64) {
    assert_eq!(outside.until_final(world, order).await, OrderStatus::Complete);
}

async fn what_the_backend_had_and_what_was_asked_is_in_the_audit(world: World) {
    let outside = Outside::new(&world).await;
    hold(&outside, "+441632960100", 2, theirs()).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0104").await;
    complete(&world, &outside, order).await;
    let rows = audited(&world).await;
    let [(before, after)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(before["atBackend"]["usage"], "ConferenceAssignment", "{before}");
    assert_eq!(before["atBackend"]["civicAddressId"], "home");
    assert!(before["here"].is_null(), "nobody had it here");
    assert_eq!(after["atBackend"]["usage"], "CallingUserAssignment", "{after}");
    assert_eq!((&after["count"], &after["orders"]), (&json!(2), &json!([order])));
    assert_eq!(after["numbers"], json!(["+441632960100-+441632960101"]), "what was new there was not replaced");
    let subject = "SELECT subject_kind || ' ' || subject FROM audit WHERE action = 'numbers.replaced'";
    assert_eq!(database::texts(&world.db, subject).await, ["account contoso"]);
    world.check_invariants().await;
}

async fn what_we_had_there_ourselves_is_in_the_orders_and_not_told_again(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0101").await;
    complete(&world, &outside, order).await;
    let change = |capabilities: &[&str]| UploadForm {
        capability: capabilities.iter().map(ToString::to_string).collect(),
        ..upload_form("contoso", "+441632960100-0101")
    };
    let order = world.stage_form(&change(&["InboundCalling"])).await;
    assert!(matches!(world.submit(order).await, Submitted::Done));
    complete(&world, &outside, order).await;
    assert_eq!(audited(&world).await, [], "the order has what it was and what it is");

    // Somebody else changes one of the two, and then we do.
    let other = json!({ "tenant": CONTOSO, "number": "+441632960101", "count": 1, "usage": "ConferenceAssignment" });
    outside.post("_change", other).await;
    pull(&world, &outside).await;
    let order = world.stage_form(&change(&["InboundCalling", "OutboundCalling"])).await;
    let agreed = orders::Decision { good_only: true, lose_address: true, change_assigned: true, seen: None };
    let done = orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), order, agreed).await;
    assert!(matches!(done, Ok(Submitted::Done)), "{done:?}");
    complete(&world, &outside, order).await;
    let rows = audited(&world).await;
    let [(before, after)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(before["atBackend"]["usage"], "ConferenceAssignment", "{before}");
    assert_eq!(before["here"]["usage"], "CallingUserAssignment", "what we had");
    assert_eq!(before["here"]["choosableCapabilities"], json!(["InboundCalling"]));
    assert_eq!(after["atBackend"]["choosableCapabilities"], json!(["InboundCalling", "OutboundCalling"]), "{after}");
    assert_eq!(after["numbers"], json!(["+441632960101"]));
}

async fn what_a_release_takes_is_told_where_it_was_otherwise(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0101").await;
    complete(&world, &outside, order).await;
    let other = json!({ "tenant": CONTOSO, "number": "+441632960101", "count": 1, "usage": "ConferenceAssignment" });
    outside.post("_change", other).await;
    pull(&world, &outside).await;
    let both = ["+441632960100", "+441632960101"].map(number).to_vec();
    let selection = ReleaseSelection::Numbers(None, both);
    let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    assert!(matches!(world.submit(order).await, Submitted::Done));
    complete(&world, &outside, order).await;
    let rows = audited(&world).await;
    let [(before, after)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(before["atBackend"]["usage"], "ConferenceAssignment", "{before}");
    assert_eq!(before["here"]["usage"], "CallingUserAssignment");
    assert!(after["atBackend"].is_null(), "{after}");
    assert_eq!((&after["numbers"], &after["orders"]), (&json!(["+441632960101"]), &json!([order])));
    let told = history(&world, "+441632960101").await;
    assert!(told[0].contains("usage removed, it was ConferenceAssignment"), "{told:?}");
    assert!(history(&world, "+441632960100").await.is_empty(), "it was there as here");
}

async fn however_many_different_states_are_replaced_each_is_kept(world: World) {
    let outside = Outside::new(&world).await;
    for n in 0..30 {
        let settings = json!({ "usage": "CallingUserAssignment", "locationId": format!("room {n}") });
        // Every room has two numbers that are far from each other.
        hold(&outside, &format!("+4416329601{n:02}"), 1, settings.clone()).await;
        hold(&outside, &format!("+4416329602{n:02}"), 1, settings).await;
    }
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0129\n+441632960200-0229").await;
    complete(&world, &outside, order).await;
    for n in 0..30 {
        for hundred in [1, 2] {
            let told = history(&world, &format!("+441632960{hundred}{n:02}")).await;
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(&format!("location removed, it was room {n}")), "{n}: {told:?}");
        }
    }
    let rows = audited(&world).await;
    let held = rows.iter().flat_map(|(before, _)| match before["held"].as_array() {
        Some(held) => held.iter().collect::<Vec<_>>(),
        None => vec![before],
    });
    let rooms: BTreeSet<&str> = held.map(|held| held["atBackend"]["locationId"].as_str().unwrap()).collect();
    assert_eq!(rooms.len(), 30, "each of them is in the audit");
    let counts: i64 = rows.iter().map(|(_, after)| after["count"].as_i64().unwrap()).sum();
    assert_eq!(counts, 60);
    let few = database::numbers(&world.db, "SELECT COUNT(*) FROM seen WHERE what = 'overwritten'").await;
    assert!(few[0] <= 10, "one row tells of many numbers: {few:?}");
}

async fn what_happened_to_its_neighbours_hides_nothing_of_a_number(world: World) {
    let outside = Outside::new(&world).await;
    hold(&outside, "+441632960100", 1, theirs()).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100").await;
    complete(&world, &outside, order).await;
    assert_eq!(history(&world, "+441632960100").await.len(), 1);
    let later = (world.clock.now() + time::Duration::hours(1)).unix_timestamp_nanos() / 1_000;
    for n in 0..450 {
        let row = format!(
            "INSERT INTO seen (list_id, seen_at, what, first_number, last_number, numbers, detail, total) \
             SELECT MIN(id), {later} + {n}, 'changed', 441632960000, 441632960200, '441632960000,441632960200', '', 2 \
             FROM observed_lists"
        );
        database::execute(&world.db, &row).await;
    }
    assert_eq!(history(&world, "+441632960100").await.len(), 1, "450 rows tell of numbers on both sides of it");
    let steps = numbers::seen(&world.ctx, &grant(), number("+441632960200")).await.unwrap();
    assert_eq!(steps.len(), 100, "the newest of its own");
    assert!(steps.is_sorted_by_key(|step| std::cmp::Reverse(step.at)));
}
