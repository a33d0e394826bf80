//! Who had which number: what a release leaves behind, and what is read of one number's past.

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::{E164, Holder, Holdings, OrderEvent, Release, Took};
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::sqlite::script::Script;
use crate::store::{Result, Tx, at, micros};

/// Writes down who had the numbers `n` that go now; conditions follow, which know the time as `$1`.
macro_rules! ended {
    () => {
        "
        INSERT INTO holdings (telephone_number, order_id, holder_id, until)
        SELECT
            n.telephone_number, n.order_id,
            COALESCE((SELECT a.holder_id FROM accounts a WHERE a.id = n.account_id), 0),
            CAST($1 AS BIGINT)
        FROM numbers n
        WHERE "
    };
}

/// Puts them into quarantine, where there is one for their country; conditions follow, and then [`replaced`].
macro_rules! quarantined {
    () => {
        "
        INSERT INTO quarantine (telephone_number, holder_id, country, order_id, released_at, free_at)
        SELECT
            n.telephone_number,
            COALESCE((SELECT a.holder_id FROM accounts a WHERE a.id = n.account_id), 0),
            COALESCE(n.country, ''), n.order_id, CAST($1 AS BIGINT),
            CAST($1 AS BIGINT) + COALESCE(p.period, d.period)
        FROM numbers n
        JOIN quarantine_periods d ON d.country = ''
        LEFT JOIN quarantine_periods p ON p.country = n.country
        WHERE COALESCE(p.period, d.period) > 0
          AND "
    };
}

/// The last release is the one that counts.
macro_rules! replaced {
    () => {
        "
        ON CONFLICT (telephone_number) DO UPDATE
        SET holder_id = excluded.holder_id,
            country = excluded.country,
            order_id = excluded.order_id,
            released_at = excluded.released_at,
            free_at = excluded.free_at"
    };
}

/// The numbers of order `$2` that no backend has to give up. COALESCE: they are looked up by their keys.
macro_rules! released_here {
    () => {
        "n.order_id = $2
          AND COALESCE(n.state, '') = 'releasing'
          AND n.telephone_number IN (
              SELECT i.telephone_number
              FROM order_items i
              WHERE i.order_id = $2
                AND i.verdict = 'release'
                AND i.state = 'done'
          )"
    };
}

statements! {
    ENDED_HERE = concat!(ended!(), released_here!(), " ON CONFLICT (telephone_number, order_id) DO NOTHING");
    QUARANTINED_HERE = concat!(quarantined!(), released_here!(), replaced!());
    NEW_HOLDER = "INSERT INTO holders (id, account_id, name, tenant_id) VALUES ($1, $2, $3, $4)";
    SET_HOLDER = "UPDATE accounts SET holder_id = $2 WHERE id = $1";
    HOLDER = "
        SELECT a.holder_id, h.tenant_id
        FROM accounts a
        LEFT JOIN holders h ON h.id = a.holder_id
        WHERE a.id = $1";
    FIRST_TENANT = "UPDATE holders SET tenant_id = $2 WHERE id = $1";
    // What an upload said of a number: that it is new, or new settings.
    TOOK = "
        SELECT
            o.id,
            COALESCE(
                CASE WHEN COALESCE(i.from_account_id, i.account_id) <> i.account_id THEN (
                    SELECT e.until
                    FROM holdings e
                    WHERE e.telephone_number = i.telephone_number AND e.order_id = i.order_id
                ) END,
                o.submitted_at, o.created_at
            ) AS at,
            o.ticket,
            CASE WHEN COALESCE(i.from_account_id, i.account_id) <> i.account_id THEN 'new' ELSE i.verdict END AS verdict
        FROM order_items i
        JOIN orders o ON o.id = i.order_id
        WHERE i.telephone_number = $1
          AND i.verdict IN ('new', 'changed')
          AND i.state <> 'idle'
          AND o.status NOT IN ('draft', 'discarded')
        ORDER BY i.order_id DESC
        LIMIT $2";
    RELEASES = "
        SELECT
            e.order_id AS id, e.until AS at, o.ticket, h.name, h.tenant_id, c.company,
            CASE WHEN a.id IS NULL THEN FALSE ELSE TRUE END AS is_there
        FROM holdings e
        LEFT JOIN orders o ON o.id = e.order_id
        LEFT JOIN holders h ON h.id = e.holder_id
        LEFT JOIN accounts a ON a.id = h.account_id
        LEFT JOIN consents c ON c.tenant_id = h.tenant_id
        WHERE e.telephone_number = $1
        ORDER BY e.order_id DESC
        LIMIT $2";
    HOLDS_NOW = "
        SELECT a.name, a.tenant_id, c.company
        FROM numbers n
        JOIN accounts a ON a.id = n.account_id
        LEFT JOIN consents c ON c.tenant_id = a.tenant_id
        WHERE n.telephone_number = $1";
    IS_KNOWN = "
        SELECT CAST(CASE
            WHEN EXISTS (SELECT 1 FROM holdings WHERE telephone_number = $1) THEN 1
            WHEN EXISTS (
                SELECT 1
                FROM order_items i
                JOIN orders o ON o.id = i.order_id
                WHERE i.telephone_number = $1
                  AND i.state <> 'idle'
                  AND o.status NOT IN ('draft', 'discarded')
            ) THEN 1
            ELSE 0
        END AS BIGINT)";
}

