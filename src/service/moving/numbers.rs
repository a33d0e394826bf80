//! The numbers of a source: looked at as they come, compared and written in batches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::Import;
use super::standing::Open;
use crate::domain::field::counted;
use crate::domain::moving::{AtSource, Counts, Incoming, IncomingNumber, KeyedSettings, MovingProblem};
use crate::domain::number::content_id;
use crate::domain::quarantine::instant;
use crate::domain::{
    E164, NumberSettings, OrderKind, OrderSource, ProvisioningError, ServiceSet, SyncState, numbering_plan,
};
use crate::service::staging::account_names;
use crate::service::transact::transact;
use crate::service::{Error, Result, Rules, audit_entry, identity};
use crate::store::{ImportKind, ImportStatus, NewOrder, NumberHere, NumberInQuarantine, TakenNumber, Tx};

/// Numbers that are written in one transaction, as one order.
const BATCH: usize = 20_000;
/// The same of a service, whose pages may take long: little of them is to be asked for again.
const BATCH_OF_SERVICE: usize = 5_000;
/// Why numbers of an account are left out that nobody has.
const ABSENT: &str = "there is no such account, neither here nor in the source. Import the accounts first.";
/// Names of accounts that are looked up together.
const NAMES: usize = 500;

/// A number that waits to be compared and written.
pub(super) struct Waiting {
    number: E164,
    account: Arc<str>,
    open: Open,
    settings: Arc<KeyedSettings>,
    assigned: bool,
    /// What it is kept with, where it had not gone through at the source.
    error: Option<ProvisioningError>,
    country: Option<String>,
    place: Arc<str>,
    line: u32,
}

impl Waiting {
    fn problem(&self, field: &str, reason: impl AsRef<str>) -> MovingProblem {
        MovingProblem::new(self.line, field, &self.number.to_string(), reason).at(&self.place)
    }
}

/// A batch against what is here.
#[derive(Default)]
struct Compared<'a> {
    new: Vec<&'a Waiting>,
    here: u64,
    problems: Vec<MovingProblem>,
}

impl Compared<'_> {
    /// The counts with this batch.
    fn counted(&self, mut counts: Counts) -> Counts {
        counts.numbers.new += self.new.len() as u64;
        counts.numbers.here += self.here;
        counts.numbers.left_out += self.problems.len() as u64;
        counts.problems += self.problems.len() as u64;
        counts
    }
}

impl Import {
    /// Counts numbers that the source has and that are not taken over.
    pub(super) fn leave_out_numbers(&mut self, count: u64) {
        let tally = &mut self.findings.counts.numbers;
        tally.read += count;
        tally.left_out += count;
    }

    /// Takes in numbers of the source, and writes them once there are enough.
    ///
    /// # Errors
    /// When the database fails, or an account changes again and again meanwhile.
    pub async fn numbers(&mut self, place: &str, numbers: Vec<Incoming<IncomingNumber>>) -> Result<()> {
        self.look_up(&numbers).await?;
        let (place, all): (Arc<str>, usize) = (place.into(), numbers.len());
        let (mut repeated, mut first) = (0_u64, None);
        let (mut doubtful, mut doubted) = (0_u64, None);
        for incoming in numbers {
            self.findings.counts.numbers.read += 1;
            match incoming {
                Incoming::Problems(problems) => {
                    self.findings.counts.numbers.left_out += 1;
                    self.findings.add_all(problems.into_iter().map(|problem| problem.at(&place)));
                }
                Incoming::Item(number) => {
                    let again = (number.line, number.number);
                    if let Some(doubt) = numbering_plan::doubt(number.number) {
                        doubtful += 1;
                        doubted.get_or_insert((again, doubt));
                    }
                    if self.number(&place, number) {
                        repeated += 1;
                        first.get_or_insert(again);
                    }
                }
            }
        }
        if let Some((line, number)) = first {
            self.findings.counts.numbers.repeated += repeated;
            let reason = format!(
                "{repeated} of the {} here stood in the source before, on the same accounts, the first of them \
                 {number}. They were taken once. If that is the whole page, the source repeats its pages.",
                counted(all as i64, "number", "numbers")
            );
            self.findings.add(MovingProblem::new(line, "telephoneNumber", &number.to_string(), reason).at(&place));
        }
        if let Some(((line, number), doubt)) = doubted {
            let reason = format!(
                "{doubtful} of the {} here cannot be called, the first of them {number}: it is {}. They are taken over as they are. \
                 Correct them at the source, or release them afterwards.",
                counted(all as i64, "number", "numbers"),
                doubt.words()
            );
            self.findings.add(MovingProblem::new(line, "telephoneNumber", &number.to_string(), reason).at(&place));
        }
        let batch = if self.source.kind == ImportKind::Api { BATCH_OF_SERVICE } else { BATCH };
        if self.waiting.len() >= batch { self.write().await } else { Ok(()) }
    }

