"""The options of every module that asks a URL for its health."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of :data:`module_utils.watch.OPTIONS`."""

    DOCUMENTATION = r"""
options:
  url:
    description: What to ask, without the path.
    type: str
    required: true
  check:
    description: What a healthy answer looks like.
    type: dict
    required: true
    suboptions:
      path:
        description: Path that tells the health.
        type: str
        required: true
      statuses:
        description: HTTP status codes that mean healthy.
        type: list
        elements: int
        default: [200]
      host:
        description: Host header. Empty for the address asked.
        type: str
        default: ""
      protocol:
        description: >-
          What a URL of the scheme http is asked in: V(http1) for HTTP/1.1, or V(h2) for HTTP/2 with prior knowledge.
          One of the scheme https is always asked in HTTP/1.1, since TLS is not the application's own.
        type: str
        choices: [http1, h2]
        default: http1
      version_source:
        description: Where the answer tells its version.
        type: str
        choices: [json, header, none]
        default: none
      version_key:
        description: JSON key (dots for nesting) or header name.
        type: str
        default: version
      smoke_paths:
        description: Further paths, asked after the passes, which must answer with a status from 200 to 399.
        type: list
        elements: str
        default: []
  version:
    description: The version that must answer. Empty accepts any.
    type: str
    default: ""
  passes:
    description: Healthy answers in a row.
    type: int
    default: 1
  interval:
    description: Seconds between two probes.
    type: float
    default: 0.5
  timeout:
    description: Seconds one probe may take.
    type: int
    default: 5
  deadline:
    description: Seconds until the passes must be reached.
    type: int
    default: 30
  hold:
    description:
      - Seconds over which the answers have to stay healthy, counted from the first probe.
      - Once healthy, the first unhealthy answer in this time fails.
    type: int
    default: 0
  container:
    description: Name of the container behind the URL, whose end is an early verdict.
    type: str
    default: ""
  bypass_file:
    description: >-
      File with the word that passes the proxy's maintenance page, on the host that asks. The proxy takes it from its
      own machine alone, since it would be read on a network.
    type: path
  page:
    description: >-
      What the proxy's maintenance page calls itself, the application's name and the environment, where that page is
      shown: it counts as healthy if it repeats the id of this very request. Empty where it is not shown.
    type: str
    default: ""
  validate_certs:
    description: Whether a TLS certificate has to be valid for the name in O(url).
    type: bool
    default: true
  ca_path:
    description: File with the certificate authority to trust, in PEM. Without it those of the system.
    type: path
"""
