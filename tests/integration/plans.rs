//! How PostgreSQL goes about statements over the numbers of one order, when its statistics know nothing of that order.
//!
//! Rows that were staged a moment ago are in no statistics: the planner takes them for one or two. Where it then pairs each
//! of them with each, instead of looking the other up by its key, an upload of 100,000 numbers takes minutes. So no
//! statement may be open to such a plan.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::harness::database::{Kind, Place};
use crate::harness::runtime;

/// Tables that grow with orders.
const LARGE: [&str; 6] = ["order_items", "numbers", "number_parts", "observed", "quarantine", "holdings"];
/// What is looked up as one row, or as a few that have an order each.
const FEW: [&str; 2] = ["orders", "audit"];
/// The order that no statistics know.
const NEW: i64 = 999;

/// 200,000 numbers, each in one of 20 orders, with statistics; then an order of 5,000 more.
const FILL: &str = "
    INSERT INTO accounts (id, name, search, services, synced, created_at, updated_at)
    SELECT n, 'account' || n, 'account' || n, 1, 1, 0, 0
    FROM generate_series(1, 50) n;
    INSERT INTO settings (id, push_key, services, usage, body)
    SELECT n, n, 1, 'CallingUserAssignment', '{}'
    FROM generate_series(1, 20) n;
    INSERT INTO orders (id, kind, source, status, accounts, author, author_id, form, created_at)
    SELECT n, 'upload', 'portal', 'complete', 'a', 'a', 'a', '{}', 0
    FROM generate_series(1, 20) n;
    INSERT INTO numbers (
        telephone_number, account_id, settings_id, country, state, rev, order_id, changed_at
    )
    SELECT 441632000000 + n, 1 + n % 50, 1 + n % 20, 'GB', 'synced', 1, 1 + n % 20, 0
    FROM generate_series(1, 200000) n;
    INSERT INTO order_items (
        order_id, telephone_number, line, account_id, settings_id, country, verdict, base_rev, state
    )
    SELECT 1 + n % 20, 441632000000 + n, 0, 1 + n % 50, 1 + n % 20, 'GB', 'new', 0, 'done'
    FROM generate_series(1, 200000) n;
    INSERT INTO number_parts (telephone_number, backend, account_id, service, task, state)
    SELECT 441632000000 + n, b.name, 1 + n % 50, b.service, 'upload', 'synced'
    FROM generate_series(1, 20000) n, (VALUES ('operator-connect', 1), ('zoom', 8)) AS b (name, service);
    INSERT INTO observed_lists (id, backend, tenant_id, listed_at)
    SELECT n, 'operator-connect', 'tenant' || n, 0
    FROM generate_series(1, 20) n;
    INSERT INTO observed (list_id, telephone_number, settings_id, assigned, seen_at)
    SELECT 1 + n % 20, 441632000000 + n, 1 + n % 20, FALSE, 0
    FROM generate_series(1, 200000) n;
    ALTER TABLE observed SET (autovacuum_enabled = FALSE);
    INSERT INTO holdings (telephone_number, order_id, holder_id, until)
    SELECT 441632000000 + n, 1, 1 + n % 50, 0
    FROM generate_series(1, 50000) n;
    INSERT INTO quarantine (telephone_number, holder_id, country, order_id, released_at, free_at)
    SELECT 441632000000 + n, 1 + n % 50, 'GB', 1, 0, 1000
    FROM generate_series(1, 50000) n;
    ALTER TABLE quarantine SET (autovacuum_enabled = FALSE);
    ALTER TABLE holdings SET (autovacuum_enabled = FALSE);
    ALTER TABLE number_parts SET (autovacuum_enabled = FALSE);
    ALTER TABLE order_items SET (autovacuum_enabled = FALSE);
    ALTER TABLE numbers SET (autovacuum_enabled = FALSE);
    ANALYZE;
    INSERT INTO orders (id, kind, source, status, accounts, author, author_id, form, created_at)
    SELECT 999, 'upload', 'portal', 'draft', 'a', 'a', 'a', '{}', 0;
    INSERT INTO order_items (
        order_id, telephone_number, line, account_id, settings_id, country, verdict, base_rev, state
    )
    SELECT 999, 441632000000 + n, 0, 1, 1, 'GB', 'changed', 1, 'pending'
    FROM generate_series(1, 5000) n; ";

const CUSTOM: &str = "force_custom_plan";
const GENERIC: &str = "force_generic_plan";

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node[key].as_str().unwrap_or_default()
}

