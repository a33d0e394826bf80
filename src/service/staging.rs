//! Staging an upload: text becomes a draft order that can be reviewed, or form problems that say what to mend.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::transact::transact;
use super::{Ctx, Error, Policy, Result, Rules, identity};
use crate::authz::{Grant, NumbersRead, NumbersWrite};
use crate::domain::field::{check_ticket, filled};
use crate::domain::rules::{self, Flaw, TenantFacts};
use crate::domain::upload::{self, Column, Line, Problem, Reader, Row};
use crate::domain::{
    Account, FieldProblem, ItemState, NumberSettings, OrderKind, OrderSource, Service, ServiceSet, TeamsSettings,
    number,
};
use crate::store::{NewItem, NewOrder, NewProblem, Tx};

/// What a person typed to upload numbers. Kept with the draft, so that it can be taken up again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadForm {
    /// Name of the account.
    pub account: String,
    /// Key of the Teams service; empty where the numbers have none.
    pub service: String,
    /// Keys of further services.
    pub further_service: Vec<String>,
    /// What the numbers are for.
    pub usage: String,
    /// The kinds of call they allow.
    pub capability: Vec<String>,
    /// Further usages.
    pub additional_usage: Vec<String>,
    /// The calling profile.
    pub calling_profile: String,
    /// Id of the emergency address.
    pub civic_address: String,
    /// Id of the place within it.
    pub location: String,
    /// Whether the enterprise may change the address.
    pub allow_tenant_address_update: bool,
    /// Country to display.
    pub country: String,
    /// Ticket of the change.
    pub ticket: String,
    /// Value of the SIP header.
    pub custom_sip_header: String,
    /// The list, ranges or CSV as typed.
    pub numbers: String,
}

/// Typed text beyond this many bytes is not kept with the draft.
const KEPT_TEXT: usize = 256 * 1024;
/// Lines taken from the reader at a time.
const CHUNK: usize = 2_000;
/// Remembered results of checks; beyond it they are forgotten and made anew.
const REMEMBERED: usize = 10_000;

impl UploadForm {
    /// A form that would set a number to what it is.
    pub fn of(number: &crate::domain::Number) -> Self {
        let NumberSettings { services, teams, calling_profile, custom_sip_header } =
            NumberSettings::clone(&number.settings);
        Self {
            account: number.account.to_string(),
            service: services.and(ServiceSet::TEAMS).iter().next().map_or("", Service::key).to_owned(),
            further_service: services
                .without(ServiceSet::TEAMS)
                .iter()
                .map(|service| service.key().to_owned())
                .collect(),
            usage: teams.usage,
            capability: teams.choosable_capabilities,
            additional_usage: teams.additional_usages,
            calling_profile: calling_profile.unwrap_or_default(),
            civic_address: teams.civic_address_id.unwrap_or_default(),
            location: teams.location_id.unwrap_or_default(),
            allow_tenant_address_update: teams.allow_tenant_address_update,
            country: teams.displayed_country_code.unwrap_or_default(),
            ticket: String::new(),
            custom_sip_header: custom_sip_header.unwrap_or_default(),
            numbers: number.telephone_number.to_string(),
        }
    }

    /// The chosen services.
    pub fn services(&self) -> ServiceSet {
        std::iter::once(&self.service).chain(&self.further_service).filter_map(|key| Service::from_key(key)).collect()
    }

    /// The settings; what does not apply to the services is left out, for the form does not ask for it.
    fn settings(&self, usual_profile: Option<&String>) -> NumberSettings {
        let text = |text: &str| filled(text).map(str::to_owned);
        let settings = NumberSettings {
            services: self.services(),
            teams: TeamsSettings {
                usage: self.usage.trim().to_owned(),
                choosable_capabilities: self.capability.clone(),
                additional_usages: self.additional_usage.clone(),
                civic_address_id: text(&self.civic_address),
                location_id: text(&self.location),
                allow_tenant_address_update: self.allow_tenant_address_update,
                displayed_country_code: text(&self.country).map(|country| country.to_ascii_uppercase()),
            },
            calling_profile: text(&self.calling_profile),
            custom_sip_header: text(&self.custom_sip_header),
        };
        if settings.is_backed() {
            return settings.with_usual_profile(usual_profile).normalised();
        }
        NumberSettings { teams: TeamsSettings::default(), calling_profile: None, ..settings }
    }

