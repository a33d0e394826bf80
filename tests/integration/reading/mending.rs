//! What is proposed for refused lines is taken over: the text of the draft is changed and staged anew.

use nmp::domain::entry::Kind;
use nmp::domain::{OrderKind, OrderStatus, Verdict};
use nmp::service::Error;
use nmp::service::orders;
use nmp::service::staging::{Mending, UploadForm, form_of, mend, stage_upload};

use crate::harness::database::numbers;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, right, upload_form};

on_both_databases![
    one_line_is_mended,
    all_lines_of_a_kind_are_mended,
    a_cell_of_a_file_is_mended,
    a_decided_draft_is_not_mended,
    a_text_is_kept_while_its_draft_is_one,
];

const TEXT: &str = "+44 (0)1632 960000\n+441632960010/12\n+44 (0)1632 960001; Alice\n+441632960002";

async fn texts(world: &World) -> i64 {
    numbers(&world.db, "SELECT COUNT(*) FROM draft_texts").await[0]
}

async fn typed(world: &World, order: i64) -> String {
    form_of(&world.ctx, &grant(), order).await.unwrap().numbers
}

async fn one_line_is_mended(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", TEXT).await;
    let review = world.review(order).await;
    let kinds: Vec<_> = review.proposals.iter().map(|found| (found.kind.as_str(), found.count)).collect();
    assert_eq!(kinds, [("trunkZero", 2), ("slash", 1)]);
    assert!(review.can_be_mended);
    let second = review.problems.iter().find(|problem| problem.line == 2).unwrap().seq;
    let mended = mend(&world.ctx, &grant(), order, Mending::Line(second)).await.unwrap();
    let right = "+44 (0)1632 960000\n+441632960010-+441632960012\n+44 (0)1632 960001; Alice\n+441632960002";
    assert_eq!(typed(&world, mended).await, right);
    let review = world.review(mended).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (4, 3));
    assert_eq!(world.order(order).await.status, OrderStatus::Discarded, "the draft with the old text is given up");
}

async fn all_lines_of_a_kind_are_mended(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", TEXT).await;
    let mended = mend(&world.ctx, &grant(), order, Mending::Kind(Kind::TrunkZero)).await.unwrap();
    assert_eq!(typed(&world, mended).await, "+441632960000\n+441632960010/12\n+441632960001; Alice\n+441632960002");
    let review = world.review(mended).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (3, 2));
    let none = mend(&world.ctx, &grant(), mended, Mending::Kind(Kind::TrunkZero)).await;
    assert!(matches!(&none, Err(Error::Conflict(said)) if said.contains("Nothing is proposed")), "{none:?}");
}

async fn a_cell_of_a_file_is_mended(world: World) {
    world.account("contoso").await;
    let oc = "serviceDetails_teamsOperatorConnect";
    let csv = format!(
        "\u{feff}accountName,telephoneNumber,{oc}_enabled,{oc}_configuration_usage,{oc}_configuration_allowTenantAddressUpdate\r\n\
         contoso,\"+44 (0)1632 960000\",true,CallingUserAssignment,true\r\n\r\n\
         \"contoso\",441632960001.00,true,CallingUserAssignment,true\r\n\
         contoso,+44 (0)1632 960002,true,CallingUserAssignment,true"
    );
    let form =
        UploadForm { account: String::new(), service: String::new(), usage: String::new(), ..upload_form("", "") };
    let order = stage_upload(&world.ctx, &grant(), &form, Some(csv.as_bytes())).await.unwrap();
    assert_eq!(world.review(order).await.refused_count(), 3);
    let mended = mend(&world.ctx, &grant(), order, Mending::Kind(Kind::TrunkZero)).await.unwrap();
    let review = world.review(mended).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (2, 1));
    let mended = mend(&world.ctx, &grant(), mended, Mending::Kind(Kind::Decimal)).await.unwrap();
    let review = world.review(mended).await;
    assert_eq!((review.count(Verdict::New), review.refused_count()), (3, 0));
    let ranges: Vec<_> = review.ranges.iter().map(|range| (range.first.to_string(), range.count)).collect();
    assert_eq!(ranges, [("+441632960000".to_owned(), 3)]);
}

async fn a_decided_draft_is_not_mended(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", TEXT).await;
    orders::discard(&world.ctx, &right(OrderKind::Upload), order).await.unwrap();
    let late = mend(&world.ctx, &grant(), order, Mending::Kind(Kind::TrunkZero)).await;
    assert!(matches!(&late, Err(Error::Conflict(said)) if said.contains("no draft any more")), "{late:?}");
    let none = mend(&world.ctx, &grant(), 4_711, Mending::Line(1)).await;
    assert!(matches!(none, Err(Error::NotFound("order"))), "{none:?}");
}

async fn a_text_is_kept_while_its_draft_is_one(world: World) {
    world.account("contoso").await;
    world.stage("contoso", "+441632960000\nAlice").await;
    assert_eq!(texts(&world).await, 0, "nothing is proposed, so nothing can be mended");
    let order = world.stage("contoso", TEXT).await;
    assert_eq!(texts(&world).await, 1);
    orders::discard(&world.ctx, &right(OrderKind::Upload), order).await.unwrap();
    assert_eq!(texts(&world).await, 0);
    let order = world.stage("contoso", TEXT).await;
    let decision = orders::Decision { good_only: true, ..orders::Decision::default() };
    let origin = crate::harness::world::origin();
    orders::submit(&world.ctx, &right(OrderKind::Upload), &origin, order, decision).await.unwrap();
    assert_eq!(texts(&world).await, 0);
}
