//! Blocks from a file: looked through first, taken over when somebody says so. All of it or nothing.

use std::collections::HashMap;

use serde_json::json;

use super::by_first;
use crate::authz::{BlocksWrite, Grant};
use crate::domain::E164;
use crate::domain::block::file::{self, FileBlock};
use crate::domain::block::{Block, MOST_BLOCKS};
use crate::domain::upload::LineProblem;
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result, audit_entry, beside};
use crate::store::KeptBlock;

/// What a file would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Blocks that there are not yet.
    pub new: Vec<Block>,
    /// Blocks of which something else than the numbers changes.
    pub changed: Vec<Block>,
    /// How many are as they are.
    pub unchanged: usize,
    /// Everything that stands against it, in the order of the lines.
    pub problems: Vec<LineProblem>,
}

impl Plan {
    fn of(read: Vec<FileBlock>, kept: Vec<KeptBlock>) -> Self {
        let mut plan = Self::default();
        let count = kept.len();
        let sorted: Vec<Block> = kept.iter().map(|kept| kept.block.clone()).collect();
        let kept: HashMap<E164, KeptBlock> = by_first(kept);
        for FileBlock { line, block } in read {
            match kept.get(&block.first).map(|kept| &kept.block) {
                Some(same) if *same == block => plan.unchanged += 1,
                Some(same) if same.last == block.last => plan.changed.push(block),
                _ => match overlapping(&sorted, &block) {
                    None => plan.new.push(block),
                    Some(other) => {
                        let reason = format!("Overlaps the block {} that is kept already.", other.in_words());
                        plan.problems.push(LineProblem::new(line, &block.first.to_string(), reason));
                    }
                },
            }
        }
        if count + plan.new.len() > MOST_BLOCKS {
            let reason = format!("With these there would be more than {MOST_BLOCKS} blocks, and no more are kept.");
            plan.problems.push(LineProblem::new(0, "", reason));
        }
        plan
    }
}

/// A block of these, which are in order and share no number, that shares one with this.
fn overlapping<'a>(sorted: &'a [Block], block: &Block) -> Option<&'a Block> {
    let at = sorted.partition_point(|other| other.last < block.first);
    sorted.get(at).filter(|other| other.overlaps(block))
}

async fn read(text: &str) -> Result<std::result::Result<Vec<FileBlock>, Vec<LineProblem>>> {
    let text = text.to_owned();
    beside(async move { file::read(&text) }).await
}

/// Tells what a file would do, and changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn look_through(ctx: &Ctx, _: &Grant<BlocksWrite>, text: &str) -> Result<Plan> {
    match read(text).await? {
        Ok(read) => Ok(Plan::of(read, ctx.db.read().await?.blocks().await?)),
        Err(problems) => Ok(Plan { problems, ..Plan::default() }),
    }
}

/// Takes the blocks of a file over, if nothing stands against it; tells what was done, or what stands against it.
///
/// # Errors
/// When the database fails.
pub async fn import(ctx: &Ctx, grant: &Grant<BlocksWrite>, origin: &Origin, text: &str) -> Result<Plan> {
    let read = match read(text).await? {
        Ok(read) => read,
        Err(problems) => return Ok(Plan { problems, ..Plan::default() }),
    };
    let stored = transact!(ctx, |tx| {
        tx.lock_blocks().await?;
        let plan = Plan::of(read.clone(), tx.blocks().await?);
        if !plan.problems.is_empty() {
            return crate::service::transact::give_up(plan);
        }
        tx.put_blocks(&plan.new).await?;
        tx.put_blocks(&plan.changed).await?;
        let mut entry = audit_entry(grant, origin, "blocks.import");
        entry.subject_kind = "blocks";
        entry.after = Some(json!({ "new": plan.new.len(), "changed": plan.changed.len() }).to_string());
        tx.append_audit(entry, ctx.clock.now()).await?;
        plan
    });
    match stored {
        Err(Error::Overtaken(_)) => {
            Err(Error::Conflict("Somebody else changes blocks at this moment. Try again.".into()))
        }
        other => other,
    }
}
