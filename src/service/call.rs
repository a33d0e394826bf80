//! Changes that a program asks for: made at once, without a review, and answered the same when they are asked for again.
//!
//! The answer is made and kept in the transaction of the change, so that a repeated request is told exactly what the
//! first one was, whatever happened to the connection or the process in between.

pub mod accounts;
pub mod consents;
pub mod numbers;

use time::{Duration, OffsetDateTime};

use super::transact::transact_together;
use super::{Ctx, Error, Origin, Result, identity};
use crate::authz::{Grant, NumbersRead, Principal};
use crate::store::{RepeatRow, Tx};

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

/// What the program is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// HTTP status.
    pub status: u16,
    /// Entity tag of the resource.
    pub etag: Option<String>,
    /// JSON, or nothing.
    pub body: Option<String>,
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there before.
    Created,
    /// It was there; now it is as asked for.
    Updated,
    /// It is gone or going, or was not there.
    Deleted,
}

/// A check of what there is: nothing, or the resource.
pub type Precondition<'a, T> = &'a (dyn Fn(Option<&T>) -> Result<()> + Send + Sync);
/// The words for what was done.
pub type Tell<'a, T> = &'a (dyn Fn(Change, Option<&T>) -> Told + Send + Sync);

/// One change that a program asks for, to a resource `T`.
pub struct Call<'a, T: ?Sized> {
    /// Where the request came from.
    pub origin: &'a Origin,
    /// Set when the request may be repeated.
    pub repeat: Option<&'a Repeat>,
    /// What must hold before the change; asked within its transaction.
    pub allowed: Precondition<'a, T>,
    /// Makes the answer within the transaction.
    pub tell: Tell<'a, T>,
}

impl<T: ?Sized> Call<'_, T> {
    /// What the first of these requests was told, when this is a repetition.
    async fn told_before(&self, tx: &mut Tx, person: &Principal, now: OffsetDateTime) -> Result<Option<Told>> {
        let Some(repeat) = self.repeat else { return Ok(None) };
        recall(tx, (person, repeat), now).await
    }

    /// Makes the answer and keeps it for a repetition.
    async fn answer(
        &self,
        tx: &mut Tx,
        person: &Principal,
        did: (Change, Option<&T>),
        now: OffsetDateTime,
    ) -> Result<Told> {
        let told = (self.tell)(did.0, did.1);
        if let Some(repeat) = self.repeat {
            remember(tx, (person, repeat), &told, now).await?;
        }
        Ok(told)
    }
}

/// What the first of these requests was told, when this is a repetition of one that changes nothing.
///
/// # Errors
/// When another request had the same id, or the database fails.
pub async fn told_before(ctx: &Ctx, grant: &Grant<NumbersRead>, repeat: Option<&Repeat>) -> Result<Option<Told>> {
    let Some(repeat) = repeat else { return Ok(None) };
    recall(&mut ctx.db.read().await?, (grant.principal(), repeat), ctx.clock.now()).await
}

/// Keeps the answer to a request that changes nothing for a repetition.
///
/// # Errors
/// When the same request is being answered elsewhere, or the database fails.
pub async fn keep(ctx: &Ctx, grant: &Grant<NumbersRead>, repeat: Option<&Repeat>, told: &Told) -> Result<()> {
    let Some(repeat) = repeat else { return Ok(()) };
    transact_together!(ctx, tx => remember(&mut tx, (grant.principal(), repeat), told, ctx.clock.now()).await?)
}

async fn recall(tx: &mut Tx, (person, repeat): (&Principal, &Repeat), now: OffsetDateTime) -> Result<Option<Told>> {
    let Some(row) = tx.repeat(&identity(person), &repeat.id, now - REMEMBERED).await? else { return Ok(None) };
    if row.fingerprint != repeat.fingerprint {
        return Err(Error::RepeatDiffers);
    }
    Ok(Some(Told { status: u16::try_from(row.status).unwrap_or(200), etag: row.etag, body: row.body }))
}

async fn remember(
    tx: &mut Tx,
    (person, repeat): (&Principal, &Repeat),
    told: &Told,
    now: OffsetDateTime,
) -> Result<()> {
    let row = RepeatRow {
        fingerprint: repeat.fingerprint.clone(),
        status: i64::from(told.status),
        etag: told.etag.clone(),
        body: told.body.clone(),
    };
    if !tx.keep_repeat((&identity(person), &repeat.id), &row, now - REMEMBERED, now).await? {
        return Err(Error::RepeatRunning);
    }
    Ok(())
}
