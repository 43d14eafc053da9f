"""Messages of keys.proto. Made by scripts/generate from keys.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/keys.proto\x12\x0fadamant.node.v1"\x11\n\x0fIdentifyRequest'
    b'"\x80\x01\n\x10IdentifyResponse\x12\x0f\n\x07request\x18\x01 \x01(\x0c\x12\x12\n\nmachine_id\x18\x02 \x01(\t\x12\x10'
    b'\n\x08hostname\x18\x03 \x01(\t\x12\x0f\n\x07adamant\x18\x04 \x01(\t\x12\r\n\x05image\x18\x05 \x01(\t\x12\x15\n\rimage_ve'
    b'rsion\x18\x06 \x01(\t"0\n\rEnrollRequest\x12\x13\n\x0bcertificate\x18\x01 \x01(\x0c\x12\n\n\x02ca\x18\x02 \x01('
    b'\x0c"\x10\n\x0eEnrollResponse"\x0f\n\rNewKeyRequest"E\n\x0eNewKeyResponse\x12\x0f\n\x07re'
    b'quest\x18\x01 \x01(\x0c\x12\x13\n\x0bcertificate\x18\x02 \x01(\x0c\x12\r\n\x05names\x18\x03 \x03(\t"-\n\x16TakeCerti'
    b'ficateRequest\x12\x13\n\x0bcertificate\x18\x01 \x01(\x0c"*\n\x17TakeCertificateRespons'
    b'e\x12\x0f\n\x07seconds\x18\x01 \x01(\r"-\n\x16KeepCertificateRequest\x12\x13\n\x0bfingerprint\x18'
    b'\x01 \x01(\t",\n\x17KeepCertificateResponse\x12\x11\n\tends_usec\x18\x01 \x01(\x032\xa7\x01\n\tEnro'
    b'lment\x12O\n\x08Identify\x12 .adamant.node.v1.IdentifyRequest\x1a!.adaman'
    b't.node.v1.IdentifyResponse\x12I\n\x06Enroll\x12\x1e.adamant.node.v1.Enrol'
    b'lRequest\x1a\x1f.adamant.node.v1.EnrollResponseb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.keys_pb2", globals())
