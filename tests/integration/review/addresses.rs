//! Emergency addresses: in the country of the number, validated, and the tenant's own.

use nmp::domain::CivicAddress;
use nmp::domain::rules::described;
use nmp::service::staging::{UploadForm, stage_upload};
use nmp::service::{self, Error, drift, orders};
use serde_json::{Value, json};

use super::form;
use crate::harness::api::{self, Api};
use crate::harness::database::{execute, numbers};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, grant, number, tenant};

on_both_databases![
    an_address_elsewhere_or_not_validated_is_warned_about,
    however_many_addresses_there_are_each_is_looked_at,
    an_address_that_is_not_validated_is_marked_wherever_it_stands,
    the_rules_of_calling_users_hold_for_further_usages,
];

async fn know(world: &World, id: &str, country: &str, status: &str) {
    let address: CivicAddress = serde_json::from_value(json!({
        "id": id, "country": country, "houseNumber": "1", "streetName": "Main Street", "cityOrTown": id,
        "defaultLocationId": format!("{id}-place"), "validationStatus": status,
        "locations": [{"id": format!("{id}-place"), "civicAddressId": id, "isDefault": true}]
    }))
    .unwrap();
    let mut tx = world.db.begin().await.unwrap();
    tx.upsert_civic_addresses(&tenant(CONTOSO), &[address], world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn warnings(world: &World, form: &UploadForm) -> Vec<String> {
    let order = world.stage_form(form).await;
    world.review(order).await.warnings
}

async fn an_address_elsewhere_or_not_validated_is_warned_about(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    world.account("contoso").await;
    know(&world, "London", "UK", "validated").await;
    know(&world, "Redmond", "US", "validated").await;
    know(&world, "Leeds", "GB", "notValidated").await;
    let at = |address: &str, location: &str, numbers: &str| UploadForm {
        civic_address: address.to_owned(),
        location: location.to_owned(),
        ..form(numbers)
    };
    assert_eq!(warnings(&world, &at("London", "", "+441632960000")).await, Vec::<String>::new(), "UK is GB");
    let elsewhere = warnings(&world, &at("Redmond", "", "+441632960000-0001")).await;
    assert_eq!(elsewhere.len(), 1);
    assert!(elsewhere[0].starts_with("2 numbers in GB would get an emergency address in US: 1 Main Street, Redmond"));
    let by_place = warnings(&world, &at("", "Redmond-place", "+441632960000")).await;
    assert!(by_place[0].starts_with("1 number in GB would get"), "{by_place:?}");
    let not_validated = warnings(&world, &at("Leeds", "", "+441632960000")).await;
    assert!(not_validated[0].contains("that is not validated: 1 Main Street, Leeds"), "{not_validated:?}");
}

async fn however_many_addresses_there_are_each_is_looked_at(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    world.account("contoso").await;
    // 1,200 addresses, each for a number; only the last few are in another country.
    let addresses: Vec<CivicAddress> = (0..1_200)
        .map(|n| {
            let (country, status) = if n < 1_175 { ("GB", "validated") } else { ("US", "notValidated") };
            serde_json::from_value(json!({
                "id": format!("a{n:04}"), "country": country, "houseNumber": n.to_string(), "streetName": "Main Street",
                "cityOrTown": "Bath", "defaultLocationId": format!("p{n:04}"), "validationStatus": status,
                "locations": [{"id": format!("p{n:04}"), "civicAddressId": format!("a{n:04}"), "isDefault": true}]
            }))
            .unwrap()
        })
        .collect();
    let mut tx = world.db.begin().await.unwrap();
    tx.upsert_civic_addresses(&tenant(CONTOSO), &addresses, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let lines: String = (0..1_200)
        .map(|n| match n % 2 {
            // Every other number names the place alone.
            0 => format!("+44163296{n:04},a{n:04},\n"),
            _ => format!("+44163296{n:04},,p{n:04}\n"),
        })
        .collect();
    let text = format!("telephoneNumber,civicAddressId,locationId\n{lines}");
    let order = stage_upload(&world.ctx, &grant(), &form(""), Some(text.as_bytes())).await.unwrap();
    let review = world.review(order).await;
    assert_eq!(review.accepted(), 1_200, "{:?}", review.problems);
    let said = review.warnings.join("\n");
    assert_eq!(said.matches("would get an emergency address in US").count(), 20, "{said}");
    assert!(
        said.contains("5 more numbers would get one of 5 further addresses in another country than theirs."),
        "{said}"
    );
    assert!(said.contains("5 more numbers would get one of 5 further addresses that are not validated."), "{said}");
    assert_eq!(review.addresses_shown, Some((40, 50)));
    let (all, next) =
        orders::doubtful_addresses(&world.ctx, &grant(), order, &orders::AddressPlace::default()).await.unwrap();
    assert_eq!((all.len(), next.is_none()), (25, true), "the list has all of them");
    assert!(all.iter().all(|one| one.elsewhere.as_deref() == Some("US") && one.of.count == 1));
    // And however many are looked up at once.
    let named: Vec<_> = addresses.iter().map(|address| (tenant(CONTOSO), address.id.clone())).collect();
    let ids: Vec<&str> = addresses.iter().map(|address| address.id.as_str()).collect();
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(tx.civic_addresses_of_tenants(&named).await.unwrap().len(), 1_200);
    assert_eq!(tx.civic_addresses_of_order(order, &ids).await.unwrap().len(), 1_200);
    assert_eq!(tx.civic_addresses_among(&tenant(CONTOSO), &ids).await.unwrap().len(), 1_200);
}

async fn an_address_that_is_not_validated_is_marked_wherever_it_stands(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    world.account("contoso").await;
    know(&world, "Leeds", "GB", "notValidated").await;
    let marked = "1 Main Street, Leeds, GB (not validated)";
    let by_address = UploadForm { civic_address: "Leeds".to_owned(), ..form("+441632960000") };
    let by_place = UploadForm { location: "Leeds-place".to_owned(), ..form("+441632960001") };
    for (form, words) in [(by_address, marked), (by_place, "Leeds-place (its address is not validated)")] {
        let text = form.numbers.clone();
        let order = world.stage_form(&form).await;
        let review = world.review(order).await;
        let shown = described(&review.ranges[0].settings, &review.places);
        assert!(shown.iter().any(|(_, value)| value == words), "the review: {shown:?}");
        world.submit(order).await;
        let stored = service::numbers::get(&world.ctx, &grant(), number(&text)).await.unwrap();
        let places = service::numbers::places(&world.ctx, &grant(), Some(&stored), &[]).await.unwrap();
        let shown = described(&stored.settings, &places);
        assert!(shown.iter().any(|(_, value)| value == words), "the number's page: {shown:?}");
    }
    // What the backend says, which nobody has here.
    let there = super::described(
        &nmp::domain::NumberSettings {
            services: nmp::domain::Service::OperatorConnect.into(),
            teams: nmp::domain::TeamsSettings { civic_address_id: Some("Leeds".to_owned()), ..Default::default() },
            ..Default::default()
        },
        nmp::domain::Service::OperatorConnect,
    );
    super::pull(&world, super::OC, CONTOSO, &[super::seen("+441632960005", &there, false)]).await;
    let sides = drift::beside(&world.ctx, &grant(), number("+441632960005")).await.unwrap();
    let places = service::numbers::places(&world.ctx, &grant(), None, &sides).await.unwrap();
    assert_eq!(places.words("Leeds"), marked, "beside ours");
    assert_eq!(places.by_id().words("Leeds"), "Leeds (not validated)", "in a table of ids");
}

async fn the_rules_of_calling_users_hold_for_further_usages(world: World) {
    world.account("contoso").await;
    let further = UploadForm {
        usage: "ConferenceAssignment".to_owned(),
        additional_usage: vec!["CallingUserAssignment".to_owned()],
        allow_tenant_address_update: false,
        ..form("+441632960000")
    };
    let refused = stage_upload(&world.ctx, &grant(), &further, None).await;
    let Err(Error::Invalid(problems)) = refused else { panic!("not refused: {refused:?}") };
    assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), ["civic_address"]);
    let toll_free = UploadForm { allow_tenant_address_update: true, numbers: "+18005550100".to_owned(), ..further };
    let order = world.stage_form(&toll_free).await;
    let review = world.review(order).await;
    assert_eq!(review.problems.len(), 1);
    assert!(review.problems[0].reason.contains("cannot be for calling users"), "{:?}", review.problems);
}

mod over_http {
    use super::{a_program_may_use_only_the_tenants_addresses, an_address_that_cannot_be_checked_is_said_to_be};
    use crate::harness::on_both_databases;

    on_both_databases![over_http: a_program_may_use_only_the_tenants_addresses,
        an_address_that_cannot_be_checked_is_said_to_be];
}

fn with_address(number: &str, address: Option<&str>, location: Option<&str>) -> Value {
    let mut body = api::number("contoso", number, "teamsOperatorConnect");
    let configuration = &mut body["serviceDetails"]["teamsOperatorConnect"]["configuration"];
    for (name, id) in [("civicAddressId", address), ("locationId", location)] {
        if let Some(id) = id {
            configuration[name] = json!(id);
        }
    }
    body
}

async fn a_program_may_use_only_the_tenants_addresses(api: Api) -> Api {
    api.know_tenants().await;
    api.account("contoso", &["teamsOperatorConnect"]).await;
    let known = format!(
        "SELECT COUNT(*) FROM work WHERE kind = 'civic-addresses' AND key = '{CONTOSO}' AND last_ok_at IS NOT NULL"
    );
    crate::harness::eventually("the addresses are known", std::time::Duration::from_secs(30), async || {
        (numbers(&api.db, &known).await == [1]).then_some(())
    })
    .await;
    let listed = api.admin.read("/accounts/contoso/teamsCivicAddresses").await;
    let address = &listed["value"][0];
    let (id, location) = (address["id"].as_str().unwrap(), address["locations"][0]["id"].as_str().unwrap());
    let path = api::path_of("contoso", "+441632960700");
    let good = api.admin.put(&path, &with_address("+441632960700", Some(id), Some(location))).await;
    assert_eq!(address["validationStatus"], "notValidated", "{address}");
    let doubt = format!("civicAddressId {id} is not validated");
    assert_eq!((good.status.as_u16(), good.header("x-nmp-warning")), (201, doubt.as_str()), "{good:?}");
    let by_place = api.admin.put(&path, &with_address("+441632960700", None, Some(location))).await;
    let doubt = format!("The address of locationId {location} is not validated");
    assert_eq!((by_place.status.as_u16(), by_place.header("x-nmp-warning")), (200, doubt.as_str()), "{by_place:?}");
    let property = "serviceDetails.teamsOperatorConnect.configuration";
    for (address, place, wrong) in [
        (Some("of-somebody-else"), None, "civicAddressId"),
        (Some(id), Some("of-somebody-else"), "locationId"),
        (None, Some("of-somebody-else"), "locationId"),
    ] {
        let reply = api.admin.put(&path, &with_address("+441632960700", address, place)).await;
        assert_eq!(reply.error(), (400, "AddressNotOfTenant".to_owned()), "{reply:?}");
        assert_eq!(api::details(&reply), [("AddressNotOfTenant".to_owned(), format!("{property}.{wrong}"))]);
    }
    let batch = api::batch(&[
        with_address("+441632960701", Some(id), None),
        with_address("+441632960702", Some("of-somebody-else"), None),
    ]);
    let reply = api.admin.post("/accounts/contoso:createOrUpdateNumbers", &batch).await;
    assert_eq!(
        api::details(&reply),
        [("AddressNotOfTenant".to_owned(), format!("numbers[1].{property}.civicAddressId"))]
    );
    api
}

async fn an_address_that_cannot_be_checked_is_said_to_be(api: Api) -> Api {
    api.know_tenants().await;
    api.account("contoso", &["teamsOperatorConnect"]).await;
    // An account without a tenant: nobody knows whose addresses to look at.
    execute(&api.db, "UPDATE accounts SET tenant_id = NULL WHERE name = 'contoso'").await;
    let path = api::path_of("contoso", "+441632960700");
    let taken = api.admin.put(&path, &with_address("+441632960700", Some("of-whomever"), None)).await;
    assert_eq!(taken.status.as_u16(), 201, "{taken:?}");
    assert!(taken.header("x-nmp-warning").contains("were not checked"), "{taken:?}");
    api
}
