//! The accounts of a source.

use std::collections::HashMap;
use std::sync::Arc;

use super::Import;
use super::standing::Open;
use crate::domain::moving::{Incoming, IncomingAccount, MovingProblem};
use crate::domain::{Account, AccountDraft, TenantId};
use crate::service::accounts::create_in;
use crate::service::labels::{self, AccountLabel, Tenant};
use crate::service::transact::transact;
use crate::service::{Error, Result, Rules};
use crate::store::{ImportStatus, Tx};

/// Accounts that are looked at, and created, together.
const AT_ONCE: usize = 500;

/// What was found of an account.
enum Found {
    /// It is new here.
    New,
    /// It is here; what differs stays as it is.
    Here(Box<Account>, Option<MovingProblem>),
    /// It stood in the source before.
    Repeated,
    /// It stood in the source before, and differs.
    Twice(MovingProblem),
    /// It cannot be taken.
    Refused(Vec<MovingProblem>),
}

impl Import {
    /// Counts an account of the source that is here already, just so.
    pub(super) fn account_is_here(&mut self) {
        let tally = &mut self.findings.counts.accounts;
        tally.read += 1;
        tally.here += 1;
    }

    /// Takes in accounts of the source.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(&mut self, place: &str, accounts: Vec<Incoming<IncomingAccount>>) -> Result<()> {
        let mut readable = Vec::with_capacity(accounts.len());
        for account in accounts {
            self.findings.counts.accounts.read += 1;
            match account {
                Incoming::Item(account) => readable.push(account),
                Incoming::Problems(problems) => {
                    self.findings.counts.accounts.left_out += 1;
                    self.findings.add_all(problems.into_iter().map(|problem| problem.at(place)));
                }
            }
        }
        for chunk in readable.chunks(AT_ONCE) {
            let (found, created) = if self.is_dry_run() {
                let mut tx = self.ctx.db.read().await?;
                (self.examine(&mut tx, &self.ctx.rules(), chunk).await?, HashMap::new())
            } else {
                self.create(chunk).await?
            };
            self.take_in(place, chunk, found, &created);
        }
        if let Some(id) = self.record.clone() {
            let ctx = &self.ctx;
            transact!(ctx, |tx| {
                let counts = &self.findings.counts;
                self.record_in(&mut tx, &id, (ImportStatus::Running, None), counts, &[]).await?;
            })?;
            self.findings.all_saved();
        }
        self.tell();
        Ok(())
    }

    /// Creates those of these accounts that are new; gives what was found of each, and those that were created.
    async fn create(&self, chunk: &[IncomingAccount]) -> Result<(Vec<Found>, HashMap<String, Account>)> {
        let ctx = &self.ctx;
        let created = transact!(ctx, |tx| {
            let found = self.examine(&mut tx, ctx, chunk).await?;
            let new = || chunk.iter().zip(&found).filter(|(_, found)| matches!(found, Found::New)).map(|(new, _)| new);
            for IncomingAccount { draft, created_at, .. } in new() {
                create_in(&mut tx, ctx, &self.mover.accounts, &self.mover.origin, draft)
                    .await
                    .map_err(taken_meanwhile)?;
                if let Some(at) = created_at {
                    tx.set_account_created(draft.name.as_str(), *at).await?;
                }
            }
            let names: Vec<&str> = new().map(|account| account.draft.name.as_str()).collect();
            let accounts = if names.is_empty() { Vec::new() } else { tx.accounts_named(&names).await? };
            (found, accounts.into_iter().map(|account| (account.name.clone(), account)).collect())
        })?;
        self.ctx.wake_followers_of_accounts().await;
        Ok(created)
    }

    /// Compares accounts with those before them in the source and with those that are here.
    async fn examine(&self, tx: &mut Tx, rules: &Rules, chunk: &[IncomingAccount]) -> Result<Vec<Found>> {
        let names: Vec<&str> = chunk.iter().map(|account| account.draft.name.as_str()).collect();
        let here = if names.is_empty() { Vec::new() } else { tx.accounts_named(&names).await? };
        let mut here: HashMap<String, Account> =
            here.into_iter().map(|account| (account.name.clone(), account)).collect();
        let (mut drafts, mut labels) = (HashMap::<&str, &AccountDraft>::new(), HashMap::<&str, &str>::new());
        let mut found = Vec::with_capacity(chunk.len());
        for IncomingAccount { draft, line, .. } in chunk {
            let name = draft.name.as_str();
            let problem = |field: &str, value: &str, reason: String| MovingProblem::new(*line, field, value, reason);
            if let Some(before) = self.drafts.get(name).or(drafts.get(name).copied()) {
                found.push(if before == draft {
                    Found::Repeated
                } else {
                    let reason = "The account stood in the source before, with other content. The first one counts.";
                    Found::Twice(problem("name", name, reason.to_owned()))
                });
                continue;
            }
            drafts.insert(name, draft);
            if let Some(account) = here.remove(name) {
                found.push(compared(account, draft, *line));
                continue;
            }
            let Some(label) = draft.direct_routing.as_ref().map(|routing| routing.subdomain.as_str()) else {
                found.push(Found::New);
                continue;
            };
            let before = self.labels.get(label).map(|name| &**name).or(labels.get(label).copied());
            let against = self
                .against_label(tx, rules, (AccountLabel { account: name, label }, draft.tenant_id.as_ref()), before)
                .await?;
            labels.entry(label).or_insert(name);
            found.push(if against.is_empty() {
                Found::New
            } else {
                Found::Refused(against.into_iter().map(|reason| problem("subdomain", label, reason)).collect())
            });
        }
        Ok(found)
    }

    /// Why a new account cannot have a label, which `before` has in the source already.
    async fn against_label(
        &self,
        tx: &mut Tx,
        rules: &Rules,
        (wanted, tenant): (AccountLabel<'_>, Option<&TenantId>),
        before: Option<&str>,
    ) -> Result<Vec<String>> {
        let shared = before.map(|before| {
            format!(
                "Account {before} of the source has the same subdomain. Each account has its own; correct one of them."
            )
        });
        let checked = rules.policy.zones.as_ref().map(|zones| zones.check_label(wanted.label));
        let unavailable =
            labels::unavailable(tx, rules, self.mover.moving.principal(), (wanted, Tenant::Is(tenant))).await?;
        let mut against: Vec<String> = shared.into_iter().collect();
        against.extend(checked.and_then(std::result::Result::err).into_iter().flatten());
        against.extend(unavailable.map(labels::Unavailable::into_reason));
        Ok(against)
    }

    /// Remembers how accounts stand, for the numbers that come.
    fn take_in(
        &mut self,
        place: &str,
        chunk: &[IncomingAccount],
        found: Vec<Found>,
        created: &HashMap<String, Account>,
    ) {
        let provisioned = self.ctx.policy.backends.provisioned();
        for (IncomingAccount { draft, .. }, found) in chunk.iter().zip(found) {
            let name = draft.name.as_str();
            let tally = &mut self.findings.counts.accounts;
            let open = match found {
                Found::Repeated => {
                    tally.repeated += 1;
                    continue;
                }
                Found::Twice(problem) => {
                    tally.left_out += 1;
                    self.findings.add(problem.at(place));
                    continue;
                }
                Found::New => {
                    tally.new += 1;
                    let account = created.get(name);
                    Ok(account.map_or_else(|| Open::planned(draft, provisioned), |new| Open::of(new, provisioned)))
                }
                Found::Here(account, differs) => {
                    tally.here += 1;
                    self.findings.add_all(differs.map(|problem| problem.at(place)));
                    Ok(Open::of(&account, provisioned))
                }
                Found::Refused(problems) => {
                    tally.left_out += 1;
                    self.findings.add_all(problems.into_iter().map(|problem| problem.at(place)));
                    Err("their account was not taken; it is told with its own problem.".to_owned())
                }
            };
            let name: Arc<str> = name.into();
            if let Some(routing) = draft.direct_routing.as_ref().filter(|_| open.is_ok()) {
                self.labels.entry(routing.subdomain.clone()).or_insert_with(|| Arc::clone(&name));
            }
            self.standings.set(&name, open);
            self.drafts.insert(name, draft.clone());
        }
    }
}