    fn kept(&self) -> String {
        let mut kept = self.clone();
        if kept.numbers.len() > KEPT_TEXT {
            kept.numbers.clear();
        }
        serde_json::to_string(&kept).unwrap_or_default()
    }
}

/// An account and what is known of its tenant.
struct AccountFacts {
    account: Account,
    facts: TenantFacts,
}

async fn facts(tx: &mut Tx, account: Account) -> Result<AccountFacts> {
    let facts = match &account.tenant_id {
        Some(tenant) => TenantFacts::new(&tx.civic_addresses(tenant).await?, tx.capability_plans(tenant).await?),
        None => TenantFacts::default(),
    };
    Ok(AccountFacts { account, facts })
}

/// The typed form of a draft, to be taken up again.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn form_of(ctx: &Ctx, _: &Grant<NumbersRead>, order_id: i64) -> Result<UploadForm> {
    let json = ctx.db.read().await?.order_form(order_id).await?.ok_or(Error::NotFound("order"))?;
    Ok(serde_json::from_str(&json).unwrap_or_default())
}

/// Stages an upload as a draft order and gives its number. `file` is what was uploaded beside the form.
///
/// # Errors
/// When the form has problems, all of them, or the database fails.
pub async fn stage_upload(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    form: &UploadForm,
    file: Option<&[u8]>,
) -> Result<i64> {
    let text = text_of(form, file);
    let settings = form.settings(ctx.policy.default_calling_profile.as_ref());
    let with_columns = text.as_ref().is_ok_and(|text| Reader::new(text, ctx.policy.max_numbers).has_columns());
    let mut problems = Vec::new();
    let base = {
        let mut tx = ctx.db.read().await?;
        base_account(&mut tx, form, &settings, with_columns, &mut problems).await?
    };
    if with_columns || settings.is_backed() {
        check_profile(&ctx.policy, filled(&form.calling_profile), &mut problems);
    }
    check_ticket(filled(&form.ticket), &mut problems);
    if let Ok(text) = text
        && Reader::new(text, ctx.policy.max_numbers).next().is_none()
    {
        let field = if filled(&form.numbers).is_some() { "numbers" } else { "file" };
        problems.push(FieldProblem::new(field, "There is no telephone number in it."));
    }
    let text = match text {
        Ok(text) if problems.is_empty() => text,
        Ok(_) => return Err(Error::Invalid(problems)),
        Err(problem) => {
            problems.push(problem);
            return Err(Error::Invalid(problems));
        }
    };
    transact!(ctx, tx => {
        tx.take_time_aside().await?;
        let id = tx.next_number("orders").await?;
        let mut stage = Stage::new(ctx, id, form, settings.clone(), base.clone());
        tx.insert_order(&NewOrder {
            id,
            kind: OrderKind::Upload,
            source: OrderSource::Portal,
            accounts: String::new(),
            author: &grant.principal().name,
            author_id: identity(grant.principal()),
            ticket: filled(&form.ticket),
            form: form.kept(),
            refused_lines: 0,
        }, ctx.clock.now()).await?;
        let mut reader = Reader::new(text, ctx.policy.max_numbers);
        let mut lines: Vec<Line> = reader.by_ref().take(CHUNK).collect();
        while !lines.is_empty() {
            // While the database stores some lines, the next are read.
            let (stored, next) = tokio::join!(stage.take(&mut tx, lines), async { reader.by_ref().take(CHUNK).collect() });
            stored?;
            lines = next;
        }
        stage.finish(&mut tx).await?;
        id
    })
}

/// The text to read, from the file or the text field.
fn text_of<'a>(form: &'a UploadForm, file: Option<&'a [u8]>) -> std::result::Result<&'a str, FieldProblem> {
    match (file, filled(&form.numbers)) {
        (Some(bytes), Some(_)) if !bytes.is_empty() => {
            Err(FieldProblem::new("file", "Give the numbers either as a file or in the text field, not both."))
        }
        (_, Some(_)) => Ok(form.numbers.as_str()),
        (None, None) => Err(FieldProblem::new("numbers", "Enter at least one number, or choose a file.")),
        (Some(bytes), None) => match upload::decode(bytes) {
            Ok(text) if text.trim_start_matches('\u{feff}').trim().is_empty() => {
                Err(FieldProblem::new("file", "The file is empty."))
            }
            Ok(text) => Ok(text),
            Err(reason) => Err(FieldProblem::new("file", reason)),
        },
    }
}

