//! What somebody typed to change or move many numbers: each field says whether it stays, and what it becomes.

use serde::{Deserialize, Serialize};

use crate::domain::edit::{Change, ListChange, SettingsEdit};
use crate::domain::field::filled;
use crate::domain::{FieldProblem, Service, ServiceSet, country};
use crate::service::staging::KeptFile;

/// The value of a choice that leaves a setting empty.
pub const NONE: &str = "-";
/// The value of a choice that sets what stands beside it.
pub const SET: &str = "set";
/// The value of a choice that adds what is ticked.
pub const ADD: &str = "add";
/// The value of a choice that takes off what is ticked.
pub const REMOVE: &str = "remove";

/// The form as it was typed. An empty choice keeps the setting as it is on each number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EditForm {
    /// Name of the account that the numbers go to, where they move.
    pub to: String,
    /// Key of the Teams service, or [`NONE`].
    pub service: String,
    /// Keys of further services behind `+` or `-`.
    pub further_service: Vec<String>,
    /// What the numbers are for.
    pub usage: String,
    /// What becomes of the capabilities: [`SET`], [`ADD`] or [`REMOVE`].
    pub capability_change: String,
    /// The ticked capabilities.
    pub capability: Vec<String>,
    /// What becomes of the additional usages.
    pub additional_usage_change: String,
    /// The ticked usages.
    pub additional_usage: Vec<String>,
    /// Id of the emergency address, or [`NONE`].
    pub civic_address: String,
    /// Id of the place within it, or [`NONE`].
    pub location: String,
    /// Whether the enterprise may change the address: `yes` or `no`.
    pub allow_tenant_address_update: String,
    /// What becomes of the country: [`SET`] or [`REMOVE`].
    pub country_change: String,
    /// Country to display.
    pub country: String,
    /// The calling profile.
    pub calling_profile: String,
    /// What becomes of the SIP header: [`SET`] or [`REMOVE`].
    pub custom_sip_header_change: String,
    /// Value of the SIP header.
    pub custom_sip_header: String,
    /// Ticket of the change.
    pub ticket: String,
    /// The numbers as typed; empty where they were ticked or found.
    pub numbers: String,
    /// What is kept of a text with columns. Nobody types it.
    #[serde(skip_deserializing)]
    pub files: Vec<KeptFile>,
}

/// Typed text beyond this many bytes is not kept with the draft.
pub(super) const KEPT_TEXT: usize = 256 * 1024;

impl EditForm {
    /// Reads what is to change.
    ///
    /// # Errors
    /// Every choice that cannot be understood, and every value whose choice says that nothing changes.
    pub fn edit(&self) -> Result<SettingsEdit, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let (added, removed) = self.further_services(&mut problems);
        let edit = SettingsEdit {
            teams_service: self.teams_service(&mut problems),
            added,
            removed,
            usage: filled(&self.usage).map_or(Change::Keep, |usage| Change::To(usage.to_owned())),
            capabilities: list(
                ("capability", "capabilities"),
                &self.capability_change,
                &self.capability,
                &mut problems,
            ),
            additional_usages: list(
                ("additional_usage", "additional usages"),
                &self.additional_usage_change,
                &self.additional_usage,
                &mut problems,
            ),
            civic_address: choice(&self.civic_address),
            location: choice(&self.location),
            allow_tenant_address_update: match self.allow_tenant_address_update.as_str() {
                "yes" => Change::To(true),
                "no" => Change::To(false),
                _ => Change::Keep,
            },
            country: text(("country", "the country"), &self.country_change, &self.country, &mut problems),
            calling_profile: choice(&self.calling_profile),
            custom_sip_header: text(
                ("custom_sip_header", "the SIP header"),
                &self.custom_sip_header_change,
                &self.custom_sip_header,
                &mut problems,
            ),
        };
        let edit = SettingsEdit { country: iso(edit.country, &mut problems), ..edit };
        if problems.is_empty() { Ok(edit) } else { Err(problems) }
    }

    fn teams_service(&self, problems: &mut Vec<FieldProblem>) -> Change<Option<Service>> {
        match self.service.trim() {
            "" => Change::Keep,
            NONE => Change::To(None),
            key => {
                if let Some(service) = Service::from_key(key).filter(|service| ServiceSet::TEAMS.contains(*service)) {
                    Change::To(Some(service))
                } else {
                    problems.push(FieldProblem::new("service", format!("There is no Teams service {key}.")));
                    Change::Keep
                }
            }
        }
    }

    /// The services that are added, and those that are taken off.
    fn further_services(&self, problems: &mut Vec<FieldProblem>) -> (ServiceSet, ServiceSet) {
        let (mut added, mut removed) = (ServiceSet::default(), ServiceSet::default());
        for choice in self.further_service.iter().filter_map(|choice| filled(choice)) {
            let key = choice.get(1..).unwrap_or_default();
            let service = Service::from_key(key).filter(|service| !ServiceSet::TEAMS.contains(*service));
            match (choice.get(..1), service) {
                (Some("+"), Some(service)) => added = added.or(service.into()),
                (Some("-"), Some(service)) => removed = removed.or(service.into()),
                _ => problems.push(FieldProblem::new("further_service", format!("{choice} is none of the choices."))),
            }
        }
        (added, removed)
    }

    /// Writes down all that was typed, except a text that is too long to be kept.
    pub(super) fn kept(&self, files: Vec<KeptFile>) -> String {
        let numbers = if self.numbers.len() > KEPT_TEXT { String::new() } else { self.numbers.clone() };
        serde_json::to_string(&Self { numbers, files, ..self.clone() }).unwrap_or_default()
    }
}

