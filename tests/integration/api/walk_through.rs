//! An operator's day, as the public documentation of the original service tells it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::api::{Api, MISSING_USAGE, SERVICES, SOON, account, number, path_of};
use crate::harness::caller::Reply;
use crate::harness::world::CONTOSO;
use crate::harness::{eventually, on_both_databases};

const ADDRESS: &str = "ef245fa1-6b14-5bee-938d-5bd5879f6afa";
const NUMBER: &str = "+441632960000";

/// The number of the documentation's example.
fn example(usage: &str, capabilities: &[&str]) -> Value {
    json!({
        "telephoneNumber": NUMBER,
        "accountName": "contoso",
        "serviceDetails": { "teamsOperatorConnect": { "enabled": true, "configuration": {
            "usage": usage,
            "choosableCapabilities": capabilities,
            "civicAddressId": ADDRESS,
            "allowTenantAddressUpdate": true
        }}},
        "configuration": { "customSipHeader": "exampleHeaderContents" }
    })
}

/// What the answer to a put must say besides the number itself.
fn answered(sent: &Value, status: &str, errors: &Value) -> Value {
    let mut answer = sent.clone();
    answer["serviceProvisioningStatus"] = status.into();
    answer["serviceProvisioningErrors"] = errors.clone();
    answer["serviceDetails"]["teamsOperatorConnect"]["assignmentStatus"] = "unassigned".into();
    answer
}

/// The answer without what only the backend knows.
fn without_acquired(mut number: Value) -> Value {
    let configuration = number["serviceDetails"]["teamsOperatorConnect"]["configuration"].as_object_mut();
    if let Some(configuration) = configuration {
        configuration.remove("acquiredCapabilities");
        configuration.remove("availableCapabilities");
    }
    number
}

