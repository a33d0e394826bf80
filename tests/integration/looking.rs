//! Looking before pushing: what the backend holds already is not pushed, what would change there is known before, and what
//! happens there by itself is seen.

use std::time::Duration;

use nmp::domain::Outside as Held;
use nmp::domain::seen::{MemberChange, SeenKind};
use nmp::domain::{
    AccountForm, DriftKind, E164, OrderKind, OrderStatus, ReconcileState, ReconcileWhy, Refusal, ServiceSet, SyncState,
    Verdict,
};
use nmp::service::accounts::{AccountFilter, Confirmed, PushPlan, Reconcile};
use nmp::service::drift::{self, DriftFilter};
use nmp::service::sync_status::{self, Pull};
use nmp::service::{Error, accounts, numbers, orders};
use nmp::store::Page;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::database;
use crate::harness::portal::{Portal, stage_upload};
use crate::harness::visitor::Visitor;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, origin, right, tenant};
use crate::harness::{eventually, on_both_databases, runtime};
use crate::observed;
use crate::sync::Outside;

on_both_databases![
    numbers_that_are_there_as_they_should_be_are_not_pushed,
    what_was_there_before_a_push_is_in_the_history,
    a_push_that_was_refused_has_replaced_nothing,
    a_number_of_another_tenant_is_not_pushed,
    what_an_enterprise_without_an_account_holds_is_known,
    the_list_is_read_before_the_first_push_and_not_for_each,
    a_list_that_could_not_be_read_since_counts_for_nothing,
    what_came_there_since_a_short_list_was_read_is_seen_before_a_push,
    a_list_with_an_item_that_cannot_be_read_holds_nobody_up,
    a_service_that_is_synced_from_now_on_is_compared_first,
    many_changes_wait_for_a_person,
    a_plan_that_grew_old_is_made_anew,
    however_many_accounts_wait_for_a_person_they_are_counted_and_listed,
    what_a_plan_replaces_is_counted_beyond_what_is_told,
    an_account_that_is_deleted_waits_for_nobody,
    what_somebody_at_the_enterprise_notices_is_agreed_to,
    an_account_that_got_another_tenant_is_compared_first,
    a_restored_database_is_compared_before_anything_is_pushed,
    a_number_that_vanished_is_not_synced_any_more,
    numbers_that_the_first_list_does_not_have_are_not_synced,
    what_somebody_else_changes_is_in_the_history_and_the_audit,
    many_changes_are_told_in_few_rows,
];

const WOODGROVE: &str = "4b8d2f76-1e9c-4d05-b3a7-58f1c6e0a944";

/// What [`crate::harness::world::upload_form`] gives a number, as the backend says it.
fn wanted() -> Value {
    json!({
        "usage": "CallingUserAssignment", "choosableCapabilities": ["OutboundCalling", "InboundCalling"],
        "allowTenantAddressUpdate": true, "displayedCountryCode": "GB"
    })
}

async fn hold(outside: &Outside, tenant: &str, first: &str, count: u32, settings: Value) {
    let held = json!({ "tenant": tenant, "number": first, "count": count, "assigned": true, "settings": settings });
    outside.post("_hold", held).await;
}

async fn pull(world: &World, outside: &Outside) {
    world.clock.advance(time::Duration::minutes(16));
    outside.engine.run_until_idle().await.unwrap();
}

async fn state(world: &World, text: &str) -> (SyncState, String) {
    let found = numbers::get(&world.ctx, &grant(), number(text)).await.unwrap();
    (found.state, found.error.map(|error| error.code.clone()).unwrap_or_default())
}

/// What happened to a number by itself, the newest first.
async fn seen(world: &World, text: &str) -> Vec<(SeenKind, String)> {
    let steps = numbers::seen(&world.ctx, &grant(), number(text)).await.unwrap();
    let words = |step: &numbers::SeenStep| step.changes.iter().map(MemberChange::words).collect::<Vec<_>>().join("; ");
    steps.iter().map(|step| (step.kind, words(step))).collect()
}

