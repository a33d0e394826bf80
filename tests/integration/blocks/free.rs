//! The next free numbers: which count as free, and that they are kept for whoever asked.

use nmp::authz::{Grant, NumbersWrite, Role};
use nmp::domain::E164;
use nmp::domain::block::free::Stretch;
use nmp::moving::files;
use nmp::service::blocks::{self, FreeForm};
use nmp::service::housekeeping::sweep;
use nmp::service::moving::{Import, ImportKind, Mover, Source};
use nmp::service::numbers::{self, NumberFilter};
use nmp::service::orders::{self, ReleaseSelection, Submitted};
use nmp::service::{Error, Page};
use nmp::store::{Db, Reservation};
use time::Duration;

use super::{add, said};
use crate::harness::database::{self, execute};
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, origin, person};

on_both_databases![
    the_next_free_numbers_are_found_in_a_row,
    whatever_takes_a_number_is_passed_over,
    numbers_from_gaps_are_gathered,
    what_is_asked_for_has_to_make_sense,
    a_reservation_ends,
    a_reservation_ends_once_its_numbers_are_uploaded,
    a_reservation_ends_once_its_numbers_are_imported,
    two_people_never_get_the_same_numbers,
    a_hundred_among_a_million_are_found_at_once,
    a_million_that_a_backend_holds_are_passed_over,
];

pub(super) async fn release(world: &World, starts: &str, count: usize) {
    let starts = starts.trim_start_matches('+').parse().ok();
    let filter = NumberFilter { starts, ..NumberFilter::default() };
    let selection = ReleaseSelection::Matching(Box::new(filter));
    let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    assert_eq!(world.review(order).await.accepted(), count as i64);
    assert!(matches!(world.submit(order).await, Submitted::Done));
}

fn asked(count: i64) -> FreeForm {
    FreeForm { account: "contoso".into(), count: count.to_string(), in_a_row: true, ..FreeForm::default() }
}

fn writer(name: &str) -> Grant<NumbersWrite> {
    person(name, &[Role::ReadUser, Role::WriteUser]).grant().unwrap()
}

