//! The list of numbers: every filter against a plain one in memory, paging in both directions, ranges.

use nmp::domain::{AccountForm, E164, Number, OrderKind, Service, SyncState};
use nmp::service::numbers::{self, Matching};
use nmp::service::staging::UploadForm;
use nmp::store::{Assignment, NumberFilter, Page};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::harness::database::execute;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, tenant, upload_form};

on_both_databases![
    every_filter_finds_what_a_plain_look_finds,
    starts_and_ends_take_any_length,
    ranges_fold_what_belongs_together,
    ranges_page_without_gaps,
    the_count_says_when_it_stops_counting,
];

/// Numbers of all kinds: two accounts, two services, all states, assigned or not, several countries and lengths.
pub(crate) async fn fill(world: &World) -> Vec<Number> {
    let both = |name: &str, tenant: &str| AccountForm {
        services: Service::ALL.into_iter().collect(),
        ..account_form(name, tenant)
    };
    let accounts = [world.create(&both("contoso", CONTOSO)).await, world.create(&both("fabrikam", FABRIKAM)).await];
    let mobile = |account: &str, numbers: &str| UploadForm {
        service: "teamsPhoneMobile".into(),
        usage: "ConferenceAssignment".into(),
        ..upload_form(account, numbers)
    };
    for form in [
        upload_form("contoso", "+441632960000-0049\n+4930231250\n+49302312501\n+493023125012"),
        mobile("contoso", "+12015550100-0120"),
        upload_form("fabrikam", "+441632961000-1031"),
        UploadForm {
            custom_sip_header: "sales".into(),
            civic_address: String::new(),
            ..upload_form("fabrikam", "+61255501000-1010")
        },
    ] {
        let order = world.stage_form(&form).await;
        assert_eq!(world.review(order).await.refused_count(), 0, "{:?}", world.review(order).await.problems);
        assert!(matches!(world.submit(order).await, nmp::service::orders::Submitted::Done));
    }
    for account in &accounts {
        world.backend_answers(account, OrderKind::Upload, |n| n.as_i64() % 7 != 0).await;
    }
    // Programs may store numbers of any length.
    for (number, other) in [
        (12_015_550_120_i64, 12_i64),
        (441_632_961_030, 441_632),
        (441_632_961_031, 4_416_329_600_001),
        (61_255_501_010, 999_999_999_999_999),
    ] {
        let statement = format!("UPDATE numbers SET telephone_number = {other} WHERE telephone_number = {number}");
        execute(&world.db, &statement).await;
    }
    execute(&world.db, "UPDATE numbers SET assigned = TRUE WHERE telephone_number % 3 = 0").await;
    execute(&world.db, "UPDATE numbers SET state = 'pending' WHERE telephone_number % 11 = 0").await;
    execute(&world.db, "UPDATE numbers SET state = 'releasing' WHERE telephone_number % 13 = 0").await;
    let mut tx = world.db.read().await.unwrap();
    let all = tx.numbers_page(&NumberFilter::default(), Page::First, 10_000).await.unwrap().numbers;
    assert!(all.len() > 110 && all.is_sorted_by_key(|n| n.telephone_number));
    all
}

/// The filter as anybody would read it.
fn matches(filter: &NumberFilter, number: &Number) -> bool {
    let digits = number.telephone_number.as_i64().to_string();
    filter.account.as_ref().is_none_or(|account| *number.account == **account)
        && filter.tenant_id.as_ref().is_none_or(|tenant| number.tenant_id.as_deref() == Some(tenant.as_str()))
        && filter.starts.is_none_or(|starts| digits.starts_with(&starts.to_string()))
        && filter.ends.as_ref().is_none_or(|ends| digits.ends_with(ends.as_str()))
        && filter.service.is_none_or(|service| number.settings.services.contains(service))
        && filter.usage.as_ref().is_none_or(|usage| number.settings.teams.usage == *usage)
        && filter.state.is_none_or(|state| number.state == state)
        && filter.assignment.is_none_or(|assignment| number.assigned == (assignment == Assignment::Assigned))
        && filter.country.as_ref().is_none_or(|country| number.country.as_ref() == Some(country))
        && filter.order_id.is_none_or(|order| number.order_id == order)
}