fn children(node: &Value) -> &[Value] {
    node["Plans"].as_array().map_or(&[], Vec::as_slice)
}

/// A large table in this part of a plan that is gone through for itself, whatever stands beside it.
fn whole_scan(node: &Value) -> Option<String> {
    let table = text(node, "Relation Name");
    let by_key = text(node, "Index Cond").contains("telephone_number") || text(node, "Node Type") == "Tid Scan";
    if LARGE.contains(&table) && !by_key {
        return Some(table.to_owned());
    }
    if text(node, "Node Type") == "CTE Scan" {
        return Some(format!("what {} holds", text(node, "CTE Name")));
    }
    children(node).iter().find_map(whole_scan)
}

/// What in a plan takes a time that grows with the square of an order, or with a whole table.
fn faults(node: &Value, writes: bool, found: &mut Vec<String>) {
    match text(node, "Node Type") {
        "Nested Loop" => {
            if let [outer, inner] = children(node)
                && !FEW.contains(&text(outer, "Relation Name"))
                && let Some(table) = whole_scan(inner)
            {
                found.push(format!("goes through {table} for each row"));
            }
        }
        "Hash Join" | "Merge Join" if writes => found.push("a join that rests on counts".to_owned()),
        "Seq Scan" if writes && LARGE.contains(&text(node, "Relation Name")) => {
            found.push(format!("reads all of {}", text(node, "Relation Name")));
        }
        _ => {}
    }
    // A condition that is looked at row by row, of a table that is asked for each row of another.
    if text(node, "Parent Relationship") == "SubPlan" && whole_scan(node).is_some() {
        found.push("goes through a table for each row".to_owned());
    }
    for child in children(node) {
        faults(child, writes, found);
    }
}

/// Values for the parameters of a statement. A text that is read as JSON names backends.
fn values(types: &[String], statement: &str) -> String {
    let value = |kind: &String| match kind.as_str() {
        "bigint" => NEW.to_string(),
        "boolean" => "TRUE".to_owned(),
        _ if statement.contains("AS JSON)") => r#"'[["operator-connect", 1]]'"#.to_owned(),
        _ if statement.contains("AS BIGINT[])") => "'[441632960000, 441632960001]'".to_owned(),
        _ => "'pending'".to_owned(),
    };
    let values: Vec<String> = types.iter().map(value).collect();
    if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) }
}

async fn run(connection: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.unwrap();
}

#[test]
fn no_statement_over_an_order_rests_on_statistics() {
    runtime().block_on(async {
        let place = Place::new(Kind::Postgres).await;
        let db = place.open().await;
        db.migrate().await.unwrap();
        let mut connection = PgConnection::connect(&place.url).await.unwrap();
        run(&mut connection, FILL.to_owned()).await;
        let (mut seen, mut found) = (0, Vec::new());
        for (name, statement) in nmp::store::statements() {
            let rooms = ["::submit::", "::again::", "::plan::"];
            let concerned = statement.contains("order_items") || rooms.iter().any(|room| name.contains(room));
            if name.ends_with("_SQLITE") || !concerned {
                continue;
            }
            seen += 1;
            run(&mut connection, format!("PREPARE one AS {statement}")).await;
            let types = "
                SELECT CAST(CAST(parameter_types AS TEXT[]) AS TEXT[])
                FROM pg_prepared_statements
                WHERE name = 'one'";
            let types: Vec<String> = sqlx::query_scalar(types).fetch_one(&mut connection).await.unwrap();
            for (writes, mode) in [(true, CUSTOM), (true, GENERIC), (false, CUSTOM), (false, GENERIC)] {
                if !writes && !statement.trim_start().starts_with("SELECT") {
                    continue;
                }
                run(&mut connection, format!("RESET ALL; SET plan_cache_mode = {mode};")).await;
                if writes {
                    run(&mut connection, nmp::store::WRITING.to_owned()).await;
                }
                let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE one{}", values(&types, statement));
                let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut connection).await.unwrap();
                let mut faults_of_one = Vec::new();
                faults(&plan[0]["Plan"], writes, &mut faults_of_one);
                faults_of_one.sort();
                faults_of_one.dedup();
                if !faults_of_one.is_empty() {
                    found.push(format!("{name}, {mode}: {}\n{plan:#}", faults_of_one.join("; ")));
                }
            }
            run(&mut connection, "DEALLOCATE one".to_owned()).await;
        }
        assert!(seen > 30, "the registry lost its statements: {seen}");
        assert!(found.is_empty(), "{} plans rest on statistics:\n{}", found.len(), found.join("\n"));
        db.close().await;
    });
}
