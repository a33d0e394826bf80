//! Staging numbers as they are: each is released, changed or moved, and a rule that it would break then refuses it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::selection::{Chooser, Chosen, Records, RefusedNumber, too_many};
use crate::domain::edit::{Change, SettingsEdit};
use crate::domain::rules::{self, Flaw};
use crate::domain::{
    Account, CivicAddress, E164, ItemState, Moves, Number, NumberSettings, Places, ServiceSet, TenantId, Verdict,
};
use crate::service::staging::{AccountFacts, Folding, account_facts, profile_flaw};
use crate::service::{Result, Rules};
use crate::store::{Before, NewItem, NewProblem, NoteRow, Tx};

/// Settings that are remembered; beyond it they are forgotten and made anew.
const REMEMBERED: usize = 2_000;

/// What becomes of the numbers.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// They are released.
    Release,
    /// What was chosen changes.
    Edit(SettingsEdit),
    /// They go to this account, and what was chosen changes.
    Move(SettingsEdit, Arc<AccountFacts>),
}

impl Task {
    /// Whether settings of a Teams service are chosen for a number that has none afterwards.
    fn is_misplaced(&self, after: &NumberSettings) -> bool {
        match self {
            Self::Release => false,
            Self::Edit(edit) | Self::Move(edit, _) => edit.is_misplaced(after),
        }
    }

    /// Whether the numbers of this account stay on it.
    fn keeps_account(&self, from: &AccountFacts) -> bool {
        match self {
            Self::Release | Self::Edit(_) => true,
            Self::Move(_, to) => to.account.id == from.account.id,
        }
    }

    /// The civic address that is chosen.
    fn address(&self) -> Option<&str> {
        match self {
            Self::Edit(edit) | Self::Move(edit, _) => match &edit.civic_address {
                Change::To(Some(id)) => Some(id),
                _ => None,
            },
            Self::Release => None,
        }
    }
}

/// Settings that follow from others, and what stands against them.
struct Derived {
    settings: Arc<NumberSettings>,
    id: i64,
    flaws: Vec<Flaw>,
}

/// A draft while its numbers are put into it.
pub(super) struct Staging<'a> {
    rules: &'a Rules,
    order_id: i64,
    task: Task,
    accounts: HashMap<Arc<str>, Arc<AccountFacts>>,
    /// By account and settings that numbers have now.
    derived: HashMap<(i64, i64), Arc<Derived>>,
    interned: HashSet<i64>,
    /// The accounts that have numbers of the draft or get them, each at the rev that it was read with.
    pub(super) touched: BTreeMap<i64, i64>,
    /// On which account numbers were when the draft was made, where it is made anew.
    before: HashMap<E164, i64>,
    /// The addresses of tenants whose accounts have been met, as far as the form names them.
    addresses: Vec<CivicAddress>,
    /// Whether numbers go to another tenant.
    pub(super) leaves_tenant: bool,
    /// Lines that are refused so far.
    pub(super) refused: i64,
    pub(super) staged: usize,
    /// Whether something is proposed for a line that is refused.
    pub(super) has_proposals: bool,
    notes: i64,
    /// What is wrong with the last numbers of a line, which may have more.
    folding: Option<Folding>,
    /// The last line whose cells stand with what is wrong with it.
    recorded: u32,
}

impl<'a> Staging<'a> {
    /// Begins with so many lines that were refused before.
    pub(super) fn new(rules: &'a Rules, order_id: i64, task: Task, refused: i64) -> Self {
        Self {
            rules,
            order_id,
            task,
            accounts: HashMap::new(),
            derived: HashMap::new(),
            interned: HashSet::new(),
            touched: BTreeMap::new(),
            before: HashMap::new(),
            addresses: Vec::new(),
            leaves_tenant: false,
            refused,
            staged: 0,
            has_proposals: false,
            notes: 0,
            folding: None,
            recorded: 0,
        }
    }

    /// Makes a draft anew whose numbers were on these accounts.
    pub(super) fn anew(mut self, before: HashMap<E164, i64>) -> Self {
        self.before = before;
        self
    }

    /// Where the numbers go, where they move.
    pub(super) fn moves(&self) -> Option<Moves> {
        let moves = matches!(self.task, Task::Move(..));
        moves.then_some(if self.leaves_tenant { Moves::ToOtherTenant } else { Moves::WithinTenant })
    }

