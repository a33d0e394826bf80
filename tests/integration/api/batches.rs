//! Many numbers in one request: all are taken or none, and each has its own outcome afterwards.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::api::{Api, SOON, account, batch, details, identifiers, number, path_of};
use crate::harness::{eventually, on_both_databases};

const CREATE: &str = "/accounts/contoso:createOrUpdateNumbers";
const DELETE: &str = "/accounts/contoso:deleteNumbers";

fn zoom(last: u32) -> Value {
    number("contoso", &format!("+44163296{last:04}"), "zoomPhoneCloudPeering")
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(code, target)| ((*code).to_owned(), (*target).to_owned())).collect()
}

async fn a_batch_with_one_bad_number_changes_nothing(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect", "zoomPhoneCloudPeering"]).await;
    api.account("fabrikam", &["zoomPhoneCloudPeering"]).await;
    api.upload("fabrikam", &[number("fabrikam", "+12125550123", "zoomPhoneCloudPeering")]).await;
    api.upload("contoso", &[zoom(0)]).await;
    let before = api.stored().await;

    let mut changed = zoom(0);
    changed["configuration"] = json!({ "customSipHeader": "changed" });
    let mut two_services = number("contoso", "+441632960003", "teamsOperatorConnect");
    two_services["serviceDetails"]["teamsDirectRouting"] = json!({ "enabled": true });
    let mut no_account = zoom(4);
    no_account.as_object_mut().unwrap().remove("accountName");
    let mut header = zoom(5);
    header["configuration"] = json!({ "customSipHeader": "not allowed" });
    let bad = [
        changed.clone(),
        number("contoso", "0163 296", "zoomPhoneCloudPeering"),
        number("fabrikam", "+441632960002", "zoomPhoneCloudPeering"),
        two_services,
        no_account,
        header,
        zoom(5),
        json!(7),
        json!({
            "telephoneNumber": "+441632960008",
            "accountName": "contoso",
            "serviceDetails": { "zoomPhoneCloudPeering": { "enabled": "yes" } },
        }),
    ];
    let refused = api.admin.post(CREATE, &batch(&bad)).await;
    assert_eq!(refused.error(), (400, "InvalidRequest".to_owned()));
    let mut told = details(&refused);
    told.sort_by(|a, b| a.1.cmp(&b.1));
    let expected = [
        ("InvalidValue", "numbers[1].telephoneNumber"),
        ("NameMismatch", "numbers[2].accountName"),
        ("ConflictingServices", "numbers[3].serviceDetails.teamsDirectRouting"),
        ("ServiceNotEnabled", "numbers[3].serviceDetails.teamsDirectRouting.enabled"),
        ("MissingProperty", "numbers[4].accountName"),
        ("InvalidValue", "numbers[5].configuration.customSipHeader"),
        ("DuplicateNumber", "numbers[6].telephoneNumber"),
        ("WrongType", "numbers[7]"),
        ("WrongType", "numbers[8].serviceDetails.zoomPhoneCloudPeering.enabled"),
    ];
    assert_eq!(told, pairs(&expected));

    // Services that the account has not, and numbers of others: after reading, before anything is done.
    let phone_mobile = number("contoso", "+441632960003", "teamsPhoneMobile");
    let call_protection = number("contoso", "+441632960004", "azureOperatorCallProtection");
    let refused = api.admin.post(CREATE, &batch(&[changed.clone(), phone_mobile.clone(), call_protection])).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    let expected = [
        ("ServiceNotEnabled", "numbers[1].serviceDetails.teamsPhoneMobile.enabled"),
        ("ServiceNotEnabled", "numbers[2].serviceDetails.azureOperatorCallProtection.enabled"),
    ];
    assert_eq!(details(&refused), pairs(&expected));
    let taken = number("contoso", "+12125550123", "zoomPhoneCloudPeering");
    let conflict = pairs(&[("NumberOnOtherAccount", "numbers[1].telephoneNumber")]);
    for (client, told) in [("bss-admin", true), ("bss-write", false)] {
        let caller = api.caller(client).await;
        let refused = caller.post(CREATE, &batch(&[changed.clone(), taken.clone()])).await;
        assert_eq!((refused.status, details(&refused)), (StatusCode::CONFLICT, conflict.clone()), "{refused:?}");
        assert_eq!(refused.text.contains("fabrikam"), told, "{client}: {refused:?}");
        let refused = caller.put(&path_of("contoso", "+12125550123"), &taken).await;
        assert_eq!(refused.error(), (409, "NumberOnOtherAccount".to_owned()));
        assert_eq!(refused.text.contains("fabrikam"), told, "{client}: {refused:?}");
    }
    let refused = api.admin.put(&path_of("contoso", "+441632960003"), &phone_mobile).await;
    assert_eq!(refused.error(), (400, "ServiceNotEnabled".to_owned()));
    assert_eq!(refused.json()["error"]["target"], "serviceDetails.teamsPhoneMobile.enabled");

    // None, too many, the same twice.
    let many: Vec<Value> = (0..101).map(zoom).collect();
    let lots: Vec<String> = (0..101).map(|last| format!("+44163296{last:04}")).collect();
    let lots: Vec<&str> = lots.iter().map(String::as_str).collect();
    for (path, body, code) in [
        (CREATE, batch(&[]), "TooFewItems"),
        (CREATE, batch(&many), "TooManyItems"),
        (CREATE, batch(&[zoom(1), zoom(2), zoom(1)]), "DuplicateNumber"),
        (DELETE, batch(&[]), "TooFewItems"),
        (DELETE, identifiers(&lots), "TooManyItems"),
        (DELETE, identifiers(&["+441632960000", "+441632960000"]), "DuplicateNumber"),
        (CREATE, json!({}), "MissingProperty"),
        (DELETE, json!({ "numbers": null }), "MissingProperty"),
    ] {
        assert_eq!(api.admin.post(path, &body).await.error(), (400, code.to_owned()), "{path} {body}");
    }
    for (path, body) in [
        (
            "/accounts/absent:createOrUpdateNumbers",
            batch(&[number("absent", "+441632960001", "zoomPhoneCloudPeering")]),
        ),
        ("/accounts/absent:deleteNumbers", identifiers(&["+441632960000"])),
    ] {
        assert_eq!(api.admin.post(path, &body).await.error(), (404, "NotFound".to_owned()), "{path}");
    }
    assert_eq!(api.stored().await, before);
    // Numbers that are not there are as good as deleted; those of others stay.
    let gone = api.admin.post(DELETE, &identifiers(&["+441632969999", "+12125550123"])).await;
    assert_eq!((gone.status, gone.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(api.stored().await, before);

    // A hundred at once, in the order in which they were sent.
    let many: Vec<Value> = (0..100).rev().map(zoom).collect();
    let answer = api.upload("contoso", &many).await;
    let order = |list: &[Value]| list.iter().map(|one| one["telephoneNumber"].clone()).collect::<Vec<_>>();
    assert_eq!(order(answer["numbers"].as_array().unwrap()), order(&many));
    api.counts_are_right("contoso").await;
    assert_eq!(api.admin.post(DELETE, &identifiers(&lots[..100])).await.status, StatusCode::NO_CONTENT);
    api.counts_are_right("contoso").await;
    assert_eq!(api.admin.read("/accounts/contoso/numbers").await["value"], json!([]));
    api
}

async fn each_number_has_its_own_outcome(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect", "teamsDirectRouting", "zoomPhoneCloudPeering"]).await;
    let refused = ["+441632960003", "+441632960007"];
    api.backend(json!({ "rejectNumbers": refused })).await;
    let numbers: Vec<String> = (0..10).map(|last| format!("+44163296000{last}")).collect();
    let items: Vec<Value> = numbers.iter().map(|one| number("contoso", one, "teamsOperatorConnect")).collect();
    let answer = api.upload("contoso", &items).await;
    for item in answer["numbers"].as_array().unwrap() {
        assert_eq!(item["serviceProvisioningStatus"], "pending", "{item}");
    }
    api.counts_are_right("contoso").await;
    api.quiet().await;
    for one in &numbers {
        let number = api.admin.read(&path_of("contoso", one)).await;
        let bad = refused.contains(&one.as_str());
        assert_eq!(number["serviceProvisioningStatus"], if bad { "failed" } else { "synced" }, "{number}");
        assert_eq!(number["serviceProvisioningErrors"].as_array().unwrap().len(), usize::from(bad), "{number}");
    }
    api.counts_are_right("contoso").await;
    // The same again tries the failed ones once more, and leaves the others alone.
    api.backend(json!({ "rejectNumbers": null })).await;
    api.upload("contoso", &items).await;
    api.quiet().await;
    let held = api.held().await;
    for one in &numbers {
        assert_eq!(api.admin.read(&path_of("contoso", one)).await["serviceProvisioningStatus"], "synced");
        assert_eq!(held[one]["changes"], 1, "{held}");
    }

    // Numbers that leave Operator Connect are given up there, and stay here.
    let path = path_of("contoso", &numbers[0]);
    for (place, service) in ["teamsDirectRouting", "zoomPhoneCloudPeering"].into_iter().enumerate() {
        let path = path_of("contoso", &numbers[place]);
        let moved = api.admin.put(&path, &number("contoso", &numbers[place], service)).await;
        assert_eq!(moved.status, StatusCode::OK, "{moved:?}");
        api.counts_are_right("contoso").await;
        assert_eq!(api.settled(&path).await["serviceProvisioningStatus"], "synced");
        eventually("the backend has given the number up", SOON, async || {
            api.held().await.get(&numbers[place]).is_none().then_some(())
        })
        .await;
    }
    // And come back.
    let back = api.admin.put(&path, &number("contoso", &numbers[0], "teamsOperatorConnect")).await;
    assert_eq!(back.json()["serviceProvisioningStatus"], "pending", "{back:?}");
    assert_eq!(api.settled(&path).await["serviceProvisioningStatus"], "synced");
    assert!(api.held().await.get(&numbers[0]).is_some());
    api.counts_are_right("contoso").await;
    api
}

/// Whoever has deleted every number may delete the account, though the backend has not heard of it yet.
async fn an_account_without_numbers_can_be_deleted_at_once(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect"]).await;
    let numbers = ["+441632960000", "+441632960001"];
    let items = numbers.map(|one| number("contoso", one, "teamsOperatorConnect"));
    api.upload("contoso", &items).await;
    api.quiet().await;
    api.backend(json!({ "down": true })).await;
    assert_eq!(api.admin.post(DELETE, &identifiers(&numbers)).await.status, StatusCode::NO_CONTENT);
    let shown = api.admin.read("/accounts/contoso").await;
    assert_eq!(shown["serviceDetails"]["teamsOperatorConnect"]["numberCount"], 0, "{shown}");
    assert_eq!(api.admin.read("/accounts").await["value"][0], shown);
    // The service is needed until the backend has let go.
    let refused = api.admin.put("/accounts/contoso", &account("contoso", &[])).await;
    assert_eq!(refused.error(), (409, "ServiceInUse".to_owned()));
    assert_eq!(api.admin.delete("/accounts/contoso").await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.admin.call(Method::GET, "/accounts/contoso", &[], None).await.error(), (404, "NotFound".to_owned()));
    api.backend(json!({ "down": false })).await;
    let accounts = "SELECT COUNT(*) FROM accounts";
    eventually("the account is gone", 2 * SOON, async || {
        (crate::harness::database::numbers(&api.db, accounts).await == [0]).then_some(())
    })
    .await;
    let held = api.held().await;
    assert!(numbers.iter().all(|one| held.get(one).is_none()), "{held}");
    api
}

async fn what_is_being_released_is_gone_to_programs_at_once(api: Api) -> Api {
    api.account("contoso", &["teamsOperatorConnect"]).await;
    api.account("fabrikam", &["teamsOperatorConnect"]).await;
    let numbers: Vec<String> = (0..10).map(|last| format!("+44163296000{last}")).collect();
    let items: Vec<Value> = numbers.iter().map(|one| number("contoso", one, "teamsOperatorConnect")).collect();
    api.upload("contoso", &items).await;
    api.quiet().await;
    api.backend(json!({ "down": true })).await;
    let path = path_of("contoso", &numbers[0]);
    assert_eq!(api.admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.admin.delete(&path).await.status, StatusCode::NO_CONTENT, "gone already");
    assert_eq!(api.admin.call(Method::GET, &path, &[], None).await.error(), (404, "NotFound".to_owned()));
    let listed = api.admin.call(Method::GET, "/accounts/contoso/numbers?countRecords=true", &[], None).await;
    assert_eq!((listed.json()["value"].as_array().unwrap().len(), listed.header("x-ms-record-count")), (9, "9"));
    api.counts_are_right("contoso").await;
    for account in ["contoso", "fabrikam"] {
        let again = number(account, &numbers[0], "teamsOperatorConnect");
        let refused = api.admin.put(&path_of(account, &numbers[0]), &again).await;
        assert_eq!(refused.error(), (409, "NumberReleasing".to_owned()), "{account}");
        let refused = api.admin.post(&format!("/accounts/{account}:createOrUpdateNumbers"), &batch(&[again])).await;
        assert_eq!(details(&refused), pairs(&[("NumberReleasing", "numbers[0].telephoneNumber")]), "{account}");
    }
    // The account goes only with its numbers, and then at once.
    let refused = api.admin.delete("/accounts/contoso").await;
    assert_eq!(refused.error(), (409, "Conflict".to_owned()));
    assert!(refused.text.contains("deleteNumbers=true"), "{refused:?}");
    assert_eq!(api.admin.delete("/accounts/contoso?deleteNumbers=false").await.status, StatusCode::CONFLICT);
    assert_eq!(api.admin.delete("/accounts/contoso?deleteNumbers=true").await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.admin.delete("/accounts/contoso?deleteNumbers=true").await.status, StatusCode::NO_CONTENT);
    for path in ["/accounts/contoso", "/accounts/contoso/numbers", path_of("contoso", &numbers[1]).as_str()] {
        assert_eq!(api.admin.call(Method::GET, path, &[], None).await.error(), (404, "NotFound".to_owned()), "{path}");
    }
    assert_eq!(api.admin.read("/numbers").await["value"], json!([]));
    let names = api.admin.read("/accounts").await;
    assert_eq!(names["value"].as_array().unwrap().len(), 1, "{names}");
    let early = api.admin.put("/accounts/contoso", &account("contoso", &[])).await;
    assert_eq!(early.error(), (409, "Conflict".to_owned()), "it is still going");
    let early = api.admin.post(CREATE, &batch(&[zoom(1)])).await;
    assert!([404, 409].contains(&early.status.as_u16()), "{early:?}");
    // In the end all is released, and the name is free.
    api.backend(json!({ "down": false })).await;
    eventually("the name is free", 2 * SOON, async || {
        let put = api.admin.put("/accounts/contoso", &account("contoso", &["teamsOperatorConnect"])).await;
        (put.status == StatusCode::CREATED).then_some(())
    })
    .await;
    assert_eq!(
        api.held().await.as_object().map_or(0, |held| held.keys().filter(|one| numbers.contains(one)).count()),
        0
    );
    api.counts_are_right("contoso").await;
    api
}

on_both_databases!(over_http:
    a_batch_with_one_bad_number_changes_nothing,
    each_number_has_its_own_outcome,
    an_account_without_numbers_can_be_deleted_at_once,
    what_is_being_released_is_gone_to_programs_at_once,
);
