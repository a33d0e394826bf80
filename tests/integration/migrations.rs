//! The migrations: one history for both databases that ends in the same schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nmp::store::{Db, MigrationState};

use crate::harness::database::{Kind, Place, execute};
use crate::harness::runtime;

/// Version and name of the migrations in a folder.
fn files(folder: &str) -> BTreeMap<u32, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let (version, rest) = name.split_once('_').unwrap_or_else(|| panic!("{folder}/{name} has no version"));
        let version = version.parse().unwrap_or_else(|_| panic!("{folder}/{name} has no version"));
        assert_eq!(Path::new(rest).extension().and_then(|e| e.to_str()), Some("sql"), "{folder}/{name}");
        assert!(found.insert(version, rest.to_owned()).is_none(), "{folder} has version {version} twice");
    }
    found
}

#[test]
fn versions_are_unique_and_dialect_migrations_come_in_pairs() {
    let (common, sqlite, postgres) = (files("common"), files("sqlite"), files("postgres"));
    assert_eq!(sqlite, postgres, "what exists for one database exists for the other");
    let shared: Vec<_> = common.keys().filter(|version| sqlite.contains_key(version)).collect();
    assert!(shared.is_empty(), "versions in common and in a dialect: {shared:?}");
    let all: BTreeSet<u32> = common.keys().chain(sqlite.keys()).copied().collect();
    assert_eq!(all.iter().copied().collect::<Vec<_>>(), (1..=u32::try_from(all.len()).unwrap()).collect::<Vec<_>>());
}

/// What a table's column is, in words that both databases share.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    table: String,
    name: String,
    kind: String,
    required: bool,
    has_default: bool,
    /// Place in the primary key, from 1; 0 when it is not part of it.
    key: i64,
}

const SQLITE_COLUMNS: &str = "
    SELECT m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk
    FROM sqlite_master m
    JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table'
      AND m.name NOT LIKE 'sqlite_%'
      AND m.name <> '_sqlx_migrations'";
const POSTGRES_COLUMNS: &str = "
    SELECT
        CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT), CAST(c.data_type AS TEXT),
        CAST(CASE c.is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS BIGINT),
        CAST(c.column_default AS TEXT),
        CAST(COALESCE((
            SELECT k.ordinal_position
            FROM information_schema.table_constraints t
            JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
            WHERE t.constraint_type = 'PRIMARY KEY'
              AND t.table_schema = c.table_schema
              AND t.table_name = c.table_name
              AND k.column_name = c.column_name
        ), 0) AS BIGINT)
    FROM information_schema.columns c
    WHERE c.table_schema = 'public'
      AND c.table_name <> '_sqlx_migrations'";

const SQLITE_INDEXES: &str = "
    SELECT
        m.name, i.\"unique\",
        (
            SELECT group_concat(x.name)
            FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) x
        )
    FROM sqlite_master m
    JOIN pragma_index_list(m.name) i
    WHERE m.type = 'table'
      AND m.name <> '_sqlx_migrations'
      AND i.origin <> 'pk'";
const POSTGRES_INDEXES: &str = "
    SELECT
        CAST(t.relname AS TEXT),
        CAST(CASE WHEN i.indisunique THEN 1 ELSE 0 END AS BIGINT),
        (
            SELECT string_agg(CAST(a.attname AS TEXT), ',' ORDER BY k.place)
            FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
        )
    FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public'
      AND NOT i.indisprimary
      AND t.relname <> '_sqlx_migrations'";

type ColumnRow = (String, String, String, i64, Option<String>, i64);
type IndexRow = (String, i64, Option<String>);

