//! Consents, listed by tenant.

use super::{Dialect, InSql, ListPart, Window, add, add_comparison, add_truth};
use crate::domain::country::iso;
use crate::domain::filter::{ConsentField, Filter, Test, TextTerm};
use crate::store::consents::COLUMNS;
use crate::store::sql::{Bind, Conditions};
use crate::store::{ConsentRow, Result, Tx};

impl Tx {
    /// Consents that match, by tenant.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn consents_listed(
        &mut self,
        filter: &Filter<ConsentField>,
        window: &Window<String>,
    ) -> Result<ListPart<ConsentRow>> {
        let conditions = select(filter, window, self.dialect());
        Ok(window.part(self.fetch_consents(&conditions).await?))
    }

    /// How many consents match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_consents_listed(&mut self, filter: &Filter<ConsentField>) -> Result<i64> {
        let mut conditions = Conditions::default();
        conditions.push("SELECT CAST(COUNT(*) AS BIGINT) FROM consents c WHERE ", []);
        add(filter, &mut conditions, self.dialect());
        self.ask_count(&conditions).await
    }
}

pub(super) fn select(filter: &Filter<ConsentField>, window: &Window<String>, dialect: Dialect) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.push(COLUMNS, []).push(" AND ", []);
    add(filter, &mut conditions, dialect);
    if let Some(tenant) = &window.after {
        conditions.and("c.tenant_id > ?", [tenant.as_str().into()]);
    }
    conditions.push(" ORDER BY c.tenant_id LIMIT ? OFFSET ?", [window.rows(), window.offset()]);
    conditions
}

impl InSql for ConsentField {
    fn compare(term: &TextTerm<Self>, conditions: &mut Conditions, _: Dialect) {
        const ACCOUNT: &str = "(SELECT MIN(a.name) FROM accounts a WHERE a.tenant_id = c.tenant_id AND NOT a.deleting)";
        let TextTerm { field, test, holds } = term;
        match field {
            Self::TenantId => add_comparison("c.tenant_id", &test.in_lower_case(), *holds, conditions),
            Self::Status => add_comparison("c.status", test, *holds, conditions),
            Self::AccountName => add_comparison(ACCOUNT, test, *holds, conditions),
            // Empty while the backend has told none.
            Self::RelationshipStatus => add_comparison("NULLIF(c.relationship, '')", test, *holds, conditions),
            Self::ProvisioningStatus => add_comparison("c.sync_state", test, *holds, conditions),
            Self::Countries => add_country(test, *holds, conditions),
        }
    }

    /// A consent names no services.
    fn enabled(_: Bind, is: bool, conditions: &mut Conditions) {
        add_truth(!is, conditions);
    }
}

/// Countries stand between commas in the column, each as its ISO code.
fn add_country(test: &Test, holds: bool, conditions: &mut Conditions) {
    let wanted = iso(test.text()).to_uppercase();
    if wanted.is_empty() || wanted.contains(',') {
        return add_truth(!holds, conditions);
    }
    add_comparison("c.countries", &Test::Contains(format!(",{wanted},")), holds, conditions);
}
