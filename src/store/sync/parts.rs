//! What becomes of numbers in parts: each backend answers for its own, and the number says what follows from all.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use super::pushes::{Push, PushOutcome};
use crate::domain::{E164, Progress, ProvisioningError, Service, ServiceSet, SyncState, Task, derived};
use crate::store::numbers::in_list;
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Conn, Error, Result, Tx};

statements! {
    OF_PUSH = "SELECT telephone_number FROM number_parts WHERE push_id = $1";
    // A number that only waits to be released has its services still.
    WITHDRAWALS = "
        SELECT p.service, CAST(COUNT(*) AS BIGINT)
        FROM number_parts p
        JOIN numbers n ON n.telephone_number = p.telephone_number
        JOIN settings s ON s.id = n.settings_id
        WHERE p.account_id = $1
          AND (s.services & p.service) = 0
        GROUP BY p.service
        ORDER BY p.service";
}

/// One part of a number, as it is read to be settled.
#[derive(Clone, Debug, sqlx::FromRow)]
struct PartRow {
    telephone_number: i64,
    task: String,
    state: String,
    error_id: Option<i64>,
    push_id: Option<i64>,
    pushed_rev: Option<i64>,
    rev: i64,
    order_id: i64,
}

/// A part, with what is to be done about it.
#[derive(Clone, Copy, Debug)]
struct PartNow {
    task: Task,
    state: SyncState,
    error_id: Option<i64>,
}

/// What a number is after an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Became {
    /// No backend has it any more, and it is released.
    Gone,
    /// Every backend has done what it had to do.
    Synced,
    /// Some have not answered, none has refused it. The name of the state.
    Waiting(&'static str),
    /// It was refused, for these reasons; whether some backend has yet to answer.
    Failed(Vec<i64>, bool),
}

impl Became {
    /// What a number is whose parts are these; `released` where the last that was done gave it up for good.
    fn of(parts: &[PartNow], released: bool) -> Self {
        let waits = parts.iter().any(|part| part.state == SyncState::Pending);
        match derived(parts.iter().map(|part| (part.task, part.state))) {
            SyncState::Failed => Self::Failed(parts.iter().filter_map(|part| part.error_id).collect(), waits),
            SyncState::Synced if parts.is_empty() && released => Self::Gone,
            SyncState::Synced => Self::Synced,
            state => Self::Waiting(state.key()),
        }
    }

    /// How the items of their orders end, with the error's place; nothing while a backend has yet to answer.
    fn is_final(&self) -> bool {
        !matches!(self, Self::Waiting(_) | Self::Failed(_, true))
    }
}

/// The numbers of a chunk after an answer, by what they became.
#[derive(Default)]
struct Settled {
    /// Numbers whose part of the push was answered for what they still are.
    answered: Vec<E164>,
    /// Of those: the backend has given them up.
    given_up: Vec<E164>,
    became: BTreeMap<Became, Vec<(E164, i64)>>,
}

impl Tx {
    /// Those numbers of a push that are in parts.
    pub(super) async fn push_parts(&mut self, push_id: i64) -> Result<BTreeSet<E164>> {
        let rows: Vec<i64> = on!(self, |c| sqlx::query_scalar(OF_PUSH).bind(push_id).fetch_all(c).await)?;
        Ok(rows.into_iter().filter_map(E164::from_i64).collect())
    }

