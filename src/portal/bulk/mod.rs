//! Acting on many numbers at once: changing, releasing and moving them. Each begins with what is ticked or found in the list,
//! or with a box for a list, ranges or a file.

mod headings;
mod manage;
mod moving;
mod picked;
mod release;
mod sent;
mod view;

use axum::response::Response;
use serde::Deserialize;

use crate::authz::{NumbersDelete, NumbersRead, NumbersWrite, Principal};
use crate::domain::{FormOf, OrderKind, OrderStatus};
use crate::http::{PortalState, Problem, Routes, needs, see_other};
use crate::service::bulk::{self, EditForm};
use crate::service::orders::{self, OrderRight};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/numbers/manage", needs::<NumbersWrite>(), manage::show)
        .post_upload("/numbers/manage", needs::<NumbersWrite>(), manage::take)
        .get("/numbers/move", needs::<NumbersWrite>(), moving::show)
        .post_upload("/numbers/move", needs::<NumbersWrite>(), moving::take)
        .get("/numbers/release", needs::<NumbersDelete>(), release::show)
        .post_upload("/numbers/release", needs::<NumbersDelete>(), release::take)
        .get("/numbers/headings", needs::<NumbersRead>(), headings::show)
        .post("/numbers/headings", needs::<NumbersRead>(), headings::say)
}

/// What the address of such a form says beside which numbers are meant.
#[derive(Default, Deserialize)]
#[serde(default)]
struct BulkQuery {
    draft: String,
    /// The account that gets the numbers.
    to: String,
}

/// The draft that is to be taken up again.
fn draft_of(query: &BulkQuery) -> Result<Option<i64>, Problem> {
    if query.draft.is_empty() {
        return Ok(None);
    }
    query.draft.parse().map(Some).map_err(|_| Problem::no_such("order", &query.draft))
}

/// The form of a draft, and its account where it has one; where it is another one's, or the order is no draft any more, the way
/// there.
async fn taken_up(
    state: &PortalState,
    person: &Principal,
    id: i64,
    form_of: FormOf,
) -> Result<Result<(EditForm, String), Response>, Problem> {
    let order = orders::get(state.ctx(), &person.grant()?, id).await?;
    if order.status != OrderStatus::Draft || order.form_of != form_of {
        return Ok(Err(see_other(&format!("/orders/{id}"))));
    }
    let form = bulk::form_of(state.ctx(), &person.grant::<NumbersRead>()?, id).await?;
    Ok(Ok((form, order.accounts)))
}

/// Gives up the draft whose form was changed and staged anew. A draft that is none any more stays as it is.
async fn replaced(state: &PortalState, person: &Principal, draft: &str, kind: OrderKind) {
    let right = if kind == OrderKind::Upload { OrderRight::widest(person) } else { OrderRight::of(person, kind) };
    if let (Ok(id), Ok(right)) = (draft.parse::<i64>(), right)
        && let Err(error) = orders::discard(state.ctx(), &right, id).await
    {
        tracing::debug!(order.id = id, %error, "the draft that was taken up again stays");
    }
}
