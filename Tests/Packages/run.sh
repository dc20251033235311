#!/usr/bin/env bash
# Proves the packages in a clean Debian 12: install, start as the units say, answer, stop, upgrade, purge, nothing left.
# usage: Tests/Packages/run.sh [FOLDER WITH THE .deb FILES]      needs root (or sudo), debootstrap, systemd, python3
#
# TOCSIN_DEBIAN_MIRROR: where Debian comes from; else the first mirror of this machine's apt that has bookworm.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=$(realpath "${1:-.build/packages}")
if [ "$(id -u)" -ne 0 ]; then exec sudo -E "$0" "$packages"; fi

cache=$PWD/.build/package-test
work=$(mktemp -d /tmp/tocsin-packages.XXXXXX)
root=$work/root
results=$work/results
log=$work/log
mkdir -p "$cache" "$root"
: >"$results"
started=$SECONDS

cleanUp() {
    local mount
    # Mounts are made in a namespace of their own and are gone with it; this is for a run that was killed.
    for mount in "$root/proc" "$root/dev"; do umount -l "$mount" 2>/dev/null || true; done
    rm -rf --one-file-system "$work"
}
trap cleanUp EXIT

note() { printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$results"; }
# check NAME COMMAND…: notes whether the command succeeds; the last line it prints is the detail
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then note ok "$name" "${output##*$'\n'}"; else
        note MISS "$name" "${output##*$'\n'}"
        printf '%s\n%s\n' "--- $name" "$output" >>"$log"
    fi
}
give_up() {
    echo "$1" >&2
    [ -f "$log" ] && tail -n 40 "$log" >&2
    exit 1
}
# Inside the root, with a /proc of its own, for at most five minutes.
inside() {
    timeout 300 unshare --mount --pid --fork sh -c 'mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"; exec chroot "$@"' "$root" "$root" \
        /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# --- A clean Debian 12, from the mirrors that this machine's apt uses

sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'ShortDesc: Packages' 2>/dev/null |
    grep -E ' bookworm(-updates|-security)? main$' | sort -u || true)
mirror=${TOCSIN_DEBIAN_MIRROR:-$(awk '$3 == "bookworm" { print $2; exit }' <<<"$sources")}
[ -n "$mirror" ] || give_up "apt knows no mirror with bookworm: set TOCSIN_DEBIAN_MIRROR to one"
[ -n "$sources" ] || sources="deb $mirror bookworm main"

architecture=$(dpkg --print-architecture)
base=$cache/bookworm-$architecture.tar
find "$cache" -name '*.tar' -mtime +7 -delete
if [ ! -s "$base" ]; then
    echo "making a clean Debian 12 from $mirror (once a week)"
    timeout 600 debootstrap --variant=minbase --arch="$architecture" bookworm "$work/new" "$mirror" >"$log" 2>&1 || give_up "debootstrap failed:"
    tar -C "$work/new" -cf "$base.new" . && mv "$base.new" "$base"
    rm -rf --one-file-system "$work/new"
fi
tar -C "$root" -xpf "$base"
echo "$sources" >"$root/etc/apt/sources.list"
# Proxies and the like, as they hold for this machine.
apt-config dump | grep -E '^Acquire::(http|https|Check|Retries|ForceIPv)' >"$root/etc/apt/apt.conf.d/00host" || true
cp /etc/resolv.conf "$root/etc/resolv.conf"
# What starts services is asked here first (policy-rc.d): nothing starts by itself in this root.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/packages"
cp "$packages"/tocsin-agent_*.deb "$packages"/tocsin-aggregator_*.deb "$root/packages/" || give_up "there are no packages in $packages: run \`make deb\`"
inside apt-get update -qq >"$log" 2>&1 || give_up "apt-get update failed in the clean root:"

# Everything but what dpkg, apt and the linker keep about all packages; names, owners and modes.
list() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./sys -o -path ./tmp -o -path ./packages \
        -o -path ./var/cache -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/log \) -prune \
        -o -printf '%P %y %m %U:%G %l\n' | grep -vE '^(etc/(passwd|shadow|group|gshadow|subuid|subgid)-?|etc/ld\.so\.cache|etc/\.pwd\.lock|run/adduser) ' | LC_ALL=C sort)
}
accounts() { cut -d: -f1 "$root/etc/passwd" "$root/etc/group" | sort -u; }
list >"$work/before"
accounts >"$work/accounts-before"

# --- Install

installThem() { inside sh -c 'apt-get install -y --no-install-recommends "$@" /packages/*.deb' sh "$@"; }
check "apt-get install ./*.deb in a clean root" installThem
chrootHas() { [ -e "$root$1" ] && echo "$(stat -c '%A %U:%G' "$root$1")"; }
for file in /usr/bin/tocsin-agent /usr/bin/agentctl /usr/bin/tocsin-aggregator /etc/tocsin/agent.yaml /etc/tocsin/aggregator.yaml \
    /etc/tocsin/rules.d/host.yaml /lib/systemd/system/tocsin-agent.service /lib/systemd/system/tocsin-aggregator.service; do
    check "installed: $file" chrootHas "$file"
