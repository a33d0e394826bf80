//! The zone of Direct Routing: its serial, its records in one go, and what was found when they were asked for.

pub(super) mod labels;
pub(super) mod told_names;

use std::sync::Arc;

use sqlx::FromRow;
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::domain::DirectRouting;
use crate::domain::direct_routing::{Delegation, Served, SubdomainStatus};
use crate::store::postgres::Listener;
use crate::store::sql::{Bind, Conditions, bind_all, dialect, on, statements};
use crate::store::{Db, Error, Result, Tx, at, micros};

/// An account's names with what was found at the last check; conditions follow.
macro_rules! select_names {
    () => {
        "
        SELECT
            s.account_id, s.label, s.region1_token, s.region2_token,
            s.serial, s.check_wanted, c.status, c.served, c.checked_at
        FROM subdomains s
        LEFT JOIN subdomain_checks c ON c.account_id = s.account_id AND c.serial = s.serial
        WHERE "
    };
}

/// Wakes the name servers that listen, once the transaction is committed; PostgreSQL only.
const NOTIFY: &str = "SELECT pg_notify('nmp_zone', '')";

statements! {
    SERIAL = "SELECT serial FROM zone WHERE id = 1";
    SNAPSHOT = "
        SELECT
            z.serial,
            (
                SELECT string_agg(concat_ws(' ', label, region1_token, region2_token), ',')
                FROM subdomains
            )
        FROM zone z
        WHERE z.id = 1";
    DELTA = "
        SELECT z.serial, n.label, n.region1_token, n.region2_token
        FROM zone z
        LEFT JOIN (
            SELECT label, region1_token, region2_token
            FROM subdomains
            WHERE serial > $1
            UNION ALL
            SELECT label, '', ''
            FROM given_up_labels
            WHERE serial > $1
        ) AS n ON TRUE
        WHERE z.id = 1";
    // Seconds since 1970 unless more changes came: it grows, too, when an older backup was brought back.
    CHANGED = "
        UPDATE zone
        SET serial = CASE WHEN serial < $1 THEN $1 ELSE serial + 1 END
        WHERE id = 1
        RETURNING serial";
    RELAID = "
        UPDATE zone
        SET layout = $2, serial = CASE WHEN serial < $1 THEN $1 ELSE serial + 1 END
        WHERE id = 1
          AND layout <> $2";
    SCREENING = "
        UPDATE subdomains
        SET call_screening = $2
        WHERE account_id = $1
          AND label = $3
          AND region1_token = $4
          AND region2_token = $5";
    SET = "
        INSERT INTO subdomains (account_id, label, call_screening, region1_token, region2_token, serial)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (account_id)
        DO UPDATE SET
            label = excluded.label,
            call_screening = excluded.call_screening,
            region1_token = excluded.region1_token,
            region2_token = excluded.region2_token,
            serial = excluded.serial";
    FORMER = "SELECT label FROM subdomains WHERE account_id = $1 AND label <> $2";
    UNSET = "
        DELETE FROM subdomains
        WHERE account_id = $1
        RETURNING label";
    UNCHECK = "DELETE FROM subdomain_checks WHERE account_id = $1";
    CHANGED_NAMES = concat!(select_names!(), "s.serial > $1 OR s.check_wanted > $2 ORDER BY s.account_id");
    NAMES_BEHIND = concat!(select_names!(), "s.account_id > $1 ORDER BY s.account_id LIMIT $2");
    NAMES_OF = concat!(select_names!(), "s.account_id = $1");
    WANT_CHECK = "UPDATE subdomains SET check_wanted = $2 WHERE account_id = $1";
    WANT_DELEGATION = "UPDATE zone SET check_wanted = $1 WHERE id = 1";
    DELEGATION = "SELECT delegation, checked_at, check_wanted FROM zone WHERE id = 1";
    SET_DELEGATION = "UPDATE zone SET delegation = $1, checked_at = $2 WHERE id = 1";
}

/// The zone's customers at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSnapshot {
    /// Grows with every change.
    pub serial: i64,
    /// Label and tokens with blanks between them, accounts with commas; none of these holds either.
    pub accounts: String,
}

/// The zone's serial; a label with its tokens, where there is one.
type Changed = (i64, Option<String>, Option<String>, Option<String>);

/// What changed in the zone since a serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneDelta {
    /// The serial it leads to.
    pub serial: i64,
    /// Labels with the tokens they have now; without any, a label is not served any more.
    pub names: Vec<(String, [String; 2])>,
}

/// The names of an account and what was found when they were last asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamesRow {
    /// Whose they are.
    pub account_id: i64,
    /// The label.
    pub label: String,
    /// The token of each region.
    pub tokens: [String; 2],
    /// The zone's serial when they were last changed.
    pub serial: i64,
    /// When somebody last asked for a check, in microseconds.
    pub check_wanted: i64,
    /// What is known of them.
    pub status: SubdomainStatus,
    /// What was answered, region by region; empty before the first check.
    pub served: Vec<Served>,
    /// When.
    pub checked_at: Option<OffsetDateTime>,
}

