//! A country is two letters of ISO 3166 wherever one is typed: UK is read as GB, and what stands for no country is refused.

use nmp::domain::upload::HEADINGS;
use nmp::service::Error;
use nmp::service::staging::{UploadForm, stage_upload};

use crate::harness::database::texts;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, upload_form};

on_both_databases![the_form_of_an_upload, a_column_of_a_file];

async fn kept(world: &World) -> Vec<String> {
    let bodies = texts(&world.db, "SELECT body FROM settings ORDER BY body").await;
    let country = |body: &String| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body.pointer("/teams/displayedCountryCode").and_then(|code| code.as_str().map(str::to_owned))
    };
    bodies.iter().filter_map(country).collect()
}

async fn the_form_of_an_upload(world: World) {
    world.local_account("contoso").await;
    let form = |country: &str| UploadForm { country: country.to_owned(), ..upload_form("contoso", "+441632960000") };
    for wrong in ["ZZ", "XX", "EU", "GBR", "Britain"] {
        let refused = stage_upload(&world.ctx, &grant(), &form(wrong), None).await.unwrap_err();
        let Error::Invalid(problems) = refused else { panic!("{refused:?}") };
        let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["country"], "{wrong}");
        assert!(problems[0].message.contains("ISO 3166"), "{wrong}: {}", problems[0].message);
    }
    stage_upload(&world.ctx, &grant(), &form(" uk "), None).await.unwrap();
    assert_eq!(kept(&world).await, ["GB"]);
}

async fn a_column_of_a_file(world: World) {
    world.local_account("contoso").await;
    let oc = "serviceDetails_teamsOperatorConnect";
    let headings = [
        "telephoneNumber".to_owned(),
        "accountName".to_owned(),
        format!("{oc}_enabled"),
        format!("{oc}_configuration_usage"),
        format!("{oc}_configuration_allowTenantAddressUpdate"),
        format!("{oc}_configuration_displayedCountryCode"),
    ];
    let known: Vec<String> = HEADINGS.into_iter().map(nmp::domain::upload::Column::heading).collect();
    assert!(headings.iter().all(|heading| known.contains(heading)));
    let row = |number: i64, country: &str| format!("+{number},contoso,true,CallingUserAssignment,true,{country}");
    let rows = [row(441_632_960_000, "uk"), row(441_632_960_001, "ZZ"), row(441_632_960_002, "XX")];
    let text = format!("{}\n{}\n", headings.join(","), rows.join("\n"));
    let review = world.review(world.stage("", &text).await).await;
    let told: Vec<_> = review.problems.iter().map(|problem| (problem.line, problem.value.as_str())).collect();
    assert_eq!(told, [(3, "ZZ"), (4, "XX")]);
    assert!(review.problems.iter().all(|problem| problem.reason.contains("stands for no country")));
    assert_eq!(kept(&world).await, ["GB"]);
}
