//! What goes amiss between a program, the people in the portal and the backend: nothing of it is silent, and a program can
//! mend it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::api::{Api, SOON, account, batch, number, path_of};
use crate::harness::caller::Reply;
use crate::harness::database::{execute, numbers, texts};
use crate::harness::visitor::Visitor;
use crate::harness::world::{CONTOSO, FABRIKAM};
use crate::harness::{eventually, on_both_databases};

on_both_databases![over_http:
    a_put_sends_again_what_a_backend_has_otherwise,
    a_mistyped_property_takes_nothing_away,
    the_order_of_lists_is_no_change,
    what_waits_for_a_person_is_told,
    a_deletion_that_the_backend_refuses_can_be_sent_again,
    a_number_that_is_reserved_is_taken_with_a_warning,
    a_label_stays_with_its_tenant,
    what_only_a_program_says_is_in_the_audit,
    an_unknown_address_is_looked_for_again,
    a_slip_in_a_status_is_no_way_around_its_reason,
    what_cannot_be_a_path_is_told,
];

const NUMBER: &str = "+441632960000";
const OC: &str = "teamsOperatorConnect";

fn warning(reply: &Reply) -> &str {
    reply.headers.get("x-nmp-warning").map_or("", |value| value.to_str().unwrap())
}

async fn get(api: &Api, path: &str) -> Reply {
    api.admin.call(Method::GET, path, &[], None).await
}

fn configuration(body: &mut Value) -> &mut Value {
    &mut body["serviceDetails"][OC]["configuration"]
}

/// Plays somebody at the backend.
async fn outside(api: &Api, what: &str, body: Value) {
    let url = format!("{}/{what}", api.demo.operator_connect);
    let reply = reqwest::Client::builder().build().unwrap().post(url).json(&body).send().await.unwrap();
    assert!(reply.status().is_success(), "{reply:?}");
}

/// Has the list of contoso's numbers read, until this is found.
async fn pulled(api: &Api, person: &mut Visitor, wanted: &str) {
    person.post("/connection/pull", &[("kind", "numbers"), ("tenant", CONTOSO)]).await;
    eventually("the list was read", SOON, async || (numbers(&api.db, wanted).await != [0]).then_some(())).await;
}

async fn a_put_sends_again_what_a_backend_has_otherwise(api: Api) -> Api {
    api.account("contoso", &[OC]).await;
    let body = number("contoso", NUMBER, OC);
    let path = path_of("contoso", NUMBER);
    assert_eq!(api.admin.put(&path, &body).await.status, StatusCode::CREATED);
    api.settled(&path).await;
    assert_eq!(warning(&get(&api, &path).await), "");
    let mut person = Visitor::sign_in(&api.demo.portal, "admin").await;
    let usage = |held: &Value| held[NUMBER]["settings"]["usage"].as_str().unwrap_or_default().to_owned();
    for put in ["alone", "in a batch"] {
        let other = json!({ "usage": "ConferenceAssignment", "choosableCapabilities": ["InboundCalling"] });
        outside(&api, "_change", json!({ "tenant": CONTOSO, "number": NUMBER, "settings": other })).await;
        pulled(&api, &mut person, "SELECT COUNT(*) FROM drift WHERE kind = 'different'").await;
        let told = get(&api, &path).await;
        assert!(warning(&told).contains("other settings"), "{put}: {told:?}");
        let before = numbers(&api.db, "SELECT COUNT(*) FROM orders").await[0];
        let sent = if put == "alone" {
            api.admin.put(&path, &body).await
        } else {
            api.admin.post("/accounts/contoso:createOrUpdateNumbers", &batch(std::slice::from_ref(&body))).await
        };
        assert_eq!(sent.status, StatusCode::OK, "{put}: {sent:?}");
        assert_eq!(api.settled(&path).await["serviceProvisioningStatus"], "synced");
        eventually("it is as it was asked for", SOON, async || {
            (usage(&api.held().await) == "CallingUserAssignment").then_some(())
        })
        .await;
        assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM orders").await[0], before + 1);
        let audited = texts(&api.db, "SELECT after FROM audit WHERE action = 'order.submit' ORDER BY seq").await;
        let last: Value = serde_json::from_str(audited.last().unwrap()).unwrap();
        assert_eq!(last["atBackend"]["heldOtherwise"], 1, "{put}: {last}");
        // As it is now, it is not sent once more.
        assert_eq!(api.admin.put(&path, &body).await.status, StatusCode::OK);
        assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM orders").await[0], before + 1);
        assert_eq!(warning(&get(&api, &path).await), "");
    }
    api
}