async fn the_documentation_plays_from_end_to_end(api: Api) -> Api {
    api.know_tenants().await;
    let new = [("If-None-Match", "*")];
    // An account for Direct Routing, whose sync has no backend.
    let routed = json!({ "name": "contoso", "serviceDetails": { "teamsDirectRouting": {
        "syncEnabled": true, "enabled": true, "configuration": {
            "callScreening": true, "subdomain": "contoso",
            "subdomainTokens": { "region1Token": "region1TokenValue", "region2Token": "region2TokenValue" }
        }
    }}});
    let created = api.admin.call(Method::PUT, "/accounts/contoso", &new, Some(&routed)).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    let mut expected = routed.clone();
    expected["serviceProvisioningStatus"] = "synced".into();
    expected["serviceProvisioningErrors"] = json!([]);
    expected["serviceDetails"]["teamsDirectRouting"]["numberCount"] = 0.into();
    expected["serviceDetails"]["teamsDirectRouting"]["subdomainStatus"] = "notProvisioned".into();
    assert_eq!(created.json(), expected);
    let again = api.admin.call(Method::PUT, "/accounts/contoso", &new, Some(&routed)).await;
    assert_eq!(again.error(), (412, "PreconditionFailed".to_owned()));

    // Operator Connect beside it, so that nobody else's change is overwritten.
    let shown = api.admin.call(Method::GET, "/accounts/contoso", &[], None).await;
    // Meanwhile the name server may have answered for the account, which is no change of what is wanted.
    let wanted = |reply: &Reply| reply.header("etag").split('.').next().map(str::to_owned);
    assert_eq!(wanted(&shown), wanted(&created));
    let mut both = shown.json();
    both["serviceDetails"]["teamsTenantId"] = CONTOSO.into();
    both["serviceDetails"]["teamsOperatorConnect"] = json!({ "syncEnabled": true, "enabled": true });
    let matching = [("If-Match", shown.header("etag"))];
    let updated = api.admin.call(Method::PUT, "/accounts/contoso", &matching, Some(&both)).await;
    assert_eq!(updated.status, StatusCode::OK, "{updated:?}");
    assert_ne!(updated.header("etag"), created.header("etag"));
    let lost = api.admin.call(Method::PUT, "/accounts/contoso", &matching, Some(&both)).await;
    assert_eq!(lost.error(), (412, "PreconditionFailed".to_owned()));

    // A number without a usage is taken, and the backend's words come back exactly.
    let path = path_of("contoso", NUMBER);
    let missing = example("", &["InboundCalling", "OutboundCalling"]);
    let put = api.admin.call(Method::PUT, &path, &new, Some(&missing)).await;
    assert_eq!(put.status, StatusCode::CREATED, "{put:?}");
    assert_eq!(put.json(), answered(&missing, "pending", &json!([])));
    let failed = api.settled(&path).await;
    let error = json!([{ "code": "InvalidRequest", "message": MISSING_USAGE, "target": "oc" }]);
    assert_eq!(failed, answered(&missing, "failed", &error));
    api.counts_are_right("contoso").await;

    // It is corrected, and synced.
    let right = example("CallingUserAssignment", &["InboundCalling", "OutboundCalling"]);
    let shown = api.admin.call(Method::GET, &path, &[], None).await;
    let matching = [("If-Match", shown.header("etag"))];
    let corrected = api.admin.call(Method::PUT, &path, &matching, Some(&right)).await;
    assert_eq!(corrected.status, StatusCode::OK, "{corrected:?}");
    assert_eq!(without_acquired(corrected.json()), answered(&right, "pending", &json!([])));
    assert_eq!(without_acquired(api.settled(&path).await), answered(&right, "synced", &json!([])));
    assert_eq!(api.held().await[NUMBER]["settings"]["usage"], "CallingUserAssignment");

    // With one more capability.
    let more = example("CallingUserAssignment", &["InboundCalling", "Mobile", "OutboundCalling"]);
    let updated = api.admin.put(&path, &more).await;
    assert_eq!(updated.json()["serviceProvisioningStatus"], "pending");
    assert_eq!(without_acquired(api.settled(&path).await), answered(&more, "synced", &json!([])));

    // Requests for information are listed, and one is changed.
    let listed = api.admin.read("/teamsRequestsForInformation").await;
    let asked = listed["value"].as_array().unwrap().iter().find(|asked| asked["tenantId"] == CONTOSO).unwrap();
    assert_eq!(asked["accountName"], "contoso");
    let request = format!("/teamsRequestsForInformation/{CONTOSO}");
    let patch = json!({ "customerRelationship": { "status": "AgreementSigned", "comment": "new comment" } });
    let patched = api.admin.call(Method::PATCH, &request, &[], Some(&patch)).await;
    assert_eq!(patched.status, StatusCode::OK, "{patched:?}");
    assert_eq!(patched.json()["serviceProvisioningStatus"], "pending");
    assert_eq!(patched.json()["customerRelationship"]["status"], "AgreementSigned");
    assert_eq!(api.settled(&request).await["customerRelationship"]["comment"], "new comment");

    // Numbers and emergency addresses of the account.
    let numbers = api.admin.read("/accounts/contoso/numbers").await;
    assert_eq!((numbers["value"].as_array().unwrap().len(), &numbers["nextLink"]), (1, &Value::Null));
    let addresses = api.admin.read("/accounts/contoso/teamsCivicAddresses").await;
    assert!(addresses["value"].as_array().unwrap().iter().any(|address| address["id"] == ADDRESS), "{addresses}");
    let address = api.admin.read(&format!("/accounts/contoso/teamsCivicAddresses/{ADDRESS}")).await;
    assert_eq!(address["companyName"], "Contoso Ltd");
    let plans = api.admin.post("/accounts/contoso:getTeamsCapabilityPlans", &json!({})).await.json();
    assert!(plans["capabilityPlans"].as_array().unwrap().len() > 1, "{plans}");
    let about = json!({ "numbers": [{ "telephoneNumber": NUMBER }] });
    let available = api.admin.post("/accounts/contoso:getTeamsAvailableCapabilities", &about).await.json();
    assert!(available["availableCapabilities"].as_array().unwrap().contains(&json!("Mobile")), "{available}");

    // The number goes, though somebody uses it, and then the account.
    let tenant = json!({ "tenantId": CONTOSO, "numbers": [NUMBER] });
    let url = format!("{}/_assign", api.demo.operator_connect);
    let assigned = reqwest::Client::builder().build().unwrap().post(url).json(&tenant).send().await.unwrap();
    assert!(assigned.status().is_success(), "{assigned:?}");
    let gone = api.admin.delete(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(api.admin.call(Method::GET, &path, &[], None).await.error(), (404, "NotFound".to_owned()));
    api.counts_are_right("contoso").await;
    eventually("the number is released", SOON, async || api.held().await.get(NUMBER).is_none().then_some(())).await;
    api.quiet().await;
    for _ in 0..2 {
        assert_eq!(api.admin.delete(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(api.admin.delete("/accounts/contoso").await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(api.admin.call(Method::GET, "/accounts/contoso", &[], None).await.error(), (404, "NotFound".to_owned()));
    api
}

async fn every_service_is_stored_and_what_was_read_can_be_put_back(api: Api) -> Api {
    let whole = api.account("contoso", &SERVICES).await;
    for service in SERVICES {
        assert_eq!(whole["serviceDetails"][service]["enabled"], true, "{whole}");
        assert_eq!(whole["serviceDetails"][service]["numberCount"], 0, "{whole}");
    }
    api.account("bare", &[]).await;
    let mut paths = vec!["/accounts/contoso".to_owned(), "/accounts/bare".to_owned()];
    for (last, service) in SERVICES.iter().enumerate() {
        let telephone_number = format!("+44163296000{last}");
        let path = path_of("contoso", &telephone_number);
        let mut sent = number("contoso", &telephone_number, service);
        if !["teamsPhoneMobile", "azureOperatorCallProtection"].contains(service) {
            sent["configuration"] = json!({ "customSipHeader": "exampleHeaderContents" });
        }
        if *service == "teamsDirectRouting" {
            // Zoom and Call Protection may stand beside others.
            sent["serviceDetails"]["zoomPhoneCloudPeering"] = json!({ "enabled": true });
            sent["serviceDetails"]["azureOperatorCallProtection"] = json!({ "enabled": true });
        }
        let put = api.admin.put(&path, &sent).await;
        assert_eq!(put.status, StatusCode::CREATED, "{put:?}");
        let backed = service.starts_with("teamsO") || service.starts_with("teamsP");
        let expected = if backed { "pending" } else { "synced" };
        assert_eq!(put.json()["serviceProvisioningStatus"], expected, "{put:?}");
        let settled = api.settled(&path).await;
        assert_eq!(
            (&settled["serviceProvisioningStatus"], &settled["serviceProvisioningErrors"]),
            (&json!("synced"), &json!([]))
        );
        for (name, details) in sent["serviceDetails"].as_object().unwrap() {
            assert_eq!(settled["serviceDetails"][name]["enabled"], details["enabled"], "{settled}");
        }
        api.counts_are_right("contoso").await;
        paths.push(path);
    }
    api.quiet().await;
    for path in paths {
        let before = api.admin.call(Method::GET, &path, &[], None).await;
        let stored = api.stored().await;
        let put = api.admin.put(&path, &before.json()).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
        assert_eq!((put.json(), put.header("etag")), (before.json(), before.header("etag")), "{path}");
        assert_eq!(api.stored().await, stored, "{path} put back as it was changed something");
    }
    // A service goes from a number, and comes back.
    let path = path_of("contoso", "+441632960001");
    let less = number("contoso", "+441632960001", "teamsDirectRouting");
    assert_eq!(api.admin.put(&path, &less).await.json()["serviceDetails"], less["serviceDetails"]);
    api.counts_are_right("contoso").await;
    // It cannot go from the account while numbers have it.
    let refused = api.admin.put("/accounts/contoso", &account("contoso", &SERVICES[1..])).await;
    assert_eq!(refused.error(), (409, "ServiceInUse".to_owned()));
    assert_eq!(refused.json()["error"]["target"], "serviceDetails.teamsOperatorConnect.enabled");
    let mut moved = account("contoso", &SERVICES);
    moved["serviceDetails"]["teamsTenantId"] = crate::harness::world::FABRIKAM.into();
    assert_eq!(api.admin.put("/accounts/contoso", &moved).await.error(), (409, "TenantInUse".to_owned()));
    api
}

on_both_databases!(over_http:
    the_documentation_plays_from_end_to_end,
    every_service_is_stored_and_what_was_read_can_be_put_back,
);
