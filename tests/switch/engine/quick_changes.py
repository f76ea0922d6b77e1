"""Changes of ports, each right after some packets, in a process that can be ended if it hangs."""

from __future__ import annotations

from pathlib import Path

from p4fabric.softswitch.engine import load_config, open_engine

ROUNDS = 4000


def main() -> None:
    config = load_config((Path(__file__).parent / "programs" / "constructs.json").read_bytes())
    with open_engine(config) as engine:
        engine.add_port(1, None)
        engine.start()
        for number in range(ROUNDS):
            for _ in range(number % 40):
                engine.inject(1, bytes(64))
            engine.add_port(2, None)
            engine.remove_port(2)


if __name__ == "__main__":
    main()