/// A calling profile must be one of those the deployment has, where it has some.
fn check_profile(policy: &Policy, profile: Option<&str>, problems: &mut Vec<FieldProblem>) {
    if let Some(profile) = profile
        && !policy.calling_profiles.is_empty()
        && !policy.calling_profiles.iter().any(|known| known.id == profile)
    {
        problems.push(FieldProblem::new(
            "calling_profile",
            format!("There is no calling profile {profile}. Choose one of the list."),
        ));
    }
}

/// The account of the form, and every problem of the form's settings unless the lines bring their own.
async fn base_account(
    tx: &mut Tx,
    form: &UploadForm,
    settings: &NumberSettings,
    with_columns: bool,
    problems: &mut Vec<FieldProblem>,
) -> Result<Option<Arc<AccountFacts>>> {
    let account = if let Some(name) = filled(&form.account) {
        let account = tx.account(name).await?;
        if account.is_none() {
            problems.push(FieldProblem::new("account", format!("There is no account named {name}.")));
        }
        account
    } else {
        if !with_columns {
            problems.push(FieldProblem::new("account", "Choose the account that gets the numbers."));
        }
        None
    };
    let Some(account) = account else { return Ok(None) };
    let base = facts(tx, account).await?;
    if !with_columns {
        if settings.services.is_empty() {
            problems.push(FieldProblem::new("service", "Choose the service of the numbers."));
        }
        problems.extend(
            rules::check(settings, &base.account, &base.facts)
                .into_iter()
                .map(|flaw| FieldProblem::new(flaw.field, flaw.reason)),
        );
    }
    Ok(Some(Arc::new(base)))
}

/// Turns lines into staged numbers and problems, chunk by chunk.
struct Stage<'a> {
    rules: &'a Rules,
    order_id: i64,
    form: &'a UploadForm,
    form_settings: (Arc<NumberSettings>, i64),
    /// The calling profile of lines that name none.
    usual_profile: Option<String>,
    base: Option<Arc<AccountFacts>>,
    accounts: HashMap<String, Option<Arc<AccountFacts>>>,
    touched: Vec<(i64, String, i64)>,
    flaws: HashMap<(i64, i64), Arc<Vec<Flaw>>>,
    /// The settings of the line before: most lines say the same.
    last: (Arc<NumberSettings>, i64),
    /// The settings that are known to be stored.
    interned: HashSet<i64>,
    countries: number::Countries,
    refused: i64,
}

impl<'a> Stage<'a> {
    fn new(
        rules: &'a Rules,
        order_id: i64,
        form: &'a UploadForm,
        settings: NumberSettings,
        base: Option<Arc<AccountFacts>>,
    ) -> Self {
        let id = settings.id();
        let form_settings = (Arc::new(settings), id);
        Self {
            rules,
            order_id,
            form,
            usual_profile: filled(&form.calling_profile)
                .or(rules.policy.default_calling_profile.as_deref())
                .map(str::to_owned),
            last: form_settings.clone(),
            form_settings,
            base,
            accounts: HashMap::new(),
            touched: Vec::new(),
            flaws: HashMap::new(),
            interned: HashSet::new(),
            countries: number::Countries::default(),
            refused: 0,
        }
    }

