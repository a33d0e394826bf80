//! Every operation, in the order in which it is shown.

use super::examples;
use super::operation::{Body, Operation, OperationKind, Right};
use crate::domain::filter::{AccountField, AddressField, ConsentField, Fields, NumberField};
use crate::wire::{
    AccountResource, BatchNumbers, BatchNumbersDelete, CallPathNumber, CallPathNumbers, List, NumberIdentifiers,
    NumberResource, RequestForInformationResource, RequestForInformationResourceCreateOrUpdate,
    TeamsAvailableCapabilities, TeamsCapabilityPlans, TeamsCivicAddressResource,
};

/// A list that can be filtered by the fields `F`.
const fn list_by<F: Fields>() -> OperationKind {
    OperationKind::List(|| F::FIELDS.iter().map(|(name, _)| *name).collect())
}

/// What most operations are, for the rest to follow.
const USUAL: Operation = Operation {
    id: "",
    group: "",
    kind: OperationKind::Get,
    path: "",
    example_path: "",
    summary: "",
    description: "",
    right: Right::Read,
    sent: None,
    answered: None,
    must_exist: true,
};
const OF_ACCOUNTS: Operation = Operation {
    group: "Accounts",
    path: "/accounts/{accountName}",
    example_path: "/accounts/contoso",
    answered: Some(Body::new::<AccountResource>(examples::account)),
    ..USUAL
};
const OF_NUMBERS: Operation = Operation {
    group: "Numbers",
    path: "/accounts/{accountName}/numbers/{telephoneNumber}",
    example_path: "/accounts/contoso/numbers/+441632960001",
    answered: Some(Body::new::<NumberResource>(examples::number)),
    ..USUAL
};
const OF_CALL_PATH: Operation = Operation {
    group: "Call path",
    kind: OperationKind::LookUp,
    path: "/call-path/numbers/{telephoneNumber}",
    example_path: "/call-path/numbers/+441632960001",
    answered: Some(Body::new::<CallPathNumber>(examples::call_path_number)),
    ..USUAL
};
const OF_CONSENTS: Operation = Operation {
    group: "Requests for information",
    path: "/teamsRequestsForInformation/{tenantId}",
    example_path: "/teamsRequestsForInformation/a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a",
    answered: Some(Body::new::<RequestForInformationResource>(examples::consent)),
    ..USUAL
};