fn any_filter() -> impl Strategy<Value = NumberFilter> {
    let account = prop_oneof![3 => Just(None), 1 => Just(Some("contoso")), 1 => Just(Some("fabrikam")), 1 => Just(Some("nobody"))];
    let tenant_id = prop_oneof![4 => Just(None), 1 => Just(Some(CONTOSO)), 1 => Just(Some(FABRIKAM))];
    let starts = proptest::option::weighted(
        0.4,
        prop_oneof![Just(44_i64), Just(441_632_960), Just(4), Just(1), Just(12_015_550_104), Just(999)],
    );
    let ends = proptest::option::weighted(
        0.4,
        prop_oneof![Just("0"), Just("01"), Just("001"), Just("1000"), Just("2"), Just("12")],
    );
    let service =
        proptest::option::weighted(0.3, prop_oneof![Just(Service::OperatorConnect), Just(Service::TeamsPhoneMobile)]);
    let usage =
        proptest::option::weighted(0.3, prop_oneof![Just("CallingUserAssignment"), Just("ConferenceAssignment")]);
    let state = proptest::option::weighted(0.3, proptest::sample::select(SyncState::ALL.to_vec()));
    let assignment =
        proptest::option::weighted(0.3, prop_oneof![Just(Assignment::Assigned), Just(Assignment::Unassigned)]);
    let country = proptest::option::weighted(0.3, prop_oneof![Just("GB"), Just("DE"), Just("US"), Just("AU")]);
    let order_id = proptest::option::weighted(0.15, 1..5_i64);
    (account, tenant_id, starts, ends, service, usage, state, assignment, country, order_id).prop_map(
        |(account, tenant_id, starts, ends, service, usage, state, assignment, country, order_id)| NumberFilter {
            account: account.map(str::to_owned),
            tenant_id: tenant_id.map(tenant),
            starts,
            ends: ends.map(str::to_owned),
            service,
            usage: usage.map(str::to_owned),
            state,
            assignment,
            country: country.map(str::to_owned),
            civic_address_id: None,
            order_id,
            fails_like: None,
        },
    )
}

async fn every_filter_finds_what_a_plain_look_finds(world: World) {
    let all = fill(&world).await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (any_filter(), 1..40_usize);
    let mut found_something = 0;
    for _ in 0..150 {
        let (filter, size) = strategy.new_tree(&mut runner).unwrap().current();
        let expected: Vec<E164> = all.iter().filter(|n| matches(&filter, n)).map(|n| n.telephone_number).collect();
        found_something += usize::from(!expected.is_empty());
        let mut tx = world.db.read().await.unwrap();
        assert_eq!(
            tx.count_numbers(&filter, 1_000).await.unwrap(),
            i64::try_from(expected.len()).unwrap(),
            "{filter:?}"
        );
        // Forward to the end, then back to the beginning.
        let (mut page, mut pages) = (Page::First, Vec::new());
        loop {
            let found = tx.numbers_page(&filter, page, size).await.unwrap();
            let shown: Vec<E164> = found.numbers.iter().map(|n| n.telephone_number).collect();
            assert_eq!(found.more_before, !pages.is_empty(), "{filter:?}");
            let last = shown.last().copied();
            pages.push(shown);
            match last {
                Some(last) if found.more_after => page = Page::After(last),
                _ => break,
            }
        }
        assert_eq!(pages.concat(), expected, "{filter:?} by {size}");
        let mut before = Vec::new();
        let mut at = pages.last().and_then(|shown| shown.first()).copied();
        while let Some(first) = at {
            let found = tx.numbers_page(&filter, Page::Before(first), size).await.unwrap();
            let shown: Vec<E164> = found.numbers.iter().map(|n| n.telephone_number).collect();
            assert!(found.more_after, "{filter:?}");
            at = shown.first().copied().filter(|_| found.more_before);
            before.splice(0..0, shown);
        }
        let last_page = pages.last().map_or(0, Vec::len);
        assert_eq!(before, expected[..expected.len() - last_page], "{filter:?} by {size}, backwards");
    }
    assert!(found_something > 40, "{found_something} of 150 filters found something");
}