    /// Stages all numbers that are meant.
    pub(super) async fn run(&mut self, tx: &mut Tx, mut chooser: Chooser<'_>) -> Result<()> {
        let most = self.rules.policy.max_numbers;
        while let Some(chosen) = chooser.next(tx).await? {
            self.take(tx, chosen).await?;
            if self.staged > most {
                return Err(too_many(most));
            }
        }
        let last: Vec<NewProblem> = self.folding.take().into_iter().flat_map(Folding::finished).collect();
        self.refuse(tx, &last).await
    }

    async fn refuse(&mut self, tx: &mut Tx, problems: &[NewProblem]) -> Result<()> {
        let is_proposed = |problem: &NewProblem| problem.mend.as_ref().is_some_and(|mend| mend.proposal.is_some());
        self.has_proposals |= problems.iter().any(is_proposed);
        tx.insert_problems(self.order_id, self.refused + 1, problems).await?;
        self.refused += problems.len() as i64;
        Ok(())
    }

    /// Puts what is wrong in the order of the lines: once for numbers in a row of one line, and with what stands on it.
    fn in_order(
        &mut self,
        read: Vec<NewProblem>,
        mut refused: Vec<RefusedNumber>,
        records: &Records<'_>,
    ) -> Vec<NewProblem> {
        refused.sort_by_key(|refused| (refused.line, refused.number));
        let (mut read, mut ordered) = (read.into_iter().peekable(), Vec::new());
        for RefusedNumber { line, number, problems } in refused {
            while let Some(problem) = read.next_if(|problem| problem.line <= line) {
                ordered.extend(self.folding.take().into_iter().flat_map(Folding::finished));
                self.recorded = problem.line;
                ordered.push(problem);
            }
            // What was ticked has no line, and is counted number by number.
            if line == 0 {
                ordered.extend(problems);
                continue;
            }
            if let Err((before, mut now)) = Folding::with(&mut self.folding, (line, number), problems) {
                ordered.extend(before.into_iter().flat_map(Folding::finished));
                if line != self.recorded
                    && let Some(first) = now.problems.first_mut()
                {
                    first.record = records.of(line);
                    self.recorded = line;
                }
                self.folding = Some(now);
            }
        }
        for problem in read {
            ordered.extend(self.folding.take().into_iter().flat_map(Folding::finished));
            self.recorded = problem.line;
            ordered.push(problem);
        }
        ordered
    }

    async fn take(&mut self, tx: &mut Tx, chosen: Chosen<'_>) -> Result<()> {
        let Chosen { numbers, problems, mut refused, notes, records } = chosen;
        self.look_up_accounts(tx, &numbers).await?;
        let (mut items, mut values) = (Vec::with_capacity(numbers.len()), HashMap::new());
        // Numbers with the same settings share one value as long as these are here.
        let mut ids: HashMap<usize, i64> = HashMap::new();
        for (line, number) in &numbers {
            let id = *ids.entry(Arc::as_ptr(&number.settings).addr()).or_insert_with(|| number.settings.id());
            match self.item(*line, number, id, &mut values) {
                Ok(item) => items.extend(item),
                Err(problems) => {
                    refused.push(RefusedNumber { line: *line, number: number.telephone_number, problems });
                }
            }
        }
        if self.interned.len() >= REMEMBERED {
            self.interned.clear();
        }
        values.retain(|id, _| self.interned.insert(*id));
        let values: Vec<NumberSettings> = values.into_values().map(Arc::unwrap_or_clone).collect();
        tx.intern_all_settings(&values).await?;
        tx.insert_items(self.order_id, &items).await?;
        let problems = self.in_order(problems, refused, &records);
        self.refuse(tx, &problems).await?;
        let notes: Vec<NoteRow> = notes
            .into_iter()
            .zip(self.notes + 1..)
            .map(|(note, seq)| NoteRow { seq, line: note.line.into(), value: note.value, text: note.text })
            .collect();
        tx.insert_notes(self.order_id, &notes).await?;
        self.notes += notes.len() as i64;
        self.staged += items.len();
        Ok(())
    }

