//! The reference of the Provisioning API, made from the register that the API itself is tested against.

use std::sync::LazyLock;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::description::{
    CODES, Deployment, ErrorCode, Field, OPERATIONS, Operation, OperationAnswer, Shapes, VERSIONS, curl, rules,
};
use crate::http::{PortalState, Problem, Routes, Shell, page, signed_in};

pub(super) fn routes() -> Routes {
    Routes::new().get("/api", signed_in(), get)
}

/// What is the same for every visitor.
static REFERENCE: LazyLock<Reference> = LazyLock::new(Reference::new);

struct Reference {
    groups: Vec<OperationGroup>,
    forms: Vec<Form>,
}

/// Operations under one heading.
struct OperationGroup {
    name: &'static str,
    anchor: String,
    operations: Vec<OperationEntry>,
}

/// One operation.
struct OperationEntry {
    operation: &'static Operation,
    method: &'static str,
    parameters: Vec<Given>,
    filter_fields: Vec<&'static str>,
    sent: Option<SentBody>,
    answers: Vec<AnswerShown>,
    errors: Vec<u16>,
}

/// One parameter.
struct Given {
    name: &'static str,
    place: &'static str,
    required: bool,
    rules: String,
    description: &'static str,
}

/// A body that is sent.
struct SentBody {
    form: String,
    media_type: &'static str,
    fields: Vec<Field>,
}

/// An answer that is no error.
struct AnswerShown {
    status: u16,
    meaning: &'static str,
    form: Option<String>,
    headers: String,
    example: String,
}

/// The form of a body.
struct Form {
    name: String,
    description: String,
    fields: Vec<Field>,
}

impl Reference {
    fn new() -> Self {
        let shapes = Shapes::all();
        let mut groups: Vec<OperationGroup> = Vec::new();
        for operation in &OPERATIONS {
            let entry = OperationEntry::new(operation, &shapes);
            match groups.iter_mut().find(|group| group.name == operation.group) {
                Some(group) => group.operations.push(entry),
                None => groups.push(OperationGroup {
                    name: operation.group,
                    anchor: operation.group.to_lowercase().replace(' ', "-"),
                    operations: vec![entry],
                }),
            }
        }
        let form = |name: String| Form {
            description: shapes.description(&name).to_owned(),
            fields: shapes.fields(&name, false),
            name,
        };
        Self { groups, forms: shapes.tables().into_iter().map(form).collect() }
    }
}

impl OperationEntry {
    fn new(operation: &'static Operation, shapes: &Shapes) -> Self {
        let parameters = operation.parameters().into_iter().map(|parameter| Given {
            name: parameter.name,
            place: parameter.place.name(),
            required: parameter.required,
            rules: rules(&(parameter.schema)()).join("; "),
            description: parameter.description,
        });
        let sent = operation.sent.map(|body| {
            let form = (body.shape.name)();
            SentBody { fields: shapes.fields(&form, true), media_type: operation.media_type(), form }
        });
        let mut answers: Vec<AnswerShown> = operation.answers().iter().map(AnswerShown::from).collect();
        // A resource that was created looks like one that was there.
        for further in answers.iter_mut().skip(1) {
            further.example.clear();
        }
        Self {
            operation,
            method: operation.method(),
            parameters: parameters.collect(),
            filter_fields: operation.filter_fields(),
            sent,
            answers,
            errors: operation.errors(),
        }
    }

    /// The role that opens it, beside the one that opens everything.
    fn role<'d>(&self, of: &'d Deployment<'_>) -> &'d str {
        of.role(self.operation.right)
    }

    /// The operation as a command for this deployment.
    fn command(&self, of: &Deployment<'_>) -> String {
        curl(self.operation, of)
    }
}

impl From<&OperationAnswer> for AnswerShown {
    fn from(answer: &OperationAnswer) -> Self {
        let headers: Vec<&str> = answer.headers.iter().map(|header| header.name).collect();
        let example = answer.body.and_then(|body| serde_json::to_string_pretty(&(body.example)()).ok());
        Self {
            status: answer.status,
            meaning: answer.meaning,
            form: answer.body.map(|body| (body.shape.name)()),
            headers: headers.join(", "),
            example: example.unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage<'a> {
    shell: Shell,
    of: Deployment<'a>,
    versions: [&'static str; 2],
    rate: u32,
    burst: u32,
    audience: String,
    reference: &'static Reference,
    codes: &'static [ErrorCode],
}

/// `GET /api`
async fn get(State(state): State<PortalState>, shell: Shell) -> Result<Response, Problem> {
    let config = state.config();
    let of = config.deployment();
    Ok(page(&ApiPage {
        shell: shell.at("api"),
        audience: of.audience.join(" or "),
        of,
        versions: VERSIONS,
        rate: config.api.rate_per_second,
        burst: config.api.rate_burst,
        reference: &REFERENCE,
        codes: &CODES,
    }))
}
