//! What a page of a list says that is not known yet.

use time::OffsetDateTime;

use super::observed::{Round, in_postgres, in_sqlite, json};
use crate::domain::E164;
use crate::store::sql::{dialect, on, statements};
use crate::store::{Error, Result, Tx, micros};

/// Those of some numbers, which a page describes alike, of which it says something that is not known yet; with what is
/// known. That is asked for as a value, which is looked up by its key: PostgreSQL knows nothing of a list that has just
/// grown, and would pair each number with each.
macro_rules! news {
    ($numbers:literal) => {
        concat!(
            "
        SELECT
            j.number,
            (SELECT o.settings_id FROM observed o WHERE o.list_id = $1 AND o.telephone_number = j.number),
            (SELECT o.assigned FROM observed o WHERE o.list_id = $1 AND o.telephone_number = j.number)
        FROM ",
            $numbers,
            "
        WHERE COALESCE((
            SELECT CASE
                WHEN o.seen_at > $5 THEN 0
                WHEN o.settings_id <> $3 OR o.assigned <> $4 OR o.missing IS NOT NULL THEN 1
                ELSE 0
            END
            FROM observed o
            WHERE o.list_id = $1 AND o.telephone_number = j.number
        ), (
            SELECT CASE WHEN l.given_up_at < $5 THEN 1 ELSE 0 END
            FROM observed_lists l
            WHERE l.id = $1
        )) = 1"
        )
    };
}

statements! {
    NEWS_SQLITE = in_sqlite!(news);
    NEWS_POSTGRES = in_postgres!(news);
}

/// A number of which a page says something new, with what was known of it.
pub(super) struct News {
    /// The number.
    pub(super) number: E164,
    /// Its description until now.
    pub(super) settings: Option<i64>,
    /// Whether somebody used it.
    pub(super) assigned: Option<bool>,
}

impl Tx {
    /// Those of these numbers, which a page describes alike, of which it says something new.
    pub(super) async fn news(
        &mut self,
        round: Round,
        (settings_id, assigned): (i64, bool),
        numbers: &[i64],
        asked_at: OffsetDateTime,
    ) -> Result<Vec<News>> {
        let statement = dialect!(self, sqlite: NEWS_SQLITE, postgres: NEWS_POSTGRES);
        let rows: Vec<(i64, Option<i64>, Option<bool>)> = on!(self, |c| sqlx::query_as(statement)
            .bind(round.list_id())
            .bind(json(numbers))
            .bind(settings_id)
            .bind(assigned)
            .bind(micros(asked_at))
            .fetch_all(c)
            .await)?;
        let news = rows.into_iter().map(|(number, settings, assigned)| {
            let number =
                E164::from_i64(number).ok_or_else(|| Error::unreadable("observed", "telephone_number", number))?;
            Ok(News { number, settings, assigned })
        });
        news.collect()
    }
}
