//! Bad input: 100,000 lines of each kind of it to the review, against as many good ones.

use std::fmt::Write as _;
use std::time::Duration;

use nmp::domain::entry::{self, Entry, Kind};

use crate::program::Program;
use crate::report::{Outcome, at_most, say};
use crate::review::reviewed;
use crate::visitor::Visitor;
use crate::{NUMBERS, TENANT, millis, ratio, seed};

/// Bad lines may take so many times as long as good ones.
const MOST: f64 = 2.0;
/// What misses it is measured again, beside good lines: the machine may have been slow for a moment.
const TRIES: usize = 3;
const FORM: [(&str, &str); 6] = [
    ("account", "contoso"),
    ("service", "operatorConnect"),
    ("usage", "CallingUserAssignment"),
    ("capability", "InboundCalling"),
    ("capability", "OutboundCalling"),
    ("allow_tenant_address_update", "true"),
];
/// Lines of whole settings that are wrong: what is wrong, and a line behind its number.
const LINES: [(&str, &str); 7] = [
    ("No such account", "nobody,true,CallingUserAssignment,InboundCalling,true,GB"),
    ("Neither yes nor no", "contoso,perhaps,CallingUserAssignment,InboundCalling,true,GB"),
    ("No usage", "contoso,true,,InboundCalling,true,GB"),
    ("No address and no leave to set one", "contoso,true,CallingUserAssignment,InboundCalling,false,GB"),
    ("No such country", "contoso,true,CallingUserAssignment,InboundCalling,true,ZZ"),
    ("More cells than headings", "contoso,true,CallingUserAssignment,InboundCalling,true,GB,more"),
    ("Everything at once", "nobody,perhaps,,InboundCalling,perhaps,ZZ,more"),
];

/// The visitor who sends them, and how long good lines took at least.
struct Measured {
    visitor: Visitor,
    good: String,
    took: Duration,
}

impl Measured {
    async fn against(visitor: Visitor, what: &str, good: String) -> Outcome<Self> {
        let mut measured = Self { visitor, good, took: Duration::MAX };
        for _ in 0..TRIES {
            measured.good_again().await?;
        }
        say(what, format!("{:.0} ms", millis(measured.took)), "");
        Ok(measured)
    }

    async fn good_again(&mut self) -> Outcome<()> {
        let (review, took) = reviewed(&mut self.visitor, &FORM, self.good.as_bytes()).await?;
        self.took = self.took.min(took);
        review.having("Refused: 0<").map(drop)
    }

    /// Measures lines of which no more than one is taken, and prints.
    async fn say(&mut self, what: &str, lines: &str) -> Outcome<()> {
        let (mut least, mut against) = (Duration::MAX, f64::MAX);
        for tried in 0..TRIES {
            if tried > 0 {
                self.good_again().await?;
            }
            let (review, took) = reviewed(&mut self.visitor, &FORM, lines.as_bytes()).await?;
            if review.count("Refused")? + 1 < NUMBERS {
                return Err(format!("{what}: some are taken: {}", review.text).into());
            }
            least = least.min(took);
            against = ratio(least, self.took);
            if against <= MOST {
                break;
            }
        }
        let shown = format!("{:.0} ms {against:.2} x", millis(least));
        say(&format!("  {what}"), shown, &at_most(MOST, "x", against));
        Ok(())
    }
}

pub async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(folder.path(), false)?;
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    for name in ["contoso", "fabrikam"] {
        let form = [("name", name), ("tenant", TENANT), ("service", "operatorConnect")];
        visitor.post("/accounts/new", &form).await;
    }
    let mut lists = Measured::against(visitor.clone(), "100,000 good lines of a list", list(good)).await?;
    for kind in Kind::ALL {
        is_of(kind)?;
        lists.say(kind.label(), &list(|index| bad(kind, index))).await?;
    }
    let mut cells = Measured::against(visitor.clone(), "100,000 good lines of two columns", columns(good)).await?;
    cells.say("The same number in all of them", &columns(|_| good(0))).await?;
    for kind in Kind::ALL {
        cells.say(kind.label(), &columns(|index| bad(kind, index))).await?;
    }
    let mut lines =
        Measured::against(visitor.clone(), "100,000 good lines of whole settings", seed::csv(NUMBERS)).await?;
    for (what, line) in LINES {
        lines.say(what, &settings(good, line)).await?;
    }
    let form = FORM.map(|(name, value)| if name == "account" { (name, "fabrikam") } else { (name, value) });
    let (review, _) = reviewed(&mut visitor, &form, list(taken).as_bytes()).await?;
    review.submit(&mut visitor).await?;
    let line = "contoso,true,CallingUserAssignment,InboundCalling,true,GB";
    lines.say("Numbers of another account", &settings(taken, line)).await?;
    say("highest memory of the whole process", format!("{:.1} MB", program.memory("VmHWM")?), "");
    Ok(())
}