async fn compared(world: &World, account: &str) -> Vec<Reconcile> {
    let account = world.get(account).await;
    accounts::comparisons(&world.ctx, &grant(), &account).await.unwrap()
}

async fn audited(world: &World, action: &str) -> Vec<Value> {
    let sql = format!("SELECT after FROM audit WHERE action = '{action}' ORDER BY seq");
    database::texts(&world.db, &sql).await.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// An account with so many numbers of its own that is synced from now on.
async fn turn_sync_on(world: &World, numbers: &str) {
    let account = world.local_account("contoso").await;
    world.upload("contoso", numbers).await;
    let on = account_form("contoso", CONTOSO);
    accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &on).await.unwrap();
}

async fn numbers_that_are_there_as_they_should_be_are_not_pushed(world: World) {
    let outside = Outside::new(&world).await;
    hold(&outside, CONTOSO, "+441632960100", 5, wanted()).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0109").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    let held = outside.numbers().await;
    for n in 100..110 {
        let one = &held[&format!("+441632960{n}")];
        assert_eq!(one["changes"], if n < 105 { 2 } else { 1 }, "held and assigned, or given: {one}");
        assert_eq!(state(&world, &format!("+441632960{n}")).await.0, SyncState::Synced);
    }
    assert!(seen(&world, "+441632960100").await.is_empty(), "nothing has happened to it");
    world.check_invariants().await;
}

async fn what_was_there_before_a_push_is_in_the_history(world: World) {
    let outside = Outside::new(&world).await;
    let theirs = json!({ "usage": "ConferenceAssignment", "civicAddressId": "home", "displayedCountryCode": "GB" });
    hold(&outside, CONTOSO, "+441632960100", 1, theirs).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0101").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    let held = outside.numbers().await;
    assert_eq!(held["+441632960100"]["settings"]["usage"], "CallingUserAssignment", "it was asked for");
    let history = seen(&world, "+441632960100").await;
    let [(SeenKind::Overwritten, words)] = history.as_slice() else { panic!("{history:?}") };
    assert!(words.contains("usage changed from ConferenceAssignment to CallingUserAssignment"), "{words}");
    assert!(words.contains("emergency address removed, it was home"), "{words}");
    assert!(seen(&world, "+441632960101").await.is_empty());
    // The push is no change by somebody else.
    pull(&world, &outside).await;
    assert_eq!(seen(&world, "+441632960100").await.len(), 1);
}

async fn a_push_that_was_refused_has_replaced_nothing(world: World) {
    let outside = Outside::new(&world).await;
    let theirs = json!({ "usage": "ConferenceAssignment", "displayedCountryCode": "GB" });
    hold(&outside, CONTOSO, "+441632960100", 2, theirs).await;
    world.account("contoso").await;
    outside.faults(json!({ "rejectNumbers": ["+441632960100"] })).await;
    let order = world.upload("contoso", "+441632960100-0101").await;
    outside.until_final(&world, order).await;
    assert_eq!(state(&world, "+441632960100").await.0, SyncState::Failed);
    assert_eq!(seen(&world, "+441632960100").await, [], "the backend has it as it was");
    let [(SeenKind::Overwritten, _)] = seen(&world, "+441632960101").await[..] else { panic!("it was replaced") };
}

/// How a tenant's numbers drift.
async fn drifted(world: &World, of: &str) -> Vec<(E164, DriftKind)> {
    let filter = DriftFilter { tenant_id: Some(tenant(of)), ..DriftFilter::default() };
    let drift = drift::list(&world.ctx, &grant(), &filter, &Page::First).await.unwrap();
    drift.rows.iter().map(|row| (row.number, row.kind)).collect()
}

