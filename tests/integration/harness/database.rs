//! The two databases a test runs on.

use std::time::Duration;

use nmp::store::{Db, PoolSize};

use super::world::World;
use super::{eventually, postgres, runtime};

/// How long a machine may be so busy that nothing can be asked.
const BUSY: Duration = Duration::from_mins(1);

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// A place for data that nobody has used, and the folder that goes with it.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match kind {
            Kind::Sqlite => format!("sqlite:{}", folder.path().join("nmp.db").display()),
            Kind::Postgres => postgres::new_database().await,
        };
        Self { url, folder }
    }

    /// With as many connections to PostgreSQL as `NMP_TEST_CONNECTIONS` says: with two, the fewest that a process can have,
    /// whoever takes a second one while holding the first waits in vain.
    pub(crate) async fn open(&self) -> Db {
        let connections = std::env::var("NMP_TEST_CONNECTIONS").map_or(8, |text| text.parse().unwrap());
        let size = PoolSize { readers: 4, connections, ..PoolSize::default() };
        // A machine that is very busy may need longer to begin a session than the product waits for it.
        eventually("the database can be opened", BUSY, async || match Db::open(&self.url, size).await {
            Err(error) if error.to_string().contains("in time") => None,
            opened => Some(opened.unwrap()),
        })
        .await
    }
}

/// Runs a test on a migrated database of its own.
pub(crate) fn run<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(World) -> F) {
    runtime().block_on(async {
        let world = World::new(Place::new(kind).await).await;
        let db = world.db.clone();
        test(world).await;
        db.close().await;
    });
}

/// Asks once more as long as others hold every connection: whoever looks on is not what is tested.
async fn patient<T>(ask: impl AsyncFn() -> sqlx::Result<T>) -> T {
    eventually("a connection is free", BUSY, async || match ask().await {
        Err(sqlx::Error::PoolTimedOut) => None,
        answer => Some(answer.unwrap()),
    })
    .await
}

/// Runs a statement of the test's own.
pub(crate) async fn execute(db: &Db, statement: &str) -> u64 {
    let statement = || sqlx::AssertSqlSafe(statement.to_owned());
    match db {
        Db::Sqlite(sqlite) => {
            sqlx::query(statement()).execute(&mut *sqlite.write.lend().await.unwrap()).await.unwrap().rows_affected()
        }
        Db::Postgres(server) => {
            patient(async || sqlx::query(statement()).execute(&server.aside).await).await.rows_affected()
        }
    }
}

/// Asks for rows of whole numbers.
pub(crate) async fn numbers(db: &Db, question: &str) -> Vec<i64> {
    let question = || sqlx::AssertSqlSafe(question.to_owned());
    match db {
        Db::Sqlite(sqlite) => {
            sqlx::query_scalar(question()).fetch_all(&mut *sqlite.write.lend().await.unwrap()).await.unwrap()
        }
        Db::Postgres(server) => patient(async || sqlx::query_scalar(question()).fetch_all(&server.aside).await).await,
    }
}

/// Asks for rows of texts.
pub(crate) async fn texts(db: &Db, question: &str) -> Vec<String> {
    let question = || sqlx::AssertSqlSafe(question.to_owned());
    match db {
        Db::Sqlite(sqlite) => {
            sqlx::query_scalar(question()).fetch_all(&mut *sqlite.write.lend().await.unwrap()).await.unwrap()
        }
        Db::Postgres(server) => patient(async || sqlx::query_scalar(question()).fetch_all(&server.aside).await).await,
    }
}
