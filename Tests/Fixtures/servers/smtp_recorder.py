#!/usr/bin/python3
"""A real SMTP server for tests (Debian's python3-aiosmtpd). Prints "listening PORT" when it is ready, records every mail as one JSON line.

--port N            0 (the default): any free port
--record FILE       {"from", "to", "tls", "user", "subject", "message_id", "date", "headers", "text", "html", "raw", "at"}
--cert, --key       offer STARTTLS; with --implicit the connection begins with TLS
--auth USER:PASS    require AUTH
--only MECHANISM    offer no other way of AUTH
--fail N            answer 451 to the first N mails
--reject ADDRESS    answer 550 to this recipient
"""
import argparse
import asyncio
import base64
import email
import email.policy
import json
import ssl
import time

from aiosmtpd.smtp import AuthResult, SMTP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--record")
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--implicit", action="store_true")
parser.add_argument("--auth")
parser.add_argument("--only")
parser.add_argument("--fail", type=int, default=0)
parser.add_argument("--reject")
arguments = parser.parse_args()


class Handler:
    failed = 0
    recorded = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if arguments.reject and address == arguments.reject:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if Handler.failed < arguments.fail:
            Handler.failed += 1
            return "451 4.3.0 try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        texts = [part for part in message.walk() if part.get_content_maintype() == "text"]
        parts = {part.get_content_type(): part.get_content().replace("\r\n", "\n") for part in texts}
        pictures = [part for part in message.walk() if part.get_content_maintype() == "image"]
        record = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or arguments.implicit,
            "user": session.auth_data,
            "hello": session.host_name,
            "subject": message["subject"],
            "message_id": message["message-id"],
            "date": message["date"],
            "headers": {name.lower(): value for name, value in message.items()},
            "type": message.get_content_type(),
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
            "text": parts.get("text/plain"),
            "html": parts.get("text/html"),
            "types": [part.get_content_type() for part in message.walk()],
            "pictures": [{"id": part["content-id"], "bytes": base64.b64encode(part.get_content()).decode()} for part in pictures],
            "mechanism": getattr(session, "mechanism", None),
            "raw": envelope.content.decode("utf-8", "replace"),
            "at": time.time(),
        }
        if arguments.record:
            with open(arguments.record, "a") as file:
                file.write(json.dumps(record) + "\n")
        Handler.recorded += 1
        print("recorded", Handler.recorded, flush=True)
        return "250 2.0.0 queued as T4711"


def authenticate(server, session, envelope, mechanism, data):
    session.mechanism = mechanism
    given = data.login.decode() + ":" + data.password.decode()
    return AuthResult(success=given == arguments.auth, auth_data=data.login.decode(), handled=False)


context = None
if arguments.cert:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.cert, arguments.key)


def session():
    return SMTP(
        Handler(),
        tls_context=context if not arguments.implicit else None,
        authenticator=authenticate if arguments.auth else None,
        auth_required=bool(arguments.auth),
        auth_require_tls=context is not None and not arguments.implicit,
        data_size_limit=None,
        auth_exclude_mechanism=[name for name in ("PLAIN", "LOGIN") if arguments.only and name != arguments.only],
        hostname="mail.example.org",
        ident="test",
        loop=asyncio.get_running_loop(),
    )


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", arguments.port, ssl=context if arguments.implicit else None)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve())
