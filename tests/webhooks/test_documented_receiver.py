"""The receiver in the documentation takes what is signed, and nothing else."""

import hmac
import http.server
import re
import threading
from hashlib import sha256
from typing import Any

import httpx

from checkout import TOP


def test_the_documented_receiver_verifies_signatures() -> None:
    [code] = re.findall(r"```python\n(.*?)```", (TOP / "docs/webhooks.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(code, names)
    names["Receiver"].log_message = lambda *args: None
    server = http.server.HTTPServer(("127.0.0.1", 0), names["Receiver"])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(signature: str) -> int:
        url = f"http://127.0.0.1:{server.server_port}/"
        return httpx.post(url, content=b"{}", headers={"X-Hub-Signature": signature}).status_code

    good = hmac.new(names["SECRET"], b"{}", sha256).hexdigest()
    answers = [answer(f"sha256={good}"), answer(f"sha256={'0' * 64}"), answer("")]
    server.shutdown()
    server.server_close()

    assert answers == [204, 401, 401]
