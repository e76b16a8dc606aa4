# embedscope with models, on the CPU:
#   docker build --tag embedscope .
#   docker run --rm --volume "$PWD:/work" --volume embedscope-cache:/cache embedscope visualize --checkpoint best.pt --data test.json
FROM python:3.13-slim AS build

# The extras: models for checkpoints; none ("") for vectors and rankings alone, which takes a sixth of the space.
ARG EXTRAS=models

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
# uv knows where the CPU build of torch is; the default one for Linux brings gigabytes of CUDA, which nothing here could use.
RUN pip install --no-cache-dir uv \
 && uv venv /opt/embedscope \
 && uv pip install --python /opt/embedscope --no-cache --torch-backend cpu --constraint constraints.txt ".[${EXTRAS}]"

FROM python:3.13-slim

# Open to any user, so that --user "$(id -u)" may be added to own what is written.
RUN useradd --create-home --uid 1000 embedscope \
 && mkdir --mode 1777 /cache /work
COPY --from=build /opt/embedscope /opt/embedscope
ENV PATH=/opt/embedscope/bin:$PATH \
    EMBEDSCOPE_CACHE=/cache/embedscope \
    HF_HOME=/cache/huggingface \
    MPLCONFIGDIR=/cache/matplotlib \
    NUMBA_CACHE_DIR=/cache/numba \
    PYTHONDONTWRITEBYTECODE=1
VOLUME /cache
WORKDIR /work
USER 1000
ENTRYPOINT ["embedscope"]
CMD ["--help"]
