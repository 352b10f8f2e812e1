"""Senders other than Monte Carlo, as they behave (facts/elementary.md)."""

import copy
import hashlib
import hmac
import json
import pathlib

import requests

from .incidentio import PATIENCE

CASES = pathlib.Path(__file__).resolve().parents[1] / "cases"


def published(kind, case, body="body"):
    """The body of a case, as an object."""
    return json.loads((CASES / kind / case / body).read_bytes())


def changed(body, **more):
    body = copy.deepcopy(body)
    body.update(more)
    return body


class Edr:
    """`edr monitor` in its workflow mode: facts/elementary.md, 1.3."""

    LIMIT = 3000  # characters of a text to Slack

    def __init__(self, url):
        self.url = url
        self.answers = []

    def _post(self, text):
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(self.url, data=text, timeout=PATIENCE)
        assert "Content-Type" not in answer.request.headers
        self.answers.append(answer)
        return answer.status_code == 200

    def _fallback(self, alert):
        text = (
            ":small_red_triangle: Oops, we failed to format the alert "
            ":confused:\nPlease share this with the Elementary team via "
            "<https://www.elementary-data.com/community|Slack>.\n"
            f"```{json.dumps(alert, indent=2)}```"
        )
        if len(text) < self.LIMIT:
            return text
        return text[: self.LIMIT - 6] + "..." + text[-3:]

    def send(self, alert):
        """Whether edr now believes that the alert was sent."""
        return self._post(json.dumps(alert, sort_keys=True)) or self._post(
            self._fallback(alert)
        )


def dbt_results(*results, which="build"):
    """A run_results.json of (unique id, status, message)."""
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/"
            "run-results/v6.json",
            "invocation_id": "49016812-8833-45e3-9184-428cc8bfcbf7",
        },
        "results": [
            {
                "unique_id": unique_id,
                "status": status,
                "message": message,
                "compiled_code": "select 1 as one\n" * 40,
            }
            for unique_id, status, message in results
        ],
        "elapsed_time": 3.2,
        "args": {"which": which},
    }


def dbt_signature(body, secret):
    """Authorization as dbt Cloud sends it."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def fivetran_signature(body, secret):
    """X-Fivetran-Signature-256: some senders write it in upper case."""
    return dbt_signature(body, secret).upper()
