"""Encryption of a push message for one browser: RFC 8291, in the content coding `aes128gcm` of RFC 8188.

Only the browser that subscribed can read the message; the push service between it and the hub sees its length.
"""

from __future__ import annotations

import os
import struct
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["AUTH_BYTES", "MAX_MESSAGE_BYTES", "POINT_BYTES", "encrypt", "is_point"]

#: The authentication secret of a subscription (RFC 8291 section 3.2).
AUTH_BYTES = 16
#: An uncompressed point on P-256: 0x04 and two coordinates.
POINT_BYTES = 65
#: What every push service takes (RFC 8030 section 7.2), and therefore the size of the one record.
_BODY_BYTES = 4096
_SALT_BYTES = 16
_HEADER_BYTES = _SALT_BYTES + 4 + 1 + POINT_BYTES
#: The tag of AES-GCM, and the delimiter that ends the last record (RFC 8188 section 2).
_OVERHEAD_BYTES = 16 + 1
_LAST_RECORD = b"\x02"
#: The longest message whose encrypted form has 4,096 bytes.
MAX_MESSAGE_BYTES = _BODY_BYTES - _HEADER_BYTES - _OVERHEAD_BYTES


def is_point(point: bytes) -> bool:
    """Whether these bytes are an uncompressed point on P-256, as a browser's public key is."""
    if len(point) != POINT_BYTES or point[0] != 4:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_curve(), point)
    except ValueError:
        return False
    return True


def encrypt(
    message: bytes,
    *,
    point: bytes,
    auth: bytes,
    salt: bytes | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return the body of a push request that carries `message`, at most `MAX_MESSAGE_BYTES`.

    `point` and `auth` are the keys of the subscription. `salt` and `key`, the hub's half of the key agreement, are
    new for each message unless a test gives them.

    Raises:
        ValueError: the message is too long, or `point` is not on the curve.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a push message has at most {MAX_MESSAGE_BYTES} bytes")
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    key = ec.generate_private_key(_curve()) if key is None else key
    own = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_curve(), point))
    material = _derive(shared, salt=auth, info=b"WebPush: info\x00" + point + own, length=32)
    content_key = _derive(material, salt=salt, info=b"Content-Encoding: aes128gcm\x00", length=16)
    nonce = _derive(material, salt=salt, info=b"Content-Encoding: nonce\x00", length=12)
    header = salt + struct.pack("!IB", _BODY_BYTES, len(own)) + own
    return header + AESGCM(content_key).encrypt(nonce, message + _LAST_RECORD, None)


@cache
def _curve() -> ec.EllipticCurve:
    return ec.SECP256R1()


def _derive(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
