//! The ways to settle drift: adopt, push, release, ignore.

use nmp::domain::{
    AccountForm, DriftKind, DriftWay, E164, Leaving, OrderKind, Service, ServiceSet, SyncState, UndoPart, Verdict,
};
use nmp::service::drift::{self, DriftFilter, Ignore, Ignored};
use nmp::service::orders::{CHANGE_ASSIGNED, Decision, Submitted, UndoRight};
use nmp::service::{Error, numbers, orders};
use nmp::store::Page;

use super::{compare, kept, synced};
use crate::harness::database::texts;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, origin, right, tenant};
use crate::observed::{other, pull, seen};

on_both_databases![
    adopting_takes_over_what_the_backend_has,
    what_only_the_backend_has_goes_to_the_tenants_account,
    adopting_what_the_backend_does_not_have_removes_it_here,
    pushing_sends_what_is_here,
    releasing_there_ends_in_nobody_having_it,
    what_is_in_quarantine_is_not_released_for_another,
    what_cannot_be_settled_so_is_left_out_and_said,
    what_the_backend_is_removing_can_only_be_released,
    what_was_settled_meanwhile_is_left_out_of_the_review,
    what_the_backend_says_anew_is_not_adopted_as_it_was,
    ignored_drift_comes_back_when_a_side_changes,
    what_is_typed_to_ignore_is_checked,
    what_settled_drift_is_undone_where_that_is_clear,
    what_only_a_backend_has_is_not_released_for_another_tenant,
];

const CHANGED: &str = "+441632960002";
const GONE: &str = "+441632960005";
const STRANGER: &str = "+441632960900";

/// One number that is different there, one that is not there, one that is only there; and four that are the same.
async fn drifted(world: &World) {
    let ours = synced(world).await;
    world.clock.advance(time::Duration::minutes(1));
    let mut list: Vec<_> = (0..5).map(|n| seen(&format!("+44163296000{n}"), &ours)).collect();
    list[2].described = other();
    list[2].assigned = true;
    list.push(seen(STRANGER, &other()));
    pull(world, CONTOSO, &[&list]).await;
    compare(world, CONTOSO).await;
}

fn only(numbers: &[&str]) -> DriftFilter {
    DriftFilter { numbers: Some(numbers.iter().map(|text| number(text)).collect()), ..DriftFilter::default() }
}

async fn stage(world: &World, filter: &DriftFilter, way: DriftWay, to: Option<&str>) -> Result<drift::Staged, Error> {
    let kind = drift::kind_of_order(&world.ctx, &grant(), filter, way).await?;
    drift::stage(&world.ctx, &right(kind), filter, way, to, Some("T-1")).await
}

async fn settle(world: &World, filter: &DriftFilter, way: DriftWay) {
    let staged = stage(world, filter, way, None).await.unwrap();
    assert_eq!(staged.left_out, [""; 0]);
    assert!(matches!(world.submit(staged.order_id).await, Submitted::Done));
    world.check_invariants().await;
}

/// Submits a draft that changes a number in use, which has to be agreed to.
async fn push(world: &World, order: i64) {
    let (right, origin) = (right(OrderKind::Upload), origin());
    let submit = |decision| orders::submit(&world.ctx, &right, &origin, order, decision);
    let refused = submit(Decision::default()).await;
    let Err(Error::Invalid(problems)) = refused else { panic!("not refused: {refused:?}") };
    assert_eq!(problems[0].field, CHANGE_ASSIGNED);
    let agreed = submit(Decision { change_assigned: true, ..Decision::default() }).await.unwrap();
    assert!(matches!(agreed, Submitted::Done), "{agreed:?}");
}

