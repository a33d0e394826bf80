//! Conditions: how they are read, and every combination of them.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use time::macros::datetime;

use super::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

fn tags(lines: &[&str]) -> Result<Option<Tags>, String> {
    let lines: Vec<(&str, &str)> = lines.iter().map(|line| ("If-Match", *line)).collect();
    read_tags(&headers(&lines), "If-Match").map_err(|refusal| refusal.message)
}

fn tag(weak: bool, text: &str) -> Tag {
    Tag { weak, text: text.to_owned() }
}

#[test]
fn tags_are_read_in_every_form() {
    let list = |tags: &[(bool, &str)]| Ok(Some(Tags::List(tags.iter().map(|(weak, text)| tag(*weak, text)).collect())));
    assert_eq!(tags(&[]), Ok(None));
    assert_eq!(tags(&["*"]), Ok(Some(Tags::Any)));
    assert_eq!(tags(&[" * "]), Ok(Some(Tags::Any)));
    assert_eq!(tags(&["\"*\""]), list(&[(false, "*")]));
    assert_eq!(tags(&["\"a.b\""]), list(&[(false, "a.b")]));
    assert_eq!(tags(&["W/\"a.b\""]), list(&[(true, "a.b")]));
    assert_eq!(tags(&["\"a\",\"b\" , W/\"c\""]), list(&[(false, "a"), (false, "b"), (true, "c")]));
    assert_eq!(tags(&["\"a\"", "\"b\""]), list(&[(false, "a"), (false, "b")]), "several lines are one list");
    assert_eq!(tags(&[",, \"a\" ,, ,"]), list(&[(false, "a")]), "empty elements are left out");
    assert_eq!(tags(&["\"a,b\""]), list(&[(false, "a,b")]), "a comma within quotes parts nothing");
    assert_eq!(tags(&["\"\""]), list(&[(false, "")]));
    assert_eq!(tags(&["12345"]), list(&[(false, "12345")]), "quotes may be missing");
    assert_eq!(tags(&["a.b, W/c ,\"d\""]), list(&[(false, "a.b"), (true, "c"), (false, "d")]));
    assert_eq!(
        tags(&["w/\"a\""]),
        Err("The header If-Match cannot be read. Write * or ETags as they were sent, \
             such as \"0123.4567\", with commas between them."
            .to_owned()),
        "W is upper case"
    );
}

#[test]
fn a_condition_that_cannot_be_read_is_refused() {
    for (lines, problem) in [
        (&[""][..], "is empty"),
        (&["  "], "is empty"),
        (&["\"a\"", ""], "is empty"),
        (&[","], "has no ETag"),
        (&["*, \"a\""], "has both * and ETags"),
        (&["*", "a"], "has both * and ETags"),
        (&["\"a"], "has an ETag without its closing quote"),
        (&["\"a b\""], "has an ETag with a blank in it"),
        (&["\"a\" \"b\""], "has no comma behind an ETag"),
        (&["\"a\"b"], "has no comma behind an ETag"),
        (&["a b"], "cannot be read"),
        (&["a\"b\""], "cannot be read"),
        (&["W/"], "has a W/ without an ETag"),
        (&["caf\u{e9}"], "holds characters that are not visible ASCII"),
    ] {
        let message = tags(lines).expect_err(problem);
        assert!(message.starts_with(&format!("The header If-Match {problem}")), "{lines:?}: {message}");
    }
}

#[test]
fn every_header_that_cannot_be_read_is_named() {
    let problems = Preconditions::read(&headers(&[
        ("if-match", ""),
        ("if-none-match", "\""),
        ("if-unmodified-since", "tomorrow"),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ]))
    .unwrap_err();
    let named: Vec<(&str, &str)> = problems.iter().map(|p| (p.code, p.target.as_str())).collect();
    assert_eq!(
        named,
        ["If-Match", "If-None-Match", "If-Unmodified-Since", "If-Modified-Since"].map(|name| ("invalid_header", name))
    );
    let read = Preconditions::read(&headers(&[("if-modified-since", "2026-02-01T00:00:00Z")]));
    assert_eq!(read, Ok(Preconditions::default()), "it is read and then ignored");
}

const CHANGED: OffsetDateTime = datetime!(2026-02-01 12:00:00.5 UTC);

/// A condition, whether it holds for the resource `d.w`, and whether it holds where there is none.
type Row<T> = (Option<T>, bool, bool);

fn match_rows() -> Vec<Row<&'static str>> {
    vec![
        (None, true, true),
        (Some("*"), true, false),
        (Some("\"d.w\""), true, false),
        (Some("\"d.other\""), true, false),
        (Some("d"), true, false),
        (Some("\"x.y\", \"d.old\""), true, false),
        (Some("W/\"d.w\""), false, false),
        (Some("\"x.w\""), false, false),
        (Some("\"\""), false, false),
    ]
}

