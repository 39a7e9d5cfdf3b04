# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS messages that are plain questions, and such as are not, made at random; and what is one (RFC 1035, RFC 6891)."""
import struct

RD, AD, CD, DO = 0x0100, 0x0020, 0x0010, 0x8000
CLASSES = 1, 3
TYPES = 1, 28, 5, 6, 12, 15, 16, 33, 43, 48, 64, 65, 255, 32769
LENGTHS = {3: {0}, 8: range(4, 21), 10: {8, *range(16, 41)}, 11: {0}, 12: range(513)}      # of options


def labels_of(message, offset=12):
    """(labels, where the name ends) of a name without pointers; raises ValueError where it isn't one."""
    labels, start = [], offset
    while True:
        length = message[offset]        # IndexError is raised too
        if length > 63 or offset + length + 1 - start > 255:
            raise ValueError
        labels.append(message[offset + 1:offset + 1 + length])
        if len(labels[-1]) < length:
            raise ValueError
        offset += length + 1
        if not length:
            return labels[:-1], offset


def plain_options(data):
    """Whether an OPT record's options are those of stub resolvers, each once at most."""
    seen = set()
    while data:
        code, length = struct.unpack_from(">2H", data)
        value, data = data[4:4 + length], data[4 + length:]
        if len(value) < length or code in seen or length not in LENGTHS.get(code, ()) or code == 12 and any(value):
            return False
        seen.add(code)
    return True


def is_plain(message):
    """Whether a message is one question, written in full, and perhaps an OPT record, and nothing else."""
    try:
        _, flags, questions, answers, authorities, additional = struct.unpack_from(">6H", message)
        _, end = labels_of(message)
        _, asked_class = struct.unpack_from(">2H", message, end)
        rest = message[end + 4:]
        if flags & ~(RD | AD | CD) or (questions, answers, authorities) != (1, 0, 0) or asked_class not in CLASSES:
            return False
        if additional == 0:
            return not rest
        owner, kind, _, code, version, bits, length = struct.unpack_from(">BHHBBHH", rest)
        return (additional == 1 and (owner, kind, code, version) == (0, 41, 0, 0) and not bits & 0x3FFF
                and length == len(rest) - 11 and plain_options(rest[11:]))
    except (IndexError, ValueError, struct.error):
        return False


def name(text):
    """A name as on the wire."""
    return b"".join(bytes([len(label)]) + label for label in text.split(b".") if label) + b"\0"


def option(code, value=b""):
    return struct.pack(">2H", code, len(value)) + value


def opt(options=b"", flags=0, owner=b"\0", kind=41, rest=0):
    """An OPT record; rest: its extended code and version, as one number."""
    return owner + struct.pack(">HHHHH", kind, 1232, rest, flags, len(options)) + options


def message(asked, flags=RD, counts=(1, 0, 0, 0), kind=1, asked_class=1, rest=b""):
    """A message with one question, if the counts say so; asked: a name as on the wire."""
    return struct.pack(">6H", 7, flags, *counts) + asked + struct.pack(">2H", kind, asked_class) + rest


def plain(random, domain):
    """A plain question for a name of a domain's, as one resolver or another asks it."""
    label = bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=random.randint(1, 20)))
    asked = bytes(random.choice((byte, ord(chr(byte).upper()))) for byte in label + b"." + domain)
    flags = RD | random.choice((0, AD, CD, AD | CD))
    kind = random.choice(TYPES)
    if random.random() < 0.4:
        return message(name(asked), flags, kind=kind)
    options = [option(3), option(8, b"\0\1\x18\0\xc6\x12\0"),
               option(10, random.randbytes(random.choice((8, 16, 24, 40)))), option(11),
               option(12, bytes(random.choice((0, 1, 37, 128, 468))))]
    some = b"".join(random.sample(options, random.randint(0, 5)))
    return message(name(asked), flags, (1, 0, 0, 1), kind, rest=opt(some, random.choice((0, DO))))


def secret(random):
    """A name that nobody may ask for, as on the wire."""
    return name(b"secret-%d.test" % random.randrange(10 ** 6))


