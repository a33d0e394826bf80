//! Repeatable requests: their headers, their window, and what makes two of them the same.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-02-01 12:00:00 UTC);

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
        .collect()
}

fn read(id: &[&str], first_sent: &[&str]) -> Result<Option<Repeatable>, Rejected> {
    let ids = id.iter().map(|id| ("repeatability-request-id", *id));
    let dates = first_sent.iter().map(|date| ("repeatability-first-sent", *date));
    Repeatable::read(&headers(&ids.chain(dates).collect::<Vec<_>>()), NOW)
}

fn malformed(id: &[&str], first_sent: &[&str]) -> Vec<String> {
    match read(id, first_sent) {
        Err(Rejected::Malformed(problems)) => {
            assert!(problems.iter().all(|problem| problem.code == "repeatability_rejected"));
            problems.into_iter().map(|problem| problem.target).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_headers_make_a_request_repeatable() {
    assert_eq!(read(&[], &[]), Ok(None));
    for date in ["Sun, 01 Feb 2026 11:00:00 GMT", "2026-02-01T11:00:00Z"] {
        let id = "7d0f6a3e-0000-4000-8000-000000000001";
        let first_sent = datetime!(2026-02-01 11:00:00 UTC);
        assert_eq!(read(&[id], &[date]), Ok(Some(Repeatable { id: id.to_owned(), first_sent })));
    }
    let longest = "x".repeat(ID_MAX);
    assert!(read(&[&longest], &["2026-02-01T11:00:00Z"]).is_ok());
}

#[test]
fn headers_that_cannot_be_read_are_all_named() {
    let (id, date) = ("Repeatability-Request-ID", "Repeatability-First-Sent");
    let good = "2026-02-01T11:00:00Z";
    assert_eq!(malformed(&["1"], &[]), [date], "only one of both");
    assert_eq!(malformed(&[], &[good]), [id], "only one of both");
    assert_eq!(malformed(&[""], &[good]), [id]);
    assert_eq!(malformed(&["a b"], &[good]), [id]);
    assert_eq!(malformed(&["\u{e9}"], &[good]), [id]);
    assert_eq!(malformed(&[&"x".repeat(ID_MAX + 1)], &[good]), [id]);
    assert_eq!(malformed(&["1", "2"], &[good]), [id]);
    assert_eq!(malformed(&["1"], &["noon"]), [date]);
    assert_eq!(malformed(&["a b"], &["noon"]), [id, date]);
    assert_eq!(malformed(&["a b"], &[]), [id, date]);
}

#[test]
fn a_request_can_be_repeated_for_a_day() {
    let ok = |date: &str| match read(&["1"], &[date]) {
        Ok(Some(_)) => true,
        Err(Rejected::OutsideWindow(problem)) => {
            assert_eq!(problem.target, "Repeatability-First-Sent");
            false
        }
        other => panic!("{other:?}"),
    };
    assert!(ok("2026-01-31T12:00:00Z"));
    assert!(!ok("2026-01-31T11:59:59Z"));
    assert!(ok("2026-02-01T12:05:00Z"));
    assert!(!ok("2026-02-01T12:05:01Z"));
}

#[test]
fn two_requests_are_one_only_when_everything_that_counts_is_the_same() {
    let conditions = headers(&[("if-match", "\"1\""), ("x-other", "1")]);
    let first = SentRequest {
        method: "PUT",
        path: "/accounts/contoso",
        query: Some("api-version=2024-02-29&a=1&b=2"),
        headers: &conditions,
        body: b"{}",
    };
    let same = first.fingerprint();
    assert_eq!(same.len(), 64);
    assert!(same.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    let other_headers = headers(&[("if-match", "\"1\""), ("x-other", "2"), ("authorization", "Bearer new")]);
    for again in [
        SentRequest { query: Some("b=2&a=1&api-version=2024-02-29-preview"), ..first },
        SentRequest { headers: &other_headers, ..first },
    ] {
        assert_eq!(again.fingerprint(), same, "{again:?}");
    }
    let (none, moved) = (HeaderMap::new(), headers(&[("if-none-match", "\"1\"")]));
    let twice = headers(&[("if-match", "\"1\""), ("if-match", "\"1\"")]);
    let mut seen = vec![same];
    for other in [
        SentRequest { method: "PATCH", ..first },
        SentRequest { path: "/accounts/contos", ..first },
        SentRequest { query: Some("a=1"), ..first },
        SentRequest { query: Some("a=2&b=1"), ..first },
        SentRequest { query: None, ..first },
        SentRequest { headers: &none, ..first },
        SentRequest { headers: &moved, ..first },
        SentRequest { headers: &twice, ..first },
        SentRequest { body: b"{} ", ..first },
        SentRequest { body: b"", ..first },
    ] {
        let fingerprint = other.fingerprint();
        assert!(!seen.contains(&fingerprint), "{other:?}");
        seen.push(fingerprint);
    }
}
