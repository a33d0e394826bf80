//! What docs/API.md promises beside the contract, sentence by sentence.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::repeatable::at;
use crate::harness::api::{Api, account, batch, details, number, path_of};
use crate::harness::caller::Reply;
use crate::harness::database::texts;
use crate::harness::on_both_databases;
use crate::harness::visitor::Visitor;
use crate::harness::world::CONTOSO;

const CREATE: &str = "/accounts/contoso:createOrUpdateNumbers";

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(code, target)| ((*code).to_owned(), (*target).to_owned())).collect()
}

fn told(reply: &Reply) -> Vec<(String, String)> {
    let mut told = details(reply);
    told.sort();
    told
}

async fn everything_that_is_wrong_is_told_at_once(api: Api) -> Api {
    api.account("contoso", &["zoomPhoneCloudPeering"]).await;
    api.account("fabrikam", &["zoomPhoneCloudPeering"]).await;
    api.upload("fabrikam", &[number("fabrikam", "+12125550123", "zoomPhoneCloudPeering")]).await;
    let before = api.stored().await;
    // A batch: what is wrong with the form of one item hides nothing of the others.
    let mut malformed = number("contoso", "0163 296", "teamsOperatorConnect");
    malformed["configuration"] = json!({ "customSipHeader": "a b" });
    let refused = api
        .admin
        .post(
            CREATE,
            &batch(&[
                malformed,
                number("contoso", "+441632960001", "teamsPhoneMobile"),
                number("contoso", "+12125550123", "zoomPhoneCloudPeering"),
                number("contoso", "+441632960002", "zoomPhoneCloudPeering"),
            ]),
        )
        .await;
    assert_eq!(refused.error(), (400, "InvalidRequest".to_owned()));
    let expected = pairs(&[
        ("InvalidValue", "numbers[0].configuration.customSipHeader"),
        ("InvalidValue", "numbers[0].telephoneNumber"),
        ("NumberOnOtherAccount", "numbers[2].telephoneNumber"),
        ("ServiceNotEnabled", "numbers[0].serviceDetails.teamsOperatorConnect.enabled"),
        ("ServiceNotEnabled", "numbers[1].serviceDetails.teamsPhoneMobile.enabled"),
    ]);
    assert_eq!(told(&refused), expected, "{refused:?}");
    // Without anything wrong by itself, too.
    let both =
        [number("contoso", "+441632960001", "teamsPhoneMobile"), number("contoso", "+12125550123", "teamsPhoneMobile")];
    let refused = api.admin.post(CREATE, &batch(&both)).await;
    let expected = pairs(&[
        ("NumberOnOtherAccount", "numbers[1].telephoneNumber"),
        ("ServiceNotEnabled", "numbers[0].serviceDetails.teamsPhoneMobile.enabled"),
        ("ServiceNotEnabled", "numbers[1].serviceDetails.teamsPhoneMobile.enabled"),
    ]);
    assert_eq!((refused.status, told(&refused)), (StatusCode::BAD_REQUEST, expected), "{refused:?}");

    // Path, parameters, headers and body of one request.
    let mut wrong = number("contoso", "+441632960000", "teamsOperatorConnect");
    wrong["accountName"] = 7.into();
    let refused = api
        .admin
        .request(Method::PUT, "/accounts/contoso/numbers/441632960000?api-version=2024-02-29&top=1")
        .header(CONTENT_TYPE, "application/json")
        .header("If-Match", "\"unfinished")
        .header("Repeatability-Request-ID", "one");
    let refused = Reply::to(refused.body(wrong.to_string())).await;
    let expected = pairs(&[
        ("InvalidHeader", "If-Match"),
        ("InvalidPathParameter", "telephoneNumber"),
        ("RepeatabilityRejected", "Repeatability-First-Sent"),
        ("ServiceNotEnabled", "serviceDetails.teamsOperatorConnect.enabled"),
        ("UnsupportedQueryParameter", "top"),
        ("WrongType", "accountName"),
    ]);
    assert_eq!(told(&refused), expected, "{refused:?}");
    assert!(refused.text.contains("%2B441632960000"), "{refused:?}");
    // An account, with what stands against it: a name that another account has.
    let mut routed = account("fabrikam", &["teamsDirectRouting"]);
    routed["serviceDetails"]["teamsDirectRouting"]["configuration"]["subdomain"] = "taken".into();
    routed["serviceDetails"]["zoomPhoneCloudPeering"] = json!({ "syncEnabled": true, "enabled": true });
    assert_eq!(api.admin.put("/accounts/fabrikam", &routed).await.status, StatusCode::OK);
    let before_this = api.stored().await;
    let mut mine = routed.clone();
    mine["name"] = "contoso".into();
    mine["serviceDetails"]["teamsTenantId"] = "contoso.com".into();
    let refused = api.admin.put("/accounts/contoso", &mine).await;
    let expected = pairs(&[
        ("InvalidValue", "serviceDetails.teamsTenantId"),
        ("SubdomainTaken", "serviceDetails.teamsDirectRouting.configuration.subdomain"),
    ]);
    assert_eq!(told(&refused), expected, "{refused:?}");
    // A list: path and parameters.
    let refused = api.admin.call(Method::GET, "/accounts/a%20b/numbers?top=0&what=1", &[], None).await;
    let expected = pairs(&[
        ("InvalidPathParameter", "accountName"),
        ("InvalidQueryParameter", "top"),
        ("UnsupportedQueryParameter", "what"),
    ]);
    assert_eq!(told(&refused), expected, "{refused:?}");
    // No account is one more thing that is wrong.
    let malformed = number("absent", "0163 296", "zoomPhoneCloudPeering");
    let refused = api.admin.post("/accounts/absent:createOrUpdateNumbers", &batch(&[malformed])).await;
    let expected = pairs(&[("InvalidValue", "numbers[0].telephoneNumber"), ("NotFound", "accountName")]);
    assert_eq!(told(&refused), expected, "{refused:?}");
    assert_ne!(before, before_this);
    assert_eq!(api.stored().await, before_this);
    // What is of another kind is not looked at.
    let other = api.admin.request(Method::PUT, "/accounts/contoso?api-version=2024-02-29&top=1");
    let other = Reply::to(other.header(CONTENT_TYPE, "text/plain").body("{}")).await;
    assert_eq!(other.error(), (415, "UnsupportedMediaType".to_owned()));
    api
}

