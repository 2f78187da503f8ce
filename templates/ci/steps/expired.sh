#!/usr/bin/env bash
# On a schedule, before anything is installed or approved: has a lease expired in the last 48 hours? For so long is a
# fall taken for its expiry; who raises a pool by hand afterwards is not undone. It reads the lease files, and needs
# neither Headroom nor the cloud. The answer, true or false, goes to standard output, and to GITHUB_OUTPUT where that is.
#
#   HEADROOM_FORM  annotations: what cannot be read is told as a warning of GitHub's
#
# A file that cannot be read is told and hides no other. It starts no apply either, which would refuse it anyway.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=setup.sh
. "$here/setup.sh"

now=$(date_of_plan)
# -I: no module of the repository is taken for one of Python's own.
python3 -I - "$HEADROOM_ENV/leases" "$now" "${HEADROOM_FORM:-}" >"$out/expired" <<'PYTHON'
import datetime
import json
import os
import re
import stat
import sys

folder, now, form = sys.argv[1], int(sys.argv[2]), sys.argv[3]
MOST = 1_048_576
RECENTLY = 48 * 3600
STAMP = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def say(text, start="headroom: "):
    """Names are whatever somebody committed: a forge must find no command of its own in them, nor a terminal."""
    print(start + re.sub(r"[^A-Za-z0-9 .,:'_/()-]", "?", text)[:300], file=sys.stderr)


def warn(path, error):
    why = str(error) if isinstance(error, ValueError) else type(error).__name__
    say(f"{path} cannot be read ({why})", "::warning::" if form == "annotations" else "headroom: ")


def below(place):
    """Names in a directory; links are not followed."""
    try:
        mode = os.lstat(place).st_mode
        if stat.S_ISLNK(mode):
            raise ValueError("a link")
        return sorted(os.listdir(place)) if stat.S_ISDIR(mode) else []
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        warn(place, error)
        return []


def expiry(path):
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST:
        raise ValueError("a link, or over 1 MiB")
    with open(path, "rb") as file:
        record = json.loads(file.read().decode())
    text = record.get("expires") if isinstance(record, dict) else None
    if not isinstance(text, str) or not STAMP.fullmatch(text):
        raise ValueError("it does not say when it expires")
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return text, moment.replace(tzinfo=datetime.timezone.utc).timestamp()


any_expired = False
for pool in below(folder):
    for name in below(os.path.join(folder, pool)):
        path = os.path.join(folder, pool, name)
        if not name.endswith(".json"):
            continue
        try:
            text, moment = expiry(path)
        except (OSError, ValueError, RecursionError) as error:
            warn(path, error)
            continue
        if moment <= now - RECENTLY:
            say(f"{path} expired {text}, over 48 hours ago: merge its release, or delete it")
        elif moment <= now:
            any_expired = True
            say(f"{path} expired {text}")
print("true" if any_expired else "false")
PYTHON
expired=$(cat -- "$out/expired")
[ "$expired" = true ] || printf '%s\n' "headroom: no lease has expired in the last 48 hours" >&2
printf '%s\n' "$expired"
if [ -n "${GITHUB_OUTPUT:-}" ]; then printf 'expired=%s\n' "$expired" >>"$GITHUB_OUTPUT"; fi
