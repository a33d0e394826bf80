//! Reading a tree of JSON property by property, noting everything that is wrong on the way.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::shown::shown;
use super::{InputProblem, json};
use crate::domain::E164;
use crate::domain::nearest::nearest;

/// The most problems that are noted of one body.
pub const PROBLEMS_MOST: usize = 500;

/// The most properties of one object that are looked at for slips.
const LOOKED_AT: usize = 200;

/// A body as far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// What was read, also where something of it is wrong; nothing where it cannot be read at all.
    pub value: Option<T>,
    /// Everything that is wrong with it.
    pub problems: Vec<InputProblem>,
}

impl<T> Read<T> {
    /// The value of a body with which nothing is wrong.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn whole(self) -> Result<T, Vec<InputProblem>> {
        self.value.filter(|_| self.problems.is_empty()).ok_or(self.problems)
    }

    /// The same of another value.
    pub(super) fn map<U>(self, of: impl FnOnce(T) -> U) -> Read<U> {
        Read { value: self.value.map(of), problems: self.problems }
    }
}

/// Reads a body that is one object as far as that goes.
pub(super) fn gathered<T>(bytes: &[u8], read: impl FnOnce(&Object<'_>) -> T) -> Read<T> {
    let tree = match json::parse(bytes) {
        Ok(tree) => tree,
        Err(problem) => return Read { value: None, problems: vec![problem] },
    };
    let problems = Problems::default();
    let body = Node { value: &tree, place: Place::default(), problems: &problems }.object();
    let value = body.map(|body| read(&body));
    Read { value, problems: problems.0.take() }
}

/// Reads a body that is one object.
///
/// # Errors
/// The one problem that keeps it from being read at all, or every problem that `read` noted.
pub(super) fn body<T>(bytes: &[u8], read: impl FnOnce(&Object<'_>) -> T) -> Result<T, Vec<InputProblem>> {
    gathered(bytes, read).whole()
}

/// The problems of a body, one for each property.
#[derive(Default)]
pub(super) struct Problems(RefCell<Vec<InputProblem>>);

impl Problems {
    fn note(&self, code: &'static str, target: String, message: impl Into<String>) {
        let mut noted = self.0.borrow_mut();
        // Whether a problem is noted already is asked only while there is room: a body may have very many of them.
        if noted.len() > PROBLEMS_MOST || noted.iter().any(|problem| problem.target == target) {
            return;
        }
        if noted.len() < PROBLEMS_MOST {
            noted.push(InputProblem { code, target, message: message.into() });
        } else if noted.len() == PROBLEMS_MOST {
            // One more, which says that there are more.
            let message =
                format!("There are more problems, from here on. Correct the first {PROBLEMS_MOST} and send it again.");
            noted.push(InputProblem { code: "too_many_problems", target, message });
        }
    }
}

/// Where a value stands: what it is in, and its name or index there. It is put into words only where a problem is noted.
#[derive(Clone, Default)]
struct Place {
    within: Rc<str>,
    name: &'static str,
    index: Option<usize>,
}

impl Place {
    fn target(&self) -> String {
        let Self { within, name, index } = self;
        match index {
            Some(index) => format!("{within}[{index}]"),
            None if name.is_empty() => within.to_string(),
            None => target_of(within, name),
        }
    }
}

fn target_of(within: &str, name: &str) -> String {
    if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") }
}

/// An object of the tree.
pub(super) struct Object<'a> {
    members: &'a Map<String, Value>,
    target: Rc<str>,
    problems: &'a Problems,
}

impl<'a> Object<'a> {
    /// The property where it is given; null counts as not given.
    pub fn optional(&self, name: &'static str) -> Option<Node<'a>> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        let place = Place { within: Rc::clone(&self.target), name, index: None };
        Some(Node { value, place, problems: self.problems })
    }

    /// The property, which has to be there.
    pub fn required(&self, name: &'static str) -> Option<Node<'a>> {
        let node = self.optional(name);
        if node.is_none() {
            let meant = nearest(name, self.members.keys().map(String::as_str).filter(|known| *known != name));
            let meant = meant.map_or_else(String::new, |meant| {
                format!(" There is \u{201c}{}\u{201d}: write it as {name}.", shown(meant))
            });
            self.refuse(name, "missing_property", format!("{name} is required here.{meant}"));
        }
        node
    }

    /// The text of a property that may be left out. An empty one counts as left out, whatever the property.
    pub fn filled(&self, name: &'static str) -> Option<Node<'a>> {
        self.optional(name).filter(|node| node.value.as_str() != Some(""))
    }

    /// Refuses what is no property of this object and most likely is one of `optional` that is not given, mistyped: without
    /// it the property would count as left out, which takes away what was there. `others` are its other properties.
    pub fn spelt_right(&self, optional: &[&str], others: &[&str]) {
        let absent: Vec<&str> = optional.iter().copied().filter(|name| !self.has(name)).collect();
        let is_known = |name: &str| optional.contains(&name) || others.contains(&name);
        let strange = |(name, value): &(&String, &Value)| !value.is_null() && !is_known(name);
        for (name, _) in self.members.iter().filter(strange).take(LOOKED_AT) {
            if let Some(meant) = nearest(name, absent.iter().copied()) {
                let given = shown(name);
                let message = format!(
                    "There is no property \u{201c}{given}\u{201d} here, and {meant} is not given. Write it as {meant}, or \
                     leave it out."
                );
                self.refuse(&given, "unknown_property", message);
            }
        }
    }

    /// Whether the property is given.
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether the property is given as null.
    pub fn has_null(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(Value::is_null)
    }

    /// Notes a problem of the property.
    pub fn refuse(&self, name: &str, code: &'static str, message: impl Into<String>) {
        self.problems.note(code, target_of(&self.target, name), message);
    }
}

/// A value of the tree and where it stands.
pub(super) struct Node<'a> {
    value: &'a Value,
    place: Place,
    problems: &'a Problems,
}

impl<'a> Node<'a> {
    /// Notes a problem of the value.
    pub fn refuse(&self, code: &'static str, message: impl Into<String>) {
        self.problems.note(code, self.place.target(), message);
    }

    fn wrong_type(&self, wanted: &str) {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.refuse("wrong_type", format!("{wanted} belongs here, not {found}."));
    }

    /// The value as an object.
    pub fn object(self) -> Option<Object<'a>> {
        if let Value::Object(members) = self.value {
            return Some(Object { members, target: self.place.target().into(), problems: self.problems });
        }
        self.wrong_type("An object");
        None
    }

    /// The items of a list.
    pub fn items(&self) -> Option<Vec<Self>> {
        let Value::Array(items) = self.value else {
            self.wrong_type("A list");
            return None;
        };
        let within: Rc<str> = self.place.target().into();
        let place = |at| Place { within: Rc::clone(&within), name: "", index: Some(at) };
        let item = |(at, value)| Self { value, place: place(at), problems: self.problems };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The value as true or false.
    pub fn boolean(self) -> Option<bool> {
        if let Value::Bool(value) = self.value {
            return Some(*value);
        }
        self.wrong_type("True or false");
        None
    }

    /// The value as text of any length.
    pub fn text(&self) -> Option<&'a str> {
        if let Value::String(text) = self.value {
            return Some(text);
        }
        self.wrong_type("A string");
        None
    }

    /// The value as text of at most so many characters.
    pub fn text_up_to(&self, most: usize) -> Option<&'a str> {
        let text = self.text()?;
        let count = text.chars().count();
        if count > most {
            self.refuse("too_long", format!("This has {count} characters; up to {most} are allowed."));
            return None;
        }
        Some(text)
    }

    /// The value as text that `parse` takes.
    pub fn parsed<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        parse(self.text()?).map_err(|reason| self.refuse("invalid_value", reason.to_string())).ok()
    }

    /// The value as a telephone number in its strict form.
    pub fn number(&self) -> Option<E164> {
        self.parsed(|text| {
            E164::parse_wire(text).map_err(|_| {
                let text = shown(text);
                format!(
                    "\u{201c}{text}\u{201d} is not a telephone number in E.164 form: + and 2 to 15 digits, the first not 0, \
                     such as +441632960000."
                )
            })
        })
    }

    /// Notes when the value differs from what the request's address says.
    pub fn must_be(&self, code: &'static str, expected: &str) {
        if let Some(text) = self.text()
            && text != expected
        {
            self.refuse(
                code,
                format!(
                    "The body says \u{201c}{}\u{201d} and the request's address says \u{201c}{expected}\u{201d}. They \
                     must be the same.",
                    shown(text)
                ),
            );
        }
    }
}
