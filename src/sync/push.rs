//! Pushing the numbers of one account: plan, send, ask, record.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::job::{LONGEST_POLL, given_up};
use super::{Engine, Next, Stop};
use crate::backend::{Backend, BackendError, ReleaseRequest, UploadRequest};
use crate::domain::{Account, Backends, OrderKind, ProvisioningError, ServedBy, ServiceSet, TenantId};
use crate::service::Ctx;
use crate::store::{Claim, NewPush, Push, PushOutcome, Tx};

/// A worker stays so long with an account that has more to do; then the others have their turn.
const TURN: Duration = Duration::from_secs(1);

/// What became of one round on a push.
pub(super) enum Round {
    /// It is finished, or was split: look again at once.
    Again,
    /// The backend is at work: look again then. With what people should know meanwhile.
    Then(OffsetDateTime, Option<String>),
}

impl<B: Backend> Engine<B> {
    pub(super) async fn push_account(&self, claim: &Claim, stop: &CancellationToken) -> Result<Next, Stop> {
        let Ok(account_id) = claim.key.parse() else { return Ok(Next::WhenWanted) };
        let began = Instant::now();
        loop {
            let Some(account) = self.ctx.db.read().await?.account_by_id(account_id).await? else {
                return Ok(Next::WhenWanted);
            };
            let Some(tenant) = account.tenant_id.clone() else { return Ok(Next::WhenWanted) };
            let pushes = self.plan(claim, &account, &tenant).await?;
            if pushes.is_empty() {
                return Ok(Next::WhenWanted);
            }
            let mut soonest: Option<OffsetDateTime> = None;
            let mut note = None;
            let mut again = false;
            let mut failed: Option<Stop> = None;
            for push in &pushes {
                if stop.is_cancelled() {
                    return Ok(Next::Unfinished(self.ctx.clock.now(), None));
                }
                match self.round(claim, push).await {
                    Ok(Round::Again) => again = true,
                    Ok(Round::Then(at, slow)) => {
                        soonest = Some(soonest.map_or(at, |soonest| soonest.min(at)));
                        note = note.or(slow);
                    }
                    Err(Stop::Fenced) => return Err(Stop::Fenced),
                    // The others are not kept from going on.
                    Err(stop) => failed = failed.or(Some(stop)),
                }
            }
            if let Some(stop) = failed {
                return Err(stop);
            }
            match soonest.filter(|_| !again) {
                Some(at) => return Ok(Next::Unfinished(at, note)),
                None if began.elapsed() >= TURN => return Ok(Next::Unfinished(self.ctx.clock.now(), note)),
                None => {}
            }
        }
    }

    /// The pushes of the account that are under way, and as many new ones as may be, written down before they are sent.
    async fn plan(&self, claim: &Claim, account: &Account, tenant: &TenantId) -> Result<Vec<Push>, Stop> {
        let mut tx = self.begin(claim).await?;
        let backends = &self.ctx.policy.backends;
        let pushed = backends.pushed(account);
        let mut room = Room::of(backends, pushed, self.options.pushes_at_once);
        for push in tx.pushes(account.id).await? {
            room.take(&push);
        }
        let forbidden = tx.consent(tenant).await?.filter(|row| row.consent.status.forbids_numbers());
        for kind in [OrderKind::Release, OrderKind::Upload] {
            while room.is_left() {
                let push = NewPush {
                    request_id: Ctx::new_id(),
                    account_id: account.id,
                    tenant_id: tenant,
                    kind,
                    size: self.options.batch_size as i64,
                    backends,
                    pushed,
                    full: room.full(),
                };
                let Some(push) = tx.plan_push(&push, self.ctx.clock.now()).await? else { break };
                match &forbidden {
                    _ if push.backend.is_none() => self.settle_here(&mut tx, &push, PushOutcome::Done).await?,
                    Some(row) if kind == OrderKind::Upload => {
                        let error = consent_does_not_stand(&row.consent.status.to_string());
                        let error = tx.intern_error(&error).await?;
                        self.settle_here(&mut tx, &push, PushOutcome::Refused(error)).await?;
                    }
                    _ => room.take(&push),
                }
            }
        }
        let pushes = tx.pushes(account.id).await?;
        tx.commit().await?;
        Ok(pushes)
    }

    /// Settles every number of a push, without a job of the backend.
    async fn settle_here(&self, tx: &mut Tx, push: &Push, outcome: PushOutcome) -> Result<(), Stop> {
        let numbers = tx.push_numbers(push.id).await?;
        tx.record_outcome(push, &numbers, outcome, self.ctx.clock.now()).await?;
        if tx.end_push_if_empty(push.id).await? {
            self.let_account_go(tx, push.account_id).await?;
        }
        Ok(())
    }

