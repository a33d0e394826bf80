//! A number that was released stays with whoever had it for a while, and who had it when is known for ever.

mod api;
mod pages;
mod past;

use std::collections::BTreeMap;

use nmp::domain::{Account, AccountForm, E164, OrderKind, Quarantine, Refusal, Verdict};
use nmp::service::accounts::{self, Deleted};
use nmp::service::housekeeping::{Swept, sweep};
use nmp::service::orders::{self, ReleaseSelection, Submitted};
use nmp::service::quarantine::{self, OverrideForm, QuarantineFilter};
use nmp::service::{Ctx, Error, Page, Policy};
use time::Duration;

use crate::harness::database::{numbers, texts};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, origin};

on_both_databases![
    another_account_waits_and_the_same_one_does_not,
    the_time_goes_by_the_country_of_the_number,
    what_a_backend_gives_up_goes_into_quarantine_when_it_has_answered,
    numbers_of_a_deleted_account_wait_for_a_namesake_of_another_tenant,
    an_account_that_goes_over_to_another_tenant_is_another,
    a_number_that_is_released_after_the_review_is_not_given_away,
    an_administrator_overrides_with_a_reason,
    a_draft_that_is_given_up_leaves_no_override,
    the_configuration_rules_numbers_that_are_in_it_already,
    numbers_in_a_row_stand_on_one_line,
    a_row_of_thousands_is_one_line_and_the_pages_go_on_behind_it,
    a_review_has_a_row_of_thousands_on_one_line,
    what_has_run_out_is_swept,
    what_was_before_us_is_read_from_the_orders,
];

const BLOCK: &str = "+441632960000-0009";
const NEW: Verdict = Verdict::New;
const QUARANTINED: Verdict = Verdict::Refused(Refusal::Quarantine);

/// Accounts of two enterprises, whose numbers no backend has to know of.
async fn two_accounts(world: &World) -> (Account, Account) {
    let contoso = world.local_account("contoso").await;
    let form = AccountForm { synced: nmp::domain::ServiceSet::default(), ..account_form("fabrikam", FABRIKAM) };
    (contoso, world.create(&form).await)
}

async fn release(world: &World, account: &str) -> i64 {
    let of = nmp::store::NumberFilter { account: Some(account.to_owned()), ..nmp::store::NumberFilter::default() };
    let selection = ReleaseSelection::Matching(Box::new(of));
    let order = orders::stage_release(&world.ctx, &grant(), &selection, Some("T-9")).await.unwrap();
    assert!(matches!(world.submit(order).await, Submitted::Done));
    order
}

/// How the review of an upload judges its numbers, and the first reason that it refuses one for.
async fn judged(world: &World, account: &str, text: &str) -> (BTreeMap<Verdict, i64>, String) {
    let order = world.stage(account, text).await;
    let review = world.review(order).await;
    let reason = review.refused.first().and_then(nmp::store::ItemRow::refusal).unwrap_or_default();
    (review.counts.into_iter().collect(), reason)
}

fn all(verdict: Verdict, count: i64) -> BTreeMap<Verdict, i64> {
    [(verdict, count)].into()
}

async fn another_account_waits_and_the_same_one_does_not(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", BLOCK).await;
    release(&world, "contoso").await;
    let (found, reason) = judged(&world, "fabrikam", BLOCK).await;
    assert_eq!(found, all(QUARANTINED, 10));
    assert!(reason.starts_with("Is in quarantine until 3 Mar 2026, 00:00 UTC: account contoso had it."), "{reason}");
    assert!(reason.contains("AdminUser"), "what helps: {reason}");
    assert_eq!(judged(&world, "contoso", BLOCK).await.0, all(NEW, 10), "the same account at any time");
    world.clock.advance(Duration::days(30) - Duration::SECOND);
    let early = world.stage("fabrikam", BLOCK).await;
    assert_eq!(world.review(early).await.count(QUARANTINED), 10);
    world.clock.advance(Duration::SECOND);
    // A review that waited so long is made anew.
    let right = crate::harness::world::right(OrderKind::Upload);
    assert_eq!(orders::compare_again(&world.ctx, &right, early).await.unwrap(), 10);
    assert_eq!(world.review(early).await.count(NEW), 10);
    assert_eq!(judged(&world, "fabrikam", BLOCK).await.0, all(NEW, 10));

    // Taken back and released again, it waits from then on.
    world.upload("contoso", "+441632960000").await;
    release(&world, "contoso").await;
    let (found, _) = judged(&world, "fabrikam", BLOCK).await;
    assert_eq!(found, [(NEW, 9), (QUARANTINED, 1)].into());
    world.check_invariants().await;
}

