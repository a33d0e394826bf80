//! Taking in what a backend says of a tenant's numbers: a list is read page by page, and what is not in it any more is
//! forgotten once all of it is known.

use time::OffsetDateTime;

use super::{Engine, Stop};
use crate::backend::BackendNumber;
use crate::domain::{E164, NumberSettings, Service, TenantId};
use crate::store::{self, Claim, Described, Observed, Round, Tx};

/// A list under way.
pub(super) struct List {
    round: Round,
    began: OffsetDateTime,
    /// The stretch that the last page covers: what is behind the first number, up to the second.
    stretch: (i64, i64),
    /// Whether every page until now could be read, in the order of the numbers.
    is_complete: bool,
}

impl Engine {
    pub(super) async fn begin_list(&self, claim: &Claim, tenant: &TenantId) -> Result<List, Stop> {
        let mut tx = self.begin(claim).await?;
        let round = tx.begin_round(&self.info().name, tenant).await?;
        tx.commit().await?;
        Ok(List { round, began: self.ctx.clock.now(), stretch: (0, 0), is_complete: true })
    }

    /// Ends a list that was read to its end. Where a page could not be read, nothing is forgotten.
    pub(super) async fn end_list(&self, claim: &Claim, list: &List) -> Result<(), Stop> {
        if !list.is_complete {
            return Ok(());
        }
        loop {
            let mut tx = self.begin(claim).await?;
            let is_more = tx.forget_missing(list.round).await?;
            if !is_more {
                tx.end_round(list.round, list.began).await?;
            }
            tx.commit().await?;
            if !is_more {
                return Ok(());
            }
        }
    }
}

impl List {
    /// Takes in a page that was asked for at `asked_at`; tells whether to go on with [`List::miss`].
    pub(super) async fn take(
        &mut self,
        tx: &mut Tx,
        page: &[BackendNumber],
        asked_at: OffsetDateTime,
        (is_last, is_whole): (bool, bool),
    ) -> store::Result<bool> {
        let observed: Vec<Observed> = page.iter().map(observed).collect();
        tx.observe(self.round, &observed, asked_at).await?;
        let number = |held: &BackendNumber| held.telephone_number.as_i64();
        let after = self.stretch.1;
        let is_in_order = page.is_sorted_by_key(number) && page.first().is_none_or(|first| number(first) > after);
        let last = page.last().map_or(after, number);
        self.stretch = (after, if is_last { i64::MAX } else { last });
        self.is_complete &= is_whole && is_in_order;
        self.miss(tx, page, asked_at).await
    }

    /// Marks what is known of the last page's stretch and is not on the page, a part of it at a time; tells whether there is
    /// more of it.
    pub(super) async fn miss(
        &mut self,
        tx: &mut Tx,
        page: &[BackendNumber],
        asked_at: OffsetDateTime,
    ) -> store::Result<bool> {
        if !self.is_complete {
            return Ok(false);
        }
        let numbers: Vec<E164> = page.iter().map(|held| held.telephone_number).collect();
        let bound = tx.miss(self.round, self.stretch, &numbers, asked_at).await?;
        self.stretch.0 = bound.unwrap_or(self.stretch.1);
        Ok(bound.is_some())
    }
}

/// A number of the list as it is kept. What a service that is none of ours has stays as its own word.
fn observed(held: &BackendNumber) -> Observed {
    let settings = NumberSettings {
        services: Service::from_key(&held.service).into_iter().collect(),
        teams: held.settings.clone(),
        calling_profile: held.calling_profile.clone(),
        custom_sip_header: None,
    };
    Observed {
        number: held.telephone_number,
        described: Described { service: held.service.clone(), settings: settings.normalised() },
        assigned: held.assignment_status == "assigned",
    }
}
