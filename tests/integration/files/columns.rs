//! Columns whose headings are not known: what they are is asked once, and remembered.

use nmp::domain::Verdict;
use nmp::domain::upload::NOT_READ;
use nmp::service::Error;
use nmp::service::staging::{SaidOfColumns, Staged, UploadForm, say_columns, unclear};
use time::Duration;

use super::{draft, send};
use crate::harness::database::numbers;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, upload_form};

on_both_databases![
    unknown_columns_are_asked_once,
    what_waits_too_long_is_forgotten,
    a_file_gives_no_number_to_another,
    a_column_called_as_one_of_ours_is_asked_for_and_said,
];

const FILE: &[u8] = b"Rufnummern,Kunde,Tag1,Colour\n+441632960000,contoso,x,red\n+441632960001,contoso,,\n";

fn waits(staged: &Staged) -> &str {
    match staged {
        Staged::Waits(id) => id,
        Staged::Draft(id) => panic!("order {id} is a draft"),
    }
}

fn said(choices: &[&str], rest_not_read: bool) -> SaidOfColumns {
    SaidOfColumns { choices: choices.iter().map(ToString::to_string).collect(), rest_not_read }
}

async fn unknown_columns_are_asked_once(world: World) {
    world.account("contoso").await;
    let form = upload_form("contoso", "");
    let staged = send(&world, &form, &[("kunden.csv", FILE)]).await;
    let id = waits(&staged).to_owned();
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM orders").await, [0], "nothing is staged yet");
    let asked = unclear(&world.ctx, &grant(), &id).await.unwrap().unwrap();
    assert_eq!((asked.name.as_str(), asked.left, asked.columns.row.headings.len()), ("kunden.csv", 1, 4));
    assert_eq!(asked.columns.values[3], ["red"]);
    let might_be =
        |at: usize| asked.columns.row.might_be(at, &asked.columns.values[at]).map(nmp::domain::upload::Column::heading);
    assert_eq!(might_be(0).as_deref(), Some("telephoneNumber"));
    assert_eq!(might_be(3), None);
    for (said, word) in [
        (said(&["telephoneNumber", "accountName"], false), "Tag1"),
        (said(&[NOT_READ, "accountName"], true), "telephone numbers"),
        (said(&["telephoneNumber", "telephoneNumber"], true), "Kunde"),
    ] {
        match say_columns(&world.ctx, &grant(), &id, &said).await {
            Err(Error::Invalid(problems)) => {
                assert!(problems.iter().any(|problem| problem.message.contains(word)), "{problems:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    let staged =
        say_columns(&world.ctx, &grant(), &id, &said(&["telephoneNumber", "accountName"], true)).await.unwrap();
    let review = world.review(draft(&staged)).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (2, 0), "{:?}", review.problems);
    assert!(review.warnings.iter().any(|said| said.contains("not read: Tag1, Colour")), "{:?}", review.warnings);
    assert!(unclear(&world.ctx, &grant(), &id).await.is_err(), "it waits no more");
    // The same headings are known from now on, until somebody wants to be asked again.
    draft(&send(&world, &form, &[("juni.csv", FILE)]).await);
    let ask = UploadForm { ask_columns: true, ..form };
    let staged = send(&world, &ask, &[("juli.csv", FILE)]).await;
    assert_ne!(waits(&staged), id);
    let asked = unclear(&world.ctx, &grant(), waits(&staged)).await.unwrap();
    assert_eq!(asked.map(|file| file.name).as_deref(), Some("juli.csv"));
}

async fn what_waits_too_long_is_forgotten(world: World) {
    world.account("contoso").await;
    let staged = send(&world, &upload_form("contoso", ""), &[("kunden.csv", FILE)]).await;
    let rows = async |table: &str| numbers(&world.db, &format!("SELECT COUNT(*) FROM {table}")).await[0];
    world.clock.advance(Duration::hours(23));
    nmp::service::housekeeping::sweep(&world.ctx).await.unwrap();
    assert_eq!((rows("waiting_uploads").await, rows("waiting_files").await), (1, 1));
    world.clock.advance(Duration::hours(2));
    nmp::service::housekeeping::sweep(&world.ctx).await.unwrap();
    assert_eq!((rows("waiting_uploads").await, rows("waiting_files").await), (0, 0));
    let gone = unclear(&world.ctx, &grant(), waits(&staged)).await;
    assert!(matches!(gone, Err(Error::NotFound("upload"))), "{gone:?}");
    let staged = send(&world, &upload_form("contoso", ""), &[("kunden.csv", FILE)]).await;
    say_columns(&world.ctx, &grant(), waits(&staged), &said(&["telephoneNumber"], true)).await.unwrap();
    assert_eq!(rows("heading_choices").await, 1);
    world.clock.advance(Duration::days(401));
    nmp::service::housekeeping::sweep(&world.ctx).await.unwrap();
    assert_eq!(rows("heading_choices").await, 0);
}

/// One column too many once made a list of a file, and the account of the form got the numbers of another.
async fn a_file_gives_no_number_to_another(world: World) {
    world.account("contoso").await;
    world.create(&crate::harness::world::account_form("fabrikam", crate::harness::world::FABRIKAM)).await;
    let file = b"telephoneNumber,accountName,Tag1\n+441632960000,fabrikam,1\n";
    let staged = send(&world, &upload_form("contoso", ""), &[("a.csv", file)]).await;
    let staged = say_columns(&world.ctx, &grant(), waits(&staged), &said(&[], true)).await.unwrap();
    let review = world.review(draft(&staged)).await;
    assert_eq!(review.order.accounts, "fabrikam");
    assert_eq!(review.ranges[0].account, "fabrikam");
}

/// In our own exports columns called "order" or "value" say how a number stands; in the file of anybody else they may be anything.
async fn a_column_called_as_one_of_ours_is_asked_for_and_said(world: World) {
    world.account("contoso").await;
    let form = upload_form("contoso", "");
    let file =
        b"Number,Account,Order,Value,syncState\n+441632960000,contoso,sales,7,x\n+441632960001x,contoso,sales,7,x\n";
    let staged = send(&world, &form, &[("a.csv", file)]).await;
    let asked = unclear(&world.ctx, &grant(), waits(&staged)).await.unwrap().unwrap();
    assert_eq!(asked.columns.values[2..4], [["sales", "sales"], ["7", "7"]]);
    let said = said(&["", "", "configuration_customSipHeader", "", ""], true);
    let order = draft(&say_columns(&world.ctx, &grant(), waits(&staged), &said).await.unwrap());
    let review = world.review(order).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (1, 1), "{:?}", review.problems);
    assert_eq!(review.ranges[0].settings.custom_sip_header.as_deref(), Some("sales"));
    assert!(review.warnings.iter().any(|said| said.contains("not read: Value, syncState")), "{:?}", review.warnings);
    // The refused lines have one column more, and nothing is asked again.
    let refused = b"Number,Account,Order,Value,syncState,reason\n+441632960001,contoso,sales,7,x,An x.\n";
    let review = world.review(draft(&send(&world, &form, &[("refused.csv", refused)]).await)).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (1, 0), "{:?}", review.problems);
}
