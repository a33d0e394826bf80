//! What the upload form offers: services of the account, the tenant's plans and addresses, calling profiles.

use std::collections::BTreeSet;

use super::form::{Choice, Errors};
use super::show::count;
use crate::authz::{AccountsRead, CivicAddressesRead, NumbersRead, Principal};
use crate::domain::upload::Encoding;
use crate::domain::{Account, CapabilityPlan, CivicAddress, Service, ServiceSet, UsualCapabilities};
use crate::http::Problem;
use crate::service::civic_addresses::OFFERED;
use crate::service::staging::UploadForm;
use crate::service::{self, Ctx, accounts, civic_addresses, numbers};

/// Beyond this many addresses the form asks for an id instead of offering all of them.
const ADDRESSES_OFFERED: usize = 300;
/// What a tenant's numbers can be used for as far as Microsoft has documented it, for tenants whose plans were never pulled.
const KNOWN_USAGES: [&str; 3] = ["CallingUserAssignment", "FirstPartyAppAssignment", "ConferenceAssignment"];
const KNOWN_CAPABILITIES: [&str; 3] = ["InboundCalling", "OutboundCalling", "Mobile"];

/// A heading with the choices under it.
pub(super) struct ChoiceGroup {
    pub(super) label: String,
    pub(super) options: Vec<Choice>,
}

/// What there is to choose from.
pub(super) struct Offer {
    /// The account, once it is known.
    pub(super) account: Option<Account>,
    /// Names to choose from while it is not; empty when there are too many.
    pub(super) accounts: Vec<String>,
    /// The services of which a number has one at most, and none of them where there are others.
    pub(super) services: Vec<Choice>,
    /// The services that a number may have besides.
    pub(super) further_services: Vec<Choice>,
    /// True when some of the services have a backend, which needs to know more than the number.
    pub(super) asks_backed: bool,
    pub(super) usages: Vec<Choice>,
    pub(super) additional_usages: Vec<Choice>,
    pub(super) capabilities: Vec<Choice>,
    /// What every number of the usage has, whatever is chosen.
    pub(super) mandatory: Vec<String>,
    pub(super) profiles: Vec<Choice>,
    pub(super) addresses: Vec<ChoiceGroup>,
    pub(super) locations: Vec<ChoiceGroup>,
    /// True when there are too many addresses to offer.
    pub(super) many_addresses: bool,
    /// True when the usages and capabilities are those of the tenant.
    pub(super) plans_known: bool,
    pub(super) takes_sip_header: bool,
}

impl Offer {
    /// How services go together, where there is something to combine.
    pub(super) fn service_hint(&self) -> &'static str {
        if self.services.is_empty() || self.further_services.is_empty() {
            ""
        } else {
            "One Teams service at most; the others may be added to it"
        }
    }
}

/// The upload form as a page shows it.
pub(super) struct FormView {
    pub(super) errors: Errors,
    pub(super) form: UploadForm,
    pub(super) offer: Offer,
    /// The draft that the form replaces, or nothing.
    pub(super) draft: String,
    /// Something to know before filling the form in.
    pub(super) note: String,
    pub(super) limits: String,
}

/// The files that a browser offers to choose.
pub(super) const ACCEPTS: &str =
    ".csv,.txt,.tsv,.xlsx,text/csv,text/plain,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

impl FormView {
    #[expect(clippy::unused_self, reason = "a template asks it")]
    pub(super) fn accepts(&self) -> &'static str {
        ACCEPTS
    }

    /// Whether more is said of the files than which they are.
    pub(super) fn says_more_of_files(&self) -> bool {
        !self.form.sheet.is_empty()
            || !self.form.encoding.is_empty()
            || self.form.ask_columns
            || !self.errors.of("file").is_empty()
    }

    pub(super) fn encodings(&self) -> Vec<Choice> {
        encodings(&self.form.encoding)
    }
}

/// What may be chosen of how the letters of files are encoded.
pub(super) fn encodings(chosen: &str) -> Vec<Choice> {
    [(Encoding::Unicode, "UTF-8 or UTF-16"), (Encoding::Windows1252, "Windows-1252 (western European)")]
        .map(|(encoding, label)| Choice::new(encoding.key(), label, chosen))
        .into()
}

