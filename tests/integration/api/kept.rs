//! What a program sent comes back as it was sent, and what it cannot say stays as it is.

use nmp::domain::NumberSettings;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::repeatable::at;
use crate::harness::api::{Api, account, batch, number, path_of};
use crate::harness::database::{execute, numbers, texts};
use crate::harness::on_both_databases;

const NUMBER: &str = "+441632960000";

/// The path of the number of these tests.
fn path() -> String {
    path_of("contoso", NUMBER)
}

/// The settings that are kept of the number.
async fn settings(api: &Api) -> NumberSettings {
    let found = format!(
        "SELECT s.body FROM numbers n JOIN settings s ON s.id = n.settings_id WHERE n.telephone_number = {}",
        &NUMBER[1..]
    );
    serde_json::from_str(&texts(&api.db, &found).await[0]).unwrap()
}

/// Does what choosing a calling profile for the number in the portal does.
async fn choose_profile(api: &Api, profile: &str) {
    let chosen = NumberSettings { calling_profile: Some(profile.to_owned()), ..settings(api).await };
    let mut tx = api.db.begin().await.unwrap();
    let id = tx.intern_settings(&chosen).await.unwrap();
    tx.commit().await.unwrap();
    let update = format!("UPDATE numbers SET settings_id = {id} WHERE telephone_number = {}", &NUMBER[1..]);
    execute(&api.db, &update).await;
    // The backend has taken it.
    let described = format!(
        "INSERT INTO observed_settings (id, bare_id, service, body) \
         SELECT push_key, push_key, 'operatorConnect', body FROM settings WHERE id = {id}"
    );
    execute(&api.db, &described).await;
    execute(&api.db, &format!("UPDATE observed SET settings_id = (SELECT push_key FROM settings WHERE id = {id})"))
        .await;
}

async fn what_the_contract_has_no_words_for_stays(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect", "zoomPhoneCloudPeering"]).await;
    let body = number("contoso", NUMBER, "teamsOperatorConnect");
    let created = api.admin.put(&path(), &body).await;
    api.quiet().await;
    choose_profile(&api, "east").await;
    // The tag from before the change does not match any more, though the answer shows nothing of it.
    let before = [("If-Match", created.header("etag"))];
    let lost = api.admin.call(Method::PUT, &path(), &before, Some(&body)).await;
    assert_eq!(lost.error(), (412, "PreconditionFailed".to_owned()));
    let shown = api.admin.call(Method::GET, &path(), &[], None).await;
    let fresh = [("If-Match", shown.header("etag"))];
    let same = api.admin.call(Method::PUT, &path(), &fresh, Some(&body)).await;
    assert_eq!((same.status, same.header("etag")), (StatusCode::OK, shown.header("etag")), "{same:?}");
    assert_eq!(settings(&api).await.calling_profile.as_deref(), Some("east"));
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM orders").await, [1], "nothing changed, so there is no order");

    // Also over a change of something else, alone and in a batch.
    let mut more = body.clone();
    more["serviceDetails"]["teamsOperatorConnect"]["configuration"]["choosableCapabilities"] =
        json!(["InboundCalling"]);
    assert_eq!(api.admin.put(&path(), &more).await.status, StatusCode::OK);
    assert_eq!(settings(&api).await.calling_profile.as_deref(), Some("east"));
    api.upload("contoso", &[body.clone(), number("contoso", "+441632960001", "teamsOperatorConnect")]).await;
    assert_eq!(settings(&api).await.calling_profile.as_deref(), Some("east"));
    // And over a time without a service that has a calling profile.
    assert_eq!(
        api.admin.put(&path(), &number("contoso", NUMBER, "zoomPhoneCloudPeering")).await.status,
        StatusCode::OK
    );
    assert_eq!(settings(&api).await.calling_profile, None);
    assert_eq!(api.admin.put(&path(), &body).await.status, StatusCode::OK);
    assert_eq!(settings(&api).await.calling_profile.as_deref(), Some("east"));
    api.quiet().await;
    api
}

