//! Accounts, listed. An account that waits for its last number to be released is in no list.

use super::{Dialect, InSql, ListPart, Window, add, add_comparison};
use crate::domain::Account;
use crate::domain::filter::{AccountField, Filter, TextTerm};
use crate::store::accounts::select_accounts;
use crate::store::sql::{Bind, Conditions};
use crate::store::{Result, Tx};

impl Tx {
    /// Accounts that match, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn accounts_listed(
        &mut self,
        filter: &Filter<AccountField>,
        window: &Window<String>,
    ) -> Result<ListPart<Account>> {
        let conditions = select(filter, window, self.dialect());
        Ok(window.part(self.fetch_accounts(&conditions).await?))
    }

    /// How many accounts match.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_accounts_listed(&mut self, filter: &Filter<AccountField>) -> Result<i64> {
        let mut conditions = Conditions::default();
        conditions.push("SELECT CAST(COUNT(*) AS BIGINT) FROM accounts a WHERE NOT a.deleting AND ", []);
        add(filter, &mut conditions, self.dialect());
        self.ask_count(&conditions).await
    }
}

pub(super) fn select(filter: &Filter<AccountField>, window: &Window<String>, dialect: Dialect) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.push(concat!(select_accounts!(), "NOT a.deleting AND "), []);
    add(filter, &mut conditions, dialect);
    if let Some(name) = &window.after {
        conditions.and("a.name > ?", [name.as_str().into()]);
    }
    conditions.push(" ORDER BY a.name LIMIT ? OFFSET ?", [window.rows(), window.offset()]);
    conditions
}

impl InSql for AccountField {
    fn compare(term: &TextTerm<Self>, conditions: &mut Conditions, _: Dialect) {
        let TextTerm { field, test, holds } = term;
        match field {
            Self::Name => add_comparison("a.name", test, *holds, conditions),
            Self::CorrelationId => add_comparison("a.correlation_id", test, *holds, conditions),
            Self::TenantId => add_comparison("a.tenant_id", &test.in_lower_case(), *holds, conditions),
            // An account by itself is pushed nowhere.
            Self::ProvisioningStatus => add_comparison("'synced'", test, *holds, conditions),
        }
    }

    fn enabled(services: Bind, is: bool, conditions: &mut Conditions) {
        conditions.push(if is { "(a.services & ?) <> 0" } else { "(a.services & ?) = 0" }, [services]);
    }
}
