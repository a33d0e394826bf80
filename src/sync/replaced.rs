//! What pushes have replaced at the backend, in the audit: what the backend had and we had, and what was asked of it. Where the
//! backend had what we had, the order tells both.

use serde_json::{Map, Value, json};

use super::{Engine, Stop};
use crate::domain::{E164, NumberSettings};
use crate::store::{AuditEntry, HeldBefore, Push, Replaced, Tx};

/// Different states of a backend that one row of the audit tells in full; a number's history has each.
const TOLD: usize = 100;

impl Engine {
    /// Appends what a push has replaced to the audit, as far as it was not what we had there.
    pub(super) async fn audit_replaced(&self, tx: &mut Tx, push: &Push, replaced: &[Replaced]) -> Result<(), Stop> {
        let mut account = None;
        for one in replaced {
            let unknown: Vec<&HeldBefore> = one.before.iter().filter(|held| !held.was_known).collect();
            if unknown.is_empty() {
                continue;
            }
            if account.is_none() {
                account = tx.account_by_id(push.account_id).await?.map(|account| account.name);
            }
            let entry = AuditEntry {
                actor: "Sync engine".to_owned(),
                actor_id: format!("push to {}", self.info().name),
                origin: format!("push to {}", self.info().label),
                action: "numbers.replaced",
                subject_kind: "account",
                subject: account.clone().unwrap_or_default(),
                before: Some(before(&unknown).to_string()),
                after: Some(after(one, &unknown, &self.info().label).to_string()),
                ..AuditEntry::default()
            };
            tx.append_audit(entry, self.ctx.clock.now()).await?;
        }
        Ok(())
    }
}

/// What the backend had, and what the numbers had here: of one state as it is, of several each with its numbers.
fn before(unknown: &[&HeldBefore]) -> Value {
    if let [one] = unknown {
        return both(one);
    }
    let told: Vec<Value> = unknown.iter().take(TOLD).map(|held| of_some(held)).collect();
    let left: usize = unknown.iter().skip(TOLD).map(|held| held.numbers.len()).sum();
    let mut members = Map::from_iter([("held".to_owned(), Value::Array(told))]);
    if left > 0 {
        members.insert("further".to_owned(), json!(left));
    }
    Value::Object(members)
}

fn both(held: &HeldBefore) -> Value {
    json!({ "atBackend": settings(&held.settings), "here": held.here.as_ref().map(settings) })
}

fn of_some(held: &HeldBefore) -> Value {
    let mut all = both(held);
    if let Some(members) = all.as_object_mut() {
        members.insert("numbers".to_owned(), json!(ranges(&held.numbers)));
        members.insert("assigned".to_owned(), json!(held.assigned));
    }
    all
}

/// What was asked of the backend, for which numbers, and by which orders.
fn after(replaced: &Replaced, unknown: &[&HeldBefore], backend: &str) -> Value {
    let numbers: Vec<E164> = unknown.iter().flat_map(|held| held.numbers.iter().copied()).collect();
    let assigned: i64 = unknown.iter().map(|held| held.assigned).sum();
    let asked = replaced.asked.as_ref().map(settings);
    let mut all = json!({
        "backend": backend,
        "count": numbers.len(),
        "assigned": assigned,
        "orders": replaced.orders,
        "atBackend": asked,
        "here": asked,
    });
    if let (Some(members), [_]) = (all.as_object_mut(), unknown) {
        members.insert("numbers".to_owned(), json!(ranges(&numbers)));
    }
    all
}

/// The members of some settings, those of the Teams services among them.
fn settings(settings: &NumberSettings) -> Value {
    let mut members = match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    if let Some(Value::Object(teams)) = members.remove("teams") {
        members.extend(teams);
    }
    members.retain(|_, value| !value.is_null());
    Value::Object(members)
}

/// Ascending numbers, those in a row as `first-last`.
fn ranges(numbers: &[E164]) -> Vec<String> {
    let mut ranges: Vec<(E164, E164)> = Vec::new();
    for number in numbers.iter().copied() {
        match ranges.last_mut() {
            Some((_, last)) if last.as_i64() + 1 == number.as_i64() => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |(first, last): (E164, E164)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.into_iter().map(text).collect()
}
