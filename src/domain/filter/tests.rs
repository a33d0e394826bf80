//! What a filter is, what it means, and what is said of one that is none.

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> Filter<NumberField> {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn term(field: NumberField, test: Test, holds: bool) -> Filter<NumberField> {
    Filter::Text(TextTerm { field, test, holds })
}

fn account(name: &str) -> Filter<NumberField> {
    term(NumberField::AccountName, Test::Is(name.into()), true)
}

fn problems(text: &str) -> String {
    let error = parse::<NumberField>(text).expect_err(text);
    assert!(error.to_string().ends_with(&error.supported) && error.supported.contains("telephoneNumber, "), "{error}");
    list(&error.problems)
}

#[test]
fn not_binds_before_and_and_and_before_or() {
    let parts = |names: &[&str]| names.iter().map(|name| account(name)).collect::<Vec<_>>();
    let [a, b, c] = ["a", "b", "c"].map(|name| format!("accountName eq '{name}'"));
    assert_eq!(
        number(&format!("{a} or {b} and {c}")),
        Filter::Any(vec![account("a"), Filter::All(parts(&["b", "c"]))])
    );
    assert_eq!(
        number(&format!("({a} or {b}) and {c}")),
        Filter::All(vec![Filter::Any(parts(&["a", "b"])), account("c")])
    );
    assert_eq!(
        number(&format!("{a} and ({b} and ({c}))")),
        Filter::All(parts(&["a", "b", "c"])),
        "what must hold together stands side by side"
    );
    let not_a = term(NumberField::AccountName, Test::Is("a".into()), false);
    assert_eq!(number(&format!("not {a} and {b}")), Filter::All(vec![not_a.clone(), account("b")]));
    assert_eq!(
        number(&format!("not ({a} and not {b})")),
        Filter::Any(vec![not_a, account("b")]),
        "not moves down to the terms"
    );
}

#[test]
fn every_form_of_a_term_is_read() {
    let is = |text: &str| Test::Is(text.into());
    assert_eq!(number("accountName eq 'O''Brien'"), account("O'Brien"));
    assert_eq!(number("  accountName\teq 'a b'\n"), account("a b"));
    assert_eq!(number("accountName ne 'x'"), term(NumberField::AccountName, is("x"), false));
    assert_eq!(
        number("startswith(telephoneNumber,'+4416')"),
        term(NumberField::TelephoneNumber, Test::StartsWith("+4416".into()), true)
    );
    assert_eq!(
        number("not contains( configuration.customSipHeader , 'gw' )"),
        term(NumberField::SipHeader, Test::Contains("gw".into()), false)
    );
    let enabled = |is| Filter::Enabled(Service::CallProtection, is);
    assert_eq!(number("serviceDetails/azureOperatorCallProtection/enabled eq true"), enabled(true));
    assert_eq!(number("serviceDetails.azureOperatorCallProtection.enabled ne true"), enabled(false));
    assert_eq!(number("not (serviceDetails/azureOperatorCallProtection/enabled eq false)"), enabled(true));
    assert_eq!(
        parse::<ConsentField>("contains(consentedCountries,'UK')"),
        Ok(Filter::Text(TextTerm { field: ConsentField::Countries, test: Test::Contains("UK".into()), holds: true }))
    );
}

#[test]
fn every_field_of_every_resource_can_be_asked_for() {
    fn ask<F: Fields + std::fmt::Debug>() {
        for (name, kind) in F::FIELDS {
            if let FieldKind::Enabled(service) = kind {
                assert_eq!(*name, format!("serviceDetails/{}/enabled", service.contract_name()));
            }
            let value = if matches!(kind, FieldKind::Enabled(_)) { "true" } else { "'x'" };
            for name in [(*name).to_owned(), name.replace('/', ".")] {
                parse::<F>(&format!("{name} ne {value}")).unwrap();
            }
        }
    }
    ask::<NumberField>();
    ask::<AccountField>();
    ask::<ConsentField>();
    ask::<AddressField>();
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, said) in [
        ("", "At character 1: the filter is empty; leave the parameter out to ask for everything."),
        ("   ", "At character 4: the filter is empty; leave the parameter out to ask for everything."),
        ("name eq 'x'", "At character 1: there is no field “name” to filter by."),
        ("AccountName eq 'x'", "At character 1: there is no field “AccountName” to filter by."),
        ("accountName", "At character 12: eq or ne was expected, not the end of the filter."),
        ("accountName gt 'x'", "At character 13: eq or ne was expected, not “gt”."),
        ("accountName EQ 'x'", "At character 13: eq or ne was expected, not “EQ”."),
        ("accountName eq x", "At character 16: accountName is compared with a text in single quotes, not with “x”."),
        ("accountName eq 5", "At character 16: accountName is compared with a text in single quotes, not with “5”."),
        (
            "accountName eq",
            "At character 15: a value (true, false or a text in single quotes) was expected, not the end of the filter.",
        ),
        (
            "accountName eq null",
            "At character 16: nothing can be compared with null; an item that has no value for a field is in no \
             list that is filtered by it.",
        ),
        ("accountName eq \"x\"", "At character 16: write texts in single quotes, and a quote within one twice ('')."),
        ("accountName eq 'x", "At character 16: the text that starts here has no closing quote."),
        (
            "accountName eq 'é' and 'x' eq 'é'",
            "At character 24: a field, startswith, contains, not or ( was expected, not 'x'.",
        ),
        ("accountName eq 'a\0'", "At character 18: a text cannot hold the character NUL."),
        ("accountName eq 'a' 'b'", "At character 20: and, or, or the end was expected, not 'b'."),
        ("accountName eq 'a')", "At character 19: this bracket was never opened."),
        (
            "(accountName eq 'a'",
            "At character 20: and, or, or a closing bracket was expected, not the end of the filter.",
        ),
        ("endswith(accountName,'a')", "At character 1: there is no function “endswith” in a filter."),
        ("contains('a',accountName)", "At character 10: the first argument of contains is a field, not 'a'."),
        ("contains(accountName)", "At character 21: a comma was expected, not )."),
        ("accountName = 'a'", "At character 13: “=” is not understood here."),
        (
            "serviceDetails/teamsPhoneMobile/enabled eq 'true'",
            "At character 44: serviceDetails/teamsPhoneMobile/enabled is compared with true or false, without quotes, not with 'true'.",
        ),
        (
            "startswith(serviceDetails/teamsPhoneMobile/enabled,'t')",
            "At character 12: serviceDetails/teamsPhoneMobile/enabled is true or false; compare it with eq or ne.",
        ),
    ] {
        assert_eq!(problems(text), said, "{text}");
    }
    assert_eq!(
        list(&parse::<ConsentField>("startswith(consentedCountries,'U')").unwrap_err().problems),
        "At character 12: consentedCountries is a list; ask for a member with contains or eq."
    );
}

