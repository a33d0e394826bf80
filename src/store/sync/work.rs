//! Work of the sync engine: leases with a fencing token, so that one thing is done by one worker at a time.

use time::{Duration, OffsetDateTime};

use crate::domain::{BackendInfo, Backends};
use crate::store::sql::{Bind, Conditions, bind_all, dialect, on, statements};
use crate::store::{Error, Result, Tx, at, micros};

/// What a piece of work is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkKind {
    /// Pushing an account's numbers; the key is the account's id.
    Account,
    /// Pushing a tenant's relationship; the key is the tenant.
    Relationship,
    /// Pulling every consent; the key is empty.
    Consents,
    /// Pulling a tenant's civic addresses and capability plans; the key is the tenant.
    CivicAddresses,
    /// Pulling the state of a tenant's numbers; the key is the tenant.
    Numbers,
}

impl WorkKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Account, Self::Relationship, Self::Consents, Self::CivicAddresses, Self::Numbers];

    /// Who claims it.
    pub const fn lane(self) -> Lane {
        match self {
            Self::Account | Self::Relationship => Lane::Pushes,
            Self::Consents | Self::CivicAddresses | Self::Numbers => Lane::Pulls,
        }
    }

    /// The name in storage.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Relationship => "relationship",
            Self::Consents => "consents",
            Self::CivicAddresses => "civic-addresses",
            Self::Numbers => "numbers",
        }
    }

    /// The piece of work of this kind that is about `key`, at a backend.
    pub const fn at<'a>(self, backend: &'a str, key: &'a str) -> WorkId<'a> {
        WorkId { backend, kind: self, key }
    }

    pub(super) fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// Names a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkId<'a> {
    /// The backend it is done with.
    pub backend: &'a str,
    /// What it is about.
    pub kind: WorkKind,
    /// Which one.
    pub key: &'a str,
}

/// Work that never waits for work of another lane: each has workers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What people and programs wait for: numbers and relationships on their way out.
    Pushes,
    /// What is looked at again and again.
    Pulls,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 2] = [Self::Pushes, Self::Pulls];

    /// The kinds of work in it.
    pub fn kinds(self) -> impl Iterator<Item = WorkKind> {
        WorkKind::ALL.into_iter().filter(move |kind| kind.lane() == self)
    }
}

/// The `next_at` of work with nothing to do.
pub(in crate::store) const NEVER: i64 = i64::MAX;
/// A pull that somebody asked for is due so long before any that is merely scheduled.
const HEAD_START: Duration = Duration::days(30);

