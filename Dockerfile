# The environment of the `paper` profile: CUDA 13.0, the hash-locked Python packages, and LaTeX for the report.
#
#   make docker             build it
#   make docker-reproduce   the whole reproduction on the host's GPUs; results on a volume
#
# The host needs NVIDIA's driver 580 or newer (the oldest that runs CUDA 13.x) and its container toolkit.
# docs/IMAGE.md says what of this file was verified where.

# Tag for the reader, digest for the engine: the digest is the tag's multi-platform index. It was not pulled
# where this file was written; it is the value that ten independent public files give for this tag, one of them
# with the registry's own reply (platform manifest for amd64: sha256:97d085a7423e…). torch's wheels bring
# every CUDA library they need, so the smallest flavour of the image, `base`, is enough.
ARG BASE_IMAGE=nvidia/cuda:13.0.3-base-ubuntu24.04@sha256:7c7413a56200486f71f181cad9310f6fd31b6bb21816ade15fc9c1e1e927a5c1
FROM ${BASE_IMAGE}

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# Unversioned on purpose: the base is pinned, the distribution removes superseded versions, and the same file
# must build on the Debian stand-in of `make docker-check`. What was installed is written into the image.
# python3 is 3.12 on the pinned base; the lock holds for 3.11 and 3.12.
# hadolint ignore=DL3008
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
      ca-certificates git make python3 python3-venv \
      latexmk texlive-latex-recommended texlive-publishers texlive-fonts-recommended poppler-utils \
 && rm -rf /var/lib/apt/lists/* \
 && dpkg-query --show > /opt/system-packages.txt

# The one Python environment, also of `make` inside the image (REPRODUCE_VENV below). Wheels only: building
# from source would fetch build tools that no hash covers. The lock alone decides what this layer holds.
COPY requirements.lock /opt/requirements.lock
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes --requirement /opt/requirements.lock \
 && /opt/venv/bin/pip check

# An A40 is sm_86. The locked torch must hold machine code for it, or every kernel would be compiled at its
# first launch; and its CUDA must be the base's. Neither question needs a GPU.
ARG CUDA_VERSION=13.0
ARG GPU_ARCHITECTURE=sm_86
COPY scripts/check_torch_build.py /opt/check_torch_build.py
RUN /opt/venv/bin/python /opt/check_torch_build.py --cuda "${CUDA_VERSION}" --architecture "${GPU_ARCHITECTURE}"

# Read before the interpreter or CUDA start, so they cannot be set from within the program: hash order,
# cuBLAS's workspace, and no 10-bit TF32 mantissas anywhere.
ENV PYTHONHASHSEED=0 \
    CUBLAS_WORKSPACE_CONFIG=:4096:8 \
    NVIDIA_TF32_OVERRIDE=0 \
    LC_ALL=C.UTF-8 \
    TZ=UTC \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    REPRODUCE_VENV=/opt/venv \
    RESULTS_DIR=/work/results

# Results and data come and go on volumes. Any other numeric user may run the image too (`docker run --user`,
# so that results belong to the caller): nothing but the two volumes and /tmp is written by `make reproduce`.
RUN install --directory --owner=10001 --group=10001 /work /work/results /work/data
WORKDIR /work
COPY --chown=10001:10001 . /work
VOLUME ["/work/results", "/work/data"]

# The image holds no git history; the commit that it was built from goes into the provenance this way.
ARG SOURCE_COMMIT=unknown
ENV REPRODUCE_COMMIT=${SOURCE_COMMIT}
LABEL org.opencontainers.image.title="reproduce" \
      org.opencontainers.image.description="Trains and evaluates 22 autoencoders on MNIST and compares with the paper" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${SOURCE_COMMIT}" \
      reproduce.cuda.version="${CUDA_VERSION}" \
      reproduce.cuda.driver.minimum="580" \
      reproduce.cuda.architecture="${GPU_ARCHITECTURE}"

USER 10001:10001
CMD ["make", "reproduce"]
