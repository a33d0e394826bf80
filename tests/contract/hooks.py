"""What schemathesis has to know beside the contract: the overlay on it, and which findings are none.

The contract stays as it is in openapi.json. Where it leaves open what a value may be and docs/API.md decides it, the
overlay says so, so that values that count as valid get past the first check and the ones just outside are tried as
invalid. Where a rule cannot be said in a schema, a rejection of valid data counts as right only if every code in the
answer stands in RULES; everything else that schemathesis finds is a failure.
"""

import itertools
import json
import re
from datetime import datetime, timezone
from urllib.parse import quote, unquote

import schemathesis
from hypothesis import strategies
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.jsonschema import make_validator
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import MissingContentType, RejectedPositiveData

TAG = r'("[!#-~]{1,40}"|[!#-+.-~-]{1,40})'

PARAMETERS = {
    # An entity tag or a star (RFC 9110, section 8.8.3), the quotes may be missing; any string, such as an empty one, is none.
    "If-Match": {"pattern": f"^{TAG}$"},
    "If-None-Match": {"pattern": f"^{TAG}$"},
    # An id is 1 to 128 visible characters, and the time is that of the first try, so it is not long ago.
    "Repeatability-Request-ID": {"pattern": r"^[!-~]{1,128}$"},
    "Repeatability-First-Sent": {"format": "first-sent"},
    # The contract gives no bounds.
    "top": {"minimum": 1},
    "skip": {"minimum": 0},
    "maxpagesize": {"minimum": 1, "maximum": 500},
    # OData; these are known for one resource or another.
    "filter": {
        "enum": [
            "accountName eq 'contoso'",
            "serviceProvisioningStatus eq 'synced'",
            "not (serviceProvisioningStatus eq 'pending')",
            "serviceDetails/teamsOperatorConnect/enabled eq true and startswith(telephoneNumber,'+44')",
            "name ne 'fabrikam' or contains(correlationId,'x')",
            "country eq 'GB'",
        ]
    },
}

NAME = "[A-Za-z0-9_-]{1,100}"
GUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
NUMBER = r"^\+[1-9][0-9]{1,14}$"
PRINTABLE = r"[^\u0000-\u001f\u007f-\u009f]"
NAMES = {"maxItems": 100, "items": {"type": "string", "maxLength": 256}}
TEAMS = {
    "usage": {"maxLength": 256},
    "choosableCapabilities": NAMES,
    "additionalUsages": NAMES,
    "civicAddressId": {"maxLength": 256},
    "locationId": {"maxLength": 256},
    "displayedCountryCode": {"pattern": "^([A-Za-z]{2})?$"},
}
PROPERTIES = {
    # A tenant is named by its GUID everywhere else in the contract. An empty text counts as left out.
    "AccountServiceDetails": {"teamsTenantId": {"pattern": f"^({GUID})?$"}},
    "NumberConfiguration": {"customSipHeader": {"minLength": 0, "pattern": "^[A-Za-z0-9_-]*$"}},
    # Free text has bounds, and no control characters.
    "AccountResource": {"correlationId": {"pattern": f"^{PRINTABLE}{{0,256}}$"}},
    "CustomerRelationship": {"status": {"pattern": f"^{PRINTABLE}{{1,100}}$"}, "comment": {"maxLength": 1000}},
    # E.164 has 15 digits at most, and digits are those of ASCII.
    "NumberResource": {"telephoneNumber": {"pattern": NUMBER}},
    "NumberIdentifier": {"telephoneNumber": {"pattern": NUMBER}},
    # A batch has at least one number.
    "BatchNumbers": {"numbers": {"minItems": 1}},
    "BatchNumbersDelete": {"numbers": {"minItems": 1}},
    "NumberIdentifiers": {"numbers": {"minItems": 1}},
    "TeamsCommonNumberConfig": TEAMS,
    "TeamsOperatorConnectNumberConfig": TEAMS,
    "TeamsPhoneMobileNumberConfig": TEAMS,
}

# What the contract requires and may be left out: calls are screened then.
LEFT_OUT = {"TeamsDirectRoutingAccountConfig": "callScreening"}

COUNT = itertools.count()

# The smallest values of the schema, and in their place what check.py put there.
THERE = {
    "accountName": {"0": "contoso"},
    "telephoneNumber": {"+10": "+441632960000"},
    "civicAddressId": {"0": "ef245fa1-6b14-5bee-938d-5bd5879f6afa"},
}
# What would leave the other operations nothing to try, and what it may take instead.
REMOVES = (
    "PUT /accounts/{accountName}",
    "DELETE /accounts/{accountName}",
    "DELETE /accounts/{accountName}/numbers/{telephoneNumber}",
)
SPARED = {
    "accountName": {"contoso": "northwind", "fabrikam": "adatum"},
    "telephoneNumber": {"+441632960000": "+441632960003", "+441632960001": "+441632960010"},
}