async fn reserve(world: &World, form: &FreeForm) -> Result<String, Error> {
    let grant = writer("Wanda Writer");
    let id = blocks::reserve_next_free(&world.ctx, &grant, &origin(), form).await?;
    let (_, stretches) = blocks::reservation(&world.ctx, &grant, id).await?;
    Ok(stretches.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

async fn the_next_free_numbers_are_found_in_a_row(world: World) {
    world.local_account("contoso").await;
    add(&world, "+12065550100", "+12065550199").await;
    add(&world, "+441632960000", "+441632960999").await;
    add(&world, "+441632961000", "+441632961999").await;
    world.upload("contoso", "+441632960000-0049\n+441632960100\n+441632960180-0199").await;
    // The first gap has 50, the next 79; a hundred in a row begin behind what is held last.
    let in_leicester = FreeForm { prefix: "01632".into(), country: "GB".into(), ..asked(100) };
    assert_eq!(reserve(&world, &in_leicester).await.unwrap(), "+441632960200-+441632960299");
    assert_eq!(reserve(&world, &in_leicester).await.unwrap(), "+441632960300-+441632960399");
    let fifty = FreeForm { count: "50".into(), ..in_leicester.clone() };
    assert_eq!(reserve(&world, &fifty).await.unwrap(), "+441632960050-+441632960099");
    // Blocks that touch each other are one; another country is not.
    let many = FreeForm { count: "1,200".into(), ..in_leicester.clone() };
    assert_eq!(reserve(&world, &many).await.unwrap(), "+441632960400-+441632961599");
    assert_eq!(
        reserve(&world, &FreeForm { country: "us".into(), ..asked(100) }).await.unwrap(),
        "+12065550100-+12065550199"
    );
    let too_many = FreeForm { count: "500".into(), ..in_leicester };
    let refused = said(reserve(&world, &too_many).await.unwrap_err());
    assert!(refused.contains("not 500 free numbers in a row"), "{refused}");
}

async fn whatever_takes_a_number_is_passed_over(world: World) {
    world.local_account("contoso").await;
    add(&world, "+441632960000", "+441632960099").await;
    world.upload("contoso", "+441632960000-0009").await;
    // Released, so in quarantine; held; in a draft; at a backend; reserved.
    release(&world, "+4416329600", 10).await;
    world.upload("contoso", "+441632960010-0019").await;
    world.stage("contoso", "+441632960020-0029").await;
    let seen = "
        INSERT INTO observed_lists (id, backend, tenant_id) VALUES (7, 'operator-connect', 'somebody');
        INSERT INTO observed (list_id, telephone_number, settings_id, assigned, seen_at)
        VALUES (7, 441632960035, 1, FALSE, 0)";
    for statement in seen.split(';') {
        execute(&world.db, statement).await;
    }
    assert_eq!(reserve(&world, &asked(5)).await.unwrap(), "+441632960030-+441632960034");
    assert_eq!(reserve(&world, &asked(5)).await.unwrap(), "+441632960036-+441632960040");
    assert_eq!(reserve(&world, &asked(59)).await.unwrap(), "+441632960041-+441632960099");
    assert!(said(reserve(&world, &asked(1)).await.unwrap_err()).contains("No number is free there"));
    // What was in quarantine long enough is free.
    world.clock.advance(Duration::days(31));
    assert_eq!(reserve(&world, &asked(10)).await.unwrap(), "+441632960000-+441632960009");
}

async fn numbers_from_gaps_are_gathered(world: World) {
    world.local_account("contoso").await;
    add(&world, "+441632960000", "+441632960099").await;
    world.upload("contoso", "+441632960002-0004\n+441632960007\n+441632960010-0097").await;
    let gaps = FreeForm { in_a_row: false, ..asked(5) };
    assert_eq!(
        reserve(&world, &gaps).await.unwrap(),
        "+441632960000-+441632960001 +441632960005-+441632960006 +441632960008"
    );
    let refused = said(reserve(&world, &gaps).await.unwrap_err());
    assert!(refused.contains("Only 3 numbers are free there"), "{refused}");
    assert_eq!(
        reserve(&world, &FreeForm { count: "3".into(), ..gaps }).await.unwrap(),
        "+441632960009 +441632960098-+441632960099"
    );
}

async fn what_is_asked_for_has_to_make_sense(world: World) {
    world.local_account("contoso").await;
    let none = said(reserve(&world, &asked(10)).await.unwrap_err());
    assert!(none.contains("There are no blocks yet"), "{none}");
    add(&world, "+441632960000", "+441632960099").await;
    let all_wrong = FreeForm {
        account: "nobody".into(),
        count: "many".into(),
        prefix: "01632".into(),
        country: "ZZ".into(),
        block: "x".into(),
        hours: "5".into(),
        in_a_row: true,
    };
    let told = said(reserve(&world, &all_wrong).await.unwrap_err());
    for field in ["account: There is no account named nobody", "count:", "prefix:", "country:", "block:", "hours:"] {
        assert!(told.contains(field), "{field} in {told}");
    }
    let elsewhere = FreeForm { prefix: "+33".into(), ..asked(10) };
    assert!(said(reserve(&world, &elsewhere).await.unwrap_err()).contains("None of the blocks has numbers there"));
}

async fn a_reservation_ends(world: World) {
    world.local_account("contoso").await;
    add(&world, "+441632960000", "+441632960099").await;
    let (wanda, other) = (writer("Wanda Writer"), writer("Otto Other"));
    let first = blocks::reserve_next_free(&world.ctx, &wanda, &origin(), &asked(100)).await.unwrap();
    assert!(reserve(&world, &asked(1)).await.is_err(), "all are kept");
    // Somebody else who uploads them is told.
    let draft = orders::review(&world.ctx, &grant(), world.stage("contoso", "+441632960000-0009").await).await.unwrap();
    let warned = draft.warnings.join(" ");
    assert!(
        warned.contains("10 of the new numbers are reserved by Wanda Writer for account contoso until 2 Feb"),
        "{warned}"
    );
    let refused = blocks::end_reservation(&world.ctx, &other, &origin(), first).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict(reason) if reason.contains("Wanda Writer keeps these numbers")));
    blocks::end_reservation(&world.ctx, &wanda, &origin(), first).await.unwrap();
    let ended = blocks::end_reservation(&world.ctx, &wanda, &origin(), first).await;
    assert!(matches!(ended, Err(Error::NotFound(_))));
    assert_eq!(
        reserve(&world, &FreeForm { hours: "1".into(), ..asked(50) }).await.unwrap(),
        "+441632960010-+441632960059"
    );
    world.clock.advance(Duration::hours(1));
    assert!(blocks::reservations(&world.ctx, &grant()).await.unwrap().is_empty());
    assert_eq!(database::numbers(&world.db, "SELECT COUNT(*) FROM reserved").await, [1]);
    sweep(&world.ctx).await.unwrap();
    assert_eq!(database::numbers(&world.db, "SELECT COUNT(*) FROM reserved").await, [0]);
    assert_eq!(database::numbers(&world.db, "SELECT COUNT(*) FROM reservations").await, [0]);
}

