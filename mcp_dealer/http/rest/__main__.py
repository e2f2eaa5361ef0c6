"""The OpenAPI document, on standard output: `python -m mcp_dealer.http.rest > docs/openapi.json`."""

from __future__ import annotations

import sys

import orjson

from mcp_dealer.http.rest import OPERATIONS
from mcp_dealer.http.rest.openapi import document

sys.stdout.buffer.write(orjson.dumps(document(OPERATIONS), option=orjson.OPT_INDENT_2) + b"\n")
