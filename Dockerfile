# The service of `vdn serve`, for a network one trusts. The token is in the log of the container.
#
#   docker build -t vdn .
#   docker run --rm -p 127.0.0.1:8000:8000 --read-only --tmpfs /tmp --cap-drop ALL vdn
FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN python -m venv /vdn \
    && /vdn/bin/pip install --no-cache-dir --constraint constraints.txt '.[web,files]'

FROM python:3.11-slim
RUN useradd --system --no-create-home --uid 10001 vdn
COPY --from=build /vdn /vdn
USER 10001
ENV PATH=/vdn/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["vdn", "serve", "--no-open", "--host", "0.0.0.0"]
