//! What the headings of a file of accounts mean, however they are spelt.

use super::MovingProblem;
use crate::domain::nearest::nearest;
use crate::domain::service::Service;
use crate::domain::upload::{Choices, Column, HeadingRow, Table, fold, folded_names};

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

/// Other names of these columns, folded.
const NAMES: [(&str, &str); 11] = [
    ("account accountname name", "AccountName"),
    (
        "tenant tenantid teamstenant teamstenantid tenantguid microsofttenantid entratenantid azuretenantid aadtenantid",
        "TeamsTenantId",
    ),
    ("correlation correlationid reference externalid crmid customerreference ownreference", "CorrelationId"),
    ("service services enabledservices", "Services"),
    ("syncedservices servicessynced syncservices", "SyncedServices"),
    ("numbers numbercount numberofnumbers", "Numbers"),
    ("createdat created creationdate createdon creationtime", "CreatedAt"),
    ("subdomain label directroutinglabel directroutingsubdomain", "Subdomain"),
    ("callscreening", "CallScreening"),
    ("region1token token1 tokenregion1 tokenofregion1", "Region1Token"),
    ("region2token token2 tokenregion2 tokenofregion2", "Region2Token"),
];

/// Columns that numbers do not have.
const OF_ACCOUNTS_ONLY: [&str; 6] =
    ["TeamsTenantId", "SyncedServices", "Subdomain", "CallScreening", "Region1Token", "Region2Token"];
/// A cell with so many digits is a number and not how many there are.
const NUMBER: usize = 7;

/// What a column of a file of accounts says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountColumn {
    /// What the export has under this heading.
    Of(&'static str),
    /// Whether the account has this service.
    Enabled(Service),
    /// Whether the numbers of this service are kept in step with its backend.
    Synced(Service),
}

impl AccountColumn {
    /// The column with this heading.
    fn known(heading: &str) -> Option<Self> {
        let folded = fold(heading);
        let bare = folded.strip_prefix("servicedetails").unwrap_or(&folded);
        let of_service = |service: Service| {
            folded_names(service).into_iter().find_map(|name| match bare.strip_prefix(name.as_str())? {
                "" | "enabled" => Some(Self::Enabled(service)),
                "sync" | "synced" | "syncenabled" => Some(Self::Synced(service)),
                _ => None,
            })
        };
        if let Some(column) = Service::ALL.into_iter().find_map(of_service) {
            return Some(column);
        }
        let within = ["teamsdirectrouting", "configuration", "subdomaintokens"];
        let bare = within.into_iter().fold(bare, |bare, prefix| bare.strip_prefix(prefix).unwrap_or(bare));
        NAMES.iter().find(|(names, _)| names.split(' ').any(|name| name == bare)).map(|(_, heading)| Self::Of(heading))
    }
}

/// Whether a cell is a heading of accounts.
pub(super) fn is_known(cell: &str) -> bool {
    AccountColumn::known(cell).is_some()
}

/// Whether a file is one of accounts and not of numbers, by its headings and, where these do not tell, by what stands below.
#[must_use]
pub fn is_accounts_csv(text: &str) -> bool {
    let lines = Table::beginning(text, &is_known);
    let Some((headings, values)) = lines.split_first() else { return false };
    let columns: Vec<Option<AccountColumn>> = headings.iter().map(|heading| AccountColumn::known(heading)).collect();
    let is_of =
        |wanted: &str| columns.contains(&ACCOUNT_HEADINGS.into_iter().find(|h| *h == wanted).map(AccountColumn::Of));
    if !is_of("AccountName") && !OF_ACCOUNTS_ONLY.into_iter().any(is_of) {
        return false;
    }
    // The export of accounts has a column that says how many numbers they have.
    let others = headings.iter().map(String::as_str).filter(|heading| fold(heading) != "numbers");
    let row = HeadingRow::new(1, others, &Choices::default());
    if row.columns().any(|column| matches!(column, Column::TelephoneNumber | Column::LastNumber)) {
        return false;
    }
    // Numbers may stand in a column whose heading nobody knows.
    let is_certain = OF_ACCOUNTS_ONLY.into_iter().any(is_of);
    let may_have_numbers = |at: usize, heading: &str| {
        let is_count = fold(heading) == "numbers";
        is_count || (!is_certain && columns.get(at).is_some_and(Option::is_none))
    };
    let suspects = headings.iter().enumerate().filter(|(at, heading)| may_have_numbers(*at, heading)).map(|(at, _)| at);
    !suspects.into_iter().any(|at| values.iter().filter_map(|line| line.get(at)).any(|cell| is_number(cell)))
}