/// Every operation, in the order in which it is shown.
pub static OPERATIONS: [Operation; 20] = [
    Operation {
        id: "Accounts_List",
        kind: list_by::<AccountField>(),
        path: "/accounts",
        example_path: "/accounts?countRecords=true",
        summary: "List accounts",
        description: "The accounts, by name. An account that is being deleted is not among them.",
        answered: Some(Body::new::<List<AccountResource>>(examples::accounts)),
        must_exist: false,
        ..OF_ACCOUNTS
    },
    Operation {
        id: "Accounts_Get",
        summary: "Get an account",
        description: "One account with its services and how many of its numbers have each of them.",
        ..OF_ACCOUNTS
    },
    Operation {
        id: "Accounts_CreateOrReplace",
        kind: OperationKind::Put,
        summary: "Create or replace an account",
        description: "Makes the account what is sent: what is left out goes. Operator Connect and Teams Phone \
                      Mobile need the tenant. A service, or the tenant, cannot be taken away while numbers use it.",
        right: Right::Write,
        sent: Some(Body::new::<AccountResource>(examples::account_sent)),
        must_exist: false,
        ..OF_ACCOUNTS
    },
    Operation {
        id: "Accounts_Delete",
        kind: OperationKind::Delete,
        summary: "Delete an account",
        description: "Refused while the account has numbers, unless deleteNumbers=true: then they are unassigned \
                      and released at the backend first. The account is gone to programs at once, and its name is \
                      free again when the last number is released.",
        right: Right::Delete,
        answered: None,
        must_exist: false,
        ..OF_ACCOUNTS
    },
    Operation {
        id: "ListNumbers",
        kind: list_by::<NumberField>(),
        path: "/numbers",
        example_path: "/numbers?filter=serviceProvisioningStatus%20eq%20'failed'",
        summary: "List the numbers of all accounts",
        description: "The numbers of every account, in their order. Numbers that are being released are not among them.",
        answered: Some(Body::new::<List<NumberResource>>(examples::numbers)),
        must_exist: false,
        ..OF_NUMBERS
    },
    Operation {
        id: "Accounts_ListNumbers",
        kind: list_by::<NumberField>(),
        path: "/accounts/{accountName}/numbers",
        example_path: "/accounts/contoso/numbers?maxpagesize=100",
        summary: "List the numbers of an account",
        description: "The numbers of one account, in their order. Numbers that are being released are not among them.",
        answered: Some(Body::new::<List<NumberResource>>(examples::numbers)),
        ..OF_NUMBERS
    },
    Operation {
        id: "Accounts_GetNumber",
        summary: "Get a number",
        description: "One number: what was set on it, how far that has come to the backend \
                      (serviceProvisioningStatus), and what the backend said against it.",
        ..OF_NUMBERS
    },
    Operation {
        id: "Accounts_CreateOrReplaceNumber",
        kind: OperationKind::Put,
        summary: "Create or replace a number",
        description: "Puts the number on the account, with the settings that are sent. It is pending until the \
                      backend has taken it, which then makes it synced or failed. The account must have the service \
                      enabled; a number of another account has to be deleted there first. For many numbers use \
                      :createOrUpdateNumbers.",
        right: Right::Write,
        sent: Some(Body::new::<NumberResource>(examples::number_sent)),
        answered: Some(Body::new::<NumberResource>(examples::number_pending)),
        ..OF_NUMBERS
    },
    Operation {
        id: "Accounts_DeleteNumber",
        kind: OperationKind::Delete,
        summary: "Delete a number",
        description: "Unassigns the number where somebody uses it, and releases it at the backend. It is gone to \
                      programs at once, and can be created again when the backend has released it.",
        right: Right::Delete,
        answered: None,
        must_exist: false,
        ..OF_NUMBERS
    },
    Operation {
        id: "Accounts_CreateOrUpdateNumbers",
        kind: OperationKind::Action,
        path: "/accounts/{accountName}:createOrUpdateNumbers",
        example_path: "/accounts/contoso:createOrUpdateNumbers",
        summary: "Create or replace up to 100 numbers",
        description: "Does for each number what the PUT of a number does. The batch is checked as a whole: when one \
                      number is wrong nothing is changed, and the error tells every wrong one. What the backend \
                      says is told number by number.",
        right: Right::Write,
        sent: Some(Body::new::<BatchNumbers>(examples::batch_sent)),
        answered: Some(Body::new::<BatchNumbers>(examples::batch)),
        ..OF_NUMBERS
    },
    Operation {
        id: "Accounts_DeleteNumbers",
        kind: OperationKind::Action,
        path: "/accounts/{accountName}:deleteNumbers",
        example_path: "/accounts/contoso:deleteNumbers",
        summary: "Delete up to 100 numbers",
        description: "Does for each number what the DELETE of a number does. A number that is not on the account is no error.",
        right: Right::Delete,
        sent: Some(Body::new::<BatchNumbersDelete>(examples::identifiers)),
        answered: None,
        ..OF_NUMBERS
    },
    Operation {
        id: "Accounts_GetTeamsCapabilityPlans",
        group: "Capabilities",
        kind: OperationKind::Action,
        path: "/accounts/{accountName}:getTeamsCapabilityPlans",
        example_path: "/accounts/contoso:getTeamsCapabilityPlans",
        summary: "Get the capability plans of an account",
        description: "The usages that numbers of the account's tenant may be uploaded for, and what each brings. No \
                      body is needed. The plans come from the backend; until they were fetched the answer is 503.",
        answered: Some(Body::new::<TeamsCapabilityPlans>(examples::plans)),
        ..USUAL
    },
    Operation {
        id: "Accounts_GetTeamsAvailableCapabilities",
        group: "Capabilities",
        kind: OperationKind::Action,
        path: "/accounts/{accountName}:getTeamsAvailableCapabilities",
        example_path: "/accounts/contoso:getTeamsAvailableCapabilities",
        summary: "Get what some numbers can do",
        description: "The capabilities that all of these numbers can have, by the capability plans of their usages. \
                      The numbers must be on the account.",
        sent: Some(Body::new::<NumberIdentifiers>(examples::identifiers)),
        answered: Some(Body::new::<TeamsAvailableCapabilities>(examples::capabilities)),
        ..USUAL
    },
    Operation {
        id: "Accounts_ListTeamsCivicAddresses",
        group: "Civic addresses",
        kind: list_by::<AddressField>(),
        path: "/accounts/{accountName}/teamsCivicAddresses",
        example_path: "/accounts/contoso/teamsCivicAddresses?filter=validationStatus%20eq%20'validated'",
        summary: "List the civic addresses of an account",
        description: "The emergency addresses of the account's tenant, by id, as the backend last told them. The \
                      enterprise owns them; they cannot be changed here.",
        answered: Some(Body::new::<List<TeamsCivicAddressResource>>(examples::addresses)),
        ..USUAL
    },
    Operation {
        id: "Accounts_GetTeamsCivicAddress",
        group: "Civic addresses",
        path: "/accounts/{accountName}/teamsCivicAddresses/{civicAddressId}",
        example_path: "/accounts/contoso/teamsCivicAddresses/ebfee340-a791-11ed-9bfa-ed8bb5c41be4",
        summary: "Get a civic address",
        description: "One emergency address with its locations.",
        answered: Some(Body::new::<TeamsCivicAddressResource>(examples::address)),
        ..USUAL
    },
    Operation {
        id: "TeamsRequestsForInformation_List",
        kind: list_by::<ConsentField>(),
        path: "/teamsRequestsForInformation",
        example_path: "/teamsRequestsForInformation?filter=status%20eq%20'active'",
        summary: "List requests for information",
        description: "The consents of enterprises that picked the operator, by tenant, as the backend last told them.",
        answered: Some(Body::new::<List<RequestForInformationResource>>(examples::consents)),
        must_exist: false,
        ..OF_CONSENTS
    },
    Operation {
        id: "TeamsRequestsForInformation_GetRequestForInformation",
        summary: "Get a request for information",
        description: "The consent of one enterprise, and where the operator stands with it.",
        ..OF_CONSENTS
    },
    Operation {
        id: "TeamsRequestsForInformation_CreateOrUpdateRequestForInformation",
        kind: OperationKind::Patch,
        summary: "Update the customer relationship",
        description: "Changes where the operator stands with the enterprise. A status without a comment clears the \
                      old comment; a status that needs a reason needs a comment (400). The new status is pending \
                      until the backend has taken it. Consents come from the backend alone: one that is not there \
                      cannot be created here (404).",
        right: Right::Write,
        sent: Some(Body::new::<RequestForInformationResourceCreateOrUpdate>(examples::relationship)),
        answered: Some(Body::new::<RequestForInformationResource>(examples::consent_pending)),
        ..OF_CONSENTS
    },
    Operation {
        id: "CallPath_GetNumber",
        summary: "Look a number up for a call",
        description: "What a session border controller or a routing engine has to know of a number while it handles \
                      a call. Not a part of the contract: no api-version is needed. A number that is being released \
                      is not there any more; one that is pending or failed is, with that status.",
        ..OF_CALL_PATH
    },
    Operation {
        id: "CallPath_ListNumbers",
        kind: OperationKind::Feed,
        path: "/call-path/numbers",
        example_path: "/call-path/numbers",
        summary: "Keep a copy of all numbers",
        description: "For what routes calls from a table of its own. Begin without a cursor, and ask for each next \
                      page with the cursor of the last one: first come all numbers, then what has changed since, \
                      for as long as you ask. Put in what is in numbers, take out what is in removed, in the order \
                      of the pages. A number may come more than once.",
        answered: Some(Body::new::<CallPathNumbers>(examples::call_path_numbers)),
        must_exist: false,
        ..OF_CALL_PATH
    },
];
