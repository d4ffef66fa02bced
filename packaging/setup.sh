#!/usr/bin/env bash
# Sets up what ArcDesk needs on Debian or Ubuntu: system packages (with apt-get where we may) and .venv.
# Usage: packaging/setup.sh run|dev|test   run: to use it; dev: to check the code; test: with the tests' rig.
# Exit 2: something must be done by hand; the last lines say what. Sourcing it only defines the functions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
lists=()
lock=requirements.lock

stop() {
    printf '%s\n' "$@" >&2
    exit 2
}

choose_goal() {
    lists=(packaging/debian/base.txt)
    case $1 in
        run) if has_display; then lists+=(packaging/debian/window.txt); fi ;;
        dev) lists+=(packaging/debian/window.txt) ;;
        test) lists+=(packaging/debian/{window,rig-docker,rig-desktop}.txt) ;;
        *) stop "Usage: packaging/setup.sh run|dev|test" ;;
    esac
    if [ "$1" != run ]; then lock=requirements-dev.lock; fi
}

has_display() { [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}${QT_QPA_PLATFORM-}" ]; }

wanted_packages() {  # one a line: names joined by | where the archive decides
    sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "${lists[@]}" | sort -u
}

installed_packages() {  # those of the wanted that this machine's own architecture has, one a line
    local names native
    mapfile -t names < <(wanted_packages | tr '|' '\n')
    native=$(dpkg --print-architecture)
    { dpkg-query -W -f='${db:Status-Status} ${Architecture} ${Package}\n' "${names[@]}" 2>/dev/null || true; } |
        sed -nE "s/^installed (all|$native) //p"
}

missing_packages() {
    local installed names name
    installed=$'\n'$(installed_packages)$'\n'
    wanted_packages | while read -r names; do
        for name in ${names//|/ }; do
            if [[ $installed == *$'\n'"$name"$'\n'* ]]; then continue 2; fi
        done
        echo "$names"
    done
}

choose_names() {  # the first of each a|b that the archive has
    local names name chosen
    for names in "$@"; do
        chosen=${names%%|*}
        for name in ${names//|/ }; do
            if [ "$name" = "$names" ] || apt-cache show "$name" >/dev/null 2>&1; then chosen=$name; break; fi
        done
        echo "$chosen"
    done
}

install_line() {  # the line for a person: install_line PREFIX NAME…
    echo "  ${1}apt-get update && ${1}apt-get install -y --no-install-recommends ${*:2}"
}

install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        echo "This is neither Debian nor Ubuntu: install by hand what ${lists[*]} name." >&2
        return
    fi
    local missing names as_root=() prefix=
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        prefix="sudo "
        if ! sudo -n true 2>/dev/null; then
            mapfile -t names < <(choose_names "${missing[@]}")
            stop "ArcDesk needs some system packages. Please run this line, then try again:" \
                "$(install_line "$prefix" "${names[@]}")"
        fi
        as_root=(sudo -n)
    fi
    echo "Installing ${#missing[@]} system packages …" >&2
    local log; log=$(mktemp)
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq)
    "${apt[@]}" update >"$log" 2>&1 || true   # an old list is often good enough; the install decides
    mapfile -t names < <(choose_names "${missing[@]}")
    if ! "${apt[@]}" install -y --no-install-recommends "${names[@]}" >>"$log" 2>&1; then
        tail -n 8 "$log" >&2
        rm -f "$log"
        stop "apt-get could not install some system packages. Is this machine online? Please run this line, then try again:" \
            "$(install_line "$prefix" "${names[@]}")"
    fi
    rm -f "$log"
}

find_python() {  # prints its path; one that can make a .venv
    local name without_venv= PATH=${PATH//"$PWD/$venv/bin:"/}   # an activated .venv is no Python to make one with
    for name in python3.13 python3.12 python3.11 python3; do
        "$name" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || continue
        if "$name" -I -c 'import ensurepip, venv' 2>/dev/null; then
            command -v "$name"
            return
        fi
        without_venv=${without_venv:-$name}
    done
    if [ -n "$without_venv" ]; then
        stop "$without_venv can't make a .venv here; on Debian and Ubuntu the package $without_venv-venv mends that."
    fi
    stop "ArcDesk needs Python 3.11 to 3.14; Debian 12 and Ubuntu 24.04 have it as the package python3."
}

scripts_point_here() {  # the programs of .venv name its folder, so a moved one is of no use
    local head python
    head=$(head -n 2 $venv/bin/pip 2>/dev/null) || return 1
    python=$(pwd -P)/$venv/bin/python
    [[ $head == "#!$python"* || $head == *"\"$python"* ]]  # the second form: a path with spaces, or a long one
}

venv_version() {  # the version of its Python; fails when .venv is half made, moved, or its Python has gone
    $venv/bin/python -I -c 'import pip, sys; print(sys.version.split()[0])' 2>/dev/null && scripts_point_here
}

stamp_for() {  # what .venv is made from, and by: stamp_for VERSION
    { sha256sum "$lock" packaging/overrides.txt pyproject.toml; pwd -P; echo "$1"; } | sha256sum | cut -d' ' -f1
}

or_stop() {  # run a command quietly; after a failure its last lines, then our sentence: or_stop SENTENCE COMMAND…
    local log; log=$(mktemp)
    if ! "${@:2}" >"$log" 2>&1; then
        { grep -v '^WARNING: Retrying' "$log" || true; } | tail -n 5 >&2
        rm -f "$log"
        stop "$1"
    fi
    rm -f "$log"
}

renew_venv() {
    local python
    python=$(find_python) || exit 2
    or_stop "The old .venv can't be removed. Remove the folder $PWD/$venv, then try again." rm -rf $venv
    or_stop "$python could not make $PWD/$venv. Is the folder yours, and is there room?" "$python" -m venv $venv
}

make_venv() {
    local stamp=$venv/.arcdesk-${lock%.lock} version wanted
    local unfetched="The Python packages could not be fetched. Check the network (or the proxy), then try again."
    if ! version=$(venv_version); then
        renew_venv
        version=$(venv_version) || stop "The new $PWD/$venv does not work. Is there room on the disk?"
    fi
    wanted=$(stamp_for "$version")
    if [ -x $venv/bin/arcdesk ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
    echo "Installing Python packages into .venv …" >&2
    $venv/bin/uv --version >/dev/null 2>&1 ||
        or_stop "$unfetched" $venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
    # The system's certificates, as apt-get and pip use them: an organisation may have added its own.
    local install=($venv/bin/uv pip install --quiet --system-certs --python $venv/bin/python)
    or_stop "$unfetched" "${install[@]}" --override packaging/overrides.txt -r "$lock"
    or_stop "$unfetched" "${install[@]}" --no-deps -e .
    echo "$wanted" >"$stamp"
}

reaches_docker() {
    [ "$(id -u)" = 0 ] || docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

say_what_cannot_run() {
    if ! reaches_docker; then
        echo "This user reaches no Docker Engine and can't start one, so tests that need one are left out." \
            "To run them: sudo usermod -aG docker $(id -un), log in again; or run the tests as root." >&2
    fi
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0

goal=${1:-run}
choose_goal "$goal"
install_packages
make_venv
if [ "$goal" = test ]; then say_what_cannot_run; fi
