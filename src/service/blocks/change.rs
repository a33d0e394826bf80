//! Adding, changing and removing one block.

use serde_json::json;

use crate::authz::{BlocksDelete, BlocksWrite, Grant};
use crate::domain::E164;
use crate::domain::block::{Block, BlockForm, MOST_BLOCKS};
use crate::service::transact::{give_up, transact};
use crate::service::{Ctx, Error, Origin, Result, audit_entry};
use crate::store::{AuditEntry, KeptBlock, Tx};

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is stored.
    Done(Block),
    /// Somebody else changed the block meanwhile; nothing was stored. This is what there is now, if it is still there.
    Stale(Option<KeptBlock>),
}

/// A block as the audit has it.
fn told(block: &Block) -> String {
    let BlockForm { first, last, country, kind, note } = block.into();
    json!({ "first": first, "last": last, "country": country, "kind": kind, "note": note }).to_string()
}

fn about(mut entry: AuditEntry, block: &Block) -> AuditEntry {
    entry.subject_kind = "block";
    entry.subject = block.first.to_string();
    entry
}

async fn refuse_overlap(tx: &mut Tx, block: &Block, but: Option<E164>) -> Result<()> {
    match tx.overlapping_block(block, but).await? {
        None => Ok(()),
        Some(other) => Err(Error::field(
            "first",
            format!("It overlaps the block {}. No two blocks share a number.", other.block.in_words()),
        )),
    }
}

/// Adds a block.
///
/// # Errors
/// When the form has problems, another block has one of its numbers, there are too many, or the database fails.
pub async fn create(ctx: &Ctx, grant: &Grant<BlocksWrite>, origin: &Origin, form: &BlockForm) -> Result<Block> {
    let block = form.read().map_err(Error::Invalid)?;
    transact!(ctx, |tx| {
        tx.lock_blocks().await?;
        refuse_overlap(&mut tx, &block, None).await?;
        if tx.count_blocks().await? >= MOST_BLOCKS as i64 {
            return Err(Error::Conflict(format!("There are {MOST_BLOCKS} blocks, and no more are kept.")));
        }
        tx.put_blocks(std::slice::from_ref(&block)).await?;
        let mut entry = about(audit_entry(grant, origin, "block.create"), &block);
        entry.after = Some(told(&block));
        tx.append_audit(entry, ctx.clock.now()).await?;
        block.clone()
    })
}

/// Changes the block that begins with `first` and was seen at `rev`.
///
/// # Errors
/// When the form has problems, another block has one of its numbers, or the database fails.
pub async fn change(
    ctx: &Ctx,
    grant: &Grant<BlocksWrite>,
    origin: &Origin,
    (first, rev): (E164, i64),
    form: &BlockForm,
) -> Result<Changed> {
    let block = form.read().map_err(Error::Invalid)?;
    transact!(ctx, |tx| {
        tx.lock_blocks().await?;
        let Some(before) = tx.block(first).await? else { return give_up(Changed::Stale(None)) };
        refuse_overlap(&mut tx, &block, Some(first)).await?;
        if before.rev != rev || !tx.change_block(first, rev, &block).await? {
            return give_up(Changed::Stale(Some(before)));
        }
        let mut entry = about(audit_entry(grant, origin, "block.change"), &before.block);
        entry.before = Some(told(&before.block));
        entry.after = Some(told(&block));
        tx.append_audit(entry, ctx.clock.now()).await?;
        Changed::Done(block.clone())
    })
}

/// Removes the block that begins with `first` and was seen at `rev`. Its numbers stay with whoever has them.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn remove(
    ctx: &Ctx,
    grant: &Grant<BlocksDelete>,
    origin: &Origin,
    (first, rev): (E164, i64),
) -> Result<Changed> {
    transact!(ctx, |tx| {
        tx.lock_blocks().await?;
        let before = tx.block(first).await?.ok_or(Error::NotFound("block"))?;
        if before.rev != rev || !tx.delete_block(first, rev).await? {
            return give_up(Changed::Stale(Some(before)));
        }
        let mut entry = about(audit_entry(grant, origin, "block.delete"), &before.block);
        entry.before = Some(told(&before.block));
        tx.append_audit(entry, ctx.clock.now()).await?;
        Changed::Done(before.block)
    })
}
