//! Paging against a list in memory: exactly what was asked for, also while the list changes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::filter::{AccountField, NumberField};

type Accounts = ListQuery<AccountField, String>;

fn base() -> Url {
    Url::parse("https://provapi.example.com/").unwrap()
}

fn refused(query: &str) -> Vec<(&'static str, String)> {
    let problems = Accounts::read("/accounts", Some(query)).expect_err(query);
    problems.into_iter().map(|problem| (problem.code, problem.target)).collect()
}

/// What the database answers.
fn answer(rows: &BTreeSet<String>, window: &Window<String>) -> ListPart<String> {
    let behind = rows.iter().filter(|row| window.after.as_ref().is_none_or(|after| *row > after));
    let mut items: Vec<String> = behind.skip(window.skip as usize).take(window.limit as usize + 1).cloned().collect();
    let more = items.len() > window.limit as usize;
    items.truncate(window.limit as usize);
    ListPart { items, more }
}

/// Follows the links from a first query; `between` may change the rows after every page.
fn follow(
    rows: &mut BTreeSet<String>,
    query: &str,
    mut between: impl FnMut(&mut BTreeSet<String>),
) -> Vec<Vec<String>> {
    let (mut pages, mut query) = (Vec::new(), query.to_owned());
    loop {
        let read = Accounts::read("/accounts", Some(&query)).unwrap();
        let listed = answer(rows, &read.window);
        let link = read.next_link(&base(), &listed, Clone::clone);
        pages.push(listed.items);
        let Some(link) = link else { return pages };
        assert!(link.as_str().starts_with("https://provapi.example.com/accounts?"), "{link}");
        link.query().unwrap().clone_into(&mut query);
        between(rows);
        assert!(pages.len() < 1_000);
    }
}

#[test]
fn a_list_has_defaults() {
    let read = Accounts::read("/accounts", None).unwrap();
    assert_eq!(read.window, Window { after: None, skip: 0, limit: PAGE_DEFAULT });
    assert!(read.filter.is_everything() && !read.count_records);
    let read =
        Accounts::read("/accounts", Some("api-version=x&top=7&skip=3&maxpagesize=500&countRecords=true")).unwrap();
    assert_eq!(read.window, Window { after: None, skip: 3, limit: 7 });
    assert!(read.count_records);
}

#[test]
fn every_problem_of_a_list_query_is_told_at_once() {
    let value = |name: &str| ("invalid_query_parameter", name.to_owned());
    assert_eq!(
        refused("top=0&skip=-1&maxpagesize=501&countRecords=yes&filter=name+eq&cursor=x&orderby=name"),
        [
            ("unsupported_query_parameter", "orderby".to_owned()),
            value("top"),
            value("skip"),
            value("maxpagesize"),
            value("countRecords"),
            ("invalid_filter", "filter".to_owned()),
            ("invalid_cursor", "cursor".to_owned()),
            value("top"),
            value("skip"),
        ]
    );
    assert_eq!(refused("top=2147483648"), [value("top")]);
    assert_eq!(refused("$filter=name"), [("unsupported_query_parameter", "$filter".to_owned())]);
    assert_eq!(refused("filter="), [("invalid_filter", "filter".to_owned())]);
}

fn first_link(path: &str, query: &str) -> Url {
    let read = Accounts::read(path, Some(query)).unwrap();
    let listed = ListPart { items: vec!["a".to_owned(), "b".to_owned()], more: true };
    read.next_link(&base(), &listed, Clone::clone).unwrap()
}

#[test]
fn the_link_keeps_what_is_needed_and_nothing_else() {
    let link = first_link(
        "/accounts",
        "api-version=2024-02-29&skip=2&top=9&maxpagesize=2&filter=startswith(name,'a+b')&countRecords=true",
    );
    let names: Vec<String> = link.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["api-version", "maxpagesize", "filter", "countRecords", "cursor"]);
    let read = Accounts::read("/accounts", link.query()).unwrap();
    assert_eq!(read.window, Window { after: Some("b".to_owned()), skip: 0, limit: 2 });
    assert_eq!(read.left, Some(7));
    let below = Url::parse("https://gateway.example.com/provisioning/").unwrap();
    let read = Accounts::read("/accounts", None).unwrap();
    let listed = ListPart { items: vec!["a".to_owned()], more: true };
    let link = read.next_link(&below, &listed, Clone::clone).unwrap();
    assert!(link.as_str().starts_with("https://gateway.example.com/provisioning/accounts?cursor="), "{link}");
}

