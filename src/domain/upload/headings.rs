//! What the headings of a file mean: known ones by their names however they are spelt, the others by a person's choice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::columns::{Column, HEADINGS, Setting};
use super::said::About;
use super::{LineProblem, shown};

/// The most bytes of a heading that are looked at.
const MAX_HEADING: usize = 200;
/// What stands for "not read" where a column is chosen.
pub const NOT_READ: &str = "-";

/// Other names of columns, folded.
const NAMES: [(&str, Column); 15] = [
    (
        "telephone telephoneno phonenumber phone phoneno number numbers e164 e164number did didnumber ddi \
         ddinumber msisdn tn tel telno startingnumber startnumber start firstnumber first rangestart from \
         fromnumber rufnummer telefonnummer numerodetelephone numerodetelefono numeroditelefono telefoonnummer \
         directnumber",
        Column::TelephoneNumber,
    ),
    ("endingnumber endnumber end lastnumber last rangeend to tonumber", Column::LastNumber),
    ("count quantity howmany size rangesize numbercount", Column::Count),
    ("account accountname", Column::AccountName),
    ("service services", Column::Services),
    ("usage numberusage primaryusage", Column::Plain(Setting::Usage)),
    (
        "capabilities capability choosablecapabilities choosablecapability acquiredcapabilities",
        Column::Plain(Setting::ChoosableCapabilities),
    ),
    ("additionalusages additionalusage furtherusages secondaryusages", Column::Plain(Setting::AdditionalUsages)),
    (
        "civicaddress civicaddressid emergencyaddress emergencyaddressid addressid",
        Column::Plain(Setting::CivicAddressId),
    ),
    ("location locationid emergencylocation emergencylocationid", Column::Plain(Setting::LocationId)),
    (
        "allowtenantaddressupdate allowaddressupdate enterprisemaychangetheaddress",
        Column::Plain(Setting::AllowTenantAddressUpdate),
    ),
    ("displayedcountrycode displayedcountry country", Column::Plain(Setting::DisplayedCountryCode)),
    ("customsipheader sipheader customsipheadervalue", Column::CustomSipHeader),
    ("callingprofile callingprofileid profile configurationcallingprofile", Column::CallingProfile),
    ("telephonenumber", Column::TelephoneNumber),
];

/// Columns that say how a number stands and nothing of what it should be, whoever wrote the file, folded. They are known and not
/// read.
const TOLD: &str = "syncstate errorcode errormessage errortarget heldsince serviceprovisioningstatus assignmentstatus \
    acquireddate sipconnection msjobid";

/// Columns of our own exports and reports that are not read, folded. In the file of anybody else these words may mean anything.
const TOLD_BY_US: &str = "order orderid assignment line reason result column value released proposal file";

/// What our exports have that nobody else's have, all of one, folded: those of numbers and of ranges, and the reports of orders.
const OURS: [&str; 3] = ["syncstate heldsince", "start end count syncstate", "line result reason column value"];

/// The heading of the reason that our files of refused lines have behind all others, as they write it.
const REASON: &str = "reason";

/// The same of Get-CsPhoneNumberAssignment, folded; elsewhere these words may mean something else.
const TOLD_BY_TEAMS: &str = "operatorid numbertype activationstate assignedpstntargetid assignmentcategory capability city \
    isocountrycode isosubdivision locationupdatesupported networksiteid portinorderstatus \
    pstnassignmentstatus pstnpartnerid pstnpartnername numbersource reversenumberlookup tag tags \
    smscapability supportedcustomeractions targettype assignmentblockedstate assignmentblockeddays id";

/// Headings that only the export of Teams has, folded.
const OF_TEAMS: [&str; 4] = ["pstnassignmentstatus", "activationstate", "assignedpstntargetid", "numbertype"];

/// Parts of headings that belong to an account and not to its numbers.
const OF_ACCOUNT: [&str; 6] =
    ["subdomain", "callScreening", "syncEnabled", "teamsTenantId", "region1Token", "region2Token"];

