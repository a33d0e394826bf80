//! Numbers as a program wants them: what it sent, over what they were.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use time::OffsetDateTime;

use crate::domain::{
    Account, E164, ItemState, Number, NumberAsSent, NumberBefore, NumberSettings, SentNumber, ServiceSet, SyncState,
    number,
};
use crate::store::{NewItem, SentAlike};

/// A number as it is wanted.
#[derive(Clone)]
pub(super) struct WantedNumber {
    pub(super) number: E164,
    settings: Arc<NumberSettings>,
    settings_id: i64,
    country: Option<String>,
    as_sent: NumberAsSent,
}

/// How an order has just written its numbers.
#[derive(Clone, Copy)]
pub(super) struct Written {
    pub(super) order_id: i64,
    pub(super) state: SyncState,
    pub(super) at: OffsetDateTime,
}

impl WantedNumber {
    /// The numbers that could be read, as they are wanted where they are new.
    pub(super) fn all(sent: &[SentNumber], usual_profile: Option<&String>) -> Vec<Self> {
        let mut countries = number::Countries::default();
        let mut wanted: Vec<Self> = Vec::with_capacity(sent.len());
        for sent in sent {
            let Some(number) = sent.number else { continue };
            let (settings, as_sent) = sent.over(None, usual_profile);
            // Neighbours mostly share their settings.
            let (settings, settings_id) = match wanted.last() {
                Some(last) if *last.settings == settings => (Arc::clone(&last.settings), last.settings_id),
                _ => {
                    let id = settings.id();
                    (Arc::new(settings), id)
                }
            };
            wanted.push(Self { number, settings, settings_id, country: countries.of(number), as_sent });
        }
        wanted
    }

    /// The same numbers, over what those were that are there already.
    pub(super) fn over<'w>(
        new: &'w [Self],
        sent: &[SentNumber],
        before: &[Number],
        account: &Account,
        usual_profile: Option<&String>,
    ) -> Cow<'w, [Self]> {
        let mut wanted = Cow::Borrowed(new);
        for (place, sent) in sent.iter().filter(|sent| sent.number.is_some()).enumerate() {
            let was = sent.number.and_then(|number| find(before, number)).filter(|was| *was.account == *account.name);
            let (Some(was), Some(as_new)) = (was, new.get(place)) else { continue };
            let was = NumberBefore { settings: &was.settings, as_sent: was.as_sent.as_deref() };
            let (settings, as_sent) = sent.over(Some(was), usual_profile);
            if (&settings, &as_sent) != (&*as_new.settings, &as_new.as_sent)
                && let Some(wanted) = wanted.to_mut().get_mut(place)
            {
                *wanted = Self { settings_id: settings.id(), settings: Arc::new(settings), as_sent, ..as_new.clone() };
            }
        }
        wanted
    }

    /// Whether the number is so already, or on its way there.
    pub(super) fn stands(&self, before: &[Number], account: &Account) -> bool {
        find(before, self.number).is_some_and(|was| {
            *was.account == *account.name
                && matches!(was.state, SyncState::Pending | SyncState::Synced)
                && was.settings == self.settings
        })
    }

    /// Whether a backend is done with the number, so that it may have changed there since.
    pub(super) fn is_settled(&self, before: &[Number]) -> bool {
        find(before, self.number).is_some_and(|was| was.state == SyncState::Synced)
    }

    /// The number as an order has just written it, on this account of this tenant.
    fn written(&self, (account, tenant): (&Arc<str>, Option<&Arc<str>>), written: Written) -> Number {
        Number {
            telephone_number: self.number,
            account: Arc::clone(account),
            tenant_id: tenant.cloned(),
            settings: Arc::clone(&self.settings),
            country: self.country.clone(),
            state: written.state,
            assigned: false,
            error: None,
            as_sent: (!self.as_sent.is_usual()).then(|| Arc::new(self.as_sent.clone())),
            rev: 1,
            order_id: written.order_id,
            changed_at: written.at,
            notice: None,
        }
    }
}

pub(super) fn find(numbers: &[Number], number: E164) -> Option<&Number> {
    let place = numbers.binary_search_by_key(&number, |number| number.telephone_number).ok()?;
    numbers.get(place)
}

/// Makes the new numbers as an order of one state has just written them, in order.
pub(super) fn created(wanted: &[WantedNumber], account: &Account, written: Written) -> Vec<Number> {
    let tenant: Option<Arc<str>> = account.tenant_id.as_ref().map(|tenant| tenant.as_str().into());
    let on: (&Arc<str>, _) = (&account.name.as_str().into(), tenant.as_ref());
    let mut numbers: Vec<Number> = wanted.iter().map(|wanted| wanted.written(on, written)).collect();
    numbers.sort_unstable_by_key(|number| number.telephone_number);
    numbers
}

/// Makes the numbers to stage, and each of their settings once. Services that the account has not are left out: what stands
/// against a number otherwise is found too, and such an order is never submitted.
pub(super) fn to_stage(
    account: &Account,
    wanted: &[WantedNumber],
    provisioned: ServiceSet,
) -> (Vec<NumberSettings>, Vec<NewItem>) {
    let mut values: HashMap<i64, Arc<NumberSettings>> = HashMap::new();
    let item = |wanted: &WantedNumber| NewItem {
        number: wanted.number,
        line: 0,
        account_id: account.id,
        settings_id: wanted.settings_id,
        country: wanted.country.clone(),
        state: ItemState::of_new(account, wanted.settings.services, provisioned),
        before: None,
    };
    let mut items = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        if wanted.settings.services.without(account.services).is_empty() {
            values.entry(wanted.settings_id).or_insert_with(|| Arc::clone(&wanted.settings));
            items.push(item(wanted));
        } else {
            let mut within = wanted.clone();
            let settings = Arc::make_mut(&mut within.settings);
            settings.services = settings.services.and(account.services);
            within.settings_id = settings.id();
            items.push(item(&within));
            values.insert(within.settings_id, within.settings);
        }
    }
    (values.into_values().map(Arc::unwrap_or_clone).collect(), items)
}

/// Finds the numbers of which something else was sent besides than is kept of them: few, for the usual is nothing.
pub(super) fn sent_otherwise(wanted: &[WantedNumber], before: &[Number]) -> Vec<SentAlike> {
    let usual = NumberAsSent::default();
    let mut alike: BTreeMap<(i64, bool), SentAlike> = BTreeMap::new();
    for wanted in wanted {
        let kept = find(before, wanted.number).and_then(|was| was.as_sent.as_deref()).unwrap_or(&usual);
        if *kept == wanted.as_sent {
            continue;
        }
        let is_change = kept.differs_from(&wanted.as_sent);
        let entry = alike.entry((wanted.as_sent.id(), is_change)).or_insert_with(|| SentAlike {
            as_sent: wanted.as_sent.clone(),
            numbers: Vec::new(),
            is_change,
        });
        entry.numbers.push(wanted.number);
    }
    alike.into_values().collect()
}
