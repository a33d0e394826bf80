//! Lines of an upload become staged numbers and problems, chunk by chunk.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::folding::{Folding, Nameless};
use super::mending::keep_text;
use super::texts::Text;
use super::{AccountFacts, KeptFile, UploadForm, account_facts, form, profile_flaw};
use crate::domain::field::{counted, filled};
use crate::domain::number::InPlan;
use crate::domain::rules::{self, Flaw};
use crate::domain::upload::{
    Column, Exported, Line, LineNote, LineProblem, Said, UploadedNumber, file_and_line, misplaced, record_at, shown,
};
use crate::domain::{Account, E164, ItemState, NumberSettings, OrderKind, Service, number};
use crate::service::orders::compared_with;
use crate::service::{Result, Rules};
use crate::store::{HeldNumber, NewItem, NewProblem, NoteRow, Tx};

/// Remembered accounts, settings and results of checks; beyond it they are forgotten and made anew.
const REMEMBERED: usize = 2_000;
/// Flaws of a line that are told.
const FLAWS_TOLD: usize = 10;
/// Settings with their key.
#[derive(Clone)]
struct KeyedSettings {
    settings: Arc<NumberSettings>,
    id: i64,
}

impl KeyedSettings {
    fn new(settings: NumberSettings) -> Self {
        Self { id: settings.id(), settings: Arc::new(settings) }
    }
}

/// What a line makes of the settings that its number has, which are known by their id.
struct Made {
    said: Arc<Said>,
    base: Option<i64>,
    settings: KeyedSettings,
}

/// An account that gets numbers, as it was when they were staged.
struct TouchedAccount {
    id: i64,
    name: String,
    rev: i64,
}

impl From<&Account> for TouchedAccount {
    fn from(account: &Account) -> Self {
        Self { id: account.id, name: account.name.clone(), rev: account.rev }
    }
}

/// Numbers of blocks that belong to nobody.
struct Unassigned {
    first: E164,
    count: u64,
}

/// What is staged.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// The texts.
    pub(super) texts: &'a [Text<'a>],
    /// What is known of each.
    pub(super) files: &'a [KeptFile],
    /// Whether they are those of files.
    pub(super) is_file: bool,
}

impl Sources<'_> {
    /// The file that a line is in, where it has lines of cells.
    fn file(&self, line: u32) -> Option<&KeptFile> {
        self.files.get(file_and_line(line.into()).0).filter(|file| !file.columns.is_empty())
    }

    /// Where the text that a line is in begins, when all stand one after the other.
    fn start_of(&self, line: u32) -> usize {
        self.files.iter().take(file_and_line(line.into()).0).map(|file| file.bytes).sum()
    }

    /// The cells of the line of a number, as JSON.
    fn record(&self, row: &UploadedNumber) -> Option<String> {
        let file = self.file(row.line)?;
        let text = self.texts.get(file_and_line(row.line.into()).0)?.unmarked();
        serde_json::to_string(&record_at(text, row.start, file.delimiter)?).ok()
    }
}

