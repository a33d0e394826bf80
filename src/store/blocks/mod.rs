//! The operator's own blocks: what there is, how much of each is used, and changes of them.

pub(super) mod free;
pub(super) mod reservations;
pub(super) mod review;

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::domain::E164;
use crate::domain::block::{Block, BlockKind};
use crate::store::page::trim;
use crate::store::sql::{Bind, Conditions, bind_all, on, statements};
use crate::store::{Error, Page, Result, Tx, micros};

statements! {
    EVERY = "
        SELECT first_number, last_number, country, kind, note, rev
        FROM blocks
        ORDER BY first_number";
    ONE = "
        SELECT first_number, last_number, country, kind, note, rev
        FROM blocks
        WHERE first_number = $1";
    COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM blocks";
    OVERLAPPING = "
        SELECT first_number, last_number, country, kind, note, rev
        FROM blocks
        WHERE first_number <= $2
          AND last_number >= $1
          AND first_number <> $3
        ORDER BY first_number
        LIMIT 1";
    UPDATE = "
        UPDATE blocks
        SET first_number = $3, last_number = $4, country = $5, kind = $6, note = $7, rev = rev + 1
        WHERE first_number = $1
          AND rev = $2";
    DELETE = "DELETE FROM blocks WHERE first_number = $1 AND rev = $2";
}

/// Blocks with how many of their numbers accounts have, are in quarantine and are reserved; conditions follow. A count
/// for each block walks along one key.
const SELECT_USED: &str = "
    SELECT
        b.first_number, b.last_number, b.country, b.kind, b.note, b.rev,
        (
            SELECT CAST(COUNT(*) AS BIGINT)
            FROM numbers n
            WHERE n.telephone_number BETWEEN b.first_number AND b.last_number
        ) AS used,
        (
            SELECT CAST(COUNT(*) AS BIGINT)
            FROM quarantine q
            WHERE q.telephone_number BETWEEN b.first_number AND b.last_number
              AND q.free_at > ?
              AND (SELECT n.telephone_number FROM numbers n WHERE n.telephone_number = q.telephone_number) IS NULL
        ) AS quarantined,
        (
            SELECT CAST(COALESCE(SUM(
                CASE WHEN r.last_number < b.last_number THEN r.last_number ELSE b.last_number END
                - CASE WHEN r.first_number > b.first_number THEN r.first_number ELSE b.first_number END
                + 1
            ), 0) AS BIGINT)
            FROM reserved r
            WHERE r.first_number <= b.last_number
              AND r.last_number >= b.first_number
              AND r.until > ?
        ) AS reserved
    FROM blocks b
    WHERE TRUE";

/// Rows in one insert: six binds each, under SQLite's limit of 32,766.
const ROWS: usize = 2_000;

/// A block as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBlock {
    /// The block.
    pub block: Block,
    /// Grows with every change.
    pub rev: i64,
}

/// A block, and how much of it is used.
#[derive(Clone, Debug)]
pub struct UsedBlock {
    /// The block.
    pub kept: KeptBlock,
    /// Numbers that accounts have.
    pub used: i64,
    /// Numbers that were released and that nobody else may have yet.
    pub quarantined: i64,
    /// Numbers that are kept for somebody.
    pub reserved: i64,
}

/// One page of blocks, ascending.
#[derive(Clone, Debug)]
pub struct BlockPage {
    /// The blocks.
    pub blocks: Vec<UsedBlock>,
    /// True when some stand before the first.
    pub more_before: bool,
    /// True when more follow behind the last.
    pub more_after: bool,
}

#[derive(FromRow)]
struct Row {
    first_number: i64,
    last_number: i64,
    country: Option<String>,
    kind: String,
    note: String,
    rev: i64,
}

impl TryFrom<Row> for KeptBlock {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let unreadable = |column| Error::unreadable("blocks", column, row.first_number);
        Ok(Self {
            block: Block {
                first: E164::from_i64(row.first_number).ok_or_else(|| unreadable("first_number"))?,
                last: E164::from_i64(row.last_number).ok_or_else(|| unreadable("last_number"))?,
                kind: BlockKind::from_key(&row.kind).ok_or_else(|| unreadable("kind"))?,
                country: row.country,
                note: row.note,
            },
            rev: row.rev,
        })
    }
}

#[derive(FromRow)]
struct UsedRow {
    #[sqlx(flatten)]
    row: Row,
    used: i64,
    quarantined: i64,
    reserved: i64,
}

