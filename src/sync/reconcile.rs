//! Looking before pushing: nothing goes to a backend for a number whose state there is not known, and nothing at all for an
//! account that has yet to be compared with it.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use super::{Engine, Stop, interval};
use crate::domain::{Account, E164, ProvisioningError, ReconcileState, TenantId};
use crate::store::{Claim, Push, PushOutcome, Standing, Tx, WorkKind};

/// A list of so many numbers counts as known for no longer than this.
const SHORT_LIST: i64 = 10_000;
const SHORT_KNOWN: Duration = Duration::minutes(5);
/// A longer one counts as known for two of its pulls, but no shorter and no longer than this.
const SHORTEST_KNOWN: Duration = Duration::minutes(10);
const LONGEST_KNOWN: Duration = Duration::hours(1);
/// An account that waits for its tenant's list is looked at again after this, if nothing wakes it before.
const LOOK_AGAIN: Duration = Duration::MINUTE;
/// One that waits for a person.
const ASK_AGAIN: Duration = Duration::HOUR;

/// What is known of a tenant's numbers at the backend before those of an account are pushed.
pub(super) enum Look {
    /// The list is known, and recent.
    Known(i64),
    /// It is to be pulled before numbers are uploaded.
    Stale,
    /// It is to be pulled before anything is pushed.
    Comparing,
    /// A person has to confirm what would change.
    Held,
}

impl Look {
    /// When an account that waits is looked at again, and what people read meanwhile.
    pub(super) fn pause(&self, now: OffsetDateTime) -> (OffsetDateTime, String) {
        let (pause, note) = if matches!(self, Self::Held) {
            (ASK_AGAIN, "Nothing is pushed until somebody confirms the changes on the account's page.")
        } else {
            (LOOK_AGAIN, "Before anything is pushed the backend is asked which numbers the tenant holds there.")
        };
        (now + pause, note.to_owned())
    }
}

impl Engine {
    /// What is known of the tenant's numbers, and whether numbers of the account may be pushed.
    pub(super) async fn look(&self, claim: &Claim, account: &Account, tenant: &TenantId) -> Result<Look, Stop> {
        let mut tx = self.ctx.db.read().await?;
        let standing = tx.standing(&self.info().name, tenant, account.id).await?;
        let known = self.known(&mut tx, tenant, &standing).await?;
        drop(tx);
        match standing.state {
            None | Some(ReconcileState::Going) => Ok(known.map_or(Look::Stale, |(list, _)| Look::Known(list))),
            Some(state) => match known {
                Some((list, looked_at))
                    if state == ReconcileState::Held
                        || standing.asked_at.is_none_or(|asked_at| looked_at >= asked_at) =>
                {
                    self.compare(claim, account, (list, looked_at)).await
                }
                _ => Ok(Look::Comparing),
            },
        }
    }

    /// The tenant's list, and as of when it is, where that is not long ago. A short one is rather asked for again.
    async fn known(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        standing: &Standing,
    ) -> Result<Option<(i64, OffsetDateTime)>, Stop> {
        let Some((list, (from, until))) = standing.list_id.zip(standing.looked) else { return Ok(None) };
        let age = self.ctx.clock.now() - until;
        if age <= SHORT_KNOWN {
            return Ok(Some((list, from)));
        }
        let longest: Duration = interval(self.properties().pulls.numbers) * 2_i32;
        if age > longest.clamp(SHORTEST_KNOWN, LONGEST_KNOWN) {
            return Ok(None);
        }
        let size = tx.seen_list(&self.info().name, tenant, SHORT_LIST + 1).await?.size;
        Ok((size > SHORT_LIST).then_some((list, from)))
    }

    /// Compares what waits of an account with the tenant's list, and lets it go or holds it for a person.
    async fn compare(
        &self,
        claim: &Claim,
        account: &Account,
        (list, looked_at): (i64, OffsetDateTime),
    ) -> Result<Look, Stop> {
        // Nobody waits for the comparison.
        let plan = self.ctx.db.search_for_engine().await?.push_plan(account.id, self.info(), list).await?;
        // Whoever deletes an account chose that its numbers go: nobody is asked a second time.
        let is_held = !account.deleting && self.ctx.policy.mass_change.needs_a_person(plan.changes(), plan.total);
        let state = if is_held { ReconcileState::Held } else { ReconcileState::Going };
        let mut tx = self.begin(claim).await?;
        tx.decide_reconcile(account.id, &self.info().name, state, (&plan, looked_at)).await?;
        tx.commit().await?;
        tracing::info!(
            backend = self.info().name,
            account = account.name,
            state = state.key(),
            alike = plan.alike,
            changes = plan.changes(),
            "an account was compared with the backend"
        );
        Ok(if is_held { Look::Held } else { Look::Known(list) })
    }

    /// Asks for the tenant's list of numbers.
    pub(super) async fn want_list(&self, tx: &mut Tx, tenant: &str) -> Result<(), Stop> {
        tx.want_work(WorkKind::Numbers.at(&self.info().name, tenant), self.ctx.clock.now()).await?;
        self.shared.wake_pulls.notify_one();
        Ok(())
    }

    /// Settles those numbers of a planned upload of which the backend is known to hold what is wanted, or that another
    /// tenant holds, and writes down what the others had. Tells whether any is left to be sent.
    pub(super) async fn settle_what_is_known(&self, tx: &mut Tx, push: &Push, list: i64) -> Result<bool, Stop> {
        let known = tx.known_of_push(push, list).await?;
        let now = self.ctx.clock.now();
        if known.alike.is_empty() && known.elsewhere.is_empty() {
            return Ok(true);
        }
        // The backend has not said anything new.
        let here = Push { backend: None, ..push.clone() };
        tx.record_outcome(&here, &known.alike, PushOutcome::Done, now).await?;
        let holders: BTreeSet<&str> = known.elsewhere.iter().map(|(_, holder)| holder.as_str()).collect();
        for holder in holders {
            let numbers: Vec<E164> =
                known.elsewhere.iter().filter(|(_, tenant)| tenant == holder).map(|(number, _)| *number).collect();
            let error = tx.intern_error(&push.blamed(held_by_another(holder))).await?;
            tx.record_outcome(&here, &numbers, PushOutcome::Refused(error), now).await?;
            // Whoever tries again after it was released there is believed.
            self.want_list(tx, holder).await?;
        }
        let is_empty = tx.end_push_if_empty(push.id).await?;
        if is_empty {
            self.let_account_go(tx, push.account_id).await?;
        }
        Ok(!is_empty)
    }
}

fn held_by_another(tenant: &str) -> ProvisioningError {
    let message =
        format!("The backend holds this number for another tenant ({tenant}). It was not sent to the backend.");
    ProvisioningError::new("NumberHeldByAnotherTenant", message, None)
}