#[derive(FromRow)]
struct Row {
    account_id: i64,
    label: String,
    region1_token: String,
    region2_token: String,
    serial: i64,
    check_wanted: i64,
    status: Option<String>,
    served: Option<String>,
    checked_at: Option<i64>,
}

impl From<Row> for NamesRow {
    fn from(row: Row) -> Self {
        Self {
            account_id: row.account_id,
            label: row.label,
            tokens: [row.region1_token, row.region2_token],
            serial: row.serial,
            check_wanted: row.check_wanted,
            status: row.status.as_deref().map(SubdomainStatus::stored).unwrap_or_default(),
            served: row.served.as_deref().map(Served::read).unwrap_or_default(),
            checked_at: row.checked_at.map(at),
        }
    }
}

/// What a server answered for an account's names.
#[derive(Clone, Debug)]
pub struct NamesChecked {
    /// Whose they are.
    pub account_id: i64,
    /// That of the names it was asked for.
    pub serial: i64,
    /// What follows.
    pub status: SubdomainStatus,
    /// Region by region.
    pub served: Vec<Served>,
}

/// What is known of the delegation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DelegationRow {
    /// What was found.
    pub found: Delegation,
    /// When.
    pub checked_at: Option<OffsetDateTime>,
    /// When somebody last asked for a check.
    pub check_wanted: i64,
}

/// Tells that the zone may have changed.
#[derive(Debug)]
pub enum ZoneChanges {
    /// By this process, which is the only one.
    Here(Arc<Notify>),
    /// By any process.
    Heard(Box<Listener>),
}

impl ZoneChanges {
    /// Waits for the next.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn next(&mut self) -> Result<()> {
        match self {
            Self::Here(notify) => notify.notified().await,
            Self::Heard(listener) => listener.next().await?,
        }
        Ok(())
    }
}

impl Db {
    /// Listens for changes of the zone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn zone_changes(&self) -> Result<ZoneChanges> {
        Ok(match self {
            Self::Sqlite(file) => ZoneChanges::Here(Arc::clone(&file.zone)),
            Self::Postgres(server) => ZoneChanges::Heard(Box::new(server.listen("nmp_zone").await?)),
        })
    }
}

