"""Messages of keys.proto. Made by scripts/generate from keys.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import attest_pb2 as _attest_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/keys.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api/attes'
    b't.proto"\x11\n\x0fIdentifyRequest"\x80\x01\n\x10IdentifyResponse\x12\x0f\n\x07request\x18\x01'
    b' \x01(\x0c\x12\x12\n\nmachine_id\x18\x02 \x01(\t\x12\x10\n\x08hostname\x18\x03 \x01(\t\x12\x0f\n\x07adamant\x18\x04 \x01(\t\x12'
    b'\r\n\x05image\x18\x05 \x01(\t\x12\x15\n\rimage_version\x18\x06 \x01(\t"0\n\rEnrollRequest\x12\x13\n\x0bce'
    b'rtificate\x18\x01 \x01(\x0c\x12\n\n\x02ca\x18\x02 \x01(\x0c"\x10\n\x0eEnrollResponse"\x0f\n\rNewKeyReque'
    b'st"E\n\x0eNewKeyResponse\x12\x0f\n\x07request\x18\x01 \x01(\x0c\x12\x13\n\x0bcertificate\x18\x02 \x01(\x0c\x12\r'
    b'\n\x05names\x18\x03 \x03(\t"-\n\x16TakeCertificateRequest\x12\x13\n\x0bcertificate\x18\x01 \x01(\x0c'
    b'"*\n\x17TakeCertificateResponse\x12\x0f\n\x07seconds\x18\x01 \x01(\r"-\n\x16KeepCertific'
    b'ateRequest\x12\x13\n\x0bfingerprint\x18\x01 \x01(\t",\n\x17KeepCertificateResponse\x12\x11'
    b'\n\tends_usec\x18\x01 \x01(\x032\xc7\x02\n\tEnrolment\x12O\n\x08Identify\x12 .adamant.node.v'
    b'1.IdentifyRequest\x1a!.adamant.node.v1.IdentifyResponse\x12H\n\x05Prov'
    b'e\x12\x1e.adamant.node.v1.AttestRequest\x1a\x1f.adamant.node.v1.AttestRe'
    b'sponse\x12T\n\rOpenChallenge\x12 .adamant.node.v1.ActivateRequest\x1a!.'
    b'adamant.node.v1.ActivateResponse\x12I\n\x06Enroll\x12\x1e.adamant.node.v1'
    b'.EnrollRequest\x1a\x1f.adamant.node.v1.EnrollResponseb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.keys_pb2", globals())
