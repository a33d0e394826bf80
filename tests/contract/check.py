"""Starts `nmp demo` on free ports, fills it over the API, and lets schemathesis try everything the contract says.

scripts/check-api runs it. Further arguments go to schemathesis, such as `--phases fuzzing --include-operation-id Accounts_Get`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM = os.environ.get("NMP", str(ROOT / "target/debug/nmp"))
VERSION = "api-version=2024-02-29-preview"
CONTOSO = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a"
FABRIKAM = "1f0c3d6e-5b7a-4c1d-9e21-7a4b8c2d9f10"


class Demo:
    """The program, and where it said that it listens."""

    def __init__(self, folder):
        self.folder = Path(folder)
        listeners = ["--portal", "--api", "--operations", "--dns", "--sandbox"]
        command = [PROGRAM, "demo", "--no-accounts", "--data-dir", folder]
        command += [argument for listener in listeners for argument in (listener, "127.0.0.1:0")]
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        # schemathesis is faster than a client may be.
        environment = {**os.environ, "NMP_API__RATE_PER_SECOND": "0", "NMP_LOG__LEVEL": "error"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        lines = []
        for line in self.process.stdout:
            lines.append(line.strip())
            if "Stop with" in line:
                break

        def after(label):
            return next(line for line in lines if line.startswith(label))[len(label):].split()[0]

        self.api = after("Provisioning API").rstrip("/")
        self.issuer = after("Identity provider")
        self.backend = after("Operator Connect")
        form = {"grant_type": "client_credentials", "client_id": "bss-admin", "client_secret": "sandbox"}
        answer = send("POST", f"{self.issuer}/token", urllib.parse.urlencode(form).encode())
        self.token = answer["access_token"]

    def call(self, method, path, body=None):
        """Calls the API with a token and a JSON body."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return send(method, f"{self.api}{path}?{VERSION}", data, headers)

    def stop(self):
        """Ends the program as a service manager would; gives its exit code and what it complained about."""
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self.log.seek(0)
        return code, self.log.read()


def send(method, url, data=None, headers=None):
    """Sends a request and gives the JSON of its answer."""
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def eventually(what, ask):
    """Asks again until the answer is yes."""
    end = time.monotonic() + 60
    while True:
        try:
            if ask():
                return
        except urllib.error.HTTPError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain until {what}")
        time.sleep(0.1)


def account(name, tenant):
    """An account with every service."""
    synced = {"syncEnabled": True, "enabled": True}
    routing = {
        "callScreening": True,
        "subdomain": name,
        "subdomainTokens": {"region1Token": "token-1", "region2Token": "token-2"},
    }
    return {
        "name": name,
        "serviceDetails": {
            "teamsTenantId": tenant,
            "teamsOperatorConnect": synced,
            "teamsDirectRouting": {**synced, "configuration": routing},
            "teamsPhoneMobile": synced,
            "zoomPhoneCloudPeering": synced,
            "azureOperatorCallProtection": {"enabled": True},
        },
    }


def number(account_name, telephone_number, service, configuration=None):
    """A number with one service."""
    details = {"enabled": True, **({"configuration": configuration} if configuration else {})}
    return {"telephoneNumber": telephone_number, "accountName": account_name, "serviceDetails": {service: details}}


def fill(demo):
    """Two accounts with numbers of every kind, whose tenants are known."""
    calling = {
        "usage": "CallingUserAssignment",
        "choosableCapabilities": ["InboundCalling", "OutboundCalling"],
        "allowTenantAddressUpdate": True,
    }
    demo.call("PUT", "/accounts/contoso", account("contoso", CONTOSO))
    demo.call("PUT", "/accounts/fabrikam", account("fabrikam", FABRIKAM))
    numbers = [
        number("contoso", "+441632960000", "teamsOperatorConnect", calling),
        number("contoso", "+441632960001", "teamsPhoneMobile", calling),
        number("contoso", "+441632960002", "teamsDirectRouting"),
        number("contoso", "+441632960003", "zoomPhoneCloudPeering"),
        number("contoso", "+441632960004", "azureOperatorCallProtection"),
        number("contoso", "+441632960005", "teamsOperatorConnect", {**calling, "usage": ""}),
    ]
    demo.call("POST", "/accounts/contoso:createOrUpdateNumbers", {"numbers": numbers})
    us = number("fabrikam", "+12125550123", "teamsOperatorConnect", calling)
    demo.call("POST", "/accounts/fabrikam:createOrUpdateNumbers", {"numbers": [us]})

    def settled():
        listed = demo.call("GET", "/numbers")["value"]
        plans = demo.call("POST", "/accounts/contoso:getTeamsCapabilityPlans")
        addresses = demo.call("GET", "/accounts/contoso/teamsCivicAddresses")["value"]
        waiting = [item for item in listed if item["serviceProvisioningStatus"] == "pending"]
        return plans["capabilityPlans"] and addresses and not waiting

    eventually("the backend has answered", settled)


def main():
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(folder)
        try:
            fill(demo)
            command = [Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml"]
            command += ["run", HERE / "openapi.json", "--url", demo.api, *sys.argv[1:]]
            environment = {**os.environ, "NMP_TOKEN": demo.token, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
            tried = subprocess.run(command, env=environment, cwd=folder, check=False)
        finally:
            code, log = demo.stop()
        if log.strip():
            print(f"The program complained:\n{log}", file=sys.stderr)
        database = {**os.environ, "NMP_DATABASE__URL": f"sqlite:{folder}/nmp.db"}
        audit = subprocess.run([PROGRAM, "audit", "verify"], env=database, check=False)
        raise SystemExit(1 if tried.returncode or code or log.strip() or audit.returncode else 0)


main()
