//! Uploads: staged, compared with what exists, reviewed, and submitted exactly as reviewed.

use nmp::domain::{AccountForm, ItemState, OrderKind, OrderStatus, Refusal, Service, ServiceSet, SyncState, Verdict};
use nmp::service::orders::{self, Submitted};
use nmp::service::staging::{self, UploadForm, stage_upload};
use nmp::service::{Error, accounts, numbers};
use nmp::store::Page;

use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, origin, right, upload_form};

on_both_databases![
    a_list_with_ranges_is_new,
    every_kind_of_bad_line_is_told_at_once,
    the_form_tells_all_its_problems_and_stores_nothing,
    a_file_without_numbers_or_text_is_refused,
    a_review_tells_new_changed_and_unchanged,
    numbers_of_another_account_or_being_released_are_refused,
    csv_with_columns_brings_accounts_and_settings,
    everything_wrong_with_an_empty_form_is_told_at_once,
    nothing_is_stored_while_lines_are_refused,
    only_the_good_lines_on_request,
    what_moved_meanwhile_is_reviewed_again,
    an_account_that_changed_meanwhile_is_reviewed_again,
    an_order_is_submitted_once,
    two_orders_for_the_same_new_number_cannot_both_win,
    a_draft_is_found_again_and_can_be_discarded,
    an_export_can_be_uploaded_unchanged,
    numbers_of_an_account_without_sync_are_complete_at_once,
    consent_troubles_are_warned_of,
    a_review_and_a_number_say_where_an_emergency_call_would_go,
    problems_of_settings_and_accounts_are_bounded,
    an_upload_whose_sender_goes_away_is_given_up,
];

fn count(review: &orders::Review, verdict: Verdict) -> i64 {
    review.count(verdict)
}

async fn form_fields(world: &World, form: &UploadForm, file: Option<&[u8]>) -> Vec<&'static str> {
    match stage_upload(&world.ctx, &grant(), form, file).await {
        Err(Error::Invalid(problems)) => problems.iter().map(|problem| problem.field).collect(),
        other => panic!("not refused: {other:?}"),
    }
}

async fn a_list_with_ranges_is_new(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", "+441632960000-+441632960099, 44 1632 961000\n+441632962000-2009").await;
    let review = world.review(order).await;
    assert_eq!((count(&review, Verdict::New), review.refused_count(), review.accepted()), (111, 0, 111));
    let ranges: Vec<_> = review.ranges.iter().map(|range| (range.first.to_string(), range.count)).collect();
    assert_eq!(ranges, [("+441632960000".into(), 100), ("+441632961000".into(), 1), ("+441632962000".into(), 10)]);
    assert_eq!(review.order.status, OrderStatus::Draft);
    assert_eq!(review.order.accounts, "contoso");
    assert!(world.stored().await.is_empty(), "nothing is stored before it is submitted");
    assert!(matches!(world.submit(order).await, Submitted::Done));
    let order = world.order(order).await;
    assert_eq!((order.status, order.progress.total, order.progress.waiting()), (OrderStatus::Pending, 111, 111));
    assert_eq!(world.get("contoso").await.number_count, 111);
    world.check_invariants().await;
    let account = world.get("contoso").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    assert_eq!(world.order(order.id).await.status, OrderStatus::Complete);
    assert!(world.stored().await.iter().all(|(_, _, state)| *state == SyncState::Synced));
    world.check_invariants().await;
}

async fn every_kind_of_bad_line_is_told_at_once(world: World) {
    world.account("contoso").await;
    let text = "+441632960000\n+44163296O001\n01632960002\n+44163296000000099\n+441632960000\n\
                +441632960010-+441632960005\n+441632000000-+441632999999\n+441632960020";
    let order = world.stage("contoso", text).await;
    let review = world.review(order).await;
    let lines: Vec<i64> = review.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7], "{:?}", review.problems);
    assert_eq!(count(&review, Verdict::New), 2);
    assert_eq!(review.refused_count(), 6);
    let reason = |line: usize| review.problems[line].reason.as_str();
    assert!(reason(1).contains("country code"), "{}", reason(1));
    assert!(reason(2).contains("too long") || reason(2).contains("Too long"), "{}", reason(2));
    assert!(reason(3).contains("line 1"), "{}", reason(3));
    assert!(reason(4).contains("smaller number first"), "{}", reason(4));
    assert!(reason(5).contains("1000000"), "{}", reason(5));
}

