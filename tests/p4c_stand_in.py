"""A stand-in for p4c on PATH: takes its options, says what it says, and makes the example's artifacts.

It refuses a line with `nonsense`, as p4c does, and warns of one with `unused`. Each run appends its arguments
to a file. The real one is not where tests run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "first-program"
PROGRAM = EXAMPLE / "patch_panel.p4"

_SCRIPT = """\
#!{python}
import json, pathlib, shutil, sys
words = sys.argv[1:]
if words == ["--version"]:
    print(pathlib.Path({calls!r}).with_name("version").read_text())
    sys.exit()
with open({calls!r}, "a") as calls:
    calls.write(json.dumps(words) + "\\n")
source = pathlib.Path(words[-1])
status = 0
for number, line in enumerate(source.read_text().splitlines(), 1):
    if "nonsense" in line:
        print(f"{{source}}({{number}}): [--Werror=not-found] error: nonsense: declaration not found", line,
              "^^^^", f"{{source}}(1)", sep="\\n", file=sys.stderr)
        status = 1
    if "unused" in line:
        print(f"{{source}}({{number}}): [--Wwarn=unused] warning: 'unused' is unused", file=sys.stderr)
if not status:
    shutil.copy({json!r}, words[words.index("-o") + 1])
    shutil.copy({p4info!r}, words[words.index("--p4runtime-files") + 1])
sys.exit(status)
"""


class StandIn:
    """One that is installed in a folder."""

    def __init__(self, folder: Path, name: str = "p4c-bm2-ss") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / name
        self._calls = folder / "calls"
        self.version("1.2.5")
        self._calls.touch()
        self.path.write_text(
            _SCRIPT.format(
                python=sys.executable,
                calls=str(self._calls),
                json=str(EXAMPLE / "patch_panel.json"),
                p4info=str(EXAMPLE / "patch_panel.p4info.txtpb"),
            )
        )
        self.path.chmod(0o755)

    def version(self, version: str) -> None:
        """What it says of its version from now on."""
        (self.folder / "version").write_text(version)

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each run that compiled something."""
        return [json.loads(line) for line in self._calls.read_text().splitlines()]