/// Folds a heading: small letters and digits only, without accents, so that spellings of one name are one text.
pub fn fold(heading: &str) -> String {
    let mut bounded = heading;
    if let Some((end, _)) = heading.char_indices().nth(MAX_HEADING) {
        bounded = heading.get(..end).unwrap_or_default();
    }
    bounded.chars().flat_map(char::to_lowercase).map(without_accent).filter(|c| c.is_alphanumeric()).collect()
}

const fn without_accent(c: char) -> char {
    match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' | 'ı' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ý' | 'ÿ' => 'y',
        'ł' => 'l',
        other => other,
    }
}

/// What a person said of the headings that are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Choices(pub BTreeMap<String, String>);

impl Choices {
    /// Sets what a column is: the heading of a known one, or [`NOT_READ`].
    pub fn set(&mut self, key: &str, choice: &str) {
        self.0.insert(key.to_owned(), choice.to_owned());
    }

    fn of(&self, key: &str) -> Option<Means> {
        let choice = self.0.get(key)?;
        if choice == NOT_READ {
            return Some(Means::NotRead);
        }
        Column::from_heading(choice).map(Means::Column)
    }
}

/// What a heading means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// This column.
    Column(Column),
    /// Nothing that an upload reads.
    NotRead,
    /// There is no heading.
    Blank,
    /// Nobody has said.
    Unknown,
}

/// A heading of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// What stands there, as it is shown.
    pub text: String,
    /// What tells it from the others of its file: it is folded, and counted where another is the same.
    pub key: String,
    /// What it means.
    pub means: Means,
}

/// The heading row of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadingRow {
    /// Line it stands on.
    pub line: u32,
    /// Its cells.
    pub headings: Vec<Heading>,
    /// Whether there is none in the file: its columns are counted.
    pub is_missing: bool,
    /// Whether it is that of one of our exports.
    is_ours: bool,
}

/// Whose file it is, by its headings.
#[derive(Clone, Copy, Debug, Default)]
struct Whose {
    /// An export of Teams.
    teams: bool,
    /// An export or a report of ours.
    ours: bool,
}

impl Whose {
    fn of<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        let folded: Vec<String> = cells.map(fold).collect();
        let is_there = |word: &str| folded.iter().any(|cell| cell == word);
        Self {
            teams: folded.iter().filter(|cell| OF_TEAMS.contains(&cell.as_str())).count() > 1,
            ours: OURS.into_iter().any(|words| words.split(' ').all(is_there)),
        }
    }
}

/// Whether a word is one of these.
fn has(words: &str, wanted: &str) -> bool {
    words.split(' ').any(|word| word == wanted)
}

/// The column that a folded heading is known for.
fn known(folded: &str, whose: Whose) -> Means {
    if folded.is_empty() {
        return Means::Blank;
    }
    if whose.teams && has(TOLD_BY_TEAMS, folded) {
        return Means::NotRead;
    }
    let named = NAMES.iter().find(|(names, _)| has(names, folded)).map(|(_, column)| *column);
    let column = named.or_else(|| exported(folded));
    match column {
        Some(column) => Means::Column(column),
        None if has(TOLD, folded) || (whose.ours && has(TOLD_BY_US, folded)) => Means::NotRead,
        None => Means::Unknown,
    }
}

/// The column of an export with this folded heading.
fn exported(folded: &str) -> Option<Column> {
    let may_be = folded.starts_with("servicedetails") || folded.starts_with("configuration") || folded == "accountname";
    HEADINGS.into_iter().filter(|_| may_be).find(|column| fold(&column.heading()) == folded)
}

/// Whether a cell of a first line is a heading that is known.
pub(super) fn is_known(cell: &str) -> bool {
    !matches!(known(&fold(cell), Whose::default()), Means::Blank | Means::Unknown)
}

/// Whether two columns say the same of a number, so that a file can have only one of them.
fn clash(one: Column, other: Column) -> bool {
    match (one.setting(), other.setting()) {
        (Some((one, of_one)), Some((other, of_other))) => {
            one == other && (of_one == of_other || of_one.is_none() || of_other.is_none())
        }
        _ => one == other,
    }
}