def pointing(random, domain):
    """Names with pointers: dnsmasq follows them, into what it changes later, or to what lies behind the question."""
    record = secret(random) + struct.pack(">HHIH", 16, 1, 0, 0)
    at = 12 + random.choice((2, 6)) + 4
    return random.choice((
        message(b"\xc0" + bytes([at]), rest=name(domain)),
        message(b"\3abc\xc0" + bytes([at + 2]), rest=name(domain)),
        message(b"\3abc\xc0" + bytes([12 + 6 + 4 + 10]), counts=(1, 0, 0, 1),
                rest=opt(option(65001, name(domain)))[:-1]),
        message(b"\xc0\x12", rest=name(domain) + record),
        message(b"\xc0\x12", counts=(1, 0, 0, 1), rest=name(domain) + b"\0\x10\0\1\0\0\0\0\0\0"),
        message(b"\xc0\x0c"), message(b"\xc0\0"), message(name(domain)[:-1] + b"\xc0\4"),
        message(name(domain)[:-1] + b"\xc0\x02"), message(b"\xff\xff")))


def extended(random, domain):
    """More than a question: records, questions and bytes behind it."""
    record = secret(random) + struct.pack(">HHIH", 16, 1, 0, 8) + b"\7payload"
    return random.choice((
        message(name(domain), counts=(1, 1, 0, 0), rest=record),
        message(name(domain), counts=(1, 0, 1, 0), rest=record),
        message(name(domain), counts=(1, 0, 0, 1), rest=record),
        message(name(domain), counts=(1, 0, 0, 2), rest=record + opt()),
        message(name(domain), counts=(1, 0, 0, 2), rest=opt() + record),
        message(name(domain), counts=(1, 0, 0, 2), rest=opt() + opt()),
        message(name(domain), counts=(2, 0, 0, 0), rest=secret(random) + b"\0\1\0\1"),
        message(name(domain), counts=(0, 0, 0, 0)), message(name(domain), counts=(1, 0, 0, 1)),
        message(name(domain), rest=secret(random)), message(name(domain), rest=opt()),
        message(name(domain), rest=random.randbytes(random.randint(1, 200))),
        message(name(domain), counts=(1, 0, 0, 1), rest=opt() + random.randbytes(random.randint(1, 200)))))


def unusual(random, domain):
    """Other bits, classes and options than stub resolvers use."""
    def with_opt(*arguments, **more):
        return message(name(domain), counts=(1, 0, 0, 1), rest=opt(*arguments, **more))

    return random.choice((
        message(name(domain), flags=RD | random.choice((0x8000, 0x0400, 0x0200, 0x0080, 0x0040, 1, 0xF))),
        message(name(domain), flags=random.randrange(1, 16) << 11),
        message(name(domain), asked_class=random.choice((0, 2, 4, 254, 255, 0x8001, 12345))),
        with_opt(option(random.choice((1, 2, 4, 5, 9, 13, 14, 15, 20, 26, 42, 65001)), secret(random))),
        with_opt(option(10, random.randbytes(random.choice((0, 1, 7, 9, 15, 41, 200))))),
        with_opt(option(8, random.randbytes(random.choice((0, 3, 21, 64))))), with_opt(option(3, b"x")),
        with_opt(option(11, b"xx")), with_opt(option(12, bytes(30) + b"x" + bytes(5))),
        with_opt(option(12, bytes(513))),
        with_opt(option(12) * 2), with_opt(option(10, bytes(8)) * 2), with_opt(option(10, bytes(8))[:-1]),
        with_opt(option(3)[:-1]), with_opt(flags=random.choice((1, 0x2000, 0x1234))),
        with_opt(rest=random.randrange(1, 65536)),
        with_opt(owner=name(domain)), with_opt(owner=b"\xc0\x0c"), with_opt(kind=random.choice((0, 1, 16, 250)))))


def broken(random, domain):
    """Labels of other kinds, names that are too long or end too early, and whatever else chance makes."""
    whole = plain(random, domain)
    long = b".".join([b"a" * 50] * random.randint(4, 8)) + b"." + domain
    changed = bytearray(whole)
    for _ in range(random.randint(1, 4)):
        changed[random.randrange(2, len(changed))] = random.choice((0, 1, 64, 128, 192, 255, random.randrange(256)))
    return random.choice((
        message(bytes([random.randrange(64, 192)]) + name(domain)), message(b"\x41" + b"a" * 65 + name(domain)),
        message(name(long)), message(name(domain)[:-1]), message(name(domain)[1:]), message(b"\0" + name(domain)),
        whole[:random.randrange(len(whole))], whole + whole, bytes(changed), bytes(changed), bytes(changed),
        bytes(random.randrange(20)), random.randbytes(random.randrange(600))))


CROOKED = pointing, extended, unusual, broken


def crooked(random, domain):
    """A message that is no plain question, or by chance another one."""
    return random.choice(CROOKED)(random, domain)
