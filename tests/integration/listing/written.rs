//! Filters written at random, each together with what it means for an item: three-valued, unknown where a value is missing.

use nmp::domain::filter::{Fields, Filter, parse};
use nmp::domain::{Service, ServiceSet};
use nmp::service::listing::Window;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// A value of an item, as a filter sees it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Flag(bool),
    List(Vec<String>),
}

/// The values of an item in the order of the fields; `None` where there is none.
pub(super) type Item = Vec<Option<Value>>;

/// A filter as somebody writes it: fields by their index.
#[derive(Clone, Debug)]
enum Written {
    Equal(usize, bool, &'static str),
    Function(usize, &'static str, &'static str),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// A field: its name, `'` for a text, `t` for true or false, `[` for a list; and texts to compare it with.
pub(super) type Asked = (&'static str, char, &'static [&'static str]);

impl Written {
    fn text(&self, fields: &[Asked]) -> String {
        let joined = |parts: &[Self], word: &str| {
            format!("({})", parts.iter().map(|part| part.text(fields)).collect::<Vec<_>>().join(word))
        };
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        match self {
            Self::Equal(field, equal, text) => {
                let (name, kind, _) = fields[*field];
                let value = if kind == 't' { (*text).to_owned() } else { quoted(text) };
                format!("{name} {} {value}", if *equal { "eq" } else { "ne" })
            }
            Self::Function(field, function, text) => format!("{function}({},{})", fields[*field].0, quoted(text)),
            Self::Not(one) => format!("not {}", one.text(fields)),
            Self::And(parts) => joined(parts, " and "),
            Self::Or(parts) => joined(parts, " or "),
        }
    }

    /// Whether it holds; `None` where that depends on a value that is not there.
    fn holds(&self, item: &Item) -> Option<bool> {
        match self {
            Self::Equal(field, equal, text) => item[*field].as_ref().map(|value| {
                *equal
                    == match value {
                        Value::Text(value) => value == text,
                        Value::Flag(value) => value.to_string() == *text,
                        Value::List(values) => values.iter().any(|value| value == text),
                    }
            }),
            Self::Function(field, function, text) => item[*field].as_ref().map(|value| match value {
                Value::Text(value) if *function == "contains" => value.contains(text),
                Value::Text(value) => value.starts_with(text),
                Value::List(values) => values.iter().any(|value| value == text),
                Value::Flag(_) => panic!("{function} of a flag"),
            }),
            Self::Not(one) => one.holds(item).map(|holds| !holds),
            Self::And(parts) => decide(parts.iter().map(|part| part.holds(item)), false),
            Self::Or(parts) => decide(parts.iter().map(|part| part.holds(item)), true),
        }
    }
}

/// The decisive value if any has it, unknown if any is unknown, else the other one.
fn decide(values: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let values: Vec<_> = values.collect();
    if values.contains(&Some(decisive)) {
        return Some(decisive);
    }
    if values.contains(&None) { None } else { Some(!decisive) }
}

fn any_filter(fields: &'static [Asked]) -> impl Strategy<Value = Written> {
    let leaf = (0..fields.len()).prop_flat_map(move |field| {
        let (_, kind, texts) = fields[field];
        let text = proptest::sample::select(texts);
        (text, 0..4).prop_map(move |(text, form)| match (form, kind) {
            (0 | 1, _) | (_, 't') => Written::Equal(field, form % 2 == 0, text),
            (2, '\'') => Written::Function(field, "startswith", text),
            _ => Written::Function(field, "contains", text),
        })
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Written::Not(Box::new(one))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Written::And),
            proptest::collection::vec(inner, 2..4).prop_map(Written::Or),
        ]
    })
}

/// A list under test: what it gives for a filter, as keys.
pub(super) trait List {
    type Field: Fields + std::fmt::Debug;
    type Key: Clone + PartialEq + std::fmt::Debug;
    async fn page(&self, filter: &Filter<Self::Field>, window: &Window<Self::Key>) -> (Vec<Self::Key>, bool);
    async fn count(&self, filter: &Filter<Self::Field>) -> i64;
}

/// Asks the list for random filters, each page by page, and compares with the items.
pub(super) async fn check<L: List>(list: &L, fields: &'static [Asked], items: &[(L::Key, Item)], rounds: usize) {
    for (name, kind, _) in fields {
        let value = if *kind == 't' { "true" } else { "'x'" };
        parse::<L::Field>(&format!("{name} eq {value}")).unwrap();
    }
    let known = L::Field::FIELDS.iter().filter(|(name, _)| fields.iter().any(|(asked, ..)| asked == name)).count();
    assert_eq!(known, L::Field::FIELDS.len(), "every field is tried");
    let mut runner = TestRunner::deterministic();
    let strategy = (any_filter(fields), 1..30_u32, prop_oneof![2 => Just(0), 1 => 0..20_u32]);
    let mut telling = 0;
    for _ in 0..rounds {
        let (written, limit, skip) = strategy.new_tree(&mut runner).unwrap().current();
        let text = written.text(fields);
        let filter: Filter<L::Field> = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected: Vec<&L::Key> =
            items.iter().filter(|(_, item)| written.holds(item) == Some(true)).map(|(key, _)| key).collect();
        telling += usize::from(!expected.is_empty() && expected.len() < items.len());
        assert_eq!(list.count(&filter).await, i64::try_from(expected.len()).unwrap(), "{text}");
        let (mut window, mut seen) = (Window { after: None, skip, limit }, Vec::new());
        loop {
            let (keys, more) = list.page(&filter, &window).await;
            assert!(keys.len() <= limit as usize && (!more || keys.len() == limit as usize), "{text}");
            seen.extend(keys);
            if !more {
                break;
            }
            window = Window { after: seen.last().cloned(), skip: 0, limit };
        }
        let expected: Vec<L::Key> = expected.into_iter().skip(skip as usize).cloned().collect();
        assert_eq!(seen, expected, "{text} by {limit} behind {skip}");
    }
    assert!(telling * 3 > rounds, "{telling} of {rounds} filters found some and not all");
    let everything = Filter::default();
    assert_eq!(list.count(&everything).await, i64::try_from(items.len()).unwrap());
    let all = list.page(&everything, &Window::first(10_000)).await.0;
    assert_eq!(all, items.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
}

#[expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "reads well in the tables below, where values may be absent"
)]
pub(super) fn text(value: impl ToString) -> Option<Value> {
    Some(Value::Text(value.to_string()))
}

#[expect(clippy::unnecessary_wraps, reason = "stands in the tables below, where values may be absent")]
pub(super) fn enabled(services: ServiceSet, service: Service) -> Option<Value> {
    Some(Value::Flag(services.contains(service)))
}
