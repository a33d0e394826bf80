//! The orders in the life of a number.

use sqlx::FromRow;
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
            o.id, o.kind, o.status, o.author, o.ticket, o.created_at, o.submitted_at, i.state, i.error_id,
            e.body AS error, s.body AS settings, COALESCE(a.name, h.name) AS account, i.outside,
            CASE WHEN COALESCE(i.from_account_id, i.account_id) <> i.account_id THEN TRUE ELSE FALSE END AS is_move,
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

#[derive(FromRow)]
struct Row {
    id: i64,
    kind: String,
    status: String,
    author: String,
    ticket: Option<String>,
    created_at: i64,
    submitted_at: Option<i64>,
    state: String,
    error_id: Option<i64>,
    error: Option<String>,
    settings: String,
    account: Option<String>,
    outside: Option<String>,
    is_move: bool,
    form_of: String,
    drift_way: Option<String>,
}

fn history(number: E164, row: Row) -> Result<OrderHistory> {
    let unreadable = |column| Error::unreadable("orders", column, row.id);
    let kind = OrderKind::from_key(&row.kind).ok_or_else(|| unreadable("kind"))?;
    let form_of = FormOf::from_key(&row.form_of).ok_or_else(|| unreadable("form_of"))?;
    let way = row.drift_way.as_deref().and_then(DriftWay::from_key);
    Ok(OrderHistory {
        order_id: row.id,
        kind,
        deed: Deed::of(kind, form_of, row.is_move, way),
        status: OrderStatus::from_key(&row.status).ok_or_else(|| unreadable("status"))?,
        state: ItemState::from_key(&row.state).ok_or_else(|| unreadable("state"))?,
        at: at(row.submitted_at.unwrap_or(row.created_at)),
        error: error(number, row.error_id, row.error.as_deref())?,
        settings: settings::read(0, &row.settings)?,
        outside: row.outside.as_deref().and_then(Outside::from_key),
        author: row.author,
        ticket: row.ticket,
        account: row.account,
        is_move: row.is_move,
    })
}

impl Tx {
    /// The submitted orders a number was in, the newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number_history(&mut self, telephone_number: E164, limit: i64) -> Result<Vec<OrderHistory>> {
        let rows: Vec<Row> =
            on!(self, |c| sqlx::query_as(HISTORY).bind(telephone_number.as_i64()).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(|row| history(telephone_number, row)).collect()
    }
}
