//! The emergency addresses that a draft gives to numbers, each with how many.

use sqlx::FromRow;

use super::theirs::tenant;
use crate::domain::TenantId;
use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    ADDRESSES = "
        SELECT w.tenant_id, w.country, w.civic_address_id, w.location_id, CAST(COUNT(*) AS BIGINT) AS count
        FROM (
            SELECT
                COALESCE(a.tenant_id, '') AS tenant_id, COALESCE(i.country, '') AS country,
                COALESCE(s.civic_address_id, '') AS civic_address_id, COALESCE(s.location_id, '') AS location_id
            FROM order_items i
            LEFT JOIN settings s ON s.id = i.settings_id
            LEFT JOIN accounts a ON a.id = i.account_id
            WHERE i.order_id = $1
              AND i.verdict IN ('new', 'changed')
              AND COALESCE(s.civic_address_id, s.location_id, '') <> ''
        ) AS w
        WHERE (w.tenant_id, w.civic_address_id, w.location_id, w.country) > ($2, $3, $4, $5)
        GROUP BY w.tenant_id, w.civic_address_id, w.location_id, w.country
        ORDER BY w.tenant_id, w.civic_address_id, w.location_id, w.country
        LIMIT $6";
}

/// Numbers of a draft in one country with one emergency address.
#[derive(Clone, Debug)]
pub struct AddressUse {
    /// Where it stands among all of them.
    pub place: AddressPlace,
    /// The enterprise.
    pub tenant: Option<TenantId>,
    /// Their country, where the numbering plan tells.
    pub country: Option<String>,
    /// The address.
    pub civic_address_id: Option<String>,
    /// The place within it.
    pub location_id: Option<String>,
    /// How many numbers.
    pub count: i64,
}

/// A place among the addresses of a draft, to go on behind.
#[derive(Clone, Debug, Default)]
pub struct AddressPlace([String; 4]);

#[derive(FromRow)]
struct Row {
    tenant_id: String,
    country: String,
    civic_address_id: String,
    location_id: String,
    count: i64,
}

fn filled(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Row {
    fn read(self) -> Result<AddressUse> {
        Ok(AddressUse {
            tenant: filled(&self.tenant_id).as_deref().map(tenant).transpose()?,
            country: filled(&self.country),
            civic_address_id: filled(&self.civic_address_id),
            location_id: filled(&self.location_id),
            count: self.count,
            place: AddressPlace([self.tenant_id, self.civic_address_id, self.location_id, self.country]),
        })
    }
}

impl Tx {
    /// The emergency addresses that a draft gives to numbers, those behind `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn addresses_of_draft(
        &mut self,
        order_id: i64,
        after: &AddressPlace,
        limit: i64,
    ) -> Result<Vec<AddressUse>> {
        let AddressPlace([tenant, address, location, country]) = after;
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(ADDRESSES)
            .bind(order_id)
            .bind(tenant.as_str())
            .bind(address.as_str())
            .bind(location.as_str())
            .bind(country.as_str())
            .bind(limit)
            .fetch_all(c)
            .await)?;
        rows.into_iter().map(Row::read).collect()
    }
}
