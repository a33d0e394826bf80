//! Numbers by what they have in common: account and settings.

use super::filter::NumberFilter;
use super::settings;
use crate::domain::NumberSettings;
use crate::domain::block::free::Stretch;
use crate::store::sql::{Bind, Conditions, bind_all, on};
use crate::store::{Result, Tx};

/// Numbers of one account with the same settings.
#[derive(Clone, Debug)]
pub struct NumberGroup {
    /// Name of the account.
    pub account: String,
    /// Settings of all.
    pub settings: NumberSettings,
    /// How many.
    pub count: i64,
}

impl Tx {
    /// The numbers that match, and are in one of the stretches where some are named (a few hundred at most), by account and
    /// settings: the largest groups first and no more than `groups` of them, of the first `most` numbers; and how many numbers
    /// all groups have.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number_groups(
        &mut self,
        filter: &NumberFilter,
        stretches: Option<&[Stretch]>,
        most: i64,
        groups: i64,
    ) -> Result<(Vec<NumberGroup>, i64)> {
        let mut question = Conditions::default();
        question.push(
            "
            SELECT a.name, g.settings_id, s.body, g.count, g.total
            FROM (
                SELECT
                    k.account_id, k.settings_id, CAST(COUNT(*) AS BIGINT) AS count,
                    CAST(SUM(COUNT(*)) OVER () AS BIGINT) AS total
                FROM (
                    SELECT n.account_id, n.settings_id
                    FROM numbers n
                    WHERE TRUE",
            [],
        );
        filter.add_to(&mut question);
        if let Some(stretches) = stretches {
            let ends = stretches.iter().map(|of| [Bind::Int(of.first.as_i64()), Bind::Int(of.last.as_i64())]);
            question.and_any("n.telephone_number BETWEEN ? AND ?", ends);
        }
        question.push(
            "
                    LIMIT ?
                ) AS k
                GROUP BY k.account_id, k.settings_id
                ORDER BY 3 DESC, 1, 2
                LIMIT ?
            ) AS g
            JOIN accounts a ON a.id = g.account_id
            JOIN settings s ON s.id = g.settings_id
            ORDER BY g.count DESC, a.name, g.settings_id",
            [Bind::Int(most), Bind::Int(groups)],
        );
        let rows: Vec<(String, i64, String, i64, i64)> =
            on!(self, |c| bind_all!(sqlx::query_as(question.sql()), question).fetch_all(c).await)?;
        let total = rows.first().map_or(0, |(.., total)| *total);
        let group = |(account, id, body, count, _): (_, _, String, _, _)| {
            Ok(NumberGroup { account, settings: settings::read(id, &body)?, count })
        };
        Ok((rows.into_iter().map(group).collect::<Result<_>>()?, total))
    }
}
