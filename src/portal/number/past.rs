//! Who had a number, from when to when, and who had it on one day.

use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, UtcOffset};

use crate::authz::{Grant, NumbersRead};
use crate::domain::quarantine::instant;
use crate::domain::{E164, FieldProblem, Holding, Holdings, OrderEvent, Since};
use crate::http::Problem;
use crate::portal::form::Errors;
use crate::portal::show::Moment;
use crate::service::{Ctx, numbers, quarantine};

/// The life of a number as its page shows it.
#[derive(Default)]
pub(super) struct Past {
    /// Who had it, the latest first.
    pub(super) rows: Vec<HeldRow>,
    /// Of a number that nobody has: who had it last, and when others may have it.
    pub(super) gone: String,
    /// The day that was asked for, as it was typed.
    pub(super) on: String,
    /// What is wrong with it.
    pub(super) errors: Errors,
    /// Who had the number on that day.
    pub(super) answer: Option<Answer>,
}

/// Who had a number on one day.
pub(super) struct Answer {
    pub(super) title: String,
    pub(super) rows: Vec<HeldRow>,
}

/// A time for which somebody had the number.
pub(super) struct HeldRow {
    /// Name of the account; empty where it is not known any more.
    pub(super) account: String,
    /// Whether there is a page of it.
    pub(super) is_there: bool,
    /// The company, or else the tenant.
    pub(super) enterprise: String,
    /// Said before the time it began: "since before", where it was not seen to begin.
    pub(super) before: bool,
    pub(super) from: Option<Moment>,
    pub(super) from_order: Option<OrderRef>,
    /// Nothing while it goes on.
    pub(super) until: Option<Moment>,
    pub(super) until_order: Option<OrderRef>,
}

/// An order and its ticket.
pub(super) struct OrderRef {
    pub(super) id: i64,
    pub(super) ticket: String,
}

impl From<&OrderEvent> for OrderRef {
    fn from(event: &OrderEvent) -> Self {
        Self { id: event.order_id, ticket: event.ticket.clone().unwrap_or_default() }
    }
}

impl From<&Holding> for HeldRow {
    fn from(holding: &Holding) -> Self {
        let holder = &holding.holder;
        let (before, began) = match &holding.since {
            Since::Order(event) => (false, Some(event)),
            Since::Before(event) => (true, Some(event)),
            Since::Unknown => (true, None),
        };
        Self {
            account: holder.account.clone(),
            is_there: holder.is_there,
            enterprise: holder.company.clone().or_else(|| holder.tenant_id.clone()).unwrap_or_default(),
            before,
            from: began.map(|event| event.at.into()),
            from_order: began.map(OrderRef::from),
            until: holding.until.as_ref().map(|event| event.at.into()),
            until_order: holding.until.as_ref().map(OrderRef::from),
        }
    }
}

impl Past {
    /// Reads the life of a number; `on` is the day that is asked for, if any.
    pub(super) async fn of(ctx: &Ctx, grant: &Grant<NumbersRead>, number: E164, on: &str) -> Result<Self, Problem> {
        let holdings = numbers::holdings(ctx, grant, number).await?;
        let until = quarantine::until(ctx, grant, number).await?;
        let (mut errors, mut answer) = (Errors::default(), None);
        if !on.trim().is_empty() {
            match day(on, ctx.clock.now()) {
                Ok(day) => answer = Some(Answer::of(&holdings, day)),
                Err(message) => errors = vec![FieldProblem::new("on", message)].into(),
            }
        }
        Ok(Self {
            gone: gone(&holdings, until),
            rows: holdings.iter().map(HeldRow::from).collect(),
            on: on.to_owned(),
            errors,
            answer,
        })
    }

    /// Whether anybody ever had it.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Answer {
    fn of(holdings: &Holdings, day: Date) -> Self {
        let begin = day.midnight().assume_utc();
        let rows: Vec<HeldRow> = holdings.within(begin, begin + Duration::DAY).map(HeldRow::from).collect();
        let day = day.format(format_description!("[day padding:none] [month repr:long] [year]")).unwrap_or_default();
        let title = match rows.len() {
            0 => format!("On {day} nobody had this number."),
            1 => format!("On {day} it was with:"),
            _ => format!("On {day} it went from one to the other:"),
        };
        Self { title, rows }
    }
}

/// Reads a day that is not in the future. Days are those of UTC.
fn day(text: &str, now: OffsetDateTime) -> Result<Date, String> {
    let day = Date::parse(text.trim(), format_description!("[year]-[month]-[day]"))
        .ok()
        .filter(|day| (1970..=9998).contains(&day.year()))
        .ok_or_else(|| {
            format!("\u{201c}{text}\u{201d} is no day. Write it as year, month and day, such as 2026-03-03.")
        })?;
    if day > now.to_offset(UtcOffset::UTC).date() {
        return Err(format!("{text} is in the future. Choose a day up to today."));
    }
    Ok(day)
}

/// Who had a number last that nobody has, and when others may have it.
fn gone(holdings: &Holdings, until: Option<OffsetDateTime>) -> String {
    let Some((last, release)) = holdings.last().and_then(|last| Some((&last.holder, last.until.as_ref()?))) else {
        return "The number is on no account now. Below is what happened to it.".to_owned();
    };
    let account = if last.account.is_empty() {
        "An account that is gone".to_owned()
    } else {
        format!("Account {}", last.account)
    };
    let had = format!("The number is on no account now. {account} had it until {}. ", instant(release.at));
    let then = match until {
        Some(until) => format!(
            "It is in quarantine until {}: until then it goes to no other account, unless somebody with the role \
             AdminUser overrides that in the review of an upload.",
            instant(until)
        ),
        None => "It is not in quarantine: any account can have it now.".to_owned(),
    };
    had + &then
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    #[test]
    fn a_day_is_read_and_what_is_none_is_told() {
        let now = datetime!(2026-03-03 23:59 UTC);
        assert_eq!(day(" 2026-03-03 ", now), Ok(date!(2026 - 03 - 03)));
        assert!(day("2026-03-04", now).unwrap_err().contains("future"));
        for none in ["3 March", "2026-02-30", "2026-3-3", "0001-01-01", "-9999-01-01", "9999-12-31", "\u{661}"] {
            assert!(day(none, now).unwrap_err().contains("2026-03-03"), "{none}");
        }
    }
}
