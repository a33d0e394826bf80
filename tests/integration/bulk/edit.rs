//! What is chosen changes, everything else stays as it is on each number.

use nmp::authz::Role;
use nmp::domain::{AccountForm, Service, ServiceSet, Verdict};
use nmp::service::Error;
use nmp::service::bulk::{self, ADD, EditForm, REMOVE, SET};
use nmp::service::orders::{self, Decision, OrderRight, Submitted};
use nmp::service::staging::UploadForm;

use super::moves::{stage_move, to};
use super::{all, done, get, stage, submit, ticked};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, origin, person, upload_form};

on_both_databases![
    only_what_was_chosen_changes,
    services_are_added_and_taken_off,
    the_form_tells_all_its_problems_and_stores_nothing,
    a_change_that_breaks_a_rule_is_refused_where_it_does,
    what_was_wrong_before_is_not_held_against_a_change,
    what_others_change_meanwhile_stays,
    a_draft_does_not_follow_a_number_to_another_account,
    a_country_is_stored_by_its_code,
    an_address_of_another_enterprise_is_named_by_its_words,
    numbers_that_change_alike_are_told_together,
    what_is_known_of_the_numbers_is_counted,
    many_numbers_of_many_settings_change_at_once,
    a_long_range_is_one_line_of_a_review,
];

const FIRST: &str = "+441632960000";
const SECOND: &str = "+441632960001";
const OTHER: &str = "+441632970000";

/// Two numbers with different headers and usages on one account, one on an account of another tenant.
async fn mixed(world: &World) {
    world.facts(CONTOSO).await;
    let both = [Service::OperatorConnect, Service::ZoomPhoneCloudPeering].into_iter().collect();
    let local = |name: &str, tenant: &str| AccountForm {
        synced: ServiceSet::default(),
        services: both,
        ..account_form(name, tenant)
    };
    world.create(&local("contoso", CONTOSO)).await;
    world.create(&local("fabrikam", FABRIKAM)).await;
    for (account, number, header, capability) in [
        ("contoso", FIRST, "one", vec!["InboundCalling"]),
        ("contoso", SECOND, "two", vec!["InboundCalling", "OutboundCalling"]),
        ("fabrikam", OTHER, "three", vec!["OutboundCalling"]),
    ] {
        let form = UploadForm {
            custom_sip_header: header.to_owned(),
            capability: capability.into_iter().map(str::to_owned).collect(),
            ..upload_form(account, number)
        };
        let order = world.stage_form(&form).await;
        done(world, order).await;
    }
}

fn mobile(change: &str) -> EditForm {
    EditForm { capability_change: change.into(), capability: vec!["Mobile".into()], ..EditForm::default() }
}

async fn capabilities(world: &World, number: &str) -> String {
    get(world, number).await.settings.teams.choosable_capabilities.join(" ")
}

async fn only_what_was_chosen_changes(world: World) {
    mixed(&world).await;
    let before = [get(&world, FIRST).await, get(&world, SECOND).await, get(&world, OTHER).await];
    let order = stage(&world, &all(), &mobile(ADD)).await;
    let review = world.review(order).await;
    assert_eq!(review.counts, [(Verdict::Changed, 3)]);
    assert_eq!(review.order.accounts, "contoso, fabrikam", "several accounts at once");
    done(&world, order).await;
    for number in before {
        let after = get(&world, &number.telephone_number.to_string()).await;
        let mut expected = (*number.settings).clone();
        expected.teams.choosable_capabilities.push("Mobile".to_owned());
        expected = expected.normalised();
        assert_eq!(*after.settings, expected);
        assert_eq!(after.account, number.account);
    }
    let order = stage(&world, &all(), &mobile(REMOVE)).await;
    done(&world, order).await;
    assert_eq!(capabilities(&world, SECOND).await, "InboundCalling OutboundCalling");
    let order = stage(&world, &ticked(&[SECOND]), &mobile(SET)).await;
    done(&world, order).await;
    assert_eq!(capabilities(&world, SECOND).await, "Mobile");
    assert_eq!(capabilities(&world, OTHER).await, "OutboundCalling");
}