/// Columns, and every index as table, uniqueness and columns.
async fn schema(db: &Db) -> (BTreeSet<Column>, BTreeSet<(String, bool, String)>) {
    let (columns, indexes): (Vec<ColumnRow>, Vec<IndexRow>) = match db {
        Db::Sqlite(sqlite) => {
            let mut file = sqlite.write.lend().await.unwrap();
            (
                sqlx::query_as(SQLITE_COLUMNS).fetch_all(&mut *file).await.unwrap(),
                sqlx::query_as(SQLITE_INDEXES).fetch_all(&mut *file).await.unwrap(),
            )
        }
        Db::Postgres(server) => (
            sqlx::query_as(POSTGRES_COLUMNS).fetch_all(&server.aside).await.unwrap(),
            sqlx::query_as(POSTGRES_INDEXES).fetch_all(&server.aside).await.unwrap(),
        ),
    };
    let columns = columns.into_iter().map(|(table, name, kind, required, default, key)| Column {
        table,
        name,
        kind: match kind.to_uppercase().as_str() {
            // The one integer primary key of SQLite must be called so.
            "INTEGER" | "BIGINT" => "BIGINT".to_owned(),
            other => other.to_owned(),
        },
        required: required == 1,
        has_default: default.is_some(),
        key,
    });
    let indexes = indexes.into_iter().map(|(table, unique, columns)| (table, unique == 1, columns.unwrap_or_default()));
    (columns.collect(), indexes.collect())
}

#[test]
fn both_databases_end_in_the_same_schema() {
    runtime().block_on(async {
        let (file, server) = (Place::new(Kind::Sqlite).await, Place::new(Kind::Postgres).await);
        let (file, server) = (file.open().await, server.open().await);
        file.migrate().await.unwrap();
        server.migrate().await.unwrap();
        let ((columns, indexes), (their_columns, their_indexes)) = (schema(&file).await, schema(&server).await);
        assert!(columns.len() > 80, "{columns:?}");
        let differ: Vec<_> = columns.symmetric_difference(&their_columns).collect();
        assert!(differ.is_empty(), "columns that differ: {differ:#?}");
        let differ: Vec<_> = indexes.symmetric_difference(&their_indexes).collect();
        assert!(differ.is_empty(), "indexes that differ: {differ:#?}");
        let bad: Vec<_> =
            columns.iter().filter(|c| !["BIGINT", "TEXT", "BOOLEAN"].contains(&c.kind.as_str())).collect();
        assert!(bad.is_empty(), "types that do not mean the same on both: {bad:?}");
    });
}

async fn a_second_run_does_nothing(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.open().await;
    assert!(matches!(db.migration_state().await.unwrap(), MigrationState::Behind(count) if count > 2));
    db.migrate().await.unwrap();
    assert_eq!(db.migration_state().await.unwrap(), MigrationState::Current);
    let before = schema(&db).await;
    db.migrate().await.unwrap();
    assert_eq!(db.migration_state().await.unwrap(), MigrationState::Current);
    assert_eq!(schema(&db).await, before);
}

async fn a_newer_database_is_recognised(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.open().await;
    db.migrate().await.unwrap();
    execute(
        &db,
        "
        INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        SELECT 9999, 'of the future', success, checksum, 1
        FROM _sqlx_migrations
        WHERE version = 1",
    )
    .await;
    assert_eq!(db.migration_state().await.unwrap(), MigrationState::Newer);
    db.close().await;
    let refused = crate::harness::program::finished(
        crate::harness::program::nmp().arg("migrate").env("NMP_DATABASE__URL", &place.url),
    );
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("newer version"), "{said}");
}

#[test]
fn a_second_run_does_nothing_on_sqlite() {
    runtime().block_on(a_second_run_does_nothing(Kind::Sqlite));
}

#[test]
fn a_second_run_does_nothing_on_postgres() {
    runtime().block_on(a_second_run_does_nothing(Kind::Postgres));
}

#[test]
fn a_newer_database_is_refused_on_sqlite() {
    runtime().block_on(a_newer_database_is_recognised(Kind::Sqlite));
}

#[test]
fn a_newer_database_is_refused_on_postgres() {
    runtime().block_on(a_newer_database_is_recognised(Kind::Postgres));
}