fn none_match_rows() -> Vec<Row<&'static str>> {
    vec![
        (None, true, true),
        (Some("*"), false, true),
        (Some("\"d.w\""), false, true),
        (Some("d.w"), false, true),
        (Some("W/\"d.w\""), false, true),
        (Some("x, \"d.w\""), false, true),
        (Some("\"d.other\""), true, true),
        (Some("\"d\""), true, true),
        (Some("\"x.w\""), true, true),
    ]
}

fn unmodified_rows() -> Vec<Row<&'static str>> {
    vec![
        (None, true, true),
        (Some("Sun, 01 Feb 2026 11:59:59 GMT"), false, false),
        (Some("Sun, 01 Feb 2026 12:00:00 GMT"), true, false),
        (Some("2026-02-01T12:00:00Z"), true, false),
        (Some("2026-02-01T12:00:00.4Z"), false, false),
        (Some("2026-02-01T12:00:00.5Z"), true, false),
        (Some("2030-01-01T00:00:00+01:00"), true, false),
    ]
}

#[test]
fn every_combination_of_conditions_is_weighed_in_the_order_of_the_rfc() {
    let current = Current::new("\"d.w\"", CHANGED);
    let mut combinations = 0;
    for (if_match, matches, matches_nothing) in match_rows() {
        for (if_none_match, differs, differs_from_nothing) in none_match_rows() {
            for (unmodified, unchanged, unchanged_nothing) in unmodified_rows() {
                let lines: Vec<(&str, &str)> = [
                    ("if-match", if_match),
                    ("if-none-match", if_none_match),
                    ("if-unmodified-since", unmodified),
                    ("if-modified-since", Some("Sun, 01 Feb 2026 12:00:00 GMT")),
                ]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
                let conditions = Preconditions::read(&headers(&lines)).unwrap();
                for (purpose, there) in
                    [Purpose::Read, Purpose::Write, Purpose::Delete].map(|p| [(p, true), (p, false)]).concat()
                {
                    let (first, second) = if there {
                        (if if_match.is_some() { matches } else { unchanged }, differs)
                    } else if purpose == Purpose::Write {
                        (if if_match.is_some() { matches_nothing } else { unchanged_nothing }, differs_from_nothing)
                    } else {
                        (true, true)
                    };
                    let outcome = conditions.evaluate(purpose, there.then_some(&current));
                    let found = match &outcome {
                        Weighed::Proceed => 200,
                        Weighed::NotModified => 304,
                        Weighed::Failed(_) => 412,
                    };
                    let expected = match (first, second, purpose) {
                        (true, false, Purpose::Read) => 304,
                        (false, ..) | (true, false, _) => 412,
                        (true, true, _) => 200,
                    };
                    assert_eq!(found, expected, "{purpose:?} {lines:?} there: {there}: {outcome:?}");
                    combinations += 1;
                }
            }
        }
    }
    assert_eq!(combinations, 9 * 9 * 7 * 6);
}

#[test]
fn a_failed_condition_says_what_to_do() {
    let failed = |name, value, current: Option<&Current<'_>>| match Preconditions::read(&headers(&[(name, value)]))
        .unwrap()
        .evaluate(Purpose::Write, current)
    {
        Weighed::Failed(reason) => reason,
        other => panic!("{other:?}"),
    };
    let current = Current::new("d.w", CHANGED);
    assert_eq!(
        failed("if-match", "\"old.w\"", Some(&current)),
        "The resource was changed since you read it: its ETag is \"d.w\" now, which If-Match does not name. Read it \
         again and send your change with its new ETag."
    );
    assert!(failed("if-match", "*", None).starts_with("There is no such resource"));
    assert!(failed("if-none-match", "*", Some(&current)).starts_with("The resource exists already"));
    assert!(failed("if-unmodified-since", "2020-01-01T00:00:00Z", Some(&current)).contains("Read it again"));
}

fn any_tag() -> impl Strategy<Value = (bool, bool, String)> {
    // Without quotes a tag has no comma, is no star and is not empty.
    (any::<bool>(), any::<bool>(), "[!#-+\\--~]{1,12}").prop_map(|(weak, quoted, text)| {
        let quoted = quoted || text == "*" || text.starts_with("W/");
        (weak, quoted, text)
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(written in proptest::collection::vec((any_tag(), "[ \t]{0,2},[ \t,]{0,3}"), 1..6)) {
        let mut line = String::new();
        for ((weak, quoted, text), comma) in &written {
            let quote = if *quoted { "\"" } else { "" };
            let weak = if *weak { "W/" } else { "" };
            let _ = write!(line, "{weak}{quote}{text}{quote}{comma}");
        }
        let expected = written.into_iter().map(|((weak, _, text), _)| Tag { weak, text }).collect();
        prop_assert_eq!(tags(&[&line]), Ok(Some(Tags::List(expected))), "{}", line);
    }

    #[test]
    fn any_line_is_answered(line in "([\"*,W/ ]|[ -~]){0,24}") {
        let read = tags(&[&line]);
        prop_assert!(read.is_err() || read.is_ok_and(|tags| tags.is_some()));
    }
}