async fn services_are_added_and_taken_off(world: World) {
    mixed(&world).await;
    let zoom = EditForm { further_service: vec!["+zoomPhoneCloudPeering".into()], ..EditForm::default() };
    let order = stage(&world, &ticked(&[FIRST]), &zoom).await;
    done(&world, order).await;
    let number = get(&world, FIRST).await;
    assert_eq!(number.settings.services.labels(), "Operator Connect, Zoom Phone Cloud Peering");
    // Numbers of different services change their header together.
    let header =
        EditForm { custom_sip_header_change: SET.into(), custom_sip_header: "all".into(), ..EditForm::default() };
    let order = stage(&world, &all(), &header).await;
    done(&world, order).await;
    for number in [FIRST, SECOND, OTHER] {
        assert_eq!(get(&world, number).await.settings.custom_sip_header.as_deref(), Some("all"));
    }
    assert_eq!(get(&world, FIRST).await.settings.services.len(), 2, "which keeps its services");
    let none = EditForm { service: "-".into(), ..EditForm::default() };
    let order = stage(&world, &ticked(&[FIRST]), &none).await;
    let review = world.review(order).await;
    assert!(review.warnings.iter().any(|said| said.starts_with("1 number gives up Operator Connect.")), "{review:?}");
    done(&world, order).await;
    let number = get(&world, FIRST).await;
    assert_eq!(number.settings.services.labels(), "Zoom Phone Cloud Peering");
    assert_eq!(number.settings.teams.usage, "", "what only Operator Connect has went with it");
}

async fn fields(world: &World, form: &EditForm) -> Vec<&'static str> {
    match bulk::stage_edit(&world.ctx, &grant(), &all(), form).await {
        Err(Error::Invalid(problems)) => problems.iter().map(|problem| problem.field).collect(),
        other => panic!("not refused: {other:?}"),
    }
}

async fn the_form_tells_all_its_problems_and_stores_nothing(world: World) {
    mixed(&world).await;
    let orders = world.order(3).await.id;
    assert_eq!(fields(&world, &EditForm::default()).await, [""], "nothing was chosen");
    let wrong = EditForm {
        capability: vec!["Mobile".into()],
        country_change: SET.into(),
        custom_sip_header: "x".into(),
        ticket: "t".repeat(65),
        ..EditForm::default()
    };
    assert_eq!(fields(&world, &wrong).await, ["ticket", "capability", "country", "custom_sip_header"]);
    let nothing = ticked(&[]);
    let refused = bulk::stage_edit(&world.ctx, &grant(), &nothing, &mobile(ADD)).await;
    assert!(matches!(&refused, Err(Error::Invalid(problems)) if problems[0].field == "numbers"), "{refused:?}");
    assert_eq!(orders, 3);
}

async fn a_change_that_breaks_a_rule_is_refused_where_it_does(world: World) {
    mixed(&world).await;
    // An address of contoso is none of fabrikam's.
    let address = EditForm { civic_address: "address-1".into(), ..EditForm::default() };
    let order = stage(&world, &all(), &address).await;
    let review = world.review(order).await;
    assert_eq!(review.counts, [(Verdict::Changed, 2)]);
    assert_eq!(review.problems.len(), 1);
    assert_eq!(review.problems[0].value, OTHER);
    assert!(review.problems[0].reason.contains("no such civic address"), "{:?}", review.problems);
    // What is stored and stays is no problem, whatever a form would say of it.
    let header = EditForm { custom_sip_header_change: REMOVE.into(), ..EditForm::default() };
    let order = stage(&world, &all(), &header).await;
    assert_eq!(world.review(order).await.refused_count(), 0);
}

async fn what_was_wrong_before_is_not_held_against_a_change(world: World) {
    let account = world.local_account("contoso").await;
    world.facts(CONTOSO).await;
    // As a program may put them: a usage that no plan has.
    let mut settings = nmp::domain::NumberSettings {
        services: Service::OperatorConnect.into(),
        custom_sip_header: Some("one".to_owned()),
        ..nmp::domain::NumberSettings::default()
    };
    "NoSuchUsage".clone_into(&mut settings.teams.usage);
    crate::files::round_trip::store(&world, account.id, &[settings.normalised()]).await;
    let header = EditForm { custom_sip_header_change: REMOVE.into(), ..EditForm::default() };
    let order = stage(&world, &all(), &header).await;
    let review = world.review(order).await;
    assert_eq!((review.counts.as_slice(), review.refused_count()), ([(Verdict::Changed, 1)].as_slice(), 0));
    let wrong = EditForm { usage: "NoneEither".into(), ..EditForm::default() };
    let order = stage(&world, &all(), &wrong).await;
    assert!(world.review(order).await.refused_count() > 0, "the same rules still bind who breaks them anew");
}

