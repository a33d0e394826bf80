//! The review of an upload of numbers that a backend holds already, against the same where it holds none of them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::program::Program;
use crate::report::{Outcome, at_most, middle, say};
use crate::review::{Review, reviewed};
use crate::visitor::Visitor;
use crate::{NUMBERS, ROUNDS, TENANT, millis, ratio, seed};

const ACCOUNT: [(&str, &str); 4] =
    [("name", "contoso"), ("tenant", TENANT), ("service", "operatorConnect"), ("sync", "operatorConnect")];
const FORM: [(&str, &str); 1] = [("account", "contoso")];
/// A third of the numbers is held as the upload has it, a third otherwise.
const THIRD: usize = NUMBERS / 3;
/// What is held is known by then.
const PULLED: Duration = Duration::from_mins(3);

pub async fn run() -> Outcome<()> {
    let (with, without) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (with, without) = (Program::start(with.path(), false)?, Program::start(without.path(), false)?);
    hold(&with).await?;
    let (mut there, mut nothing) = (signed_in(&with).await, signed_in(&without).await);
    let csv = seed::csv(NUMBERS);
    pulled(&mut there, csv.as_bytes()).await?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (review, without) = reviewed(&mut nothing, &FORM, csv.as_bytes()).await?;
        if review.count("New")? != NUMBERS || is_known(&review) {
            return Err(format!("the backend holds some of them: {}", review.text).into());
        }
        let (review, with) = reviewed(&mut there, &FORM, csv.as_bytes()).await?;
        if !is_known(&review) {
            return Err(format!("what the backend holds is not known: {}", review.text).into());
        }
        let shown = format!("{:.0} / {:.0} ms", millis(with), millis(without));
        say("review of 100,000, two thirds at the backend already / none", shown, "");
        ratios.push(ratio(with, without));
    }
    let against = middle(&mut ratios);
    say("  against each other", format!("{against:.2} x"), &at_most(1.3, "x", against));
    Ok(())
}

async fn signed_in(program: &Program) -> Visitor {
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    visitor.post("/accounts/new", &ACCOUNT).await;
    visitor
}

/// Puts numbers at the backend that nobody has asked for.
async fn hold(program: &Program) -> Outcome<()> {
    let client = reqwest::Client::builder().build()?;
    for (first, capabilities) in [(0, ["InboundCalling", "OutboundCalling"].as_slice()), (THIRD, &["InboundCalling"])] {
        let body = json!({
            "tenantId": TENANT, "number": format!("+44{}", 2_000_000_000 + first), "count": THIRD,
            "usage": "CallingUserAssignment", "choosableCapabilities": capabilities,
            "allowTenantAddressUpdate": true, "displayedCountryCode": "GB"
        });
        let url = format!("{}/_hold", program.operator_connect.trim_end_matches('/'));
        let request = client.post(url).header("content-type", "application/json").body(body.to_string());
        request.send().await?.error_for_status()?;
    }
    Ok(())
}

/// Asks for a pull, and waits until reviews know what it found.
async fn pulled(visitor: &mut Visitor, csv: &[u8]) -> Outcome<()> {
    visitor.post("/connection/pull", &[("kind", "numbers"), ("tenant", TENANT)]).await;
    let end = Instant::now() + PULLED;
    loop {
        let (review, _) = reviewed(visitor, &FORM, csv).await?;
        if is_known(&review) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("what the backend holds does not become known: {}", review.text).into());
        }
    }
}

/// Whether a review knows of all that is held, and nothing is being pulled.
fn is_known(review: &Review) -> bool {
    let counts =
        ["At the backend already", "Different at the backend"].map(|kind| review.count(kind).unwrap_or_default());
    counts == [THIRD, THIRD] && !review.text.contains("Being pulled")
}
