# The demo page: docker build -t mmdemo . && docker run -p 7860:7860 mmdemo
FROM python:3.11-slim

RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 mmdemo
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY --chown=mmdemo . .

USER mmdemo
ENV PYTHONUNBUFFERED=1 GRADIO_ANALYTICS_ENABLED=False
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/health', timeout=4)"
ENTRYPOINT ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
