//! The list of one account's numbers, with few and with many numbers stored.

use crate::load::{self, Rate};
use crate::program::Program;
use crate::report::{Outcome, at_least, at_most, say};
use crate::visitor::Visitor;
use crate::{drift, millis, ratio, seed};

const PATH: &str = "/numbers?account=account-3";
/// Few and many take turns, so that a moment in which the machine is slow hits both.
const ROUNDS: usize = 5;

/// A program with so many numbers, and what was measured of it.
struct Stored {
    program: Program,
    cookies: String,
    page: String,
    script: String,
    pages: Vec<Rate>,
    files: Vec<Rate>,
    _folder: tempfile::TempDir,
}

impl Stored {
    async fn new(total: usize) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        seed::fill(folder.path(), total).await?;
        drift::fill(folder.path()).await?;
        let program = Program::start(folder.path(), true)?;
        let mut visitor = Visitor::sign_in(&program.portal, "reader").await;
        let page = visitor.get(PATH).await.text;
        if page.matches("<tr").count() < 50 {
            return Err(format!("the list shows no page of numbers: {page}").into());
        }
        let script = load::assets(&page).into_iter().find(|asset| asset.starts_with("/static/htmx"));
        let script = script.ok_or("the page names no script")?;
        let cookies = visitor.cookies();
        Ok(Self { program, cookies, page, script, pages: Vec::new(), files: Vec::new(), _folder: folder })
    }

    async fn measure(&mut self) -> Outcome<()> {
        self.pages.push(load::get(&self.program.portal, PATH, &self.cookies).await?);
        self.files.push(load::get(&self.program.portal, &self.script, &self.cookies).await?);
        Ok(())
    }

    /// Says the rates and gives the time of half of the pages.
    fn tell(&mut self, name: &str) -> Outcome<std::time::Duration> {
        let mut ratios: Vec<f64> =
            self.pages.iter().zip(&self.files).map(|(page, file)| page.per_second / file.per_second).collect();
        ratios.sort_by(f64::total_cmp);
        let against = ratios.get(ratios.len() / 2).copied().ok_or("nothing was measured")?;
        let (pages, files) = (middle(&mut self.pages)?, middle(&mut self.files)?);
        let shown = |rate: &Rate| format!("{:.0}/s {:.2} ms", rate.per_second, millis(rate.median));
        say(&format!("numbers list ({:.1} kB) with {name} stored", pages.bytes as f64 / 1e3), shown(pages), "");
        say(&format!("  static file of {:.1} kB", files.bytes as f64 / 1e3), shown(files), "");
        let goal = at_least(0.25, "", against);
        say("  list against static file, half of the rounds", format!("{against:.2}"), &goal);
        Ok(pages.median)
    }
}

fn middle(rates: &mut [Rate]) -> Outcome<&Rate> {
    rates.sort_by_key(|rate| rate.median);
    rates.get(rates.len() / 2).ok_or_else(|| "nothing was measured".into())
}

/// Measures and prints.
pub async fn run() -> Outcome<()> {
    let (mut few, mut many) = (Stored::new(10_000).await?, Stored::new(1_000_000).await?);
    weight(&few).await?;
    for _ in 0..ROUNDS {
        few.measure().await?;
        many.measure().await?;
    }
    drift::run(&many.program.portal, &many.cookies, "1,000,000").await?;
    let (few, many) = (few.tell("10,000")?, many.tell("1,000,000")?);
    let against = ratio(many, few);
    say("median with 1,000,000 against 10,000", format!("{against:.2} x"), &at_most(1.3, "x", against));
    Ok(())
}

/// What a browser loads for the list, compressed: on a first visit and after it.
async fn weight(stored: &Stored) -> Outcome<()> {
    let mut first = 0;
    for asset in load::assets(&stored.page) {
        first += load::compressed(&stored.program.portal, &asset, &stored.cookies).await?;
    }
    let after = load::compressed(&stored.program.portal, PATH, &stored.cookies).await?;
    let (first, after) = ((first + after) as f64 / 1e3, after as f64 / 1e3);
    say("numbers list, first visit, compressed", format!("{first:.1} kB"), &at_most(60.0, "kB", first));
    say("  after it", format!("{after:.1} kB"), &at_most(10.0, "kB", after));
    Ok(())
}