/// Turns lines into staged numbers and problems, chunk by chunk.
pub(super) struct Stage<'a> {
    rules: &'a Rules,
    order_id: i64,
    form: &'a UploadForm,
    sources: Sources<'a>,
    form_settings: KeyedSettings,
    /// The calling profile of lines that name none.
    usual_profile: Option<String>,
    base: Option<Arc<AccountFacts>>,
    accounts: HashMap<String, Option<Arc<AccountFacts>>>,
    /// The accounts that get numbers, in the order in which they came.
    touched: Vec<TouchedAccount>,
    /// Their ids.
    known_touched: HashSet<i64>,
    flaws: HashMap<(i64, i64), Arc<Vec<Flaw>>>,
    /// What the line before said and made of the settings that its number had: most lines say the same.
    last: Option<Made>,
    /// What numbers of the present lines have that are here, where it matters.
    held: HashMap<E164, HeldNumber>,
    /// The settings of such numbers.
    known: HashMap<i64, KeyedSettings>,
    /// The settings that are known to be stored.
    interned: HashSet<i64>,
    countries: number::Countries,
    refused: i64,
    notes: i64,
    /// Whether something is proposed for a line that is refused.
    has_proposals: bool,
    unassigned: Option<Unassigned>,
    /// Lines whose account cell is blank although the file has such a column.
    nameless: Option<Nameless>,
    /// What is wrong with the last line, which may have more numbers.
    folding: Option<Folding>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        rules: &'a Rules,
        order_id: i64,
        form: &'a UploadForm,
        sources: Sources<'a>,
        settings: NumberSettings,
        base: Option<Arc<AccountFacts>>,
    ) -> Self {
        let form_settings = KeyedSettings::new(settings);
        Self {
            rules,
            order_id,
            form,
            sources,
            usual_profile: filled(&form.calling_profile)
                .or(rules.policy.default_calling_profile.as_deref())
                .map(str::to_owned),
            last: None,
            held: HashMap::new(),
            known: HashMap::new(),
            form_settings,
            base,
            accounts: HashMap::new(),
            touched: Vec::new(),
            known_touched: HashSet::new(),
            flaws: HashMap::new(),
            interned: HashSet::new(),
            countries: number::Countries::default(),
            refused: 0,
            notes: 0,
            has_proposals: false,
            unassigned: None,
            nameless: None,
            folding: None,
        }
    }

    /// Stages these lines; tells how many problems were found in them beside those that they bring.
    pub(super) async fn take(&mut self, tx: &mut Tx, lines: Vec<Line>) -> Result<usize> {
        self.look_up_accounts(tx, &lines).await?;
        self.look_up_numbers(tx, &lines).await?;
        let (mut items, mut problems, mut notes, mut values) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
        let known = stored_among(tx, &lines).await?;
        let mut own = 0;
        for line in lines {
            match line {
                Line::Note(note) => notes.push(self.noted(note)),
                Line::Problem(problem) => {
                    problems.extend(self.folding.take().into_iter().flat_map(Folding::finished));
                    problems.push(self.refused(problem));
                }
                Line::Number(UploadedNumber { doubt: Some(doubt), number, .. }) if !known.contains(&number) => {
                    own += 1;
                    problems.extend(self.folding.take().into_iter().flat_map(Folding::finished));
                    problems.push(self.refused(*doubt));
                }
                Line::Number(row) => match self.item(&row, &mut values) {
                    Ok(item) => {
                        self.see_account(&row);
                        items.push(item);
                    }
                    Err(found) => match Folding::with(&mut self.folding, (row.line, row.number), found) {
                        Ok(()) => {}
                        Err((before, now)) => {
                            own += now.problems.len();
                            problems.extend(before.into_iter().flat_map(Folding::finished));
                            self.folding = Some(now);
                        }
                    },
                },
            }
        }
        self.intern(tx, values).await?;
        tx.insert_items(self.order_id, &items).await?;
        tx.insert_problems(self.order_id, self.refused + 1, &problems).await?;
        tx.insert_notes(self.order_id, &notes).await?;
        self.refused += problems.len() as i64;
        Ok(own)
    }

    /// A line that cannot be taken; what is proposed for it has its place among all texts.
    fn refused(&mut self, mut problem: LineProblem) -> NewProblem {
        if let Some(mend) = &mut problem.mend {
            self.has_proposals |= mend.proposal.is_some();
            let start = self.sources.start_of(problem.line);
            (mend.start, mend.end) = (mend.start + start, mend.end + start);
        }
        problem.into()
    }

    /// Notes a line that leaves its account to the form, although its file has a column of accounts.
    fn see_account(&mut self, row: &UploadedNumber) {
        let has_column = |file: &KeptFile| file.heading_of(Column::AccountName).is_some();
        if row.account.is_none() && row.settings.is_some() && self.sources.file(row.line).is_some_and(has_column) {
            let nameless = self.nameless.get_or_insert(Nameless { first: row.line, number: row.number, count: 0 });
            nameless.count += 1;
        }
    }

    fn noted(&mut self, note: LineNote) -> NoteRow {
        self.notes += 1;
        NoteRow { seq: self.notes, line: note.line.into(), value: note.value, text: note.text }
    }

    async fn intern(&mut self, tx: &mut Tx, mut values: HashMap<i64, Arc<NumberSettings>>) -> Result<()> {
        values.retain(|id, _| !self.interned.contains(id));
        if values.is_empty() {
            return Ok(());
        }
        if self.interned.len() >= REMEMBERED {
            self.interned.clear();
        }
        self.interned.extend(values.keys());
        let values: Vec<NumberSettings> = values.into_values().map(Arc::unwrap_or_clone).collect();
        Ok(tx.intern_all_settings(&values).await?)
    }

    /// Looks up what the numbers of these lines have, as far as it matters for what the lines make of them.
    async fn look_up_numbers(&mut self, tx: &mut Tx, lines: &[Line]) -> Result<()> {
        let numbers: Vec<E164> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Number(row) => row.settings.as_ref().map(|said| (row, said)),
                Line::Problem(_) | Line::Note(_) => None,
            })
            .filter(|(row, said)| said.needs_base() || self.may_be_refused(row, said))
            .map(|(row, _)| row.number)
            .collect();
        self.held = if numbers.is_empty() { HashMap::new() } else { tx.held_numbers(&numbers).await? };
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let mut unknown: Vec<i64> = self.held.values().map(|held| held.settings_id).collect();
        unknown.retain(|id| !self.known.contains_key(id));
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            let found = tx.all_settings(&unknown).await?;
            let keyed = |(id, settings)| (id, KeyedSettings { settings: Arc::new(settings), id });
            self.known.extend(found.into_iter().map(keyed));
        }
        Ok(())
    }

    /// Whether a line that says all of a number's settings may be one that is refused for a new number only.
    fn may_be_refused(&mut self, row: &UploadedNumber, said: &Arc<Said>) -> bool {
        let Some(account) = self.account_of(row) else { return false };
        let settings = self.made(said, None);
        !self.flaws_of(&settings.settings, settings.id, &account).is_empty()
            || !rules::check_number(row.number, &settings.settings).is_empty()
            || (self.usual_profile.is_some() && said.has_no_profile())
            || settings.settings.services.is_empty()
    }

    fn account_of(&self, row: &UploadedNumber) -> Option<Arc<AccountFacts>> {
        match &row.account {
            None => self.base.clone(),
            Some(name) => self.accounts.get(name).cloned().flatten(),
        }
    }

    /// What a line makes of the settings that its number has; of a new number those of the form stand behind it.
    fn made(&mut self, said: &Arc<Said>, base: Option<&KeyedSettings>) -> KeyedSettings {
        let base_id = base.map(|base| base.id);
        if let Some(last) = &self.last
            && last.base == base_id
            && (Arc::ptr_eq(&last.said, said) || last.said == *said)
        {
            return last.settings.clone();
        }
        let settings = match base {
            None => {
                let new = said.of_new(&self.form_settings.settings);
                KeyedSettings::new(new.with_usual_profile(self.usual_profile.as_ref()).normalised())
            }
            Some(base) => {
                let kept = KeyedSettings::new(said.over(&base.settings));
                if kept.id == base.id || said.keeps_profile() {
                    kept
                } else {
                    let settings = Arc::unwrap_or_clone(kept.settings);
                    KeyedSettings::new(settings.with_usual_profile(self.usual_profile.as_ref()))
                }
            }
        };
        self.last = Some(Made { said: said.clone(), base: base_id, settings: settings.clone() });
        settings
    }

    async fn look_up_accounts(&mut self, tx: &mut Tx, lines: &[Line]) -> Result<()> {
        if self.accounts.len() >= REMEMBERED {
            self.accounts.clear();
        }
        let mut names: Vec<&str> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Number(row) => row.account.as_deref(),
                Line::Problem(_) | Line::Note(_) => None,
            })
            .filter(|name| !self.accounts.contains_key(*name))
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Ok(());
        }
        let mut found: HashMap<String, Account> = HashMap::new();
        for chunk in names.chunks(500) {
            found.extend(tx.accounts_named(chunk).await?.into_iter().map(|account| (account.name.clone(), account)));
        }
        for name in names {
            let known = match found.remove(name) {
                Some(account) => Some(Arc::new(account_facts(tx, account).await?)),
                None => None,
            };
            self.accounts.insert(name.to_owned(), known);
        }
        Ok(())
    }

    fn item(
        &mut self,
        row: &UploadedNumber,
        values: &mut HashMap<i64, Arc<NumberSettings>>,
    ) -> std::result::Result<NewItem, Vec<NewProblem>> {
        let number = row.number;
        let problem = |heading: Option<String>, value: &str, reason: &str| {
            NewProblem::from(LineProblem::new(row.line, value, reason).under(heading))
        };
        let Some(account) = self.account_of(row) else {
            let name = row.account.clone().unwrap_or_default();
            let reason = if name.is_empty() {
                "The line names no account. Fill the accountName column, or choose an account in the form.".to_owned()
            } else {
                format!("There is no account named {}. Create it first, or correct the name.", shown(&name))
            };
            let heading = self.heading(row, Column::AccountName);
            return Err(vec![NewProblem { record: self.sources.record(row), ..problem(heading, &name, &reason) }]);
        };
        let base = self.held.get(&number).filter(|held| held.account_id == account.account.id);
        let base = base.and_then(|held| self.known.get(&held.settings_id)).cloned();
        let KeyedSettings { settings, id: settings_id } = match &row.settings {
            None => self.form_settings.clone(),
            Some(said) => self.made(said, base.as_ref()),
        };
        let flaws = self.flaws_that_count(row, &settings, settings_id, base.as_ref(), &account);
        if !flaws.is_empty() {
            let record = self.sources.record(row);
            let mut problems: Vec<NewProblem> =
                flaws.into_iter().map(|flaw| self.of_flaw(row, flaw, &settings)).collect();
            if let Some(first) = problems.first_mut() {
                first.record = record;
            }
            return Err(problems);
        }
        let state = ItemState::of_new(&account.account, settings.services, self.rules.policy.backends.provisioned());
        values.entry(settings_id).or_insert(settings);
        if self.known_touched.insert(account.account.id) {
            self.touched.push((&account.account).into());
        }
        Ok(NewItem {
            number,
            line: row.line,
            account_id: account.account.id,
            settings_id,
            country: self.country(number),
            state,
            before: None,
        })
    }

    /// The heading that a column has in the file that a number is in.
    fn heading(&self, row: &UploadedNumber, column: Column) -> Option<String> {
        self.sources.file(row.line)?.heading_of(column).map(str::to_owned)
    }

    /// What is wrong with a number, under the heading that its file has for it.
    fn of_flaw(&self, row: &UploadedNumber, flaw: Flaw, settings: &NumberSettings) -> NewProblem {
        let column = column_of(flaw.field, settings);
        let heading = column.and_then(|column| self.heading(row, column));
        let cell = column.filter(|_| heading.is_some()).map(|column| {
            let exported = Exported { first: row.number, last: row.number, account: "", settings, assigned: false };
            column.cell(&exported)
        });
        let cell = cell.filter(|cell| !cell.is_empty() && column != Some(Column::AccountName));
        let value = if flaw.value.is_empty() { cell.unwrap_or_else(|| row.number.to_string()) } else { flaw.value };
        let is_of_form = column.is_some() && heading.is_none() && row.settings.is_some();
        let mut reason = flaw.reason;
        if is_of_form && flaw.field != "service" && flaw.field != "account" {
            reason.push_str(" The file has no column for it: it is as the number or the form has it.");
        }
        LineProblem::new(row.line, &value, reason).under(heading).into()
    }

    /// What is wrong with the settings that a number gets, as far as it is not so already.
    fn flaws_that_count(
        &mut self,
        row: &UploadedNumber,
        settings: &NumberSettings,
        settings_id: i64,
        base: Option<&KeyedSettings>,
        account: &AccountFacts,
    ) -> Vec<Flaw> {
        if base.is_some_and(|base| base.id == settings_id) {
            return Vec::new();
        }
        let mut flaws = self.flaws_of(settings, settings_id, account).to_vec();
        flaws.extend(rules::check_number(row.number, settings));
        if let Some(said) = &row.settings {
            flaws.extend(flaws_of_line(said, settings));
        }
        if let Some(base) = base.filter(|_| !flaws.is_empty()) {
            let mut before = self.flaws_of(&base.settings, base.id, account).to_vec();
            before.extend(rules::check_number(row.number, &base.settings));
            flaws.retain(|flaw| !before.contains(flaw));
        }
        flaws
    }

    /// The country of a number; counts it where its block belongs to nobody.
    fn country(&mut self, number: E164) -> Option<String> {
        let InPlan { country, is_assigned } = self.countries.in_plan(number);
        if !is_assigned {
            self.unassigned.get_or_insert(Unassigned { first: number, count: 0 }).count += 1;
        }
        country
    }

    fn flaws_of(&mut self, settings: &NumberSettings, settings_id: i64, account: &AccountFacts) -> Arc<Vec<Flaw>> {
        let key = (account.account.id, settings_id);
        if let Some(known) = self.flaws.get(&key) {
            return known.clone();
        }
        if self.flaws.len() >= REMEMBERED {
            self.flaws.clear();
        }
        let mut flaws = rules::check(settings, &account.account, &account.facts);
        flaws.extend(profile_flaw(&self.rules.policy, settings.calling_profile.as_deref()));
        let more = flaws.len().saturating_sub(FLAWS_TOLD);
        if more > 0 {
            flaws.truncate(FLAWS_TOLD);
            let more = counted(more as i64, "more setting of this line is", "more settings of this line are");
            let reason = format!("{more} wrong. Correct those that are told first.");
            flaws.push(Flaw { field: "", value: String::new(), reason });
        }
        let flaws = Arc::new(flaws);
        self.flaws.insert(key, flaws.clone());
        flaws
    }

    pub(super) async fn finish(mut self, tx: &mut Tx) -> Result<()> {
        let problems: Vec<NewProblem> = self.folding.take().into_iter().flat_map(Folding::finished).collect();
        tx.insert_problems(self.order_id, self.refused + 1, &problems).await?;
        self.refused += problems.len() as i64;
        if let Some(nameless) = self.nameless.take() {
            let note = self.noted(nameless.note(&self.form.account));
            tx.insert_notes(self.order_id, &[note]).await?;
        }
        if let Some(Unassigned { first, count }) = self.unassigned.take() {
            let numbers = counted(i64::try_from(count).unwrap_or(i64::MAX), "number is", "numbers are");
            let them = if count == 1 { "it" } else { "them" };
            let text = format!(
                "{numbers} possible but assigned to nobody in the numbering plan, such as {first}. Check {them} before you go on."
            );
            let note = NoteRow { seq: 0, line: 0, value: first.to_string(), text };
            tx.insert_notes(self.order_id, &[note]).await?;
        }
        let Sources { texts, is_file, .. } = self.sources;
        match texts {
            [text] if self.has_proposals || (is_file && text.body.len() <= form::KEPT_TEXT) => {
                keep_text(tx, self.order_id, text.unmarked(), is_file).await?;
            }
            [_] => {}
            texts if self.has_proposals => {
                let whole: String = texts.iter().map(Text::unmarked).collect();
                keep_text(tx, self.order_id, &whole, is_file).await?;
            }
            _ => {}
        }
        if self.touched.is_empty()
            && let Some(base) = &self.base
        {
            self.touched.push((&base.account).into());
        }
        for account in &self.touched {
            tx.insert_order_account(self.order_id, account.id, account.rev).await?;
        }
        let names: Vec<&str> = self.touched.iter().map(|account| account.name.as_str()).collect();
        tx.describe_order(self.order_id, &account_names(&names), self.refused).await?;
        tx.compare_items(self.order_id, OrderKind::Upload, compared_with(self.rules)).await?;
        tracing::info!(
            order.id = self.order_id,
            order.account = %self.form.account,
            order.refused_lines = self.refused,
            limit = self.rules.policy.max_numbers,
            "an upload is staged"
        );
        Ok(())
    }
}