async fn the_form_tells_all_its_problems_and_stores_nothing(world: World) {
    world.account("contoso").await;
    world.facts(CONTOSO).await;
    let form = UploadForm {
        usage: "Mars".into(),
        custom_sip_header: "a b".into(),
        country: "Britain".into(),
        civic_address: "nowhere".into(),
        ..upload_form("contoso", "+441632960000")
    };
    let mut fields = form_fields(&world, &form, None).await;
    fields.sort_unstable();
    assert_eq!(fields, ["civic_address", "country", "custom_sip_header", "usage"]);
    let form = UploadForm { service: String::new(), ..upload_form("contoso", "+441632960000") };
    assert!(form_fields(&world, &form, None).await.contains(&"service"));
    let form = UploadForm { service: "teamsPhoneMobile".into(), ..upload_form("contoso", "+441632960000") };
    assert_eq!(form_fields(&world, &form, None).await, ["service"]);
    assert_eq!(form_fields(&world, &upload_form("contoso", " "), None).await, ["numbers"]);
    assert_eq!(form_fields(&world, &upload_form("contoso", ", ;"), None).await, ["numbers"]);
    assert_eq!(form_fields(&world, &upload_form("nobody", "+441632960000"), None).await, ["account"]);
    assert_eq!(form_fields(&world, &upload_form("", "+441632960000"), None).await, ["account"]);
    assert_eq!(
        form_fields(&world, &upload_form("contoso", "+441632960000"), Some(b"Numbers\n+441632960001")).await,
        ["file"]
    );
    let form = UploadForm { allow_tenant_address_update: false, ..upload_form("contoso", "+441632960000") };
    assert_eq!(form_fields(&world, &form, None).await, ["civic_address"]);
    let form = UploadForm { location: "location-1".into(), ..form };
    assert!(stage_upload(&world.ctx, &grant(), &form, None).await.is_ok());
    let orders = orders::list(&world.ctx, &grant(), &nmp::store::OrderFilter::default(), Page::First).await.unwrap();
    assert_eq!(orders.orders.len(), 1);
}

async fn a_file_without_numbers_or_text_is_refused(world: World) {
    world.account("contoso").await;
    let form = upload_form("contoso", "");
    let utf16: Vec<u8> = "Numbers\n+441632960000".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files: [&[u8]; 5] = [b"PK\x03\x04zip", b"Numbers\n\xff\xff", b"\xef\xbb\xbf", b"   \n", b"Numbers\n"];
    for file in files {
        assert_eq!(form_fields(&world, &form, Some(file)).await, ["file"], "{file:?}");
    }
    let order = stage_upload(&world.ctx, &grant(), &form, Some(&utf16)).await.unwrap();
    assert_eq!(count(&world.review(order).await, Verdict::New), 1, "UTF-16 is read");
    let with_bom = b"\xef\xbb\xbfNumbers\r\n+441632960000\r\n'+441632960001\r\n";
    let order = stage_upload(&world.ctx, &grant(), &form, Some(with_bom)).await.unwrap();
    assert_eq!(count(&world.review(order).await, Verdict::New), 2);
}

async fn a_review_tells_new_changed_and_unchanged(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let order = world
        .stage_form(&UploadForm { custom_sip_header: "sales".into(), ..upload_form("contoso", "+441632960000-0004") })
        .await;
    let review = world.review(order).await;
    assert_eq!(count(&review, Verdict::Changed), 5);
    assert_eq!(review.changes.len(), 1);
    assert_eq!(review.changes[0].count, 5);
    assert_eq!(review.changes[0].after.custom_sip_header.as_deref(), Some("sales"));
    assert!(matches!(world.submit(order).await, Submitted::Done));
    let order = world
        .stage_form(&UploadForm { custom_sip_header: "sales".into(), ..upload_form("contoso", "+441632960003-0011") })
        .await;
    let review = world.review(order).await;
    let counts = [Verdict::Unchanged, Verdict::Changed, Verdict::New].map(|verdict| count(&review, verdict));
    assert_eq!(counts, [2, 5, 2]);
    assert!(matches!(world.submit(order).await, Submitted::Done));
    let order = world.order(order).await;
    assert_eq!(order.progress.total, 7, "an unchanged number is no work");
    assert_eq!(world.get("contoso").await.number_count, 12);
    world.check_invariants().await;
    // A failed number is worth another try even when nothing about it changes.
    world.backend_answers(&account, OrderKind::Upload, |n| n != number("+441632960011")).await;
    let order = world
        .stage_form(&UploadForm { custom_sip_header: "sales".into(), ..upload_form("contoso", "+441632960010-0011") })
        .await;
    let review = world.review(order).await;
    assert_eq!([Verdict::Unchanged, Verdict::Changed].map(|verdict| count(&review, verdict)), [1, 1]);
}

