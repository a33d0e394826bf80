//! Changes that a program asks for: made at once, without a review, and answered the same when they are asked for again.
//!
//! The answer is made and kept in the transaction of the change, so that a repeated request is told exactly what the
//! first one was, whatever happened to the connection or the process in between.

pub mod accounts;
pub mod addresses;
pub mod consents;
pub mod numbers;

use time::{Duration, OffsetDateTime};

use super::transact::transact_together;
use super::{Ctx, Error, Origin, Result, identity};
use crate::authz::{Grant, NumbersRead, Principal};
use crate::store::{RepeatRow, Tx, at, micros};

/// For so long a repeated request is told what the first one was.
pub const REMEMBERED: Duration = Duration::hours(24);

/// A request that may be repeated (OASIS Repeatable Requests 1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The client's id of the request.
    pub id: String,
    /// SHA-256 of all that makes the request.
    pub fingerprint: String,
}

/// What a program is told once its request is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAnswer {
    /// What was done.
    pub outcome: Outcome,
    /// The tag of the resource's state, where the answer is about one resource.
    pub tag: Option<String>,
    /// When that was last changed, as far as somebody here can change it.
    pub changed_at: Option<OffsetDateTime>,
    /// The answer itself as JSON. A deletion has none.
    pub body: Option<String>,
}

/// What carrying out a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The resource was not there before.
    Created,
    /// The resource was there and is as asked for now, or was only asked about.
    Done,
    /// The resource is gone or going, or was not there.
    Deleted,
}

impl Outcome {
    /// The number that stands for it beside an answer in the database.
    const fn number(self) -> i64 {
        match self {
            Self::Done => 200,
            Self::Created => 201,
            Self::Deleted => 204,
        }
    }

    const fn from_number(number: i64) -> Self {
        match number {
            201 => Self::Created,
            204 => Self::Deleted,
            _ => Self::Done,
        }
    }
}

/// A check of the resource as it is, or of there being none, before it is changed.
pub type Precondition<'a, T> = &'a (dyn Fn(Option<&T>) -> Result<()> + Send + Sync);
/// Makes the answer from what was done and the resource as it is then.
pub type MakeAnswer<'a, T> = &'a (dyn Fn(Outcome, Option<&T>) -> ApiAnswer + Send + Sync);

/// One change that a program asks for, to a resource `T`.
pub struct ChangeRequest<'a, T: ?Sized> {
    /// Where the request came from.
    pub origin: &'a Origin,
    /// Identifies the request where it may be repeated.
    pub repeat: Option<&'a Repeat>,
    /// What must hold before the change. It is asked within the transaction.
    pub precondition: Precondition<'a, T>,
    /// Makes the answer within the transaction.
    pub make_answer: MakeAnswer<'a, T>,
}

impl<T: ?Sized> ChangeRequest<'_, T> {
    /// The answer to the first of these requests, when this is a repetition.
    async fn earlier_answer(&self, tx: &mut Tx, person: &Principal, now: OffsetDateTime) -> Result<Option<ApiAnswer>> {
        match self.repeat {
            Some(repeat) => find_answer(tx, person, repeat, now).await,
            None => Ok(None),
        }
    }

    /// Makes the answer and keeps it for a repetition.
    async fn answer(
        &self,
        tx: &mut Tx,
        person: &Principal,
        outcome: Outcome,
        after: Option<&T>,
        now: OffsetDateTime,
    ) -> Result<ApiAnswer> {
        let answer = (self.make_answer)(outcome, after);
        if let Some(repeat) = self.repeat {
            insert_answer(tx, person, repeat, &answer, now).await?;
        }
        Ok(answer)
    }
}

/// The answer to the first of these requests, when this is a repetition of one that changes nothing.
///
/// # Errors
/// When another request had the same id, or the database fails.
pub async fn earlier_answer(
    ctx: &Ctx,
    grant: &Grant<NumbersRead>,
    repeat: Option<&Repeat>,
) -> Result<Option<ApiAnswer>> {
    let Some(repeat) = repeat else { return Ok(None) };
    find_answer(&mut ctx.db.read().await?, grant.principal(), repeat, ctx.clock.now()).await
}

/// Keeps the answer to a request that changes nothing for a repetition.
///
/// # Errors
/// When the same request is being answered elsewhere, or the database fails.
pub async fn keep_answer(
    ctx: &Ctx,
    grant: &Grant<NumbersRead>,
    repeat: Option<&Repeat>,
    answer: &ApiAnswer,
) -> Result<()> {
    let Some(repeat) = repeat else { return Ok(()) };
    let now = ctx.clock.now();
    transact_together!(ctx, |tx| insert_answer(&mut tx, grant.principal(), repeat, answer, now).await?)
}

async fn find_answer(
    tx: &mut Tx,
    person: &Principal,
    repeat: &Repeat,
    now: OffsetDateTime,
) -> Result<Option<ApiAnswer>> {
    let Some(row) = tx.repeat(&identity(person), &repeat.id, now - REMEMBERED).await? else { return Ok(None) };
    if row.fingerprint != repeat.fingerprint {
        return Err(Error::RepeatDiffers);
    }
    Ok(Some(ApiAnswer {
        outcome: Outcome::from_number(row.status),
        tag: row.etag,
        changed_at: row.changed_at.map(at),
        body: row.body,
    }))
}

async fn insert_answer(
    tx: &mut Tx,
    person: &Principal,
    repeat: &Repeat,
    answer: &ApiAnswer,
    now: OffsetDateTime,
) -> Result<()> {
    let row = RepeatRow {
        fingerprint: repeat.fingerprint.clone(),
        status: answer.outcome.number(),
        etag: answer.tag.clone(),
        changed_at: answer.changed_at.map(micros),
        body: answer.body.clone(),
    };
    if !tx.keep_repeat((&identity(person), &repeat.id), &row, now - REMEMBERED, now).await? {
        return Err(Error::RepeatRunning);
    }
    Ok(())
}
