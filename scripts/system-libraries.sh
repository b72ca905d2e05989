#!/usr/bin/env bash
# See to the system libraries that Qt needs on Linux, and to RELION, which some tests run: install
# what is missing where that is possible without a question, otherwise name it and go on (Qt then
# draws off the screen, and those tests skip).
set -uo pipefail
[ "$(uname -s)" = Linux ] || exit 0
PATH=$PATH:/usr/sbin:/sbin # ldconfig is not on every user's path

# what is looked for, and the Debian or Ubuntu package that brings it
needed="
libEGL.so.1 libegl1
libGL.so.1 libgl1
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libglib-2.0.so.0 libglib2.0-0
libX11-xcb.so.1 libx11-xcb1
libxkbcommon.so.0 libxkbcommon0
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-xinerama.so.0 libxcb-xinerama0
dri libgl1-mesa-dri
xvfb-run xvfb
xauth xauth
"

list_missing() {
    local libraries name package
    libraries=$(ldconfig -p 2>/dev/null || true)
    while read -r name package; do
        [ -n "$name" ] || continue
        case $name in
            dri) compgen -G '/usr/lib*/dri/*' >/dev/null && continue
                compgen -G '/usr/lib/*/dri/*' >/dev/null && continue ;;
            *.so.*) grep -q -F "$name " <<<"$libraries" && continue ;;
            *) command -v "$name" >/dev/null 2>&1 && continue ;;
        esac
        echo "$package"
    done <<<"$needed"
}

install_missing() {
    local as_root=()
    command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true >/dev/null 2>&1 || return 1
        as_root=(sudo -n)
    fi
    echo "installing system packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    local get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
    {
        "${get[@]}" update || true
        # one by one where the whole list is refused: a name may differ between releases
        "${get[@]}" install -y --no-install-recommends "$@" || {
            local package
            for package in "$@"; do
                "${get[@]}" install -y --no-install-recommends "$package" ||
                    "${get[@]}" install -y --no-install-recommends "${package}t64" || true
            done
        }
    } </dev/null >/dev/null 2>&1
}

see_to_relion() {
    command -v relion_preprocess >/dev/null 2>&1 && return
    install_missing relion
    command -v relion_preprocess >/dev/null 2>&1 && return
    echo "no RELION here: the tests that run it skip; on Debian or Ubuntu: apt-get install relion"
}

see_to_libraries() {
    local missing
    mapfile -t missing < <(list_missing)
    [ "${#missing[@]}" -eq 0 ] && return
    install_missing "${missing[@]}"
    mapfile -t missing < <(list_missing)
    [ "${#missing[@]}" -eq 0 ] && return
    echo "system libraries that Qt needs for a window are missing here; on Debian or Ubuntu run as root:"
    echo "  apt-get install ${missing[*]}"
    echo "going on without them: Qt draws off the screen (QT_QPA_PLATFORM=offscreen)"
}

see_to_libraries
see_to_relion
exit 0
