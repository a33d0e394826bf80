//! Each kind of what a backend may hold, and what a submission makes of it.

use std::sync::Arc;

use nmp::domain::{
    AccountForm, Backends, E164, Leaving, NumberSettings, OrderKind, OrderStatus, Outside, Refusal, Service,
    ServiceSet, SyncState, TeamsSettings, Verdict,
};
use nmp::service::Policy;
use nmp::service::numbers;
use nmp::service::orders::{self, Submitted};
use nmp::service::staging::UploadForm;
use nmp::store::Described;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::{AGREED, OC, described, fields, form, kinds, plain_backend, pull, seen, settings_of, submit};
use crate::harness::database;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number};

on_both_databases![
    a_number_that_is_there_just_so_is_adopted_without_a_push,
    what_is_there_otherwise_is_told_field_by_field_and_agreed_to,
    what_another_tenant_holds_is_refused_and_says_whose_it_is,
    what_was_held_already_is_not_given_back_by_an_undo,
    what_the_backend_is_removing_is_refused_and_not_adopted,
    what_could_not_be_asked_is_not_known,
    reality_that_moved_since_the_review_is_reviewed_again,
    what_was_taken_to_be_new_and_turns_out_to_be_is_no_news,
    a_change_that_the_backend_does_not_see_is_not_pushed,
    what_is_as_it_was_here_but_not_there_is_sent_again,
    a_backend_that_loses_a_number_in_use_is_agreed_to,
    what_a_backend_refused_is_not_taken_for_what_it_has,
    each_backend_is_compared_for_itself,
    every_mixture_is_told_as_it_is,
];

/// Settings that say something else, with an emergency address.
fn with_address(settings: &NumberSettings) -> NumberSettings {
    let teams = TeamsSettings {
        civic_address_id: Some("address-1".to_owned()),
        location_id: Some("location-1".to_owned()),
        usage: "FirstPartyAppAssignment".to_owned(),
        ..settings.teams.clone()
    };
    NumberSettings { teams, ..settings.clone() }
}

async fn state_of(world: &World, text: &str) -> (SyncState, bool) {
    let found = numbers::get(&world.ctx, &grant(), number(text)).await.unwrap();
    (found.state, found.assigned)
}

