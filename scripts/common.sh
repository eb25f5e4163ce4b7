# shellcheck shell=bash
# Sourced by the other scripts: where things are, and how to say what happens.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache="$root/.cache"
# Used by those who source this.
export console="$root/dashboards/console"
cd "$root"

# What earlier set-ups put into .cache, before what the system has or lacks.
PATH="$cache/node/bin:$PATH"
[ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"
export PATH

say() { printf '%s\n' "$*" >&2; }

die() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# step HEADING COMMAND...: a heading, the command's own output, then how long it took.
step() {
    local heading=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$heading" >&2
    if ! "$@"; then
        die "$heading: failed after $((SECONDS - start)) s (command: $*)"
    fi
    printf -- '-- %s: %d s\n' "$heading" $((SECONDS - start)) >&2
}

# The tool from Debian's prometheus packages: the system's, or the copy unpacked into .cache.
prometheus_tool() {
    if has "$1"; then command -v "$1"; else printf '%s\n' "$cache/prometheus/usr/bin/$1"; fi
}
