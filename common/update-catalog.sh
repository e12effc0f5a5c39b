#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# After an installation into a whole root, running or not, journalctl -x knows our messages. Packages leave that to their triggers.
set -eu
[ -e "${DESTDIR:-}/usr/lib/systemd/catalog/systemd.catalog" ] || exit 0
journalctl ${DESTDIR:+--root="$DESTDIR"} --update-catalog