impl HeadingRow {
    /// Reads a heading row; what a person chose goes before what is known.
    pub fn new<'a>(line: u32, cells: impl Iterator<Item = &'a str> + Clone, choices: &Choices) -> Self {
        let whose = Whose::of(cells.clone());
        let last = cells.clone().count().saturating_sub(1);
        let mut headings: Vec<Heading> = Vec::new();
        for (at, cell) in cells.enumerate() {
            let folded = fold(cell);
            let usual =
                || if at > 0 && at == last && cell.trim() == REASON { Means::NotRead } else { known(&folded, whose) };
            let same = headings.iter().filter(|other| other.key.split('#').next() == Some(&folded)).count();
            let key = if same == 0 { folded.clone() } else { format!("{folded}#{}", same + 1) };
            let mut means = choices.of(&key).unwrap_or_else(usual);
            // The second of two that mean the same is nobody's guess.
            if let Means::Column(column) = means
                && headings.iter().any(|other| matches!(other.means, Means::Column(known) if clash(known, column)))
            {
                means = Means::Unknown;
            }
            headings.push(Heading { text: shown(cell), key, means });
        }
        Self { line, headings, is_missing: false, is_ours: whose.ours }
    }

    /// So many columns without headings; what they are a person says.
    pub fn missing(line: u32, columns: usize, choices: &Choices) -> Self {
        let names: Vec<String> = (1..=columns).map(|column| format!("Column {column}")).collect();
        let row = Self::new(line, names.iter().map(String::as_str), choices);
        Self { is_missing: true, ..row }
    }

    /// The columns that are read, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = Column> {
        self.headings.iter().filter_map(|heading| match heading.means {
            Means::Column(column) => Some(column),
            _ => None,
        })
    }

    /// Whether it is clear of every column what it is.
    pub fn is_clear(&self) -> bool {
        self.has_numbers() && self.headings.iter().all(|heading| heading.means != Means::Unknown)
    }

    /// Whether a column has the numbers.
    pub fn has_numbers(&self) -> bool {
        self.columns().any(|column| column == Column::TelephoneNumber)
    }

    /// The headings whose columns are not read, but for those that tell in our own exports how numbers stand.
    pub fn not_read(&self) -> impl Iterator<Item = &str> {
        let is_ours = self.is_ours;
        let is_own = move |key: &str| is_ours && (has(TOLD, key) || has(TOLD_BY_US, key));
        let is_told = move |heading: &&Heading| heading.means == Means::NotRead && !is_own(&heading.key);
        self.headings.iter().filter(is_told).map(|heading| heading.text.as_str())
    }

    /// Does not read columns whose headings are like no known one, where nobody can be asked.
    pub(super) fn leave_out_strangers(&mut self) {
        if self.is_missing {
            return;
        }
        let is_stranger = |at: usize, heading: &Heading| {
            let is_known = matches!(known(&fold(&heading.text), Whose::default()), Means::Column(_));
            heading.means == Means::Unknown && !is_known && self.might_be(at, &[]).is_none()
        };
        let strangers: Vec<bool> =
            self.headings.iter().enumerate().map(|(at, heading)| is_stranger(at, heading)).collect();
        for (heading, is_stranger) in self.headings.iter_mut().zip(strangers) {
            if is_stranger {
                heading.means = Means::NotRead;
            }
        }
    }

    /// What tells the headings from others, but for the reason that our files of refused lines have behind them.
    pub fn keys(&self) -> Vec<&str> {
        let keys = self.headings.iter().map(|heading| heading.key.as_str());
        let is_of_refused = self.headings.len() > 1 && self.headings.last().is_some_and(|last| last.text == REASON);
        keys.take(self.headings.len() - usize::from(is_of_refused)).collect()
    }

    /// What the columns say of settings.
    pub(super) fn about(&self) -> About {
        self.columns().collect()
    }

    /// What is wrong with the headings, where nobody can be asked.
    pub fn problems(&self) -> Vec<LineProblem> {
        if self.is_missing {
            let reason = "Something stands beside the numbers, and no headings say what it is. Write a heading above each column, \
                          such as telephoneNumber and accountName, or leave nothing but the numbers.";
            return vec![LineProblem::new(self.line, "", reason)];
        }
        let mut problems: Vec<LineProblem> = self
            .headings
            .iter()
            .enumerate()
            .filter(|(_, heading)| heading.means == Means::Unknown)
            .map(|(at, heading)| self.problem(&heading.text, self.unknown(at, &heading.text)))
            .collect();
        if !self.has_numbers() {
            let reason = "The heading telephoneNumber is missing. For a plain list of numbers write the single heading \
                          Numbers, or none at all.";
            problems.push(self.problem("", reason.to_owned()));
        }
        problems
    }

    fn problem(&self, heading: &str, reason: String) -> LineProblem {
        LineProblem::new(self.line, heading, reason).under(Some(heading.to_owned()))
    }

    fn unknown(&self, at: usize, heading: &str) -> String {
        let folded = fold(heading);
        let before = self.headings.get(..at).unwrap_or_default();
        if before.iter().any(|other| fold(&other.text) == folded) {
            return "This heading stands twice. Remove one of the two columns.".to_owned();
        }
        if let Means::Column(column) = known(&folded, Whose::default()) {
            return format!("Another column has the {} too. Remove one of the two.", column.label().to_lowercase());
        }
        if OF_ACCOUNT.iter().any(|name| heading.ends_with(name)) {
            return "This belongs to the account and not to its numbers. Take the column out; set it on the account's \
                    page."
                .to_owned();
        }
        let known = "The headings are those of the CSV export of numbers, or the single heading Numbers.";
        match like(&folded) {
            Some(column) => format!("This heading is not known; it may be {}. {known}", column.heading()),
            None => format!("This heading is not known. {known}"),
        }
    }

    /// What a column might be, by its heading and its first values.
    pub fn might_be(&self, at: usize, values: &[String]) -> Option<Column> {
        let heading = self.headings.get(at)?;
        let is_free = |column: &Column| !self.columns().any(|taken| clash(taken, *column));
        let by_name = like(&fold(&heading.text)).filter(is_free);
        let digits = |value: &&String| value.bytes().filter(u8::is_ascii_digit).count() >= 7;
        let are_numbers = !values.is_empty() && values.iter().filter(digits).count() * 2 > values.len();
        by_name.or_else(|| Some(Column::TelephoneNumber).filter(|_| are_numbers).filter(is_free))
    }
}