# The contract keeps its examples in files that schemathesis does not read.
CALLING = {"usage": "CallingUserAssignment", "choosableCapabilities": ["InboundCalling"], "allowTenantAddressUpdate": True}
EXAMPLE = {
    "telephoneNumber": "+441632960010",
    "accountName": "contoso",
    "serviceDetails": {"teamsOperatorConnect": {"enabled": True, "configuration": CALLING}},
    "configuration": {"customSipHeader": "exampleHeaderContents"},
}
IDENTIFIERS = {"numbers": [{"telephoneNumber": "+441632960000"}]}
SYNCED = {"teamsOperatorConnect": {"syncEnabled": True, "enabled": True}}
EXAMPLES = {
    "put /accounts/{accountName}": {
        "accountName": "litware",
        "resource": {
            "name": "litware",
            "serviceDetails": {"teamsTenantId": "6a3c8b51-2f7d-4e90-8c16-0d9b5a7e1f66", **SYNCED},
        },
    },
    "put /accounts/{accountName}/numbers/{telephoneNumber}": {
        "accountName": "contoso",
        "telephoneNumber": "+441632960010",
        "resource": EXAMPLE,
    },
    "post /accounts/{accountName}:createOrUpdateNumbers": {"accountName": "contoso", "body": {"numbers": [EXAMPLE]}},
    "post /accounts/{accountName}:deleteNumbers": {
        "accountName": "contoso",
        "body": {"numbers": [{"telephoneNumber": "+441632960004"}, {"telephoneNumber": "+441632960099"}]},
    },
    "post /accounts/{accountName}:getTeamsAvailableCapabilities": {"accountName": "contoso", "body": IDENTIFIERS},
    "patch /teamsRequestsForInformation/{tenantId}": {
        "tenantId": "1f0c3d6e-5b7a-4c1d-9e21-7a4b8c2d9f10",
        "resource": {"customerRelationship": {"status": "AgreementSigned", "comment": "new comment"}},
    },
}

# Why data that the schema allows is rejected, as code and target: rules that no schema can say.
RULES = [
    # The condition of the request does not hold (412).
    r"PreconditionFailed .*",
    # Both headers of a repeatable request belong together; an id is for one request.
    r"RepeatabilityRejected Repeatability-.*",
    r"RepeatabilityRequestIdUsed .*",
    # The body names another resource than the path.
    r"NameMismatch (name|accountName|numbers\[\d+\]\.accountName)",
    r"NumberMismatch telephoneNumber",
    # A batch has each number once, and a number one of three services.
    r"DuplicateNumber numbers\[\d+\]\.telephoneNumber",
    r"ConflictingServices .*serviceDetails\.teams(TeamsPhoneMobile|DirectRouting|PhoneMobile)",
    # A number has only services of its account; one that is enabled needs its configuration, its tenant.
    r"ServiceNotEnabled .*serviceDetails\.\w+\.enabled",
    r"MissingProperty .*serviceDetails\.\w+\.configuration",
    r"MissingProperty serviceDetails\.teamsTenantId",
    # What exists stands against it too, told beside another rule.
    r"(NumberOnOtherAccount|NumberReleasing|NumberInQuarantine) .*telephoneNumber",
    r"(ServiceInUse|TenantInUse|SubdomainTaken|SubdomainReserved) serviceDetails\..*",
    r"NotFound accountName",
    # A country is one of ISO 3166.
    r"InvalidValue .*configuration\.displayedCountryCode",
    # Calls of these services alone do not go through the network that adds the header.
    r"InvalidValue .*configuration\.customSipHeader",
    # Blanks are no status.
    r"InvalidValue customerRelationship\.status",
    # The filter is one of another resource.
    r"InvalidFilter filter",
    # A question about numbers that are not there.
    # An address is one of the account's tenant.
    r"AddressNotOfTenant .*configuration\.(civicAddressId|locationId)",
    r"NumberNotOnAccount numbers\[\d+\]\.telephoneNumber",
]


def first_sent():
    """The time of a request that is sent for the first time."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


schemathesis.openapi.format("first-sent", strategies.builds(first_sent))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Lays the overlay on the contract."""
    for parameter in raw_schema["parameters"].values():
        parameter.update(PARAMETERS.get(parameter["name"], {}))
    for name, properties in PROPERTIES.items():
        for member, overlay in properties.items():
            raw_schema["definitions"][name]["properties"][member].update(overlay)
    for name, member in LEFT_OUT.items():
        raw_schema["definitions"][name]["required"].remove(member)
    for path, operations in raw_schema["paths"].items():
        for method, operation in operations.items():
            example = EXAMPLES.get(f"{method} {path}")
            for parameter in operation["parameters"] if example else []:
                if parameter.get("name") in example:
                    parameter["x-example"] = example[parameter["name"]]
        # What a client has already is answered with 304 and no body, which is no error.
        operations.get("get", {"responses": {}})["responses"]["304"] = {"description": "Not modified."}


