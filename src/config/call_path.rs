//! Section `call_path`: what is handed to what routes calls.

use super::Config;
use super::reader::Reader;
use crate::domain::call_path::{SIP_HEADER, check_sip_header_name};

/// Section `call_path`.
#[derive(Clone, Debug)]
pub struct CallPath {
    /// Name of the SIP header whose value a number may have.
    pub header_name: String,
}

impl CallPath {
    pub(super) fn read(r: &mut Reader) -> Self {
        let header_name = r.text(
            "call_path.header_name",
            Some(SIP_HEADER),
            "Name of the SIP header that is added to calls on their way to the operator's network, with the value \
             that a number has for it. One for the whole deployment.",
        );
        Self { header_name: header_name.unwrap_or_else(|| SIP_HEADER.to_owned()) }
    }
}

impl Config {
    pub(super) fn check_call_path(&self, r: &mut Reader) {
        if let Err(problem) = check_sip_header_name(&self.call_path.header_name) {
            r.problem("call_path.header_name", problem);
        }
    }
}