#[test]
fn every_problem_that_does_not_stop_the_reading_is_said_at_once() {
    assert_eq!(
        problems("nobody eq 'x' and accountName eq true or contains(none,'x') and accountName le 'x'"),
        "At character 1: there is no field “nobody” to filter by. At character 34: accountName is compared with a \
         text in single quotes, not with “true”. At character 51: there is no field “none” to filter by. At \
         character 77: eq or ne was expected, not “le”."
    );
}

#[test]
fn a_filter_has_limits() {
    let many = |count: usize| vec!["accountName eq 'a'"; count].join(" or ");
    number(&many(MAX_TERMS));
    assert!(problems(&many(MAX_TERMS + 1)).contains("50 comparisons at most"));
    let deep = |depth: usize| format!("{}accountName eq 'a'{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(number(&deep(MAX_DEPTH - 1)), account("a"));
    assert!(problems(&deep(MAX_DEPTH)).contains("more than 32 deep"));
    assert!(problems(&format!("{}accountName eq 'a'", "not ".repeat(400))).contains("more than 32 deep"));
    let long = |length: usize| format!("accountName eq '{}'", "x".repeat(length - 17));
    number(&long(MAX_LENGTH));
    assert_eq!(
        problems(&long(MAX_LENGTH + 1)),
        "At character 2001: the filter has 2001 characters; up to 2000 are read."
    );
}

/// A filter as it is written, for the tests that compare it with what is read.
#[derive(Clone, Debug)]
enum Written {
    Equal(usize, bool, &'static str),
    Function(usize, &'static str, &'static str),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

const FIELDS: [(&str, NumberField); 3] = [
    ("accountName", NumberField::AccountName),
    ("configuration/customSipHeader", NumberField::SipHeader),
    ("serviceDetails/teamsOperatorConnect/configuration/usage", NumberField::Usage(Service::OperatorConnect)),
];
const TEXTS: [&str; 5] = ["", "a", "A", "it's", "ba"];

fn any_written() -> impl Strategy<Value = Written> {
    let text = || proptest::sample::select(&TEXTS[..]);
    let leaf = prop_oneof![
        (0..3_usize, any::<bool>(), text()).prop_map(|(field, equal, text)| Written::Equal(field, equal, text)),
        (0..3_usize, proptest::sample::select(&["startswith", "contains"][..]), text())
            .prop_map(|(field, function, text)| Written::Function(field, function, text)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Written::Not(Box::new(one))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Written::And),
            proptest::collection::vec(inner, 2..4).prop_map(Written::Or),
        ]
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Written {
    fn text(&self) -> String {
        let joined = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(Self::text).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Self::Equal(field, equal, text) => {
                format!("{} {} {}", FIELDS[*field].0, if *equal { "eq" } else { "ne" }, quoted(text))
            }
            Self::Function(field, function, text) => format!("{function}({},{})", FIELDS[*field].0, quoted(text)),
            Self::Not(one) => format!("not {}", one.text()),
            Self::And(parts) => joined(parts, " and "),
            Self::Or(parts) => joined(parts, " or "),
        }
    }

    /// Three-valued: `None` where it depends on a value that is not there.
    fn value(&self, item: [Option<&str>; 3]) -> Option<bool> {
        match self {
            Self::Equal(field, equal, text) => item[*field].map(|value| (value == *text) == *equal),
            Self::Function(field, "contains", text) => item[*field].map(|value| value.contains(text)),
            Self::Function(field, _, text) => item[*field].map(|value| value.starts_with(text)),
            Self::Not(one) => one.value(item).map(|value| !value),
            Self::And(parts) => {
                let values: Vec<_> = parts.iter().map(|part| part.value(item)).collect();
                if values.contains(&Some(false)) { Some(false) } else { all_known(&values) }
            }
            Self::Or(parts) => {
                let values: Vec<_> = parts.iter().map(|part| part.value(item)).collect();
                if values.contains(&Some(true)) { Some(true) } else { all_known(&values).map(|_| false) }
            }
        }
    }
}

fn all_known(values: &[Option<bool>]) -> Option<bool> {
    values.iter().all(Option::is_some).then_some(true)
}

/// What was read, on an item: two-valued, a term of what is not there does not hold.
fn holds(filter: &Filter<NumberField>, item: [Option<&str>; 3]) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| holds(part, item)),
        Filter::Any(parts) => parts.iter().any(|part| holds(part, item)),
        Filter::Enabled(..) => unreachable!(),
        Filter::Text(term) => {
            let index = FIELDS.iter().position(|(_, field)| *field == term.field).unwrap();
            item[index].is_some_and(|value| {
                term.holds
                    == match &term.test {
                        Test::Is(text) => value == text,
                        Test::StartsWith(text) => value.starts_with(text.as_str()),
                        Test::Contains(text) => value.contains(text.as_str()),
                    }
            })
        }
    }
}

proptest! {
    #[test]
    fn what_is_read_means_what_was_written(
        written in any_written(),
        item in proptest::array::uniform3(proptest::option::of(proptest::sample::select(&TEXTS[..]))),
    ) {
        prop_assert_eq!(holds(&number(&written.text()), item), written.value(item) == Some(true), "{}", written.text());
    }

    #[test]
    fn any_text_is_answered_with_a_place_within_it(text in "([a-z/.'(), ]|eq|ne|and|or|not|accountName|startswith|\\PC){0,60}") {
        if let Err(error) = parse::<NumberField>(&text) {
            prop_assert!(!error.problems.is_empty());
            for (at, _) in error.problems {
                prop_assert!((1..=text.chars().count() + 1).contains(&at));
            }
        }
    }
}
