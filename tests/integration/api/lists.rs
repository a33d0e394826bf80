//! Lists: pages, filters, counts.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::harness::api::{Api, account, identifiers, number};
use crate::harness::caller::{Caller, Reply};
use crate::harness::on_both_databases;
use crate::harness::world::CONTOSO;

/// Follows the links from a page on, with a word in between.
async fn follow(caller: &Caller, first: &str, key: &str, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let mut reply = caller.call(Method::GET, first, &[], None).await;
    let mut found = Vec::new();
    for page in 1.. {
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        let json = reply.json();
        found.extend(json["value"].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()));
        let Some(link) = json.get("nextLink") else { return found };
        let link = link.as_str().unwrap_or_else(|| panic!("{reply:?}"));
        assert!(link.starts_with("http://127.0.0.1:") && link.contains("api-version="), "{link}");
        between(page).await;
        reply = caller.get(link).await;
    }
    found
}

fn range(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|last| format!("+4416329{last:05}")).collect()
}

async fn put(api: &Api, account: &str, numbers: &[String]) {
    for some in numbers.chunks(100) {
        let items: Vec<Value> = some.iter().map(|one| number(account, one, "zoomPhoneCloudPeering")).collect();
        api.upload(account, &items).await;
    }
}

async fn pages_stay_right_while_numbers_come_and_go(api: Api) -> Api {
    api.account("contoso", &["zoomPhoneCloudPeering"]).await;
    api.account("fabrikam", &["zoomPhoneCloudPeering"]).await;
    // Every second one, so that there is room in between.
    let there: Vec<String> = range(0..120).into_iter().step_by(2).collect();
    put(&api, "contoso", &there).await;
    let of_fabrikam = range(500..510);
    put(&api, "fabrikam", &of_fabrikam).await;

    let list = "/accounts/contoso/numbers";
    for size in [1, 7, 59, 60, 61, 500] {
        let found = follow(&api.admin, &format!("{list}?maxpagesize={size}"), "telephoneNumber", async |_| {}).await;
        assert_eq!(found, there, "pages of {size}");
    }
    // Those that stay are seen once each, whatever happens to their neighbours.
    let found = follow(&api.admin, &format!("{list}?maxpagesize=10"), "telephoneNumber", async |page| {
        let odd = u32::try_from(2 * page + 1).unwrap();
        put(&api, "contoso", &range(odd..odd + 1)).await;
        // The last one of the page that was read, behind which the next one starts.
        let last = there[page * 10 - 1].clone();
        let gone = api.admin.post("/accounts/contoso:deleteNumbers", &identifiers(&[&last])).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    })
    .await;
    assert_eq!(found.iter().filter(|one| there.contains(one)).cloned().collect::<Vec<_>>(), there);
    assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");

    // Skip, top over pages, and all accounts together.
    let all = follow(&api.admin, "/numbers", "telephoneNumber", async |_| {}).await;
    let mine = follow(&api.admin, list, "telephoneNumber", async |_| {}).await;
    assert_eq!(all, [mine.clone(), of_fabrikam].concat());
    let some =
        follow(&api.admin, &format!("{list}?skip=5&top=23&maxpagesize=10"), "telephoneNumber", async |_| {}).await;
    assert_eq!(some, mine[5..28]);
    let behind = follow(&api.admin, &format!("{list}?skip=100000"), "telephoneNumber", async |_| {}).await;
    assert!(behind.is_empty(), "{behind:?}");
    let accounts = follow(&api.admin, "/accounts?maxpagesize=1", "name", async |_| {}).await;
    assert_eq!(accounts, ["contoso", "fabrikam"]);
    api
}

