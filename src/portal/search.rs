//! One box for everything: numbers, tenants, orders, accounts, and then whatever matches.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::form::query_value;
use super::show::Chip;
use crate::authz::{AccountsRead, ConsentsRead, Grant, NumbersRead, OrdersRead};
use crate::domain::entry::{self, Entry, is_separator};
use crate::domain::field::filled;
use crate::domain::{E164, TenantId};
use crate::http::{Granted, PortalState, Problem, QueryString, Routes, Shell, needs, page, see_other};
use crate::service::accounts::AccountFilter;
use crate::service::consents::ConsentFilter;
use crate::service::{Ctx, Error, Page, Result as Outcome, accounts, consents, numbers, orders};

pub(super) fn routes() -> Routes {
    Routes::new().get("/search", needs::<NumbersRead>(), search)
}

/// So many hits of each group are shown. The group's own list has all.
const SHOWN: usize = 10;
/// From so many digits on, digits are taken for the beginning of a telephone number.
const NUMBER_DIGITS: usize = 5;

#[derive(Default, Deserialize)]
#[serde(default)]
struct SearchQuery {
    q: String,
}

struct Hit {
    href: String,
    title: String,
    note: String,
    chip: Option<Chip>,
}

struct HitGroup {
    title: &'static str,
    id: &'static str,
    hits: Vec<Hit>,
    /// The list with everything; empty when all is shown.
    all: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    shell: Shell,
    q: String,
    groups: Vec<HitGroup>,
    numbers: String,
}

/// `GET /search`
async fn search(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(query): QueryString<SearchQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let (ctx, text) = (state.ctx(), query.q.trim());
    if let Some(href) = goal(ctx, &grant, text).await? {
        return Ok(see_other(&href));
    }
    let groups = if text.is_empty() { Vec::new() } else { groups(ctx, &grant, text).await? };
    Ok(page(&SearchPage {
        groups,
        numbers: if digits(text).is_some() { format!("/numbers?q={}", query_value(text)) } else { String::new() },
        q: text.to_owned(),
        shell: shell.searched(text),
    }))
}

/// The digits of a text that holds nothing but digits, separators and a leading +.
fn digits(text: &str) -> Option<String> {
    let text = entry::visible(text);
    let text = text.trim();
    let rest = text.strip_prefix('+').unwrap_or(text);
    let digits: String = rest.chars().filter(|c| !is_separator(*c)).collect();
    (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())).then_some(digits)
}

/// The number that a text is, also in a spelling of which it is proposed.
fn number(text: &str) -> Option<E164> {
    match entry::read(text) {
        Entry::Number(number) => Some(number),
        Entry::Range(_) => None,
        Entry::Refused(refused) => {
            entry::stored(text).ok().or_else(|| E164::parse_wire(refused.proposal?.as_str()).ok())
        }
    }
}

/// The one page that a text names without doubt.
async fn goal(ctx: &Ctx, grant: &Grant<NumbersRead>, text: &str) -> Result<Option<String>, Problem> {
    let person = grant.principal();
    if let Ok(tenant) = TenantId::parse(text) {
        let consent = there(consents::get(ctx, &person.grant::<ConsentsRead>()?, &tenant).await)?;
        return Ok(Some(match consent {
            Some(_) => format!("/consents/{tenant}"),
            None => format!("/accounts?tenant={tenant}"),
        }));
    }
    if let Some(id) = text.strip_prefix('#').and_then(|id| id.trim().parse::<i64>().ok()) {
        let order = there(orders::get(ctx, &person.grant::<OrdersRead>()?, id).await)?;
        return Ok(order.map(|order| format!("/orders/{}", order.id)));
    }
    if let Some(number) = number(text)
        && numbers::is_known(ctx, grant, number).await?
    {
        return Ok(Some(format!("/numbers/{number}")));
    }
    if matches!(entry::read(text), Entry::Range(_)) {
        return Ok(Some(format!("/numbers?q={}", query_value(text))));
    }
    if let Some(digits) = digits(text) {
        // A short text of digits may be an order, an account or a part of a number.
        if digits.len() >= NUMBER_DIGITS || text.starts_with('+') {
            return Ok(Some(format!("/numbers?q={}", query_value(text))));
        }
        if text == digits {
            let id = digits.parse().unwrap_or_default();
            let order = there(orders::get(ctx, &person.grant::<OrdersRead>()?, id).await)?;
            return Ok(order.map(|order| format!("/orders/{}", order.id)));
        }
        return Ok(None);
    }
    let account = match filled(text) {
        Some(name) => there(accounts::get(ctx, &person.grant::<AccountsRead>()?, name).await)?,
        None => None,
    };
    Ok(account.map(|account| format!("/accounts/{}", account.name)))
}

/// Gives what was found, and nothing when there is no such thing.
fn there<T>(outcome: Outcome<T>) -> Result<Option<T>, Problem> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn groups(ctx: &Ctx, grant: &Grant<NumbersRead>, text: &str) -> Result<Vec<HitGroup>, Problem> {
    let person = grant.principal();
    let lower = text.to_lowercase();
    let filter = AccountFilter { text: Some(lower.clone()), ..AccountFilter::default() };
    let found = accounts::list(ctx, &person.grant::<AccountsRead>()?, &filter, &Page::First).await?;
    let accounts_all = found.more_after || found.accounts.len() > SHOWN;
    let account_hits = found.accounts.into_iter().take(SHOWN).map(|account| Hit {
        href: format!("/accounts/{}", account.name),
        note: format!(
            "{}, {}",
            account.services.labels(),
            super::show::counted(account.number_count, "number", "numbers")
        ),
        title: account.name,
        chip: None,
    });
    let filter = ConsentFilter { text: Some(lower), ..ConsentFilter::default() };
    let consents = consents::list(ctx, &person.grant::<ConsentsRead>()?, &filter, &Page::First).await?;
    let consents_all = consents.more_after || consents.consents.len() > SHOWN;
    let consent_hits = consents.consents.into_iter().take(SHOWN).map(|row| Hit {
        href: format!("/consents/{}", row.consent.tenant_id),
        chip: Some(Chip::from(&row.consent.status)),
        note: row.consent.tenant_id.to_string(),
        title: row.company,
    });
    let all =
        |there_is: bool, path: &str| if there_is { format!("{path}?q={}", query_value(text)) } else { String::new() };
    let groups = vec![
        HitGroup {
            title: "Accounts",
            id: "accounts",
            hits: account_hits.collect(),
            all: all(accounts_all, "/accounts"),
        },
        HitGroup {
            title: "Consents",
            id: "consents",
            hits: consent_hits.collect(),
            all: all(consents_all, "/consents"),
        },
    ];
    Ok(groups.into_iter().filter(|group| !group.hits.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_through_separators() {
        assert_eq!(digits("+44 (1632) 96-0000").as_deref(), Some("441632960000"));
        assert_eq!(digits("\u{202a}+441632960000\u{202c}").as_deref(), Some("441632960000"));
        assert_eq!(digits("1042").as_deref(), Some("1042"));
        for none in ["", "+", "contoso", "44x", "#12"] {
            assert_eq!(digits(none), None, "{none}");
        }
    }
}
