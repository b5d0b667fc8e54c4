#!/bin/sh
# Install Debian packages that are missing, or say plainly which are missing and how to get them.
# usage: install-debian.sh WHAT-NEEDS-THEM PACKAGE...
#
# It says beforehand what it installs and how much that is. No service is left running or enabled: the tests start
# programs of their own, and a web server that came with a test run would be a surprise.
set -eu
need=$1
shift

# A package counts as there when its program is, however that came.
is_there() {
    case $1 in
        postgresql) command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
        nginx | caddy | pgbouncer) command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] ;;
        chromium | firefox-esr | curl | git | openssl) command -v "$1" >/dev/null ;;
        webkit2gtk-driver) command -v WebKitWebDriver >/dev/null ;;
        *) dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed ;;
    esac
}

missing=
for package in "$@"; do
    is_there "$package" || missing="$missing $package"
done
missing=${missing# }
[ -n "$missing" ] || exit 0

give_up() {
    printf '\n%s needs, as Debian calls it: %s. %s.\nInstall it and run the same command again:\n\n    sudo apt-get install %s\n\n' \
        "$need" "$missing" "$1" "$missing" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || give_up "This system has no apt-get; its packages may have other names"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || give_up "Only root may install it, and there is no sudo"
    as_root="sudo -n"
    if ! sudo -n true 2>/dev/null; then
        # A password can be typed in the foreground of a terminal alone; elsewhere sudo would stop this process or wait.
        read -r _ _ _ _ group _ _ foreground _ </proc/self/stat
        { [ -t 0 ] && [ "$group" = "$foreground" ]; } || give_up "sudo wants a password, and there is no terminal to type it"
        as_root=sudo
    fi
fi

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o DPkg::Lock::Timeout=120 -o DPkg::Use-Pty=0 "$@"
}

echo "$need needs Debian packages that are not here: $missing"
# A fresh machine has no package lists, or old ones; without a network the lists at hand may still do.
apt update >/dev/null || echo "apt-get update failed; trying with the package lists at hand" >&2
# shellcheck disable=SC2086  # a list of names
# apt says it one way up to Debian 12 and another from Debian 13 on.
size=$(LC_ALL=C apt-get -o Debug::NoLocking=1 --assume-no --no-install-recommends install $missing 2>/dev/null |
    sed -n -e 's/^Need to get \(.*\) of archives\.$/\1 to download/p' -e 's/^ *Download size: \([^/]*[^ /]\).*/\1 to download/p' \
        -e 's/^After this operation, \(.*\) of additional disk space will be used\.$/\1 on disk/p' \
        -e 's/^ *Space needed: \([^/]*[^ /]\).*/\1 on disk/p' | paste -sd , - | sed 's/download,/download, /')
echo "Installing them with apt-get${size:+ ($size)}; no service is started or enabled"

scratch=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
own_policy=
restore() {
    [ -z "$own_policy" ] || $as_root rm -f "$policy"
    rm -rf "$scratch"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

list_units() {
    for folder in /lib/systemd/system /usr/lib/systemd/system; do
        [ ! -d "$folder" ] || find "$folder" -name '*.service' -o -name '*.socket' -o -name '*.timer'
    done 2>/dev/null | sed 's#.*/##' | sort -u
}

list_units >"$scratch/before"
# Debian's own way to install a server without starting it; a policy that is there already is somebody's.
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$scratch/policy"
    $as_root install -m 755 "$scratch/policy" "$policy"
    own_policy=yes
fi
# shellcheck disable=SC2086
apt install --yes --no-install-recommends $missing >"$scratch/output" 2>&1 || {
    tail -n 20 "$scratch/output" >&2
    give_up "apt-get could not install it (its last lines stand above)"
}
list_units >"$scratch/after"
new=$(comm -13 "$scratch/before" "$scratch/after" | grep -v '@\.' || true)
if [ -n "$new" ] && command -v systemctl >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    $as_root systemctl disable --quiet $new >/dev/null 2>&1 || true
fi
for unit in $new; do
    # Where System V starts services, the same there.
    [ ! -e "/etc/init.d/${unit%.service}" ] || [ -d /run/systemd/system ] ||
        $as_root update-rc.d "${unit%.service}" disable >/dev/null 2>&1 || true
done