/// What is wrong with a line of cells, seen from the settings that it makes.
fn flaws_of_line(said: &Said, settings: &NumberSettings) -> Vec<Flaw> {
    let flaw = |reason: String| Flaw { field: "service", value: String::new(), reason };
    let mut flaws = Vec::new();
    if settings.services.is_empty() {
        let reason =
            "No service is enabled. Write true in the enabled column of one service, or choose a service in the form.";
        flaws.push(flaw(reason.to_owned()));
    }
    flaws.extend(said.misplaced(settings.services).iter().map(|service| flaw(misplaced(service))));
    flaws
}

/// The first three names and how many more there are.
pub(in crate::service) fn account_names(names: &[&str]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        _ => names.join(", "),
    }
}

/// The numbers of these lines that are stored already, of those that could not be taken otherwise.
async fn stored_among(tx: &mut Tx, lines: &[Line]) -> Result<HashSet<E164>> {
    let doubted = lines.iter().filter_map(|line| match line {
        Line::Number(row) => row.doubt.as_ref().map(|_| row.number),
        Line::Problem(_) | Line::Note(_) => None,
    });
    let doubted: Vec<E164> = doubted.collect();
    if doubted.is_empty() {
        return Ok(HashSet::new());
    }
    Ok(tx.numbers_here(&doubted).await?.into_iter().map(|here| here.number).collect())
}

/// The column that a form field is in a file with columns.
fn column_of(field: &str, settings: &NumberSettings) -> Option<Column> {
    let service = settings.service().unwrap_or(Service::OperatorConnect);
    Some(match field {
        "account" => Column::AccountName,
        "service" => Column::Enabled(service),
        "usage" => Column::Usage(service),
        "additional_usage" => Column::AdditionalUsages(service),
        "capability" => Column::ChoosableCapabilities(service),
        "civic_address" => Column::CivicAddressId(service),
        "location" => Column::LocationId(service),
        "country" => Column::DisplayedCountryCode(service),
        "custom_sip_header" => Column::CustomSipHeader,
        "calling_profile" => Column::CallingProfile,
        _ => return None,
    })
}
