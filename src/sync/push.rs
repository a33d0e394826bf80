//! Pushing the numbers of one account: plan, send, ask, record.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::job::given_up;
use super::reconcile::Look;
use super::{Engine, Next, Stop, interval};
use crate::backend::{BackendError, NumberJobs, Provisioning, ReleaseRequest, UploadRequest};
use crate::domain::{Account, BackendInfo, E164, OrderKind, ProvisioningError, ServiceSet, TenantId};
use crate::service::Ctx;
use crate::store::{Claim, Lane, NewPush, Push, PushOutcome, Tx};

/// A worker stays so long with an account that has more to do; then the others have their turn.
const TURN: Duration = Duration::from_secs(1);

/// What became of one round on a push.
pub(super) enum Round {
    /// It is finished, or was split: look again at once.
    Again,
    /// The backend is at work: look again then. With what people should know meanwhile.
    Then(OffsetDateTime, Option<String>),
}

/// A request that is about to be made.
pub(super) enum Sending {
    /// Numbers go to the tenant.
    Upload(UploadRequest),
    /// Numbers are taken back.
    Release(ReleaseRequest),
}

impl Sending {
    /// The numbers that it carries.
    pub(super) fn numbers(&self) -> &[E164] {
        match self {
            Self::Upload(request) => &request.numbers,
            Self::Release(request) => &request.numbers,
        }
    }
}