async fn a_mistyped_property_takes_nothing_away(api: Api) -> Api {
    api.account("contoso", &[OC]).await;
    let path = path_of("contoso", NUMBER);
    let body = number("contoso", NUMBER, OC);
    assert_eq!(api.admin.put(&path, &body).await.status, StatusCode::CREATED);
    api.quiet().await;
    let before = api.stored().await;
    let refused = async |path: &str, body: &Value, (given, meant): (&str, &str)| {
        let reply = api.admin.put(path, body).await;
        let error = &reply.json()["error"];
        assert_eq!(error["code"], "UnknownProperty", "{reply:?}");
        assert!(error["target"].as_str().unwrap().ends_with(given), "{reply:?}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(given) && message.contains(meant), "{reply:?}");
    };
    for given in ["TeamsOperatorConnect", "teamsoperatorconnect", "teams_operator_connect", "teamsOperatorConect"] {
        let mut slip = body.clone();
        let details = slip["serviceDetails"].as_object_mut().unwrap();
        let service = details.remove(OC).unwrap();
        details.insert(given.to_owned(), service);
        refused(&path, &slip, (given, OC)).await;
    }
    for (given, meant) in [("civicaddressid", "civicAddressId"), ("locationID", "locationId")] {
        let mut slip = body.clone();
        configuration(&mut slip)[given] = json!("a1");
        refused(&path, &slip, (given, meant)).await;
    }
    let mut slip = body.clone();
    slip["Configuration"] = json!({ "customSipHeader": "a" });
    refused(&path, &slip, ("Configuration", "configuration")).await;
    let mut slip = account("contoso", &[OC]);
    slip["correlationid"] = json!("x");
    refused("/accounts/contoso", &slip, ("correlationid", "correlationId")).await;
    assert_eq!(api.stored().await, before, "nothing was changed");
    // What is like nothing that is known is ignored, and so is what is null or stands there rightly as well.
    let mut more = body.clone();
    configuration(&mut more)["somethingToCome"] = json!(1);
    configuration(&mut more)["civicaddressid"] = json!(null);
    more["serviceDetails"]["TeamsOperatorConnect"] = json!({ "enabled": false });
    assert_eq!(api.admin.put(&path, &more).await.status, StatusCode::OK);
    assert_eq!(api.stored().await, before);
    api
}

async fn the_order_of_lists_is_no_change(api: Api) -> Api {
    api.account("contoso", &[OC]).await;
    let path = path_of("contoso", NUMBER);
    let desired = |reply: &Reply| reply.header("etag").split('.').next().unwrap().to_owned();
    let with = |list: [&str; 2]| {
        let mut body = number("contoso", NUMBER, OC);
        configuration(&mut body)["choosableCapabilities"] = json!(list);
        let off = json!({ "usage": "CallingUserAssignment", "choosableCapabilities": list });
        body["serviceDetails"]["teamsPhoneMobile"] = json!({ "enabled": false, "configuration": off });
        body
    };
    let alone = |list: [&str; 2]| {
        let mut body = with(list);
        body["serviceDetails"].as_object_mut().unwrap().remove("teamsPhoneMobile");
        body
    };
    let (forth, back) = (["InboundCalling", "OutboundCalling"], ["OutboundCalling", "InboundCalling"]);
    for [one, other] in [[alone(forth), alone(back)], [with(forth), with(back)]] {
        let first = api.admin.put(&path, &one).await;
        assert!(first.status.is_success(), "{first:?}");
        let second = api.admin.put(&path, &other).await;
        assert_eq!(desired(&first), desired(&second), "an order of lists is no change");
        assert_eq!(first.header("last-modified"), second.header("last-modified"));
        let held = [("If-Match", first.header("etag"))];
        assert_eq!(api.admin.call(Method::PUT, &path, &held, Some(&one)).await.status, StatusCode::OK);
    }
    api.quiet().await;
    api
}

async fn what_waits_for_a_person_is_told(api: Api) -> Api {
    let mut off = account("contoso", &[OC]);
    off["serviceDetails"][OC]["syncEnabled"] = json!(false);
    assert!(api.admin.put("/accounts/contoso", &off).await.status.is_success());
    let all: Vec<String> = (100..130).map(|n| format!("+441632960{n}")).collect();
    let items: Vec<Value> = all.iter().map(|text| number("contoso", text, OC)).collect();
    api.upload("contoso", &items).await;
    let other = json!({ "usage": "ConferenceAssignment", "choosableCapabilities": ["InboundCalling"] });
    outside(&api, "_hold", json!({ "tenant": CONTOSO, "number": all[0], "count": 30, "settings": other })).await;
    api.account("contoso", &[OC]).await;
    eventually("the changes are held", SOON, async || {
        let held = "SELECT COUNT(*) FROM reconciles WHERE state = 'held'";
        (numbers(&api.db, held).await == [1]).then_some(())
    })
    .await;
    let told = get(&api, "/accounts/contoso").await;
    assert!(warning(&told).starts_with("30 changes are not sent"), "{told:?}");
    let path = path_of("contoso", &all[0]);
    let told = get(&api, &path).await;
    assert!(warning(&told).contains("before a person confirms"), "{told:?}");
    assert_eq!(api.admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    let refused = api.admin.put(&path, &items[0]).await;
    assert_eq!(refused.error(), (409, "NumberReleaseHeld".to_owned()), "{refused:?}");
    assert_eq!(refused.headers.get("retry-after"), None, "it does not pass by itself");
    // Who deletes the account has decided: everything goes, and nobody is asked.
    let gone = api.admin.delete("/accounts/contoso?deleteNumbers=true").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    eventually("the account is gone", SOON, async || {
        (numbers(&api.db, "SELECT COUNT(*) FROM accounts").await == [0]).then_some(())
    })
    .await;
    assert_eq!(api.held().await.as_object().map_or(0, serde_json::Map::len), 0, "the backend has let go of them");
    api
}

async fn a_deletion_that_the_backend_refuses_can_be_sent_again(api: Api) -> Api {
    api.account("contoso", &[OC]).await;
    let path = path_of("contoso", NUMBER);
    assert_eq!(api.admin.put(&path, &number("contoso", NUMBER, OC)).await.status, StatusCode::CREATED);
    api.settled(&path).await;
    api.backend(json!({ "rejectNumbers": [NUMBER] })).await;
    let delete = "/accounts/contoso?deleteNumbers=true";
    assert_eq!(api.admin.delete(delete).await.status, StatusCode::NO_CONTENT);
    let anew = account("contoso", &[OC]);
    let refused = eventually("the backend has refused it", SOON, async || {
        let reply = api.admin.put("/accounts/contoso", &anew).await;
        (reply.headers.get("retry-after").is_none()).then_some(reply)
    })
    .await;
    assert_eq!(refused.error(), (409, "Conflict".to_owned()), "{refused:?}");
    assert!(refused.text.contains(NUMBER) && refused.text.contains("deleteNumbers=true"), "{refused:?}");
    api.backend(json!({ "rejectNumbers": [] })).await;
    assert_eq!(api.admin.delete(delete).await.status, StatusCode::NO_CONTENT);
    eventually("the account can be made anew", SOON, async || {
        (api.admin.put("/accounts/contoso", &anew).await.status == StatusCode::CREATED).then_some(())
    })
    .await;
    api
}

async fn a_number_that_is_reserved_is_taken_with_a_warning(api: Api) -> Api {
    api.account("contoso", &["zoomPhoneCloudPeering"]).await;
    for (id, account, first) in [(1, "fabrikam", 441_632_960_000_i64), (2, "contoso", 441_632_960_010)] {
        let until = "9000000000000000";
        execute(&api.db, &format!("INSERT INTO reservations VALUES ({id}, '{account}', 'Wendy', 'w', 2, 1, {until})"))
            .await;
        execute(&api.db, &format!("INSERT INTO reserved VALUES ({first}, {}, {id}, {until})", first + 1)).await;
    }
    let put = async |text: &str| {
        let body = number("contoso", text, "zoomPhoneCloudPeering");
        api.admin.put(&path_of("contoso", text), &body).await
    };
    let of_others = put(NUMBER).await;
    assert_eq!(of_others.status, StatusCode::CREATED);
    assert!(
        warning(&of_others).starts_with("1 number was reserved in the portal for account fabrikam"),
        "{of_others:?}"
    );
    assert_eq!(warning(&put("+441632960010").await), "", "it was reserved for this account");
    assert_eq!(warning(&put("+441632960020").await), "");
    put("+441632960011").await;
    let left = texts(&api.db, "SELECT account FROM reservations").await;
    assert_eq!(left, ["fabrikam"], "what is used up is reserved no more");
    api
}

async fn a_label_stays_with_its_tenant(api: Api) -> Api {
    api.account("contoso", &["teamsDirectRouting"]).await;
    let with = |tenant: &str, label: &str| {
        let mut body = account("contoso", &["teamsDirectRouting"]);
        body["serviceDetails"]["teamsTenantId"] = json!(tenant);
        body["serviceDetails"]["teamsDirectRouting"]["configuration"]["subdomain"] = json!(label);
        body
    };
    let had = account("contoso", &["teamsDirectRouting"]);
    let had = had["serviceDetails"]["teamsDirectRouting"]["configuration"]["subdomain"].as_str().unwrap();
    let put = async |body: Value| api.admin.put("/accounts/contoso", &body).await;
    execute(
        &api.db,
        &format!(
            "INSERT INTO hand_over_steps (account_id, label, step, done_on, ticked_by, ticked_at) \
             SELECT id, '{had}', 'namesSent', '2026-01-01', 'Alex', 1 FROM accounts WHERE name = 'contoso'"
        ),
    )
    .await;
    let kept = put(with(FABRIKAM, had)).await;
    assert_eq!(kept.error(), (409, "SubdomainReserved".to_owned()), "{kept:?}");
    assert_eq!(put(with(FABRIKAM, "another")).await.status, StatusCode::OK);
    assert_eq!(numbers(&api.db, "SELECT COUNT(*) FROM hand_over_steps").await, [0], "nothing was ticked for this one");
    assert_eq!(
        put(with(FABRIKAM, had)).await.error(),
        (409, "SubdomainReserved".to_owned()),
        "it is the other's still"
    );
    // The former tenant has it back.
    assert_eq!(put(with(CONTOSO, had)).await.status, StatusCode::OK);
    // An account that is made anew under the name, too, is the other's.
    assert_eq!(api.admin.delete("/accounts/contoso").await.status, StatusCode::NO_CONTENT);
    let anew = put(with(FABRIKAM, had)).await;
    assert_eq!(anew.error(), (409, "SubdomainReserved".to_owned()), "{anew:?}");
    assert!(anew.text.contains("another tenant"), "{anew:?}");
    assert_eq!(put(with(CONTOSO, had)).await.status, StatusCode::CREATED);
    api
}

async fn what_only_a_program_says_is_in_the_audit(api: Api) -> Api {
    api.account("contoso", &["zoomPhoneCloudPeering", OC]).await;
    let path = path_of("contoso", NUMBER);
    let mut body = number("contoso", NUMBER, "zoomPhoneCloudPeering");
    assert_eq!(api.admin.put(&path, &body).await.status, StatusCode::CREATED);
    body["serviceDetails"][OC] = json!({ "enabled": false });
    assert_eq!(api.admin.put(&path, &body).await.status, StatusCode::OK);
    let rows = "SELECT after FROM audit WHERE action = 'numbers.disabled_services'";
    let said = texts(&api.db, rows).await;
    assert!(said.len() == 1 && said[0].contains(NUMBER), "{said:?}");
    assert_eq!(api.admin.put(&path, &body).await.status, StatusCode::OK);
    assert_eq!(texts(&api.db, rows).await.len(), 1, "nothing changed");
    let mut off = account("contoso", &["zoomPhoneCloudPeering", OC]);
    off["serviceDetails"]["teamsPhoneMobile"] = json!({ "enabled": false, "syncEnabled": false });
    assert_eq!(api.admin.put("/accounts/contoso", &off).await.status, StatusCode::OK);
    let updates = texts(&api.db, "SELECT after FROM audit WHERE action = 'account.update'").await;
    assert!(updates.len() == 1 && updates[0].contains("disabledServices"), "{updates:?}");
    api
}

async fn an_unknown_address_is_looked_for_again(api: Api) -> Api {
    api.account("contoso", &[OC]).await;
    api.know_tenants().await;
    let mut body = number("contoso", NUMBER, OC);
    configuration(&mut body)["civicAddressId"] = json!("3f0c3d6e-0000-4c1d-9e21-7a4b8c2d9f10");
    // An address that nothing is known of yet would be taken, and then stand.
    let known = format!(
        "SELECT COUNT(*) FROM work WHERE kind = 'civic-addresses' AND key = '{CONTOSO}' AND last_ok_at IS NOT NULL"
    );
    eventually("the addresses are known", SOON, async || (numbers(&api.db, &known).await == [1]).then_some(())).await;
    // However soon after the addresses were read: what is asked for is not forgotten.
    let wished = format!(
        "SELECT COUNT(*) FROM work WHERE kind = 'civic-addresses' AND key = '{CONTOSO}' AND next_at <= last_ok_at + 61000000"
    );
    eventually("the addresses are read again within a minute", SOON, async || {
        let reply = api.admin.put(&path_of("contoso", NUMBER), &body).await;
        let is_refused = reply.text.contains("AddressNotOfTenant");
        (is_refused && numbers(&api.db, &wished).await == [1]).then_some(())
    })
    .await;
    api
}

async fn a_slip_in_a_status_is_no_way_around_its_reason(api: Api) -> Api {
    api.know_tenants().await;
    let path = format!("/teamsRequestsForInformation/{CONTOSO}");
    let patch = async |relationship: Value| {
        let body = json!({ "customerRelationship": relationship });
        api.admin.call(Method::PATCH, &path, &[], Some(&body)).await
    };
    for status in ["consentdeclined", "ConsentDeclined", "ContractTerminatd"] {
        assert_eq!(patch(json!({ "status": status })).await.error(), (400, "MissingProperty".to_owned()), "{status}");
    }
    let taken = patch(json!({ "status": "agreementSigned" })).await;
    assert_eq!(taken.status, StatusCode::OK, "{taken:?}");
    assert_eq!(warning(&taken), "\"agreementSigned\" is no known status; the nearest is AgreementSigned");
    assert_eq!(warning(&patch(json!({ "status": "AgreementSigned" })).await), "");
    assert_eq!(patch(json!({ "comments": "x" })).await.error(), (400, "UnknownProperty".to_owned()));
    api.settled(&path).await;
    api
}

async fn what_cannot_be_a_path_is_told(api: Api) -> Api {
    for path in [
        "/accounts/%FF",
        "/accounts/a%00b",
        "/accounts/contoso/numbers/%FF",
        "/accounts/contoso/numbers/00441632960000",
    ] {
        assert_eq!(get(&api, path).await.error(), (400, "InvalidPathParameter".to_owned()), "{path}");
    }
    api
}
