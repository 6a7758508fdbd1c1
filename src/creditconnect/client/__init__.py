"""An institution's home, opened: the one face for programs, for the commands and for whatever is built on top.

    client = Client.open(home)
    client.submit(path, mapping=...)  ->  client.review_approve(batch)  ->  client.package_write(folder)   a provider
    client.verify(package)                                                                      across the border

Opens only what a question needs: verifying asks for no passphrase, and packaging for no chain key.
"""

from __future__ import annotations

from creditconnect.client.auditing import Auditing
from creditconnect.client.correcting import Correcting
from creditconnect.client.handing_over import HandingOver
from creditconnect.client.initialising import Initialising
from creditconnect.client.keys import Keys
from creditconnect.client.providing import Providing
from creditconnect.client.registering import Registering
from creditconnect.client.reviewing import Reviewing
from creditconnect.client.schemas import Schemas
from creditconnect.client.verifying import Verifying


class Client(
    Initialising, Providing, Registering, Reviewing, Correcting, Verifying, HandingOver, Auditing, Keys, Schemas
):
    """An opened home. Use as a context manager, or call `close`.

    A command's words joined by `_` are its method: `creditconnect review show` is `review_show`. Of `keys`, whose kind
    of key is an argument there, it is the last word here: `keys_rotate_data`, `keys_export_account`. `creditconnect
    verify` is three: `verify` one package, `verify_all` a folder or archive, `verify_into` with --out.

    What is of no home is not here: `creditconnect network` and `demo`, and what authorities do, by scripts of ape.
    """
