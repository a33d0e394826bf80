//! Accounts as CSV: the export, and reading it back.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Incoming, IncomingAccount, MovingProblem};
use crate::domain::account::{Account, AccountDraft, AccountName, CORRELATION_ID_MAX, DirectRouting, sentence};
use crate::domain::direct_routing::{parse_label, parse_token};
use crate::domain::field::counted;
use crate::domain::service::{Service, ServiceSet};
use crate::domain::tenant::TenantId;
use crate::domain::upload::neutralised;

/// The headings of the export, in its order.
pub const ACCOUNT_HEADINGS: [&str; 11] = [
    "AccountName",
    "TeamsTenantId",
    "CorrelationId",
    "Services",
    "SyncedServices",
    "Numbers",
    "CreatedAt",
    "Subdomain",
    "CallScreening",
    "Region1Token",
    "Region2Token",
];
/// Those that have to be there.
const NEEDED: [&str; 2] = ["AccountName", "Services"];
/// The most bytes of a cell.
const MAX_CELL: usize = 4_096;

/// The cells of an account in the export. A text that a spreadsheet would run as a formula gets a leading apostrophe, which
/// is taken away when it is read back.
#[must_use]
pub fn account_cells(account: &Account) -> Vec<String> {
    let keys = |services: ServiceSet| services.iter().map(Service::key).collect::<Vec<_>>().join(";");
    let created = account.created_at.to_offset(time::UtcOffset::UTC).truncate_to_second();
    let routing = account.direct_routing.as_ref();
    let token = |region: usize| {
        let token = routing.and_then(|routing| routing.tokens.get(region)).cloned();
        neutralised(token.unwrap_or_default())
    };
    vec![
        neutralised(account.name.clone()),
        account.tenant_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        neutralised(account.correlation_id.clone().unwrap_or_default()),
        keys(account.services),
        keys(account.synced),
        account.number_count.to_string(),
        created.format(&Rfc3339).unwrap_or_default(),
        neutralised(routing.map(|routing| routing.subdomain.clone()).unwrap_or_default()),
        routing.map(|routing| routing.call_screening.to_string()).unwrap_or_default(),
        token(0),
        token(1),
    ]
}

/// Whether a file begins with the headings of accounts.
#[must_use]
pub fn is_accounts_csv(text: &str) -> bool {
    let first = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let has =
        |heading: &str| first.split([',', ';']).any(|cell| cell.trim().trim_matches('"').eq_ignore_ascii_case(heading));
    // Exported ranges of numbers begin with `start`.
    has("AccountName") && !has("start") && !first.to_ascii_lowercase().contains("telephonenumber")
}

/// Reads every account of a file.
#[must_use]
pub fn read_accounts_csv(text: &str) -> Vec<Incoming<IncomingAccount>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let delimiter = if first.contains(';') && !first.contains(',') { b';' } else { b',' };
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes())
        .into_records();
    let columns = match records.next() {
        Some(Ok(record)) => columns_of(&record),
        _ => Err(vec![MovingProblem::new(1, "", first, "The heading row cannot be read.")]),
    };
    let columns = match columns {
        Ok(columns) => columns,
        Err(problems) => return vec![Incoming::Problems(problems)],
    };
    records
        .filter_map(|record| match record {
            Ok(record) if record.iter().all(|cell| cell.trim().is_empty()) => None,
            Ok(record) => Some(account(&record, &columns)),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                Some(Incoming::Problems(vec![MovingProblem::new(line, "", "", sentence(&error.to_string()))]))
            }
        })
        .collect()
}

fn columns_of(record: &csv::StringRecord) -> Result<Vec<&'static str>, Vec<MovingProblem>> {
    let (mut columns, mut problems) = (Vec::new(), Vec::new());
    for heading in record.iter().map(str::trim) {
        match ACCOUNT_HEADINGS.into_iter().find(|known| known.eq_ignore_ascii_case(heading)) {
            Some(known) if columns.contains(&known) => {
                problems.push(MovingProblem::new(
                    1,
                    heading,
                    heading,
                    "This heading stands twice. Remove one of the two.",
                ));
            }
            Some(known) => columns.push(known),
            None => {
                let reason = format!("This heading is not known. The headings are {}.", ACCOUNT_HEADINGS.join(", "));
                problems.push(MovingProblem::new(1, heading, heading, reason));
            }
        }
    }
    for needed in NEEDED.into_iter().filter(|needed| !columns.contains(needed)) {
        problems.push(MovingProblem::new(1, needed, "", format!("The heading {needed} is missing.")));
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

/// The cells of one line, and what is wrong with them.
struct Cells<'a> {
    line: u32,
    columns: &'a [&'static str],
    record: &'a csv::StringRecord,
    problems: Vec<MovingProblem>,
}