    async fn round(&self, claim: &Claim, push: &Push) -> Result<Round, Stop> {
        let now = self.ctx.clock.now();
        match &push.job_id {
            // A time that is further away than any pause was written before the clock was set back.
            Some(job_id) if push.poll_at <= now || push.poll_at > now + LONGEST_POLL => {
                match self.backend.job(&push.tenant_id, job_id).await {
                    Ok(job) => self.follow(claim, push, &job).await,
                    // The backend has forgotten the job: whether it was done shows when the request is looked for.
                    Err(BackendError::Rejected(_)) => self.ask_first(claim, push).await,
                    Err(_) if self.is_over_time(push) => self.follow(claim, push, &given_up(push)).await,
                    Err(error) => Err(error.into()),
                }
            }
            Some(_) => Ok(Round::Then(push.poll_at, self.slow_job(push, now))),
            None if push.sent => self.ask_first(claim, push).await,
            None => self.send(claim, push).await,
        }
    }

    /// The request may have reached the backend before: asks what became of it before sending it again.
    async fn ask_first(&self, claim: &Claim, push: &Push) -> Result<Round, Stop> {
        match self.backend.find_job(&push.tenant_id, &push.request_id).await {
            Ok(Some(job)) => self.follow(claim, push, &job).await,
            // One that is forgotten again and again is given up like one that never ends.
            Ok(None) if self.is_over_time(push) => self.follow(claim, push, &given_up(push)).await,
            Ok(None) => {
                let mut tx = self.begin(claim).await?;
                tx.push_is_unknown(push.id).await?;
                tx.commit().await?;
                self.send(claim, push).await
            }
            Err(BackendError::Rejected(error)) => self.refused(claim, push, &error).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn send(&self, claim: &Claim, push: &Push) -> Result<Round, Stop> {
        let mut tx = self.begin(claim).await?;
        let numbers = tx.push_numbers(push.id).await?;
        if numbers.is_empty() {
            tx.end_push_if_empty(push.id).await?;
            tx.commit().await?;
            return Ok(Round::Again);
        }
        let settings = tx.settings(push.settings_id).await?.unwrap_or_default();
        tx.push_sent(push.id).await?;
        tx.commit().await?;
        let (tenant, request_id) = (push.tenant_id.clone(), push.request_id.clone());
        let answer = match (push.kind, push.service) {
            (OrderKind::Release, _) | (OrderKind::Upload, None) => {
                self.backend.release(&ReleaseRequest { tenant, request_id, numbers }).await
            }
            (OrderKind::Upload, Some(service)) => {
                let settings = settings.part(service);
                let request = UploadRequest {
                    tenant,
                    request_id,
                    service,
                    calling_profile: settings.calling_profile,
                    settings: settings.teams,
                    numbers,
                };
                self.backend.upload(&request).await
            }
        };
        match answer {
            Ok(job) => self.follow(claim, push, &job).await,
            Err(BackendError::Rejected(error)) => self.refused(claim, push, &error).await,
            Err(error) => Err(error.into()),
        }
    }

    /// An account that is being deleted goes with its last number.
    pub(super) async fn let_account_go(&self, tx: &mut Tx, account_id: i64) -> Result<(), Stop> {
        if tx.account_by_id(account_id).await?.is_some_and(|account| account.deleting && account.number_count == 0) {
            tx.delete_empty_account(account_id, self.ctx.clock.now()).await?;
        }
        Ok(())
    }

    /// The backend refused the request as a whole. One number fails alone; more are halved, so that one bad number does
    /// not take its neighbours with it.
    async fn refused(&self, claim: &Claim, push: &Push, error: &ProvisioningError) -> Result<Round, Stop> {
        let mut tx = self.begin(claim).await?;
        let now = self.ctx.clock.now();
        let numbers = tx.push_numbers(push.id).await?;
        match numbers.get(numbers.len().saturating_sub(1) / 2) {
            Some(middle) if numbers.len() > 1 => {
                tx.split_push(push, *middle, [Ctx::new_id(), Ctx::new_id()], now).await?;
            }
            _ => {
                let cause = numbers.first().map_or_else(|| error.clone(), |number| error.without_number(*number));
                let cause = tx.intern_error(&push.blamed(cause)).await?;
                self.settle_here(&mut tx, push, PushOutcome::Refused(cause)).await?;
            }
        }
        tx.commit().await?;
        Ok(Round::Again)
    }
}

/// How many more pushes of an account may be under way to each backend that it is pushed to.
struct Room<'a>(Vec<(&'a ServedBy, usize)>);

impl<'a> Room<'a> {
    fn of(backends: &'a Backends, pushed: ServiceSet, at_once: usize) -> Self {
        let served = backends.iter().filter(|backend| !backend.services.and(pushed).is_empty());
        Self(served.map(|backend| (backend, at_once)).collect())
    }

    fn take(&mut self, push: &Push) {
        for (backend, left) in &mut self.0 {
            if push.backend.as_ref() == Some(&backend.name) {
                *left = left.saturating_sub(1);
            }
        }
    }

    /// Whether anything can be planned; what stays here always can, where no backend is asked.
    fn is_left(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(|(_, left)| *left > 0)
    }

    /// The services of the backends that have no room.
    fn full(&self) -> ServiceSet {
        let full = self.0.iter().filter(|(_, left)| *left == 0);
        full.fold(ServiceSet::default(), |all, (backend, _)| all.or(backend.services))
    }
}

fn consent_does_not_stand(status: &str) -> ProvisioningError {
    let message = format!("The enterprise's consent is {status}. The number was not sent to the backend.");
    ProvisioningError::new("ConsentNotActive", message, Some("consent".into()))
}
