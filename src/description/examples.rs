//! Examples of our own for bodies. The numbers are kept free for use in fiction.

use serde_json::{Value, json};

const TENANT: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
const ADDRESS: &str = "ebfee340-a791-11ed-9bfa-ed8bb5c41be4";
const LOCATION: &str = "653c9fed-f8a7-4a6c-917b-b5b1ad4d45f7";

/// `body` with the members of `more`.
fn with(mut body: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (body.as_object_mut(), more) {
        members.extend(more);
    }
    body
}

fn synced(body: Value) -> Value {
    with(body, json!({ "serviceProvisioningStatus": "synced", "serviceProvisioningErrors": [] }))
}

fn pending(body: Value) -> Value {
    with(body, json!({ "serviceProvisioningStatus": "pending", "serviceProvisioningErrors": [] }))
}

pub(super) fn account_sent() -> Value {
    json!({
        "name": "contoso",
        "correlationId": "crm-4711",
        "serviceDetails": {
            "teamsTenantId": TENANT,
            "teamsOperatorConnect": { "enabled": true, "syncEnabled": true },
            "teamsDirectRouting": {
                "enabled": true,
                "syncEnabled": true,
                "configuration": {
                    "callScreening": true,
                    "subdomain": "contoso",
                    "subdomainTokens": { "region1Token": "ms12345678", "region2Token": "ms87654321" },
                },
            },
        },
    })
}

pub(super) fn account() -> Value {
    let mut account = synced(account_sent());
    if let Some(details) = account.get_mut("serviceDetails") {
        for (service, more) in [
            ("teamsOperatorConnect", json!({ "numberCount": 1204 })),
            ("teamsDirectRouting", json!({ "numberCount": 0, "subdomainStatus": "provisioned" })),
        ] {
            if let Some(service) = details.get_mut(service) {
                *service = with(service.take(), more);
            }
        }
    }
    account
}

pub(super) fn accounts() -> Value {
    let fabrikam = json!({
        "name": "fabrikam",
        "serviceDetails": { "zoomPhoneCloudPeering": { "enabled": true, "syncEnabled": false, "numberCount": 35 } },
    });
    json!({ "value": [account(), synced(fabrikam)] })
}

fn number_of(number: &str, assignment: Option<&str>) -> Value {
    let mut operator_connect = json!({
        "enabled": true,
        "configuration": {
            "usage": "CallingUserAssignment",
            "choosableCapabilities": ["InboundCalling", "OutboundCalling"],
            "civicAddressId": ADDRESS,
            "locationId": LOCATION,
            "allowTenantAddressUpdate": false,
        },
    });
    if let Some(assignment) = assignment {
        operator_connect = with(operator_connect, json!({ "assignmentStatus": assignment }));
    }
    json!({
        "telephoneNumber": number,
        "accountName": "contoso",
        "serviceDetails": { "teamsOperatorConnect": operator_connect },
        "configuration": { "customSipHeader": "contoso-berlin" },
    })
}

pub(super) fn number_sent() -> Value {
    number_of("+441632960001", None)
}

pub(super) fn number_pending() -> Value {
    pending(number_of("+441632960001", Some("unassigned")))
}

pub(super) fn number() -> Value {
    synced(number_of("+441632960001", Some("assigned")))
}

pub(super) fn numbers() -> Value {
    let refused = json!({
        "serviceProvisioningStatus": "failed",
        "serviceProvisioningErrors": [{
            "code": "InvalidRequest",
            "message": "Invalid/missing required configuration attributes: Usage",
            "target": "oc",
        }],
    });
    let failed = with(number_of("+441632960002", Some("unassigned")), refused);
    json!({
        "value": [number(), failed],
        "nextLink": "https://provapi.example.com/accounts/contoso/numbers?api-version=2024-02-29-preview&cursor=eyJrIjoiKzQ0MTYzMjk2MDAwMiJ9",
    })
}

pub(super) fn batch_sent() -> Value {
    json!({ "numbers": [number_of("+441632960001", None), number_of("+441632960002", None)] })
}

pub(super) fn batch() -> Value {
    let unassigned = |number| pending(number_of(number, Some("unassigned")));
    json!({ "numbers": [unassigned("+441632960001"), unassigned("+441632960002")] })
}

pub(super) fn identifiers() -> Value {
    json!({ "numbers": [{ "telephoneNumber": "+441632960001" }, { "telephoneNumber": "+441632960002" }] })
}

pub(super) fn plans() -> Value {
    json!({
        "capabilityPlans": [{
            "name": "Calling users",
            "offerTypes": ["Calling"],
            "usage": "CallingUserAssignment",
            "mandatoryCapabilities": ["UserAssignment"],
            "choosableCapabilities": ["InboundCalling", "OutboundCalling"],
            "supportsTollFree": false,
        }],
    })
}

pub(super) fn capabilities() -> Value {
    json!({ "availableCapabilities": ["UserAssignment", "InboundCalling", "OutboundCalling"] })
}

