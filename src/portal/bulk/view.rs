//! What the form of changes shows: for each setting what the numbers have now, and what there is to choose.

use super::picked::Picked;
use crate::authz::{NumbersRead, Principal};
use crate::domain::{NumberSettings, ServiceSet};
use crate::http::Problem;
use crate::portal::form::Choice;
use crate::portal::show::count;
use crate::portal::upload_form::{ChoiceGroup, Offer, offer};
use crate::service::Ctx;
use crate::service::bulk::{self, ADD, EditForm, Looked, NONE, REMOVE, SET, Selection};
use crate::service::staging::UploadForm;

/// What each setting is kept as, in words.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) service: String,
    pub(super) usage: String,
    pub(super) capabilities: String,
    pub(super) additional_usages: String,
    pub(super) civic_address: String,
    pub(super) location: String,
    pub(super) allow: String,
    pub(super) country: String,
    pub(super) profile: String,
    pub(super) sip_header: String,
}

/// A service that may be added or taken off.
pub(super) struct FurtherService {
    /// The key of the service, which its field is named after.
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) options: Vec<Choice>,
    /// What the numbers have now.
    pub(super) kept: String,
}

/// The form of changes as a page shows it.
pub(super) struct EditView {
    pub(super) form: EditForm,
    pub(super) picked: Picked,
    pub(super) kept: Kept,
    pub(super) services: Vec<Choice>,
    pub(super) further_services: Vec<FurtherService>,
    pub(super) usages: Vec<Choice>,
    pub(super) capability_changes: Vec<Choice>,
    pub(super) capabilities: Vec<Choice>,
    pub(super) additional_usage_changes: Vec<Choice>,
    pub(super) additional_usages: Vec<Choice>,
    pub(super) addresses: Vec<ChoiceGroup>,
    pub(super) locations: Vec<ChoiceGroup>,
    /// True where an id has to be typed: there are too many addresses, or nobody knows yet whose.
    pub(super) asks_for_ids: bool,
    /// True where it is because there are too many.
    pub(super) many_addresses: bool,
    /// True where the numbers belong to several tenants, which have no address in common.
    pub(super) several_tenants: bool,
    pub(super) allow: Vec<Choice>,
    pub(super) country_changes: Vec<Choice>,
    pub(super) sip_header_changes: Vec<Choice>,
    pub(super) profiles: Vec<Choice>,
    pub(super) count: i64,
}

impl EditView {
    /// Reads what the form has to show for these numbers.
    pub(super) async fn of(
        ctx: &Ctx,
        person: &Principal,
        selection: Option<&Selection>,
        form: EditForm,
        picked: Picked,
        addresses_of: &str,
    ) -> Result<Self, Problem> {
        let read = person.grant::<NumbersRead>()?;
        let looked = match selection {
            Some(selection) => bulk::look(ctx, &read, selection).await?,
            None => Looked::default(),
        };
        let tenants = bulk::tenants(ctx, &read, &looked.accounts()).await?;
        let mut chosen = as_upload(&form, looked.accounts().first().copied().unwrap_or(addresses_of));
        let offered = offer(ctx, person, &mut chosen, false).await?;
        let kept = kept(&looked, &offered);
        let picked = if picked.is_listed { picked.counted(&looked) } else { picked };
        let several_tenants = tenants > 1;
        Ok(Self {
            kept,
            picked,
            services: services(&offered, &form),
            further_services: further_services(ctx, &looked, &form),
            usages: offered.usages.into_iter().map(|choice| selected(choice, &form.usage)).collect(),
            capability_changes: changes(
                &form.capability_change,
                &["Set to exactly these", "Add these", "Remove these"],
            ),
            capabilities: offered.capabilities,
            additional_usage_changes: changes(
                &form.additional_usage_change,
                &["Set to exactly these", "Add these", "Remove these"],
            ),
            additional_usages: offered.additional_usages,
            asks_for_ids: !several_tenants && (offered.many_addresses || offered.account.is_none()),
            many_addresses: offered.many_addresses,
            addresses: offered.addresses,
            locations: offered.locations,
            several_tenants,
            allow: [("yes", "Yes"), ("no", "No")]
                .into_iter()
                .map(|(value, label)| Choice::new(value, label, &form.allow_tenant_address_update))
                .collect(),
            country_changes: set_or_remove(&form.country_change),
            sip_header_changes: set_or_remove(&form.custom_sip_header_change),
            profiles: offered.profiles.into_iter().map(|choice| selected(choice, &form.calling_profile)).collect(),
            count: looked.count,
            form,
        })
    }
}