async fn find(world: &World, text: &str) -> Option<nmp::domain::Number> {
    match numbers::get(&world.ctx, &grant(), number(text)).await {
        Ok(found) => Some(found),
        Err(Error::NotFound(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn numbers_kept(world: &World) -> Vec<E164> {
    kept(world).await.into_iter().map(|(number, _)| number).collect()
}

async fn adopting_takes_over_what_the_backend_has(world: World) {
    drifted(&world).await;
    let staged = stage(&world, &only(&[CHANGED]), DriftWay::Adopt, None).await.unwrap();
    let review = world.review(staged.order_id).await;
    assert_eq!(review.counts, [(Verdict::Changed, 1)]);
    assert_eq!(review.changes[0].after.teams.usage, "ConferenceAssignment");
    assert!(review.warnings[0].contains("The backend is not called"), "{:?}", review.warnings);
    assert!(matches!(world.submit(staged.order_id).await, Submitted::Done));
    let found = find(&world, CHANGED).await.unwrap();
    assert_eq!((found.state, found.settings.teams.usage.as_str()), (SyncState::Synced, "ConferenceAssignment"));
    assert_eq!(numbers_kept(&world).await, [number(GONE), number(STRANGER)]);
    compare(&world, CONTOSO).await;
    assert_eq!(numbers_kept(&world).await, [number(GONE), number(STRANGER)]);
    let audit = "SELECT after FROM audit WHERE action = 'order.submit' ORDER BY seq DESC LIMIT 1";
    assert!(texts(&world.db, audit).await[0].contains("\"drift\":\"adopt\""));
    world.check_invariants().await;
}

async fn what_only_the_backend_has_goes_to_the_tenants_account(world: World) {
    drifted(&world).await;
    settle(&world, &only(&[STRANGER]), DriftWay::Adopt).await;
    let found = find(&world, STRANGER).await.unwrap();
    assert_eq!((found.state, &*found.account), (SyncState::Synced, "contoso"));
    assert_eq!(found.country.as_deref(), Some("GB"));
    compare(&world, CONTOSO).await;
    assert_eq!(numbers_kept(&world).await, [number(CHANGED), number(GONE)]);
}

async fn adopting_what_the_backend_does_not_have_removes_it_here(world: World) {
    drifted(&world).await;
    let filter = DriftFilter { kind: Some(DriftKind::OnlyHere), ..DriftFilter::default() };
    assert_eq!(
        drift::kind_of_order(&world.ctx, &grant(), &filter, DriftWay::Adopt).await.unwrap(),
        OrderKind::Release,
        "it takes the right to release"
    );
    settle(&world, &filter, DriftWay::Adopt).await;
    assert!(find(&world, GONE).await.is_none());
    assert_eq!(numbers_kept(&world).await, [number(CHANGED), number(STRANGER)]);
}

async fn pushing_sends_what_is_here(world: World) {
    drifted(&world).await;
    let staged = stage(&world, &only(&[CHANGED, GONE]), DriftWay::Push, None).await.unwrap();
    let review = world.review(staged.order_id).await;
    assert_eq!(review.counts, [(Verdict::Changed, 2)]);
    let usages: Vec<_> =
        review.theirs.iter().map(|one| (one.theirs.teams.usage.as_str(), one.ours.teams.usage.as_str())).collect();
    assert!(usages.contains(&("ConferenceAssignment", "CallingUserAssignment")), "{usages:?}");
    assert!(review.warnings.iter().any(|text| text.contains("in use at the backend")), "{:?}", review.warnings);
    push(&world, staged.order_id).await;
    assert_eq!(find(&world, CHANGED).await.unwrap().state, SyncState::Pending);
    assert_eq!(numbers_kept(&world).await, [number(STRANGER)], "what is under way is no drift");
    let account = world.get("contoso").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    assert_eq!(find(&world, CHANGED).await.unwrap().state, SyncState::Synced);
    compare(&world, CONTOSO).await;
    assert_eq!(numbers_kept(&world).await, [number(STRANGER)]);
    world.check_invariants().await;
}

async fn releasing_there_ends_in_nobody_having_it(world: World) {
    drifted(&world).await;
    let staged = stage(&world, &only(&[CHANGED, STRANGER]), DriftWay::Release, None).await.unwrap();
    let review = world.review(staged.order_id).await;
    assert_eq!(review.counts, [(Verdict::Release, 2)]);
    assert_eq!(review.assigned, (1, vec![number(CHANGED)]));
    assert!(matches!(world.submit(staged.order_id).await, Submitted::Done));
    world.check_invariants().await;
    for text in [CHANGED, STRANGER] {
        assert_eq!(find(&world, text).await.unwrap().state, SyncState::Releasing);
    }
    let account = world.get("contoso").await;
    world.backend_answers(&account, OrderKind::Release, |_| true).await;
    assert!(find(&world, STRANGER).await.is_none());
    compare(&world, CONTOSO).await;
    assert_eq!(numbers_kept(&world).await, [number(GONE)]);
    world.check_invariants().await;
}

async fn what_is_in_quarantine_is_not_released_for_another(world: World) {
    let local = AccountForm { synced: ServiceSet::default(), ..account_form("fabrikam", FABRIKAM) };
    world.create(&local).await;
    world.upload("fabrikam", STRANGER).await;
    let selection = orders::ReleaseSelection::Numbers(None, vec![number(STRANGER)]);
    let released = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    world.submit(released).await;
    drifted(&world).await;
    let staged = stage(&world, &only(&[STRANGER]), DriftWay::Release, None).await.unwrap();
    let refused = Verdict::Refused(nmp::domain::Refusal::Quarantine);
    assert_eq!(world.review(staged.order_id).await.counts, [(refused, 1)]);
}

async fn what_cannot_be_settled_so_is_left_out_and_said(world: World) {
    drifted(&world).await;
    let all = DriftFilter::default();
    let pushed = stage(&world, &all, DriftWay::Push, None).await.unwrap();
    assert_eq!(pushed.left_out.len(), 1);
    assert!(pushed.left_out[0].starts_with("1 number is left out: only the backend has them"), "{:?}", pushed.left_out);
    let released = stage(&world, &all, DriftWay::Release, None).await.unwrap();
    assert!(released.left_out[0].contains("Adopt that, which removes them here"), "{:?}", released.left_out);
    let Err(Error::Conflict(reason)) = stage(&world, &only(&[STRANGER]), DriftWay::Push, None).await else {
        panic!("nothing is left, and that is said");
    };
    assert!(reason.contains("left out"), "{reason}");
    // Which account gets it has to be said once there are two.
    world.account("contoso-2").await;
    let Err(Error::Conflict(reason)) = stage(&world, &only(&[STRANGER]), DriftWay::Adopt, None).await else {
        panic!("nobody knows which account");
    };
    assert!(reason.contains("several accounts"), "{reason}");
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    world.create(&AccountForm { synced: ServiceSet::default(), ..account_form("contoso-3", CONTOSO) }).await;
    for (to, way, part) in [
        ("fabrikam", DriftWay::Adopt, "another tenant"),
        ("contoso-3", DriftWay::Release, "does not sync"),
        ("nobody", DriftWay::Adopt, "There is no account named nobody."),
    ] {
        let said = match stage(&world, &only(&[STRANGER]), way, Some(to)).await {
            Err(Error::Conflict(reason)) => reason,
            Err(Error::Invalid(problems)) => problems[0].message.clone(),
            other => panic!("{other:?}"),
        };
        assert!(said.contains(part), "{said}");
    }
    let staged = stage(&world, &only(&[STRANGER]), DriftWay::Adopt, Some("contoso-2")).await.unwrap();
    assert!(matches!(world.submit(staged.order_id).await, Submitted::Done));
    assert_eq!(&*find(&world, STRANGER).await.unwrap().account, "contoso-2");
}

async fn what_the_backend_is_removing_can_only_be_released(world: World) {
    let ours = synced(&world).await;
    world.clock.advance(time::Duration::minutes(1));
    let mut list: Vec<_> = (0..6).map(|n| seen(&format!("+44163296000{n}"), &ours)).collect();
    list.push(seen(STRANGER, &ours));
    for index in [0, 6] {
        list[index].described.leaving = Some(Leaving::MarkedForRemoval);
    }
    pull(&world, CONTOSO, &[&list]).await;
    compare(&world, CONTOSO).await;
    let filter = DriftFilter::default();
    let found = drift::list(&world.ctx, &grant(), &filter, &Page::First).await.unwrap().rows;
    let kinds: Vec<_> = found.iter().map(|row| (row.number, row.kind, row.leaving)).collect();
    let leaving = Some(Leaving::MarkedForRemoval);
    let here = (number("+441632960000"), DriftKind::Different, leaving);
    assert_eq!(kinds, [here, (number(STRANGER), DriftKind::OnlyThere, leaving)]);
    for way in [DriftWay::Adopt, DriftWay::Push] {
        let Err(Error::Conflict(reason)) = stage(&world, &only(&["+441632960000"]), way, None).await else {
            panic!("a number that goes is neither adopted nor pushed");
        };
        assert!(reason.contains("is removing them"), "{reason}");
    }
    let steps = numbers::seen(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    assert_eq!(steps[0].changes[0].words(), "status changed from active to marked for removal");
    settle(&world, &only(&["+441632960000", STRANGER]), DriftWay::Release).await;
}

async fn what_was_settled_meanwhile_is_left_out_of_the_review(world: World) {
    drifted(&world).await;
    let staged = stage(&world, &only(&[CHANGED, STRANGER]), DriftWay::Adopt, None).await.unwrap();
    let pushed = stage(&world, &only(&[CHANGED]), DriftWay::Push, None).await.unwrap();
    push(&world, pushed.order_id).await;
    assert!(matches!(world.submit(staged.order_id).await, Submitted::Moved(_)));
    let review = world.review(staged.order_id).await;
    assert_eq!(review.counts, [(Verdict::New, 1)], "the number that is under way is in it no more");
    assert!(matches!(world.submit(staged.order_id).await, Submitted::Done));
    assert_eq!(find(&world, CHANGED).await.unwrap().state, SyncState::Pending);
    world.check_invariants().await;
}

async fn what_the_backend_says_anew_is_not_adopted_as_it_was(world: World) {
    drifted(&world).await;
    let staged = stage(&world, &only(&[CHANGED, STRANGER]), DriftWay::Adopt, None).await.unwrap();
    world.clock.advance(time::Duration::minutes(1));
    let mut theirs = other();
    "FirstPartyAppAssignment".clone_into(&mut theirs.settings.teams.usage);
    pull(&world, CONTOSO, &[&[seen(CHANGED, &theirs), seen(STRANGER, &other())]]).await;
    compare(&world, CONTOSO).await;
    assert!(matches!(world.submit(staged.order_id).await, Submitted::Moved(_)));
    assert_eq!(world.review(staged.order_id).await.counts, [(Verdict::New, 1)], "it is looked at anew in Drift");
}

async fn ignored_drift_comes_back_when_a_side_changes(world: World) {
    drifted(&world).await;
    let typed = Ignore { reason: "Ported next week".into(), until: "2026-02-20".into(), ticket: "T-9".into() };
    assert_eq!(drift::ignore(&world.ctx, &grant(), &origin(), &only(&[STRANGER]), &typed).await.unwrap(), 1);
    let counts = drift::counts(&world.ctx, &grant(), &DriftFilter::of_tenant(&tenant(CONTOSO))).await.unwrap();
    let kinds: Vec<_> = counts.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [DriftKind::Different, DriftKind::OnlyHere]);
    let ignored = DriftFilter { ignored: Ignored::Only, ..DriftFilter::default() };
    let found = drift::list(&world.ctx, &grant(), &ignored, &Page::First).await.unwrap();
    assert_eq!(found.rows[0].ignoring.as_ref().unwrap().because, "Ported next week");
    // A comparison that finds nothing new leaves it ignored.
    compare(&world, CONTOSO).await;
    assert_eq!(drift::counts(&world.ctx, &grant(), &ignored).await.unwrap().len(), 1);
    let mut theirs = other();
    "FirstPartyAppAssignment".clone_into(&mut theirs.settings.teams.usage);
    pull(&world, CONTOSO, &[&[seen(STRANGER, &theirs)]]).await;
    compare(&world, CONTOSO).await;
    assert_eq!(drift::counts(&world.ctx, &grant(), &ignored).await.unwrap(), []);
    // By itself it ends with the day.
    assert_eq!(drift::ignore(&world.ctx, &grant(), &origin(), &only(&[STRANGER]), &typed).await.unwrap(), 1);
    world.clock.advance(time::Duration::days(20));
    assert_eq!(drift::counts(&world.ctx, &grant(), &ignored).await.unwrap(), []);
    let audit = "SELECT after FROM audit WHERE action = 'drift.ignore' ORDER BY seq LIMIT 1";
    let said = &texts(&world.db, audit).await[0];
    assert!(said.contains("Ported next week") && said.contains(STRANGER), "{said}");
}

async fn what_is_typed_to_ignore_is_checked(world: World) {
    drifted(&world).await;
    for (reason, until, fields) in [
        ("", "", &["reason", "until"][..]),
        ("Because", "2026-01-31", &["until"]),
        ("Because", "2028-01-01", &["until"]),
        ("Because", "tomorrow", &["until"]),
        (&*"x".repeat(501), "2026-02-02", &["reason"]),
    ] {
        let typed = Ignore { reason: reason.to_owned(), until: until.to_owned(), ticket: String::new() };
        let Err(Error::Invalid(problems)) =
            drift::ignore(&world.ctx, &grant(), &origin(), &DriftFilter::default(), &typed).await
        else {
            panic!("{reason} {until} was taken");
        };
        assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), fields);
    }
    let typed = Ignore { reason: "Today".into(), until: "2026-02-01".into(), ticket: String::new() };
    let nothing = only(&["+441632960001"]);
    let refused = drift::ignore(&world.ctx, &grant(), &origin(), &nothing, &typed).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(Service::OperatorConnect.key(), "operatorConnect");
}

async fn undo(world: &World, order: i64) -> (Vec<(UndoPart, i64)>, String) {
    let found = orders::look_for_undo(&world.ctx, &grant(), &world.order(order).await).await.unwrap();
    (found.parts, found.why_not.join(" "))
}

async fn what_settled_drift_is_undone_where_that_is_clear(world: World) {
    drifted(&world).await;
    let before = find(&world, CHANGED).await.unwrap().settings;
    let adopted = stage(&world, &only(&[CHANGED, STRANGER]), DriftWay::Adopt, None).await.unwrap().order_id;
    assert!(matches!(world.submit(adopted).await, Submitted::Done));
    let (parts, why) = undo(&world, adopted).await;
    assert_eq!(parts, [(UndoPart::Changed, 1)]);
    assert!(why.contains("1 number was at the backend before"), "{why}");
    let admin = crate::harness::world::person("Alex Admin", &[nmp::authz::Role::AdminUser]);
    let right = UndoRight::of(&admin, &world.order(adopted).await, UndoPart::Changed).unwrap();
    let draft = orders::stage_undo(&world.ctx, &right, adopted, UndoPart::Changed).await.unwrap();
    assert_eq!(world.review(draft).await.counts, [(Verdict::Changed, 1)]);
    push(&world, draft).await;
    assert_eq!(find(&world, CHANGED).await.unwrap().settings, before);
    world.backend_answers(&world.get("contoso").await, OrderKind::Upload, |_| true).await;

    // What the backend does not have is removed here, and comes back as it was.
    let removed = stage(&world, &only(&[GONE]), DriftWay::Adopt, None).await.unwrap().order_id;
    assert!(matches!(world.submit(removed).await, Submitted::Done));
    assert_eq!(undo(&world, removed).await, (vec![(UndoPart::Released, 1)], String::new()));

    // What was overwritten at the backend is not known any more.
    drifted_again(&world).await;
    let pushed = stage(&world, &only(&["+441632960003"]), DriftWay::Push, None).await.unwrap().order_id;
    assert!(matches!(world.submit(pushed).await, Submitted::Done));
    world.backend_answers(&world.get("contoso").await, OrderKind::Upload, |_| true).await;
    let (parts, why) = undo(&world, pushed).await;
    assert!(parts.is_empty() && why.contains("What the backend had before is not kept"), "{parts:?} {why}");
    let right = UndoRight::of(&admin, &world.order(pushed).await, UndoPart::Changed).unwrap();
    let refused = orders::stage_undo(&world.ctx, &right, pushed, UndoPart::Changed).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

/// One more number is different there.
async fn drifted_again(world: &World) {
    let ours = described_as(&find(world, "+441632960000").await.unwrap().settings);
    world.clock.advance(time::Duration::minutes(1));
    let mut list: Vec<_> = (0..5).map(|n| seen(&format!("+44163296000{n}"), &ours)).collect();
    list[3].described = other();
    list.push(seen(STRANGER, &other()));
    pull(world, CONTOSO, &[&list]).await;
    compare(world, CONTOSO).await;
}

fn described_as(settings: &nmp::domain::NumberSettings) -> nmp::store::Described {
    let service = Service::OperatorConnect;
    nmp::store::Described { service: service.key().to_owned(), settings: settings.part(service), leaving: None }
}

async fn what_only_a_backend_has_is_not_released_for_another_tenant(world: World) {
    drifted(&world).await;
    world.create(&account_form("spare", CONTOSO)).await;
    let order = stage(&world, &only(&[STRANGER]), DriftWay::Release, Some("spare")).await.unwrap().order_id;
    assert_eq!(world.review(order).await.counts, [(Verdict::Release, 1)]);
    let spare = world.get("spare").await;
    let form = account_form("spare", FABRIKAM);
    nmp::service::accounts::update(&world.ctx, &grant(), &origin(), "spare", spare.rev, &form).await.unwrap();
    assert!(matches!(world.submit(order).await, Submitted::Moved(_)));
    let review = world.review(order).await;
    assert_eq!((review.accepted(), review.counts.len()), (0, 1), "{:?}", review.counts);
}