async fn lists_come_back_in_the_order_in_which_they_were_sent(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect"]).await;
    let with = |capabilities: &[&str]| {
        let mut body = number("contoso", NUMBER, "teamsOperatorConnect");
        let configuration = &mut body["serviceDetails"]["teamsOperatorConnect"]["configuration"];
        configuration["choosableCapabilities"] = json!(capabilities);
        configuration["additionalUsages"] = json!(["FirstPartyAppAssignment", "ConferenceAssignment"]);
        body
    };
    let configuration = |number: &Value| number["serviceDetails"]["teamsOperatorConnect"]["configuration"].clone();
    let first = with(&["OutboundCalling", "InboundCalling", "OutboundCalling"]);
    let created = api.admin.put(&path(), &first).await;
    assert_eq!((created.status, configuration(&created.json())), (StatusCode::CREATED, configuration(&first)));
    api.quiet().await;
    for shown in [api.admin.read(&path()).await, api.admin.read("/numbers").await["value"][0].clone()] {
        assert_eq!(configuration(&shown), configuration(&first));
    }
    let stored = settings(&api).await;
    assert_eq!(stored.teams.choosable_capabilities, ["InboundCalling", "OutboundCalling"], "a set all the same");

    // Another client sends the same set in another order: no order, no push, and the tag of what is set stays.
    let desired = |tag: &str| tag.split('.').next().unwrap().to_owned();
    let other = with(&["InboundCalling", "OutboundCalling"]);
    let put = api.admin.put(&path(), &other).await;
    assert_eq!((put.status, configuration(&put.json())), (StatusCode::OK, configuration(&other)), "{put:?}");
    assert_eq!(desired(put.header("etag")), desired(created.header("etag")));
    assert_eq!(configuration(&api.admin.read(&path()).await), configuration(&other));
    assert_eq!(settings(&api).await, stored);
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM orders").await, [1]);
    let put = api.upload("contoso", std::slice::from_ref(&first)).await;
    assert_eq!(configuration(&put["numbers"][0]), configuration(&first));
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM orders").await, [1]);
    assert_eq!(api.held().await[NUMBER]["changes"], 1, "the backend heard of it once");
    // The usual order takes no room.
    let usual = number("contoso", "+441632960001", "teamsOperatorConnect");
    assert_eq!(api.admin.put(&path_of("contoso", "+441632960001"), &usual).await.status, StatusCode::CREATED);
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM numbers WHERE as_sent_id IS NULL").await, [1]);
    // A number that was released begins anew.
    assert_eq!(api.admin.delete(&path()).await.status, StatusCode::NO_CONTENT);
    api.quiet().await;
    let again = api.admin.put(&path(), &number("contoso", NUMBER, "teamsOperatorConnect")).await;
    assert_eq!(again.status, StatusCode::CREATED, "{again:?}");
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM numbers WHERE as_sent_id IS NULL").await, [2]);
    api.quiet().await;
    api
}