    async fn look_up_accounts(&mut self, tx: &mut Tx, numbers: &[(u32, Number)]) -> Result<()> {
        let mut names: Vec<&str> = numbers
            .iter()
            .map(|(_, number)| &*number.account)
            .filter(|name| !self.accounts.contains_key(*name))
            .collect();
        names.sort_unstable();
        names.dedup();
        for chunk in names.chunks(500) {
            let accounts = tx.accounts_named(chunk).await?;
            self.look_up_addresses(tx, &accounts).await?;
            for account in accounts {
                let name: Arc<str> = account.name.as_str().into();
                self.accounts.insert(name, Arc::new(account_facts(tx, account).await?));
            }
        }
        Ok(())
    }

    /// Looks up what the places are called that the form names, at whichever of these enterprises they are.
    async fn look_up_addresses(&mut self, tx: &mut Tx, accounts: &[Account]) -> Result<()> {
        let Some(id) = self.task.address() else { return Ok(()) };
        let named: Vec<(TenantId, String)> =
            accounts.iter().filter_map(|account| Some((account.tenant_id.clone()?, id.to_owned()))).collect();
        if !named.is_empty() {
            self.addresses.extend(tx.civic_addresses_of_tenants(&named).await?);
        }
        Ok(())
    }

    /// The number as the draft has it; nothing where its account went meanwhile.
    fn item(
        &mut self,
        line: u32,
        number: &Number,
        id: i64,
        values: &mut HashMap<i64, Arc<NumberSettings>>,
    ) -> std::result::Result<Option<NewItem>, Vec<NewProblem>> {
        let Some(from) = self.accounts.get(&number.account).cloned() else { return Ok(None) };
        let to = match &self.task {
            Task::Move(_, to) => {
                // Whatever the rules say of it: what leads to another enterprise is no move within one.
                self.leaves_tenant |= where_to(&from, to) == Moves::ToOtherTenant;
                to.clone()
            }
            Task::Release | Task::Edit(_) => Arc::clone(&from),
        };
        let account_id = to.account.id;
        let was_elsewhere = self.before.get(&number.telephone_number).is_some_and(|before| *before != from.account.id);
        if was_elsewhere && !(matches!(self.task, Task::Move(..)) && account_id == from.account.id) {
            return Err(vec![gone_elsewhere(line, number)]);
        }
        let derived = self.derived(&from, number, id);
        let own = match &self.task {
            Task::Release => Vec::new(),
            _ if derived.id == id => Vec::new(),
            task => {
                let mut flaws = rules::check_number(number.telephone_number, &derived.settings);
                if task.keeps_account(&from) && !flaws.is_empty() {
                    let before = rules::check_number(number.telephone_number, &number.settings);
                    flaws.retain(|flaw| !before.contains(flaw));
                }
                flaws
            }
        };
        let flaws: Vec<Flaw> = derived.flaws.iter().cloned().chain(own).collect();
        if !flaws.is_empty() {
            let places = Places::of(&self.addresses);
            return Err(flaws.into_iter().map(|flaw| problem(line, number, flaw, &places)).collect());
        }
        values.entry(derived.id).or_insert_with(|| derived.settings.clone());
        for account in [&from.account, &to.account] {
            self.touched.entry(account.id).or_insert(account.rev);
        }
        Ok(Some(NewItem {
            number: number.telephone_number,
            line,
            account_id,
            settings_id: derived.id,
            country: number.country.clone(),
            state: ItemState::Idle,
            before: Some(Before {
                account_id: from.account.id,
                settings_id: id,
                rev: number.rev,
                verdict: self.expected(derived.id == id && account_id == from.account.id),
            }),
        }))
    }

    /// What the review will say of a number unless something stands against it.
    const fn expected(&self, stays_as_it_is: bool) -> Verdict {
        match self.task {
            Task::Release => Verdict::Release,
            _ if stays_as_it_is => Verdict::Unchanged,
            _ => Verdict::Changed,
        }
    }

    fn derived(&mut self, from: &AccountFacts, number: &Number, id: i64) -> Arc<Derived> {
        let key = (from.account.id, id);
        if let Some(known) = self.derived.get(&key) {
            return known.clone();
        }
        if self.derived.len() >= REMEMBERED {
            self.derived.clear();
        }
        let derived = Arc::new(self.derive(from, &number.settings, id));
        self.derived.insert(key, derived.clone());
        derived
    }

