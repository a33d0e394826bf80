//! The codes of errors.

/// A code that an error, or one of its details, can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// As the program has it, in snake case.
    pub code: &'static str,
    /// The statuses of the answers in which it can stand.
    pub statuses: &'static [u16],
    /// What it means, and what helps.
    pub meaning: &'static str,
}

impl ErrorCode {
    /// As clients see it.
    pub fn shown(&self) -> String {
        crate::wire::contract_code(self.code)
    }
}

const fn code(code: &'static str, statuses: &'static [u16], meaning: &'static str) -> ErrorCode {
    ErrorCode { code, statuses, meaning }
}

/// Every code, by status; those of details beside the ones that stand alone.
pub static CODES: [ErrorCode; 60] = [
    code("invalid_request", &[400, 409], "Several things are wrong; `details` has each of them."),
    code("bad_request", &[400], "The request is damaged, or not one that HTTP allows."),
    code("missing_api_version_parameter", &[400], "`api-version` is missing."),
    code("unsupported_api_version_value", &[400], "`api-version` is none of the supported ones."),
    code("invalid_authorization_header", &[400], "There is not exactly one `Authorization: Bearer TOKEN`."),
    code("invalid_path_parameter", &[400], "An account name, a number or a tenant in the path is not well formed."),
    code("unsupported_query_parameter", &[400], "The operation has no such parameter. Names are case-sensitive."),
    code("repeated_query_parameter", &[400], "A parameter stands more than once."),
    code("invalid_query_parameter", &[400], "The value of a parameter is out of range or of the wrong type."),
    code("invalid_filter", &[400], "`filter` cannot be read, or asks for a field that it cannot ask for."),
    code(
        "invalid_cursor",
        &[400],
        "The cursor is damaged, or belongs to another list or filter. Follow `nextLink` as it is.",
    ),
    code("invalid_header", &[400], "A condition is no ETag or no date."),
    code(
        "repeatability_rejected",
        &[400, 412],
        "The headers of a repeatable request are not well formed (400), or its first sending is over 24 hours ago or in the future (412).",
    ),
    code(
        "repeatability_request_id_used",
        &[400],
        "The Repeatability-Request-ID was used for another request. Take a new one for each request.",
    ),
    code("malformed_json", &[400], "The body is not JSON in UTF-8; the message says where."),
    code("nested_too_deeply", &[400], "The body has more than 32 levels."),
    code("nul_character", &[400], "A text holds the character U+0000."),
    code("duplicate_property", &[400], "An object has a property twice."),
    code("missing_property", &[400], "A required property is not there."),
    code(
        "unknown_property",
        &[400],
        "A property that there is not, which most likely is one that is left out, mistyped; the message names both.",
    ),
    code("wrong_type", &[400], "A value has another type than it should."),
    code("invalid_value", &[400], "A value breaks the rules of its property."),
    code("too_long", &[400], "A text has too many characters."),
    code("too_few_items", &[400], "A list is empty that needs an item."),
    code("too_many_items", &[400], "A list has too many items: of numbers, up to 100 in a request."),
    code("too_many_problems", &[400], "There are more problems than the 500 that are told."),
    code("name_mismatch", &[400], "The account in the body is another one than in the path."),
    code("number_mismatch", &[400], "The number in the body is another one than in the path."),
    code("duplicate_number", &[400], "A number stands in a batch twice."),
    code(
        "conflicting_services",
        &[400],
        "A number has at most one of Operator Connect, Teams Phone Mobile and Direct Routing.",
    ),
    code("service_not_enabled", &[400], "The account does not have the service enabled. Enable it there first."),
    code(
        "address_not_of_tenant",
        &[400],
        "The civic address or the location is none of the account's tenant, as far as its addresses are known.",
    ),
    code("number_not_on_account", &[400], "The question is about a number that the account does not have."),
    code("missing_token", &[401], "There is no access token."),
    code("invalid_token", &[401], "The access token is not believed; the message says why."),
    code("missing_role", &[403], "The token does not have the role that the operation needs; the message names it."),
    code("address_not_allowed", &[403], "Calls from this source address are not accepted."),
    code("not_found", &[404], "There is no such account, number, address or request for information."),
    code("resource_not_found", &[404], "The API has no such path. Paths are case-sensitive and end without a slash."),
    code("method_not_allowed", &[405], "The path does not accept the method; the header Allow says what it accepts."),
    code("timeout", &[408], "The request did not arrive in time."),
    code(
        "conflict",
        &[409],
        "The data does not allow it now: numbers exist on the account, it is being deleted, it changed at the same \
         moment, or the same repeatable request is still running.",
    ),
    code("service_in_use", &[409], "The service cannot be taken from the account while numbers use it."),
    code(
        "tenant_in_use",
        &[409],
        "The tenant cannot change while the account has numbers of Operator Connect or Teams Phone Mobile.",
    ),
    code("subdomain_taken", &[409], "The subdomain belongs to another account."),
    code(
        "subdomain_reserved",
        &[409],
        "Another account, or this one with another tenant, had the subdomain lately, and nobody else gets it for a while; \
         the message says until when.",
    ),
    code("number_on_other_account", &[409], "The number belongs to another account. Delete it there first."),
    code(
        "number_in_quarantine",
        &[409],
        "Another account had the number until lately, and nobody else gets it for a while; the message says until when.",
    ),
    code("number_releasing", &[409], "The number is being released. Wait until that is complete."),
    code(
        "number_release_held",
        &[409],
        "The number is to be released once a person has confirmed the changes of its account in the portal.",
    ),
    code("number_refused", &[409], "The number cannot be put for a reason that the message tells."),
    code(
        "cursor_gone",
        &[410],
        "What changed since the cursor of the call path's feed cannot be told: begin anew without a cursor.",
    ),
    code("precondition_failed", &[412], "If-Match, If-None-Match or If-Unmodified-Since does not hold."),
    code("too_large", &[413], "The body is larger than `api.max_body_bytes` (1 MB unless configured)."),
    code("unsupported_media_type", &[415], "The body is not of the content type that the operation takes."),
    code("content_encoding", &[415], "The body is compressed."),
    code("misdirected", &[421], "The Host is not the API's own name."),
    code("too_many_requests", &[429], "The client calls faster than it may. Wait for the seconds of Retry-After."),
    code("internal", &[500], "Our fault. Quote the x-ms-request-id to the people who run the service."),
    code(
        "unavailable",
        &[503],
        "The database, the identity provider or data of the backend is away for a moment. Nothing was changed; send \
         it again after Retry-After.",
    ),
];
