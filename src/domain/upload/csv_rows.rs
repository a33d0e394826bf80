//! CSV with a column set (RFC 4180): every line carries its own account and settings.

use super::columns::{Column, HEADINGS};
use super::records::{self, Record, Records};
use super::{Line, LineProblem, MAX_CELL, MAX_VALUES, UploadedNumber, shown};
use crate::domain::account::sentence;
use crate::domain::country;
use crate::domain::e164::E164;
use crate::domain::number::NumberSettings;
use crate::domain::service::{Service, ServiceSet};

/// Reads the rows behind a heading row.
pub(super) struct CsvRows<'a> {
    text: &'a str,
    delimiter: u8,
    columns: Vec<Column>,
    stretch: Stretch<'a>,
    /// The record behind the stretch, which is none that can be read.
    oversized: Option<Record>,
    pending: std::vec::IntoIter<LineProblem>,
    /// Whether numbers are taken as an export has them.
    exported: bool,
}

/// Records in a row that can be read.
struct Stretch<'a> {
    text: &'a [u8],
    /// How many lines stand before it.
    lines_before: u64,
    records: csv::StringRecordsIntoIter<&'a [u8]>,
}

impl<'a> Stretch<'a> {
    fn new(text: &'a str, delimiter: u8, lines_before: u32) -> Self {
        let text = text.as_bytes();
        let records = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(text.len().clamp(1, 8_192))
            .from_reader(text)
            .into_records();
        Self { text, lines_before: lines_before.into(), records }
    }

    /// The line where a record begins. The reader tells the place right behind the record before, which is still in front
    /// of the line feed of a CRLF and of blank lines.
    fn line_of(&self, position: Option<&csv::Position>) -> u32 {
        let Some(position) = position else { return 0 };
        let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let behind = self.text.get(start..).unwrap_or_default();
        let ends =
            behind.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
        u32::try_from(self.lines_before + position.line() + ends as u64).unwrap_or(u32::MAX)
    }
}

impl<'a> CsvRows<'a> {
    /// Reads the heading row. Before that the text is walked through once, for a quote that never closes takes in all that
    /// stands behind it.
    ///
    /// # Errors
    /// Every problem of the headings.
    pub(super) fn new(text: &'a str) -> Result<Self, Vec<LineProblem>> {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let delimiter = if first.contains(';') && !first.contains(',') { b';' } else { b',' };
        let mut oversized = None;
        for record in Records::new(text, delimiter) {
            if let Some(line) = record.open {
                return Err(vec![open_quote(text, line)]);
            }
            oversized = oversized.or_else(|| Some(record).filter(Record::is_oversized));
        }
        let behind = oversized.as_ref().map_or(text.len(), |record| record.start);
        let mut stretch = Stretch::new(text.get(..behind).unwrap_or_default(), delimiter, 0);
        let record = match (stretch.records.next(), &oversized) {
            (Some(Ok(record)), _) => record,
            (None, Some(record)) => return Err(vec![oversized_headings(text, record)]),
            _ => return Err(vec![LineProblem::new(1, first, "The heading row cannot be read.")]),
        };
        let columns = columns_of(&record, stretch.line_of(record.position()))?;
        Ok(Self { text, delimiter, columns, stretch, oversized, pending: Vec::new().into_iter(), exported: false })
    }

    /// From here on numbers may be in no numbering plan, and without a service where the file has columns of services.
    pub(super) fn are_exported(&mut self) {
        self.exported = true;
    }

    /// The next record, and the line it begins on.
    fn record(&mut self) -> Option<Result<(u32, csv::StringRecord), LineProblem>> {
        if let Some(record) = self.stretch.records.next() {
            return Some(match record {
                Ok(record) => Ok((self.stretch.line_of(record.position()), record)),
                Err(error) => {
                    let line = self.stretch.line_of(error.position());
                    Err(LineProblem::new(line, "", sentence(&error.to_string())))
                }
            });
        }
        let passed = self.oversized.take()?;
        self.oversized = Records::new(self.text, self.delimiter).behind(&passed).find(Record::is_oversized);
        let end = self.oversized.as_ref().map_or(self.text.len(), |record| record.start);
        let behind = self.text.get(passed.end..end).unwrap_or_default();
        self.stretch = Stretch::new(behind, self.delimiter, passed.last_line - 1);
        Some(Err(oversized_line(self.text, &passed)))
    }