    fn derive(&self, from: &AccountFacts, before: &Arc<NumberSettings>, id: i64) -> Derived {
        let usual = self.rules.policy.default_calling_profile.as_ref();
        let (edit, to) = match &self.task {
            Task::Release => return Derived { settings: before.clone(), id, flaws: Vec::new() },
            Task::Edit(edit) => (edit.clone(), from),
            Task::Move(edit, to) => (moving(edit, from, to), &**to),
        };
        let settings = edit.applied(before, usual);
        // What stays as it is stays, whatever a form would say of it.
        if settings == **before && to.account.id == from.account.id {
            return Derived { settings: before.clone(), id, flaws: Vec::new() };
        }
        let mut flaws = rules::check(&settings, &to.account, &to.facts);
        if self.task.is_misplaced(&settings) {
            const REASON: &str = "Without a Teams service a number has no usage, capabilities, address, country or calling \
                                  profile. Choose a Teams service too, or leave the number out.";
            flaws.push(Flaw { field: "teams_service", value: String::new(), reason: REASON.to_owned() });
        }
        if self.task.keeps_account(from) && !flaws.is_empty() {
            // What is wrong with a number already is not held against a change of something else.
            let known = rules::check(before, &from.account, &from.facts);
            flaws.retain(|flaw| !known.contains(flaw));
        }
        if where_to(from, to) == Moves::ToOtherTenant && self.is_divided(&from.account, before, &to.account, &settings)
        {
            let reason = "Several backends have to know of it, which no order can move to another enterprise at once. Release it, \
                          and upload it to the other account once that is done.";
            flaws.push(Flaw { field: "to", value: String::new(), reason: reason.to_owned() });
        }
        if settings.calling_profile != before.calling_profile {
            flaws.extend(profile_flaw(&self.rules.policy, settings.calling_profile.as_deref()));
        }
        Derived { id: settings.id(), settings: Arc::new(settings), flaws }
    }
}

impl Staging<'_> {
    /// Whether several backends know the number on either account.
    fn is_divided(&self, from: &Account, before: &NumberSettings, to: &Account, after: &NumberSettings) -> bool {
        let backends = &self.rules.policy.backends;
        let provisioned = backends.provisioned();
        let known = |account: &Account, settings: &NumberSettings| account.pushed(provisioned).and(settings.services);
        backends.divide(known(from, before), None) || backends.divide(ServiceSet::default(), Some(known(to, after)))
    }
}

/// What changes on a move: an address is its tenant's and does not go along to another.
fn moving(edit: &SettingsEdit, from: &AccountFacts, to: &AccountFacts) -> SettingsEdit {
    let mut edit = edit.clone();
    if where_to(from, to) == Moves::ToOtherTenant {
        for place in [&mut edit.civic_address, &mut edit.location] {
            if *place == Change::Keep {
                *place = Change::To(None);
            }
        }
    }
    edit
}

/// Whether an account belongs to the same tenant as another. Two accounts without a tenant may be anybody's.
pub(super) fn where_to(from: &AccountFacts, to: &AccountFacts) -> Moves {
    let is_same = from.account.tenant_id.is_some() && from.account.tenant_id == to.account.tenant_id;
    if is_same || from.account.id == to.account.id { Moves::WithinTenant } else { Moves::ToOtherTenant }
}

/// A draft does not follow a number to whoever has it meanwhile.
fn gone_elsewhere(line: u32, number: &Number) -> NewProblem {
    let reason = format!(
        "It went to another account, {}, after this draft was made, so it is left out. Begin again with it if it should \
         change there too.",
        number.account
    );
    let value = number.telephone_number.to_string();
    NewProblem { line, heading: None, value, reason, record: None, mend: None }
}

/// Why a number cannot be as the draft would have it.
fn problem(line: u32, number: &Number, flaw: Flaw, places: &Places) -> NewProblem {
    let reason =
        if flaw.value.is_empty() { flaw.reason } else { format!("{}: {}", places.words(&flaw.value), flaw.reason) };
    let value = number.telephone_number.to_string();
    NewProblem { line, heading: None, value, reason, record: None, mend: None }
}
