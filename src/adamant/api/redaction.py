"""Secrets in what others wrote: logs, files, messages of errors. What looks like one is replaced by `MASK`.

Pure. A program that writes a secret into a log in a form of its own is not seen through; what is known by its form is:
headers and URLs with credentials, keys in PEM, words such as `password=`, tokens of known makers.
"""

import re
from typing import Any

from adamant.model.machine.secret import MASK

_NAMES = (
    r"pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|client[_-]?secret|private[_-]?key|"
    r"auth|authorization|cookie|session[_-]?id|credentials?|psk"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        MASK,
    ),
    (re.compile(r"(?i)\b((?:proxy-)?authorization\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\r\n\"']+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b((?:set-)?cookie\\?[\"']?\s*:\s*\\?[\"']?)[^\r\n\"']+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@"), rf"\1{MASK}@"),
    (
        re.compile(
            rf"(?i)((?:\b|[_-])(?:{_NAMES})\\?[\"']?\s*[:=]\s*)"
            rf"(\\?\"[^\"]*\"|'[^']*'|(?!{re.escape(MASK)})[^\s,;&\"']+)"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(rf"(?i)((?:^|\s)--?(?:[a-z]+[_-])*(?:{_NAMES})\s+)(?!{re.escape(MASK)})[^\s-]\S*"), rf"\1{MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    (
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|glpat-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,})"),
        MASK,
    ),
)
_SECRET_FIELD = re.compile(rf"(?i)(?:.*[_-])?(?:{_NAMES})")


def mask(text: str) -> str:
    """The text with `MASK` for everything in it that looks like a secret."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def mask_value(value: Any) -> Any:
    """The same for a value of JSON: each text in it, and each text whose field is named for a secret."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [mask_value(item) for item in value]
    if isinstance(value, dict):
        return {
            key: MASK if isinstance(item, str) and item and _SECRET_FIELD.fullmatch(key) else mask_value(item)
            for key, item in value.items()
        }
    return value
