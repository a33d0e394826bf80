//! The customer relationship by API: a reason where one is needed, and a comment that belongs to its status.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::on_both_databases;
use crate::harness::world::CONTOSO;

on_both_databases!(over_http: a_comment_belongs_to_the_status_that_it_was_given_with,);

async fn a_comment_belongs_to_the_status_that_it_was_given_with(api: Api) -> Api {
    api.know_tenants().await;
    let path = format!("/teamsRequestsForInformation/{CONTOSO}");
    let patch = async |relationship: Value| {
        let body = json!({ "customerRelationship": relationship });
        api.admin.call(Method::PATCH, &path, &[], Some(&body)).await
    };
    for comment in [json!({}), json!({ "comment": " " }), json!({ "comment": null })] {
        let mut relationship = comment;
        relationship["status"] = json!("ContractTerminated");
        let refused = patch(relationship).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        let error = &refused.json()["error"];
        assert_eq!(
            (&error["code"], &error["target"]),
            (&json!("MissingProperty"), &json!("customerRelationship.comment"))
        );
    }
    let terminated = patch(json!({ "status": "ContractTerminated", "comment": "moved away" })).await;
    assert_eq!(terminated.status, StatusCode::OK, "{terminated:?}");
    let taken_away = patch(json!({ "comment": null })).await;
    assert_eq!(taken_away.status, StatusCode::BAD_REQUEST, "the status still needs it: {taken_away:?}");
    assert_eq!(patch(json!({})).await.json()["customerRelationship"]["comment"], "moved away", "nothing was said");

    let signed = patch(json!({ "status": "AgreementSigned" })).await;
    assert_eq!(signed.status, StatusCode::OK, "{signed:?}");
    assert_eq!(signed.json()["customerRelationship"].get("comment").cloned().unwrap_or_default(), Value::Null);
    let settled = api.settled(&path).await;
    assert_eq!(settled["customerRelationship"].get("comment").cloned().unwrap_or_default(), Value::Null);
    api
}