impl Tx {
    /// Every block, in order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn blocks(&mut self) -> Result<Vec<KeptBlock>> {
        let rows: Vec<Row> = on!(self, |c| sqlx::query_as(EVERY).fetch_all(c).await)?;
        rows.into_iter().map(KeptBlock::try_from).collect()
    }

    /// How many blocks there are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_blocks(&mut self) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(COUNT).fetch_one(c).await)?)
    }

    /// The block that begins with this number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn block(&mut self, first: E164) -> Result<Option<KeptBlock>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(ONE).bind(first.as_i64()).fetch_optional(c).await)?;
        row.map(KeptBlock::try_from).transpose()
    }

    /// A block that shares a number with this one, other than the one that begins at `but`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn overlapping_block(&mut self, block: &Block, but: Option<E164>) -> Result<Option<KeptBlock>> {
        let row: Option<Row> = on!(self, |c| sqlx::query_as(OVERLAPPING)
            .bind(block.first.as_i64())
            .bind(block.last.as_i64())
            .bind(but.map_or(0, E164::as_i64))
            .fetch_optional(c)
            .await)?;
        row.map(KeptBlock::try_from).transpose()
    }

    /// One page of blocks with how much of each is used.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn blocks_page(&mut self, page: Page<E164>, size: usize, now: OffsetDateTime) -> Result<BlockPage> {
        let mut question = Conditions::default();
        question.push(SELECT_USED, [Bind::Int(micros(now)), Bind::Int(micros(now))]);
        match page {
            Page::First => question.push(" ORDER BY b.first_number", []),
            Page::After(key) => question.and("b.first_number > ? ORDER BY b.first_number", [Bind::Int(key.as_i64())]),
            Page::Before(key) => {
                question.and("b.first_number < ? ORDER BY b.first_number DESC", [Bind::Int(key.as_i64())])
            }
        };
        question.push(" LIMIT ?", [Bind::Int(size as i64 + 1)]);
        let rows: Vec<UsedRow> = on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        let mut blocks = rows
            .into_iter()
            .map(|UsedRow { row, used, quarantined, reserved }| {
                Ok(UsedBlock { kept: row.try_into()?, used, quarantined, reserved })
            })
            .collect::<Result<Vec<_>>>()?;
        let (more_before, more_after) = trim(&mut blocks, &page, size);
        Ok(BlockPage { blocks, more_before, more_after })
    }

    /// Keeps others from changing blocks and from reserving numbers until the commit.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lock_blocks(&mut self) -> Result<i64> {
        self.next_place("blocks").await
    }

    /// Stores blocks; one that begins like a stored one takes its place.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn put_blocks(&mut self, blocks: &[Block]) -> Result<()> {
        for chunk in blocks.chunks(ROWS) {
            on!(self, |c| {
                let mut insert = sqlx::QueryBuilder::new(
                    "INSERT INTO blocks (first_number, last_number, country, kind, note, rev) ",
                );
                insert.push_values(chunk, |mut row, block| {
                    row.push_bind(block.first.as_i64())
                        .push_bind(block.last.as_i64())
                        .push_bind(block.country.clone())
                        .push_bind(block.kind.key())
                        .push_bind(block.note.clone())
                        .push_bind(1_i64);
                });
                insert.push(
                    "
                    ON CONFLICT (first_number)
                    DO UPDATE SET
                        last_number = excluded.last_number, country = excluded.country, kind = excluded.kind,
                        note = excluded.note, rev = blocks.rev + 1",
                );
                insert.build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Changes the block that begins with this number, if it is still at this rev; tells whether it was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn change_block(&mut self, first: E164, rev: i64, block: &Block) -> Result<bool> {
        let changed = on!(self, |c| sqlx::query(UPDATE)
            .bind(first.as_i64())
            .bind(rev)
            .bind(block.first.as_i64())
            .bind(block.last.as_i64())
            .bind(block.country.as_deref())
            .bind(block.kind.key())
            .bind(block.note.as_str())
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed > 0)
    }

    /// Removes the block that begins with this number, if it is still at this rev; tells whether it was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn delete_block(&mut self, first: E164, rev: i64) -> Result<bool> {
        let removed = on!(self, |c| sqlx::query(DELETE)
            .bind(first.as_i64())
            .bind(rev)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(removed > 0)
    }
}