async fn a_number_that_is_there_just_so_is_adopted_without_a_push(world: World) {
    world.account("contoso").await;
    let there = described(&settings_of(&world, &form("+441632960000")).await, Service::OperatorConnect);
    // Nobody here chose a calling profile: any is as wanted.
    let profiled = NumberSettings { calling_profile: Some("profile-1".to_owned()), ..there.settings.clone() };
    let profiled = described(&profiled, Service::OperatorConnect);
    let list = [seen("+441632960000", &there, true), seen("+441632960001", &profiled, false)];
    pull(&world, OC, CONTOSO, &list).await;
    let order = world.stage("contoso", "+441632960000-0002").await;
    assert_eq!(kinds(&world, order).await, [1, 2, 0, 0]);
    let review = world.review(order).await;
    assert_eq!((review.adopted.len(), review.adopted[0].count), (1, 2));
    assert_eq!(review.touched.assigned.0, 0, "nothing changes for whoever has them");
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    assert_eq!(state_of(&world, "+441632960000").await, (SyncState::Synced, true), "and is known to be in use");
    assert_eq!(state_of(&world, "+441632960001").await, (SyncState::Synced, false));
    assert_eq!(state_of(&world, "+441632960002").await, (SyncState::Pending, false));
    let progress = world.order(order).await.progress;
    assert_eq!((progress.total, progress.done, progress.waiting()), (3, 2, 1));
    let history = numbers::history(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    assert_eq!(history[0].outside, Some(Outside::Equal));
    let said = database::texts(&world.db, "SELECT after FROM audit WHERE action = 'order.submit'").await;
    assert!(said[0].contains(r#""atBackend":{"adopted":2}"#), "{said:?}");
    world.check_invariants().await;
}

async fn what_is_there_otherwise_is_told_field_by_field_and_agreed_to(world: World) {
    world.account("contoso").await;
    let ours = settings_of(&world, &form("+441632960000")).await;
    let theirs = described(&with_address(&ours), Service::OperatorConnect);
    let list = [seen("+441632960000", &theirs, true), seen("+441632960001", &theirs, false)];
    pull(&world, OC, CONTOSO, &list).await;
    let order = world.stage("contoso", "+441632960000-0002").await;
    assert_eq!(kinds(&world, order).await, [1, 0, 2, 0]);
    let review = world.review(order).await;
    assert_eq!(review.theirs.len(), 1);
    let told = &review.theirs[0];
    assert_eq!((told.count, told.assigned, told.example), (2, 1, number("+441632960000")));
    assert_eq!(told.theirs.teams.usage, "FirstPartyAppAssignment");
    assert_eq!(told.ours.teams.usage, "CallingUserAssignment");
    assert_eq!(review.touched.assigned, (1, vec![number("+441632960000")]));
    assert_eq!(review.touched.lost, (2, vec![number("+441632960000"), number("+441632960001")]));
    // Each has a tick of its own.
    assert_eq!(fields(submit(&world, order, false).await), ["lose_address", "change_assigned"]);
    let one = orders::Decision { lose_address: true, ..orders::Decision::default() };
    assert_eq!(fields(submit(&world, order, one).await), ["change_assigned"]);
    assert_eq!(world.order(order).await.status, OrderStatus::Draft);
    assert!(world.stored().await.is_empty(), "nothing of it is stored");
    assert!(matches!(submit(&world, order, AGREED).await, Ok(Submitted::Done)));
    assert_eq!(state_of(&world, "+441632960000").await, (SyncState::Pending, true));
    let said = database::texts(&world.db, "SELECT after FROM audit WHERE action = 'order.submit'").await;
    assert!(said[0].contains(r#""heldOtherwise":2"#) && said[0].contains(r#""lostAddress":2"#), "{said:?}");
    world.check_invariants().await;
}

async fn what_another_tenant_holds_is_refused_and_says_whose_it_is(world: World) {
    world.account("contoso").await;
    world.consent(FABRIKAM, "Fabrikam Inc", "active").await;
    let there = described(&settings_of(&world, &form("+441632960000")).await, Service::OperatorConnect);
    pull(&world, OC, CONTOSO, &[]).await;
    pull(&world, OC, FABRIKAM, &[seen("+441632960001", &there, false)]).await;
    let order = world.stage("contoso", "+441632960000-0001").await;
    let review = world.review(order).await;
    assert_eq!(review.count(Verdict::Refused(Refusal::OtherTenant)), 1);
    let refusal = review.refused[0].refusal().unwrap();
    assert!(refusal.contains("Fabrikam Inc") && refusal.contains(FABRIKAM), "{refusal}");
    let sources = orders::look(&world.ctx, &grant(), order).await.unwrap();
    assert!(sources.shown.iter().any(|source| source.is_holder && source.tenant.as_str() == FABRIKAM));
    // It is free again once the other list says so.
    pull(&world, OC, FABRIKAM, &[]).await;
    assert!(matches!(submit(&world, order, true).await, Ok(Submitted::Moved(1))));
    assert_eq!(kinds(&world, order).await, [2, 0, 0, 0]);
}

async fn what_was_held_already_is_not_given_back_by_an_undo(world: World) {
    world.account("contoso").await;
    let there = described(&settings_of(&world, &form("+441632960000")).await, Service::OperatorConnect);
    pull(&world, OC, CONTOSO, &[seen("+441632960000", &there, true)]).await;
    let adopted = world.stage("contoso", "+441632960000").await;
    assert!(matches!(submit(&world, adopted, AGREED).await, Ok(Submitted::Done)));
    let undoable = async |order: i64| orders::undoable(&world.ctx, &grant(), &world.order(order).await).await.unwrap();
    assert_eq!(undoable(adopted).await, [], "a release would take it from whoever had it before");
    let fresh = world.stage("contoso", "+441632960001").await;
    assert!(matches!(submit(&world, fresh, AGREED).await, Ok(Submitted::Done)));
    world.backend_answers(&world.get("contoso").await, OrderKind::Upload, |_| true).await;
    assert_eq!(undoable(fresh).await, [(nmp::domain::UndoPart::New, 1)]);
}

async fn what_the_backend_is_removing_is_refused_and_not_adopted(world: World) {
    world.account("contoso").await;
    let there = described(&settings_of(&world, &form("+441632960000")).await, Service::OperatorConnect);
    let leaving = Described { leaving: Some(Leaving::MarkedForRemoval), ..there.clone() };
    let list = [seen("+441632960000", &there, false), seen("+441632960001", &leaving, false)];
    pull(&world, OC, CONTOSO, &list).await;
    let order = world.stage("contoso", "+441632960000-0001").await;
    let review = world.review(order).await;
    assert_eq!(review.count(Verdict::Refused(Refusal::Leaving)), 1);
    assert_eq!((review.held(Outside::Equal), review.held(Outside::Different)), (1, 0));
    // Once it is active again it is taken over like any other.
    world.clock.advance(time::Duration::minutes(1));
    pull(&world, OC, CONTOSO, &[seen("+441632960000", &there, false), seen("+441632960001", &there, false)]).await;
    assert_eq!(kinds(&world, world.stage("contoso", "+441632960001").await).await, [0, 1, 0, 0]);
}

async fn what_could_not_be_asked_is_not_known(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", "+441632960000-0001").await;
    assert_eq!(kinds(&world, order).await, [2, 0, 0, 2], "the list was never read");
    let there = described(&settings_of(&world, &form("+441632960009")).await, Service::OperatorConnect);
    // A list that broke off tells of the numbers it had.
    let mut tx = world.db.begin().await.unwrap();
    let round = tx.begin_round(OC, &super::tenant(CONTOSO)).await.unwrap();
    tx.observe(round, &[seen("+441632960000", &there, false)], world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Moved(1))));
    assert_eq!(kinds(&world, order).await, [1, 1, 0, 1]);
    // Whoever goes on does so knowingly: it was shown.
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    let said = database::texts(&world.db, "SELECT after FROM audit WHERE action = 'order.submit'").await;
    assert!(said[0].contains(r#""notKnown":1"#), "{said:?}");
    world.check_invariants().await;
}

async fn reality_that_moved_since_the_review_is_reviewed_again(world: World) {
    world.account("contoso").await;
    pull(&world, OC, CONTOSO, &[]).await;
    let order = world.stage("contoso", "+441632960000-0001").await;
    assert_eq!(kinds(&world, order).await, [2, 0, 0, 0]);
    let ours = settings_of(&world, &form("+441632960009")).await;
    let theirs = described(&with_address(&ours), Service::OperatorConnect);
    pull(&world, OC, CONTOSO, &[seen("+441632960001", &theirs, true)]).await;
    assert!(matches!(submit(&world, order, AGREED).await, Ok(Submitted::Moved(1))), "agreed to what was not shown");
    assert!(world.stored().await.is_empty());
    assert_eq!(kinds(&world, order).await, [1, 0, 1, 0]);
    assert!(matches!(submit(&world, order, AGREED).await, Ok(Submitted::Done)));
}

async fn what_was_taken_to_be_new_and_turns_out_to_be_is_no_news(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", "+441632960000-0001").await;
    assert_eq!(kinds(&world, order).await, [2, 0, 0, 2]);
    pull(&world, OC, CONTOSO, &[]).await;
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    let said = database::texts(&world.db, "SELECT after FROM audit WHERE action = 'order.submit'").await;
    assert!(!said[0].contains("atBackend"), "{said:?}");
}

async fn a_change_that_the_backend_does_not_see_is_not_pushed(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let order = world.stage_form(&UploadForm { custom_sip_header: "later".into(), ..form("+441632960000") }).await;
    let review = world.review(order).await;
    assert_eq!((review.plain(Verdict::Changed), review.held(Outside::Same)), (1, 1));
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    let history = numbers::history(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    assert_eq!(history[0].outside, Some(Outside::Same), "which is no adoption");
    // An ordinary change is one: what the backend has is what was known.
    let ordinary = UploadForm { capability: vec!["InboundCalling".into()], ..form("+441632960000") };
    let order = world.stage_form(&ordinary).await;
    let review = world.review(order).await;
    assert_eq!((review.plain(Verdict::Changed), review.held(Outside::Expected)), (1, 1));
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    assert_eq!(state_of(&world, "+441632960000").await.0, SyncState::Pending);
    world.check_invariants().await;
}

async fn what_is_as_it_was_here_but_not_there_is_sent_again(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0002").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    world.clock.advance(time::Duration::minutes(1));
    let ours = settings_of(&world, &form("+441632960009")).await;
    let [same, other] = [ours.clone(), with_address(&ours)].map(|s| described(&s, Service::OperatorConnect));
    pull(&world, OC, CONTOSO, &[seen("+441632960000", &same, false), seen("+441632960001", &other, false)]).await;
    let order = world.stage("contoso", "+441632960000-0002").await;
    let review = world.review(order).await;
    assert_eq!((review.count(Verdict::Unchanged), review.count(Verdict::Changed)), (1, 2));
    assert_eq!((review.held(Outside::Different), review.plain(Verdict::Changed)), (1, 1));
    assert!(matches!(submit(&world, order, AGREED).await, Ok(Submitted::Done)));
    assert_eq!(state_of(&world, "+441632960000").await.0, SyncState::Synced);
    assert_eq!(state_of(&world, "+441632960002").await.0, SyncState::Pending, "it vanished there");
    world.check_invariants().await;
}

async fn a_backend_that_loses_a_number_in_use_is_agreed_to(world: World) {
    let services: ServiceSet = [Service::OperatorConnect, Service::DirectRouting].into_iter().collect();
    let account = world.create(&AccountForm { services, ..account_form("contoso", CONTOSO) }).await;
    let ours = described(&settings_of(&world, &form("+441632960000")).await, Service::OperatorConnect);
    world.upload("contoso", "+441632960000").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let held = described(&with_address(&ours.settings), Service::OperatorConnect);
    pull(&world, OC, CONTOSO, &[seen("+441632960000", &held, true)]).await;
    let other = UploadForm {
        service: Service::DirectRouting.key().to_owned(),
        usage: String::new(),
        capability: Vec::new(),
        ..form("+441632960000")
    };
    let order = world.stage_form(&other).await;
    let touched = world.review(order).await.touched;
    assert_eq!((touched.assigned.0, touched.lost.0), (1, 1), "it is taken from its user, and from its address");
    assert!(submit(&world, order, false).await.is_err());
    assert!(matches!(submit(&world, order, AGREED).await, Ok(Submitted::Done)));
}

async fn what_a_backend_refused_is_not_taken_for_what_it_has(world: World) {
    let account = world.account("contoso").await;
    let ours = described(&settings_of(&world, &form("+441632960000")).await, Service::OperatorConnect);
    world.upload("contoso", "+441632960000").await;
    pull(&world, OC, CONTOSO, &[seen("+441632960000", &ours, false)]).await;
    world.backend_answers(&account, OrderKind::Upload, |_| false).await;
    let order = world.stage("contoso", "+441632960000").await;
    assert!(matches!(submit(&world, order, AGREED).await, Ok(Submitted::Done)));
    assert_eq!(state_of(&world, "+441632960000").await.0, SyncState::Pending, "it is sent again, not adopted");
}

async fn each_backend_is_compared_for_itself(mut world: World) {
    let zoom = Service::ZoomPhoneCloudPeering;
    let backends = vec![plain_backend("teams", Service::OperatorConnect), plain_backend("zoom", zoom)];
    world.ctx.policy = Arc::new(Policy { backends: Backends::new(backends), ..(*world.ctx.policy).clone() });
    let services: ServiceSet = [Service::OperatorConnect, zoom].into_iter().collect();
    world.create(&AccountForm { services, ..account_form("contoso", CONTOSO) }).await;
    let both = |numbers: &str| UploadForm { further_service: vec![zoom.key().to_owned()], ..form(numbers) };
    let ours = settings_of(&world, &both("+441632960009")).await;
    let [at_teams, at_zoom] = [Service::OperatorConnect, zoom].map(|service| described(&ours, service));
    let numbers = ["+441632960000", "+441632960001", "+441632960002"];
    pull(&world, "teams", CONTOSO, &[seen(numbers[0], &at_teams, false), seen(numbers[1], &at_teams, true)]).await;
    pull(&world, "zoom", CONTOSO, &[seen(numbers[0], &at_zoom, false)]).await;
    let order = world.stage_form(&both("+441632960000-0002")).await;
    assert_eq!(kinds(&world, order).await, [2, 1, 0, 0], "both have the first; one has the second");
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    assert_eq!(state_of(&world, numbers[0]).await.0, SyncState::Synced);
    assert_eq!(state_of(&world, numbers[1]).await.0, SyncState::Pending);
    let parts = "
        SELECT CAST(p.telephone_number AS TEXT) || ' ' || p.backend || ' ' || p.state
        FROM number_parts p
        ORDER BY 1";
    assert_eq!(
        database::texts(&world.db, parts).await,
        [
            "441632960001 teams synced",
            "441632960001 zoom pending",
            "441632960002 teams pending",
            "441632960002 zoom pending",
        ]
    );
    world.check_invariants().await;
}

/// What a backend may hold of a number, whoever holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    Equal,
    Otherwise,
    OfOthers,
}

/// Data that nobody shaped: whatever the backend holds of each number, the review says so, and nothing else.
async fn every_mixture_is_told_as_it_is(world: World) {
    world.account("contoso").await;
    let ours = settings_of(&world, &form("+441632969999")).await;
    let equal = described(&ours, Service::OperatorConnect);
    let otherwise = described(&with_address(&ours), Service::OperatorConnect);
    let one = prop_oneof![Just(There::Nothing), Just(There::Equal), Just(There::Otherwise), Just(There::OfOthers),];
    let mixtures = proptest::collection::vec((0_i64..200, one), 1..60);
    let mut runner = TestRunner::deterministic();
    for _ in 0..6 {
        let mixture: std::collections::BTreeMap<i64, There> =
            mixtures.new_tree(&mut runner).unwrap().current().into_iter().collect();
        let name = |offset: i64| E164::from_i64(441_632_960_000 + offset).unwrap().to_string();
        let of = |wanted: There, what: &Described| {
            let held = mixture.iter().filter(|(_, there)| **there == wanted);
            held.map(|(offset, _)| seen(&name(*offset), what, false)).collect::<Vec<_>>()
        };
        let mut list = of(There::Equal, &equal);
        list.extend(of(There::Otherwise, &otherwise));
        list.sort_by_key(|seen| seen.number);
        pull(&world, OC, CONTOSO, &list).await;
        pull(&world, OC, FABRIKAM, &of(There::OfOthers, &equal)).await;
        let typed: Vec<String> = mixture.keys().map(|offset| name(*offset)).collect();
        let order = world.stage("contoso", &typed.join("\n")).await;
        let count = |wanted: There| mixture.values().filter(|there| **there == wanted).count() as i64;
        let told = kinds(&world, order).await;
        assert_eq!(told, [count(There::Nothing), count(There::Equal), count(There::Otherwise), 0], "{mixture:?}");
        let review = world.review(order).await;
        assert_eq!(review.count(Verdict::Refused(Refusal::OtherTenant)), count(There::OfOthers), "{mixture:?}");
        assert_eq!(review.touched.lost.0, count(There::Otherwise));
        world.clock.advance(time::Duration::seconds(1));
    }
}
