//! Programs meet the quarantine as well, unless the deployment lets them off.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::api::{Api, account, batch, details, number, path_of};
use crate::harness::caller::{Caller, switch};
use crate::harness::database::{execute, numbers};
use crate::harness::on_both_databases;
use crate::harness::program::Demo;
use crate::harness::world::FABRIKAM;

on_both_databases![over_http: a_program_is_told_until_when, a_deployment_may_let_programs_off];

const NUMBER: &str = "+441632960000";

fn zoom(account: &str, text: &str) -> serde_json::Value {
    number(account, text, "zoomPhoneCloudPeering")
}

/// Two accounts; the first had a number until a moment ago.
async fn released(api: &Api) {
    api.account("contoso", &["zoomPhoneCloudPeering"]).await;
    let mut fabrikam = account("fabrikam", &["zoomPhoneCloudPeering"]);
    fabrikam["serviceDetails"]["teamsTenantId"] = json!(FABRIKAM);
    assert!(api.admin.put("/accounts/fabrikam", &fabrikam).await.status.is_success());
    api.upload("contoso", &[zoom("contoso", NUMBER)]).await;
    assert_eq!(api.admin.delete(&path_of("contoso", NUMBER)).await.status, StatusCode::NO_CONTENT);
    api.quiet().await;
}

async fn a_program_is_told_until_when(api: Api) -> Api {
    released(&api).await;
    let before = api.stored().await;
    let wanted = zoom("fabrikam", NUMBER);
    for (client, told) in [("bss-admin", true), ("bss-write", false)] {
        let caller = api.caller(client).await;
        let refused = caller.put(&path_of("fabrikam", NUMBER), &wanted).await;
        assert_eq!(refused.error(), (409, "NumberInQuarantine".to_owned()));
        assert_eq!(refused.json()["error"]["target"], "telephoneNumber");
        let free_at = numbers(&api.db, "SELECT free_at FROM quarantine").await[0];
        let year = nmp::store::at(free_at).year().to_string();
        assert!(refused.text.contains(&format!("in quarantine until {year}-")), "{refused:?}");
        assert_eq!(refused.text.contains("contoso had it"), told, "{client}: {refused:?}");
        let items = [zoom("fabrikam", "+441632960001"), wanted.clone()];
        let refused = caller.post("/accounts/fabrikam:createOrUpdateNumbers", &batch(&items)).await;
        let expected = ("NumberInQuarantine".to_owned(), "numbers[1].telephoneNumber".to_owned());
        assert_eq!((refused.status, details(&refused)), (StatusCode::CONFLICT, vec![expected]), "{refused:?}");
    }
    assert_eq!(api.stored().await, before, "nothing was changed");
    // The one that had it takes it back.
    let back = api.admin.put(&path_of("contoso", NUMBER), &zoom("contoso", NUMBER)).await;
    assert_eq!(back.status, StatusCode::CREATED, "{back:?}");
    assert_eq!(api.admin.delete(&path_of("contoso", NUMBER)).await.status, StatusCode::NO_CONTENT);
    api.quiet().await;
    execute(&api.db, "UPDATE quarantine SET free_at = released_at").await;
    let free = api.admin.put(&path_of("fabrikam", NUMBER), &wanted).await;
    assert_eq!(free.status, StatusCode::CREATED, "{free:?}");
    api
}

async fn a_deployment_may_let_programs_off(mut api: Api) -> Api {
    released(&api).await;
    assert!(api.demo.stop().success());
    let settings = vec![
        ("NMP_DATABASE__URL", api.place.url.clone()),
        ("NMP_QUARANTINE__API", "off".to_owned()),
        ("NMP_QUARANTINE__DAYS", "10".to_owned()),
    ];
    api.demo = Demo::with(settings);
    switch(&format!("{}/_faults", api.demo.operator_connect), &json!({ "jobSeconds": 0.0 })).await;
    let period = "SELECT (free_at - released_at) / 86400000000 FROM quarantine";
    assert_eq!(numbers(&api.db, period).await, [10], "each start follows the configuration");
    api.admin = Caller::new(&api.demo.api, &api.demo.issuer, "bss-admin").await;
    let taken = api.admin.put(&path_of("fabrikam", NUMBER), &zoom("fabrikam", NUMBER)).await;
    assert_eq!(taken.status, StatusCode::CREATED, "{taken:?}");
    api
}