async fn what_an_enterprise_without_an_account_holds_is_known(world: World) {
    let outside = Outside::new(&world).await;
    hold(&outside, FABRIKAM, "+441632960100", 1, wanted()).await;
    // Woodgrove's consent is suspended: its numbers are asked for once it stands again.
    hold(&outside, WOODGROVE, "+441632960101", 1, wanted()).await;
    world.account("contoso").await;
    outside.engine.seed().await.unwrap();
    pull(&world, &outside).await;
    let order = world.stage("contoso", "+441632960100-0102").await;
    let review = world.review(order).await;
    assert_eq!(review.count(Verdict::Refused(Refusal::OtherTenant)), 1);
    let refusal = review.refused[0].refusal().unwrap();
    assert!(refusal.contains("Fabrikam Inc") && refusal.contains(FABRIKAM), "{refusal}");
    assert_eq!(drifted(&world, FABRIKAM).await, [(number("+441632960100"), DriftKind::OnlyThere)]);
    assert_eq!(drifted(&world, WOODGROVE).await, []);
}

async fn a_number_of_another_tenant_is_not_pushed(world: World) {
    let outside = Outside::new(&world).await;
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0101").await;
    // The other tenant's list is read after the review.
    hold(&outside, FABRIKAM, "+441632960100", 1, wanted()).await;
    observed::pull(&world, FABRIKAM, &[&[observed::seen("+441632960100", &observed::other())]]).await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::CompleteWithErrors);
    let failed = numbers::get(&world.ctx, &grant(), number("+441632960100")).await.unwrap();
    let error = failed.error.unwrap();
    assert_eq!((error.code.as_str(), error.target.as_deref()), ("NumberHeldByAnotherTenant", Some("oc")));
    assert!(error.message.contains(FABRIKAM), "{error:?}");
    assert_eq!(outside.numbers().await.keys().collect::<Vec<_>>(), ["+441632960101"]);
    // The other tenant gives it up; whoever tries again is believed once the backend was asked.
    outside.post("_release", json!({ "tenantId": FABRIKAM, "numbers": ["+441632960100"] })).await;
    pull(&world, &outside).await;
    assert_eq!(orders::retry_failed(&world.ctx, &right(OrderKind::Upload), &origin(), order).await.unwrap(), 1);
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    world.check_invariants().await;
}

async fn a_list_that_could_not_be_read_since_counts_for_nothing(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    pull(&world, &outside).await;
    let known = world.stage("contoso", "+441632960101").await;
    outside.faults(json!({ "down": true })).await;
    world.clock.advance(time::Duration::seconds(30));
    let of = Pull::Numbers(&tenant(CONTOSO));
    sync_status::pull_now(&world.ctx, &grant(), None, of).await.unwrap();
    outside.engine.run_until_idle().await.unwrap();
    let order = world.stage("contoso", "+441632960100").await;
    assert_eq!(world.review(order).await.held(Held::Unknown), 1, "30 seconds ago it was known");
    assert!(matches!(world.submit(known).await, orders::Submitted::Done), "what was reviewed before has not moved");
    world.submit(order).await;
    outside.faults(json!({ "down": null, "jobSeconds": 0 })).await;
    let theirs = json!({ "usage": "ConferenceAssignment", "displayedCountryCode": "GB" });
    hold(&outside, CONTOSO, "+441632960100", 1, theirs).await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    assert_eq!(seen(&world, "+441632960100").await[0].0, SeenKind::Overwritten, "it was looked at before");
}

async fn what_came_there_since_a_short_list_was_read_is_seen_before_a_push(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    hold(&outside, CONTOSO, "+441632960101", 1, wanted()).await;
    let before = outside.numbers().await["+441632960101"]["changes"].clone();
    world.clock.advance(time::Duration::minutes(6));
    let order = world.upload("contoso", "+441632960101").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    assert_eq!(outside.numbers().await["+441632960101"]["changes"], before, "it was not written over");
}

async fn the_list_is_read_before_the_first_push_and_not_for_each(world: World) {
    let outside = Outside::new(&world).await;
    let lists = async || database::numbers(&world.db, "SELECT round FROM observed_lists").await;
    world.account("contoso").await;
    for n in 0..5 {
        let order = world.upload("contoso", &format!("+44163296010{n}")).await;
        assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    }
    assert_eq!(lists().await, [1], "the list is known");
    world.clock.advance(time::Duration::hours(2));
    let order = world.upload("contoso", "+441632960109").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    assert_eq!(lists().await, [2], "it was not known well enough any more");
}