impl Engine {
    pub(super) async fn push_account(&self, claim: &Claim, stop: &CancellationToken) -> Result<Next, Stop> {
        let Ok(account_id) = claim.key.parse() else { return Ok(Next::WhenWanted) };
        let began = Instant::now();
        loop {
            let Some(account) = self.ctx.db.read().await?.account_by_id(account_id).await? else {
                return Ok(Next::WhenWanted);
            };
            let Some(tenant) = account.tenant_id.clone() else { return self.without_tenant(&account).await };
            let look = self.look(claim, &account, &tenant).await?;
            let (pushes, waits) = self.plan(claim, &account, &tenant, &look).await?;
            if pushes.is_empty() && !waits {
                return Ok(Next::WhenWanted);
            }
            if pushes.is_empty() {
                let (again, note) = look.pause(self.ctx.clock.now());
                return Ok(Next::Unfinished(again, Some(note)));
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

    /// Numbers of an account without a tenant wait until it has one, and people are told why.
    async fn without_tenant(&self, account: &Account) -> Result<Next, Stop> {
        let waits = self.ctx.db.read().await?.has_waiting_numbers(account.id).await?;
        if account.pushed(self.info().services).is_empty() || !waits {
            return Ok(Next::WhenWanted);
        }
        let reason = format!("Account {} has no tenant ID, so its numbers cannot be sent. Enter it.", account.name);
        Err(Stop::Retry { reason, after: None })
    }

    /// The account's pushes to this backend that are under way, and as many new ones as may be, written down before they
    /// are sent; and whether something waits for the backend's list or for a person.
    async fn plan(
        &self,
        claim: &Claim,
        account: &Account,
        tenant: &TenantId,
        look: &Look,
    ) -> Result<(Vec<Push>, bool), Stop> {
        let mut tx = self.begin(claim).await?;
        let info = self.info();
        let pushed = account.pushed(self.ctx.policy.backends.provisioned());
        let open = tx.pushes(account.id, &info.name).await?.len();
        let mut room = self.options.pushes_at_once.saturating_sub(open);
        let consent = if info.offers.consents { tx.consent(tenant).await? } else { None };
        let forbidden = consent.filter(|row| row.consent.status.forbids_numbers());
        let nobody = BackendInfo { name: String::new(), services: ServiceSet::default(), ..info.clone() };
        let mut waits = matches!(look, Look::Comparing | Look::Held);
        if matches!(look, Look::Comparing) {
            self.want_list(&mut tx, tenant.as_str()).await?;
        }
        let kinds: &[OrderKind] = if waits { &[] } else { &[OrderKind::Release, OrderKind::Upload] };
        for kind in kinds.iter().copied() {
            let is_blind = kind == OrderKind::Upload && forbidden.is_none() && matches!(look, Look::Stale);
            while room > 0 {
                let push = NewPush {
                    backend: if is_blind { &nobody } else { info },
                    pushed,
                    request_id: Ctx::new_id(),
                    account_id: account.id,
                    tenant_id: tenant,
                    kind,
                    size: i64::from(self.properties().batch_size),
                };
                let Some(push) = tx.plan_push(&push, self.ctx.clock.now()).await? else {
                    if is_blind && tx.waits_for_push(&NewPush { backend: info, ..push }).await? {
                        waits = true;
                        self.want_list(&mut tx, tenant.as_str()).await?;
                    }
                    break;
                };
                match &forbidden {
                    _ if push.backend.is_none() => self.settle_here(&mut tx, &push, PushOutcome::Done).await?,
                    Some(row) if kind == OrderKind::Upload => {
                        let error = consent_does_not_stand(&row.consent.status.to_string());
                        let error = tx.intern_error(&error).await?;
                        self.settle_here(&mut tx, &push, PushOutcome::Refused(error)).await?;
                    }
                    _ => match look {
                        Look::Known(list) if kind == OrderKind::Upload => {
                            room -= usize::from(self.settle_what_is_known(&mut tx, &push, *list).await?);
                        }
                        _ => room -= 1,
                    },
                }
            }
        }
        let pushes = tx.pushes(account.id, &info.name).await?;
        tx.commit().await?;
        Ok((pushes, waits))
    }

    /// Settles every number of a push, without a job of the backend.
    pub(super) async fn settle_here(&self, tx: &mut Tx, push: &Push, outcome: PushOutcome) -> Result<(), Stop> {
        let numbers = tx.push_numbers(push.id).await?;
        let recorded = tx.record_outcome(push, &numbers, outcome, self.ctx.clock.now()).await?;
        self.hand_to(tx, &recorded.receivers).await?;
        if tx.end_push_if_empty(push.id).await? {
            self.let_account_go(tx, push.account_id).await?;
        }
        Ok(())
    }

    /// Lets the accounts push what they got from another tenant.
    pub(super) async fn hand_to(&self, tx: &mut Tx, receivers: &[i64]) -> Result<(), Stop> {
        for account in receivers {
            tx.want_account(*account, &self.ctx.policy.backends, self.ctx.clock.now()).await?;
        }
        if !receivers.is_empty() {
            self.ctx.wake.notify_one();
        }
        Ok(())
    }

    async fn round(&self, claim: &Claim, push: &Push) -> Result<Round, Stop> {
        match &self.backend.backend.provisioning {
            Provisioning::ByJob(jobs) => self.round_by_job(&**jobs, claim, push).await,
            Provisioning::AtOnce(writes) => self.round_at_once(&**writes, claim, push).await,
        }
    }

    async fn round_by_job(&self, jobs: &dyn NumberJobs, claim: &Claim, push: &Push) -> Result<Round, Stop> {
        let now = self.ctx.clock.now();
        let longest_poll = interval(self.properties().jobs.longest_poll);
        match &push.job_id {
            // A time that is further away than any pause was written before the clock was set back.
            Some(job_id) if push.poll_at <= now || push.poll_at > now + longest_poll => {
                match self.backend.ask(Lane::Pushes, jobs.job(&push.tenant_id, job_id)).await {
                    Ok(job) => self.follow(claim, push, &job).await,
                    // The backend has forgotten the job: whether it was done shows when the request is looked for.
                    Err(BackendError::Rejected(_)) => self.ask_first(jobs, claim, push).await,
                    Err(_) if self.is_over_time(push) => self.follow(claim, push, &given_up(push)).await,
                    Err(error) => Err(error.into()),
                }
            }
            Some(_) => Ok(Round::Then(push.poll_at, self.slow_job(push, now))),
            None if push.sent => self.ask_first(jobs, claim, push).await,
            None => self.send(jobs, claim, push).await,
        }
    }

    /// The request may have reached the backend before: asks what became of it before sending it again.
    async fn ask_first(&self, jobs: &dyn NumberJobs, claim: &Claim, push: &Push) -> Result<Round, Stop> {
        match self.backend.ask(Lane::Pushes, jobs.find_job(&push.tenant_id, &push.request_id)).await {
            Ok(Some(job)) => self.follow(claim, push, &job).await,
            // One that is forgotten again and again is given up like one that never ends.
            Ok(None) if self.is_over_time(push) => self.follow(claim, push, &given_up(push)).await,
            Ok(None) => {
                let mut tx = self.begin(claim).await?;
                tx.push_is_unknown(push.id).await?;
                tx.commit().await?;
                self.send(jobs, claim, push).await
            }
            Err(BackendError::Rejected(error)) => self.refused(claim, push, &error).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn send(&self, jobs: &dyn NumberJobs, claim: &Claim, push: &Push) -> Result<Round, Stop> {
        let answer = match self.prepare(claim, push).await? {
            None => return Ok(Round::Again),
            Some(Sending::Upload(request)) => self.backend.ask(Lane::Pushes, jobs.upload(&request)).await,
            Some(Sending::Release(request)) => self.backend.ask(Lane::Pushes, jobs.release(&request)).await,
        };
        match answer {
            Ok(job) => self.follow(claim, push, &job).await,
            Err(BackendError::Rejected(error)) => self.refused(claim, push, &error).await,
            Err(error) => Err(error.into()),
        }
    }

    /// What is to be sent for a push, which is marked as sent. Nothing where it carries no number any more: then it is ended.
    pub(super) async fn prepare(&self, claim: &Claim, push: &Push) -> Result<Option<Sending>, Stop> {
        let mut tx = self.begin(claim).await?;
        let numbers = tx.push_numbers(push.id).await?;
        if numbers.is_empty() {
            tx.end_push_if_empty(push.id).await?;
            tx.commit().await?;
            return Ok(None);
        }
        let settings = tx.settings(push.settings_id).await?.unwrap_or_default();
        if !tx.push_sent(push.id).await? {
            tx.take_push_back(push.id).await?;
            tx.commit().await?;
            return Ok(None);
        }
        tx.commit().await?;
        let (tenant, request_id) = (push.tenant_id.clone(), push.request_id.clone());
        Ok(Some(match (push.kind, push.service) {
            (OrderKind::Release, _) | (OrderKind::Upload, None) => {
                Sending::Release(ReleaseRequest { tenant, request_id, numbers })
            }
            (OrderKind::Upload, Some(service)) => {
                let settings = settings.part(service);
                Sending::Upload(UploadRequest {
                    tenant,
                    request_id,
                    service,
                    calling_profile: settings.calling_profile,
                    settings: settings.teams,
                    numbers,
                })
            }
        }))
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
    pub(super) async fn refused(&self, claim: &Claim, push: &Push, error: &ProvisioningError) -> Result<Round, Stop> {
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

fn consent_does_not_stand(status: &str) -> ProvisioningError {
    let message = format!("The enterprise's consent is {status}. The number was not sent to the backend.");
    ProvisioningError::new("ConsentNotActive", message, Some("consent".into()))
}
