//! Pulling what the enterprises own: consents, civic addresses, capability plans, the assignment of numbers.

use std::collections::BTreeSet;

use std::time::Duration;

use super::{Engine, Next, Stop, interval};
use crate::backend::{Answer, BackendNumber, Cursor, Directory, ListFault, Page, Pages};
use crate::domain::{E164, TenantId};
use crate::store::{AuditEntry, Claim, ConsentChange, Lane, Tx, WorkKind};

/// Numbers looked at in one go when those that are free again are marked.
const CHUNK: i64 = 5_000;

impl Engine {
    /// What the backend knows of enterprises, where it has a directory.
    pub(super) fn directory(&self) -> Option<&dyn Directory> {
        self.backend.backend.directory.as_deref()
    }

    pub(super) async fn pull_consents(&self, claim: &Claim) -> Result<Next, Stop> {
        let Some(directory) = self.directory().filter(|_| self.info().offers.consents) else {
            return Ok(Next::WhenWanted);
        };
        let mut pages = Pages::default();
        let read = self.read_consents(directory, claim, &mut pages).await;
        // Also where the list broke off: whose consent was read is known.
        let mut tx = self.begin(claim).await?;
        tx.take_time().await?;
        self.note_unread(&mut tx, claim, &pages).await?;
        let now = self.ctx.clock.now();
        if self.info().offers.facts_of_tenants() {
            tx.want_work_for_new_tenants(&self.info().name, WorkKind::CivicAddresses, now).await?;
        }
        // What enterprises without an account hold there is known as well: nobody else can be given it.
        tx.want_work_for_new_tenants(&self.info().name, WorkKind::Numbers, now).await?;
        tx.commit().await?;
        self.ctx.wake.notify_one();
        read?;
        Ok(self.pulled(claim, pages.fault(), self.properties().pulls.consents))
    }

