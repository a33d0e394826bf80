//! Changing many numbers at once: what somebody chose changes, everything else stays as it is on each number.

use super::number::{NumberSettings, TeamsSettings};
use super::service::{Service, ServiceSet};

/// What becomes of one setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is on each number.
    #[default]
    Keep,
    /// It becomes this on all of them.
    To(T),
}

/// What becomes of a setting that holds several names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListChange {
    /// It stays as it is on each number.
    #[default]
    Keep,
    /// It becomes exactly these.
    To(Vec<String>),
    /// Those of these that are missing are added.
    Add(Vec<String>),
    /// These are taken off.
    Remove(Vec<String>),
}

/// What somebody chose to change on many numbers. By default nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsEdit {
    /// The Teams service, or none of them.
    pub teams_service: Change<Option<Service>>,
    /// Services that are added.
    pub added: ServiceSet,
    /// Services that are taken off.
    pub removed: ServiceSet,
    /// What the numbers are for.
    pub usage: Change<String>,
    /// The kinds of call they allow.
    pub capabilities: ListChange,
    /// Further usages.
    pub additional_usages: ListChange,
    /// The emergency address. A location of the address before goes with it.
    pub civic_address: Change<Option<String>>,
    /// The place within the address.
    pub location: Change<Option<String>>,
    /// Whether the enterprise may change the address.
    pub allow_tenant_address_update: Change<bool>,
    /// Country to display.
    pub country: Change<Option<String>>,
    /// The calling profile.
    pub calling_profile: Change<Option<String>>,
    /// Value of the SIP header.
    pub custom_sip_header: Change<Option<String>>,
}

impl<T: Clone> Change<T> {
    fn applied(&self, before: T) -> T {
        match self {
            Self::Keep => before,
            Self::To(value) => value.clone(),
        }
    }
}

impl ListChange {
    /// The list after the change. One that holds the same names as before stays as it was written.
    fn applied(&self, before: Vec<String>) -> Vec<String> {
        let mut after = match self {
            Self::Keep => return before,
            Self::To(names) => names.clone(),
            Self::Add(names) => before.iter().chain(names).cloned().collect(),
            Self::Remove(names) => before.iter().filter(|name| !names.contains(name)).cloned().collect(),
        };
        after.sort_unstable();
        after.dedup();
        let mut known = before.clone();
        known.sort_unstable();
        known.dedup();
        if known == after { before } else { after }
    }
}

impl SettingsEdit {
    /// Whether nothing was chosen.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The settings of a number that has had these. `usual_profile` is what a number gets that had no calling profile
    /// before because none of its services has one.
    #[must_use]
    pub fn applied(&self, before: &NumberSettings, usual_profile: Option<&String>) -> NumberSettings {
        let NumberSettings { services, teams, calling_profile, custom_sip_header } = before.clone();
        let mut after = NumberSettings {
            services: self.services(services),
            teams: self.teams(teams),
            calling_profile: self.calling_profile.applied(calling_profile),
            custom_sip_header: self.custom_sip_header.applied(custom_sip_header),
        };
        if after.services == before.services {
            return after;
        }
        if !after.has_teams_settings() {
            after.teams = TeamsSettings::default();
            after.calling_profile = None;
        } else if !before.has_teams_settings() {
            after = after.with_usual_profile(usual_profile);
        }
        after
    }

    /// Whether it chooses settings that only numbers with a Teams service have, for one that has none afterwards.
    #[must_use]
    pub fn is_misplaced(&self, after: &NumberSettings) -> bool {
        let plain = Self {
            teams_service: self.teams_service.clone(),
            added: self.added,
            removed: self.removed,
            custom_sip_header: self.custom_sip_header.clone(),
            ..Self::default()
        };
        *self != plain && !after.has_teams_settings()
    }

    fn services(&self, before: ServiceSet) -> ServiceSet {
        let services = match self.teams_service {
            Change::Keep => before,
            Change::To(service) => {
                before.without(ServiceSet::TEAMS).or(service.map_or_else(ServiceSet::default, ServiceSet::from))
            }
        };
        services.without(self.removed).or(self.added)
    }

