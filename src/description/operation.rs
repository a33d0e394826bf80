//! What one operation is.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::parameters::{
    ACCOUNT_NAME, API_VERSION, CIVIC_ADDRESS_ID, CONDITIONS, CURSOR, DELETE_NUMBERS, ETAG, EVERY_ANSWER, Header,
    LAST_MODIFIED, LIST, Parameter, RECORD_COUNT, REPEATABILITY, REPEATABILITY_RESULT, REQUEST_ID, TELEPHONE_NUMBER,
    TENANT_ID, WARNING,
};

/// What an operation does with its resource. Method, parameters, headers and answers follow from it.
#[derive(Clone, Copy, Debug)]
pub enum OperationKind {
    /// A page of a list, with the names of the fields by which it can be filtered.
    List(fn() -> Vec<&'static str>),
    /// One resource.
    Get,
    /// Creates or replaces one resource.
    Put,
    /// Changes a part of one resource.
    Patch,
    /// Removes one resource.
    Delete,
    /// Anything else, named at the end of the path.
    Action,
    /// Looks one number up for a call. It is not of the contract.
    LookUp,
    /// Hands over all numbers, then what changes. It is not of the contract.
    Feed,
}

/// What a program must be allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// It must be allowed to look.
    Read,
    /// It must be allowed to add and change.
    Write,
    /// It must be allowed to remove.
    Delete,
}

/// The form of a body, as the wire has it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Name among the schemas of the description.
    pub name: fn() -> String,
    /// A reference to its schema, which is added to the generator.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Shape {
    /// The form of `T`.
    pub(super) const fn of<T: JsonSchema>() -> Self {
        Self { name: || T::schema_name().into_owned(), schema: SchemaGenerator::subschema_for::<T> }
    }
}

/// A body with an example.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// Its form.
    pub shape: Shape,
    /// An example.
    pub example: fn() -> Value,
}

impl Body {
    pub(super) const fn new<T: JsonSchema>(example: fn() -> Value) -> Self {
        Self { shape: Shape::of::<T>(), example }
    }
}

/// One operation of the API.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The contract's `operationId`.
    pub id: &'static str,
    /// What it is about, in the plural: operations are shown under this heading.
    pub group: &'static str,
    /// What it does with its resource.
    pub kind: OperationKind,
    /// Path with the contract's parameter names.
    pub path: &'static str,
    /// The path with values, for examples. It has a query where that shows something.
    pub example_path: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What one should know of it.
    pub description: &'static str,
    /// What a program must be allowed to.
    pub right: Right,
    /// What is sent.
    pub sent: Option<Body>,
    /// What is answered when it was done.
    pub answered: Option<Body>,
    /// Whether what the path names must be there (else 404).
    pub must_exist: bool,
}

/// One answer of an operation that is no error.
#[derive(Clone, Debug)]
pub struct OperationAnswer {
    /// HTTP status.
    pub status: u16,
    /// What it means.
    pub meaning: &'static str,
    /// Its body.
    pub body: Option<Body>,
    /// Its headers.
    pub headers: Vec<&'static Header>,
}