    /// How many numbers of an account have given up each service, while its backend has not yet given them up.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn withdrawals(&mut self, account_id: i64) -> Result<Vec<(Service, i64)>> {
        let rows: Vec<(i64, i64)> = on!(self, |c| sqlx::query_as(WITHDRAWALS).bind(account_id).fetch_all(c).await)?;
        let services = |(bits, count)| Some((ServiceSet::from_bits(bits).iter().next()?, count));
        Ok(rows.into_iter().filter_map(services).collect())
    }

    /// Records what became of these parts of a push: of those whose number has not been changed since it was sent.
    pub(super) async fn settle_parts(
        &mut self,
        push: &Push,
        numbers: &[E164],
        outcome: PushOutcome,
        now: OffsetDateTime,
    ) -> Result<()> {
        let rows = self.read_parts(push.account_id, numbers).await?;
        let settled = settled(push.id, &rows, outcome)?;
        self.write_parts(push.id, numbers, &settled, outcome).await?;
        for (became, numbers) in &settled.became {
            let error = self.error_of(became).await?;
            if became.is_final() {
                self.end_items(became, error, numbers, now).await?;
            }
            let numbers: Vec<E164> = numbers.iter().map(|(number, _)| *number).collect();
            self.write_number(push.account_id, (became, error), &numbers, now).await?;
        }
        Ok(())
    }

    /// All parts of these numbers. Nobody changes the numbers until the transaction ends: the account, items and numbers are
    /// locked in the order in which whoever submits an order does it.
    async fn read_parts(&mut self, account_id: i64, numbers: &[E164]) -> Result<Vec<PartRow>> {
        if let Conn::Postgres(..) = self.conn() {
            on!(self, |c| sqlx::query("SELECT id FROM accounts WHERE id = $1 FOR UPDATE")
                .bind(account_id)
                .execute(c)
                .await
                .map(drop))?;
            for (lock, behind) in [
                (
                    "SELECT i.telephone_number
                    FROM numbers n
                    JOIN order_items i ON i.order_id = n.order_id AND i.telephone_number = n.telephone_number
                    WHERE n.telephone_number IN (",
                    " ORDER BY i.telephone_number FOR UPDATE OF i",
                ),
                (
                    "SELECT n.telephone_number FROM numbers n WHERE n.telephone_number IN (",
                    " ORDER BY n.telephone_number FOR UPDATE OF n",
                ),
            ] {
                let mut question = Conditions::default();
                in_list(&mut question, lock, numbers);
                question.push(behind, []);
                on!(self, |c| bind_all!(sqlx::query(question.sql()), question).execute(c).await.map(drop))?;
            }
        }
        let mut question = Conditions::default();
        question.push(
            "
            SELECT
                p.telephone_number, p.task, p.state, p.error_id, p.push_id, p.pushed_rev, n.rev, n.order_id
            FROM number_parts p
            JOIN numbers n ON n.telephone_number = p.telephone_number",
            [],
        );
        in_list(&mut question, " WHERE p.telephone_number IN (", numbers);
        question.push(" ORDER BY p.telephone_number, p.service", []);
        Ok(on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?)
    }

    /// Writes what became of the parts of the push themselves, and sets the others free.
    async fn write_parts(
        &mut self,
        push_id: i64,
        numbers: &[E164],
        settled: &Settled,
        outcome: PushOutcome,
    ) -> Result<()> {
        let mut given_up = Conditions::default();
        given_up.push("DELETE FROM number_parts WHERE push_id = ?", [Bind::Int(push_id)]);
        self.of_numbers(given_up, &settled.given_up).await?;
        let (state, error) = match outcome {
            PushOutcome::Done => (SyncState::Synced, None),
            PushOutcome::Refused(error) => (SyncState::Failed, Some(error)),
        };
        let mut answered = Conditions::default();
        answered.push(
            "
            UPDATE number_parts
            SET state = ?,
                error_id = ?,
                push_id = NULL,
                pushed_rev = NULL
            WHERE push_id = ?",
            [state.key().into(), error.into(), Bind::Int(push_id)],
        );
        self.of_numbers(answered, &settled.answered).await?;
        let mut free = Conditions::default();
        free.push("UPDATE number_parts SET push_id = NULL, pushed_rev = NULL WHERE push_id = ?", [Bind::Int(push_id)]);
        self.of_numbers(free, numbers).await
    }

    /// Writes what some numbers became.
    async fn write_number(
        &mut self,
        account_id: i64,
        (became, error): (&Became, Option<i64>),
        numbers: &[E164],
        now: OffsetDateTime,
    ) -> Result<()> {
        if matches!(became, Became::Gone | Became::Synced) {
            let mut parts = Conditions::default();
            parts.push("DELETE FROM number_parts WHERE TRUE", []);
            self.of_numbers(parts, numbers).await?;
        }
        let mut write = Conditions::default();
        match became {
            Became::Gone => {
                let these = |going: &mut Conditions| in_list(going, "n.telephone_number IN (", numbers);
                let mut going = Conditions::default();
                these(&mut going);
                let fewer = self.fewer(going).await?;
                self.end_holdings(now, these).await?;
                self.add_to_number_counts(account_id, &fewer).await?;
                write.push("DELETE FROM numbers WHERE TRUE", []);
            }
            Became::Synced => {
                write.push("UPDATE numbers SET state = 'synced', error_id = NULL, push_id = NULL WHERE TRUE", []);
            }
            Became::Waiting(state) => {
                write.push("UPDATE numbers SET state = ?, error_id = NULL WHERE TRUE", [(*state).into()]);
            }
            Became::Failed(..) => {
                write.push("UPDATE numbers SET state = 'failed', error_id = ? WHERE TRUE", [error.into()]);
            }
        }
        self.of_numbers(write, numbers).await
    }

    /// Ends the items that these numbers have in their orders, and counts them.
    async fn end_items(
        &mut self,
        became: &Became,
        error: Option<i64>,
        numbers: &[(E164, i64)],
        now: OffsetDateTime,
    ) -> Result<()> {
        let failed = matches!(became, Became::Failed(..));
        let mut orders: BTreeMap<i64, Vec<E164>> = BTreeMap::new();
        for (number, order) in numbers {
            orders.entry(*order).or_default().push(*number);
        }
        for (order, numbers) in orders {
            let mut items = Conditions::default();
            items.push(
                "
                UPDATE order_items
                SET state = ?, error_id = ?
                WHERE state = 'pending'
                  AND order_id = ?",
                [if failed { "failed" } else { "done" }.into(), error.into(), Bind::Int(order)],
            );
            in_list(&mut items, " AND telephone_number IN (", &numbers);
            let ended = on!(self, |c| bind_all!(sqlx::query(items.sql()), items)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            let ended = i64::try_from(ended).unwrap_or_default();
            let added = if failed {
                Progress { failed: ended, ..Progress::default() }
            } else {
                Progress { done: ended, ..Progress::default() }
            };
            if ended > 0 {
                self.add_progress(order, added, now).await?;
            }
        }
        Ok(())
    }

    /// The one error that stands for all of a number.
    async fn error_of(&mut self, became: &Became) -> Result<Option<i64>> {
        let Became::Failed(ids, _) = became else { return Ok(None) };
        if let [only] = ids.as_slice() {
            return Ok(Some(*only));
        }
        let mut errors = Vec::with_capacity(ids.len());
        for id in ids {
            errors.extend(self.error(*id).await?);
        }
        match ProvisioningError::together(errors) {
            Some(error) => Ok(Some(self.intern_error(&error).await?)),
            None => Ok(None),
        }
    }

    /// Runs a statement on some numbers; on none it is left out.
    async fn of_numbers(&mut self, mut statement: Conditions, numbers: &[E164]) -> Result<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        in_list(&mut statement, " AND telephone_number IN (", numbers);
        on!(self, |c| bind_all!(sqlx::query(statement.sql()), statement).execute(c).await.map(drop))?;
        Ok(())
    }
}

