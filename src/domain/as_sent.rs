//! What a program sent beside what should be true: kept as it was sent, answered again, and nothing else.
//!
//! Settings know lists as sets, and only the services that are enabled. What a program gets back is what it sent: its lists
//! in its order and with what it repeated, and the services that it switched off with what it said of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::account::{Account, AccountDraft, DirectRouting};
use super::e164::E164;
use super::number::{NumberSettings, TeamsSettings, content_id};
use super::service::{Service, ServiceSet};

/// What was sent of a number beside its settings. The usual is nothing: lists in alphabetical order, no service switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NumberAsSent {
    /// The capabilities in the order in which they were sent; empty where that is the usual one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choosable_capabilities: Vec<String>,
    /// Further usages, in the same way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    additional_usages: Vec<String>,
    /// Services that are not enabled, with their settings where some were sent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    disabled: BTreeMap<Service, Option<TeamsSettings>>,
    /// The calling profile that the number gets back with a service that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    calling_profile: Option<String>,
}

impl NumberAsSent {
    /// Keeps the lists of an enabled service where their order is not the usual one.
    pub fn keep_order(&mut self, teams: &TeamsSettings) {
        let unusual = |list: &[String]| {
            let usual = list.is_sorted_by(|one, next| one < next);
            if usual { Vec::new() } else { list.to_vec() }
        };
        self.choosable_capabilities = unusual(&teams.choosable_capabilities);
        self.additional_usages = unusual(&teams.additional_usages);
    }

    /// Keeps a service that is not enabled.
    pub fn keep_disabled(&mut self, service: Service, teams: Option<TeamsSettings>) {
        self.disabled.insert(service, teams);
    }

    /// The services that are not enabled on a number with these, each with its settings where some were sent.
    pub fn disabled(&self, enabled: ServiceSet) -> impl Iterator<Item = (Service, Option<&TeamsSettings>)> {
        let off = move |(service, _): &(&Service, _)| !enabled.contains(**service);
        self.disabled.iter().filter(off).map(|(service, teams)| (*service, teams.as_ref()))
    }

    /// The capabilities of a number as they are answered: as they were sent, while they are the same ones.
    pub fn capabilities<'a>(&'a self, kept: &'a TeamsSettings) -> &'a [String] {
        as_sent(&self.choosable_capabilities, &kept.choosable_capabilities)
    }

    /// The further usages of a number, in the same way.
    pub fn usages<'a>(&'a self, kept: &'a TeamsSettings) -> &'a [String] {
        as_sent(&self.additional_usages, &kept.additional_usages)
    }

    /// Whether there is nothing to keep.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the other says something else of what a program can set; the order of lists is nothing of that.
    pub fn differs_from(&self, other: &Self) -> bool {
        self.settable() != other.settable()
    }

    /// What a program can set, for the tag of the number: lists as sets, and nothing where there is nothing of it.
    pub fn settable(&self) -> Option<impl Serialize + PartialEq + '_> {
        let as_sets = |teams: &Option<TeamsSettings>| teams.clone().map(TeamsSettings::normalised);
        let disabled: BTreeMap<Service, Option<TeamsSettings>> =
            self.disabled.iter().map(|(service, teams)| (*service, as_sets(teams))).collect();
        (!disabled.is_empty() || self.calling_profile.is_some()).then_some((disabled, &self.calling_profile))
    }

    /// The value's key.
    pub fn id(&self) -> i64 {
        content_id(self)
    }
}

/// `sent` while it holds the same as `kept`, which is in order and holds nothing twice.
fn as_sent<'a>(sent: &'a [String], kept: &'a [String]) -> &'a [String] {
    let mut distinct: Vec<&String> = sent.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.into_iter().eq(kept) { sent } else { kept }
}

/// A number as a program sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentNumber {
    /// Its place in what was sent, from 0.
    pub index: usize,
    /// The number; nothing where it cannot be read.
    pub number: Option<E164>,
    /// What it should be, in its normal form.
    pub settings: NumberSettings,
    /// What was sent besides.
    pub as_sent: NumberAsSent,
}

/// What a number was before a program put it.
#[derive(Clone, Copy, Debug)]
pub struct NumberBefore<'a> {
    /// Its settings.
    pub settings: &'a NumberSettings,
    /// What was sent of it besides.
    pub as_sent: Option<&'a NumberAsSent>,
}

impl SentNumber {
    /// What the number is to be: what was sent, and what the contract has no words for as it was before. A new number gets
    /// the usual calling profile.
    #[must_use]
    pub fn over(&self, before: Option<NumberBefore<'_>>, usual: Option<&String>) -> (NumberSettings, NumberAsSent) {
        let (mut settings, mut as_sent) = (self.settings.clone(), self.as_sent.clone());
        let Some(before) = before else { return (settings.with_usual_profile(usual), as_sent) };
        let kept = before.as_sent.and_then(|as_sent| as_sent.calling_profile.as_ref());
        let profile = if before.settings.has_teams_settings() {
            before.settings.calling_profile.as_ref()
        } else if settings.has_teams_settings() {
            kept.or(usual)
        } else {
            kept
        };
        if settings.has_teams_settings() {
            settings.calling_profile = profile.cloned();
        } else {
            as_sent.calling_profile = profile.cloned();
        }
        (settings, as_sent)
    }
}