    /// Looks up the accounts that numbers name and the source did not bring.
    async fn look_up(&mut self, numbers: &[Incoming<IncomingNumber>]) -> Result<()> {
        let mut names: Vec<&str> = Vec::new();
        let mut last = "";
        for incoming in numbers {
            if let Incoming::Item(number) = incoming
                && *number.account != *last
                && !self.standings.knows(&number.account)
            {
                last = &number.account;
                names.push(last);
            }
        }
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Ok(());
        }
        let provisioned = self.ctx.policy.backends.provisioned();
        let mut tx = self.ctx.db.read().await?;
        for chunk in names.chunks(NAMES) {
            let mut found: HashMap<String, std::result::Result<Open, String>> = HashMap::new();
            for account in tx.accounts_named(chunk).await? {
                let open = if account.deleting {
                    Err("the account is being deleted here.".to_owned())
                } else {
                    Ok(Open::of(&account, provisioned))
                };
                found.insert(account.name, open);
            }
            for name in chunk {
                self.standings.set(name, found.remove(*name).unwrap_or_else(|| Err(ABSENT.to_owned())));
            }
        }
        Ok(())
    }

    /// Looks at one number; tells whether it stood in the source before, on the same account.
    fn number(&mut self, place: &Arc<str>, incoming: IncomingNumber) -> bool {
        let IncomingNumber { number, account, settings, assigned, at_source, line } = incoming;
        let Some(standing) = self.standings.get(&account) else { return false };
        let index = standing.index;
        match self.seen.entry(number.as_i64()) {
            Entry::Occupied(seen) if *seen.get() == index => return true,
            Entry::Occupied(seen) => {
                let first = *seen.get();
                let reason = format!(
                    "The number is on two accounts of the source: {} before, {account} here. It goes with the first; correct \
                     the source, or move it afterwards.",
                    self.standings.name(first)
                );
                self.findings.counts.numbers.left_out += 1;
                self.findings.add(MovingProblem::new(line, "accountName", &number.to_string(), reason).at(place));
                return false;
            }
            Entry::Vacant(free) => {
                free.insert(index);
            }
        }
        let Ok(open) = standing.open else {
            standing.leave_out(number);
            self.findings.counts.numbers.left_out += 1;
            return false;
        };
        let missing = settings.settings.services.without(open.services);
        if !missing.is_empty() {
            let reason = format!(
                "{} is not enabled on account {account}. Enable it on the account here, then import again.",
                missing.labels()
            );
            self.findings.counts.numbers.left_out += 1;
            self.findings.add(MovingProblem::new(line, "serviceDetails", &number.to_string(), reason).at(place));
            return false;
        }
        let (error, told) = self.kept_with(number, &at_source, settings.settings.services.and(open.pushed));
        let country = self.countries.of(number);
        let place = Arc::clone(place);
        let waiting = Waiting { number, account, open, settings, assigned, error, country, place, line };
        self.findings.add_all(told.map(|reason| waiting.problem("serviceProvisioningStatus", reason)));
        self.waiting.push(waiting);
        false
    }

    /// What a number is kept with that had not gone through at the source, or what is told of it instead.
    fn kept_with(
        &self,
        number: E164,
        at_source: &AtSource,
        pushed: ServiceSet,
    ) -> (Option<ProvisioningError>, Option<String>) {
        let error = match at_source {
            AtSource::Synced => return (None, None),
            AtSource::Waiting => AtSource::waiting_error(),
            AtSource::Failed(error) => ProvisioningError::clone(error),
        };
        let Some(service) = pushed.iter().next() else { return (None, None) };
        // Which of its backends refused it is not known, and it cannot be tried again as a whole.
        if self.ctx.policy.backends.divide(ServiceSet::default(), Some(pushed)) {
            let reason = format!(
                "The number has several backends and had not gone through at the source ({}: {}). It was taken as it is; \
                 compare it with its backends.",
                error.codes(),
                error.messages()
            );
            return (None, Some(reason));
        }
        (Some(error.of(service).without_number(number)), None)
    }

    /// Compares what waits with what is here, and writes what is new.
    pub(super) async fn write(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if !waiting.is_empty() {
            let numbers: Vec<E164> = waiting.iter().map(|waiting| waiting.number).collect();
            let compared = match self.record.clone() {
                None => {
                    let mut tx = self.ctx.db.read().await?;
                    let kept = tx.in_quarantine(&numbers, self.ctx.clock.now()).await?;
                    compare(&waiting, tx.numbers_here(&numbers).await?, kept)
                }
                Some(id) => {
                    let compared = self.write_in(&id, &waiting, &numbers).await?;
                    self.remember(&compared.new);
                    compared
                }
            };
            let counts = compared.counted(self.findings.counts);
            self.findings.add_all(compared.problems);
            self.findings.counts = counts;
            if self.record.is_some() {
                self.findings.all_saved();
            }
        }
        self.tell();
        Ok(())
    }

    async fn write_in<'w>(&self, id: &str, waiting: &'w [Waiting], numbers: &[E164]) -> Result<Compared<'w>> {
        let ctx = &self.ctx;
        let compared = transact!(ctx, |tx| {
            tx.take_time().await?;
            let kept = tx.in_quarantine(numbers, ctx.clock.now()).await?;
            let compared = compare(waiting, tx.numbers_here(numbers).await?, kept);
            if !compared.new.is_empty() {
                self.order(&mut tx, ctx, id, &compared.new).await?;
            }
            let counts = compared.counted(self.findings.counts);
            let kept = compared.problems.get(..self.findings.room()).unwrap_or(&compared.problems);
            self.record_in(&mut tx, id, (ImportStatus::Running, None), &counts, kept).await?;
            compared
        })?;
        self.ctx.wake_followers_of_accounts().await;
        Ok(compared)
    }

    /// Writes new numbers as an order that is done.
    async fn order(&self, tx: &mut Tx, rules: &Rules, import: &str, new: &[&Waiting]) -> Result<()> {
        let now = rules.clock.now();
        let person = self.mover.moving.principal();
        let mut names: Vec<&str> = new.iter().map(|waiting| &*waiting.account).collect();
        names.sort_unstable();
        names.dedup();
        let accounts = account_names(&names);
        let id = tx.next_number("orders").await?;
        let order = NewOrder {
            id,
            kind: OrderKind::Upload,
            source: OrderSource::Import,
            accounts: accounts.clone(),
            author: &person.name,
            author_id: identity(person),
            ticket: None,
            form: "{}".into(),
            refused_lines: 0,
        };
        tx.insert_order(&order, now).await?;
        let values: HashMap<i64, &NumberSettings> = new
            .iter()
            .map(|waiting| (waiting.settings.id, &waiting.settings.settings))
            .filter(|(id, _)| !self.interned.contains(id))
            .collect();
        tx.intern_all_settings(&values.into_values().cloned().collect::<Vec<_>>()).await?;
        let errors: Vec<ProvisioningError> = new.iter().filter_map(|waiting| waiting.error.clone()).collect();
        tx.intern_errors(&errors).await?;
        let taken: Vec<TakenNumber> = new.iter().map(|waiting| taken(waiting)).collect();
        if tx.take_over_numbers(id, &taken, now).await?.is_none() {
            return Err(Error::Overtaken(
                "An account or its numbers changed while they were taken over. Import again; it goes on where it stopped."
                    .into(),
            ));
        }
        tx.end_used_reservations(id).await?;
        let mut entry = audit_entry(&self.mover.moving, &self.mover.origin, "import.numbers");
        entry.subject_kind = "order";
        entry.subject = id.to_string();
        entry.order_id = Some(id);
        let told = serde_json::json!({ "import": import, "accounts": accounts, "numbers": { "new": new.len() } });
        entry.after = Some(told.to_string());
        tx.append_audit(entry, now).await?;
        Ok(())
    }

    /// Remembers settings that are stored now.
    fn remember(&mut self, new: &[&Waiting]) {
        const MOST: usize = 100_000;
        if self.interned.len() > MOST {
            self.interned.clear();
        }
        self.interned.extend(new.iter().map(|waiting| waiting.settings.id));
    }
}

