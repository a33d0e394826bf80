use std::fmt::Write as _;

use serde_json::json;

use super::{bytes, lines};
use crate::domain::CustomerRelationship;
use crate::domain::consent::{CommentChange, RelationshipPatch};
use crate::wire::read_relationship_patch;

#[test]
fn a_patch_says_what_changes() {
    let read =
        |relationship| read_relationship_patch(&bytes(&json!({ "customerRelationship": relationship }))).unwrap();
    let patch = |status: Option<&str>, comment| RelationshipPatch { status: status.map(str::to_owned), comment };
    assert_eq!(read(json!({})), patch(None, CommentChange::Keep));
    assert_eq!(read(json!({ "comment": null })), patch(None, CommentChange::Remove));
    assert_eq!(read(json!({ "comment": "" })), patch(None, CommentChange::Remove));
    assert_eq!(
        read(json!({ "status": "AgreementSigned", "comment": "a\nb", "lastModifiedOn": 5 })),
        patch(Some("AgreementSigned"), CommentChange::Set("a\nb".into()))
    );
    for body in [json!({}), json!({ "tenantId": 1, "status": [], "unknown": {} })] {
        assert_eq!(read_relationship_patch(&bytes(&body)).unwrap(), RelationshipPatch::default());
    }
}

#[test]
fn every_problem_of_a_patch_is_told() {
    let mut told = String::new();
    for body in [
        json!({ "customerRelationship": null }),
        json!({ "customerRelationship": "AgreementSigned" }),
        json!({ "customerRelationship": { "status": null, "comment": "x".repeat(1001) } }),
        json!({ "customerRelationship": { "status": " ", "comment": 1 } }),
        json!({ "customerRelationship": { "status": "x".repeat(101) } }),
        json!({ "customerRelationship": { "status": "a\u{1}" } }),
    ] {
        writeln!(told, "{}", lines(read_relationship_patch(&bytes(&body)))).unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_patch_is_applied_to_what_was_there() {
    let before = CustomerRelationship { status: "A".into(), last_modified_on: None, comment: Some("because".into()) };
    let applied =
        |body| read_relationship_patch(&bytes(&json!({ "customerRelationship": body }))).unwrap().applied(&before);
    assert_eq!(applied(json!({})), ("A".into(), Some("because".into())));
    assert_eq!(applied(json!({ "status": "B" })), ("B".into(), None), "a comment belongs to its status");
    assert_eq!(applied(json!({ "comment": null })), ("A".into(), None));
    assert_eq!(applied(json!({ "status": "B", "comment": "so" })), ("B".into(), Some("so".into())));
}
