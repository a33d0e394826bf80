//! How SQLite answers the lists: by seeks in the right index, never through a whole table of numbers.

use super::{Dialect, Window, accounts, addresses, consents, numbers};
use crate::domain::filter::parse;
use crate::domain::{E164, TenantId};
use crate::store::sql::{Conditions, bind_all};
use crate::store::{Db, PoolSize};

/// A migrated database; the folder goes with the test.
async fn database() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("nmp.db").display());
    let db = Db::open(&url, PoolSize::default()).await.unwrap();
    db.migrate().await.unwrap();
    (folder, db)
}

async fn plan(db: &Db, conditions: &Conditions) -> String {
    let Db::Sqlite(file) = db else { panic!("not a file") };
    let explain = format!("EXPLAIN QUERY PLAN {}", conditions.sql().0);
    let query = bind_all!(sqlx::query_as(sqlx::AssertSqlSafe(explain)), conditions);
    let rows: Vec<(i64, i64, i64, String)> = query.fetch_all(&mut *file.write.lend().await.unwrap()).await.unwrap();
    rows.into_iter().map(|(_, _, _, detail)| detail).collect::<Vec<_>>().join("\n")
}

async fn numbers_plan(db: &Db, account: Option<i64>, filter: &str) -> String {
    let filter = if filter.is_empty() { super::Filter::default() } else { parse(filter).unwrap() };
    let window = Window { after: E164::from_i64(441_632_960_000), skip: 3, limit: 200 };
    plan(db, &numbers::select(account, &filter, &window, Dialect::Sqlite).unwrap()).await
}

#[tokio::test]
async fn a_list_without_a_filter_is_read_in_the_order_of_its_key() {
    let (_folder, db) = database().await;
    let after = |key: &str| Window { after: Some(key.to_owned()), skip: 3, limit: 200 };
    let all = numbers_plan(&db, None, "").await;
    assert_eq!(all, "SEARCH n USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
    let of_account = numbers_plan(&db, Some(1), "").await;
    assert_eq!(
        of_account,
        "SEARCH n USING INDEX numbers_account (account_id=? AND telephone_number>? AND telephone_number<?)"
    );
    let accounts = plan(&db, &accounts::select(&super::Filter::default(), &after("contoso"), Dialect::Sqlite)).await;
    assert!(accounts.starts_with("SEARCH a USING INDEX sqlite_autoindex_accounts_2 (name>?)"), "{accounts}");
    let consents = plan(&db, &consents::select(&super::Filter::default(), &after("a7"), Dialect::Sqlite)).await;
    assert!(consents.starts_with("SEARCH c USING INDEX sqlite_autoindex_consents_1 (tenant_id>?)"), "{consents}");
    let tenant = TenantId::parse("a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a").unwrap();
    let of_tenant = addresses::select(&tenant, &super::Filter::default(), &after("x"), Dialect::Sqlite);
    let of_tenant = plan(&db, &of_tenant).await;
    assert_eq!(of_tenant, "SEARCH c USING INDEX sqlite_autoindex_civic_addresses_1 (tenant_id=? AND id>?)");
    for plan in [all, of_account, accounts, consents] {
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
    db.close().await;
}

#[tokio::test]
async fn no_filter_reads_numbers_of_other_accounts_or_sorts_what_it_need_not() {
    let (_folder, db) = database().await;
    for filter in [
        "startswith(telephoneNumber,'+4416') and accountName ne 'x'",
        "contains(telephoneNumber,'12')",
        "startswith(telephoneNumber,'+4416')",
        "serviceProvisioningStatus eq 'failed'",
        "serviceProvisioningStatus ne 'synced'",
        "serviceDetails/teamsOperatorConnect/enabled eq true",
        "serviceDetails/teamsOperatorConnect/configuration/usage eq 'x' and startswith(configuration/customSipHeader,'a')",
        "telephoneNumber eq '+441632960001' or telephoneNumber eq '+441632960002'",
        "accountName eq 'a' or accountName eq 'b'",
        "not (accountName eq 'x') or serviceDetails/teamsPhoneMobile/assignmentStatus eq 'assigned'",
    ] {
        let of_account = numbers_plan(&db, Some(1), filter).await;
        assert!(!of_account.contains("SCAN n"), "{filter}: {of_account}");
        let all = numbers_plan(&db, None, &format!("accountName eq 'contoso' and ({filter})")).await;
        assert!(!all.contains("SCAN n"), "{filter}: {all}");
        for plan in [of_account, all] {
            for line in plan.lines().filter(|line| line.contains("SEARCH n ")) {
                assert!(line.contains("account_id=?") || line.contains("rowid=?"), "{filter}: {plan}");
            }
        }
    }
    db.close().await;
}
