//! Pulling what the enterprises own: consents, civic addresses, capability plans, the assignment of numbers.

use time::Duration;

use super::{Engine, Next, Stop};
use crate::backend::Backend;
use crate::domain::{E164, TenantId};
use crate::store::{Claim, WorkKind};

/// Numbers looked at in one go when those that are free again are marked.
const CHUNK: i64 = 5_000;

impl<B: Backend> Engine<B> {
    pub(super) async fn pull_consents(&self, claim: &Claim) -> Result<Next, Stop> {
        let mut cursor = None;
        loop {
            let page = self.backend.consents_page(cursor.as_deref()).await?;
            let now = self.ctx.clock.now();
            let mut tx = self.begin(claim).await?;
            tx.upsert_consents(&page.items, now).await?;
            tx.want_work_for_new_tenants(WorkKind::CivicAddresses, now).await?;
            tx.commit().await?;
            if page.unreadable > 0 {
                tracing::warn!(page.unreadable, "consents of the backend could not be read");
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                self.ctx.wake.notify_one();
                return Ok(self.due_in(self.options.pull_consents));
            }
        }
    }

    pub(super) async fn pull_civic_addresses(&self, claim: &Claim) -> Result<Next, Stop> {
        let Ok(tenant) = TenantId::parse(&claim.key) else { return Ok(Next::WhenWanted) };
        let plans = self.backend.capability_plans(&tenant).await?;
        let began = self.ctx.clock.now();
        let (mut cursor, mut unreadable) = (None, 0);
        loop {
            let page = self.backend.civic_addresses_page(&tenant, cursor.as_deref()).await?;
            unreadable += page.unreadable;
            let mut tx = self.begin(claim).await?;
            let now = self.ctx.clock.now();
            tx.upsert_civic_addresses(&tenant, &page.items, now).await?;
            cursor = page.next_cursor;
            if cursor.is_none() {
                tx.set_capability_plans(&tenant, &plans, now).await?;
                if unreadable == 0 {
                    tx.remove_older_civic_addresses(&tenant, began).await?;
                }
            }
            tx.commit().await?;
            if cursor.is_none() {
                return Ok(self.due_in(self.options.pull_addresses));
            }
        }
    }

    pub(super) async fn pull_numbers(&self, claim: &Claim) -> Result<Next, Stop> {
        let Ok(tenant) = TenantId::parse(&claim.key) else { return Ok(Next::WhenWanted) };
        let (mut cursor, mut after) = (None, 0);
        loop {
            let page = self.backend.numbers_page(&tenant, cursor.as_deref()).await?;
            let (assigned, free): (Vec<_>, Vec<_>) =
                page.items.iter().partition(|number| number.assignment_status == "assigned");
            let of = |numbers: &[&crate::backend::BackendNumber]| {
                numbers.iter().map(|n| n.telephone_number).collect::<Vec<E164>>()
            };
            let mut tx = self.begin(claim).await?;
            tx.set_assignment(tenant.as_str(), &of(&assigned), true).await?;
            tx.set_assignment(tenant.as_str(), &of(&free), false).await?;
            // Numbers the backend does not hold any more are in nobody's use. The pages come in the order of the numbers.
            if page.unreadable == 0 {
                let end = if page.next_cursor.is_some() {
                    page.items.last().map_or(after, |n| n.telephone_number.as_i64())
                } else {
                    i64::MAX
                };
                let held: std::collections::BTreeSet<E164> = page.items.iter().map(|n| n.telephone_number).collect();
                let marked = tx.assigned_numbers(tenant.as_str(), after, CHUNK).await?;
                let gone: Vec<E164> = marked.into_iter().filter(|n| n.as_i64() <= end && !held.contains(n)).collect();
                tx.set_assignment(tenant.as_str(), &gone, false).await?;
                after = end;
            }
            tx.commit().await?;
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(self.due_in(self.options.pull_numbers));
            }
        }
    }

    fn due_in(&self, interval: Duration) -> Next {
        Next::DoneUntil(self.ctx.clock.now() + interval)
    }
}
