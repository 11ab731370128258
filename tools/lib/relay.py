#!/usr/bin/python3
"""relay.py LISTEN_PORT PID ADDRESS PORT: reaches into another network namespace.

Listens on 127.0.0.1:LISTEN_PORT (0: any free one) of this namespace and passes each connection on
to ADDRESS:PORT in the network namespace of process PID. Prints the port it listens on, then works
until it is killed. A socket stays in the namespace that it was made in: that is the whole trick.
"""
import asyncio
import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000


def enter_network_of(pid):
    """Sockets made from now on belong to that process's network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(namespace)


async def pump(reader, writer):
    """Passes bytes on until the end, then says so to the other side."""
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def serve(listener, address, port):
    async def pass_on(reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection(address, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
        there_writer.close()
        writer.close()

    server = await asyncio.start_server(pass_on, sock=listener)
    await server.serve_forever()


def main():
    listen_port, pid, address, port = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", int(listen_port)))
    print(listener.getsockname()[1], flush=True)
    enter_network_of(pid)
    asyncio.run(serve(listener, address, int(port)))


if __name__ == "__main__":
    main()