async fn a_reservation_ends_once_its_numbers_are_uploaded(world: World) {
    world.local_account("contoso").await;
    add(&world, "+441632960000", "+441632960099").await;
    world.upload("contoso", "+441632960005").await;
    // From two gaps.
    let gaps = FreeForm { in_a_row: false, ..asked(20) };
    assert_eq!(reserve(&world, &gaps).await.unwrap(), "+441632960000-+441632960004 +441632960006-+441632960020");
    let left = async || blocks::reservations(&world.ctx, &grant()).await.unwrap().len();
    assert!(!blocks::reservations(&world.ctx, &grant()).await.unwrap()[0].is_begun());
    world.upload("contoso", "+441632960000-0004\n+441632960050").await;
    assert_eq!((left().await, database::numbers(&world.db, "SELECT COUNT(*) FROM reserved").await), (1, vec![1]));
    let begun = async || blocks::reservations(&world.ctx, &grant()).await.unwrap().iter().all(Reservation::is_begun);
    assert!(begun().await, "a gap is used up");
    world.upload("contoso", "+441632960006-0019").await;
    assert_eq!(left().await, 1, "one of its numbers is free");
    world.upload("contoso", "+441632960020").await;
    assert_eq!(left().await, 0);
}

async fn a_reservation_ends_once_its_numbers_are_imported(world: World) {
    world.local_account("contoso").await;
    add(&world, "+441632960000", "+441632960099").await;
    assert_eq!(reserve(&world, &asked(2)).await.unwrap(), "+441632960000-+441632960001");
    let folder = tempfile::tempdir().unwrap();
    let numbers_csv = "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled\n\
                       +441632960000,contoso,true\n+441632960001,contoso,true\n";
    std::fs::write(folder.path().join("numbers.csv"), numbers_csv).unwrap();
    let (mover, source) =
        (Mover::new(&grant(), origin()).unwrap(), Source { kind: ImportKind::Files, name: "a test".to_owned() });
    let (mut import, _) = Import::run(&world.ctx, mover, source).await.unwrap();
    files::take_in(&mut import, files::in_folder(folder.path()).unwrap()).await.unwrap();
    assert_eq!(import.finish().await.unwrap().counts.numbers.new, 2);
    assert!(blocks::reservations(&world.ctx, &grant()).await.unwrap().is_empty());
}

async fn two_people_never_get_the_same_numbers(world: World) {
    world.local_account("contoso").await;
    add(&world, "+441632960000", "+441632960999").await;
    let people: Vec<_> = (0..8).map(|index| writer(&format!("Person {index}"))).collect();
    let asked = asked(100);
    let tries = people.iter().map(async |person| {
        let id = blocks::reserve_next_free(&world.ctx, person, &origin(), &asked).await.ok()?;
        blocks::reservation(&world.ctx, person, id).await.ok()
    });
    let got = futures_util::future::join_all(tries).await;
    let mut stretches: Vec<Stretch> = got.into_iter().flatten().flat_map(|(_, stretches)| stretches).collect();
    stretches.sort_by_key(|stretch| stretch.first);
    assert!(stretches.len() > 1, "{stretches:?}");
    assert!(stretches.windows(2).all(|two| !two[0].overlaps(two[1])), "{stretches:?}");
}

