//! Numbers with anything beside them: whose they are is asked, and never taken from the form.

use nmp::domain::Verdict;
use nmp::domain::upload::NOT_READ;
use nmp::service::orders::Review;
use nmp::service::staging::{SaidOfColumns, Staged, UploadForm, form_of, say_columns, unclear};

use super::{draft, send};
use crate::harness::on_both_databases;
use crate::harness::world::{FABRIKAM, World, account_form, grant, upload_form};

on_both_databases![
    no_table_is_taken_for_a_list,
    columns_without_headings_are_asked,
    columns_that_are_known_can_be_said_anew,
    a_blank_account_is_said,
    a_small_file_comes_back_in_its_form,
];

fn said(choices: &[&str]) -> SaidOfColumns {
    SaidOfColumns { choices: choices.iter().map(ToString::to_string).collect(), rest_not_read: false }
}

async fn both(world: &World) -> UploadForm {
    world.account("contoso").await;
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    upload_form("contoso", "")
}

fn new(review: &Review) -> i64 {
    review.count(Verdict::New)
}

async fn no_table_is_taken_for_a_list(world: World) {
    let form = both(&world).await;
    let late = format!("{}+441632960999;fabrikam\n", "Hinweis\n".repeat(30));
    for file in [
        "Report 2026-11-28;\nNumer;Klient\n+441632960000;fabrikam\n",
        "Contract 4500123456;;\nNumber;Kunde\n+441632960000;fabrikam\n",
        "4500123456;Contract\n\nNumber;Klient\n+441632960000;fabrikam\n",
        "Tag 20261128;Number;Kunde\nx;+441632960000;fabrikam\n",
        "Number (e.g. +441632960000),Kunde\n+441632960000,fabrikam\n",
        "\"Number\nwith +\",\"Kunde\nshort\"\n+441632960000,fabrikam\n",
        "+441632960000,fabrikam\n+441632960001,fabrikam\n",
        "+441632960000\n+441632960001\n+441632960002\tfabrikam\n",
        &late,
    ] {
        match send(&world, &form, &[("kunden.csv", file.as_bytes())]).await {
            Staged::Waits(_) => {}
            Staged::Draft(order) => {
                let review = world.review(order).await;
                assert_eq!(new(&review), 0, "{file}");
                assert!(review.refused_count() > 0, "{file}");
            }
        }
    }
    // Columns that say whose the numbers are say so, whatever stands above them.
    let known = "Report 2026-11-28,\nNumber,Account\n+441632960000,\u{200b}fabrikam\n".as_bytes();
    let review = world.review(draft(&send(&world, &form, &[("a.csv", known)]).await)).await;
    assert_eq!(review.ranges[0].account, "fabrikam");
}

async fn columns_without_headings_are_asked(world: World) {
    let form = both(&world).await;
    let file = b"+441632960000;fabrikam;x\n+44 (0)1632 960001;fabrikam;\n";
    let Staged::Waits(id) = send(&world, &form, &[("a.csv", file)]).await else { panic!("nothing was asked") };
    let asked = unclear(&world.ctx, &grant(), &id).await.unwrap().unwrap().columns;
    let headings: Vec<_> = asked.row.headings.iter().map(|heading| heading.text.as_str()).collect();
    assert_eq!(headings, ["Column 1", "Column 2", "Column 3"]);
    assert_eq!(asked.values[1], ["fabrikam", "fabrikam"]);
    let said = said(&["telephoneNumber", "accountName", NOT_READ]);
    let order = draft(&say_columns(&world.ctx, &grant(), &id, &said).await.unwrap());
    let review = world.review(order).await;
    assert_eq!((new(&review), review.refused_count()), (1, 1), "{:?}", review.problems);
    assert_eq!((review.ranges[0].account.as_str(), review.problems[0].line), ("fabrikam", 2));
    // What was said holds when a proposal is taken over, and for no other file.
    let kind = nmp::domain::entry::Kind::TrunkZero;
    let mending = nmp::service::staging::Mending::Kind(kind);
    let order = nmp::service::staging::mend(&world.ctx, &grant(), order, mending).await.unwrap();
    assert_eq!(new(&world.review(order).await), 2);
    let other = send(&world, &form, &[("b.csv", b"+441632960000;x;fabrikam\n")]).await;
    assert!(matches!(other, Staged::Waits(_)));
}

async fn columns_that_are_known_can_be_said_anew(world: World) {
    let form = both(&world).await;
    let file = b"First,Last,Phone\nAnn,Smith,+441632960000\nBob,Jones,+441632960001\n";
    let ask = UploadForm { ask_columns: true, ..form.clone() };
    let Staged::Waits(id) = send(&world, &ask, &[("people.csv", file)]).await else { panic!("nothing was asked") };
    let said = said(&[NOT_READ, NOT_READ, "telephoneNumber"]);
    let review = world.review(draft(&say_columns(&world.ctx, &grant(), &id, &said).await.unwrap())).await;
    assert_eq!((new(&review), review.refused_count()), (2, 0), "{:?}", review.problems);
    // It is remembered, and clear headings are asked for too when somebody wants it.
    let review = world.review(draft(&send(&world, &form, &[("people.csv", file)]).await)).await;
    assert_eq!(new(&review), 2);
    let clear = b"Number,Location\n+441632960000,London\n";
    let Staged::Waits(id) = send(&world, &ask, &[("a.csv", clear)]).await else { panic!("nothing was asked") };
    let said = super::tables::said(&["", NOT_READ]);
    let review = world.review(draft(&say_columns(&world.ctx, &grant(), &id, &said).await.unwrap())).await;
    assert_eq!((new(&review), review.refused_count()), (1, 0), "{:?}", review.problems);
}

async fn a_blank_account_is_said(world: World) {
    let form = both(&world).await;
    let file = b"Number,Account\n+441632960000,fabrikam\n+441632960001,\n+441632960002\n";
    let review = world.review(draft(&send(&world, &form, &[("a.csv", file)]).await)).await;
    assert_eq!(new(&review), 3);
    let (count, notes) = &review.notes;
    assert_eq!((*count, notes[0].line), (1, 3), "{notes:?}");
    assert!(notes[0].text.contains("2 numbers") && notes[0].text.contains("account contoso"), "{notes:?}");
}

async fn a_small_file_comes_back_in_its_form(world: World) {
    let form = both(&world).await;
    let file = b"Number,Account\n+441632960000,fabrikam\n";
    let order = draft(&send(&world, &form, &[("a.csv", file)]).await);
    assert_eq!(form_of(&world.ctx, &grant(), order).await.unwrap().numbers.as_bytes(), file);
    let long = format!("Number,Account\n{}", "+441632960000,fabrikam\n".repeat(20_000));
    let order = draft(&send(&world, &form, &[("a.csv", long.as_bytes())]).await);
    assert_eq!(form_of(&world.ctx, &grant(), order).await.unwrap().numbers, "");
}