async fn filters_and_counts_say_the_same(api: Api) -> Api {
    api.know_tenants().await;
    api.account("contoso", &["teamsOperatorConnect", "zoomPhoneCloudPeering"]).await;
    let mut other = account("fabrikam", &["zoomPhoneCloudPeering"]);
    other["correlationId"] = "it's 100%_sure \u{fc}".into();
    assert_eq!(api.admin.put("/accounts/fabrikam", &other).await.status, StatusCode::CREATED);
    let mut bad = number("contoso", "+441632960000", "teamsOperatorConnect");
    bad["serviceDetails"]["teamsOperatorConnect"]["configuration"]["usage"] = "".into();
    let good = number("contoso", "+441632960001", "teamsOperatorConnect");
    api.upload("contoso", &[bad, good, number("contoso", "+441632960002", "zoomPhoneCloudPeering")]).await;
    api.upload("fabrikam", &[number("fabrikam", "+12125550123", "zoomPhoneCloudPeering")]).await;
    api.quiet().await;
    let cases: [(&str, &str, &str, &[&str]); 15] = [
        ("/numbers", "telephoneNumber", "serviceProvisioningStatus eq 'failed'", &["+441632960000"]),
        ("/numbers", "telephoneNumber", "accountName eq 'fabrikam'", &["+12125550123"]),
        (
            "/numbers",
            "telephoneNumber",
            "startswith(telephoneNumber,'+44') and not (serviceProvisioningStatus eq 'failed')",
            &["+441632960001", "+441632960002"],
        ),
        (
            "/numbers",
            "telephoneNumber",
            "serviceDetails/teamsOperatorConnect/enabled eq true",
            &["+441632960000", "+441632960001"],
        ),
        (
            "/numbers",
            "telephoneNumber",
            "serviceDetails/teamsOperatorConnect/configuration/usage eq ''",
            &["+441632960000"],
        ),
        (
            "/numbers",
            "telephoneNumber",
            "contains(telephoneNumber,'0123') or accountName eq 'nobody'",
            &["+12125550123"],
        ),
        (
            "/numbers",
            "telephoneNumber",
            "serviceDetails/teamsOperatorConnect/assignmentStatus eq 'unassigned'",
            &["+441632960000", "+441632960001"],
        ),
        ("/accounts/contoso/numbers", "telephoneNumber", "accountName eq 'fabrikam'", &[]),
        ("/accounts", "name", "correlationId eq 'it''s 100%_sure \u{fc}'", &["fabrikam"]),
        ("/accounts", "name", "contains(correlationId,'0%_s')", &["fabrikam"]),
        ("/accounts", "name", "contains(correlationId,'0%s')", &[]),
        ("/accounts", "name", "serviceDetails/teamsOperatorConnect/enabled eq true", &["contoso"]),
        ("/accounts", "name", "name ne 'contoso'", &["fabrikam"]),
        ("/teamsRequestsForInformation", "tenantId", "accountName eq 'contoso'", &[CONTOSO]),
        (
            "/accounts/contoso/teamsCivicAddresses",
            "id",
            "id eq 'ef245fa1-6b14-5bee-938d-5bd5879f6afa'",
            &["ef245fa1-6b14-5bee-938d-5bd5879f6afa"],
        ),
    ];
    for (path, key, filter, expected) in cases {
        let encoded: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let query = format!("{path}?filter={encoded}&countRecords=true&maxpagesize=1");
        let first = api.admin.call(Method::GET, &query, &[], None).await;
        assert_eq!(first.header("x-ms-record-count"), expected.len().to_string(), "{filter}: {first:?}");
        assert_eq!(follow(&api.admin, &query, key, async |_| {}).await, expected, "{filter}");
    }
    let uncounted = api.admin.call(Method::GET, "/numbers", &[], None).await;
    assert!(!uncounted.headers.contains_key("x-ms-record-count"), "{uncounted:?}");
    // A link is for its list and its filter.
    let first = api.admin.read("/numbers?maxpagesize=1&filter=accountName%20eq%20'contoso'").await;
    let link = first["nextLink"].as_str().unwrap();
    for changed in [link.replace("contoso", "fabrikam"), link.replace("/numbers", "/accounts/contoso/numbers")] {
        assert_eq!(api.admin.get(&changed).await.error(), (400, "InvalidCursor".to_owned()), "{changed}");
    }
    assert_eq!(api.admin.get(&format!("{link}&top=1")).await.status, StatusCode::BAD_REQUEST);
    api
}

async fn a_clients_own_id_comes_back(api: Api) -> Api {
    let id = "4f2c9f0e-9c1b-4f2a-a3f5-3b9b2f1f8a11";
    let mut seen = Vec::new();
    for (method, path, status) in [
        (Method::GET, "/accounts", 200),
        (Method::GET, "/accounts/absent", 404),
        (Method::DELETE, "/accounts/absent", 204),
        (Method::POST, "/accounts/absent:getTeamsCapabilityPlans", 404),
        (Method::POST, "/accounts", 405),
        (Method::GET, "/nowhere", 404),
    ] {
        let reply = api.admin.call(method.clone(), path, &[("x-ms-client-request-id", id)], None).await;
        assert_eq!((reply.status.as_u16(), reply.header("x-ms-client-request-id")), (status, id), "{method} {path}");
        seen.push(reply.header("x-ms-request-id").to_owned());
    }
    let none: Reply = api.admin.call(Method::GET, "/accounts", &[], None).await;
    assert!(!none.headers.contains_key("x-ms-client-request-id"), "{none:?}");
    seen.push(none.header("x-ms-request-id").to_owned());
    seen.sort();
    seen.dedup();
    assert!(seen.len() == 7 && !seen.contains(&String::new()), "{seen:?}");
    api
}

on_both_databases!(over_http:
    pages_stay_right_while_numbers_come_and_go,
    filters_and_counts_say_the_same,
    a_clients_own_id_comes_back,
);
