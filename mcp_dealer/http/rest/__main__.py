"""The OpenAPI document, on standard output: `python -m mcp_dealer.http.rest > docs/openapi.json`."""

from __future__ import annotations

import sys

from mcp_dealer.http.rest.routes import written

sys.stdout.buffer.write(written())
