//! Every statement of the store on both databases: it prepares, and it means the same on both.

use sqlx::{Column as _, Either, Executor as _, SqlSafeStr as _, Statement as _};

use crate::harness::database::{Kind, Place};
use crate::harness::runtime;

/// What a database makes of a statement.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    parameters: usize,
    columns: Vec<String>,
}

/// Statements for one of the two databases say so at the end of their names.
fn is_for(name: &str, kind: Kind) -> bool {
    let other = if kind == Kind::Sqlite { "_POSTGRES" } else { "_SQLITE" };
    !name.ends_with(other)
}

/// Words that begin a clause within a line.
const CLAUSES: [&str; 10] = [
    " FROM ",
    " JOIN ",
    " WHERE ",
    " GROUP BY ",
    " ORDER BY ",
    " LIMIT ",
    " VALUES ",
    " SET ",
    " ON CONFLICT ",
    " UNION ",
];

macro_rules! shapes {
    ($connection:expr, $kind:expr) => {{
        let mut shapes = std::collections::BTreeMap::new();
        for (name, text) in nmp::store::statements() {
            if !is_for(name, $kind) {
                continue;
            }
            let statement = (&mut *$connection).prepare(sqlx::AssertSqlSafe(text).into_sql_str()).await;
            let statement =
                statement.unwrap_or_else(|error| panic!("{:?} cannot prepare {name}: {error}\n{text}", $kind));
            let parameters = match statement.parameters() {
                Some(Either::Left(types)) => types.len(),
                Some(Either::Right(count)) => count,
                None => 0,
            };
            let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
            assert!(shapes.insert(name, Shape { parameters, columns }).is_none(), "{name} stands twice");
        }
        shapes
    }};
}

#[test]
fn a_line_of_a_statement_is_short_or_a_single_clause() {
    for (name, text) in nmp::store::statements() {
        for line in text.lines() {
            let (width, clauses) = (line.trim().len(), CLAUSES.iter().filter(|clause| line.contains(**clause)).count());
            assert!(
                line.len() <= 120 && (width <= 100 || clauses == 0),
                "{name}: lay it out, one clause a line:\n{line}"
            );
        }
    }
}

#[test]
fn every_statement_prepares_on_both_databases_with_the_same_parameters_and_columns() {
    runtime().block_on(async {
        let (file, server) = (Place::new(Kind::Sqlite).await, Place::new(Kind::Postgres).await);
        let (file, server) = (file.open().await, server.open().await);
        file.migrate().await.unwrap();
        server.migrate().await.unwrap();
        let (nmp::store::Db::Sqlite(sqlite), nmp::store::Db::Postgres(server)) = (&file, &server) else {
            panic!("not the databases that were asked for");
        };
        let (mut write, mut pool) = (sqlite.write.lend().await.unwrap(), server.aside.acquire().await.unwrap());
        let (sqlite, postgres) = (shapes!(write, Kind::Sqlite), shapes!(pool, Kind::Postgres));
        assert!(sqlite.len() > 80, "the registry lost its statements: {}", sqlite.len());
        for (name, ours) in &sqlite {
            let Some(theirs) = postgres.get(name) else {
                assert!(name.ends_with("_SQLITE"), "{name} is missing on PostgreSQL");
                continue;
            };
            assert_eq!(ours.parameters, theirs.parameters, "parameters of {name}");
            assert_eq!(ours.columns.len(), theirs.columns.len(), "columns of {name}");
            for (ours, theirs) in ours.columns.iter().zip(&theirs.columns) {
                // An expression without a name is called by its text here and by its function there.
                if ours.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                    assert_eq!(ours, theirs, "a column of {name}");
                }
            }
        }
    });
}

#[test]
fn dialect_statements_come_in_pairs() {
    let names: Vec<&str> = nmp::store::statements().into_iter().map(|(name, _)| name).collect();
    for name in &names {
        for (this, other) in [("_SQLITE", "_POSTGRES"), ("_POSTGRES", "_SQLITE")] {
            if let Some(stem) = name.strip_suffix(this) {
                let pair = format!("{stem}{other}");
                assert!(names.contains(&pair.as_str()), "{name} has no {pair}");
            }
        }
    }
}

/// Ways to write SQL that one of the two databases does not know, or takes otherwise.
const NOT_PORTABLE: [(&str, &str); 16] = [
    ("now()", "time is bound as a parameter"),
    ("current_timestamp", "time is bound as a parameter"),
    ("ilike", "SQLite has no ILIKE; search a lower-case column"),
    ("::", "write CAST"),
    ("||", "texts are put together in the program"),
    ("similar to", "SQLite has no SIMILAR TO"),
    ("returning *", "name the columns"),
    ("select *", "name the columns"),
    ("on duplicate", "write ON CONFLICT"),
    ("insert or", "write ON CONFLICT"),
    ("replace into", "write ON CONFLICT"),
    ("autoincrement", "numbers come from sequences"),
    ("ifnull(", "write COALESCE"),
    ("nvl(", "write COALESCE"),
    ("group_concat", "PostgreSQL has no GROUP_CONCAT"),
    ("array[", "SQLite has no arrays"),
];

#[test]
fn statements_are_written_for_both_databases() {
    let mut found = Vec::new();
    for (name, text) in nmp::store::statements() {
        if name.ends_with("_SQLITE") || name.ends_with("_POSTGRES") {
            continue;
        }
        let lower = text.to_lowercase();
        for (word, advice) in NOT_PORTABLE {
            if lower.contains(word) {
                found.push(format!("{name} says \u{201c}{word}\u{201d}: {advice}"));
            }
        }
        for function in ["sum(", "count("] {
            for (at, _) in lower.match_indices(function) {
                let before = lower[..at].trim_end_matches("coalesce(");
                if !before.ends_with("cast(") {
                    found.push(format!("{name}: {function}…) is another type on each; CAST it AS BIGINT"));
                }
            }
        }
        if lower.contains("for update") || lower.contains("skip locked") {
            found.push(format!("{name} locks rows; that belongs in a pair _SQLITE and _POSTGRES"));
        }
        if text.contains('?') {
            found.push(format!("{name} has a ? parameter; write $1"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
