//! The review of an upload that does everything at once: new numbers, changed and unchanged ones, a setting taken away, a
//! further service.

use std::fmt::Write as _;

use crate::program::Program;
use crate::report::{Outcome, at_most, middle, say};
use crate::review::reviewed;
use crate::visitor::Visitor;
use crate::{NUMBERS, ROUNDS, TENANT, millis, ratio, seed};

const ACCOUNT: [(&str, &str); 4] =
    [("name", "contoso"), ("tenant", TENANT), ("service", "operatorConnect"), ("service", "zoomPhoneCloudPeering")];
const FORM: [(&str, &str); 1] = [("account", "contoso")];

/// What an upload says of numbers: usage, leave for the enterprise to change the address, country, and whether Zoom has them.
const BEFORE: &str = "CallingUserAssignment,InboundCalling;OutboundCalling,true,GB,false";
const CHANGED: &str = "CallingUserAssignment,InboundCalling,true,GB,false";
const WITHOUT_COUNTRY: &str = "CallingUserAssignment,InboundCalling;OutboundCalling,true,,false";
const WITH_ZOOM: &str = "CallingUserAssignment,InboundCalling;OutboundCalling,true,GB,true";

/// The numbers of both uploads lie among each other; every fifth is in the second only.
pub async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(folder.path(), false)?;
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    visitor.post("/accounts/new", &ACCOUNT).await;
    let before = csv(|index| Some(BEFORE).filter(|_| index % 5 != 0));
    let (review, _) = reviewed(&mut visitor, &FORM, before.as_bytes()).await?;
    review.having("Refused: 0<")?.submit(&mut visitor).await?;
    let mixed = csv(|index| [BEFORE, CHANGED, BEFORE, WITHOUT_COUNTRY, WITH_ZOOM].get(index % 5).copied());
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let bare = seed::bare_insert(NUMBERS).await?;
        let (review, taken) = reviewed(&mut visitor, &FORM, mixed.as_bytes()).await?;
        let counts = ["New", "Changed", "Unchanged", "Refused"].map(|kind| review.count(kind).unwrap_or(usize::MAX));
        if counts != [NUMBERS / 5, NUMBERS / 5 * 3, NUMBERS / 5, 0] {
            return Err(format!("the review counts {counts:?}: {}", review.text).into());
        }
        say("100,000 mixed changes to the review page", format!("{:.0} ms", millis(taken)), "");
        ratios.push(ratio(taken, bare));
    }
    let against = middle(&mut ratios);
    say("  against the bare insert", format!("{against:.2} x"), &at_most(5.0, "x", against));
    Ok(())
}

/// What is said of each number; of some nothing.
fn csv(said: impl Fn(usize) -> Option<&'static str>) -> String {
    let mut text = seed::headings() + ",serviceDetails_zoomPhoneCloudPeering_enabled\r\n";
    for (index, said) in (0..NUMBERS).filter_map(|index| Some((index, said(index)?))) {
        let _ = write!(text, "+44{:010},contoso,true,{said}\r\n", 2_000_000_000 + index);
    }
    text
}
