//! Accounts and numbers of every service.

use nmp::domain::upload::{Column, HEADINGS, cells};
use nmp::domain::{
    AccountForm, NumberSettings, OrderKind, OrderStatus, Service, ServiceSet, SyncState, TeamsSettings, Verdict,
};
use nmp::service::accounts::{self, Updated};
use nmp::service::staging::{UploadForm, stage_upload};
use nmp::service::{Error, numbers};
use nmp::store::{NumberFilter, Page};

use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, account_form, direct_routing, grant, number, origin, upload_form};

on_both_databases![
    an_account_with_every_service_is_stored_as_it_was_typed,
    tokens_may_come_later,
    a_service_in_use_says_how_many_numbers_hold_it,
    what_programs_said_of_sync_stays,
    numbers_of_each_service_are_uploaded_managed_and_released,
    settings_that_do_not_apply_are_left_out,
    a_number_has_one_teams_service_and_any_of_the_others,
    a_file_may_mix_every_service,
];

fn every_service(name: &str) -> AccountForm {
    AccountForm { services: ServiceSet::ALL, ..account_form(name, CONTOSO) }
}

/// The form for numbers that have these services; what is typed for Operator Connect is typed for all of them.
fn form_for(service: &str, further: &[&str], numbers: &str) -> UploadForm {
    UploadForm {
        service: service.to_owned(),
        further_service: further.iter().map(|key| (*key).to_owned()).collect(),
        ..upload_form("contoso", numbers)
    }
}

async fn settings_of(world: &World, text: &str) -> NumberSettings {
    NumberSettings::clone(&numbers::get(&world.ctx, &grant(), number(text)).await.unwrap().settings)
}

async fn an_account_with_every_service_is_stored_as_it_was_typed(world: World) {
    let mut form = every_service("contoso");
    form.direct_routing.subdomain = " ConToso ".into();
    let account = world.create(&form).await;
    assert_eq!(account.services, ServiceSet::ALL);
    assert_eq!(account.synced, ServiceSet::ALL.without(Service::CallProtection.into()));
    let routing = account.direct_routing.unwrap();
    assert_eq!((routing.subdomain.as_str(), routing.call_screening), ("contoso", true));
    assert_eq!(routing.tokens, ["MS=ms10000001", "MS=ms10000002"]);
    // The tokens are nobody's business but the name server's.
    let page =
        nmp::service::audit::list(&world.ctx, &grant(), &nmp::service::audit::AuditFilter::default(), &Page::First)
            .await;
    let said = format!("{:?}", page.unwrap());
    assert!(said.contains("contoso") && !said.contains("ms10000001"), "{said}");
}

async fn tokens_may_come_later(world: World) {
    let mut form = every_service("contoso");
    form.direct_routing.tokens = [String::new(), String::new()];
    form.direct_routing.call_screening = false;
    let account = world.create(&form).await;
    let routing = account.direct_routing.unwrap();
    assert_eq!((routing.has_tokens(2), routing.call_screening), (false, false));
    form.direct_routing = direct_routing("contoso");
    let changed = accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &form).await.unwrap();
    let Updated::Done(account) = changed else { panic!("stale: {changed:?}") };
    let routing = account.direct_routing.unwrap();
    assert_eq!((routing.has_tokens(2), routing.call_screening), (true, true));
}

async fn a_service_in_use_says_how_many_numbers_hold_it(world: World) {
    let account = world.create(&every_service("contoso")).await;
    for (service, further, range) in [
        ("directRouting", &["zoomPhoneCloudPeering"][..], "+441632960000-0004"),
        ("", &["zoomPhoneCloudPeering"], "+441632960010-0016"),
        ("", &["azureOperatorCallProtection"], "+441632960020"),
    ] {
        let order = world.stage_form(&form_for(service, further, range)).await;
        world.submit(order).await;
    }
    let none = AccountForm { services: Service::TeamsPhoneMobile.into(), ..every_service("contoso") };
    let refused = accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &none).await;
    let Err(Error::Invalid(problems)) = refused else { panic!("not refused: {refused:?}") };
    let said: Vec<&str> = problems.iter().map(|problem| problem.message.split(", with").next().unwrap()).collect();
    assert_eq!(
        said,
        [
            "Direct Routing cannot be disabled: 5 numbers of the account have it",
            "Zoom Phone Cloud Peering cannot be disabled: 12 numbers of the account have it",
            "Azure Operator Call Protection cannot be disabled: 1 number of the account has it",
        ]
    );
}

