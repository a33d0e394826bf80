//! The fields of bodies in a row, for reading: names with dots, types and rules in words.

use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::operation::Operation;
use super::register::OPERATIONS;
use crate::wire::{ErrorResponse, generator};

/// One field of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, with those of the objects around it: `serviceDetails.teamsTenantId`.
    pub name: String,
    /// Its type in words, such as `text` or `list of texts`.
    pub kind: String,
    /// Another form that it has, or whose items it has. That is shown elsewhere.
    pub of: Option<String>,
    /// Whether it has to be there when the object around it is.
    pub required: bool,
    /// Whether only answers have it.
    pub read_only: bool,
    /// What else holds for its value.
    pub rules: Vec<String>,
    /// What it is.
    pub description: String,
}

/// The forms of all bodies: their JSON schemas by name.
pub struct Shapes(Map<String, Value>);

impl Default for Shapes {
    fn default() -> Self {
        Self::all()
    }
}

impl Shapes {
    /// Every form that an operation sends or answers, and that of errors.
    pub fn all() -> Self {
        let mut generator = generator();
        for body in OPERATIONS.iter().flat_map(Operation::bodies) {
            (body.shape.schema)(&mut generator);
        }
        let _ = generator.subschema_for::<ErrorResponse>();
        Self(generator.take_definitions(true))
    }

    /// The schemas by name.
    pub fn definitions(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The schema's name of `T`.
    pub fn name_of<T: JsonSchema>() -> String {
        T::schema_name().into_owned()
    }

    /// What a form is.
    pub fn description(&self, shape: &str) -> &str {
        self.0.get(shape).and_then(|schema| schema["description"].as_str()).unwrap_or_default()
    }

    /// Collects the fields of a form and of the objects in it. When it is `written`, only those that a client can set.
    pub fn fields(&self, shape: &str, written: bool) -> Vec<Field> {
        let mut found = Vec::new();
        self.collect(shape, "", &mut vec![shape.to_owned()], &mut found);
        found.retain(|field| !(written && field.read_only));
        found
    }

    /// Every form with a table of its own: those of the bodies, and those that their lists are of.
    pub fn tables(&self) -> Vec<String> {
        let mut names: Vec<String> =
            OPERATIONS.iter().flat_map(Operation::bodies).map(|body| (body.shape.name)()).collect();
        names.push(Self::name_of::<ErrorResponse>());
        let mut at = 0;
        let mut tables: Vec<String> = Vec::new();
        while let Some(name) = names.get(at).cloned() {
            at += 1;
            if !tables.contains(&name) {
                names.extend(self.fields(&name, false).into_iter().filter_map(|field| field.of));
                tables.push(name);
            }
        }
        tables
    }

    fn collect(&self, shape: &str, prefix: &str, around: &mut Vec<String>, found: &mut Vec<Field>) {
        let Some(schema) = self.0.get(shape) else { return };
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"].as_array().is_some_and(|all| all.iter().any(|known| known == name));
            let name = format!("{prefix}{name}");
            let inner = self.object(of).filter(|inner| !around.contains(inner));
            let field = self.field(&name, of, required, inner.is_some());
            let read_only = field.read_only;
            found.push(field);
            if let Some(inner) = inner.filter(|_| !read_only) {
                around.push(inner.clone());
                self.collect(&inner, &format!("{name}."), around, found);
                around.pop();
            }
        }
    }

    fn field(&self, name: &str, schema: &Value, required: bool, opened: bool) -> Field {
        let target = self.target(schema);
        let of_items = schema.get("items").and_then(|items| self.object(items));
        let rules = target.map_or_else(Vec::new, rules).into_iter().chain(rules(schema)).collect();
        Field {
            name: name.to_owned(),
            kind: self.kind(schema),
            of: of_items.or_else(|| self.object(schema).filter(|_| !opened)),
            required,
            read_only: schema["readOnly"] == true,
            rules,
            description: schema["description"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// The schema that a reference points at.
    fn target(&self, schema: &Value) -> Option<&Value> {
        self.0.get(referred(schema)?)
    }

    /// The name of the form when it is an object.
    fn object(&self, schema: &Value) -> Option<String> {
        let name = referred(schema)?;
        self.0.get(name)?.get("properties").map(|_| name.to_owned())
    }

    fn kind(&self, schema: &Value) -> String {
        if self.object(schema).is_some() {
            return "object".to_owned();
        }
        let schema = self.target(schema).unwrap_or(schema);
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("array"), _) => match schema.get("items").map(|items| (self.object(items), self.kind(items))) {
                Some((None, kind)) => format!("list of {kind}s"),
                _ => "list".to_owned(),
            },
            (Some("boolean"), _) => "true or false".to_owned(),
            (Some("integer"), _) => "whole number".to_owned(),
            (_, Some("date-time")) => "text, RFC 3339".to_owned(),
            (_, Some("uri")) => "text, an address".to_owned(),
            _ => "text".to_owned(),
        }
    }
}

impl Operation {
    /// What it sends and answers.
    pub fn bodies(&self) -> impl Iterator<Item = super::Body> {
        self.sent.into_iter().chain(self.answered)
    }
}

fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

/// What a schema demands, in words.
pub fn rules(schema: &Value) -> Vec<String> {
    let mut rules = Vec::new();
    let known = schema["anyOf"].as_array().into_iter().flatten().find_map(|variant| variant["enum"].as_array());
    for (words, closed) in [(schema["enum"].as_array(), true), (known, false)] {
        let Some(words) = words else { continue };
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        rules.push(format!("{}{}", words.join(", "), if closed { "" } else { "; others may come" }));
    }
    let number = |name: &str| schema.get(name).and_then(Value::as_u64);
    for (least, most, what) in
        [("minLength", "maxLength", " characters"), ("minItems", "maxItems", " items"), ("minimum", "maximum", "")]
    {
        rules.extend(match (number(least), number(most)) {
            (Some(least), Some(most)) => Some(format!("{least} to {most}{what}")),
            (None, Some(most)) => Some(format!("up to {most}{what}")),
            (Some(least), None) => {
                Some(format!("at least {least}{}", if least == 1 { what.trim_end_matches('s') } else { what }))
            }
            (None, None) => None,
        });
    }
    rules.extend(schema["pattern"].as_str().map(|pattern| format!("pattern {pattern}")));
    rules.extend(schema.get("default").map(|default| format!("default {default}")));
    rules
}