async fn the_time_goes_by_the_country_of_the_number(world: World) {
    two_accounts(&world).await;
    let (british, american, canadian) = ("+441632960000", "+12125550123", "+14165550123");
    let three = format!("{british}\n{american}\n{canadian}");
    world.upload("contoso", &three).await;
    release(&world, "contoso").await;
    world.clock.advance(Duration::days(31));
    assert_eq!(judged(&world, "fabrikam", &three).await.0, [(NEW, 1), (QUARANTINED, 2)].into());
    world.clock.advance(Duration::days(14));
    assert_eq!(judged(&world, "fabrikam", &three).await.0, all(NEW, 3));
}

async fn what_a_backend_gives_up_goes_into_quarantine_when_it_has_answered(world: World) {
    let account = world.account("contoso").await;
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    world.upload("contoso", BLOCK).await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    release(&world, "contoso").await;
    assert_eq!(judged(&world, "fabrikam", BLOCK).await.0, all(Verdict::Refused(Refusal::Releasing), 10));
    world.clock.advance(Duration::days(3));
    let refused = number("+441632960009");
    world.backend_answers(&account, OrderKind::Release, |number| number != refused).await;
    let until = quarantine::until(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    assert_eq!(until, Some(world.clock.now() + Duration::days(30)));
    let (found, _) = judged(&world, "fabrikam", BLOCK).await;
    assert_eq!(found, [(QUARANTINED, 9), (Verdict::Refused(Refusal::OtherAccount), 1)].into());
    world.check_invariants().await;
}

async fn delete(world: &World, name: &str) {
    let right = grant();
    let deleted = accounts::delete(&world.ctx, &grant(), &origin(), name, Some(&right)).await.unwrap();
    assert_eq!(deleted, Deleted::Done);
}

async fn numbers_of_a_deleted_account_wait_for_a_namesake_of_another_tenant(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", BLOCK).await;
    delete(&world, "contoso").await;
    assert_eq!(judged(&world, "fabrikam", BLOCK).await.0, all(QUARANTINED, 10));
    world.create(&account_form("contoso", FABRIKAM)).await;
    let (found, reason) = judged(&world, "contoso", BLOCK).await;
    assert_eq!(found, all(QUARANTINED, 10), "the name alone is nobody");
    assert!(reason.contains("account contoso had it"), "by the name it had: {reason}");
    delete(&world, "contoso").await;
    // Made anew for its own enterprise, it is who it was.
    world.local_account("contoso").await;
    assert_eq!(judged(&world, "contoso", BLOCK).await.0, all(NEW, 10));
}

async fn an_account_that_goes_over_to_another_tenant_is_another(world: World) {
    let retenanted = async |tenant: &str| {
        let account = world.get("contoso").await;
        let form = AccountForm { synced: nmp::domain::ServiceSet::default(), ..account_form("contoso", tenant) };
        accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &form).await.unwrap();
    };
    world.local_account("contoso").await;
    world.upload("contoso", BLOCK).await;
    release(&world, "contoso").await;
    retenanted(FABRIKAM).await;
    assert_eq!(judged(&world, "contoso", BLOCK).await.0, all(QUARANTINED, 10));
    retenanted(CONTOSO).await;
    assert_eq!(judged(&world, "contoso", BLOCK).await.0, all(NEW, 10));
}