/// Claims the work that is due longest, by the index of its lane whatever the statistics say.
macro_rules! claim_sqlite {
    ($index:literal, $kinds:literal) => {
        concat!(
            "
            UPDATE work
            SET fence = fence + 1,
                lease_until = $2,
                next_at = $2,
                set_at = $1
            WHERE (backend, kind, key) IN (
                SELECT backend, kind, key
                FROM work INDEXED BY ",
            $index,
            "
                WHERE backend = $3
                  AND kind IN (",
            $kinds,
            ")
                  AND next_at <= $1
                  AND lease_until <= $1
                ORDER BY next_at
                LIMIT 1
            )
            RETURNING kind, key, fence, attempt"
        )
    };
}

/// The same in a form that PostgreSQL reads along the index, however few rows it believes there are for one backend.
macro_rules! claim_postgres {
    ($kinds:literal) => {
        concat!(
            "
            WITH due AS MATERIALIZED (
                SELECT backend, kind, key
                FROM work
                WHERE (backend, next_at) >= (CAST($3 AS TEXT), 0)
                  AND (backend, next_at) <= (CAST($3 AS TEXT), CAST($1 AS BIGINT))
                  AND kind IN (",
            $kinds,
            ")
                  AND lease_until <= $1
                ORDER BY backend, next_at
                LIMIT 1
                FOR UPDATE SKIP LOCKED
            )
            UPDATE work
            SET fence = fence + 1,
                lease_until = $2,
                next_at = $2,
                set_at = $1
            FROM due
            WHERE work.backend = due.backend
              AND work.kind = due.kind
              AND work.key = due.key
            RETURNING work.kind, work.key, work.fence, work.attempt"
        )
    };
}

/// When something of a lane is due next at a backend. Work that is being done and is wanted once more is passed over: who
/// does it sees to it.
macro_rules! next_due {
    ($source:literal, $of_backend:literal, $kinds:literal) => {
        concat!(
            "
            SELECT next_at
            FROM ",
            $source,
            "
            WHERE ",
            $of_backend,
            "
              AND kind IN (",
            $kinds,
            ")
              AND NOT (lease_until > $1 AND next_at < lease_until)
            ORDER BY backend, next_at
            LIMIT 1"
        )
    };
}

macro_rules! next_sqlite {
    ($index:literal, $kinds:literal) => {
        next_due!(
            $index,
            "backend = $3
              AND next_at < $2",
            $kinds
        )
    };
}

macro_rules! next_postgres {
    ($kinds:literal) => {
        next_due!(
            "work",
            "(backend, next_at) >= (CAST($3 AS TEXT), 0)
              AND (backend, next_at) < (CAST($3 AS TEXT), CAST($2 AS BIGINT))",
            $kinds
        )
    };
}

/// Wants pieces of work at a time, or sooner where they are due sooner, but not before the backend lets itself be asked.
macro_rules! wanted {
    ($rows:literal) => {
        concat!(
            "
        INSERT INTO work (backend, kind, key, next_at, set_at) ",
            $rows,
            "
        ON CONFLICT (backend, kind, key)
        DO UPDATE SET
            set_at = excluded.set_at,
            next_at = CASE
                WHEN work.next_at < excluded.next_at AND work.lease_until <> work.next_at THEN work.next_at
                WHEN work.not_before > excluded.set_at THEN work.not_before
                ELSE excluded.next_at
            END"
        )
    };
}

pub(super) use wanted;

statements! {
    WANT = wanted!("VALUES ($1, $2, $3, $4, $5)");
    WANT_ACCOUNT = wanted!(
        "
        SELECT CAST($3 AS TEXT), 'account', CAST(a.id AS TEXT), CAST($2 AS BIGINT), CAST($2 AS BIGINT)
        FROM accounts a
        WHERE a.id = $1
          AND (
              (a.services & $4) <> 0
              OR EXISTS (SELECT 1 FROM number_parts p WHERE p.account_id = a.id AND p.backend = $3)
          )"
    );
    WANT_ACCOUNTS = wanted!(
        "
        SELECT CAST($3 AS TEXT), 'account', CAST(a.id AS TEXT), CAST($2 AS BIGINT), CAST($2 AS BIGINT)
        FROM (
            SELECT DISTINCT account_id
            FROM order_items
            WHERE order_id = $1
              AND state = 'pending'
        ) AS waiting
        JOIN accounts a ON a.id = waiting.account_id
        WHERE (a.services & $4) <> 0"
    );
    CLAIM_PUSH_SQLITE = claim_sqlite!("work_pushes", "'account', 'relationship'");
    CLAIM_PUSH_POSTGRES = claim_postgres!("'account', 'relationship'");
    CLAIM_PULL_SQLITE = claim_sqlite!("work_pulls", "'consents', 'civic-addresses', 'numbers'");
    CLAIM_PULL_POSTGRES = claim_postgres!("'consents', 'civic-addresses', 'numbers'");
    NEXT_PUSH_SQLITE = next_sqlite!("work INDEXED BY work_pushes", "'account', 'relationship'");
    NEXT_PUSH_POSTGRES = next_postgres!("'account', 'relationship'");
    NEXT_PULL_SQLITE = next_sqlite!("work INDEXED BY work_pulls", "'consents', 'civic-addresses', 'numbers'");
    NEXT_PULL_POSTGRES = next_postgres!("'consents', 'civic-addresses', 'numbers'");
    HOLD = "
        UPDATE work
        SET next_at = CASE WHEN next_at = lease_until THEN $4 ELSE next_at END,
            lease_until = $4,
            set_at = $5
        WHERE backend = $6
          AND kind = $1
          AND key = $2
          AND fence = $3";
    FREE = "
        UPDATE work
        SET fence = fence + 1,
            next_at = CASE WHEN next_at = lease_until THEN $1 ELSE next_at END,
            lease_until = 0,
            set_at = $1
        WHERE lease_until > $1";
    DONE = "
        UPDATE work
        SET next_at = CASE WHEN next_at = lease_until OR next_at > $5 THEN $5 ELSE next_at END,
            lease_until = 0,
            attempt = 0,
            not_before = 0,
            last_ok_at = $4,
            last_error = NULL,
            set_at = $4
        WHERE backend = $6
          AND kind = $1
          AND key = $2
          AND fence = $3";
    RETRY = "
        UPDATE work
        SET next_at = $6,
            not_before = $7,
            lease_until = 0,
            attempt = attempt + 1,
            last_error = $4,
            last_error_at = $5,
            set_at = $5
        WHERE backend = $8
          AND kind = $1
          AND key = $2
          AND fence = $3";
    GIVE_BACK = "
        UPDATE work
        SET next_at = CASE WHEN next_at = lease_until OR next_at > $4 THEN $4 ELSE next_at END,
            lease_until = 0,
            attempt = 0,
            not_before = 0,
            set_at = $5,
            last_error = $6,
            last_error_at = CASE WHEN CAST($6 AS TEXT) IS NULL THEN last_error_at ELSE $5 END
        WHERE backend = $7
          AND kind = $1
          AND key = $2
          AND fence = $3";
}

/// A piece of work that this worker owns until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The backend it is done with.
    pub backend: String,
    /// What it is about.
    pub kind: WorkKind,
    /// Which one.
    pub key: String,
    /// The token every write carries; a later owner has a higher one.
    pub fence: i64,
    /// How many times in a row it failed.
    pub attempt: i64,
}

/// When failed work is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// At this time, or sooner when somebody asks.
    pub at: OffsetDateTime,
    /// Never before this time, whoever asks: the backend wants it (`Retry-After`).
    pub not_before: Option<OffsetDateTime>,
}

/// When a piece of work is due that somebody asks for. A pull is asked for by somebody who waits for it, so it goes before
/// all that are only due again.
pub(super) fn due(kind: WorkKind, when: OffsetDateTime) -> OffsetDateTime {
    match kind.lane() {
        Lane::Pushes => when,
        Lane::Pulls => when - HEAD_START,
    }
}

/// The statement that asks for a piece of work.
fn want(work: WorkId<'_>, when: OffsetDateTime) -> Conditions {
    let (next, when) = (Bind::Int(micros(due(work.kind, when))), Bind::Int(micros(when)));
    Conditions::whole(WANT, [work.backend.into(), work.kind.key().into(), work.key.into(), next, when])
}

/// The statement that asks for an account's numbers to be pushed to a backend, where the account has a service of it.
pub(in crate::store) fn want_account(account_id: i64, backend: &BackendInfo, when: OffsetDateTime) -> Conditions {
    Conditions::whole(WANT_ACCOUNT, of_accounts(account_id, backend, when))
}

/// The same for every account of an order that waits.
pub(in crate::store) fn want_accounts(order_id: i64, backend: &BackendInfo, when: OffsetDateTime) -> Conditions {
    Conditions::whole(WANT_ACCOUNTS, of_accounts(order_id, backend, when))
}

fn of_accounts(id: i64, backend: &BackendInfo, when: OffsetDateTime) -> [Bind; 4] {
    [Bind::Int(id), Bind::Int(micros(when)), backend.name.as_str().into(), Bind::Int(backend.services.bits())]
}

impl Tx {
    /// Asks for a piece of work to be done at this time or sooner.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn want_work(&mut self, work: WorkId<'_>, when: OffsetDateTime) -> Result<()> {
        let want = want(work, when);
        on!(self, |c| bind_all!(sqlx::query(want.sql()), want).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Asks for an account's numbers to be pushed to each of these backends that it has a service of.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn want_account(&mut self, account_id: i64, backends: &Backends, when: OffsetDateTime) -> Result<()> {
        for backend in backends.iter() {
            let want = want_account(account_id, backend, when);
            on!(self, |c| bind_all!(sqlx::query(want.sql()), want).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Takes the piece of work of a backend's lane that is due longest, for `lease` from now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn claim_work(
        &mut self,
        backend: &str,
        lane: Lane,
        now: OffsetDateTime,
        lease: Duration,
    ) -> Result<Option<Claim>> {
        let statement = match lane {
            Lane::Pushes => dialect!(self, sqlite: CLAIM_PUSH_SQLITE, postgres: CLAIM_PUSH_POSTGRES),
            Lane::Pulls => dialect!(self, sqlite: CLAIM_PULL_SQLITE, postgres: CLAIM_PULL_POSTGRES),
        };
        let claimed: Option<(String, String, i64, i64)> = on!(self, |c| sqlx::query_as(statement)
            .bind(micros(now))
            .bind(micros(now + lease))
            .bind(backend)
            .fetch_optional(c)
            .await)?;
        claimed
            .map(|(kind, key, fence, attempt)| {
                let kind = WorkKind::from_key(&kind).ok_or_else(|| Error::unreadable("work", "kind", &kind))?;
                Ok(Claim { backend: backend.to_owned(), kind, key, fence, attempt })
            })
            .transpose()
    }

    /// Ends every lease, for a process that knows to be the only one: whoever held them is gone.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn free_work(&mut self, now: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(FREE).bind(micros(now)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Proves that the claim is still ours and extends it by `lease` from now. The first statement of every transaction that records
    /// something for a claim: it locks the row, so that nobody can take over in between.
    ///
    /// # Errors
    /// [`Error::Fenced`] when another worker has taken over.
    pub async fn hold_work(&mut self, claim: &Claim, now: OffsetDateTime, lease: Duration) -> Result<()> {
        let held = on!(self, |c| sqlx::query(HOLD)
            .bind(claim.kind.key())
            .bind(claim.key.as_str())
            .bind(claim.fence)
            .bind(micros(now + lease))
            .bind(micros(now))
            .bind(claim.backend.as_str())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if held == 1 { Ok(()) } else { Err(Error::Fenced) }
    }

    /// Ends the claim in success; the work is due again at `next` (`None`: when somebody wants it).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn work_done(&mut self, claim: &Claim, now: OffsetDateTime, next: Option<OffsetDateTime>) -> Result<()> {
        on!(self, |c| sqlx::query(DONE)
            .bind(claim.kind.key())
            .bind(claim.key.as_str())
            .bind(claim.fence)
            .bind(micros(now))
            .bind(next.map_or(NEVER, micros))
            .bind(claim.backend.as_str())
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Ends the claim in failure; the work is tried again as `again` says.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn work_failed(&mut self, claim: &Claim, reason: &str, now: OffsetDateTime, again: Again) -> Result<()> {
        let (next, not_before) = (micros(again.at), again.not_before.map_or(0, micros));
        on!(self, |c| sqlx::query(RETRY)
            .bind(claim.kind.key())
            .bind(claim.key.as_str())
            .bind(claim.fence)
            .bind(reason)
            .bind(micros(now))
            .bind(next)
            .bind(not_before)
            .bind(claim.backend.as_str())
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Gives the claim back unfinished but in good order, to be taken up again at `next`. With a note people read what
    /// takes so long.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn give_back_work(
        &mut self,
        claim: &Claim,
        now: OffsetDateTime,
        next: OffsetDateTime,
        note: Option<&str>,
    ) -> Result<()> {
        on!(self, |c| sqlx::query(GIVE_BACK)
            .bind(claim.kind.key())
            .bind(claim.key.as_str())
            .bind(claim.fence)
            .bind(micros(next))
            .bind(micros(now))
            .bind(note)
            .bind(claim.backend.as_str())
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// When the next piece of work of a backend's lane is due; `None` when nothing is to do.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn next_work_at(
        &mut self,
        backend: &str,
        lane: Lane,
        now: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>> {
        let statement = match lane {
            Lane::Pushes => dialect!(self, sqlite: NEXT_PUSH_SQLITE, postgres: NEXT_PUSH_POSTGRES),
            Lane::Pulls => dialect!(self, sqlite: NEXT_PULL_SQLITE, postgres: NEXT_PULL_POSTGRES),
        };
        let next: Option<i64> = on!(self, |c| sqlx::query_scalar(statement)
            .bind(micros(now))
            .bind(NEVER)
            .bind(backend)
            .fetch_optional(c)
            .await)?;
        Ok(next.map(at))
    }
}