/// Puts numbers on an account as they are when a backend has answered, a thousand thousand of them.
async fn fill(db: &Db, first: i64, account: i64) {
    let rows = "
        WITH RECURSIVE digit (d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM digit WHERE d < 999)
        INSERT INTO numbers (telephone_number, account_id, settings_id, country, state, rev, order_id, changed_at)
        SELECT START + a.d * 1000 + b.d, ACCOUNT, (SELECT MIN(id) FROM settings), 'GB', 'synced', 1, 1, 0
        FROM digit a, digit b";
    execute(db, &rows.replace("START", &first.to_string()).replace("ACCOUNT", &account.to_string())).await;
}

async fn a_hundred_among_a_million_are_found_at_once(world: World) {
    let first = 442_000_000_000_i64;
    let account = world.local_account("contoso").await.id;
    world.upload("contoso", "+441632960000").await;
    fill(&world.db, first, account).await;
    // Every fiftieth of the second half is free, which is never a hundred in a row.
    execute(&world.db, "DELETE FROM numbers WHERE telephone_number >= 442000500000 AND telephone_number % 50 = 0")
        .await;
    let number = |value| E164::from_i64(value).unwrap();
    let stretch = Stretch { first: number(first), last: number(first + 1_999_999) };
    for count in [1_000, 100, 64, 10] {
        let found = world.db.search().await.unwrap().next_free(stretch, count, world.clock.now()).await.unwrap();
        assert_eq!(found.map(|found| found.first), Some(number(first + 1_000_000)), "{count}");
    }
    let all = NumberFilter::default();
    let page = numbers::range_page(&world.ctx, &grant(), &all, Page::First).await.unwrap();
    assert_eq!((page.ranges[1].count, page.ranges[2].count, page.ranges.len()), (500_000, 49, 50));
    let one = world.db.search().await.unwrap().next_free(stretch, 1, world.clock.now()).await.unwrap();
    assert_eq!(one.map(|one| one.to_string()).as_deref(), Some("+442000500000"));
}

async fn a_million_that_a_backend_holds_are_passed_over(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000").await;
    fill(&world.db, 442_000_000_000, 1).await;
    // Two tenants' lists, which share some, and what was released lately.
    for (list, from, to) in [(1, 442_000_000_000_i64, 442_000_699_999_i64), (2, 442_000_400_000, 442_000_899_999)] {
        execute(
            &world.db,
            &format!(
                "INSERT INTO observed (list_id, telephone_number, settings_id, assigned, seen_at)
                 SELECT {list}, telephone_number, 1, FALSE, 0 FROM numbers WHERE telephone_number BETWEEN {from} AND {to}"
            ),
        )
        .await;
    }
    let free_at = world.clock.now().unix_timestamp() * 1_000_000 + 86_400_000_000;
    execute(
        &world.db,
        &format!(
            "INSERT INTO quarantine (telephone_number, holder_id, country, order_id, released_at, free_at)
             SELECT telephone_number, 1, 'GB', 1, 0, {free_at} FROM numbers WHERE telephone_number >= 442000900000"
        ),
    )
    .await;
    execute(&world.db, "DELETE FROM numbers WHERE telephone_number >= 442000000000").await;
    let number = |value| E164::from_i64(value).unwrap();
    let stretch = Stretch { first: number(442_000_000_000), last: number(442_001_000_999) };
    for count in [1, 50, 300] {
        let found = world.db.search().await.unwrap().next_free(stretch, count, world.clock.now()).await.unwrap();
        assert_eq!(found.map(|found| found.first), Some(number(442_001_000_000)), "{count}");
    }
}
