# Sourced by the scripts: makes .venv from the lock file named by the first argument and puts it on PATH.
# Does nothing when the environment already holds that lock (or the development lock, which contains it).
lock="$1"
stamp() { sha256sum "$1" | cut -d' ' -f1; }
if [ ! -x .venv/bin/python ] || ! grep -qsF -e "$(stamp "$lock")" -e "$(stamp requirements-dev.lock)" .venv/lock; then
  echo "Setting up .venv from $lock (once) …" >&2
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
  python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock" >&2
  stamp "$lock" > .venv/lock
fi
PATH="$PWD/.venv/bin:$PATH"
