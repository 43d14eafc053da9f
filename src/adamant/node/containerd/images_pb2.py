"""Messages of images.proto. Made by scripts/generate from images.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.node.containerd import types_pb2 as _types_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n$adamant/node/containerd/images.proto\x12\x1dcontainerd.services.'
    b'images.v1\x1a#adamant/node/containerd/types.proto"\xf1\x01\n\x05Image\x12\x0c\n\x04'
    b'name\x18\x01 \x01(\t\x12@\n\x06labels\x18\x02 \x03(\x0b20.containerd.services.images.v1.I'
    b'mage.LabelsEntry\x12,\n\x06target\x18\x03 \x01(\x0b2\x1c.containerd.types.Descript'
    b'or\x12/\n\ncreated_at\x18\x07 \x01(\x0b2\x1b.containerd.types.Timestamp\x1a9\n\x0bLabel'
    b'sEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"$\n\x11ListIm'
    b'agesRequest\x12\x0f\n\x07filters\x18\x01 \x03(\t"J\n\x12ListImagesResponse\x124\n\x06images'
    b'\x18\x01 \x03(\x0b2$.containerd.services.images.v1.Image"I\n\x12CreateImageR'
    b'equest\x123\n\x05image\x18\x01 \x01(\x0b2$.containerd.services.images.v1.Image"'
    b'J\n\x13CreateImageResponse\x123\n\x05image\x18\x01 \x01(\x0b2$.containerd.services.'
    b'images.v1.Image"\x1f\n\x0fGetImageRequest\x12\x0c\n\x04name\x18\x01 \x01(\t"G\n\x10GetImage'
    b'Response\x123\n\x05image\x18\x01 \x01(\x0b2$.containerd.services.images.v1.Imag'
    b'e"I\n\x12UpdateImageRequest\x123\n\x05image\x18\x01 \x01(\x0b2$.containerd.services'
    b'.images.v1.Image"J\n\x13UpdateImageResponse\x123\n\x05image\x18\x01 \x01(\x0b2$.con'
    b'tainerd.services.images.v1.Image"0\n\x12DeleteImageRequest\x12\x0c\n\x04na'
    b'me\x18\x01 \x01(\t\x12\x0c\n\x04sync\x18\x02 \x01(\x08b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.images_pb2", globals())