    fn row(&self, line: u32, record: &csv::StringRecord) -> Result<UploadedNumber, Vec<LineProblem>> {
        if record.len() != self.columns.len() {
            let reason = format!(
                "The line has {} cells and the heading row {}. Quote a cell that holds a comma.",
                record.len(),
                self.columns.len()
            );
            return Err(vec![LineProblem::new(line, &record.iter().collect::<Vec<_>>().join(","), reason)]);
        }
        let mut cells = Cells {
            line,
            problems: Vec::new(),
            settings: NumberSettings::default(),
            number: None,
            account: None,
            given: ServiceSet::default(),
            assigned: false,
            exported: self.exported && self.columns.iter().any(|column| matches!(column, Column::Enabled(_))),
        };
        for (column, cell) in self.columns.iter().zip(record.iter()) {
            let cell = cell.trim();
            if cell.len() > MAX_CELL {
                let reason = format!("The cell has {} bytes, and {MAX_CELL} are the most. Shorten it.", cell.len());
                cells.problem(*column, cell, reason);
                continue;
            }
            cells.read(*column, cell.strip_prefix('\'').unwrap_or(cell));
        }
        cells.finish()
    }
}

/// A quoted cell begins on this line and never ends.
fn open_quote(text: &str, line: u32) -> LineProblem {
    let value = text.lines().nth(line as usize - 1).unwrap_or_default();
    LineProblem::new(
        line,
        value,
        "A quote is opened here and never closed. Close it with \" at the end of the cell, or write \"\" for a quote within one.",
    )
}

/// Makes columns of a heading row.
fn columns_of(record: &csv::StringRecord, line: u32) -> Result<Vec<Column>, Vec<LineProblem>> {
    let (mut columns, mut problems) = (Vec::new(), Vec::new());
    for heading in record.iter().map(str::trim) {
        match Column::from_heading(heading) {
            Some(column) if columns.contains(&column) => problems.push(heading_problem(
                line,
                heading,
                "This heading stands twice. Remove one of the two columns.".into(),
            )),
            Some(column) => columns.push(column),
            None => problems.push(heading_problem(line, heading, unknown_heading(heading))),
        }
    }
    if !columns.contains(&Column::TelephoneNumber) {
        problems.push(heading_problem(
            line,
            "",
            "The heading telephoneNumber is missing. For a plain list of numbers write the single heading Numbers, or none at all.".into(),
        ));
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

fn oversized_headings(text: &str, record: &Record) -> LineProblem {
    let reason = format!(
        "The heading row has {} cells and {} bytes, far more than the {} headings that there are. The headings are \
         those of the CSV export of numbers, or the single heading Numbers.",
        record.cells,
        record.bytes(),
        HEADINGS.len()
    );
    LineProblem::new(record.line, beginning(text, record), reason)
}

fn oversized_line(text: &str, record: &Record) -> LineProblem {
    let reason = if record.cells > records::MAX_CELLS {
        format!(
            "The line has {} cells, and {} are the most. Each number needs a line of its own.",
            record.cells,
            records::MAX_CELLS
        )
    } else {
        format!(
            "The line has {} bytes, and {} are the most. Each number needs a line of its own; look for a quote that closes too late.",
            record.bytes(),
            records::MAX_BYTES
        )
    };
    LineProblem::new(record.line, beginning(text, record), reason)
}

/// What a record begins with.
fn beginning<'a>(text: &'a str, record: &Record) -> &'a str {
    text.get(record.start..record.end).unwrap_or_default()
}

fn heading_problem(line: u32, heading: &str, reason: String) -> LineProblem {
    LineProblem { line, heading: Some(shown(heading)), value: shown(heading), reason }
}

fn unknown_heading(heading: &str) -> String {
    let same = HEADINGS.into_iter().map(Column::heading).find(|known| known.eq_ignore_ascii_case(heading));
    let of_account = ["subdomain", "callScreening", "syncEnabled", "teamsTenantId", "region1Token", "region2Token"];
    match same {
        None if of_account.iter().any(|name| heading.ends_with(name)) => {
            "This belongs to the account and not to its numbers. Take the column out; set it on the account's page.".into()
        }
        Some(known) => format!("This heading is not known; write it as {known}."),
        None => "This heading is not known. The headings are those of the CSV export of numbers, or the single heading Numbers.".into(),
    }
}

impl Iterator for CsvRows<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(problem) = self.pending.next() {
                return Some(Line::Problem(problem));
            }
            let (line, record) = match self.record()? {
                Ok(found) => found,
                Err(problem) => return Some(Line::Problem(problem)),
            };
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            match self.row(line, &record) {
                Ok(row) => return Some(Line::Number(row)),
                Err(problems) => self.pending = problems.into_iter(),
            }
        }
    }
}

/// The cells of one line, read one after the other.
struct Cells {
    line: u32,
    problems: Vec<LineProblem>,
    settings: NumberSettings,
    number: Option<E164>,
    account: Option<String>,
    /// Services for which some cell is filled.
    given: ServiceSet,
    assigned: bool,
    exported: bool,
}