async fn a_list_with_an_item_that_cannot_be_read_holds_nobody_up(world: World) {
    let outside = Outside::new(&world).await;
    outside.faults(json!({ "garbageItems": 1 })).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0104").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
}

async fn a_service_that_is_synced_from_now_on_is_compared_first(world: World) {
    let outside = Outside::new(&world).await;
    hold(&outside, CONTOSO, "+441632960100", 90, wanted()).await;
    let theirs = json!({ "usage": "ConferenceAssignment", "civicAddressId": "home", "displayedCountryCode": "GB" });
    hold(&outside, CONTOSO, "+441632960190", 2, theirs).await;
    turn_sync_on(&world, "+441632960100-0199").await;
    assert!(matches!(compared(&world, "contoso").await.as_slice(), [one] if one.state == ReconcileState::Comparing));
    outside.engine.run_until_idle().await.unwrap();
    let compared = compared(&world, "contoso").await;
    let [one] = compared.as_slice() else { panic!("{compared:?}") };
    assert_eq!((one.why, one.state), (ReconcileWhy::Synced, ReconcileState::Going));
    let plan =
        PushPlan { total: 100, alike: 90, fresh: 8, different: 2, in_use: 2, address_lost: 2, ..PushPlan::default() };
    assert_eq!(one.plan, plan);
    world.clock.advance(time::Duration::seconds(2));
    outside.engine.run_until_idle().await.unwrap();
    let held = outside.numbers().await;
    assert_eq!(held.len(), 100);
    assert!(held.values().filter(|one| one["changes"] == 2).count() >= 90, "what was there was left alone");
    assert!(world.stored().await.iter().all(|(_, _, state)| *state == SyncState::Synced));
    world.check_invariants().await;
}

async fn many_changes_wait_for_a_person(world: World) {
    let outside = Outside::new(&world).await;
    turn_sync_on(&world, "+441632960100-0129").await;
    outside.engine.run_until_idle().await.unwrap();
    let held = compared(&world, "contoso").await;
    assert_eq!(held[0].state, ReconcileState::Held);
    assert_eq!(held[0].plan, PushPlan { total: 30, fresh: 30, ..PushPlan::default() });
    // Neither time nor another order lets it go.
    let order = world.upload("contoso", "+441632960200").await;
    pull(&world, &outside).await;
    assert!(outside.numbers().await.is_empty(), "nothing at all is pushed");
    let waits_for =
        async || orders::held_accounts(&world.ctx, &grant(), &world.order(order).await).await.unwrap().names;
    assert_eq!(waits_for().await, ["contoso"], "which the order tells");

    let confirm = async |changes| {
        let agreed = orders::Decision::default();
        let confirmed = Confirmed { account: "contoso", backend: "operator-connect", changes, agreed };
        accounts::confirm_changes(&world.ctx, &grant(), &origin(), confirmed).await
    };
    let Err(Error::Conflict(said)) = confirm(30).await else { panic!("something else was shown") };
    assert!(said.contains("Meanwhile"), "{said}");
    confirm(31).await.unwrap();
    assert!(matches!(confirm(31).await, Err(Error::Conflict(_))), "nothing waits any more");
    assert!(waits_for().await.is_empty());
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    assert_eq!(outside.numbers().await.len(), 31);
    assert_eq!(audited(&world, "account.push_confirmed").await[0]["new"], 31);
    assert_eq!(compared(&world, "contoso").await[0].confirmed.as_ref().unwrap().0, "Alex Admin");
}

