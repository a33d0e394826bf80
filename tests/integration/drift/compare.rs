//! A list is compared with ours, and what differs is kept.

use nmp::domain::{DriftKind, NumberSettings, OrderKind, ProvisioningError, Service};
use nmp::service::drift::{self, DriftFilter, DriftKey};
use nmp::service::orders::{self, ReleaseSelection, Submitted};
use nmp::store::{Described, Page};

use super::{compare, kept, synced};
use crate::harness::database::execute;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number};
use crate::observed::{described, other, pull, seen};

on_both_databases![
    a_list_is_compared_with_ours,
    a_consent_that_was_withdrawn_is_drift_while_numbers_are_up,
    only_what_changed_is_written,
    drift_is_what_a_plain_look_finds,
    many_numbers_are_compared_in_stretches,
    a_list_pages_by_key_and_folds,
];

async fn a_list_is_compared_with_ours(world: World) {
    let ours = synced(&world).await;
    compare(&world, CONTOSO).await;
    assert_eq!(kept(&world).await, [], "the backend said that it did what was asked");
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    let [a, b] = ["+441632960000", "+441632960001"].map(|text| seen(text, &ours));
    let changed = seen("+441632960002", &other());
    // Nobody here chose a calling profile: any is as wanted.
    let profile = NumberSettings { calling_profile: Some("profile-1".to_owned()), ..ours.settings.clone() };
    let profiled = seen("+441632960003", &Described { settings: profile, ..ours.clone() });
    let stranger = seen("+441632960900", &ours);
    world.clock.advance(time::Duration::minutes(1));
    pull(&world, FABRIKAM, &[&[seen("+441632960004", &ours)]]).await;
    pull(&world, CONTOSO, &[&[a, b], &[changed, profiled, stranger]]).await;
    compare(&world, FABRIKAM).await;
    compare(&world, CONTOSO).await;
    assert_eq!(
        kept(&world).await,
        [
            (number("+441632960002"), DriftKind::Different),
            (number("+441632960004"), DriftKind::OtherTenant),
            (number("+441632960005"), DriftKind::OnlyHere),
            (number("+441632960900"), DriftKind::OnlyThere),
        ]
    );
    // Of one number it is told what every backend says that may have it.
    let said = async |text: &str| {
        let sides = drift::beside(&world.ctx, &grant(), number(text)).await.unwrap();
        sides.into_iter().map(|side| (side.tenant, side.held.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(said("+441632960004").await, [(FABRIKAM.to_owned(), true), (CONTOSO.to_owned(), false)]);
    assert_eq!(said("+441632960900").await, [(CONTOSO.to_owned(), true)]);
    assert_eq!(said("+441632960999").await, []);
    // What an order writes is under way, and no drift.
    let selection = ReleaseSelection::Numbers(None, vec![number("+441632960002"), number("+441632960005")]);
    let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    assert!(matches!(world.submit(order).await, Submitted::Done));
    let left = [(number("+441632960004"), DriftKind::OtherTenant), (number("+441632960900"), DriftKind::OnlyThere)];
    assert_eq!(kept(&world).await, left);
    compare(&world, CONTOSO).await;
    assert_eq!(kept(&world).await, left);
}

async fn a_consent_that_was_withdrawn_is_drift_while_numbers_are_up(world: World) {
    let ours = synced(&world).await;
    world.consent(CONTOSO, "Contoso", "removed").await;
    world.clock.advance(time::Duration::minutes(1));
    let up = [seen("+441632960000", &ours), seen("+441632960900", &ours)];
    pull(&world, CONTOSO, &[&up]).await;
    compare(&world, CONTOSO).await;
    let found = kept(&world).await;
    assert_eq!(found.first(), Some(&(number("+441632960000"), DriftKind::ConsentWithdrawn)));
    assert_eq!(found.last(), Some(&(number("+441632960900"), DriftKind::ConsentWithdrawn)));
    assert_eq!(found.iter().filter(|(_, kind)| *kind == DriftKind::OnlyHere).count(), 5, "not up any more");
    world.consent(CONTOSO, "Contoso", "active").await;
    compare(&world, CONTOSO).await;
    let left: Vec<_> = kept(&world).await.into_iter().filter(|(_, kind)| *kind != DriftKind::OnlyHere).collect();
    assert_eq!(left, [(number("+441632960900"), DriftKind::OnlyThere)]);
}

async fn only_what_changed_is_written(world: World) {
    let ours = synced(&world).await;
    world.clock.advance(time::Duration::minutes(1));
    let list: Vec<_> = (0..6).map(|n| seen(&format!("+44163296000{n}"), &other())).collect();
    pull(&world, CONTOSO, &[&list]).await;
    assert_eq!(compare(&world, CONTOSO).await, 6);
    assert_eq!(compare(&world, CONTOSO).await, 0);
    let mut mended = list.clone();
    mended[3].described = ours;
    pull(&world, CONTOSO, &[&mended]).await;
    assert_eq!(compare(&world, CONTOSO).await, 1);
    assert_eq!(kept(&world).await.len(), 5);
    mended[1].assigned = true;
    pull(&world, CONTOSO, &[&mended]).await;
    assert_eq!(compare(&world, CONTOSO).await, 1, "whether a number is in use is kept too");
}

/// Where a number is here: on no account, or on one of them.
const HERE: [Option<&str>; 4] = [None, Some("contoso"), Some("contoso-alone"), Some("fabrikam")];
/// In which state it is, with the code of what failed.
const STATES: [(&str, Option<&str>); 4] =
    [("synced", None), ("pending", None), ("failed", Some("InvalidRequest")), ("failed", Some("NotAtBackend"))];
/// Whose lists have it, and whether as we say.
const THERE: [(bool, bool, bool); 5] =
    [(false, false, true), (true, false, true), (true, false, false), (false, true, true), (true, true, true)];

/// What a plain look finds.
fn plain(here: Option<&str>, (state, code): (&str, Option<&str>), there: (bool, bool, bool)) -> Option<DriftKind> {
    let (at_contoso, at_fabrikam, is_equal) = there;
    let is_settled = here.is_none() || state == "synced" || code == Some("NotAtBackend");
    if !is_settled {
        return None;
    }
    let (own, elsewhere) = match here {
        Some("fabrikam") => (at_fabrikam, at_contoso),
        _ => (at_contoso, at_fabrikam),
    };
    // Its service is not synced: it is left alone, unless another tenant has it.
    let is_left_alone = here == Some("contoso-alone") && own;
    match (here, own, elsewhere) {
        (None | Some("contoso-alone"), ..) if (own || elsewhere) && !is_left_alone => Some(DriftKind::OnlyThere),
        (None | Some("contoso-alone"), ..) => None,
        (_, true, _) => (!is_equal).then_some(DriftKind::Different),
        (_, false, true) => Some(DriftKind::OtherTenant),
        (_, false, false) => Some(DriftKind::OnlyHere),
    }
}

async fn drift_is_what_a_plain_look_finds(world: World) {
    let ours = synced(&world).await;
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    world.local_account("contoso-alone").await;
    let mut tx = world.db.begin().await.unwrap();
    let settings_id = tx.intern_settings(&ours.settings).await.unwrap();
    let mut errors = Vec::new();
    for (_, code) in STATES {
        errors.push(match code {
            None => "NULL".to_owned(),
            Some(code) => {
                let error = ProvisioningError::new(code, "A reason.", Some("oc".to_owned()));
                tx.intern_error(&error).await.unwrap().to_string()
            }
        });
    }
    tx.commit().await.unwrap();
    execute(&world.db, "DELETE FROM numbers").await;
    let (mut of_contoso, mut of_fabrikam, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    let mut index = 0;
    for here in HERE {
        for (state, error) in STATES.iter().zip(&errors) {
            for there in THERE {
                let text = format!("+4416329{index:05}");
                index += 7;
                if let Some(account) = here {
                    let insert = format!(
                        "
                        INSERT INTO numbers (
                            telephone_number, account_id, settings_id, country, state, error_id, rev, order_id,
                            changed_at
                        )
                        SELECT {}, id, {settings_id}, 'GB', '{}', {error}, 1, 1, 0
                        FROM accounts
                        WHERE name = '{account}'",
                        number(&text).as_i64(),
                        state.0
                    );
                    execute(&world.db, &insert).await;
                }
                let as_said = if there.2 { ours.clone() } else { other() };
                if there.0 {
                    of_contoso.push(seen(&text, &as_said));
                }
                if there.1 {
                    of_fabrikam.push(seen(&text, &as_said));
                }
                expected.extend(plain(here, *state, there).map(|kind| (number(&text), kind)));
            }
        }
    }
    world.clock.advance(time::Duration::minutes(1));
    pull(&world, CONTOSO, &[&of_contoso]).await;
    pull(&world, FABRIKAM, &[&of_fabrikam]).await;
    compare(&world, CONTOSO).await;
    compare(&world, FABRIKAM).await;
    let expected: Vec<_> = expected.into_iter().take(50).collect();
    assert_eq!(kept(&world).await, expected);
    for of in [CONTOSO, FABRIKAM] {
        assert_eq!(compare(&world, of).await, 0, "the two lists agree on what is kept");
    }
}

/// More than one statement looks through.
async fn many_numbers_are_compared_in_stretches(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632000000-+441632045000").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let ours = nmp::service::numbers::get(&world.ctx, &grant(), number("+441632000000")).await.unwrap().settings;
    world.clock.advance(time::Duration::minutes(1));
    let listed = [seen("+441632000000", &described(&ours)), seen("+441632045000", &other())];
    pull_in_pages(&world, &listed).await;
    assert_eq!(compare(&world, CONTOSO).await, 45_000);
    assert_eq!(compare(&world, CONTOSO).await, 0);
    let service = Service::OperatorConnect.key();
    assert_eq!(listed[1].described.service, service);
}

async fn a_list_pages_by_key_and_folds(world: World) {
    world.account("contoso").await;
    world.clock.advance(time::Duration::minutes(1));
    // 60 in a row, of which the 31st is for something else, and one that stands alone.
    let mut list: Vec<_> = (0..60).map(|n| seen(&format!("+4416329601{n:02}"), &other())).collect();
    "FirstPartyAppAssignment".clone_into(&mut list[30].described.settings.teams.usage);
    list.push(seen("+441632960900", &other()));
    pull(&world, CONTOSO, &[&list]).await;
    assert_eq!(compare(&world, CONTOSO).await, 61);
    let all = DriftFilter::default();
    let page = async |page: Page<DriftKey>| drift::list(&world.ctx, &grant(), &all, &page).await.unwrap();
    let first = page(Page::First).await;
    assert_eq!((first.rows.len(), first.more_before, first.more_after), (50, false, true));
    let second = page(Page::After(first.rows[49].key())).await;
    assert_eq!((second.rows.len(), second.more_before, second.more_after), (11, true, false));
    let back = page(Page::Before(second.rows[0].key())).await;
    let numbers = |rows: &[drift::DriftRow]| rows.iter().map(|row| row.number).collect::<Vec<_>>();
    assert_eq!(numbers(&back.rows), numbers(&first.rows));
    let (ranges, next) = drift::ranges(&world.ctx, &grant(), &all, None).await.unwrap();
    let folded: Vec<_> =
        ranges.iter().map(|range| (range.first.number.to_string(), range.last.to_string(), range.count)).collect();
    let range = |first: &str, last: &str, count| (first.to_owned(), last.to_owned(), count);
    assert_eq!(
        folded,
        [
            range("+441632960100", "+441632960129", 30),
            range("+441632960130", "+441632960130", 1),
            range("+441632960131", "+441632960159", 29),
            range("+441632960900", "+441632960900", 1),
        ]
    );
    assert_eq!(next, None);
    let behind = drift::ranges(&world.ctx, &grant(), &all, Some(number("+441632960130"))).await.unwrap().0;
    assert_eq!(behind.len(), 2);
    let counts = drift::counts(&world.ctx, &grant(), &all).await.unwrap();
    assert_eq!(counts.iter().map(|one| (one.kind, one.count)).collect::<Vec<_>>(), [(DriftKind::OnlyThere, 61)]);
}

/// A pull that finds two numbers of very many.
async fn pull_in_pages(world: &World, listed: &[nmp::store::Observed]) {
    let now = world.clock.now();
    let mut tx = world.db.begin().await.unwrap();
    let round = tx.begin_round("operator-connect", &crate::harness::world::tenant(CONTOSO)).await.unwrap();
    tx.observe(round, listed, now).await.unwrap();
    let numbers: Vec<_> = listed.iter().map(|seen| seen.number).collect();
    let mut bound = Some(0);
    while let Some(after) = bound {
        bound = tx.miss(round, (after, i64::MAX), &numbers, now).await.unwrap();
    }
    while tx.forget_missing(round).await.unwrap() {}
    tx.end_round(round, now).await.unwrap();
    tx.commit().await.unwrap();
}
