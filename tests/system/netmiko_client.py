# SPDX-License-Identifier: Apache-2.0
"""Drives a router with netmiko, unmodified: USER KEY, then on each line of standard input a method of the connection with its
arguments, as JSON; the answer is a line of JSON too."""

import json
import sys

from netmiko import ConnectHandler


def answer(connection, request):
    method, args, options = request
    try:
        return {"result": getattr(connection, method)(*args, **options)}
    except Exception as error:  # whatever netmiko raises is what the test wants to see
        return {"error": type(error).__name__, "text": str(error)}


def main(user, key):
    with ConnectHandler(device_type="cisco_xr", host="127.0.0.1", username=user, use_keys=True, key_file=key, allow_agent=False) as connection:
        print(json.dumps({"result": connection.base_prompt}), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(connection, json.loads(line))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
