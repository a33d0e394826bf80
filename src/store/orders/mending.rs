//! What was proposed for lines that could not be taken, and the text in which it may take their place.

use sqlx::FromRow;

use crate::store::sql::{on, statements};
use crate::store::{Result, Tx};

statements! {
    COUNTS = "
        SELECT kind, CAST(COUNT(*) AS BIGINT) AS count
        FROM order_problems
        WHERE order_id = $1
          AND kind IS NOT NULL
          AND proposal IS NOT NULL
        GROUP BY kind
        ORDER BY 2 DESC, kind";
    OF_LINE = "
        SELECT proposal, place_start, place_end
        FROM order_problems
        WHERE order_id = $1
          AND seq = $2
          AND proposal IS NOT NULL
          AND place_start IS NOT NULL
          AND place_end IS NOT NULL";
    OF_KIND = "
        SELECT proposal, place_start, place_end
        FROM order_problems
        WHERE order_id = $1
          AND kind = $2
          AND proposal IS NOT NULL
          AND place_start IS NOT NULL
          AND place_end IS NOT NULL
        ORDER BY seq";
    KEEP_TEXT = "
        INSERT INTO draft_texts (order_id, text, is_file)
        VALUES ($1, $2, $3)";
    TEXT = "
        SELECT text, is_file
        FROM draft_texts
        WHERE order_id = $1";
    HAS_TEXT = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM draft_texts
        WHERE order_id = $1";
    FORGET_TEXT = "DELETE FROM draft_texts WHERE order_id = $1";
    NOTES = "
        SELECT seq, line, value, text
        FROM order_notes
        WHERE order_id = $1
          AND seq > $2
        ORDER BY seq
        LIMIT $3";
    FORGET_NOTES = "DELETE FROM order_notes WHERE order_id = $1";
    COUNT_NOTES = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM order_notes
        WHERE order_id = $1";
}

/// How many lines of a draft with a flaw of one kind have a proposal.
#[derive(Clone, Debug, FromRow)]
pub struct ProposalCount {
    /// The kind of flaw.
    pub kind: String,
    /// How many lines.
    pub count: i64,
}

/// What to write in place of what.
#[derive(Clone, Debug, FromRow)]
pub struct Proposal {
    /// What to write.
    pub proposal: String,
    /// The byte of the text that it begins at.
    pub place_start: i64,
    /// The byte behind what it takes the place of.
    pub place_end: i64,
}

/// The text of a draft.
#[derive(Clone, Debug, FromRow)]
pub struct DraftText {
    /// What was typed, or what the file holds.
    pub text: String,
    /// Whether it is that of a file.
    pub is_file: bool,
}

/// What a person should see of an upload beside what is refused.
#[derive(Clone, Debug, FromRow)]
pub struct NoteRow {
    /// Its place in the list.
    pub seq: i64,
    /// Line of the upload, from 1; 0 for what is of no single line.
    pub line: i64,
    /// What stands there, shortened.
    pub value: String,
    /// How it was read.
    pub text: String,
}

/// Which proposals of a draft are meant.
#[derive(Clone, Copy, Debug)]
pub enum Proposals<'a> {
    /// That of the line with this place in the list.
    Line(i64),
    /// Those of all lines with a flaw of this kind.
    Kind(&'a str),
}

/// Rows in one insert: five binds each, under SQLite's limit of 32,766.
const ROWS: usize = 2_000;

impl Tx {
    /// Counts the proposals of a draft by the kind of flaw, the most frequent first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn proposal_counts(&mut self, order_id: i64) -> Result<Vec<ProposalCount>> {
        Ok(on!(self, |c| sqlx::query_as(COUNTS).bind(order_id).fetch_all(c).await)?)
    }

    /// The proposals that are meant.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn proposals(&mut self, order_id: i64, which: Proposals<'_>) -> Result<Vec<Proposal>> {
        Ok(match which {
            Proposals::Line(seq) => on!(self, |c| sqlx::query_as(OF_LINE).bind(order_id).bind(seq).fetch_all(c).await)?,
            Proposals::Kind(kind) => {
                on!(self, |c| sqlx::query_as(OF_KIND).bind(order_id).bind(kind).fetch_all(c).await)?
            }
        })
    }

    /// Keeps the text of a draft.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn keep_draft_text(&mut self, order_id: i64, text: &str, is_file: bool) -> Result<()> {
        Ok(on!(self, |c| sqlx::query(KEEP_TEXT).bind(order_id).bind(text).bind(is_file).execute(c).await.map(drop))?)
    }

    /// The text of a draft, where it was kept.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn draft_text(&mut self, order_id: i64) -> Result<Option<DraftText>> {
        Ok(on!(self, |c| sqlx::query_as(TEXT).bind(order_id).fetch_optional(c).await)?)
    }

    /// Tells whether the text of a draft was kept.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn has_draft_text(&mut self, order_id: i64) -> Result<bool> {
        let count: i64 = on!(self, |c| sqlx::query_scalar(HAS_TEXT).bind(order_id).fetch_one(c).await)?;
        Ok(count > 0)
    }

    /// Removes the text of a draft.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_draft_text(&mut self, order_id: i64) -> Result<()> {
        Ok(on!(self, |c| sqlx::query(FORGET_TEXT).bind(order_id).execute(c).await.map(drop))?)
    }

    /// Stores notes.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert_notes(&mut self, order_id: i64, notes: &[NoteRow]) -> Result<()> {
        for chunk in notes.chunks(ROWS) {
            on!(self, |c| {
                let mut insert = sqlx::QueryBuilder::new("INSERT INTO order_notes (order_id, seq, line, value, text) ");
                insert.push_values(chunk, |mut row, note| {
                    row.push_bind(order_id)
                        .push_bind(note.seq)
                        .push_bind(note.line)
                        .push_bind(note.value.clone())
                        .push_bind(note.text.clone());
                });
                insert.build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// The notes of an order, in order behind `after`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn order_notes(&mut self, order_id: i64, after: i64, limit: i64) -> Result<Vec<NoteRow>> {
        Ok(on!(self, |c| sqlx::query_as(NOTES).bind(order_id).bind(after).bind(limit).fetch_all(c).await)?)
    }

    /// How many notes an order has.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_notes(&mut self, order_id: i64) -> Result<i64> {
        Ok(on!(self, |c| sqlx::query_scalar(COUNT_NOTES).bind(order_id).fetch_one(c).await)?)
    }

    /// Removes the text and the notes of a draft.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_mending(&mut self, order_id: i64) -> Result<()> {
        self.forget_draft_text(order_id).await?;
        Ok(on!(self, |c| sqlx::query(FORGET_NOTES).bind(order_id).execute(c).await.map(drop))?)
    }
}
