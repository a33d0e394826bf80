//! What each backend last said of each number: written by pulls, page by page, and by the answers to what we sent.
//!
//! A pull writes only what is not known yet, so that one that finds nothing new costs the reading. What a pull was told before
//! an answer came does not overwrite the answer.

use std::collections::{BTreeMap, HashMap};

use time::OffsetDateTime;

use super::news::News;
use super::pushes::{Push, PushOutcome};
use super::seen::{Descriptions, Found};
use crate::domain::number::content_id;
use crate::domain::seen::{MemberChange, SeenKind, member_changes};
use crate::domain::{E164, Leaving, NumberSettings, OrderKind, Service, ServiceSet, TenantId};
use crate::store::sql::{dialect, on, statements};
use crate::store::{Error, Result, Tx, micros};

/// Takes in numbers that a page describes alike.
macro_rules! observe {
    ($numbers:literal) => {
        concat!(
            "
        INSERT INTO observed (list_id, telephone_number, settings_id, assigned, seen_at)
        SELECT CAST($1 AS BIGINT), j.number, CAST($3 AS BIGINT), CAST($4 AS BOOLEAN), CAST($5 AS BIGINT)
        FROM ",
            $numbers,
            "
        WHERE TRUE
        ON CONFLICT (list_id, telephone_number) DO UPDATE
        SET settings_id = excluded.settings_id,
            assigned = excluded.assigned,
            missing = NULL,
            seen_at = excluded.seen_at
        WHERE observed.seen_at <= excluded.seen_at"
        )
    };
}
/// What the backend said by doing what a push asked for: the part of the push's settings that it sees. Writes nothing where
/// the list or the description is not known yet.
macro_rules! confirm {
    ($numbers:literal) => {
        concat!(
            "
        INSERT INTO observed (list_id, telephone_number, settings_id, assigned, seen_at)
        SELECT l.id, j.number, d.id, FALSE, CAST($1 AS BIGINT)
        FROM observed_lists l
        JOIN settings s ON s.id = $5
        LEFT JOIN settings_services k ON k.settings_id = s.id AND k.service = $6
        JOIN observed_settings d ON d.id = COALESCE(k.push_key, s.push_key)
        CROSS JOIN ",
            $numbers,
            "
        WHERE l.backend = $3 AND l.tenant_id = $4
        ON CONFLICT (list_id, telephone_number) DO UPDATE
        SET settings_id = excluded.settings_id, missing = NULL, seen_at = excluded.seen_at"
        )
    };
}
macro_rules! remove {
    ($numbers:literal) => {
        concat!(
            "
        DELETE FROM observed
        WHERE list_id = (SELECT l.id FROM observed_lists l WHERE l.backend = $1 AND l.tenant_id = $3)
          AND telephone_number ",
            $numbers
        )
    };
}
macro_rules! miss {
    ($numbers:literal) => {
        concat!(
            "
        UPDATE observed
        SET missing = $3
        WHERE list_id = $1
          AND telephone_number > $4
          AND telephone_number <= $5
          AND seen_at < $6
          AND (missing IS NULL OR missing <> $3)
          AND telephone_number NOT IN (
              SELECT j.number
              FROM ",
            $numbers,
            "
          )"
        )
    };
}
/// The numbers of the text `$2`, a JSON array.
macro_rules! in_sqlite {
    ($statement:ident) => {
        $statement!(
            "(
            SELECT value AS number
            FROM json_each($2)
        ) AS j"
        )
    };
}
macro_rules! in_postgres {
    ($statement:ident) => {
        $statement!(
            "(
            SELECT CAST(value AS BIGINT) AS number
            FROM json_array_elements_text(CAST($2 AS JSON))
        ) AS j"
        )
    };
}

pub(super) use {in_postgres, in_sqlite};

