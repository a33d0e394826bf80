//! Ours beside theirs on the page of one number.

use time::OffsetDateTime;

use super::view::backend_label;
use crate::domain::drift::seen_of;
use crate::domain::rules::described;
use crate::domain::{Backends, NumberSettings, Places};
use crate::portal::show::{Chip, Moment, age};
use crate::service::drift::{Beside, Held};

/// One setting on both sides.
pub(in crate::portal) struct Setting {
    pub(in crate::portal) label: &'static str,
    pub(in crate::portal) theirs: String,
    pub(in crate::portal) ours: String,
    pub(in crate::portal) differs: bool,
}

/// What a backend says of the number.
pub(in crate::portal) struct BesideView {
    pub(in crate::portal) backend: String,
    pub(in crate::portal) tenant: String,
    pub(in crate::portal) enterprise: String,
    /// Whether the enterprise has a page.
    pub(in crate::portal) known: bool,
    /// Whether it has the number for that tenant.
    pub(in crate::portal) held: bool,
    /// Whether that is another tenant than the number's here.
    pub(in crate::portal) of_another: bool,
    pub(in crate::portal) settings: Vec<Setting>,
    pub(in crate::portal) assignment: Chip,
    /// How long the backend has said the same, as far as its list tells.
    pub(in crate::portal) since: Option<Moment>,
    /// When it last said so: in its list, or in the answer to something that was sent after that.
    pub(in crate::portal) as_of: Option<Moment>,
    pub(in crate::portal) age: String,
}

/// A number here, as far as it is compared.
#[derive(Clone, Copy)]
pub(in crate::portal) struct Here<'a> {
    pub(in crate::portal) tenant: Option<&'a str>,
    pub(in crate::portal) settings: Option<&'a NumberSettings>,
    pub(in crate::portal) places: &'a Places,
}

impl BesideView {
    /// Whether it says something else than what is here.
    pub(in crate::portal) fn differs(&self) -> bool {
        self.settings.iter().any(|setting| setting.differs)
    }

    /// What a backend says, beside what is here.
    pub(in crate::portal) fn new(beside: &Beside, here: Here<'_>, backends: &Backends, now: OffsetDateTime) -> Self {
        let held = beside.held.as_ref();
        let known_at = beside.listed_at.max(held.map(|held| held.seen_at));
        Self {
            backend: backend_label(backends, &beside.backend),
            enterprise: beside.company.clone().unwrap_or_else(|| beside.tenant.clone()),
            known: beside.company.is_some(),
            of_another: here.tenant.is_some_and(|tenant| tenant != beside.tenant),
            tenant: beside.tenant.clone(),
            held: held.is_some(),
            settings: held.map(|held| settings(held, here)).unwrap_or_default(),
            assignment: match held {
                Some(held) if held.assigned => Chip::new("ok", "Assigned"),
                _ => Chip::new("off", "Unassigned"),
            },
            since: held
                .map(|held| held.seen_at)
                .filter(|seen| beside.listed_at.is_some_and(|at| *seen < at))
                .map(Moment::from),
            as_of: known_at.map(Moment::from),
            age: known_at.map(|at| age(now, at)).unwrap_or_default(),
        }
    }
}

/// Every setting that one of the two sides has, and that the backend is removing the number where it is.
fn settings(held: &Held, here: Here<'_>) -> Vec<Setting> {
    let mut all = compared(&held.settings, here);
    if let Some(leaving) = held.leaving {
        let ours = if here.settings.is_some() { "active".to_owned() } else { String::new() };
        let differs = !ours.is_empty();
        all.push(Setting { label: "Status", theirs: leaving.label().to_owned(), ours, differs });
    }
    all
}

fn compared(theirs: &NumberSettings, here: Here<'_>) -> Vec<Setting> {
    let ours = here.settings.map(|ours| seen_of(ours, theirs));
    let said = described(theirs, here.places);
    let Some(ours) = ours else {
        let setting = |(label, theirs)| Setting { label, theirs, ours: String::new(), differs: false };
        return said.into_iter().map(setting).collect();
    };
    let all = described(&ours, here.places);
    let ours_of = |label: &str| all.iter().find(|(other, _)| *other == label).map(|(_, value)| value.clone());
    said.into_iter()
        .map(|(label, theirs)| {
            let ours = ours_of(label).unwrap_or_default();
            Setting { label, differs: theirs != ours, theirs, ours }
        })
        .collect()
}