async fn what_passes_by_itself_says_when_to_ask_again(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect"]).await;
    let one = number("contoso", "+441632960000", "teamsOperatorConnect");
    api.upload("contoso", std::slice::from_ref(&one)).await;
    api.quiet().await;
    api.backend(json!({ "down": true })).await;
    let path = path_of("contoso", "+441632960000");
    assert_eq!(api.admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    let now = at(0);
    let headers = [("Repeatability-Request-ID", "again"), ("Repeatability-First-Sent", now.as_str())];
    for refused in [
        api.admin.call(Method::PUT, &path, &headers, Some(&one)).await,
        api.admin.post(CREATE, &batch(std::slice::from_ref(&one))).await,
    ] {
        assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{refused:?}");
        assert_eq!(refused.header("repeatability-result"), "", "it may be sent again as it is: {refused:?}");
    }
    assert_eq!(api.admin.delete("/accounts/contoso?deleteNumbers=true").await.status, StatusCode::NO_CONTENT);
    let early = api.admin.put("/accounts/contoso", &account("contoso", &[])).await;
    assert_eq!(early.error(), (409, "Conflict".to_owned()));
    assert!(!early.header("retry-after").is_empty(), "{early:?}");
    api.backend(json!({ "down": false })).await;
    api.quiet().await;
    api
}

async fn a_refused_repeatable_request_is_not_remembered(api: Api) -> Api {
    let now = at(0);
    let headers = [("Repeatability-Request-ID", "one"), ("Repeatability-First-Sent", now.as_str())];
    let put = async |path: &str, body: &Value| api.admin.call(Method::PUT, path, &headers, Some(body)).await;
    let zoom = number("contoso", "+441632960000", "zoomPhoneCloudPeering");
    let path = path_of("contoso", "+441632960000");
    for (status, refused) in [
        (404, put(&path, &zoom).await),
        (400, put("/accounts/contoso", &json!({ "name": 1 })).await),
        (400, put("/accounts/con%20toso", &account("contoso", &[])).await),
    ] {
        assert_eq!(
            (refused.status.as_u16(), refused.header("repeatability-result")),
            (status, "rejected"),
            "{refused:?}"
        );
    }
    let done = put("/accounts/contoso", &account("contoso", &["zoomPhoneCloudPeering"])).await;
    assert_eq!((done.status, done.header("repeatability-result")), (StatusCode::CREATED, "accepted"), "{done:?}");
    let other = put(&path, &zoom).await;
    assert_eq!(other.error(), (400, "RepeatabilityRequestIdUsed".to_owned()));
    assert_eq!(other.header("repeatability-result"), "rejected");
    let plain = api.admin.put("/accounts/contoso", &json!({ "name": 1 })).await;
    assert_eq!(plain.header("repeatability-result"), "", "it asked for nothing: {plain:?}");
    api
}

async fn the_date_of_the_last_change_is_answered(api: Api) -> Api {
    api.know_tenants().await;
    api.account("contoso", &["zoomPhoneCloudPeering"]).await;
    let path = path_of("contoso", "+441632960000");
    let body = number("contoso", "+441632960000", "zoomPhoneCloudPeering");
    let put = api.admin.put(&path, &body).await;
    let date = put.header("last-modified").to_owned();
    assert!(httpdate::parse_http_date(&date).is_ok(), "{put:?}");
    for resource in [&path, "/accounts/contoso"] {
        let shown = api.admin.call(Method::GET, resource, &[], None).await;
        let date = shown.header("last-modified").to_owned();
        assert!(httpdate::parse_http_date(&date).is_ok(), "{shown:?}");
        let unchanged = api.admin.call(Method::GET, resource, &[("If-Unmodified-Since", &date)], None).await;
        assert_eq!(unchanged.status, StatusCode::OK, "{unchanged:?}");
        let unchanged = api.admin.call(Method::GET, resource, &[("If-None-Match", shown.header("etag"))], None).await;
        assert_eq!((unchanged.status, unchanged.header("last-modified")), (StatusCode::NOT_MODIFIED, date.as_str()));
    }
    let again = api.admin.call(Method::PUT, &path, &[("If-Unmodified-Since", &date)], Some(&body)).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    let consent = format!("/teamsRequestsForInformation/{CONTOSO}");
    let patch = json!({ "customerRelationship": { "status": "AgreementSigned" } });
    let patched = api.admin.call(Method::PATCH, &consent, &[], Some(&patch)).await;
    assert!(!patched.header("last-modified").is_empty(), "{patched:?}");
    api
}

/// What the contract allows is taken; what looks like a mistake is said and marked.
async fn numbers_of_no_numbering_plan_are_taken_and_marked(api: Api) -> Api {
    api.account("contoso", &["zoomPhoneCloudPeering", "teamsOperatorConnect"]).await;
    let impossible = ["+441", "+4401632960313", "+999123456789"];
    for one in impossible {
        let put = api.admin.put(&path_of("contoso", one), &number("contoso", one, "zoomPhoneCloudPeering")).await;
        assert_eq!(put.status, StatusCode::CREATED, "{put:?}");
        assert!(put.header("x-nmp-warning").contains(&format!("{one} is not possible")), "{put:?}");
    }
    let good = number("contoso", "+441632960000", "zoomPhoneCloudPeering");
    let put = api.admin.put(&path_of("contoso", "+441632960000"), &good).await;
    assert_eq!((put.status, put.header("x-nmp-warning")), (StatusCode::CREATED, ""), "{put:?}");
    let audit =
        texts(&api.db, "SELECT COALESCE(after, '') FROM audit WHERE action = 'order.submit' ORDER BY seq").await;
    assert!(audit[0].contains("+441 is not possible in the numbering plan of GB"), "{audit:?}");
    assert!(!audit[3].contains("not possible"), "{audit:?}");
    let mut person = Visitor::sign_in(&api.demo.portal, "admin").await;
    let list = person.get("/numbers").await.text;
    assert_eq!(list.matches("Not possible").count(), impossible.len(), "{list}");
    let page = person.get("/numbers/+441").await.text;
    assert!(page.contains("Not possible in the numbering plan of GB"), "{page}");
    assert!(!person.get("/numbers/+441632960000").await.text.contains("Not possible"));
    let page = person.get("/audit").await.text;
    assert!(page.contains("not possible in the numbering plan of GB"), "{page}");

    // Words: taken, and named with the nearest.
    let mut odd = number("contoso", "+441632960001", "teamsOperatorConnect");
    odd["serviceDetails"]["teamsOperatorConnect"]["configuration"]["choosableCapabilities"] = json!(["inboundCalling"]);
    let put = api.admin.put(&path_of("contoso", "+441632960001"), &odd).await;
    assert_eq!(put.status, StatusCode::CREATED, "{put:?}");
    assert!(put.header("x-nmp-warning").contains("the nearest is InboundCalling"), "{put:?}");
    api.quiet().await;
    api
}

async fn filters_tell_what_is_missing(api: Api) -> Api {
    api.know_tenants().await;
    api.account("contoso", &["teamsOperatorConnect", "zoomPhoneCloudPeering"]).await;
    let mut named = account("fabrikam", &["zoomPhoneCloudPeering"]);
    named["correlationId"] = "crm-1".into();
    named["serviceDetails"]["teamsOperatorConnect"] = json!({ "enabled": false, "syncEnabled": false });
    assert_eq!(api.admin.put("/accounts/fabrikam", &named).await.status, StatusCode::CREATED);
    let mut headed = number("contoso", "+441632960001", "zoomPhoneCloudPeering");
    headed["configuration"] = json!({ "customSipHeader": "x" });
    let plain = number("contoso", "+441632960000", "teamsOperatorConnect");
    api.upload("contoso", &[plain, headed, number("contoso", "+441632960002", "zoomPhoneCloudPeering")]).await;
    let cases: [(&str, &str, &str, &[&str]); 8] = [
        // A text without a value is found by nothing.
        ("/accounts", "name", "correlationId ne 'other'", &["fabrikam"]),
        ("/accounts", "name", "not (correlationId eq 'other')", &["fabrikam"]),
        ("/numbers", "telephoneNumber", "configuration/customSipHeader ne 'y'", &["+441632960001"]),
        (
            "/numbers",
            "telephoneNumber",
            "serviceDetails/teamsOperatorConnect/configuration/usage ne 'other'",
            &["+441632960000"],
        ),
        // A service that is left out is not enabled, as one that is named so.
        ("/accounts", "name", "serviceDetails/teamsOperatorConnect/enabled eq false", &["fabrikam"]),
        ("/accounts", "name", "serviceDetails/teamsDirectRouting/enabled ne true", &["contoso", "fabrikam"]),
        (
            "/numbers",
            "telephoneNumber",
            "serviceDetails/teamsOperatorConnect/enabled eq false",
            &["+441632960001", "+441632960002"],
        ),
        ("/teamsRequestsForInformation", "tenantId", "tenantId eq 'A7F4BD5C-CC01-40F4-8BAA-2B6BDB272B8A'", &[CONTOSO]),
    ];
    for (path, key, filter, expected) in cases {
        let encoded: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let listed = api.admin.read(&format!("{path}?filter={encoded}")).await;
        let found: Vec<&str> =
            listed["value"].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{filter}");
    }
    api.quiet().await;
    api
}

on_both_databases!(over_http:
    everything_that_is_wrong_is_told_at_once,
    what_passes_by_itself_says_when_to_ask_again,
    a_refused_repeatable_request_is_not_remembered,
    the_date_of_the_last_change_is_answered,
    numbers_of_no_numbering_plan_are_taken_and_marked,
    filters_tell_what_is_missing,
);