statements! {
    LIST = "SELECT id, round, listed_at FROM observed_lists WHERE backend = $1 AND tenant_id = $2";
    ADD_LIST = "
        INSERT INTO observed_lists (id, backend, tenant_id)
        SELECT COALESCE(MAX(id), 0) + 1, CAST($1 AS TEXT), CAST($2 AS TEXT)
        FROM observed_lists
        WHERE TRUE
        ON CONFLICT DO NOTHING";
    BEGIN = "UPDATE observed_lists SET round = round + 1 WHERE id = $1";
    END = "UPDATE observed_lists SET listed_at = $2 WHERE id = $1";
    GIVEN_UP = "
        UPDATE observed_lists
        SET given_up_at = $3
        WHERE backend = $1 AND tenant_id = $2 AND given_up_at < $3";
    DESCRIBE = "
        INSERT INTO observed_settings (id, bare_id, service, body, leaving)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING";
    OBSERVE_SQLITE = in_sqlite!(observe);
    OBSERVE_POSTGRES = in_postgres!(observe);
    CONFIRM_SQLITE = in_sqlite!(confirm);
    CONFIRM_POSTGRES = in_postgres!(confirm);
    REMOVE_SQLITE = remove!("IN (SELECT value FROM json_each($2))");
    REMOVE_POSTGRES = remove!("= ANY (CAST(translate($2, '[]', '{}') AS BIGINT[]))");
    MISS_SQLITE = in_sqlite!(miss);
    MISS_POSTGRES = in_postgres!(miss);
    BOUND = "
        SELECT telephone_number
        FROM observed
        WHERE list_id = $1
          AND telephone_number > $2
          AND telephone_number <= $3
        ORDER BY telephone_number
        LIMIT 1 OFFSET $4";
    BOUND_OF_MISSING = "
        SELECT telephone_number
        FROM observed
        WHERE list_id = $1 AND missing = $2
        ORDER BY telephone_number
        LIMIT 1 OFFSET $3";
    MISSING = "
        SELECT telephone_number
        FROM observed
        WHERE list_id = $1
          AND missing = $2
          AND telephone_number <= $3
        ORDER BY telephone_number";
    FORGET = "
        DELETE FROM observed
        WHERE list_id = $1
          AND missing = $2
          AND telephone_number <= $3";
}

/// What a backend says of numbers that it describes alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Described {
    /// The service, in the backend's own word.
    pub service: String,
    /// The settings for that service, as far as it is one of ours.
    pub settings: NumberSettings,
    /// Whether they are on their way out, and how far.
    pub leaving: Option<Leaving>,
}

impl Described {
    /// Its content address, with or without the calling profile: that of the settings, but for numbers on their way out, so
    /// that those are never as we want them.
    fn ids(&self) -> (i64, i64) {
        let bare = NumberSettings { calling_profile: None, ..self.settings.clone() };
        match self.leaving {
            None => (self.settings.id(), bare.id()),
            Some(leaving) => (content_id(&(leaving.key(), &self.settings)), content_id(&(leaving.key(), &bare))),
        }
    }
}

/// A number in the list of a backend.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The number.
    pub number: E164,
    /// What the backend says of it.
    pub described: Described,
    /// Whether somebody uses it.
    pub assigned: bool,
}

/// A pull of one list under way.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    list_id: i64,
    /// How many there were.
    count: i64,
    /// Whether an earlier pull read the whole list.
    was_listed: bool,
    /// When it began, as far as that was said.
    began: OffsetDateTime,
    /// The services that the backend provisions.
    services: ServiceSet,
}

impl Round {
    /// The list.
    #[must_use]
    pub const fn list_id(self) -> i64 {
        self.list_id
    }

    /// Whether an earlier pull read the whole list.
    #[must_use]
    pub const fn was_listed(self) -> bool {
        self.was_listed
    }

    /// The same, begun then at a backend that provisions these services.
    #[must_use]
    pub const fn begun(self, began: OffsetDateTime, services: ServiceSet) -> Self {
        Self { began, services, ..self }
    }
}

/// A stretch of the list that a page covers: the numbers behind the first, up to the second.
pub type Stretch = (i64, i64);

/// The most rows that one statement marks or forgets, so that nobody waits long for it.
pub const AT_ONCE: i64 = 10_000;