    fn teams(&self, before: TeamsSettings) -> TeamsSettings {
        let civic_address_id = self.civic_address.applied(before.civic_address_id.clone());
        let is_another_address = civic_address_id != before.civic_address_id;
        let location_id = match &self.location {
            Change::Keep if is_another_address => None,
            location => location.applied(before.location_id),
        };
        TeamsSettings {
            usage: self.usage.applied(before.usage),
            choosable_capabilities: self.capabilities.applied(before.choosable_capabilities),
            additional_usages: self.additional_usages.applied(before.additional_usages),
            civic_address_id,
            location_id,
            allow_tenant_address_update: self.allow_tenant_address_update.applied(before.allow_tenant_address_update),
            displayed_country_code: self.country.applied(before.displayed_country_code),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn settings()(
            bits in 0_i64..32,
            usage in "[AB]?",
            capabilities in proptest::collection::vec("[A-D]", 0..4),
            additional in proptest::collection::vec("[A-D]", 0..3),
            address in proptest::option::of("[xyz]"),
            location in proptest::option::of("[xyz]"),
            allow: bool,
            country in proptest::option::of("(GB|US)"),
            profile in proptest::option::of("[pq]"),
            header in proptest::option::of("[hi]"),
        ) -> NumberSettings {
            NumberSettings {
                services: ServiceSet::from_bits(bits),
                teams: TeamsSettings {
                    usage,
                    choosable_capabilities: capabilities,
                    additional_usages: additional,
                    civic_address_id: address,
                    location_id: location,
                    allow_tenant_address_update: allow,
                    displayed_country_code: country,
                },
                calling_profile: profile,
                custom_sip_header: header,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_not_chosen_stays_to_the_letter(before in settings()) {
            prop_assert_eq!(&SettingsEdit::default().applied(&before, Some(&"usual".to_owned())), &before);
            let header = SettingsEdit { custom_sip_header: Change::To(None), ..SettingsEdit::default() };
            let expected = NumberSettings { custom_sip_header: None, ..before.clone() };
            prop_assert_eq!(header.applied(&before, None), expected);
            let mut expected = before.clone();
            expected.teams.usage = "C".to_owned();
            let usage = SettingsEdit { usage: Change::To("C".to_owned()), ..SettingsEdit::default() };
            prop_assert_eq!(usage.applied(&before, None), expected);
        }

        #[test]
        fn a_change_made_twice_changes_nothing_the_second_time(
            before in settings(),
            added in proptest::collection::vec("[A-E]", 0..3),
            removed in proptest::collection::vec("[A-E]", 0..3),
        ) {
            for capabilities in [ListChange::To(added.clone()), ListChange::Add(added), ListChange::Remove(removed)] {
                let edit = SettingsEdit { capabilities, ..SettingsEdit::default() };
                let once = edit.applied(&before, None);
                prop_assert_eq!(edit.applied(&once, None), once);
            }
        }

        #[test]
        fn names_are_added_and_taken_off_one_by_one(before in settings(), name in "[A-E]") {
            let list = |settings: &NumberSettings| settings.teams.choosable_capabilities.clone();
            let add = SettingsEdit { capabilities: ListChange::Add(vec![name.clone()]), ..SettingsEdit::default() };
            let remove = SettingsEdit { capabilities: ListChange::Remove(vec![name.clone()]), ..SettingsEdit::default() };
            let (more, fewer) = (list(&add.applied(&before, None)), list(&remove.applied(&before, None)));
            prop_assert!(more.contains(&name) && !fewer.contains(&name));
            for other in list(&before).iter().filter(|other| **other != name) {
                prop_assert!(more.contains(other) && fewer.contains(other));
            }
            if list(&before).contains(&name) {
                prop_assert_eq!(more, list(&before));
            } else {
                prop_assert_eq!(fewer, list(&before));
            }
        }
    }

    #[test]
    fn another_address_takes_its_location_along() {
        let teams = TeamsSettings {
            civic_address_id: Some("old".into()),
            location_id: Some("floor".into()),
            ..TeamsSettings::default()
        };
        let before = NumberSettings { teams, services: Service::OperatorConnect.into(), ..NumberSettings::default() };
        let to = |id: &str| SettingsEdit { civic_address: Change::To(Some(id.into())), ..SettingsEdit::default() };
        assert_eq!(to("old").applied(&before, None), before);
        assert_eq!(to("new").applied(&before, None).teams.location_id, None);
        let both = SettingsEdit { location: Change::To(Some("hall".into())), ..to("new") };
        assert_eq!(both.applied(&before, None).teams.location_id.as_deref(), Some("hall"));
    }

    #[test]
    fn a_number_that_loses_its_teams_service_loses_what_only_that_had() {
        let teams = TeamsSettings { usage: "Calling".into(), ..TeamsSettings::default() };
        let before = NumberSettings {
            services: [Service::OperatorConnect, Service::ZoomPhoneCloudPeering].into_iter().collect(),
            teams,
            calling_profile: Some("p".into()),
            custom_sip_header: Some("h".into()),
        };
        let none = SettingsEdit { teams_service: Change::To(None), ..SettingsEdit::default() };
        let after = none.applied(&before, None);
        assert_eq!(after.services, Service::ZoomPhoneCloudPeering.into());
        assert_eq!((after.teams, after.calling_profile), (TeamsSettings::default(), None));
        assert_eq!(after.custom_sip_header.as_deref(), Some("h"));
        let zoom = NumberSettings { services: Service::ZoomPhoneCloudPeering.into(), ..NumberSettings::default() };
        let back =
            SettingsEdit { teams_service: Change::To(Some(Service::OperatorConnect)), ..SettingsEdit::default() };
        let after = back.applied(&zoom, Some(&"usual".to_owned()));
        assert_eq!(after.calling_profile.as_deref(), Some("usual"));
    }
}
