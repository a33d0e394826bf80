//! Handing numbers over to what routes calls: one number when a call comes, or all of them and then what changes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Ctx, Result};
use crate::authz::{Grant, NumbersRead};
use crate::domain::E164;
use crate::domain::call_path::RoutedNumber;
use crate::domain::number::content_id;
use crate::store::{Position, Tx};

/// Numbers on one page of the feed; a page of changes may have some more.
pub const PAGE: usize = 1_000;

/// Finds one number as calls find it. There is none where nobody has it, or it is being released.
///
/// # Errors
/// When the database fails.
pub async fn number(ctx: &Ctx, _: &Grant<NumbersRead>, number: E164) -> Result<Option<RoutedNumber>> {
    Ok(ctx.db.routed_number(number).await?)
}

/// Where somebody stands who keeps a copy of all numbers. It is opaque to programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The last number that was handed over, until all were.
    #[serde(rename = "n")]
    number: Option<i64>,
    /// What changed up to here is in the copy, or will be when all numbers were handed over.
    #[serde(rename = "p")]
    position: Position,
    /// What the configuration adds to each number.
    #[serde(rename = "f")]
    form: i64,
}

impl Cursor {
    /// Writes it as text that goes into an address as it is.
    #[must_use]
    pub fn encode(&self) -> String {
        let body = serde_json::to_string(self).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(format!("{:x}.{body}", content_id(&body)))
    }

    /// Reads one back. `None` means that it is none, or damaged.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (check, body) = text.split_once('.')?;
        let cursor = serde_json::from_str(body).ok()?;
        (check == format!("{:x}", content_id(&body))).then_some(cursor)
    }
}

/// One page of the feed.
#[derive(Clone, Debug)]
pub struct FeedPage {
    /// Numbers as they are now, ascending.
    pub numbers: Vec<RoutedNumber>,
    /// Numbers that calls find no more, ascending.
    pub removed: Vec<E164>,
    /// True while the page is one of those that hand over every number there is.
    pub full: bool,
    /// True when more is known to follow.
    pub more: bool,
    /// What the next page is asked for with.
    pub next: Cursor,
}

/// Reads the next page of the feed: of all numbers without a cursor, and of what changed once all were handed over. There
/// is none when the cursor is of another database or another configuration.
///
/// # Errors
/// When the database fails.
pub async fn feed(ctx: &Ctx, _: &Grant<NumbersRead>, cursor: Option<&Cursor>) -> Result<Option<FeedPage>> {
    let form =
        content_id(&(&ctx.policy.sip_header, ctx.policy.zones.as_ref().map(|zones| (&zones.base, &zones.regions))));
    let mut tx = ctx.db.read().await?;
    match cursor {
        // What changes from here on, while the numbers are handed over, is handed over again behind them.
        None => {
            let position = tx.changes_end().await?;
            all(&mut tx, Cursor { number: Some(0), position, form }).await.map(Some)
        }
        Some(cursor) if cursor.form != form => Ok(None),
        Some(cursor) => match cursor.number {
            Some(_) => all(&mut tx, cursor.clone()).await.map(Some),
            None => changes(&mut tx, cursor).await,
        },
    }
}

async fn all(tx: &mut Tx, mut cursor: Cursor) -> Result<FeedPage> {
    let mut numbers = tx.routed_behind(cursor.number.unwrap_or_default(), PAGE as i64 + 1).await?;
    let more = numbers.len() > PAGE;
    numbers.truncate(PAGE);
    cursor.number = numbers.last().filter(|_| more).map(|number| number.telephone_number.as_i64());
    // Behind all numbers come the changes, if only the news that there are none.
    Ok(FeedPage { numbers, removed: Vec::new(), full: true, more: true, next: cursor })
}

async fn changes(tx: &mut Tx, cursor: &Cursor) -> Result<Option<FeedPage>> {
    let Some(touched) = tx.touched_since(&cursor.position, PAGE).await? else { return Ok(None) };
    // Read after what changed was, so that a number is never older than the position says.
    let numbers = tx.routed_among(&touched.numbers).await?;
    let is_there = |number: &E164| numbers.binary_search_by_key(number, |found| found.telephone_number).is_ok();
    let removed = touched.numbers.into_iter().filter(|number| !is_there(number)).collect();
    let next = Cursor { position: touched.next, ..cursor.clone() };
    Ok(Some(FeedPage { numbers, removed, full: false, more: touched.more, next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_a_damaged_one_is_not() {
        let cursor = Cursor { number: Some(441_632_960_000), position: Position::default(), form: 7 };
        let text = cursor.encode();
        assert_eq!(Cursor::decode(&text), Some(cursor));
        let mut other = text.clone().into_bytes();
        for at in 0..other.len() {
            let kept = std::mem::replace(&mut other[at], b'A');
            let changed = String::from_utf8(other.clone()).unwrap();
            assert!(changed == text || Cursor::decode(&changed).is_none(), "{at}");
            other[at] = kept;
        }
        for wrong in ["", "x", "bm90aGluZw", &text[..text.len() - 4]] {
            assert_eq!(Cursor::decode(wrong), None, "{wrong}");
        }
    }
}
