//! Why numbers cannot be put: everything that stands against any of them.

use time::format_description::well_known::Rfc3339;

use crate::authz::{NumbersRead, Principal};
use crate::domain::{Account, Deed, E164, Refusal, SentNumber, Service, Verdict};
use crate::service::{ItemProblem, Result};
use crate::store::{ItemRow, Page, QuarantinedItem, Tx};

/// The most items read of an order that was refused: more than a batch can hold.
const REFUSED_SHOWN: usize = 1_000;

/// Code of the problem that passes by itself: the backend has not let go of the number yet.
pub const RELEASING: &str = "number_releasing";
/// Code of the problem that a person ends: nothing is sent to the backend before somebody has confirmed what would change.
const RELEASE_HELD: &str = "number_release_held";

/// Finds the items with a service that the account has not.
pub(super) fn not_enabled(account: &Account, sent: &[SentNumber]) -> Vec<ItemProblem> {
    let problem = |index: usize, service: Service| ItemProblem {
        index,
        property: format!("serviceDetails.{}.enabled", service.contract_name()),
        code: "service_not_enabled",
        message: format!(
            "{service} is not enabled on account {}. Enable it on the account first, or leave it out here.",
            account.name
        ),
        conflict: false,
    };
    sent.iter()
        .flat_map(|sent| {
            sent.settings.services.without(account.services).iter().map(move |service| problem(sent.index, service))
        })
        .collect()
}

/// Tells why items of an order cannot be taken. The account that a number belongs to is told to those who may see numbers.
pub(super) async fn refused(
    tx: &mut Tx,
    order_id: i64,
    sent: &[SentNumber],
    person: &Principal,
) -> Result<Vec<ItemProblem>> {
    let (items, ..) = tx.items_page(order_id, (None, None), Page::First, REFUSED_SHOWN).await?;
    let is_releasing = |item: &&ItemRow| item.verdict == Verdict::Refused(Refusal::Releasing);
    let releasing: Vec<E164> = items.iter().filter(is_releasing).map(|item| item.number).collect();
    let held = if releasing.is_empty() { Vec::new() } else { tx.held_among(&releasing).await? };
    Ok(items.into_iter().filter_map(|item| refusal(item, sent, (person, &held))).collect())
}

fn refusal(item: ItemRow, sent: &[SentNumber], (person, held): (&Principal, &[E164])) -> Option<ItemProblem> {
    let Verdict::Refused(refusal) = item.verdict else { return None };
    if let Some(quarantined) = &item.quarantine {
        return Some(in_quarantine(&item, quarantined, sent, person));
    }
    let owner = item.owner.filter(|_| person.may::<NumbersRead>());
    let owner = owner.map_or_else(|| "another account".to_owned(), |owner| format!("account {owner}"));
    let number = item.number;
    let (code, message) = match refusal {
        Refusal::OtherAccount => (
            "number_on_other_account",
            format!("The number {number} belongs to {owner}. Delete it there first, then create it here."),
        ),
        Refusal::Releasing if held.contains(&number) => (
            RELEASE_HELD,
            format!(
                "The number {number} is to be released, which waits for a person: somebody has to confirm the changes on the \
                 page of its account in the portal. Then create it again."
            ),
        ),
        Refusal::Releasing => (
            RELEASING,
            format!("The number {number} is being released. Wait until that is complete, then create it again."),
        ),
        other => ("number_refused", format!("The number {number}: {}", other.reason(Deed::Upload))),
    };
    Some(conflict(number, sent, code, message))
}

fn conflict(number: E164, sent: &[SentNumber], code: &'static str, message: String) -> ItemProblem {
    let found = sent.iter().find(|sent| sent.number == Some(number));
    ItemProblem {
        index: found.map_or(0, |sent| sent.index),
        property: "telephoneNumber".to_owned(),
        code,
        message,
        conflict: true,
    }
}

/// Tells until when a number is in quarantine. The account that had it is told to those who may see numbers.
fn in_quarantine(
    item: &ItemRow,
    quarantined: &QuarantinedItem,
    sent: &[SentNumber],
    person: &Principal,
) -> ItemProblem {
    let number = item.number;
    let had_it = match quarantined.account.as_deref().filter(|_| person.may::<NumbersRead>()) {
        Some(account) if item.account.as_deref() == Some(account) => {
            format!("an account {account} of another tenant")
        }
        Some(account) => format!("account {account}"),
        None => "another account".to_owned(),
    };
    let until = quarantined.until.format(&Rfc3339).unwrap_or_default();
    let message = format!(
        "The number {number} is in quarantine until {until}: {had_it} had it until lately. Until then only that account \
         can have it again. Wait, or choose another number."
    );
    conflict(number, sent, "number_in_quarantine", message)
}
