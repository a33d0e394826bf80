//! A backend in this process that takes numbers at once and holds them in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use nmp::backend::{
    Answer, Answering, Backend, BackendError, BackendNumber, Cursor, NumberList, NumberOutcome, NumberResult,
    NumberWrites, Page, Properties, Provisioning, ReleaseRequest, UploadRequest,
};
use nmp::domain::{BackendInfo, E164, Offers, ProvisioningError, Service, TenantId};

/// The backend; its clones are the same.
#[derive(Clone, Default)]
pub(super) struct AtOnce(Arc<Mutex<State>>);

/// What it holds, and how it behaves.
#[derive(Default)]
pub(super) struct State {
    /// The numbers it holds.
    pub(super) held: BTreeMap<E164, BackendNumber>,
    /// How often each number was written or removed.
    pub(super) changes: BTreeMap<E164, usize>,
    /// How many numbers each request had.
    pub(super) requests: Vec<usize>,
    /// How often numbers were read back.
    pub(super) read_back: usize,
    /// Numbers that are refused alone.
    pub(super) refused: BTreeSet<E164>,
    /// Numbers for which the whole request is refused.
    pub(super) refuse_batch: BTreeSet<E164>,
    /// Numbers that are done and missing from the answer.
    pub(super) unmentioned: BTreeSet<E164>,
    /// Numbers that are neither done nor mentioned.
    pub(super) forgotten: BTreeSet<E164>,
    /// The next request is done for so many numbers, and then its answer is lost.
    pub(super) lose_after: Option<usize>,
    /// Whoever asks for numbers one by one is refused.
    pub(super) refuses_read_back: bool,
    /// Nothing is answered, and nothing done.
    pub(super) is_down: bool,
}

fn no_answer<T>() -> Answer<T> {
    Err(BackendError::Retry { after: None, reason: "the answer was lost".to_owned() })
}

fn refusal(number: E164) -> ProvisioningError {
    ProvisioningError::new("Invalid", format!("{number} will not do"), None)
}

impl AtOnce {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The backend of this name for one service, that takes so many numbers at once.
    pub(super) fn backend(&self, name: &str, service: Service, batch_size: u32) -> Backend {
        let properties = Properties { batch_size, ..Properties::default() };
        let provisioning = Provisioning::AtOnce(Arc::new(self.clone()));
        Backend { info: info(name, service), properties, directory: None, provisioning }
    }
}

/// A backend without a directory.
pub(super) fn info(name: &str, service: Service) -> BackendInfo {
    let label = format!("The {name} backend");
    BackendInfo { name: name.to_owned(), label, services: service.into(), offers: Offers::NOTHING }
}

impl State {
    /// Does this to each of the numbers, as far as the switches let it.
    fn change(&mut self, numbers: &[E164], change: impl Fn(&mut Self, E164)) -> Answer<Vec<NumberResult>> {
        if self.is_down {
            return no_answer();
        }
        self.requests.push(numbers.len());
        if let Some(number) = numbers.iter().find(|number| self.refuse_batch.contains(number)) {
            return Err(BackendError::Rejected(refusal(*number)));
        }
        let lost = self.lose_after.take();
        let mut results = Vec::new();
        for number in numbers.iter().take(lost.unwrap_or(usize::MAX)).copied() {
            let outcome = if self.refused.contains(&number) {
                NumberOutcome::Failed(refusal(number))
            } else {
                if !self.forgotten.contains(&number) {
                    change(self, number);
                    *self.changes.entry(number).or_default() += 1;
                }
                NumberOutcome::Succeeded
            };
            if !self.forgotten.contains(&number) && !self.unmentioned.contains(&number) {
                results.push(NumberResult { telephone_number: number, outcome });
            }
        }
        if lost.is_some() { no_answer() } else { Ok(results) }
    }
}

impl NumberList for AtOnce {
    fn numbers_page<'a>(&'a self, _: &'a TenantId, _: &'a Cursor) -> Answering<'a, Page<BackendNumber>> {
        Box::pin(async move {
            let state = self.state();
            if state.is_down {
                return no_answer();
            }
            Ok(Page {
                items: state.held.values().cloned().collect(),
                next_cursor: None,
                unreadable: 0,
                unread: Vec::new(),
                unread_count: 0,
            })
        })
    }
}

impl NumberWrites for AtOnce {
    fn write<'a>(&'a self, request: &'a UploadRequest) -> Answering<'a, Vec<NumberResult>> {
        let held = |number| BackendNumber {
            telephone_number: number,
            service: request.service.key().to_owned(),
            assignment_status: "unassigned".to_owned(),
            settings: request.settings.clone(),
            calling_profile: request.calling_profile.clone(),
            acquired_number_status: None,
            acquired_capabilities: Vec::new(),
            available_capabilities: Vec::new(),
        };
        Box::pin(async move {
            self.state().change(&request.numbers, |state, number| {
                state.held.insert(number, held(number));
            })
        })
    }

    fn remove<'a>(&'a self, request: &'a ReleaseRequest) -> Answering<'a, Vec<NumberResult>> {
        Box::pin(async move {
            self.state().change(&request.numbers, |state, number| {
                state.held.remove(&number);
            })
        })
    }

    fn read_back<'a>(&'a self, _: &'a TenantId, numbers: &'a [E164]) -> Answering<'a, Vec<BackendNumber>> {
        Box::pin(async move {
            let mut state = self.state();
            if state.is_down {
                return no_answer();
            }
            state.read_back += 1;
            if state.refuses_read_back {
                return Err(BackendError::Rejected(ProvisioningError::new("Disconnected", "no such tenant", None)));
            }
            Ok(numbers.iter().filter_map(|number| state.held.get(number)).cloned().collect())
        })
    }
}
