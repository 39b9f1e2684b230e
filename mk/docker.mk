# The container, included by the Makefile. docs/IMAGE.md explains; `make docker-check` needs no container engine.

DOCKER ?= docker
IMAGE ?= reproduce
# `all` GPUs of the host, or for instance DOCKER_GPUS=device=0; empty: none
DOCKER_GPUS ?= all
# Further options of `$(DOCKER) run`, for instance --userns=keep-id with rootless podman
DOCKER_FLAGS ?=

# Settings of the reproduction that are handed on if they are set
docker_settings := PROFILE SEEDS JOBS
docker_env = $(foreach name,$(docker_settings),$(if $($(name)),--env $(name)='$($(name))'))
# Results, data and golden numbers stay on the host and belong to whoever runs make; a host's MNIST is mounted read-only
docker_results = $(abspath $(or $(RESULTS_DIR),results))
docker_volumes = --volume '$(docker_results):/work/results' --volume '$(abspath data):/work/data' \
  --volume '$(abspath golden):/work/golden' \
  $(if $(MNIST_DIR),--volume '$(abspath $(MNIST_DIR)):/mnist:ro' --env MNIST_DIR=/mnist)
docker_user = --user "$$(id -u):$$(id -g)"
docker_gpus = $(if $(DOCKER_GPUS),--gpus $(DOCKER_GPUS))
docker_run = $(DOCKER) run --rm --init $(DOCKER_FLAGS)

.PHONY: docker docker-engine docker-folders docker-make docker-reproduce docker-golden docker-pdf docker-test docker-check

docker-engine:
	@$(DOCKER) info >/dev/null 2>&1 || { \
	  echo "error: '$(DOCKER)' is not installed or its engine does not answer; start it (or DOCKER=podman), or use 'make reproduce' without a container" >&2; exit 2; }

# Made here, so that they belong to the caller and not to the engine's root
docker-folders:
	@mkdir -p '$(docker_results)' data golden

docker: docker-engine  ### build the container image: CUDA 13.0, locked Python packages, LaTeX
	$(DOCKER) build --build-arg SOURCE_COMMIT="$$(git describe --always --dirty=+ --abbrev=40 --exclude='*' 2>/dev/null || echo unknown)" --tag $(IMAGE) .

docker-make: docker-engine docker-folders  ### run GOALS="..." of this Makefile inside the image, on the host's GPUs
	@test -n "$(GOALS)" || { echo 'error: name the goals, for instance make docker-make GOALS="status"' >&2; exit 2; }
	$(docker_run) $(docker_gpus) $(docker_user) $(docker_volumes) $(docker_env) $(IMAGE) make $(GOALS)

docker-reproduce: GOALS = reproduce
docker-reproduce: docker-make  ### the reproduction inside the image, on the host's GPUs (driver 580 or newer)

# The image is built first, since golden is of the commit that the image was built from
docker-golden: docker  ### the whole campaign inside the image, recorded as golden numbers (PROFILE=paper unless given)
	$(MAKE) docker-make GOALS="reproduce golden" PROFILE=$(or $(PROFILE),paper)

# The report needs no GPU; without one the default profile would be another than docker-reproduce's, so it is named
docker-pdf: GOALS = pdf
docker-pdf: DOCKER_GPUS =
docker-pdf: PROFILE := $(or $(PROFILE),paper)
docker-pdf: docker-make  ### the report from results/, inside the image (PROFILE=paper unless given)

docker-test: docker-engine  ### the tests inside the image, on a host without a GPU; leaves nothing behind
	$(docker_run) $(IMAGE) make test

docker-check:  ### check the Dockerfile without a container engine: hadolint, and a build on a stand-in base
	bash scripts/docker_check.sh
