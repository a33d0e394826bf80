//! What an engine of this process has to say of its backend, for those who run it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::backend::ListFault;
use crate::store::Claim;

/// The most lists that are told one by one.
const TOLD: usize = 3;

/// Lists of the backend that do not come to an end.
#[derive(Debug, Default)]
pub(super) struct Health {
    lists: Mutex<BTreeMap<(&'static str, String), ListFault>>,
}

impl Health {
    /// How the reading of a list ended.
    pub(super) fn list_ended(&self, claim: &Claim, fault: Option<ListFault>) {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (claim.kind.key(), claim.key.clone());
        match fault {
            Some(fault) => {
                metrics::counter!(
                    "nmp_backend_list_faults_total", "backend" => claim.backend.clone(), "list" => key.0, "fault" => fault.key()
                )
                .increment(1);
                // Once for each list and fault, however often the list is pulled.
                if lists.insert(key, fault) != Some(fault) {
                    tracing::warn!(work.kind = claim.kind.key(), work.key = %claim.key, fault = fault.key(), "{}", fault.words());
                }
            }
            None => drop(lists.remove(&key)),
        }
        metrics::gauge!("nmp_backend_lists_without_end", "backend" => claim.backend.clone())
            .set(f64::from(u32::try_from(lists.len()).unwrap_or(u32::MAX)));
    }

    /// One sentence for each fault, a few at most.
    pub(super) fn warnings(&self) -> Vec<String> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let told = lists.iter().take(TOLD).map(|((kind, key), fault)| {
            let of = if key.is_empty() { String::new() } else { format!(" of {key}") };
            format!("{kind}{of}: {}", fault.words())
        });
        let more = lists.len().saturating_sub(TOLD);
        told.chain((more > 0).then(|| format!("{more} further lists of the backend do not end."))).collect()
    }
}
