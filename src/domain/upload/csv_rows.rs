//! CSV with a column set (RFC 4180): every line carries its own account and settings.

use super::columns::{Column, HEADINGS};
use super::records::{self, Record, Records};
use super::{
    Line, LineNote, LineProblem, MAX_CELL, MAX_VALUES, Mend, UploadedNumber, doubted, list, number_cell, shown,
};
use crate::domain::account::sentence;
use crate::domain::entry::{EntryReader, Range, Refused};
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
    /// The further numbers of a line with a range, which all are as this one.
    range: Option<(UploadedNumber, Range)>,
    reader: EntryReader,
    /// A range holds at most so many numbers.
    limit: usize,
    /// Whether numbers are taken as an export has them.
    exported: bool,
}

/// Records in a row that can be read.
struct Stretch<'a> {
    text: &'a [u8],
    /// The byte of the whole text that it begins at.
    start: usize,
    /// How many lines stand before it.
    lines_before: u64,
    records: csv::StringRecordsIntoIter<&'a [u8]>,
}

impl<'a> Stretch<'a> {
    fn new(text: &'a str, delimiter: u8, start: usize, lines_before: u32) -> Self {
        let text = text.as_bytes();
        let records = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(text.len().clamp(1, 8_192))
            .from_reader(text)
            .into_records();
        Self { text, start, lines_before: lines_before.into(), records }
    }

    /// The byte of the whole text that a record begins at, or line ends before it.
    fn start_of(&self, position: Option<&csv::Position>) -> usize {
        position.map_or(usize::MAX, |position| {
            self.start.saturating_add(usize::try_from(position.byte()).unwrap_or(usize::MAX))
        })
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
    pub(super) fn new(text: &'a str, limit: usize) -> Result<Self, Vec<LineProblem>> {
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
        let mut stretch = Stretch::new(text.get(..behind).unwrap_or_default(), delimiter, 0, 0);
        let record = match (stretch.records.next(), &oversized) {
            (Some(Ok(record)), _) => record,
            (None, Some(record)) => return Err(vec![oversized_headings(text, record)]),
            _ => return Err(vec![LineProblem::new(1, first, "The heading row cannot be read.")]),
        };
        let columns = columns_of(&record, stretch.line_of(record.position()))?;
        Ok(Self {
            text,
            delimiter,
            columns,
            stretch,
            oversized,
            pending: Vec::new().into_iter(),
            range: None,
            reader: EntryReader::default(),
            limit,
            exported: false,
        })
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
        self.stretch = Stretch::new(behind, self.delimiter, passed.end, passed.last_line - 1);
        Some(Err(oversized_line(self.text, &passed)))
    }

    fn row(&mut self, line: u32, record: &csv::StringRecord) -> Result<(UploadedNumber, Range), Vec<LineProblem>> {
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
            doubt: None,
            exported: self.exported && self.columns.iter().any(|column| matches!(column, Column::Enabled(_))),
        };
        for (index, (column, cell)) in self.columns.iter().zip(record.iter()).enumerate() {
            let cell = cell.trim();
            if cell.len() > MAX_CELL {
                let reason = format!("The cell has {} bytes, and {MAX_CELL} are the most. Shorten it.", cell.len());
                cells.problem(*column, cell, reason);
                continue;
            }
            let cell = cell.strip_prefix('\'').unwrap_or(cell);
            if *column != Column::TelephoneNumber {
                cells.read(*column, cell);
                continue;
            }
            match number_cell::read(&mut self.reader, cell, self.exported) {
                Ok(range) if range.count() > i64::try_from(self.limit).unwrap_or(i64::MAX) => {
                    cells.problem(*column, cell, list::too_many(&range, self.limit));
                }
                Ok(range) => cells.number = Some(range),
                Err(refused) => {
                    let start = self.stretch.start_of(record.position());
                    let place = number_cell::place(self.text, start, self.delimiter, index);
                    cells.refused(*column, cell, refused, place);
                }
            }
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
    LineProblem::new(line, heading, reason).under(Some(shown(heading)))
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
            if let Some((row, range)) = self.range.take() {
                self.range = range.behind_first().map(|behind| (row.clone(), behind));
                return Some(Line::Number(UploadedNumber { number: range.first, ..row }));
            }
            let (line, record) = match self.record()? {
                Ok(found) => found,
                Err(problem) => return Some(Line::Problem(problem)),
            };
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            match self.row(line, &record) {
                Ok((row, range)) => {
                    self.range = Some((row, range));
                    if range.short_end {
                        return Some(Line::Note(LineNote::short_end(line, &range.to_string(), &range)));
                    }
                }
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
    number: Option<Range>,
    account: Option<String>,
    /// Services for which some cell is filled.
    given: ServiceSet,
    assigned: bool,
    /// Why the number cannot be taken unless it is stored already.
    doubt: Option<Box<LineProblem>>,
    exported: bool,
}

impl Cells {
    fn problem(&mut self, column: Column, value: &str, reason: impl Into<String>) {
        let problem = LineProblem::new(self.line, value, reason.into());
        self.problems.push(problem.under(Some(column.heading())));
    }

    /// Notes an entry that was refused, and where it may be mended.
    fn refused(&mut self, column: Column, value: &str, refused: Refused, place: Option<std::ops::Range<usize>>) {
        let number = doubted(value, &refused);
        let Refused { kind, reason, proposal } = refused;
        let mend = place.map(|place| Box::new(Mend { kind, proposal, start: place.start, end: place.end }));
        let problem = LineProblem { mend, ..LineProblem::new(self.line, value, reason) }.under(Some(column.heading()));
        self.number = number.map(|number| Range { first: number, last: number, short_end: false });
        match self.number {
            Some(_) => self.doubt = Some(Box::new(problem)),
            None => self.problems.push(problem),
        }
    }

    fn read(&mut self, column: Column, cell: &str) {
        let filled = Some(cell).filter(|cell| !cell.is_empty());
        let text = filled.map(str::to_owned);
        match column {
            Column::TelephoneNumber => {}
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
                    teams.displayed_country_code = Some(value.to_ascii_uppercase());
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

    fn finish(mut self) -> Result<(UploadedNumber, Range), Vec<LineProblem>> {
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
            Some(range) if self.problems.is_empty() => {
                let row = UploadedNumber {
                    line: self.line,
                    number: range.first,
                    account: self.account,
                    settings: Some(Box::new(self.settings.normalised())),
                    assigned: self.assigned,
                    doubt: self.doubt,
                };
                Ok((row, range))
            }
            _ => {
                self.problems.extend(self.doubt.map(|doubt| *doubt));
                Err(self.problems)
            }
        }
    }
}
