//! Spellings from the field that once became numbers of nobody: what a draft has of each.

use nmp::domain::{E164, Verdict};
use nmp::service::orders::{self, ItemSelection};
use nmp::service::staging::{UploadForm, stage_upload};
use nmp::store::Page;

use crate::harness::database::execute;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, upload_form};

on_both_databases![
    no_spelling_becomes_a_number_of_nobody,
    the_same_in_a_column_of_a_file,
    a_stored_number_is_read_although_no_plan_knows_it,
];

/// What is typed, what is staged, and what is refused with which proposal.
const CASES: [(&str, &str); 42] = [
    ("+44 (0)1632 960313", "trunkZero > +441632960313"),
    ("+44 01632 960315", "trunkZero > +441632960315"),
    ("+49 (0)30 23125000", "trunkZero > +493023125000"),
    ("+39 06 69821234", "+390669821234"),
    ("+1-206-555-0100-0109", "+12065550100 to +12065550109"),
    ("+1.206.555.0100-0109", "+12065550100 to +12065550109"),
    ("+1 (206) 555-0100-0109", "+12065550100 to +12065550109"),
    ("+1 206 555 0100-0109", "+12065550100 to +12065550109"),
    ("+12065550160-0169", "+12065550160 to +12065550169"),
    ("+12065550100\u{2010}0109", "+12065550100 to +12065550109"),
    ("+12065550100\u{2011}0109", "+12065550100 to +12065550109"),
    ("+12065550100\u{2012}0109", "+12065550100 to +12065550109"),
    ("+12065550100/0109", "slash > +12065550100-+12065550109"),
    ("+12065550100/09", "slash > +12065550100-+12065550109"),
    ("+44 1632 960960/1/2", "slash > +441632960960, +441632960961, +441632960962"),
    ("+441632960960/28", "slash > +441632960960, +441632960928"),
    ("+4416329604[00-09]", "brackets > +441632960400-+441632960409"),
    ("+4416329604(00-09)", "brackets > +441632960400-+441632960409"),
    ("+44163296040[0-9]", "brackets > +441632960400-+441632960409"),
    ("+120655501[00-09]", "brackets > +12065550100-+12065550109"),
    ("+44 1632 960960 (10)", "count > +441632960960-+441632960969"),
    ("+44 1632 960400-409", "+441632960400 to +441632960409"),
    ("441632960554.00", "decimal > +441632960554"),
    ("12065550155.0", "decimal > +12065550155"),
    ("4.4163296E+11", "scientific"),
    ("2024-11-05,+441632960940", "date, +441632960940"),
    ("+441632960930;+441632960939;10", "count > +441632960930-+441632960939"),
    ("+44 1632 960960, 61, 62", "shortList > +441632960960, +441632960961, +441632960962"),
    ("+12065550124;ext=4567", "extension > +12065550124"),
    ("+12065550124,,4567", "extension > +12065550124"),
    ("+4930231250-99", "+4930231250 to +4930231299"),
    ("+4499", "length"),
    ("+112", "length"),
    ("+1206555013299", "length"),
    ("+999123456789", "unknownCode"),
    ("\u{202a}+441632960940\u{202c}", "+441632960940"),
    ("\u{200e}+44 1632 960940\u{200b}", "+441632960940"),
    ("\u{2068}+441632960940\u{2069}", "+441632960940"),
    ("tel:+44-1632-960940", "+441632960940"),
    ("441,632,960,554", "thousands > +441632960554"),
    ("00 44 1632 960940", "internationalPrefix > +441632960940"),
    ("01632 960940", "countryCode"),
];

/// What a draft has, in a line.
async fn drafted(world: &World, order: i64) -> String {
    let review = world.review(order).await;
    let refused = review.problems.iter().map(|problem| {
        let kind = problem.kind.clone().unwrap_or_else(|| problem.reason.clone());
        problem.proposal.as_ref().map_or(kind.clone(), |proposal| format!("{kind} > {proposal}"))
    });
    let mut said: Vec<String> = refused.collect();
    let items = orders::items(&world.ctx, &grant(), order, ItemSelection::default(), Page::First).await.unwrap().items;
    let numbers: Vec<E164> = items.into_iter().map(|item| item.number).collect();
    match numbers.as_slice() {
        [] => {}
        [one] => said.push(one.to_string()),
        [first, .., last] => {
            assert_eq!(numbers.len() as i64, last.as_i64() - first.as_i64() + 1, "a range without gaps");
            said.push(format!("{first} to {last}"));
        }
    }
    said.join(", ")
}

async fn no_spelling_becomes_a_number_of_nobody(world: World) {
    world.account("contoso").await;
    let mut wrong = Vec::new();
    for (text, right) in CASES {
        let said = drafted(&world, world.stage("contoso", text).await).await;
        if said != right {
            wrong.push(format!("{text}: {said}, not {right}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let text = CASES.map(|(text, _)| text).join("\n");
    let review = world.review(world.stage("contoso", &text).await).await;
    let unassigned = review.unassigned.unwrap_or_default();
    assert!(unassigned.contains("assigned to nobody"), "{unassigned}");
}

async fn the_same_in_a_column_of_a_file(world: World) {
    world.account("contoso").await;
    let oc = "serviceDetails_teamsOperatorConnect";
    let form =
        UploadForm { account: String::new(), service: String::new(), usage: String::new(), ..upload_form("", "") };
    for (text, right) in CASES {
        // A cell has no room for several numbers, so none are proposed, and a date is refused with what stands beside it.
        let right =
            right.split_once(", +").map_or(right, |(left, _)| left.split_once(" > ").map_or(left, |(kind, _)| kind));
        let right = if right == "date" { "several" } else { right };
        let csv = format!(
            "accountName,telephoneNumber,{oc}_enabled,{oc}_configuration_usage,{oc}_configuration_allowTenantAddressUpdate\n\
             contoso,\"{text}\",true,CallingUserAssignment,true\n"
        );
        let order = stage_upload(&world.ctx, &grant(), &form, Some(csv.as_bytes())).await.unwrap();
        let said = drafted(&world, order).await;
        let is_kind_alone = right == "several" && !said.starts_with('+');
        assert!(said == right || is_kind_alone, "{text}: {said}, not {right}");
    }
}

/// A program stored it; what was exported can be uploaded again.
async fn a_stored_number_is_read_although_no_plan_knows_it(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000").await;
    execute(&world.db, "UPDATE numbers SET telephone_number = 4499").await;
    let review = world.review(world.stage("contoso", "+4499\n+4498\n+44 99").await).await;
    assert_eq!((review.count(Verdict::Unchanged), review.refused_count()), (1, 2));
    assert_eq!(review.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 3]);
}
