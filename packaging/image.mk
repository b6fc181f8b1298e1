# SPDX-License-Identifier: Apache-2.0
# make image: builds windsock:VERSION with podman, buildah or docker (ENGINE=...).
# BASE=localhost/debian:bookworm-slim   another Debian to build in
# IMAGE=registry.example/windsock:1.2   another name
# IMAGE_FLAGS=--platform=linux/arm64    for the engine's build
# IMAGE_FORMAT=docker                   with a health check; docs/container.md

ENGINE ?= $(firstword $(foreach e,podman buildah docker,$(if $(shell command -v $(e)),$(e))))
IMAGE ?= windsock:$(VERSION)
BASE ?=
# The same bytes for the same commit and the same Debian packages.
IMAGE_EPOCH = $(or $(SOURCE_DATE_EPOCH),$(word 2,$(COMMIT)))
# docker's format supports a health check, but podman and buildah add random names to it.
IMAGE_FORMAT ?= oci
# docker's builder has neither flag, and reads SOURCE_DATE_EPOCH.
IMAGE_BUILD = build $(if $(filter %docker,$(ENGINE)),,--format=$(IMAGE_FORMAT) \
  --timestamp=$(IMAGE_EPOCH))

.PHONY: image
image:
	$(Q)[ -n '$(ENGINE)' ] || { echo 'image: install podman, buildah or docker' >&2; exit 1; }
	$(Q)SOURCE_DATE_EPOCH=$(IMAGE_EPOCH) $(ENGINE) $(IMAGE_BUILD) \
	  $(if $(BASE),--build-arg BASE=$(BASE)) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	  --build-arg CREATED=$$(date -u -d @$(IMAGE_EPOCH) +%Y-%m-%dT%H:%M:%SZ) \
	  -t $(IMAGE) -f packaging/oci/Containerfile $(IMAGE_FLAGS) .
