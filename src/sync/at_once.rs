//! Pushing numbers to a backend that takes them at once: the answer says what became of each.
//!
//! Nothing recognises a repeat there. After a lost answer the numbers are read back: what is as it should be is done, and
//! only the others are sent again.

use std::collections::BTreeSet;

use super::job::{Results, decided, is_as_wanted, no_result};
use super::push::{Round, Sending};
use super::{Engine, Stop};
use crate::backend::{BackendError, NumberWrites};
use crate::domain::{E164, OrderKind, ProvisioningError};
use crate::store::{Claim, Lane, Push};

impl Engine {
    /// Takes a push as far as it goes now.
    pub(super) async fn round_at_once(
        &self,
        writes: &dyn NumberWrites,
        claim: &Claim,
        push: &Push,
    ) -> Result<Round, Stop> {
        if push.sent && self.settle_what_is_there(writes, claim, push).await? {
            return Ok(Round::Again);
        }
        let Some(sending) = self.prepare(claim, push).await? else { return Ok(Round::Again) };
        let answer = match &sending {
            Sending::Upload(request) => self.backend.ask(Lane::Pushes, writes.write(request)).await,
            Sending::Release(request) => self.backend.ask(Lane::Pushes, writes.remove(request)).await,
        };
        let results = match answer {
            Ok(results) => results,
            Err(BackendError::Rejected(error)) => return self.refused(claim, push, &error).await,
            Err(error) => return Err(error.into()),
        };
        let carried: BTreeSet<E164> = sending.numbers().iter().copied().collect();
        let mut results = decided(&results, &carried);
        let open: Vec<E164> = carried.into_iter().filter(|number| !results.contains_key(number)).collect();
        let read_back = self.proved(writes, push, &open).await;
        if let Ok(proved) = &read_back {
            results.extend(open.into_iter().map(|number| {
                let became = match proved {
                    Ok(proved) if proved.contains(&number) => Ok(()),
                    Ok(_) => Err(no_result()),
                    Err(refused) => Err(refused.clone()),
                };
                (number, became)
            }));
        }
        let mut tx = self.begin(claim).await?;
        self.record(&mut tx, push, &results).await?;
        tx.commit().await?;
        read_back.map(|_| Round::Again)
    }

    /// The request may have reached the backend before: records the numbers that are there as they should be. Tells
    /// whether none is left to be sent.
    async fn settle_what_is_there(&self, writes: &dyn NumberWrites, claim: &Claim, push: &Push) -> Result<bool, Stop> {
        let carried = self.ctx.db.read().await?.push_numbers(push.id).await?;
        let results: Results = match self.proved(writes, push, &carried).await? {
            Ok(proved) => proved.into_iter().map(|number| (number, Ok(()))).collect(),
            Err(refused) => carried.into_iter().map(|number| (number, Err(refused.clone()))).collect(),
        };
        let mut tx = self.begin(claim).await?;
        let finished = self.record(&mut tx, push, &results).await?;
        if !finished {
            tx.push_is_unknown(push.id).await?;
        }
        tx.commit().await?;
        Ok(finished)
    }

    /// Those of the numbers that are at the backend as the push wants them: by what it says of each of them now, or why it
    /// will not say it.
    async fn proved(
        &self,
        writes: &dyn NumberWrites,
        push: &Push,
        numbers: &[E164],
    ) -> Result<Result<BTreeSet<E164>, ProvisioningError>, Stop> {
        if numbers.is_empty() {
            return Ok(Ok(BTreeSet::new()));
        }
        let settings = self.ctx.db.read().await?.settings(push.settings_id).await?.unwrap_or_default();
        let held = match self.backend.ask(Lane::Pushes, writes.read_back(&push.tenant_id, numbers)).await {
            Ok(held) => held,
            Err(BackendError::Rejected(refused)) => return Ok(Err(refused)),
            Err(error) => return Err(error.into()),
        };
        let wanted =
            push.service.filter(|_| push.kind == OrderKind::Upload).map(|service| (service, settings.part(service)));
        let Some((service, part)) = wanted else {
            let there: BTreeSet<E164> = held.iter().map(|held| held.telephone_number).collect();
            return Ok(Ok(numbers.iter().copied().filter(|number| !there.contains(number)).collect()));
        };
        let alike = held.into_iter().map(|held| (held.telephone_number, is_as_wanted(held, service, &part)));
        Ok(Ok(alike.filter(|(_, is_alike)| *is_alike).map(|(number, _)| number).collect()))
    }
}