async fn numbers_of_another_account_or_being_released_are_refused(world: World) {
    let contoso = world.account("contoso").await;
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    world.upload("contoso", "+441632960000-0004").await;
    world.backend_answers(&contoso, OrderKind::Upload, |_| true).await;
    let release = orders::stage_release(
        &world.ctx,
        &grant(),
        &orders::ReleaseSelection::Numbers(None, vec![number("+441632960004")]),
        None,
    )
    .await
    .unwrap();
    assert!(matches!(world.submit(release).await, Submitted::Done));
    let order = world.stage("fabrikam", "+441632960003\n+441632960009").await;
    let review = world.review(order).await;
    assert_eq!(count(&review, Verdict::Refused(Refusal::OtherAccount)), 1);
    assert_eq!(review.refused[0].number, number("+441632960003"));
    let order = world.stage("contoso", "+441632960004").await;
    assert_eq!(count(&world.review(order).await, Verdict::Refused(Refusal::Releasing)), 1);
}

async fn csv_with_columns_brings_accounts_and_settings(world: World) {
    world.account("contoso").await;
    world
        .create(&AccountForm { services: Service::TeamsPhoneMobile.into(), ..account_form("fabrikam", FABRIKAM) })
        .await;
    let oc = "serviceDetails_teamsOperatorConnect";
    let tpm = "serviceDetails_teamsPhoneMobile";
    let csv = format!(
        "accountName,telephoneNumber,{oc}_enabled,{oc}_configuration_usage,\
         {oc}_configuration_allowTenantAddressUpdate,{oc}_configuration_choosableCapabilities,{tpm}_enabled,\
         {tpm}_configuration_usage,{tpm}_configuration_allowTenantAddressUpdate\r\n\
         contoso,+441632960000,true,CallingUserAssignment,true,\"InboundCalling, OutboundCalling\",,,\r\n\
         contoso,+441632960001,TRUE,CallingUserAssignment,true,InboundCalling;OutboundCalling,,,\r\n\
         fabrikam,+441632961000,,,,,true,CallingUserAssignment,true\r\n\
         fabrikam,+441632961001,true,CallingUserAssignment,true,,,,\r\n\
         nobody,+441632962000,true,CallingUserAssignment,true,,,,\r\n\
         contoso,+441632960002,maybe,CallingUserAssignment,true,,,,\r\n\
         contoso,+441632960003,true,,true,,,,\r\n"
    );
    let form =
        UploadForm { account: String::new(), service: String::new(), usage: String::new(), ..upload_form("", "") };
    let order = stage_upload(&world.ctx, &grant(), &form, Some(csv.as_bytes())).await.unwrap();
    let review = world.review(order).await;
    assert_eq!(count(&review, Verdict::New), 3);
    let problems: Vec<_> = review.problems.iter().map(|p| (p.line, p.heading.clone().unwrap_or_default())).collect();
    assert_eq!(
        problems,
        [
            (5, format!("{oc}_enabled")),
            (6, "accountName".to_owned()),
            (7, format!("{oc}_enabled")),
            (8, format!("{oc}_configuration_usage")),
        ]
    );
    assert_eq!(review.order.accounts, "contoso, fabrikam");
    let outcome = orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), order, true).await.unwrap();
    assert!(matches!(outcome, Submitted::Done));
    let (a, b) = (
        numbers::get(&world.ctx, &grant(), number("+441632960000")).await.unwrap(),
        numbers::get(&world.ctx, &grant(), number("+441632960001")).await.unwrap(),
    );
    assert_eq!(a.settings, b.settings, "a quoted list with commas is the list with semicolons");
    assert_eq!(&*numbers::get(&world.ctx, &grant(), number("+441632961000")).await.unwrap().account, "fabrikam");
    world.check_invariants().await;
}

async fn everything_wrong_with_an_empty_form_is_told_at_once(world: World) {
    world.account("contoso").await;
    let form = UploadForm { account: "contoso".into(), service: "operatorConnect".into(), ..UploadForm::default() };
    let Err(Error::Invalid(problems)) = stage_upload(&world.ctx, &grant(), &form, None).await else {
        panic!("there are neither numbers nor settings");
    };
    let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
    assert!(fields.contains(&"numbers") && fields.contains(&"usage"), "{problems:?}");
}

