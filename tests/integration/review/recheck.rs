//! What a draft gives to numbers is held against what their accounts allow at that moment: accounts, addresses, plans and
//! profiles may have changed since it was read.

use nmp::domain::{CallingProfile, CivicAddress, OrderKind, Refusal, UndoPart, Verdict};
use nmp::service::bulk::{self, EditForm, SET, Selection};
use nmp::service::orders::{self, Decision, ReleaseSelection, Submitted, UndoRight};
use nmp::service::staging::{UploadForm, stage_upload};
use nmp::service::{Clock, Ctx, Error, Policy, accounts};
use serde_json::json;

use super::{AGREED, form, submit};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, origin, person, right, tenant};

on_both_databases![
    an_address_of_another_enterprise_is_not_given,
    a_draft_that_is_looked_at_is_held_against_the_tenant_of_now,
    an_address_that_is_gone_is_not_given,
    what_is_not_offered_any_more_is_not_given,
    what_was_wrong_with_a_number_before_does_not_stand_against_it,
    former_settings_of_another_enterprise_do_not_come_back,
    an_account_that_changed_is_told_to_whoever_saw_the_review_before,
    a_review_made_anew_is_not_submitted_unseen,
];

const NO_ADDRESS: Verdict = Verdict::Refused(Refusal::NoAddress);
const NOT_OFFERED: Verdict = Verdict::Refused(Refusal::NotOffered);

/// Ten numbers at an address of contoso.
fn at_the_address() -> UploadForm {
    UploadForm { civic_address: "address-1".into(), location: "location-1".into(), ..form("+441632960000-0009") }
}

/// Lets the account belong to another tenant.
async fn hand_to(world: &World, name: &str, tenant: &str) {
    let account = world.get(name).await;
    let form = nmp::domain::AccountForm { synced: account.synced, ..account_form(name, tenant) };
    accounts::update(&world.ctx, &grant(), &origin(), name, account.rev, &form).await.unwrap();
}