impl Operation {
    /// The method, in capitals.
    pub const fn method(&self) -> &'static str {
        match self.kind {
            OperationKind::List(_) | OperationKind::Get | OperationKind::LookUp | OperationKind::Feed => "GET",
            OperationKind::Put => "PUT",
            OperationKind::Patch => "PATCH",
            OperationKind::Delete => "DELETE",
            OperationKind::Action => "POST",
        }
    }

    /// The content type of what is sent.
    pub const fn media_type(&self) -> &'static str {
        match self.kind {
            OperationKind::Patch => "application/merge-patch+json",
            _ => "application/json",
        }
    }

    /// Tells whether it can be asked as often as one likes, and changes nothing.
    pub const fn reads(&self) -> bool {
        matches!(self.kind, OperationKind::List(_) | OperationKind::Get | OperationKind::LookUp | OperationKind::Feed)
    }

    /// Tells whether it is one of the contract, and so asked for with a version of that.
    pub const fn is_of_contract(&self) -> bool {
        !matches!(self.kind, OperationKind::LookUp | OperationKind::Feed)
    }

    /// Whether it takes conditions on the resource.
    const fn takes_conditions(&self) -> bool {
        !matches!(
            self.kind,
            OperationKind::List(_) | OperationKind::Action | OperationKind::LookUp | OperationKind::Feed
        )
    }

    /// Gives the fields by which a list can be filtered. Nothing else has any.
    pub fn filter_fields(&self) -> Vec<&'static str> {
        if let OperationKind::List(fields) = self.kind { fields() } else { Vec::new() }
    }

    /// The parameters, as they stand in a request: path, query, headers.
    pub fn parameters(&self) -> Vec<&'static Parameter> {
        let mut all: Vec<&'static Parameter> = [&ACCOUNT_NAME, &TELEPHONE_NUMBER, &CIVIC_ADDRESS_ID, &TENANT_ID]
            .into_iter()
            .filter(|parameter| self.path.contains(&format!("{{{}}}", parameter.name)))
            .collect();
        if self.is_of_contract() {
            all.push(&API_VERSION);
        }
        match self.kind {
            OperationKind::List(_) => all.extend(LIST),
            OperationKind::Feed => all.push(&CURSOR),
            OperationKind::Delete if !self.path.contains("/numbers/") => all.push(&DELETE_NUMBERS),
            _ => {}
        }
        if !self.reads() {
            all.extend(REPEATABILITY);
        }
        if self.takes_conditions() {
            all.extend(CONDITIONS);
        }
        all.push(&REQUEST_ID);
        all
    }

    /// Whether numbers are put by it.
    fn puts_numbers(&self) -> bool {
        match self.kind {
            OperationKind::Put => self.path.contains("/numbers/"),
            OperationKind::Action => self.path.ends_with(":createOrUpdateNumbers"),
            _ => false,
        }
    }

    /// The answers that are no errors.
    pub fn answers(&self) -> Vec<OperationAnswer> {
        let answer = |status, meaning, body, own: &[&'static Header]| OperationAnswer {
            status,
            meaning,
            body,
            headers: own.iter().copied().chain(EVERY_ANSWER).collect(),
        };
        let mut changed: Vec<&'static Header> = vec![&ETAG, &LAST_MODIFIED, &REPEATABILITY_RESULT];
        let mut done: Vec<&'static Header> = vec![&REPEATABILITY_RESULT];
        if self.puts_numbers() {
            changed.push(&WARNING);
            done.push(&WARNING);
        }
        match self.kind {
            OperationKind::List(_) => vec![answer(200, "A page of the list.", self.answered, &[&RECORD_COUNT])],
            OperationKind::Get => vec![
                answer(200, "The resource.", self.answered, &[&ETAG, &LAST_MODIFIED]),
                answer(304, "The resource is still the one that If-None-Match names.", None, &[&ETAG, &LAST_MODIFIED]),
            ],
            OperationKind::LookUp => vec![answer(200, "The number as it is now.", self.answered, &[])],
            OperationKind::Feed => vec![answer(200, "The next page.", self.answered, &[])],
            OperationKind::Put => vec![
                answer(200, "It was there, and is as sent now.", self.answered, &changed),
                answer(201, "It was created.", self.answered, &changed),
            ],
            OperationKind::Patch => vec![answer(200, "The resource as it is now.", self.answered, &changed)],
            OperationKind::Delete => vec![answer(204, "It is gone, or was not there.", None, &[&REPEATABILITY_RESULT])],
            OperationKind::Action => match self.answered {
                Some(_) => vec![answer(200, "It was done.", self.answered, &done)],
                None => vec![answer(204, "It was done.", None, &[&REPEATABILITY_RESULT])],
            },
        }
    }

    /// Tells the statuses of the errors to be expected of it, in order.
    pub fn errors(&self) -> Vec<u16> {
        let may_occur = |status: &u16| match status {
            404 => self.must_exist,
            409 => !self.reads(),
            410 => matches!(self.kind, OperationKind::Feed),
            412 => !matches!(self.kind, OperationKind::List(_)) && self.is_of_contract(),
            413 | 415 => self.sent.is_some(),
            _ => true,
        };
        [400, 401, 403, 404, 409, 410, 412, 413, 415, 429, 500, 503].into_iter().filter(may_occur).collect()
    }
}
