//! Every kind of file that spreadsheets and other portals write.

use nmp::domain::{Verdict, upload::file_and_line};
use nmp::service::staging::UploadForm;

use super::{draft, review, send};
use crate::harness::on_both_databases;
use crate::harness::world::{World, number, upload_form};

on_both_databases![
    files_of_every_program_are_read,
    an_export_of_teams_leaves_all_else_as_it_is,
    what_a_file_does_not_say_stays,
    several_files_are_one_upload,
];

async fn files_of_every_program_are_read(world: World) {
    world.account("contoso").await;
    let form = upload_form("contoso", "");
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let files: [(&str, Vec<u8>); 15] = [
        ("commas", b"Phone Number,Account\n+441632960000,contoso\n+441632960001,contoso\n".to_vec()),
        (
            "semicolons that are said",
            b"sep=;\r\nNumber;Account\r\n+441632960000;contoso\r\n+441632960001;\r\n".to_vec(),
        ),
        ("tabs", b"TELEPHONE NUMBER\tAccount Name\n+441632960000\tcontoso\n+441632960001\tcontoso\n".to_vec()),
        ("bars", b"telephone_number|account\n+441632960000|contoso\n+441632960001|contoso\n".to_vec()),
        ("carriage returns", b"Number,Account\r+441632960000,contoso\r+441632960001,contoso\r".to_vec()),
        ("a list of carriage returns", b"Numbers\r+441632960000\r+441632960001\r".to_vec()),
        ("two commas at every end", b"Number,Account,,\n+441632960000,contoso,,\n+441632960001,contoso,,\n".to_vec()),
        ("short lines", b"Number,Account,SIP header\n+441632960000\n+441632960001,contoso\n".to_vec()),
        ("UTF-16", utf16("\u{feff}Number\tAccount\r\n+441632960000\tcontoso\r\n+441632960001\tcontoso\r\n")),
        ("UTF-16 without a mark", utf16("Number\tAccount\r\n+441632960000\tcontoso\r\n+441632960001\tcontoso\r\n")),
        ("texts as formulas", b"Number,Account\n\"=\"\"+441632960000\"\"\",contoso\n'+441632960001,contoso\n".to_vec()),
        (
            "lines that are one cell each",
            b"\"Number,Account\"\r\n\"+441632960000,contoso\"\r\n\"+441632960001,contoso\"\r\n".to_vec(),
        ),
        ("ends of a range", b"StartingNumber,EndingNumber\n+441632960000,+441632960001\n".to_vec()),
        ("a range and its size", b"start,count,Account\n+441632960000,2,contoso\n".to_vec()),
        (
            "yes and no in German",
            b"Number,serviceDetails_teamsOperatorConnect_enabled,Allow tenant address update\n\
              +441632960000,WAHR,WAHR\n+441632960001,ja,1\n"
                .to_vec(),
        ),
    ];
    for (case, file) in files {
        let review = review(&world, &form, &file).await;
        assert_eq!(review.count(Verdict::New), 2, "{case}: {:?}", review.problems);
        assert_eq!(review.refused_count(), 0, "{case}: {:?}", review.problems);
        assert_eq!((review.ranges.len(), review.ranges[0].count), (1, 2), "{case}: {:?}", review.ranges);
    }
    let western = b"Number;Account;Usage\n+441632960000;contoso;K\xf6ln\n";
    let form = UploadForm { encoding: "windows-1252".to_owned(), ..form };
    let review = review(&world, &form, western).await;
    assert_eq!(review.refused_count(), 0, "{:?}", review.problems);
    assert_eq!(review.ranges[0].settings.teams.usage, "K\u{f6}ln");
}