def problems(response):
    """What an error in the contract's form says is wrong, each as code and target."""
    error = json.loads(response.text)["error"]
    return [f"{problem['code']} {problem.get('target', '')}" for problem in error.get("details") or [error]]


@schemathesis.hook
def map_case(context, case):
    """Lets a request that is good for the schema be good for the rules: most would fail at the first, and nothing behind it
    be tried. What is there to be refused stays as it is."""
    path = case.path_parameters or {}
    good = case.meta.generation.mode.is_positive
    removes = case.operation.label in REMOVES
    if removes or good:
        replace(path, SPARED if removes else THERE)
    if good:
        repeatable(case.headers or {})
    body = case.body
    if case.operation.label.endswith(":getTeamsAvailableCapabilities") and good:
        # A question about numbers that are there.
        case.body = IDENTIFIERS
    elif isinstance(body, dict):
        numbers = body.get("numbers")
        for item in [body, *(numbers if isinstance(numbers, list) else [])]:
            if isinstance(item, dict):
                align(item, "name", path.get("accountName"))
                align(item, "accountName", path.get("accountName"))
                if good:
                    settle(item.get("serviceDetails"))
        align(body, "telephoneNumber", path.get("telephoneNumber"))
    return case


def replace(path, values):
    """Puts other values in the place of some."""
    for name, others in values.items():
        value = unquote(str(path.get(name)))
        if value in others:
            path[name] = quote(others[value], safe="")


def repeatable(headers):
    """Gives each repeatable request an id of its own. One of the two headers alone is refused, and so is not good."""
    names = ("Repeatability-Request-ID", "Repeatability-First-Sent")
    if all(name in headers for name in names):
        headers[names[0]] = f"{headers[names[0]][:100]}-{next(COUNT)}"
    else:
        for name in names:
            headers.pop(name, None)
    # The smallest tag is that of no resource.
    if headers.get("If-Match") in ("0", '"0"'):
        headers["If-Match"] = "*"


def settle(details):
    """Leaves one Teams service enabled on a number, with its configuration."""
    if not isinstance(details, dict):
        return
    enabled = False
    for service in ("teamsOperatorConnect", "teamsPhoneMobile", "teamsDirectRouting"):
        found = details.get(service)
        if not isinstance(found, dict) or found.get("enabled") is not True or "syncEnabled" in found:
            continue
        found["enabled"] = not enabled
        enabled = True
        if service != "teamsDirectRouting":
            found.setdefault("configuration", {"usage": "", "choosableCapabilities": []})


def align(item, member, value):
    """Replaces a good value by that of the path; bad ones are there to be refused."""
    value = unquote(str(value))
    pattern = NUMBER if member == "telephoneNumber" else NAME
    if all(isinstance(text, str) and re.fullmatch(pattern, text) for text in (item.get(member), value)):
        item[member] = value


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Tells whether a finding is one."""
    if isinstance(failure, MissingContentType):
        # The contract says for all operations at once that they answer JSON; what has no body has no type.
        return response.status_code not in (204, 304)
    if isinstance(failure, RejectedPositiveData):
        return not all(any(re.fullmatch(rule, problem) for rule in RULES) for problem in problems(response))
    if isinstance(failure, AcceptedNegativeData):
        return not is_lenient(case)
    return True


def is_lenient(case):
    """Where docs/API.md says that something is passed over that the contract does not allow."""
    # Null is the same as nothing: many clients write it for what they have no value for. In a merge patch it takes a value
    # away (RFC 7396).
    if case.meta.is_negative_at(ParameterLocation.BODY) and is_valid_without_nulls(case):
        return True
    data = case.meta.phase.data
    changed = {mutation.parameter for mutation in data.mutations} or {data.parameter}
    return all(name in PASSED_OVER or is_tags(name, case.headers) for name in changed)


# An identifier of the client's own is given back where it can be, and never keeps a request from being answered. The version
# is pinned, so that a wrong one is not sent.
PASSED_OVER = ("x-ms-client-request-id", "api-version")


def is_tags(name, headers):
    """Whether a value is right for a condition: entity tags between commas, which a list put as text may be."""
    return name in ("If-Match", "If-None-Match") and re.fullmatch(f"{TAG}(, *{TAG})*", str(headers[name])) is not None


def is_valid_without_nulls(case):
    """Whether nulls are all that is wrong with the body."""

    def without_nulls(value):
        if isinstance(value, dict):
            return {name: without_nulls(member) for name, member in value.items() if member is not None}
        return [without_nulls(item) for item in value] if isinstance(value, list) else value

    schema = case.operation.get_body_for_media_type(case.media_type).optimized_schema
    validator = make_validator(schema, case.operation.schema.adapter.jsonschema_validator_cls)
    return validator.is_valid(without_nulls(case.body))
