//! What stood on the lines of a draft's text, as long as that is kept.

use std::collections::HashMap;

use super::refused::kept_files;
use crate::authz::{Grant, OrdersRead};
use crate::domain::upload::{Choices, Line, Part, Reader, record_at};
use crate::service::{Ctx, Result, Rules, beside};
use crate::store::{DraftText, Tx};

/// A text whose lines have cells under headings.
#[derive(Debug)]
pub struct KeptLines {
    text: String,
    delimiter: u8,
    /// The byte at which each line with numbers begins, and how many numbers it has.
    lines: HashMap<i64, (usize, i64)>,
}

impl KeptLines {
    /// The cells of a line.
    #[must_use]
    pub fn cells(&self, line: i64) -> Option<Vec<String>> {
        let (start, _) = self.lines.get(&line)?;
        record_at(&self.text, *start, self.delimiter)
    }

    /// How many numbers a line has.
    #[must_use]
    pub fn numbers(&self, line: i64) -> i64 {
        self.lines.get(&line).map_or(0, |(_, numbers)| *numbers)
    }

    /// Reads the text that was kept with a draft, where it is one with columns that need no explanation.
    ///
    /// # Errors
    /// When the database fails.
    pub(in crate::service) async fn of(tx: &mut Tx, rules: &Rules, id: i64) -> Result<Option<Self>> {
        let kept = find(tx, id).await?;
        Ok(kept.map(|kept| Self::read(kept, rules.policy.max_numbers)))
    }

    fn read(kept: DraftText, most: usize) -> Self {
        let DraftText { text, is_file } = kept;
        let part = Part { name: if is_file { "file" } else { "" }, text: &text };
        let reader = Reader::of(part, most, &Choices::default());
        let delimiter = reader.delimiter();
        let mut lines: HashMap<i64, (usize, i64)> = HashMap::new();
        for line in reader {
            if let Line::Number(row) = line {
                lines.entry(row.line.into()).or_insert((row.start, 0)).1 += 1;
            }
        }
        Self { text, delimiter, lines }
    }
}

async fn find(tx: &mut Tx, id: i64) -> Result<Option<DraftText>> {
    match kept_files(tx, id).await?.as_slice() {
        [file] if !file.columns.is_empty() => Ok(tx.draft_text(id).await?),
        _ => Ok(None),
    }
}

/// What stood on the lines of a draft.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn kept_lines(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Option<KeptLines>> {
    let Some(kept) = find(&mut ctx.db.read().await?, id).await? else { return Ok(None) };
    let most = ctx.policy.max_numbers;
    beside(async move { Some(KeptLines::read(kept, most)) }).await
}
