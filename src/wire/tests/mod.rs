//! The wire against the contract: its examples, its schemas, and what bad bodies get.

mod accounts;
mod consents;
mod examples;
mod numbers;
mod round_trip;
mod schemas;
mod tree;

use serde_json::Value;
use time::macros::datetime;

use super::{AccountResource, InputProblem, NumberResource};
use crate::domain::{
    Account, AccountAsSent, AccountDraft, AccountName, E164, Number, NumberSettings, SentAccount, ServiceSet, SyncState,
};

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn e164(text: &str) -> E164 {
    E164::parse_wire(text).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// Each problem in one line: code, target, message.
fn lines<T: std::fmt::Debug>(read: Result<T, Vec<InputProblem>>) -> String {
    let line = |problem: InputProblem| format!("{} | {} | {}", problem.code, problem.target, problem.message);
    read.unwrap_err().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// An account as it is stored, with nothing on it.
fn account() -> Account {
    Account {
        id: 1,
        name: "contoso".into(),
        correlation_id: None,
        tenant_id: None,
        services: ServiceSet::default(),
        synced: ServiceSet::default(),
        number_count: 0,
        direct_routing: None,
        subdomain_status: crate::domain::direct_routing::SubdomainStatus::default(),
        as_sent: AccountAsSent::default(),
        deleting: false,
        rev: 1,
        created_at: datetime!(2024-01-18 07:58:49 UTC),
        updated_at: datetime!(2024-01-18 07:58:49 UTC),
    }
}

/// The account as it is kept once it was put so.
fn account_of(sent: &SentAccount) -> Account {
    let SentAccount { draft, as_sent, .. } = sent.clone();
    Account {
        name: draft.name.to_string(),
        correlation_id: draft.correlation_id,
        tenant_id: draft.tenant_id,
        services: draft.services,
        synced: draft.synced,
        direct_routing: draft.direct_routing,
        as_sent,
        ..account()
    }
}

/// A number as it is stored.
fn number(text: &str, settings: NumberSettings) -> Number {
    Number {
        telephone_number: e164(text),
        account: "contoso".into(),
        tenant_id: None,
        settings: settings.into(),
        country: None,
        state: SyncState::Pending,
        assigned: false,
        error: None,
        as_sent: None,
        rev: 1,
        order_id: 1,
        changed_at: datetime!(2024-01-18 07:58:49 UTC),
        notice: None,
    }
}

/// The JSON with which a client would put the account.
fn account_body(draft: &AccountDraft) -> Value {
    serde_json::to_value(AccountResource::body(draft, None)).unwrap()
}

/// The JSON with which a client would put the number.
fn number_body(account: &str, number: E164, settings: &NumberSettings) -> Value {
    serde_json::to_value(NumberResource::body(account, number, settings)).unwrap()
}

/// The desired part of a tag, with or without quotes.
fn desired_part(tag: &str) -> &str {
    let tag = tag.trim_matches('"');
    tag.split_once('.').map_or(tag, |(desired, _)| desired)
}