fn choice(value: &str) -> Change<Option<String>> {
    match value.trim() {
        "" => Change::Keep,
        NONE => Change::To(None),
        id => Change::To(Some(id.to_owned())),
    }
}

fn list(
    (field, words): (&'static str, &str),
    change: &str,
    ticked: &[String],
    problems: &mut Vec<FieldProblem>,
) -> ListChange {
    let names = || ticked.to_vec();
    match change {
        "" if ticked.is_empty() => ListChange::Keep,
        "" => {
            problems.push(FieldProblem::new(
                field,
                format!("Some {words} are ticked. Choose whether to set, add or remove them, or tick none."),
            ));
            ListChange::Keep
        }
        SET => ListChange::To(names()),
        ADD | REMOVE if ticked.is_empty() => {
            problems.push(FieldProblem::new(field, format!("Tick the {words} to {change}, or keep them.")));
            ListChange::Keep
        }
        ADD => ListChange::Add(names()),
        REMOVE => ListChange::Remove(names()),
        other => {
            problems.push(FieldProblem::new(field, format!("{other} is none of the choices.")));
            ListChange::Keep
        }
    }
}

fn text(
    (field, words): (&'static str, &str),
    change: &str,
    typed: &str,
    problems: &mut Vec<FieldProblem>,
) -> Change<Option<String>> {
    let mut refused = |message: String| {
        problems.push(FieldProblem::new(field, message));
        Change::Keep
    };
    match (change, filled(typed)) {
        ("", None) => Change::Keep,
        ("", Some(_)) => refused(format!("Something is typed here. Choose to set {words}, or leave it blank.")),
        (SET, Some(value)) => Change::To(Some(value.to_owned())),
        (SET, None) => refused(format!("Type {words}, or choose to remove it.")),
        (REMOVE, None) => Change::To(None),
        (REMOVE, Some(_)) => refused(format!("To remove {words}, leave this blank.")),
        (other, _) => refused(format!("{other} is none of the choices.")),
    }
}

/// The country by its code of the standard, whichever way it was typed.
fn iso(typed: Change<Option<String>>, problems: &mut Vec<FieldProblem>) -> Change<Option<String>> {
    let Change::To(Some(typed)) = typed else { return typed };
    match country::read(&typed) {
        Ok(code) => Change::To(Some(code.to_owned())),
        Err(reason) => {
            problems.push(FieldProblem::new("country", reason));
            Change::Keep
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untouched_form_changes_nothing() {
        assert!(EditForm::default().edit().is_ok_and(|edit| edit.changes_nothing()));
    }

    #[test]
    fn every_choice_without_its_value_and_value_without_its_choice_is_told() {
        let form = EditForm {
            service: "zoomPhoneCloudPeering".into(),
            further_service: vec!["+operatorConnect".into(), String::new()],
            capability: vec!["Mobile".into()],
            additional_usage_change: ADD.into(),
            country: "GB".into(),
            custom_sip_header_change: SET.into(),
            ..EditForm::default()
        };
        let problems = form.edit().err().unwrap_or_default();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(
            fields,
            ["further_service", "service", "capability", "additional_usage", "country", "custom_sip_header"]
        );
    }

    #[test]
    fn a_country_is_kept_by_its_code_and_none_is_told() {
        let set = |typed: &str| EditForm { country_change: SET.into(), country: typed.into(), ..EditForm::default() };
        for (typed, code) in [("UK", "GB"), ("uk", "GB"), (" gb ", "GB"), ("us", "US")] {
            assert_eq!(set(typed).edit().map(|edit| edit.country), Ok(Change::To(Some(code.to_owned()))), "{typed}");
        }
        for typed in ["ZZ", "XX", "GBR", "EU", "1A"] {
            let problems = set(typed).edit().err().unwrap_or_default();
            assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), ["country"], "{typed}");
        }
    }

    #[test]
    fn choices_are_read() {
        let form = EditForm {
            service: NONE.into(),
            further_service: vec!["+zoomPhoneCloudPeering".into(), "-azureOperatorCallProtection".into()],
            capability_change: REMOVE.into(),
            capability: vec!["Mobile".into()],
            civic_address: NONE.into(),
            allow_tenant_address_update: "yes".into(),
            country_change: SET.into(),
            country: "gb".into(),
            custom_sip_header_change: REMOVE.into(),
            ..EditForm::default()
        };
        let expected = SettingsEdit {
            teams_service: Change::To(None),
            added: Service::ZoomPhoneCloudPeering.into(),
            removed: Service::CallProtection.into(),
            capabilities: ListChange::Remove(vec!["Mobile".into()]),
            civic_address: Change::To(None),
            allow_tenant_address_update: Change::To(true),
            country: Change::To(Some("GB".into())),
            custom_sip_header: Change::To(None),
            ..SettingsEdit::default()
        };
        assert_eq!(form.edit(), Ok(expected));
    }
}
