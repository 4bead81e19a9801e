# No "# syntax=" line: it would pull a frontend, which closed networks cannot; Docker 20.10's own BuildKit suffices.
ARG BASE_IMAGE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE_IMAGE} AS build
WORKDIR /app
# pip stays in an environment of its own, which is left behind.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv
COPY app/requirements.txt ./
# The secret "ca" is optional: the certificate authorities to trust, where TLS goes through a private one.
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && /opt/pip/bin/pip --python /opt/venv/bin/python install \
        --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes --requirement requirements.txt
COPY app ./
# Readable whatever the umask of the clone; compiled here, as a read-only root cannot do it later.
RUN chmod -R a+rX . \
    && python3 -m compileall -q --invalidation-mode unchecked-hash web gunicorn.conf.py

FROM ${BASE_IMAGE}
# What bases bring to install packages with.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* \
    /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip /usr/share/python-wheels
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PORT=8000
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["python", "-I", "-S", "healthcheck.py"]
CMD ["gunicorn"]

# What differs from build to build comes last, so that releases share every layer.
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=""
ARG SOURCE=""
# Breaks the release on purpose: see app/web/faults.py.
ARG FAULT=""
ARG LOAD_PATHS=""
ENV APP_VERSION=${VERSION} \
    APP_COMMIT=${REVISION} \
    APP_FAULT=${FAULT} \
    APP_LOAD_PATHS=${LOAD_PATHS}
LABEL org.opencontainers.image.title="myapp" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.source="${SOURCE}"
