use proptest::prelude::*;

use super::*;

fn zones() -> Zones {
    Zones { base: "pstn.example.net".into(), regions: vec!["1r1".into(), "1r2".into()] }
}

#[test]
fn a_label_is_folded_to_lower_case_and_a_token_is_not() {
    assert_eq!(parse_label("Contoso_1-"), Ok("contoso_1-".to_owned()));
    assert_eq!(parse_token("MS=Ms12345_-"), Ok("MS=Ms12345_-".to_owned()));
    for (token, doubted) in [("", false), ("MS=ms1", false), ("ms12345678", true), ("ms=ms1", true), ("=_-", true)] {
        assert_eq!(token_doubt(token).is_some(), doubted, "{token}");
    }
    for bad in ["", "contoso.com", "contoso-ltd", "a b", "\u{e9}", "a="] {
        assert!(parse_label(bad).is_err(), "{bad}");
    }
    for bad in ["", "a.b", "a b", &"x".repeat(101)] {
        assert!(parse_token(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_account_has_a_name_in_each_region() {
    assert_eq!(zones().names("contoso"), ["contoso.1r1.pstn.example.net", "contoso.1r2.pstn.example.net"]);
    assert_eq!(zones().check_label("ConToSo_1-"), Ok("contoso_1-".to_owned()));
    assert_eq!(zones().warnings("contoso"), Vec::<String>::new());
    assert_eq!(zones().warnings("_contoso-").len(), 2);
}

#[test]
fn every_problem_of_a_label_is_told_at_once() {
    let problems = |text: &str| zones().check_label(text).unwrap_err();
    for (text, words) in [
        ("", &["Enter a subdomain"][..]),
        ("contoso.ltd.uk", &["has 14 characters", "without dots"]),
        ("*.contoso", &["without dots", "wildcard"]),
        ("*", &["wildcard"]),
        ("a b\u{e9}", &["A blank"]),
        ("caf\u{e9};", &["\u{201c}\u{e9}\u{201d}"]),
        ("WWW", &["reserved"]),
        ("provapi", &["reserved"]),
        ("ns", &["reserved"]),
        ("Ns1", &["reserved"]),
        ("1R2", &["reserved"]),
        ("contoso-ltd", &["has 11 characters"]),
    ] {
        let found = problems(text);
        assert_eq!(found.len(), words.len(), "{text}: {found:?}");
        for (problem, word) in found.iter().zip(words) {
            assert!(problem.contains(word), "{text}: {problem}");
        }
    }
}

#[test]
fn a_full_name_has_at_most_48_characters() {
    // 34 characters, the longest base domain that leaves room for nine of the label.
    let base = format!("{}.example.net", "p".repeat(22));
    let zones = Zones { base, regions: vec!["1r1".into(), "long-1r2".into()] };
    assert_eq!(zones.check_label("cont"), Ok("cont".to_owned()));
    let found = zones.check_label("contoso").unwrap_err();
    assert!(found.len() == 1 && found[0].contains("contoso.long-1r2.") && found[0].contains("51"), "{found:?}");
    let one = Zones { regions: vec!["1r1".into()], ..zones };
    assert_eq!(one.check_label("contoso19"), Ok("contoso19".to_owned()));
    assert!(one.check_label("contoso190").unwrap_err()[0].contains("has 49 characters"));
}

#[test]
fn a_host_name_is_told_from_others() {
    assert_eq!(parse_host("NS1.Example.net."), Ok("ns1.example.net".to_owned()));
    for bad in ["", ".", "example", "a..b", "-a.b", "a_b.c", "a b.c", &format!("{}.b", "x".repeat(64))] {
        assert!(parse_host(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_label_that_is_taken_fits_into_its_zone(text in ".{0,14}") {
        if let Ok(label) = zones().check_label(&text) {
            prop_assert_eq!(Ok(label.clone()), parse_label(&text));
            prop_assert_eq!(zones().check_label(&label), Ok(label.clone()));
            for name in zones().names(&label) {
                prop_assert!(name.len() <= NAME_MAX && name.split('.').count() == 5);
            }
        }
    }

    #[test]
    fn the_contract_and_the_zone_agree_on_labels(text in "[A-Za-z0-9_-]{1,12}") {
        let reserved = zones().check_label(&text).err().is_some_and(|found| found.iter().any(|p| p.contains("reserved")));
        prop_assert_eq!(zones().check_label(&text).is_ok(), parse_label(&text).is_ok() && !reserved);
    }
}