async fn starts_and_ends_take_any_length(world: World) {
    let all = fill(&world).await;
    let mut tx = world.db.read().await.unwrap();
    for wanted in ["+441632960049", "+12", "+999999999999999", "+4416329600001"].map(number) {
        let digits = wanted.as_i64().to_string();
        for length in 1..=digits.len() {
            let filter = NumberFilter { starts: digits[..length].parse().ok(), ..NumberFilter::default() };
            let found = tx.numbers_page(&filter, Page::First, 1_000).await.unwrap().numbers;
            assert_eq!(found.len(), all.iter().filter(|n| matches(&filter, n)).count(), "{filter:?}");
            assert!(found.iter().any(|n| n.telephone_number == wanted), "{filter:?}");
            let filter = NumberFilter { ends: Some(digits[digits.len() - length..].into()), ..NumberFilter::default() };
            let found = tx.numbers_page(&filter, Page::First, 1_000).await.unwrap().numbers;
            assert_eq!(found.len(), all.iter().filter(|n| matches(&filter, n)).count(), "{filter:?}");
            assert!(found.iter().any(|n| n.telephone_number == wanted), "{filter:?}");
        }
    }
}

async fn ranges_fold_what_belongs_together(world: World) {
    let account = world.account("contoso").await;
    world.local_account("fabrikam").await;
    world.upload("contoso", "+441632960000-0009\n+441632960011-0019").await;
    world.backend_answers(&account, OrderKind::Upload, |n| n != number("+441632960005")).await;
    world.upload("fabrikam", "+441632960010\n+441632960020-0021").await;
    let (ranges, next) = numbers::ranges(&world.ctx, &grant(), &NumberFilter::default(), Page::First).await.unwrap();
    assert!(next.is_none());
    let shown: Vec<_> = ranges
        .iter()
        .map(|r| (r.first.as_i64() % 100, r.last.as_i64() % 100, r.count, r.account.as_str(), r.state))
        .collect();
    let (synced, failed) = (SyncState::Synced, SyncState::Failed);
    assert_eq!(
        shown,
        [
            (0, 4, 5, "contoso", synced),
            (5, 5, 1, "contoso", failed),
            (6, 9, 4, "contoso", synced),
            (10, 10, 1, "fabrikam", synced),
            (11, 19, 9, "contoso", synced),
            (20, 21, 2, "fabrikam", synced),
        ]
    );
}

async fn ranges_page_without_gaps(world: World) {
    world.local_account("contoso").await;
    let blocks: String =
        (0..130).map(|index| format!("+4416329{index:03}00-{index:03}04")).collect::<Vec<_>>().join("\n");
    world.upload("contoso", &blocks).await;
    let (mut page, mut total, mut folded) = (Page::First, 0, 0);
    loop {
        let (ranges, next) = numbers::ranges(&world.ctx, &grant(), &NumberFilter::default(), page).await.unwrap();
        total += ranges.iter().map(|range| range.count).sum::<i64>();
        folded += ranges.len();
        match next {
            Some(next) => page = Page::After(next),
            None => break,
        }
    }
    assert_eq!((total, folded), (650, 130));
}

async fn the_count_says_when_it_stops_counting(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-+441632961099").await;
    let count = async |filter| numbers::matching(&world.ctx, &grant(), &filter).await.unwrap();
    let account = NumberFilter { account: Some("contoso".into()), ..NumberFilter::default() };
    assert_eq!(count(NumberFilter::default()).await, Matching::Exactly(1_100));
    assert_eq!(count(account.clone()).await, Matching::Exactly(1_100));
    assert_eq!(count(NumberFilter { starts: Some(44), ..account.clone() }).await, Matching::MoreThan(1_000));
    assert_eq!(count(NumberFilter { ends: Some("00".into()), ..account }).await, Matching::Exactly(11));
}
