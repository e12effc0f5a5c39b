# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What ./demo and ./check need from Debian; the libraries come with what is needed to build. Only what is missing is installed, and
# without a missing package nothing is asked of the network. Sourced.

packages_build="gcc libc6-dev meson ninja-build pkgconf python3 scdoc systemd libsystemd-dev libssl-dev libcurl4-openssl-dev
  libcbor-dev libjson-c-dev libseccomp-dev libedit-dev libcrypt-dev libsqlite3-dev libtss2-dev libzstd-dev libsnmp-dev libcmocka-dev"
packages_run="systemd systemd-container dbus dbus-broker polkitd libpam-systemd libnss-systemd libedit2 openssh-server openssh-client
  ca-certificates openssl jose zstd"
packages_test="python3-pytest curl python3-pytest-xdist python3-netmiko ansible clang clang-tidy libclang-rt-dev cppcheck debhelper git libcap2-bin procps iproute2
  rpm scep python3-asn1crypto python3-cryptography python3-jwcrypto nginx-light tftpd-hpa vsftpd gnutls-bin p11-kit p11-kit-modules
  swtpm tpm2-tools snmp snmpd snmptrapd slapd ldap-utils"
# With whom tests/bench compares, beside what the tests need; neither ./demo nor ./check asks for them.
packages_bench="aide certmonger libstrongswan-extra-plugins mtree-netbsd opensc softhsm2 strongswan-pki"
# From Debian 13 on systemd.pc has a package of its own, and yanglint is in one that is named after its version.
if [ "$(. /etc/os-release && echo "${VERSION_ID:-13}")" -lt 13 ]; then
    packages_test+=" libyang-tools"
else
    packages_build+=" systemd-dev"
    packages_test+=" libyang3-tools"
fi

# Programs that would start with the machine if Debian's packages had their way. The router in its box starts them; the
# machine that the packages are installed on must not.
services_unwanted="ssh.service dbus-broker.service nginx.service vsftpd.service slapd.service tftpd-hpa.service snmpd.service
  snmptrapd.service snmptrapd.socket certmonger.service pcscd.socket"

is_installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_packages LIST...: installs what is missing of them, or ends the program and says what is missing.
need_packages() {
    local package service missing=() quiet=()
    for package in $*; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "${0##*/}: these Debian packages are missing, and only root can install them: ${missing[*]}" >&2
        exit 1
    fi
    for service in $services_unwanted; do
        [ -e "/lib/systemd/system/$service" ] || [ -e "/etc/init.d/${service%.*}" ] || quiet+=("$service")
    done
    echo "Installing from Debian: ${missing[*]}"
    if ! apt_get update || ! apt_get install --yes --no-install-recommends "${missing[@]}"; then
        printf '%s: apt-get could not install: %s\n' "${0##*/}" "${missing[*]}" >&2
        exit 1
    fi
    for service in "${quiet[@]}"; do
        systemctl --root=/ --quiet disable "$service" 2>/dev/null || true
    done
}

# Quiet unless it fails; a service of a package that is new is not started on this machine.
apt_get() {
    local log policy=/usr/sbin/policy-rc.d status=0 mine=
    log=$(mktemp)
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        mine=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get --quiet -o DPkg::Lock::Timeout=120 "$@" </dev/null >"$log" 2>&1 || status=$?
    [ -z "$mine" ] || rm -f $policy
    [ $status = 0 ] || tail -n 20 "$log" >&2
    rm -f "$log"
    return $status
}
