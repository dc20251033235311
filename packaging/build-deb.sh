#!/usr/bin/env bash
# Builds tocsin-agent_*.deb and tocsin-aggregator_*.deb from the release binaries of `make build`.
# usage: packaging/build-deb.sh [OUTPUT FOLDER]      TOCSIN_BINARIES: where the binaries are (default .build/release)
# DEBFULLNAME, DEBEMAIL: the maintainer, as Debian's tools read them.
#
# dpkg-deb alone, no debhelper: what is installed, under which owner and with which scripts, can be read on this page.
set -euo pipefail
cd "$(dirname "$0")/.."

binaries=${TOCSIN_BINARIES:-$PWD/.build/release}
output=${1:-$PWD/.build/packages}
version=$(sed -n 's/.*current = "\(.*\)".*/\1/p' Sources/Shared/Operating/Version.swift)
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-The Tocsin authors} <${DEBEMAIL:-tocsin@tocsin.example.org}>"
# The same sources give the same packages: all times in them are the last commit's.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

for program in tocsin-agent tocsin-aggregator agentctl; do
    if [ ! -x "$binaries/$program" ]; then
        echo "there is no $binaries/$program: run \`make build\` first" >&2
        exit 1
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$output"

# place PACKAGE SOURCE TARGET [MODE]
place() { install -D -m "${4:-0644}" "$2" "$work/$1$3"; }

# program PACKAGE NAME: stripped, and without the sections that only debuggers read
program() {
    place "$1" "$binaries/$2" "/usr/bin/$2" 0755
    strip --strip-all --remove-section=.comment --remove-section=.note "$work/$1/usr/bin/$2"
}

# manual PACKAGE PAGE: compressed, with the version put in
manual() {
    local section=${2##*.}
    mkdir -p "$work/$1/usr/share/man/man$section"
    sed "s/@VERSION@/$version/" "packaging/man/$2" | gzip -9n >"$work/$1/usr/share/man/man$section/$2.gz"
}

# libraries PACKAGE: what its programs are linked with, as Debian package names with versions
libraries() {
    mkdir -p "$work/shlibs/debian"
    printf 'Source: tocsin\n\nPackage: %s\nArchitecture: any\n' "$1" >"$work/shlibs/debian/control"
    (cd "$work/shlibs" && dpkg-shlibdeps -O --ignore-missing-info "$work/$1"/usr/bin/* 2>/dev/null) | sed -n 's/^shlibs:Depends=//p'
}

# finish PACKAGE RECOMMENDS DESCRIPTION: documents, control files, the package itself
finish() {
    local package=$1 recommends=$2 description=$3 folder=${1#tocsin-}
    local documents=$work/$package/usr/share/doc/$package control=$work/$package/DEBIAN
    place "$package" packaging/copyright "/usr/share/doc/$package/copyright"
    {
        printf 'tocsin (%s) bookworm; urgency=medium\n\n' "$version"
        printf '  * What changed is told in CHANGELOG.md, delivered beside this file.\n\n'
        printf ' -- %s  %s\n' "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
    } | gzip -9n >"$documents/changelog.gz"
    if [ -f CHANGELOG.md ]; then gzip -9nc CHANGELOG.md >"$documents/CHANGELOG.md.gz"; fi

    mkdir -p "$control"
    for script in preinst postinst prerm postrm; do
        [ -f "packaging/$folder/$script" ] && install -m 0755 "packaging/$folder/$script" "$control/$script"
    done
    (cd "$work/$package" && find etc -type f | sort | sed 's,^,/,') >"$control/conffiles"
    (cd "$work/$package" && find usr lib -type f 2>/dev/null | sort | xargs md5sum) >"$control/md5sums"
    {
        echo "Package: $package"
        echo "Source: tocsin"
        echo "Version: $version"
        echo "Architecture: $architecture"
        echo "Maintainer: $maintainer"
        echo "Installed-Size: $(du -k -s --apparent-size --exclude=DEBIAN "$work/$package" | cut -f1)"
        echo "Section: admin"
        echo "Priority: optional"
        echo "Depends: adduser, ca-certificates, procps, $(libraries "$package")"
        echo "Recommends: $recommends"
        echo "Description: $description"
    } >"$control/control"

    find "$work/$package" -type d -exec chmod 0755 {} +
    find "$work/$package" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$work/$package" "$output/${package}_${version}_${architecture}.deb" >/dev/null
    printf '%s  %s\n' "$(du -h "$output/${package}_${version}_${architecture}.deb" | cut -f1)" "${output#"$PWD"/}/${package}_${version}_${architecture}.deb"
}

rm -f "$output"/tocsin-agent_*.deb "$output"/tocsin-aggregator_*.deb

program tocsin-agent tocsin-agent
program tocsin-agent agentctl
place tocsin-agent packaging/agent/tocsin-agent.service /lib/systemd/system/tocsin-agent.service
place tocsin-agent packaging/agent/agent.yaml /etc/tocsin/agent.yaml
place tocsin-agent packaging/agent/host.yaml /etc/tocsin/rules.d/host.yaml
place tocsin-agent packaging/examples/agent-behind-tls.yaml /usr/share/doc/tocsin-agent/examples/agent-behind-tls.yaml
place tocsin-agent packaging/examples/rules-web.yaml /usr/share/doc/tocsin-agent/examples/rules-web.yaml
manual tocsin-agent tocsin-agent.8
manual tocsin-agent agentctl.1
finish tocsin-agent systemd "monitoring agent: metrics, logs, alerts, with a durable buffer
 Reads /proc and /sys, follows log files, judges Prometheus alert rules on the
 host itself, buffers everything in SQLite while the network is away, and
 ships it to a tocsin-aggregator. agentctl shows how it is.
 .
 It runs as its own user, never as root."

program tocsin-aggregator tocsin-aggregator
place tocsin-aggregator packaging/aggregator/tocsin-aggregator.service /lib/systemd/system/tocsin-aggregator.service
place tocsin-aggregator packaging/aggregator/aggregator.yaml /etc/tocsin/aggregator.yaml
place tocsin-aggregator packaging/examples/aggregator-tls.yaml /usr/share/doc/tocsin-aggregator/examples/aggregator-tls.yaml
place tocsin-aggregator packaging/examples/rules-all-hosts.yaml /usr/share/doc/tocsin-aggregator/examples/rules-all-hosts.yaml
place tocsin-aggregator packaging/examples/tokens.yaml /usr/share/doc/tocsin-aggregator/examples/tokens.yaml
place tocsin-aggregator packaging/examples/aggregator-receivers.yaml /usr/share/doc/tocsin-aggregator/examples/aggregator-receivers.yaml
manual tocsin-aggregator tocsin-aggregator.8
finish tocsin-aggregator "systemd, tocsin-agent, tzdata" "monitoring aggregator: stores, correlates, shows, notifies
 Takes what tocsin-agents and JSON clients send, stores it durably before it
 says so, answers queries (events, PromQL), knows the alerts of all hosts and
 which of them fell silent, and tells people by webhook and by mail.
 .
 It listens on loopback only until it is given a certificate and tokens."