/// What the form offers for what it says so far. A form that is `new` gets what most uploads choose.
pub(super) async fn offer(ctx: &Ctx, person: &Principal, form: &mut UploadForm, new: bool) -> Result<Offer, Problem> {
    let account = match crate::domain::field::filled(&form.account) {
        None => None,
        Some(name) => match accounts::get(ctx, &person.grant::<AccountsRead>()?, name).await {
            Ok(account) => Some(account),
            Err(service::Error::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        },
    };
    let names = match account {
        Some(_) => Vec::new(),
        None => numbers::filter_choices(ctx, &person.grant::<NumbersRead>()?).await?.accounts,
    };
    let read = person.grant::<CivicAddressesRead>()?;
    let (plans, addresses) = match account.as_ref().and_then(|account| account.tenant_id.as_ref()) {
        Some(tenant) => {
            (civic_addresses::plans(ctx, &read, tenant).await?, civic_addresses::choices(ctx, &read, tenant).await?)
        }
        None => (None, Vec::new()),
    };
    let plans = plans.filter(|plans| !plans.is_empty());
    // The services of the account, and those that a number has already.
    let services = account.as_ref().map_or(ctx.policy.services, |account| account.services).or(form.services());
    if new {
        prefill(&ctx.policy.usual_capabilities, form, services, plans.as_deref());
    }
    let chosen = form.services();
    let many_addresses = addresses.len() > ADDRESSES_OFFERED;
    let shown: &[CivicAddress] = if many_addresses { &[] } else { &addresses };
    Ok(Offer {
        services: teams_services(services, chosen),
        further_services: services
            .without(ServiceSet::TEAMS)
            .iter()
            .map(|service| service_choice(service, chosen))
            .collect(),
        asks_backed: !services.and(ServiceSet::WITH_TEAMS_SETTINGS).is_empty(),
        takes_sip_header: services.iter().any(Service::takes_sip_header),
        usages: kept(usages(plans.as_deref(), std::slice::from_ref(&form.usage)), std::slice::from_ref(&form.usage)),
        additional_usages: kept(usages(plans.as_deref(), &form.additional_usage), &form.additional_usage),
        mandatory: mandatory(plans.as_deref(), &form.usage),
        capabilities: kept(capabilities(plans.as_deref(), &form.capability), &form.capability),
        profiles: profiles(ctx, &form.calling_profile),
        addresses: address_groups(shown, &form.civic_address),
        locations: location_groups(shown, &form.location),
        many_addresses,
        plans_known: plans.is_some(),
        account,
        accounts: names,
    })
}

fn service_choice(service: Service, chosen: ServiceSet) -> Choice {
    let current = if chosen.contains(service) { service.key() } else { "" };
    Choice::new(service.key(), service.label(), current)
}

fn teams_services(services: ServiceSet, chosen: ServiceSet) -> Vec<Choice> {
    let mut choices: Vec<Choice> =
        services.and(ServiceSet::TEAMS).iter().map(|service| service_choice(service, chosen)).collect();
    if !choices.is_empty() && !services.without(ServiceSet::TEAMS).is_empty() {
        let mut none = Choice::new("", "No Teams service", "-");
        none.selected = !chosen.is_empty() && chosen.and(ServiceSet::TEAMS).is_empty();
        choices.push(none);
    }
    choices
}

/// The usage that most uploads are for.
const MOST_USED: &str = KNOWN_USAGES[0];

fn prefill(usual: &[UsualCapabilities], form: &mut UploadForm, services: ServiceSet, plans: Option<&[CapabilityPlan]>) {
    if services.len() == 1 && form.services().is_empty() {
        for service in services.iter() {
            if ServiceSet::TEAMS.contains(service) {
                service.key().clone_into(&mut form.service);
            } else {
                form.further_service.push(service.key().to_owned());
            }
        }
    }
    if form.capability.is_empty() {
        form.capability = usual_of(usual, &form.usage, plans);
    }
}

/// What is ticked for a usage; for the one that most uploads are for as long as none is chosen.
fn usual_of(usual: &[UsualCapabilities], usage: &str, plans: Option<&[CapabilityPlan]>) -> Vec<String> {
    let wanted = if usage.is_empty() { MOST_USED } else { usage };
    let plan = plans.and_then(|plans| plans.iter().find(|plan| plan.usage == wanted));
    let plan = plan.or_else(|| plans.filter(|_| usage.is_empty()).and_then(<[_]>::first));
    match (plan, plans) {
        (Some(plan), _) => UsualCapabilities::of_plan(usual, plan),
        (None, Some(_)) => Vec::new(),
        (None, None) => {
            let known = usual.iter().find(|one| one.usage == wanted);
            known.map_or_else(Vec::new, |known| known.capabilities.clone())
        }
    }
}

/// What every number of the chosen usage has; where none is chosen, what numbers of every usage have.
fn mandatory(plans: Option<&[CapabilityPlan]>, usage: &str) -> Vec<String> {
    let mut of_usage = plans.unwrap_or_default().iter().filter(|plan| usage.is_empty() || plan.usage == usage);
    let Some(first) = of_usage.next() else { return Vec::new() };
    let others: Vec<&CapabilityPlan> = of_usage.collect();
    let is_everywhere =
        |name: &&String| others.iter().all(|plan| plan.mandatory_capabilities.iter().any(|other| other == *name));
    first.mandatory_capabilities.iter().filter(is_everywhere).cloned().collect()
}

fn usages(plans: Option<&[CapabilityPlan]>, chosen: &[String]) -> Vec<Choice> {
    let choice = |usage: &str, name: &str, hint: String| {
        let label = if name.is_empty() { usage.to_owned() } else { format!("{name} ({usage})") };
        let mut choice = Choice::new(usage, label, "").hint(hint);
        choice.selected = chosen.iter().any(|other| other == usage);
        choice
    };
    let Some(plans) = plans else {
        return KNOWN_USAGES.into_iter().map(|usage| choice(usage, "", String::new())).collect();
    };
    plans
        .iter()
        .map(|plan| {
            let hint = if plan.supports_toll_free { "Also for toll-free numbers" } else { "" };
            choice(&plan.usage, &plan.name, hint.to_owned())
        })
        .collect()
}

fn capabilities(plans: Option<&[CapabilityPlan]>, chosen: &[String]) -> Vec<Choice> {
    let all: BTreeSet<&str> = match plans {
        Some(plans) => plans.iter().flat_map(|plan| &plan.choosable_capabilities).map(String::as_str).collect(),
        None => KNOWN_CAPABILITIES.into_iter().collect(),
    };
    all.into_iter()
        .map(|capability| {
            let mut choice = Choice::new(capability, capability, "");
            choice.selected = chosen.iter().any(|other| other == capability);
            let offering: Vec<&CapabilityPlan> = plans
                .unwrap_or_default()
                .iter()
                .filter(|plan| plan.choosable_capabilities.iter().any(|other| other == capability))
                .collect();
            if plans.is_some_and(|plans| offering.len() < plans.len()) {
                choice.hint = format!(
                    "Only for {}",
                    offering.iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>().join(", ")
                );
            }
            choice
        })
        .collect()
}

/// The choices, and what was chosen though it is none of them: it must not be lost before somebody has seen it.
fn kept(mut choices: Vec<Choice>, chosen: &[String]) -> Vec<Choice> {
    for value in chosen.iter().filter(|value| !value.is_empty()) {
        if !choices.iter().any(|choice| choice.value == *value) {
            choices.push(Choice::new(value, format!("{value} (not offered)"), value));
        }
    }
    choices
}

fn profiles(ctx: &Ctx, chosen: &str) -> Vec<Choice> {
    let usual = ctx.policy.default_calling_profile.as_deref();
    let chosen = if chosen.is_empty() { usual.unwrap_or_default() } else { chosen };
    ctx.policy.calling_profiles.iter().map(|profile| Choice::new(&profile.id, &profile.name, chosen)).collect()
}

/// What a group is called; where a tenant has more addresses than are offered, it says so.
fn offered(label: &str, addresses: usize) -> String {
    if addresses < OFFERED {
        return label.to_owned();
    }
    format!("{label} (of the first {}; give another by its ID in a file)", count(OFFERED as i64))
}

fn address_groups(addresses: &[CivicAddress], chosen: &str) -> Vec<ChoiceGroup> {
    let addresses = in_order(addresses);
    let mut groups: Vec<ChoiceGroup> = [(true, "Validated"), (false, "Not validated: may be refused")]
        .into_iter()
        .map(|(validated, label)| ChoiceGroup {
            label: offered(label, addresses.len()),
            options: addresses
                .iter()
                .filter(|address| address.is_validated() == validated)
                .map(|address| Choice::new(&address.id, address_label(address), chosen))
                .collect(),
        })
        .filter(|group| !group.options.is_empty())
        .collect();
    keep_unknown(&mut groups, chosen);
    groups
}

/// The addresses by what they are called, so by country first: the same order wherever there is one to choose.
fn in_order(addresses: &[CivicAddress]) -> Vec<&CivicAddress> {
    let mut addresses: Vec<&CivicAddress> = addresses.iter().collect();
    addresses.sort_by_cached_key(|address| address_label(address).to_lowercase());
    addresses
}

/// What the address is called, with its country first; one that is not validated is marked wherever it stands.
fn address_label(address: &CivicAddress) -> String {
    let country = address.iso_country().or(address.country.as_deref()).unwrap_or("country unknown");
    let name = match crate::domain::field::filled(address.description.as_deref().unwrap_or_default()) {
        Some(description) => format!("{description}: {}", address.line()),
        None => address.line(),
    };
    format!("{country} \u{2013} {name}{}", if address.is_validated() { "" } else { " (not validated)" })
}

fn location_groups(addresses: &[CivicAddress], chosen: &str) -> Vec<ChoiceGroup> {
    let mut groups: Vec<ChoiceGroup> = in_order(addresses)
        .into_iter()
        .filter(|address| !address.locations.is_empty())
        .map(|address| ChoiceGroup {
            label: address_label(address),
            options: address
                .locations
                .iter()
                .map(|location| {
                    let name = location.description.as_deref().filter(|text| !text.is_empty());
                    let name = name.unwrap_or(if location.is_default { "The whole address" } else { &location.id });
                    Choice::new(&location.id, name, chosen)
                })
                .collect(),
        })
        .collect();
    keep_unknown(&mut groups, chosen);
    groups
}

fn keep_unknown(groups: &mut Vec<ChoiceGroup>, chosen: &str) {
    if !chosen.is_empty() && !groups.iter().flat_map(|group| &group.options).any(|option| option.value == chosen) {
        groups
            .push(ChoiceGroup { label: "Not offered".to_owned(), options: vec![Choice::new(chosen, chosen, chosen)] });
    }
}