/// What was sent of an account beside what should be true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountAsSent {
    /// Services that were named and not enabled.
    pub disabled: ServiceSet,
    /// What was sent for Direct Routing while that is not enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_routing: Option<DirectRouting>,
}

/// An account as a program sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentAccount {
    /// What it should be.
    pub draft: AccountDraft,
    /// What was sent besides.
    pub as_sent: AccountAsSent,
    /// What could not be read of it, so that nobody concludes anything from its not being there.
    pub unread: Unread,
}

/// What of an account could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Services of which it is not known whether they are enabled.
    pub services: ServiceSet,
    /// Whether a tenant was sent that is none.
    pub tenant: bool,
}

impl SentAccount {
    /// What is known to be wanted: what could not be read is taken to stay as it is.
    #[must_use]
    pub fn as_far_as_read(&self, before: Option<&Account>) -> AccountDraft {
        let mut draft = self.draft.clone();
        draft.services = draft.services.or(self.unread.services);
        if self.unread.tenant {
            draft.tenant_id = before.and_then(|before| before.tenant_id.clone());
        }
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn with_service(service: Service, profile: Option<&str>) -> NumberSettings {
        NumberSettings {
            services: service.into(),
            calling_profile: profile.map(str::to_owned),
            ..NumberSettings::default()
        }
    }

    fn sent(settings: NumberSettings) -> SentNumber {
        SentNumber { index: 0, number: None, settings, as_sent: NumberAsSent::default() }
    }

    #[test]
    fn lists_come_back_as_they_were_sent_while_they_hold_the_same() {
        let mut kept = NumberAsSent::default();
        let sent = TeamsSettings { choosable_capabilities: words(&["b", "a", "b"]), ..TeamsSettings::default() };
        kept.keep_order(&sent);
        let of = |list: &[&str]| TeamsSettings { choosable_capabilities: words(list), ..TeamsSettings::default() };
        assert_eq!(kept.capabilities(&of(&["a", "b"])), words(&["b", "a", "b"]));
        for changed in [&["a"][..], &["a", "b", "c"], &["a", "c"], &[]] {
            assert_eq!(kept.capabilities(&of(changed)), words(changed), "somebody changed them meanwhile");
        }
        assert!(!kept.is_usual() && !kept.differs_from(&NumberAsSent::default()));
        kept.keep_order(&of(&["a", "b"]));
        assert!(kept.is_usual(), "the usual order costs nothing");
    }

    #[test]
    fn a_service_that_somebody_enabled_is_not_disabled_any_more() {
        let mut kept = NumberAsSent::default();
        kept.keep_disabled(Service::ZoomPhoneCloudPeering, None);
        assert_eq!(kept.disabled(ServiceSet::default()).count(), 1);
        assert_eq!(kept.disabled(Service::ZoomPhoneCloudPeering.into()).count(), 0);
    }

    #[test]
    fn a_calling_profile_stays_what_it_was() {
        let usual = "west".to_owned();
        let put = sent(with_service(Service::OperatorConnect, None));
        let profile = |before: &NumberSettings| {
            let before = NumberBefore { settings: before, as_sent: None };
            put.over(Some(before), Some(&usual)).0.calling_profile
        };
        assert_eq!(put.over(None, Some(&usual)).0.calling_profile.as_deref(), Some("west"), "a new number");
        assert_eq!(profile(&with_service(Service::OperatorConnect, Some("east"))).as_deref(), Some("east"));
        assert_eq!(profile(&with_service(Service::TeamsPhoneMobile, Some("east"))).as_deref(), Some("east"));
        assert_eq!(profile(&with_service(Service::OperatorConnect, None)), None, "none was chosen");
        assert_eq!(profile(&with_service(Service::ZoomPhoneCloudPeering, None)).as_deref(), Some("west"));
    }

    #[test]
    fn a_calling_profile_comes_back_with_its_service() {
        let usual = "west".to_owned();
        let before = with_service(Service::OperatorConnect, Some("east"));
        let away = sent(with_service(Service::ZoomPhoneCloudPeering, None));
        let (settings, as_sent) = away.over(Some(NumberBefore { settings: &before, as_sent: None }), Some(&usual));
        assert_eq!(settings.calling_profile, None, "Zoom has none");
        let back = sent(with_service(Service::OperatorConnect, None));
        let (settings, as_sent) =
            back.over(Some(NumberBefore { settings: &settings, as_sent: Some(&as_sent) }), Some(&usual));
        assert_eq!((settings.calling_profile.as_deref(), as_sent.is_usual()), (Some("east"), true));
    }

    proptest! {
        #[test]
        fn any_lists_come_back(list in prop::collection::vec("[a-c]{0,2}", 0..6), more in prop::collection::vec("[a-c]", 0..4)) {
            let sent = TeamsSettings { choosable_capabilities: list, additional_usages: more, ..TeamsSettings::default() };
            let mut kept = NumberAsSent::default();
            kept.keep_order(&sent);
            let settings = NumberSettings { teams: sent.clone(), ..NumberSettings::default() }.normalised();
            prop_assert_eq!(kept.capabilities(&settings.teams), sent.choosable_capabilities);
            prop_assert_eq!(kept.usages(&settings.teams), sent.additional_usages);
            let text = serde_json::to_string(&kept).unwrap();
            prop_assert_eq!(serde_json::from_str::<NumberAsSent>(&text).unwrap(), kept);
        }
    }
}