async fn services_that_are_off_come_back_as_they_were_sent(api: Api) -> Api {
    // On an account: everything said of a service that is not enabled.
    let mut body = account("contoso", &["teamsOperatorConnect"]);
    let routing = json!({ "syncEnabled": false, "enabled": false, "configuration": {
        "callScreening": false, "subdomain": "contoso",
        "subdomainTokens": { "region1Token": "region1TokenValue", "region2Token": "-" }
    } });
    body["serviceDetails"]["teamsDirectRouting"] = routing.clone();
    body["serviceDetails"]["azureOperatorCallProtection"] = json!({ "enabled": false });
    let created = api.admin.put("/accounts/contoso", &body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    let mut expected = routing;
    expected["numberCount"] = 0.into();
    expected["subdomainStatus"] = "notProvisioned".into();
    for shown in [created.json(), api.admin.read("/accounts/contoso").await, {
        api.admin.read("/accounts").await["value"][0].clone()
    }] {
        assert_eq!(shown["serviceDetails"]["teamsDirectRouting"], expected);
        assert_eq!(
            shown["serviceDetails"]["azureOperatorCallProtection"],
            json!({ "enabled": false, "numberCount": 0 })
        );
        assert!(shown["serviceDetails"].get("zoomPhoneCloudPeering").is_none(), "it was not named");
    }
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM subdomains").await, [0], "nobody has the name");
    // A change of it is seen by who asks, and what was fetched can be put back.
    let shown = api.admin.call(Method::GET, "/accounts/contoso", &[], None).await;
    let again = api.admin.put("/accounts/contoso", &shown.json()).await;
    assert_eq!(again.header("etag"), shown.header("etag"), "{again:?}");
    let fewer = account("contoso", &["teamsOperatorConnect"]);
    let matching = [("If-Match", shown.header("etag"))];
    let put = api.admin.call(Method::PUT, "/accounts/contoso", &matching, Some(&fewer)).await;
    assert!(put.json()["serviceDetails"].get("teamsDirectRouting").is_none(), "a put replaces: {put:?}");
    let lost = api.admin.call(Method::PUT, "/accounts/contoso", &matching, Some(&fewer)).await;
    assert_eq!(lost.error(), (412, "PreconditionFailed".to_owned()));

    // On a number.
    let mut body = number("contoso", NUMBER, "teamsOperatorConnect");
    let off = json!({ "enabled": false, "configuration": {
        "usage": "ConferenceAssignment", "choosableCapabilities": ["b", "a"], "locationId": "somewhere",
        "allowTenantAddressUpdate": false
    } });
    body["serviceDetails"]["teamsPhoneMobile"] = off.clone();
    body["serviceDetails"]["zoomPhoneCloudPeering"] = json!({ "enabled": false });
    let created = api.admin.put(&path(), &body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    api.quiet().await;
    let shown = api.admin.call(Method::GET, &path(), &[], None).await;
    assert_eq!(shown.json()["serviceDetails"]["teamsPhoneMobile"], off);
    assert_eq!(shown.json()["serviceDetails"]["zoomPhoneCloudPeering"], json!({ "enabled": false }));
    let orders = numbers(&api.db, "SELECT COUNT(*) FROM orders").await;
    let again = api.admin.put(&path(), &shown.json()).await;
    assert_eq!((again.status, again.header("etag")), (StatusCode::OK, shown.header("etag")));
    // Left out it goes, and who read it before is told.
    let plain = number("contoso", NUMBER, "teamsOperatorConnect");
    let put = api.admin.put(&path(), &plain).await;
    assert!(put.json()["serviceDetails"].get("teamsPhoneMobile").is_none(), "{put:?}");
    let matching = [("If-Match", shown.header("etag"))];
    let lost = api.admin.call(Method::PUT, &path(), &matching, Some(&body)).await;
    assert_eq!(lost.error(), (412, "PreconditionFailed".to_owned()));
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM orders").await, orders, "it changes nothing else");
    api
}

/// A repetition is told the same, with what was sent and when it was changed.
async fn a_repetition_is_told_the_same(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect"]).await;
    let mut body = number("contoso", NUMBER, "teamsOperatorConnect");
    body["serviceDetails"]["teamsOperatorConnect"]["configuration"]["choosableCapabilities"] =
        json!(["OutboundCalling", "InboundCalling"]);
    let now = at(0);
    let headers = [("Repeatability-Request-ID", "one"), ("Repeatability-First-Sent", now.as_str())];
    let first = api.admin.call(Method::PUT, &path(), &headers, Some(&body)).await;
    let again = api.admin.call(Method::PUT, &path(), &headers, Some(&body)).await;
    assert_eq!((first.status, &first.text), (StatusCode::CREATED, &again.text), "{again:?}");
    for header in ["etag", "last-modified", "repeatability-result"] {
        assert!(!first.header(header).is_empty(), "{header}: {first:?}");
        assert_eq!(first.header(header), again.header(header), "{header}");
    }
    let all = api.admin.post("/accounts/contoso:createOrUpdateNumbers", &batch(std::slice::from_ref(&body))).await;
    assert_eq!(all.json()["numbers"][0]["serviceDetails"], first.json()["serviceDetails"], "{all:?}");
    api.quiet().await;
    api
}

on_both_databases!(over_http:
    what_the_contract_has_no_words_for_stays,
    lists_come_back_in_the_order_in_which_they_were_sent,
    services_that_are_off_come_back_as_they_were_sent,
    a_repetition_is_told_the_same,
);