async fn a_plan_that_grew_old_is_made_anew(world: World) {
    let outside = Outside::new(&world).await;
    turn_sync_on(&world, "+441632960100-0129").await;
    outside.engine.run_until_idle().await.unwrap();
    let account = world.get("contoso").await;
    let rests_on = async || {
        let held = compared(&world, "contoso").await.remove(0);
        let source = accounts::plan_rests_on(&world.ctx, &grant(), &account, &held).await.unwrap();
        (held.plan, source.unwrap())
    };
    let (plan, source) = rests_on().await;
    assert_eq!((plan.fresh, source.as_of.is_some()), (30, true));
    assert!(!source.is_old(world.clock.now()) && !source.is_busy(world.clock.now()));

    world.clock.advance(time::Duration::minutes(6));
    hold(&outside, CONTOSO, "+441632960100", 5, wanted()).await;
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(compared(&world, "contoso").await[0].plan.fresh, 30, "nothing has asked the backend since");
    let (_, source) = rests_on().await;
    assert!(source.is_old(world.clock.now()) && source.is_busy(world.clock.now()), "who looks at it asks: {source:?}");
    outside.engine.run_until_idle().await.unwrap();
    let (plan, source) = rests_on().await;
    assert_eq!((plan.fresh, plan.alike), (25, 5), "the plan is made anew with what came");
    assert!(!source.is_old(world.clock.now()) && !source.is_busy(world.clock.now()));

    // A backend that does not answer is not asked again at once, and the page says why the plan is old.
    world.clock.advance(time::Duration::minutes(6));
    outside.faults(json!({ "down": true })).await;
    assert!(rests_on().await.1.is_busy(world.clock.now()));
    outside.engine.run_until_idle().await.unwrap();
    let (_, source) = rests_on().await;
    assert!(source.is_old(world.clock.now()) && source.error().is_some());
}

async fn however_many_accounts_wait_for_a_person_they_are_counted_and_listed(world: World) {
    let mut names = Vec::new();
    for n in 0..7 {
        let name = format!("account{n}");
        world.create(&account_form(&name, &format!("00000000-0000-4000-8000-{n:012}"))).await;
        names.push(name);
    }
    let order = world.upload("account0", "+441632960100").await;
    for (backend, most) in [("operator-connect", 7), ("another", 3)] {
        let held = format!(
            "INSERT INTO reconciles (account_id, backend, why, state, asked_at) \
             SELECT id, '{backend}', 'synced', 'held', 0 FROM accounts WHERE name < 'account{most}' AND name LIKE 'account%'"
        );
        database::execute(&world.db, &held).await;
    }
    let found = world.db.begin().await.unwrap().held_accounts(5).await.unwrap();
    assert_eq!(
        (found.names.as_slice(), found.count, found.more()),
        (&names[..5], 7, 2),
        "each once, whatever its backends"
    );
    let waits = AccountFilter { is_held: true, ..AccountFilter::default() };
    let listed = accounts::list(&world.ctx, &grant(), &waits, &Page::First).await.unwrap().accounts;
    assert_eq!(listed.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), names);
    let of_order = orders::held_accounts(&world.ctx, &grant(), &world.order(order).await).await.unwrap();
    assert_eq!((of_order.names, of_order.count), (vec!["account0".to_owned()], 1));
    let waits = AccountFilter { order: Some(order), ..waits };
    let listed = accounts::list(&world.ctx, &grant(), &waits, &Page::First).await.unwrap().accounts;
    assert_eq!(listed.len(), 1, "those of the order");
}

async fn what_a_plan_replaces_is_counted_beyond_what_is_told(world: World) {
    let outside = Outside::new(&world).await;
    for n in 0..60 {
        let settings = json!({ "usage": "CallingUserAssignment", "locationId": format!("room {n}") });
        hold(&outside, CONTOSO, &format!("+4416329601{n:02}"), 1, settings).await;
    }
    turn_sync_on(&world, "+441632960100-0159").await;
    outside.engine.run_until_idle().await.unwrap();
    let account = world.get("contoso").await;
    let (replaced, _) = accounts::replaced(&world.ctx, &grant(), &account, "operator-connect").await.unwrap();
    assert_eq!((replaced.shown.len(), replaced.kinds, replaced.numbers, replaced.left()), (50, 60, 60, 10));
}

