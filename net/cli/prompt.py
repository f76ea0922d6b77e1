"""The prompt of a running network."""

from __future__ import annotations

import cmd
import os
import sys
from typing import Any

from p4fabric.net.cli.commands import Commands, Unknown
from p4fabric.net.network import Network


class Prompt(cmd.Cmd):
    """Reads lines from the terminal (or what stands in its place) until `exit`."""

    prompt = "p4fabric> "

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network
        self._commands = Commands(network, terminal=sys.stdout.isatty())
        self._ended: set[str] = set()
        if not sys.stdin.isatty():
            self.prompt = ""

    def run(self) -> None:
        """Until `exit`, or the end of the input."""
        while True:
            try:
                self.cmdloop()
                return
            except KeyboardInterrupt:
                if not sys.stdin.isatty():
                    raise
                print("^C (`exit` leaves)")

    def default(self, line: str) -> None:
        """A command, or a node and what it is to run."""
        if line == "EOF":
            return
        try:
            outcome = self._commands.run(line, capture=False)
        except Unknown as error:
            print(error)
            return
        except Exception as error:
            # What a switch that has ended answers must not end the network.
            print(f"{type(error).__name__}: {error}")
            return
        if outcome.output:
            print(outcome.output)

    def onecmd(self, line: str) -> bool:
        """One line; whether it was the last."""
        word = line.strip()
        if word in ("exit", "quit", "EOF"):
            if word == "EOF" and sys.stdin.isatty():
                print()
            return True
        if word == "help" or word == "?":
            print(self._commands.help())
        elif word.startswith("!"):
            os.system(word[1:])  # noqa: S605 (as Mininet's `sh`: what the user types)
        elif word.startswith("sh "):
            os.system(word[3:])  # noqa: S605
        elif word and not word.startswith("#"):
            self.default(word)
        return False

    def postcmd(self, stop: bool, line: str) -> bool:
        """Say what has ended meanwhile."""
        for switch in self._network.ended():
            if switch.name not in self._ended:
                self._ended.add(switch.name)
                print(f"{switch.name} has ended: {switch.last_words()}")
        for link in self._network.cut():
            names = " and ".join(end.node for end in link.ends)
            if names not in self._ended:
                self._ended.add(names)
                print(f"the link between {names} carries nothing any more: what carried its frames has ended")
        return stop

    def emptyline(self) -> bool:
        """Nothing; the last line is not run again."""
        return False

    def completenames(self, text: str, *_ignored: Any) -> list[str]:
        """Commands and nodes."""
        words = [*self._commands.own, *self._commands.nodes, "help", "exit"]
        return [word for word in words if word.startswith(text)]

    def completedefault(self, text: str, *_ignored: Any) -> list[str]:
        """Nodes, and after `link` what can be done with one."""
        return [word for word in (*self._commands.nodes, "up", "down") if word.startswith(text)]
