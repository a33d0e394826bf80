//! Data to measure with: CSV text, a bare bulk insert, a database full of numbers.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nmp::authz::{Grant, Permission, Principal, Role, Via};
use nmp::domain::{AccountForm, OrderKind, Service, ServiceSet};
use nmp::service::orders::{OrderRight, Submitted, submit};
use nmp::service::staging::{UploadForm, stage_upload};
use nmp::service::{Clock, Ctx, Origin, Policy, accounts};
use nmp::store::{Db, PoolSize};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use crate::TENANT;
use crate::report::Outcome;

/// The first number; all others follow.
const FIRST: i64 = 442_000_000_000;

/// The columns of an upload of whole settings.
pub fn headings() -> String {
    let oc = "serviceDetails_teamsOperatorConnect";
    format!(
        "telephoneNumber,accountName,{oc}_enabled,{oc}_configuration_usage,{oc}_configuration_choosableCapabilities,\
         {oc}_configuration_allowTenantAddressUpdate,{oc}_configuration_displayedCountryCode"
    )
}

/// An upload with a column set, every line with its own account and settings.
pub fn csv(count: usize) -> String {
    let mut text = headings() + "\r\n";
    for index in 0..count as i64 {
        let _ = write!(
            text,
            "+{},contoso,true,CallingUserAssignment,InboundCalling;OutboundCalling,true,GB\r\n",
            FIRST + index
        );
    }
    text
}

/// The rows an upload stores, put into a table of their own without a look left or right: what the database itself costs.
pub async fn bare_insert(count: usize) -> Outcome<Duration> {
    let folder = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query(
        "
        CREATE TABLE numbers (
            telephone_number INTEGER PRIMARY KEY,
            account_id BIGINT,
            settings_id BIGINT,
            country TEXT,
            state TEXT,
            assigned BOOLEAN,
            rev BIGINT,
            order_id BIGINT,
            changed_at BIGINT
        )",
    )
    .execute(&mut connection)
    .await?;
    let rows: Vec<i64> = (0..count as i64).map(|index| FIRST + index).collect();
    let begun = Instant::now();
    let mut transaction = connection.begin().await?;
    for chunk in rows.chunks(2_000) {
        let mut insert = sqlx::QueryBuilder::new(
            "
            INSERT INTO numbers (
                telephone_number, account_id, settings_id, country,
                state, assigned, rev, order_id, changed_at
            ) ",
        );
        insert.push_values(chunk, |mut row, number| {
            row.push_bind(*number)
                .push_bind(1_i64)
                .push_bind(7_021_337_133_713_371_337_i64)
                .push_bind("GB")
                .push_bind("pending")
                .push_bind(false)
                .push_bind(1_i64)
                .push_bind(1_i64)
                .push_bind(1_769_904_000_000_000_i64);
        });
        insert.build().execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(begun.elapsed())
}

fn grant<P: Permission>() -> Outcome<Grant<P>> {
    Ok(administrator().grant().map_err(|missing| missing.to_string())?)
}

fn administrator() -> Principal {
    Principal {
        issuer: "https://bench.example".into(),
        subject: "bench".into(),
        name: "Bench".into(),
        via: Via::Portal,
        roles: [Role::AdminUser].into_iter().collect(),
    }
}

fn origin() -> Origin {
    Origin { surface: "bench", client: std::net::Ipv4Addr::LOCALHOST.into(), request_id: "bench".into() }
}

async fn create(db: &Db, account: &str) -> Outcome<()> {
    let ctx = Ctx::new(db.clone(), Clock::system(), Policy::default());
    let form = AccountForm {
        name: account.into(),
        tenant_id: TENANT.into(),
        services: Service::OperatorConnect.into(),
        synced: ServiceSet::default(),
        ..AccountForm::default()
    };
    accounts::create(&ctx, &grant()?, &origin(), &form).await?;
    Ok(())
}

async fn upload(db: &Db, account: &str, numbers: String) -> Outcome<()> {
    let ctx = Ctx::new(db.clone(), Clock::system(), Policy::default());
    let form = UploadForm {
        account: account.into(),
        service: "operatorConnect".into(),
        usage: "CallingUserAssignment".into(),
        capability: vec!["InboundCalling".into(), "OutboundCalling".into()],
        allow_tenant_address_update: true,
        numbers,
        ..UploadForm::default()
    };
    let order = stage_upload(&ctx, &grant()?, &form, None).await?;
    let right = OrderRight::of(&administrator(), OrderKind::Upload).map_err(|missing| missing.to_string())?;
    match submit(&ctx, &right, &origin(), order, false).await? {
        Submitted::Done => Ok(()),
        _ => Err("the seed was not accepted".into()),
    }
}

/// A database with this many numbers on ten accounts, made through the services. It was closed once, when there were two
/// accounts, and then never again: its statistics are those of its first day.
pub async fn fill(folder: &Path, total: usize) -> Outcome<()> {
    let url = format!("sqlite:{}", folder.join("nmp.db").display());
    let young = Db::open(&url, PoolSize::default()).await?;
    young.migrate().await?;
    for index in 0..2 {
        create(&young, &format!("account-{index}")).await?;
    }
    young.close().await;
    let db = Db::open(&url, PoolSize::default()).await?;
    let per_account = total as i64 / 10;
    for index in 0..10_i64 {
        let name = format!("account-{index}");
        if index >= 2 {
            create(&db, &name).await?;
        }
        let first = FIRST + index * 1_000_000;
        upload(&db, &name, format!("+{first}-+{}", first + per_account - 1)).await?;
    }
    Ok(())
}

/// A new database at this address, with one account that has one number.
pub async fn first(url: &str) -> Outcome<Db> {
    let db = Db::open(url, PoolSize::default()).await?;
    db.migrate().await?;
    create(&db, "contoso").await?;
    upload(&db, "contoso", "+441632960000".into()).await?;
    Ok(db)
}

/// Runs a statement on either database, past the services.
pub async fn execute(db: &Db, statement: &str) -> Outcome<()> {
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    match db {
        Db::Sqlite(sqlite) => sqlx::query(statement).execute(&mut *sqlite.write.lend().await?).await.map(drop)?,
        Db::Postgres(server) => sqlx::query(statement).execute(&server.aside).await.map(drop)?,
    }
    Ok(())
}
