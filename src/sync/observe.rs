//! Taking in what a backend says of a tenant's numbers: a list is read page by page, and what is not in it any more is
//! forgotten once all of it is known.

use serde_json::Value;
use time::OffsetDateTime;

use super::{Engine, Stop};
use crate::backend::{BackendNumber, Pages};
use crate::domain::seen::SeenKind;
use crate::domain::{E164, Leaving, NumberSettings, Service, TenantId};
use crate::store::{self, AuditEntry, Claim, Described, Observed, Round, Tx};

/// Numbers looked at in one transaction.
const AT_ONCE: i64 = 10_000;

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
        let (began, services) = (self.ctx.clock.now(), self.info().services);
        let round = tx.begin_round(&self.info().name, tenant).await?.begun(began, services);
        tx.commit().await?;
        Ok(List { round, began, stretch: (0, 0), is_complete: true })
    }

    /// Ends a list, whether or not it was read to its end. Where a page could not be read, nothing is forgotten.
    pub(super) async fn end_list(
        &self,
        claim: &Claim,
        tenant: &TenantId,
        list: &List,
        pages: &Pages,
    ) -> Result<(), Stop> {
        if pages.is_whole() && list.is_complete {
            self.find_absent(claim, list).await?;
            self.forget(claim, list).await?;
        }
        let info = self.info();
        let mut tx = self.begin(claim).await?;
        self.note_unread(&mut tx, claim, pages).await?;
        if pages.fault().is_none() {
            tx.looked_at(&info.name, tenant, Some((list.began, self.ctx.clock.now()))).await?;
        }
        tx.want_accounts_of_tenant(info, tenant, self.ctx.clock.now()).await?;
        let seen = tx.seen_since(list.round.list_id(), list.began).await?;
        let told: serde_json::Map<String, Value> = seen
            .into_iter()
            .filter(|(kind, _)| !matches!(kind, SeenKind::Assigned | SeenKind::Unassigned))
            .map(|(kind, count)| (kind.key().to_owned(), count.into()))
            .collect();
        if !told.is_empty() {
            let after = Some(Value::Object(told).to_string());
            let entry = AuditEntry { after, ..self.seen_entry("numbers.seen", ("tenant", tenant.as_str())) };
            tx.append_audit(entry, self.ctx.clock.now()).await?;
        }
        tx.commit().await?;
        self.shared.wake_pushes.notify_one();
        Ok(())
    }

    /// Begins the audit row of something that was seen at the backend.
    pub(super) fn seen_entry(&self, action: &'static str, (kind, subject): (&'static str, &str)) -> AuditEntry {
        AuditEntry {
            actor: self.info().label.clone(),
            actor_id: format!("backend {}", self.info().name),
            origin: "seen at the backend".to_owned(),
            action,
            subject_kind: kind,
            subject: subject.to_owned(),
            ..AuditEntry::default()
        }
    }

    /// Finds numbers that are called synced with a list that is read for the first time and that does not have them.
    async fn find_absent(&self, claim: &Claim, list: &List) -> Result<(), Stop> {
        if list.round.was_listed() {
            return Ok(());
        }
        let (list_id, services) = (list.round.list_id(), self.info().services);
        let mut after = 0;
        loop {
            let absent = {
                let mut tx = self.ctx.db.search_for_engine().await?;
                tx.never_seen(list_id, services, after, AT_ONCE).await?
            };
            let Some(last) = absent.last() else { return Ok(()) };
            after = *last;
            let mut tx = self.begin(claim).await?;
            tx.are_absent((list_id, services), &absent).await?;
            tx.commit().await?;
        }
    }

    async fn forget(&self, claim: &Claim, list: &List) -> Result<(), Stop> {
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
        described: Described {
            service: held.service.clone(),
            settings: settings.normalised(),
            leaving: held.acquired_number_status.as_deref().and_then(Leaving::from_status),
        },
        assigned: held.assignment_status == "assigned",
    }
}