impl Cells {
    fn problem(&mut self, column: Column, value: &str, reason: impl Into<String>) {
        self.problems.push(LineProblem {
            line: self.line,
            heading: Some(column.heading()),
            value: shown(value),
            reason: reason.into(),
        });
    }

    fn read(&mut self, column: Column, cell: &str) {
        let filled = Some(cell).filter(|cell| !cell.is_empty());
        let text = filled.map(str::to_owned);
        match column {
            Column::TelephoneNumber => {
                let as_it_is = Some(cell).filter(|_| self.exported).and_then(|cell| E164::parse_wire(cell).ok());
                match as_it_is.map_or_else(|| E164::parse(cell), Ok) {
                    Ok(number) => self.number = Some(number),
                    Err(error) => self.problem(column, cell, sentence(&error.to_string())),
                }
            }
            Column::AccountName => self.account = text,
            Column::CustomSipHeader => self.settings.custom_sip_header = text,
            Column::CallingProfile => self.settings.calling_profile = text,
            Column::AssignmentStatus(_) => self.assigned |= cell.eq_ignore_ascii_case("assigned"),
            Column::Enabled(service) => {
                if self.boolean(column, cell) == Some(true) {
                    self.settings.services = self.settings.services.iter().chain([service]).collect();
                }
            }
            Column::AllowTenantAddressUpdate(service) => {
                if let Some(value) = self.boolean(column, cell) {
                    self.give(service);
                    self.settings.teams.allow_tenant_address_update |= value;
                }
            }
            Column::Usage(service) => self.teams(service, filled, |teams, value| value.clone_into(&mut teams.usage)),
            Column::ChoosableCapabilities(service) => {
                let values = self.list(column, cell);
                self.teams(service, filled, |teams, _| teams.choosable_capabilities = values);
            }
            Column::AdditionalUsages(service) => {
                let values = self.list(column, cell);
                self.teams(service, filled, |teams, _| teams.additional_usages = values);
            }
            Column::CivicAddressId(service) => {
                self.teams(service, filled, |teams, value| teams.civic_address_id = Some(value.to_owned()));
            }
            Column::LocationId(service) => {
                self.teams(service, filled, |teams, value| teams.location_id = Some(value.to_owned()));
            }
            Column::DisplayedCountryCode(service) => {
                self.teams(service, filled, |teams, value| {
                    teams.displayed_country_code = Some(country::as_typed(value));
                });
            }
        }
    }

    fn teams(
        &mut self,
        service: Service,
        cell: Option<&str>,
        set: impl FnOnce(&mut crate::domain::TeamsSettings, &str),
    ) {
        if let Some(cell) = cell {
            self.give(service);
            set(&mut self.settings.teams, cell);
        }
    }

    fn give(&mut self, service: Service) {
        self.given = self.given.iter().chain([service]).collect();
    }

    fn boolean(&mut self, column: Column, cell: &str) -> Option<bool> {
        match cell.to_ascii_lowercase().as_str() {
            "" => None,
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.problem(column, cell, "Write true or false.");
                None
            }
        }
    }

    /// The values of a cell that may hold several.
    fn list(&mut self, column: Column, cell: &str) -> Vec<String> {
        let values = cell.split([';', '|', ',']).map(str::trim).filter(|value| !value.is_empty());
        let values: Vec<String> = values.take(MAX_VALUES + 1).map(str::to_owned).collect();
        if values.len() > MAX_VALUES {
            let reason = format!("The cell has more than {MAX_VALUES} values. Write each one that is meant, once.");
            self.problem(column, cell, reason);
        }
        values
    }

    fn finish(mut self) -> Result<UploadedNumber, Vec<LineProblem>> {
        let enabled = self.settings.services;
        if enabled.is_empty() && self.problems.is_empty() && !self.exported {
            self.problem(
                Column::Enabled(Service::OperatorConnect),
                "",
                "No service is enabled. Write true in the enabled column of one service.",
            );
        }
        let teams = enabled.and(ServiceSet::TEAMS);
        for service in teams.iter().skip(1) {
            self.problem(
                Column::Enabled(service),
                "true",
                format!("A number has at most one of {}. Write true for one of them.", ServiceSet::TEAMS.labels()),
            );
        }
        for service in self.given.without(enabled).iter() {
            if !enabled.is_empty() {
                self.problem(
                    Column::Enabled(service),
                    "",
                    format!(
                        "The line has settings for {service}, which is not enabled on it. Write true, or leave them blank."
                    ),
                );
            }
        }
        match self.number {
            Some(number) if self.problems.is_empty() => Ok(UploadedNumber {
                line: self.line,
                number,
                account: self.account,
                settings: Some(Box::new(self.settings.normalised())),
                assigned: self.assigned,
            }),
            _ => Err(self.problems),
        }
    }
}
