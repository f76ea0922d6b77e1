"""simple_switch_grpc's options: what each means here, and which are taken with a note."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from p4fabric.softswitch.compat.bmv2_options import BadUsage, parse

FROM_THE_TUTORIALS = (
    "-i 1@s1-eth1 -i 2@s1-eth2 --pcap {folder} --nanolog ipc:///tmp/bm-0-log.ipc --device-id 0 "
    "build/basic.json --log-console --thrift-port 9090 "
    "-- --grpc-server-addr 0.0.0.0:50051 --cpu-port 510 --priority-queues 8"
)


def test_the_tutorials_command_line_is_understood(tmp_path: Path) -> None:
    given = parse(FROM_THE_TUTORIALS.format(folder=tmp_path).split())
    assert given.interfaces == ("1@s1-eth1", "2@s1-eth2")
    assert (given.device_id, given.program, given.pcap) == (0, Path("build/basic.json"), tmp_path)
    assert (given.log_console, given.log_level) == (True, "trace")
    assert (given.address, given.cpu_port, given.drop_port) == ("0.0.0.0:50051", 510, 511)
    assert [note.split(":")[0] for note in given.notes] == ["--thrift-port", "--nanolog"]


def test_what_is_left_out_is_as_bmv2_has_it() -> None:
    given = parse(["--no-p4"])
    assert (given.device_id, given.address, given.cpu_port, given.drop_port) == (0, "0.0.0.0:9559", None, 511)
    assert (given.pcap, given.log_console, given.log_file, given.notes) == (None, False, None, ())


def test_pcap_without_a_folder_is_the_current_one() -> None:
    assert parse(["x.json", "--pcap"]).pcap == Path()
    assert parse(["--pcap", "--no-p4"]).pcap == Path()


@pytest.mark.parametrize(
    ("words", "note"),
    [
        ("--debugger", "--debugger: .*p4fabric switch trace"),
        ("--debugger-addr ipc:///x", "--debugger-addr: "),
        ("--use-files 0", "--use-files: .*--pcap"),
        ("--thrift-port 9090", "--thrift-port: .*no Thrift"),
        ("--restore-state x", "--restore-state: "),
        ("--dump-packet-data 64", "--dump-packet-data: "),
        ("-- --priority-queues 16", "--priority-queues 16: this switch has 8"),
        ("-- --disable-swap", "--disable-swap: "),
        ("-- --grpc-server-cert x.pem", "pem files are ignored"),
        ("--no-p4 x.json", "x.json is ignored"),
    ],
)
def test_an_option_that_does_nothing_is_taken_with_a_note(words: str, note: str) -> None:
    (said,) = parse(["--no-p4", *words.split()]).notes
    assert re.search(note, said), said


def test_tls_is_as_bmv2_has_it() -> None:
    files = "--grpc-server-cert c.pem --grpc-server-key k.pem --grpc-server-cacert a.pem"
    words = f"--no-p4 -- --grpc-server-ssl {files}".split()
    certificate, key, authority = Path("c.pem"), Path("k.pem"), Path("a.pem")
    assert parse(words).tls == (certificate, key, None)
    assert parse([*words, "--grpc-server-with-client-auth"]).tls == (certificate, key, authority)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "specify an input JSON"),
        ("x.json --log-console --log-file x", "exclusive"),
        ("x.json --log-level loud", "log-level"),
        ("x.json --pcap /no/where", "'/no/where' specified with '--pcap' does not exist"),
        ("x.json --no-such-option", "no-such-option"),
        ("x.json -- --cpu-port 0", "cpu-port"),
        ("x.json -- --grpc-server-ssl", "--grpc-server-cert"),
        ("x.json -- --no-such-option", "no-such-option"),
    ],
)
def test_what_bmv2_refuses_is_refused(words: str, said: str) -> None:
    with pytest.raises(BadUsage, match=said):
        parse(words.split())
