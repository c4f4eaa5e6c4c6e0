"""A directory of acme, called over SCIM as an identity provider does."""

from typing import Any

import httpx

from cast import Api
from onebucket import hashing
from onebucket.actions import directories

KEY = "obd_key-of-okta"
DOMAIN = "example.com"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class Provider:
    """An identity provider with the key of a directory; calls it below the directory's address."""

    def __init__(self, api: Api, team: str = "acme", label: str = "okta", *, key: str = KEY, **settings: Any) -> None:
        self.api = api
        self.key = key
        self.directory = api.operate(
            lambda work: directories.add(
                work, team, label=label, secret_hash=hashing.secret_hash(key), **({"domains": [DOMAIN]} | settings)
            )
        ).directory
        self.base = f"/scim/directory/{self.directory.id}"

    def __call__(self, method: str, path: str, json: Any = None, **how: Any) -> httpx.Response:
        """Send a request; a body goes as `application/scim+json`."""
        headers = {"Authorization": f"Bearer {self.key}", **how.pop("headers", {})}
        if json is not None:
            headers.setdefault("Content-Type", "application/scim+json")
        return self.api(None, method, f"{self.base}{path}", json=json, headers=headers, **how)

    def add_user(self, user_name: str, **attributes: Any) -> dict[str, Any]:
        """Add a person; return what the answer says of them."""
        answer = self("POST", "/Users", {"schemas": [USER], "userName": user_name, "active": True} | attributes)
        assert answer.status_code == 201, answer.text
        added: dict[str, Any] = answer.json()
        return added

    def add_group(self, name: str, *members: str, **attributes: Any) -> dict[str, Any]:
        """Add a group; return what the answer says of it."""
        of_group = {"schemas": [GROUP], "displayName": name, "members": [{"value": id} for id in members]} | attributes
        answer = self("POST", "/Groups", of_group)
        assert answer.status_code == 201, answer.text
        added: dict[str, Any] = answer.json()
        return added

    def patch(self, path: str, *operations: dict[str, Any]) -> httpx.Response:
        """Send a PATCH."""
        schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
        return self("PATCH", path, {"schemas": schemas, "Operations": [*operations]})

    def members(self, group: dict[str, Any]) -> list[str]:
        """Return the ids of a group's members."""
        return [each["value"] for each in self("GET", f"/Groups/{group['id']}").json().get("members", ())]
