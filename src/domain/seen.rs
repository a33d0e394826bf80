//! What became of a number at a backend without our having asked for it.

use serde::{Deserialize, Serialize};

use super::{Leaving, NumberSettings};

/// The longest value that is told, in characters.
const MAX_VALUE: usize = 100;

/// What became of a number at a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeenKind {
    /// Its settings are different.
    Changed,
    /// The backend has it no more.
    Gone,
    /// It was gone and is there again.
    Back,
    /// Somebody uses it now.
    Assigned,
    /// Nobody uses it any more.
    Unassigned,
    /// It had other settings when a push of ours went out.
    Overwritten,
}

impl SeenKind {
    const ALL: [Self; 6] = [Self::Changed, Self::Gone, Self::Back, Self::Assigned, Self::Unassigned, Self::Overwritten];

    /// The name in storage and in the audit.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Back => "back",
            Self::Assigned => "assigned",
            Self::Unassigned => "unassigned",
            Self::Overwritten => "overwritten",
        }
    }

    /// The kind with this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// One member of a number's settings that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberChange {
    /// What people call it.
    pub member: String,
    /// Its value before; nothing where it had none, or where too many different ones are told together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its value after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl MemberChange {
    /// The same without values.
    #[must_use]
    pub fn name_only(self) -> Self {
        Self { member: self.member, before: None, after: None }
    }

    /// How far the number is on its way out; nothing where that is as before.
    #[must_use]
    pub fn of_leaving(before: Option<Leaving>, after: Option<Leaving>) -> Option<Self> {
        let words = |leaving: Option<Leaving>| Some(leaving.map_or("active", Leaving::label).to_owned());
        (before != after).then(|| Self { member: "status".to_owned(), before: words(before), after: words(after) })
    }

    /// In words: "usage changed from A to B".
    #[must_use]
    pub fn words(&self) -> String {
        let Self { member, before, after } = self;
        match (before, after) {
            (Some(before), Some(after)) => format!("{member} changed from {before} to {after}"),
            (None, Some(after)) => format!("{member} set to {after}"),
            (Some(before), None) => format!("{member} removed, it was {before}"),
            (None, None) => format!("{member} changed"),
        }
    }
}

/// What differs between what a backend said of a number before and after. A calling profile counts only where both name one.
#[must_use]
pub fn member_changes(before: &NumberSettings, after: &NumberSettings) -> Vec<MemberChange> {
    let (old, new) = (&before.teams, &after.teams);
    let text = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
    let list = |values: &[String]| text(&values.join(" + "));
    let leave = |allowed: bool| text(if allowed { "allowed" } else { "not allowed" });
    let services = |settings: &NumberSettings| text(&settings.services.labels());
    let profiles = before.calling_profile.clone().zip(after.calling_profile.clone());
    let (old_profile, new_profile) = profiles.unzip();
    let members = [
        ("service", services(before), services(after)),
        ("usage", text(&old.usage), text(&new.usage)),
        ("capabilities", list(&old.choosable_capabilities), list(&new.choosable_capabilities)),
        ("additional usages", list(&old.additional_usages), list(&new.additional_usages)),
        ("emergency address", old.civic_address_id.clone(), new.civic_address_id.clone()),
        ("location", old.location_id.clone(), new.location_id.clone()),
        (
            "address updates by the enterprise",
            leave(old.allow_tenant_address_update),
            leave(new.allow_tenant_address_update),
        ),
        ("displayed country", old.displayed_country_code.clone(), new.displayed_country_code.clone()),
        ("calling profile", old_profile, new_profile),
    ];
    let differing = members.into_iter().filter(|(_, before, after)| before != after);
    differing
        .map(|(member, before, after)| MemberChange {
            member: member.to_owned(),
            before: before.map(shortened),
            after: after.map(shortened),
        })
        .collect()
}

fn shortened(value: String) -> String {
    match value.char_indices().nth(MAX_VALUE) {
        Some((cut, _)) => format!("{}\u{2026}", value.get(..cut).unwrap_or_default()),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Service, TeamsSettings};

    fn settings(usage: &str, address: Option<&str>) -> NumberSettings {
        let teams = TeamsSettings {
            usage: usage.to_owned(),
            civic_address_id: address.map(str::to_owned),
            ..TeamsSettings::default()
        };
        NumberSettings { services: Service::OperatorConnect.into(), teams, ..NumberSettings::default() }
    }

    #[test]
    fn each_member_that_differs_is_told_with_both_values() {
        let (before, after) = (settings("CallingUserAssignment", Some("a1")), settings("ConferenceAssignment", None));
        let words: Vec<String> = member_changes(&before, &after).iter().map(MemberChange::words).collect();
        assert_eq!(
            words,
            [
                "usage changed from CallingUserAssignment to ConferenceAssignment",
                "emergency address removed, it was a1"
            ]
        );
        assert_eq!(member_changes(&before, &before), []);
    }

    #[test]
    fn a_profile_that_only_one_side_names_is_no_change() {
        let named = |name: &str| NumberSettings { calling_profile: Some(name.to_owned()), ..settings("", None) };
        assert_eq!(member_changes(&settings("", None), &named("one")), []);
        assert_eq!(member_changes(&named("one"), &named("two"))[0].words(), "calling profile changed from one to two");
    }

    #[test]
    fn a_long_value_is_told_in_part() {
        let changes = member_changes(&settings(&"ä".repeat(500), None), &settings("b", None));
        assert_eq!(changes[0].before.as_ref().map(|value| value.chars().count()), Some(MAX_VALUE + 1));
    }
}