/// What was chosen, as the form of an upload has it: what that offers is what there is to choose.
fn as_upload(form: &EditForm, account: &str) -> UploadForm {
    let or_none = |value: &str| if value == NONE { String::new() } else { value.to_owned() };
    UploadForm {
        account: account.to_owned(),
        usage: form.usage.clone(),
        capability: form.capability.clone(),
        additional_usage: form.additional_usage.clone(),
        civic_address: or_none(&form.civic_address),
        location: or_none(&form.location),
        calling_profile: form.calling_profile.clone(),
        ..UploadForm::default()
    }
}

fn selected(choice: Choice, chosen: &str) -> Choice {
    Choice { selected: !chosen.is_empty() && choice.value == chosen, ..choice }
}

fn services(offered: &Offer, form: &EditForm) -> Vec<Choice> {
    let teams = offered.services.iter().filter(|choice| !choice.value.is_empty());
    teams
        .map(|choice| Choice::new(choice.value.clone(), choice.label.clone(), &form.service))
        .chain([Choice::new(NONE, "No Teams service", &form.service)])
        .collect()
}

/// The services beside those of Teams that there are here, or that a number has.
fn further_services(ctx: &Ctx, looked: &Looked, form: &EditForm) -> Vec<FurtherService> {
    let had = looked.groups.iter().fold(ServiceSet::default(), |all, group| all.or(group.settings.services));
    let all = ctx.policy.services.or(had).without(ServiceSet::TEAMS);
    all.iter()
        .map(|service| {
            let option = |sign: &str, word: &str| {
                let selected = form.further_service.contains(&format!("{sign}{}", service.key()));
                Choice { selected, ..Choice::new(sign, word, "") }
            };
            let has =
                |settings: &NumberSettings| if settings.services.contains(service) { "yes" } else { "no" }.to_owned();
            FurtherService {
                key: service.key(),
                label: service.label(),
                options: vec![option("+", "Add"), option("-", "Remove")],
                kept: keep(looked, has, str::to_owned),
            }
        })
        .collect()
}

fn changes(chosen: &str, words: &[&str; 3]) -> Vec<Choice> {
    [SET, ADD, REMOVE].into_iter().zip(words).map(|(value, word)| Choice::new(value, *word, chosen)).collect()
}

fn set_or_remove(chosen: &str) -> Vec<Choice> {
    vec![Choice::new(SET, "Set to", chosen), Choice::new(REMOVE, "Remove", chosen)]
}

/// What keeping a setting means: the one value that all numbers have, or how many different ones there are.
fn keep(looked: &Looked, value: impl Fn(&NumberSettings) -> String, words: impl Fn(&str) -> String) -> String {
    match looked.values(value).as_slice() {
        [] => "Keep as it is".to_owned(),
        // What the rest has is not known.
        [(only, _)] if looked.is_cut() && only.is_empty() => "Keep (mostly none)".to_owned(),
        [(only, _)] if looked.is_cut() => format!("Keep (mostly {})", words(only)),
        several if looked.is_cut() => format!("Keep (at least {} different values)", count(several.len() as i64)),
        [(only, _)] if only.is_empty() => "Keep (none)".to_owned(),
        [(only, _)] => format!("Keep ({})", words(only)),
        several => format!("Keep ({} different values)", count(several.len() as i64)),
    }
}

fn kept(looked: &Looked, offered: &Offer) -> Kept {
    let as_it_is = str::to_owned;
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    let place = |groups: &[ChoiceGroup], id: &str| {
        let mut options = groups.iter().flat_map(|group| &group.options);
        options.find(|option| option.value == id).map_or_else(|| id.to_owned(), |option| option.label.clone())
    };
    let profile = |id: &str| {
        let mut options = offered.profiles.iter();
        options.find(|option| option.value == id).map_or_else(|| id.to_owned(), |option| option.label.clone())
    };
    Kept {
        service: keep(looked, |s| s.services.and(ServiceSet::TEAMS).labels().into_owned(), as_it_is),
        usage: keep(looked, |s| s.teams.usage.clone(), as_it_is),
        capabilities: keep(looked, |s| s.teams.choosable_capabilities.join(", "), as_it_is),
        additional_usages: keep(looked, |s| s.teams.additional_usages.join(", "), as_it_is),
        civic_address: keep(looked, |s| optional(&s.teams.civic_address_id), |id| place(&offered.addresses, id)),
        location: keep(looked, |s| optional(&s.teams.location_id), |id| place(&offered.locations, id)),
        allow: keep(looked, |s| if s.teams.allow_tenant_address_update { "yes" } else { "no" }.to_owned(), as_it_is),
        country: keep(looked, |s| optional(&s.teams.displayed_country_code), as_it_is),
        profile: keep(looked, |s| optional(&s.calling_profile), profile),
        sip_header: keep(looked, |s| optional(&s.custom_sip_header), as_it_is),
    }
}
