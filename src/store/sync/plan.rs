//! Planning: the next push of an account, written down with the numbers it carries.

use time::OffsetDateTime;

use super::pushes::Push;
use crate::domain::{BackendInfo, OrderKind, Service, ServiceSet, Task, TenantId};
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx};

/// Takes numbers that wait for a push.
macro_rules! take {
    ($state:literal, $alike:literal) => {
        concat!(
            "
        UPDATE numbers
        SET push_id = $1, pushed_rev = rev
        WHERE telephone_number IN (
            SELECT n.telephone_number
            FROM numbers n
            JOIN settings s ON s.id = n.settings_id
            WHERE n.state <> 'synced'
              AND n.state = '",
            $state,
            "'
              AND n.account_id = $2
              AND n.push_id IS NULL
              AND ",
            $alike,
            "
            ORDER BY n.telephone_number
            LIMIT $3
        )"
        )
    };
}

/// The parts of an account that wait for a task, with what the backend sees of their numbers' settings.
macro_rules! parts {
    () => {
        "
            FROM number_parts p
            JOIN numbers n ON n.telephone_number = p.telephone_number
            JOIN settings s ON s.id = n.settings_id
            LEFT JOIN settings_services k ON k.settings_id = n.settings_id AND k.service = p.service
            WHERE p.state = 'pending'
              AND p.push_id IS NULL
              AND p.account_id = $1"
    };
}

/// The first number that waits for a backend, because it has one of the services `$2` that the account is pushed to it for,
/// or for none, because it has none of the services `$5` that the account is pushed for at all; and the first part that
/// waits for that backend. Numbers in parts have a push 0, so that they are passed over; `state <> 'synced'` says by which
/// index numbers are found.
macro_rules! next {
    ($state:literal) => {
        concat!(
            "
        SELECT w.settings_id, w.push_key, w.services, '' AS task
        FROM (
            SELECT n.settings_id, s.push_key, s.services
            FROM numbers n
            JOIN settings s ON s.id = n.settings_id
            WHERE n.state <> 'synced'
              AND n.state = '",
            $state,
            "'
              AND n.account_id = $1
              AND n.push_id IS NULL
              AND ((s.services & $2) <> 0 OR (s.services & $5) = 0)
            ORDER BY n.telephone_number
            LIMIT 1
        ) AS w
        UNION ALL
        SELECT t.settings_id, t.push_key, t.service, t.task
        FROM (
            SELECT n.settings_id, COALESCE(k.push_key, s.push_key) AS push_key, p.service, p.task",
            parts!(),
            "
              AND p.task IN ($3, $4)
              AND p.backend = $6
            LIMIT 1
        ) AS t"
        )
    };
}

/// Takes such parts for a push.
macro_rules! take_parts {
    ($alike:literal) => {
        concat!(
            "
        UPDATE number_parts
        SET push_id = $2,
            pushed_rev = (SELECT n.rev FROM numbers n WHERE n.telephone_number = number_parts.telephone_number)
        WHERE backend = $3
          AND telephone_number IN (
              SELECT p.telephone_number",
            parts!(),
            "
              AND p.backend = $3
              AND p.task = $4
              AND ",
            $alike,
            "
              ORDER BY p.telephone_number
              LIMIT $5
          )"
        )
    };
}

statements! {
    NEXT_UPLOAD = next!("pending");
    NEXT_RELEASE = next!("releasing");
    TAKE_UPLOAD = take!("pending", "s.push_key = $4");
    TAKE_RELEASE = take!("releasing", "(s.services & $5) = $4");
    TAKE_PARTS_UPLOAD = take_parts!("COALESCE(k.push_key, s.push_key) = $6");
    TAKE_PARTS_TO_GIVE_UP = take_parts!("p.service = $6");
}

/// A push to write down before the backend is called.
#[derive(Clone, Debug)]
pub struct NewPush<'a> {
    /// Sent with the request.
    pub request_id: String,
    /// Account of the numbers.
    pub account_id: i64,
    /// The enterprise.
    pub tenant_id: &'a TenantId,
    /// Upload or release.
    pub kind: OrderKind,
    /// The most numbers it may carry.
    pub size: i64,
    /// The backend it goes to.
    pub backend: &'a BackendInfo,
    /// The services of the account that are pushed to a backend.
    pub pushed: ServiceSet,
}

