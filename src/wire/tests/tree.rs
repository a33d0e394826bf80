use proptest::prelude::*;

use crate::wire::json::{DEEPEST, parse};
use crate::wire::{read_account, read_number, read_numbers};

fn problem(body: &[u8]) -> String {
    let problem = parse(body).unwrap_err();
    format!("{} | {} | {}", problem.code, problem.target, problem.message)
}

#[test]
fn a_body_that_is_no_json_is_one_problem_with_its_place() {
    let bodies: [&[u8]; 14] = [
        b"",
        b" \n",
        b"{\"name\": \"\xff\"}",
        b"{\n  \"name\": \"a\",\n}",
        b"{\"name\": \"a\"} x",
        b"{\"name\": \"a\"",
        b"{name: 1}",
        b"{'name': 1}",
        b"{\"a\": NaN}",
        b"{\"a\": \"\\ud800\"}",
        b"{\"a\": [1, 2, {\"b\": tru}]}",
        b"{\"a\": 1e999}",
        b"{\"a\": \"x\ny\"}",
        b"// a remark\n{}",
    ];
    insta::assert_snapshot!(bodies.map(problem).join("\n"));
}

#[test]
fn what_readers_of_json_disagree_about_is_refused() {
    let bodies: [&[u8]; 5] = [
        b"{\"name\": \"a\", \"name\": \"a\"}",
        b"{\"numbers\": [{}, {\"serviceDetails\": {\n\"enabled\": true,\n \"enabled\": false}}]}",
        b"{\"a\": {\"b\": [\"x\\u0000y\"]}}",
        b"{\"a\": {\"\\u0000\": 1}}",
        b"{\"a\\u0062\": 1, \"ab\": 2}",
    ];
    insta::assert_snapshot!(bodies.map(problem).join("\n"));
}

#[test]
fn nesting_ends_at_its_limit() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(nested(DEEPEST).as_bytes()).is_ok());
    let problem = parse(nested(DEEPEST + 1).as_bytes()).unwrap_err();
    assert_eq!(problem.code, "nested_too_deeply");
    assert_eq!(problem.message, "The body is nested deeper than 32 levels, at line 1, column 34. Send a flatter one.");
    assert_eq!(parse("[".repeat(1_000_000).as_bytes()).unwrap_err().code, "nested_too_deeply");
    assert_eq!(parse("{\"a\":".repeat(1_000_000).as_bytes()).unwrap_err().code, "nested_too_deeply");
}

#[test]
fn a_byte_order_mark_in_front_is_no_problem() {
    assert!(parse("\u{feff}{}".as_bytes()).is_ok());
}

#[test]
fn a_body_has_to_be_an_object() {
    for body in ["[]", "null", "1", "\"x\"", "true"] {
        let problems = read_account(body.as_bytes(), Some(&super::name("contoso"))).problems;
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].code, problems[0].target.as_str()), ("wrong_type", ""), "{body}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = read_account(&bytes, Some(&super::name("contoso")));
    }

    #[test]
    fn any_text_is_read_as_a_lenient_reader_reads_it_or_refused(text in r#"[\[\]{}:,"\\u0a1.e+\- tfnrals]{0,40}"#) {
        match (parse(text.as_bytes()), serde_json::from_str::<serde_json::Value>(&text)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Ok(_), Err(error)) => prop_assert!(false, "{error}"),
            (Err(problem), _) => prop_assert!(!problem.code.is_empty() && !problem.message.is_empty()),
        }
        let _ = read_number(text.as_bytes(), Some("contoso"), Some(super::e164("+441632960000")));
        let _ = read_numbers(text.as_bytes(), Some("contoso"));
    }
}
