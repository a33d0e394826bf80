//! The form of an upload.

use serde::{Deserialize, Serialize};

use crate::domain::field::filled;
use crate::domain::upload::{Column, Exported, HeadingRow, Means, exported_cell};
use crate::domain::{NumberSettings, Service, ServiceSet, TeamsSettings, country};

/// What a person typed to upload numbers. It is kept with the draft, so that it can be taken up again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadForm {
    /// Name of the account.
    pub account: String,
    /// Key of the Teams service; empty where the numbers have none.
    pub service: String,
    /// Keys of further services.
    pub further_service: Vec<String>,
    /// What the numbers are for.
    pub usage: String,
    /// The kinds of call they allow.
    pub capability: Vec<String>,
    /// Further usages.
    pub additional_usage: Vec<String>,
    /// The calling profile.
    pub calling_profile: String,
    /// Id of the emergency address.
    pub civic_address: String,
    /// Id of the place within it.
    pub location: String,
    /// Whether the enterprise may change the address.
    pub allow_tenant_address_update: bool,
    /// Country to display.
    pub country: String,
    /// Ticket of the change.
    pub ticket: String,
    /// Value of the SIP header.
    pub custom_sip_header: String,
    /// The list, ranges or CSV as typed.
    pub numbers: String,
    /// How the letters of files are encoded, where they do not show it.
    pub encoding: String,
    /// The sheet of a workbook that is meant; empty for the first.
    pub sheet: String,
    /// Whether to ask anew what columns are that are not known.
    pub ask_columns: bool,
    /// The files that were read.
    pub files: Vec<KeptFile>,
}

/// What is kept of a file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptFile {
    /// Its name; empty where the text was typed.
    pub name: String,
    /// Which sheet of a workbook it is, where there are others.
    pub sheet: String,
    /// Its headings, where it has some.
    pub headings: Vec<String>,
    /// Those whose columns were not read.
    pub not_read: Vec<String>,
    /// The column that each heading is, by the heading that it has in an export; empty where it is none.
    pub columns: Vec<String>,
    /// How many bytes its text has.
    pub bytes: usize,
    /// What stands between its cells.
    #[serde(skip)]
    pub(super) delimiter: u8,
}

impl KeptFile {
    /// The cells of a number under the headings of the file, as far as they are of columns that are read.
    pub fn cells(&self, row: &Exported<'_>) -> Vec<String> {
        let cell = |heading: &String| Column::from_heading(heading).map(|column| exported_cell(column, row, false));
        self.columns.iter().map(|heading| cell(heading).unwrap_or_default()).collect()
    }

    pub(in crate::service) fn new(name: &str, row: Option<&HeadingRow>) -> Self {
        let headings = row.into_iter().flat_map(|row| &row.headings);
        Self {
            name: name.to_owned(),
            headings: headings.clone().map(|heading| heading.text.clone()).collect(),
            not_read: row.into_iter().flat_map(HeadingRow::not_read).map(str::to_owned).collect(),
            columns: headings
                .map(|heading| match heading.means {
                    Means::Column(column) => column.heading(),
                    _ => String::new(),
                })
                .collect(),
            ..Self::default()
        }
    }

    /// The heading that a column has in the file, by the heading that it has in an export; of a setting also that of the setting
    /// of whichever service the number has.
    pub(super) fn heading_of(&self, column: Column) -> Option<&str> {
        let plain = column.setting().map(|(setting, _)| Column::Plain(setting));
        let services = matches!(column, Column::Enabled(_)).then_some(Column::Services);
        let found = std::iter::once(column).chain(plain).chain(services).find_map(|column| {
            let heading = column.heading();
            self.columns.iter().position(|known| *known == heading)
        });
        self.headings.get(found?).map(String::as_str)
    }
}

/// Typed text beyond this many bytes is not kept with the draft, and that of a file does not come back in its form.
pub(super) const KEPT_TEXT: usize = 256 * 1024;

impl UploadForm {
    /// The chosen services.
    pub fn services(&self) -> ServiceSet {
        std::iter::once(&self.service).chain(&self.further_service).filter_map(|key| Service::from_key(key)).collect()
    }

    /// Gives the settings without what does not apply to the services, for the form does not ask for it.
    pub(super) fn settings(&self, usual_profile: Option<&String>) -> NumberSettings {
        let text = |text: &str| filled(text).map(str::to_owned);
        let settings = NumberSettings {
            services: self.services(),
            teams: TeamsSettings {
                usage: self.usage.trim().to_owned(),
                choosable_capabilities: self.capability.clone(),
                additional_usages: self.additional_usage.clone(),
                civic_address_id: text(&self.civic_address),
                location_id: text(&self.location),
                allow_tenant_address_update: self.allow_tenant_address_update,
                displayed_country_code: filled(&self.country).map(country::as_typed),
            },
            calling_profile: text(&self.calling_profile),
            custom_sip_header: text(&self.custom_sip_header),
        };
        if settings.has_teams_settings() {
            return settings.with_usual_profile(usual_profile).normalised();
        }
        NumberSettings { teams: TeamsSettings::default(), calling_profile: None, ..settings }
    }

    /// Writes down all that was typed, except a text that is too long to be kept.
    pub(super) fn kept(&self, files: &[KeptFile]) -> String {
        let numbers = if self.numbers.len() > KEPT_TEXT { String::new() } else { self.numbers.clone() };
        let kept = Self {
            account: self.account.clone(),
            service: self.service.clone(),
            further_service: self.further_service.clone(),
            usage: self.usage.clone(),
            capability: self.capability.clone(),
            additional_usage: self.additional_usage.clone(),
            calling_profile: self.calling_profile.clone(),
            civic_address: self.civic_address.clone(),
            location: self.location.clone(),
            allow_tenant_address_update: self.allow_tenant_address_update,
            country: self.country.clone(),
            ticket: self.ticket.clone(),
            custom_sip_header: self.custom_sip_header.clone(),
            numbers,
            encoding: self.encoding.clone(),
            sheet: self.sheet.clone(),
            ask_columns: false,
            files: files.to_vec(),
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }
}
