//! Bytes become a tree of JSON, or one clear problem: what RFC 8259 leaves to readers is refused here.

use std::cell::RefCell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::InputProblem;
use super::shown::shown;

/// How many objects and lists may stand inside one another.
pub const DEEPEST: usize = 32;

/// Reads a body. UTF-8 with at most one value, no property twice, no NUL, at most [`DEEPEST`] levels.
///
/// # Errors
/// The first problem, with line and column in its words; its target is the innermost property around it.
pub fn parse(bytes: &[u8]) -> Result<Value, InputProblem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default()).into_owned();
        let (line, column) = (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or("").len() + 1);
        malformed(format!("The body is not UTF-8 text, at line {line}, column {column}. Send JSON in UTF-8."))
    })?;
    // Some clients put a byte-order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(malformed("The body is empty. Send a JSON object.".to_owned()));
    }
    let fault = RefCell::new(Fault::default());
    let mut reader = serde_json::Deserializer::from_str(text);
    let level = Level { depth: 0, fault: &fault };
    level
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| fault.take().into_problem(&error))
}

fn malformed(message: String) -> InputProblem {
    InputProblem { code: "malformed_json", target: String::new(), message }
}

/// What is wrong, and around it the properties on the way out.
#[derive(Default)]
struct Fault {
    found: Option<(&'static str, String)>,
    /// `.name` and `[index]`, the innermost first.
    around: Vec<String>,
}

impl Fault {
    fn into_problem(self, error: &serde_json::Error) -> InputProblem {
        let place = format!("at line {}, column {}", error.line(), error.column());
        let target: String = self.around.iter().rev().map(String::as_str).collect();
        let target = target.strip_prefix('.').unwrap_or(&target).to_owned();
        let (code, message) = if let Some((code, message)) = self.found {
            (code, message.replace("{place}", &place))
        } else {
            let words = error.to_string();
            let words = match words.split(" at line ").next().unwrap_or_default() {
                _ if error.is_eof() => "it ends before it is complete",
                "expected ident" | "expected value" => "a value is expected",
                "key must be a string" => "the name of a property is expected, in double quotes",
                "trailing characters" => "something follows behind the value",
                words => words,
            };
            ("malformed_json", format!("The body is not JSON: {words}, {place}."))
        };
        InputProblem { code, target, message }
    }
}

/// One level of the tree.
#[derive(Clone, Copy)]
struct Level<'a> {
    depth: usize,
    fault: &'a RefCell<Fault>,
}

impl Level<'_> {
    fn fault<E: serde::de::Error>(self, code: &'static str, message: impl Into<String>) -> E {
        self.fault.borrow_mut().found = Some((code, message.into()));
        E::custom(code)
    }

    fn around(self, segment: String) {
        self.fault.borrow_mut().around.push(segment);
    }

    fn text<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.fault("nul_character", "A text holds the NUL character (\\u0000), {place}. Leave it out."));
        }
        Ok(())
    }

    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            let message = format!("The body is nested deeper than {DEEPEST} levels, {{place}}. Send a flatter one.");
            return Err(self.fault("nested_too_deeply", message));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.text(text)?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut list = Vec::new();
        while let Some(item) =
            items.next_element_seed(inside).inspect_err(|_| self.around(format!("[{}]", list.len())))?
        {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.text(&name)?;
            if object.contains_key(&name) {
                let message =
                    format!("\u{201c}{}\u{201d} stands twice in one object, {{place}}. Give it once.", shown(&name));
                self.around(format!(".{}", shown(&name)));
                return Err(self.fault("duplicate_property", message));
            }
            let value = members.next_value_seed(inside).inspect_err(|_| self.around(format!(".{}", shown(&name))))?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
