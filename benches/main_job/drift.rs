//! Drift: its page, folded or not, and its counts on the first page.

use std::path::Path;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::load;
use crate::millis;
use crate::report::{Outcome, at_most, say};

/// Lets one number in a hundred of a database that nobody has open differ from what its backend says.
pub async fn fill(folder: &Path) -> Outcome<()> {
    let options = SqliteConnectOptions::new().filename(folder.join("nmp.db"));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query(
        "
        INSERT INTO drift (
            telephone_number, backend, kind, account_id, tenant_id, held_by, ours_id, theirs_id, assigned, country,
            seen_at, found_at
        )
        SELECT
            n.telephone_number, 'operator-connect',
            CASE n.telephone_number % 300 WHEN 0 THEN 'only-here' WHEN 100 THEN 'other-tenant' ELSE 'different' END,
            n.account_id, a.tenant_id, a.tenant_id, n.settings_id, NULL, n.telephone_number % 3 = 0, n.country, 0, 0
        FROM numbers n
        JOIN accounts a ON a.id = n.account_id
        WHERE n.telephone_number % 100 = 0",
    )
    .execute(&mut connection)
    .await?;
    Ok(connection.close().await?)
}

/// Measures and prints.
pub async fn run(portal: &str, cookies: &str, stored: &str) -> Outcome<()> {
    for (path, what) in [
        ("/drift", "drift page with its counts"),
        ("/drift?account=account-3&kind=different", "  of one account and kind"),
        ("/drift?view=ranges", "  folded into ranges"),
        ("/", "first page with the counts of drift"),
    ] {
        let rate = load::get(portal, path, cookies).await?;
        let median = millis(rate.median);
        let shown = format!("{:.0}/s {median:.2} ms", rate.per_second);
        say(&format!("{what}, {stored} stored, one in 100 drifts"), shown, &at_most(20.0, "ms", median));
    }
    Ok(())
}