async fn a_number_that_is_released_after_the_review_is_not_given_away(world: World) {
    two_accounts(&world).await;
    let reviewed = world.stage("fabrikam", BLOCK).await;
    assert_eq!(world.review(reviewed).await.count(NEW), 10);
    world.upload("contoso", BLOCK).await;
    release(&world, "contoso").await;
    assert!(matches!(world.submit(reviewed).await, Submitted::Moved(10)));
    assert_eq!(world.review(reviewed).await.count(QUARANTINED), 10);
    assert_eq!(world.stored().await, []);
}

async fn override_it(world: &World, order: i64, chosen: Option<&[&str]>, reason: &str) -> Result<i64, Error> {
    let numbers = chosen.map(|chosen| chosen.iter().map(|text| number(text)).collect::<Vec<E164>>());
    let form = OverrideForm { numbers, reason: reason.to_owned() };
    quarantine::override_quarantine(&world.ctx, &grant(), &origin(), order, &form).await
}

async fn an_administrator_overrides_with_a_reason(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", BLOCK).await;
    release(&world, "contoso").await;
    let order = world.stage("fabrikam", BLOCK).await;
    let Err(Error::Invalid(problems)) = override_it(&world, order, Some(&[]), " ").await else {
        panic!("neither numbers nor a reason")
    };
    assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), ["number", "reason"]);
    let long = "x".repeat(501);
    assert!(matches!(override_it(&world, order, None, &long).await, Err(Error::Invalid(_))));

    let two = ["+441632960003", "+441632960004", "+441632969999"];
    assert_eq!(override_it(&world, order, Some(&two), "They swapped offices").await.unwrap(), 2);
    let counts: BTreeMap<Verdict, i64> = world.review(order).await.counts.into_iter().collect();
    assert_eq!(counts, [(NEW, 2), (QUARANTINED, 8)].into());
    assert!(matches!(override_it(&world, order, Some(&two), "again").await, Err(Error::Conflict(_))));
    assert_eq!(override_it(&world, order, None, "All of them after all").await.unwrap(), 8);
    assert_eq!(world.review(order).await.count(NEW), 10);
    assert!(matches!(world.submit(order).await, Submitted::Done));
    assert_eq!(world.stored().await.len(), 10);

    let kept = quarantine::overrides(&world.ctx, &grant(), order).await.unwrap();
    let kept: Vec<(&str, &str, i64)> =
        kept.iter().map(|one| (one.reason.as_str(), one.author.as_str(), one.numbers)).collect();
    assert_eq!(kept, [("They swapped offices", "Alex Admin", 2), ("All of them after all", "Alex Admin", 8)]);
    let audited = texts(&world.db, "SELECT after FROM audit WHERE action = 'quarantine.override' ORDER BY seq").await;
    assert_eq!(audited.len(), 2);
    assert!(audited[0].contains("They swapped offices"), "{audited:?}");
    assert!(audited[0].contains(r#""ranges":["+441632960003-+441632960004"]"#), "{audited:?}");
    assert!(matches!(override_it(&world, order, None, "too late").await, Err(Error::Conflict(_))));
    world.check_invariants().await;
}

async fn a_draft_that_is_given_up_leaves_no_override(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", BLOCK).await;
    release(&world, "contoso").await;
    let (discarded, old) = (world.stage("fabrikam", BLOCK).await, world.stage("fabrikam", BLOCK).await);
    for order in [discarded, old] {
        override_it(&world, order, None, "Because").await.unwrap();
    }
    let right = crate::harness::world::right(OrderKind::Upload);
    orders::discard(&world.ctx, &right, discarded).await.unwrap();
    let left = "SELECT DISTINCT order_id FROM quarantine_overridden ORDER BY 1";
    assert_eq!(numbers(&world.db, left).await, [old]);
    world.clock.advance(Duration::days(31));
    sweep(&world.ctx).await.unwrap();
    assert_eq!(numbers(&world.db, left).await, Vec::<i64>::new());
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM quarantine_overrides").await, [0]);
}

/// The same world with another quarantine.
fn ruled(world: &World, days: u32, by_country: &[(&str, u32)]) -> Ctx {
    let by_country = by_country.iter().map(|(country, days)| ((*country).to_owned(), *days)).collect();
    let quarantine = Quarantine { days, by_country, binds_api: true };
    let policy = Policy { quarantine, ..(*world.ctx.policy).clone() };
    Ctx::new(world.db.clone(), world.ctx.clock.clone(), policy)
}

async fn the_configuration_rules_numbers_that_are_in_it_already(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", BLOCK).await;
    release(&world, "contoso").await;
    world.clock.advance(Duration::days(35));
    assert_eq!(judged(&world, "fabrikam", BLOCK).await.0, all(NEW, 10));
    quarantine::follow_configuration(&ruled(&world, 30, &[("GB", 60)])).await.unwrap();
    assert_eq!(judged(&world, "fabrikam", BLOCK).await.0, all(QUARANTINED, 10));
    quarantine::follow_configuration(&ruled(&world, 0, &[("GB", 0), ("US", 45)])).await.unwrap();
    assert_eq!(judged(&world, "fabrikam", BLOCK).await.0, all(NEW, 10));
    // Without a quarantine nothing is kept of it.
    sweep(&world.ctx).await.unwrap();
    world.upload("fabrikam", &format!("{BLOCK}\n+12125550123")).await;
    release(&world, "fabrikam").await;
    assert_eq!(numbers(&world.db, "SELECT telephone_number FROM quarantine").await, [12_125_550_123]);
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM holdings").await, [21]);
}

async fn numbers_in_a_row_stand_on_one_line(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", &format!("{BLOCK}\n+441632960020\n+12125550123")).await;
    world.upload("fabrikam", "+441632960010").await;
    let (first, second) = (release(&world, "contoso").await, release(&world, "fabrikam").await);
    world.upload("contoso", "+441632960004").await;
    let listed = async |filter: &QuarantineFilter| {
        let (ranges, next) = quarantine::ranges(&world.ctx, &grant(), filter, Page::First).await.unwrap();
        assert_eq!(next, None);
        ranges
            .into_iter()
            .map(|range| {
                let (first, account) = (range.first().to_string(), range.told.account.unwrap_or_default());
                (first, range.count, account, range.told.order_id)
            })
            .collect::<Vec<_>>()
    };
    let row = |first: &str, count, account: &str, order| (first.to_owned(), count, account.to_owned(), order);
    let everything = [
        row("+12125550123", 1, "contoso", first),
        row("+441632960000", 4, "contoso", first),
        row("+441632960005", 5, "contoso", first),
        row("+441632960010", 1, "fabrikam", second),
        row("+441632960020", 1, "contoso", first),
    ];
    assert_eq!(listed(&QuarantineFilter::default()).await, everything);
    let british = QuarantineFilter { country: Some("GB".to_owned()), ..QuarantineFilter::default() };
    assert_eq!(listed(&british).await, everything[1..]);
    let theirs = QuarantineFilter { account: Some("fabrikam".to_owned()), ..QuarantineFilter::default() };
    assert_eq!(listed(&theirs).await, everything[3..4]);
    let tenant = nmp::domain::TenantId::parse(FABRIKAM).ok();
    assert_eq!(listed(&QuarantineFilter { tenant_id: tenant, ..QuarantineFilter::default() }).await, everything[3..4]);
    let parts = QuarantineFilter { starts: Some(44), ends: Some("0".to_owned()), ..QuarantineFilter::default() };
    let found: Vec<String> = listed(&parts).await.into_iter().map(|row| row.0).collect();
    assert_eq!(found, ["+441632960000", "+441632960010", "+441632960020"]);
    let (rows, next) = quarantine::export(&world.ctx, &grant(), &QuarantineFilter::default(), None).await.unwrap();
    assert_eq!((rows.len(), next), (12, None));
}

async fn a_row_of_thousands_is_one_line_and_the_pages_go_on_behind_it(world: World) {
    two_accounts(&world).await;
    let singles: Vec<String> = (0..60).map(|n| format!("+4416339{:05}", n * 2)).collect();
    world.upload("contoso", &format!("+441632910000-19999\n{}", singles.join("\n"))).await;
    release(&world, "contoso").await;
    let filter = QuarantineFilter::default();
    let (rows, next) = quarantine::ranges(&world.ctx, &grant(), &filter, Page::First).await.unwrap();
    assert_eq!((rows[0].count, rows[0].last(), rows.len()), (10_000, number("+441632919999"), 50));
    let (more, end) = quarantine::ranges(&world.ctx, &grant(), &filter, Page::After(next.unwrap())).await.unwrap();
    assert_eq!((more.len(), end), (11, None));
    assert!(rows[1..].iter().chain(&more).all(|row| row.count == 1));
}

async fn what_has_run_out_is_swept(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", "+441632960000-+441632964999\n+12125550123").await;
    release(&world, "contoso").await;
    assert_eq!(sweep(&world.ctx).await.unwrap(), Swept::default());
    world.clock.advance(Duration::days(30));
    assert_eq!(sweep(&world.ctx).await.unwrap(), Swept { quarantine: 5_000, ..Swept::default() });
    assert_eq!(numbers(&world.db, "SELECT telephone_number FROM quarantine").await, [12_125_550_123]);
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM holdings").await, [5_001], "who had them stays");
}

/// What stands in a table, as text.
async fn told(world: &World) -> Vec<Vec<String>> {
    let tables = [
        "SELECT id || ' ' || account_id || ' ' || name FROM holders ORDER BY id",
        "SELECT telephone_number || ' ' || order_id || ' ' || holder_id || ' ' || until FROM holdings ORDER BY 1",
        "SELECT telephone_number || ' ' || holder_id || ' ' || country || ' ' || order_id || ' ' || released_at
            || ' ' || free_at FROM quarantine ORDER BY 1",
        "SELECT id || ' ' || holder_id FROM accounts ORDER BY id",
    ];
    let mut all = Vec::new();
    for table in tables {
        all.push(texts(&world.db, table).await);
    }
    all
}

async fn what_was_before_us_is_read_from_the_orders(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", &format!("{BLOCK}\n+12125550123")).await;
    release(&world, "contoso").await;
    world.clock.advance(Duration::days(1));
    world.upload("contoso", "+441632960000-0001").await;
    delete(&world, "contoso").await;
    world.clock.advance(Duration::days(1));
    world.upload("fabrikam", "+441632960030").await;
    let kept = told(&world).await;
    let forget = "DELETE FROM holders; DELETE FROM holdings; DELETE FROM quarantine; UPDATE accounts SET holder_id = 0";
    for statement in forget.split(';') {
        crate::harness::database::execute(&world.db, statement).await;
    }
    let before = include_str!("../../../migrations/common/0027_holdings_of_before.sql");
    let without_comments: String =
        before.lines().filter(|line| !line.starts_with("--")).flat_map(|line| [line, "\n"]).collect();
    for statement in without_comments.split(';').filter(|statement| !statement.trim().is_empty()) {
        crate::harness::database::execute(&world.db, statement).await;
    }
    assert_eq!(told(&world).await, kept);
}

async fn a_review_has_a_row_of_thousands_on_one_line(world: World) {
    two_accounts(&world).await;
    world.upload("contoso", "+441632960000-4999").await;
    release(&world, "contoso").await;
    world.upload("contoso", "+441632970000-0009").await;
    world.clock.advance(Duration::hours(1));
    release(&world, "contoso").await;
    let order = world.stage("fabrikam", "+441632960000-4999\n+441632970000-0009").await;
    let review = world.review(order).await;
    let told: Vec<_> = review
        .quarantined
        .iter()
        .map(|range| (range.first.to_string(), range.count, range.had_it.as_deref().unwrap_or("nobody"), range.leaves))
        .collect();
    let expected = [("+441632960000", 5_000), ("+441632970000", 10)];
    assert_eq!(told, expected.map(|(first, count)| (first.to_owned(), count, "contoso", false)));
    assert_eq!(review.quarantined[1].until - review.quarantined[0].until, Duration::hours(1));
}