pub(super) fn address() -> Value {
    json!({
        "id": ADDRESS,
        "country": "GB",
        "houseNumber": "1",
        "streetName": "Harbour Street",
        "cityOrTown": "Newcastle upon Tyne",
        "postalOrZipCode": "NE1 1AA",
        "companyName": "Contoso Ltd",
        "description": "Head office",
        "defaultLocationId": LOCATION,
        "validationStatus": "validated",
        "tenantId": TENANT,
        "locations": [{
            "id": LOCATION,
            "civicAddressId": ADDRESS,
            "description": "Reception",
            "isDefault": true,
        }],
    })
}

pub(super) fn addresses() -> Value {
    json!({ "value": [address()] })
}

fn consent_with(relationship: &Value) -> Value {
    json!({
        "id": "214b3a0e-fb7c-481f-9f38-fcb7eab5fad3",
        "tenantId": TENANT,
        "accountName": "contoso",
        "productContext": "teams",
        "operatorId": "75f9fed4-d8e9-4c90-bc28-523cfdb83244",
        "status": "active",
        "consentedOn": "2026-01-18T07:58:49.570Z",
        "lastModifiedOn": "2026-01-18T07:58:49.570Z",
        "consentedCountries": ["GB", "US"],
        "contacts": [{
            "fullName": "Megan Bowen",
            "email": "megan@contoso.example",
            "telephoneNumber": "+441632960190",
            "companyName": "Contoso Ltd",
            "companySize": "L1_U1",
        }],
        "customerRelationship": relationship,
    })
}

pub(super) fn consent() -> Value {
    synced(consent_with(&json!({ "status": "ConsentAcknowledged", "lastModifiedOn": "2026-01-19T09:12:03.000Z" })))
}

pub(super) fn consents() -> Value {
    json!({ "value": [consent()] })
}

pub(super) fn relationship() -> Value {
    json!({ "customerRelationship": { "status": "AgreementSigned", "comment": "Contract C-2026-17" } })
}

pub(super) fn consent_pending() -> Value {
    pending(consent_with(&json!({
        "status": "AgreementSigned",
        "lastModifiedOn": "2026-01-20T10:00:00.000Z",
        "comment": "Contract C-2026-17",
    })))
}

pub(super) fn call_path_number() -> Value {
    json!({
        "telephoneNumber": "+441632960001",
        "accountName": "contoso",
        "services": ["teamsDirectRouting"],
        "serviceProvisioningStatus": "synced",
        "teamsTenantId": TENANT,
        "directRouting": {
            "subdomain": "contoso",
            "names": ["contoso.1r1.pstn.example.net", "contoso.1r2.pstn.example.net"],
            "callScreening": true,
        },
        "customSipHeader": { "name": "X-MS-Operator-Content", "value": "contoso-berlin" },
    })
}

pub(super) fn call_path_numbers() -> Value {
    json!({
        "numbers": [call_path_number()],
        "removed": ["+441632960002"],
        "full": false,
        "more": false,
        "cursor": "MjM0LnsibiI6bnVsbH0",
    })
}

/// An error of each status, as it is answered.
pub(super) fn error(status: u16) -> Value {
    let single = |code: &str, message: &str| json!({ "error": { "code": code, "message": message } });
    match status {
        400 => json!({
            "error": {
                "code": "InvalidRequest",
                "message": "2 things are wrong with the request; details lists them.",
                "details": [
                    {
                        "code": "MissingProperty",
                        "message": "usage is required here.",
                        "target": "serviceDetails.teamsOperatorConnect.configuration.usage",
                    },
                    {
                        "code": "NameMismatch",
                        "message": "The body says \u{201c}fabrikam\u{201d} and the request\u{2019}s address says \
                                    \u{201c}contoso\u{201d}. They must be the same.",
                        "target": "accountName",
                    },
                ],
            },
        }),
        401 => single("InvalidToken", "The token has expired."),
        403 => single("MissingRole", "The token does not have the role this needs."),
        404 => single(
            "NotFound",
            "There is no account at this address. It may have been removed, or the address mistyped.",
        ),
        409 => single("Conflict", "Account contoso is being deleted. Wait until it is gone, then create it anew."),
        410 => single(
            "CursorGone",
            "What changed since this cursor cannot be told. Begin anew without a cursor, with all numbers.",
        ),
        412 => single(
            "PreconditionFailed",
            "The resource was changed since you read it. Read it again and send your change with its new ETag.",
        ),
        413 => single("TooLarge", "Send less at once."),
        415 => single(
            "UnsupportedMediaType",
            "Send the body as application/json in UTF-8, and say so in the header Content-Type.",
        ),
        429 => single(
            "TooManyRequests",
            "You are calling faster than is allowed. Call again in 1 s, and upload numbers in batches.",
        ),
        503 => {
            single("Unavailable", "The database cannot be used at present. Nothing was changed; try again in a moment.")
        }
        _ => single(
            "Internal",
            "Nothing you did. It has been logged; try again, and if it stays, tell the people who run this service the request id.",
        ),
    }
}
