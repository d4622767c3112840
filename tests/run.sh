#!/bin/sh
# Everything the tests need, then the tests: `sh tests/run.sh`, on a machine that has the Rust toolchain.
#
# The GPU tests run on whatever adapter there is. On a Linux machine that has no Vulkan driver, this installs Mesa's
# software adapter first (root or sudo, Debian's package mesa-vulkan-drivers). Set WGPU_EMBEDDING_NO_ADAPTER=1 where
# there is no adapter and none can be installed: the GPU tests then count as ignored.
set -eu
cd "$(dirname "$0")/.."

has_vulkan_driver() {
    # A driver announces itself by a file, and is reached through the loader.
    [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && return 0
    # Not every sh finds ldconfig on an ordinary user's PATH.
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q 'libvulkan\.so\.1' || return 1
    for file in /usr/share/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json; do
        [ -e "$file" ] && return 0
    done
    return 1
}

install_software_adapter() {
    if ! command -v apt-get >/dev/null; then
        echo "tests/run.sh: no Vulkan driver was found; install your GPU's, or Mesa's software adapter lavapipe" \
            "(Fedora: mesa-vulkan-drivers; Arch: vulkan-swrast), or set WGPU_EMBEDDING_NO_ADAPTER=1" >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null; then
        as_root=sudo
    else
        echo "tests/run.sh: no Vulkan driver was found; as root, run: apt-get install mesa-vulkan-drivers libvulkan1" \
            "(or set WGPU_EMBEDDING_NO_ADAPTER=1)" >&2
        exit 1
    fi
    echo "tests/run.sh: no Vulkan driver was found; installing Mesa's software adapter"
    $as_root apt-get update -q
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qy --no-install-recommends mesa-vulkan-drivers libvulkan1
}

# Mesa complains on standard error where it is not set.
XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}"
export XDG_RUNTIME_DIR

# Tests that Rust's own harness can only ignore at compile time, because they need an adapter.
adapter_tests=--include-ignored
# Examples in documentation that need an adapter, likewise.
without_doc=
if [ "${WGPU_EMBEDDING_NO_ADAPTER:-}" = 1 ]; then
    adapter_tests=
    without_doc="--exclude burn-wgpu-embedding"
elif [ "$(uname -s)" = Linux ] && ! has_vulkan_driver; then
    install_software_adapter
fi

# Dawn's shader compiler, which says what a browser takes, is no package of any system.
if [ -z "${WGPU_EMBEDDING_NO_TINT:-}" ] && ! command -v tint >/dev/null; then
    echo "tests/run.sh: Dawn's tint is not on PATH; it will compile no kernel"
    WGPU_EMBEDDING_NO_TINT=1
    export WGPU_EMBEDDING_NO_TINT
fi

# shellcheck disable=SC2086 # no argument where they are empty
cargo test --workspace --lib --tests --examples -- $adapter_tests
# shellcheck disable=SC2086
cargo test --workspace --doc $without_doc
