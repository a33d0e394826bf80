//! What a review says of new numbers because of blocks and reservations.

use time::OffsetDateTime;

use crate::domain::field::{counted, thousands};
use crate::domain::quarantine::instant;
use crate::service::Result;
use crate::store::Tx;

/// Numbers outside all blocks, where blocks are kept at all, and numbers that somebody else keeps.
pub(in crate::service) async fn warnings(tx: &mut Tx, order_id: i64, now: OffsetDateTime) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    if tx.count_blocks().await? > 0
        && let Some((count, first)) = tx.outside_blocks(order_id).await?
    {
        let first = first.grouped();
        warnings.push(match count {
            1 => format!("The new number {first} is in none of your blocks."),
            _ => format!("{} of the new numbers are in none of your blocks, such as {first}.", thousands(count)),
        });
    }
    let kept_by_others = tx.reserved_by_others(order_id, now).await?;
    for kept in kept_by_others.shown {
        let (count, until) = (kept.count, instant(kept.until));
        let what = counted(count, "of the new numbers is", "of the new numbers are");
        warnings.push(format!("{what} reserved by {} for account {} until {until}.", kept.author, kept.account));
    }
    if kept_by_others.further > 0 {
        warnings.push(format!(
            "{} more of the new numbers are in {} further reservations of others. The page Blocks lists reservations.",
            thousands(kept_by_others.numbers),
            thousands(kept_by_others.further)
        ));
    }
    Ok(warnings)
}
