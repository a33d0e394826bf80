//! What exports and files that come back cost: 100,000 numbers as CSV and as a workbook.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::program::Program;
use crate::report::{Outcome, at_most, say};
use crate::review::{self, Review};
use crate::visitor::Visitor;
use crate::{NUMBERS, TENANT, millis, seed};

pub async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(folder.path(), false)?;
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    let form = [("name", "contoso"), ("tenant", TENANT), ("service", "operatorConnect")];
    visitor.post("/accounts/new", &form).await;
    let (review, _) = reviewed(&mut visitor, seed::csv(NUMBERS).as_bytes()).await?;
    review.submit(&mut visitor).await?;
    let (csv, fetched) = fetched(&visitor, "/numbers.csv").await?;
    say("100,000 numbers exported as CSV", format!("{:.0} ms, {:.1} MB", millis(fetched), megabytes(&csv)), "");
    let (xlsx, fetched) = self::fetched(&visitor, "/numbers.xlsx").await?;
    let figure = format!("{:.0} ms, {:.1} MB", millis(fetched), megabytes(&xlsx));
    say("100,000 numbers exported as a workbook", figure, &at_most(3_000.0, "ms", millis(fetched)));
    let (_, of_csv) = reviewed(&mut visitor, &csv).await?;
    say("the CSV to the review, all unchanged", format!("{:.0} ms", millis(of_csv)), "");
    let (_, of_xlsx) = reviewed(&mut visitor, &xlsx).await?;
    // Twice the CSV and a second.
    let goal = at_most(millis(of_csv * 2 + Duration::from_secs(1)).round(), "ms", millis(of_xlsx));
    say("the workbook to the review, all unchanged", format!("{:.0} ms", millis(of_xlsx)), &goal);
    say("highest memory of the whole process", format!("{:.1} MB", program.memory("VmHWM")?), "");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: &[u8]) -> f64 {
    bytes.len() as f64 / 1e6
}

async fn fetched(visitor: &Visitor, path: &str) -> Outcome<(Vec<u8>, Duration)> {
    let begun = Instant::now();
    let answer = visitor.request(&Method::GET, &visitor.url(path)).send().await?.error_for_status()?;
    Ok((answer.bytes().await?.to_vec(), begun.elapsed()))
}

/// The review of a file, of which nothing is refused, and how long it took.
async fn reviewed(visitor: &mut Visitor, file: &[u8]) -> Outcome<(Review, Duration)> {
    let (review, taken) = review::reviewed(visitor, &[("account", "contoso")], file).await?;
    Ok((review.having("Refused: 0<")?, taken))
}
