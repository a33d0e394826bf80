//! Adding, changing and removing one block.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use crate::authz::{BlocksDelete, BlocksRead, BlocksWrite};
use crate::domain::E164;
use crate::domain::block::{BlockForm, BlockKind};
use crate::http::{
    Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, Shell, invalid, needs, page, page_with,
    see_other_with,
};
use crate::portal::form::{Choice, Errors, checked};
use crate::portal::origin;
use crate::portal::show::counted;
use crate::service::blocks::{self, Changed};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/blocks/new", needs::<BlocksWrite>(), new)
        .post("/blocks/new", needs::<BlocksWrite>(), create)
        .get("/blocks/{number}", needs::<BlocksWrite>(), edit)
        .post("/blocks/{number}", needs::<BlocksWrite>(), change)
        .get("/blocks/{number}/delete", needs::<BlocksDelete>(), ask)
        .post("/blocks/{number}/delete", needs::<BlocksDelete>(), remove)
}

#[derive(Template)]
#[template(path = "block_form.html")]
struct FormPage {
    shell: Shell,
    /// First number of the block that is changed; empty for a new one.
    first: String,
    form: BlockForm,
    kinds: Vec<Choice>,
    version: i64,
    errors: Errors,
    /// What the block is now, where somebody else changed it meanwhile.
    stale: String,
    may_delete: bool,
}

impl FormPage {
    fn new(shell: Shell, form: BlockForm, may_delete: bool) -> Self {
        let kind = BlockKind::from_key(&form.kind).unwrap_or_default().key();
        Self {
            shell: shell.at("blocks"),
            first: String::new(),
            kinds: BlockKind::ALL.into_iter().map(|each| Choice::new(each.key(), each.label(), kind)).collect(),
            form,
            version: 0,
            errors: Errors::default(),
            stale: String::new(),
            may_delete,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentBlock {
    first: String,
    last: String,
    country: String,
    kind: String,
    note: String,
    version: String,
}

impl SentBlock {
    /// No rev is 0, so a version that cannot be read is one that is no longer current.
    fn version(&self) -> i64 {
        self.version.parse().unwrap_or(0)
    }
}

impl From<SentBlock> for BlockForm {
    fn from(sent: SentBlock) -> Self {
        Self { first: sent.first, last: sent.last, country: sent.country, kind: sent.kind, note: sent.note }
    }
}

/// The number that the block in an address begins with.
fn first_of(part: &str) -> Result<E164, Problem> {
    E164::parse_wire(part).map_err(|_| Problem::no_such("block", part))
}

/// `GET /blocks/new`
async fn new(Granted(grant): Granted<BlocksWrite>, shell: Shell) -> Response {
    page(&FormPage::new(shell, BlockForm::default(), grant.principal().may::<BlocksDelete>()))
}

/// `POST /blocks/new`
async fn create(
    State(state): State<PortalState>,
    Granted(grant): Granted<BlocksWrite>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentBlock>,
) -> Result<Response, Problem> {
    let form = BlockForm::from(sent);
    Ok(match checked(blocks::create(state.ctx(), &grant, &origin(&info), &form).await)? {
        Ok(block) => {
            let numbers = counted(block.size(), "number", "numbers");
            let text = format!("The block {} with {numbers} is added.", block.in_words());
            see_other_with("/blocks", Flash::success(text))
        }
        Err(errors) => invalid(&FormPage { errors, ..FormPage::new(shell, form, false) }),
    })
}

/// `GET /blocks/{number}`
async fn edit(
    State(state): State<PortalState>,
    Granted(grant): Granted<BlocksWrite>,
    Granted(read): Granted<BlocksRead>,
    PathPart(first): PathPart<String>,
    shell: Shell,
) -> Result<Response, Problem> {
    let kept = blocks::get(state.ctx(), &read, first_of(&first)?).await?;
    let form = FormPage::new(shell, (&kept.block).into(), grant.principal().may::<BlocksDelete>());
    Ok(page(&FormPage { first: kept.block.first.to_string(), version: kept.rev, ..form }))
}

/// `POST /blocks/{number}`
async fn change(
    State(state): State<PortalState>,
    Granted(grant): Granted<BlocksWrite>,
    PathPart(first): PathPart<String>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentBlock>,
) -> Result<Response, Problem> {
    let (number, version) = (first_of(&first)?, sent.version());
    let form = BlockForm::from(sent);
    let changed = blocks::change(state.ctx(), &grant, &origin(&info), (number, version), &form).await;
    let may_delete = grant.principal().may::<BlocksDelete>();
    Ok(match checked(changed)? {
        Ok(Changed::Done(block)) => {
            see_other_with("/blocks", Flash::success(format!("The block {} is changed.", block.in_words())))
        }
        Ok(Changed::Stale(None)) => return Err(Problem::no_such("block", &first)),
        Ok(Changed::Stale(Some(now))) => {
            let BlockForm { first: start, last, country, kind, note } = (&now.block).into();
            let stale = [start, last, country, kind, note].join(", ");
            let template = FormPage { first, version: now.rev, stale, ..FormPage::new(shell, form, may_delete) };
            page_with(StatusCode::CONFLICT, &template)
        }
        Err(errors) => invalid(&FormPage { first, version, errors, ..FormPage::new(shell, form, may_delete) }),
    })
}

#[derive(Template)]
#[template(path = "block_delete.html")]
struct DeletePage {
    shell: Shell,
    first: String,
    words: String,
    numbers: String,
    version: i64,
    changed: bool,
}

async fn delete_page(
    state: &PortalState,
    read: &crate::authz::Grant<BlocksRead>,
    shell: Shell,
    first: E164,
    changed: bool,
) -> Result<DeletePage, Problem> {
    let kept = blocks::get(state.ctx(), read, first).await?;
    Ok(DeletePage {
        shell: shell.at("blocks"),
        first: kept.block.first.to_string(),
        words: kept.block.in_words(),
        numbers: counted(kept.block.size(), "number", "numbers"),
        version: kept.rev,
        changed,
    })
}

/// `GET /blocks/{number}/delete`
async fn ask(
    State(state): State<PortalState>,
    Granted(_): Granted<BlocksDelete>,
    Granted(read): Granted<BlocksRead>,
    PathPart(first): PathPart<String>,
    shell: Shell,
) -> Result<Response, Problem> {
    Ok(page(&delete_page(&state, &read, shell, first_of(&first)?, false).await?))
}

/// `POST /blocks/{number}/delete`
async fn remove(
    State(state): State<PortalState>,
    Granted(grant): Granted<BlocksDelete>,
    Granted(read): Granted<BlocksRead>,
    PathPart(first): PathPart<String>,
    Info(info): Info,
    shell: Shell,
    FormBody(sent): FormBody<SentBlock>,
) -> Result<Response, Problem> {
    let number = first_of(&first)?;
    Ok(match blocks::remove(state.ctx(), &grant, &origin(&info), (number, sent.version())).await? {
        Changed::Done(block) => {
            see_other_with("/blocks", Flash::success(format!("The block {} is removed.", block.in_words())))
        }
        Changed::Stale(_) => {
            let template = delete_page(&state, &read, shell, number, true).await?;
            page_with(StatusCode::CONFLICT, &template)
        }
    })
}