async fn what_others_change_meanwhile_stays(world: World) {
    mixed(&world).await;
    let order = stage(&world, &all(), &mobile(ADD)).await;
    let other =
        EditForm { custom_sip_header_change: SET.into(), custom_sip_header: "meanwhile".into(), ..EditForm::default() };
    let meanwhile = stage(&world, &ticked(&[FIRST]), &other).await;
    done(&world, meanwhile).await;
    assert!(matches!(submit(&world, order).await, Submitted::Moved(_)), "the review is made anew");
    done(&world, order).await;
    let number = get(&world, FIRST).await;
    assert_eq!(number.settings.custom_sip_header.as_deref(), Some("meanwhile"));
    assert!(number.settings.teams.choosable_capabilities.contains(&"Mobile".to_owned()));
}

async fn a_draft_does_not_follow_a_number_to_another_account(world: World) {
    mixed(&world).await;
    world.create(&account_form("contoso-2", CONTOSO)).await;
    let header =
        EditForm { custom_sip_header_change: SET.into(), custom_sip_header: "all".into(), ..EditForm::default() };
    let change = stage(&world, &all(), &header).await;
    let back = stage_move(&world, &ticked(&[FIRST, SECOND]), &to("contoso")).await;
    let away = stage_move(&world, &ticked(&[FIRST]), &to("contoso-2")).await;
    done(&world, away).await;
    for (draft, left) in [(change, 2), (back, 1)] {
        assert!(matches!(submit(&world, draft).await, Submitted::Moved(_)), "the review is made anew");
        let review = world.review(draft).await;
        assert_eq!(review.problems.len(), 1, "{:?}", review.problems);
        assert!(review.problems[0].reason.contains("another account, contoso-2"), "{:?}", review.problems[0]);
        let staged: i64 = review.counts.iter().map(|(_, count)| count).sum();
        assert_eq!(staged, left, "{:?}", review.counts);
    }
    let right = OrderRight::of_order(&person("Alex Admin", &[Role::AdminUser]), &world.order(change).await).unwrap();
    let decision = Decision { good_only: true, lose_address: true, change_assigned: true, seen: None };
    let submitted = orders::submit(&world.ctx, &right, &origin(), change, decision).await.unwrap();
    assert!(matches!(submitted, Submitted::Done), "{submitted:?}");
    let first = get(&world, FIRST).await;
    assert_eq!((&*first.account, first.settings.custom_sip_header.as_deref()), ("contoso-2", Some("one")));
    assert_eq!(get(&world, SECOND).await.settings.custom_sip_header.as_deref(), Some("all"));
}

async fn a_country_is_stored_by_its_code(world: World) {
    mixed(&world).await;
    let set = |country: &str| EditForm { country_change: SET.into(), country: country.into(), ..EditForm::default() };
    let order = stage(&world, &ticked(&[FIRST]), &set("us")).await;
    done(&world, order).await;
    let order = stage(&world, &ticked(&[FIRST]), &set("uk")).await;
    assert_eq!(world.review(order).await.groups[0].differences[0].after, "GB");
    done(&world, order).await;
    assert_eq!(get(&world, FIRST).await.settings.teams.displayed_country_code.as_deref(), Some("GB"));
    assert_eq!(fields(&world, &set("ZZ")).await, ["country"]);
}

async fn an_address_of_another_enterprise_is_named_by_its_words(world: World) {
    mixed(&world).await;
    let address = EditForm { civic_address: "address-1".into(), ..EditForm::default() };
    let order = stage(&world, &all(), &address).await;
    let review = world.review(order).await;
    assert_eq!(review.problems.len(), 1);
    let reason = &review.problems[0].reason;
    assert!(reason.contains("no such civic address") && !reason.contains("address-1"), "{reason}");
}

