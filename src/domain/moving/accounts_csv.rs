//! Accounts as CSV: the export, and reading it back.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::account_columns::{AccountColumn, AccountColumns, is_known};
use super::{Incoming, IncomingAccount, MovingProblem};
use crate::domain::account::{Account, AccountDraft, AccountName, CORRELATION_ID_MAX, DirectRouting, sentence};
use crate::domain::direct_routing::{parse_label, parse_token};
use crate::domain::entry::visible;
use crate::domain::field::counted;
use crate::domain::service::{Service, ServiceSet};
use crate::domain::tenant::TenantId;
use crate::domain::upload::{LineProblem, Table, TableLine, formula, neutralised, service_named, yes_or_no};

/// The most bytes of a cell.
const MAX_CELL: usize = 4_096;
/// The most values of a cell that may hold several.
const MAX_VALUES: usize = 100;

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

/// What was read of a file of accounts.
#[derive(Debug, Default)]
pub struct ReadAccounts {
    /// What is to be said of the file as a whole.
    pub told: Vec<MovingProblem>,
    /// The accounts.
    pub accounts: Vec<Incoming<IncomingAccount>>,
}

impl ReadAccounts {
    fn refused(told: Vec<MovingProblem>) -> Self {
        Self { told, accounts: Vec::new() }
    }
}

fn moved(problem: LineProblem) -> MovingProblem {
    MovingProblem::new(problem.line, problem.heading.unwrap_or_default(), &problem.value, problem.reason)
}

/// Reads every account of a file.
#[must_use]
pub fn read_accounts_csv(text: &str) -> ReadAccounts {
    let table = match Table::of(text, &is_known) {
        None => {
            let reason = "The file has no heading row of accounts. AccountName and Services are needed.";
            return ReadAccounts::refused(vec![MovingProblem::new(1, "", "", reason)]);
        }
        Some(Err(problem)) => return ReadAccounts::refused(vec![moved(problem)]),
        Some(Ok(table)) => table,
    };
    let columns = match AccountColumns::of(table.line(), table.headings()) {
        Ok(columns) => columns,
        Err(problems) => return ReadAccounts::refused(problems),
    };
    let mut read = ReadAccounts { told: columns.told.clone(), accounts: Vec::new() };
    let behind = table.line();
    for line in table {
        match line {
            Ok(line) => read.accounts.push(account(&line, &columns)),
            // Those before the headings are of no account.
            Err(problem) if problem.line < behind => read.told.push(moved(problem)),
            Err(problem) => read.accounts.push(Incoming::Problems(vec![moved(problem)])),
        }
    }
    read
}

/// The cells of one line, and what is wrong with them.
struct AccountLine<'a> {
    line: u32,
    columns: &'a AccountColumns,
    cells: &'a [String],
    problems: Vec<MovingProblem>,
}

impl<'a> AccountLine<'a> {
    fn in_column(&self, column: AccountColumn) -> &'a str {
        let cell = self.columns.place(column).and_then(|place| self.cells.get(place)).map_or("", String::as_str);
        cell.strip_prefix('\'').unwrap_or(cell)
    }

    /// The cell below a heading, without the apostrophe that keeps spreadsheets from running it.
    fn of(&self, heading: &'static str) -> &'a str {
        self.in_column(AccountColumn::Of(heading))
    }

    /// The same without what nobody sees.
    fn text(&self, heading: &'static str) -> String {
        visible(self.of(heading)).trim().to_owned()
    }

    fn problem_in(&mut self, column: AccountColumn, value: &str, reason: impl AsRef<str>) {
        let heading = self.columns.heading(column).map(str::to_owned);
        let own = match column {
            AccountColumn::Of(heading) => heading,
            AccountColumn::Enabled(service) | AccountColumn::Synced(service) => service.key(),
        };
        let heading = heading.unwrap_or_else(|| own.to_owned());
        self.problems.push(MovingProblem::new(self.line, heading, value, reason));
    }

    fn problem(&mut self, heading: &'static str, reason: impl AsRef<str>) {
        self.problem_in(AccountColumn::Of(heading), self.of(heading), reason);
    }

    /// What `parse` makes of a cell that is filled.
    fn parsed<T>(&mut self, heading: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let cell = self.text(heading);
        if cell.is_empty() {
            return None;
        }
        parse(&cell).map_err(|reason| self.problem(heading, reason)).ok()
    }

    /// The services of a cell with their names, and of columns that are about one each.
    fn services(&mut self, heading: &'static str, column: fn(Service) -> AccountColumn) -> ServiceSet {
        let cell = self.text(heading);
        let names = cell.split([';', '|', ',', '\n']).map(str::trim).filter(|name| !name.is_empty());
        let mut services = ServiceSet::default();
        for name in names.take(MAX_VALUES) {
            if let Some(service) = service_named(name) {
                services = services.or(service.into());
            } else {
                let known = Service::ALL.map(Service::key).join(", ");
                let reason = format!("There is no service {name:?}. Write one or more of {known}, with ; between.");
                self.problem_in(AccountColumn::Of(heading), name, reason);
            }
        }
        for service in Service::ALL {
            let cell = visible(self.in_column(column(service))).trim().to_owned();
            match yes_or_no(&cell) {
                Some(true) => services = services.or(service.into()),
                None if !cell.is_empty() => self.problem_in(column(service), &cell, "Write true or false."),
                _ => {}
            }
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
        let call_screening =
            self.parsed("CallScreening", |text| yes_or_no(text).ok_or_else(|| "Write true or false.".to_owned()));
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

    /// What is wrong with the line, whatever its cells mean.
    fn check(&mut self) {
        let (cells, columns) = (self.cells, self.columns);
        if let Some(more) = cells.iter().skip(columns.len()).find(|cell| !cell.trim().is_empty()) {
            let reason = format!(
                "The line has {} and the heading row {}. Quote a cell that holds the sign that parts cells.",
                counted(cells.len() as i64, "cell", "cells"),
                columns.len()
            );
            self.problems.push(MovingProblem::new(self.line, "", more, reason));
        }
        for (at, (heading, cell)) in columns.headings().iter().zip(cells).enumerate() {
            let reason = if cell.len() > MAX_CELL {
                format!("The cell has {} bytes, and {MAX_CELL} are the most. Shorten it.", cell.len())
            } else if heading.is_empty() && !cell.trim().is_empty() {
                "The cell stands under no heading. Name the column, or clear the cell.".to_owned()
            } else if let Some(reason) = formula(cell.trim()).filter(|_| columns.is_read(at)) {
                reason.to_owned()
            } else {
                continue;
            };
            self.problems.push(MovingProblem::new(self.line, heading, cell, reason));
        }
    }
}

fn account(line: &TableLine, columns: &AccountColumns) -> Incoming<IncomingAccount> {
    let mut cells = AccountLine { line: line.line, columns, cells: &line.cells, problems: Vec::new() };
    cells.check();
    let name = AccountName::parse(&cells.text("AccountName"));
    let name = name.map_err(|reason| cells.problem("AccountName", reason)).ok();
    let tenant_id =
        cells.parsed("TeamsTenantId", |text| TenantId::parse(text).map_err(|error| sentence(&error.to_string())));
    let correlation_id = cells.correlation_id();
    let services = cells.services("Services", AccountColumn::Enabled);
    let synced = cells.services("SyncedServices", AccountColumn::Synced).and(ServiceSet::WITH_SYNC);
    if tenant_id.is_none() && cells.text("TeamsTenantId").is_empty() {
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
            line: line.line,
        }),
        _ => Incoming::Problems(cells.problems),
    }
}