async fn nothing_is_stored_while_lines_are_refused(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", "+441632960000\nabc").await;
    let refused = orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), order, false).await;
    assert!(matches!(&refused, Err(Error::Conflict(said)) if said.contains("1 line is refused")), "{refused:?}");
    assert!(world.stored().await.is_empty());
    assert_eq!(world.order(order).await.status, OrderStatus::Draft);
    assert_eq!(world.get("contoso").await.number_count, 0);
}

async fn only_the_good_lines_on_request(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", "+441632960000\nabc\n+441632960001").await;
    let outcome = orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), order, true).await.unwrap();
    assert!(matches!(outcome, Submitted::Done));
    assert_eq!(world.stored().await.len(), 2);
    assert_eq!(world.order(order).await.refused_lines, 1, "the report stays");
    assert_eq!(orders::problems(&world.ctx, &grant(), order, 0).await.unwrap().len(), 1);
    let nothing = world.stage("contoso", "abc").await;
    let refused = orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), nothing, true).await;
    assert!(matches!(&refused, Err(Error::Conflict(said)) if said.contains("nothing to do")), "{refused:?}");
    assert_eq!(world.order(nothing).await.status, OrderStatus::Draft);
    world.check_invariants().await;
}

async fn what_moved_meanwhile_is_reviewed_again(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0004").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let mine = world
        .stage_form(&UploadForm { custom_sip_header: "mine".into(), ..upload_form("contoso", "+441632960000-0009") })
        .await;
    assert_eq!(count(&world.review(mine).await, Verdict::Changed), 5);
    // Somebody else is faster with two of the numbers, one of them new to both.
    let theirs = world
        .stage_form(&UploadForm { custom_sip_header: "theirs".into(), ..upload_form("contoso", "+441632960004-0005") })
        .await;
    assert!(matches!(world.submit(theirs).await, Submitted::Done));
    let before = world.stored().await;
    let outcome = world.submit(mine).await;
    assert!(matches!(outcome, Submitted::Moved(2)), "{outcome:?}");
    assert_eq!(world.stored().await, before, "nothing of it is stored");
    assert_eq!(world.order(mine).await.status, OrderStatus::Draft);
    let review = world.review(mine).await;
    assert_eq!([Verdict::Changed, Verdict::New].map(|verdict| count(&review, verdict)), [6, 4]);
    assert!(matches!(world.submit(mine).await, Submitted::Done));
    let kept = numbers::get(&world.ctx, &grant(), number("+441632960005")).await.unwrap();
    assert_eq!(kept.settings.custom_sip_header.as_deref(), Some("mine"));
    // One of theirs still waited; of the other's change the backend need not hear.
    assert_eq!(world.order(theirs).await.progress.superseded, 1);
    assert_eq!(world.order(theirs).await.status, OrderStatus::Complete);
    world.check_invariants().await;
}

async fn an_account_that_changed_meanwhile_is_reviewed_again(world: World) {
    let both = AccountForm { services: Service::ALL.into_iter().collect(), ..account_form("contoso", CONTOSO) };
    let account = world.create(&both).await;
    let order = world.stage("contoso", "+441632960000-0004").await;
    let without = AccountForm { services: Service::TeamsPhoneMobile.into(), ..both };
    accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &without).await.unwrap();
    assert!(matches!(world.submit(order).await, Submitted::Moved(5)));
    let review = world.review(order).await;
    assert_eq!(count(&review, Verdict::Refused(Refusal::NoService)), 5);
    assert!(world.stored().await.is_empty());
}

async fn an_order_is_submitted_once(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", "+441632960000-0099").await;
    let rights = [right(OrderKind::Upload), right(OrderKind::Upload), right(OrderKind::Upload)];
    let from = origin();
    let submit = async |right| orders::submit(&world.ctx, right, &from, order, false).await.unwrap();
    let outcomes = tokio::join!(submit(&rights[0]), submit(&rights[1]), submit(&rights[2]));
    let outcomes = [outcomes.0, outcomes.1, outcomes.2];
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Submitted::Done)).count();
    let late = outcomes.iter().filter(|outcome| matches!(outcome, Submitted::NotDraft(_))).count();
    assert_eq!((done, late), (1, 2), "{outcomes:?}");
    assert_eq!(world.get("contoso").await.number_count, 100);
    world.check_invariants().await;
}

