//! The cells of one line, read one after the other.

use std::sync::Arc;

use super::booleans;
use super::columns::{Column, Setting};
use super::quoted;
use super::range_cells::{self, Read};
use super::said::{About, Said, shared};
use super::spreadsheet::{formula, unwrapped};
use super::{LineProblem, MAX_CELL, MAX_VALUES, UploadedNumber};
use crate::domain::country;
use crate::domain::e164::E164;
use crate::domain::entry::{EntryReader, Refused, visible};
use crate::domain::service::{Service, ServiceSet};

/// What exports of Teams have for "no address".
const NOWHERE: &str = "00000000-0000-0000-0000-000000000000";

/// A line of which every cell is read.
pub(super) struct Cells {
    line: u32,
    problems: Vec<LineProblem>,
    said: Said,
    numbers: Option<Read>,
    end: Option<E164>,
    /// The heading, the value and the reason of a number that no numbering plan knows.
    doubt: Option<Box<LineProblem>>,
    count: Option<i64>,
    account: Option<String>,
    assigned: bool,
    /// Whether numbers are taken as an export has them.
    exported: bool,
}

/// What reads the number of a line, and finds its cell in the text.
pub(super) struct Reading<'a> {
    /// Reads numbers.
    pub(super) entries: &'a mut EntryReader,
    /// Where the present cell stands in the text.
    pub(super) place: &'a dyn Fn() -> Option<std::ops::Range<usize>>,
}

/// The numbers of a line, which have everything but the number in common.
pub(super) struct Numbers {
    /// The first of them.
    pub(super) first: UploadedNumber,
    /// The last.
    pub(super) last: E164,
    /// Whether only the last digits of the last were written.
    pub(super) short_end: bool,
}

impl Cells {
    pub(super) fn new(line: u32, about: About, exported: bool) -> Self {
        Self {
            line,
            problems: Vec::new(),
            said: Said { about, ..Said::default() },
            numbers: None,
            end: None,
            doubt: None,
            count: None,
            account: None,
            assigned: false,
            exported,
        }
    }

    /// Adds something that is wrong with the cell under this heading.
    pub(super) fn problem(&mut self, heading: &str, value: &str, reason: impl Into<String>) {
        self.problems.push(LineProblem::new(self.line, value, reason.into()).under(Some(heading.to_owned())));
    }

    /// Reads the cell of a column.
    pub(super) fn read(&mut self, column: Column, heading: &str, cell: &str, reading: &mut Reading<'_>) {
        let cell = cell.trim();
        if cell.len() > MAX_CELL {
            let reason = format!("The cell has {} bytes, and {MAX_CELL} are the most. Shorten it.", cell.len());
            return self.problem(heading, cell, reason);
        }
        let cell = unwrapped(cell);
        if let Some(reason) = formula(cell).filter(|_| !column.is_number()) {
            return self.problem(heading, cell, reason);
        }
        let cell = cell.strip_prefix('\'').unwrap_or(cell);
        let text = Some(cell).filter(|cell| !cell.is_empty()).map(quoted::value);
        match column {
            Column::TelephoneNumber => self.number(heading, cell, reading),
            Column::LastNumber if !cell.is_empty() => match range_cells::read_one(cell, reading.entries) {
                Ok(read) => {
                    self.end = Some(read.ends.0);
                    self.doubted(heading, cell, read.doubt, reading);
                }
                Err(reason) => self.problem(heading, cell, reason),
            },
            Column::Count if !cell.is_empty() => match range_cells::read_count(cell) {
                Ok(count) => self.count = Some(count),
                Err(reason) => self.problem(heading, cell, reason),
            },
            Column::LastNumber | Column::Count => {}
            Column::AccountName => {
                let name = visible(cell).trim().to_owned();
                self.account = Some(name).filter(|name| !name.is_empty());
            }
            Column::CustomSipHeader => self.said.settings.custom_sip_header = text,
            Column::CallingProfile => self.said.settings.calling_profile = text,
            Column::AssignmentStatus(_) => self.assigned |= cell.eq_ignore_ascii_case("assigned"),
            Column::Services => self.services(heading, cell),
            Column::Enabled(service) => {
                if self.boolean(heading, cell) == Some(true) {
                    self.said.settings.services = self.said.settings.services.or(service.into());
                }
            }
            column => {
                if let Some((setting, service)) = column.setting() {
                    self.setting(setting, service, heading, cell);
                }
            }
        }
    }

    fn number(&mut self, heading: &str, cell: &str, reading: &mut Reading<'_>) {
        match range_cells::read(cell, reading.entries, self.exported) {
            Ok(mut read) => {
                self.doubted(heading, cell, read.doubt.take(), reading);
                self.numbers = Some(read);
            }
            Err(refused) => {
                let problem = LineProblem::of_refused(self.line, cell, refused, (reading.place)());
                self.problems.push(problem.under(Some(heading.to_owned())));
            }
        }
    }

    /// Notes why a number is taken only where it is stored already, or comes from elsewhere as it is.
    fn doubted(&mut self, heading: &str, cell: &str, doubt: Option<Refused>, reading: &Reading<'_>) {
        if let Some(refused) = doubt {
            let problem = LineProblem::of_refused(self.line, cell, refused, (reading.place)());
            self.doubt = Some(Box::new(problem.under(Some(heading.to_owned()))));
        }
    }