#[test]
fn a_cursor_is_for_its_list_and_filter() {
    let cursor = |link: &Url| link.query_pairs().find(|(name, _)| name == "cursor").unwrap().1.into_owned();
    let of_all = cursor(&first_link("/accounts", ""));
    let filter = "filter=name+ne+'x'";
    let of_some = cursor(&first_link("/accounts", filter));
    let ok = |path: &str, query: String| Accounts::read(path, Some(&query)).is_ok();
    assert!(ok("/accounts", format!("cursor={of_all}")));
    assert!(ok("/accounts", format!("{filter}&maxpagesize=9&countRecords=true&cursor={of_some}")));
    assert!(!ok("/accounts", format!("{filter}&cursor={of_all}")), "another filter");
    assert!(!ok("/accounts", format!("cursor={of_some}")), "no filter");
    assert!(!ok("/teamsRequestsForInformation", format!("cursor={of_all}")), "another list");
    for at in 0..of_all.len() {
        let mut changed = of_all.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(!ok("/accounts", format!("cursor={}", String::from_utf8(changed).unwrap())), "changed at {at}");
        assert!(!ok("/accounts", format!("cursor={}", &of_all[..at])), "cut off at {at}");
    }
    // A key of another kind.
    let numbers = ListQuery::<NumberField, E164>::read("/accounts", Some(&format!("cursor={of_all}")));
    assert_eq!(numbers.unwrap_err()[0].code, "invalid_cursor");
}

#[test]
fn the_last_page_has_no_link() {
    let mut rows: BTreeSet<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
    let mut pages = |query: &str| follow(&mut rows, query, |_| {}).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(pages("maxpagesize=2"), [2, 2]);
    assert_eq!(pages("maxpagesize=3"), [3, 1]);
    assert_eq!(pages("top=2&maxpagesize=2"), [2]);
    assert_eq!(pages("top=3&maxpagesize=2"), [2, 1]);
    assert_eq!(pages("skip=4"), [0]);
    assert_eq!(pages("top=4"), [4]);
}

proptest! {
    #[test]
    fn following_the_links_gives_exactly_what_was_asked_for(
        mut rows in proptest::collection::btree_set("[a-e]{1,3}", 0..60),
        top in proptest::option::of(1..70_u32),
        skip in proptest::option::of(0..20_u32),
        size in proptest::option::of(1..20_u32),
    ) {
        let parameter = |name: &str, value: Option<u32>| value.map(|value| format!("{name}={value}&")).unwrap_or_default();
        let query = format!("{}{}{}", parameter("top", top), parameter("skip", skip), parameter("maxpagesize", size));
        let top = top.map_or(usize::MAX, |top| top as usize);
        let expected: Vec<String> = rows.iter().skip(skip.unwrap_or(0) as usize).take(top).cloned().collect();
        let pages = follow(&mut rows, query.trim_end_matches('&'), |_| {});
        for page in &pages {
            prop_assert!(page.len() <= size.unwrap_or(PAGE_DEFAULT) as usize);
        }
        prop_assert_eq!(pages.concat(), expected);
    }

    #[test]
    fn what_stays_is_seen_once_whatever_comes_and_goes(
        mut rows in proptest::collection::btree_set("[a-e]{1,3}", 1..60),
        changes in proptest::collection::vec(("[a-e]{1,3}", any::<bool>()), 0..80),
        size in 1..10_u32,
    ) {
        let touched: BTreeSet<String> = changes.iter().map(|(row, _)| row.clone()).collect();
        let staying: Vec<String> = rows.difference(&touched).cloned().collect();
        let mut changes = changes.chunks(4);
        let seen = follow(&mut rows, &format!("maxpagesize={size}"), |rows| {
            for (row, add) in changes.next().unwrap_or_default() {
                if *add { rows.insert(row.clone()); } else { rows.remove(row); }
            }
        }).concat();
        prop_assert!(seen.is_sorted_by(|a, b| a < b), "in order and none twice");
        let stayed: Vec<String> = seen.into_iter().filter(|row| !touched.contains(row)).collect();
        prop_assert_eq!(stayed, staying);
    }
}
