//! The operator's own blocks: how much of each is used, the next free numbers, who keeps which.

mod edit;
mod free;
mod import;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

pub(super) use self::free::reserved;
use self::free::{FreeView, ReservationRow, SentFree};
use super::csv::{self, text};
use super::form::{Filters, Pager, page_of};
use super::show::{count, counted};
use crate::authz::{BlocksDelete, BlocksRead, BlocksWrite, Grant, NumbersWrite};
use crate::domain::block::file::{HEADINGS, cells};
use crate::domain::{E164, country};
use crate::http::{Granted, PortalState, Problem, QueryString, Routes, Shell, needs, page};
use crate::service::Page;
use crate::service::blocks::{self, UsedBlock};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/blocks", needs::<BlocksRead>(), list)
        .get("/blocks.csv", needs::<BlocksRead>(), export)
        .merge(edit::routes())
        .merge(free::routes())
        .merge(import::routes())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BlocksQuery {
    page: String,
    /// Fills the form for free numbers in.
    #[serde(flatten)]
    free: SentFree,
}

#[derive(Template)]
#[template(path = "blocks.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<BlockRow>,
    total: String,
    free: FreeView,
    reservations: Vec<ReservationRow>,
    pager: Pager,
    may_write: bool,
    may_delete: bool,
    may_upload: bool,
}

/// A block and how much of it is used.
struct BlockRow {
    e164: String,
    first: String,
    last: String,
    size: String,
    country: String,
    country_name: String,
    kind: &'static str,
    note: String,
    used: i64,
    numbers: i64,
    percent: String,
    parts: String,
    list: String,
}

impl From<&UsedBlock> for BlockRow {
    fn from(used: &UsedBlock) -> Self {
        let block = &used.kept.block;
        let size = block.size();
        let free = (size - used.used - used.quarantined).max(0);
        let reserved = match used.reserved {
            0 => String::new(),
            some => format!(" ({} reserved)", count(some)),
        };
        let (held, quarantined) = (count(used.used), count(used.quarantined));
        let parts = format!("{held} held, {quarantined} in quarantine, {} free{reserved}", count(free));
        let code = block.country.clone().unwrap_or_default();
        Self {
            e164: block.first.to_string(),
            first: block.first.grouped(),
            last: if size > 1 { block.last.grouped() } else { String::new() },
            size: count(size),
            country_name: if code.is_empty() { String::new() } else { country::name(&code).to_owned() },
            country: code,
            kind: block.kind.label(),
            note: block.note.clone(),
            used: used.used,
            numbers: size,
            percent: format!("{} % used", percent(used.used, size)),
            parts,
            list: list_of(block.first, block.last),
        }
    }
}

/// Whole percents; some is never none, and nearly all is never all.
fn percent(part: i64, whole: i64) -> i64 {
    match part * 100 / whole.max(1) {
        0 if part > 0 => 1,
        found => found,
    }
}

/// The list of numbers that begin like both ends.
fn list_of(first: E164, last: E164) -> String {
    let (first, last) = (first.as_i64().to_string(), last.as_i64().to_string());
    let same: String = first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    format!("/numbers?view=ranges&starts={same}")
}

/// `GET /blocks`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<BlocksRead>,
    QueryString(query): QueryString<BlocksQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let free = FreeView::new(&query.free);
    Ok(page(&list_page(&state, &grant, shell, &query.page, free).await?))
}

async fn list_page(
    state: &PortalState,
    grant: &Grant<BlocksRead>,
    shell: Shell,
    asked: &str,
    free: FreeView,
) -> Result<ListPage, Problem> {
    let ctx = state.ctx();
    let person = grant.principal();
    let asked: Page<E164> = page_of(asked, |key| key.parse().ok().and_then(E164::from_i64));
    let total = blocks::count(ctx, grant).await?;
    let found = blocks::list(ctx, grant, asked).await?;
    let key = |used: &UsedBlock| used.kept.block.first.as_i64().to_string();
    let before = found.blocks.first().map(key).filter(|_| found.more_before);
    let after = found.blocks.last().map(key).filter(|_| found.more_after);
    let all = counted(total, "block", "blocks");
    let text = if before.is_none() && after.is_none() {
        all.clone()
    } else {
        format!("{} of {all}", count(found.blocks.len() as i64))
    };
    let may_upload = person.may::<NumbersWrite>();
    let free = if may_upload && total > 0 { free.offered(state, person).await? } else { free };
    let now = ctx.clock.now();
    Ok(ListPage {
        shell: shell.at("blocks"),
        rows: found.blocks.iter().map(BlockRow::from).collect(),
        total: all,
        free,
        reservations: blocks::reservations(ctx, grant)
            .await?
            .into_iter()
            .map(|kept| ReservationRow::new(kept, person, now))
            .collect(),
        pager: Filters::new("/blocks").pager(text, before, after),
        may_write: person.may::<BlocksWrite>(),
        may_delete: person.may::<BlocksDelete>(),
        may_upload,
    })
}

/// `GET /blocks.csv`
async fn export(State(state): State<PortalState>, Granted(grant): Granted<BlocksRead>) -> Result<Response, Problem> {
    let blocks = blocks::every(state.ctx(), &grant).await?;
    let rows: Vec<Vec<String>> = blocks
        .iter()
        .map(|block| {
            let [first, last, country, kind, note] = cells(block);
            vec![first, last, country, kind, text(note)]
        })
        .collect();
    csv::export("blocks.csv", &HEADINGS, move |_: Option<()>| {
        let rows = rows.clone();
        async move { Ok((rows, None)) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_is_never_none() {
        assert_eq!([(0, 1_000), (1, 1_000), (999, 1_000), (1_000, 1_000)].map(|(a, b)| percent(a, b)), [0, 1, 99, 100]);
    }

    #[test]
    fn the_list_of_a_block_is_what_begins_like_it() {
        let number = |value| E164::from_i64(value).unwrap();
        let list = list_of(number(441_632_960_000), number(441_632_960_999));
        assert_eq!(list, "/numbers?view=ranges&starts=441632960");
    }
}
