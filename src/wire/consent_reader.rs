//! Reading a merge patch (RFC 7396) of a request for information: only the relationship can be changed.

use super::InputProblem;
use super::reader::{self, Node};
use crate::domain::consent::{CommentChange, MAX_COMMENT, RelationshipPatch};

/// The most characters of a relationship status.
pub const STATUS_MOST: usize = 100;

/// Reads a merge patch.
///
/// # Errors
/// Every problem of the body.
pub fn read_relationship_patch(body: &[u8]) -> Result<RelationshipPatch, Vec<InputProblem>> {
    reader::body(body, |body| {
        let keeps = "A relationship status can be changed and not removed. Send the new one, or leave it out.";
        if body.has_null("customerRelationship") {
            body.refuse("customerRelationship", "invalid_value", keeps);
        }
        body.spelt_right(&["customerRelationship"], &[]);
        let Some(relationship) = body.optional("customerRelationship").and_then(Node::object) else {
            return RelationshipPatch::default();
        };
        relationship.spelt_right(&["status", "comment"], &[]);
        if relationship.has_null("status") {
            relationship.refuse("status", "invalid_value", keeps);
        }
        let status = relationship.optional("status").and_then(|node| status(&node));
        let comment = match relationship.optional("comment") {
            None if relationship.has_null("comment") => CommentChange::Remove,
            None => CommentChange::Keep,
            Some(node) => match node.text_up_to(MAX_COMMENT) {
                None | Some("") => CommentChange::Remove,
                Some(comment) => CommentChange::Set(comment.to_owned()),
            },
        };
        RelationshipPatch { status, comment }
    })
}

fn status(node: &Node<'_>) -> Option<String> {
    let text = node.text_up_to(STATUS_MOST)?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        let message = "A relationship status is a word such as AgreementSigned, without control characters.";
        node.refuse("invalid_value", message);
        return None;
    }
    Some(text.to_owned())
}