async fn an_export_of_teams_leaves_all_else_as_it_is(world: World) {
    let account = world.account("contoso").await;
    world.facts(crate::harness::world::CONTOSO).await;
    world.upload("contoso", "+441632960000-0001").await;
    world.backend_answers(&account, nmp::domain::OrderKind::Upload, |_| true).await;
    let teams = "#TYPE Microsoft.Rest.ClientRuntime.Models.AcquiredPhoneNumber\r\n\
        \"TelephoneNumber\",\"OperatorId\",\"NumberType\",\"ActivationState\",\"AssignedPstnTargetId\",\
        \"AssignmentCategory\",\"Capability\",\"City\",\"CivicAddressId\",\"IsoCountryCode\",\"IsoSubdivision\",\
        \"LocationId\",\"PstnAssignmentStatus\"\r\n\
        \"+441632960000\",\"1\",\"OperatorConnect\",\"Activated\",\"\",\"\",\"UserAssignment\",\"Bath\",\"address-1\",\
        \"GB\",\"\",\"location-1\",\"Unassigned\"\r\n\
        \"+441632960001\",\"1\",\"OperatorConnect\",\"Activated\",\"\",\"\",\"UserAssignment\",\"Bath\",\
        \"00000000-0000-0000-0000-000000000000\",\"GB\",\"\",\"00000000-0000-0000-0000-000000000000\",\"Unassigned\"\r\n";
    let review = review(&world, &upload_form("contoso", ""), teams.as_bytes()).await;
    assert_eq!(review.refused_count(), 0, "{:?}", review.problems);
    assert_eq!([Verdict::Changed, Verdict::Unchanged].map(|verdict| review.count(verdict)), [1, 1]);
    let [change] = review.changes.as_slice() else { panic!("{:?}", review.changes) };
    let mut after = change.before.clone();
    after.teams.civic_address_id = Some("address-1".to_owned());
    after.teams.location_id = Some("location-1".to_owned());
    assert_eq!(change.after, after, "nothing else has changed");
    assert!(
        review.warnings.iter().any(|said| said.contains("not read: OperatorId, NumberType")),
        "{:?}",
        review.warnings
    );
}

async fn what_a_file_does_not_say_stays(world: World) {
    world.local_account("contoso").await;
    let before = UploadForm { custom_sip_header: "sales".into(), ..upload_form("contoso", "+441632960000-0003") };
    let order = world.stage_form(&before).await;
    world.submit(order).await;
    // Another usage in the form is for new numbers only.
    let form = UploadForm {
        usage: "FirstPartyAppAssignment".into(),
        custom_sip_header: "new".into(),
        ..upload_form("contoso", "")
    };
    let file =
        b"Number,SIP header\n+441632960000,support\n+441632960001,\n+441632960002,sales\n+441632960009,support\n";
    let order = draft(&send(&world, &form, &[("a.csv", file)]).await);
    let review = world.review(order).await;
    assert_eq!(review.refused_count(), 0, "{:?}", review.problems);
    let counts = [Verdict::Changed, Verdict::Unchanged, Verdict::New].map(|verdict| review.count(verdict));
    assert_eq!(counts, [2, 1, 1], "{:?}", review.changes);
    world.submit(order).await;
    let stored = async |text: &str| {
        let number =
            nmp::service::numbers::get(&world.ctx, &crate::harness::world::grant(), number(text)).await.unwrap();
        (number.settings.teams.usage.clone(), number.settings.custom_sip_header.clone())
    };
    let usage = "CallingUserAssignment".to_owned();
    assert_eq!(stored("+441632960000").await, (usage.clone(), Some("support".to_owned())));
    assert_eq!(stored("+441632960001").await, (usage.clone(), None), "an empty cell unsets");
    assert_eq!(stored("+441632960003").await, (usage, Some("sales".to_owned())));
    assert_eq!(
        stored("+441632960009").await,
        ("FirstPartyAppAssignment".to_owned(), Some("support".to_owned())),
        "a new number gets from the form what the file does not say"
    );
}

async fn several_files_are_one_upload(world: World) {
    world.account("contoso").await;
    let form = upload_form("contoso", "");
    let files: [(&str, &[u8]); 3] = [
        ("first.csv", b"Number,SIP header\n+441632960000,a\n+441632960001,b\n"),
        ("second.txt", b"+441632960002-0003\n+441632960000\nabc\n"),
        ("third.csv", b"Start;End\n+441632960010;+441632960019\n"),
    ];
    let order = draft(&send(&world, &form, &files).await);
    let review = world.review(order).await;
    assert_eq!(review.count(Verdict::New), 14, "{:?}", review.problems);
    let told: Vec<_> = review
        .problems
        .iter()
        .map(|problem| (review.file_of(problem.line), file_and_line(problem.line).1, problem.value.as_str()))
        .collect();
    let second = || "second.txt".to_owned();
    assert_eq!(told, [(second(), 2, "+441632960000"), (second(), 3, "abc")]);
    assert!(review.problems[0].reason.contains("line 2 of first.csv"), "{}", review.problems[0].reason);
}