done
memberOf() { inside id -nG "$1" | tr ' ' '\n' | grep -qx "$2" && echo "$1 is in $2"; }
check "the agent's user reads /var/log (group adm)" memberOf tocsin-agent adm
ownedBy() { inside stat -c '%a %U' "/var/lib/$1" | grep -x "750 $1"; }
check "state folder of the agent is its own" ownedBy tocsin-agent
check "state folder of the aggregator is its own" ownedBy tocsin-aggregator
enabled() { [ -L "$root/etc/systemd/system/multi-user.target.wants/$1" ] && echo "$1 starts at boot"; }
check "the agent's unit is enabled" enabled tocsin-agent.service
check "the aggregator's unit is enabled" enabled tocsin-aggregator.service
check "agent --check of the installed configuration" inside setpriv --reuid=tocsin-agent --regid=tocsin-agent --init-groups \
    /usr/bin/tocsin-agent --config /etc/tocsin/agent.yaml --check
check "aggregator --check of the installed configuration" inside setpriv --reuid=tocsin-aggregator --regid=tocsin-aggregator --init-groups \
    /usr/bin/tocsin-aggregator --config /etc/tocsin/aggregator.yaml --check
check "rules check of the installed rules" inside agentctl rules check /etc/tocsin/rules.d/host.yaml

# --- The units, judged by the systemd of Debian 12 in a copy of the root

cp -a --reflink=auto "$root" "$work/with-systemd"
withSystemd() { root=$work/with-systemd inside "$@"; }
withSystemd apt-get install -y --no-install-recommends systemd >"$work/systemd.log" 2>&1 || check "systemd installed in a copy of the root" false
for unit in tocsin-agent tocsin-aggregator; do
    verify() {
        local said
        said=$(withSystemd systemd-analyze --man=no verify "$unit.service" 2>&1) && [ -z "$said" ] && echo "no complaints" || { echo "$said" && return 1; }
    }
    check "systemd-analyze verify $unit.service" verify
    exposure() { withSystemd systemd-analyze security --offline=yes --threshold=35 --no-pager "$unit.service" | tail -n 1; }
    check "systemd-analyze security $unit.service" exposure
done
rm -rf --one-file-system "$work/with-systemd"

# --- Run both from their installed paths, as their units say, in a network of their own

timeout 240 unshare --mount --pid --net --fork /usr/bin/env python3 Tests/Packages/run_installed.py "$root" "$results" >>"$log" 2>&1 ||
    note MISS "the programs were run" "see the log below"

# --- Upgrade: what an administrator changed stays

echo '# changed by hand' >>"$root/etc/tocsin/agent.yaml"
check "the same packages again (upgrade)" installThem --reinstall
keptChange() { tail -n 1 "$root/etc/tocsin/agent.yaml" | grep 'changed by hand'; }
check "a changed conffile is kept" keptChange
keptState() { inside sh -c 'ls -A /var/lib/tocsin-agent | head -n 1 | grep . && ls -A /var/lib/tocsin-aggregator | grep -q .'; }
check "the state is kept" keptState

# --- Purge

rm -rf "$root/run/notify"
purgeThem() { inside sh -c 'apt-get purge -y tocsin-agent tocsin-aggregator &&
    apt-get autoremove -y --purge -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false'; }
check "apt-get purge" purgeThem
list >"$work/after"
accounts >"$work/accounts-after"
left() {
    diff "$work/before" "$work/after" >"$work/left" && echo "the list of files is that of before" || { grep '^[<>]' "$work/left" | head -n 15 && return 1; }
}
check "nothing is left after the purge" left
accountsLeft() {
    local new
    new=$(comm -13 "$work/accounts-before" "$work/accounts-after" | tr '\n' ' ')
    # Debian keeps the users of removed services, locked, so that their numbers are not given to others.
    [ "$new" = "tocsin-agent tocsin-aggregator " ] && echo "kept, as Debian's policy wants: $new" || { echo "accounts: $new" && return 1; }
}
check "accounts after the purge" accountsLeft

# --- What came of it

printf '\n%-5s %-58s %s\n' "" "packages in a clean Debian 12 ($((SECONDS - started)) s)" ""
awk -F '\t' '{ printf "%-5s %-58s %s\n", $1, $2, substr($3, 1, 110) }' "$results"
misses=$(grep -c '^MISS' "$results" || true)
if [ "$misses" -ne 0 ]; then
    echo
    echo "$misses of $(wc -l <"$results") checks failed; what was said:"
    tail -n 80 "$log"
    exit 1
fi
echo "all $(wc -l <"$results") checks hold"