impl<'a> Cells<'a> {
    /// The cell below a heading, without the apostrophe that keeps spreadsheets from running it.
    fn of(&self, heading: &'static str) -> &'a str {
        let place = self.columns.iter().position(|column| *column == heading);
        let cell = place.and_then(|place| self.record.get(place)).unwrap_or_default();
        cell.strip_prefix('\'').unwrap_or(cell)
    }

    fn problem(&mut self, heading: &'static str, reason: impl AsRef<str>) {
        let value = self.of(heading);
        self.problems.push(MovingProblem::new(self.line, heading, value, reason));
    }

    /// What `parse` makes of a cell that is filled.
    fn parsed<T>(&mut self, heading: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let cell = self.of(heading).trim();
        if cell.is_empty() {
            return None;
        }
        parse(cell).map_err(|reason| self.problem(heading, reason)).ok()
    }

    fn services(&mut self, heading: &'static str) -> ServiceSet {
        let keys = self.of(heading).split([';', '|', ',']).map(str::trim).filter(|key| !key.is_empty());
        let mut services = ServiceSet::default();
        for key in keys {
            let Some(service) = Service::ALL.into_iter().find(|service| service.key() == key) else {
                let known = Service::ALL.map(Service::key).join(", ");
                let reason = format!("There is no service {key:?}. Write one or more of {known}, with ; between.");
                self.problem(heading, reason);
                break;
            };
            services = services.or(service.into());
        }
        services
    }

    /// The operator's own reference, as it stands there.
    fn correlation_id(&mut self) -> Option<String> {
        let text = Some(self.of("CorrelationId")).filter(|text| !text.is_empty())?;
        let count = text.chars().count();
        if count > CORRELATION_ID_MAX {
            self.problem("CorrelationId", format!("This has {count} characters; up to {CORRELATION_ID_MAX} are kept."));
        } else if text.chars().any(char::is_control) {
            self.problem("CorrelationId", "This holds a control character.");
        }
        Some(text.to_owned())
    }

    /// What Direct Routing needs, where a subdomain is given.
    fn direct_routing(&mut self, services: ServiceSet) -> Option<DirectRouting> {
        let subdomain = self.parsed("Subdomain", |text| parse_label(text).map_err(|problems| problems.join(" ")));
        let call_screening = self.parsed("CallScreening", |text| match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("Write true or false.".to_owned()),
        });
        let tokens =
            ["Region1Token", "Region2Token"].map(|heading| self.parsed(heading, parse_token).unwrap_or_default());
        let subdomain = subdomain?;
        if !services.contains(Service::DirectRouting) {
            let reason =
                "The account has a subdomain and not the service directRouting. Add the service, or leave it blank.";
            self.problem("Subdomain", reason);
            return None;
        }
        Some(DirectRouting { call_screening: call_screening.unwrap_or(true), subdomain, tokens })
    }
}

fn account(record: &csv::StringRecord, columns: &[&'static str]) -> Incoming<IncomingAccount> {
    let line = record.position().map_or(0, csv::Position::line);
    let mut cells = Cells { line: u32::try_from(line).unwrap_or(u32::MAX), columns, record, problems: Vec::new() };
    if record.len() != columns.len() {
        let reason = format!(
            "The line has {} and the heading row {}. Quote a cell that holds a comma.",
            counted(record.len() as i64, "cell", "cells"),
            columns.len()
        );
        return Incoming::Problems(vec![MovingProblem::new(cells.line, "", record.get(0).unwrap_or_default(), reason)]);
    }
    for (heading, cell) in columns.iter().zip(record) {
        if cell.len() > MAX_CELL {
            let reason = format!("The cell has {} bytes, and {MAX_CELL} are the most. Shorten it.", cell.len());
            cells.problems.push(MovingProblem::new(cells.line, *heading, cell, reason));
        }
    }
    let name = AccountName::parse(cells.of("AccountName").trim());
    let name = name.map_err(|reason| cells.problem("AccountName", reason)).ok();
    let tenant_id =
        cells.parsed("TeamsTenantId", |text| TenantId::parse(text).map_err(|error| sentence(&error.to_string())));
    let correlation_id = cells.correlation_id();
    let services = cells.services("Services");
    let synced = cells.services("SyncedServices").without(Service::CallProtection.into());
    if tenant_id.is_none() && cells.of("TeamsTenantId").trim().is_empty() {
        let backed = services.and(ServiceSet::WITH_TEAMS_SETTINGS);
        if !backed.is_empty() {
            let needs = if backed.len() == 1 { "needs" } else { "need" };
            cells.problem("TeamsTenantId", format!("{} {needs} the enterprise's tenant ID.", backed.in_words()));
        }
    }
    let direct_routing = cells.direct_routing(services);
    let created_at = cells.parsed("CreatedAt", |text| {
        OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| "Write a date and time such as 2026-02-01T00:00:00Z, or leave it blank.".to_owned())
    });
    match name {
        Some(name) if cells.problems.is_empty() => Incoming::Item(IncomingAccount {
            draft: AccountDraft { name, tenant_id, correlation_id, services, synced, direct_routing, ticket: None },
            created_at,
            line: cells.line,
        }),
        _ => Incoming::Problems(cells.problems),
    }
}