/// What a tenant has that is not contoso's: an address of its own.
async fn know(world: &World, of: &str, id: &str) {
    let address: CivicAddress = serde_json::from_value(json!({
        "id": id, "country": "GB", "houseNumber": "1", "streetName": "Main Street", "cityOrTown": id,
        "defaultLocationId": format!("{id}-place"), "validationStatus": "validated",
        "locations": [{"id": format!("{id}-place"), "civicAddressId": id, "isDefault": true}]
    }))
    .unwrap();
    let mut tx = world.db.begin().await.unwrap();
    tx.upsert_civic_addresses(&tenant(of), &[address], world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn counts(world: &World, order: i64) -> Vec<(Verdict, i64)> {
    world.review(order).await.counts
}

async fn an_address_of_another_enterprise_is_not_given(world: World) {
    world.facts(CONTOSO).await;
    know(&world, FABRIKAM, "Leeds").await;
    world.account("contoso").await;
    let order = world.stage_form(&at_the_address()).await;
    assert_eq!(counts(&world, order).await, [(Verdict::New, 10)]);
    hand_to(&world, "contoso", FABRIKAM).await;
    for _ in 0..2 {
        let submitted = submit(&world, order, false).await;
        assert!(!matches!(submitted, Ok(Submitted::Done)), "{submitted:?}");
        assert_eq!(counts(&world, order).await, [(NO_ADDRESS, 10)]);
    }
    let nothing = submit(&world, order, true).await;
    assert!(matches!(&nothing, Err(Error::Conflict(reason)) if reason.contains("nothing to do")), "{nothing:?}");
    assert_eq!(world.stored().await, []);
    let review = world.review(order).await;
    let reason = &review.refused_ranges[0].reason;
    assert!(reason.contains("does not have this emergency address"), "{reason}");
    assert!(
        review.warnings.iter().any(|text| text.starts_with("10 numbers for account contoso cannot get address-1: ")),
        "{:?}",
        review.warnings
    );
    // With its tenant of before it has the address again.
    hand_to(&world, "contoso", CONTOSO).await;
    orders::look(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!(counts(&world, order).await, [(Verdict::New, 10)]);
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    assert_eq!(world.stored().await.len(), 10);
    world.check_invariants().await;
}

async fn a_draft_that_is_looked_at_is_held_against_the_tenant_of_now(world: World) {
    world.facts(CONTOSO).await;
    world.account("contoso").await;
    let order = world.stage_form(&at_the_address()).await;
    hand_to(&world, "contoso", FABRIKAM).await;
    orders::look(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!(counts(&world, order).await, [(NO_ADDRESS, 10)]);
    // The other enterprise may have an address of that name.
    know(&world, FABRIKAM, "address-1").await;
    let by_place = UploadForm { location: String::new(), ..at_the_address() };
    let other = world.stage_form(&by_place).await;
    assert_eq!(counts(&world, other).await, [(Verdict::New, 10)]);
    orders::look(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!(counts(&world, order).await, [(NO_ADDRESS, 10)], "it has no such place within it");
}

async fn an_address_that_is_gone_is_not_given(world: World) {
    world.facts(CONTOSO).await;
    world.account("contoso").await;
    let order = world.stage_form(&at_the_address()).await;
    let none = world.stage_form(&form("+441632970000")).await;
    world.clock.advance(time::Duration::seconds(1));
    let mut tx = world.db.begin().await.unwrap();
    tx.remove_older_civic_addresses(&tenant(CONTOSO), world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Moved(10))));
    assert_eq!(counts(&world, order).await, [(NO_ADDRESS, 10)]);
    assert!(matches!(submit(&world, none, false).await, Ok(Submitted::Done)), "it has no address");
}

async fn what_is_not_offered_any_more_is_not_given(world: World) {
    world.facts(CONTOSO).await;
    world.account("contoso").await;
    let order = world.stage_form(&form("+441632960000-0009")).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.set_capability_plans(
        &tenant(CONTOSO),
        &[serde_json::from_value(json!({
            "name": "Calling users", "offerTypes": ["Calling"], "usage": "CallingUserAssignment",
            "mandatoryCapabilities": ["UserAssignment"], "choosableCapabilities": ["InboundCalling"],
            "supportsTollFree": false
        }))
        .unwrap()],
        world.clock.now(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Moved(10))));
    assert_eq!(counts(&world, order).await, [(NOT_OFFERED, 10)]);

    // A profile that the deployment had when the draft was made.
    let profiles = |ids: &[&str]| {
        let profile = |id: &&str| CallingProfile { id: (*id).to_owned(), name: (*id).to_owned() };
        let policy = Policy { calling_profiles: ids.iter().map(profile).collect(), ..(*world.ctx.policy).clone() };
        let read = world.clock.clone();
        Ctx::new(world.db.clone(), Clock::new(move || read.now()), policy)
    };
    let east = UploadForm {
        calling_profile: "east".into(),
        capability: vec!["InboundCalling".into()],
        ..form("+441632970000")
    };
    let order = stage_upload(&profiles(&["east", "west"]), &grant(), &east, None).await.unwrap();
    let without = profiles(&["west"]);
    let right = right(OrderKind::Upload);
    let submitted = orders::submit(&without, &right, &origin(), order, false).await;
    assert!(matches!(submitted, Ok(Submitted::Moved(1))), "{submitted:?}");
    assert_eq!(counts(&world, order).await, [(NOT_OFFERED, 1)]);
}

async fn what_was_wrong_with_a_number_before_does_not_stand_against_it(world: World) {
    world.facts(CONTOSO).await;
    world.local_account("contoso").await;
    let order = world.stage_form(&at_the_address()).await;
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    world.clock.advance(time::Duration::seconds(1));
    let mut tx = world.db.begin().await.unwrap();
    tx.remove_older_civic_addresses(&tenant(CONTOSO), world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let header =
        EditForm { custom_sip_header_change: SET.into(), custom_sip_header: "gate-1".into(), ..EditForm::default() };
    let all = Selection::Matching(Box::default());
    let managed = bulk::stage_edit(&world.ctx, &grant(), &all, &header).await.unwrap();
    let file = "telephoneNumber,customSipHeader\n+441632960000,gate-2\n+441632960001,gate-2\n";
    let uploaded = stage_upload(&world.ctx, &grant(), &form(""), Some(file.as_bytes())).await.unwrap();
    orders::look(&world.ctx, &grant(), uploaded).await.unwrap();
    assert_eq!(counts(&world, uploaded).await, [(Verdict::Changed, 2)]);
    assert!(matches!(submit(&world, managed, false).await, Ok(Submitted::Done)));
    assert!(matches!(submit(&world, uploaded, false).await, Ok(Submitted::Moved(2))));
    assert!(matches!(submit(&world, uploaded, false).await, Ok(Submitted::Done)));
    world.check_invariants().await;
}

async fn former_settings_of_another_enterprise_do_not_come_back(world: World) {
    world.facts(CONTOSO).await;
    world.local_account("contoso").await;
    let order = world.stage_form(&at_the_address()).await;
    assert!(matches!(submit(&world, order, false).await, Ok(Submitted::Done)));
    let all = ReleaseSelection::Matching(Box::default());
    let released = orders::stage_release(&world.ctx, &grant(), &all, None).await.unwrap();
    assert!(matches!(submit(&world, released, false).await, Ok(Submitted::Done)));
    let admin = person("Alex Admin", &[nmp::authz::Role::AdminUser]);
    let undo = async || {
        let right = UndoRight::of(&admin, &world.order(released).await, UndoPart::Released).unwrap();
        orders::stage_undo(&world.ctx, &right, released, UndoPart::Released).await.unwrap()
    };
    let before = undo().await;
    assert_eq!(counts(&world, before).await, [(Verdict::New, 10)]);
    hand_to(&world, "contoso", FABRIKAM).await;
    assert!(matches!(submit(&world, before, false).await, Ok(Submitted::Moved(_))));
    for draft in [before, undo().await] {
        let review = world.review(draft).await;
        let refused: i64 = review.counts.iter().map(|(_, count)| count).sum();
        assert_eq!((review.accepted(), refused), (0, 10), "{:?}", review.counts);
    }
    assert_eq!(world.stored().await, []);
}

async fn an_account_that_changed_is_told_to_whoever_saw_the_review_before(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    world.account("contoso").await;
    let order = world.stage_form(&form("+441632960000")).await;
    let seen = async || orders::shown(&world.ctx, &grant(), order).await.unwrap().parties;
    let before = seen().await;
    assert_eq!(before, seen().await);
    world.consent(CONTOSO, "Contoso Ltd", "removed").await;
    let withdrawn = seen().await;
    assert_ne!(before, withdrawn, "the consent was withdrawn");
    hand_to(&world, "contoso", FABRIKAM).await;
    // Somebody else looks, which takes the account as it is for the review.
    orders::look(&world.ctx, &grant(), order).await.unwrap();
    assert_ne!(withdrawn, seen().await, "the account has another tenant");
}

async fn a_review_made_anew_is_not_submitted_unseen(world: World) {
    world.account("contoso").await;
    let order = world.stage_form(&form("+441632960000-0009")).await;
    let seen = async || orders::reviewed_at(&world.ctx, &grant(), order).await.unwrap();
    let before = seen().await;
    assert!(before.is_some());
    // Somebody else looks, and what they see is made anew.
    world.clock.advance(time::Duration::seconds(1));
    orders::compare_again(&world.ctx, &right(OrderKind::Upload), order).await.unwrap();
    assert!(matches!(submit(&world, order, Decision { seen: before, ..AGREED }).await, Ok(Submitted::Moved(0))));
    let decision = Decision { seen: seen().await, ..AGREED };
    assert!(matches!(submit(&world, order, decision).await, Ok(Submitted::Done)));
}