    async fn take(&mut self, tx: &mut Tx, lines: Vec<Line>) -> Result<()> {
        self.look_up_accounts(tx, &lines).await?;
        let (mut items, mut problems, mut values) = (Vec::new(), Vec::new(), HashMap::new());
        for line in lines {
            match line {
                Line::Problem(problem) => problems.push(stored(problem)),
                Line::Number(row) => match self.item(row, &mut values) {
                    Ok(item) => items.push(item),
                    Err(found) => problems.extend(found),
                },
            }
        }
        self.intern(tx, values).await?;
        tx.insert_items(self.order_id, &items).await?;
        tx.insert_problems(self.order_id, self.refused + 1, &problems).await?;
        self.refused += problems.len() as i64;
        Ok(())
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

    async fn look_up_accounts(&mut self, tx: &mut Tx, lines: &[Line]) -> Result<()> {
        let mut names: Vec<&str> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Number(row) => row.account.as_deref(),
                Line::Problem(_) => None,
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
                Some(account) => Some(Arc::new(facts(tx, account).await?)),
                None => None,
            };
            self.accounts.insert(name.to_owned(), known);
        }
        Ok(())
    }

    fn item(
        &mut self,
        row: Row,
        values: &mut HashMap<i64, Arc<NumberSettings>>,
    ) -> std::result::Result<NewItem, Vec<NewProblem>> {
        let number = row.number;
        let problem = |heading: Option<String>, value: String, reason: String| NewProblem {
            line: row.line,
            heading,
            value,
            reason,
        };
        let account = match &row.account {
            None => self.base.clone(),
            Some(name) => self.accounts.get(name).cloned().flatten(),
        };
        let Some(account) = account else {
            let name = row.account.unwrap_or_default();
            let reason = if name.is_empty() {
                "The line names no account. Fill the accountName column, or choose an account in the form.".to_owned()
            } else {
                format!("There is no account named {name}. Create it first, or correct the name.")
            };
            return Err(vec![problem(Some(Column::AccountName.heading()), name, reason)]);
        };
        let (settings, settings_id) = match row.settings {
            None => self.form_settings.clone(),
            Some(settings) => {
                let settings = settings.with_usual_profile(self.usual_profile.as_ref());
                if settings != *self.last.0 {
                    let id = settings.id();
                    self.last = (Arc::new(settings), id);
                }
                self.last.clone()
            }
        };
        let flaws = self.flaws_of(&settings, settings_id, &account);
        let flaws = flaws.iter().cloned().chain(rules::check_number(number, &settings));
        let problems: Vec<NewProblem> = flaws
            .map(|flaw| {
                let value = if flaw.value.is_empty() { number.to_string() } else { flaw.value };
                problem(heading(flaw.field, &settings), value, flaw.reason)
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let state = ItemState::of_new(&account.account, settings.services);
        values.entry(settings_id).or_insert(settings);
        if !self.touched.iter().any(|(id, ..)| *id == account.account.id) {
            self.touched.push((account.account.id, account.account.name.clone(), account.account.rev));
        }
        Ok(NewItem {
            number,
            line: row.line,
            account_id: account.account.id,
            settings_id,
            country: self.countries.of(number),
            state,
        })
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
        let mut problems = Vec::new();
        check_profile(&self.rules.policy, settings.calling_profile.as_deref(), &mut problems);
        flaws.extend(problems.into_iter().map(|FieldProblem { field, message }| Flaw {
            field,
            value: settings.calling_profile.clone().unwrap_or_default(),
            reason: message,
        }));
        let flaws = Arc::new(flaws);
        self.flaws.insert(key, flaws.clone());
        flaws
    }

    async fn finish(mut self, tx: &mut Tx) -> Result<()> {
        if self.touched.is_empty()
            && let Some(base) = &self.base
        {
            self.touched.push((base.account.id, base.account.name.clone(), base.account.rev));
        }
        for (id, _, rev) in &self.touched {
            tx.insert_order_account(self.order_id, *id, *rev).await?;
        }
        let names: Vec<&str> = self.touched.iter().map(|(_, name, _)| name.as_str()).collect();
        tx.describe_order(self.order_id, &account_names(&names), self.refused).await?;
        tx.compare_items(self.order_id, OrderKind::Upload).await?;
        tracing::info!(order.id = self.order_id, order.account = %self.form.account, order.refused_lines = self.refused, limit = self.rules.policy.max_numbers, "an upload is staged");
        Ok(())
    }
}

/// The first three names and how many more there are.
pub(crate) fn account_names(names: &[&str]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        _ => names.join(", "),
    }
}

fn stored(problem: Problem) -> NewProblem {
    NewProblem { line: problem.line, heading: problem.heading, value: problem.value, reason: problem.reason }
}

/// The heading of the column that a form field is in a file with columns; lists have none.
fn heading(field: &str, settings: &NumberSettings) -> Option<String> {
    let service = settings.service()?;
    Some(
        match field {
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
        }
        .heading(),
    )
}
