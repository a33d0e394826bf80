//! Numbers in a row stand on one line, however many there are.

use nmp::service::numbers::{self, NumberFilter};
use nmp::service::orders;
use nmp::service::{Page, orders::REVIEW_SHOWN};

use crate::harness::database::execute;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, number};

on_both_databases![
    a_run_of_a_hundred_thousand_is_one_line,
    ranges_page_in_both_directions,
    a_filter_parts_what_it_does_not_find,
    items_of_an_order_are_folded,
    refused_numbers_are_folded,
];

type Told = Vec<(String, String, i64)>;

async fn page(world: &World, filter: &NumberFilter, page: Page<nmp::domain::E164>) -> (Told, bool, bool) {
    let found = numbers::range_page(&world.ctx, &grant(), filter, page).await.unwrap();
    let told = found.ranges.iter().map(|r| (r.first.to_string(), r.last.to_string(), r.count)).collect();
    (told, found.more_before, found.more_after)
}

fn range(first: &str, last: &str, count: i64) -> (String, String, i64) {
    (first.to_owned(), last.to_owned(), count)
}

async fn a_run_of_a_hundred_thousand_is_one_line(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+442000000000-+442000099999").await;
    world.upload("contoso", "+441632960000-0009\n+442000100001-+442000100002").await;
    execute(&world.db, "DELETE FROM numbers WHERE telephone_number = 442000065536").await;
    let (told, before, after) = page(&world, &NumberFilter::default(), Page::First).await;
    let expected = [
        range("+441632960000", "+441632960009", 10),
        range("+442000000000", "+442000065535", 65_536),
        range("+442000065537", "+442000099999", 34_463),
        range("+442000100001", "+442000100002", 2),
    ];
    assert_eq!((told.as_slice(), before, after), (expected.as_slice(), false, false));
    // The same from behind.
    let (told, before, after) = page(&world, &NumberFilter::default(), Page::Before(number("+442000100003"))).await;
    assert_eq!((told.as_slice(), before, after), (expected.as_slice(), false, true));
}

async fn ranges_page_in_both_directions(world: World) {
    world.local_account("contoso").await;
    let text = (0..130).map(|n| format!("+4416329{n:03}00-{n:03}04")).collect::<Vec<_>>().join("\n");
    world.upload("contoso", &text).await;
    let all = NumberFilter::default();
    let (first, before, after) = page(&world, &all, Page::First).await;
    assert_eq!((first.len(), before, after), (50, false, true));
    let (second, before, after) = page(&world, &all, Page::After(number(&first[49].1))).await;
    assert_eq!((second.len(), before, after), (50, true, true));
    let (third, before, after) = page(&world, &all, Page::After(number(&second[49].1))).await;
    assert_eq!((third.len(), before, after), (30, true, false));
    let (back, before, after) = page(&world, &all, Page::Before(number(&third[0].0))).await;
    assert_eq!((back, before, after), (second.clone(), true, true));
    let (back, before, _) = page(&world, &all, Page::Before(number(&second[0].0))).await;
    assert_eq!((back, before), (first, false));
}

async fn a_filter_parts_what_it_does_not_find(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-+441632964999").await;
    let starts = NumberFilter { starts: Some(4_416_329_630), ..NumberFilter::default() };
    assert_eq!(page(&world, &starts, Page::First).await.0, [range("+441632963000", "+441632963099", 100)]);
    let ends = NumberFilter { ends: Some("00".into()), ..NumberFilter::default() };
    let (told, _, after) = page(&world, &ends, Page::First).await;
    assert_eq!((told.len(), told[1].clone(), after), (50, range("+441632960100", "+441632960100", 1), false));
    execute(&world.db, "UPDATE numbers SET assigned = TRUE WHERE telephone_number = 441632962500").await;
    let free = Some(numbers::Assignment::Unassigned);
    let free = NumberFilter { assignment: free, ..NumberFilter::default() };
    let expected = [range("+441632960000", "+441632962499", 2_500), range("+441632962501", "+441632964999", 2_499)];
    assert_eq!(page(&world, &free, Page::First).await.0, expected);
}

async fn items_of_an_order_are_folded(world: World) {
    world.local_account("contoso").await;
    let order = world.upload("contoso", "+441632960000-+441632963999\n+441632965000").await;
    let pages = async |only, page| orders::folded(&world.ctx, &grant(), order, only, page).await.unwrap();
    let (items, before, after) = pages(None, Page::First).await;
    let told: Vec<_> = items.iter().map(|items| (items.first.to_string(), items.count)).collect();
    assert_eq!(told, [("+441632960000".to_owned(), 4_000), ("+441632965000".to_owned(), 1)]);
    assert_eq!((before, after), (false, false));
    let failed = "UPDATE order_items SET state = 'failed' WHERE telephone_number = 441632962000";
    execute(&world.db, failed).await;
    let (items, ..) = pages(None, Page::First).await;
    assert_eq!(items.iter().map(|items| items.count).collect::<Vec<_>>(), [2_000, 1, 1_999, 1]);
    let (items, ..) = pages(Some(nmp::domain::ItemState::Failed), Page::First).await;
    assert_eq!(items.iter().map(|items| items.count).collect::<Vec<_>>(), [1]);
    let (items, before, after) = pages(None, Page::Before(number("+441632965000"))).await;
    assert_eq!(items.iter().map(|items| items.count).collect::<Vec<_>>(), [2_000, 1, 1_999]);
    assert_eq!((before, after), (false, true));
}

async fn refused_numbers_are_folded(world: World) {
    world.local_account("contoso").await;
    world.local_account("fabrikam").await;
    world.upload("contoso", "+441632960000-+441632962999").await;
    let draft = world.stage("fabrikam", "+441632960000-+441632963999").await;
    let review = world.review(draft).await;
    assert_eq!(review.refused_count(), 3_000);
    let told: Vec<_> =
        review.refused_ranges.iter().map(|r| (r.first.to_string(), r.count, r.reason.as_str())).collect();
    let reason = "Belongs to account contoso. Release it there first, then upload it here.";
    assert_eq!(told, [("+441632960000".to_owned(), 3_000, reason)]);

    // More ranges than a review shows at once are on its next page.
    let text = (0..60).map(|n| format!("+4420000{n:03}00-{n:03}04")).collect::<Vec<_>>().join("\n");
    let review = world.review(world.stage("fabrikam", &text).await).await;
    assert_eq!(review.ranges.len(), REVIEW_SHOWN + 1);
    let last = review.ranges[REVIEW_SHOWN - 1].last;
    let behind = orders::ranges_behind(&world.ctx, &grant(), &review.order, last).await.unwrap();
    assert_eq!(behind.len(), 10);
}
