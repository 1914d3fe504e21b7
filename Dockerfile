# syntax=docker/dockerfile:1
FROM python:3.12.12-slim-bookworm AS build
ARG REQUIREMENTS=worker
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/gapwatch
WORKDIR /src
COPY requirements/${REQUIREMENTS}.txt requirements.txt
RUN /opt/gapwatch/bin/pip install --require-hashes --no-deps -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY agents agents
COPY schemas schemas
COPY dashboards dashboards
COPY commands commands
COPY src src
RUN /opt/gapwatch/bin/pip install --no-deps --no-build-isolation .

FROM python:3.12.12-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin gapwatch
# A volume mounted here belongs to that user: the gateway keeps its keys in it.
RUN install --directory --owner 10001 /var/lib/gapwatch
COPY --from=build /opt/gapwatch /opt/gapwatch
ENV PATH=/opt/gapwatch/bin:$PATH PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/compiled
USER 10001
WORKDIR /tmp
ENTRYPOINT ["gapwatch"]
CMD ["worker"]