/// Whether a cell has so many digits, and no letters, that it is a number.
fn is_number(cell: &str) -> bool {
    !cell.contains(char::is_alphabetic) && cell.chars().filter(char::is_ascii_digit).count() >= NUMBER
}

/// The columns of a file: nothing for one that is not read.
pub(super) struct AccountColumns {
    columns: Vec<Option<AccountColumn>>,
    /// The headings as they stand there.
    headings: Vec<String>,
    /// What is to be said of columns that are not read.
    pub(super) told: Vec<MovingProblem>,
}

impl AccountColumns {
    /// Reads the headings on this line.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn of(line: u32, headings: &[String]) -> Result<Self, Vec<MovingProblem>> {
        let (mut columns, mut told, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for heading in headings {
            let column = AccountColumn::known(heading);
            let problem = |reason: String| MovingProblem::new(line, heading, heading, reason);
            match column {
                Some(column) if columns.contains(&Some(column)) => {
                    problems.push(problem("This heading stands twice. Remove one of the two columns.".to_owned()));
                }
                None if !heading.is_empty() => match like(heading) {
                    Some(known) => problems.push(problem(format!(
                        "This heading is not known; it may be {known}. Write {known}, or remove the column."
                    ))),
                    None => told.push(problem(not_read())),
                },
                _ => {}
            }
            columns.push(column);
        }
        let has = |wanted: &dyn Fn(&AccountColumn) -> bool| columns.iter().flatten().any(wanted);
        let has_heading = |wanted: &str| has(&|column| matches!(column, AccountColumn::Of(known) if *known == wanted));
        let has_enabled = has(&|column| matches!(column, AccountColumn::Enabled(_)));
        let has_synced = has(&|column| matches!(column, AccountColumn::Synced(_)));
        for (other, is_double) in [("Services", has_enabled), ("SyncedServices", has_synced)] {
            if is_double && has_heading(other) {
                let reason = "Other columns say the same of single services. Remove this one, or those.";
                problems.push(MovingProblem::new(line, other, "", reason));
            }
        }
        for (needed, is_there) in
            [("AccountName", has_heading("AccountName")), ("Services", has_heading("Services") || has_enabled)]
        {
            if !is_there {
                problems.push(MovingProblem::new(line, needed, "", format!("The heading {needed} is missing.")));
            }
        }
        if problems.is_empty() {
            Ok(Self { columns, headings: headings.to_vec(), told })
        } else {
            problems.extend(told);
            Err(problems)
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The place of a column.
    pub(super) fn place(&self, wanted: AccountColumn) -> Option<usize> {
        self.columns.iter().position(|column| *column == Some(wanted))
    }

    /// The heading that a column has in the file.
    pub(super) fn heading(&self, wanted: AccountColumn) -> Option<&str> {
        self.headings.get(self.place(wanted)?).map(String::as_str)
    }

    /// The headings as they stand there.
    pub(super) fn headings(&self) -> &[String] {
        &self.headings
    }

    /// Whether a column is read.
    pub(super) fn is_read(&self, at: usize) -> bool {
        self.columns.get(at).is_some_and(Option::is_some)
    }
}

/// The heading that somebody meant.
fn like(heading: &str) -> Option<&'static str> {
    let folded = fold(heading);
    let all = || NAMES.iter().flat_map(|(names, heading)| names.split(' ').map(move |name| (name, *heading)));
    let name = nearest(&folded, all().map(|(name, _)| name).filter(|name| name.len() > 4))?;
    all().find(|(known, _)| *known == name).map(|(_, heading)| heading)
}

fn not_read() -> String {
    format!(
        "This heading is not known, and the column was not read. Those of accounts are {}.",
        ACCOUNT_HEADINGS.join(", ")
    )
}