/// What the next push of an account is about.
struct Next {
    settings_id: i64,
    push_key: i64,
    services: ServiceSet,
    /// What the backend has to do, where the number is in parts.
    task: Option<Task>,
}

impl NewPush<'_> {
    /// The service that the push goes to the backend for; none where no backend has to know of the numbers.
    fn service(&self, next: &Next) -> Option<Service> {
        next.services.and(self.pushed).and(self.backend.services).iter().next()
    }
}

impl Tx {
    /// Writes down the next push of an account and takes the numbers it carries; `None` when no number waits.
    /// The numbers of an upload share what the backend sees of their settings.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn plan_push(&mut self, push: &NewPush<'_>, now: OffsetDateTime) -> Result<Option<Push>> {
        let Some(next) = self.next_to_push(push).await? else { return Ok(None) };
        let service = push.service(&next);
        let planned = Push {
            id: self.next_number("pushes").await?,
            request_id: push.request_id.clone(),
            account_id: push.account_id,
            tenant_id: push.tenant_id.clone(),
            kind: push.kind,
            settings_id: next.settings_id,
            backend: service.map(|_| push.backend.name.clone()),
            service,
            sent: false,
            job_id: None,
            job_since: None,
            poll_at: now,
        };
        self.insert_push(&planned, now).await?;
        match next.task {
            None => self.take_numbers(push, &next, planned.id).await?,
            Some(task) => self.take_parts(push, &next, planned.id, task).await?,
        }
        self.mark_orders_started(planned.id).await?;
        Ok(Some(planned))
    }

    /// Whether a number waits for such a push.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn waits_for_push(&mut self, push: &NewPush<'_>) -> Result<bool> {
        let next = self.next_to_push(push).await?;
        Ok(next.is_some_and(|next| push.service(&next).is_some()))
    }

    async fn next_to_push(&mut self, push: &NewPush<'_>) -> Result<Option<Next>> {
        let (statement, tasks) = match push.kind {
            OrderKind::Upload => (NEXT_UPLOAD, [Task::Upload; 2]),
            OrderKind::Release => (NEXT_RELEASE, [Task::Withdraw, Task::Release]),
        };
        let [one, other] = tasks.map(Task::key);
        let found: Vec<(i64, i64, i64, String)> = on!(self, |c| sqlx::query_as(statement)
            .bind(push.account_id)
            .bind(push.backend.services.and(push.pushed).bits())
            .bind(one)
            .bind(other)
            .bind(push.pushed.bits())
            .bind(push.backend.name.as_str())
            .fetch_all(c)
            .await)?;
        // Whole numbers first.
        let first = found.into_iter().min_by_key(|(.., task)| !task.is_empty());
        let Some((settings_id, push_key, services, task)) = first else { return Ok(None) };
        let task = if task.is_empty() {
            None
        } else {
            Some(Task::from_key(&task).ok_or_else(|| Error::unreadable("number_parts", "task", settings_id))?)
        };
        Ok(Some(Next { settings_id, push_key, services: ServiceSet::from_bits(services), task }))
    }

    async fn take_numbers(&mut self, push: &NewPush<'_>, next: &Next, push_id: i64) -> Result<()> {
        match push.kind {
            OrderKind::Upload => on!(self, |c| sqlx::query(TAKE_UPLOAD)
                .bind(push_id)
                .bind(push.account_id)
                .bind(push.size)
                .bind(next.push_key)
                .execute(c)
                .await
                .map(drop))?,
            OrderKind::Release => on!(self, |c| sqlx::query(TAKE_RELEASE)
                .bind(push_id)
                .bind(push.account_id)
                .bind(push.size)
                .bind(next.services.and(push.pushed).bits())
                .bind(push.pushed.bits())
                .execute(c)
                .await
                .map(drop))?,
        }
        Ok(())
    }

    async fn take_parts(&mut self, push: &NewPush<'_>, next: &Next, push_id: i64, task: Task) -> Result<()> {
        let (statement, alike) = match task {
            Task::Upload => (TAKE_PARTS_UPLOAD, next.push_key),
            Task::Withdraw | Task::Release => (TAKE_PARTS_TO_GIVE_UP, next.services.bits()),
        };
        on!(self, |c| sqlx::query(statement)
            .bind(push.account_id)
            .bind(push_id)
            .bind(push.backend.name.as_str())
            .bind(task.key())
            .bind(push.size)
            .bind(alike)
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    }
}