async fn two_orders_for_the_same_new_number_cannot_both_win(world: World) {
    world.account("contoso").await;
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    let (a, b) =
        (world.stage("contoso", "+441632960000-0049").await, world.stage("fabrikam", "+441632960049-0099").await);
    let (right, from) = (right(OrderKind::Upload), origin());
    let submit = async |order| orders::submit(&world.ctx, &right, &from, order, false).await.unwrap();
    let outcomes = tokio::join!(submit(a), submit(b));
    let done = [&outcomes.0, &outcomes.1].into_iter().filter(|outcome| matches!(outcome, Submitted::Done)).count();
    assert_eq!(done, 1, "{outcomes:?}");
    assert_eq!(world.stored().await.iter().filter(|(n, ..)| *n == number("+441632960049")).count(), 1);
    world.check_invariants().await;
    let loser = if matches!(outcomes.0, Submitted::Done) { b } else { a };
    assert_eq!(count(&world.review(loser).await, Verdict::Refused(Refusal::OtherAccount)), 1);
}

async fn a_draft_is_found_again_and_can_be_discarded(world: World) {
    world.account("contoso").await;
    let form = UploadForm { ticket: "CHG-1".into(), ..upload_form("contoso", "+441632960000\nabc") };
    let order = world.stage_form(&form).await;
    let filter = nmp::store::OrderFilter { status: Some(OrderStatus::Draft), ..nmp::store::OrderFilter::default() };
    let drafts = orders::list(&world.ctx, &grant(), &filter, Page::First).await.unwrap().orders;
    assert_eq!(drafts.iter().map(|draft| draft.id).collect::<Vec<_>>(), [order]);
    assert_eq!(drafts[0].ticket.as_deref(), Some("CHG-1"));
    let kept = staging::form_of(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!(UploadForm { files: Vec::new(), ..kept }, form, "what was typed is kept");
    orders::discard(&world.ctx, &right(OrderKind::Upload), order).await.unwrap();
    assert_eq!(world.order(order).await.status, OrderStatus::Discarded);
    assert!(matches!(orders::discard(&world.ctx, &right(OrderKind::Upload), order).await, Err(Error::Conflict(_))));
    assert!(matches!(world.submit(order).await, Submitted::NotDraft(_)));
    assert!(world.stored().await.is_empty());
    let other = world.stage("contoso", "+441632960000").await;
    let wrong = orders::discard(&world.ctx, &right(OrderKind::Release), other).await;
    assert!(matches!(wrong, Err(Error::NotFound("order"))), "the right to release is no right to uploads");
}

async fn an_export_can_be_uploaded_unchanged(world: World) {
    let account = world.account("contoso").await;
    let form = UploadForm { custom_sip_header: "-sales".into(), ..upload_form("contoso", "+441632960000-0019") };
    let order = world.stage_form(&form).await;
    assert!(matches!(world.submit(order).await, Submitted::Done));
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let (all, next) = numbers::export(&world.ctx, &grant(), &nmp::store::NumberFilter::default(), None).await.unwrap();
    assert!(next.is_none());
    for for_spreadsheets in [false, true] {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(nmp::domain::upload::HEADINGS.map(nmp::domain::upload::Column::heading)).unwrap();
        for number in &all {
            csv.write_record(nmp::domain::upload::cells(number, for_spreadsheets)).unwrap();
        }
        let text = csv.into_inner().unwrap();
        let order = stage_upload(&world.ctx, &grant(), &UploadForm::default(), Some(&text)).await.unwrap();
        let review = world.review(order).await;
        assert_eq!(count(&review, Verdict::Unchanged), 20, "{:?} {:?}", review.counts, review.problems);
        assert_eq!(review.refused_count(), 0);
    }
}

async fn numbers_of_an_account_without_sync_are_complete_at_once(world: World) {
    world.create(&AccountForm { synced: ServiceSet::default(), ..account_form("contoso", CONTOSO) }).await;
    let order = world.upload("contoso", "+441632960000-0009").await;
    let order = world.order(order).await;
    assert_eq!((order.status, order.progress.done), (OrderStatus::Complete, 10));
    let (items, _) = orders::report(&world.ctx, &grant(), order.id, None).await.unwrap();
    assert!(items.iter().all(|item| item.state == ItemState::Done));
    assert!(world.stored().await.iter().all(|(_, _, state)| *state == SyncState::Synced));
    world.check_invariants().await;
}

async fn consent_troubles_are_warned_of(world: World) {
    world.account("contoso").await;
    let order = world.stage("contoso", "+441632960000").await;
    assert_eq!(world.review(order).await.warnings.len(), 1, "no consent at all");
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    let order = world.stage("contoso", "+441632960000\n+4930231250").await;
    let warnings = world.review(order).await.warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("in DE"), "{warnings:?}");
    world.consent(CONTOSO, "Contoso Ltd", "suspended").await;
    let warnings = world.review(order).await.warnings;
    assert!(warnings.iter().any(|warning| warning.contains("suspended")), "{warnings:?}");
}

