"""Messages of namespaces.proto. Made by scripts/generate from namespaces.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n(adamant/node/containerd/namespaces.proto\x12!containerd.servi'
    b'ces.namespaces.v1"\x19\n\tNamespace\x12\x0c\n\x04name\x18\x01 \x01(\t"\'\n\x15ListNamespac'
    b'esRequest\x12\x0e\n\x06filter\x18\x01 \x01(\t"Z\n\x16ListNamespacesResponse\x12@\n\nnames'
    b'paces\x18\x01 \x03(\x0b2,.containerd.services.namespaces.v1.Namespace"Y\n'
    b'\x16CreateNamespaceRequest\x12?\n\tnamespace\x18\x01 \x01(\x0b2,.containerd.serv'
    b'ices.namespaces.v1.Namespace"Z\n\x17CreateNamespaceResponse\x12?\n\tn'
    b'amespace\x18\x01 \x01(\x0b2,.containerd.services.namespaces.v1.Namespace'
    b'b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.namespaces_pb2", globals())
