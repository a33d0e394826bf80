//! What exports and files that come back cost: 100,000 numbers as CSV and as a workbook.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::program::Program;
use crate::report::{Outcome, say};
use crate::visitor::Visitor;
use crate::{NUMBERS, TENANT, millis, seed};

pub async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(folder.path(), false)?;
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    let form = [("name", "contoso"), ("tenant", TENANT), ("service", "operatorConnect")];
    visitor.post("/accounts/new", &form).await;
    let (review, _) = reviewed(&mut visitor, seed::csv(NUMBERS).as_bytes()).await?;
    visitor.post(&review.replace("/review", "/submit"), &[]).await;
    let (csv, fetched) = fetched(&visitor, "/numbers.csv").await?;
    say("100,000 numbers exported as CSV", format!("{:.0} ms, {:.1} MB", millis(fetched), megabytes(&csv)), "");
    let (xlsx, fetched) = self::fetched(&visitor, "/numbers.xlsx").await?;
    let figure = format!("{:.0} ms, {:.1} MB", millis(fetched), megabytes(&xlsx));
    say("100,000 numbers exported as a workbook", figure, "at most 3,000 ms");
    let (_, of_csv) = reviewed(&mut visitor, &csv).await?;
    say("the CSV to the review, all unchanged", format!("{:.0} ms", millis(of_csv)), "");
    let (_, of_xlsx) = reviewed(&mut visitor, &xlsx).await?;
    let wanted = format!("at most {:.0} ms: twice the CSV and a second", millis(of_csv * 2 + Duration::from_secs(1)));
    say("the workbook to the review, all unchanged", format!("{:.0} ms", millis(of_xlsx)), &wanted);
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

/// The path of a file's review, and how long it took.
async fn reviewed(visitor: &mut Visitor, file: &[u8]) -> Outcome<(String, Duration)> {
    let begun = Instant::now();
    let stored = visitor.upload("/numbers/upload", &[("account", "contoso")], Some(file)).await?;
    let review = visitor.get(stored.location.as_deref().ok_or(stored.text)?).await;
    let taken = begun.elapsed();
    if !review.url.path().ends_with("/review") || !review.text.contains("Refused: 0<") {
        return Err(format!("no review: {} {} {}", review.url, review.status, review.text).into());
    }
    Ok((review.url.path().to_owned(), taken))
}