/// The column whose name is like a folded heading.
fn like(folded: &str) -> Option<Column> {
    let length = folded.chars().count();
    if !(3..=60).contains(&length) {
        return None;
    }
    let names = || NAMES.iter().flat_map(|(names, column)| names.split(' ').map(move |name| (name, *column)));
    let near = names()
        .filter(|(name, _)| name.len() > 3)
        .map(|(name, column)| (distance(folded, name), name.len(), column))
        .filter(|(distance, length, _)| distance * 4 <= *length)
        .min_by_key(|(distance, length, _)| (*distance, std::cmp::Reverse(*length)))
        .map(|(.., column)| column);
    let within = || {
        names()
            .filter(|(name, _)| name.len() > 4 && folded.contains(name))
            .max_by_key(|(name, _)| name.len())
            .map(|(_, column)| column)
    };
    near.or_else(within)
}

/// How many letters have to be changed, added or taken away to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, c) in one.chars().enumerate() {
        let mut diagonal = place;
        let mut left = place + 1;
        for (cell, wanted) in row.iter_mut().skip(1).zip(&other) {
            let above = *cell;
            let changed = diagonal + usize::from(c != *wanted);
            left = changed.min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = place + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(headings: &str) -> Vec<Means> {
        let row = HeadingRow::new(1, headings.split(','), &Choices::default());
        row.headings.into_iter().map(|heading| heading.means).collect()
    }

    #[test]
    fn every_heading_of_an_export_is_known_however_it_is_spelt() {
        for column in HEADINGS.into_iter().chain(Column::CHOICES) {
            let heading = column.heading();
            for spelling in
                [heading.clone(), heading.to_uppercase(), heading.replace('_', " - "), format!(" {heading} ")]
            {
                let found = means(&spelling);
                let Some(Means::Column(found)) = found.first() else { panic!("{spelling} is not known") };
                assert!(clash(*found, column), "{spelling}: {found:?}");
            }
        }
    }

    #[test]
    fn an_export_of_teams_is_known_whole() {
        let teams = "TelephoneNumber,OperatorId,NumberType,ActivationState,AssignedPstnTargetId,AssignmentCategory,\
                     Capability,City,CivicAddressId,IsoCountryCode,IsoSubdivision,LocationId,LocationUpdateSupported,\
                     NetworkSiteId,PortInOrderStatus,PstnAssignmentStatus,PstnPartnerId,PstnPartnerName,NumberSource,Tag";
        let row = HeadingRow::new(1, teams.split(','), &Choices::default());
        assert!(row.is_clear(), "{:?}", row.problems());
        let read: Vec<_> = row.columns().map(Column::heading).collect();
        assert_eq!(read, ["telephoneNumber", "civicAddressId", "locationId"]);
    }

    #[test]
    fn a_column_of_anybody_else_does_not_vanish() {
        let ours =
            "line,telephoneNumber,accountName,result,reason,column,value,errorCode,errorMessage,errorTarget,proposal";
        let exported = "telephoneNumber,accountName,syncState,errorCode,errorMessage,order,assignment,heldSince";
        for headings in [ours, exported, "start,end,count,accountName,syncState"] {
            let row = HeadingRow::new(1, headings.split(','), &Choices::default());
            assert!(row.is_clear(), "{headings}");
            assert_eq!(row.not_read().count(), 0, "{headings}");
        }
        let words = TOLD_BY_US.split(' ').chain(["Order", "Value", "LINE"]);
        for word in words.filter(|word| !word.is_empty()) {
            let row = HeadingRow::new(1, ["Number", word, "Account"].into_iter(), &Choices::default());
            assert_eq!(row.headings[1].means, Means::Unknown, "{word} is asked for");
        }
        for word in TOLD.split(' ') {
            let row = HeadingRow::new(1, ["Number", word, "Account"].into_iter(), &Choices::default());
            assert_eq!(row.not_read().collect::<Vec<_>>(), [word], "it is clear, and said");
        }
        // The reason of refused lines stands behind all others; what was said of the file holds without it.
        let refused = HeadingRow::new(1, ["Number", "Colour", "reason"].into_iter(), &Choices::default());
        assert_eq!(refused.headings[2].means, Means::NotRead);
        assert_eq!(refused.keys(), ["number", "colour"]);
        let chosen = Choices([("order".to_owned(), NOT_READ.to_owned())].into());
        let row = HeadingRow::new(1, ["Number", "Order"].into_iter(), &chosen);
        assert_eq!((row.is_clear(), row.not_read().next()), (true, Some("Order")), "what somebody chose is said too");
    }

    #[test]
    fn what_is_not_known_says_what_it_might_be() {
        let row = HeadingRow::new(1, ["Telefone number", "Colour", "acount"].into_iter(), &Choices::default());
        assert_eq!(row.might_be(0, &[]), Some(Column::TelephoneNumber));
        assert_eq!(row.might_be(1, &["+441632960000".to_owned()]), Some(Column::TelephoneNumber));
        assert_eq!(row.might_be(1, &["red".to_owned()]), None);
        assert_eq!(row.might_be(2, &[]), Some(Column::AccountName));
    }

    #[test]
    fn a_choice_goes_before_what_is_known() {
        let mut choices = Choices::default();
        choices.set("colour", NOT_READ);
        choices.set("ournumber", "telephoneNumber");
        let row = HeadingRow::new(1, ["Our Number", "COLOUR", "Number"].into_iter(), &choices);
        let means: Vec<_> = row.headings.iter().map(|heading| heading.means).collect();
        assert_eq!(means, [Means::Column(Column::TelephoneNumber), Means::NotRead, Means::Unknown]);
        choices.set("number", NOT_READ);
        assert!(HeadingRow::new(1, ["Our Number", "COLOUR", "Number"].into_iter(), &choices).is_clear());
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!([distance("account", "acount"), distance("", "abc"), distance("abc", "abc")], [1, 3, 0]);
    }
}