async fn a_review_and_a_number_say_where_an_emergency_call_would_go(world: World) {
    world.account("contoso").await;
    world.facts(CONTOSO).await;
    let form = UploadForm { civic_address: "address-1".into(), ..upload_form("contoso", "+441632960000") };
    let order = stage_upload(&world.ctx, &grant(), &form, None).await.unwrap();
    let review = world.review(order).await;
    assert_eq!(review.places.words("address-1"), "1 High Street, Bath, GB");
    assert!(matches!(world.submit(order).await, Submitted::Done));
    let stored = numbers::get(&world.ctx, &grant(), number("+441632960000")).await.unwrap();
    let places = numbers::places(&world.ctx, &grant(), Some(&stored), &[]).await.unwrap();
    let settings = nmp::domain::rules::described(&stored.settings, &places);
    assert!(settings.contains(&("Civic address", "1 High Street, Bath, GB".into())), "{settings:?}");

    // The address of a change is there before and after.
    let order = stage_upload(&world.ctx, &grant(), &upload_form("contoso", "+441632960000"), None).await.unwrap();
    let review = world.review(order).await;
    assert_eq!(review.count(Verdict::Changed), 1);
    assert_eq!(review.places.words("address-1"), "1 High Street, Bath, GB");
}

async fn problems_of_settings_and_accounts_are_bounded(world: World) {
    world.account("contoso").await;
    world.facts(CONTOSO).await;
    let oc = "serviceDetails_teamsOperatorConnect";
    let heads = format!(
        "telephoneNumber,accountName,{oc}_enabled,{oc}_configuration_usage,{oc}_configuration_additionalUsages"
    );
    let wrong: Vec<String> = (0..90).map(|value| format!("{value}{}", "x".repeat(30))).collect();
    let (many, name) = (wrong.join(";"), "y".repeat(4_000));
    let lines: Vec<String> = (0..400)
        .map(|n| format!("+44163296{n:04},contoso,true,CallingUserAssignment,{many}\n+44163297{n:04},{name},true,,"))
        .collect();
    let file = format!("{heads}\n{}\n", lines.join("\n"));
    let order = stage_upload(&world.ctx, &grant(), &UploadForm::default(), Some(file.as_bytes())).await.unwrap();
    let mut problems = Vec::new();
    loop {
        let after = problems.last().map_or(0, |problem: &nmp::store::ProblemRow| problem.seq);
        let more = orders::problems(&world.ctx, &grant(), order, after).await.unwrap();
        if more.is_empty() {
            break;
        }
        problems.extend(more);
    }
    assert!(problems.iter().all(|problem| problem.value.chars().count() <= 61), "values are shortened");
    assert!(problems.iter().all(|problem| problem.reason.chars().count() <= 601), "reasons are shortened");
    let of_line = |line: i64| problems.iter().filter(|problem| problem.line == line).count();
    assert_eq!((of_line(2), of_line(3)), (11, 1), "ten problems and how many more there are");
    let told = problems.iter().find(|problem| problem.line == 2 && problem.reason.contains(" more ")).unwrap();
    assert!(told.reason.contains("Correct those that are told first."), "{}", told.reason);
    assert_eq!(world.order(order).await.refused_lines, problems.len() as i64);
}

async fn an_upload_whose_sender_goes_away_is_given_up(world: World) {
    world.account("contoso").await;
    let form = upload_form("contoso", "+441632000000-+441632049999");
    for _ in 0..5 {
        let right = grant();
        let sent = stage_upload(&world.ctx, &right, &form, None);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(2), sent).await.is_err());
    }
    let order = world.stage("contoso", "+441632960000").await;
    let found = orders::list(&world.ctx, &grant(), &nmp::store::OrderFilter::default(), Page::First).await.unwrap();
    assert_eq!(found.orders.iter().map(|found| found.id).collect::<Vec<_>>(), [order], "the others left nothing");
}
