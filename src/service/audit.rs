//! The audit: who changed what, and whether the chain holds.

use super::{Ctx, Result};
use crate::authz::{AuditRead, Grant};
use crate::domain::audit::GENESIS;
use crate::store::Page;

pub use crate::store::{AuditFilter, AuditRow};

/// Rows on one page.
pub const PAGE_SIZE: usize = 50;
/// Rows of an export fetched at a time.
const EXPORT_CHUNK: usize = 1_000;
/// Rows of the chain read at a time.
const CHUNK: i64 = 1_000;

/// One page of rows, the newest first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// True when older ones follow.
    pub more_after: bool,
    /// True when newer ones stand before.
    pub more_before: bool,
}

/// One page of the rows that match.
///
/// # Errors
/// When the database fails.
pub async fn list(ctx: &Ctx, _: &Grant<AuditRead>, filter: &AuditFilter, page: &Page<i64>) -> Result<AuditPage> {
    let mut tx = ctx.db.read_or_search(*filter != AuditFilter::default()).await?;
    let (rows, more_before, more_after) = tx.audit_page(filter, page, PAGE_SIZE).await?;
    Ok(AuditPage { rows, more_after, more_before })
}

/// Reads the next rows of an export behind (older than) `after`, and gives the place to go on behind.
///
/// # Errors
/// When the database fails.
pub async fn export(
    ctx: &Ctx,
    _: &Grant<AuditRead>,
    filter: &AuditFilter,
    after: Option<i64>,
) -> Result<(Vec<AuditRow>, Option<i64>)> {
    let page = after.map_or(Page::First, Page::After);
    let mut tx = ctx.db.read_or_search(*filter != AuditFilter::default()).await?;
    let (rows, _, more) = tx.audit_page(filter, &page, EXPORT_CHUNK).await?;
    let next = rows.last().map(|row| row.seq).filter(|_| more);
    Ok((rows, next))
}

/// Every action that was ever recorded, for the filter.
///
/// # Errors
/// When the database fails.
pub async fn actions(ctx: &Ctx, _: &Grant<AuditRead>) -> Result<Vec<String>> {
    Ok(ctx.db.read().await?.audit_actions().await?)
}

/// What walking the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every row holds. The hash of the last one is to be kept outside.
    Holds {
        /// Rows in the chain.
        rows: i64,
        /// Hash of the last row.
        head: String,
    },
    /// The chain breaks at this row.
    Broken {
        /// The first row that does not hold.
        seq: i64,
        /// What is wrong with it.
        reason: String,
    },
}

/// Walks the chain from the first row to the last.
///
/// # Errors
/// When the database fails.
pub async fn verify(ctx: &Ctx) -> Result<Verified> {
    let mut tx = ctx.db.read().await?;
    let last = tx.last_audit_seq().await?;
    let (mut seq, mut head) = (0, GENESIS.to_owned());
    loop {
        tx.take_time().await?;
        let rows = tx.audit_chain(seq, CHUNK).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            seq += 1;
            let broken = if row.seq != seq {
                Some(format!("row {seq} is missing"))
            } else if row.previous_hash != head {
                Some("it does not follow the row before it".to_owned())
            } else if row.hash != row.expected_hash(&head) {
                Some("its contents are not what was hashed".to_owned())
            } else {
                None
            };
            if let Some(reason) = broken {
                return Ok(Verified::Broken { seq, reason });
            }
            head = row.hash;
        }
    }
    if seq < last {
        return Ok(Verified::Broken {
            seq: seq + 1,
            reason: format!("rows {} to {last} are missing at the end", seq + 1),
        });
    }
    Ok(Verified::Holds { rows: seq, head })
}
