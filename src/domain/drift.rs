//! Drift: what a backend says of a number, and what we say of it, when the two are not the same.

use super::rules::{self, Difference};
use super::{NumberSettings, Places, ServiceSet};

/// How the backend and we differ about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// The backend has it with other settings.
    Different,
    /// The backend has it, and nobody here has it for that tenant and service.
    OnlyThere,
    /// The backend does not have it.
    OnlyHere,
    /// The backend has it for another tenant.
    OtherTenant,
    /// The backend has it still, and the enterprise's consent was suspended or removed.
    ConsentWithdrawn,
}

impl DriftKind {
    /// Every kind, in the order of display.
    pub const ALL: [Self; 5] =
        [Self::Different, Self::OnlyThere, Self::OnlyHere, Self::OtherTenant, Self::ConsentWithdrawn];

    /// The name in storage and addresses.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Different => "different",
            Self::OnlyThere => "only-there",
            Self::OnlyHere => "only-here",
            Self::OtherTenant => "other-tenant",
            Self::ConsentWithdrawn => "consent-withdrawn",
        }
    }

    /// The words people read.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Different => "Different",
            Self::OnlyThere => "Only at the backend",
            Self::OnlyHere => "Only here",
            Self::OtherTenant => "Held by another tenant",
            Self::ConsentWithdrawn => "Consent withdrawn",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Different => "The backend has the number with other settings than this portal.",
            Self::OnlyThere => "The backend has the number. Here it is on no account of that tenant for this service.",
            Self::OnlyHere => "The number is on an account here. The backend does not have it, or not any more.",
            Self::OtherTenant => "The number is on an account here. The backend has it for another tenant.",
            Self::ConsentWithdrawn => {
                "The enterprise suspended or removed its consent. The backend has the number still."
            }
        }
    }

    /// Finds the kind of this name.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// What settles drift by an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriftWay {
    /// What we say becomes what the backend says; the backend is not called.
    Adopt,
    /// What the backend has becomes what we say.
    Push,
    /// The backend gives the number up.
    Release,
}

impl DriftWay {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Adopt, Self::Push, Self::Release];

    /// The name in storage and forms.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Push => "push",
            Self::Release => "release",
        }
    }

    /// What an order of this kind does about drift, as a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Adopt => {
                "This settles drift by adopting: the portal takes over what the backend has. The backend is not called."
            }
            Self::Push => "This settles drift by pushing: the backend is sent what the portal has.",
            Self::Release => "This settles drift by releasing: the backend is asked to give the numbers up.",
        }
    }

    /// Finds the way of this name.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.key() == key)
    }
}

/// What we say of a number, as far as the backend that says `theirs` would see it.
#[must_use]
pub fn seen_of(ours: &NumberSettings, theirs: &NumberSettings) -> NumberSettings {
    let mut seen = match theirs.services.iter().next() {
        Some(service) if !ours.services.and(theirs.services).is_empty() => ours.part(service),
        _ => NumberSettings { custom_sip_header: None, ..ours.clone() },
    };
    // Where nobody here chose a profile, any is as wanted.
    if seen.calling_profile.is_none() {
        seen.calling_profile.clone_from(&theirs.calling_profile);
    }
    seen
}

/// What differs, field by field: theirs before, ours after.
#[must_use]
pub fn fields(theirs: &NumberSettings, ours: &NumberSettings, places: &Places) -> Vec<Difference> {
    rules::differences(theirs, &seen_of(ours, theirs), places)
}

/// What we would say of a number once we say of this backend's services, `provisioned`, what it says. The rest stays.
#[must_use]
pub fn adopted(ours: Option<&NumberSettings>, theirs: &NumberSettings, provisioned: ServiceSet) -> NumberSettings {
    let Some(ours) = ours else { return theirs.clone() };
    let services = ours.services.without(provisioned).or(theirs.services);
    // A service without settings of its own says nothing of those of another.
    let says = if theirs.has_teams_settings() { theirs } else { ours };
    NumberSettings { services, custom_sip_header: ours.custom_sip_header.clone(), ..says.clone() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Backends, Service, TeamsSettings};

    fn settings(services: &[Service], usage: &str, profile: Option<&str>) -> NumberSettings {
        NumberSettings {
            services: services.iter().copied().collect(),
            teams: TeamsSettings { usage: usage.to_owned(), ..TeamsSettings::default() },
            calling_profile: profile.map(str::to_owned),
            custom_sip_header: None,
        }
    }

    #[test]
    fn keys_read_back() {
        for kind in DriftKind::ALL {
            assert_eq!(DriftKind::from_key(kind.key()), Some(kind));
        }
        for way in DriftWay::ALL {
            assert_eq!(DriftWay::from_key(way.key()), Some(way));
        }
    }

    #[test]
    fn only_what_the_backend_sees_is_compared() {
        let theirs = settings(&[Service::OperatorConnect], "CallingUserAssignment", Some("p"));
        let mut ours = settings(&[Service::OperatorConnect, Service::CallProtection], "CallingUserAssignment", None);
        ours.custom_sip_header = Some("header".to_owned());
        assert_eq!(fields(&theirs, &ours, &Places::default()), []);
        ours.teams.usage = "FirstPartyAppAssignment".to_owned();
        let found = fields(&theirs, &ours, &Places::default());
        assert_eq!(found.iter().map(|one| one.label).collect::<Vec<_>>(), ["Usage"]);
    }

    proptest! {
        #[test]
        fn what_was_adopted_differs_in_nothing(
            bits in 0_i64..32,
            usage in "[a-c]{0,2}",
            header in proptest::option::of("[a-z]{1,3}"),
            mobile: bool,
        ) {
            let service = if mobile { Service::TeamsPhoneMobile } else { Service::OperatorConnect };
            let theirs = settings(&[service], "theirs", Some("p"));
            let mut ours = settings(&[], &usage, None);
            ours.services = ServiceSet::from_bits(bits);
            ours.custom_sip_header = header;
            let adopted = adopted(Some(&ours), &theirs, Backends::default().provisioned());
            prop_assert_eq!(fields(&theirs, &adopted, &Places::default()), []);
            prop_assert_eq!(adopted.part(service), theirs);
            prop_assert_eq!(adopted.custom_sip_header, ours.custom_sip_header);
        }
    }
}
