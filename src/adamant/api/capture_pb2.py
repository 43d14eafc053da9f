"""Messages of capture.proto. Made by scripts/generate from capture.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x19adamant/api/capture.proto\x12\x0fadamant.node.v1"\x99\x01\n\x0eCaptureRequ'
    b'est\x12\x11\n\tinterface\x18\x01 \x01(\t\x12\x13\n\x0bsnap_length\x18\x02 \x01(\r\x12\x0f\n\x07seconds\x18\x03 \x01(\x01'
    b'\x12\x0c\n\x04size\x18\x04 \x01(\x04\x12\x0f\n\x07packets\x18\x05 \x01(\r\x12\r\n\x05hosts\x18\x06 \x03(\t\x12\r\n\x05ports\x18\x07 \x03('
    b'\r\x12\x11\n\tprotocols\x18\x08 \x03(\t"G\n\rCaptureAnswer\x12\x0c\n\x04data\x18\x01 \x01(\x0c\x12(\n\x03end\x18\x02'
    b' \x01(\x0b2\x1b.adamant.node.v1.CaptureEnd"L\n\nCaptureEnd\x12\x0f\n\x07packets\x18\x01'
    b' \x01(\x04\x12\x0c\n\x04size\x18\x02 \x01(\x04\x12\x0f\n\x07dropped\x18\x03 \x01(\x04\x12\x0e\n\x06reason\x18\x04 \x01(\tb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.capture_pb2", globals())
