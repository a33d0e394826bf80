//! A page of a list.

use schemars::JsonSchema;
use serde::Serialize;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Paged{T}")]
pub struct List<T> {
    /// What is on the page, in the order of keys.
    pub value: Vec<T>,
    /// Where the next page is; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri"))]
    pub next_link: Option<String>,
}