async fn numbers_that_change_alike_are_told_together(world: World) {
    mixed(&world).await;
    let order = world.stage("contoso", "+441632960002-0009").await;
    done(&world, order).await;
    let country = EditForm { country_change: SET.into(), country: "us".into(), ..EditForm::default() };
    let order = stage(&world, &all(), &country).await;
    let review = world.review(order).await;
    let [group] = review.groups.as_slice() else { panic!("{:?}", review.groups) };
    assert_eq!(group.count, 11, "whatever else differs between them");
    let difference = &group.differences[0];
    assert_eq!((difference.label, &*difference.before, &*difference.after), ("Country", "GB", "US"));
    let runs: Vec<_> = group.runs.iter().map(|run| (run.first.to_string(), run.last.to_string())).collect();
    assert_eq!(runs, [(FIRST.into(), "+441632960009".into()), (OTHER.into(), OTHER.into())]);
}

async fn what_is_known_of_the_numbers_is_counted(world: World) {
    mixed(&world).await;
    let looked = bulk::look(&world.ctx, &grant(), &all()).await.unwrap();
    assert_eq!(looked.count, 3);
    assert_eq!(looked.accounts(), ["contoso", "fabrikam"]);
    let headers = looked.values(|settings| settings.custom_sip_header.clone().unwrap_or_default());
    assert_eq!(headers.len(), 3);
    let usages = looked.values(|settings| settings.teams.usage.clone());
    assert_eq!(usages, [("CallingUserAssignment".to_owned(), 3)]);
    let looked = bulk::look(&world.ctx, &grant(), &ticked(&[OTHER])).await.unwrap();
    assert_eq!((looked.count, looked.accounts()), (1, vec!["fabrikam"]));
}

async fn many_numbers_of_many_settings_change_at_once(world: World) {
    world.local_account("contoso").await;
    // Each number has a header of its own.
    let rows: Vec<String> =
        (0..2_500).map(|n| format!("+44163296{n:04},contoso,true,CallingUserAssignment,true,h{n}")).collect();
    let csv = format!(
        "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled,\
         serviceDetails_teamsOperatorConnect_configuration_usage,\
         serviceDetails_teamsOperatorConnect_configuration_allowTenantAddressUpdate,configuration_customSipHeader\n{}",
        rows.join("\n")
    );
    let order = world.stage("contoso", &csv).await;
    assert_eq!(world.review(order).await.refused_count(), 0, "{:?}", world.review(order).await.problems.first());
    done(&world, order).await;
    let order = stage(&world, &all(), &mobile(ADD)).await;
    let review = world.review(order).await;
    assert_eq!(review.counts, [(Verdict::Changed, 2_500)]);
    // Very many different settings are looked at as far as that goes, and what is left is told.
    let [group] = review.groups.as_slice() else { panic!("{:?}", review.groups) };
    assert!((1..=2_500).contains(&group.count), "{}", group.count);
    let looked = bulk::look(&world.ctx, &grant(), &all()).await.unwrap();
    assert_eq!((looked.count, looked.is_cut()), (2_500, true));
    done(&world, order).await;
    let number = get(&world, "+441632962499").await;
    assert_eq!(number.settings.custom_sip_header.as_deref(), Some("h2499"));
    // The file has no column of capabilities: new numbers got the form's.
    assert_eq!(number.settings.teams.choosable_capabilities, ["InboundCalling", "Mobile", "OutboundCalling"]);
}

async fn a_long_range_is_one_line_of_a_review(world: World) {
    let lengths = |review: &orders::Review| review.ranges.iter().map(|range| range.count).collect::<Vec<_>>();
    world.local_account("contoso").await;
    let order = world.stage("contoso", "+442079460000-+442079463499\n+442079463501\n+442079463600-+442079465599").await;
    assert_eq!(lengths(&world.review(order).await), [3_500, 1, 2_000]);
    done(&world, order).await;
    // Two in the middle become different from the rest.
    let order = stage(&world, &ticked(&["+442079461500", "+442079461501"]), &mobile(SET)).await;
    done(&world, order).await;
    let order = stage(&world, &all(), &mobile(ADD)).await;
    let review = world.review(order).await;
    assert_eq!(review.counts, [(Verdict::Changed, 5_499), (Verdict::Unchanged, 2)]);
    let [group] = review.groups.as_slice() else { panic!("{:?}", review.groups) };
    let runs: Vec<String> = group.runs.iter().map(|run| format!("{}-{}", run.first, run.last)).collect();
    assert_eq!(
        runs,
        [
            "+442079460000-+442079461499",
            "+442079461502-+442079463499",
            "+442079463501-+442079463501",
            "+442079463600-+442079465599"
        ]
    );
    assert_eq!((group.count, group.more_runs), (5_499, 0));
}