impl Tx {
    /// The zone's serial.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn zone_serial(&mut self) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(SERIAL).fetch_one(c).await)?)
    }

    /// The zone's serial and its customers, both of one moment.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn zone_snapshot(&mut self) -> Result<ZoneSnapshot> {
        let (serial, accounts): (i64, Option<String>) = on!(self, |c| sqlx::query_as(SNAPSHOT).fetch_one(c).await)?;
        Ok(ZoneSnapshot { serial, accounts: accounts.unwrap_or_default() })
    }

    /// What changed after this serial, which the caller has.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn zone_delta(&mut self, since: i64) -> Result<ZoneDelta> {
        let rows: Vec<Changed> = on!(self, |c| sqlx::query_as(DELTA).bind(since).fetch_all(c).await)?;
        let serial = rows.first().map_or(since, |row| row.0);
        let tokens = |row: Changed| [row.2.unwrap_or_default(), row.3.unwrap_or_default()];
        let name = |mut row: Changed| Some((row.1.take()?, tokens(row)));
        Ok(ZoneDelta { serial, names: rows.into_iter().filter_map(name).collect() })
    }

    /// Says what the configuration adds to the zone; the serial grows when that is not what it was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_zone_layout(&mut self, layout: &str, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(RELAID).bind(now.unix_timestamp()).bind(layout).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The next serial, and word to the name servers once the transaction is committed.
    async fn zone_changed(&mut self, now: OffsetDateTime) -> Result<i64> {
        let serial = on!(self, |c| sqlx::query_scalar(CHANGED).bind(now.unix_timestamp()).fetch_one(c).await)?;
        self.tell_name_servers().await?;
        Ok(serial)
    }

    async fn tell_name_servers(&mut self) -> Result<()> {
        let Some(notify) = dialect!(self, sqlite: None, postgres: Some(NOTIFY)) else { return Ok(()) };
        on!(self, |c| sqlx::query(notify).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Gives an account, by its id and name, its names, and remembers which label it gives up for that.
    pub(super) async fn set_subdomain(
        &mut self,
        (id, account, tenant): (i64, &str, Option<&str>),
        wanted: &DirectRouting,
        now: OffsetDateTime,
    ) -> Result<()> {
        let [region1, region2] = &wanted.tokens;
        let same = on!(self, |c| sqlx::query(SCREENING)
            .bind(id)
            .bind(wanted.call_screening)
            .bind(wanted.subdomain.as_str())
            .bind(region1.as_str())
            .bind(region2.as_str())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if same == 1 {
            return Ok(());
        }
        let former: Option<String> =
            on!(self, |c| sqlx::query_scalar(FORMER).bind(id).bind(wanted.subdomain.as_str()).fetch_optional(c).await)?;
        let serial = self.zone_changed(now).await?;
        if let Some(former) = former {
            self.give_up_label(&former, (account, tenant), serial, now).await?;
        }
        self.take_up_label(&wanted.subdomain).await?;
        on!(self, |c| sqlx::query(SET)
            .bind(id)
            .bind(wanted.subdomain.as_str())
            .bind(wanted.call_screening)
            .bind(region1.as_str())
            .bind(region2.as_str())
            .bind(serial)
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Takes the names of an account, by its id and name, out of the zone, and remembers its label.
    pub(super) async fn unset_subdomain(
        &mut self,
        (id, account, tenant): (i64, &str, Option<&str>),
        now: OffsetDateTime,
    ) -> Result<()> {
        let gone: Option<String> = on!(self, |c| sqlx::query_scalar(UNSET).bind(id).fetch_optional(c).await)?;
        if let Some(label) = gone {
            on!(self, |c| sqlx::query(UNCHECK).bind(id).execute(c).await.map(drop))?;
            let serial = self.zone_changed(now).await?;
            self.give_up_label(&label, (account, tenant), serial, now).await?;
        }
        Ok(())
    }

    /// The names that were changed after this serial, or whose check was asked for after this instant (microseconds).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn names_to_check(&mut self, serial: i64, wanted: i64) -> Result<Vec<NamesRow>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(CHANGED_NAMES).bind(serial).bind(wanted).fetch_all(c).await)?;
        Ok(rows.into_iter().map(NamesRow::from).collect())
    }

    /// The names of so many accounts behind this one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn names_behind(&mut self, account: i64, count: i64) -> Result<Vec<NamesRow>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(NAMES_BEHIND).bind(account).bind(count).fetch_all(c).await)?;
        Ok(rows.into_iter().map(NamesRow::from).collect())
    }

    /// The names of an account.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn names_of(&mut self, account: i64) -> Result<Option<NamesRow>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(NAMES_OF).bind(account).fetch_optional(c).await)?;
        Ok(row.map(NamesRow::from))
    }

    /// Keeps what a server answered. What another one has answered wrongly since `recent` stands against a right answer.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn record_checks(
        &mut self,
        server: &str,
        checked: &[NamesChecked],
        now: OffsetDateTime,
        recent: OffsetDateTime,
    ) -> Result<()> {
        for some in checked.chunks(200) {
            let mut insert = Conditions::default();
            insert.push(
                "
                INSERT INTO subdomain_checks (account_id, serial, status, served, server, checked_at)
                VALUES ",
                [],
            );
            for (index, one) in some.iter().enumerate() {
                insert.push(
                    if index == 0 { "(?, ?, ?, ?, ?, ?)" } else { ", (?, ?, ?, ?, ?, ?)" },
                    [
                        one.account_id.into(),
                        one.serial.into(),
                        one.status.as_str().into(),
                        Served::stored(&one.served).into(),
                        server.into(),
                        Bind::Int(micros(now)),
                    ],
                );
            }
            insert.push(
                "
                ON CONFLICT (account_id)
                DO UPDATE SET
                    serial = excluded.serial,
                    status = excluded.status,
                    served = excluded.served,
                    server = excluded.server,
                    checked_at = excluded.checked_at
                WHERE subdomain_checks.serial < excluded.serial
                  OR (
                      subdomain_checks.serial = excluded.serial
                      AND (
                          subdomain_checks.server = excluded.server
                          OR subdomain_checks.status <> 'inconsistent'
                          OR excluded.status = 'inconsistent'
                          OR subdomain_checks.checked_at < ?
                      )
                  )",
                [Bind::Int(micros(recent))],
            );
            on!(self, |c| bind_all!(sqlx::query(insert.sql()), insert).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Asks the name servers to check an account's names and the delegation.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn want_check(&mut self, account: i64, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(WANT_CHECK).bind(account).bind(micros(now)).execute(c).await.map(drop))?;
        on!(self, |c| sqlx::query(WANT_DELEGATION).bind(micros(now)).execute(c).await.map(drop))?;
        self.tell_name_servers().await
    }

    /// What is known of the delegation.
    ///
    /// # Errors
    /// When the database refuses, or holds something unreadable.
    pub async fn delegation(&mut self) -> Result<DelegationRow> {
        let (found, checked_at, check_wanted): (Option<String>, Option<i64>, i64) =
            on!(self, |c| sqlx::query_as(DELEGATION).fetch_one(c).await)?;
        let read = |text: String| serde_json::from_str(&text).map_err(|_| Error::unreadable("zone", "delegation", 1));
        let found = found.map(read).transpose()?.unwrap_or_default();
        Ok(DelegationRow { found, checked_at: checked_at.map(at), check_wanted })
    }

    /// Keeps what was found of the delegation.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_delegation(&mut self, found: &Delegation, now: OffsetDateTime) -> Result<()> {
        let text = serde_json::to_string(found).map_err(|_| Error::unreadable("zone", "delegation", 1))?;
        on!(self, |c| sqlx::query(SET_DELEGATION).bind(text.as_str()).bind(micros(now)).execute(c).await.map(drop))?;
        Ok(())
    }
}
