//! Clears away what nobody needs any more: answers that cannot be asked for again, drafts that nobody submitted, numbers that
//! have been in quarantine long enough.
//!
//! Every process does it. What one of them has cleared away the others do not find, and a transaction removes a few
//! thousand rows at most.

use std::time::Duration;

use super::api::REMEMBERED;
use super::staging::{CHOICES_REMEMBERED, UPLOADS_WAIT};
use super::transact::transact;
use super::{Ctx, Result};

/// Rows that are removed in one transaction.
const CHUNK: i64 = 2_000;
/// Others come first between two of them.
const PAUSE: Duration = Duration::from_millis(20);

/// What was cleared away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Answers that were kept for repetitions.
    pub repeats: u64,
    /// Drafts, with all that was in them.
    pub drafts: u64,
    /// Numbers that have been in quarantine long enough.
    pub quarantine: u64,
}

/// Clears away what is too old.
///
/// # Errors
/// When the database fails; what was removed until then stays removed.
pub async fn sweep(ctx: &Ctx) -> Result<Swept> {
    let repeats = sweep_repeats(ctx).await?;
    let drafts = sweep_drafts(ctx).await?;
    let quarantine = sweep_quarantine(ctx).await?;
    sweep_seen(ctx).await?;
    sweep_uploads(ctx).await?;
    sweep_reservations(ctx).await?;
    Ok(Swept { repeats, drafts, quarantine })
}

async fn sweep_repeats(ctx: &Ctx) -> Result<u64> {
    let until = ctx.clock.now() - REMEMBERED;
    let mut all = 0;
    loop {
        let swept = transact!(ctx, |tx| tx.sweep_repeats(until, CHUNK).await?)?;
        all += swept;
        // Answers of the same instant go together, so it may be a few more.
        if i64::try_from(swept).is_ok_and(|swept| swept < CHUNK) {
            return Ok(all);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn sweep_quarantine(ctx: &Ctx) -> Result<u64> {
    let now = ctx.clock.now();
    let mut all = 0;
    loop {
        let swept = transact!(ctx, |tx| tx.sweep_quarantine(now, CHUNK).await?)?;
        all += swept;
        if i64::try_from(swept).is_ok_and(|swept| swept < CHUNK) {
            return Ok(all);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn sweep_drafts(ctx: &Ctx) -> Result<u64> {
    let Some(kept) = ctx.policy.keep_drafts else { return Ok(0) };
    let now = ctx.clock.now();
    let mut all = 0;
    // The reader is given back before anything is written.
    while let Some(id) = oldest(ctx, now - kept).await? {
        while transact!(ctx, |tx| tx.sweep_draft(id, CHUNK, now).await?)? {
            tokio::time::sleep(PAUSE).await;
        }
        all += 1;
        tokio::time::sleep(PAUSE).await;
    }
    // Imports that were looked through and not made, with their files.
    while let Some(id) = oldest_import(ctx, now - kept).await? {
        transact!(ctx, |tx| tx.forget_draft_import(&id).await?)?;
        all += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(all)
}

/// Uploads whose columns nobody explained, and what people said of columns long ago.
async fn sweep_uploads(ctx: &Ctx) -> Result<()> {
    let now = ctx.clock.now();
    let until = now - UPLOADS_WAIT;
    while oldest_upload(ctx, until).await?.is_some() {
        transact!(ctx, |tx| {
            if let Some(person) = tx.old_waiting_upload(until).await? {
                tx.forget_waiting_upload(&person).await?;
            }
        })?;
        tokio::time::sleep(PAUSE).await;
    }
    while transact!(ctx, |tx| tx.sweep_heading_choices(now - CHOICES_REMEMBERED, CHUNK).await?)? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn oldest_upload(ctx: &Ctx, until: time::OffsetDateTime) -> Result<Option<String>> {
    Ok(ctx.db.read().await?.old_waiting_upload(until).await?)
}

/// Reservations that are over, a few at a time: each has up to a thousand rows.
async fn sweep_reservations(ctx: &Ctx) -> Result<()> {
    let now = ctx.clock.now();
    while transact!(ctx, |tx| tx.sweep_reservations(now, 5).await?)? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// What backends were seen to do is told for so long.
const SEEN_KEPT: time::Duration = time::Duration::days(400);

async fn sweep_seen(ctx: &Ctx) -> Result<()> {
    let until = ctx.clock.now() - SEEN_KEPT;
    while transact!(ctx, |tx| tx.sweep_seen(until, CHUNK).await?)? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn oldest_import(ctx: &Ctx, until: time::OffsetDateTime) -> Result<Option<String>> {
    Ok(ctx.db.read().await?.old_draft_import(until).await?)
}

async fn oldest(ctx: &Ctx, until: time::OffsetDateTime) -> Result<Option<i64>> {
    Ok(ctx.db.read().await?.old_draft(until).await?)
}
