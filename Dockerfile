# Two stages: the environment is made from the lock file, the image carries it and the code, nothing else.
FROM python:3.12-slim AS build
WORKDIR /srv
COPY requirements.lock ./
RUN python -m venv /srv/.venv \
 && /srv/.venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock

FROM python:3.12-slim
ENV APP_ENV=production HOST=0.0.0.0 PORT=8000 VAR_DIR=/data PATH=/srv/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --system --gid 10001 dti && useradd --system --uid 10001 --gid 10001 --home-dir /srv --shell /usr/sbin/nologin dti \
 && install -d -o dti -g dti /data
WORKDIR /srv
COPY --from=build /srv/.venv /srv/.venv
COPY alembic.ini ./
COPY migrations ./migrations
COPY app ./app
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/readyz', timeout=2)"]
CMD ["python", "-m", "app"]
