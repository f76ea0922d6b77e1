"""The controller of the how-to guide on typed bindings type-checks and runs as it stands there."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from pathlib import Path

from p4fabric.softswitch import AsyncSoftSwitch

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/how-to/use-typed-bindings.md"
ROUTER = ROOT / "examples/router"
P4FABRIC = Path(sys.executable).with_name("p4fabric")


async def output_of(folder: Path, *command: str | Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_the_controller_of_the_guide_writes_a_route_and_hears_packets(tmp_path: Path) -> None:
    for name in ("router.json", "router.p4info.txtpb"):
        shutil.copy(ROUTER / name, tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
    (tmp_path / "route.py").write_text(program)
    made = await output_of(tmp_path, P4FABRIC, "bindings", "router.p4info.txtpb", "-o", "router.py")
    assert made == (0, "")
    mypy = ("mypy", "--strict", "--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache")
    code, said = await output_of(tmp_path, sys.executable, "-m", *mypy, "route.py", "router.py")
    assert code == 0, said
    async with AsyncSoftSwitch(interfaces={1: None, 2: None}) as switch:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "route.py", switch.address, "router.p4info.txtpb", "router.json"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(60):
                route = (await process.stdout.readline()).decode()
                assert route.startswith(
                    "Routes(dst_addr=Lpm(value=167772672, prefix_length=24), action=Forward("
                )
                switch.inject(1, bytes(12) + b"\x08\x06" + bytes(46))
                assert await process.stdout.readline() == b"60 bytes came in by port 1\n"
        finally:
            process.kill()
            await process.wait()


async def test_what_is_no_p4info_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "x.p4info.txtpb").write_text("tables { nonsense }")
    code, said = await output_of(tmp_path, P4FABRIC, "bindings", "x.p4info.txtpb", "-o", "x.py")
    assert (code, "x.p4info.txtpb is not a P4Info" in said, (tmp_path / "x.py").exists()) == (1, True, False)
    code, said = await output_of(
        tmp_path, sys.executable, "-m", "p4fabric.pipelines.generate", "y.p4info.txtpb"
    )
    assert (code, said) == (2, "y.p4info.txtpb: No such file or directory\n")