    async fn read_consents(&self, directory: &dyn Directory, claim: &Claim, pages: &mut Pages) -> Result<(), Stop> {
        while let Some(cursor) = pages.next() {
            let consents = pages.take(self.backend.ask(Lane::Pulls, directory.consents_page(&cursor)).await?);
            let (offers, now) = (self.info().offers, self.ctx.clock.now());
            let mut tx = self.begin(claim).await?;
            let changes = tx.consent_changes(&consents, offers).await?;
            tx.upsert_consents(&consents, offers, now).await?;
            for ConsentChange { tenant, before, after, moves_status } in changes {
                // Whether numbers that are up drift depends on it.
                if moves_status {
                    tx.want_work(WorkKind::Numbers.at(&self.info().name, tenant.as_str()), now).await?;
                }
                let seen = self.seen_entry("consent.seen", ("consent", tenant.as_str()));
                tx.append_audit(AuditEntry { before: Some(before), after: Some(after), ..seen }, now).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    pub(super) async fn pull_civic_addresses(&self, claim: &Claim) -> Result<Next, Stop> {
        let Ok(tenant) = TenantId::parse(&claim.key) else { return Ok(Next::WhenWanted) };
        let (offers, Some(directory)) = (self.info().offers, self.directory()) else { return Ok(Next::WhenWanted) };
        let plans = if offers.capability_plans {
            Some(self.backend.ask(Lane::Pulls, directory.capability_plans(&tenant)).await?)
        } else {
            None
        };
        let fault =
            if offers.civic_addresses { self.read_civic_addresses(directory, claim, &tenant).await? } else { None };
        if let Some(plans) = plans {
            let mut tx = self.begin(claim).await?;
            tx.set_capability_plans(&tenant, &plans, self.ctx.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(self.pulled(claim, fault, self.properties().pulls.addresses))
    }

    async fn read_civic_addresses(
        &self,
        directory: &dyn Directory,
        claim: &Claim,
        tenant: &TenantId,
    ) -> Result<Option<ListFault>, Stop> {
        let began = self.ctx.clock.now();
        let mut pages = Pages::default();
        while let Some(cursor) = pages.next() {
            let page = self.backend.ask(Lane::Pulls, directory.civic_addresses_page(tenant, &cursor)).await?;
            let addresses = pages.take(page);
            let mut tx = self.begin(claim).await?;
            let now = self.ctx.clock.now();
            tx.upsert_civic_addresses(tenant, &addresses, now).await?;
            // After the clock was set back those just read look older than the beginning.
            if pages.is_whole() && now >= began {
                tx.remove_older_civic_addresses(tenant, began).await?;
            }
            tx.commit().await?;
        }
        let mut tx = self.begin(claim).await?;
        self.note_unread(&mut tx, claim, &pages).await?;
        tx.commit().await?;
        Ok(pages.fault())
    }

    /// One page of the numbers that the backend holds for a tenant.
    pub(super) async fn numbers_page(
        &self,
        lane: Lane,
        tenant: &TenantId,
        cursor: &Cursor,
    ) -> Answer<Page<BackendNumber>> {
        self.backend.ask(lane, self.backend.backend.provisioning.numbers_page(tenant, cursor)).await
    }

    pub(super) async fn pull_numbers(&self, claim: &Claim) -> Result<Next, Stop> {
        let Ok(tenant) = TenantId::parse(&claim.key) else { return Ok(Next::WhenWanted) };
        let (mut pages, mut after) = (Pages::default(), 0);
        let mut list = self.begin_list(claim, &tenant).await?;
        while let Some(cursor) = pages.next() {
            let asked_at = self.ctx.clock.now();
            let page = self.numbers_page(Lane::Pulls, &tenant, &cursor).await?;
            let (is_last, is_whole) = (page.next_cursor.is_none(), page.unreadable == 0);
            let held = pages.take(page);
            let (assigned, free): (Vec<_>, Vec<_>) =
                held.iter().partition(|number| number.assignment_status == "assigned");
            let of = |numbers: &[&BackendNumber]| numbers.iter().map(|n| n.telephone_number).collect::<Vec<E164>>();
            let mut tx = self.begin(claim).await?;
            tx.mark_assigned(tenant.as_str(), &of(&assigned)).await?;
            tx.mark_free(tenant.as_str(), &self.info().name, &of(&free)).await?;
            // Numbers the backend does not hold any more are in nobody's use. The pages come in the order of the numbers.
            if is_whole {
                let end = if is_last { i64::MAX } else { held.last().map_or(after, |n| n.telephone_number.as_i64()) };
                let held: BTreeSet<E164> = held.iter().map(|n| n.telephone_number).collect();
                let marked = tx.assigned_numbers(tenant.as_str(), self.info().services, after, CHUNK).await?;
                let gone: Vec<E164> = marked.into_iter().filter(|n| n.as_i64() <= end && !held.contains(n)).collect();
                tx.mark_free(tenant.as_str(), &self.info().name, &gone).await?;
                after = end;
            }
            let mut is_more = list.take(&mut tx, &held, asked_at, (is_last, is_whole)).await?;
            tx.commit().await?;
            while is_more {
                let mut tx = self.begin(claim).await?;
                is_more = list.miss(&mut tx, &held, asked_at).await?;
                tx.commit().await?;
            }
        }
        self.end_list(claim, &tenant, &list, &pages).await?;
        if pages.is_whole() {
            self.compare_drift(claim, &tenant).await?;
        }
        Ok(self.pulled(claim, pages.fault(), self.properties().pulls.numbers))
    }

    /// Says what of a list could not be read, for the Connection page and the metrics.
    pub(super) async fn note_unread(&self, tx: &mut Tx, claim: &Claim, pages: &Pages) -> Result<(), Stop> {
        let (total, unread) = pages.unread();
        let named: Vec<(&str, Option<&str>)> =
            unread.iter().map(|unread| (unread.item.as_str(), unread.member.as_deref())).collect();
        tx.note_unread(claim, total, &named, self.ctx.clock.now()).await?;
        if total > 0 {
            let (backend, list) = (claim.backend.clone(), claim.kind.key());
            metrics::counter!("nmp_backend_unread_total", "backend" => backend, "list" => list)
                .increment(u64::try_from(total).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// How a pull ends: with what was read, due again after its interval, and said where the list has no end.
    fn pulled(&self, claim: &Claim, fault: Option<ListFault>, pause: Duration) -> Next {
        let next = self.ctx.clock.now() + interval(pause);
        self.shared.health.list_ended(claim, fault);
        fault.map_or(Next::DoneUntil(next), |fault| Next::InPart(next, fault.words()))
    }
}
