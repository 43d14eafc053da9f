"""What looks like a secret is masked wherever it stands, and what does not is left as it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.api.redaction import mask, mask_value
from adamant.model.machine.secret import MASK

SECRET = "planted1planted2planted3"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}==",
        f"Authorization: Digest username=x, response={SECRET}",
        f"curl -H 'Proxy-Authorization: {SECRET}'",
        f"sent bearer {SECRET} to it",
        f"Set-Cookie: id={SECRET}; Secure",
        f"password={SECRET}",
        f"DB_PASSWORD={SECRET} DB=x",
        f"--registry-token={SECRET}",
        f"program --db-password {SECRET} --verbose",
        f"client_secret: '{SECRET} with spaces'",
        f'{{"api_key": "{SECRET}"}}',
        json.dumps({"message": json.dumps({"password": SECRET})}),
        f"postgres://user:{SECRET}@db/x",
        f"https://:{SECRET}@host",
        KEY,
        KEY.partition("\n-----END")[0],
        f"eyJhbGciOiJIUzI1.{SECRET}.{SECRET}",
        f"ghp_{SECRET}",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    done = mask(f"before {text} after\nnext")
    assert SECRET not in done
    assert MASK in done
    assert done.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "Started systemd-journald.service - Journal Service.",
        "https://mirror.example.org/debian trixie",
        "usr-verity: every block read is as 1b2c says",
        "nobody asks for a password here",
        "token bucket: 5 of 10",
        "2026-11-28 09:30:15 author: mary",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text


def test_fields_named_for_secrets_are_masked_at_any_depth() -> None:
    value = {
        "a": [{"password": SECRET, "n": 1}],
        "wifi_psk": SECRET,
        "token": "",
        "tokens": 5,
        "message": f"passwd={SECRET}",
    }
    done = mask_value(value)
    assert SECRET not in json.dumps(done)
    assert done["a"][0]["n"] == 1
    assert (done["token"], done["tokens"]) == ("", 5)


@given(st.text(max_size=300))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


@pytest.mark.parametrize("unit", ["a:", "password", "=", "://a:", "eyJ", "-----BEGIN PRIVATE KEY-----", "\"'", "auth-"])
def test_no_text_takes_long(unit: str) -> None:
    mask(unit * (60_000 // len(unit)))
