"""A name server on loopback that knows what a test tells it, in real messages of the DNS."""

import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[str, Sequence[str] | dns.rcode.Rcode]  # TXT records by name, or how the question ends


class _Handler(socketserver.BaseRequestHandler):
    zone: Zone

    def handle(self) -> None:
        raw, socket = self.request
        query = dns.message.from_wire(raw)
        name = query.question[0].name
        found = self.zone.get(name.to_text(omit_final_dot=True), dns.rcode.NXDOMAIN)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if isinstance(found, dns.rcode.Rcode):
            answer.set_rcode(found)
        elif found and query.question[0].rdtype == dns.rdatatype.TXT:
            answer.answer.append(dns.rrset.from_text_list(name, 60, "IN", "TXT", [_pieces(text) for text in found]))
        socket.sendto(answer.to_wire(), self.client_address)


def _pieces(text: str) -> str:
    """A string of the DNS has at most 255 bytes (RFC 1035, 3.3.14): longer records come in several."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255)) or '""'


@contextmanager
def name_server(zone: Zone) -> Iterator[str]:
    """The server in a thread of its own; its address with the port."""
    handler = type("Handler", (_Handler,), {"zone": zone})
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)