async fn an_account_that_is_deleted_waits_for_nobody(world: World) {
    let outside = Outside::new(&world).await;
    let theirs = json!({ "usage": "ConferenceAssignment", "displayedCountryCode": "GB" });
    hold(&outside, CONTOSO, "+441632960100", 30, theirs).await;
    turn_sync_on(&world, "+441632960100-0129").await;
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(compared(&world, "contoso").await[0].state, ReconcileState::Held);
    accounts::delete(&world.ctx, &grant(), &origin(), "contoso", Some(&grant())).await.unwrap();
    outside.engine.run_until_idle().await.unwrap();
    assert!(outside.numbers().await.is_empty(), "they were released");
    let gone = accounts::get(&world.ctx, &grant(), "contoso").await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
}

async fn what_somebody_at_the_enterprise_notices_is_agreed_to(world: World) {
    let outside = Outside::new(&world).await;
    let theirs = json!({ "usage": "ConferenceAssignment", "civicAddressId": "home", "displayedCountryCode": "GB" });
    hold(&outside, CONTOSO, "+441632960100", 25, theirs).await;
    turn_sync_on(&world, "+441632960100-0129").await;
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(compared(&world, "contoso").await[0].state, ReconcileState::Held);
    let account = accounts::get(&world.ctx, &grant(), "contoso").await.unwrap();
    let (replaced, _) = accounts::replaced(&world.ctx, &grant(), &account, "operator-connect").await.unwrap();
    let [one] = replaced.shown.as_slice() else { panic!("{replaced:?}") };
    assert_eq!((replaced.kinds, replaced.left()), (1, 0));
    assert_eq!((one.count, one.assigned, one.theirs.teams.usage.as_str()), (25, 25, "ConferenceAssignment"));
    let confirm = async |lose_address, change_assigned| {
        let agreed = orders::Decision { lose_address, change_assigned, good_only: false, seen: None };
        let confirmed = Confirmed { account: "contoso", backend: "operator-connect", changes: 30, agreed };
        accounts::confirm_changes(&world.ctx, &grant(), &origin(), confirmed).await
    };
    let Err(Error::Conflict(said)) = confirm(false, false).await else { panic!("nobody agreed") };
    assert!(said.contains("lose their emergency address, and some are in use"), "{said}");
    let Err(Error::Conflict(said)) = confirm(true, false).await else { panic!("nobody agreed to all of it") };
    assert!(said.contains("some numbers are in use and change."), "{said}");
    confirm(true, true).await.unwrap();
}

async fn an_account_that_got_another_tenant_is_compared_first(world: World) {
    let outside = Outside::new(&world).await;
    let account = world.create(&account_form("contoso", FABRIKAM)).await;
    outside.engine.run_until_idle().await.unwrap();
    let moved = account_form("contoso", CONTOSO);
    accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &moved).await.unwrap();
    let state = async || compared(&world, "contoso").await.first().map(|one| (one.why, one.state));
    assert_eq!(state().await, Some((ReconcileWhy::Tenant, ReconcileState::Comparing)));
    hold(&outside, CONTOSO, "+441632960100", 3, wanted()).await;
    let order = world.upload("contoso", "+441632960100-0104").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    assert_eq!(state().await, Some((ReconcileWhy::Tenant, ReconcileState::Going)));
    assert_eq!(compared(&world, "contoso").await[0].plan.alike, 3);
    // An account that is not synced any more has nothing to be compared with.
    let off = AccountForm { synced: ServiceSet::default(), ..moved };
    let rev = world.get("contoso").await.rev;
    accounts::update(&world.ctx, &grant(), &origin(), "contoso", rev, &off).await.unwrap();
    assert_eq!(state().await, None);
}

