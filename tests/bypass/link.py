#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to everybody on a link, and who answers them there.

usage: link.py answer ADDRESS    answers SSDP, WS-Discovery, KDE Connect and mDNS until it is ended
       link.py ask KIND ADDRESS    asks from an address; prints what comes, else "nothing"
       link.py browse ADDRESS    prints the names of _http._tcp.local, by python3-zeroconf
       link.py publish ADDRESS    has one of them, by python3-zeroconf, until it is ended
"""
import selectors
import socket
import sys
import time

MSEARCH = (b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n'
           b"ST: ssdp:all\r\n\r\n")
FOUND = (b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: http://10.7.0.1/device.xml\r\n"
         b"SERVER: Linux UPnP/1.0 lab/1\r\nST: upnp:rootdevice\r\nUSN: uuid:television::upnp:rootdevice\r\n\r\n")
SOAP = b"""<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header><a:Action>
http://schemas.xmlsoap.org/ws/2005/04/discovery/%s</a:Action><a:MessageID>urn:uuid:%d</a:MessageID></s:Header>
<s:Body><d:%s/></s:Body></s:Envelope>"""
PHONE = (b'{"id":1,"type":"kdeconnect.identity","body":{"deviceId":"%s","deviceName":"%s","protocolVersion":7,'
         b'"tcpPort":1716}}\n')
# Who has _http._tcp.local, a PTR record (RFC 6762)?  What television says to who asks from any port (6.7), to all.
HTTP, TELEVISION = b"\x05_http\x04_tcp\x05local\0", b"\0\x0c\0\1\0\0\0\x0a\0\x0d\x0atelevision\xc0\x0c"
WHO = b"ga\0\0\0\1\0\0\0\0\0\0" + HTTP + b"\0\x0c\0\1"
ALONE = b"ga\x84\0\0\1\0\1\0\0\0\0" + HTTP + b"\0\x0c\0\1\xc0\x0c" + TELEVISION
TO_ALL = b"\0\0\x84\0\0\0\0\1\0\0\0\0" + HTTP + TELEVISION
# Of each: the port, the group or broadcast, the port that is asked from, the question, the answer.
KINDS = {"ssdp": (1900, "239.255.255.250", 0, MSEARCH, FOUND),
         "wsd": (3702, "239.255.255.250", 0, SOAP % (b"Probe", 1, b"Probe"),
                 SOAP % (b"ProbeMatches", 2, b"ProbeMatches")),
         "kdeconnect": (1716, "255.255.255.255", 1716, PHONE % (b"desk", b"desk"), PHONE % (b"phone", b"phone")),
         "mdns": (5353, "224.0.0.251", 0, WHO, ALONE), "mdns-group": (5353, "224.0.0.251", 5353, WHO, TO_ALL)}


def member(port, group, address):
    """A socket that hears what is sent to a group, or broadcast, by the link with an address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.bind(("", port))
    if not group.startswith("255"):
        ends = socket.inet_aton(group) + socket.inet_aton(address)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, ends)
    return sock


def answer(address):
    """Answers each question to where it comes from, from a port of its own as many devices do."""
    waiting = selectors.DefaultSelector()
    for kind, (port, group, _, question, said) in KINDS.items():
        if kind != "mdns-group":
            waiting.register(member(port, group, address), selectors.EVENT_READ, (port, question, said))
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.bind((address, 0))
    print("answers", flush=True)
    while True:
        for key, _ in waiting.select():
            asked, where = key.fileobj.recvfrom(9000)
            port, question, said = key.data
            if asked.split()[0] != question.split()[0]:       # gssdp-discover's has other lines
                continue
            if port != 5353:
                out.sendto(said, where)
            elif where[1] != port:
                key.fileobj.sendto(said, where)
            else:
                key.fileobj.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
                key.fileobj.sendto(TO_ALL, ("224.0.0.251", port))


def ask(kind, address):
    """Asks once, by the link with an address, and prints what comes."""
    port, group, own, question, said = KINDS[kind]
    with member(own, group if own else "255", address) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        sock.settimeout(2)
        sock.sendto(question, (group.replace("255.255.255.255", address.rpartition(".")[0] + ".255"), port))
        try:
            while (heard := sock.recv(9000)) == question:        # its own broadcast
                pass
            print("answered" if heard == said else "something else")
        except OSError:
            print("nothing")


def browse(address):
    """Prints the names that are found within some seconds."""
    import zeroconf
    found = []
    with zeroconf.Zeroconf(interfaces=[address]) as asking:
        zeroconf.ServiceBrowser(asking, "_http._tcp.local.", handlers=[
            lambda zeroconf, service_type, name, state_change: found.append(name)])
        end = time.monotonic() + 4
        while not found and time.monotonic() < end:
            time.sleep(0.05)
    print(*found or ["nothing"])


def publish(address):
    """Has a name until it is ended."""
    import zeroconf
    with zeroconf.Zeroconf(interfaces=[address]) as telling:
        telling.register_service(zeroconf.ServiceInfo(
            "_http._tcp.local.", "television._http._tcp.local.", addresses=[socket.inet_aton(address)], port=80))
        print("publishes", flush=True)
        time.sleep(600)


if __name__ == "__main__":
    {"answer": answer, "ask": ask, "browse": browse, "publish": publish}[sys.argv[1]](*sys.argv[2:])
