"""`p4fabric diff`: what applying documents would change, in documents and on switches."""

from __future__ import annotations

from collections.abc import Sequence

from p4fabric.controller.cli.apply import tell_where
from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.documents import read_documents
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.preview import ALL_ENTRIES, document_lines, entry_lines, print_lines
from p4fabric.controller.cli.tables import as_api, console, print_json
from p4fabric.controller.client import ApiError, ClientError

__all__ = ["run"]

NO_DIFFERENCE, DIFFERENCES, FAILED = 0, 1, 2


def run(connection: Connection, files: Sequence[str], entries: bool, as_json: bool) -> int:
    """Compare; returns the exit status: 0 for no difference, 1 for differences, 2 for an error."""
    found = read_documents(files)
    with connection.open() as client:
        try:
            previewed = client.preview_apply(
                [each.document for each in found], entries=ALL_ENTRIES if entries else 0
            )
        except ApiError as refusal:
            tell_where(refusal, found)
            return FAILED
        except ClientError as error:
            raise Usage(str(error)) from None
    preview = as_api(previewed)
    if as_json:
        print_json(preview)
    else:
        out = console()
        print_lines(out, document_lines(preview))
        if entries:
            print_lines(out, entry_lines(preview))
    same = all(one["outcome"] == "unchanged" for one in preview["intents"])
    return NO_DIFFERENCE if same else DIFFERENCES
