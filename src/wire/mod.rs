//! The Provisioning API's resources as JSON: reading what a client sends, writing what it gets.
//!
//! Pure: bytes and the domain's values in, the domain's values and serialisable resources out. Readers report every
//! problem of a body at once. What is read only in the contract is never looked at in a body, so that a resource that was
//! fetched can be sent back unchanged; properties that the contract does not know are ignored, unless
//! one most likely is an optional one that is left out, mistyped.

mod account;
mod account_reader;
mod call_path;
mod civic_address;
mod consent;
mod consent_reader;
mod direct_routing;
mod error;
mod etag;
mod json;
mod list;
mod number;
mod number_reader;
mod page_reader;
mod plans;
mod reader;
mod schema;
mod shown;
mod status;
#[cfg(test)]
mod tests;

pub use account::AccountResource;
pub use account_reader::read_account;
pub use call_path::{CallPathForm, CallPathNumber, CallPathNumbers};
pub use civic_address::TeamsCivicAddressResource;
pub use consent::{RequestForInformationResource, relationship_body};
pub use consent_reader::read_relationship_patch;
pub use error::{ErrorResponse, contract_code};
pub use etag::{Resource, Written};
pub use list::List;
pub use number::{BatchNumbers, NumberResource, TaggedNumber};
pub use number_reader::{BATCH_MOST, read_number, read_number_identifiers, read_numbers, read_numbers_to_delete};
pub use page_reader::{ListedPage, NumberPages, read_account_page};
pub use plans::{TeamsAvailableCapabilities, TeamsCapabilityPlans};
pub use reader::{PROBLEMS_MOST, Read};
pub use schema::{
    BatchNumbersDelete, NumberIdentifier, NumberIdentifiers, RequestForInformationResourceCreateOrUpdate, generator,
};

/// The version of the contract that examples and commands name.
pub const VERSION: &str = "2024-02-29-preview";

/// The names of the services, and more.
fn service_names(more: &[&'static str]) -> Vec<&'static str> {
    crate::domain::Service::ALL
        .into_iter()
        .map(crate::domain::Service::contract_name)
        .chain(more.iter().copied())
        .collect()
}

/// One thing that is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// Stable name in snake case, such as `missing_property`.
    pub code: &'static str,
    /// The property it is about, such as `numbers[3].telephoneNumber`; empty for the body as a whole.
    pub target: String,
    /// What is wrong and what would be right, in sentences.
    pub message: String,
}
