//! Lines that are refused keep what stood in them, are told by the headings of their file, and once for a whole range.

use nmp::domain::Verdict;
use nmp::domain::entry::Kind;
use nmp::service::staging::{Mending, UploadForm, mend};

use super::{draft, send};
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, upload_form};

on_both_databases![
    lines_keep_every_cell_under_their_own_headings,
    a_range_is_refused_as_one_line,
    lines_of_reports_do_not_vanish,
    proposals_of_several_files_are_taken_over,
];

async fn lines_keep_every_cell_under_their_own_headings(world: World) {
    world.account("contoso").await;
    world.facts(crate::harness::world::CONTOSO).await;
    let file = b"Reason,Number,Account,Civic Address,Verwendung\n\
        \"Meyer, A\",+441632960000,nobody,,\nSchulz,+441632960001,contoso,7ceec862-0000,\n";
    let form = UploadForm { allow_tenant_address_update: false, ..upload_form("contoso", "") };
    let staged = send(&world, &form, &[("a.csv", file)]).await;
    let nmp::service::staging::Staged::Waits(id) = staged else { panic!("nothing was asked") };
    let said = nmp::service::staging::SaidOfColumns { choices: Vec::new(), rest_not_read: true };
    let order = draft(&nmp::service::staging::say_columns(&world.ctx, &grant(), &id, &said).await.unwrap());
    let review = world.review(order).await;
    let told: Vec<_> = review
        .problems
        .iter()
        .map(|problem| (problem.heading.as_deref().unwrap_or_default(), problem.value.as_str()))
        .collect();
    assert_eq!(told[..2], [("Account", "nobody"), ("Civic Address", "7ceec862-0000")], "{:?}", review.problems);
    let records: Vec<_> = review.problems.iter().filter_map(|problem| problem.record.as_deref()).collect();
    assert_eq!(
        records[..2],
        [
            "[\"Meyer, A\",\"+441632960000\",\"nobody\",\"\",\"\"]",
            "[\"Schulz\",\"+441632960001\",\"contoso\",\"7ceec862-0000\",\"\"]"
        ]
    );
}

async fn a_range_is_refused_as_one_line(world: World) {
    world.account("contoso").await;
    let file = b"Start,End,Account\n+441632960000,+441632965999,nobody\n+441632970000,+441632970001,contoso\n";
    let review = world.review(draft(&send(&world, &upload_form("contoso", ""), &[("a.csv", file)]).await)).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (2, 1), "{:?}", review.problems);
    let problem = &review.problems[0];
    assert_eq!((problem.line, problem.value.as_str()), (2, "nobody"));
    assert_eq!(problem.record.as_deref(), Some("[\"+441632960000\",\"+441632965999\",\"nobody\"]"));
}

async fn lines_of_reports_do_not_vanish(world: World) {
    world.account("contoso").await;
    let report = b"line,telephoneNumber,accountName,result,reason,column,value\n\
        3,,,Refused,An extension,,+441632960000 x12\n4,+441632960001,contoso,New,,,\n";
    let review = world.review(draft(&send(&world, &upload_form("contoso", ""), &[("a.csv", report)]).await)).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (1, 1), "{:?}", review.problems);
    assert_eq!(review.problems[0].line, 2);
}

async fn proposals_of_several_files_are_taken_over(world: World) {
    world.account("contoso").await;
    let files: [(&str, &[u8]); 3] = [
        ("first.txt", "\u{feff}+44 (0)1632 960000\n+441632960001\n".as_bytes()),
        ("second.csv", b"Number,Account\n+44 (0)1632 960002,contoso\n"),
        ("third.txt", b"+44 (0)1632 960003\n+441632960010/12\n"),
    ];
    let order = draft(&send(&world, &upload_form("contoso", ""), &files).await);
    let review = world.review(order).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (1, 4), "{:?}", review.problems);
    assert!(review.can_be_mended);
    let order = mend(&world.ctx, &grant(), order, Mending::Kind(Kind::TrunkZero)).await.unwrap();
    let review = world.review(order).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (4, 1), "{:?}", review.problems);
    assert_eq!(review.file_of(review.problems[0].line), "third.txt");
    let order = mend(&world.ctx, &grant(), order, Mending::Line(review.problems[0].seq)).await.unwrap();
    assert_eq!(world.review(order).await.count(Verdict::New), 7);
}
