"""A faithful double of Bitbucket for tests: a real server with throw-away data, which tests fill, steer and look at.

With pytest the fixture `bitbucket` is a `Double`, empty at the start of each test. Without it:

    with Double() as bitbucket:
        bitbucket.team("acme", groups={"developers": ["alice"]}, repositories=["rocket"])
        requests.get(f"{bitbucket.url}/1.0/groups/acme", auth=bitbucket.token("alice"))

Only Python's own library is imported here: the server runs in another process.
"""

from onebucket.testing.aio import AsyncDouble
from onebucket.testing.client import Double, DoubleError
from onebucket.testing.records import Credential, Letter, Requests, SeenRequest

__all__ = ["AsyncDouble", "Credential", "Double", "DoubleError", "Letter", "Requests", "SeenRequest"]
