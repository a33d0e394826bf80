//! Ignoring drift until a day, with a reason.

use serde_json::json;
use time::{Date, Duration};

use super::{DriftFilter, Ignored, Ignoring};
use crate::authz::{Grant, NumbersWrite};
use crate::domain::FieldProblem;
use crate::domain::field::{check_ticket, filled};
use crate::service::transact::transact;
use crate::service::{Ctx, Error, Origin, Result, audit_entry};

/// The most characters of a reason.
const REASON_MAX: usize = 500;
/// Drift is ignored for so long at most.
pub const MOST_IGNORED: Duration = Duration::days(366);
/// Numbers that the audit names.
const NAMED: usize = 20;

/// What was typed to ignore drift.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    /// The reason.
    pub reason: String,
    /// The last day of it, such as `2026-12-31`.
    pub until: String,
    /// The ticket of the change.
    pub ticket: String,
}

impl Ignore {
    fn checked(&self, ctx: &Ctx, by: &str) -> Result<Ignoring> {
        let mut problems = Vec::new();
        let because = filled(&self.reason).unwrap_or_default().to_owned();
        let length = because.chars().count();
        if because.is_empty() {
            problems.push(FieldProblem::new("reason", "Say why this drift may stay."));
        } else if length > REASON_MAX {
            let message = format!("The reason has {length} characters; up to {REASON_MAX} are kept.");
            problems.push(FieldProblem::new("reason", message));
        }
        let today = ctx.clock.now().date();
        let format = time::macros::format_description!("[year]-[month]-[day]");
        let until = match Date::parse(self.until.trim(), format) {
            Ok(day) if day < today => Err("The date is past. Choose today or a later day.".to_owned()),
            Ok(day) if day > today.saturating_add(MOST_IGNORED) => {
                Err(format!("Drift is ignored for {} days at most. Choose an earlier day.", MOST_IGNORED.whole_days()))
            }
            // To the end of the day.
            Ok(day) => Ok(day.saturating_add(Duration::days(1)).midnight().assume_utc()),
            Err(_) => Err("Say until when as year, month and day, such as 2026-12-31.".to_owned()),
        };
        check_ticket(filled(&self.ticket), &mut problems);
        match until {
            Ok(until) if problems.is_empty() => Ok(Ignoring { until, because, by: by.to_owned() }),
            Ok(_) => Err(Error::Invalid(problems)),
            Err(message) => {
                problems.push(FieldProblem::new("until", message));
                Err(Error::Invalid(problems))
            }
        }
    }
}

/// Ignores the drift that matches; tells of how many numbers.
///
/// # Errors
/// When reason, date or ticket cannot be taken, when nothing matches, or the database fails.
pub async fn ignore(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    origin: &Origin,
    filter: &DriftFilter,
    typed: &Ignore,
) -> Result<u64> {
    let ignoring = typed.checked(ctx, &grant.principal().name)?;
    let said = json!({ "reason": ignoring.because, "until": ignoring.until.date().to_string() });
    change(ctx, grant, origin, filter, Some(&ignoring), (said, filled(&typed.ticket))).await
}

/// Shows drift again that was ignored; tells of how many numbers.
///
/// # Errors
/// When nothing matches, or the database fails.
pub async fn heed(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    origin: &Origin,
    filter: &DriftFilter,
    ticket: &str,
) -> Result<u64> {
    let filter = DriftFilter { ignored: Ignored::Only, ..filter.clone() };
    change(ctx, grant, origin, &filter, None, (json!({}), filled(ticket))).await
}

async fn change(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    origin: &Origin,
    filter: &DriftFilter,
    ignoring: Option<&Ignoring>,
    (mut said, ticket): (serde_json::Value, Option<&str>),
) -> Result<u64> {
    let action = if ignoring.is_some() { "drift.ignore" } else { "drift.heed" };
    transact!(ctx, |tx| {
        tx.take_time().await?;
        let now = ctx.clock.now();
        let found = tx.drift_page(filter, &crate::store::Page::First, NAMED, now).await?;
        let Some(first) = found.rows.first() else {
            return Err(Error::Conflict("No drift matches any more; nothing was changed.".into()));
        };
        let changed = tx.ignore_drift(filter, ignoring, now).await?;
        let named: Vec<String> = found.rows.iter().map(|row| row.number.to_string()).collect();
        if let Some(members) = said.as_object_mut() {
            members.insert("numbers".to_owned(), json!(named));
            members.insert("count".to_owned(), json!(changed));
        }
        let mut entry = audit_entry(grant, origin, action);
        entry.subject_kind = "number";
        entry.subject = first.number.to_string();
        entry.after = Some(said.to_string());
        entry.ticket = ticket.map(str::to_owned);
        tx.append_audit(entry, now).await?;
        changed
    })
}