/// What numbers with these parts become when a backend has answered for those that a push carries.
fn settled(push_id: i64, rows: &[PartRow], outcome: PushOutcome) -> Result<Settled> {
    let mut settled = Settled::default();
    for parts in rows.chunk_by(|one, next| one.telephone_number == next.telephone_number) {
        let Some(first) = parts.first() else { continue };
        let number = first.number()?;
        let is_answered = |part: &PartRow| part.push_id == Some(push_id) && part.pushed_rev == Some(part.rev);
        if !parts.iter().any(is_answered) {
            continue;
        }
        let (mut left, mut released) = (Vec::with_capacity(parts.len()), false);
        for part in parts {
            let now = part.now()?;
            match (is_answered(part), outcome) {
                (false, _) => left.push(now),
                (true, PushOutcome::Refused(error)) => {
                    left.push(PartNow { state: SyncState::Failed, error_id: Some(error), ..now });
                }
                (true, PushOutcome::Done) if now.task == Task::Upload => {
                    left.push(PartNow { state: SyncState::Synced, error_id: None, ..now });
                }
                (true, PushOutcome::Done) => {
                    settled.given_up.push(number);
                    released = now.task == Task::Release;
                }
            }
        }
        settled.answered.push(number);
        settled.became.entry(Became::of(&left, released)).or_default().push((number, first.order_id));
    }
    Ok(settled)
}

impl PartRow {
    fn unreadable(&self, column: &'static str) -> Error {
        Error::unreadable("number_parts", column, self.telephone_number)
    }

    fn number(&self) -> Result<E164> {
        E164::from_i64(self.telephone_number).ok_or_else(|| self.unreadable("telephone_number"))
    }

    fn now(&self) -> Result<PartNow> {
        Ok(PartNow {
            task: Task::from_key(&self.task).ok_or_else(|| self.unreadable("task"))?,
            state: SyncState::from_key(&self.state).ok_or_else(|| self.unreadable("state"))?,
            error_id: self.error_id,
        })
    }
}