/// What is told of an account that is here already.
fn compared(account: Account, draft: &AccountDraft, line: u32) -> Found {
    let name = draft.name.as_str();
    if account.deleting {
        let reason = "The account of this name is being deleted here. Wait until it is gone, then import again.";
        return Found::Refused(vec![MovingProblem::new(line, "name", name, reason)]);
    }
    let tenant = |id: &Option<TenantId>| id.as_ref().map_or_else(|| "no tenant".to_owned(), ToString::to_string);
    if account.tenant_id != draft.tenant_id {
        let reason = format!(
            "Account {name} is here for another tenant: {} here, {} in the source. Rename one of them, or delete the one \
             here.",
            tenant(&account.tenant_id),
            tenant(&draft.tenant_id)
        );
        return Found::Refused(vec![MovingProblem::new(line, "teamsTenantId", &tenant(&draft.tenant_id), reason)]);
    }
    let differs: Vec<&str> = [
        ("correlation ID", account.correlation_id != draft.correlation_id),
        ("services", account.services != draft.services),
        ("synced services", account.synced != draft.synced),
        ("subdomain, tokens or call screening", account.direct_routing != draft.direct_routing),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
    .collect();
    let problem = (!differs.is_empty()).then(|| {
        let reason = format!(
            "Account {name} is here already, and differs in: {}. It stays as it is here; change it on its page where the \
             source is right.",
            differs.join("; ")
        );
        MovingProblem::new(line, "", name, reason)
    });
    Found::Here(Box::new(account), problem)
}

/// Says that somebody else took the name or the subdomain meanwhile: then all is looked at again.
fn taken_meanwhile(error: Error) -> Error {
    match error {
        Error::Store(error) if error.is_taken() => {
            Error::Overtaken("An account was created by somebody else at the same moment. Import again.".into())
        }
        error => error,
    }
}
