# The image that Slipway ships. Replace app/ with your own, or this file with your own: what the deployment needs is
# a container that answers HTTP and, if it can, tells its version.
ARG BASE_IMAGE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /venv
COPY app/requirements.txt /requirements.txt
# Behind a private CA: docker build --secret id=ca,src=/path/to/ca-bundle.crt
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && /venv/bin/python -m pip install --require-hashes --no-deps --requirement /requirements.txt \
    && /venv/bin/python -m compileall -q /venv/lib \
    && /venv/bin/python -m pip uninstall --yes pip setuptools

FROM ${BASE_IMAGE}
# Nothing in the running image installs software.
RUN rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/site-packages/setuptools* \
    /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip /usr/share/python-wheels /usr/local/bin/pip*
COPY --from=builder /venv /venv
COPY app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PORT=8000
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=2)"]
CMD ["gunicorn"]

# Last, so that a new version shares every layer above.
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=
ARG FAULT=
ENV APP_VERSION=${VERSION} APP_COMMIT=${REVISION} APP_FAULT=${FAULT}
LABEL org.opencontainers.image.title="myapp" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