async fn what_programs_said_of_sync_stays(world: World) {
    let mut tx = world.db.begin().await.unwrap();
    let draft = every_service("contoso").check(world.ctx.policy.zones.as_ref()).unwrap();
    let draft = nmp::domain::AccountDraft {
        services: Service::ZoomPhoneCloudPeering.into(),
        synced: Service::DirectRouting.into(),
        direct_routing: None,
        ..draft
    };
    tx.insert_account(90, &draft, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let form = AccountForm {
        services: [Service::ZoomPhoneCloudPeering, Service::DirectRouting].into_iter().collect(),
        ..every_service("contoso")
    };
    let changed = accounts::update(&world.ctx, &grant(), &origin(), "contoso", 1, &form).await.unwrap();
    let Updated::Done(account) = changed else { panic!("stale: {changed:?}") };
    assert_eq!(account.synced, Service::DirectRouting.into(), "Zoom was not synced, and nobody was asked");
}

async fn numbers_of_each_service_are_uploaded_managed_and_released(world: World) {
    let account = world.create(&every_service("contoso")).await;
    for (index, (service, further)) in [
        ("directRouting", &[][..]),
        ("", &["zoomPhoneCloudPeering"]),
        ("", &["azureOperatorCallProtection"]),
        ("directRouting", &["zoomPhoneCloudPeering", "azureOperatorCallProtection"]),
    ]
    .into_iter()
    .enumerate()
    {
        let range = format!("+44163296{index}000-{index}009");
        let order = world.stage_form(&form_for(service, further, &range)).await;
        let review = world.review(order).await;
        assert_eq!((review.count(Verdict::New), review.refused_count()), (10, 0), "{:?}", review.problems);
        assert!(review.warnings.is_empty(), "no backend hears of them: {:?}", review.warnings);
        world.submit(order).await;
        assert_eq!(world.order(order).await.status, OrderStatus::Complete, "there is no backend to wait for");
        let filter = NumberFilter {
            service: Service::ALL.into_iter().find(|s| s.key() == service || further.contains(&s.key())),
            starts: Some(format!("44163296{index}").parse().unwrap()),
            ..NumberFilter::default()
        };
        let (found, _) = numbers::export(&world.ctx, &grant(), &filter, None).await.unwrap();
        assert!(found.len() == 10 && found.iter().all(|number| number.state == SyncState::Synced));
    }
    // Manage numbers: another header, another service.
    let direct = form_for("directRouting", &[], "+441632960003");
    let form = UploadForm { custom_sip_header: "sales".into(), ..direct };
    let order = world.stage_form(&form).await;
    assert_eq!(world.review(order).await.count(Verdict::Changed), 1);
    world.submit(order).await;
    let further = ["zoomPhoneCloudPeering", "azureOperatorCallProtection"];
    let order = world.stage_form(&form_for("", &further, "+441632963003")).await;
    world.submit(order).await;
    assert_eq!(settings_of(&world, "+441632963003").await.services.len(), 2);
    // Delete numbers.
    let counts = accounts::service_counts(&world.ctx, &grant(), &account).await.unwrap();
    assert_eq!(counts.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [0, 0, 19, 20, 20]);
    let selection = nmp::service::orders::ReleaseSelection::Matching(Box::default());
    let order = nmp::service::orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    world.submit(order).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert!(world.stored().await.is_empty());
    world.check_invariants().await;
}

async fn settings_that_do_not_apply_are_left_out(world: World) {
    world.create(&every_service("contoso")).await;
    let form = UploadForm {
        usage: "CallingUserAssignment".into(),
        civic_address: "nowhere".into(),
        country: "Britain".into(),
        calling_profile: "none of ours".into(),
        custom_sip_header: "sales".into(),
        ..form_for("directRouting", &[], "+441632960000")
    };
    let order = world.stage_form(&form).await;
    world.submit(order).await;
    let settings = settings_of(&world, "+441632960000").await;
    assert_eq!(settings.teams, TeamsSettings::default());
    assert_eq!((settings.calling_profile, settings.custom_sip_header.as_deref()), (None, Some("sales")));
}

async fn a_number_has_one_teams_service_and_any_of_the_others(world: World) {
    world.create(&every_service("contoso")).await;
    let refused = async |form: UploadForm| match stage_upload(&world.ctx, &grant(), &form, None).await {
        Err(Error::Invalid(problems)) => problems.into_iter().map(|problem| (problem.field, problem.message)).collect(),
        _ => Vec::new(),
    };
    for (service, further) in [
        ("directRouting", &["operatorConnect"][..]),
        ("operatorConnect", &["teamsPhoneMobile"]),
        ("teamsPhoneMobile", &["directRouting", "zoomPhoneCloudPeering"]),
    ] {
        let said = refused(form_for(service, further, "+441632960000")).await;
        assert!(said.len() == 1 && said[0].0 == "service" && said[0].1.contains("at most one of"), "{said:?}");
    }
    let none = refused(form_for("", &[], "+441632960000")).await;
    assert!(none.iter().any(|(field, _)| *field == "service"), "{none:?}");
    // A header is for calls that the operator's own network carries.
    for (service, further, taken) in [
        ("operatorConnect", &[][..], true),
        ("directRouting", &[], true),
        ("", &["zoomPhoneCloudPeering"], true),
        ("teamsPhoneMobile", &["zoomPhoneCloudPeering"], true),
        ("teamsPhoneMobile", &[], false),
        ("", &["azureOperatorCallProtection"], false),
        ("teamsPhoneMobile", &["azureOperatorCallProtection"], false),
    ] {
        let form = UploadForm { custom_sip_header: "sales".into(), ..form_for(service, further, "+441632960000") };
        let said = refused(form).await;
        assert_eq!(said.is_empty(), taken, "{service} {further:?}: {said:?}");
        assert!(said.iter().all(|(field, _)| *field == "custom_sip_header"), "{said:?}");
        let long = UploadForm { custom_sip_header: "x".repeat(101), ..form_for(service, further, "+441632960000") };
        assert_eq!(refused(long).await.len(), 1);
    }
}

async fn a_file_may_mix_every_service(world: World) {
    world.create(&every_service("contoso")).await;
    let zoom = AccountForm { services: Service::ZoomPhoneCloudPeering.into(), ..account_form("zoomed", "") };
    world.create(&zoom).await;
    let column = |service: Service, rest: &str| format!("{}_{rest}", service.csv_prefix());
    let [oc, tpm, dr, zp, cp] = Service::ALL.map(|service| column(service, "enabled"));
    let csv = format!(
        "telephoneNumber,accountName,{oc},{},{},{tpm},{},{},{dr},{zp},{cp},configuration_customSipHeader\n\
         +441632960000,contoso,true,CallingUserAssignment,true,,,,,,,a\n\
         +441632960001,contoso,,,,true,CallingUserAssignment,true,,,,\n\
         +441632960002,contoso,,,,,,,true,,,b\n\
         +441632960003,zoomed,,,,,,,,true,,c\n\
         +441632960004,contoso,,,,,,,,,true,\n\
         +441632960005,contoso,,,,,,,true,true,true,d\n\
         +441632960006,zoomed,,,,,,,true,,,\n\
         +441632960007,contoso,true,CallingUserAssignment,true,,,,true,,,\n\
         +441632960008,contoso,,,,,,,,,true,e\n\
         +441632960009,contoso,,,,,,,true,,,\"a;b\"\n",
        column(Service::OperatorConnect, "configuration_usage"),
        column(Service::OperatorConnect, "configuration_allowTenantAddressUpdate"),
        column(Service::TeamsPhoneMobile, "configuration_usage"),
        column(Service::TeamsPhoneMobile, "configuration_allowTenantAddressUpdate"),
    );
    let order = stage_upload(&world.ctx, &grant(), &UploadForm::default(), Some(csv.as_bytes())).await.unwrap();
    let review = world.review(order).await;
    assert_eq!(review.count(Verdict::New), 6);
    let said: Vec<String> = review
        .problems
        .iter()
        .map(|problem| format!("{} {} ({})", problem.line, problem.heading.as_deref().unwrap_or("-"), problem.value))
        .collect();
    assert_eq!(
        said,
        [
            format!("8 {dr} (Direct Routing)"),
            format!("9 {dr} (true)"),
            "10 configuration_customSipHeader (e)".to_owned(),
            "11 configuration_customSipHeader (a;b)".to_owned(),
        ]
    );
    let right = crate::harness::world::right(OrderKind::Upload);
    nmp::service::orders::submit(&world.ctx, &right, &origin(), order, true).await.unwrap();
    let stored: Vec<_> = world.stored().await.into_iter().map(|(number, _, state)| (number, state)).collect();
    let waiting = stored.iter().filter(|(_, state)| *state == SyncState::Pending).count();
    assert_eq!((stored.len(), waiting), (6, 2), "only Operator Connect and Teams Phone Mobile wait for a backend");
    // What is exported can be uploaded as it is.
    let (all, _) = numbers::export(&world.ctx, &grant(), &NumberFilter::default(), None).await.unwrap();
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(HEADINGS.map(Column::heading)).unwrap();
    for number in &all {
        csv.write_record(cells(number, false)).unwrap();
    }
    let text = csv.into_inner().unwrap();
    let order = stage_upload(&world.ctx, &grant(), &UploadForm::default(), Some(&text)).await.unwrap();
    let review = world.review(order).await;
    assert_eq!((review.count(Verdict::Unchanged), review.refused_count()), (6, 0), "{:?}", review.problems);
}