/// Orders of one number that are looked at, and times that it was released.
const MOST: i64 = 1_000;

#[derive(FromRow)]
struct TookRow {
    id: i64,
    at: i64,
    ticket: Option<String>,
    verdict: String,
}

#[derive(FromRow)]
struct ReleaseRow {
    id: i64,
    at: i64,
    ticket: Option<String>,
    name: Option<String>,
    tenant_id: Option<String>,
    company: Option<String>,
    is_there: bool,
}

/// The statements that write down who had the numbers of an order that no backend has to give up, before they go.
pub(in crate::store) fn ended_here(script: &mut Script, order_id: i64, now: OffsetDateTime) {
    let values = || [Bind::Int(micros(now)), Bind::Int(order_id)];
    script.step(ENDED_HERE, values()).step(QUARANTINED_HERE, values());
}

impl Tx {
    /// Writes down who had the numbers that go now, and puts them into quarantine. `going` adds the conditions that they
    /// meet, as `n`.
    pub(in crate::store) async fn end_holdings(
        &mut self,
        now: OffsetDateTime,
        going: impl Fn(&mut Conditions),
    ) -> Result<()> {
        let now = Bind::Int(micros(now));
        let mut ended = Conditions::whole(ended!(), [now.clone()]);
        going(&mut ended);
        ended.push(" ON CONFLICT (telephone_number, order_id) DO NOTHING", []);
        let mut quarantined = Conditions::whole(quarantined!(), [now]);
        going(&mut quarantined);
        quarantined.push(replaced!(), []);
        for statement in [ended, quarantined] {
            on!(self, |c| bind_all!(sqlx::query(statement.sql()), statement).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Writes down who a new account is.
    pub(in crate::store) async fn first_holder(&mut self, account: (i64, &str), tenant_id: Option<&str>) -> Result<()> {
        self.insert_holder(account.0, account, tenant_id).await
    }

    /// Writes down that the account is another's from now on, where its tenant was that of somebody else.
    pub(in crate::store) async fn follow_tenant(
        &mut self,
        account: (i64, &str),
        tenant_id: Option<&str>,
    ) -> Result<Option<String>> {
        let found: Option<(i64, Option<String>)> =
            on!(self, |c| sqlx::query_as(HOLDER).bind(account.0).fetch_optional(c).await)?;
        let Some((holder, before)) = found else { return Ok(None) };
        match (before.as_deref(), tenant_id) {
            (before, after) if before == after => {}
            (None, Some(tenant)) => {
                on!(self, |c| sqlx::query(FIRST_TENANT).bind(holder).bind(tenant).execute(c).await.map(drop))?;
            }
            _ => {
                let id = self.next_number("accounts").await?;
                self.insert_holder(id, account, tenant_id).await?;
            }
        }
        Ok(before)
    }

    async fn insert_holder(&mut self, id: i64, account: (i64, &str), tenant_id: Option<&str>) -> Result<()> {
        let mut script = Script::default();
        script
            .step(NEW_HOLDER, [Bind::Int(id), Bind::Int(account.0), account.1.into(), tenant_id.into()])
            .step(SET_HOLDER, [Bind::Int(account.0), Bind::Int(id)]);
        self.run(script).await.map(drop)
    }

    /// Who has and had a number, the latest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn holdings(&mut self, telephone_number: E164) -> Result<Holdings> {
        let number = telephone_number.as_i64();
        let took: Vec<TookRow> = on!(self, |c| sqlx::query_as(TOOK).bind(number).bind(MOST).fetch_all(c).await)?;
        let releases: Vec<ReleaseRow> =
            on!(self, |c| sqlx::query_as(RELEASES).bind(number).bind(MOST).fetch_all(c).await)?;
        let now: Option<(String, Option<String>, Option<String>)> =
            on!(self, |c| sqlx::query_as(HOLDS_NOW).bind(number).fetch_optional(c).await)?;
        let event = |order_id, when, ticket| OrderEvent { order_id, at: at(when), ticket };
        let took =
            took.into_iter().map(|row| Took { is_new: row.verdict == "new", event: event(row.id, row.at, row.ticket) });
        let releases = releases.into_iter().map(|row| Release {
            event: event(row.id, row.at, row.ticket),
            holder: Holder {
                account: row.name.unwrap_or_default(),
                is_there: row.is_there,
                tenant_id: row.tenant_id,
                company: row.company,
            },
        });
        let now = now.map(|(account, tenant_id, company)| Holder { account, is_there: true, tenant_id, company });
        Ok(Holdings::of(took.collect(), releases.collect(), now))
    }

    /// Whether the number is or was on an account.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_known_number(&mut self, telephone_number: E164) -> Result<bool> {
        let known: i64 =
            on!(self, |c| sqlx::query_scalar(IS_KNOWN).bind(telephone_number.as_i64()).fetch_one(c).await)?;
        Ok(known == 1)
    }
}
