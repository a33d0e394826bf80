//! The audit: who changed what, for those who may read it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::csv;
use super::form::{Choice, Filters, Pager, Pill, page_of, query_value, segment};
use super::show::{Moment, counted};
use crate::authz::AuditRead;
use crate::domain::field::filled;
use crate::http::{Granted, PortalState, Problem, QueryString, Routes, Shell, needs, page, see_other};
use crate::service::Page;
use crate::service::audit::{self, AuditFilter, AuditRow};

pub(super) fn routes() -> Routes {
    Routes::new().get("/audit", needs::<AuditRead>(), list).get("/audit.csv", needs::<AuditRead>(), export)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuditQuery {
    actor: String,
    action: String,
    subject: String,
    ticket: String,
    page: String,
}

impl AuditQuery {
    fn filter(&self) -> AuditFilter {
        let own = |text: &str| filled(text).map(str::to_owned);
        AuditFilter {
            actor: own(&self.actor),
            action: own(&self.action),
            subject: own(&self.subject),
            ticket: own(&self.ticket),
        }
    }

    fn filters(&self) -> Filters {
        Filters::new("/audit")
            .with("actor", "Who", &self.actor)
            .shown("action", "What", &self.action, &action_words(&self.action))
            .with("subject", "About", &self.subject)
            .with("ticket", "Ticket", &self.ticket)
    }
}

/// What people read for an action; one that is not known reads as it is.
fn action_words(action: &str) -> String {
    match action {
        "account.create" => "Account created",
        "account.update" => "Account changed",
        "account.hand_over" => "Hand-over of an account",
        "account.delete" => "Account deleted",
        "account.push_confirmed" => "Changes at the backend confirmed",
        "account.reconcile" => "Comparison with the backend asked for",
        "consent.numbers_again" => "Refused numbers sent again",
        "consent.seen" => "Consent changed at the backend",
        "numbers.disabled_services" => "Disabled services of numbers changed",
        "numbers.replaced" => "What a backend had was replaced by a push",
        "numbers.seen" => "Numbers changed at the backend",
        "consent.relationship" => "Relationship status set",
        "order.submit" => "Order submitted",
        "quarantine.override" => "Quarantine overridden",
        "drift.ignore" => "Drift ignored",
        "drift.heed" => "Drift no longer ignored",
        "block.create" => "Block added",
        "block.change" => "Block changed",
        "block.delete" => "Block deleted",
        "blocks.import" => "Blocks imported",
        "reservation.create" => "Numbers reserved",
        "reservation.release" => "Reservation ended",
        "import.numbers" => "Numbers imported",
        "import.complete" => "Import made",
        "import.stop" => "Import stopped before its end",
        "import.forget" => "Import given up",
        "order.retry" => "Failed numbers retried",
        other => other,
    }
    .to_owned()
}

/// One value that differs between before and after.
struct ChangedValue {
    what: String,
    before: String,
    after: String,
}

struct AuditTableRow {
    seq: i64,
    at: Moment,
    actor: String,
    actor_id: String,
    origin: String,
    action: String,
    subject: String,
    subject_href: String,
    changes: Vec<ChangedValue>,
    ticket: String,
    order: Option<i64>,
    request_id: String,
}

impl From<AuditRow> for AuditTableRow {
    fn from(row: AuditRow) -> Self {
        let subject_href = match row.subject_kind.as_str() {
            "account" => format!("/accounts/{}", segment(&row.subject)),
            "consent" => format!("/consents/{}", segment(&row.subject)),
            "order" => format!("/orders/{}", segment(&row.subject)),
            "number" => format!("/numbers/{}", segment(&row.subject)),
            "import" => format!("/import/{}", segment(&row.subject)),
            "block" | "blocks" | "reservation" => "/blocks".to_owned(),
            _ => format!("/audit?subject={}", query_value(&row.subject)),
        };
        Self {
            at: row.at().into(),
            action: action_words(&row.action),
            subject: format!("{} {}", row.subject_kind, row.subject),
            subject_href,
            changes: changes(row.before.as_deref(), row.after.as_deref()),
            ticket: row.ticket.unwrap_or_default(),
            order: row.order_id.filter(|_| row.subject_kind != "order"),
            request_id: row.request_id.unwrap_or_default(),
            seq: row.seq,
            actor: row.actor,
            actor_id: row.actor_id,
            origin: row.origin,
        }
    }
}

/// The members that differ between two JSON objects; of one alone, all of it.
fn changes(before: Option<&str>, after: Option<&str>) -> Vec<ChangedValue> {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let (before, after) = (read(before), read(after));
    let members = |value: &Option<Value>| match value {
        Some(Value::Object(members)) => members.clone(),
        Some(other) => std::iter::once(("value".to_owned(), other.clone())).collect(),
        None => serde_json::Map::new(),
    };
    let (before, after) = (members(&before), members(&after));
    let mut names: Vec<&String> = before.keys().collect();
    names.extend(after.keys().filter(|name| !before.contains_key(*name)));
    let text = |value: Option<&Value>| value.map(readable).unwrap_or_default();
    names
        .into_iter()
        .map(|name| ChangedValue { what: words(name), before: text(before.get(name)), after: text(after.get(name)) })
        .filter(|change| change.before != change.after)
        .collect()
}

/// A JSON value for reading.
fn readable(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => if *value { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(readable).collect::<Vec<_>>().join(", "),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{}: {}", words(name), readable(value)))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Number(number) => number.to_string(),
    }
}

/// A member's name for reading: `correlationId` gives `Correlation id`.
fn words(name: &str) -> String {
    let mut text = String::new();
    for (index, c) in name.chars().enumerate() {
        match c {
            c if index == 0 => text.extend(c.to_uppercase()),
            c if c.is_uppercase() => {
                text.push(' ');
                text.extend(c.to_lowercase());
            }
            '-' | '_' => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    actor: String,
    subject: String,
    ticket: String,
    actions: Vec<Choice>,
    pills: Vec<Pill>,
    clear: String,
    csv: String,
    rows: Vec<AuditTableRow>,
    pager: Pager,
    filtered: bool,
}

/// `GET /audit`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<AuditRead>,
    QueryString(query): QueryString<AuditQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let filters = query.filters();
    let page_key: Page<i64> = page_of(&query.page, |seq| seq.parse().ok());
    let found = audit::list(ctx, &grant, &query.filter(), &page_key).await?;
    if found.rows.is_empty() && page_key != Page::First {
        return Ok(see_other(&filters.href()));
    }
    let actions = audit::actions(ctx, &grant).await?;
    let shown = match (found.rows.first(), found.rows.last()) {
        (Some(first), Some(last)) if found.more_before || found.more_after => {
            format!(
                "{}, from number {} down to {}",
                counted(found.rows.len() as i64, "change", "changes"),
                first.seq,
                last.seq
            )
        }
        _ => counted(found.rows.len() as i64, "change", "changes"),
    };
    let edge = |row: Option<&AuditRow>, more: bool| row.filter(|_| more).map(|row| row.seq.to_string());
    let pager =
        filters.pager(shown, edge(found.rows.first(), found.more_before), edge(found.rows.last(), found.more_after));
    Ok(page(&AuditPage {
        shell: shell.at("audit"),
        actions: actions.iter().map(|action| Choice::new(action, action_words(action), &query.action)).collect(),
        pills: filters.pills(),
        clear: filters.clear(),
        csv: filters.csv(),
        rows: found.rows.into_iter().map(AuditTableRow::from).collect(),
        pager,
        filtered: !filters.is_empty(),
        actor: query.actor,
        subject: query.subject,
        ticket: query.ticket,
    }))
}

const HEADINGS: [&str; 15] = [
    "Seq",
    "At",
    "Actor",
    "ActorId",
    "Origin",
    "Action",
    "SubjectKind",
    "Subject",
    "Before",
    "After",
    "Ticket",
    "Order",
    "RequestId",
    "PreviousHash",
    "Hash",
];

/// `GET /audit.csv`
async fn export(
    State(state): State<PortalState>,
    Granted(grant): Granted<AuditRead>,
    QueryString(query): QueryString<AuditQuery>,
) -> Result<Response, Problem> {
    let (ctx, filter) = (state.ctx().clone(), query.filter());
    csv::export("audit.csv", &HEADINGS, move |after| {
        let (ctx, grant, filter) = (ctx.clone(), grant.clone(), filter.clone());
        async move {
            let (rows, next) = audit::export(&ctx, &grant, &filter, after).await?;
            Ok((rows.into_iter().map(cells).collect(), next))
        }
    })
    .await
}

fn cells(row: AuditRow) -> Vec<String> {
    let text = |value: Option<String>| csv::text(value.unwrap_or_default());
    vec![
        row.seq.to_string(),
        Moment::from(row.at()).iso,
        csv::text(row.actor),
        csv::text(row.actor_id),
        csv::text(row.origin),
        row.action,
        row.subject_kind,
        csv::text(row.subject),
        text(row.before),
        text(row.after),
        text(row.ticket),
        row.order_id.map(|id| id.to_string()).unwrap_or_default(),
        text(row.request_id),
        row.previous_hash,
        row.hash,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let found = changes(
            Some(r#"{"name":"contoso","services":["operatorConnect"],"correlationId":null}"#),
            Some(r#"{"name":"contoso","services":["operatorConnect","teamsPhoneMobile"],"correlationId":"C-1"}"#),
        );
        let found: Vec<_> =
            found.iter().map(|change| (change.what.as_str(), change.before.as_str(), change.after.as_str())).collect();
        assert_eq!(found.len(), 2);
        assert!(found.contains(&("Correlation id", "", "C-1")));
        assert!(found.contains(&("Services", "operatorConnect", "operatorConnect, teamsPhoneMobile")));
        assert_eq!(
            changes(None, Some(r#"{"numbers":{"new":3}}"#)).first().map(|c| c.after.clone()),
            Some("New: 3".into())
        );
        assert!(changes(Some("{}"), None).is_empty());
    }
}