/// Entries on lines of their own.
fn list(entry: impl Fn(usize) -> String) -> String {
    let lines = (0..NUMBERS).map(entry);
    lines.fold("Numbers\n".to_owned(), |text, line| text + &line + "\n")
}

/// Entries in cells, each beside its account.
fn columns(entry: impl Fn(usize) -> String) -> String {
    let mut text = "telephoneNumber,accountName\r\n".to_owned();
    for cell in (0..NUMBERS).map(entry) {
        let _ = write!(text, "\"{}\",contoso\r\n", cell.replace('"', "\"\""));
    }
    text
}

/// Numbers with the same behind each.
fn settings(number: fn(usize) -> String, line: &str) -> String {
    let mut text = seed::headings() + "\r\n";
    for number in (0..NUMBERS).map(number) {
        let _ = write!(text, "{number},{line}\r\n");
    }
    text
}

fn good(index: usize) -> String {
    format!("+44{}", 2_000_000_000 + index)
}

/// A number that another account gets.
fn taken(index: usize) -> String {
    format!("+44{}", 3_000_000_000 + index)
}

/// Fails unless the reader knows such an entry as of its kind.
fn is_of(kind: Kind) -> Outcome<()> {
    let text = bad(kind, 0);
    match entry::read(&text) {
        Entry::Refused(refused) if refused.kind == kind => Ok(()),
        other => Err(format!("{text} is no entry of the kind {}: {other:?}", kind.label()).into()),
    }
}

/// An entry of a kind.
fn bad(kind: Kind, index: usize) -> String {
    let (number, last4) = (good(index), index % 10_000);
    match kind {
        Kind::Nothing => "( - )".into(),
        Kind::Character => format!("{number}a"),
        Kind::Quote => format!("\"{number}"),
        Kind::TooLong => number.repeat(20),
        Kind::CountryCode => format!("020 7946 {last4:04}"),
        Kind::InternationalPrefix => format!("00 44 20 7946 {last4:04}"),
        Kind::UnknownCode => format!("+999{index:09}"),
        Kind::Length => format!("{number}12"),
        Kind::TrunkZero => format!("+44 (0)20 7946 {last4:04}"),
        Kind::OtherDigits => number.chars().map(|c| c.to_digit(10).map_or(c, full_width)).collect(),
        Kind::Around => format!("({number})"),
        Kind::Extension => format!("{number} x12"),
        Kind::Decimal => format!("44{}.0", 2_000_000_000 + index),
        Kind::Scientific => format!("4.42{index:05}E+11"),
        Kind::Date => format!("2026-{:02}-{:02}", index % 12 + 1, index % 28 + 1),
        Kind::Thousands => format!("442'000'{:03}'{:03}", index / 1_000, index % 1_000),
        Kind::Formula => format!("={number}"),
        Kind::Slash => format!("{number}/28"),
        Kind::Brackets => format!("+4420{index:06}[00-09]"),
        Kind::Placeholder => format!("+4420{index:06}xx"),
        Kind::Count => format!("+44 20 7946 {last4:04} (10)"),
        Kind::ShortList => format!("+442000{last4:04}60, 61, 62"),
        Kind::Several => format!("44{},12065550100", 2_000_000_000 + index),
        Kind::Ambiguous => format!("+971 2 231 {last4:04}.4"),
        Kind::RangeOrder => format!("{}-{number}", good(index + 9)),
        Kind::RangeLengths => format!("{number}-4420{index:07}"),
        Kind::RangeWord => format!("{number} to {}", good(index + 9)),
    }
}

/// A digit as wide as a letter of Chinese.
fn full_width(digit: u32) -> char {
    char::from_u32(0xff10 + digit).unwrap_or_default()
}
