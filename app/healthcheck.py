"""Docker's HEALTHCHECK: exits 0 when the application answers ``/health/live``, else 1.

Only the standard library, as it runs every few seconds and the application takes longer to import.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

try:
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=2)
    connection.request("GET", "/health/live")
    status = connection.getresponse().status
except (OSError, HTTPException) as error:
    sys.exit(f"/health/live does not answer: {error}")
if status != 200:
    sys.exit(f"/health/live answers {status}")