async fn a_restored_database_is_compared_before_anything_is_pushed(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    // As of the backup these numbers wait; at the backend some are there already, and some are used.
    world.upload("contoso", "+441632960100-0149").await;
    hold(&outside, CONTOSO, "+441632960100", 25, wanted()).await;
    let backend = world.ctx.policy.backends.iter().next().unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let begun = tx.begin_all_reconciles(backend, ReconcileWhy::Restored, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(begun, 1);
    outside.engine.run_until_idle().await.unwrap();
    let one = &compared(&world, "contoso").await[0];
    assert_eq!((one.why, one.state), (ReconcileWhy::Restored, ReconcileState::Held));
    assert_eq!((one.plan.alike, one.plan.fresh), (25, 25));
    assert_eq!(outside.numbers().await.len(), 25);
}

async fn a_number_that_vanished_is_not_synced_any_more(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0102").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    outside.post("_release", json!({ "tenantId": CONTOSO, "numbers": ["+441632960101"] })).await;
    pull(&world, &outside).await;
    assert_eq!(state(&world, "+441632960101").await, (SyncState::Failed, "NotAtBackend".to_owned()));
    assert_eq!(state(&world, "+441632960100").await.0, SyncState::Synced);
    assert_eq!(seen(&world, "+441632960101").await, [(SeenKind::Gone, String::new())]);
    assert_eq!(audited(&world, "numbers.seen").await, [json!({ "gone": 1 })]);
    assert_eq!(drifted(&world, CONTOSO).await, [(number("+441632960101"), DriftKind::OnlyHere)]);
    let failed = nmp::store::NumberFilter { state: Some(SyncState::Failed), ..Default::default() };
    let listed = numbers::list(&world.ctx, &grant(), &failed, Page::First, false).await.unwrap().0.lines;
    assert_eq!(listed.len(), 1, "lists find it among what failed");

    hold(&outside, CONTOSO, "+441632960101", 1, wanted()).await;
    pull(&world, &outside).await;
    assert_eq!(state(&world, "+441632960101").await, (SyncState::Synced, String::new()));
    assert_eq!(seen(&world, "+441632960101").await[0].0, SeenKind::Back);
    world.check_invariants().await;
}

async fn numbers_that_the_first_list_does_not_have_are_not_synced(world: World) {
    let outside = Outside::new(&world).await;
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960100-0104").await;
    // Synced at a time when nobody asked for lists.
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    hold(&outside, CONTOSO, "+441632960100", 4, wanted()).await;
    database::execute(&world.db, "DELETE FROM observed").await;
    pull(&world, &outside).await;
    assert_eq!(state(&world, "+441632960104").await, (SyncState::Failed, "NotAtBackend".to_owned()));
    assert_eq!(state(&world, "+441632960103").await.0, SyncState::Synced);
}

async fn what_somebody_else_changes_is_in_the_history_and_the_audit(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0109").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    pull(&world, &outside).await;
    assert!(seen(&world, "+441632960100").await.is_empty(), "nothing has changed");
    let change = json!({ "tenant": CONTOSO, "number": "+441632960100", "count": 3, "usage": "ConferenceAssignment" });
    outside.post("_change", change).await;
    outside.post("_assign", json!({ "tenantId": CONTOSO, "numbers": ["+441632960105"] })).await;
    pull(&world, &outside).await;
    let words = "usage changed from CallingUserAssignment to ConferenceAssignment".to_owned();
    assert_eq!(seen(&world, "+441632960102").await, [(SeenKind::Changed, words)]);
    assert_eq!(seen(&world, "+441632960105").await, [(SeenKind::Assigned, String::new())]);
    assert!(seen(&world, "+441632960104").await.is_empty(), "its neighbours are as they were");
    assert_eq!(audited(&world, "numbers.seen").await, [json!({ "changed": 3 })]);
    assert_eq!(state(&world, "+441632960102").await.0, SyncState::Synced, "it is no failure: it differs");
}

async fn many_changes_are_told_in_few_rows(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    for n in 0..30 {
        let mut settings = wanted();
        settings["locationId"] = json!(format!("room {n}"));
        hold(&outside, CONTOSO, &format!("+4416329{n:02}0000"), 100, settings).await;
    }
    pull(&world, &outside).await;
    let all: Vec<String> = (0..30).map(|n| format!("+4416329{n:02}0000")).collect();
    let change = json!({ "tenant": CONTOSO, "numbers": all, "count": 100, "locationId": "yard" });
    outside.post("_change", change).await;
    pull(&world, &outside).await;
    let rows = database::numbers(&world.db, "SELECT total FROM seen WHERE what = 'changed'").await;
    assert_eq!(rows.iter().sum::<i64>(), 3_000);
    assert!(rows.len() <= 33, "{} rows", rows.len());
    let [(SeenKind::Changed, words)] = &seen(&world, "+4416329100050").await[..] else { panic!("not told") };
    assert!(words.starts_with("location changed"), "{words}");
    assert_eq!(audited(&world, "numbers.seen").await, [json!({ "changed": 3_000 })]);
}

#[test]
fn the_account_page_shows_what_would_change_and_lets_it_go() {
    runtime().block_on(async {
        let Portal { demo, mut admin } = Portal::start().await;
        let account = [("name", "late"), ("tenant", FABRIKAM), ("service", "operatorConnect")];
        assert_eq!(admin.post("/accounts/new", &account).await.status, StatusCode::OK);
        let order = stage_upload(&mut admin, "late", "+441632960700-0729").await;
        admin.post(&format!("/orders/{order}/submit"), &[]).await;
        let version = hidden(&admin.get("/accounts/late/edit").await.text, "version");
        let on = [
            ("tenant", FABRIKAM),
            ("service", "operatorConnect"),
            ("sync", "operatorConnect"),
            ("version", version.as_str()),
        ];
        assert_eq!(admin.post("/accounts/late/edit", &on).await.status, StatusCode::OK);
        let page = eventually("the comparison is held", Duration::from_secs(30), async || {
            let page = admin.get("/accounts/late").await.text;
            (page.contains("to be confirmed") && page.contains("Pull now")).then_some(page)
        })
        .await;
        assert!(page.contains("30 changes at Operator Connect to be confirmed"), "{page}");
        assert!(page.contains("New there") && page.contains("Nothing is pushed"), "{page}");
        assert!(page.contains("numbers of Fabrikam Inc as of just now"), "{page}");
        let part = admin.request(&reqwest::Method::GET, &admin.url("/accounts/late"));
        let part = part.header("hx-request", "true").header("hx-request-type", "partial").send().await.unwrap();
        assert_eq!(part.headers()["hx-redirect"], "/accounts/late", "nothing is being pulled");
        let first = admin.get("/").await.text;
        assert!(
            first.contains("Many numbers of late would change") && !first.contains("does not go through"),
            "{first}"
        );
        let mut reader = Visitor::sign_in(&demo.portal, "reader").await;
        assert!(reader.get("/accounts/late").await.text.contains("Confirming needs the role WriteUser"));

        let sent = |changes: &'static str| [("backend", "operator-connect"), ("changes", changes)];
        assert!(admin.post("/accounts/late/push", &sent("7")).await.text.contains("Meanwhile something else"));
        let confirmed = admin.post("/accounts/late/push", &sent("30")).await;
        assert!(confirmed.text.contains("on their way to the backend"), "{}", confirmed.text);
        eventually("the numbers are there", Duration::from_secs(30), async || {
            let state: Value =
                reqwest::get(format!("{}/_state", demo.operator_connect)).await.unwrap().json().await.unwrap();
            let held = state["tenants"][FABRIKAM]["numbers"].as_object().unwrap();
            (held.keys().filter(|number| number.starts_with("+4416329607")).count() == 30).then_some(())
        })
        .await;
        let page = admin.get("/accounts/late").await.text;
        assert!(page.contains("Compared with Operator Connect") && page.contains("Confirmed by"), "{page}");
    });
}

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let html = scraper::Html::parse_document(page);
    let field = scraper::Selector::parse(&format!("main input[type=hidden][name={name}]")).unwrap();
    html.select(&field).next().unwrap().attr("value").unwrap().to_owned()
}
