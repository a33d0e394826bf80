//! Civic addresses of a tenant, listed by their ids.

use super::{Dialect, InSql, ListPart, Window, add, add_comparison, add_truth, json_text};
use crate::domain::country::iso;
use crate::domain::filter::{AddressField, Filter, Test, TextTerm};
use crate::domain::{CivicAddress, TenantId};
use crate::store::sql::{Bind, Conditions};
use crate::store::{Result, Tx};

impl Tx {
    /// Civic addresses of a tenant that match, by id.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn civic_addresses_listed(
        &mut self,
        tenant: &TenantId,
        filter: &Filter<AddressField>,
        window: &Window<String>,
    ) -> Result<ListPart<CivicAddress>> {
        let conditions = select(tenant, filter, window, self.dialect());
        Ok(window.part(self.fetch_civic_addresses(tenant, &conditions).await?))
    }

    /// How many civic addresses of a tenant match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_civic_addresses_listed(
        &mut self,
        tenant: &TenantId,
        filter: &Filter<AddressField>,
    ) -> Result<i64> {
        let mut conditions = Conditions::default();
        conditions.push(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM civic_addresses c WHERE c.tenant_id = ? AND ",
            [tenant.as_str().into()],
        );
        add(filter, &mut conditions, self.dialect());
        self.ask_count(&conditions).await
    }
}

pub(super) fn select(
    tenant: &TenantId,
    filter: &Filter<AddressField>,
    window: &Window<String>,
    dialect: Dialect,
) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.push("SELECT c.body FROM civic_addresses c WHERE c.tenant_id = ? AND ", [tenant.as_str().into()]);
    add(filter, &mut conditions, dialect);
    if let Some(id) = &window.after {
        conditions.and("c.id > ?", [id.as_str().into()]);
    }
    conditions.push(" ORDER BY c.id LIMIT ? OFFSET ?", [window.rows(), window.offset()]);
    conditions
}

impl InSql for AddressField {
    fn compare(term: &TextTerm<Self>, conditions: &mut Conditions, dialect: Dialect) {
        let column = match term.field {
            Self::Id => "c.id",
            Self::Country => json_text!(dialect, "c.body", "country"),
            Self::CityOrTown => json_text!(dialect, "c.body", "cityOrTown"),
            Self::PostalOrZipCode => json_text!(dialect, "c.body", "postalOrZipCode"),
            Self::CompanyName => json_text!(dialect, "c.body", "companyName"),
            Self::Description => json_text!(dialect, "c.body", "description"),
            Self::ValidationStatus => json_text!(dialect, "c.body", "validationStatus"),
        };
        // A backend writes UK as well as GB.
        if term.field == AddressField::Country
            && let Test::Is(wanted) = &term.test
            && iso(wanted) == "GB"
        {
            let ends = if term.holds { " END = 'GB'" } else { " END <> 'GB'" };
            conditions.push("CASE ", []).push(column, []).push(" WHEN 'UK' THEN 'GB' ELSE ", []).push(column, []);
            conditions.push(ends, []);
            return;
        }
        add_comparison(column, &term.test, term.holds, conditions);
    }

    /// A civic address names no services.
    fn enabled(_: Bind, is: bool, conditions: &mut Conditions) {
        add_truth(!is, conditions);
    }
}
