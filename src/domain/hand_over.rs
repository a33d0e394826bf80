//! Setting up an enterprise for Direct Routing: steps of ours and steps of theirs, in order.

use time::{Date, OffsetDateTime};

use super::account::DirectRouting;
use super::direct_routing::SubdomainStatus;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The account has a subdomain.
    LabelChosen,
    /// The enterprise was told its names.
    NamesSent,
    /// The enterprise told its tokens, and they are on the account.
    TokensReceived,
    /// The name servers answer with the tokens.
    RecordsServed,
    /// The enterprise has verified the names.
    Verified,
    /// A licensed user or resource account has a name of each region.
    Activated,
    /// The voice route of the enterprise leads to the names.
    RoutingSet,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 7] = [
        Self::LabelChosen,
        Self::NamesSent,
        Self::TokensReceived,
        Self::RecordsServed,
        Self::Verified,
        Self::Activated,
        Self::RoutingSet,
    ];

    /// The name in storage and forms.
    pub const fn key(self) -> &'static str {
        match self {
            Self::LabelChosen => "labelChosen",
            Self::NamesSent => "namesSent",
            Self::TokensReceived => "tokensReceived",
            Self::RecordsServed => "recordsServed",
            Self::Verified => "verified",
            Self::Activated => "activated",
            Self::RoutingSet => "routingSet",
        }
    }

    /// Finds the step of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.key() == key)
    }

    /// The words people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::LabelChosen => "Subdomain chosen",
            Self::NamesSent => "Names sent to the enterprise",
            Self::TokensReceived => "Tokens received",
            Self::RecordsServed => "Records served",
            Self::Verified => "Names verified by the enterprise",
            Self::Activated => "Names activated",
            Self::RoutingSet => "Call routing set",
        }
    }

    /// Tells whether only a person can know. The others follow from the data.
    pub const fn by_hand(self) -> bool {
        matches!(self, Self::NamesSent | Self::Verified | Self::Activated | Self::RoutingSet)
    }

    /// What has to be done, by whom.
    pub const fn to_do(self) -> &'static str {
        match self {
            Self::LabelChosen => "Choose a subdomain for the enterprise and enter it on the account.",
            Self::NamesSent => "Send the enterprise its names and what to do with them.",
            Self::TokensReceived => "Enter the TXT values on the account when the enterprise sends them.",
            Self::RecordsServed => "Wait until the name server answers with the tokens. That takes seconds.",
            Self::Verified => "Ask the enterprise to finish verifying its names, and enter the day when it has.",
            Self::Activated => "The enterprise gives each name to a licensed user or resource account.",
            Self::RoutingSet => "The enterprise points a voice route at its names.",
        }
    }
}

/// A step that somebody ticked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The step.
    pub step: Step,
    /// The day it was done.
    pub on: Date,
    /// Who says so.
    pub by: String,
    /// When they said so.
    pub at: OffsetDateTime,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Whether it is done.
    pub done: bool,
    /// Who ticked it, where that is how it is known.
    pub tick: Option<Tick>,
}

/// Tells how far every step is. `regions` says how many tokens there have to be.
pub fn progress(
    routing: Option<&DirectRouting>,
    regions: usize,
    status: SubdomainStatus,
    ticks: &[Tick],
) -> Vec<Progress> {
    let has_tokens = routing.is_some_and(|routing| routing.has_tokens(regions));
    let of = |step: Step| {
        let tick = ticks.iter().find(|tick| tick.step == step && step.by_hand()).cloned();
        let done = match step {
            Step::LabelChosen => routing.is_some(),
            Step::TokensReceived => has_tokens,
            Step::RecordsServed => has_tokens && status == SubdomainStatus::Provisioned,
            _ => tick.is_some(),
        };
        Progress { step, done, tick }
    };
    Step::ALL.into_iter().map(of).collect()
}

/// The first step that is not done.
pub fn next(steps: &[Progress]) -> Option<Step> {
    steps.iter().find(|step| !step.done).map(|step| step.step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_PROVISIONED: SubdomainStatus = SubdomainStatus::NotProvisioned;
    const PROVISIONED: SubdomainStatus = SubdomainStatus::Provisioned;

    #[test]
    fn derived_steps_follow_from_the_data_and_the_others_from_ticks() {
        let tick = |step| Tick {
            step,
            on: Date::from_ordinal_date(2026, 1).unwrap(),
            by: "Alex".into(),
            at: OffsetDateTime::UNIX_EPOCH,
        };
        let mut routing =
            DirectRouting { call_screening: true, subdomain: "contoso".into(), tokens: ["a".into(), String::new()] };
        let done = |routing: Option<&DirectRouting>, status, ticks: &[Tick]| -> Vec<Step> {
            let steps = progress(routing, 2, status, ticks).into_iter();
            steps.filter(|step| step.done).map(|step| step.step).collect()
        };
        assert_eq!(done(None, NOT_PROVISIONED, &[]), []);
        assert_eq!(done(Some(&routing), PROVISIONED, &[]), [Step::LabelChosen], "a token is missing");
        routing.tokens[1] = "b".into();
        let ticks = [tick(Step::Verified), tick(Step::RecordsServed)];
        assert_eq!(
            done(Some(&routing), NOT_PROVISIONED, &ticks),
            [Step::LabelChosen, Step::TokensReceived, Step::Verified],
            "what the data tells cannot be ticked"
        );
        let steps = progress(Some(&routing), 2, PROVISIONED, &[]);
        assert_eq!(next(&steps), Some(Step::NamesSent));
        assert_eq!(next(&steps[..1]), None);
    }
}
