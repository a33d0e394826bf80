//! The orders in the life of a number.

use time::OffsetDateTime;

use super::items::error;
use crate::domain::{
    Deed, DriftWay, E164, FormOf, ItemState, NumberSettings, OrderKind, OrderStatus, Outside, ProvisioningError,
};
use crate::store::numbers::settings;
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx, at};

statements! {
    HISTORY = "
        SELECT
            o.id, o.kind, o.status, o.author, o.ticket, o.created_at,
            o.submitted_at, i.state, i.error_id, e.body, s.body, COALESCE(a.name, h.name), i.outside,
            CASE WHEN COALESCE(i.from_account_id, i.account_id) <> i.account_id THEN TRUE ELSE FALSE END,
            o.form_of, o.drift_way
        FROM order_items i
        JOIN orders o ON o.id = i.order_id
        JOIN settings s ON s.id = i.settings_id
        LEFT JOIN accounts a ON a.id = i.account_id
        LEFT JOIN holders h ON h.id = i.account_id
        LEFT JOIN errors e ON e.id = i.error_id
        WHERE i.telephone_number = $1
          AND o.status NOT IN ('draft', 'discarded')
          AND i.state <> 'idle'
        ORDER BY i.order_id DESC
        LIMIT $2";
}

/// One order in the life of a number.
#[derive(Clone, Debug)]
pub struct OrderHistory {
    /// The order.
    pub order_id: i64,
    /// What it did.
    pub kind: OrderKind,
    /// How far it has come.
    pub status: OrderStatus,
    /// Who made it.
    pub author: String,
    /// Ticket of the change.
    pub ticket: Option<String>,
    /// When it was submitted.
    pub at: OffsetDateTime,
    /// How the number stands in it.
    pub state: ItemState,
    /// What the backend said, when it refused.
    pub error: Option<ProvisioningError>,
    /// The settings it gave.
    pub settings: NumberSettings,
    /// The account, by the name that it has or had.
    pub account: Option<String>,
    /// What the backends held of the number when it was reviewed.
    pub outside: Option<Outside>,
    /// Whether it moved the number to the account from another.
    pub is_move: bool,
    /// What it is called.
    pub deed: Deed,
}

type Columns = (
    i64,
    String,
    String,
    String,
    Option<String>,
    i64,
    Option<i64>,
    String,
    Option<i64>,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
    bool,
    String,
    Option<String>,
);

fn history(number: E164, columns: Columns) -> Result<OrderHistory> {
    let (
        order_id,
        kind,
        status,
        author,
        ticket,
        created,
        submitted,
        state,
        error_id,
        error_body,
        body,
        account,
        outside,
        is_move,
        form_of,
        way,
    ) = columns;
    let unreadable = |column| Error::unreadable("orders", column, order_id);
    let kind = OrderKind::from_key(&kind).ok_or_else(|| unreadable("kind"))?;
    let form_of = FormOf::from_key(&form_of).ok_or_else(|| unreadable("form_of"))?;
    Ok(OrderHistory {
        order_id,
        kind,
        deed: Deed::of(kind, form_of, is_move, way.as_deref().and_then(DriftWay::from_key)),
        status: OrderStatus::from_key(&status).ok_or_else(|| unreadable("status"))?,
        author,
        ticket,
        at: at(submitted.unwrap_or(created)),
        state: ItemState::from_key(&state).ok_or_else(|| unreadable("state"))?,
        error: error(number, error_id, error_body.as_deref())?,
        settings: settings::read(0, &body)?,
        account,
        outside: outside.as_deref().and_then(Outside::from_key),
        is_move,
    })
}

impl Tx {
    /// The submitted orders a number was in, the newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number_history(&mut self, telephone_number: E164, limit: i64) -> Result<Vec<OrderHistory>> {
        let rows: Vec<Columns> =
            on!(self, |c| sqlx::query_as(HISTORY).bind(telephone_number.as_i64()).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(|row| history(telephone_number, row)).collect()
    }
}
