# The web process: no torch, no transformers, only the dependency group `web`.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp LINEARSCOPE_DATA=/data

WORKDIR /build
COPY pyproject.toml constraints.txt ./
# Dependency groups need pip 25.1.
RUN pip install --no-cache-dir --upgrade "pip>=25.1" \
    && pip install --no-cache-dir -c constraints.txt --group web

COPY README.md LICENSE ./
COPY linearity linearity
COPY backend backend
COPY frontend frontend
RUN pip install --no-cache-dir --no-deps .

# The same number in the worker's image: both write into the volume /data.
RUN groupadd --gid 10001 linearscope \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp linearscope \
    && install -d -o 10001 -g 10001 /data
USER 10001:10001
WORKDIR /data
EXPOSE 8000
CMD ["linearscope", "api"]
