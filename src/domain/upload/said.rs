//! What a line of a file says of a number's settings, and how it goes over those that the number has: what no column is about
//! stays as it is, an empty cell unsets.

use std::sync::Arc;

use super::columns::{Column, Setting};
use crate::domain::country::iso;
use crate::domain::number::{NumberSettings, TeamsSettings};
use crate::domain::service::{Service, ServiceSet};

/// A set of settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settings(u8);

impl Settings {
    const ALL: Self = Self(0x7f);

    const fn bit(setting: Setting) -> u8 {
        1 << setting as u8
    }

    const fn with(self, setting: Setting) -> Self {
        Self(self.0 | Self::bit(setting))
    }

    const fn has(self, setting: Setting) -> bool {
        self.0 & Self::bit(setting) != 0
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What the columns of a file are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Services of which each line says whether a number has them.
    services: ServiceSet,
    plain: Settings,
    operator_connect: Settings,
    phone_mobile: Settings,
    sip_header: bool,
    profile: bool,
}

impl FromIterator<Column> for About {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        let mut about = Self::default();
        for column in columns {
            match (column, column.setting()) {
                (Column::Enabled(service), _) => about.services = about.services.or(service.into()),
                (Column::Services, _) => about.services = ServiceSet::ALL,
                (Column::CustomSipHeader, _) => about.sip_header = true,
                (Column::CallingProfile, _) => about.profile = true,
                (_, Some((setting, service))) => {
                    let place = match service {
                        None => &mut about.plain,
                        Some(Service::TeamsPhoneMobile) => &mut about.phone_mobile,
                        Some(_) => &mut about.operator_connect,
                    };
                    *place = place.with(setting);
                }
                _ => {}
            }
        }
        about
    }
}

impl About {
    /// Services of which each line says whether a number has them.
    pub(super) const fn services(&self) -> ServiceSet {
        self.services
    }

    /// Whether every setting of a number is in each line, so that nothing of what it has stays.
    fn is_whole(&self) -> bool {
        let everywhere = |settings: Settings| self.plain.or(settings) == Settings::ALL;
        self.services == ServiceSet::ALL
            && everywhere(self.operator_connect)
            && everywhere(self.phone_mobile)
            && self.sip_header
            && self.profile
    }

    /// The settings of a number with this service that the lines have.
    fn of(&self, service: Option<Service>) -> Settings {
        match service {
            None => self.plain,
            Some(Service::TeamsPhoneMobile) => self.plain.or(self.phone_mobile),
            Some(_) => self.plain.or(self.operator_connect),
        }
    }
}

/// What a line says of settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What the lines of the file are about.
    pub(super) about: About,
    /// The services that it enables, and what stands in the cells of settings.
    pub(super) settings: NumberSettings,
    /// Services for which a cell of settings is filled.
    pub(super) given: ServiceSet,
    /// Whether a cell is filled that is a setting of whichever service the number has.
    pub(super) given_plain: bool,
}

impl Said {
    /// Whether what a number has matters for what the line makes of it.
    pub fn needs_base(&self) -> bool {
        !self.about.is_whole()
    }

    /// Whether the line says that there is no calling profile.
    pub fn has_no_profile(&self) -> bool {
        self.about.profile && self.settings.calling_profile.is_none()
    }

    /// Whether the line leaves the calling profile as it is.
    pub fn keeps_profile(&self) -> bool {
        !self.about.profile
    }

    /// The settings of a number that has none, and for which nothing else is said.
    pub fn alone(&self) -> NumberSettings {
        self.of_new(&NumberSettings::default())
    }

    /// The settings of a new number: what the line says, and the rest of it from a form. Where the file says which services
    /// numbers have, the form does not.
    pub fn of_new(&self, form: &NumberSettings) -> NumberSettings {
        let services = if self.about.services.is_empty() { form.services } else { self.settings.services };
        self.with(services, form, false)
    }

    /// The settings of a number that has these now.
    pub fn over(&self, now: &NumberSettings) -> NumberSettings {
        self.with(now.services.without(self.about.services).or(self.settings.services), now, true)
    }

    fn with(&self, services: ServiceSet, base: &NumberSettings, is_held: bool) -> NumberSettings {
        let mut settings = NumberSettings { services, ..base.clone() };
        if settings.has_teams_settings() {
            let service = services.and(ServiceSet::WITH_TEAMS_SETTINGS).iter().next();
            let service = service.or_else(|| self.given.iter().next());
            let about = self.about.of(service);
            for setting in Setting::ALL.into_iter().filter(|setting| about.has(*setting)) {
                take(setting, &mut settings.teams, &self.settings.teams);
            }
        } else if !is_held || base.has_teams_settings() {
            settings.teams = TeamsSettings::default();
            settings.calling_profile = None;
        }
        if self.about.profile {
            settings.calling_profile.clone_from(&self.settings.calling_profile);
        }
        if self.about.sip_header {
            settings.custom_sip_header.clone_from(&self.settings.custom_sip_header);
        }
        settings
    }

    /// The services for which the line has settings although a number with these services does not have them.
    pub fn misplaced(&self, services: ServiceSet) -> ServiceSet {
        if services.is_empty() {
            return ServiceSet::default();
        }
        let plain = if self.given_plain && services.and(ServiceSet::WITH_TEAMS_SETTINGS).is_empty() {
            ServiceSet::from(Service::OperatorConnect)
        } else {
            ServiceSet::default()
        };
        self.given.without(services).or(plain)
    }

    /// Tells about how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + super::bytes_of(&self.settings)
    }
}

/// The same thing said of many lines is held once.
pub(super) fn shared(last: &mut Option<Arc<Said>>, said: Said) -> Arc<Said> {
    match last {
        Some(last) if **last == said => Arc::clone(last),
        _ => Arc::clone(last.insert(Arc::new(said))),
    }
}

fn take(setting: Setting, to: &mut TeamsSettings, from: &TeamsSettings) {
    match setting {
        Setting::Usage => to.usage.clone_from(&from.usage),
        Setting::ChoosableCapabilities => to.choosable_capabilities.clone_from(&from.choosable_capabilities),
        Setting::AdditionalUsages => to.additional_usages.clone_from(&from.additional_usages),
        Setting::CivicAddressId => to.civic_address_id.clone_from(&from.civic_address_id),
        Setting::LocationId => to.location_id.clone_from(&from.location_id),
        Setting::AllowTenantAddressUpdate => to.allow_tenant_address_update = from.allow_tenant_address_update,
        Setting::DisplayedCountryCode => {
            // The same country, whichever of its codes is stored.
            let (kept, said) = (to.displayed_country_code.as_deref(), from.displayed_country_code.as_deref());
            if kept.map(iso) != said.map(iso) {
                to.displayed_country_code.clone_from(&from.displayed_country_code);
            }
        }
    }
}