    fn services(&mut self, heading: &str, cell: &str) {
        for name in self.list(heading, cell) {
            match service_named(&name) {
                Some(service) => self.said.settings.services = self.said.settings.services.or(service.into()),
                None => self.problem(heading, &name, format!("Write one of {}.", ServiceSet::ALL.labels())),
            }
        }
    }

    fn setting(&mut self, setting: Setting, service: Option<Service>, heading: &str, cell: &str) {
        let cell = if cell == NOWHERE { "" } else { cell };
        if cell.is_empty() {
            return;
        }
        let text = quoted::value(cell);
        match setting {
            Setting::Usage => self.said.settings.teams.usage = text,
            Setting::ChoosableCapabilities => {
                self.said.settings.teams.choosable_capabilities = self.list(heading, cell);
            }
            Setting::AdditionalUsages => self.said.settings.teams.additional_usages = self.list(heading, cell),
            Setting::CivicAddressId => self.said.settings.teams.civic_address_id = Some(text),
            Setting::LocationId => self.said.settings.teams.location_id = Some(text),
            Setting::AllowTenantAddressUpdate => {
                let Some(value) = self.boolean(heading, cell) else { return };
                self.said.settings.teams.allow_tenant_address_update |= value;
            }
            Setting::DisplayedCountryCode => {
                self.said.settings.teams.displayed_country_code = Some(country::as_typed(&text));
            }
        }
        match service {
            Some(service) => self.said.given = self.said.given.or(service.into()),
            None => self.said.given_plain = true,
        }
    }

    fn boolean(&mut self, heading: &str, cell: &str) -> Option<bool> {
        if cell.is_empty() {
            return None;
        }
        let value = booleans::read(cell);
        if value.is_none() {
            self.problem(heading, cell, "Write true or false.");
        }
        value
    }

    /// The values of a cell that may hold several.
    fn list(&mut self, heading: &str, cell: &str) -> Vec<String> {
        let values = quoted::values(cell, MAX_VALUES + 1);
        if values.len() > MAX_VALUES {
            let reason = format!("The cell has more than {MAX_VALUES} values. Write each one that is meant, once.");
            self.problem(heading, cell, reason);
        }
        values
    }

    /// What of the services does not fit together.
    fn check_services(&mut self) {
        let enabled = self.said.settings.services;
        for service in enabled.and(ServiceSet::TEAMS).iter().skip(1) {
            self.problem(
                &Column::Enabled(service).heading(),
                "true",
                format!("A number has at most one of {}. Write true for one of them.", ServiceSet::TEAMS.labels()),
            );
        }
        if enabled.is_empty() {
            // Of numbers that come from elsewhere as they are the file has to say which services they have.
            if self.exported && self.said.about.services().is_empty() && self.problems.is_empty() {
                let reason = "No service is enabled. Write true in the enabled column of one service.";
                self.problem(&Column::Enabled(Service::OperatorConnect).heading(), "", reason);
            }
            return;
        }
        for service in self.said.given.and(self.said.about.services()).without(enabled).iter() {
            let reason = misplaced(service);
            self.problem(&Column::Enabled(service).heading(), "", reason);
        }
    }

    /// The numbers of the line, `limit` at most.
    pub(super) fn finish(mut self, limit: usize, last: &mut Option<Arc<Said>>) -> Result<Numbers, Vec<LineProblem>> {
        self.check_services();
        let short_end = self.numbers.as_ref().is_some_and(|read| read.short_end);
        let numbers = self.numbers.take().map(|read| range_cells::together(read.ends, self.end, self.count, limit));
        let ends = match numbers {
            Some(Ok(ends)) => ends,
            Some(Err(reason)) => {
                self.problem(&Column::TelephoneNumber.heading(), "", reason);
                return Err(self.problems);
            }
            None => return Err(self.problems),
        };
        if !self.problems.is_empty() {
            self.problems.extend(self.doubt.map(|doubt| *doubt));
            return Err(self.problems);
        }
        let mut said = self.said;
        said.settings = said.settings.normalised();
        let first = UploadedNumber {
            line: self.line,
            number: ends.0,
            account: self.account,
            settings: Some(shared(last, said)),
            start: 0,
            assigned: self.assigned,
            doubt: self.doubt,
        };
        Ok(Numbers { first, last: ends.1, short_end })
    }
}

/// Says that a line has settings for a service that its numbers do not have.
pub fn misplaced(service: Service) -> String {
    format!("The line has settings for {service}, which is not enabled on it. Write true, or leave them blank.")
}

/// The service of this name, however it is spelt.
pub fn service_named(name: &str) -> Option<Service> {
    let folded = super::headings::fold(name);
    Service::ALL.into_iter().find(|service| folded_names(*service).contains(&folded))
}

/// The names of a service, folded as headings are.
pub fn folded_names(service: Service) -> [String; 4] {
    [service.key(), service.label(), service.contract_name(), service.target()].map(super::headings::fold)
}
