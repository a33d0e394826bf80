//! Opening the database: one process for a SQLite file, and a schema this program knows.

use std::fmt::Write as _;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::config::{Config, DatabaseUrl};
use crate::domain::ReconcileWhy;
use crate::domain::field::counted;
use crate::service::audit::{self, Verified};
use crate::service::{Clock, Ctx, Policy};
use crate::store::{Db, MigrationState, PoolSize, SessionLimits};

use super::failure::Failure;
use super::print;
use super::sole::Sole;

/// A database that is away is tried again after so long.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// An open database. The right to a SQLite file lasts as long as this value.
pub(super) struct Database {
    pub(super) db: Db,
    sole: Option<Sole>,
}

/// Opens the configured database and brings its schema up to date.
pub(super) async fn open(config: &Config) -> Result<Database, Failure> {
    let mut database = connect(config).await?;
    match database.db.migration_state().await.map_err(failed)? {
        MigrationState::Current => {}
        MigrationState::Behind(_) => database.db.migrate().await.map_err(failed)?,
        MigrationState::Newer => return Err(newer()),
    }
    if let Some(sole) = &mut database.sole {
        sole.mark().map_err(|error| Failure::Line(format!("cannot write beside the database: {error}")))?;
        database.db.renew_statistics().await.map_err(failed)?;
        free_work(&database.db).await.map_err(failed)?;
    }
    Ok(database)
}

/// Opens the database for a process that has work to do meanwhile: a server that is away is waited for.
pub(super) async fn open_patiently(config: &Config) -> Result<Database, Failure> {
    if let DatabaseUrl::Postgres(_) = config.database.url {
        let mut said = false;
        loop {
            match open_db(config).await {
                Ok(db) => {
                    db.close().await;
                    break;
                }
                Err(error) if error.is_away() => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!(%error, "the database does not answer; the name server answers from the zone on disk until it does");
                    }
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }
    open(config).await
}

/// Frees the work that a process left half done: nobody else has the file, so that process is gone and its leases need
/// not end.
async fn free_work(db: &Db) -> crate::store::Result<()> {
    let mut tx = db.begin().await?;
    tx.free_work(Clock::system().now()).await?;
    tx.commit().await
}

async fn connect(config: &Config) -> Result<Database, Failure> {
    let sole = match &config.database.url {
        DatabaseUrl::Sqlite(path) => Some(Sole::take(path)?),
        DatabaseUrl::Postgres(_) => None,
    };
    Ok(Database { db: connect_beside(config).await?, sole })
}

/// Connects without keeping others away, to look while another process works.
async fn connect_beside(config: &Config) -> Result<Db, Failure> {
    open_db(config).await.map_err(failed)
}

async fn open_db(config: &Config) -> crate::store::Result<Db> {
    let connections = config.database.max_connections;
    let seconds = |count: u32| Duration::from_secs(count.into());
    let limits = SessionLimits {
        statement: seconds(config.database.statement_timeout_seconds),
        lock: seconds(config.database.lock_timeout_seconds),
        idle_in_transaction: seconds(config.database.idle_in_transaction_seconds),
    };
    let size = PoolSize { readers: connections.min(PoolSize::default().readers), connections, limits };
    let url = match &config.database.url {
        DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        DatabaseUrl::Postgres(url) => url.expose_secret().to_owned(),
    };
    Db::open(&url, size).await
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn failed(error: crate::store::Error) -> Failure {
    Failure::Line(if error.is_damaged() {
        format!("the file is no database of nmp, or it is damaged; restore a backup ({error})")
    } else {
        format!("the database cannot be used: {error}")
    })
}

fn newer() -> Failure {
    Failure::Line(
        "the database was written by a newer version of nmp; start that version, or restore an older backup".to_owned(),
    )
}

/// `nmp migrate`
pub(super) async fn migrate(config: &Config) -> Result<(), Failure> {
    let database = connect(config).await?;
    let said = match database.db.migration_state().await.map_err(failed)? {
        MigrationState::Current => "The database is up to date.\n".to_owned(),
        MigrationState::Newer => return Err(newer()),
        MigrationState::Behind(count) => {
            database.db.migrate().await.map_err(failed)?;
            format!("The database is up to date: {} run.\n", counted(count as i64, "migration was", "migrations were"))
        }
    };
    database.db.close().await;
    print(&said)
}

/// `nmp reconcile`: lets nothing be pushed before each account was compared with its backends.
pub(super) async fn reconcile(config: &Config) -> Result<(), Failure> {
    let database = open(config).await?;
    let now = Clock::system().now();
    let mut said = String::new();
    for backend in config.backends() {
        let info = &backend.info;
        let mut tx = database.db.begin().await.map_err(failed)?;
        let accounts = tx.begin_all_reconciles(info, ReconcileWhy::Restored, now).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        let accounts = counted(accounts as i64, "account is", "accounts are");
        let _ = writeln!(said, "{}: {accounts} compared before anything is pushed.", info.label);
    }
    database.db.close().await;
    print(&said)
}

/// `nmp audit verify`: also while another process works on the database.
pub(super) async fn verify_audit(config: &Config) -> Result<(), Failure> {
    if let DatabaseUrl::Sqlite(path) = &config.database.url
        && !path.exists()
    {
        return Err(Failure::Line(format!("there is no database at {}", path.display())));
    }
    let db = connect_beside(config).await?;
    match db.migration_state().await.map_err(failed)? {
        MigrationState::Current => {}
        MigrationState::Newer => return Err(newer()),
        MigrationState::Behind(_) => {
            return Err(Failure::Line(
                "the database is not up to date; run \u{201c}nmp migrate\u{201d} first".to_owned(),
            ));
        }
    }
    let ctx = Ctx::new(db, Clock::system(), Policy::default());
    match audit::verify(&ctx).await.map_err(|error| Failure::Line(error.to_string()))? {
        Verified::Holds { rows, head } => {
            let entries = counted(rows, "entry", "entries");
            print(&format!("The audit is whole: {entries}, the last with hash {head}.\n"))
        }
        Verified::Broken { seq, reason } => Err(Failure::Line(format!("the audit is broken at entry {seq}: {reason}"))),
    }
}
