#!/usr/bin/env bash
# Builds kube-apiserver from Debian's own source package, for tests, once per machine: `make kubernetes`.
#
#   tests/kubernetes/build.sh FOLDER
#
# Debian 12 has kubectl only, but the source of all of Kubernetes 1.20.2 with what it needs, and a Go that builds
# it offline. The vendored reflect2 and json-iterator crash with Go 1.18 and later (modern-go/reflect2#26);
# Debian's own are younger. Takes 3 GB while it builds, and leaves a binary of 110 MB.
set -euo pipefail

folder=$1
[ -x "$folder/kube-apiserver" ] && exit 0
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
[ -x "$folder/kube-apiserver" ] && exit 0

work=$(mktemp -d "$folder/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
log=$work/log
fail() { tail -40 "$log"; echo "kube-apiserver cannot be built"; exit 1; }

echo "Building kube-apiserver from Debian's source package, in $folder: this takes a quarter of an hour"
{
    # Sources of the distribution that this machine is, beside what it is set up for.
    sed 's/^Types: deb$/Types: deb-src/; s/^deb /deb-src /' /etc/apt/sources.list.d/debian.sources 2>/dev/null \
        >"$work/sources.sources" ||
        sed 's/^deb /deb-src /' /etc/apt/sources.list >"$work/sources.list"
    find "$work" -name 'sources.*' -empty -delete
    mkdir -p "$work/parts"
    mv "$work"/sources.* "$work/parts/"
    # Lists of its own: the machine's stay as they are.
    mkdir -p "$work/lists/partial"
    apt=(-o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/parts" -o "Dir::State::Lists=$work/lists")
    apt-get "${apt[@]}" -qq update
    cd "$work"
    apt-get "${apt[@]}" -qq source kubernetes
    mkdir -p go/src/k8s.io
    mv kubernetes-*/ go/src/k8s.io/kubernetes
    cd go/src/k8s.io/kubernetes
    for package in github.com/modern-go/reflect2 github.com/json-iterator/go; do
        rm -rf "vendor/$package"
        cp -a "/usr/share/gocode/src/$package" "vendor/$package"
    done
    export GOPATH=$work/go GOCACHE=$work/cache GO111MODULE=off GOFLAGS=
    make generated_files
    go build -o "$work/kube-apiserver" ./cmd/kube-apiserver
} >"$log" 2>&1 </dev/null || fail
mv "$work/kube-apiserver" "$folder/kube-apiserver"