impl Tx {
    /// Begins to take in a tenant's list of numbers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn begin_round(&mut self, backend: &str, tenant: &TenantId) -> Result<Round> {
        let list_id = self.observed_list(backend, tenant).await?;
        on!(self, |c| sqlx::query(BEGIN).bind(list_id).execute(c).await.map(drop))?;
        let (_, count, listed_at) = self.find_list(backend, tenant).await?.unwrap_or_default();
        let (began, services) = (OffsetDateTime::UNIX_EPOCH, ServiceSet::TEAMS);
        Ok(Round { list_id, count, was_listed: listed_at.is_some(), began, services })
    }

    /// Takes in a page of the list, which was asked for at `asked_at`, and writes down what has happened to its numbers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn observe(&mut self, round: Round, page: &[Observed], asked_at: OffsetDateTime) -> Result<()> {
        let mut alike: HashMap<(&Described, bool), Vec<i64>> = HashMap::new();
        // A number that stands on the page twice counts as the page ends with it.
        let last: BTreeMap<E164, &Observed> = page.iter().map(|seen| (seen.number, seen)).collect();
        for seen in last.into_values() {
            alike.entry((&seen.described, seen.assigned)).or_default().push(seen.number.as_i64());
        }
        let (mut found, mut fresh, mut known) = (Found::default(), Vec::new(), Descriptions::default());
        for ((described, assigned), numbers) in alike {
            let settings_id = self.describe(described).await?;
            let news = self.news(round, (settings_id, assigned), &numbers, asked_at).await?;
            for News { number, settings: before, assigned: was_assigned } in &news {
                let Some(before) = *before else {
                    fresh.push(number.as_i64());
                    continue;
                };
                if before != settings_id {
                    let before = self.description(&mut known, before).await?;
                    let mut changes = member_changes(&before.settings, &described.settings);
                    changes.extend(MemberChange::of_leaving(before.leaving, described.leaving));
                    if !changes.is_empty() {
                        found.add(SeenKind::Changed, changes, *number);
                    }
                }
                if *was_assigned != Some(assigned) {
                    let kind = if assigned { SeenKind::Assigned } else { SeenKind::Unassigned };
                    found.add(kind, Vec::new(), *number);
                }
            }
            self.take_in(round, (settings_id, assigned), &news, asked_at).await?;
        }
        if round.was_listed && !fresh.is_empty() {
            for number in self.are_back((round.list_id, round.services), &fresh).await? {
                found.add(SeenKind::Back, Vec::new(), number);
            }
        }
        self.note_seen(round.list_id, found, asked_at).await
    }

    async fn take_in(
        &mut self,
        round: Round,
        (settings_id, assigned): (i64, bool),
        news: &[News],
        asked_at: OffsetDateTime,
    ) -> Result<()> {
        if news.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i64> = news.iter().map(|news| news.number.as_i64()).collect();
        let statement = dialect!(self, sqlite: OBSERVE_SQLITE, postgres: OBSERVE_POSTGRES);
        on!(self, |c| sqlx::query(statement)
            .bind(round.list_id)
            .bind(json(&numbers))
            .bind(settings_id)
            .bind(assigned)
            .bind(micros(asked_at))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Marks what is known of a stretch of the list and was not on the page that covers it. It looks at no more than
    /// [`AT_ONCE`] numbers; tells behind which one to go on, where there are more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn miss(
        &mut self,
        round: Round,
        (after, upto): Stretch,
        page: &[E164],
        asked_at: OffsetDateTime,
    ) -> Result<Option<i64>> {
        let bound: Option<i64> = on!(self, |c| sqlx::query_scalar(BOUND)
            .bind(round.list_id)
            .bind(after)
            .bind(upto)
            .bind(AT_ONCE - 1)
            .fetch_optional(c)
            .await)?;
        let statement = dialect!(self, sqlite: MISS_SQLITE, postgres: MISS_POSTGRES);
        let numbers: Vec<i64> = page.iter().map(|number| number.as_i64()).collect();
        on!(self, |c| sqlx::query(statement)
            .bind(round.list_id)
            .bind(json(&numbers))
            .bind(round.count)
            .bind(after)
            .bind(bound.unwrap_or(upto))
            .bind(micros(asked_at))
            .execute(c)
            .await
            .map(drop))?;
        Ok(bound)
    }

    /// Forgets what a pull that read the whole list did not find, no more than [`AT_ONCE`] numbers at a time: those of ours
    /// that were synced are so no more. Tells whether it has to be called again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_missing(&mut self, round: Round) -> Result<bool> {
        let bound: Option<i64> = on!(self, |c| sqlx::query_scalar(BOUND_OF_MISSING)
            .bind(round.list_id)
            .bind(round.count)
            .bind(AT_ONCE - 1)
            .fetch_optional(c)
            .await)?;
        let upto = bound.unwrap_or(i64::MAX);
        let missing: Vec<i64> = on!(self, |c| sqlx::query_scalar(MISSING)
            .bind(round.list_id)
            .bind(round.count)
            .bind(upto)
            .fetch_all(c)
            .await)?;
        if missing.is_empty() {
            return Ok(false);
        }
        let mut found = Found::default();
        for number in missing.iter().copied().filter_map(E164::from_i64) {
            found.add(SeenKind::Gone, Vec::new(), number);
        }
        self.note_seen(round.list_id, found, round.began).await?;
        self.are_absent((round.list_id, round.services), &missing).await?;
        on!(self, |c| sqlx::query(FORGET).bind(round.list_id).bind(round.count).bind(upto).execute(c).await.map(drop))?;
        Ok(bound.is_some())
    }

    /// Records that the whole list was read by a pull that began then.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_round(&mut self, round: Round, began: OffsetDateTime) -> Result<()> {
        on!(self, |c| sqlx::query(END).bind(round.list_id).bind(micros(began)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Records what an answer to a push says of these numbers, whatever they should be by now.
    pub(super) async fn observe_outcome(
        &mut self,
        push: &Push,
        outcome: PushOutcome,
        numbers: &[E164],
        now: OffsetDateTime,
    ) -> Result<()> {
        let (Some(backend), Some(service), PushOutcome::Done) = (&push.backend, push.service, outcome) else {
            return Ok(());
        };
        let numbers: Vec<i64> = numbers.iter().map(|number| number.as_i64()).collect();
        match push.kind {
            _ if numbers.is_empty() => Ok(()),
            OrderKind::Release => self.observe_given_up((backend, &push.tenant_id), &numbers, now).await,
            OrderKind::Upload => {
                if self.observe_given(push, service, &numbers, now).await? {
                    return Ok(());
                }
                let settings = self.settings(push.settings_id).await?.unwrap_or_default().part(service);
                self.observed_list(backend, &push.tenant_id).await?;
                self.describe(&Described { service: service.key().to_owned(), settings, leaving: None }).await?;
                self.intern_parts(&[push.settings_id]).await?;
                self.observe_given(push, service, &numbers, now).await.map(drop)
            }
        }
    }

    /// Tells whether anything was written.
    async fn observe_given(
        &mut self,
        push: &Push,
        service: Service,
        numbers: &[i64],
        now: OffsetDateTime,
    ) -> Result<bool> {
        let statement = dialect!(self, sqlite: CONFIRM_SQLITE, postgres: CONFIRM_POSTGRES);
        let written = on!(self, |c| sqlx::query(statement)
            .bind(micros(now))
            .bind(json(numbers))
            .bind(push.backend.as_deref().unwrap_or_default())
            .bind(push.tenant_id.as_str())
            .bind(push.settings_id)
            .bind(ServiceSet::from(service).bits())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(written > 0)
    }

    async fn observe_given_up(
        &mut self,
        (backend, tenant): (&str, &TenantId),
        numbers: &[i64],
        now: OffsetDateTime,
    ) -> Result<()> {
        let statement = dialect!(self, sqlite: REMOVE_SQLITE, postgres: REMOVE_POSTGRES);
        on!(self, |c| sqlx::query(statement)
            .bind(backend)
            .bind(json(numbers))
            .bind(tenant.as_str())
            .execute(c)
            .await
            .map(drop))?;
        on!(self, |c| sqlx::query(GIVEN_UP)
            .bind(backend)
            .bind(tenant.as_str())
            .bind(micros(now))
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }

    async fn find_list(&mut self, backend: &str, tenant: &TenantId) -> Result<Option<(i64, i64, Option<i64>)>> {
        Ok(on!(self, |c| sqlx::query_as(LIST).bind(backend).bind(tenant.as_str()).fetch_optional(c).await)?)
    }

    /// The id of a list. Where two add one at the same moment, one of them looks again.
    async fn observed_list(&mut self, backend: &str, tenant: &TenantId) -> Result<i64> {
        for _ in 0..8 {
            if let Some((id, ..)) = self.find_list(backend, tenant).await? {
                return Ok(id);
            }
            on!(self, |c| sqlx::query(ADD_LIST).bind(backend).bind(tenant.as_str()).execute(c).await.map(drop))?;
        }
        Err(Error::unreadable("observed_lists", "id", tenant))
    }

    /// Stores a description if it is new and gives its id.
    async fn describe(&mut self, described: &Described) -> Result<i64> {
        let (id, bare_id) = described.ids();
        let body = serde_json::to_string(&described.settings).unwrap_or_default();
        on!(self, |c| sqlx::query(DESCRIBE)
            .bind(id)
            .bind(bare_id)
            .bind(described.service.as_str())
            .bind(body)
            .bind(described.leaving.map(Leaving::key))
            .execute(c)
            .await
            .map(drop))?;
        Ok(id)
    }
}

/// Numbers as one value to bind: a list of parameters would be looked through for each of them.
pub(in crate::store) fn json(numbers: &[i64]) -> String {
    serde_json::to_string(numbers).unwrap_or_default()
}
