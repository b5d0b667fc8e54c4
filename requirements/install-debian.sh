#!/bin/sh
# Install one Debian package, or say plainly what is missing and how to get it.
# usage: install-debian.sh PACKAGE WHAT-NEEDS-IT
set -eu
package=$1
need=$2

give_up() {
    printf '\n%s needs the Debian package "%s", %s.\nInstall it and run the same command again:\n\n    sudo apt-get install %s\n\n' \
        "$need" "$package" "$1" "$package" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || give_up "and this system has no apt-get (look for the package of the same purpose)"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || give_up "and only root may install it"
    as_root=sudo
    # Without a terminal nobody can type a password: fail at once instead of waiting for one.
    [ -t 0 ] || as_root="sudo -n"
fi

echo "Installing the Debian package $package: $need needs it"
apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null
}
# A fresh machine has no package lists, or old ones; without a network the lists at hand may still do.
apt update || echo "apt-get update failed; trying with the package lists at hand" >&2
apt install --yes --no-install-recommends "$package" || give_up "and apt-get could not install it"