fn taken(waiting: &Waiting) -> TakenNumber {
    TakenNumber {
        number: waiting.number,
        line: waiting.line,
        account_id: waiting.open.id,
        settings_id: waiting.settings.id,
        country: waiting.country.clone(),
        error_id: waiting.error.as_ref().map(content_id),
        assigned: waiting.assigned,
    }
}

/// Why a number that is in quarantine is not taken over; nothing for the account that had it.
fn quarantined(waiting: &Waiting, kept: &NumberInQuarantine) -> Option<MovingProblem> {
    // A dry run may be about an account that is not there yet.
    let had_it = match waiting.open.id {
        0 => kept.had_by == *waiting.account,
        id => kept.free_for == id,
    };
    let reason = format!(
        "The number is in quarantine until {}: account {} had it. Import it after that, or upload it: \
         whoever has the role AdminUser can let it out in the review.",
        instant(kept.until),
        kept.had_by
    );
    (!had_it).then(|| waiting.problem("telephoneNumber", reason))
}

fn compare(waiting: &[Waiting], here: Vec<NumberHere>, kept: Vec<NumberInQuarantine>) -> Compared<'_> {
    let kept: HashMap<E164, NumberInQuarantine> = kept.into_iter().map(|kept| (kept.number, kept)).collect();
    let mut here: HashMap<E164, NumberHere> = here.into_iter().map(|here| (here.number, here)).collect();
    let mut compared = Compared::default();
    for waiting in waiting {
        let Some(found) = here.remove(&waiting.number) else {
            match kept.get(&waiting.number).and_then(|kept| quarantined(waiting, kept)) {
                Some(problem) => compared.problems.push(problem),
                None => compared.new.push(waiting),
            }
            continue;
        };
        if found.account != *waiting.account {
            let reason = format!(
                "The number is on account {} here, and on {} in the source. It stays where it is; release it there first.",
                found.account, waiting.account
            );
            compared.problems.push(waiting.problem("accountName", reason));
        } else if found.state == SyncState::Releasing {
            let reason = "The number is being released here. Wait until that is complete, then import again.";
            compared.problems.push(waiting.problem("telephoneNumber", reason));
        } else if found.settings_id != waiting.settings.id {
            let reason = format!(
                "The number is on account {} here already, with other settings. They stay as they are here.",
                found.account
            );
            compared.problems.push(waiting.problem("serviceDetails", reason));
        } else {
            compared.here += 1;
        }
    }
    compared
}
